//! Where a file stands in a case: names that every file system takes, and that never meet each other. No disk is touched here.

use crate::{
    journal::{hash, layout},
    time::Window,
};
use jiff::Timestamp;
use std::{
    fmt,
    path::{Path, PathBuf},
};

/// Formats of files, named by their extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Format {
    /// Rows as they were sent, one a line.
    Ndjson,
    /// Comma-separated values.
    Csv,
    /// The same rows as one array.
    Json,
    /// Apache Parquet.
    Parquet,
    /// Comma-separated values for Timesketch.
    Timesketch,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 5] = [Self::Ndjson, Self::Csv, Self::Json, Self::Parquet, Self::Timesketch];

    /// Returns its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Parquet => "parquet",
            Self::Timesketch => "timesketch",
        }
    }

    /// Returns what the names of its files end in.
    pub fn extension(self) -> &'static str {
        if self == Self::Timesketch { "timesketch.csv" } else { self.name() }
    }

    /// Tells whether rows are laid out in columns; else they are kept as they were sent.
    pub fn has_columns(self) -> bool {
        !matches!(self, Self::Ndjson | Self::Json)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where a file is to stand: a folder below the case, a stem, a format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Relative to the case, with `/`.
    folder: String,
    stem: String,
    format: Format,
}

/// Stem of files without a window: inventories, pulled whole.
const WHOLE: &str = "whole";
/// Ending of the folder that holds the days of a dataset, and the stem of each file in it.
const DATASET: &str = ".dataset";
const ROWS: &str = "rows";
/// Ending of the folder that holds the parts of a file until they are one.
const PARTS: &str = ".parts";

impl Place {
    /// Returns the place of a query's rows: `data/<tenant>/hunt/<query>/<from>_<to>`.
    pub fn hunt(tenant: &str, query: &str, window: Option<Window>, format: Format) -> Self {
        let folder = format!("{}/{}/hunt/{}", layout::DATA, safe_name(tenant), safe_name(query));
        Self { folder, stem: stem(window), format }
    }

    /// Returns the place of a source's objects: `data/<tenant>/pull/<api>/<source>/<from>_<to>`.
    pub fn pull(tenant: &str, api: &str, source: &str, window: Option<Window>, format: Format) -> Self {
        let names = [tenant, api, source].map(safe_name);
        let folder = format!("{}/{}/pull/{}/{}", layout::DATA, names[0], names[1], names[2]);
        Self { folder, stem: stem(window), format }
    }

    /// Returns the place of one slice of this: in a folder named after it.
    #[must_use]
    pub fn part(&self, slice: Window) -> Self {
        Self { folder: format!("{}/{}{PARTS}", self.folder, self.stem), stem: stem(Some(slice)), format: self.format }
    }

    /// Returns the place of one day's rows of this, in a dataset beside it.
    #[must_use]
    pub(super) fn day(&self, [tenant, query]: [&str; 2], date: &str) -> Self {
        let folders = format!("tenant={}/query={}/date={date}", safe_name(tenant), safe_name(query));
        Self { folder: format!("{}/{}{DATASET}/{folders}", self.folder, self.stem), stem: ROWS.to_owned(), format: self.format }
    }

    /// Tells whether a path of the journal is one of a dataset.
    pub fn is_of_dataset(path: &str) -> bool {
        path.split('/').any(|folder| folder.ends_with(DATASET))
    }

    /// Returns the place of the whole that a path of the journal is a part of, so that a resumed job goes on in the same folder.
    pub fn whole_of(part: &str, format: Format) -> Option<Self> {
        let (parts, _) = part.rsplit_once('/')?;
        let (folder, stem) = parts.strip_suffix(PARTS)?.rsplit_once('/')?;
        Some(Self { folder: folder.to_owned(), stem: stem.to_owned(), format })
    }

    /// Returns the place that a path of the journal stands at; none where its name ends in no format.
    pub fn of(path: &str) -> Option<Self> {
        let (folder, name) = path.rsplit_once('/')?;
        let (stem, extension) = name.split_once('.')?;
        let format = Format::ALL.into_iter().find(|format| format.extension() == extension)?;
        Some(Self { folder: folder.to_owned(), stem: stem.to_owned(), format })
    }

    /// Tells whether a path of the journal stands here, in whatever format.
    pub fn is_at(&self, path: &str) -> bool {
        Self::of(path).is_some_and(|other| other.key() == self.key())
    }

    /// Returns the same place in another format.
    #[must_use]
    pub fn format(&self, format: Format) -> Self {
        Self { format, ..self.clone() }
    }

    /// Returns the same place, numbered: `-2` for the second file of the same name.
    #[must_use]
    pub(super) fn numbered(&self, number: u32) -> Self {
        if number < 2 { self.clone() } else { Self { stem: format!("{}-{number}", self.stem), ..self.clone() } }
    }

    /// Returns the path relative to the case, with `/` between the parts.
    pub fn path(&self) -> String {
        format!("{}/{}.{}", self.folder, self.stem, self.format.extension())
    }

    /// Says whether both are in one folder.
    pub(super) fn is_beside(&self, other: &Self) -> bool {
        self.folder == other.folder
    }

    pub(super) fn stem(&self) -> &str {
        &self.stem
    }

    pub(super) fn kind(&self) -> Format {
        self.format
    }

    pub(super) fn format_name(&self) -> &'static str {
        self.format.name()
    }

    /// Returns what two files of one name have in common, whatever their formats: the path without extension.
    pub(super) fn key(&self) -> String {
        format!("{}/{}", self.folder, self.stem)
    }

    /// Returns the keys that a path of the journal takes: its own, and those of the files whose parts it is among.
    pub(super) fn keys_of(path: &str) -> impl Iterator<Item = &str> {
        path.match_indices('.').map(|(at, _)| &path[..at])
    }

    pub(super) fn folder_in(&self, case: &Path) -> PathBuf {
        self.folder.split('/').fold(case.to_owned(), |path, part| path.join(part))
    }
}

fn stem(window: Option<Window>) -> String {
    window.map_or_else(|| WHOLE.to_owned(), |window| format!("{}_{}", compact(window.from), compact(window.to)))
}

/// Formats a time for a file name: `20260131T000000Z`, with seven fraction digits where there are any.
fn compact(time: Timestamp) -> String {
    let ticks = time.as_nanosecond().rem_euclid(1_000_000_000) / 100;
    let whole = time.strftime("%Y%m%dT%H%M%S");
    if ticks == 0 { format!("{whole}Z") } else { format!("{whole}-{ticks:07}Z") }
}

/// Longest readable part of a name. Case, tenant, kind, name and window together stay below the 260 characters of old Windows paths.
const LONGEST: usize = 60;

/// Makes a folder name of any text: safe on every file system, and different for every text.
///
/// Plain lower-case names stay as they are. All others keep what is readable of them and get `~` and a piece of their hash, since
/// file systems fold case, trim dots and compose accents, and two names must not meet in one folder.
pub fn safe_name(text: &str) -> String {
    if is_plain(text) {
        return text.to_owned();
    }
    let digest = hash::of_bytes(text.as_bytes());
    format!("{}~{}", readable(text), digest.get(..12).unwrap_or_default())
}

fn is_plain(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
    let ends = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.len() <= LONGEST && text.chars().all(allowed) && text.starts_with(ends) && text.ends_with(ends) && !is_device(text)
}

/// Tells whether Windows takes the name for a device, with or without an extension.
/// Source: "Naming Files, Paths, and Namespaces", Microsoft Learn.
fn is_device(text: &str) -> bool {
    let stem = text.split('.').next().unwrap_or_default().trim_end().to_ascii_lowercase();
    let port = stem.strip_prefix("com").or_else(|| stem.strip_prefix("lpt"));
    matches!(stem.as_str(), "con" | "prn" | "aux" | "nul" | "conin$" | "conout$" | "clock$")
        || port.is_some_and(|number| number.chars().count() == 1 && !number.starts_with(|c: char| c.is_ascii_alphabetic()))
}

fn readable(text: &str) -> String {
    let mut name = String::new();
    for c in text.chars() {
        let plain = c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
        let c = if plain { c } else { '-' };
        if (c == '-' || c == '.') && (name.is_empty() || name.ends_with(['-', '.'])) {
            continue;
        }
        if name.len() == LONGEST {
            break;
        }
        name.push(c);
    }
    let name = name.trim_end_matches(['-', '.']).to_owned();
    if is_device(&name) { format!("_{name}") } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    fn window(from: &str, to: &str) -> Window {
        Window::new(from.parse().unwrap(), to.parse().unwrap()).unwrap()
    }

    #[test]
    fn places_follow_the_contract() {
        let month = window("2026-01-01T00:00:00Z", "2026-01-31T00:00:00.0000001Z");
        let place = Place::hunt("11111111-2222-3333-4444-555555555555", "encoded-powershell", Some(month), Format::Ndjson);
        let folder = "data/11111111-2222-3333-4444-555555555555/hunt/encoded-powershell";
        assert_eq!(place.path(), format!("{folder}/20260101T000000Z_20260131T000000-0000001Z.ndjson"));
        assert_eq!(place.numbered(2).path(), format!("{folder}/20260101T000000Z_20260131T000000-0000001Z-2.ndjson"));
        let day = window("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z");
        let part = place.part(day).path();
        assert_eq!(part, format!("{folder}/20260101T000000Z_20260131T000000-0000001Z.parts/20260101T000000Z_20260102T000000Z.ndjson"));
        assert_eq!(Place::whole_of(&part, Format::Ndjson), Some(place.clone()));
        assert_eq!(Place::whole_of(&place.path(), Format::Ndjson), None);
        assert!(Place::keys_of(&part).any(|key| key == place.key()));
        assert_eq!(Place::pull("t", "mde", "machines", None, Format::Csv).path(), "data/t/pull/mde/machines/whole.csv");
    }

    #[test]
    fn plain_names_stay_and_others_say_what_they_were() {
        for plain in ["encoded-powershell", "t1059.001_x", "a", "0"] {
            assert_eq!(safe_name(plain), plain);
        }
        let starts = [
            ("Suspicious logons", "Suspicious-logons~"),
            ("../../etc/passwd", "etc-passwd~"),
            ("con", "_con~"),
            ("NUL.txt", "_NUL.txt~"),
            ("com1.x", "_com1.x~"),
            ("com¹", "com~"),
            ("", "~"),
            (".hidden", "hidden~"),
            ("end.", "end~"),
            ("\u{202e}gpj.exe", "gpj.exe~"),
            ("угроза", "~"),
        ];
        for (text, start) in starts {
            let name = safe_name(text);
            assert!(name.starts_with(start) && name.len() == start.len() + 12, "{text:?} became {name}");
        }
    }

    proptest! {
        #[test]
        fn any_text_makes_a_safe_name(texts in proptest::collection::vec("(?s).{0,80}|[a-cA-C. -]{0,4}|(con|nul|COM1|lpt9)\\.?[a-z]?", 2..20)) {
            let mut seen: HashMap<String, String> = HashMap::new();
            for text in texts {
                let name = safe_name(&text);
                prop_assert!(!name.is_empty() && name.len() <= 75, "{name}");
                prop_assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.~".contains(c)), "{name}");
                prop_assert!(!name.starts_with(['.', '-']) && !name.ends_with('.') && !is_device(&name), "{name}");
                let folded = name.to_lowercase();
                prop_assert!(seen.insert(folded, text.clone()).is_none_or(|other| other == text));
            }
        }
    }
}
