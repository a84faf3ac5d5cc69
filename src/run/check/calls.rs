//! A cheap call of each API. For hunting `print 1`: it reads no table and costs one call of the minute's quota; for a source one
//! item of it.

use super::{Checker, asked::Target};
use crate::{
    api::{
        glance::{self, glance},
        hunting::{self, Answer, Api, DEADLINE, Request, Rows},
    },
    error::{Error, Kind, Result},
    run::wire::{Tenant, settings_api},
    transport::{Budget, Call},
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
pub(super) async fn look(checker: &Checker<'_>, tenant: &Tenant, target: &Target) -> Option<Result<()>> {
    let query = target.glance?;
    Some(look_at(checker, tenant, target, query).await)
}

async fn look_at(checker: &Checker<'_>, tenant: &Tenant, target: &Target, query: &str) -> Result<()> {
    let endpoint = tenant.profile.cloud.endpoint(settings_api(target.api))?;
    let url = glance::url(&endpoint.url, &target.path, query)?;
    let call = Call::get(format!("looking at {}", target.name), url, format!("{}/{}/check", tenant.id, target.api)).bearer(&endpoint.scope);
    glance(&checker.transport(), tenant.app.as_ref(), &call, &budget(checker)).await.map(|_| ())
}

fn budget(checker: &Checker<'_>) -> Budget {
    Budget::new(checker.settings.max_wait.min(PATIENCE))
}

struct Dropped;

impl Rows for Dropped {
    fn begin(&mut self) -> Result<()> {
        Ok(())
    }

    fn row(&mut self, _: &[u8]) -> Result<()> {
        Ok(())
    }

    fn end(&mut self, _: &Answer) -> Result<()> {
        Ok(())
    }
}
