//! Rows as they arrive, written in several formats at once.
//!
//! NDJSON is written where the rows come in; every other format has a thread of its own, fed with batches through a queue that holds a
//! few: while the disk or the encoder is slow, the reading waits, and memory stays as it is. NDJSON is written even where it is not
//! asked for: a format whose columns are not known ahead, or turn out otherwise, is made from it once the answer is whole.

use super::{
    case::Case,
    commit::{Facts, Written},
    derive::{NdjsonFiles, derive},
    draft::{Draft, Sealed, refuse_lines},
    place::{Format, Place},
    table::{About, Columns},
    workers::Workers,
};
use crate::{error::Result, journal::Column};
use std::{mem, path::PathBuf, sync::Arc};

/// The first rows are kept for whoever watches: so many, none longer than this.
const FIRST: usize = 10;
const SHORT: usize = 16 << 10;
/// Rows are written, and handed to the threads, in batches of this many bytes.
const BATCH: usize = 256 << 10;

/// What the rows are to become.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// The formats, NDJSON among them or not, each once.
    pub formats: Vec<Format>,
    /// NDJSON stays, whether asked for or not: it is what an interrupted job goes on from.
    pub keeps_ndjson: bool,
    /// What files with metadata say of their rows.
    pub about: About,
}

impl Wanted {
    pub(super) fn keeps(&self) -> bool {
        self.keeps_ndjson || self.formats.contains(&Format::Ndjson)
    }

    /// Returns the formats that are not the rows themselves.
    pub(super) fn others(&self) -> impl Iterator<Item = Format> {
        self.formats.iter().copied().filter(|format| *format != Format::Ndjson)
    }
}

/// Takes the rows of one answer. Dropped, it leaves nothing.
#[derive(Debug)]
pub struct Intake {
    dir: PathBuf,
    place: Place,
    wanted: Wanted,
    draft: Draft,
    batch: Vec<u8>,
    /// Rows of the batch.
    batched: u64,
    first: Vec<Vec<u8>>,
    workers: Workers,
}

/// Files that are whole and durable under temporary names.
#[derive(Debug)]
pub struct Harvest {
    pub(super) files: Vec<Sealed>,
}

impl Case {
    /// Begins files of rows that are to stand at `place`, each in its format.
    ///
    /// # Errors
    /// [`Kind::Disk`](crate::error::Kind::Disk).
    pub fn intake(&self, place: &Place, wanted: Wanted) -> Result<Intake> {
        let place = place.format(Format::Ndjson);
        let create = if wanted.keeps() { Draft::create } else { Draft::passing };
        let draft = create(&self.dir, place.clone())?;
        let (dir, workers) = (self.dir.clone(), Workers::default());
        Ok(Intake { dir, place, wanted, draft, batch: Vec::new(), batched: 0, first: Vec::new(), workers })
    }

    /// Makes files part of the case, one after the other; what they replace gives way to the last. NDJSON comes first: whatever
    /// happens in between, the others can be made from it.
    ///
    /// # Errors
    /// As [`Case::commit`].
    pub fn commit_all(&self, harvest: Harvest, mut facts: Facts) -> Result<Vec<Written>> {
        let replaces = mem::take(&mut facts.replaces);
        let last = harvest.files.len().saturating_sub(1);
        let mut replaces = Some(replaces);
        let commit = |(at, sealed): (usize, Sealed)| {
            let replaces = if at == last { replaces.take().unwrap_or_default() } else { Vec::new() };
            self.commit(sealed, Facts { replaces, ..facts.clone() })
        };
        harvest.files.into_iter().enumerate().map(commit).collect()
    }
}

impl Intake {
    /// Says the columns of the rows to come. Without it the formats that need them are made at the end.
    ///
    /// # Errors
    /// [`Kind::Disk`](crate::error::Kind::Disk), [`Kind::Usage`](crate::error::Kind::Usage) for a format that was not built in.
    pub fn columns(&mut self, schema: &[Column]) -> Result<()> {
        if self.rows() > 0 || !self.workers.is_empty() {
            return Ok(());
        }
        let columns = Columns::declared(schema);
        self.wanted.others().try_for_each(|format| self.workers.start(&self.dir, &self.place, format, columns.clone(), &self.wanted.about))
    }

    /// Takes a row: the bytes of a JSON object as the service sent them, without line breaks.
    ///
    /// # Errors
    /// [`Kind::Disk`](crate::error::Kind::Disk).
    pub fn row(&mut self, row: &[u8]) -> Result<()> {
        refuse_lines(row)?;
        if self.first.len() < FIRST && row.len() <= SHORT {
            self.first.push(row.to_vec());
        }
        self.batch.extend_from_slice(row);
        self.batch.push(b'\n');
        self.batched += 1;
        if self.batch.len() >= BATCH { self.hand_on() } else { Ok(()) }
    }

    /// Forgets all rows: the answer they came from was cut off and comes again.
    ///
    /// # Errors
    /// [`Kind::Disk`](crate::error::Kind::Disk).
    pub fn restart(&mut self) -> Result<()> {
        self.workers = Workers::default();
        self.batch.clear();
        self.batched = 0;
        self.first.clear();
        self.draft.restart()
    }

    /// Returns the first rows, but for very long ones.
    pub fn first_rows(&self) -> &[Vec<u8>] {
        &self.first
    }

    /// Returns the rows so far.
    pub fn rows(&self) -> u64 {
        self.draft.rows() + self.batched
    }

    /// Returns the bytes of NDJSON so far.
    pub fn bytes(&self) -> u64 {
        self.draft.bytes() + self.batch.len() as u64
    }

    /// Ends the files and makes them durable. `schema` is the answer's, now that it is whole. It waits for the disk and for what is
    /// still to be encoded.
    ///
    /// # Errors
    /// [`Kind::Disk`](crate::error::Kind::Disk).
    pub fn finish(mut self, schema: &[Column]) -> Result<Harvest> {
        self.hand_on()?;
        let Self { dir, place, wanted, draft, workers, .. } = self;
        let pending = workers.end();
        let rows = draft.seal()?;
        let mut files = pending.join()?;
        let left: Vec<Format> = wanted.others().filter(|format| files.iter().all(|file| file.place.kind() != *format)).collect();
        files.extend(derive(&dir, &place, &NdjsonFiles(vec![rows.temp.to_path_buf()]), schema, &left, &wanted.about)?);
        files.sort_by_key(|file| wanted.formats.iter().position(|format| *format == file.place.kind()));
        if wanted.keeps() {
            files.insert(0, rows);
        }
        Ok(Harvest { files })
    }

    /// Hands a batch to every thread, and writes it.
    fn hand_on(&mut self) -> Result<()> {
        let rows = mem::take(&mut self.batched);
        if rows == 0 {
            return Ok(());
        }
        let batch = Arc::new(mem::take(&mut self.batch));
        self.workers.take(&batch)?;
        self.draft.lines(&batch, rows)?;
        // One that no thread has is written to again, unless a very long row made it large.
        let free = Arc::into_inner(batch).filter(|batch| batch.capacity() <= 2 * BATCH);
        self.batch = free.unwrap_or_else(|| Vec::with_capacity(BATCH + (BATCH >> 2)));
        self.batch.clear();
        Ok(())
    }
}
