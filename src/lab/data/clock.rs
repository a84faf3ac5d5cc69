//! The company's thirty days, in ticks of 100 ns from their beginning; where they lie in the calendar is decided last.
//!
//! Not a calendar: the first day is a Monday whatever the date says, so that the contents do not depend on the end asked for.

use jiff::Timestamp;

/// Ticks of 100 ns since the beginning of the thirty days; negative before.
pub(super) type Tick = i64;

pub(super) const SECOND: Tick = 10_000_000;
pub(super) const MINUTE: Tick = 60 * SECOND;
pub(super) const HOUR: Tick = 60 * MINUTE;
pub(super) const DAY: Tick = 24 * HOUR;
/// How many days there are, as the look-back of advanced hunting.
pub(super) const DAYS: i64 = 30;
pub(super) const SPAN: Tick = DAYS * DAY;

/// Returns the time of a day (0 is the first).
pub(super) const fn at(day: i64, hour: i64, minute: i64, second: i64) -> Tick {
    day * DAY + hour * HOUR + minute * MINUTE + second * SECOND
}

pub(super) const fn weekend(day: i64) -> bool {
    day % 7 >= 5
}

/// Where the thirty days lie in the calendar.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    begin: i64,
}

impl Clock {
    pub(super) fn ending(end: Timestamp) -> Self {
        let end = crate::time::on_tick(end).as_nanosecond();
        Self { begin: i64::try_from(end).unwrap_or(0) - SPAN * 100 }
    }

    /// Returns nanoseconds since 1970.
    pub(super) fn nanos(self, tick: Tick) -> i64 {
        self.begin + tick * 100
    }

    pub(super) fn text(self, tick: Tick) -> String {
        crate::kql::engine::format_datetime(self.nanos(tick))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_span_ends_at_the_end() {
        let clock = Clock::ending("2026-03-31T00:00:00Z".parse().unwrap());
        assert_eq!(clock.text(0), "2026-03-01T00:00:00.0000000Z");
        assert_eq!(clock.text(at(29, 23, 59, 59)), "2026-03-30T23:59:59.0000000Z");
    }
}
