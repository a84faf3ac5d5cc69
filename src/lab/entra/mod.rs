//! The simulated Entra ID: who asks for which tenant, and what the answers have in common.

mod assertion;
pub(crate) mod federated;
mod metadata;
mod refusal;
mod token;

use super::{
    directory::Tenant,
    wire::{Call, Reply, reply, with, with_all},
    world::World,
};
use axum::http::Method;
pub(crate) use refusal::Refusal;

/// Answers a request to the authority.
pub(crate) fn answer(world: &World, call: &Call) -> Reply {
    let segments = call.segments();
    let path: Vec<&str> = segments.iter().map(String::as_str).collect();
    let answered = match (&call.method, path.as_slice()) {
        (&Method::GET, [tenant, "v2.0", ".well-known", "openid-configuration"]) => metadata::configuration(world, call, tenant, true),
        (&Method::GET, [tenant, ".well-known", "openid-configuration"]) => metadata::configuration(world, call, tenant, false),
        (&Method::GET, [tenant, "discovery", "v2.0", "keys"] | [tenant, "discovery", "keys"]) => metadata::keys(world, call, tenant),
        (&Method::GET, [_, "discovery", "instance"]) => metadata::instance(world, call),
        (_, [tenant, "oauth2", "v2.0", "token"]) => token::answer(world, call, tenant, false),
        (_, [tenant, "oauth2", "token"]) => token::answer(world, call, tenant, true),
        (&Method::GET, [tenant, "adminconsent"]) => super::registry::admin_consent(world, call, tenant),
        _ => reply(404, "text/html; charset=utf-8", "<html><body>Not found</body></html>"),
    };
    finished(call, answered)
}

fn finished(call: &Call, answered: Reply) -> Reply {
    let answered = with_all(
        answered,
        &[
            ("cache-control", "no-store, no-cache"),
            ("pragma", "no-cache"),
            ("expires", "-1"),
            ("strict-transport-security", "max-age=31536000; includeSubDomains"),
            ("x-content-type-options", "nosniff"),
            ("x-ms-request-id", &call.id),
            ("x-ms-ests-server", "2.1.21000.4 - WEULR1 ProdSlices"),
        ],
    );
    let wanted = call.header("return-client-request-id").is_some_and(|wanted| wanted.eq_ignore_ascii_case("true"));
    match call.header("client-request-id").filter(|_| wanted) {
        Some(id) => with(answered, "client-request-id", id),
        None => answered,
    }
}

/// Finds the tenant that a path names; `error` is what the endpoint calls an unknown one.
fn tenant_called<'a>(world: &'a World, name: &str, error: &'static str) -> Result<&'a Tenant, Refusal> {
    if let Some(tenant) = world.directory.tenant(name) {
        return Ok(tenant);
    }
    let dns = name.contains('.') && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '.' || c == '-');
    if dns || uuid::Uuid::try_parse(name).is_ok() { Err(Refusal::no_tenant(error, name)) } else { Err(Refusal::not_a_tenant(name)) }
}
