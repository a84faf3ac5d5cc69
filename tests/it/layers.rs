//! Holds the rooms of `src` to their arrows: what each may name of the others, and which crates only one of them may touch.

use std::{collections::BTreeSet, fs, path::Path};

/// Room, and the rooms it may name beside itself and the vocabulary (`error`, `secret`, `time`).
const ARROWS: &[(&str, &[&str])] = &[
    ("cli", &[]),
    ("settings", &["cli"]),
    ("vault", &["transport"]),
    ("identity", &["vault", "transport"]),
    ("transport", &[]),
    ("api", &["transport"]),
    ("kql", &[]),
    ("collect", &["api", "transport", "kql", "store", "journal"]),
    ("store", &["journal"]),
    ("journal", &[]),
    ("console", &["collect", "journal"]),
    ("setup", &["api", "vault", "journal"]),
    // What is told of a case afterwards: read through store and journal, its queries through kql, worded by console.
    ("case", &["store", "journal", "kql", "console"]),
    ("lab", &["kql"]),
    ("offline", &["kql", "journal", "store", "case"]),
    (
        "run",
        &[
            "cli",
            "settings",
            "vault",
            "identity",
            "transport",
            "api",
            "kql",
            "collect",
            "store",
            "journal",
            "case",
            "console",
            "lab",
            "offline",
            "setup",
        ],
    ),
    ("error", &[]),
    ("secret", &[]),
    ("time", &[]),
];

const VOCABULARY: &[&str] = &["error", "secret", "time"];

/// A crate (as its paths begin), and the only rooms that may name it.
const OWNERS: &[(&str, &[&str])] = &[
    ("azure_security_keyvault", &["vault"]),
    ("azure_identity", &["vault"]),
    ("openssl::", &["identity", "lab"]),
    ("reqwest::", &["transport", "vault", "identity", "run"]),
    ("clap::", &["cli", "run"]),
    ("indicatif::", &["console"]),
    ("axum::", &["lab"]),
    ("datafusion::", &["kql", "lab", "offline"]),
    ("std::env::", &["settings", "journal", "store", "run", "main"]),
    ("std::process::exit", &[]),
];

fn sources(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(concat!(env!("CARGO_MANIFEST_DIR"), "/src")).unwrap().display().to_string();
            found.push((name, code_of(&fs::read_to_string(&path).unwrap())));
        }
    }
}

/// The code without comments and without the tests at the end of the file.
fn code_of(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    code.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

fn room(file: &str) -> String {
    file.split(['/', '\\', '.']).next().unwrap_or_default().to_owned()
}

fn all() -> Vec<(String, String)> {
    let mut found = Vec::new();
    sources(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &mut found);
    assert!(found.len() > 20, "the sources were not found");
    found
}

/// Rooms named as `crate::room` or inside `use crate::{...}`.
fn named_rooms(code: &str) -> BTreeSet<String> {
    let mut rooms = BTreeSet::new();
    for part in code.split("crate::").skip(1) {
        if let Some(group) = part.strip_prefix('{') {
            let mut depth = 1;
            let mut word = String::new();
            let mut at_start = true;
            for c in group.chars() {
                match c {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    ',' if depth == 1 => at_start = true,
                    c if at_start && depth == 1 && (c.is_alphanumeric() || c == '_') => word.push(c),
                    _ => {}
                }
                if !word.is_empty() && !c.is_alphanumeric() && c != '_' {
                    rooms.insert(std::mem::take(&mut word));
                    at_start = c == ',';
                }
                if depth == 0 {
                    break;
                }
            }
        } else {
            rooms.insert(part.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
        }
    }
    rooms.retain(|room| room.starts_with(char::is_lowercase));
    rooms
}

#[test]
fn rooms_keep_to_their_arrows() {
    let mut faults = Vec::new();
    for (file, code) in all() {
        let room = room(&file);
        if matches!(room.as_str(), "main" | "lib") {
            continue;
        }
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == room) else {
            faults.push(format!("{file}: the room `{room}` has no row in the table"));
            continue;
        };
        for named in named_rooms(&code) {
            if named != room && !allowed.contains(&named.as_str()) && !VOCABULARY.contains(&named.as_str()) {
                faults.push(format!("{file}: `{room}` may not use `{named}`"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn crates_stay_in_their_rooms() {
    let mut faults = Vec::new();
    for (file, code) in all() {
        for (path, owners) in OWNERS {
            let uses = code.match_indices(path).any(|(at, _)| !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':'));
            if uses && !owners.contains(&room(&file).as_str()) {
                faults.push(format!("{file}: only {owners:?} may use `{path}`"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_file_says_what_it_is_for() {
    let faults: Vec<String> = raw().into_iter().filter(|(_, text)| !text.starts_with("//!")).map(|(file, _)| file).collect();
    assert!(faults.is_empty(), "without a module doc: {faults:?}");
}

#[test]
fn files_stay_short() {
    let long: Vec<String> = all()
        .into_iter()
        .filter(|(_, code)| code.lines().filter(|line| !line.trim().is_empty()).count() > 400)
        .map(|(file, _)| file)
        .collect();
    assert!(long.is_empty(), "over 400 lines of code: {long:?}");
}

fn raw() -> Vec<(String, String)> {
    fn walk(folder: &Path, found: &mut Vec<(String, String)>) {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push((path.display().to_string(), fs::read_to_string(&path).unwrap()));
            }
        }
    }
    let mut found = Vec::new();
    walk(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &mut found);
    found
}

/// Every file of this binary must be listed in `main.rs`, or its tests would never run.
#[test]
fn no_test_file_is_forgotten() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it"));
    let main = fs::read_to_string(folder.join("main.rs")).unwrap();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let name = entry.file_name().to_string_lossy().trim_end_matches(".rs").to_owned();
        let is_code = Path::new(&name).extension().is_none_or(|end| end != "txt");
        assert!(
            !is_code || name == "main" || name == "snapshots" || main.contains(&format!("mod {name};")),
            "tests/it/main.rs does not list `{name}`"
        );
    }
}
