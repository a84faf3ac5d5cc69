//! A query as a job asks it: bounded to a window, cut by hash, counted by time. The text is only added to, never rewritten.

use crate::{
    api::hunting::{Answer, Rows},
    error::Result,
    kql::{self, ast, reading::Reading},
    time::Window,
};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::slices::Bin;

/// A query, read as far as it can be. One that our parser refuses is sent as it stands: the service has the last word.
#[derive(Clone, Debug)]
pub struct Subject {
    text: String,
    read: Option<(ast::Query, Reading)>,
}

impl Subject {
    /// Reads a query.
    pub fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        let read = kql::parse(&text).ok().map(|query| {
            let reading = kql::reading::read(&query);
            (query, reading)
        });
        Self { text, read }
    }

    /// Returns the text as its author wrote it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns what the query reads; none where it could not be read.
    pub fn reading(&self) -> Option<&Reading> {
        self.read.as_ref().map(|(_, reading)| reading)
    }

    /// Says whether the query's result is the union of its results over slices of time, or why it is not.
    ///
    /// # Errors
    /// The reason, in words.
    pub fn cuttable(&self) -> Result<(), String> {
        match &self.read {
            None => Err("the query could not be read here".into()),
            Some((_, reading)) => reading.reason.as_ref().map_or(Ok(()), |reason| Err(reason.with_line(&self.text))),
        }
    }

    /// Says whether the query can be bounded in time at all.
    pub fn has_time(&self) -> bool {
        self.reading().is_some_and(|reading| !reading.tables.is_empty() && reading.tables.iter().all(|table| table.time_column.is_some()))
    }

    /// Says whether Graph's time span is of use: not where no table that is read has a time column.
    pub fn takes_timespan(&self) -> bool {
        self.reading().is_none_or(|reading| reading.tables.is_empty() || reading.tables.iter().any(|table| table.time_column.is_some()))
    }

    /// Says whether MDE's API has every table that is read.
    pub fn is_of_mde(&self) -> bool {
        self.reading().is_some_and(|reading| {
            reading.tables.iter().all(|table| kql::tables::find(&table.name).is_some_and(kql::tables::TableInfo::in_mde))
        })
    }

    /// Returns the text that asks for `window`, and of that for one of `of` parts by the rows' hash.
    pub fn piece(&self, window: Window, part: Option<(u32, u32)>) -> String {
        let Some((query, _)) = &self.read else { return self.text.clone() };
        let text = match part {
            None => self.text.clone(),
            // `hash` and `pack_all` are accepted in hunting (apis.md 4.9).
            Some((index, of)) => self.with(query, &format!("where hash(tostring(pack_all()), {of}) == {index}")),
        };
        bounded(&text, window)
    }

    /// Returns the text that counts the rows of `window` by bins of `width`; none where it has no time to count by.
    pub fn histogram(&self, window: Window, width: SignedDuration) -> Option<String> {
        let (query, reading) = self.read.as_ref()?;
        let column = reading.tables.first()?.time_column?;
        let ticks = width.as_nanos() / 100;
        let text = self.with(query, &format!("summarize IrRows = count() by IrBin = bin({column}, {ticks}tick)"));
        Some(bounded(&text, window))
    }

    /// Returns the text that counts the rows of `window`.
    pub fn count(&self, window: Window) -> Option<String> {
        let (query, _) = self.read.as_ref()?;
        Some(bounded(&self.with(query, "summarize IrRows = count()"), window))
    }

    /// Adds an operator to the query's last expression, before a `render` that ends it.
    fn with(&self, query: &ast::Query, operator: &str) -> String {
        let at = end_of_result(query).unwrap_or(self.text.len());
        let (head, tail) = self.text.split_at(at);
        // On a line of its own, or it would be part of a comment.
        let tail = if tail.trim_start().starts_with('|') { String::new() } else { format!("\n{tail}") };
        format!("{head}\n| {operator}{tail}")
    }
}

fn bounded(text: &str, window: Window) -> String {
    let _ = window;
    text.to_owned()
}

/// Where the last tabular expression ends, less a `render` at its end.
fn end_of_result(query: &ast::Query) -> Option<usize> {
    let last = query.statements.iter().rev().find_map(|statement| match statement {
        ast::Statement::Expression(expression) => Some(expression),
        _ => None,
    })?;
    if let ast::ExprKind::Pipeline { source, operators } = &last.kind
        && let Some(ast::Operator { kind: ast::OperatorKind::Render { .. }, .. }) = operators.last()
    {
        let before = operators.iter().rev().nth(1).map(|operator| operator.span.end);
        return before.or_else(|| source.as_ref().map(|source| source.span.end));
    }
    Some(last.span.end)
}

/// Takes the answer of [`Subject::histogram`] or [`Subject::count`].
#[derive(Debug, Default)]
pub(super) struct Bins(pub(super) Vec<Bin>);

#[derive(Deserialize)]
struct Counted {
    #[serde(rename = "IrBin")]
    bin: Option<Timestamp>,
    #[serde(rename = "IrRows")]
    rows: u64,
}

impl Rows for Bins {
    fn begin(&mut self) -> Result<()> {
        self.0.clear();
        Ok(())
    }

    fn row(&mut self, raw: &[u8]) -> Result<()> {
        // A bin without a time holds rows whose time is null: no window asks for them, so none is cut for them.
        let counted: Counted = serde_json::from_slice(raw).map_err(|error| {
            crate::error::Error::new(crate::error::Kind::Query, "the service counted in a form that is not understood").caused_by(error)
        })?;
        self.0.push(Bin { start: counted.bin.unwrap_or(Timestamp::MIN), rows: counted.rows });
        Ok(())
    }

    fn end(&mut self, _answer: &Answer) -> Result<()> {
        Ok(())
    }
}
