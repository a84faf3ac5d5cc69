//! The lab's data: thirty days of a company that does not exist, and of one intrusion into it.
//!
//! Deterministic: the seed decides everything, the end only where the thirty days lie in the calendar. A midnight as the end gives
//! working hours in UTC. The scale multiplies what happens by itself; people, devices, snapshots and the intrusion stay as they are.
//!
//! # The company
//!
//! Tarnfield Logistics (`tarnfield.example`, NetBIOS `TARNFIELD`): 41 people in Rotterdam, Antwerp and Gothenburg, clients
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
//! | 09:33 | `INV-48213.docm`: `WINWORD.EXE` → `cmd.exe` → encoded `powershell.exe` → `qsync.exe` ("QuaySync") | `tf-ws-017` |
//! | 09:36 | run key `QuaySync`, scheduled task `QuaySync Update`, shortcut in the Startup folder | `tf-ws-017` |
//! | 09:41 to day 25 17:00 | beacons every five minutes to `cdn.quaymetrics.example` (203.0.113.66) | `tf-ws-017` |
//! | 10:12 | `whoami`, `net group`, `nltest`, LDAP questions of a map-making tool | `tf-ws-017` |
//! | 13:02 | `fodhelper.exe` elevates, `comsvcs.dll` MiniDump of LSASS: gets `adm-tokafor`'s credentials, left by a support visit | `tf-ws-017` |
//! | day 23 20:41 | PsExec as `adm-tokafor`: service `PSEXESVC` | `tf-fs01` |
//! | 20:58 | WMI as `adm-tokafor`: encoded PowerShell below `WmiPrvSE.exe` | `tf-sql01` |
//! | day 24 07:02 | sign-in as Mara from 198.51.100.77 (Seychelles); another second factor; inbox rule `..`; consent to `MailSync Pro` | cloud |
//! | day 24 21:15 | remote desktop as `adm-ivarga`; `ntdsutil` copies the directory; account `svc_backup2` becomes a domain admin | `tf-dc01` |
//! | day 25 03:10 | 340 contracts downloaded from SharePoint within half an hour | cloud |
//! | day 26 (Saturday) 22:07 | Defender switched off as far as it goes, exclusions | `tf-fs01` |
//! | 22:19 | `rclone.exe` copies `D:\Shares\Contracts` to `drop.quaymetrics.example` (203.0.113.90) | `tf-fs01` |
//! | 23:38 | shadow copies, backup catalogue and the Security log deleted; a note, and three files encrypted as a trial | `tf-fs01` |
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

use crate::kql::engine::Table;
use crate::kql::tables as hunting;
use jiff::Timestamp;
use std::collections::BTreeMap;

/// The id of the company's directory (tenant), as its rows have it.
pub const TENANT_ID: &str = world::TENANT;
/// The company's domain.
pub const DOMAIN: &str = world::DOMAIN;

/// A company whose tables are made one by one, when they are asked for. What happened is held compactly.
pub struct Company {
    world: world::World,
    log: log::Log,
    clock: clock::Clock,
    seed: u64,
}

impl Company {
    /// Creates a company: its thirty days end before `end`.
    pub fn new(seed: u64, scale: u32, end: Timestamp) -> Self {
        let mut world = world::World::new(seed);
        let mut log = log::Log::default();
        let activities = stage::activities(&mut world, include_str!("script/noise.txt"));
        let steps = stage::steps(&mut world, include_str!("script/story.txt"));
        let sessions = stage::sessions(&mut world, &mut log, &mut chance::Chance::new(seed, "sessions"));
        let (sessions, activities) = (&sessions[..], &activities[..]);
        let ground = noise::Ground { world: &world, sessions, activities, seed, scale: u64::from(scale) };
        noise::make(&ground, &mut log);
        story::tell(&world, sessions, &steps, seed, &mut log);
        Self { world, log, clock: clock::Clock::ending(end), seed }
    }

    /// Makes the rows of a table. None where advanced hunting has no table of that name.
    pub fn table(&self, name: &str) -> Option<Table> {
        hunting::find(name).map(|info| tables::make(self.source(), info))
    }

    fn source(&self) -> tables::Source<'_> {
        tables::Source { world: &self.world, log: &self.log, clock: self.clock, seed: self.seed }
    }
}

/// Makes every table of advanced hunting, by its name; those that nothing fills have no rows.
pub fn company(seed: u64, scale: u32, end: Timestamp) -> BTreeMap<String, Table> {
    let company = Company::new(seed, scale, end);
    hunting::all().map(|info| (info.name.to_owned(), tables::make(company.source(), info))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(table: &Table) -> usize {
        table.data.iter().map(datafusion::arrow::array::RecordBatch::num_rows).sum()
    }

    fn end() -> Timestamp {
        "2026-04-01T00:00:00Z".parse().unwrap()
    }

    #[test]
    fn counts() {
        let start = std::time::Instant::now();
        let tables = company(1, 1, end());
        println!("{:?}", start.elapsed());
        let mut total = 0;
        for (name, table) in &tables {
            println!("{name} {}", rows(table));
            total += rows(table);
        }
        println!("{total}");
    }
}
