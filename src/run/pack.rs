//! Reads packs: a folder's files in a stable order, the queries in each. What is a query in a file is told elsewhere.

use super::{
    names,
    queries::{Fault, Given, READABLE, stem, text_of_query},
};
use crate::{
    collect::pack::{self, FileKind, Found, looks_like_a_query},
    error::{Error, Kind, Result},
};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// More files than this are no pack, but a disk named by mistake; the largest public collection has a third of it.
const MOST_FILES: usize = 20_000;

/// Reads the queries of a folder or a file. A file of a folder that cannot be read is an entry with a fault, and the others go on.
///
/// # Errors
/// [`Kind::Usage`] where the path, or what it names alone, cannot be read or holds no query.
pub(super) fn read(root: &Path) -> Result<Vec<Given>> {
    let is_folder = fs::metadata(root).map_err(|error| refused(root, &error.to_string()).hint(READABLE))?.is_dir();
    let queries = if is_folder { of_folder(root)? } else { of_one_file(root)? };
    if queries.is_empty() {
        return Err(refused(root, "it holds no query")
            .hint("a pack is .kql and .csl files, Sentinel rules in .yaml and .yml, and fenced blocks of kql in .md"));
    }
    Ok(queries)
}

fn refused(path: &Path, why: &str) -> Error {
    Error::new(Kind::Usage, format!("cannot read the pack `{}`: {why}", path.display()))
}

fn of_one_file(path: &Path) -> Result<Vec<Given>> {
    let file = PackFile { root: path.parent().unwrap_or(Path::new("")), path };
    let kind = FileKind::of(path).ok_or_else(|| {
        refused(path, "such files are no packs")
            .hint("name a folder, or a .kql, .csl, .txt, .yaml, .yml or .md file; --query takes any file as one query")
    })?;
    file.queries(kind).map_err(|fault| refused(path, &fault.message).hint("correct the file, or name another"))
}

fn of_folder(root: &Path) -> Result<Vec<Given>> {
    let mut queries = Vec::new();
    for path in files(root)? {
        let file = PackFile { root, path: &path };
        let Some(kind) = FileKind::of(&path) else { continue };
        match file.queries(kind) {
            Ok(found) if kind == FileKind::Text => queries.extend(found.into_iter().filter(|query| looks_like_a_query(&query.text))),
            Ok(found) => queries.extend(found),
            Err(fault) => queries.push(file.faulty(fault)),
        }
    }
    Ok(queries)
}

/// Returns the files below a folder that may hold queries, sorted. Hidden ones are left out, and folders that are links, which may
/// go round in circles.
fn files(root: &Path) -> Result<Vec<PathBuf>> {
    let (mut folders, mut files) = (vec![root.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        let unreadable = |error: std::io::Error| refused(&folder, &error.to_string()).hint("name a folder whose folders may all be read");
        for entry in fs::read_dir(&folder).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let (path, kind) = (entry.path(), entry.file_type().map_err(unreadable)?);
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            if kind.is_dir() {
                folders.push(path);
            } else if FileKind::of(&path).is_some() && (kind.is_file() || path.is_file()) {
                files.push(path);
            }
        }
        if files.len() > MOST_FILES {
            return Err(refused(root, &format!("it has more than {MOST_FILES} files")).hint("name the folder of the queries alone"));
        }
    }
    files.sort();
    Ok(files)
}

/// A file of a pack.
struct PackFile<'a> {
    root: &'a Path,
    path: &'a Path,
}

impl PackFile<'_> {
    fn queries(&self, kind: FileKind) -> Result<Vec<Given>, Fault> {
        let text = text_of_query(self.path).map_err(|why| self.fault(&why, 1, 1))?;
        let found = pack::queries(kind, &text).map_err(|error| self.fault(&error.message, error.line, error.column))?;
        let several = found.len() > 1;
        let blocks = matches!(kind, FileKind::Markdown | FileKind::Rule);
        Ok(found.into_iter().enumerate().map(|(index, found)| self.given(found, several.then_some(index + 1), blocks)).collect())
    }

    fn given(&self, found: Found, number: Option<usize>, blocks: bool) -> Given {
        let name = match (found.title, number) {
            (Some(title), _) => names::safe(&title),
            (None, Some(number)) => format!("{}-{number}", names::safe(&stem(self.path))),
            (None, None) => names::safe(&stem(self.path)),
        };
        let place = Some(format!("{}#{}", self.within(), found.block));
        let file = Some(self.path.display().to_string());
        Given { name, file, text: found.text, block: blocks.then_some(found.block), rule: found.rule, place, ..Given::default() }
    }

    fn faulty(&self, fault: Fault) -> Given {
        let (name, place) = (names::safe(&stem(self.path)), Some(self.within()));
        Given { name, file: Some(self.path.display().to_string()), place, fault: Some(fault), ..Given::default() }
    }

    fn fault(&self, why: &str, line: usize, column: usize) -> Fault {
        Fault { message: format!("`{}`: {why}", self.path.display()), line, column }
    }

    /// The path within the pack, the same on every system.
    fn within(&self) -> String {
        let path = self.path.strip_prefix(self.root).unwrap_or(self.path);
        path.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[allow(clippy::disallowed_methods, reason = "a test's own folder is no case")]
    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    fn shown(folder: &Path) -> Vec<(String, bool)> {
        read(folder).unwrap().into_iter().map(|given| (given.name, given.fault.is_none())).collect()
    }

    #[test]
    fn a_folder_is_read_in_order_and_what_is_broken_holds_nothing_up() {
        let folder = folder(&[
            ("b/One query.kql", ""),
            ("a.md", "```kql\nprint 1\n```\n```\nprint 2 | where 3\n```"),
            ("b/rule.yaml", "name: My rule!\nid: x\nquery: print 1"),
            ("b/ci.yml", "on: push"),
            ("c.yaml", "query: ["),
            (".git/x.kql", "print 1"),
            (".x.kql", "print 1"),
            ("README.txt", "words"),
            ("old.TXT", "T | where x"),
            ("x.exe", "T | where x"),
        ]);
        let expected = [("a-1", true), ("a-2", true), ("One-query", true), ("My-rule", true), ("c", false), ("old", true)];
        assert_eq!(shown(folder.path()), expected.map(|(name, good)| (name.to_owned(), good)));
    }

    #[test]
    fn a_file_named_alone_must_hold_a_query() {
        let folder = folder(&[("a.yaml", "on: push"), ("b.yaml", "query: ["), ("c.txt", "words"), ("d.exe", ""), ("empty/x", "")]);
        let refused = |name: &str| read(&folder.path().join(name)).unwrap_err();
        assert!(refused("a.yaml").message().ends_with("it holds no query"));
        assert!(refused("b.yaml").message().contains("it is not YAML"));
        assert!(refused("d.exe").hints()[0].contains("--query"));
        assert!(refused("empty").message().ends_with("it holds no query"));
        assert!(refused("none.kql").message().contains("none.kql") && !refused("none.kql").hints().is_empty());
        assert_eq!(shown(&folder.path().join("c.txt")), [("c".to_owned(), true)]);
    }
}
