//! Reads the queries that were named on the command line, before any credential is asked for.

use super::{names, pack};
use crate::{
    cli::HuntArgs,
    collect::{
        Filled,
        pack::{FileKind, Rule},
    },
    error::{Error, Kind, Result},
};
use serde::Serialize;
use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

/// A query as it was given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Given {
    /// Its name: its own, the file's, or one made of the text's hash. No two queries of a run have one name.
    pub(super) name: String,
    /// The file, as it was named.
    pub(super) file: Option<String>,
    /// The text as its author wrote it, without a byte order mark.
    pub(super) text: String,
    /// Which block of the file it is, where the file has blocks.
    pub(super) block: Option<usize>,
    /// What a Sentinel rule says of itself.
    pub(super) rule: Option<Rule>,
    /// Where it stands in its pack.
    pub(super) place: Option<String>,
    /// Why it cannot be asked.
    pub(super) fault: Option<Fault>,
    /// The parameters it declares, and their values.
    pub(super) parameters: Vec<Parameter>,
    /// The text with its parameters filled in.
    pub(super) filled: Filled,
}

/// Why a file of a pack is no query, and where in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) message: String,
    pub(super) line: usize,
    pub(super) column: usize,
}

/// A parameter that a query declares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Parameter {
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    /// Its default, as a constant of the language.
    pub(super) default: Option<String>,
    /// The value given: a constant of the language, or `@FILE`.
    pub(super) value: Option<String>,
    /// How many values FILE holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) values: Option<usize>,
}

impl Given {
    /// Returns why it cannot be asked.
    pub(super) fn fault(&self) -> Option<Error> {
        let fault = self.fault.as_ref()?;
        Some(
            Error::new(Kind::Usage, fault.message.clone())
                .with_code("UnreadableQuery")
                .hint("correct the file, or leave it out of the pack"),
        )
    }
}

/// A query text longer than this is no query: a gateway refuses requests of about 1 MB (apis.md 4.2).
const LONGEST_FILE: u64 = 16 * 1024 * 1024;

/// Advice where a file cannot be read.
pub(super) const READABLE: &str = "name a file or folder that is there and may be read; text is UTF-8, or UTF-16 with a mark";

/// Reads every query of `args`, in the order given.
///
/// # Errors
/// [`Kind::Usage`], naming the file that cannot be read.
pub(super) fn read(args: &HuntArgs) -> Result<Vec<Given>> {
    let mut queries = Vec::new();
    for path in &args.query {
        queries.push(if path == Path::new("-") { from_stdin()? } else { from_file(path)? });
    }
    queries.extend(args.kql.iter().map(|text| Given { name: names::hashed("kql", text), text: text.clone(), ..Given::default() }));
    for path in &args.pack {
        queries.extend(pack::read(path)?);
    }
    names::tell_apart(&mut queries);
    if args.output.is_some() && queries.len() > 1 {
        return Err(Error::new(Kind::Usage, "--output takes the rows of a single query, and several were given")
            .hint("leave --output out: every query's rows are in the case"));
    }
    Ok(queries)
}

fn from_file(path: &Path) -> Result<Given> {
    let refuse = |why: &str| Error::new(Kind::Usage, format!("cannot read the query file `{}`: {why}", path.display()));
    if path.is_dir() {
        return Err(refuse("it is a folder").hint(format!("take all queries in it with --pack {}", path.display())));
    }
    if matches!(FileKind::of(path), Some(FileKind::Rule | FileKind::Markdown)) {
        return Err(refuse("it holds queries among other things").hint(format!("take the queries in it with --pack {}", path.display())));
    }
    let text = text_of(path, LONGEST_FILE).map_err(|why| refuse(&why).hint(READABLE))?;
    Ok(Given { name: names::safe(&stem(path)), file: Some(path.display().to_string()), text, ..Given::default() })
}

fn from_stdin() -> Result<Given> {
    let text = decoded(std::io::stdin().lock(), LONGEST_FILE);
    let text = text.map_err(|why| Error::new(Kind::Usage, format!("cannot read the query on standard input: {why}")).hint(READABLE))?;
    Ok(Given { name: names::hashed("stdin", &text), file: Some("-".into()), text, ..Given::default() })
}

/// Reads a query file of a pack.
pub(super) fn text_of_query(path: &Path) -> Result<String, String> {
    text_of(path, LONGEST_FILE)
}

/// Reads a text file of at most `longest` bytes, or says why it is none.
pub(super) fn text_of(path: &Path, longest: u64) -> Result<String, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    decoded(file, longest)
}

fn decoded(source: impl Read, longest: u64) -> Result<String, String> {
    let mut bytes = Vec::new();
    let read = source.take(longest + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if read as u64 > longest {
        return Err(format!("it is longer than {} MiB", longest / (1024 * 1024)));
    }
    decode(&bytes).ok_or_else(|| "it is neither UTF-8 nor UTF-16 text".to_owned())
}

/// Decodes UTF-8, with or without a mark, and UTF-16 with one, which Windows PowerShell's `>` writes.
fn decode(bytes: &[u8]) -> Option<String> {
    match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8(rest.to_vec()).ok(),
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        _ => String::from_utf8(bytes.to_vec()).ok(),
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Option<String> {
    if !bytes.len().is_multiple_of(2) {
        return None;
    }
    let units: Vec<u16> = bytes.as_chunks::<2>().0.iter().map(|pair| unit(*pair)).collect();
    String::from_utf16(&units).ok()
}

/// Returns a file's name without its extension.
pub(super) fn stem(path: &Path) -> String {
    path.file_stem().map(PathBuf::from).unwrap_or_default().display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_windows_powershell_writes() {
        let utf16: Vec<u8> = [0xff, 0xfe].into_iter().chain("print 'ß'".encode_utf16().flat_map(u16::to_le_bytes)).collect();
        assert_eq!(decode(&utf16).unwrap(), "print 'ß'");
        assert_eq!(decode(b"\xef\xbb\xbfprint 1").unwrap(), "print 1");
        assert_eq!(decode(b"\xff\xff\x00"), None);
    }

    #[test]
    fn what_is_too_long_or_no_text_is_refused() {
        assert_eq!(decoded(std::io::repeat(b'a'), 1024 * 1024).unwrap_err(), "it is longer than 1 MiB");
        assert_eq!(decoded(&b"\xff\xff"[..], 10).unwrap_err(), "it is neither UTF-8 nor UTF-16 text");
        assert_eq!(decoded(&b"ab"[..], 2).unwrap(), "ab");
    }
}
