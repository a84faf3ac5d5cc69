//! A cheap call of each API. For hunting `print 1`: it reads no table and costs one call of the minute's quota; for a source one
//! item of it.

use super::Checker;
use crate::{
    api::{
        catalogue::Source,
        glance::glance,
        hunting::{self, Api, DEADLINE, Dropped, Request},
        links,
    },
    error::{Error, Kind, Result},
    run::wire::{Tenant, settings_api},
    transport::{Budget, Call, ServiceFault},
};
use std::time::Duration;

/// A check is not worth waiting for a quota longer than this.
const PATIENCE: Duration = Duration::from_mins(1);

/// The query: one row of one number, from no table.
const QUERY: &str = "print 1";

/// Asks a hunting API for one row.
///
/// # Errors
/// What the service says.
pub(super) async fn hunt(checker: &Checker<'_>, tenant: &Tenant, api: Api) -> Result<()> {
    let endpoint = tenant.profile.cloud.endpoint(settings_api(api))?;
    let quota = checker.settings.quotas.of(settings_api(api));
    let request = Request {
        api,
        endpoint: endpoint.url.clone(),
        scope: endpoint.scope.clone(),
        lane: checker.wires.lane(&tenant.id, api, &quota, 1, &[]),
        query: QUERY.to_owned(),
        timespan: None,
        deadline: DEADLINE,
        gateway_tries: None,
    };
    let transport = checker.transport();
    let answer = hunting::hunt(&transport, tenant.app.as_ref(), &request, &budget(checker), &mut Dropped).await?;
    if answer.rows == 1 {
        return Ok(());
    }
    Err(Error::new(Kind::Failed, format!("{} answered `{QUERY}` with {} rows", api.title(), answer.rows)).with_code("UnexpectedAnswer"))
}

/// Asks for one item of a source; none where even that is dear.
///
/// # Errors
/// What the service says.
pub(super) async fn look(checker: &Checker<'_>, tenant: &Tenant, source: &Source) -> Option<Result<()>> {
    let path = source.glance()?;
    Some(look_at(checker, tenant, source, &path).await)
}

async fn look_at(checker: &Checker<'_>, tenant: &Tenant, source: &Source, path: &str) -> Result<()> {
    let endpoint = tenant.profile.cloud.endpoint(settings_api(source.api))?;
    let url = links::below(&endpoint.url, path)?;
    let doing = format!("looking at {}", source.full_name());
    let call = Call::get(doing, url, format!("{}/{}/check", tenant.id, source.api)).bearer(&endpoint.scope);
    match glance(&checker.transport(), tenant.app.as_ref(), &call, &budget(checker)).await {
        Err(error) if source.none_on_404 && ServiceFault::of(&error).is_some_and(|fault| fault.status == Some(404)) => Ok(()),
        looked => looked.map(|_| ()),
    }
}

fn budget(checker: &Checker<'_>) -> Budget {
    Budget::new(checker.settings.max_wait.min(PATIENCE))
}
