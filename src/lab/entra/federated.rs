//! Workload identity federation: a token of another issuer in place of an assertion of the application's own (apis.md 1.1).
//!
//! The codes 700211 to 700213 are not in apis.md; as Entra's pages on federated credentials have them.

use super::Refusal;
use crate::lab::{directory::App, keys::Algorithm, tokens::Jwt, world::World};
use serde_json::json;

/// What a federated credential expects.
pub(crate) const SUBJECT: &str = "system:serviceaccount:ir:collector";
pub(crate) const AUDIENCE: &str = "api://AzureADTokenExchange";

/// Whether an assertion is another issuer's: it names no certificate, and somebody else made it.
pub(super) fn is(jwt: &Jwt, app: &App) -> bool {
    jwt.header.get("x5t").is_none() && jwt.header.get("x5t#S256").is_none() && jwt.claims["iss"] != json!(app.id)
}

/// Checks a federated token.
pub(super) fn check(world: &World, app: &App, jwt: &Jwt) -> Result<(), Refusal> {
    let claim = |name: &str| jwt.claims[name].as_str().unwrap_or_default();
    let unmatched = |code: u64, what: &str, value: &str| {
        let message = format!(
            "No matching federated identity record found for presented assertion {what} '{value}'. Check your federated identity \
             credential Subject, Audience and Issuer against the presented assertion. \
             https://learn.microsoft.com/entra/workload-id/workload-identity-federation"
        );
        Err(Refusal::new(code, "invalid_client", message))
    };
    if !app.federated || claim("iss") != world.issuer() {
        return unmatched(700_211, "issuer", claim("iss"));
    }
    if claim("aud") != AUDIENCE {
        return unmatched(700_212, "audience", claim("aud"));
    }
    if claim("sub") != SUBJECT {
        return unmatched(700_213, "subject", claim("sub"));
    }
    super::assertion::check_times(&jwt.claims, super::assertion::now())?;
    let alg = Algorithm::parse("RS256").filter(|_| jwt.header["alg"] == "RS256");
    if alg.is_some_and(|alg| world.federation.verifies(alg, jwt.input.as_bytes(), &jwt.signature)) {
        return Ok(());
    }
    Err(Refusal::new(700_027, "invalid_client", "Client assertion contains an invalid signature."))
}

/// A token of the other issuer, good for `lifetime` seconds.
pub(crate) fn token(world: &World, now: i64, lifetime: i64) -> String {
    let claims = json!({"iss": world.issuer(), "sub": SUBJECT, "aud": AUDIENCE, "iat": now, "nbf": now, "exp": now + lifetime});
    let token = world.federation.sign_jwt(&json!({"alg": "RS256", "typ": "JWT", "kid": "cluster"}), &claims).unwrap_or_default();
    world.ledger.note(token.as_str());
    token
}
