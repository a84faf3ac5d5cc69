//! The lanes of pulls: each family of endpoints has its own limits, whatever the API's hunting has.

use super::wire::{Wires, settings_api};
use crate::{
    api::{
        catalogue::{Catalogue, Lane},
        hunting::Api,
    },
    settings::{Quotas, Said},
};
use jiff::Timestamp;
use std::{sync::PoisonError, time::Duration};

impl Wires {
    /// Returns a tenant's lane for a family of endpoints, with its limits. Of `earlier`, the calls of other runs by lane and
    /// time, those that the service still counts take their place in it.
    pub(super) fn family(
        &self,
        tenant: &str,
        api: Api,
        family: &str,
        catalogue: &Catalogue,
        quotas: &Quotas,
        earlier: &[(String, Timestamp)],
    ) -> String {
        let lane = format!("{tenant}/{api}/{family}");
        if !self.lanes.lock().unwrap_or_else(PoisonError::into_inner).insert(lane.clone()) {
            return lane;
        }
        let (windows, in_flight) = paced(&catalogue.lane(family), quotas.said(settings_api(api)));
        self.pace.limit_windows(&lane, &windows, in_flight);
        let now = Timestamp::now();
        for (_, at) in earlier.iter().filter(|(earlier, _)| *earlier == lane) {
            if let Ok(ago) = Duration::try_from(now.duration_since(*at)) {
                self.pace.earlier(&lane, ago);
            }
        }
        lane
    }
}

/// The limits of a lane: the documented ones and those that were said, or, where a tenant's pace was said to be higher than what is
/// documented, that alone.
fn paced(documented: &Lane, said: Said) -> (Vec<(u32, Duration)>, u16) {
    let own = [(said.per_minute, Duration::from_mins(1)), (said.per_hour, Duration::from_hours(1))];
    let mut windows = if said.is_raised() { Vec::new() } else { documented.windows() };
    windows.extend(own.into_iter().filter_map(|(calls, length)| Some((calls?, length))));
    let in_flight = if said.is_raised() { documented.in_flight.max(said.in_flight.unwrap_or(0)) } else { documented.in_flight };
    (windows, in_flight.min(said.in_flight.unwrap_or(u16::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_narrows_the_documented_limits_or_takes_their_place() {
        let audit = Catalogue::built_in().unwrap().lane("audit");
        let minute = |calls| (calls, Duration::from_mins(1));
        let ten = (5, Duration::from_secs(10));
        let said = |per_minute| Said { per_minute, ..Said::default() };
        assert_eq!(paced(&audit, said(None)), (vec![ten], 2));
        assert_eq!(paced(&audit, said(Some(20))), (vec![ten, minute(20)], 2));
        let raised = Said { in_flight: Some(8), ..said(Some(3_000)) };
        assert_eq!(paced(&audit, raised), (vec![minute(3_000)], 8));
    }
}
