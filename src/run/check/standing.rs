//! The row of an API's permissions, in words.

use super::{
    asked::Weight,
    permissions::{Need, Standing, standing},
    report::{Facts, Row, Status},
};
use crate::{
    api::{catalogue::Source, hunting::Api},
    error::{Error, Kind},
    run::wire::Tenant,
};

/// Says what the token holds, lacks and holds beyond need. Roles are none where the token is opaque.
pub(super) fn row(tenant: &Tenant, api: Api, roles: Option<&[String]>, needs: &[Need], weight: Weight) -> Row {
    let Some(roles) = roles else {
        let found = "the token is opaque, so only the call can tell";
        return Row::new("permissions", Status::Note, found).about(api.name());
    };
    let standing = standing(roles, needs);
    let lacking = !standing.missing.is_empty();
    let wanting = lacking && (weight != Weight::Whatever || standing.held.is_empty());
    let status = match () {
        () if lacking && weight == Weight::Needed => Status::Failed,
        () if wanting || !standing.broader.is_empty() => Status::Note,
        () => Status::Ok,
    };
    let mut row = Row::new("permissions", status, words(&standing)).about(api.name());
    if status == Status::Failed {
        row.exit = Some(Kind::Permission.exit_code());
        row.code = Some("MissingPermission".to_owned());
    }
    let row = fixes(row, tenant, api, &standing, wanting);
    row.facts(Facts { permissions: Some(standing), ..Facts::default() })
}

fn fixes(row: Row, tenant: &Tenant, api: Api, standing: &Standing, wanting: bool) -> Row {
    let missing: Vec<&str> = standing.missing.iter().map(|missing| missing.permission.as_str()).collect();
    let row = if wanting { row.fix(grant(tenant, api, &missing.join(", "))) } else { row };
    let writes: Vec<&str> = standing.broader.iter().filter(|one| one.writes).map(|one| one.permission.as_str()).collect();
    if writes.is_empty() {
        row
    } else {
        row.fix(format!("take away {}: what may change things is not needed to collect", writes.join(", ")))
    }
}

fn words(standing: &Standing) -> String {
    let held = if standing.held.is_empty() { "none held".to_owned() } else { format!("held: {}", standing.held.join(", ")) };
    let missing = standing.missing.iter().map(|one| format!("{} (for {})", one.permission, one.needed_for.join(", ")));
    let broader = standing.broader.iter().map(|one| match &one.enough {
        Some(enough) => format!("{} ({enough})", one.permission),
        None => one.permission.clone(),
    });
    let part = |head: &str, all: Vec<String>| if all.is_empty() { String::new() } else { format!("; {head}: {}", all.join(", ")) };
    format!("{held}{}{}", part("missing", missing.collect()), part("broader than needed", broader.collect()))
}

/// The error of a token that may not hunt.
pub(super) fn no_permission(tenant: &Tenant, api: Api) -> Error {
    Error::new(Kind::Permission, format!("the token for {} lacks {}", api.title(), api.permission()))
        .with_code("MissingPermission")
        .hint(grant(tenant, api, api.permission()))
}

/// How a permission is given: added to the registration, and consented to in the tenant (apis.md 1.11).
fn grant(tenant: &Tenant, api: Api, permissions: &str) -> String {
    let authority = tenant.profile.cloud.authority.as_str().trim_end_matches('/');
    let (app, id) = (tenant.app.app_id(), &tenant.id);
    let resource = match api {
        Api::Graph => "Microsoft Graph",
        Api::Xdr => "Microsoft Threat Protection",
        Api::Mde => "WindowsDefenderATP",
    };
    format!(
        "add {permissions} ({resource}, application permission) to the application, and have an administrator consent: \
         {authority}/{id}/adminconsent?client_id={app}"
    )
}

/// Says whether a source may be called, as far as the token tells.
pub(super) fn permits(roles: Option<&[String]>, source: &Source) -> bool {
    roles.is_none_or(|roles| source.is_open_to(roles))
}
