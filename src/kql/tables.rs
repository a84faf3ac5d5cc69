//! The tables that can be hunted in: columns, time column, older names, which API has them.
//!
//! Facts of the documentation, embedded. The service may know more columns and newer tables: an answer's own schema always wins.

use crate::kql::ast::TypeName;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

/// The time column of every Sentinel table.
pub const SENTINEL_TIME: &str = "TimeGenerated";

/// Tables that are gone, and what answers the same question now. The newer documentation does not list them.
const RETIRED: [(&str, &str); 4] = [
    ("DeviceAlertEvents", "AlertInfo"),
    ("AppFileEvents", "CloudAppEvents"),
    ("DeviceTvmSoftwareInventoryVulnerabilities", "DeviceTvmSoftwareVulnerabilities"),
    ("AccountInfo", "IdentityInfo"),
];

/// One table of advanced hunting.
#[derive(Debug)]
pub struct TableInfo {
    /// Its name; names are case-sensitive.
    pub name: &'static str,
    /// Its documented columns, in order. Empty where its page lists none yet.
    pub columns: Box<[(&'static str, TypeName)]>,
    /// The column its rows are cut by, if it has one.
    pub time_column: Option<&'static str>,
    /// Periodic records of a state rather than events.
    pub state: bool,
    /// The newer name or spelling of this table, where this is an older one.
    pub renamed_to: Option<&'static str>,
}

impl TableInfo {
    /// Returns whether the Defender for Endpoint API has this table (its extent is not documented: device tables and alerts).
    pub fn in_mde(&self) -> bool {
        self.name.starts_with("Device") || matches!(self.name, "AlertInfo" | "AlertEvidence")
    }

    /// Returns the type of a column.
    pub fn column(&self, name: &str) -> Option<TypeName> {
        self.columns.iter().find(|(column, _)| *column == name).map(|(_, kind)| *kind)
    }
}

/// Where the rows of a table come from, as far as its name tells.
#[derive(Clone, Copy, Debug)]
pub enum Origin {
    /// A table of advanced hunting.
    Hunting(&'static TableInfo),
    /// A table of a Sentinel workspace, reached through Graph: time column [`SENTINEL_TIME`].
    Sentinel,
    /// No name that we know.
    Unknown,
}

impl Origin {
    /// Returns the column to cut by, if there is one.
    pub fn time_column(self) -> Option<&'static str> {
        match self {
            Self::Hunting(table) => table.time_column,
            Self::Sentinel => Some(SENTINEL_TIME),
            Self::Unknown => None,
        }
    }
}

static TABLES: LazyLock<BTreeMap<&'static str, TableInfo>> =
    LazyLock::new(|| lines(include_str!("tables.txt")).filter_map(table).map(|table| (table.name, table)).collect());

static SENTINEL: LazyLock<BTreeSet<&'static str>> =
    LazyLock::new(|| lines(include_str!("sentinel.txt")).flat_map(str::split_whitespace).collect());

/// Returns the hunting table of that name.
pub fn find(name: &str) -> Option<&'static TableInfo> {
    TABLES.get(name)
}

/// Returns all hunting tables, by name.
pub fn all() -> impl Iterator<Item = &'static TableInfo> {
    TABLES.values()
}

/// Returns the names of the Sentinel tables that are known.
pub fn sentinel() -> impl Iterator<Item = &'static str> {
    SENTINEL.iter().copied()
}

/// Returns where a table's rows come from. Custom logs of a workspace end in `_CL`.
pub fn origin(name: &str) -> Origin {
    match find(name) {
        Some(table) => Origin::Hunting(table),
        None if SENTINEL.contains(name) || name.ends_with("_CL") => Origin::Sentinel,
        None => Origin::Unknown,
    }
}

/// Returns the table that replaces `name`, where `name` is retired or renamed.
pub fn successor(name: &str) -> Option<&'static str> {
    let renamed = find(name).and_then(|table| table.renamed_to);
    renamed.or_else(|| RETIRED.iter().find(|(old, _)| *old == name).map(|(_, new)| *new))
}

/// Returns the hunting table whose name is nearest to a misspelt one.
pub fn nearest(name: &str) -> Option<&'static str> {
    let wanted = name.to_lowercase();
    let scored = all().map(|table| (strsim::jaro_winkler(&wanted, &table.name.to_lowercase()), table.name));
    scored.filter(|(score, _)| *score > 0.92).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, name)| name)
}

fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn table(line: &'static str) -> Option<TableInfo> {
    let (head, columns) = line.split_once('|')?;
    let mut words = head.split_whitespace();
    let name = words.next()?;
    let marks: Vec<&str> = words.collect();
    let value = |key: &str| marks.iter().find_map(|mark| mark.strip_prefix(key));
    Some(TableInfo {
        name,
        columns: columns.split_whitespace().filter_map(column).collect(),
        time_column: value("time="),
        state: marks.contains(&"state"),
        renamed_to: value("now="),
    })
}

fn column(text: &'static str) -> Option<(&'static str, TypeName)> {
    let (name, kind) = text.split_once(':')?;
    let kind = match kind {
        "t" => TypeName::Datetime,
        "s" => TypeName::String,
        "l" => TypeName::Long,
        "i" => TypeName::Int,
        "b" => TypeName::Bool,
        "g" => TypeName::Guid,
        "r" => TypeName::Real,
        "y" => TypeName::Dynamic,
        _ => return None,
    };
    Some((name, kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_read_whole() {
        for line in lines(include_str!("tables.txt")) {
            let columns = line.split_once('|').unwrap().1.split_whitespace().count();
            let read = table(line).unwrap();
            assert_eq!(read.columns.len(), columns, "{}", read.name);
            assert!(read.time_column.is_none_or(|time| read.column(time) == Some(TypeName::Datetime)), "{}", read.name);
            assert!(read.renamed_to.is_none_or(|new| find(new).is_some()), "{}", read.name);
        }
    }

    #[test]
    fn tells_origins_apart() {
        assert_eq!(origin("DeviceEvents").time_column(), Some("Timestamp"));
        assert_eq!(origin("SigninLogs").time_column(), Some("TimeGenerated"));
        assert_eq!(origin("Duo_CL").time_column(), Some("TimeGenerated"));
        assert_eq!(origin("DeviceTvmSoftwareInventory").time_column(), None);
        assert!(matches!(origin("deviceevents"), Origin::Unknown), "names are case-sensitive");
        assert!(SENTINEL.iter().all(|name| find(name).is_none()));
    }

    #[test]
    fn knows_older_names() {
        assert_eq!(successor("AADSignInEventsBeta"), Some("EntraIdSignInEvents"));
        assert_eq!(successor("DeviceAlertEvents"), Some("AlertInfo"));
        assert_eq!(nearest("DeviceProcesEvents"), Some("DeviceProcessEvents"));
        assert!(find("DeviceEvents").unwrap().in_mde() && !find("EmailEvents").unwrap().in_mde());
    }
}
