//! The devices: clients of the employees, servers, domain controllers, Linux hosts and Macs.

use super::{DOMAIN, Person, fields, position};
use crate::lab::data::chance::{digest, guid, mix};

/// What kind of machine it is, which decides what runs on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::lab::data) enum Class {
    Client,
    Server,
    Sql,
    DomainController,
    Linux,
    Mac,
}

impl Class {
    /// All of them, in the order of their discriminants.
    pub(in crate::lab::data) const ALL: [Self; 6] = [Self::Client, Self::Server, Self::Sql, Self::DomainController, Self::Linux, Self::Mac];

    /// Returns whether a script's word for machines covers this class.
    pub(in crate::lab::data) fn is(self, word: &str) -> bool {
        match word {
            "client" => self == Self::Client,
            "server" => matches!(self, Self::Server | Self::Sql | Self::DomainController),
            "sql" => self == Self::Sql,
            "dc" => self == Self::DomainController,
            "linux" => self == Self::Linux,
            "mac" => self == Self::Mac,
            "windows" => !matches!(self, Self::Linux | Self::Mac),
            _ => false,
        }
    }

    /// Returns whether somebody sits in front of it in working hours.
    pub(in crate::lab::data) fn personal(self) -> bool {
        matches!(self, Self::Client | Self::Mac)
    }
}

/// A device.
#[derive(Clone, Debug)]
pub(in crate::lab::data) struct Device {
    pub(in crate::lab::data) short: &'static str,
    pub(in crate::lab::data) name: String,
    pub(in crate::lab::data) id: String,
    pub(in crate::lab::data) aad_id: String,
    pub(in crate::lab::data) class: Class,
    pub(in crate::lab::data) ip: &'static str,
    pub(in crate::lab::data) mac: String,
    pub(in crate::lab::data) owner: u16,
    pub(in crate::lab::data) platform: &'static str,
    pub(in crate::lab::data) model: &'static str,
    pub(in crate::lab::data) vendor: &'static str,
}

impl Device {
    /// Returns the build and the version's name.
    pub(in crate::lab::data) fn release(&self) -> (i64, &'static str, &'static str) {
        match self.platform {
            "Windows11" => (22631, "10.0", "23H2"),
            "Windows10" => (19045, "10.0", "22H2"),
            "WindowsServer2022" => (20348, "10.0", "21H2"),
            "WindowsServer2019" => (17763, "10.0", "1809"),
            "WindowsServer2016" => (14393, "10.0", "1607"),
            "macOS" => (23, "14.5", "Sonoma"),
            _ => (0, "22.4", "Ubuntu"),
        }
    }
}

pub(super) fn all(seed: u64, people: &[Person]) -> Vec<Device> {
    fields(include_str!("../script/devices.txt")).filter_map(|row| device(seed, people, &row)).collect()
}

fn device(seed: u64, people: &[Person], row: &[&'static str]) -> Option<Device> {
    let &[short, class, ip, owner, platform, model, vendor] = row else { return None };
    let key = seed ^ digest(short);
    let id = format!("{:016x}{:016x}{:08x}", mix(key), mix(key ^ 1), mix(key ^ 2) >> 32);
    let mac = format!("005056{:06X}", mix(key ^ 3) & 0x00ff_ffff);
    let owner = position(people, |person| person.sam == owner).unwrap_or(0);
    let name = format!("{short}.{DOMAIN}");
    Some(Device { short, name, id, aad_id: guid(key), class: class_of(class), ip, mac, owner, platform, model, vendor })
}

fn class_of(word: &str) -> Class {
    match word {
        "server" => Class::Server,
        "sql" => Class::Sql,
        "dc" => Class::DomainController,
        "linux" => Class::Linux,
        "mac" => Class::Mac,
        _ => Class::Client,
    }
}

#[cfg(test)]
mod tests {
    use super::super::people;
    use super::*;

    #[test]
    fn every_client_has_an_employee() {
        let people = people::all(1);
        let devices = all(1, &people);
        assert_eq!(devices.len(), 55);
        assert!(devices.iter().all(|device| device.id.len() == 40));
        let clients = devices.iter().filter(|device| device.class.personal());
        assert!(clients.into_iter().all(|device| !people[usize::from(device.owner)].title.is_empty()));
    }
}
