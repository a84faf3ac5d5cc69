//! `case tables`: the names that `hunt --offline` can read.

use crate::{
    case::{self, CaseTable},
    console::{self, print_data, visible},
    error::Result,
    run::Context,
    store::CaseView,
};
use serde_json::json;
use std::fmt::Write;

pub(super) fn run(context: &Context, case: &CaseView) -> Result<u8> {
    let tables = case::tables(case)?;
    if context.global.json {
        print_data(&format!("{:#}\n", json!({ "case": case.dir().display().to_string(), "tables": tables })))?;
    } else {
        print_data(&words(case, &tables, context.width()))?;
    }
    Ok(0)
}

fn words(case: &CaseView, tables: &[CaseTable], width: usize) -> String {
    if tables.is_empty() {
        return format!("case {} holds no table that a query could read\n", case.dir().display());
    }
    let mut listed = console::table(&["table", "rows", "files", "of", "rows are"]);
    for table in tables {
        let kind = match (table.filtered, table.overlapping) {
            (false, false) => "whole",
            (true, false) => "filtered",
            (false, true) => "whole, overlapping",
            (true, true) => "filtered, overlapping",
        };
        let (rows, files) = (console::grouped(table.rows), table.files.len().to_string());
        listed.add_row([visible(&table.name), rows, files, visible(&table.source), kind.to_owned()]);
    }
    let mut text = format!("{}\n", console::laid_out(listed, Some(width)));
    let _ = writeln!(text, "\nircollect hunt --offline --case {} --kql '{} | take 10'", case.dir().display(), tables[0].name);
    text
}
