//! What an API lets a tenant do; `[quotas.API]` overrides the documented limits.

use super::{Api, file};
use crate::{
    error::{Error, Kind, Result},
    time::parse_duration,
};
use std::{collections::BTreeMap, time::Duration};

/// Limits of one API for one tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Calls a minute.
    pub calls_per_minute: u32,
    /// Calls an hour, where there is such a limit.
    pub calls_per_hour: Option<u32>,
    /// Calls at the same time.
    pub in_flight: u16,
    /// An answer of this many rows is taken to be cut.
    pub rows_per_call: u64,
    /// An answer of this many bytes is refused or cut.
    pub bytes_per_call: u64,
    /// How long a call may take until its answer begins.
    pub timeout: Duration,
}

/// Limits of each API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quotas {
    graph: Quota,
    xdr: Quota,
    mde: Quota,
    /// What the configuration says of Graph, XDR and MDE.
    said: [Said; 3],
}

/// A pace that was said, as far as it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// Calls a minute.
    pub per_minute: Option<u32>,
    /// Calls an hour.
    pub per_hour: Option<u32>,
    /// Calls under way at once.
    pub in_flight: Option<u16>,
}

impl Said {
    /// Says whether it is more than the documented pace of hunting: then the tenant's limits are others than those that are documented.
    pub fn is_raised(self) -> bool {
        self.per_minute.is_some_and(|calls| calls > HUNTING.calls_per_minute)
    }
}

/// Microsoft's pages on advanced hunting (2026): at least 45 calls a minute a tenant, 100,000 rows and 50 MB an answer.
const HUNTING: Quota = Quota {
    calls_per_minute: 45,
    calls_per_hour: None,
    in_flight: 4,
    rows_per_call: 100_000,
    bytes_per_call: 50_000_000,
    timeout: TIMEOUT,
};

/// The services give a query three minutes (MDE: 200 s), and then the answer begins.
const TIMEOUT: Duration = Duration::from_mins(4);

/// The Defender for Endpoint page has an hourly limit as well.
const MDE_CALLS_PER_HOUR: u32 = 1_500;

impl Default for Quotas {
    fn default() -> Self {
        Self {
            graph: HUNTING,
            xdr: HUNTING,
            mde: Quota { calls_per_hour: Some(MDE_CALLS_PER_HOUR), ..HUNTING },
            said: [Said::default(); 3],
        }
    }
}

impl Quotas {
    /// Returns the limits of an API.
    pub fn of(&self, api: Api) -> Quota {
        match api {
            Api::Graph => self.graph,
            Api::Xdr => self.xdr,
            Api::Mde => self.mde,
        }
    }

    /// Returns the pace that the configuration says for an API: it holds for all of it, not for hunting alone.
    pub fn said(&self, api: Api) -> Said {
        Api::ALL.iter().position(|one| *one == api).and_then(|at| self.said.get(at)).copied().unwrap_or_default()
    }

    pub(super) fn resolve(raw: &BTreeMap<String, file::Quota>) -> Result<Self> {
        let mut quotas = Self::default();
        for (name, limits) in raw {
            let api = Api::parse(name).map_err(|error| error.context(format_args!("[quotas.{name}]")))?;
            let quota = overlay(quotas.of(api), limits).map_err(|error| error.context(format_args!("[quotas.{name}]")))?;
            if let Some(said) = Api::ALL.iter().position(|one| *one == api).and_then(|at| quotas.said.get_mut(at)) {
                *said = Said { per_minute: limits.calls_per_minute, per_hour: limits.calls_per_hour, in_flight: limits.in_flight };
            }
            match api {
                Api::Graph => quotas.graph = quota,
                Api::Xdr => quotas.xdr = quota,
                Api::Mde => quotas.mde = quota,
            }
        }
        Ok(quotas)
    }
}

fn overlay(base: Quota, raw: &file::Quota) -> Result<Quota> {
    let quota = Quota {
        calls_per_minute: raw.calls_per_minute.unwrap_or(base.calls_per_minute),
        calls_per_hour: raw.calls_per_hour.or(base.calls_per_hour),
        in_flight: raw.in_flight.unwrap_or(base.in_flight),
        rows_per_call: raw.rows_per_call.unwrap_or(base.rows_per_call),
        bytes_per_call: raw.bytes_per_call.unwrap_or(base.bytes_per_call),
        timeout: raw.timeout.as_deref().map_or(Ok(base.timeout), timeout)?,
    };
    let zero = quota.calls_per_minute == 0 || quota.calls_per_hour == Some(0) || quota.in_flight == 0;
    if zero || quota.rows_per_call == 0 || quota.bytes_per_call == 0 {
        return Err(Error::new(Kind::Usage, "a limit of 0 would let nothing through").hint("leave it out for the documented limit"));
    }
    Ok(quota)
}

fn timeout(text: &str) -> Result<Duration> {
    parse_duration(text).map(jiff::SignedDuration::unsigned_abs).map_err(|error| error.context("timeout"))
}
