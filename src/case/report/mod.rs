//! A case as one HTML file that any browser shows, and a printer prints: no script, no network, nothing to install.
//!
//! What attackers wrote is text in it and nothing else: the template escapes everything, characters that turn or hide text are shown as
//! what they are, and a policy in the page forbids it to load or run anything. Rows are streamed: what is kept does not grow with them.

mod alerts;
mod chart;
mod lanes;
mod page;
mod scan;

use super::{coverage::coverage, row};
use crate::{
    console::visible,
    error::{Error, Kind, Result},
    store::CaseView,
};
use jiff::Timestamp;
use minijinja::{Environment, Value, escape_formatter};
use std::io::Write;

/// What a report is made with.
#[derive(Clone, Debug)]
pub struct ReportOptions {
    /// First rows shown of each query and source.
    pub rows: usize,
    /// Sources that there are, as `api/name`: those not pulled are listed as not asked for.
    pub sources: Vec<String>,
    /// When it is made.
    pub now: Timestamp,
    /// Version of the tool.
    pub tool_version: &'static str,
}

const NAME: &str = "report.html";

/// Writes the report of a case.
///
/// # Errors
/// [`Kind::Disk`] where the case cannot be read or `out` cannot be written to.
pub fn report(case: &CaseView, options: &ReportOptions, progress: &dyn Fn(u64), out: &mut dyn Write) -> Result<()> {
    let page = page::page(case, options, progress)?;
    let broken = |error: minijinja::Error| Error::new(Kind::Disk, "writing the report failed").caused_by(error);
    let mut environment = Environment::new();
    environment.set_undefined_behavior(minijinja::UndefinedBehavior::SemiStrict);
    environment.set_formatter(|out, state, value| match value.as_str() {
        Some(text) if !value.is_safe() => escape_formatter(out, state, &Value::from(visible(text))),
        _ => escape_formatter(out, state, value),
    });
    environment.add_template(NAME, include_str!("report.html")).map_err(broken)?;
    let template = environment.get_template(NAME).map_err(broken)?;
    template.render_captured_to(Value::from(minijinja::value::Serde(&page)), out).map(drop).map_err(broken)
}

/// Cuts a text that a page has no room for.
fn short(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests;
