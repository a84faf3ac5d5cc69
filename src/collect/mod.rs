//! The work: jobs over windows, cut where the services' caps demand it, stored whole or named as gaps.
//!
//! It asks through [`Hunter`] and tells through [`Observer`]; it knows neither HTTP client, command line nor environment.

mod batch;
mod carried;
mod cutting;
mod density;
mod finish;
mod formats;
mod hunt;
pub mod pack;
mod part;
mod pick_up;
mod plan;
pub mod pull;
mod reconcile;
pub mod report;
mod schedule;
mod slices;
mod state;
mod stretches;
mod subject;

pub use batch::{Filled, Filling, fill};
pub use hunt::{HuntJob, hunt};
pub use plan::{SliceMode, windows};
pub use schedule::{Waiting, side_by_side};
pub use subject::Subject;

use crate::{
    api::hunting::{Answer, Rows},
    error::Result,
    journal,
    time::Window,
};
use jiff::Timestamp;
use std::time::Duration;

/// Sees what jobs are doing. Implemented by what draws progress.
pub trait Observer: Send + Sync {
    /// A job begins.
    fn started(&self, job: &journal::Job);
    /// A job has so many rows and bytes, those of the answer under way included.
    fn advanced(&self, job: &journal::Job, rows: u64, bytes: u64);
    /// A call of a job was answered, or failed.
    fn called(&self, job: &journal::Job);
    /// A job waits.
    fn waiting(&self, job: &journal::Job, length: Duration, reason: &str);
    /// A job ended.
    fn ended(&self, job: &journal::Job, report: &report::Job);
}

/// One question to a hunting API.
#[derive(Clone, Debug)]
pub struct Question {
    /// The KQL text.
    pub query: String,
    /// The window sent beside it, for the API that takes one.
    pub timespan: Option<Window>,
    /// A smaller question can be asked, so that a gateway's failure need not be tried again for an hour.
    pub can_be_cut: bool,
}

/// What a job's calls have cost.
#[derive(Clone, Copy, Debug, Default)]
pub struct Effort {
    /// Requests sent.
    pub calls: u32,
    /// Those that were tries again.
    pub retries: u32,
    /// Time waited for quotas.
    pub throttled: Duration,
}

/// Asks one tenant's hunting API, on one job's waiting budget.
#[async_trait::async_trait]
pub trait Hunter: Send + Sync {
    /// Asks and hands the rows on as they come.
    ///
    /// # Errors
    /// What the service, the budget or `rows` refused.
    async fn ask(&self, question: &Question, rows: &mut dyn Rows) -> Result<Answer>;

    /// Waits until `until`, on the budget.
    ///
    /// # Errors
    /// Where the budget does not reach so far, or the process is to end.
    async fn rest(&self, until: Timestamp, reason: &str) -> Result<()>;

    /// Returns what the questions so far have cost.
    fn effort(&self) -> Effort;
}
