//! What the transport sees, told to the journal and to whoever draws progress.

use crate::{
    collect::Observer,
    journal::{Event, Job, Journal, Request, Waited},
    transport::{Exchange, Wait, Witness},
};
use std::sync::{Arc, Mutex, PoisonError};

/// How far this machine's clock is ahead of the services', by the first answer that told.
#[derive(Clone, Debug, Default)]
pub(super) struct Skew(Arc<Mutex<Option<f64>>>);

/// Seconds of skew that a person should know of.
const WORTH_SAYING: f64 = 5.0;

impl Skew {
    /// Returns the skew in seconds; none while no answer has told.
    pub(super) fn seconds(&self) -> Option<f64> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says that this machine's clock is wrong, where a person should know.
    pub(super) fn warning(&self) -> Option<String> {
        let skew = self.seconds().filter(|skew| skew.abs() >= WORTH_SAYING)?;
        let side = if skew > 0.0 { "ahead of" } else { "behind" };
        Some(format!("this machine's clock is {:.0} s {side} the services'", skew.abs()))
    }

    fn learn(&self, exchange: &Exchange) {
        let Some(theirs) = exchange.server_date else { return };
        let mut skew = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // `Date` has whole seconds, and was set about when the answer began: half of the exchange is taken for the way back.
        skew.get_or_insert_with(|| {
            let ours = exchange.started + exchange.elapsed / 2;
            (ours.duration_since(theirs).as_secs_f64() * 10.0).round() / 10.0
        });
    }
}

/// Tells the journal.
pub(super) struct Journalling {
    pub(super) journal: Arc<Journal>,
    pub(super) skew: Skew,
}

impl Witness for Journalling {
    fn exchange(&self, exchange: &Exchange) {
        self.skew.learn(exchange);
        log(exchange);
        // A journal that cannot be written to stops the job at the next file, with exit 7.
        let _told_later = self.journal.append(Event::Request(Request {
            method: exchange.method.clone(),
            url: exchange.url.to_string(),
            lane: exchange.lane.clone(),
            status: exchange.status,
            request_id: exchange.request_id.clone(),
            client_request_id: exchange.client_request_id.clone(),
            attempt: exchange.attempt,
            bytes: exchange.bytes,
            milliseconds: u64::try_from(exchange.elapsed.as_millis()).unwrap_or(u64::MAX),
            failure: exchange.failure.clone(),
        }));
    }

    fn waiting(&self, wait: &Wait) {
        tracing::info!(lane = %wait.lane, seconds = wait.length.as_secs_f64(), reason = %wait.reason, "waiting");
        let _told_later = self.journal.append(Event::Wait(Waited {
            lane: wait.lane.clone(),
            seconds: wait.length.as_secs_f64(),
            reason: wait.reason.clone(),
        }));
    }
}

/// Tells the log alone, for commands without a case.
#[derive(Default)]
pub(super) struct Logging {
    pub(super) skew: Skew,
}

impl Witness for Logging {
    fn exchange(&self, exchange: &Exchange) {
        self.skew.learn(exchange);
        log(exchange);
    }

    fn waiting(&self, wait: &Wait) {
        tracing::info!(lane = %wait.lane, seconds = wait.length.as_secs_f64(), reason = %wait.reason, "waiting");
    }
}

fn log(exchange: &Exchange) {
    tracing::info!(
        method = %exchange.method, url = %exchange.url, attempt = exchange.attempt, status = ?exchange.status,
        request_id = ?exchange.request_id, bytes = exchange.bytes, ms = u64::try_from(exchange.elapsed.as_millis()).unwrap_or(u64::MAX),
        failure = exchange.failure.as_deref().unwrap_or_default(), "exchange"
    );
}

/// Tells another witness, and the observer of one job what the job waits for.
pub(super) struct OfJob {
    pub(super) job: Job,
    pub(super) observer: Arc<dyn Observer>,
    pub(super) beside: Arc<dyn Witness>,
}

impl Witness for OfJob {
    fn exchange(&self, exchange: &Exchange) {
        self.beside.exchange(exchange);
        self.observer.called(&self.job);
    }

    fn waiting(&self, wait: &Wait) {
        self.beside.waiting(wait);
        self.observer.waiting(&self.job, wait.length, &wait.reason);
    }
}
