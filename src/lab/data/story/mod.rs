//! The intrusion: told once, whatever the scale. The narrative is in the module above; what devices saw is `script/story.txt`.

mod alerts;
mod behaviors;
mod cloud;
mod devices;
mod identity;
mod mail;

pub(super) use behaviors::{Behavior, behaviors};
pub(super) use cloud::{APP, APP_NAME};
pub(super) use devices::Trail;

use super::chance::Chance;
use super::clock::{Tick, at};
use super::log::Log;
use super::stage::{Session, Step};
use super::world::World;

/// The account that is taken over first.
pub(super) const VICTIM: &str = "mlindqvist";
/// The message that it begins with: sender, subject, link.
pub(super) const SENDER: &str = "billing@nordhaven-invoices.example";
pub(super) const SUBJECT: &str = "Overdue: invoice INV-48213\u{2028}final reminder";
pub(super) const LINK: &str = "https://files.nordhaven-invoices.example/d/INV-48213.zip";
/// Where the intruder signs in from.
pub(super) const INTRUDER_IP: &str = "198.51.100.77";
pub(super) const MAIL_IP: &str = "198.51.100.23";
pub(super) const C2: &str = "cdn.quaymetrics.example";
pub(super) const C2_IP: &str = "203.0.113.66";
pub(super) const DROP_IP: &str = "203.0.113.90";
/// What decides the ids of the message.
pub(super) const MAIL_KEY: u64 = 0x0048_2130_0beb;
/// When the first message arrives, and the click.
pub(super) const DELIVERED: Tick = at(22, 9, 12, 44);
pub(super) const CLICKED: Tick = at(22, 9, 31, 2);

/// Adds the intrusion to the log, and the rows that are odd without harm.
pub(super) fn tell(world: &World, sessions: &[Session], [story, oddities]: [&[Step]; 2], seed: u64, log: &mut Log) {
    let mut chance = Chance::new(seed, "story");
    let trail = devices::tell(world, sessions, story, &mut chance, log);
    devices::play(world, sessions, oddities, &mut chance, log);
    mail::tell(world, log);
    cloud::tell(world, &mut chance, log);
    identity::tell(world, log);
    alerts::tell(world, &trail, log);
}
