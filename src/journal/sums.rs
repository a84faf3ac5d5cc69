//! The text of `SHA256SUMS`: every file of a sealed case with its hash, by path. It follows from the journal, so that a flipped bit in it
//! is found without a hash of its own.

use super::{layout, ledger::Ledger};
use std::{collections::BTreeMap, fmt::Write};

/// The hashes that the ledger does not hold.
pub(crate) struct Outer {
    /// Of `case.json`.
    pub(crate) case: String,
    /// Of the whole journal.
    pub(crate) journal: String,
    /// Of `journal.head`.
    pub(crate) head: String,
}

/// Returns the text: one line a file, as `sha256sum` writes them.
pub(crate) fn sums(ledger: &Ledger, outer: &Outer) -> String {
    let own = [(layout::CASE, &outer.case), (layout::JOURNAL, &outer.journal), (layout::HEAD, &outer.head)];
    let data = ledger.standing().map(|file| (file.path.as_str(), &file.sha256));
    let all: BTreeMap<&str, &String> = own.into_iter().chain(data).collect();
    all.into_iter().fold(String::new(), |mut text, (path, sha256)| {
        let _ = writeln!(text, "{sha256}  {path}");
        text
    })
}
