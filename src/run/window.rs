//! The one window of a run: `--from`/`--to`/`--last`, pinned at the start.

use crate::{
    error::{Error, Kind, Result},
    time::{Window, parse_duration, parse_time},
};
use jiff::Timestamp;

/// The default window, and the look-back of the hunting APIs (apis.md 4.6).
const DEFAULT: jiff::SignedDuration = jiff::SignedDuration::from_hours(30 * 24);

/// Settles the window: `last` goes back from `now`; a missing `to` is now; a missing `from` is 30 days before the end.
///
/// # Errors
/// [`Kind::Usage`] where a time cannot be read or the window is empty.
pub(super) fn settle(from: Option<&str>, to: Option<&str>, last: Option<&str>, now: Timestamp) -> Result<Window> {
    let to = to.map_or(Ok(now), parse_time).map_err(|error| error.context("--to"))?;
    let length = last.map_or(Ok(DEFAULT), parse_duration).map_err(|error| error.context("--last"))?;
    let from = match from {
        Some(text) => parse_time(text).map_err(|error| error.context("--from"))?,
        None => to
            .checked_sub(length)
            .map_err(|_| Error::new(Kind::Usage, "the window begins before the year 1").hint("give --from, or a shorter --last"))?,
    };
    Window::new(from, to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_to_the_last_thirty_days() {
        let now = parse_time("2026-11-24T08:00:00.12345678Z").unwrap();
        let window = settle(None, None, None, now).unwrap();
        assert_eq!(crate::time::rfc3339(window.from), "2026-10-25T08:00:00.1234567Z");
        assert_eq!(crate::time::rfc3339(window.to), "2026-11-24T08:00:00.1234567Z");
    }

    #[test]
    fn refuses_a_window_that_ends_before_it_begins() {
        let now = parse_time("2026-11-24").unwrap();
        let error = settle(Some("2026-11-24"), Some("2026-11-23"), None, now).unwrap_err();
        assert_eq!(error.kind(), Kind::Usage);
    }
}
