//! Bytes to disk: the case directory, and files in it that appear whole or not at all, hashed as they are written.
//!
//! A file is written under a temporary name beside its final place and synced; then the journal says so, durably; then it gets its
//! name. A kill between any two of these steps leaves a case that verifies, and that the next [`Case::open`] puts in order. What the
//! rows mean, and what was asked of whom, is not known here: callers hand it through to the journal.

mod case;
mod commit;
mod derive;
mod draft;
mod intake;
mod join;
mod lock;
mod output;
mod outside;
mod place;
mod read;
mod recover;
mod scatter;
mod seal;
pub mod table;
mod workers;

pub use case::{Case, CaseInfo, CaseView};
pub use commit::{Facts, Written};
pub use derive::NdjsonFiles;
pub use draft::{Draft, Mark, Sealed};
pub use intake::{Harvest, Intake, Wanted};
pub use lock::Holder;
pub use output::Output;
pub use outside::{ByPath, Outside};
pub use place::{Format, Place, safe_name};
pub use scatter::Day;
pub use seal::{Seal, Sealing};
pub use table::About;
