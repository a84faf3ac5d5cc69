//! What mail, cloud apps, the directory and the detections report.

use crate::lab::data::clock::Tick;

/// A message to one recipient.
#[derive(Clone, Debug, Default)]
pub(in crate::lab::data) struct Mail {
    pub(in crate::lab::data) time: Tick,
    /// What decides the message's ids; the same for all recipients.
    pub(in crate::lab::data) key: u64,
    pub(in crate::lab::data) from: String,
    pub(in crate::lab::data) from_name: String,
    /// The sender's account, where it is one of ours.
    pub(in crate::lab::data) sender: Option<u16>,
    pub(in crate::lab::data) sender_ip: String,
    pub(in crate::lab::data) to: String,
    pub(in crate::lab::data) recipient: Option<u16>,
    pub(in crate::lab::data) subject: String,
    pub(in crate::lab::data) threat: &'static str,
    pub(in crate::lab::data) delivery: (&'static str, &'static str),
    pub(in crate::lab::data) bulk: i32,
    pub(in crate::lab::data) urls: Vec<String>,
    pub(in crate::lab::data) files: Vec<(String, i64)>,
    /// When it was taken out of the mailbox afterwards, and why.
    pub(in crate::lab::data) purged: Option<(Tick, &'static str)>,
}

/// A click on a protected link.
#[derive(Clone, Debug)]
pub(in crate::lab::data) struct Click {
    pub(in crate::lab::data) time: Tick,
    pub(in crate::lab::data) person: u16,
    pub(in crate::lab::data) url: String,
    pub(in crate::lab::data) action: &'static str,
    pub(in crate::lab::data) workload: &'static str,
    /// The message that the link was in.
    pub(in crate::lab::data) key: Option<u64>,
    pub(in crate::lab::data) threat: &'static str,
}

/// Something done in a cloud app.
#[derive(Clone, Debug, Default)]
pub(in crate::lab::data) struct CloudAct {
    pub(in crate::lab::data) time: Tick,
    pub(in crate::lab::data) person: u16,
    pub(in crate::lab::data) action: &'static str,
    pub(in crate::lab::data) app: (&'static str, i32),
    pub(in crate::lab::data) activity: &'static str,
    pub(in crate::lab::data) object: (String, &'static str),
    pub(in crate::lab::data) ip: String,
    pub(in crate::lab::data) place: (&'static str, &'static str, &'static str),
    pub(in crate::lab::data) agent: &'static str,
    pub(in crate::lab::data) admin: bool,
    /// Further members of `RawEventData`, as JSON without the braces.
    pub(in crate::lab::data) raw: String,
    pub(in crate::lab::data) oauth_app: &'static str,
    pub(in crate::lab::data) uncommon: bool,
}

/// A sign-in to Entra ID.
#[derive(Clone, Debug, Default)]
pub(in crate::lab::data) struct SignIn {
    pub(in crate::lab::data) time: Tick,
    pub(in crate::lab::data) person: u16,
    pub(in crate::lab::data) app: (&'static str, &'static str),
    pub(in crate::lab::data) device: Option<u16>,
    pub(in crate::lab::data) ip: String,
    pub(in crate::lab::data) place: (&'static str, &'static str),
    pub(in crate::lab::data) error: i32,
    pub(in crate::lab::data) multi_factor: bool,
    pub(in crate::lab::data) risk: i32,
    pub(in crate::lab::data) agent: &'static str,
    pub(in crate::lab::data) session: u64,
}

/// A change in the on-premises directory or in Entra ID.
#[derive(Clone, Debug, Default)]
pub(in crate::lab::data) struct Directory {
    pub(in crate::lab::data) time: Tick,
    pub(in crate::lab::data) action: &'static str,
    pub(in crate::lab::data) person: u16,
    pub(in crate::lab::data) target: Option<u16>,
    pub(in crate::lab::data) target_name: &'static str,
    pub(in crate::lab::data) device: u16,
    pub(in crate::lab::data) fields: String,
}

/// A question put to the directory.
#[derive(Clone, Debug, Default)]
pub(in crate::lab::data) struct Query {
    pub(in crate::lab::data) time: Tick,
    pub(in crate::lab::data) person: u16,
    pub(in crate::lab::data) device: u16,
    pub(in crate::lab::data) action: &'static str,
    pub(in crate::lab::data) kind: &'static str,
    pub(in crate::lab::data) target: &'static str,
    pub(in crate::lab::data) text: &'static str,
}

/// A call of Microsoft Graph.
#[derive(Clone, Debug, Default)]
pub(in crate::lab::data) struct GraphCall {
    pub(in crate::lab::data) time: Tick,
    pub(in crate::lab::data) person: Option<u16>,
    pub(in crate::lab::data) app: &'static str,
    pub(in crate::lab::data) method: &'static str,
    pub(in crate::lab::data) path: String,
    pub(in crate::lab::data) status: &'static str,
    pub(in crate::lab::data) scopes: &'static str,
    pub(in crate::lab::data) ip: String,
}

/// An alert and what it points at.
#[derive(Clone, Debug)]
pub(in crate::lab::data) struct Alert {
    pub(in crate::lab::data) time: Tick,
    pub(in crate::lab::data) id: String,
    pub(in crate::lab::data) title: &'static str,
    pub(in crate::lab::data) category: &'static str,
    pub(in crate::lab::data) severity: &'static str,
    pub(in crate::lab::data) service: &'static str,
    pub(in crate::lab::data) source: &'static str,
    pub(in crate::lab::data) techniques: &'static str,
    pub(in crate::lab::data) evidence: Vec<Evidence>,
}

/// One piece of an alert's evidence.
#[derive(Clone, Debug)]
pub(in crate::lab::data) struct Evidence {
    pub(in crate::lab::data) thing: Thing,
    pub(in crate::lab::data) role: &'static str,
}

/// What an alert or a behaviour points at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::lab::data) enum Thing {
    User(u16),
    Machine(u16),
    /// A process and the device and account that it had.
    Process(u32),
    File(u16, String),
    Ip(String),
    Url(String),
    /// A message: its key, subject and recipient.
    Mail(u64, String, u16),
    /// A registry value: device, key, name and data.
    Registry(u16, String, String, String),
    /// An application in the cloud, by its id and name.
    App(&'static str, &'static str),
}
