//! The one decision what to do after a try that failed. Pure: no clock, no network, no dice; the caller waits.
//!
//! The contract: 429, 5xx, a lost connection and a broken body are tried again until `--max-wait` is used up, at least six
//! tries; a wait that the service states is obeyed in full, or, where it is longer than what is left, the call is given up at
//! once, since calls sent while throttled count against the quota (apis.md 8.1).

use std::time::Duration;

/// Fewest tries before a call is given up, however short `--max-wait` is.
pub const MIN_TRIES: u32 = 6;

/// A wait up to this is taken past `--max-wait` where fewer than [`MIN_TRIES`] were made: the six tries cost at most half a
/// minute more then, and no call is sent before its time.
const SHORT: Duration = Duration::from_secs(5);

/// Waits without a stated length never grow beyond these.
const LONGEST: Duration = Duration::from_mins(1);
const LONGEST_THROTTLED: Duration = Duration::from_mins(5);

/// First wait after a fault that heals by itself; it doubles from there.
const FIRST: Duration = Duration::from_millis(500);

/// No wait is shorter, so that six tries are not one.
const SHORTEST: Duration = Duration::from_millis(10);

/// What a failed try means for the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The service says that it was asked too much.
    Throttled,
    /// It may heal by itself: 5xx, lost connection, broken body, silence.
    Transient,
    /// No connection to a host that was never reached: wrong name, no network.
    Unreachable,
    /// The token was refused.
    Unauthorized,
    /// Nothing changes by asking again.
    Refused,
}

/// A failed try.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// What it means.
    pub class: Class,
    /// How long the service asks to wait, where it says so.
    pub stated: Option<Duration>,
}

/// The course of a call so far.
#[derive(Clone, Copy, Debug)]
pub struct Course {
    /// Tries made, the failed one included.
    pub tries: u32,
    /// What the job has waited.
    pub waited: Duration,
    /// What it may wait in all.
    pub max_wait: Duration,
    /// Whether the token was renewed for this call.
    pub renewed: bool,
    /// First wait after a 429 that states none.
    pub throttle_base: Duration,
    /// A factor around 1 that keeps clients from coming back in step.
    pub jitter: f64,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Decision {
    /// Wait so long, then try again.
    Wait(Duration),
    /// Renew the token, then try again at once.
    Renew,
    /// It is over.
    GiveUp,
}

/// Decides what to do after a failed try.
pub fn decide(fault: Fault, course: &Course) -> Decision {
    match (fault.class, fault.stated) {
        (Class::Refused, _) => Decision::GiveUp,
        (Class::Unauthorized, _) if course.renewed => Decision::GiveUp,
        (Class::Unauthorized, _) => Decision::Renew,
        (Class::Unreachable, _) if course.tries >= MIN_TRIES => Decision::GiveUp,
        (_, Some(wait)) if may_wait(wait, course) => Decision::Wait(wait),
        (_, Some(_)) => Decision::GiveUp,
        (class, None) => back_off(class, course),
    }
}

/// Says whether a wait that cannot be shortened fits into what is left.
pub fn may_wait(wait: Duration, course: &Course) -> bool {
    wait <= left(course) || (course.tries < MIN_TRIES && wait <= SHORT)
}

fn back_off(class: Class, course: &Course) -> Decision {
    let wait = grown(class, course);
    match left(course) {
        left if course.tries < MIN_TRIES => Decision::Wait(wait.min(left.max(SHORT))),
        left if left < SHORTEST => Decision::GiveUp,
        left => Decision::Wait(wait.min(left)),
    }
}

/// The wait before the next try: doubled each time, begun so small that [`MIN_TRIES`] fit into `--max-wait`.
fn grown(class: Class, course: &Course) -> Duration {
    let (first, longest) = match class {
        Class::Throttled => (course.throttle_base, LONGEST_THROTTLED),
        _ => (FIRST, LONGEST),
    };
    // 1 + 2 + 4 + 8 + 16 waits of the first length lie between six tries.
    let first = first.min(course.max_wait / 31).max(SHORTEST);
    let doublings = course.tries.saturating_sub(1).min(16);
    first.saturating_mul(1 << doublings).min(longest).mul_f64(course.jitter.clamp(0.5, 1.5))
}

fn left(course: &Course) -> Duration {
    course.max_wait.saturating_sub(course.waited)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    fn course(tries: u32, waited: Duration, max_wait: Duration) -> Course {
        Course { tries, waited, max_wait, renewed: false, throttle_base: Duration::from_secs(15), jitter: 1.0 }
    }

    fn fault(class: Class, stated: Option<u64>) -> Fault {
        Fault { class, stated: stated.map(Duration::from_secs) }
    }

    /// Runs a call that always fails the same way; returns the tries and the wait in all.
    fn run(fault: Fault, max_wait: Duration) -> (u32, Duration) {
        let mut course = course(1, Duration::ZERO, max_wait);
        while let Decision::Wait(wait) = decide(fault, &course) {
            course.waited += wait;
            course.tries += 1;
        }
        (course.tries, course.waited)
    }

    #[test]
    fn a_stated_wait_is_obeyed_in_full() {
        let at = course(1, Duration::ZERO, HOUR);
        assert_eq!(decide(fault(Class::Throttled, Some(870)), &at), Decision::Wait(Duration::from_secs(870)));
        assert_eq!(decide(fault(Class::Transient, Some(30)), &at), Decision::Wait(Duration::from_secs(30)));
    }

    #[test]
    fn a_stated_wait_beyond_the_budget_gives_up_at_once() {
        assert_eq!(run(fault(Class::Throttled, Some(60)), Duration::from_secs(10)), (1, Duration::ZERO));
        assert_eq!(run(fault(Class::Throttled, Some(60)), Duration::from_secs(150)), (3, Duration::from_mins(2)));
    }

    #[test]
    fn short_stated_waits_still_make_six_tries() {
        assert_eq!(run(fault(Class::Throttled, Some(1)), Duration::from_secs(2)), (6, Duration::from_secs(5)));
    }

    #[test]
    fn six_tries_at_least_and_all_of_the_budget() {
        for max_wait in [0, 1, 5, 30, 300, 3600].map(Duration::from_secs) {
            for class in [Class::Transient, Class::Throttled] {
                let (tries, waited) = run(fault(class, None), max_wait);
                assert!(tries >= MIN_TRIES, "{tries} tries in {max_wait:?}");
                assert!(waited >= max_wait.saturating_sub(SHORTEST), "{waited:?} of {max_wait:?}");
                assert!(waited <= max_wait.max(SHORTEST * 31), "{waited:?} of {max_wait:?}");
            }
        }
    }

    #[test]
    fn waits_double_and_stay_bounded() {
        let wait = |tries| decide(fault(Class::Transient, None), &course(tries, Duration::ZERO, HOUR));
        assert_eq!(wait(1), Decision::Wait(Duration::from_millis(500)));
        assert_eq!(wait(2), Decision::Wait(Duration::from_secs(1)));
        assert_eq!(wait(4), Decision::Wait(Duration::from_secs(4)));
        assert_eq!(wait(400), Decision::Wait(LONGEST));
    }

    #[test]
    fn a_job_that_used_up_its_budget_still_makes_six_short_tries() {
        let mut at = course(1, HOUR, HOUR);
        while let Decision::Wait(wait) = decide(fault(Class::Throttled, None), &at) {
            assert!(wait <= SHORT && may_wait(wait, &at));
            at.tries += 1;
        }
        assert_eq!(at.tries, MIN_TRIES);
    }

    #[test]
    fn a_token_is_renewed_once() {
        let mut at = course(1, Duration::ZERO, HOUR);
        assert_eq!(decide(fault(Class::Unauthorized, None), &at), Decision::Renew);
        at.renewed = true;
        assert_eq!(decide(fault(Class::Unauthorized, None), &at), Decision::GiveUp);
    }

    #[test]
    fn what_is_refused_is_not_asked_again() {
        assert_eq!(run(fault(Class::Refused, Some(1)), HOUR).0, 1);
    }

    #[test]
    fn a_host_never_reached_gets_six_tries() {
        assert_eq!(run(fault(Class::Unreachable, None), HOUR).0, 6);
    }
}
