//! What came of a job so far, and what was learnt about its rows.

use super::{
    HuntJob,
    cutting::{Cap, Knowledge},
    density::Form,
    hunt::filled,
    plan::Piece,
    report,
    slices::Limits,
};
use crate::{
    api::hunting::Answer,
    error::Error,
    journal::{self, Held},
    store::{Written, table},
    time::Window,
};
use jiff::Timestamp;
use std::collections::VecDeque;

/// A file that holds rows of the job.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    /// The rows as they were sent; where those are not kept, in another format.
    pub(super) file: Written,
    /// The same rows in further formats.
    pub(super) others: Vec<Written>,
    /// What it holds; several where it was joined.
    pub(super) holds: Vec<Held>,
    /// It was at a cap and could not be cut: there may be more.
    pub(super) capped: bool,
    pub(super) request_ids: Vec<String>,
    pub(super) schema: Vec<journal::Column>,
}

impl Stored {
    /// Returns all files that hold the rows.
    pub(super) fn files(&self) -> impl Iterator<Item = &Written> {
        std::iter::once(&self.file).chain(&self.others)
    }
}

/// What came of the job so far.
pub(super) struct State {
    pub(super) queue: VecDeque<Piece>,
    pub(super) stored: Vec<Stored>,
    /// Files whose rows are asked for again.
    pub(super) superseded: Vec<String>,
    pub(super) gaps: Vec<report::Gap>,
    pub(super) failure: Option<Error>,
    /// An answer was at a cap and may not be cut: the job goes on, and is incomplete.
    pub(super) capped: Option<Error>,
    pub(super) was_cut: bool,
    /// An earlier run found fewer rows stored than the service counted.
    pub(super) doubted: bool,
    /// The journal's latest doing of this job ended whole: nothing is left to do.
    pub(super) already: Option<journal::JobEnded>,
    /// What the service counted.
    pub(super) counted: Option<Counted>,
    /// What a reader of the report should know.
    pub(super) notes: Vec<String>,
    /// The first rows of the first answer that had any.
    pub(super) preview: Option<report::Preview>,
    knowledge: Knowledge,
    bytes_cap: u64,
}

/// Rows that the service counted in the job's window, and when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counted {
    pub(super) rows: u64,
    pub(super) at: Timestamp,
}

impl State {
    pub(super) fn new(job: &HuntJob) -> Self {
        let limits = Limits {
            rows: filled(job.rows_cap),
            bytes: sized(job.bytes_cap),
            hopeless_rows: job.rows_cap,
            hopeless_bytes: job.bytes_cap.saturating_add(job.bytes_cap / 4),
        };
        Self {
            queue: VecDeque::new(),
            stored: Vec::new(),
            superseded: Vec::new(),
            gaps: Vec::new(),
            failure: None,
            capped: None,
            was_cut: false,
            doubted: false,
            already: None,
            counted: None,
            notes: Vec::new(),
            preview: None,
            knowledge: Knowledge { limits, forms: job.subject.share(0).forms() },
            bytes_cap: job.bytes_cap,
        }
    }

    pub(super) fn gap(&mut self, window: Window, reason: impl Into<String>) {
        self.gaps.push(report::Gap { window, reason: reason.into() });
    }

    /// Notes why the job cannot go on. What is still queued will be missing for the same reason.
    pub(super) fn fail(&mut self, window: Window, error: Error) {
        self.gap(window, error.message());
        self.failure.get_or_insert(error);
    }

    /// Names what a job that failed did not come to ask for.
    pub(super) fn give_up_the_rest(&mut self) {
        let Some(reason) = self.failure.as_ref().map(|error| error.message().to_owned()) else { return };
        for piece in std::mem::take(&mut self.queue) {
            self.gap(piece.window, reason.clone());
        }
    }

    /// Keeps the first rows for whoever watches. Rows that cannot be laid out are not worth a word: they are stored.
    pub(super) fn look_at(&mut self, rows: &[Vec<u8>], schema: &[journal::Column]) {
        if self.preview.is_none()
            && !rows.is_empty()
            && let Ok((columns, rows)) = table::glance(rows, schema)
        {
            self.preview = Some(report::Preview { columns, rows });
        }
    }

    /// Returns the rows stored.
    pub(super) fn rows(&self) -> u64 {
        self.stored.iter().map(|stored| stored.file.rows).sum()
    }

    /// Fits slices to the size of rows, so that they stay under the cap on bytes too. An answer of few rows tells little: what is
    /// around them weighs more.
    pub(super) fn learn(&mut self, answer: &Answer) {
        if answer.bytes < self.bytes_cap / 50 {
            return;
        }
        if let Some(per_row) = answer.bytes.checked_div(answer.rows).filter(|bytes| *bytes > 0) {
            self.lower(sized(self.bytes_cap) / per_row);
        }
    }

    /// Says whether a slice was made for rows smaller than they turned out to be, and can be cut again without a call.
    pub(super) fn has_outgrown(&self, piece: &Piece) -> bool {
        let most = self.knowledge.limits.rows.saturating_mul(5) / 4;
        piece.bins.is_some() && piece.part.is_none() && piece.expected.is_some_and(|rows| rows > most.max(1))
    }

    fn lower(&mut self, rows: u64) {
        self.knowledge.limits.rows = self.knowledge.limits.rows.min(rows).max(1);
    }

    /// Returns what `piece` is to be cut by, having learnt that it did not come whole.
    pub(super) fn knowledge(&mut self, piece: &Piece, cap: Cap) -> Knowledge {
        let was_expected = piece.expected.filter(|_| !piece.hopeless && piece.part.is_none());
        let half = was_expected.map(|rows| rows.div_ceil(2).max(1));
        if cap == Cap::Bytes
            && let Some(half) = half
        {
            self.lower(half);
            self.knowledge.limits.bytes = self.knowledge.limits.bytes / 4 * 3;
        }
        let mut knowledge = self.knowledge.clone();
        knowledge.limits.rows = half.map_or(knowledge.limits.rows, |half| half.min(knowledge.limits.rows));
        knowledge
    }

    /// Returns the best way to ask for a histogram of rows alone.
    pub(super) fn plain_form(&self) -> Option<Form> {
        self.knowledge.forms.iter().copied().find(|form| !form.weighed)
    }

    /// Takes down ways to count that the service refused.
    pub(super) fn cannot_count(&mut self, refused: &[Form]) {
        self.knowledge.forms.retain(|form| !refused.contains(form));
    }
}

/// Share of the cap on bytes that slices are filled to: rows differ in size.
fn sized(cap: u64) -> u64 {
    cap / 5 * 4
}
