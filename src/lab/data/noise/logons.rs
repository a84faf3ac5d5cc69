//! Logons: the morning's interactive ones, file servers all day, services, mistyped passwords, administrators by remote desktop.

use super::Ground;
use crate::lab::data::chance::Chance;
use crate::lab::data::clock::{DAY, HOUR, SECOND, Tick, weekend};
use crate::lab::data::log::{Log, Logon, NONE};
use crate::lab::data::stage::Session;

/// Logons over the network for each unit of scale.
const LOGONS: u64 = 2600;

struct Habit {
    person: &'static str,
    server: &'static str,
    kind: &'static str,
    protocol: &'static str,
    from: &'static str,
}

const HABITS: [Habit; 5] = [
    Habit { person: "adm-tokafor", server: "tf-app01", kind: "RemoteInteractive", protocol: "Negotiate", from: "tf-ws-004" },
    Habit { person: "adm-ivarga", server: "tf-mgmt01", kind: "RemoteInteractive", protocol: "Negotiate", from: "tf-ws-003" },
    Habit { person: "svc_backup", server: "tf-fs01", kind: "Network", protocol: "Kerberos", from: "tf-bkp01" },
    Habit { person: "svc_deploy", server: "tf-web01", kind: "Network", protocol: "NTLM", from: "tf-mgmt01" },
    Habit { person: "svc_sql", server: "tf-sql01", kind: "Service", protocol: "Negotiate", from: "tf-sql01" },
];

pub(super) fn make(ground: &Ground<'_>, log: &mut Log) {
    let mut chance = ground.chance("logons");
    for session in ground.sessions.iter().filter(|session| session.class.personal()) {
        log.logons.push(interactive(session));
    }
    for _ in 0..LOGONS * ground.scale {
        log.logons.extend(one(ground, &mut chance));
    }
}

fn interactive(session: &Session) -> Logon {
    Logon {
        time: session.logon,
        device: session.device,
        person: session.person,
        action: "LogonSuccess",
        kind: "Interactive",
        protocol: "Negotiate",
        failure: "",
        from: None,
        proc: session.root("lsass"),
    }
}

fn one(ground: &Ground<'_>, chance: &mut Chance) -> Option<Logon> {
    let (session, time) = ground.moment(chance)?;
    match chance.below(20) {
        0..=1 => Some(mistyped(session, time)),
        2..=5 => habit(ground, chance, time),
        _ => Some(share(ground, chance, session, time)),
    }
}

fn share(ground: &Ground<'_>, chance: &mut Chance, session: &Session, time: i64) -> Logon {
    let server = *["tf-fs01", "tf-fs01", "tf-print01", "tf-dc01", "tf-dc02"].get(chance.index(5)).unwrap_or(&"tf-fs01");
    let (device, from) = (ground.world.device(server), Some(session.device));
    Logon {
        time,
        device,
        person: session.person,
        action: "LogonSuccess",
        kind: "Network",
        protocol: "Kerberos",
        failure: "",
        from,
        proc: NONE,
    }
}

fn mistyped(session: &Session, time: i64) -> Logon {
    let failure = "InvalidUserNameOrPassword";
    Logon { time: time - SECOND, action: "LogonFailed", failure, ..interactive(session) }
}

/// Services log on at any time, administrators while they are at work.
fn habit(ground: &Ground<'_>, chance: &mut Chance, time: Tick) -> Option<Logon> {
    let Habit { person, server, kind, protocol, from } = HABITS.get(chance.index(HABITS.len()))?;
    let human = person.starts_with("adm-");
    let time = if human { time / DAY * DAY + 8 * HOUR + time % (9 * HOUR) } else { time };
    let (device, person) = (ground.world.device(server), ground.world.person(person));
    let from = Some(ground.world.device(from));
    let logon = Logon { time, device, person, action: "LogonSuccess", kind, protocol, failure: "", from, proc: NONE };
    (!human || !weekend(time / DAY)).then_some(logon)
}
