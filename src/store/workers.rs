//! One thread a format, each with a queue of batches: what needs the processor runs beside what waits for the network.

use super::{
    draft::{Draft, Sealed},
    place::{Format, Place},
    table::{About, Columns, Refused, open},
};
use crate::error::{Error, Kind, Result};
use std::{
    mem,
    path::Path,
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
};

/// Batches that may wait for a thread.
const WAITING: usize = 8;

/// The threads of one answer. Dropped, they end, and their files are gone.
#[derive(Debug, Default)]
pub(super) struct Workers(Vec<Worker>);

/// Threads that know that all rows came.
#[derive(Debug)]
pub(super) struct Pending(Vec<Worker>);

impl Workers {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Starts the thread of a format.
    pub(super) fn start(&mut self, dir: &Path, place: &Place, format: Format, columns: Columns, about: &About) -> Result<()> {
        self.0.push(Worker::start(dir, place, format, columns, about)?);
        Ok(())
    }

    /// Hands a batch to all. One that has ended failed, which is an error, or met a row that does not keep to the columns.
    pub(super) fn take(&mut self, batch: &Arc<Vec<u8>>) -> Result<()> {
        let (going, ended): (Vec<_>, Vec<_>) = mem::take(&mut self.0).into_iter().partition(|worker| worker.take(batch));
        self.0 = going;
        ended.into_iter().try_for_each(|worker| worker.join().map(drop))
    }

    /// Says that all rows came.
    pub(super) fn end(mut self) -> Pending {
        self.0.iter().for_each(Worker::end);
        Pending(mem::take(&mut self.0))
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        for worker in mem::take(&mut self.0) {
            drop(worker.join());
        }
    }
}

impl Pending {
    /// Waits for all, and returns the files of those whose rows kept to the columns.
    pub(super) fn join(self) -> Result<Vec<Sealed>> {
        let joined: Vec<_> = self.0.into_iter().map(Worker::join).collect();
        joined.into_iter().filter_map(Result::transpose).collect()
    }
}

/// The thread of one format.
#[derive(Debug)]
struct Worker {
    queue: SyncSender<Option<Arc<Vec<u8>>>>,
    thread: JoinHandle<Result<Sealed, Refused>>,
}

impl Worker {
    fn start(dir: &Path, place: &Place, format: Format, columns: Columns, about: &About) -> Result<Self> {
        let draft = Draft::create(dir, place.format(format))?;
        let (queue, batches) = sync_channel(WAITING);
        let about = about.clone();
        let work = move || encode(&batches, format, columns, &about, draft);
        let thread = thread::Builder::new().name(format.name().into()).spawn(work);
        let thread = thread.map_err(|error| Error::new(Kind::Failed, "a writing thread cannot be started").caused_by(error))?;
        Ok(Self { queue, thread })
    }

    fn take(&self, batch: &Arc<Vec<u8>>) -> bool {
        self.queue.send(Some(Arc::clone(batch))).is_ok()
    }

    /// Says that all rows came. Without that word the thread drops what it wrote.
    fn end(&self) {
        drop(self.queue.send(None));
    }

    /// Returns the file; none where the rows do not keep to the columns, or were not all there were.
    fn join(self) -> Result<Option<Sealed>> {
        drop(self.queue);
        match self.thread.join() {
            Ok(Ok(sealed)) => Ok(Some(sealed)),
            Ok(Err(Refused::Misfit)) => Ok(None),
            Ok(Err(Refused::Failed(error))) => Err(error),
            Err(_) => Err(Error::new(Kind::Failed, "a writing thread panicked")),
        }
    }
}

type Batches = Receiver<Option<Arc<Vec<u8>>>>;

fn encode(batches: &Batches, format: Format, columns: Columns, about: &About, draft: Draft) -> Result<Sealed, Refused> {
    let (mut encoder, mut rows) = (open(format, columns, about, draft)?, 0);
    while let Some(batch) = batches.recv().map_err(|_| Refused::Misfit)? {
        let text = std::str::from_utf8(&batch).map_err(|error| Error::new(Kind::Failed, "rows are not UTF-8").caused_by(error))?;
        for row in text.split_terminator('\n') {
            encoder.row(row)?;
            rows += 1;
        }
    }
    let mut draft = encoder.end()?;
    draft.count(rows);
    Ok(draft.seal()?)
}
