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
            Some(400) if says("already exist") => Self::Exists,
            Some(400) if NOT_YET.iter().any(|words| says(words)) => Self::NotYet,
            Some(403) => Self::Forbidden,
            None | Some(200..=299 | 408 | 500..=502 | 504..=599) => Self::Open,
            Some(_) => Self::Other,
        }
    }

    /// Says whether time may heal it, for an object that was made a moment ago.
    pub fn is_propagation(self) -> bool {
        matches!(self, Self::Missing | Self::NotYet)
    }
}
