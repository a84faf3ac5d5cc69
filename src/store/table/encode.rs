//! What every format of a table has in common: rows in, bytes out.

#[cfg(feature = "parquet")]
use super::parquet::Parquet;
use super::{columns::Columns, csv::Csv, json::Json, timesketch::Timesketch};
use crate::{
    error::{Error, Kind, Result},
    store::Format,
};
use std::io::{self, Write};

/// Writes the rows of one table to `W`.
pub(crate) trait Encode<W>: Send {
    /// Takes a row: the text of one JSON object.
    fn row(&mut self, row: &str) -> Result<(), Refused>;

    /// Ends the table and gives back what it was written to.
    fn end(self: Box<Self>) -> Result<W>;
}

/// Why a row was not taken.
#[derive(Debug)]
pub(crate) enum Refused {
    /// It does not keep to the columns: the rows have to be read twice.
    Misfit,
    /// It could not be written, or is no row.
    Failed(Error),
}

impl Refused {
    pub(crate) fn into_error(self) -> Error {
        match self {
            Self::Failed(error) => error,
            Self::Misfit => {
                Error::new(Kind::Disk, "stored rows changed between two readings").hint("see what `ircollect case verify` says")
            }
        }
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        Self::Failed(written(error))
    }
}

/// What a file says of its rows, where the format has room for it.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// Name of the query or source.
    pub name: String,
    /// Further words and what they say: the window, the query text.
    pub facts: Vec<(String, String)>,
}

/// Begins a table of known columns.
pub(crate) fn open<W: Write + Send + 'static>(format: Format, columns: Columns, about: &About, to: W) -> Result<Box<dyn Encode<W>>> {
    let columns = columns.or_one();
    Ok(match format {
        Format::Ndjson => Box::new(Json::lines(to)),
        Format::Json => Box::new(Json::array(to)),
        Format::Csv => Box::new(Csv::new(columns, to)),
        Format::Timesketch => Box::new(Timesketch::new(columns, about, to)),
        #[cfg(feature = "parquet")]
        Format::Parquet => Box::new(Parquet::new(columns, about, to)?),
        #[cfg(not(feature = "parquet"))]
        Format::Parquet => return Err(Error::new(Kind::Usage, "Parquet was not built in").hint("build with `--features parquet`")),
    })
}

/// Returns the error of ours that a failed write carries, or words it as one.
pub(super) fn written(error: io::Error) -> Error {
    match error.downcast::<Error>() {
        Ok(ours) => ours,
        Err(error) => Error::new(Kind::Disk, format!("writing the rows failed: {error}")).caused_by(error),
    }
}
