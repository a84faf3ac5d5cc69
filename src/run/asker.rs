//! Asks one tenant's hunting API over the transport, on the waiting budget of one job.

use super::{explain, wire::Tenant};
use crate::{
    api::hunting::{self, Answer, Refusal, Request, Rows},
    collect::{Effort, Hunter, Question},
    error::Result,
    transport::{Budget, Transport},
};
use jiff::Timestamp;
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

/// Implements [`Hunter`].
pub(super) struct Asker<'a> {
    pub(super) transport: Transport,
    pub(super) tenant: &'a Tenant,
    pub(super) budget: Budget,
    pub(super) request: Request,
    /// The query as its author wrote it, for errors.
    pub(super) text: String,
    /// The API answered as one that is there no more.
    pub(super) gone: AtomicBool,
}

/// Gateway failures in a row after which a question that can be made smaller is.
const GATEWAY_TRIES: u32 = 2;

#[async_trait::async_trait]
impl Hunter for Asker<'_> {
    async fn ask(&self, question: &Question, rows: &mut dyn Rows) -> Result<Answer> {
        let request = Request {
            query: question.query.clone(),
            timespan: question.timespan,
            gateway_tries: question.can_be_cut.then_some(GATEWAY_TRIES),
            ..self.request.clone()
        };
        let answer = hunting::hunt(&self.transport, self.tenant.app.as_ref(), &request, &self.budget, rows).await;
        answer.map_err(|error| {
            self.gone.fetch_or(Refusal::of(&error) == Some(Refusal::Gone), Ordering::Relaxed);
            explain::underlined(error, &self.text, &question.query)
        })
    }

    async fn rest(&self, until: Timestamp, reason: &str) -> Result<()> {
        let length = Duration::try_from(until.duration_since(Timestamp::now())).unwrap_or_default();
        self.transport.rest(&self.request.lane, &self.budget, length, reason).await
    }

    fn effort(&self) -> Effort {
        Effort { calls: self.budget.tries(), retries: self.budget.retries(), throttled: self.budget.throttled() }
    }
}
