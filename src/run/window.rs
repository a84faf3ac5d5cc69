//! The one window of a run: `--from`/`--to`/`--last`, pinned at the start.

use crate::{
    collect::{SliceMode, Subject},
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

/// The most slices that `--slice` may ask for: at the documented 45 calls a minute they take a day and a half.
const MOST_SLICES: i128 = 100_000;

/// Refuses a length of slices that would never come to an end.
///
/// # Errors
/// [`Kind::Usage`].
pub(super) fn not_too_many(window: Window, mode: SliceMode) -> Result<()> {
    let SliceMode::Every(length) = mode else { return Ok(()) };
    let slices = window.length().as_nanos() / length.as_nanos().max(1);
    if slices < MOST_SLICES {
        return Ok(());
    }
    let message = format!("--slice would cut the window into {slices} slices, each a call");
    Err(Error::new(Kind::Usage, message).hint("give a longer one; `--slice auto` cuts where the API's caps demand it"))
}

/// Returns what to say of a window that reaches back further than Defender's tables do, where any is read: it is asked for all the
/// same, and the rows of a Sentinel workspace come.
pub(super) fn beyond_retention(window: Window, now: Timestamp, subject: &Subject) -> Option<String> {
    // Windows begin at a tick of 100 ns, so thirty days back from now are a little more.
    let older = now.duration_since(window.from) > DEFAULT + jiff::SignedDuration::from_micros(1) && subject.is_of_defender();
    older.then(|| {
        "the window begins more than 30 days ago, and Defender's tables keep 30 days: what is older comes from Sentinel only".into()
    })
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
    fn refuses_slices_beyond_number() {
        let window = settle(None, None, None, parse_time("2026-11-24").unwrap()).unwrap();
        let error = not_too_many(window, SliceMode::Every(jiff::SignedDuration::from_secs(1))).unwrap_err();
        assert!(error.message().contains("2592000 slices"), "{error}");
        assert!(not_too_many(window, SliceMode::Every(jiff::SignedDuration::from_mins(1))).is_ok());
    }

    #[test]
    fn says_where_nothing_can_be_had() {
        let now = parse_time("2026-11-24").unwrap();
        let said = |last: &str, text: &str| {
            let window = settle(None, None, Some(last), now).unwrap();
            beyond_retention(window, now, &Subject::new(text, now)).is_some()
        };
        assert!(said("31d", "union DeviceEvents, SigninLogs"));
        assert!(!said("30d", "DeviceEvents") && !said("90d", "SigninLogs") && !said("90d", "DeviceTvmSoftwareInventory"));
    }

    #[test]
    fn refuses_a_window_that_ends_before_it_begins() {
        let now = parse_time("2026-11-24").unwrap();
        let error = settle(Some("2026-11-24"), Some("2026-11-23"), None, now).unwrap_err();
        assert_eq!(error.kind(), Kind::Usage);
    }
}
