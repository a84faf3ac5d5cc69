//! The scripts' language: one step a line, its fields told apart by `¦`. See `script/noise.txt` for what a line may say.

use super::sessions::root;
use crate::lab::data::clock::{HOUR, MINUTE, SECOND, Tick, at};
use crate::lab::data::world::{Line, World, fields};

/// Whose child a process is, or who acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::lab::data) enum Up {
    /// A root of the session, by its place.
    Root(usize),
    /// The process started last.
    Before,
    /// A process of the scene, by its label.
    Label(&'static str),
}

/// One step of a script.
#[derive(Clone, Debug)]
pub(in crate::lab::data) enum Step {
    Scene { time: Tick, device: u16, person: u16, rights: &'static str },
    Wait(Tick),
    Start { parent: Up, label: &'static str, image: u16, line: Line },
    Act(Up),
    Net { action: &'static str, remote: u16 },
    File { action: &'static str, path: Line, origin: Line, previous: Line },
    Load(u16),
    Reg { action: &'static str, key: Line, name: Line, kind: &'static str, data: Line, previous: Line },
    Event { action: &'static str, fields: Line, target: Option<u16>, file: Line, remote: Option<u16> },
    Logon { action: &'static str, kind: &'static str, protocol: &'static str, from: u16 },
}

/// What happens again and again: where, how often, who does it, and its steps.
#[derive(Clone, Debug)]
pub(in crate::lab::data) struct Activity {
    pub(in crate::lab::data) class: &'static str,
    pub(in crate::lab::data) weight: usize,
    pub(in crate::lab::data) who: &'static str,
    pub(in crate::lab::data) steps: Vec<Step>,
}

/// Reads a script of activities. What cannot be read is left out; a test holds that nothing is.
pub(in crate::lab::data) fn activities(world: &mut World, script: &'static str) -> Vec<Activity> {
    let mut all: Vec<Activity> = Vec::new();
    for row in fields(script) {
        if let Some(head) = row.first().and_then(|first| first.strip_prefix("activity ")) {
            all.extend(activity(head));
        } else if let (Some(last), Some(step)) = (all.last_mut(), step(world, &row)) {
            last.steps.push(step);
        }
    }
    all
}

/// Reads a script of steps.
pub(in crate::lab::data) fn steps(world: &mut World, script: &'static str) -> Vec<Step> {
    fields(script).filter_map(|row| step(world, &row)).collect()
}

fn activity(head: &'static str) -> Option<Activity> {
    let mut words = head.split_whitespace();
    let (class, weight, who) = (words.next()?, words.next()?.parse().ok()?, words.next()?);
    Some(Activity { class, weight, who, steps: Vec::new() })
}

fn step(world: &mut World, row: &[&'static str]) -> Option<Step> {
    let first = row.first()?;
    let (verb, rest) = first.split_once(' ').unwrap_or((first, ""));
    match verb {
        "on" => scene(world, rest),
        "wait" => Some(Step::Wait(rest.parse::<i64>().ok()? * SECOND)),
        "+" => start(world, rest, row),
        "@" => Some(Step::Act(up(rest))),
        "net" => Some(Step::Net { action: rest, remote: world.remote(row.get(1)?)? }),
        "file" => Some(file(world, rest, row)),
        "load" => Some(Step::Load(world.image(row.get(1)?)?)),
        "reg" => Some(registry(world, rest, row)),
        "event" => Some(event(world, rest, row)),
        "logon" => logon(world, rest),
        _ => None,
    }
}

/// Reads `DAY HH:MM:SS DEVICE ACCOUNT RIGHTS`.
fn scene(world: &World, rest: &'static str) -> Option<Step> {
    let words: Vec<&'static str> = rest.split_whitespace().collect();
    let &[day, clock, device, person, rights] = words.as_slice() else { return None };
    let time = at(day.parse().ok()?, 0, 0, 0) + time_of_day(clock)?;
    Some(Step::Scene { time, device: world.device(device), person: world.person(person), rights })
}

fn time_of_day(clock: &str) -> Option<Tick> {
    let mut parts = clock.split(':').map(|part| part.parse::<i64>().ok());
    Some(parts.next()?? * HOUR + parts.next()?? * MINUTE + parts.next()?? * SECOND)
}

fn start(world: &mut World, rest: &'static str, row: &[&'static str]) -> Option<Step> {
    let (parent, label) = rest.split_once(" as ").unwrap_or((rest, ""));
    let image = world.image(row.get(1)?)?;
    Some(Step::Start { parent: up(parent), label, image, line: line(world, row, 2) })
}

fn up(word: &'static str) -> Up {
    if word == "^" { Up::Before } else { root(word).map_or(Up::Label(word), Up::Root) }
}

fn file(world: &mut World, action: &'static str, row: &[&'static str]) -> Step {
    Step::File { action, path: line(world, row, 1), origin: line(world, row, 2), previous: line(world, row, 3) }
}

fn registry(world: &mut World, action: &'static str, row: &[&'static str]) -> Step {
    let kind = row.get(3).copied().unwrap_or_default();
    let (key, name, data, previous) = (line(world, row, 1), line(world, row, 2), line(world, row, 4), line(world, row, 5));
    Step::Reg { action, key, name, kind, data, previous }
}

fn event(world: &mut World, action: &'static str, row: &[&'static str]) -> Step {
    let extra = |key: &str| row.iter().find_map(|field| field.strip_prefix(key));
    let target = extra("target=").and_then(|file| world.image(file));
    let remote = extra("host=").and_then(|host| world.remote(host));
    let file = extra("file=").map(|path| world.texts.line(path)).unwrap_or_default();
    Step::Event { action, fields: line(world, row, 1), target, file, remote }
}

/// Reads `ACTION TYPE PROTOCOL DEVICE`.
fn logon(world: &World, rest: &'static str) -> Option<Step> {
    let words: Vec<&'static str> = rest.split_whitespace().collect();
    let &[action, kind, protocol, from] = words.as_slice() else { return None };
    Some(Step::Logon { action, kind, protocol, from: world.device(from) })
}

fn line(world: &mut World, row: &[&'static str], index: usize) -> Line {
    row.get(index).map(|text| world.texts.line(text)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_scripts_is_read() {
        let mut world = World::new(1);
        for script in [include_str!("../script/noise.txt"), include_str!("../script/story.txt"), include_str!("../script/oddities.txt")] {
            for row in fields(script).filter(|row| !row[0].starts_with("activity ")) {
                assert!(step(&mut world, &row).is_some(), "{row:?}");
            }
        }
    }

    #[test]
    fn activities_have_steps_and_known_people() {
        let mut world = World::new(1);
        for activity in activities(&mut world, include_str!("../script/noise.txt")) {
            assert!(!activity.steps.is_empty(), "{activity:?}");
            let known = matches!(activity.who, "user" | "system") || world.person(activity.who) > 0;
            assert!(known && activity.weight > 0, "{activity:?}");
        }
    }
}
