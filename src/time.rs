//! Times as the contract writes them: RFC 3339 in UTC, durations as `30d`, and half-open windows of 100 ns ticks.

use crate::error::{Error, Kind, Result};
use jiff::{SignedDuration, Timestamp, fmt::temporal::DateTimePrinter};

/// A half-open window `[from, to)`, both ends on a 100 ns tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Window {
    /// First instant inside.
    pub from: Timestamp,
    /// First instant after.
    pub to: Timestamp,
}

impl Window {
    /// Creates a window, both ends cut down to the tick.
    ///
    /// # Errors
    /// [`Kind::Usage`] where it would be empty.
    pub fn new(from: Timestamp, to: Timestamp) -> Result<Self> {
        let (from, to) = (on_tick(from), on_tick(to));
        if from >= to {
            let message = format!("the window is empty: it begins at {} and ends at {}", rfc3339(from), rfc3339(to));
            return Err(Error::new(Kind::Usage, message).hint("give --from a time before --to"));
        }
        Ok(Self { from, to })
    }

    /// Returns the length of the window.
    pub fn length(self) -> SignedDuration {
        self.to.duration_since(self.from)
    }
}

impl serde::Serialize for Window {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut window = serializer.serialize_struct("Window", 2)?;
        window.serialize_field("from", &rfc3339(self.from))?;
        window.serialize_field("to", &rfc3339(self.to))?;
        window.end()
    }
}

/// Returns `time` cut down to a multiple of 100 ns, the resolution of Kusto's datetime.
pub fn on_tick(time: Timestamp) -> Timestamp {
    let nanos = time.as_nanosecond();
    Timestamp::from_nanosecond(nanos - nanos.rem_euclid(100)).unwrap_or(time)
}

/// Formats a time with as many fraction digits as it needs, at most seven: `2026-01-02T00:00:00Z`.
pub fn rfc3339(time: Timestamp) -> String {
    let printer = DateTimePrinter::new();
    printer.timestamp_to_string(&on_tick(time))
}

/// Parses an RFC 3339 time. A date alone is midnight UTC, a time without a zone is UTC.
///
/// # Errors
/// [`Kind::Usage`] with an example of the form.
pub fn parse_time(text: &str) -> Result<Timestamp> {
    let text = text.trim();
    let parsed = text.parse::<Timestamp>().ok().or_else(|| {
        let civil = text.parse::<jiff::civil::DateTime>().ok()?;
        jiff::tz::TimeZone::UTC.to_timestamp(civil).ok()
    });
    parsed.ok_or_else(|| {
        Error::new(Kind::Usage, format!("`{text}` is not a time")).hint("write times as 2026-01-31T08:00:00Z or 2026-01-31 (UTC)")
    })
}

/// Parses `30d`, `12h`, `90m`, `45s`, also combined (`1d12h`).
///
/// # Errors
/// [`Kind::Usage`] with the accepted forms.
pub fn parse_duration(text: &str) -> Result<SignedDuration> {
    seconds_of(text.trim())
        .map(SignedDuration::from_secs)
        .ok_or_else(|| Error::new(Kind::Usage, format!("`{text}` is not a duration")).hint("write durations as 30d, 12h, 90m or 45s"))
}

fn seconds_of(text: &str) -> Option<i64> {
    let mut total = 0_i64;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: i64 = rest.get(..digits)?.parse().ok()?;
        let unit = match rest.as_bytes().get(digits)? {
            b'd' => 86_400,
            b'h' => 3_600,
            b'm' => 60,
            b's' => 1,
            _ => return None,
        };
        total = total.checked_add(number.checked_mul(unit)?)?;
        rest = rest.get(digits + 1..)?;
    }
    // A window of ten thousand years is a typing error, and would overflow the arithmetic on times.
    (total > 0 && total < 3_660 * 86_400 * 100).then_some(total)
}
