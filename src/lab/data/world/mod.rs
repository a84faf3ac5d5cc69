//! What the company is before anything happens: its people, devices, programs and the hosts they talk to.
//!
//! The same for every seed but for the identifiers. What happens is in `log`.

mod devices;
mod images;
mod people;
mod remotes;
mod texts;

pub(super) use devices::{Class, Device};
pub(super) use images::{Hash, Image};
pub(super) use people::{Kind, Person};
pub(super) use remotes::Remote;
pub(super) use texts::{Line, Texts, Voice};

use super::chance::low;

/// The company's e-mail and DNS domain.
pub(super) const DOMAIN: &str = "tarnfield.example";
/// The tenant's directory id.
pub(super) const TENANT: &str = "6f1c1c52-3b8e-4b0e-9f0a-5d6c7a1e2b34";
/// Where the offices reach the Internet from.
pub(super) const OFFICE_IP: &str = "192.0.2.10";

/// The company at rest.
pub(super) struct World {
    pub(super) people: Vec<Person>,
    pub(super) devices: Vec<Device>,
    pub(super) images: Vec<Image>,
    pub(super) remotes: Vec<Remote>,
    pub(super) texts: Texts,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let people = people::all(seed);
        let devices = devices::all(seed, &people);
        Self { people, devices, images: images::all(), remotes: remotes::all(), texts: Texts::default() }
    }

    /// Returns the index of the account, or that of SYSTEM.
    pub(super) fn person(&self, account: &str) -> u16 {
        position(&self.people, |person| person.sam == account).unwrap_or(0)
    }

    /// Returns the index of the device by its short name, or the first.
    pub(super) fn device(&self, name: &str) -> u16 {
        position(&self.devices, |device| device.short == name).unwrap_or(0)
    }

    pub(super) fn image(&self, file: &str) -> Option<u16> {
        position(&self.images, |image| image.file == file)
    }

    pub(super) fn remote(&self, host: &str) -> Option<u16> {
        position(&self.remotes, |remote| remote.key == host)
    }

    pub(super) fn employees(&self) -> Vec<u16> {
        let staff = self.people.iter().enumerate().filter(|(_, person)| person.kind == Kind::Employee);
        staff.map(|(index, _)| short(index)).collect()
    }

    /// Returns the device that a person works on.
    pub(super) fn workplace(&self, person: u16) -> u16 {
        position(&self.devices, |device| device.owner == person).unwrap_or(0)
    }
}

fn position<T>(items: &[T], is: impl Fn(&T) -> bool) -> Option<u16> {
    items.iter().position(is).map(short)
}

/// Returns an index as the log keeps it.
pub(super) fn short(index: usize) -> u16 {
    u16::try_from(index).unwrap_or(0)
}

/// Returns the lines of a script that say something, each cut into its trimmed fields.
pub(super) fn fields(script: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    let lines = script.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    lines.map(|line| line.split('¦').map(str::trim).collect())
}

/// Returns an address of the benchmarking network (RFC 2544), which stands for the harmless Internet.
pub(super) fn benign_ip(value: u64) -> String {
    let value = low(value);
    format!("198.{}.{}.{}", 18 + (value >> 16) % 2, (value >> 8) & 0xff, 1 + value % 254)
}
