//! `case status`: what was asked, what is stored, what is missing.

use crate::{case, console::print_data, error::Result, run::Context, store::CaseView};
use serde_json::json;

pub(super) fn run(context: &Context, case: &CaseView) -> Result<u8> {
    let status = case.status()?;
    if context.global.json {
        let coverage = case::coverage(&status.jobs);
        let info = &case.info;
        let whole = json!({
            "case": case.dir().display().to_string(), "id": info.id, "created": info.created, "tool_version": info.tool_version, "status": status, "coverage": coverage,
        });
        print_data(&format!("{whole:#}\n"))?;
    } else {
        print_data(&case::words(case, &status, context.width()))?;
    }
    Ok(0)
}
