//! Finds where a JSON value ends, over any number of chunks. It counts brackets and knows strings, no more: what lies between
//! is checked by whoever takes the value.

/// How deep brackets may nest. The services' deepest rows nest a dozen; readers of the rows may recurse.
const DEPTH: u32 = 512;

/// Where in a value the scanner is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Scan {
    depth: u32,
    place: Place,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    /// Before its first byte.
    #[default]
    Start,
    /// Between tokens, or in a number or word.
    Outside,
    /// In a string.
    Inside,
    /// In a string, after a backslash.
    Escaped,
    /// In a number or word that is the whole value.
    Bare,
}

/// What of the value lies in a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Span {
    /// All of the chunk.
    Open,
    /// Up to here.
    Closed(usize),
}

impl Scan {
    /// Goes on at `at`, which must be within the chunk.
    pub(super) fn run(&mut self, chunk: &[u8], mut at: usize) -> Result<Span, String> {
        while at < chunk.len() {
            at = match self.place {
                Place::Inside => self.inside(chunk, at),
                Place::Escaped => {
                    self.place = Place::Inside;
                    at + 1
                }
                Place::Bare if ends_bare(chunk[at]) => return Ok(Span::Closed(at)),
                Place::Bare => at + 1,
                Place::Start => self.start(chunk[at], at),
                Place::Outside => self.outside(chunk, at)?,
            };
            if self.depth == 0 && self.place == Place::Outside {
                return Ok(Span::Closed(at));
            }
        }
        Ok(Span::Open)
    }

    fn start(&mut self, byte: u8, at: usize) -> usize {
        match byte {
            b'{' | b'[' => {
                self.depth = 1;
                self.place = Place::Outside;
            }
            b'"' => self.place = Place::Inside,
            _ => self.place = Place::Bare,
        }
        at + 1
    }

    /// Runs to the next quote or backslash.
    fn inside(&mut self, chunk: &[u8], at: usize) -> usize {
        let Some(found) = memchr::memchr2(b'"', b'\\', &chunk[at..]) else { return chunk.len() };
        self.place = if chunk[at + found] == b'"' { Place::Outside } else { Place::Escaped };
        at + found + 1
    }

    /// Runs to the next quote, or to the bracket that ends the value.
    fn outside(&mut self, chunk: &[u8], at: usize) -> Result<usize, String> {
        for (step, byte) in chunk[at..].iter().enumerate() {
            match byte {
                b'"' => {
                    self.place = Place::Inside;
                    return Ok(at + step + 1);
                }
                b'{' | b'[' => {
                    self.depth += 1;
                    if self.depth > DEPTH {
                        return Err(format!("it nests deeper than {DEPTH}"));
                    }
                }
                b'}' | b']' => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        return Ok(at + step + 1);
                    }
                }
                _ => {}
            }
        }
        Ok(chunk.len())
    }
}

fn ends_bare(byte: u8) -> bool {
    matches!(byte, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t' | b':' | b'"' | b'{' | b'[')
}
