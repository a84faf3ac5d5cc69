//! Traps for a chosen call, whichever service it is of: to see what a client makes of being cut off just there.

use super::ids::lock;
use std::sync::Mutex;

/// What happens to the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trap {
    /// It is never answered, and nothing is done.
    HoldBefore,
    /// It is done, and never answered.
    HoldAfter,
    /// The connection breaks; `done` says whether before or after the call was done.
    Drop {
        /// Whether it is done.
        done: bool,
    },
    /// It is answered with 500.
    Fail {
        /// Whether it is done.
        done: bool,
    },
}

/// The trap that is set, and how many calls have come since.
#[derive(Default)]
pub(crate) struct Snare(Mutex<State>);

#[derive(Default)]
struct State {
    trap: Option<(u32, Trap)>,
    calls: u32,
    sprung: bool,
}

impl Snare {
    /// Sets a trap for the `nth` call from now on.
    pub(crate) fn set(&self, nth: u32, trap: Trap) {
        *lock(&self.0) = State { trap: Some((nth, trap)), calls: 0, sprung: false };
    }

    /// Counts a call; the trap, where this is the call for it.
    pub(crate) fn step(&self) -> Option<Trap> {
        let mut state = lock(&self.0);
        state.calls += 1;
        let (nth, trap) = state.trap?;
        if nth != state.calls {
            return None;
        }
        // What is done first springs when it is done.
        state.sprung = trap != Trap::HoldAfter;
        Some(trap)
    }

    /// Says that the trap has sprung.
    pub(crate) fn spring(&self) {
        lock(&self.0).sprung = true;
    }

    /// Whether it has.
    pub(crate) fn is_sprung(&self) -> bool {
        lock(&self.0).sprung
    }

    /// Calls since it was set.
    pub(crate) fn calls(&self) -> u32 {
        lock(&self.0).calls
    }
}
