//! The journal of what is done to applications: of its own, beside no evidence, chained by hashes as a case's is, so that `case
//! verify --case DIR` holds it to what was written.

use crate::{
    error::{Error, Kind, Result},
    journal::{Event, Failure, Head, Journal, RunEnded, RunOutcome, RunStarted, layout, walk},
    run::Context,
    settings::Settings,
    setup::Memory,
    store::Case,
};
use std::{path::Path, sync::Arc};

/// An open journal, and what earlier runs wrote.
pub(super) struct Record {
    pub(super) journal: Arc<Journal>,
    pub(super) memory: Memory,
}

/// Opens the journal in `folder`, made where there is none.
///
/// # Errors
/// [`Kind::Disk`].
pub(super) fn open(context: &Context, settings: &Settings, folder: &Path) -> Result<Record> {
    let version = env!("CARGO_PKG_VERSION");
    let case = Case::open(folder, version)?;
    let memory = recall(folder)?;
    let journal = Arc::clone(case.journal());
    let configuration = settings.config.as_ref().map(|config| config.sha256.clone());
    journal.prepare(RunStarted::here(version, context.command_line(), configuration));
    Ok(Record { journal, memory })
}

/// Reads what earlier runs wrote; nothing where there is no journal.
///
/// # Errors
/// [`Kind::Disk`] where it cannot be read.
pub(super) fn recall(folder: &Path) -> Result<Memory> {
    let mut memory = Memory::default();
    let (journal, head) = (folder.join(layout::JOURNAL), folder.join(layout::HEAD));
    if !journal.is_file() {
        return Ok(memory);
    }
    let head = Head::read(&head).ok().flatten().unwrap_or_else(Head::start);
    walk(&journal, &head, &mut |line| memory.learn(line))?;
    Ok(memory)
}

/// Writes down how a run ended.
pub(super) fn end<T>(journal: Option<&Arc<Journal>>, outcome: &Result<T>) -> Result<()> {
    let Some(journal) = journal else { return Ok(()) };
    let (status, exit, error) = match outcome {
        Ok(_) => (RunOutcome::Complete, 0, None),
        Err(error) if error.kind() == Kind::Interrupted => (RunOutcome::Interrupted, error.kind().exit_code(), None),
        Err(error) => (RunOutcome::Failed, error.kind().exit_code(), Some(failure(error))),
    };
    journal.append(Event::RunEnded(RunEnded { status, exit, error }))
}

fn failure(error: &Error) -> Failure {
    Failure {
        code: error.code(),
        message: error.message().to_owned(),
        hint: error.hints().first().cloned(),
        exit: error.kind().exit_code(),
    }
}
