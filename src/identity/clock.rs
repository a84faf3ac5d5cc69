//! How far this machine's clock is off, measured from the `Date` of answers; assertions are dated by the service's clock.

use jiff::{SignedDuration, Timestamp};
use std::sync::atomic::{AtomicI64, Ordering};

/// The clock of the token service, as far as it is known.
#[derive(Debug)]
pub struct Clock(AtomicI64);

const UNKNOWN: i64 = i64::MIN;

/// `Date` has whole seconds, and the way takes time: less than this is noise.
const NOISE: SignedDuration = SignedDuration::from_secs(2);

/// From here on it is worth a word: assertions and tokens are good for minutes.
const WORTH_SAYING: SignedDuration = SignedDuration::from_secs(120);

impl Default for Clock {
    fn default() -> Self {
        Self(AtomicI64::new(UNKNOWN))
    }
}

impl Clock {
    /// Takes note of a `Date` that came between two local times.
    pub fn observe(&self, date: Timestamp, sent: Timestamp, received: Timestamp) {
        let middle = sent + received.duration_since(sent) / 2;
        // A date of whole seconds was cut, by half a second on average.
        let skew = (date + SignedDuration::from_millis(500)).duration_since(middle);
        let skew = if skew.abs() < NOISE { SignedDuration::ZERO } else { skew };
        self.0.store(i64::try_from(skew.as_millis()).unwrap_or_default(), Ordering::Relaxed);
    }

    /// Returns how far the service's clock is ahead of ours, if that was measured; zero within two seconds.
    pub fn skew(&self) -> Option<SignedDuration> {
        let millis = self.0.load(Ordering::Relaxed);
        (millis != UNKNOWN).then(|| SignedDuration::from_millis(millis))
    }

    /// Returns the service's time.
    pub fn now(&self) -> Timestamp {
        Timestamp::now() + self.skew().unwrap_or_default()
    }

    /// Says that our clock is wrong, if it is so by more than two minutes.
    pub fn warning(&self) -> Option<String> {
        let skew = self.skew().filter(|skew| skew.abs() >= WORTH_SAYING)?;
        let side = if skew.is_positive() { "behind" } else { "ahead of" };
        Some(format!(
            "this machine's clock is {} seconds {side} the service's: set it, assertions are corrected meanwhile",
            skew.abs().as_secs()
        ))
    }
}

/// Parses an HTTP date.
pub(super) fn parse_date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_says_and_ignores_noise() {
        let clock = Clock::default();
        assert_eq!((clock.skew(), clock.warning()), (None, None));
        let now: Timestamp = "2026-06-01T12:00:00Z".parse().unwrap();
        clock.observe(now, now, now + SignedDuration::from_millis(800));
        assert_eq!(clock.skew(), Some(SignedDuration::ZERO));
        clock.observe(parse_date("Mon, 01 Jun 2026 12:10:00 GMT").unwrap(), now, now);
        assert_eq!(clock.skew(), Some(SignedDuration::from_millis(600_500)));
        assert!(clock.warning().unwrap().contains("600 seconds behind"));
        assert!(clock.now().duration_since(Timestamp::now()) > SignedDuration::from_secs(590));
    }
}
