//! The records as tables of advanced hunting: one filler a table, each making its columns on its own.
//!
//! What a table cannot know is empty, as in the service. Tables that nothing fills have their columns and no rows.

mod alerts;
mod apps;
mod events;
mod exposure;
mod facets;
mod identity;
mod inventory;
mod mail;
mod people;
mod processes;
mod tvm;

use super::clock::Clock;
use super::log::{Log, Proc};
use super::sheet::{Sheet, table};
use super::world::{Device, Person, Voice, World};
use crate::kql::engine::Table;
use crate::kql::tables::TableInfo;

/// What tables are made from.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) world: &'a World,
    pub(super) log: &'a Log,
    pub(super) clock: Clock,
    pub(super) seed: u64,
}

impl<'a> Source<'a> {
    fn device(self, index: u16) -> &'a Device {
        &self.world.devices[usize::from(index)]
    }

    fn person(self, index: u16) -> &'a Person {
        &self.world.people[usize::from(index)]
    }

    fn voice(self, proc: &Proc) -> Voice<'a> {
        Voice { person: self.person(proc.person), device: self.device(proc.device) }
    }

    /// Returns the device that a process runs on, the first where there is none.
    fn host(self, proc: u32) -> u16 {
        self.log.proc(proc).map_or(0, |proc| proc.device)
    }

    fn make<R: Sync>(
        self,
        info: &'static TableInfo,
        mut rows: Vec<R>,
        time: impl Fn(&R) -> i64,
        fill: impl Fn(&mut Sheet<'_, R>) + Sync,
    ) -> Table {
        rows.sort_by_key(&time);
        let from = rows.partition_point(|row| time(row) < 0);
        let to = rows.partition_point(|row| time(row) < super::clock::SPAN);
        table(info, self.clock, rows.get(from..to).unwrap_or_default(), fill)
    }

    /// Makes a table whose rows are in order already.
    fn state<R: Sync>(self, info: &'static TableInfo, rows: &[R], fill: impl Fn(&mut Sheet<'_, R>) + Sync) -> Table {
        table(info, self.clock, rows, fill)
    }
}

/// Makes a table.
pub(super) fn make(source: Source<'_>, info: &'static TableInfo) -> Table {
    let families = [processes::make, events::make, mail::make, apps::make, identity::make, people::make];
    let states = [alerts::make, inventory::make, tvm::make, exposure::make];
    let made = families.iter().chain(&states).find_map(|family| family(source, info));
    made.unwrap_or_else(|| blank(source, info))
}

/// Makes a table without rows.
pub(super) fn blank(source: Source<'_>, info: &'static TableInfo) -> Table {
    source.state::<u8>(info, &[], |_| {})
}
