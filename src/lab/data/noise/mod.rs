//! The harmless rest: what people, services and administrators do all month. All of it grows with the scale.

mod alerts;
mod apps;
mod devices;
mod directory;
mod logons;
mod mail;

use super::chance::Chance;
use super::log::Log;
use super::stage::Session;
use super::world::World;

/// What noise is made from.
pub(super) struct Ground<'a> {
    pub(super) world: &'a World,
    pub(super) sessions: &'a [Session],
    pub(super) activities: &'a [super::stage::Activity],
    pub(super) seed: u64,
    pub(super) scale: u64,
}

impl Ground<'_> {
    fn chance(&self, purpose: &str) -> Chance {
        Chance::new(self.seed, purpose)
    }

    /// Picks a session and a time in it, more often in its middle.
    fn moment(&self, chance: &mut Chance) -> Option<(&Session, i64)> {
        let session = self.sessions.get(chance.index(self.sessions.len()))?;
        let span = session.to - session.from;
        let within = i64::midpoint(chance.between(0, span), chance.between(0, span));
        let flat = chance.between(0, span);
        Some((session, session.from + if session.class.personal() { within } else { flat }))
    }
}

/// Adds the noise to the log.
pub(super) fn make(ground: &Ground<'_>, log: &mut Log) {
    devices::make(ground, log);
    logons::make(ground, log);
    mail::make(ground, log);
    apps::make(ground, log);
    directory::make(ground, log);
    alerts::make(ground, log);
}
