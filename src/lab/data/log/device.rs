//! What devices report.

use crate::lab::data::clock::Tick;
use crate::lab::data::world::Line;

/// An index that points nowhere.
pub(in crate::lab::data) const NONE: u32 = u32::MAX;

/// How much a process may do, as Windows tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::lab::data) enum Rights {
    System,
    High,
    Medium,
    /// Not Windows.
    Unknown,
}

impl Rights {
    pub(in crate::lab::data) fn integrity(self) -> &'static str {
        match self {
            Self::System => "System",
            Self::High => "High",
            Self::Medium => "Medium",
            Self::Unknown => "",
        }
    }

    pub(in crate::lab::data) fn elevation(self) -> &'static str {
        match self {
            Self::System => "TokenElevationTypeDefault",
            Self::High => "TokenElevationTypeFull",
            Self::Medium => "TokenElevationTypeLimited",
            Self::Unknown => "None",
        }
    }
}

/// A process. Those that started before the thirty days have a negative time and no row.
#[derive(Clone, Copy, Debug)]
pub(in crate::lab::data) struct Proc {
    pub(in crate::lab::data) time: Tick,
    pub(in crate::lab::data) device: u16,
    pub(in crate::lab::data) person: u16,
    pub(in crate::lab::data) image: u16,
    pub(in crate::lab::data) rights: Rights,
    /// The Windows session: 0 services, 1 console, more for remote ones.
    pub(in crate::lab::data) session: u8,
    pub(in crate::lab::data) pid: u32,
    pub(in crate::lab::data) parent: u32,
    pub(in crate::lab::data) line: Line,
    /// The device that the session comes from, where it is remote.
    pub(in crate::lab::data) from: Option<u16>,
}

impl Proc {
    /// Returns the logon that the process belongs to: fixed for the built-in accounts.
    pub(in crate::lab::data) fn logon(&self) -> i64 {
        match self.person {
            0 => 999,
            1 => 997,
            2 => 996,
            other => 0x3_0000 + i64::from(other) * 0x1_0007 + i64::from(self.device) * 131 + i64::from(self.session),
        }
    }
}

/// A connection.
#[derive(Clone, Copy, Debug)]
pub(in crate::lab::data) struct Net {
    pub(in crate::lab::data) time: Tick,
    pub(in crate::lab::data) proc: u32,
    pub(in crate::lab::data) action: &'static str,
    pub(in crate::lab::data) remote: u16,
    pub(in crate::lab::data) local_port: u16,
}

/// A file made, changed, renamed or deleted.
#[derive(Clone, Copy, Debug)]
pub(in crate::lab::data) struct FileAct {
    pub(in crate::lab::data) time: Tick,
    pub(in crate::lab::data) proc: u32,
    pub(in crate::lab::data) action: &'static str,
    pub(in crate::lab::data) path: Line,
    pub(in crate::lab::data) previous: Line,
    /// The address that it was downloaded from.
    pub(in crate::lab::data) origin: Line,
    pub(in crate::lab::data) size: u32,
}

/// A module loaded.
#[derive(Clone, Copy, Debug)]
pub(in crate::lab::data) struct Load {
    pub(in crate::lab::data) time: Tick,
    pub(in crate::lab::data) proc: u32,
    pub(in crate::lab::data) module: u16,
}

/// A key or value of the registry made, set or deleted.
#[derive(Clone, Copy, Debug)]
pub(in crate::lab::data) struct Reg {
    pub(in crate::lab::data) time: Tick,
    pub(in crate::lab::data) proc: u32,
    pub(in crate::lab::data) action: &'static str,
    pub(in crate::lab::data) kind: &'static str,
    pub(in crate::lab::data) key: Line,
    pub(in crate::lab::data) name: Line,
    pub(in crate::lab::data) data: Line,
    pub(in crate::lab::data) previous: Line,
}

/// Any other event of a device.
#[derive(Clone, Copy, Debug)]
pub(in crate::lab::data) struct Event {
    pub(in crate::lab::data) time: Tick,
    pub(in crate::lab::data) proc: u32,
    pub(in crate::lab::data) action: &'static str,
    pub(in crate::lab::data) fields: Line,
    /// The process that it was done to.
    pub(in crate::lab::data) target: u32,
    pub(in crate::lab::data) file: Line,
    pub(in crate::lab::data) remote: Option<u16>,
}

/// A logon at a device, good or bad.
#[derive(Clone, Copy, Debug)]
pub(in crate::lab::data) struct Logon {
    pub(in crate::lab::data) time: Tick,
    pub(in crate::lab::data) device: u16,
    pub(in crate::lab::data) person: u16,
    pub(in crate::lab::data) action: &'static str,
    pub(in crate::lab::data) kind: &'static str,
    pub(in crate::lab::data) protocol: &'static str,
    pub(in crate::lab::data) failure: &'static str,
    pub(in crate::lab::data) from: Option<u16>,
    pub(in crate::lab::data) proc: u32,
}
