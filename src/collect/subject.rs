//! A query as a job asks it: bounded to a window, cut by hash, counted by time. The text is only added to, never rewritten.

use crate::{
    kql::{
        self,
        ast::{self, Query},
        bound::{self, Part},
        reading::{self, How, Reading},
        tables,
    },
    time::Window,
};
use jiff::Timestamp;

use super::Filled;

/// A query, read as far as it can be. One that our parser refuses is sent as it stands: the service has the last word.
#[derive(Clone, Debug)]
pub struct Subject {
    pub(super) text: String,
    pub(super) read: Option<(Query, Reading)>,
    /// The same over shares of a list that is too long for one request; empty where it is not.
    pub(super) shares: Vec<Self>,
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

    /// Says whether the query's result is the union of its results over slices of time, or why it is not.
    ///
    /// # Errors
    /// The reason, in words.
    pub fn in_slices(&self) -> Result<(), String> {
        match &self.read {
            Some((_, reading)) if reading.row_wise => Ok(()),
            Some((_, Reading { reason: Some(reason), .. })) => Err(reason.with_line(&self.text)),
            _ => Err("the query could not be read here".into()),
        }
    }

    /// Says whether its window can be cut in time.
    pub fn has_time(&self) -> bool {
        self.reading().is_some_and(|reading| reading.row_wise && reading.tables.iter().any(|table| table.time_column.is_some()))
    }

    /// Says whether a window bounds anything that is read.
    pub(super) fn is_bounded(&self) -> bool {
        let reached = |how| matches!(how, How::Name | How::Call | How::Wildcard);
        let bounded = |table: &reading::TableRead| reached(table.how) && (table.time_column.is_some() || table.how == How::Wildcard);
        self.reading().is_some_and(|reading| reading.tables.iter().any(bounded))
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

    /// Says whether it reads a table of Defender's own that has times: those are kept for 30 days (apis.md 4.6).
    pub fn is_of_defender(&self) -> bool {
        let timed = |table: &reading::TableRead| matches!(table.origin, tables::Origin::Hunting(info) if info.time_column.is_some());
        self.reading().is_some_and(|reading| reading.tables.iter().any(timed))
    }

    /// Says whether it reads a table that only a Sentinel workspace has.
    pub fn is_of_sentinel(&self) -> bool {
        self.reading().is_some_and(|reading| reading.tables.iter().any(|table| matches!(table.origin, tables::Origin::Sentinel)))
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

    /// Returns the text that counts the rows of `window`; none where the query could not be read.
    pub fn count(&self, window: Window) -> Option<String> {
        self.counting("summarize IrRows = count()", window)
    }

    /// Adds an operator to the query's last expression, before a `render` that ends it, and bounds the whole.
    pub(super) fn counting(&self, operator: &str, window: Window) -> Option<String> {
        let (query, _) = self.read.as_ref()?;
        let (head, tail) = self.text.split_at_checked(end_of_result(query)?)?;
        // On a line of its own, or it would be part of a comment.
        let tail = if tail.trim_start().starts_with('|') { String::new() } else { format!("\n{tail}") };
        let text = format!("{head}\n| {operator}{tail}");
        let (query, reading) = read(&text)?;
        bound::bound(&text, &query, &reading, window).ok()
    }
}

pub(super) fn read(text: &str) -> Option<(Query, Reading)> {
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
