//! Where a journal ends, in a small file beside it: a chain of hashes alone does not miss lines that are cut off its end.
//!
//! Two records of fixed width and their hash, rewritten in place by one call within one sector: the last line that was made durable, and
//! the last that was written.
//! After a loss of power the journal may have lost lines behind the first; never the first itself.

use super::hash::{self, NOTHING_BEFORE};
use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    path::Path,
};

/// A line, by number and hash. Number 0 stands before the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) seq: u64,
    pub(crate) sha256: String,
}

impl Mark {
    pub(crate) fn start() -> Self {
        Self { seq: 0, sha256: NOTHING_BEFORE.to_owned() }
    }
}

/// Both records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// The last line that is on disk whatever happens.
    pub(crate) durable: Mark,
    /// The last line that was written.
    pub(crate) latest: Mark,
}

impl Head {
    pub(crate) fn start() -> Self {
        Self { durable: Mark::start(), latest: Mark::start() }
    }

    /// The head of a journal whose last line is on disk.
    pub(crate) fn at(last: Mark) -> Self {
        Self { durable: last.clone(), latest: last }
    }

    /// Formats the file. Its length never changes.
    pub(crate) fn text(&self) -> String {
        let record = |name: &str, mark: &Mark| format!("{name:<7} {:020} {}\n", mark.seq, mark.sha256);
        let records = record("durable", &self.durable) + &record("latest", &self.latest);
        let check = hash::of_bytes(records.as_bytes());
        format!("{records}sha256  {check}\n")
    }

    /// Reads the file; none where it is not exactly what [`Self::text`] writes.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut marks = text.lines().map(|line| {
            let mut words = line.split_whitespace().skip(1);
            Some(Mark { seq: words.next()?.parse().ok()?, sha256: words.next()?.to_owned() })
        });
        let head = Self { durable: marks.next()??, latest: marks.next()?? };
        (head.text() == text).then_some(head)
    }

    /// Reads the file of a case. The outer error is the disk's; none where the file is damaged.
    pub(crate) fn read(path: &Path) -> io::Result<Option<Self>> {
        let mut text = Vec::new();
        // A damaged file may be of any length; a whole one is far shorter than this.
        File::open(path)?.take(4096).read_to_end(&mut text)?;
        Ok(str::from_utf8(&text).ok().and_then(Self::parse))
    }

    pub(crate) fn write(&self, file: &mut File) -> io::Result<()> {
        file.seek(SeekFrom::Start(0))?;
        file.write_all(self.text().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes_and_nothing_else() {
        let mark = |seq| Mark { seq, sha256: hash::of_bytes(b"x") };
        let text = Head { durable: mark(3), latest: mark(u64::MAX) }.text();
        assert_eq!(text.len(), Head::start().text().len());
        assert_eq!(Head::parse(&text).unwrap().text(), text);
        for at in 0..text.len() {
            let mut flipped = text.clone().into_bytes();
            flipped[at] ^= 1 << (at % 8);
            assert!(str::from_utf8(&flipped).ok().and_then(Head::parse).is_none());
        }
        assert_eq!(Head::parse(&text[1..]), None);
        assert_eq!(Head::parse(""), None);
    }
}
