//! Sliding windows of calls: how many more are allowed, and when the next one is.

use super::ids::lock;
use std::{
    collections::{HashMap, VecDeque},
    sync::Mutex,
    time::{Duration, Instant},
};

/// Calls counted by key (a tenant and API).
#[derive(Default)]
pub(crate) struct Quotas(Mutex<HashMap<String, VecDeque<Instant>>>);

/// A limit that was passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exceeded {
    /// Most calls.
    pub(crate) limit: u32,
    /// In how long.
    pub(crate) window: Duration,
    /// Until a call is allowed again.
    pub(crate) wait: Duration,
}

impl Quotas {
    /// Counts a call under `key` and says whether it passes one of `limits`. Calls that are refused count too (apis.md 8.1).
    pub(crate) fn count(&self, key: &str, limits: &[(u32, Duration)], now: Instant) -> Option<Exceeded> {
        let mut all = lock(&self.0);
        let calls = all.entry(key.to_owned()).or_default();
        let longest = limits.iter().map(|(_, window)| *window).max()?;
        while calls.front().is_some_and(|first| now.duration_since(*first) >= longest) {
            calls.pop_front();
        }
        calls.push_back(now);
        limits.iter().find_map(|(limit, window)| exceeded(calls, *limit, *window, now))
    }
}

fn exceeded(calls: &VecDeque<Instant>, limit: u32, window: Duration, now: Instant) -> Option<Exceeded> {
    let recent: Vec<Instant> = calls.iter().copied().filter(|call| now.duration_since(*call) < window).collect();
    let over = recent.len().checked_sub(usize::try_from(limit).unwrap_or(usize::MAX))?;
    // With one more call to come, `over + 1` of them must have left the window; there are `limit + over` now.
    let blocking = recent.get(over).or(recent.last()).filter(|_| over > 0)?;
    Some(Exceeded { limit, window, wait: window.saturating_sub(now.duration_since(*blocking)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    #[test]
    fn the_call_after_the_last_allowed_one_is_refused_until_the_window_moved() {
        let (quotas, start) = (Quotas::default(), Instant::now());
        for second in 0..3 {
            assert_eq!(quotas.count("t", &[(3, MINUTE)], start + Duration::from_secs(second)), None);
        }
        let refused = quotas.count("t", &[(3, MINUTE)], start + Duration::from_secs(10)).unwrap();
        // The refused call counts: of 0, 1, 2 and 10 two must leave before another fits, so the one at 1 does.
        assert_eq!(refused, Exceeded { limit: 3, window: MINUTE, wait: Duration::from_secs(51) });
        assert_eq!(quotas.count("t", &[(3, MINUTE)], start + Duration::from_secs(61)), None);
        assert_eq!(quotas.count("other", &[(3, MINUTE)], start + Duration::from_secs(11)), None);
    }
}
