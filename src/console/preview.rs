//! The first rows of a job as a table that fits the terminal. What attackers wrote into them is shown, never obeyed.
//!
//! Times are those of the reader's place here, with their offset, to the second; what is stored has all digits, in UTC.

use super::{table, visible};
use crate::collect::report::Preview;
use comfy_table::{ColumnConstraint, ContentArrangement};
use jiff::{Timestamp, tz::TimeZone};

/// A column narrower than this says nothing.
const NARROWEST: usize = 14;
/// A column of times, which says little when cut.
const OF_TIMES: usize = "2026-01-01 00:00:00+00:00".len() + 2;
/// Terminals narrower than this have no room for whole times.
const ROOM_FOR_TIMES: usize = 40;
/// A cell is not looked at beyond so many characters.
const LONGEST: usize = 200;

/// Renders a preview no wider than `width`: columns that hold nothing are left out, and so are those that there is no room for.
pub fn preview(of: &Preview, width: usize) -> String {
    let filled = |column: &usize| {
        of.rows.iter().any(|row| row.get(*column).is_some_and(|cell| cell.as_deref().is_some_and(|text| !text.is_empty())))
    };
    let columns: Vec<usize> = (0..of.columns.len()).filter(filled).collect();
    let of_times = |column: usize| width >= ROOM_FOR_TIMES && holds_times(of, column);
    let (shown, left_out) = columns.split_at(how_many(&columns, width, of_times));
    let names: Vec<String> = shown.iter().filter_map(|column| of.columns.get(*column)).map(|name| on_one_line(name)).collect();
    let mut table = table(&names.iter().map(String::as_str).collect::<Vec<_>>());
    table.set_content_arrangement(ContentArrangement::Dynamic).set_width(u16::try_from(width).unwrap_or(u16::MAX));
    for (place, column) in shown.iter().enumerate() {
        if let Some(laid_out) = table.column_mut(place).filter(|_| of_times(*column)) {
            laid_out.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    for row in &of.rows {
        let cell = |column: &usize| row.get(*column).and_then(Option::as_deref).map(on_one_line).unwrap_or_default();
        let mut line = comfy_table::Row::from(shown.iter().map(cell).collect::<Vec<_>>());
        line.max_height(1);
        table.add_row(line);
    }
    let mut lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    match left_out.len() {
        0 => {}
        1 => lines.push(" and 1 more column".to_owned()),
        many => lines.push(format!(" and {many} more columns")),
    }
    lines.join("\n")
}

/// How many of the columns there is room for; the first at least.
fn how_many(columns: &[usize], width: usize, of_times: impl Fn(usize) -> bool) -> usize {
    let mut left = width;
    let fits = |column: &&usize| {
        let needed = if of_times(**column) { OF_TIMES } else { NARROWEST };
        left.checked_sub(needed).map(|rest| left = rest).is_some()
    };
    columns.iter().take_while(fits).count().max(1).min(columns.len())
}

fn holds_times(of: &Preview, column: usize) -> bool {
    let mut cells = of.rows.iter().filter_map(|row| row.get(column)?.as_deref()).filter(|text| !text.is_empty()).peekable();
    cells.peek().is_some() && cells.all(|text| local(text, &TimeZone::UTC).is_some())
}

/// A time as it is called in a zone; none where the text is no whole time.
fn local(text: &str, zone: &TimeZone) -> Option<String> {
    let looks = text.len() <= 35 && text.as_bytes().get(10) == Some(&b'T');
    let time = looks.then(|| text.parse::<Timestamp>().ok()).flatten()?.to_zoned_datetime(zone.clone());
    let form = if time.offset().seconds() == 0 { "%Y-%m-%d %H:%M:%SZ" } else { "%Y-%m-%d %H:%M:%S%:z" };
    Some(time.strftime(form).to_string())
}

fn on_one_line(text: &str) -> String {
    if let Some(time) = local(text, &TimeZone::system()) {
        return time;
    }
    let start: String = text.chars().take(LONGEST).collect();
    visible(&start).replace('\n', "\\n").replace('\t', "\\t")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(columns: &[&str], rows: &[&[Option<&str>]]) -> Preview {
        let rows = rows.iter().map(|row| row.iter().map(|cell| cell.map(str::to_owned)).collect()).collect();
        Preview { columns: columns.iter().map(|name| (*name).to_owned()).collect(), rows }
    }

    #[test]
    fn it_fits_the_width_and_leaves_out_what_is_empty() {
        let long = "x".repeat(500);
        let rows: &[&[Option<&str>]] = &[&[Some("2026-01-01T00:00:00Z"), None, Some(&long), Some("z")], &[None, None, Some("short"), None]];
        let wide = some(&["Timestamp", "Empty", "CommandLine", "Last"], rows);
        for width in [20, 40, 80, 120] {
            let text = preview(&wide, width);
            assert!(text.lines().all(|line| line.chars().count() <= width), "{width}:\n{text}");
            assert!(!text.contains("Empty"), "{text}");
        }
        assert_eq!(preview(&wide, 80).lines().count(), 3);
        assert!(preview(&wide, 30).ends_with(" and 1 more column"), "{}", preview(&wide, 30));
    }

    #[test]
    fn times_are_the_readers_and_whole() {
        let berlin = TimeZone::fixed(jiff::tz::offset(2));
        assert_eq!(local("2026-07-01T23:30:00.1234567Z", &berlin).unwrap(), "2026-07-02 01:30:00+02:00");
        assert_eq!(local("2026-07-01T23:30:00Z", &TimeZone::UTC).unwrap(), "2026-07-01 23:30:00Z");
        for text in ["2026-07-01", "x", "2026-07-01T23", "", "2026-99-01T23:30:00Z"] {
            assert_eq!(local(text, &TimeZone::UTC), None, "{text}");
        }
        let rows: &[&[Option<&str>]] = &[&[Some("2026-01-01T00:00:00.7654321Z"), Some("a"), Some("b"), Some("c")]];
        let text = preview(&some(&["Timestamp", "A", "B", "C"], rows), 60);
        assert!(text.contains(":00:00"), "{text}");
        assert!(!text.contains(".7654321"), "{text}");
        assert!(text.ends_with(" and 1 more column"), "{text}");
    }

    #[test]
    fn nothing_in_it_is_obeyed() {
        let rows: &[&[Option<&str>]] = &[&[Some("a\u{1b}[2Jb\u{202e}c\nd\te\r")]];
        assert_eq!(preview(&some(&["x\u{7}"], rows), 120).lines().last().unwrap().trim(), "a\\u{1b}[2Jb\\u{202e}c\\nd\\te\\u{d}");
    }
}
