//! Changes in the directory, and questions put to it.

use super::Ground;
use crate::lab::data::log::{Directory, Log, Query};

const CHANGES: u64 = 260;
const QUERIES: u64 = 700;

const ACTIONS: [(&str, &str); 6] = [
    ("Account Password changed", ""),
    ("Group Membership changed", "Manifest Editors"),
    ("Account Display Name changed", ""),
    ("Device Operating System changed", ""),
    ("SMB file copy", ""),
    ("Account disabled", ""),
];

const QUESTIONS: [(&str, &str, &str, &str); 4] = [
    ("LDAP query", "AllUsers", "", "(&(objectCategory=person)(objectClass=user))"),
    ("LDAP query", "Group", "Manifest Editors", "(&(objectCategory=group)(cn=Manifest Editors))"),
    ("SAMR query", "EnumerateGroups", "Domain Users", ""),
    ("DNS query", "A", "tf-fs01.tarnfield.example", ""),
];

pub(super) fn make(ground: &Ground<'_>, log: &mut Log) {
    let mut chance = ground.chance("directory");
    let (helpdesk, staff) = (ground.world.person("adm-tokafor"), ground.world.employees());
    for _ in 0..CHANGES * ground.scale {
        let Some((session, time)) = ground.moment(&mut chance) else { continue };
        let (action, group) = ACTIONS[chance.index(ACTIONS.len())];
        let target = staff.get(chance.index(staff.len())).copied();
        let person = if action == "Account Password changed" { target.unwrap_or(helpdesk) } else { helpdesk };
        let fields = if group.is_empty() { String::new() } else { format!(r#""TO.GROUP":"{group}""#) };
        log.directory.push(Directory { time, action, person, target, target_name: "", device: session.device, fields });
    }
    for _ in 0..QUERIES * ground.scale {
        let Some((session, time)) = ground.moment(&mut chance) else { continue };
        let (action, kind, target, text) = QUESTIONS[chance.index(QUESTIONS.len())];
        let person = if session.class.personal() { session.person } else { ground.world.person("svc_deploy") };
        log.queries.push(Query { time, person, device: session.device, action, kind, target, text });
    }
}
