//! What happened, as small records that point at each other: the tables are written from these, each on its own.
//!
//! A process is its index in `procs`; every other device event names the process that caused it.

mod cloud;
mod device;

pub(super) use cloud::{Alert, Click, CloudAct, Directory, Evidence, GraphCall, Mail, Query, SignIn, Thing};
pub(super) use device::{Event, FileAct, Load, Logon, NONE, Net, Proc, Reg, Rights};

/// Everything that happened, in no order.
#[derive(Debug, Default)]
pub(super) struct Log {
    pub(super) procs: Vec<Proc>,
    pub(super) nets: Vec<Net>,
    pub(super) files: Vec<FileAct>,
    pub(super) loads: Vec<Load>,
    pub(super) regs: Vec<Reg>,
    pub(super) events: Vec<Event>,
    pub(super) logons: Vec<Logon>,
    pub(super) mails: Vec<Mail>,
    pub(super) clicks: Vec<Click>,
    pub(super) cloud: Vec<CloudAct>,
    pub(super) sign_ins: Vec<SignIn>,
    pub(super) directory: Vec<Directory>,
    pub(super) queries: Vec<Query>,
    pub(super) graph: Vec<GraphCall>,
    pub(super) alerts: Vec<Alert>,
}

impl Log {
    /// Adds a process and returns its index.
    pub(super) fn start(&mut self, proc: Proc) -> u32 {
        let index = u32::try_from(self.procs.len()).unwrap_or(NONE);
        self.procs.push(proc);
        index
    }

    pub(super) fn proc(&self, index: u32) -> Option<&Proc> {
        self.procs.get(usize::try_from(index).ok()?)
    }
}
