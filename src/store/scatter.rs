//! Rows laid out as a dataset: a folder a day, named as `DuckDB`, Spark, Fabric and Azure Data Explorer read it
//! (`tenant=.../query=.../date=...`), so that whoever asks for a day reads that day alone.

use super::{
    case::Case,
    commit::Written,
    derive::{NdjsonFiles, derive_with},
    draft::Draft,
    intake::{Harvest, Wanted},
    place::{Format, Place},
    table::{Columns, Days, Rows, learn},
};
use crate::{
    error::{Error, Kind, Result},
    journal::Column,
};
use std::collections::BTreeMap;

/// The files of one day.
#[derive(Debug)]
pub struct Day {
    /// `2026-01-31`; none for rows without a time.
    pub date: Option<String>,
    /// Whole and durable under temporary names.
    pub harvest: Harvest,
}

impl Case {
    /// Writes the rows of stored NDJSON files day by day, by the first of their columns that says when, to files in folders beside
    /// `place` that are named after a tenant and a query (`of`). All days have the same columns. Nothing is part of the case until it is committed.
    ///
    /// # Errors
    /// [`Kind::Disk`], also where a file is not what was written.
    pub fn scatter(&self, place: &Place, of: [&str; 2], parts: &[Written], schema: &[Column], wanted: &Wanted) -> Result<Vec<Day>> {
        let paths = parts.iter().map(|part| self.checked(part)).collect::<Result<Vec<_>>>()?;
        let rows = NdjsonFiles(paths);
        let columns = learn(&rows, schema)?;
        let at = |date: Option<&str>| place.day(of, date.unwrap_or(NO_DATE));
        let create = if wanted.keeps() { Draft::create } else { Draft::passing };
        let (mut days, mut drafts) = (Days::new(columns.clone()), BTreeMap::new());
        rows.each(&mut |row| {
            let date = days.of(row)?;
            let draft = match drafts.get_mut(&date) {
                Some(draft) => draft,
                None => drafts.entry(date.clone()).or_insert(create(&self.dir, at(date.as_deref()))?),
            };
            draft.row(row.as_bytes())
        })?;
        if drafts.is_empty() {
            drafts.insert(None, create(&self.dir, at(None))?);
        }
        drafts.into_iter().map(|(date, draft)| self.day(date, draft, &columns, wanted)).collect()
    }

    fn day(&self, date: Option<String>, draft: Draft, columns: &Columns, wanted: &Wanted) -> Result<Day> {
        let rows = draft.seal()?;
        let others: Vec<Format> = wanted.others().collect();
        let mut files = derive_with(&self.dir, &rows.place, &NdjsonFiles(vec![rows.temp.to_path_buf()]), columns, &others, &wanted.about)?;
        if wanted.keeps() {
            files.insert(0, rows);
        }
        Ok(Day { date, harvest: Harvest { files } })
    }

    fn checked(&self, part: &Written) -> Result<std::path::PathBuf> {
        let path = self.resolve(&part.path).ok_or_else(|| Error::new(Kind::Disk, format!("`{}` is no path of a case", part.path)))?;
        super::join::check(&(part.clone(), path.clone()))?;
        Ok(path)
    }
}

/// How Hive names the folder of rows without a value.
const NO_DATE: &str = "__HIVE_DEFAULT_PARTITION__";
