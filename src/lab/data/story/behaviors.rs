//! Behaviours: what was unusual without being an alert. A few of the intrusion, more of everyday life.

use super::VICTIM;
use crate::lab::data::chance::{Chance, guid};
use crate::lab::data::clock::{DAY, HOUR, Tick, at};
use crate::lab::data::log::Thing;
use crate::lab::data::world::World;

/// A behaviour of an account, and what else it points at.
#[derive(Clone, Debug)]
pub(in crate::lab::data) struct Behavior {
    pub(in crate::lab::data) time: Tick,
    pub(in crate::lab::data) id: String,
    pub(in crate::lab::data) action: &'static str,
    pub(in crate::lab::data) title: &'static str,
    pub(in crate::lab::data) category: &'static str,
    pub(in crate::lab::data) technique: &'static str,
    pub(in crate::lab::data) person: u16,
    pub(in crate::lab::data) device: Option<u16>,
    pub(in crate::lab::data) things: Vec<Thing>,
}

/// Action, title, category, technique.
type Pattern = (&'static str, &'static str, &'static str, &'static str);

const TRAVEL: Pattern = ("ImpossibleTravelActivity", "Impossible travel activity", "[\"InitialAccess\"]", "[\"Valid Accounts (T1078)\"]");
const DOWNLOAD: Pattern =
    ("MassDownload", "Mass download by one user", "[\"Exfiltration\"]", "[\"Data from Information Repositories (T1213)\"]");
const COUNTRY: Pattern =
    ("ActivityFromInfrequentCountry", "Activity from infrequent country", "[\"InitialAccess\"]", "[\"Valid Accounts (T1078)\"]");

/// Behaviours of everyday life.
const EVERYDAY: u64 = 40;

/// Returns all behaviours.
pub(in crate::lab::data) fn behaviors(world: &World, seed: u64) -> Vec<Behavior> {
    let mut chance = Chance::new(seed, "behaviors");
    let staff = world.employees();
    let mut all: Vec<Behavior> = (0..EVERYDAY).map(|_| everyday(world, &staff, &mut chance)).collect();
    let (victim, ip) = (world.person(VICTIM), Thing::Ip(super::INTRUDER_IP.to_owned()));
    all.push(behavior(COUNTRY, at(24, 7, 9, 0), victim, vec![ip.clone()], 48_213));
    all.push(behavior(DOWNLOAD, at(25, 3, 35, 0), victim, vec![ip], 48_214));
    all
}

fn everyday(world: &World, staff: &[u16], chance: &mut Chance) -> Behavior {
    let pattern = [TRAVEL, DOWNLOAD, COUNTRY][chance.index(3)];
    let person = staff.get(chance.index(staff.len())).copied().unwrap_or_default();
    let time = DAY * chance.between(0, 30) + HOUR * chance.between(7, 18) + chance.between(0, HOUR);
    let device = world.workplace(person);
    Behavior { device: Some(device), ..behavior(pattern, time, person, vec![Thing::Machine(device)], chance.next()) }
}

fn behavior(pattern: Pattern, time: Tick, person: u16, things: Vec<Thing>, key: u64) -> Behavior {
    let (action, title, category, technique) = pattern;
    Behavior { time, id: guid(key), action, title, category, technique, person, device: None, things }
}
