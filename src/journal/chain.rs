//! Reads a journal line by line, and says where its chain does not hold. Nothing is judged beyond the chain.

use super::{
    disk,
    event::{Event, Frame, Line},
    hash,
    head::{Head, Mark},
};
use crate::error::Result;
use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    path::Path,
};

/// What became of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// A line is not what was written.
    Changed,
    /// Lines are gone.
    Missing,
    /// A line stands elsewhere than where it was written, or twice.
    Reordered,
    /// Lines were added that no run wrote.
    Extra,
}

/// One place where the chain does not hold.
#[derive(Clone, Debug)]
pub(crate) struct Break {
    pub(crate) flaw: Flaw,
    pub(crate) detail: String,
}

/// The result of reading a journal to its end.
#[derive(Clone, Debug)]
pub(crate) struct Walk {
    /// The last whole line.
    pub(crate) last: Mark,
    /// Number of whole lines.
    pub(crate) lines: u64,
    /// Bytes of the whole lines.
    pub(crate) whole: u64,
    /// Bytes behind the last line break: a line whose writing was cut off.
    pub(crate) torn: u64,
    /// Where the chain does not hold.
    pub(crate) breaks: Vec<Break>,
    /// Hash of the line above, wherever it belongs.
    before: String,
    /// Numbers that were jumped over, first and last.
    gaps: Vec<(u64, u64)>,
    /// Hash of the line that the head calls durable, if it was there.
    durable: Option<String>,
    /// Hash of the line that the head calls the last, if it was there.
    latest: Option<String>,
}

/// Reads the journal at `path` against `head`, showing every line to `visit`.
pub(crate) fn walk(path: &Path, head: &Head, visit: &mut dyn FnMut(Line)) -> Result<Walk> {
    let file = File::open(path).map_err(|error| disk::failed("opening", path, error))?;
    let mut walk = Walk::start(head);
    let read = walk.read(&mut BufReader::with_capacity(1 << 18, file), head, visit);
    read.map_err(|error| disk::failed("reading", path, error))?;
    walk.hold_against(head);
    Ok(walk)
}

impl Walk {
    fn start(head: &Head) -> Self {
        let at_start = |mark: &Mark| (mark.seq == 0).then(|| hash::NOTHING_BEFORE.to_owned());
        Self {
            last: Mark::start(),
            lines: 0,
            whole: 0,
            torn: 0,
            breaks: Vec::new(),
            before: hash::NOTHING_BEFORE.to_owned(),
            gaps: Vec::new(),
            durable: at_start(&head.durable),
            latest: at_start(&head.latest),
        }
    }

    fn read(&mut self, from: &mut impl BufRead, head: &Head, visit: &mut dyn FnMut(Line)) -> io::Result<()> {
        let mut bytes = Vec::new();
        while from.read_until(b'\n', &mut bytes)? > 0 {
            let length = bytes.len() as u64;
            if bytes.pop() != Some(b'\n') {
                self.torn = length;
                break;
            }
            self.whole += length;
            self.take(&bytes, head, visit);
            bytes.clear();
        }
        Ok(())
    }

    fn take(&mut self, bytes: &[u8], head: &Head, visit: &mut dyn FnMut(Line)) {
        self.lines += 1;
        let sha256 = hash::of_bytes(bytes);
        match serde_json::from_slice::<Frame>(bytes) {
            Ok(frame) => {
                self.place(&frame, &sha256);
                let event = serde_json::from_slice(bytes).unwrap_or(Event::Unknown);
                visit(Line { seq: frame.seq, time: frame.time, event });
            }
            Err(error) => {
                self.flaw(Flaw::Changed, format!("line {} cannot be read: {error}", self.lines));
                self.last = Mark { seq: self.last.seq.saturating_add(1), sha256: sha256.clone() };
            }
        }
        self.before = sha256;
        self.remember(head);
    }

    /// Finds a line's place. One that carries the hash of the line above it stands right whatever its number says; else the
    /// numbers tell what happened.
    fn place(&mut self, frame: &Frame, sha256: &str) {
        let (line, due) = (self.lines, self.last.seq.saturating_add(1));
        let follows = frame.prev == self.before;
        if follows && frame.seq != due {
            self.flaw(Flaw::Changed, format!("line {line} was changed: its number is {}, and {due} was due", frame.seq));
        } else if frame.seq < due {
            self.flaw(Flaw::Reordered, format!("line {line} is out of order: it is event {}, and {due} was due", frame.seq));
            return self.fill(frame.seq);
        } else if frame.seq > due {
            self.gaps.push((due, frame.seq - 1));
        } else if !follows && frame.prev != self.last.sha256 {
            self.flaw(Flaw::Changed, if due == 1 { "line 1 was changed".into() } else { format!("line {} was changed", line - 1) });
        }
        self.last = Mark { seq: if follows { due } else { frame.seq }, sha256: sha256.to_owned() };
    }

    /// Takes an event that turned up late out of those that are missing.
    fn fill(&mut self, seq: u64) {
        let Some(at) = self.gaps.iter().position(|&(from, to)| (from..=to).contains(&seq)) else { return };
        let (from, to) = self.gaps.swap_remove(at);
        self.gaps.extend((from < seq).then(|| (from, seq - 1)));
        self.gaps.extend((seq < to).then(|| (seq + 1, to)));
    }

    fn remember(&mut self, head: &Head) {
        if self.last.seq == head.durable.seq {
            self.durable = Some(self.last.sha256.clone());
        }
        if self.last.seq == head.latest.seq {
            self.latest = Some(self.last.sha256.clone());
        }
    }

    fn flaw(&mut self, flaw: Flaw, detail: String) {
        self.breaks.push(Break { flaw, detail });
    }

    /// Compares the end with the head. Lines behind the durable one may be lost with the machine's power: no flaw.
    fn hold_against(&mut self, head: &Head) {
        for (from, to) in std::mem::take(&mut self.gaps) {
            self.flaw(Flaw::Missing, format!("events {from} to {to} are missing"));
        }
        match &self.durable {
            None => self.flaw(Flaw::Missing, format!("the events up to {} are missing from the end", head.durable.seq)),
            Some(found) if *found != head.durable.sha256 => {
                self.flaw(Flaw::Changed, format!("event {} was changed", head.durable.seq));
            }
            Some(_) => {}
        }
        if self.latest.as_ref().is_some_and(|found| *found != head.latest.sha256) && head.latest.seq != head.durable.seq {
            self.flaw(Flaw::Changed, format!("event {} was changed", head.latest.seq));
        }
    }

    /// Tells whether one more line was written than the head knows of: a run was killed between the two.
    pub(crate) fn is_ahead_of(&self, head: &Head) -> bool {
        self.last.seq == head.latest.seq.saturating_add(1)
    }

    /// Number of events that were written and never reached the disk.
    pub(crate) fn lost(&self, head: &Head) -> u64 {
        head.latest.seq.saturating_sub(self.last.seq)
    }

    /// Calls lines behind the last that `head` knows of a flaw; one alone is not, see [`Self::is_ahead_of`].
    pub(crate) fn no_further_than(&mut self, head: &Head) {
        if self.last.seq > head.latest.seq.saturating_add(1) {
            let (first, last) = (head.latest.seq + 1, self.last.seq);
            self.flaw(Flaw::Extra, format!("events {first} to {last} were added by something else"));
        }
    }
}
