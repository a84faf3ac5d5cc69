//! How the rows of a file are written, told by its name and its first bytes.

use super::{envelope, rows, unreadable};
use crate::error::Result;
use flate2::read::MultiGzDecoder;
use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

/// How rows are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// Apache Parquet.
    Parquet,
    /// JSON objects.
    Json {
        /// The file is compressed.
        gzip: bool,
        /// Objects may be parted by anything but line breaks, or hold some: an array, or text laid out for people.
        loose: bool,
        /// The streaming API's envelope is around them, and those of this category are the table's.
        category: Option<String>,
    },
}

/// How much of a file is looked at.
const FIRST: u64 = 1 << 20;

impl Form {
    /// Tells how the rows of a file are written; none where it holds none that are known.
    ///
    /// # Errors
    /// [`crate::error::Kind::Disk`] where the file cannot be read.
    pub fn of(path: &Path) -> Result<Option<Self>> {
        let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
        let plain = name.strip_suffix(".gz").unwrap_or(&name);
        let extension = plain.rsplit_once('.').map_or("", |(_, extension)| extension);
        match extension {
            "parquet" => Ok(Some(Self::Parquet)),
            "ndjson" | "jsonl" | "json" => {
                let gzip = plain.len() < name.len() || is_gzip(path).map_err(|error| unreadable(path, &error.to_string()))?;
                let first = first(path, gzip).map_err(|error| unreadable(path, &error.to_string()))?;
                Ok(Some(Self::Json { gzip, loose: rows::is_loose(&first), category: None }))
            }
            _ => Ok(None),
        }
    }

    /// Returns its name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Json { category: Some(_), .. } => "streaming API",
            Self::Json { .. } => "ndjson",
        }
    }

    /// Tells whether the streaming API's envelope is around the file's rows.
    pub(super) fn has_envelope(&self, path: &Path) -> bool {
        let Self::Json { gzip, .. } = self else { return false };
        first(path, *gzip).is_ok_and(|first| envelope::begins(&first))
    }
}

fn is_gzip(path: &Path) -> io::Result<bool> {
    let mut magic = [0; 2];
    Ok(File::open(path)?.read(&mut magic)? == 2 && magic == [0x1f, 0x8b])
}

fn first(path: &Path, gzip: bool) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    opened(path, gzip)?.take(FIRST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Opens a file, decompressed.
pub(super) fn opened(path: &Path, gzip: bool) -> io::Result<Box<dyn Read + Send>> {
    let file = File::open(path)?;
    Ok(if gzip { Box::new(MultiGzDecoder::new(io::BufReader::with_capacity(1 << 18, file))) } else { Box::new(file) })
}
