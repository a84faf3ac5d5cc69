//! One answer on its way to disk: rows into the sink, counted for those who watch.

use super::Observer;
use crate::{
    api::hunting::{Answer, Column, Rows},
    error::Result,
    journal,
    store::Intake,
};
use std::sync::atomic::{AtomicU64, Ordering};

/// Rows between two words to the observer.
const WORTH_TELLING: u64 = 2_000;

/// Rows and bytes of a job, summed over the answers that come in side by side.
#[derive(Debug, Default)]
pub(super) struct Tally {
    rows: AtomicU64,
    bytes: AtomicU64,
}

impl Tally {
    /// Counts rows that an earlier run stored.
    pub(super) fn start(&self, rows: u64, bytes: u64) {
        self.rows.store(rows, Ordering::Relaxed);
        self.bytes.store(bytes, Ordering::Relaxed);
    }
}

/// Takes the rows of one answer.
pub(super) struct Part<'a> {
    pub(super) intake: Intake,
    tally: &'a Tally,
    observer: &'a dyn Observer,
    job: &'a journal::Job,
    told: u64,
}

impl<'a> Part<'a> {
    pub(super) fn new(intake: Intake, tally: &'a Tally, observer: &'a dyn Observer, job: &'a journal::Job) -> Self {
        Self { intake, tally, observer, job, told: 0 }
    }

    fn tell(&self) {
        self.observer.advanced(self.job, self.tally.rows.load(Ordering::Relaxed), self.tally.bytes.load(Ordering::Relaxed));
    }

    fn forget(&mut self) {
        self.tally.rows.fetch_sub(self.intake.rows(), Ordering::Relaxed);
        self.tally.bytes.fetch_sub(self.intake.bytes(), Ordering::Relaxed);
        self.told = 0;
    }

    /// Drops the rows: they are not to be stored.
    pub(super) fn discard(mut self) {
        self.forget();
    }
}

impl Rows for Part<'_> {
    fn begin(&mut self) -> Result<()> {
        self.forget();
        self.intake.restart()
    }

    fn row(&mut self, raw: &[u8]) -> Result<()> {
        self.intake.row(raw)?;
        self.tally.rows.fetch_add(1, Ordering::Relaxed);
        self.tally.bytes.fetch_add(raw.len() as u64 + 1, Ordering::Relaxed);
        if self.intake.rows() >= self.told + WORTH_TELLING {
            self.told = self.intake.rows();
            self.tell();
        }
        Ok(())
    }

    fn columns(&mut self, schema: &[Column]) -> Result<()> {
        self.intake.columns(&super::hunt::columns(schema))
    }

    fn end(&mut self, _answer: &Answer) -> Result<()> {
        self.tell();
        Ok(())
    }
}
