//! A hunting service in memory: rows at ticks, caps, refusals. It understands the texts that are sent by an evaluator of its own, which
//! shares nothing with the parser and the engine.

use ircollect::{
    api::hunting::{Answer, Column, Rows},
    collect::{Effort, Hunter, Question},
    error::{Error, Kind, Result},
    transport::{Envelope, ServiceFault},
};
use jiff::Timestamp;
use regex::Regex;
use std::{
    collections::BTreeMap,
    fmt::Write,
    sync::{
        LazyLock, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

/// A row: when, which, and how many bytes of padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Row {
    pub(crate) tick: i64,
    pub(crate) id: u64,
    pub(crate) pad: u16,
}

/// Ticks from and to, and which part of the rows by their hash.
pub(crate) type Piece = (i64, i64, Option<(u64, u64)>);

/// How the service behaves.
#[derive(Clone, Debug)]
pub(crate) struct Habits {
    pub(crate) rows_cap: u64,
    pub(crate) bytes_cap: u64,
    /// Share of the questions that are refused by one wording or another, though they might have been answered.
    pub(crate) refused: f64,
    /// Ways of counting that it does not know.
    pub(crate) unknown: &'static [&'static str],
    /// Says in the answer how many rows there are, and cuts at this many.
    pub(crate) stated_cap: Option<u64>,
    /// Rows that are there from this call on.
    pub(crate) late: Vec<(u32, Row)>,
    /// From this call on, rows before this tick are there no more.
    pub(crate) aged: Option<(u32, i64)>,
    /// From this call on every question fails, as after a lost connection.
    pub(crate) dies: Option<u32>,
    /// From this call on nothing answers.
    pub(crate) hangs: Option<u32>,
    pub(crate) seed: u64,
}

impl Default for Habits {
    fn default() -> Self {
        Self {
            rows_cap: 100_000,
            bytes_cap: 50_000_000,
            refused: 0.0,
            unknown: &[],
            stated_cap: None,
            late: Vec::new(),
            aged: None,
            dies: None,
            hangs: None,
            seed: 1,
        }
    }
}

/// The service, and what it was asked.
pub(crate) struct Service {
    rows: Vec<Row>,
    pub(crate) habits: Habits,
    random: Mutex<fastrand::Rng>,
    calls: AtomicU32,
    rests: AtomicU32,
    /// Questions for rows, and whether they were answered.
    pub(crate) asked: Mutex<Vec<(Piece, bool)>>,
}

pub(crate) const TICKS_A_SECOND: i64 = 10_000_000;

/// The tick of a time, from 1970.
pub(crate) fn tick(time: Timestamp) -> i64 {
    i64::try_from(time.as_nanosecond() / 100).unwrap()
}

pub(crate) fn time(tick: i64) -> Timestamp {
    Timestamp::from_nanosecond(i128::from(tick) * 100).unwrap()
}

fn spread(id: u64) -> u64 {
    let mixed = (id ^ (id >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 20
}

static BOUNDS: LazyLock<Regex> = LazyLock::new(|| Regex::new(r">= datetime\(([^)]+)\) and \w+ < datetime\(([^)]+)\)").unwrap());
static PART: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"hash\(tostring\(pack_all\(\)\), (\d+)\) == (\d+)").unwrap());
static BIN: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"by IrBin = bin\((\w+), (\d+)([a-z]+)\)").unwrap());

/// The ticks of a unit of time.
fn ticks(unit: &str) -> i64 {
    let seconds = |seconds: i64| seconds * TICKS_A_SECOND;
    match unit {
        "tick" => 1,
        "microsecond" => 10,
        "ms" => 10_000,
        "s" => seconds(1),
        "m" => seconds(60),
        "h" => seconds(3_600),
        "d" => seconds(86_400),
        _ => panic!("{unit}"),
    }
}

/// What a text asks for.
#[allow(clippy::struct_excessive_bools, reason = "each is a word that stands in the text, or does not")]
struct Asked {
    from: i64,
    to: i64,
    part: Option<(u64, u64)>,
    bins: Option<i64>,
    counts: bool,
    edged: bool,
    weighed: bool,
    timeless: bool,
}

impl Asked {
    fn read(text: &str) -> Self {
        let bounds = BOUNDS.captures(text).map(|found| [1, 2].map(|at| tick(found[at].parse().unwrap())));
        let [from, to] = bounds.unwrap_or([i64::MIN / 2, i64::MAX / 2]);
        let number = |found: &regex::Captures<'_>, at: usize| found[at].parse::<u64>().unwrap();
        Self {
            from,
            to,
            part: PART.captures(text).map(|found| (number(&found, 2), number(&found, 1))),
            bins: BIN.captures(text).map(|found| found[2].parse::<i64>().unwrap() * ticks(&found[3])),
            counts: text.contains("summarize IrRows = count()"),
            edged: text.contains("IrFirst"),
            weighed: text.contains("IrBytes"),
            timeless: text.contains("project Id"),
        }
    }

    fn has(&self, row: &Row) -> bool {
        (self.from..self.to).contains(&row.tick) && self.part.is_none_or(|(index, of)| spread(row.id) % of == index)
    }
}

impl Row {
    pub(crate) fn json(&self, timeless: bool) -> String {
        let mut text = String::new();
        if timeless {
            write!(text, r#"{{"Id":{}"#, self.id).unwrap();
        } else {
            write!(text, r#"{{"Timestamp":"{}","Id":{}"#, time(self.tick), self.id).unwrap();
        }
        if self.pad > 0 {
            write!(text, r#","Pad":"{}""#, "x".repeat(usize::from(self.pad))).unwrap();
        }
        text.push('}');
        text
    }
}

impl Service {
    pub(crate) fn new(mut rows: Vec<Row>, habits: Habits) -> Self {
        rows.sort_unstable();
        let random = Mutex::new(fastrand::Rng::with_seed(habits.seed));
        Self { rows, habits, random, calls: AtomicU32::new(0), rests: AtomicU32::new(0), asked: Mutex::default() }
    }

    pub(crate) fn calls(&self) -> u32 {
        self.calls.load(Ordering::SeqCst)
    }

    /// The rows that are there now.
    pub(crate) fn rows(&self) -> Vec<Row> {
        let calls = self.calls();
        let late = self.habits.late.iter().filter(|(from, _)| *from <= calls).map(|(_, row)| *row);
        let edge = self.habits.aged.filter(|(from, _)| *from <= calls).map_or(i64::MIN, |(_, edge)| edge);
        let mut rows: Vec<Row> = self.rows.iter().copied().chain(late).filter(|row| row.tick >= edge).collect();
        rows.sort_unstable();
        rows
    }

    fn found<'a>(rows: &'a [Row], asked: &'a Asked) -> impl Iterator<Item = &'a Row> + Clone + use<'a> {
        let (from, to) = (rows.partition_point(|row| row.tick < asked.from), rows.partition_point(|row| row.tick < asked.to));
        rows[from..to].iter().filter(|row| asked.has(row))
    }

    fn refusal(&self, asked: &Asked, question: &Question) -> Option<Error> {
        let mut random = self.random.lock().unwrap();
        let refused = random.f64() < self.habits.refused;
        // A single tick is not refused by chance: that it cannot be had would be the truth.
        let large = (asked.to - asked.from > 1 || asked.bins.is_some()) && !asked.counts;
        // Whoever has patience asks a gateway until it lets an answer through.
        let impatient = question.can_be_cut;
        match random.u32(0..6) {
            _ if !refused => None,
            0 => Some(answered(400, "Query execution has exceeded the allowed limits. The query execution was preempted.")),
            1 if impatient => Some(answered(502, "")),
            2 if impatient => Some(answered(504, "")),
            3 if impatient => Some(answered(413, "")),
            4 if large => Some(answered(400, TOO_LARGE)),
            5 if large => Some(answered(400, "Result size limit exceeded. Use \"summarize\" to aggregate.")),
            _ => None,
        }
    }

    async fn answer(&self, question: &Question, rows: &mut dyn Rows) -> Result<Answer> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        assert!(call < 50_000, "there is no end to it: {}", question.query);
        tokio::task::yield_now().await;
        if self.habits.hangs.is_some_and(|from| call >= from) {
            std::future::pending::<()>().await;
        }
        if self.habits.dies.is_some_and(|from| call >= from) {
            return Err(Error::new(Kind::Failed, "the connection was lost").with_code("ConnectionLost").caused_by(ServiceFault::default()));
        }
        let text = &question.query;
        let asked = Asked::read(text);
        if self.habits.unknown.iter().any(|unknown| text.contains(unknown)) {
            return Err(answered(
                400,
                "'summarize' operator: Failed to resolve scalar expression named 'X'. Fix semantic errors in your query.",
            ));
        }
        if let Some(refusal) = self.refusal(&asked, question) {
            return Err(refusal);
        }
        let moving = !self.habits.late.is_empty() || self.habits.aged.is_some();
        let here = moving.then(|| self.rows());
        let found = Self::found(here.as_deref().unwrap_or(&self.rows), &asked);
        rows.begin()?;
        match (asked.counts, asked.bins) {
            (true, None) => self.send(rows, [format!(r#"{{"IrRows":{}}}"#, found.count())].into_iter(), None),
            (true, Some(width)) => self.send(rows, histogram(found, width, &asked).into_iter(), None),
            _ => {
                let sent = self.send_rows(rows, found.copied(), &asked);
                self.asked.lock().unwrap().push(((asked.from, asked.to, asked.part), sent.is_ok()));
                sent
            }
        }
    }

    fn send_rows(&self, rows: &mut dyn Rows, found: impl Iterator<Item = Row> + Clone, asked: &Asked) -> Result<Answer> {
        let cap = self.habits.stated_cap.unwrap_or(self.habits.rows_cap);
        let stated = self.habits.stated_cap.map(|_| found.clone().count() as u64);
        let sent = found.take(usize::try_from(cap).unwrap());
        let bytes: u64 = sent.clone().map(|row| row.json(asked.timeless).len() as u64 + 1).sum();
        if bytes > self.habits.bytes_cap {
            return Err(answered(400, TOO_LARGE));
        }
        self.send(rows, sent.map(|row| row.json(asked.timeless)), stated)
    }

    fn send(&self, rows: &mut dyn Rows, lines: impl Iterator<Item = String>, stated_rows: Option<u64>) -> Result<Answer> {
        let (mut count, mut bytes) = (0, 0);
        for line in lines.take(usize::try_from(self.habits.rows_cap).unwrap()) {
            rows.row(line.as_bytes())?;
            count += 1;
            bytes += line.len() as u64 + 1;
        }
        let schema = vec![Column { name: "Id".into(), kind: "Int64".into() }];
        let answer = Answer { schema, rows: count, bytes, stated_rows, request_id: None, client_request_id: String::new() };
        rows.end(&answer)?;
        Ok(answer)
    }
}

const TOO_LARGE: &str =
    "Query execution has exceeded the allowed result size. Optimize your query by limiting the amount of results and try again.";

/// Bins begin at multiples of their width from the year 1, as Kusto's do.
fn histogram<'a>(rows: impl Iterator<Item = &'a Row>, width: i64, asked: &Asked) -> Vec<String> {
    let year_one = tick("0001-01-01T00:00:00Z".parse().unwrap());
    let mut bins: BTreeMap<i64, (i64, i64, u64, u64)> = BTreeMap::new();
    for row in rows {
        let start = (row.tick - year_one).div_euclid(width) * width + year_one;
        let bin = bins.entry(start).or_insert((row.tick, row.tick, 0, 0));
        bin.0 = bin.0.min(row.tick);
        bin.1 = bin.1.max(row.tick);
        bin.2 += 1;
        bin.3 += row.json(asked.timeless).len() as u64;
    }
    let line = |(start, (first, last, rows, bytes)): (i64, (i64, i64, u64, u64))| {
        let bytes = if asked.weighed { format!(r#","IrBytes":{bytes}"#) } else { String::new() };
        let [start, first, last] = [start, first, last].map(time);
        let edges = if asked.edged { format!(r#","IrFirst":"{first}","IrLast":"{last}""#) } else { String::new() };
        format!(r#"{{"IrBin":"{start}"{edges},"IrRows":{rows}{bytes}}}"#)
    };
    bins.into_iter().map(line).collect()
}

fn answered(status: u16, message: &str) -> Error {
    let envelope = Envelope { message: message.to_owned(), ..Envelope::default() };
    let fault = ServiceFault { status: Some(status), envelope, gateway: matches!(status, 502 | 504), ..ServiceFault::default() };
    let kind = if status == 400 { Kind::Query } else { Kind::Failed };
    Error::new(kind, format!("the service answered {status} {message}")).with_code("BadRequest").caused_by(fault)
}

#[async_trait::async_trait]
impl Hunter for Service {
    async fn ask(&self, question: &Question, rows: &mut dyn Rows) -> Result<Answer> {
        self.answer(question, rows).await
    }

    async fn rest(&self, _until: Timestamp, _reason: &str) -> Result<()> {
        self.rests.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    fn effort(&self) -> Effort {
        Effort { calls: self.calls(), retries: 0, throttled: Duration::ZERO }
    }
}
