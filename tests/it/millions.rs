//! Ten million rows from a lab at the documented caps, by the real binary: all of them, each once, in few more calls than it must be.
//! By default the same in small: fewer rows under a smaller cap. With `IRCOLLECT_LONG` at full size.

use crate::support::{
    is_long,
    site::{Site, generous},
};
use ircollect::lab::{Caps, Options, Service};
use serde::Deserialize;
use serde_json::json;
use std::{
    collections::HashMap,
    io::{BufRead, BufReader},
    path::Path,
};

/// Days after a roll-out that the lab's company has at one tick.
const WINDOW: [&str; 2] = ["2026-08-16T00:00:00Z", "2026-09-01T00:00:00Z"];

/// Rows, the cap on those of an answer, and how many times the lab's events.
fn size() -> (u64, Caps, u32) {
    match (is_long(), cfg!(debug_assertions)) {
        (true, _) => (10_000_000, Caps::default(), 20),
        (false, false) => (400_000, Caps { rows: 10_000, ..Caps::default() }, 10),
        (false, true) => (100_000, Caps { rows: 5_000, ..Caps::default() }, 2),
    }
}

fn lab(caps: Caps, scale: u32) -> Site {
    Site::new(Options { caps, scale, end: Some("2026-09-01T00:00:00Z".parse().unwrap()), ..generous() })
}

/// An event that becomes several rows, all at one tick.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Event {
    timestamp: String,
    report_id: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Row<'a> {
    timestamp: &'a str,
    report_id: i64,
    #[serde(rename = "n")]
    number: usize,
}

/// Which rows there are, and how often each came.
#[derive(Default)]
struct Expected {
    /// Where the rows of an event begin, how many there are, and how many events are alike.
    events: HashMap<(String, i64), (usize, usize, u8)>,
    came: Vec<u8>,
}

impl Expected {
    fn add(&mut self, event: &Event, rows: usize) {
        let at = self.came.len();
        let known = self.events.entry((event.timestamp.clone(), event.report_id)).or_insert((at, rows, 0));
        known.2 += 1;
        if known.2 == 1 {
            self.came.resize(at + rows, 0);
        }
    }

    fn rows(&self) -> u64 {
        self.events.values().map(|(_, rows, times)| *rows as u64 * u64::from(*times)).sum()
    }

    fn count(&mut self, file: &Path) {
        for line in BufReader::new(std::fs::File::open(file).unwrap()).lines() {
            let line = line.unwrap();
            let row: Row<'_> = serde_json::from_str(&line).unwrap();
            let (at, rows, _) = self.events[&(row.timestamp.to_owned(), row.report_id)];
            assert!((1..=rows).contains(&row.number), "{line}");
            self.came[at + row.number - 1] += 1;
        }
    }

    /// How many rows came less often than they are there, and how many more often.
    fn wrong(&self) -> (usize, usize) {
        let wrong = |is: fn(u8, u8) -> bool| {
            let of_event =
                |(at, rows, times): &(usize, usize, u8)| self.came[*at..at + rows].iter().filter(|came| is(**came, *times)).count();
            self.events.values().map(of_event).sum()
        };
        (wrong(|came, there| came < there), wrong(|came, there| came > there))
    }
}

/// Every event as many times as it takes: dense by day, thin by night and on Sundays. The query, and what it returns.
fn world(rows: u64, scale: u32) -> (String, Expected) {
    let uncapped = lab(Caps { rows: u64::MAX, bytes: u64::MAX }, scale);
    let window = json!({"from": WINDOW[0], "to": WINDOW[1]});
    let told = uncapped.ask("DeviceProcessEvents | project Timestamp, ReportId", &window);
    let events: Vec<Event> = told.rows.iter().map(|row| serde_json::from_str(row).unwrap()).collect();
    let each = rows.div_ceil(events.len() as u64);
    let mut expected = Expected::default();
    for event in &events {
        expected.add(event, usize::try_from(each).unwrap());
    }
    let query =
        format!("DeviceProcessEvents\n| extend n = range(1, {each})\n| mv-expand n to typeof(long)\n| project Timestamp, ReportId, n");
    eprintln!("{} events, {each} rows each", events.len());
    (query, expected)
}

#[test]
fn ten_million_rows_come_once_in_few_more_calls_than_they_must() {
    let (rows, caps, scale) = size();
    let (query, mut expected) = world(rows, scale);
    let site = lab(caps, scale);
    let summary = site.summary(0, &["hunt", "--kql", &query, "--api", "graph", "--from", WINDOW[0], "--to", WINDOW[1]]);
    let job = &summary["jobs"][0];
    let there = expected.rows();
    assert!(there >= rows && there < rows + rows / 4, "{there} rows");
    assert_eq!((&job["rows"], &job["counted"]), (&json!(there), &json!(there)));
    let files = job["files"].as_array().unwrap();
    assert_eq!(files.len(), 1);
    expected.count(&site.bench.case().join(files[0]["path"].as_str().unwrap()));
    assert_eq!(expected.wrong(), (0, 0), "rows that are missing, and rows that came too often");
    let (calls, least) = (job["calls"].as_u64().unwrap(), there.div_ceil(caps.rows));
    assert_eq!(hunting_calls(&site), calls);
    println!("{there} rows in {calls} calls, and {least} are the least");
    assert!(calls * 100 <= least * 135, "{calls} calls, where {least} are the least: {}", job["notes"]);
}

fn hunting_calls(site: &Site) -> u64 {
    site.lab.seen().iter().filter(|seen| seen.service == Service::Graph).count() as u64
}
