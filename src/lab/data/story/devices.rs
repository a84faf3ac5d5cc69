//! What the devices saw of the intrusion: the scenes of `script/story.txt`, and the implant calling home.

use crate::lab::data::chance::Chance;
use crate::lab::data::clock::{DAY, MINUTE, SECOND, Tick, at};
use crate::lab::data::log::{Log, NONE, Proc, Rights};
use crate::lab::data::stage::{Player, Scene, Session, Step};
use crate::lab::data::world::World;

/// How often the implant calls home, and from when to when of a day.
const BEAT: Tick = 5 * MINUTE;
const JITTER: Tick = 20 * SECOND;

/// The processes of the story by their labels.
#[derive(Debug, Default)]
pub(in crate::lab::data) struct Trail(Vec<(&'static str, u32)>);

impl Trail {
    pub(in crate::lab::data) fn find(&self, label: &str) -> u32 {
        self.0.iter().find(|(known, _)| *known == label).map_or(NONE, |(_, proc)| *proc)
    }
}

pub(super) fn tell(world: &World, sessions: &[Session], steps: &[Step], chance: &mut Chance, log: &mut Log) -> Trail {
    let trail = play(world, sessions, steps, chance, log);
    beacons(world, sessions, chance, log, trail.find("qsync"));
    trail
}

/// Plays a script's scenes.
pub(super) fn play(world: &World, sessions: &[Session], steps: &[Step], chance: &mut Chance, log: &mut Log) -> Trail {
    let mut labels = Vec::new();
    for part in steps.chunk_by(|_, next| !matches!(next, Step::Scene { .. })) {
        let Some(mut scene) = scene(world, sessions, part) else { continue };
        Player { log, chance, labels: &mut labels }.play(&mut scene, part);
    }
    Trail(labels)
}

fn scene<'a>(world: &World, sessions: &'a [Session], part: &[Step]) -> Option<Scene<'a>> {
    let Some(Step::Scene { time, device, person, rights }) = part.first() else { return None };
    let session = sessions.iter().find(|session| session.device == *device && session.day == time / DAY)?;
    let from = rights.split_once("-from-").map(|(_, name)| world.device(name));
    let rights = match rights.split('-').next() {
        Some("system") => Rights::System,
        Some("high") => Rights::High,
        _ => Rights::Medium,
    };
    Some(Scene { time: *time, session, person: *person, rights, from, frozen: false, salt: 48_213 })
}

/// The implant calls home from Tuesday to Friday; after the first day the scheduled task starts it.
fn beacons(world: &World, sessions: &[Session], chance: &mut Chance, log: &mut Log, first: u32) {
    let Some(remote) = world.remote(super::C2) else { return };
    for day in 22..=25 {
        let proc = if day == 22 { first } else { restarted(sessions, log, first, day) };
        let mut time = at(day, 9, 41, 0);
        while time < at(day, 17, 0, 0) {
            let mut player = Player { log, chance, labels: &mut Vec::new() };
            player.net(time, proc, "ConnectionSuccess", remote);
            time += BEAT + chance.between(-JITTER, JITTER);
        }
    }
}

fn restarted(sessions: &[Session], log: &mut Log, first: u32, day: i64) -> u32 {
    let Some(before) = log.proc(first).copied() else { return first };
    let session = sessions.iter().find(|session| session.device == before.device && session.day == day);
    let parent = session.map_or(NONE, |session| session.root("netsvcs"));
    log.start(Proc { time: at(day, 9, 36, 42), parent, pid: before.pid + 40, ..before })
}
