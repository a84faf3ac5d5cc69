//! What rows go into, whatever the format.

use super::draft::Sealed;
use crate::error::Result;

/// Takes the rows of one file, in order, and ends as a file that is whole on disk but has no name yet.
///
/// A sink that is dropped leaves nothing.
pub trait Sink: Send {
    /// Takes a row: the bytes of a JSON object as the service sent them, without line breaks.
    ///
    /// # Errors
    /// [`crate::error::Kind::Disk`].
    fn row(&mut self, row: &[u8]) -> Result<()>;

    /// Forgets all rows: the answer they came from was cut off and comes again.
    ///
    /// # Errors
    /// [`crate::error::Kind::Disk`].
    fn restart(&mut self) -> Result<()>;

    /// Ends the file and makes it durable under its temporary name.
    ///
    /// # Errors
    /// [`crate::error::Kind::Disk`].
    fn seal(self: Box<Self>) -> Result<Sealed>;
}
