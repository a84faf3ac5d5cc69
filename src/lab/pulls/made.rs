//! The objects of each list, told from the company's tables when they are asked for first, and how they change while a list is paged.

use super::{
    alerts,
    filter::{order, property},
    items,
    lists::{self, List},
};
use crate::{
    kql::engine::Table,
    lab::{directory::HOME, hunting::objects, ids::lock},
};
use serde_json::{Map, Value, json};
use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    sync::{Mutex, OnceLock},
};

type Row = Map<String, Value>;

/// The objects of every list, newest first.
pub(crate) struct Objects {
    tables: BTreeMap<String, Table>,
    end: jiff::Timestamp,
    told: BTreeMap<&'static str, OnceLock<Vec<Value>>>,
    moves: Mutex<Moves>,
}

/// What has changed since the lab started.
#[derive(Default)]
struct Moves {
    /// Items that were updated: (list, place) and the time.
    updated: HashMap<(&'static str, usize), String>,
    /// Items that came new.
    added: HashMap<&'static str, Vec<Value>>,
    count: u64,
}

const SPAN: i64 = 30 * 86_400;

impl Objects {
    /// Tells them from the company's tables, which end at `end`.
    pub(crate) fn new(tables: &BTreeMap<String, Table>, end: jiff::Timestamp) -> Self {
        let told = lists::all().iter().map(|list| (list.key(), OnceLock::new())).collect();
        Self { tables: tables.clone(), end, told, moves: Mutex::default() }
    }

    /// The objects as they were when the lab started.
    fn first(&self, list: &'static List) -> &[Value] {
        self.told.get(list.key()).map(|told| told.get_or_init(|| self.tell(list)).as_slice()).unwrap_or_default()
    }

    /// The objects as they are.
    pub(super) fn of(&self, list: &'static List) -> Vec<Cow<'_, Value>> {
        let moves = lock(&self.moves);
        let first =
            self.first(list).iter().enumerate().map(|(place, item)| match (moves.updated.get(&(list.key(), place)), &list.updated) {
                (Some(time), Some(name)) => {
                    let mut item = item.clone();
                    item[name.as_str()] = json!(time);
                    Cow::Owned(item)
                }
                _ => Cow::Borrowed(item),
            });
        let added = moves.added.get(list.key()).into_iter().flatten().map(|item| Cow::Owned(item.clone()));
        let mut all: Vec<_> = added.rev().chain(first).collect();
        if !moves.updated.is_empty() && list.updated.as_deref() == Some(&list.time) {
            all.sort_by(|left, right| order(property(right, &list.time), property(left, &list.time)));
        }
        all
    }

    /// Changes a list as lists change while they are paged: an item is updated, or one comes new.
    pub(super) fn stir(&self, list: &'static List, now: jiff::Timestamp) {
        let length = self.first(list).len();
        let mut moves = lock(&self.moves);
        moves.count += 1;
        let (count, time) = (moves.count, now.to_string());
        let place = usize::try_from(count.wrapping_mul(7_919)).unwrap_or_default() % length.max(1);
        if list.updated.is_some() && !count.is_multiple_of(3) {
            moves.updated.insert((list.key(), place), time);
        } else if let Some(item) = self.first(list).get(place) {
            let mut item = item.clone();
            if item[list.id.as_str()].is_string() {
                item[list.id.as_str()] = json!(format!("new-{count}"));
            }
            for name in [Some(&list.time), list.updated.as_ref()].into_iter().flatten() {
                item[name.as_str()] = json!(time);
            }
            moves.added.entry(list.key()).or_default().push(item);
        }
    }

    fn rows(&self, name: &str) -> Vec<Row> {
        self.tables.get(name).map(objects).unwrap_or_default()
    }

    fn tell(&self, list: &List) -> Vec<Value> {
        let mut all = match (&list.objects, &list.table) {
            (Some(name), _) => self.by_code(name),
            (None, Some(table)) => self.by_table(list, table),
            (None, None) => (0..list.made).map(|number| self.object(list, number, list.made, &Row::new())).collect(),
        };
        all.sort_by(|left, right| order(property(right, &list.time), property(left, &list.time)));
        all
    }

    fn by_code(&self, name: &str) -> Vec<Value> {
        if name == "machines" {
            return machines(&self.rows("DeviceInfo"));
        }
        let alerts = alerts::all(self.rows("AlertInfo"), self.rows("AlertEvidence"));
        let incidents = alerts::incidents(&alerts);
        let told =
            |tell: fn(usize, &[&alerts::Alert]) -> Option<Value>| incidents.iter().filter_map(|(id, alerts)| tell(*id, alerts)).collect();
        match name {
            "graph-alerts" => alerts.iter().map(items::graph_alert).collect(),
            "graph-incidents" => told(items::graph_incident),
            "xdr-incidents" => told(items::xdr_incident),
            _ => alerts.iter().filter_map(items::mde_alert).collect(),
        }
    }

    fn by_table(&self, list: &List, table: &str) -> Vec<Value> {
        let mut rows = self.rows(table);
        if let Some(once) = &list.once {
            let mut known = std::collections::HashSet::new();
            // The latest row of each comes last.
            rows.reverse();
            rows.retain(|row| row.get(once).is_some_and(|key| known.insert(key.to_string())));
        }
        let count = rows.len();
        rows.iter().enumerate().map(|(number, row)| self.object(list, number, count, row)).collect()
    }

    fn object(&self, list: &List, number: usize, count: usize, row: &Row) -> Value {
        let field = |(name, told): (&String, &String)| (name.clone(), self.value(list, told, number, count, row));
        Value::Object(list.fields.iter().map(field).collect())
    }

    fn value(&self, list: &List, told: &str, number: usize, count: usize, row: &Row) -> Value {
        let back = SPAN * i64::try_from(number + 1).unwrap_or(1) / i64::try_from(count + 1).unwrap_or(1);
        let time = self.end.checked_sub(jiff::SignedDuration::from_secs(back)).unwrap_or(self.end);
        match told {
            "#" => json!(format!(
                "{:012x}-{number}",
                list.key().bytes().fold(0_u64, |sum, byte| sum.wrapping_mul(31) + u64::from(byte)) % (1 << 48)
            )),
            "@" => json!(time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()),
            "@plain" => json!(time.strftime("%Y-%m-%d %H:%M:%S").to_string()),
            "=tenant" => json!(HOME),
            text if text.starts_with('=') => {
                let text = text.replacen('=', "", 1).replace("{n}", &number.to_string());
                serde_json::from_str(&text).unwrap_or(Value::String(text))
            }
            text if text.starts_with('?') => {
                json!(row.get(text.trim_start_matches('?')).is_some_and(|cell| *cell == json!(1) || *cell == json!(true)))
            }
            column => row.get(column).cloned().unwrap_or_default(),
        }
    }
}

fn machines(rows: &[Row]) -> Vec<Value> {
    let mut seen: BTreeMap<&str, (&Row, &Row)> = BTreeMap::new();
    for row in rows {
        let entry = seen.entry(alerts::text(row, "DeviceId")).or_insert((row, row));
        let time = |row| alerts::text(row, "Timestamp");
        entry.0 = if time(row) < time(entry.0) { row } else { entry.0 };
        entry.1 = if time(row) > time(entry.1) { row } else { entry.1 };
    }
    seen.values().map(|(first, latest)| items::machine(first, latest)).collect()
}
