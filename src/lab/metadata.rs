//! Managed identities: the token endpoints that a machine of Azure (IMDS) or an App Service has, plain HTTP on loopback.
//!
//! Not in apis.md; as Azure's pages on managed identities describe them.

use super::{
    directory::{self, App, HOME, IDENTITY},
    tokens::Grant,
    wire::{Call, Reply, json as reply_json},
    world::World,
};
use axum::http::Method;
use serde_json::{Value, json};

/// Answers a request to a machine's own endpoint.
pub(crate) fn answer(world: &World, call: &Call) -> Reply {
    let answered = match (&call.method, call.path.trim_end_matches('/')) {
        (&Method::GET, "/metadata/identity/oauth2/token") => machine(world, call),
        (&Method::GET, "/msi/token") => app_service(world, call),
        _ => Err((404, json!({"error": "not_found"}))),
    };
    match answered {
        Ok(token) => reply_json(200, &token),
        Err((status, body)) => reply_json(status, &body),
    }
}

type Refused = (u16, Value);

/// IMDS: the header keeps requests out that a web page was made to send.
fn machine(world: &World, call: &Call) -> Result<Value, Refused> {
    let refused = |description: &str| (400, json!({"error": "invalid_request", "error_description": description}));
    if call.header("metadata").is_none_or(|value| !value.eq_ignore_ascii_case("true")) {
        return Err(refused("Required metadata header not specified"));
    }
    if call.query("api-version").is_none() {
        return Err(refused("Required query parameter 'api-version' not specified"));
    }
    let resource = call.query("resource").ok_or_else(|| refused("Required query variable 'resource' is missing"))?;
    let app = asked(world, call).ok_or_else(|| refused("Identity not found"))?;
    let mut token = issued(world, app, resource).ok_or_else(|| refused("AADSTS500011: The resource principal was not found."))?;
    token["expires_in"] = json!(world.options.token_lifetime.as_secs().to_string());
    Ok(token)
}

fn app_service(world: &World, call: &Call) -> Result<Value, Refused> {
    let refused = |status: u16, message: &str| (status, json!({"statusCode": status, "message": message}));
    if call.header("x-identity-header") != Some(&world.identity_header) {
        return Err(refused(401, "The identity header is missing or wrong."));
    }
    let resource = call.query("resource").ok_or_else(|| refused(400, "The resource parameter is missing."))?;
    let app = asked(world, call).ok_or_else(|| {
        refused(400, "No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId.")
    })?;
    issued(world, app, resource).ok_or_else(|| refused(400, "AADSTS500011: The resource principal was not found."))
}

/// The identity that is asked for: by its client id, else the machine's own.
fn asked<'a>(world: &'a World, call: &Call) -> Option<&'a App> {
    let id = call.query("client_id").unwrap_or(IDENTITY);
    world.directory.app(id).filter(|app| app.id == IDENTITY)
}

fn issued(world: &World, app: &App, audience: &str) -> Option<Value> {
    let (tenant, resource) = (world.directory.tenant(HOME)?, directory::resource(audience)?);
    let lifetime = i64::try_from(world.options.token_lifetime.as_secs()).ok()?;
    let now = jiff::Timestamp::now().as_second();
    let token = world.mint.issue(&Grant { tenant, app, resource, audience, proof: "2", now, lifetime });
    world.ledger.note(token.as_str());
    Some(json!({
        "access_token": token, "client_id": app.id, "expires_on": (now + lifetime).to_string(), "not_before": now.to_string(),
        "resource": audience, "token_type": "Bearer",
    }))
}
