//! The lab's data: thirty days of a company that does not exist, and of one intrusion into it.
//!
//! Deterministic: the seed decides everything, the end only where the thirty days lie in the calendar. A midnight as the end gives
//! working hours in UTC. The scale multiplies what happens by itself; people, devices, snapshots and the intrusion stay as they are.
//!
//! # The company
//!
//! Tarnfield Logistics (`tarnfield.example`, pre-Windows-2000 name `TARNFIELD`): 41 people in Rotterdam, Antwerp and Gothenburg, clients
//! `tf-ws-001` to `tf-ws-036`, Macs, domain controllers `tf-dc01` and `tf-dc02`, servers `tf-fs01`, `tf-sql01`, `tf-app01`, `tf-app02`,
//! `tf-web01`, `tf-print01`, `tf-mgmt01`, `tf-bkp01` and Linux hosts `tf-lnx01` to `tf-lnx04`. Its offices reach the Internet from
//! `192.0.2.10`. The first day is a Monday. Administrators run encoded PowerShell, security software opens LSASS, people make inbox
//! rules: what queries look for is there without harm too. On day 12 at 10:00 software is rolled out: a burst, part of it at one tick.
//!
//! # The intrusion
//!
//! | when | what | where |
//! | --- | --- | --- |
//! | day 22 (Tuesday) 09:12 | mail "Overdue: invoice INV-48213" from `billing@nordhaven-invoices.example` (198.51.100.23) to six people | mailboxes |
//! | 09:31 | Mara Lindqvist (`mlindqvist`, accounts payable) clicks; `INV-48213.zip` comes from `files.nordhaven-invoices.example` (198.51.100.41) | `tf-ws-017` |
//! | 09:33 | `INV-48213.docm`: `WINWORD.EXE` → `cmd.exe` → encoded `powershell.exe` → `qsync.exe` | `tf-ws-017` |
//! | 09:36 | run key `QuaySync`, scheduled task `QuaySync Update`, shortcut in the Startup folder | `tf-ws-017` |
//! | 09:41 to day 25 17:00 | beacons every five minutes to `cdn.quaymetrics.example` (203.0.113.66) | `tf-ws-017` |
//! | 10:12 | `whoami`, `net group`, `nltest`, LDAP questions of a map-making tool | `tf-ws-017` |
//! | 13:02 | `fodhelper.exe` elevates, `MiniDump` of `comsvcs.dll` on LSASS: gets `adm-tokafor`'s credentials, left by a support visit | `tf-ws-017` |
//! | day 23 20:41 | remote execution (Sysinternals) as `adm-tokafor`: service `PSEXESVC` | `tf-fs01` |
//! | 20:58 | WMI as `adm-tokafor`: encoded PowerShell below `WmiPrvSE.exe` | `tf-sql01` |
//! | day 24 07:02 | sign-in as Mara from 198.51.100.77 (Seychelles); another second factor; inbox rule `..`; consent to `MailSync Pro` | cloud |
//! | day 24 21:15 | remote desktop as `adm-ivarga`; `ntdsutil` copies the directory; account `svc_backup2` becomes a domain admin | `tf-dc01` |
//! | day 25 03:10 | 340 contracts downloaded from SharePoint within half an hour | cloud |
//! | day 26 (Saturday) 22:07 | Defender switched off as far as it goes, exclusions | `tf-fs01` |
//! | 22:19 | `rclone.exe` copies `D:\Shares\Contracts` to `drop.quaymetrics.example` (203.0.113.90) | `tf-fs01` |
//! | 23:38 | shadow copies, backup catalogue and the Security log deleted; a note, and three files encrypted as a trial | `tf-fs01` |
//!
//! On day 15 at 11:02 `tf-app02` and `tf-lnx02` have rows that are odd without harm: see `script/oddities.txt`.
//!
//! Sixteen alerts tell of it, with evidence; others are of no consequence.

mod chance;
mod clock;
mod log;
mod noise;
mod sheet;
mod stage;
mod story;
mod tables;
mod world;

use crate::kql::engine::{Made, Table};
use crate::kql::tables as hunting;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The id of the company's directory (tenant), as its rows have it.
pub const TENANT_ID: &str = world::TENANT;
/// The company's domain.
pub const DOMAIN: &str = world::DOMAIN;

/// A company whose tables are made when they are asked for, and kept. What happened is held compactly: a million processes take
/// about 50 MB here and a gigabyte as the table.
pub struct Company {
    world: world::World,
    log: log::Log,
    clock: clock::Clock,
    seed: u64,
    made: Mutex<BTreeMap<&'static str, Table>>,
}

impl Company {
    /// Creates a company: its thirty days end before `end`.
    pub fn new(seed: u64, scale: u32, end: Timestamp) -> Self {
        let mut world = world::World::new(seed);
        let mut log = log::Log::default();
        let activities = stage::activities(&mut world, include_str!("script/noise.txt"));
        let story = stage::steps(&mut world, include_str!("script/story.txt"));
        let oddities = stage::steps(&mut world, include_str!("script/oddities.txt"));
        let sessions = stage::sessions(&mut world, &mut log, &mut chance::Chance::new(seed, "sessions"));
        let (sessions, activities) = (&sessions[..], &activities[..]);
        let ground = noise::Ground { world: &world, sessions, activities, seed, scale: u64::from(scale) };
        noise::make(&ground, &mut log);
        story::tell(&world, sessions, [&story, &oddities], seed, &mut log);
        Self { world, log, clock: clock::Clock::ending(end), seed, made: Mutex::default() }
    }

    /// Returns a table with its rows. None where advanced hunting has no table of that name.
    pub fn table(&self, name: &str) -> Option<Table> {
        let info = hunting::find(name)?;
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        Some(made.entry(info.name).or_insert_with(|| tables::make(self.source(), info)).clone())
    }

    /// Returns every table of advanced hunting by its name; only the `wanted` ones have their rows.
    pub fn tables(&self, wanted: impl Fn(&str) -> bool) -> BTreeMap<String, Table> {
        let one = |info: &'static hunting::TableInfo| {
            let table = if wanted(info.name) { self.table(info.name) } else { None };
            (info.name.to_owned(), table.unwrap_or_else(|| tables::blank(self.source(), info)))
        };
        hunting::all().map(one).collect()
    }

    /// Returns every table of advanced hunting by its name; the rows of each are made when they are asked for.
    pub fn tables_when_asked(self: &Arc<Self>) -> BTreeMap<String, Table> {
        let one = |info: &'static hunting::TableInfo| {
            let Table { columns, time_column, .. } = tables::blank(self.source(), info);
            let company = Arc::clone(self);
            let made = Made::new(move || tables::make(company.source(), info).data);
            (info.name.to_owned(), Table::made(columns, time_column, made))
        };
        hunting::all().map(one).collect()
    }

    fn source(&self) -> tables::Source<'_> {
        tables::Source { world: &self.world, log: &self.log, clock: self.clock, seed: self.seed }
    }
}

/// Makes every table of advanced hunting, by its name; those that nothing fills have no rows.
pub fn company(seed: u64, scale: u32, end: Timestamp) -> BTreeMap<String, Table> {
    Company::new(seed, scale, end).tables(|_| true)
}

#[cfg(test)]
mod tests {
    use super::clock::Clock;
    use super::*;
    use crate::kql::ast::TypeName;
    use arrow::array::{Array, RecordBatch, StringArray, TimestampNanosecondArray};

    /// The tables that hunters ask most, by the queries that are published.
    const FILLED: &str = "DeviceProcessEvents DeviceNetworkEvents DeviceFileEvents DeviceEvents CloudAppEvents EmailEvents
        DeviceImageLoadEvents DeviceInfo DeviceRegistryEvents IdentityInfo DeviceTvmSoftwareVulnerabilities DeviceLogonEvents EmailUrlInfo
        EmailAttachmentInfo DeviceFileCertificateInfo IdentityLogonEvents IdentityDirectoryEvents ExposureGraphNodes AADSignInEventsBeta
        DeviceTvmSoftwareInventory ExposureGraphEdges AlertInfo DeviceTvmSecureConfigurationAssessment UrlClickEvents
        DeviceTvmInfoGathering AlertEvidence OAuthAppInfo DeviceTvmSecureConfigurationAssessmentKB DeviceNetworkInfo IdentityQueryEvents
        EmailPostDeliveryEvents DeviceTvmSoftwareVulnerabilitiesKB GraphAPIAuditEvents EntraIdSignInEvents IdentityAccountInfo
        BehaviorInfo BehaviorEntities";

    fn end() -> Timestamp {
        "2026-04-01T00:00:00Z".parse().unwrap()
    }

    fn rows(table: &Table) -> usize {
        table.data.iter().map(RecordBatch::num_rows).sum()
    }

    fn nanos(table: &Table, column: &str) -> Vec<Option<i64>> {
        let arrays = table.data.iter().map(|batch| batch.column_by_name(column).unwrap().clone());
        arrays.flat_map(|array| array.as_any().downcast_ref::<TimestampNanosecondArray>().unwrap().iter().collect::<Vec<_>>()).collect()
    }

    fn texts(table: &Table, column: &str) -> Vec<String> {
        let arrays = table.data.iter().map(|batch| batch.column_by_name(column).unwrap().clone());
        let text = |array: &dyn Array| {
            array.as_any().downcast_ref::<StringArray>().unwrap().iter().map(|text| text.unwrap_or_default().to_owned()).collect()
        };
        arrays.flat_map(|array| -> Vec<String> { text(&array) }).collect()
    }

    #[test]
    fn the_tables_that_are_asked_most_have_rows() {
        let tables = company(1, 1, end());
        assert!(
            FILLED.split_whitespace().all(|name| rows(&tables[name]) > 10),
            "{:?}",
            tables.iter().map(|(name, table)| (name, rows(table))).collect::<Vec<_>>()
        );
        assert_eq!(tables.len(), hunting::all().count());
        let total: usize = tables.values().map(rows).sum();
        assert!((40_000..80_000).contains(&total), "{total}");
    }

    #[test]
    fn only_what_is_wanted_is_made() {
        let tables = Company::new(1, 1, end()).tables(|name| name == "AlertInfo");
        let filled: Vec<_> = tables.iter().filter(|(_, table)| rows(table) > 0).map(|(name, _)| name.as_str()).collect();
        assert_eq!(filled, ["AlertInfo"]);
        assert!(tables["DeviceEvents"].columns.len() > 60);
    }

    #[test]
    fn all_times_lie_in_the_thirty_days() {
        let window = (Clock::ending(end()).nanos(0), Clock::ending(end()).nanos(clock::SPAN));
        for (name, table) in company(3, 1, end()) {
            let Some(column) = &table.time_column else { continue };
            let outside = nanos(&table, column).iter().any(|time| time.is_none_or(|time| time < window.0 || time >= window.1));
            assert!(!outside, "{name}");
        }
    }

    #[test]
    fn the_end_shifts_times_and_nothing_else() {
        let later = end() + jiff::SignedDuration::from_secs(12_345);
        let (first, second) = (Company::new(7, 1, end()), Company::new(7, 1, later));
        let (first, second) = (first.table("DeviceFileEvents").unwrap(), second.table("DeviceFileEvents").unwrap());
        assert_eq!(texts(&first, "FolderPath"), texts(&second, "FolderPath"));
        let shifts = nanos(&first, "Timestamp").into_iter().zip(nanos(&second, "Timestamp")).map(|(a, b)| b.unwrap() - a.unwrap());
        assert!(shifts.into_iter().all(|shift| shift == 12_345_000_000_000));
    }

    #[test]
    fn the_scale_multiplies_the_noise_and_not_the_intrusion() {
        let count = |scale, name: &str, column: &str, word: &str| {
            let table = Company::new(1, scale, end()).table(name).unwrap();
            (rows(&table), texts(&table, column).iter().filter(|text| text.contains(word)).count())
        };
        let (one, story) = count(1, "DeviceNetworkEvents", "RemoteUrl", "quaymetrics");
        let (four, again) = count(4, "DeviceNetworkEvents", "RemoteUrl", "quaymetrics");
        assert!(four > 3 * one && four < 5 * one, "{one} {four}");
        assert_eq!(story, again);
        assert!(story > 300);
    }

    #[test]
    fn nothing_is_done_by_a_process_before_it_starts() {
        let company = Company::new(1, 1, end());
        for name in ["DeviceProcessEvents", "DeviceNetworkEvents", "DeviceFileEvents", "DeviceEvents", "DeviceRegistryEvents"] {
            let table = company.table(name).unwrap();
            let pairs = nanos(&table, "InitiatingProcessCreationTime").into_iter().zip(nanos(&table, "Timestamp"));
            assert!(pairs.into_iter().all(|(start, time)| start.is_none_or(|start| start < time.unwrap())), "{name}");
        }
    }

    #[test]
    fn dynamic_values_are_json() {
        for (name, table) in company(1, 1, end()) {
            let dynamic = table.columns.iter().filter(|column| column.kind == TypeName::Dynamic || column.name == "AdditionalFields");
            for column in dynamic.filter(|_| rows(&table) > 0) {
                let wrong = texts(&table, &column.name).into_iter().find(|text| {
                    let json: Result<serde::de::IgnoredAny, _> = serde_json::from_str(text);
                    !text.is_empty() && json.is_err()
                });
                assert_eq!(wrong, None, "{name}.{}", column.name);
            }
        }
    }

    #[test]
    fn a_file_has_one_hash_wherever_it_shows_up() {
        let company = Company::new(1, 1, end());
        let table = company.table("DeviceProcessEvents").unwrap();
        let pairs = texts(&table, "FileName").into_iter().zip(texts(&table, "SHA256"));
        let hashes: BTreeMap<_, std::collections::BTreeSet<_>> =
            pairs.fold(BTreeMap::new(), |mut all: BTreeMap<_, std::collections::BTreeSet<_>>, (file, hash)| {
                all.entry(file).or_default().insert(hash);
                all
            });
        assert!(hashes.values().all(|hashes| hashes.len() == 1));
    }
}
