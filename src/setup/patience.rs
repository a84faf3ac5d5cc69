//! Waiting out what a service does not know yet of something made a moment ago (apis.md 7.5), visibly and not for ever.

use super::Watch;
use crate::{
    api::directory::{Application, Trouble},
    error::{Error, Result},
};
use jiff::{SignedDuration, Timestamp};
use std::{future::Future, time::Duration};

/// The waits of apis.md 7.5: 2, 4, 8, 16 s and so on, a minute in all.
const FIRST: Duration = Duration::from_secs(2);
const LONGEST: Duration = Duration::from_secs(16);
const LIMIT: Duration = Duration::from_mins(1);

/// How old what was made has to be, so that every replica knows it.
pub(super) const YOUNG: SignedDuration = SignedDuration::from_mins(10);

/// Waits that grow, up to a limit.
pub(super) struct Patience<'a> {
    watch: &'a dyn Watch,
    what: String,
    next: Duration,
    left: Duration,
}

impl<'a> Patience<'a> {
    pub(super) fn new(watch: &'a dyn Watch, what: &str) -> Self {
        Self { watch, what: what.to_owned(), next: FIRST, left: LIMIT }
    }

    /// Begins with a shorter wait and ends sooner: for a look at what may not be there at all.
    pub(super) fn short(self) -> Self {
        Self { next: Duration::from_secs(1), left: Duration::from_secs(7), ..self }
    }

    /// Waits once more; false where the limit is reached.
    pub(super) async fn wait(&mut self) -> bool {
        let length = self.next.min(self.left);
        if length.is_zero() {
            return false;
        }
        self.left -= length;
        self.next = (self.next * 2).min(LONGEST);
        self.watch.waiting(&self.what, length, self.left);
        super::count_down(self.watch, &self.what, length).await;
        true
    }

    /// Makes tries until one succeeds, fails in a way that time does not heal, or the limit is reached.
    pub(super) async fn until<T, F: Future<Output = Result<T>>>(
        mut self,
        mut work: impl FnMut() -> F,
        heals: impl Fn(&Error) -> bool,
    ) -> Result<T> {
        loop {
            match work().await {
                Err(error) if heals(&error) => {
                    if !self.wait().await {
                        return Err(error.hint("the directory takes longer than usual to know what was made: run the same command again"));
                    }
                }
                outcome => return outcome,
            }
        }
    }
}

/// Says whether a registration was made so short a time ago that not every replica may know it: by a run before this, too.
pub(super) fn is_young(application: &Application) -> bool {
    application.created.is_some_and(|created| Timestamp::now().duration_since(created) < YOUNG)
}

/// What time heals for an object that was made in this run.
pub(super) fn propagates(error: &Error) -> bool {
    Trouble::of(error).is_propagation()
}

/// The same for a call that can be refused for little else.
pub(super) fn may_propagate(error: &Error) -> bool {
    Trouble::of(error).may_be_propagation()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    struct Waits(Mutex<Vec<u64>>);

    impl Watch for Waits {
        fn doing(&self, _: &str) {}

        fn waiting(&self, _: &str, length: Duration, _: Duration) {
            self.0.lock().unwrap().push(length.as_secs());
        }

        fn tick(&self, _: &str, _: Duration) {}

        fn warn(&self, _: &str) {}
    }

    #[tokio::test(start_paused = true)]
    async fn waits_grow_and_end_within_a_minute() {
        let waits = Waits(Mutex::default());
        let mut patience = Patience::new(&waits, "it");
        while patience.wait().await {}
        assert_eq!(*waits.0.lock().unwrap(), [2, 4, 8, 16, 16, 14]);
    }
}
