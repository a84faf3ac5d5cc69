//! Cuts the rows of an answer out of the byte stream as it arrives, verbatim.
//!
//! An answer is one JSON object that holds a list of objects under a known key; those are the rows, and each is handed on when
//! its last byte is there. No more than one row is ever held. A few other members (the schema, statistics) are kept whole, the
//! rest is passed over. Rows are checked to be JSON and UTF-8, never re-serialised: numbers of any length, lone surrogate
//! escapes and U+2028 arrive as they were sent; only line breaks between tokens are dropped.

use super::cut::{Scan, Span};
use crate::{error::Error, transport::Broken};

/// The longest row: far beyond the 50 MB at which the services cut whole answers.
const ROW: usize = 64 << 20;
/// The longest member that is kept whole, and the longest key.
const MEMBER: usize = 8 << 20;
const KEY: usize = 4 << 10;
/// How much of a body that is not JSON is shown.
const SHOWN: usize = 200;

/// Which members of an answer matter.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Keys of the list of rows, in any of its spellings.
    pub rows: &'static [&'static str],
    /// Keys of members that are kept whole.
    pub kept: &'static [&'static str],
}

/// The cutter of one body.
#[derive(Debug)]
pub struct Cutter {
    shape: Shape,
    state: State,
    /// How much of a byte order mark came, and whether more of it may.
    mark: usize,
    mark_open: bool,
    scan: Scan,
    held: Vec<u8>,
    key: String,
    found: bool,
    rows: u64,
    bytes: u64,
    kept: Vec<(String, Vec<u8>)>,
    row_limit: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before the object.
    Start,
    /// After `{`: a key or `}`.
    FirstKey,
    /// After `,` of the object: a key.
    NextKey,
    /// Within a key.
    Key,
    /// After a key: `:`.
    Colon,
    /// After `:`: a value.
    Value,
    /// Within a value that is kept or passed over.
    Member { kept: bool },
    /// After a value: `,` or `}`.
    AfterMember,
    /// After `[`: a row or `]`.
    FirstRow,
    /// After `,` of the list: a row.
    NextRow,
    /// Within a row.
    Row,
    /// After a row: `,` or `]`.
    AfterRow,
    /// After the object: white space alone.
    Done,
}

/// Takes rows.
pub type Sink<'a> = dyn FnMut(&[u8]) -> Result<(), Error> + 'a;

const BOM: &[u8] = b"\xef\xbb\xbf";

impl Cutter {
    /// Creates the cutter of one body.
    pub fn new(shape: Shape) -> Self {
        Self {
            shape,
            state: State::Start,
            mark: 0,
            mark_open: true,
            scan: Scan::default(),
            held: Vec::new(),
            key: String::new(),
            found: false,
            rows: 0,
            bytes: 0,
            kept: Vec::new(),
            row_limit: ROW,
        }
    }

    /// Returns how many rows were handed on.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Returns how many bytes of the body were taken.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Says whether the body was nothing, or an object without a list of rows.
    pub fn is_hollow(&self) -> bool {
        matches!(self.state, State::Start | State::Done) && !self.found
    }

    /// Returns a member that was kept, by its key.
    pub fn kept(&self, key: &str) -> Option<&[u8]> {
        self.kept.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_slice())
    }

    /// Takes more of the body, and hands on each row that ends in it.
    ///
    /// # Errors
    /// [`Broken::Body`] where the body is not such an answer, [`Broken::Fatal`] where `sink` fails.
    pub fn feed(&mut self, chunk: &[u8], sink: &mut Sink<'_>) -> Result<(), Broken> {
        let mut at = self.skip_mark(chunk);
        while at < chunk.len() {
            at = self.step(chunk, at, sink)?;
        }
        self.bytes += chunk.len() as u64;
        Ok(())
    }

    /// Takes what of a chunk stands before the rows, and returns where they begin in it; its length where they do not.
    ///
    /// # Errors
    /// [`Broken::Body`] where the body is not such an answer.
    pub fn feed_head(&mut self, chunk: &[u8]) -> Result<usize, Broken> {
        let mut at = self.skip_mark(chunk);
        while at < chunk.len() && !self.found {
            at = self.step(chunk, at, &mut |_| Ok(()))?;
        }
        self.bytes += at as u64;
        Ok(at)
    }

    /// Ends the body.
    ///
    /// # Errors
    /// [`Broken::Body`] where it is empty, cut, or holds no list of rows.
    pub fn finish(&self) -> Result<(), Broken> {
        match self.state {
            State::Done if self.found => Ok(()),
            State::Done => self.broken(format!("the answer has no `{}`", self.shape.rows.first().unwrap_or(&"rows"))),
            State::Start => self.broken("the body is empty"),
            State::FirstRow | State::NextRow | State::Row | State::AfterRow => {
                self.broken(format!("the body is cut after {} bytes, in row {}", self.bytes, self.rows + 1))
            }
            _ => self.broken(format!("the body is cut after {} bytes", self.bytes)),
        }
    }

    /// Returns where the body begins after its byte order mark, which may come in pieces.
    fn skip_mark(&mut self, chunk: &[u8]) -> usize {
        let mut at = 0;
        while self.mark_open && at < chunk.len() {
            self.mark_open = chunk.get(at) == BOM.get(self.mark);
            self.mark += usize::from(self.mark_open);
            at += usize::from(self.mark_open);
            self.mark_open &= self.mark < BOM.len();
        }
        at
    }

    fn step(&mut self, chunk: &[u8], at: usize, sink: &mut Sink<'_>) -> Result<usize, Broken> {
        match self.state {
            State::Row => self.row(chunk, at, sink),
            State::Key => self.key(chunk, at),
            State::Member { kept } => self.member(chunk, at, kept),
            _ => self.between(chunk, at),
        }
    }

    /// Takes the next token outside rows and members.
    fn between(&mut self, chunk: &[u8], at: usize) -> Result<usize, Broken> {
        let byte = chunk[at];
        if matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
            return Ok(at + 1);
        }
        self.state = match (self.state, byte) {
            (State::Start, b'{') if matches!(self.mark, 0 | 3) => State::FirstKey,
            (State::FirstKey | State::NextKey, b'"') => return Ok(self.begin(State::Key, at)),
            (State::FirstKey | State::AfterMember, b'}') => State::Done,
            (State::Colon, b':') => State::Value,
            (State::Value, _) => return self.value(byte, at),
            (State::AfterMember, b',') => State::NextKey,
            (State::FirstRow | State::NextRow, b'{') => return Ok(self.begin(State::Row, at)),
            (State::FirstRow | State::AfterRow, b']') => State::AfterMember,
            (State::AfterRow, b',') => State::NextRow,
            _ => return self.unexpected(chunk, at),
        };
        Ok(at + 1)
    }

    /// Begins something that the scanner runs through, its first byte included.
    fn begin(&mut self, state: State, at: usize) -> usize {
        self.state = state;
        self.scan = Scan::default();
        self.held.clear();
        at
    }

    fn value(&mut self, byte: u8, at: usize) -> Result<usize, Broken> {
        // No list at all is not an empty one: the answer ends without rows then, and is none.
        if self.shape.rows.contains(&self.key.as_str()) && byte != b'n' {
            if self.found {
                return self.broken(format!("the answer has `{}` twice", self.key));
            }
            if byte != b'[' {
                return self.broken(format!("`{}` is not a list", self.key));
            }
            self.found = true;
            self.state = State::FirstRow;
            return Ok(at + 1);
        }
        let kept = self.shape.kept.contains(&self.key.as_str());
        if kept && self.kept(&self.key).is_some() {
            return self.broken(format!("the answer has `{}` twice", self.key));
        }
        Ok(self.begin(State::Member { kept }, at))
    }

    fn row(&mut self, chunk: &[u8], at: usize, sink: &mut Sink<'_>) -> Result<usize, Broken> {
        match self.scan.run(chunk, at).or_else(|words| self.broken(format!("row {} is not JSON: {words}", self.rows + 1)))? {
            Span::Open => {
                self.hold(&chunk[at..], self.row_limit, "a row")?;
                Ok(chunk.len())
            }
            Span::Closed(end) if self.held.is_empty() => {
                self.hand_on(&chunk[at..end], sink)?;
                Ok(end)
            }
            Span::Closed(end) => {
                self.hold(&chunk[at..end], self.row_limit, "a row")?;
                let row = std::mem::take(&mut self.held);
                let handed = self.hand_on(&row, sink);
                self.held = row;
                handed.map(|()| end)
            }
        }
    }

    fn hand_on(&mut self, row: &[u8], sink: &mut Sink<'_>) -> Result<(), Broken> {
        if let Err(words) = self.utf8(row) {
            return self.broken(format!("row {} {words}", self.rows + 1));
        }
        if self.scan.lines {
            // Within strings JSON writes line breaks as escapes, so these stand between tokens.
            let joined: Vec<u8> = row.iter().copied().filter(|byte| !matches!(byte, b'\n' | b'\r')).collect();
            sink(&joined).map_err(Broken::Fatal)?;
        } else {
            sink(row).map_err(Broken::Fatal)?;
        }
        self.rows += 1;
        self.state = State::AfterRow;
        Ok(())
    }

    fn key(&mut self, chunk: &[u8], at: usize) -> Result<usize, Broken> {
        let (piece, end) = self.piece(chunk, at)?;
        self.hold(piece, KEY, "a key")?;
        if let Some(end) = end {
            self.key = match serde_json::from_slice(&self.held) {
                Ok(key) => key,
                Err(_) => String::from_utf8_lossy(&self.held).into_owned(),
            };
            self.state = State::Colon;
            return Ok(end);
        }
        Ok(chunk.len())
    }

    fn member(&mut self, chunk: &[u8], at: usize, kept: bool) -> Result<usize, Broken> {
        let (piece, end) = self.piece(chunk, at)?;
        if kept {
            let what = format!("`{}`", self.key);
            self.hold(piece, MEMBER, &what)?;
        }
        let Some(end) = end else { return Ok(chunk.len()) };
        if kept {
            self.kept.push((self.key.clone(), std::mem::take(&mut self.held)));
        }
        self.state = State::AfterMember;
        Ok(end)
    }

    /// Runs the scanner; returns what of the value lies in the chunk, and where the value ends if it does.
    fn piece<'a>(&mut self, chunk: &'a [u8], at: usize) -> Result<(&'a [u8], Option<usize>), Broken> {
        match self.scan.run(chunk, at).or_else(|words| self.broken(format!("the body is not JSON: {words}")))? {
            Span::Open => Ok((&chunk[at..], None)),
            Span::Closed(end) => Ok((&chunk[at..end], Some(end))),
        }
    }

    fn hold(&mut self, piece: &[u8], limit: usize, what: &str) -> Result<(), Broken> {
        if self.held.len() + piece.len() > limit {
            return self.broken(format!("{what} is longer than {limit} bytes"));
        }
        self.held.extend_from_slice(piece);
        Ok(())
    }

    /// Checks what the scanner leaves unchecked.
    fn utf8(&self, value: &[u8]) -> Result<(), String> {
        if !self.scan.wide {
            return Ok(());
        }
        std::str::from_utf8(value).map(|_| ()).map_err(|error| format!("is not UTF-8: {error}"))
    }

    fn unexpected<T>(&self, chunk: &[u8], at: usize) -> Result<T, Broken> {
        let rest: String =
            String::from_utf8_lossy(&chunk[at..]).chars().take(SHOWN).map(|c| if c.is_control() { ' ' } else { c }).collect();
        let place = self.bytes + at as u64;
        match (self.state, chunk[at]) {
            (State::Start, b'<') => self.broken(format!("the body is HTML instead of JSON: {rest}")),
            (State::Start, _) => self.broken(format!("the body is not a JSON object: {rest}")),
            (State::FirstRow | State::NextRow, b'[' | b'"' | b'-' | b'0'..=b'9' | b'n' | b't' | b'f') => {
                self.broken(format!("row {} is not an object", self.rows + 1))
            }
            (State::Done, _) => self.broken(format!("the body goes on after its end at byte {place}")),
            (_, _) => self.broken(format!("the body is not JSON at byte {place}")),
        }
    }

    #[expect(clippy::unused_self, reason = "reads as what it is: this body is broken")]
    fn broken<T>(&self, words: impl Into<String>) -> Result<T, Broken> {
        Err(Broken::Body(words.into()))
    }
}

#[cfg(test)]
mod tests;
