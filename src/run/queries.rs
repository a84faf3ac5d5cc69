//! Reads the queries that were named on the command line, before any credential is asked for.

use crate::{
    cli::HuntArgs,
    error::{Error, Kind, Result},
};
use sha2::{Digest, Sha256};
use std::{
    collections::HashSet,
    fmt::Write,
    io::Read,
    path::{Path, PathBuf},
};

/// A query as it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Given {
    /// Its name: the file's, or one made of the text's hash. No two queries of a run have one name.
    pub(super) name: String,
    /// The file, as it was named.
    pub(super) file: Option<String>,
    /// The text, without a byte order mark.
    pub(super) text: String,
}

/// A query text longer than this is no query: a gateway refuses requests of about 1 MB (apis.md 4.2).
const LONGEST_FILE: u64 = 16 * 1024 * 1024;

/// Reads every query of `args`, in the order given.
///
/// # Errors
/// [`Kind::Usage`], naming the file that cannot be read.
pub(super) fn read(args: &HuntArgs) -> Result<Vec<Given>> {
    let mut queries = Vec::new();
    let mut names = HashSet::new();
    for path in &args.query {
        queries.push(if path == Path::new("-") { from_stdin()? } else { from_file(path)? });
    }
    queries.extend(args.kql.iter().map(|text| Given { name: named_by_hash("kql", text), file: None, text: text.clone() }));
    for query in &mut queries {
        query.name = unused(&mut names, &query.name);
    }
    if args.output.is_some() && queries.len() > 1 {
        return Err(Error::new(Kind::Usage, "--output takes the rows of a single query, and several were given")
            .hint("leave --output out: every query's rows are in the case"));
    }
    Ok(queries)
}

fn from_file(path: &Path) -> Result<Given> {
    let refuse = |why: String| Err(Error::new(Kind::Usage, format!("cannot read the query file `{}`: {why}", path.display())));
    if path.is_dir() {
        return refuse("it is a folder".into()).map_err(|error: Error| error.hint("name the files of the folder"));
    }
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.len() > LONGEST_FILE => return refuse(format!("{} bytes are no query", metadata.len())),
        _ => {}
    }
    match std::fs::read(path) {
        Err(error) => refuse(error.to_string()),
        Ok(bytes) => match decode(&bytes) {
            Some(text) => Ok(Given { name: stem(path), file: Some(path.display().to_string()), text }),
            None => refuse("it is neither UTF-8 nor UTF-16 text".into()),
        },
    }
}

fn from_stdin() -> Result<Given> {
    let mut bytes = Vec::new();
    std::io::stdin()
        .lock()
        .take(LONGEST_FILE)
        .read_to_end(&mut bytes)
        .map_err(|error| Error::new(Kind::Usage, "cannot read the query from standard input").caused_by(error))?;
    let text = decode(&bytes).ok_or_else(|| Error::new(Kind::Usage, "the query on standard input is neither UTF-8 nor UTF-16 text"))?;
    Ok(Given { name: named_by_hash("stdin", &text), file: Some("-".into()), text })
}

/// Decodes UTF-8, with or without a mark, and UTF-16 with one, which Windows PowerShell's `>` writes.
pub(super) fn decode(bytes: &[u8]) -> Option<String> {
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

fn stem(path: &Path) -> String {
    let stem = path.file_stem().map(PathBuf::from).unwrap_or_default();
    stem.display().to_string()
}

fn named_by_hash(prefix: &str, text: &str) -> String {
    let mut name = format!("{prefix}-");
    for byte in Sha256::digest(text.as_bytes()).iter().take(4) {
        let _ = write!(name, "{byte:02x}");
    }
    name
}

fn unused(names: &mut HashSet<String>, name: &str) -> String {
    let mut candidate = name.to_owned();
    let mut number = 2;
    while !names.insert(candidate.to_lowercase()) {
        candidate = format!("{name}-{number}");
        number += 1;
    }
    candidate
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
    fn names_never_collide() {
        let mut names = HashSet::new();
        let given = ["a", "A", "a", "a-2"].map(|name| unused(&mut names, name));
        assert_eq!(given, ["a", "A-2", "a-3", "a-2-2"]);
    }
}
