//! Rows over time as bars: how wide a bar is, and where it stands. Numbers alone leave here; the template draws them.

use super::super::coverage::Span;
use crate::time::{Window, rfc3339};
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;

/// Bars of a chart at most.
const MOST_BARS: i64 = 120;
/// Width and height of the drawing, in its own units.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 96.0;
const DAY: i64 = 24;

/// A chart of rows over time.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Chart {
    /// What a bar stands for: `hour`, `day`, `7 days`.
    pub(super) unit: String,
    /// Where the drawing begins and ends.
    pub(super) from: String,
    pub(super) to: String,
    /// Rows of the highest bar.
    pub(super) highest: u64,
    pub(super) bars: Vec<Bar>,
    /// What is missing of the window, as places in the drawing: left and width.
    pub(super) holes: Vec<(f64, f64)>,
}

/// A bar, in the units of the drawing.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Bar {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
    /// When it begins.
    pub(super) at: String,
    pub(super) rows: u64,
}

/// A part of a whole, from 0 to 1.
#[allow(clippy::cast_precision_loss, reason = "a bar's length needs no more than 52 bits")]
pub(super) fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}

fn rounded(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

/// Draws rows by hour over the window that was asked for, or over the time that they cover; none where there are none.
pub(super) fn chart(hours: &BTreeMap<i64, u64>, window: Option<Window>, holes: &[Span]) -> Option<Chart> {
    let (first, last) = (*hours.keys().next()?, *hours.keys().next_back()?);
    let hour = |time: Timestamp| time.as_second().div_euclid(3_600);
    // Objects that were changed in the window may have been made long before: those that lie outside have no bar.
    let within = window.map(|window| (hour(window.from), hour(window.to) + i64::from(window.to.as_second().rem_euclid(3_600) > 0)));
    let (from, to) = match within {
        Some((from, to)) if to > from && hours.range(from..to).next().is_some() => (from, to),
        _ => (first, last + 1),
    };
    let unit = unit(to - from);
    let start = from.div_euclid(unit) * unit;
    let mut sums: BTreeMap<i64, u64> = BTreeMap::new();
    for (hour, rows) in hours.range(from..to) {
        *sums.entry((hour - start).div_euclid(unit)).or_default() += rows;
    }
    let count = u64::try_from((to - start + unit - 1) / unit).unwrap_or(1);
    let highest = sums.values().copied().max().unwrap_or(1);
    let bar = |(&at, &rows): (&i64, &u64)| {
        let height = (share(rows, highest) * HEIGHT).max(1.0);
        Bar {
            x: rounded(share(u64::try_from(at).unwrap_or_default(), count) * WIDTH),
            y: rounded(HEIGHT - height),
            width: rounded((share(1, count) * WIDTH - 1.0).max(0.8)),
            height: rounded(height),
            at: day(start + at * unit),
            rows,
        }
    };
    let end = start + i64::try_from(count).unwrap_or(1) * unit;
    let holes = if within == Some((from, to)) { holes } else { &[] };
    Some(Chart {
        unit: name(unit),
        from: day(start),
        to: day(end),
        highest,
        bars: sums.iter().map(bar).collect(),
        holes: holes.iter().map(|hole| (rounded(hole.from * WIDTH), rounded(((hole.to - hole.from) * WIDTH).max(1.5)))).collect(),
    })
}

/// Hours that a bar stands for: one up to two days, whole days beyond.
fn unit(hours: i64) -> i64 {
    if hours <= 2 * DAY { 1 } else { ((hours + DAY - 1) / DAY + MOST_BARS - 1) / MOST_BARS * DAY }
}

fn name(unit: i64) -> String {
    match unit {
        1 => "hour".into(),
        DAY => "day".into(),
        more => format!("{} days", more / DAY),
    }
}

fn day(hour: i64) -> String {
    let time = Timestamp::from_second(hour.saturating_mul(3_600)).map(rfc3339).unwrap_or_default();
    time.strip_suffix("T00:00:00Z").map(str::to_owned).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(all: &[(&str, u64)]) -> BTreeMap<i64, u64> {
        all.iter().map(|(time, rows)| (time.parse::<Timestamp>().unwrap().as_second() / 3_600, *rows)).collect()
    }

    fn window(from: &str, to: &str) -> Window {
        Window::new(from.parse().unwrap(), to.parse().unwrap()).unwrap()
    }

    #[test]
    fn days_of_a_window() {
        let rows = hours(&[("2026-01-01T05:00:00Z", 2), ("2026-01-01T23:00:00Z", 3), ("2026-01-30T00:00:00Z", 10)]);
        let drawn = chart(&rows, Some(window("2026-01-01T00:00:00Z", "2026-01-31T00:00:00Z")), &[Span { from: 0.5, to: 0.75 }]).unwrap();
        assert_eq!((drawn.unit.as_str(), drawn.from.as_str(), drawn.to.as_str(), drawn.highest), ("day", "2026-01-01", "2026-01-31", 10));
        assert_eq!(drawn.bars.iter().map(|bar| bar.rows).collect::<Vec<_>>(), [5, 10]);
        assert_eq!(drawn.bars[1].at, "2026-01-30");
        assert_eq!(drawn.holes, [(360.0, 180.0)]);
        assert!(drawn.bars.iter().all(|bar| bar.x >= 0.0 && bar.x + bar.width <= WIDTH && bar.y >= 0.0));
    }

    #[test]
    fn hostile_times_make_no_hostile_chart() {
        let rows = hours(&[("0001-01-01T00:00:00Z", 1), ("9999-12-30T00:00:00Z", 1)]);
        let drawn = chart(&rows, None, &[]).unwrap();
        assert!(drawn.bars.len() == 2 && drawn.bars.iter().all(|bar| bar.x <= WIDTH), "{drawn:?}");
        assert!(chart(&BTreeMap::new(), None, &[]).is_none());
        let outside = chart(&rows, Some(window("2026-01-01T00:00:00Z", "2026-01-31T00:00:00Z")), &[Span { from: 0.0, to: 1.0 }]).unwrap();
        assert!(outside.holes.is_empty());
    }

    #[test]
    fn a_day_is_drawn_by_the_hour() {
        let rows = hours(&[("2026-01-01T05:00:00Z", 2)]);
        let drawn = chart(&rows, Some(window("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z")), &[]).unwrap();
        assert_eq!((drawn.unit.as_str(), drawn.bars[0].at.as_str()), ("hour", "2026-01-01T05:00:00Z"));
    }
}
