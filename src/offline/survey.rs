//! What columns the rows of a table have, and of what types: every row is looked at once before the first query, side by side.

use super::{
    Documented, envelope,
    form::Form,
    kinds::Guess,
    members::{self, Members},
    rows::{self, Piece},
    values,
};
use crate::error::{Error, Kind, Result};
use std::{
    collections::HashMap,
    ops::ControlFlow,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

/// What is known of a table's rows.
#[derive(Clone, Debug, Default)]
pub(super) struct Survey {
    /// Keys in the order of their first appearance.
    pub(super) keys: Vec<Key>,
    at: HashMap<String, usize>,
    pub(super) rows: usize,
    /// First and last time of the time column.
    pub(super) times: Times,
    /// Values were seen that are `true` or `false`, and such that are nested.
    pub(super) booleans: bool,
    pub(super) nested: bool,
}

/// A key of the rows.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) name: String,
    pub(super) guess: Guess,
    is_time: bool,
}

/// First and last time of rows, in nanoseconds since 1970.
pub(super) type Times = Option<(i64, i64)>;

/// Surveys every piece. Returns what is known of all, and the times of each.
pub(super) fn survey(pieces: &[Piece], known: &Documented) -> Result<(Survey, Vec<Times>)> {
    let next = AtomicUsize::new(0);
    let threads = thread::available_parallelism().map_or(2, usize::from).min(pieces.len().max(1));
    let work = || -> Result<Vec<(usize, Survey)>> {
        let mut done = Vec::new();
        while let Some((number, piece)) = take(&next, pieces) {
            done.push((number, of_piece(piece, known)?));
        }
        Ok(done)
    };
    let parts = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(|worker| worker.join().unwrap_or_else(|_| Err(ended()))).collect::<Result<Vec<_>>>()
    })?;
    let mut parts: Vec<(usize, Survey)> = parts.into_iter().flatten().collect();
    parts.sort_by_key(|(number, _)| *number);
    let times = parts.iter().map(|(_, part)| part.times).collect();
    Ok((parts.into_iter().fold(Survey::default(), |known, (_, part)| known.joined(part)), times))
}

fn ended() -> Error {
    Error::new(Kind::Failed, "a thread that reads rows ended")
}

fn take<'a>(next: &AtomicUsize, pieces: &'a [Piece]) -> Option<(usize, &'a Piece)> {
    let number = next.fetch_add(1, Ordering::Relaxed);
    pieces.get(number).map(|piece| (number, piece))
}

fn of_piece(piece: &Piece, known: &Documented) -> Result<Survey> {
    let mut survey = Survey::default();
    piece.each(&mut |row| {
        if let Some(row) = own(&piece.form, row)? {
            members::read(row, &mut Looking { survey: &mut survey, known })?;
            survey.rows += 1;
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(survey)
}

/// The row itself, out of its envelope; none where it is another table's.
pub(super) fn own<'a>(form: &Form, row: &'a [u8]) -> Result<Option<&'a [u8]>> {
    match form {
        Form::Json { category: Some(category), .. } => envelope::row_of(row, category),
        _ => Ok(Some(row)),
    }
}

impl Survey {
    fn key(&mut self, name: &str, known: &Documented) -> Option<usize> {
        if let Some(at) = self.at.get(name) {
            return Some(*at);
        }
        if rows::is_annotation(name) {
            return None;
        }
        let guess = known.kind(name).map_or_else(Guess::default, Guess::declared);
        let time = known.info.and_then(|info| info.time_column);
        let is_time = time.map_or(matches!(name, "Timestamp" | "TimeGenerated"), |time| time == name);
        self.keys.push(Key { name: name.to_owned(), guess, is_time });
        self.at.insert(name.to_owned(), self.keys.len() - 1);
        Some(self.keys.len() - 1)
    }

    fn see(&mut self, at: usize, raw: &str) {
        let Some(key) = self.keys.get_mut(at) else { return };
        key.guess.see(raw);
        match raw.as_bytes().first() {
            Some(b't' | b'f') => self.booleans = true,
            Some(b'{' | b'[') => self.nested = true,
            _ => {}
        }
        if key.is_time
            && let Some(time) = values::datetime(raw)
        {
            self.times = Some(self.times.map_or((time, time), |(first, last)| (first.min(time), last.max(time))));
        }
    }

    fn joined(mut self, other: Self) -> Self {
        for key in other.keys {
            match self.at.get(&key.name).and_then(|at| self.keys.get_mut(*at)) {
                Some(other) => other.guess = other.guess.joined(key.guess),
                None => {
                    self.at.insert(key.name.clone(), self.keys.len());
                    self.keys.push(key);
                }
            }
        }
        let times = [self.times, other.times].into_iter().flatten();
        self.times = times.reduce(|one, other| (one.0.min(other.0), one.1.max(other.1)));
        self.rows += other.rows;
        self.booleans |= other.booleans;
        self.nested |= other.nested;
        self
    }
}

/// Surveys a row.
struct Looking<'a> {
    survey: &'a mut Survey,
    known: &'a Documented,
}

impl Members for Looking<'_> {
    fn place(&mut self, key: &str) -> Option<usize> {
        self.survey.key(key, self.known)
    }

    fn value(&mut self, at: usize, raw: &str) {
        self.survey.see(at, raw);
    }
}
