//! One HTTP client for everything, with limits and retries: pace → authorize → send → classify → decide → wait.
//!
//! It knows *a* bearer, never whose, and neither disk nor command line. Retry is one pure decision with one owner.

mod audience;
mod budget;
mod call;
mod classify;
mod client;
mod envelope;
mod failure;
mod pace;
pub mod retry;
mod send;
mod stated;

pub use budget::Budget;
pub use call::Call;
pub use client::{HttpOptions, client};
pub use envelope::{Envelope, Form};
pub use failure::ServiceFault;
pub use pace::{Limits, Pace};
pub use reqwest::Method;

use crate::{
    error::Error,
    secret::{SafeUrl, Secret},
};
use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio_util::sync::CancellationToken;

/// Sends calls: one for all tenants and APIs of a run.
pub struct Transport {
    client: reqwest::Client,
    pace: Arc<Pace>,
    witness: Arc<dyn Witness>,
    cancel: CancellationToken,
    /// The origins that answered before: connecting to them is worth more patience.
    reached: Mutex<HashSet<String>>,
}

impl Transport {
    /// Creates a transport over a client of [`client()`]; `cancel` ends every wait and exchange.
    pub fn new(client: reqwest::Client, pace: impl Into<Arc<Pace>>, witness: Arc<dyn Witness>, cancel: CancellationToken) -> Self {
        Self { client, pace: pace.into(), witness, cancel, reached: Mutex::default() }
    }

    /// Returns the lanes, to set their limits.
    pub fn pace(&self) -> &Pace {
        &self.pace
    }

    fn reached(&self, call: &Call) -> bool {
        self.reached.lock().unwrap_or_else(PoisonError::into_inner).contains(&call.url.origin().ascii_serialization())
    }

    fn mark_reached(&self, call: &Call) {
        self.reached.lock().unwrap_or_else(PoisonError::into_inner).insert(call.url.origin().ascii_serialization());
    }
}

impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transport").field("pace", &self.pace).finish_non_exhaustive()
    }
}

/// Where bearers come from. Implemented by the application's identity.
#[async_trait::async_trait]
pub trait Authorize: Send + Sync {
    /// Returns a token for `scope` (`https://.../.default`), from the cache while it is fresh.
    async fn bearer(&self, scope: &str) -> Result<Secret, Error>;
    /// Returns a token other than `rejected`, which the service refused with 401: the cached one if another caller renewed it
    /// meanwhile, else a new one.
    async fn renew(&self, scope: &str, rejected: &Secret) -> Result<Secret, Error>;
}

/// The head of an answer.
#[derive(Clone, Debug)]
pub struct Head {
    /// HTTP status.
    pub status: u16,
    /// Answer headers.
    pub headers: reqwest::header::HeaderMap,
    /// `request-id` or `x-ms-request-id` of the answer.
    pub request_id: Option<String>,
    /// The id that we sent as `client-request-id`.
    pub client_request_id: String,
}

impl Head {
    /// Returns the service's clock, where the answer tells it (`Date`).
    pub fn date(&self) -> Option<jiff::Timestamp> {
        stated::server_date(&self.headers)
    }
}

/// Takes the body of a 2xx answer as it comes. Called from the start again for each new try.
pub trait Receive: Send {
    /// A try begins; whatever an earlier try left is to be dropped.
    ///
    /// # Errors
    /// [`Broken`], as for the other two.
    fn begin(&mut self, head: &Head) -> Result<(), Broken>;
    /// More of the body, after decompression.
    ///
    /// # Errors
    /// [`Broken::Body`] where it cannot be what was asked for, [`Broken::Fatal`] where we cannot go on.
    fn chunk(&mut self, bytes: &[u8]) -> Result<(), Broken>;
    /// The body ended as HTTP says it should.
    ///
    /// # Errors
    /// [`Broken::Body`] where it is not whole.
    fn end(&mut self) -> Result<(), Broken>;
}

/// Why a body could not be taken.
#[derive(Debug)]
pub enum Broken {
    /// It is cut, empty, HTML or not JSON: another try may help.
    Body(String),
    /// Nothing helps: the disk is full, say.
    Fatal(Error),
}

/// One HTTP exchange, for the journal and the log. Holds no secret.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// `GET`, `POST`.
    pub method: String,
    /// Where to.
    pub url: SafeUrl,
    /// Whose quota it took from: `tenant/api`; empty where none is kept.
    pub lane: String,
    /// Which try of its call this was, from 1.
    pub attempt: u32,
    /// HTTP status; none where no answer came.
    pub status: Option<u16>,
    /// The service's id of the request.
    pub request_id: Option<String>,
    /// Our id of the request.
    pub client_request_id: String,
    /// Body bytes received, after decompression.
    pub bytes: u64,
    /// When it began.
    pub started: jiff::Timestamp,
    /// How long it took.
    pub elapsed: Duration,
    /// Short words where it failed: `429 TooManyRequests`, `body is cut`.
    pub failure: Option<String>,
    /// The answer's `Date`, and when it arrived, for the clock skew.
    pub server_date: Option<jiff::Timestamp>,
}

/// A wait that is about to begin.
#[derive(Clone, Debug)]
pub struct Wait {
    /// Whose lane: `tenant/api`.
    pub lane: String,
    /// How long.
    pub length: Duration,
    /// Why, in words for people.
    pub reason: String,
}

/// Sees every exchange and wait. Implemented by what journals and by what shows progress.
pub trait Witness: Send + Sync {
    /// An exchange ended, well or not.
    fn exchange(&self, exchange: &Exchange);
    /// A wait begins.
    fn waiting(&self, wait: &Wait);
}
