//! Reads the rows of a job once: how many an hour, the first of them, and for alerts what they are.

use super::{
    alerts::Alerts,
    row::{Fields, Glimpse},
    short,
};
use crate::{
    error::Result,
    journal::{FileStored, disk},
    store::CaseView,
};
use jiff::Timestamp;
use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
};

/// Hours of which rows are counted at most: eleven years. Rows beyond are counted as of no time.
const MOST_HOURS: usize = 100_000;
/// Characters of a value that a page shows.
const SHOWN: usize = 160;

/// What a job's rows are.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// Rows by the hour since 1970.
    pub(super) hours: BTreeMap<i64, u64>,
    /// Rows without a time that can be read.
    pub(super) timeless: u64,
    /// The first rows.
    pub(super) first: Vec<Fields>,
    /// What alerts there are, where they are any.
    pub(super) alerts: Option<Alerts>,
    wanted: usize,
}

impl Scan {
    /// Begins; the first `wanted` rows are kept.
    pub(super) fn new(wanted: usize, alerts: bool) -> Self {
        Self { wanted, alerts: alerts.then(Alerts::default), ..Self::default() }
    }

    /// Reads a file of NDJSON, if it is one.
    pub(super) fn file(&mut self, case: &CaseView, file: &FileStored, progress: &dyn Fn(u64)) -> Result<()> {
        let path = case.resolve(&file.path).filter(|_| file.format == "ndjson");
        path.map_or(Ok(()), |path| self.lines(&path, progress))
    }

    fn lines(&mut self, path: &Path, progress: &dyn Fn(u64)) -> Result<()> {
        let file = File::open(path).map_err(|error| disk::failed("reading", path, error))?;
        let mut reader = BufReader::with_capacity(1 << 18, file);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).map_err(|error| disk::failed("reading", path, error))? > 0 {
            progress(line.len() as u64);
            self.row(&line);
            line.clear();
            line.shrink_to(1 << 20);
        }
        Ok(())
    }

    fn row(&mut self, row: &[u8]) {
        let glimpse = Glimpse::of(row);
        if let Some(alerts) = &mut self.alerts {
            alerts.take(&glimpse);
        }
        let hour = glimpse.time.and_then(|(_, time)| time.parse::<Timestamp>().ok()).map(|time| time.as_second().div_euclid(3_600));
        match hour {
            Some(hour) if self.hours.len() < MOST_HOURS || self.hours.contains_key(&hour) => *self.hours.entry(hour).or_default() += 1,
            _ => self.timeless += 1,
        }
        if self.first.len() < self.wanted {
            // What a parser refuses (half a surrogate pair, say) must not be a way to stay out of the report.
            let raw = || Fields(vec![("(row as it stands)".to_owned(), String::from_utf8_lossy(row).trim_end().to_owned())]);
            let mut fields: Fields = serde_json::from_slice(row).unwrap_or_else(|_| raw());
            for (name, value) in &mut fields.0 {
                (*name, *value) = (short(name, SHOWN), short(value, SHOWN));
            }
            self.first.push(fields);
        }
    }
}
