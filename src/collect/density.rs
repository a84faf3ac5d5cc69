//! The query that counts a query's rows by time, and its answer. The text is only added to, never rewritten.
//!
//! Times are those of the tables' rows, carried through the query beside its own columns, so that a query that drops its time
//! column, or makes another, can be counted all the same. Where it cannot, its result's own time column is counted by.

use super::{
    carried::{CARRIED, carrying},
    slices::{self, Bin},
    subject::{Subject, read},
};
use crate::{
    api::hunting::{Answer, Rows},
    error::{Error, Kind, Result},
    kql::{
        ast::{ExprKind, Operator, OperatorKind, Query, Statement},
        reading::Reading,
    },
    time::Window,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

/// How a histogram is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Form {
    /// By the tables' times, carried through the query.
    pub(super) carried: bool,
    /// With the times of the first and the last row of each bin.
    pub(super) edged: bool,
    /// With what the rows take as JSON.
    pub(super) weighed: bool,
}

impl Subject {
    /// Returns the ways to ask for a histogram, the best first.
    pub(super) fn forms(&self) -> Vec<Form> {
        let form = |carried, edged, weighed| Form { carried, edged, weighed };
        let Some((query, reading)) = &self.read else { return Vec::new() };
        let carried = !keeps_time(query, reading);
        vec![form(carried, true, true), form(carried, true, false), form(!carried, true, false), form(false, false, false)]
    }

    /// Returns every text that may be sent to count the rows of `window` by time.
    pub fn histograms(&self, window: Window) -> Vec<String> {
        let width = slices::bin_width(window, 10_000);
        self.forms().into_iter().filter_map(|form| self.histogram(window, width, form)).collect()
    }

    /// Returns the text that counts the rows of `window` by bins of `width`; none where there is no time to count by.
    pub(super) fn histogram(&self, window: Window, width: SignedDuration, form: Form) -> Option<String> {
        let (query, reading) = self.read.as_ref()?;
        let column = if form.carried { CARRIED } else { reading.tables.iter().find_map(|table| table.time_column)? };
        let edges = if form.edged { format!(", IrFirst = min({column}), IrLast = max({column})") } else { String::new() };
        let bytes = if form.weighed { ", IrBytes = sum(strlen(tostring(pack_all())))" } else { "" };
        let operator = format!("summarize IrRows = count(){edges}{bytes} by IrBin = bin({column}, {})", literal(width));
        if !form.carried {
            return self.counting(&operator, window);
        }
        let carrying = carrying(&self.text, query, reading)?;
        let read = read(&carrying);
        Self { text: carrying, read, shares: Vec::new() }.counting(&operator, window)
    }
}

/// A width as KQL writes it, in the largest unit that it is a multiple of.
fn literal(width: SignedDuration) -> String {
    const UNITS: [(i128, &str); 7] = [
        (86_400_000_000_000, "d"),
        (3_600_000_000_000, "h"),
        (60_000_000_000, "m"),
        (1_000_000_000, "s"),
        (1_000_000, "ms"),
        (1_000, "microsecond"),
        (100, "tick"),
    ];
    let nanos = width.as_nanos();
    let unit = UNITS.iter().find(|(length, _)| nanos % length == 0);
    unit.map_or_else(|| format!("{}tick", nanos / 100), |(length, unit)| format!("{}{unit}", nanos / length))
}

/// Says whether the result surely has the time column of the one table that is read, as the table has it.
fn keeps_time(query: &Query, reading: &Reading) -> bool {
    let ([Statement::Expression(expression)], [table]) = (query.statements.as_slice(), reading.tables.as_slice()) else { return false };
    let Some(column) = table.time_column else { return false };
    match &expression.kind {
        ExprKind::Name(_) => true,
        ExprKind::Pipeline { source: Some(source), operators } => {
            matches!(source.kind, ExprKind::Name(_)) && operators.iter().all(|operator| operator_keeps(operator, column))
        }
        _ => false,
    }
}

fn operator_keeps(operator: &Operator, column: &str) -> bool {
    match &operator.kind {
        OperatorKind::Where(_) | OperatorKind::Sort(_) | OperatorKind::ProjectReorder(_) | OperatorKind::Render { .. } => true,
        OperatorKind::Project(columns) => columns.iter().any(|kept| matches!(&kept.kind, ExprKind::Name(name) if name.text == column)),
        OperatorKind::Extend(values) => values.iter().all(|value| match &value.kind {
            ExprKind::Named { names, .. } => names.iter().all(|name| name.text != column),
            _ => true,
        }),
        _ => false,
    }
}

/// Takes the answer of a histogram or a count.
#[derive(Debug, Default)]
pub(super) struct Bins {
    /// How wide each is.
    width: SignedDuration,
    /// Those that have a time. No window asks for rows whose time is null, so that none is cut for them.
    pub(super) timed: Vec<Bin>,
    /// All rows that were counted.
    pub(super) rows: u64,
    /// Rows of the answer.
    pub(super) lines: u64,
}

impl Bins {
    /// Takes bins of a width.
    pub(super) fn of(width: SignedDuration) -> Self {
        Self { width, ..Self::default() }
    }
}

/// A row of the answer, by the names that were asked for in whatever casing they come back (apis.md 4.3). Numbers may come as text, as
/// OData writes those that no double holds, and times without the zone that they all are in.
struct Line(Map<String, Value>);

impl Line {
    fn read(raw: &[u8]) -> Option<Self> {
        serde_json::from_slice(raw).ok().map(Self)
    }

    fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).or_else(|| self.0.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
    }

    fn number(&self, name: &str) -> Option<u64> {
        match self.get(name)? {
            Value::String(text) => text.trim().parse().ok(),
            number => number.as_u64(),
        }
    }

    fn time(&self, name: &str) -> Option<Timestamp> {
        let text = self.get(name)?.as_str()?;
        text.parse().or_else(|_| format!("{text}Z").parse()).ok()
    }
}

impl Rows for Bins {
    fn begin(&mut self) -> Result<()> {
        *self = Self::of(self.width);
        Ok(())
    }

    fn row(&mut self, raw: &[u8]) -> Result<()> {
        let line = Line::read(raw);
        let Some((line, rows)) = line.and_then(|line| line.number("IrRows").map(|rows| (line, rows))) else {
            return Err(Error::new(Kind::Query, "the service counted in a form that is not understood"));
        };
        self.rows = self.rows.saturating_add(rows);
        self.lines += 1;
        if let Some(start) = line.time("IrBin") {
            // A bin without edges is as wide as all are.
            let last = start.checked_add(self.width).and_then(|end| end.checked_sub(slices::TICK)).unwrap_or(start).max(start);
            let (first, last) = (line.time("IrFirst").unwrap_or(start), line.time("IrLast").unwrap_or(last));
            self.timed.push(Bin { start, first, last, rows, bytes: line.number("IrBytes").unwrap_or_default() });
        }
        Ok(())
    }

    fn end(&mut self, _answer: &Answer) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kql;

    fn now() -> Timestamp {
        "2026-01-02T00:00:00Z".parse().unwrap()
    }

    fn asked(text: &str, form: usize) -> String {
        let subject = Subject::new(text, now());
        let window = Window::new("2026-01-01T00:00:00Z".parse().unwrap(), now()).unwrap();
        let text = subject.histogram(window, SignedDuration::from_secs(1), subject.forms()[form]).unwrap();
        assert!(kql::parse(&text).is_ok(), "{text}");
        text
    }

    #[test]
    fn a_query_that_keeps_its_time_is_counted_as_it_is() {
        let text = asked("DeviceEvents | where A == 1 | project Timestamp, A\n| render timechart", 1);
        assert!(
            text.ends_with("| summarize IrRows = count(), IrFirst = min(Timestamp), IrLast = max(Timestamp) by IrBin = bin(Timestamp, 1s)"),
            "{text}"
        );
        assert!(!text.contains(CARRIED));
        assert!(asked("DeviceEvents", 0).contains("IrBytes = sum(strlen(tostring(pack_all())))"));
    }

    #[test]
    fn time_is_carried_through_what_drops_it() {
        let text = asked("let x = DeviceEvents | project A, B;\nx | project A | union (SigninLogs | project A)", 0);
        assert!(text.contains("let DeviceEvents = _DeviceEvents | extend IrTime = Timestamp;"), "{text}");
        assert!(text.contains("let SigninLogs = _SigninLogs | extend IrTime = TimeGenerated;"), "{text}");
        assert_eq!(text.matches(", IrTime").count(), 3, "{text}");
        assert!(text.contains("by IrBin = bin(IrTime, 1s)"), "{text}");
    }

    #[test]
    fn a_column_that_may_be_missing_is_asked_for_so() {
        for text in ["union DeviceEvents, DeviceTvmSoftwareInventory | project A", "let f = (n: long) { DeviceEvents }; f(1) | project A"] {
            assert!(asked(text, 0).contains(r#"project A, IrTime = column_ifexists("IrTime", datetime(null))"#), "{}", asked(text, 0));
        }
        assert!(asked("union DeviceEvents, SigninLogs | project A | where A == 1", 0).contains("project A, IrTime | where"));
    }

    #[test]
    fn time_is_not_carried_where_the_columns_are_declared() {
        let subject = Subject::new("DeviceEvents | evaluate bag_unpack(AdditionalFields): (Timestamp: datetime, A: string)", now());
        let window = Window::new("2026-01-01T00:00:00Z".parse().unwrap(), now()).unwrap();
        assert!(subject.histograms(window).iter().all(|text| !text.contains(CARRIED)));
    }

    #[test]
    fn a_name_that_the_query_binds_itself_is_left_alone() {
        let subject = Subject::new("let DeviceEvents = DeviceEvents | project A, Timestamp; DeviceEvents", now());
        let window = Window::new("2026-01-01T00:00:00Z".parse().unwrap(), now()).unwrap();
        let texts: Vec<bool> =
            subject.forms().into_iter().map(|form| subject.histogram(window, SignedDuration::from_secs(1), form).is_some()).collect();
        assert_eq!(texts, [false, false, true, true]);
    }

    #[test]
    fn rows_without_a_time_are_counted_and_not_cut_for() {
        let mut bins = Bins::of(SignedDuration::from_secs(1));
        bins.row(
            br#"{"IrBin":"2026-01-01T00:00:00Z","IrFirst":"2026-01-01T00:00:00.0000001Z","IrLast":"2026-01-01T00:00:00.5Z","IrRows":7}"#,
        )
        .unwrap();
        bins.row(br#"{"IrBin":"2026-01-01T00:00:01Z","IrRows":0}"#).unwrap();
        bins.row(br#"{"IrBin":null,"IrFirst":null,"IrLast":null,"IrRows":3,"IrBytes":5}"#).unwrap();
        bins.row(br#"{"IrRows":1}"#).unwrap();
        assert_eq!((bins.rows, bins.lines, bins.timed.len()), (11, 4, 2));
        assert_eq!(bins.row(b"{}").unwrap_err().kind(), Kind::Query);
    }

    #[test]
    fn a_count_is_understood_in_the_forms_it_may_come_in() {
        let mut bins = Bins::of(SignedDuration::from_secs(1));
        let row = br##"{"irBin@odata.type":"#DateTimeOffset","irBin":"2026-01-01T00:00:00","irRows@odata.type":"#Int64","irRows":"9007199254740993"}"##;
        bins.row(row).unwrap();
        assert_eq!((bins.rows, bins.timed[0].start), (9_007_199_254_740_993, "2026-01-01T00:00:00Z".parse().unwrap()));
    }
}
