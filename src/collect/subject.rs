//! A query as a job asks it: bounded to a window, cut by hash, counted by time. The text is only added to, never rewritten.

use crate::{
    api::hunting::{Answer, Rows},
    error::Result,
    kql::{
        self,
        ast::{self, Query},
        bound::{self, Part},
        reading::{self, Reading},
        tables,
    },
    time::Window,
};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::{Filled, slices::Bin};

/// A query, read as far as it can be. One that our parser refuses is sent as it stands: the service has the last word.
#[derive(Clone, Debug)]
pub struct Subject {
    text: String,
    read: Option<(Query, Reading)>,
    /// The same over shares of a list that is too long for one request; empty where it is not.
    shares: Vec<Self>,
}

impl Subject {
    /// Reads a query that is asked over windows that end at `now`. Its own `now()` and `ago()` stop there, so that two runs of one
    /// window ask the same thing.
    pub fn new(text: &str, now: Timestamp) -> Self {
        let shares = Vec::new();
        let Some((query, reading)) = read(text) else { return Self { text: text.to_owned(), read: None, shares } };
        if !reading.uses_now() {
            return Self { text: text.to_owned(), read: Some((query, reading)), shares };
        }
        let text = bound::pin_now(text, &reading, now);
        let read = read(&text);
        Self { text, read, shares }
    }

    /// Takes a query that is asked as it stands, over whatever there is.
    pub fn as_is(text: &str) -> Self {
        Self { text: text.to_owned(), read: None, shares: Vec::new() }
    }

    /// Reads a query whose parameters are filled in, as [`Subject::new`] does.
    pub fn filled(filled: &Filled, now: Timestamp) -> Self {
        let shares = filled.parts.iter().map(|part| Self::new(part, now)).collect();
        Self { shares, ..Self::new(&filled.whole, now) }
    }

    /// Returns into how many texts it is parted, by a long list in it.
    pub(super) fn shares(&self) -> u32 {
        u32::try_from(self.shares.len()).unwrap_or(u32::MAX).max(1)
    }

    /// Returns one of the texts that are sent, from 0: itself, where it is not parted.
    pub fn share(&self, index: u32) -> &Self {
        usize::try_from(index).ok().and_then(|index| self.shares.get(index)).unwrap_or(self)
    }

    /// Returns what the query reads; none where it could not be read.
    pub fn reading(&self) -> Option<&Reading> {
        self.read.as_ref().map(|(_, reading)| reading)
    }

    /// Says whether the query's result can be had in pieces, by time or by hash, or why it cannot.
    ///
    /// # Errors
    /// The reason, in words.
    pub fn cuttable(&self) -> Result<(), String> {
        match &self.read {
            None => Err("the query could not be read here".into()),
            Some((_, reading)) if reading.row_wise || reading.hash_wise => Ok(()),
            Some((_, reading)) => Err(reading.reason.as_ref().map(|reason| reason.with_line(&self.text)).unwrap_or_default()),
        }
    }

    /// Says whether its window can be cut in time.
    pub fn has_time(&self) -> bool {
        self.reading().is_some_and(|reading| reading.row_wise && reading.tables.iter().any(|table| table.time_column.is_some()))
    }

    /// Says whether Graph's time span is of use: not where no table that is read has a time column.
    pub fn takes_timespan(&self) -> bool {
        self.reading().is_none_or(|reading| reading.tables.is_empty() || reading.tables.iter().any(|table| table.time_column.is_some()))
    }

    /// Says whether MDE's API has every table that is read.
    pub fn is_of_mde(&self) -> bool {
        self.reading()
            .is_some_and(|reading| reading.tables.iter().all(|table| tables::find(&table.name).is_some_and(tables::TableInfo::in_mde)))
    }

    /// Returns the text that asks for `window`, or for one of several parts of its rows by their hash: (index, of how many).
    pub fn piece(&self, window: Window, part: Option<(u32, u32)>) -> String {
        let Some((query, reading)) = &self.read else { return self.text.clone() };
        let bounded = match part {
            None => bound::bound(&self.text, query, reading, window),
            Some((index, of)) => bound::bound_part(&self.text, query, reading, window, Part { index, of }),
        };
        bounded.unwrap_or_else(|_| self.text.clone())
    }

    /// Returns the text that counts the rows of `window` by bins of `width`; none where it has no time to count by.
    pub fn histogram(&self, window: Window, width: SignedDuration) -> Option<String> {
        let column = self.reading()?.tables.iter().find_map(|table| table.time_column)?;
        let ticks = width.as_nanos() / 100;
        self.counting(&format!("summarize IrRows = count() by IrBin = bin({column}, {ticks}tick)"), window)
    }

    /// Returns the text that counts the rows of `window`; none where the query could not be read.
    pub fn count(&self, window: Window) -> Option<String> {
        self.counting("summarize IrRows = count()", window)
    }

    /// Adds an operator to the query's last expression, before a `render` that ends it, and bounds the whole.
    fn counting(&self, operator: &str, window: Window) -> Option<String> {
        let (query, _) = self.read.as_ref()?;
        let (head, tail) = self.text.split_at_checked(end_of_result(query)?)?;
        // On a line of its own, or it would be part of a comment.
        let tail = if tail.trim_start().starts_with('|') { String::new() } else { format!("\n{tail}") };
        let text = format!("{head}\n| {operator}{tail}");
        let (query, reading) = read(&text)?;
        bound::bound(&text, &query, &reading, window).ok()
    }
}

fn read(text: &str) -> Option<(Query, Reading)> {
    let query = kql::parse(text).ok()?;
    let reading = reading::read(&query);
    Some((query, reading))
}

/// How the journal marks a file that holds the rows of one share.
const SHARE: &str = "list part";

impl Subject {
    /// Adds to how a file was cut which share it is of.
    pub(super) fn marked(&self, cut: Option<String>, share: u32) -> Option<String> {
        let mark = match self.shares() {
            1 => return cut,
            of => format!("{SHARE} {} of {of}", share + 1),
        };
        Some(cut.map_or_else(|| mark.clone(), |cut| format!("{cut}, {mark}")))
    }

    /// Returns the share that a file is of, by its mark.
    pub(super) fn share_marked(&self, cut: Option<&str>) -> u32 {
        let number =
            cut.and_then(|cut| cut.rsplit_once(SHARE)?.1.strip_suffix(&format!(" of {}", self.shares()))?.trim().parse::<u32>().ok());
        number.map_or(0, |number| number.saturating_sub(1))
    }
}

/// Where the last tabular expression ends, less a `render` at its end.
fn end_of_result(query: &Query) -> Option<usize> {
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
