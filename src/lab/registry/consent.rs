//! The page where another tenant's administrator agrees, as if that administrator did at once (apis.md 1.11).

use super::{Assignment, Principal, resources};
use crate::lab::{
    ids::{guid, lock},
    wire::{Call, Reply, reply, with},
    world::World,
};
use std::time::Instant;
use url::Url;

/// `GET /{tenant}/adminconsent`.
pub(crate) fn admin_consent(world: &World, call: &Call, tenant: &str) -> Reply {
    match agreed(world, call, tenant) {
        Ok(location) => with(reply(302, "text/html; charset=utf-8", ""), "location", &location),
        Err(why) => reply(400, "text/html; charset=utf-8", format!("<html><body>{why}</body></html>")),
    }
}

fn agreed(world: &World, call: &Call, tenant: &str) -> Result<String, String> {
    let tenant = world.directory.tenant(tenant).ok_or("AADSTS90002: Tenant not found.")?;
    let (app_id, redirect) = (call.query("client_id").unwrap_or_default(), call.query("redirect_uri").unwrap_or_default());
    let mut state = lock(&world.registry.0);
    let application = state.applications.iter().find(|one| one.app_id == app_id && !one.deleted).cloned();
    let application = application.ok_or_else(|| format!("AADSTS700016: Application with identifier '{app_id}' was not found."))?;
    if application.tenant != tenant.id && !application.is_multi_tenant() {
        return Err("AADSTS50194: Application is not configured as a multi-tenant application.".to_owned());
    }
    let registered = application.properties.get("web").and_then(|web| web["redirectUris"].as_array().cloned()).unwrap_or_default();
    if !registered.iter().any(|uri| uri == redirect) {
        return Err("AADSTS50011: The redirect URI specified in the request does not match.".to_owned());
    }
    let principal = state
        .principals
        .iter()
        .find(|one| one.app_id == app_id && one.tenant == tenant.id)
        .cloned()
        .unwrap_or_else(|| Principal::new(app_id, &tenant.id));
    if state.principals.iter().all(|one| one.id != principal.id) {
        state.principals.push(principal.clone());
    }
    for (resource, role) in application.declared() {
        let Some(resource) = resources().iter().find(|one| one.app_id == resource) else { continue };
        let created = jiff::Timestamp::now().to_string();
        let resource = resource.principal_in(&tenant.id);
        state.assignments.push(Assignment { id: guid(), principal: principal.id.clone(), resource, role, born: Instant::now(), created });
    }
    let mut location = Url::parse(redirect).map_err(|_| "AADSTS50011")?;
    location
        .query_pairs_mut()
        .append_pair("admin_consent", "True")
        .append_pair("tenant", &tenant.id)
        .append_pair("state", call.query("state").unwrap_or_default());
    Ok(location.to_string())
}
