//! Which rows: by query, source, tenant and time; grouped by where they came from.

use super::{LeftOut, current, identifier, row::Glimpse};
use crate::{
    case::{table_of, unread},
    error::{Error, Kind, Result},
    journal::{Column, FileStored, Known, Work, disk},
    store::{CaseView, table::Rows},
    time::Window,
};
use jiff::Timestamp;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeSet,
    fs::File,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
};

/// What to export; what is left empty is all.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Selection {
    /// Names of pulled sources (`alerts`, `mde/machines`) or of tables hunted in (`DeviceInfo`).
    pub sources: Vec<String>,
    /// Names of queries.
    pub queries: Vec<String>,
    /// Directory (tenant) ids, or names of profiles.
    pub tenants: Vec<String>,
    /// Rows that happened in it, and those that have no time.
    pub window: Option<Window>,
}

/// Rows of one query or source in one tenant.
pub(super) struct Group<'a> {
    /// `hunt` or `pull`.
    pub(super) kind: Work,
    /// The query's name, or `api/name` of the source.
    pub(super) name: String,
    /// The name as an identifier.
    pub(super) table: String,
    pub(super) tenant: String,
    pub(super) schema: Vec<Column>,
    pub(super) rows: Stored<'a>,
    /// The query text, where there is one.
    pub(super) query: Option<String>,
}

/// Rows of NDJSON files of the case.
pub(super) struct Stored<'a> {
    pub(super) files: Vec<(FileStored, PathBuf)>,
    window: Option<Window>,
    progress: &'a (dyn Fn(u64) + Sync),
}

impl Rows for Stored<'_> {
    fn each(&self, each: &mut dyn FnMut(&str) -> Result<()>) -> Result<()> {
        self.files.iter().try_for_each(|(file, path)| self.file(file, path, each))
    }
}

impl Stored<'_> {
    /// Reads a file, and holds it against its hash.
    fn file(&self, stored: &FileStored, path: &Path, each: &mut dyn FnMut(&str) -> Result<()>) -> Result<()> {
        let reading = |error| disk::failed("reading", path, error);
        let mut from = BufReader::with_capacity(1 << 18, File::open(path).map_err(reading)?);
        let (mut line, mut hasher) = (Vec::new(), Sha256::new());
        while from.read_until(b'\n', &mut line).map_err(reading)? > 0 {
            hasher.update(&line);
            (self.progress)(line.len() as u64);
            let row = str::from_utf8(&line).map_err(|error| changed(stored).caused_by(error))?.trim_end_matches(['\n', '\r']);
            if !row.is_empty() && self.lets_through(row) {
                each(row)?;
            }
            line.clear();
        }
        if hex::encode(hasher.finalize()) == stored.sha256 { Ok(()) } else { Err(changed(stored)) }
    }

    fn lets_through(&self, row: &str) -> bool {
        let Some(window) = self.window else { return true };
        let time = Glimpse::of(row.as_bytes()).time.and_then(|(_, time)| time.parse::<Timestamp>().ok());
        time.is_none_or(|time| window.from <= time && time < window.to)
    }
}

fn changed(file: &FileStored) -> Error {
    Error::new(Kind::Disk, format!("`{}` is not what was written", file.path))
        .with_code("VerificationFailed")
        .hint("see what `ircollect case verify` says; nothing was exported")
}

/// Finds the rows that are selected, by name, and those that are and have no NDJSON.
pub(super) fn groups<'a>(
    case: &CaseView,
    selection: &Selection,
    progress: &'a (dyn Fn(u64) + Sync),
) -> Result<(Vec<Group<'a>>, Vec<LeftOut>)> {
    let status = case.status()?;
    let all = current(status.jobs.iter().map(|job| &job.known));
    let mut groups: Vec<Group<'a>> = Vec::new();
    for known in all.iter().filter(|known| selection.takes(known)) {
        let name = name(known);
        let at = groups.iter().position(|group| group.name == name && group.kind == known.job.kind && group.tenant == known.job.tenant);
        let at = at.unwrap_or_else(|| {
            groups.push(Group::new(known, name, selection.window, progress));
            groups.len() - 1
        });
        groups[at].add(case, known);
    }
    groups.retain(|group| !group.rows.files.is_empty());
    let left_out: Vec<LeftOut> = all.iter().filter(|known| selection.takes(known)).filter_map(|known| left_out(known)).collect();
    if groups.is_empty() {
        return Err(left_out.first().map_or_else(|| nothing(selection, &all), LeftOut::error));
    }
    groups.sort_by(|left, right| (&left.table, left.kind, &left.tenant).cmp(&(&right.table, right.kind, &right.tenant)));
    Ok((groups, left_out))
}

fn left_out(known: &Known) -> Option<LeftOut> {
    let formats = unread(known)?.into_iter().map(str::to_owned).collect();
    let files = known.files.iter().map(|file| file.path.clone()).collect();
    Some(LeftOut { name: name(known), tenant: known.job.tenant.clone(), formats, files })
}

fn nothing(selection: &Selection, all: &[&Known]) -> Error {
    let names: BTreeSet<String> = all.iter().map(|known| name(known)).collect();
    let names: Vec<String> = names.into_iter().take(20).collect();
    let asked = if selection.is_all() { "the case holds no rows" } else { "nothing in the case is named so" };
    Error::new(Kind::Usage, format!("there is nothing to export: {asked}")).with_code("NothingSelected").hint(if names.is_empty() {
        "see `ircollect case status`".to_owned()
    } else {
        format!("it holds {}", names.join(", "))
    })
}

fn name(known: &Known) -> String {
    let job = &known.job;
    let bare = job.name.strip_prefix(&format!("{}/", job.api)).unwrap_or(&job.name);
    if job.kind == Work::Hunt { job.name.clone() } else { format!("{}/{bare}", job.api) }
}

impl Selection {
    fn is_all(&self) -> bool {
        self.sources.is_empty() && self.queries.is_empty() && self.tenants.is_empty()
    }

    fn takes(&self, known: &Known) -> bool {
        let job = &known.job;
        let tenant = self.tenants.is_empty() || self.tenants.iter().any(|tenant| *tenant == job.tenant || *tenant == job.profile);
        let by_name = self.sources.is_empty() && self.queries.is_empty();
        let query = job.kind == Work::Hunt && self.queries.contains(&job.name);
        tenant && (by_name || query || self.sources.iter().any(|source| is_of(known, source)))
    }
}

fn is_of(known: &Known, source: &str) -> bool {
    match known.job.kind {
        Work::Pull => {
            name(known) == source || known.job.name == source || (known.job.api == "graph" && name(known) == format!("graph/{source}"))
        }
        Work::Hunt => {
            known.files.iter().find_map(|file| file.query.as_deref()).and_then(table_of).is_some_and(|(table, _)| table == source)
        }
    }
}

impl<'a> Group<'a> {
    fn new(known: &Known, name: String, window: Option<Window>, progress: &'a (dyn Fn(u64) + Sync)) -> Self {
        let rows = Stored { files: Vec::new(), window, progress };
        let query = known.files.iter().find_map(|file| file.query.clone());
        let table = identifier(name.strip_prefix("graph/").unwrap_or(&name));
        Self { kind: known.job.kind, table, tenant: known.job.tenant.clone(), schema: Vec::new(), rows, query, name }
    }

    fn add(&mut self, case: &CaseView, known: &Known) {
        for file in known.files.iter().filter(|file| file.format == "ndjson") {
            for column in &file.schema {
                if !self.schema.iter().any(|known| known.name == column.name) {
                    self.schema.push(column.clone());
                }
            }
            self.rows.files.extend(case.resolve(&file.path).map(|path| (file.clone(), path)));
        }
    }

    /// The files that the rows are of, with the hash of each.
    pub(super) fn of(&self) -> Vec<(String, String)> {
        self.rows.files.iter().map(|(file, _)| (file.path.clone(), file.sha256.clone())).collect()
    }
}
