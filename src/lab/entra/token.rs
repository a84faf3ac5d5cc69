//! The token endpoint for applications: client secret, client assertion, and the legacy form with `resource=`.

use super::{Refusal, assertion, tenant_called};
use crate::lab::{
    directory::{self, App, Resource, Standing, Tenant},
    tokens::Grant,
    wire::{Call, Reply, json, pairs, with},
    world::World,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use std::borrow::Cow;

/// Answers a token request.
pub(super) fn answer(world: &World, call: &Call, tenant: &str, legacy: bool) -> Reply {
    if world.authority_is_out() {
        let refusal = Refusal::new(90_033, "temporarily_unavailable", "A transient error has occurred. Please try again.");
        let mut reply = refusal.reply(call, " ");
        *reply.status_mut() = axum::http::StatusCode::SERVICE_UNAVAILABLE;
        return if world.options.retry_after { with(reply, "retry-after", "1") } else { reply };
    }
    match granted(world, call, tenant, legacy) {
        Ok(token) => json(200, &token),
        Err(refusal) => refusal.reply(call, " "),
    }
}

fn granted(world: &World, call: &Call, tenant: &str, legacy: bool) -> Result<Value, Refusal> {
    let form = Form::read(call)?;
    let tenant = tenant_for(world, tenant, &form)?;
    check_grant_type(&form)?;
    let app = app_called(world, tenant, form.client_id()?)?;
    let app = app.as_ref();
    let audience = audience(&form, legacy)?;
    let proof = proven(world, call, tenant, app, &form)?;
    let resource = directory::resource(&audience).ok_or_else(|| no_resource(&audience, tenant))?;
    Ok(issued(world, tenant, app, resource, &audience, proof, legacy))
}

fn issued(world: &World, tenant: &Tenant, app: &App, resource: &Resource, audience: &str, proof: &str, legacy: bool) -> Value {
    let lifetime = i64::try_from(world.options.token_lifetime.as_secs()).unwrap_or(i64::MAX);
    let now = jiff::Timestamp::now().as_second();
    let token = world.mint.issue(&Grant { tenant, app, resource, audience, proof, now, lifetime });
    world.ledger.note(token.as_str());
    if !legacy {
        return json!({"token_type": "Bearer", "expires_in": lifetime, "ext_expires_in": lifetime, "access_token": token});
    }
    // The legacy endpoint writes its numbers as text (apis.md 1.1).
    json!({
        "token_type": "Bearer", "expires_in": lifetime.to_string(), "ext_expires_in": lifetime.to_string(),
        "expires_on": (now + lifetime).to_string(), "not_before": now.to_string(), "resource": audience, "access_token": token,
    })
}

fn tenant_for<'a>(world: &'a World, name: &str, form: &Form) -> Result<&'a Tenant, Refusal> {
    match name {
        "common" | "organizations" => {
            let id = form.client_id().unwrap_or_default();
            let message = format!(
                "Application '{id}'(ir-collector) is not configured as a multi-tenant application. Usage of the /common endpoint is not \
                 supported for such apps created after '10/15/2018'. Use a tenant-specific endpoint or configure the application to be multi-tenant."
            );
            Err(Refusal::new(50_194, "invalid_request", message))
        }
        "consumers" => {
            let message = "The grant type is not supported over the /common or /consumers endpoints. Please use the /organizations or tenant-specific endpoint.";
            Err(Refusal::new(9_001_023, "invalid_request", message))
        }
        _ => tenant_called(world, name, "invalid_request"),
    }
}

fn check_grant_type(form: &Form) -> Result<(), Refusal> {
    match form.get("grant_type") {
        None => Err(Refusal::missing("grant_type")),
        Some("client_credentials") => Ok(()),
        Some(other) => {
            let message = format!("The app requested an unsupported grant type '{other}'.");
            Err(Refusal::new(70_003, "unsupported_grant_type", message))
        }
    }
}

fn app_called<'a>(world: &'a World, tenant: &Tenant, id: &str) -> Result<Cow<'a, App>, Refusal> {
    let registered = || world.registry.app(id, &tenant.id, world.options.consistency).map(Cow::Owned);
    let known = world.directory.app(id).filter(|app| app.tenants.contains(&tenant.id)).map(Cow::Borrowed);
    let app = known.or_else(registered).ok_or_else(|| {
        let message = format!(
            "Application with identifier '{id}' was not found in the directory '{}'. This can happen if the application has not been \
             installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your \
             authentication request to the wrong tenant.",
            tenant.name
        );
        Refusal::new(700_016, "unauthorized_client", message)
    })?;
    if app.standing == Standing::Disabled {
        let message = format!("Application '{id}'({}) is disabled.", app.name);
        return Err(Refusal::new(7_000_112, "unauthorized_client", message));
    }
    Ok(app)
}

fn audience(form: &Form, legacy: bool) -> Result<String, Refusal> {
    if legacy {
        return form.get("resource").map(str::to_owned).ok_or_else(|| Refusal::missing("resource"));
    }
    let scope = form.get("scope").ok_or_else(|| Refusal::missing("scope"))?.trim();
    if scope.split_whitespace().count() > 1 {
        let message = format!(
            "The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' is not \
             valid. The scope {scope} is not valid. .default scope can't be combined with resource-specific scopes."
        );
        return Err(Refusal::new(70_011, "invalid_scope", message));
    }
    let resource = scope.strip_suffix("/.default").filter(|resource| !resource.is_empty()).ok_or_else(|| {
        let message = format!(
            "The provided value for scope {scope} is not valid. Client credential flows must have a scope value with /.default \
             suffixed to the resource identifier (application ID URI)."
        );
        Refusal::new(1_002_012, "invalid_scope", message)
    })?;
    Ok(resource.to_owned())
}

fn no_resource(audience: &str, tenant: &Tenant) -> Refusal {
    let message = format!(
        "The resource principal named {audience} was not found in the tenant named {}. This can happen if the application has not been \
         installed by the administrator of the tenant or consented to by any user in the tenant. You might have sent your \
         authentication request to the wrong tenant.",
        tenant.name
    );
    Refusal::new(500_011, "invalid_resource", message)
}

/// Returns how the application proved itself: `1` by a secret, `2` by an assertion.
fn proven(world: &World, call: &Call, tenant: &Tenant, app: &App, form: &Form) -> Result<&'static str, Refusal> {
    let asserted = form.get("client_assertion");
    if app.standing == Standing::Public && (asserted.is_some() || form.secret().is_some()) {
        let message = "Client is public so neither 'client_assertion' nor 'client_secret' should be presented.";
        return Err(Refusal::new(700_025, "invalid_client", message));
    }
    if let Some(assertion) = asserted {
        check_assertion_type(form)?;
        assertion::check(world, call, tenant, app, assertion)?;
        return Ok("2");
    }
    let secret = form.secret().ok_or_else(|| {
        let message = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.";
        Refusal::new(7_000_218, "invalid_client", message)
    })?;
    check_secret(app, secret).map(|()| "1")
}

fn check_assertion_type(form: &Form) -> Result<(), Refusal> {
    match form.get("client_assertion_type") {
        None => Err(Refusal::missing("client_assertion_type")),
        Some("urn:ietf:params:oauth:client-assertion-type:jwt-bearer") => Ok(()),
        Some(_) => Err(Refusal::new(9_002_313, "invalid_request", "Invalid request. Request is malformed or invalid.")),
    }
}

fn check_secret(app: &App, secret: &str) -> Result<(), Refusal> {
    let same = |known: &str| known.len() == secret.len() && openssl::memcmp::eq(known.as_bytes(), secret.as_bytes());
    let known = app.secrets.iter().find(|known| same(&known.value)).ok_or_else(|| {
        let message = format!(
            "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client \
             secret ID, for a secret added to app '{}'.",
            app.id
        );
        Refusal::new(7_000_215, "invalid_client", message)
    })?;
    if known.expires <= jiff::Timestamp::now().as_second() {
        let message = format!(
            "The provided client secret keys for app '{}' are expired. Visit the Azure portal to create new keys for your app: \
             https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: https://aka.ms/certCreds.",
            app.id
        );
        return Err(Refusal::new(7_000_222, "invalid_client", message));
    }
    Ok(())
}

/// The form's fields, and the client's id and secret where they came in the Authorization header.
struct Form {
    fields: Vec<(String, String)>,
    basic: Option<(String, String)>,
}

impl Form {
    fn read(call: &Call) -> Result<Self, Refusal> {
        if call.method != axum::http::Method::POST {
            let message = format!("The endpoint only accepts POST requests. Received a {} request.", call.method);
            return Err(Refusal::new(900_561, "invalid_request", message));
        }
        let form = call.media_type() == "application/x-www-form-urlencoded";
        let text = std::str::from_utf8(&call.body).ok().filter(|_| form);
        Ok(Self { fields: text.map(pairs).unwrap_or_default(), basic: call.header("authorization").and_then(basic) })
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    fn client_id(&self) -> Result<&str, Refusal> {
        let named = self.get("client_id").or(self.basic.as_ref().map(|(id, _)| id.as_str()));
        named.ok_or_else(|| Refusal::missing("client_id"))
    }

    fn secret(&self) -> Option<&str> {
        self.get("client_secret").or(self.basic.as_ref().map(|(_, secret)| secret.as_str()))
    }
}

/// `Basic base64(urlenc(id):urlenc(secret))`.
fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, value) = header.split_once(' ')?;
    let text = String::from_utf8(BASE64_STANDARD.decode(value.trim()).ok()?).ok()?;
    let (id, secret) = text.split_once(':').filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    let decoded = |part: &str| pairs(&format!("v={part}")).into_iter().next().map(|(_, value)| value);
    Some((decoded(id)?, decoded(secret)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_credentials_are_decoded_twice() {
        let header = format!("Basic {}", BASE64_STANDARD.encode("id%2Dx:a%2Bb%3A%25"));
        assert_eq!(basic(&header), Some(("id-x".to_owned(), "a+b:%".to_owned())));
        assert_eq!(basic("Bearer x"), None);
    }
}
