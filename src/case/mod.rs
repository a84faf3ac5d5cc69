//! A case after the collecting: which tables it holds, how well windows are covered, its rows again, as a report or in other forms.
//!
//! Everything here reads a case and leaves it alone; sealing and verifying, which are about its bytes, are with `store` and `journal`.

mod coverage;
mod export;
mod report;
mod row;
mod tables;
mod words;

pub use coverage::{Coverage, Span, coverage};
pub use export::{Exported, LeftOut, Selection, Target, export};
pub use report::{ReportOptions, report};
pub use tables::{CaseTable, TableFile, pulled_name, table_of, tables};
pub use words::words;

use tables::{current, identifier, unread};
