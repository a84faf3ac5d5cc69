//! What a lab is started with, and how the command line spells it. No behaviour.

use crate::error::{Error, Kind, Result};
use std::{fmt, str::FromStr, time::Duration};

/// How a lab behaves. The defaults are the services' documented limits and the shapes they answer with today.
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Options {
    /// Seed of the simulated company and of the faults.
    pub seed: u64,
    /// How many times the rows.
    pub scale: u32,
    /// Misbehaviour of hunting and pull calls; of those that hit a call, the first counts.
    pub faults: Vec<Fault>,
    /// Caps of a hunting answer.
    pub caps: Caps,
    /// Hunting calls a minute, for each tenant and API (apis.md 4.6).
    pub calls_per_minute: u32,
    /// Hunting calls an hour of the MDE API.
    pub calls_per_hour: u32,
    /// First port: the services take this one and the six after it. None: any that are free.
    pub port: Option<u16>,
    /// The end of the company's 30 days, and what `now()` is in queries when the lab starts. None: the clock's time.
    pub end: Option<jiff::Timestamp>,
    /// `expires_in` of access tokens.
    pub token_lifetime: Duration,
    /// How many calls an access token is good for before the APIs call it expired.
    pub token_calls: Option<u32>,
    /// Whether a 429 or 503 carries Retry-After where the service may leave it out.
    pub retry_after: bool,
    /// The wait that an injected 429 asks for.
    pub throttle_wait: Duration,
    /// How long the `hang` fault keeps a call without an answer.
    pub hang: Duration,
    /// Bytes that the `slow` fault sends at a time.
    pub slow_chunk: usize,
    /// The pause after each of them.
    pub slow_pause: Duration,
    /// Whether answers are compressed for those who accept it.
    pub gzip: bool,
    /// Shape of Graph's hunting answers.
    pub shape: Shape,
    /// What the XDR and MDE hunting endpoints do.
    pub retirement: Retirement,
    /// Refuse PS256 assertions with AADSTS5002730, as some older authorities do.
    pub refuse_ps256: bool,
    /// How many token requests, from the first, are answered with 503.
    pub authority_unavailable: u32,
    /// How many Key Vault requests, from the first, are answered with 429.
    pub vault_throttled: u32,
    /// How long the directory's replicas take to know what was made (apis.md 7.5).
    pub consistency: Duration,
    /// How long the vault takes to make a certificate.
    pub certificate_time: Duration,
    /// Template ids of the directory roles of the administrator who is a person.
    pub admin_roles: Vec<String>,
    /// Whether that person's token tells them.
    pub token_tells_roles: bool,
    /// Whether a replica that does not know an object yet denies it to those who ask by its id, too, and refuses in other words than
    /// those that are usual.
    pub strangers: bool,
    /// How long the vault takes to delete an object.
    pub deletion_time: Duration,
    /// Whether the vault lets nobody change a version.
    pub frozen_versions: bool,
    /// Keep the bodies of requests and answers.
    pub record: bool,
    /// How the list endpoints behave.
    pub pulls: Pulls,
    /// Longest run of a query before it is given up with 504 (apis.md 4.6).
    pub query_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 1,
            scale: 1,
            faults: Vec::new(),
            caps: Caps::default(),
            calls_per_minute: 45,
            calls_per_hour: 1_500,
            port: None,
            end: None,
            token_lifetime: Duration::from_secs(3_599),
            token_calls: None,
            retry_after: true,
            throttle_wait: Duration::from_secs(1),
            hang: Duration::from_mins(15),
            slow_chunk: 16 * 1024,
            slow_pause: Duration::from_millis(50),
            gzip: true,
            shape: Shape::default(),
            retirement: Retirement::default(),
            refuse_ps256: false,
            authority_unavailable: 0,
            vault_throttled: 0,
            consistency: Duration::from_secs(1),
            certificate_time: Duration::from_secs(1),
            admin_roles: [super::registry::CLOUD, super::registry::PRIVILEGED].map(str::to_owned).into(),
            token_tells_roles: true,
            strangers: false,
            deletion_time: Duration::ZERO,
            frozen_versions: false,
            record: false,
            pulls: Pulls::default(),
            query_timeout: Duration::from_mins(3),
        }
    }
}

/// Caps of a hunting answer (apis.md 4.6): rows beyond are left out silently, bytes beyond are a 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// Most rows.
    pub rows: u64,
    /// Most bytes of results.
    pub bytes: u64,
}

impl Default for Caps {
    fn default() -> Self {
        Self { rows: 100_000, bytes: 50_000_000 }
    }
}

impl FromStr for Caps {
    type Err = Error;

    /// Parses `rows=N`, `bytes=N` or `rows=N,bytes=N`; what is not said stays as documented.
    fn from_str(text: &str) -> Result<Self> {
        let mut caps = Self::default();
        for part in text.split(',') {
            let (name, value) = part.split_once('=').ok_or_else(|| caps_refused(text))?;
            let number: u64 = value.trim().replace('_', "").parse().map_err(|_| caps_refused(text))?;
            match name.trim() {
                "rows" => caps.rows = number,
                "bytes" => caps.bytes = number,
                _ => return Err(caps_refused(text)),
            }
        }
        Ok(caps)
    }
}

fn caps_refused(text: &str) -> Error {
    Error::new(Kind::Usage, format!("`{text}` are no caps of a hunting answer")).hint("write them as rows=100000,bytes=50000000")
}

/// A misbehaviour and how often it happens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fault {
    /// What happens.
    pub kind: FaultKind,
    /// To which share of the calls, from 0 to 1.
    pub rate: f64,
}

impl FromStr for Fault {
    type Err = Error;

    /// Parses `KIND=RATE`, such as `throttle=0.1`; a kind alone hits every call.
    fn from_str(text: &str) -> Result<Self> {
        let (name, rate) = text.split_once('=').unwrap_or((text, "1"));
        let rate: f64 = rate.trim().parse().map_err(|_| rate_refused(text))?;
        if !(0.0..=1.0).contains(&rate) {
            return Err(rate_refused(text));
        }
        Ok(Self { kind: name.trim().parse()?, rate })
    }
}

fn rate_refused(text: &str) -> Error {
    Error::new(Kind::Usage, format!("`{text}` is no fault with a rate")).hint("write it as throttle=0.1: a kind, and a rate from 0 to 1")
}

/// How a call may go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// 429 for too many calls.
    Throttle,
    /// 429 in the CPU quota's words, without Retry-After.
    Quota,
    /// 503 with an empty message.
    Unavailable,
    /// 504 with an empty message.
    Timeout,
    /// 502 with a gateway's HTML page.
    Html,
    /// The connection ends in the middle of a good answer.
    Cut,
    /// 200 with a body that is not JSON: cut but ended, empty, HTML, or garbled.
    Malformed,
    /// The connection ends without an answer.
    Drop,
    /// No answer, for as long as [`Options::hang`].
    Hang,
    /// The token that was presented has expired, now and for good.
    ExpiredToken,
    /// 400: the query was preempted.
    Preempted,
    /// A good answer in small pieces.
    Slow,
}

const KINDS: &[(&str, FaultKind)] = &[
    ("throttle", FaultKind::Throttle),
    ("quota", FaultKind::Quota),
    ("unavailable", FaultKind::Unavailable),
    ("timeout", FaultKind::Timeout),
    ("html", FaultKind::Html),
    ("cut", FaultKind::Cut),
    ("malformed", FaultKind::Malformed),
    ("drop", FaultKind::Drop),
    ("hang", FaultKind::Hang),
    ("expired-token", FaultKind::ExpiredToken),
    ("preempted", FaultKind::Preempted),
    ("slow", FaultKind::Slow),
];

impl FromStr for FaultKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let known = KINDS.iter().find(|(name, _)| *name == text).map(|(_, kind)| *kind);
        known.ok_or_else(|| {
            let names: Vec<&str> = KINDS.iter().map(|(name, _)| *name).collect();
            Error::new(Kind::Usage, format!("`{text}` is no fault the lab knows")).hint(format!("it knows {}", names.join(", ")))
        })
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = KINDS.iter().find(|(_, kind)| kind == self).map_or("", |(name, _)| name);
        f.write_str(name)
    }
}

/// What differs between one Graph tenant's hunting answers and another's, or is not settled by the documentation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is one independent, documented variant of the wire format")]
pub struct Shape {
    /// `Name`/`Type` in the schema, as Graph answered in 2022, instead of `name`/`type`.
    pub pascal_schema: bool,
    /// Rows carry `@odata.type` annotations.
    pub annotations: bool,
    /// `results` before `schema`.
    pub results_first: bool,
    /// Dynamic values as nested JSON instead of text that holds JSON.
    pub nested_dynamic: bool,
    /// `Boolean` with `true`/`false` instead of `SByte` with `1`/`0`.
    pub booleans: bool,
    /// A line break and spaces between tokens.
    pub indented: bool,
    /// Rows have members more, which the schema does not name and which only a verbatim copy keeps.
    pub oddities: bool,
}

/// How lists behave where tenants differ, or where the documentation is silent. The default is what it says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is one independent quirk of the services")]
pub struct Pulls {
    /// Most objects of a page, whatever was asked for: more pages of few objects.
    pub page: Option<usize>,
    /// No limits of calls.
    pub unlimited: bool,
    /// The lists change while they are paged: after each page an object is updated, or one comes new.
    pub moving: bool,
    /// MDE's lists give no nextLink.
    pub unlinked: bool,
    /// What becomes of `$orderby`.
    pub orders: Orders,
    /// After so many pages a nextLink has expired.
    pub links_last: Option<u32>,
    /// What every nextLink is, in place of what it should be; `{self}` is the page's own URL.
    pub link: Option<String>,
    /// The tenant lacks the licences that lists need.
    pub unlicensed: bool,
    /// There are no machines: 404.
    pub no_machines: bool,
    /// The tenant is too large for exports as pages: 504.
    pub too_large: bool,
    /// How many downloads the signatures of one list of files are good for.
    pub signatures_last: Option<u32>,
    /// `$expand` with `$filter` on Graph: 500.
    pub expand_fails: bool,
    /// The audit log's queries are on beta alone.
    pub beta_audit: bool,
    /// Most records of an audit query.
    pub audit_limit: Option<usize>,
}

/// What becomes of `$orderby`, which is not documented for alerts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Orders {
    /// It is obeyed.
    #[default]
    Kept,
    /// It is refused.
    Refused,
    /// It is passed over.
    Ignored,
}

/// What the retired XDR and MDE hunting endpoints answer; the wire behaviour after 2027-02-01 is not documented.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Retirement {
    /// They still work.
    #[default]
    Works,
    /// 410.
    Gone,
    /// 404.
    NotFound,
    /// 200 without rows and schema.
    Empty,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_read_with_their_rate() {
        assert_eq!("throttle=0.1".parse::<Fault>().unwrap(), Fault { kind: FaultKind::Throttle, rate: 0.1 });
        assert_eq!("expired-token".parse::<Fault>().unwrap(), Fault { kind: FaultKind::ExpiredToken, rate: 1.0 });
        for bad in ["throttle=2", "throttle=", "throttled=1", "=1", "html=-0.1", "html=nan"] {
            assert_eq!(bad.parse::<Fault>().unwrap_err().kind(), Kind::Usage, "{bad}");
        }
    }

    #[test]
    fn every_fault_reads_back_as_it_is_shown() {
        for (_, kind) in KINDS {
            assert_eq!(kind.to_string().parse::<FaultKind>().unwrap(), *kind);
        }
    }

    #[test]
    fn caps_keep_what_is_not_said() {
        assert_eq!("rows=10".parse::<Caps>().unwrap(), Caps { rows: 10, bytes: 50_000_000 });
        assert_eq!("bytes=5,rows=1_000".parse::<Caps>().unwrap(), Caps { rows: 1_000, bytes: 5 });
        assert!("rows".parse::<Caps>().is_err());
        assert!("lines=1".parse::<Caps>().is_err());
    }
}
