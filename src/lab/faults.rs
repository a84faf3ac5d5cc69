//! Which call goes wrong and how: drawn from the seed and the call's number, so that a run can be repeated.

use super::options::{Fault, FaultKind};
use std::sync::atomic::{AtomicU64, Ordering};

/// Draws faults.
pub(crate) struct Dice {
    seed: u64,
    faults: Vec<Fault>,
    calls: AtomicU64,
}

/// A fault that hits a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hit {
    pub(crate) kind: FaultKind,
    /// For what the kind leaves open.
    pub(crate) draw: u64,
}

impl Dice {
    /// Creates dice that draw the same for the same seed.
    pub(crate) fn new(seed: u64, faults: &[Fault]) -> Self {
        Self { seed, faults: faults.to_vec(), calls: AtomicU64::new(0) }
    }

    /// Draws for the next call.
    pub(crate) fn roll(&self) -> Option<Hit> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        // Neighbouring seeds of the generator begin alike, so the call's number is spread over all bits first.
        let mut random = fastrand::Rng::with_seed(self.seed ^ (call + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        self.faults.iter().find_map(|fault| {
            let (hit, draw) = (random.f64() < fault.rate, random.u64(..));
            hit.then_some(Hit { kind: fault.kind, draw })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_draws_the_same_and_the_rate_is_kept() {
        let faults = [Fault { kind: FaultKind::Throttle, rate: 0.25 }, Fault { kind: FaultKind::Html, rate: 1.0 }];
        let draw = |seed| {
            let dice = Dice::new(seed, &faults);
            (0..2_000).map(|_| dice.roll().map(|hit| hit.kind)).collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        let throttled = draw(7).iter().filter(|kind| **kind == Some(FaultKind::Throttle)).count();
        assert!((400..600).contains(&throttled), "{throttled}");
        assert!(draw(7).iter().all(Option::is_some));
    }
}
