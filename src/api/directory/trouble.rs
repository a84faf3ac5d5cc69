//! What a refusal of the directory means for whoever sets something up (apis.md 7.2, 7.5).

use crate::{error::Error, transport::ServiceFault};

/// A refusal that changes what to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// There is no such object, or the replica that answered does not know it yet.
    Missing,
    /// It is there already.
    Exists,
    /// It refers to something that this replica does not know yet.
    NotYet,
    /// It is refused in words that say nothing of that: wrong for good, or not known yet and said otherwise.
    Odd,
    /// The caller may not.
    Forbidden,
    /// Nobody knows whether it was done.
    Open,
    /// Anything else.
    Other,
}

/// What the directory says of something that it made a moment ago.
const NOT_YET: &[&str] = &[
    "does not reference a valid application",
    "does not exist",
    "not found",
    "resourcenotfound",
    "was not found",
    "no backing application",
    "no password credential found",
];

impl Trouble {
    /// Tells what trouble an error of a call was.
    pub fn of(error: &Error) -> Self {
        let Some(fault) = ServiceFault::of(error) else { return Self::Other };
        let message = fault.envelope.message.to_ascii_lowercase();
        let says = |words: &str| message.contains(words);
        match fault.status {
            Some(404) => Self::Missing,
            Some(409) => Self::Exists,
            Some(400) if says("already exist") || says("already in use") => Self::Exists,
            Some(400) if NOT_YET.iter().any(|words| says(words)) => Self::NotYet,
            // What a policy forbids, it forbids in a minute too.
            Some(400) if !says("policy") => Self::Odd,
            Some(403) => Self::Forbidden,
            None | Some(200..=299 | 408 | 500..=502 | 504..=599) => Self::Open,
            Some(_) => Self::Other,
        }
    }

    /// Says whether time may heal it, for an object that was made a moment ago.
    pub fn is_propagation(self) -> bool {
        matches!(self, Self::Missing | Self::NotYet)
    }

    /// Says whether time may heal it, for a call about objects that were made a moment ago and that has nothing else to be refused
    /// for: apis.md 7.5 gives the status of such a refusal, 400 or 404, and not always its words.
    pub fn may_be_propagation(self) -> bool {
        matches!(self, Self::Missing | Self::NotYet | Self::Odd)
    }
}
