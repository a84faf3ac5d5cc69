//! What anyone may ask without a credential: OIDC metadata, signing keys, instance discovery (apis.md 1.9 and 1.10).

use super::{Refusal, tenant_called};
use crate::lab::{
    wire::{Call, Reply, json},
    world::World,
};
use serde_json::{Value, json};

/// `/{tenant}/v2.0/.well-known/openid-configuration`, and the older one without `/v2.0`.
pub(super) fn configuration(world: &World, call: &Call, tenant: &str, v2: bool) -> Reply {
    if matches!(tenant, "common" | "organizations" | "consumers") {
        return json(200, &document(&call.host, tenant, "{tenantid}", v2));
    }
    match tenant_called(world, tenant, "invalid_tenant") {
        Ok(found) => json(200, &document(&call.host, &found.id, &found.id, v2)),
        Err(refusal) => refusal.reply(call, "\r\n"),
    }
}

fn document(host: &str, tenant: &str, issuer: &str, v2: bool) -> Value {
    let base = format!("https://{host}/{tenant}");
    let version = if v2 { "/v2.0" } else { "" };
    let issuer = if v2 { format!("https://{host}/{issuer}/v2.0") } else { format!("https://sts.windows.net/{issuer}/") };
    json!({
        "token_endpoint": format!("{base}/oauth2{version}/token"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "jwks_uri": format!("{base}/discovery{version}/keys"),
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "issuer": issuer,
        "request_uri_parameter_supported": false,
        "authorization_endpoint": format!("{base}/oauth2{version}/authorize"),
        "device_authorization_endpoint": format!("{base}/oauth2{version}/devicecode"),
        "http_logout_supported": true,
        "frontchannel_logout_supported": true,
        "end_session_endpoint": format!("{base}/oauth2{version}/logout"),
        "claims_supported": ["sub", "iss", "aud", "exp", "iat", "nonce", "name", "tid", "ver"],
        "tenant_region_scope": "EU",
        "cloud_instance_name": "microsoftonline.com",
        "cloud_graph_host_name": "graph.windows.net",
        "msgraph_host": "graph.microsoft.com",
        "rbac_url": "https://pas.windows.net",
    })
}

/// `/{tenant}/discovery/v2.0/keys`.
pub(super) fn keys(world: &World, call: &Call, tenant: &str) -> Reply {
    json(200, &world.mint.jwks(&format!("https://{}/{tenant}/v2.0", call.host)))
}

/// `/common/discovery/instance`: which other hosts are the same authority.
pub(super) fn instance(world: &World, call: &Call) -> Reply {
    let asked = call.query("authorization_endpoint").and_then(|endpoint| url::Url::parse(endpoint).ok());
    let host = asked.as_ref().map(|url| url.authority().to_ascii_lowercase()).unwrap_or_default();
    let known = world.authority_hosts(&call.host);
    if !known.contains(&host) {
        let message = format!("Unknown or invalid instance. The authority host '{host}' is not known.");
        return Refusal::new(50_049, "invalid_instance", message).reply(call, "\r\n");
    }
    let version = call.query("api-version").unwrap_or("1.1");
    json(
        200,
        &json!({
            "tenant_discovery_endpoint": format!("https://{host}/common/v2.0/.well-known/openid-configuration"),
            "api-version": version,
            "metadata": [{"preferred_network": host, "preferred_cache": host, "aliases": known}],
        }),
    )
}
