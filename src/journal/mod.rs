//! What was done: an append-only, hash-chained record of a case, and what can be told from it afterwards.
//!
//! One JSON object a line in `journal.jsonl`, each with `seq` (from 1), `time`, `event` and `prev`, the SHA-256 of the line before it
//! without its line break (64 zeros for the first). `journal.head` beside it names the last line, so that lines cut off the end are
//! missed too. Nothing here puts data into a case: that is `store`, which asks for the journal's line first and renames afterwards.
//! What a journal says is untrusted input to whoever reads it: paths are checked, unknown events and fields are passed over.

mod chain;
pub(crate) mod disk;
mod event;
pub(crate) mod hash;
mod head;
mod job;
mod jobs;
pub(crate) mod layout;
mod ledger;
mod status;
mod sums;
mod verify;
mod writer;

pub use event::{
    CaseSealed, Column, Event, FileStored, Gap, Held, Input, Line, Offline, Repaired, Request, RunEnded, RunOutcome, RunStarted, SetupStep,
    Signatory, Skipped, Versions, Waited, Withdrawn,
};
pub use job::{Failure, Job, JobEnded, JobStarted, Outcome, Work};
pub use jobs::{Jobs, Known};
pub use status::{GapStatus, JobStatus, RunStatus, Status, events, status};
pub use verify::{Problem, Report, Trouble, verify};
pub use writer::Journal;

pub(crate) use chain::{Walk, walk};
pub(crate) use head::Head;
pub(crate) use ledger::Ledger;
pub(crate) use sums::{Outer, sums};
pub(crate) use verify::{Found, is_pending};
pub(crate) use writer::Closing;

/// Returns what `journal.head` holds beside an empty journal.
pub(crate) fn empty_head() -> String {
    Head::start().text()
}
