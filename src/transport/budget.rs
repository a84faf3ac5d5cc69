//! How long a job may wait in all (`--max-wait`), and what its calls cost so far.
//!
//! Waits of calls that run side by side are counted once: what counts is how long the job stood still, not how often.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// The waiting budget and the counters of one job. One is shared by all calls of the job.
#[derive(Debug)]
pub struct Budget {
    max_wait: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    waited: Clock,
    throttled: Clock,
    charged: Duration,
    tries: u32,
    retries: u32,
}

/// Time during which at least one is waiting.
#[derive(Debug, Default)]
struct Clock {
    total: Duration,
    waiting: u32,
    since: Option<Instant>,
}

impl Clock {
    fn begin(&mut self, now: Instant) {
        self.waiting += 1;
        self.since.get_or_insert(now);
    }

    fn end(&mut self, now: Instant) {
        self.waiting = self.waiting.saturating_sub(1);
        if self.waiting == 0 {
            self.total = self.read(now);
            self.since = None;
        }
    }

    fn read(&self, now: Instant) -> Duration {
        self.total + self.since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }
}

impl Budget {
    /// Creates a budget of `max_wait`.
    pub fn new(max_wait: Duration) -> Self {
        Self { max_wait, state: Mutex::default() }
    }

    /// Returns how long the job may wait in all.
    pub fn max_wait(&self) -> Duration {
        self.max_wait
    }

    /// Returns how long the job has waited: for quotas, between tries, and for answers that never came.
    pub fn spent(&self) -> Duration {
        let state = self.state();
        state.charged + state.waited.read(Instant::now())
    }

    /// Returns what is left.
    pub fn remaining(&self) -> Duration {
        self.max_wait.saturating_sub(self.spent())
    }

    /// Returns how many requests were sent.
    pub fn tries(&self) -> u32 {
        self.state().tries
    }

    /// Returns how many of them were not the first of their call.
    pub fn retries(&self) -> u32 {
        self.state().retries
    }

    /// Returns how long the job waited because a service said that it asked too much.
    pub fn throttled(&self) -> Duration {
        self.state().throttled.read(Instant::now())
    }

    pub(super) fn count(&self, attempt: u32) {
        let mut state = self.state();
        state.tries += 1;
        state.retries += u32::from(attempt > 1);
    }

    /// Counts time that was lost on an answer that never came.
    pub(super) fn charge(&self, lost: Duration) {
        self.state().charged += lost;
    }

    /// Starts a wait, which ends when the guard is dropped.
    pub(super) fn waiting(&self, throttled: bool) -> Waiting<'_> {
        let mut state = self.state();
        let now = Instant::now();
        state.waited.begin(now);
        if throttled {
            state.throttled.begin(now);
        }
        Waiting { budget: self, throttled }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A wait that lasts until this is dropped.
pub(super) struct Waiting<'a> {
    budget: &'a Budget,
    throttled: bool,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let now = Instant::now();
        let mut state = self.budget.state();
        state.waited.end(now);
        if self.throttled {
            state.throttled.end(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn side_by_side_waits_count_once() {
        let mut clock = Clock::default();
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        clock.begin(at(0));
        clock.begin(at(2));
        clock.end(at(5));
        assert_eq!(clock.read(at(6)), Duration::from_secs(6));
        clock.end(at(7));
        assert_eq!(clock.read(at(50)), Duration::from_secs(7));
        clock.begin(at(60));
        clock.end(at(61));
        assert_eq!(clock.read(at(70)), Duration::from_secs(8));
    }

    #[test]
    fn counts_tries_and_charges() {
        let budget = Budget::new(Duration::from_secs(10));
        budget.count(1);
        budget.count(2);
        budget.charge(Duration::from_secs(4));
        assert_eq!((budget.tries(), budget.retries()), (2, 1));
        assert_eq!(budget.remaining(), Duration::from_secs(6));
        budget.charge(Duration::from_secs(40));
        assert_eq!(budget.remaining(), Duration::ZERO);
    }
}
