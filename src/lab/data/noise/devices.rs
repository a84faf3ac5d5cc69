//! What runs on the devices: activities of `script/noise.txt`, drawn by weight, at work's pace, with one burst.

use super::Ground;
use crate::lab::data::chance::Chance;
use crate::lab::data::clock::{HOUR, at};
use crate::lab::data::log::{Log, Rights};
use crate::lab::data::stage::{Activity, Player, Scene, Session};
use crate::lab::data::world::{Class, short};

/// Activities for each unit of scale.
const ACTIVITIES: u64 = 15_000;
/// The hour when software is rolled out: one activity in seven of the whole month happens in it, and some at one tick.
const BURST_DAY: i64 = 12;
const BURST: i64 = at(BURST_DAY, 10, 0, 0);

pub(super) fn make(ground: &Ground<'_>, log: &mut Log) {
    let mut chance = ground.chance("devices");
    let decks: Vec<Vec<u16>> = Class::ALL.iter().map(|class| deck(ground, *class)).collect();
    let burst: Vec<&Session> = ground.sessions.iter().filter(|session| session.day == BURST_DAY).collect();
    let mut labels = Vec::new();
    for _ in 0..ACTIVITIES * ground.scale {
        let Some((session, time, frozen)) = moment(ground, &burst, &mut chance) else { continue };
        let deck = Class::ALL.iter().position(|class| *class == session.class).and_then(|index| decks.get(index));
        let Some(activity) = deck.and_then(|deck| pick(ground, deck, &mut chance)) else { continue };
        let mut scene = scene(ground, session, activity, time, chance.salt());
        scene.frozen = frozen;
        Player { log, chance: &mut chance, labels: &mut labels }.play(&mut scene, &activity.steps);
    }
}

/// Returns the activities of a class of devices, each as often as it weighs.
fn deck(ground: &Ground<'_>, class: Class) -> Vec<u16> {
    let fitting = ground.activities.iter().enumerate().filter(|(_, activity)| class.is(activity.class));
    fitting.flat_map(|(index, activity)| std::iter::repeat_n(short(index), activity.weight)).collect()
}

fn pick<'a>(ground: &'a Ground<'_>, deck: &[u16], chance: &mut Chance) -> Option<&'a Activity> {
    deck.get(chance.index(deck.len())).and_then(|index| ground.activities.get(usize::from(*index)))
}

fn moment<'a>(ground: &'a Ground<'_>, burst: &[&'a Session], chance: &mut Chance) -> Option<(&'a Session, i64, bool)> {
    let luck = chance.below(100);
    if luck >= 15 {
        return ground.moment(chance).map(|(session, time)| (session, time, false));
    }
    let session = burst.get(chance.index(burst.len()))?;
    let frozen = luck < 2;
    Some((session, if frozen { BURST + HOUR / 2 } else { BURST + chance.between(0, HOUR) }, frozen))
}

fn scene<'a>(ground: &Ground<'_>, session: &'a Session, activity: &Activity, time: i64, salt: u32) -> Scene<'a> {
    let windows = session.class.is("windows");
    let (person, rights) = match activity.who {
        "user" => (session.person, Rights::Medium),
        "system" => (0, Rights::System),
        other => (ground.world.person(other), Rights::High),
    };
    let rights = if windows { rights } else { Rights::Unknown };
    Scene { time, session, person, rights, from: None, frozen: false, salt }
}
