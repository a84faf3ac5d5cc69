//! What the domain controllers saw: the directory read through, an account made and raised.

use super::VICTIM;
use crate::lab::data::clock::{SECOND, Tick, at};
use crate::lab::data::log::{Directory, Log, Query};
use crate::lab::data::world::World;

/// Questions as a map-making tool asks them.
const QUESTIONS: [(&str, &str); 6] = [
    ("AllUsers", "(|(samAccountType=805306368)(samAccountType=805306369)(objectCategory=groupPolicyContainer))"),
    ("AllGroups", "(samAccountType=268435456)"),
    ("AllDomainTrusts", "(objectClass=trustedDomain)"),
    ("AllComputers", "(&(objectCategory=computer)(operatingSystem=*server*))"),
    ("ServicePrincipalNames", "(&(samAccountType=805306368)(servicePrincipalName=*)(!(userAccountControl:1.2.840.113556.1.4.803:=2)))"),
    ("AdminCount", "(&(objectCategory=person)(adminCount=1))"),
];

pub(super) fn tell(world: &World, log: &mut Log) {
    let (person, device) = (world.person(VICTIM), world.device("tf-ws-017"));
    let mut time = at(22, 10, 14, 2);
    for (kind, text) in QUESTIONS {
        log.queries.push(Query { time, person, device, action: "LDAP query", kind, target: "", text });
        time += 3 * SECOND;
    }
    let (person, device) = (world.person("adm-ivarga"), world.device("tf-dc01"));
    let change = |time: Tick, action, target_name, fields: &str| {
        let fields = fields.to_owned();
        Directory { time, action, person, target: None, target_name, device, fields }
    };
    log.directory.extend([
        change(at(24, 21, 19, 40), "User account created", "svc_backup2", ""),
        change(at(24, 21, 20, 2), "Group Membership changed", "svc_backup2", r#""TO.GROUP":"Domain Admins""#),
        change(at(24, 21, 26, 15), "Directory Services replication", "", r#""TO.DEVICE":"TF-DC01""#),
    ]);
}
