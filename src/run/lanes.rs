//! The lanes of pulls: each family of endpoints has its own limits, whatever the API's hunting has.

use super::wire::{Wires, settings_api};
use crate::{
    api::{catalogue::Catalogue, hunting::Api},
    settings::Quotas,
    store::Case,
};
use std::{sync::PoisonError, time::Duration};

impl Wires {
    /// Returns a tenant's lane for a family of endpoints, with its documented limits, or the pace that the configuration says for
    /// the whole API. Calls of an earlier run of this case count.
    pub(super) fn family(&self, tenant: &str, api: Api, family: &str, catalogue: &Catalogue, quotas: &Quotas, case: &Case) -> String {
        let lane = format!("{tenant}/{api}/{family}");
        if !self.lanes.lock().unwrap_or_else(PoisonError::into_inner).insert(lane.clone()) {
            return lane;
        }
        let documented = catalogue.lane(family);
        let mut windows = documented.windows();
        let mut in_flight = documented.in_flight;
        if let Some(said) = quotas.said(settings_api(api)) {
            windows = vec![(said.calls_per_minute, Duration::from_mins(1))];
            in_flight = in_flight.max(said.in_flight);
        }
        self.pace.limit_windows(&lane, &windows, in_flight);
        let now = jiff::Timestamp::now();
        for (_, at) in case.earlier_calls().iter().filter(|(earlier, _)| *earlier == lane) {
            if let Ok(ago) = Duration::try_from(now.duration_since(*at)) {
                self.pace.earlier(&lane, ago);
            }
        }
        lane
    }
}
