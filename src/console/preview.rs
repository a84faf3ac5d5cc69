//! The first rows of a job as a table that fits the terminal. What attackers wrote into them is shown, never obeyed.

use super::{table, visible};
use crate::collect::report::Preview;
use comfy_table::ContentArrangement;

/// A column narrower than this says nothing.
const NARROWEST: usize = 14;
/// A cell is not looked at beyond so many characters.
const LONGEST: usize = 200;

/// Renders a preview no wider than `width`: columns that hold nothing are left out, and so are those that there is no room for.
pub fn preview(of: &Preview, width: usize) -> String {
    let filled = |column: &usize| {
        of.rows.iter().any(|row| row.get(*column).is_some_and(|cell| cell.as_deref().is_some_and(|text| !text.is_empty())))
    };
    let columns: Vec<usize> = (0..of.columns.len()).filter(filled).collect();
    let (shown, left_out) = columns.split_at(columns.len().min((width / NARROWEST).max(1)));
    let names: Vec<String> = shown.iter().filter_map(|column| of.columns.get(*column)).map(|name| on_one_line(name)).collect();
    let mut table = table(&names.iter().map(String::as_str).collect::<Vec<_>>());
    table.set_content_arrangement(ContentArrangement::Dynamic).set_width(u16::try_from(width).unwrap_or(u16::MAX));
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

fn on_one_line(text: &str) -> String {
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
    fn nothing_in_it_is_obeyed() {
        let rows: &[&[Option<&str>]] = &[&[Some("a\u{1b}[2Jb\u{202e}c\nd\te\r")]];
        assert_eq!(preview(&some(&["x\u{7}"], rows), 120).lines().last().unwrap().trim(), "a\\u{1b}[2Jb\\u{202e}c\\nd\\te\\u{d}");
    }
}
