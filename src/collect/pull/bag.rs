//! Objects on their way to a file: each version once, those of the window alone, a page whole or not at all.
//!
//! A version of an object is told by its id and the time of its last update, or, where it has none, by its whole text: lists that
//! move while they are paged show the same object on two pages.

use super::{
    fields::{Fields, Names},
    versions::Remembered,
};
use crate::{
    api::{
        catalogue::{Paging, Source},
        pages::Objects,
    },
    error::Result,
    store::{Draft, Mark},
    time::{Window, parse_time},
};
use jiff::Timestamp;
use std::{
    collections::HashSet,
    hash::{BuildHasher, RandomState},
    mem,
};

/// Tells a version.
type Key = (u64, u64);

/// The versions that are stored already.
#[derive(Debug, Default)]
pub(super) struct Seen {
    keys: HashSet<Key>,
    /// Those of the stretch of the list before.
    before: HashSet<Key>,
    /// Those in files of earlier runs and pulls, and those that are remembered without.
    filed: HashSet<Key>,
    remembered: Remembered,
    // Keyed at random, so that nobody can write two objects that count as one.
    hashers: (RandomState, RandomState),
}

impl Seen {
    /// Nothing is seen yet but what an earlier pull stored.
    pub(super) fn beside(remembered: Remembered) -> Self {
        Self { remembered, ..Self::default() }
    }

    /// Begins another stretch of a list in order: what was seen before the one that ends cannot come again.
    pub(super) fn move_on(&mut self) {
        self.before = mem::take(&mut self.keys);
    }

    fn has(&self, key: &Key, fields: &Fields, object: &[u8]) -> bool {
        [&self.keys, &self.before, &self.filed].iter().any(|keys| keys.contains(key)) || self.remembered.has(fields, object)
    }

    /// Objects without an id are told apart by their text where pages overlap, and else are not.
    fn key(&self, fields: &Fields, object: &[u8], overlaps: bool) -> Option<Key> {
        let id = fields.id.as_deref().or(overlaps.then_some(""))?;
        let version = fields.updated.as_deref().map_or(object, str::as_bytes);
        // A text that is a whole object is gone through once: the other half tells the objects that it could be taken for.
        Some((self.hashers.0.hash_one((id, version)), self.hashers.1.hash_one((id, &fields.time, version.len()))))
    }
}

/// What a bag takes.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    names: Names,
    /// Objects before this are not of the window.
    from: Option<Timestamp>,
    /// Objects from here on are not.
    to: Option<Timestamp>,
    /// Whether objects are told apart.
    distinct: bool,
    /// Whether pages overlap.
    overlaps: bool,
}

impl Rules {
    /// Makes the rules of a source over a window. An `open` end takes what was updated since.
    pub(super) fn of(source: &Source, names: Names, window: Option<Window>, open: bool, distinct: bool) -> Self {
        // What the service cannot filter at one end is held against it here; where it filters at neither, its own word counts.
        let window = window.filter(|_| source.time.as_ref().is_some_and(|time| !(time.from.is_empty() && time.to.is_empty())));
        let (from, to) = (window.map(|window| window.from), window.filter(|_| !open).map(|window| window.to));
        Self { names, from, to, distinct, overlaps: source.paging == Paging::Skip }
    }
}

/// How the times of the objects so far lie.
#[derive(Clone, Debug, Default)]
pub(super) struct Course {
    latest: Option<Timestamp>,
    /// Oldest time, of whole pages alone.
    pub(super) oldest: Option<Timestamp>,
    /// Newest time, and how it was written.
    pub(super) newest: Option<(Timestamp, String)>,
    up: bool,
    down: bool,
    untimed: bool,
}

impl Course {
    fn take(&mut self, time: Option<Timestamp>, text: Option<&str>) {
        let Some(time) = time else {
            self.untimed = true;
            return;
        };
        if let Some(latest) = self.latest {
            self.up |= time > latest;
            self.down |= time < latest;
        }
        self.latest = Some(time);
        self.oldest = Some(self.oldest.map_or(time, |oldest| oldest.min(time)));
        if self.newest.as_ref().is_none_or(|(newest, _)| time > *newest) {
            self.newest = Some((time, text.unwrap_or_default().to_owned()));
        }
    }

    /// Says whether every object had a time, and none was older than the one before.
    pub(super) fn rises(&self) -> bool {
        !self.down && !self.untimed
    }

    /// Says whether every object had a time, and none was newer than the one before.
    pub(super) fn falls(&self) -> bool {
        !self.up && !self.untimed
    }
}

/// What came of the page that is open, or was last.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Leaf {
    /// Objects.
    pub(super) all: u64,
    /// Those that were stored.
    pub(super) new: u64,
    /// Those that were stored before.
    pub(super) again: u64,
    /// Those that are not of the window.
    pub(super) outside: u64,
    /// Whether the first was known already.
    pub(super) first_known: bool,
    /// The newest time.
    pub(super) newest: Option<Timestamp>,
}

/// A file that fills.
pub(super) struct Bag {
    pub(super) draft: Draft,
    rules: Rules,
    pub(super) seen: Seen,
    mark: Option<(Mark, Course)>,
    fresh: Vec<Key>,
    pub(super) leaf: Leaf,
    pub(super) course: Course,
}

impl Bag {
    pub(super) fn new(draft: Draft, rules: Rules, seen: Seen) -> Self {
        Self { draft, rules, seen, mark: None, fresh: Vec::new(), leaf: Leaf::default(), course: Course::default() }
    }

    /// Takes down a version that is stored elsewhere, if it is one that may come again.
    pub(super) fn know(&mut self, object: &[u8]) {
        let fields = self.rules.names.read(object);
        if self.is_outside(time_of(&fields)) {
            return;
        }
        if let Some(key) = self.seen.key(&fields, object, self.rules.overlaps) {
            self.seen.filed.insert(key);
        }
    }

    /// Opens a page: what comes until it is whole can be dropped again.
    pub(super) fn open(&mut self) -> Result<()> {
        self.fresh.clear();
        self.leaf = Leaf::default();
        self.mark = Some((self.draft.mark()?, self.course.clone()));
        Ok(())
    }

    /// Keeps the page that is open: it came whole.
    pub(super) fn keep_page(&mut self) {
        self.fresh.clear();
        self.mark = None;
    }

    /// Drops what came of the page that is open.
    pub(super) fn drop_page(&mut self) -> Result<()> {
        for key in self.fresh.drain(..) {
            self.seen.keys.remove(&key);
        }
        if let Some((mark, course)) = &self.mark {
            self.leaf = Leaf::default();
            self.course = course.clone();
            if self.draft.rows() != mark.rows() {
                self.draft.back_to(mark)?;
            }
        }
        Ok(())
    }

    /// Drops everything.
    pub(super) fn restart(&mut self) -> Result<()> {
        self.seen.keys.clear();
        self.course = Course::default();
        self.mark = None;
        self.draft.restart()
    }

    /// Says whether an object would be stored.
    pub(super) fn is_wanted(&self, object: &[u8]) -> bool {
        let fields = self.rules.names.read(object);
        let known = self.seen.key(&fields, object, self.rules.overlaps).is_some_and(|key| self.seen.has(&key, &fields, object));
        !known && !self.is_outside(time_of(&fields))
    }

    fn is_outside(&self, time: Option<Timestamp>) -> bool {
        let Some(time) = time else { return false };
        self.rules.from.is_some_and(|from| time < from) || self.rules.to.is_some_and(|to| time >= to)
    }
}

fn time_of(fields: &Fields) -> Option<Timestamp> {
    fields.time.as_deref().and_then(|text| parse_time(text).ok())
}

impl Objects for Bag {
    fn begin(&mut self) -> Result<()> {
        self.drop_page()
    }

    fn object(&mut self, raw: &[u8]) -> Result<()> {
        self.leaf.all += 1;
        if !self.rules.distinct {
            self.leaf.new += 1;
            return self.draft.row(raw);
        }
        let fields = self.rules.names.read(raw);
        let time = time_of(&fields);
        if self.rules.names.time.is_some() {
            self.course.take(time, fields.time.as_deref());
            self.leaf.newest = self.leaf.newest.max(time);
        }
        if let Some(key) = self.seen.key(&fields, raw, self.rules.overlaps) {
            if self.seen.has(&key, &fields, raw) {
                self.leaf.again += 1;
                self.leaf.first_known |= self.leaf.all == 1;
                return Ok(());
            }
            if !self.is_outside(time) {
                self.seen.keys.insert(key);
                self.fresh.push(key);
            }
        }
        if self.is_outside(time) {
            self.leaf.outside += 1;
            return Ok(());
        }
        self.leaf.new += 1;
        self.draft.row(raw)
    }
}
