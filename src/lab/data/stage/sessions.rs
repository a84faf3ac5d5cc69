//! When devices are in use, and the processes that are there before anything is done on them.

use crate::lab::data::chance::{Chance, low};
use crate::lab::data::clock::{DAYS, HOUR, MINUTE, SECOND, SPAN, Tick, at, weekend};
use crate::lab::data::log::{Log, NONE, Proc, Rights};
use crate::lab::data::world::{Class, Line, World, fields, short};
use std::sync::LazyLock;

const ROOTS: usize = 32;

/// A day of a device: who uses it, from when to when, and its root processes by their place.
#[derive(Clone, Debug)]
pub(in crate::lab::data) struct Session {
    pub(in crate::lab::data) device: u16,
    pub(in crate::lab::data) person: u16,
    pub(in crate::lab::data) class: Class,
    pub(in crate::lab::data) day: i64,
    /// When somebody logged on; the session's root processes run before `from`.
    pub(in crate::lab::data) logon: Tick,
    pub(in crate::lab::data) from: Tick,
    pub(in crate::lab::data) to: Tick,
    pub(in crate::lab::data) roots: [u32; ROOTS],
}

impl Session {
    /// Returns a root process by its name, or none.
    pub(in crate::lab::data) fn root(&self, name: &str) -> u32 {
        root(name).and_then(|place| self.roots.get(place)).copied().unwrap_or(NONE)
    }
}

/// Who is at work every working day, because the story needs them.
const DILIGENT: [&str; 2] = ["mlindqvist", "tokafor"];

static NAMES: LazyLock<Vec<&'static str>> = LazyLock::new(|| rows().iter().filter_map(|row| row.first().copied()).collect());

fn rows() -> Vec<Vec<&'static str>> {
    fields(include_str!("../script/roots.txt")).collect()
}

/// Returns the place of a root process.
pub(in crate::lab::data) fn root(name: &str) -> Option<usize> {
    NAMES.iter().position(|known| *known == name)
}

struct Root {
    place: usize,
    parent: Option<usize>,
    class: &'static str,
    user: bool,
    image: u16,
    line: Line,
}

/// Makes the sessions of all devices and days, and logs their root processes.
pub(in crate::lab::data) fn sessions(world: &mut World, log: &mut Log, chance: &mut Chance) -> Vec<Session> {
    let roots: Vec<Root> = rows().iter().enumerate().filter_map(|(place, row)| read(world, place, row)).collect();
    let world = &*world;
    let devices = (0..world.devices.len()).map(short);
    devices.flat_map(|device| of_device(world, log, chance, &roots, device)).collect()
}

fn read(world: &mut World, place: usize, row: &[&'static str]) -> Option<Root> {
    let &[_, parent, class, who, image, line] = row else { return None };
    let line = world.texts.line(line);
    Some(Root { place, parent: root(parent), class, user: who == "user", image: world.image(image)?, line })
}

fn of_device(world: &World, log: &mut Log, chance: &mut Chance, roots: &[Root], device: u16) -> Vec<Session> {
    let mut days: Vec<Session> = (0..DAYS).filter_map(|day| day_of(world, chance, device, day)).collect();
    let booted = -chance.between(HOUR, SPAN / 2);
    let mut services = [NONE; ROOTS];
    if let Some(first) = days.first() {
        (services, _) = launch(log, chance, roots, &Session { from: booted, ..first.clone() }, false);
    }
    for session in &mut days {
        session.roots = services;
        (session.roots, session.from) = launch(log, chance, roots, session, true);
    }
    days
}

fn day_of(world: &World, chance: &mut Chance, device: u16, day: i64) -> Option<Session> {
    let machine = world.devices.get(usize::from(device))?;
    let (person, class) = (machine.owner, machine.class);
    let (from, to) = hours(world, chance, machine.class, person, day)?;
    Some(Session { device, person, class, day, logon: from, from, to, roots: [NONE; ROOTS] })
}

fn hours(world: &World, chance: &mut Chance, class: Class, person: u16, day: i64) -> Option<(Tick, Tick)> {
    if !class.personal() {
        return Some((at(day, 0, 0, 0), at(day + 1, 0, 0, 0)));
    }
    let diligent = world.people.get(usize::from(person)).is_some_and(|person| DILIGENT.contains(&person.sam));
    let present = chance.percent(if weekend(day) { 6 } else { 92 });
    let (from, to) = (at(day, 7, 20, 0) + chance.between(0, 100 * MINUTE), at(day, 16, 30, 0) + chance.between(0, 2 * HOUR));
    (present || diligent && !weekend(day)).then_some((from, to))
}

/// Starts the roots of the device that are the user's, or those that are not. Returns them and when the last one runs.
fn launch(log: &mut Log, chance: &mut Chance, roots: &[Root], session: &Session, user: bool) -> ([u32; ROOTS], Tick) {
    let mut places = session.roots;
    let mut time = session.from;
    for root in roots.iter().filter(|root| root.user == user && session.class.is(root.class)) {
        time += chance.between(SECOND / 10, 20 * SECOND);
        let parent = root.parent.and_then(|parent| places.get(parent)).copied().unwrap_or(NONE);
        let proc = root_proc(chance, root, session, time, parent);
        if let Some(place) = places.get_mut(root.place) {
            *place = log.start(proc);
        }
    }
    (places, time)
}

fn root_proc(chance: &mut Chance, root: &Root, session: &Session, time: Tick, parent: u32) -> Proc {
    let windows = session.class.is("windows");
    let builtin = if windows { 0 } else { 3 };
    let rights = match (windows, root.user) {
        (false, _) => Rights::Unknown,
        (true, true) => Rights::Medium,
        (true, false) => Rights::System,
    };
    let pid = if root.parent.is_none() { 4 } else { 400 + 4 * low(chance.below(3000)) };
    let person = if root.user { session.person } else { builtin };
    Proc {
        time,
        device: session.device,
        person,
        image: root.image,
        rights,
        session: u8::from(root.user),
        pid,
        parent,
        line: root.line,
        from: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_work_on_weekdays_and_servers_always() {
        let (mut world, mut log) = (World::new(1), Log::default());
        let all = sessions(&mut world, &mut log, &mut Chance::new(1, "sessions"));
        let personal = |day| all.iter().filter(|session| session.class.personal() && session.day == day).count();
        assert!(personal(1) > 30 && personal(6) < 10);
        assert_eq!(all.iter().filter(|session| session.class == Class::Sql).count(), 30);
        assert!(NAMES.len() <= ROOTS);
        let orphans = log.procs.iter().filter(|proc| proc.parent == NONE).count();
        assert_eq!(orphans, world.devices.len());
    }
}
