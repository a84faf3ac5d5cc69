//! Client assertions (apis.md 1.2): the certificate that is named must be registered, the signature its, the claims right.

use super::{Refusal, federated};
use crate::lab::{
    directory::{App, Tenant},
    keys::{Algorithm, Certificate},
    tokens::Jwt,
    wire::Call,
    world::World,
};
use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use openssl::hash::MessageDigest;
use serde_json::Value;

/// Thumbprints are taken with and without padding: MSAL for Python pads.
const LENIENT: GeneralPurpose =
    GeneralPurpose::new(&alphabet::URL_SAFE, GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent));

/// Checks an assertion of `app` for a token of `tenant`.
pub(super) fn check(world: &World, call: &Call, tenant: &Tenant, app: &App, assertion: &str) -> Result<(), Refusal> {
    let jwt = Jwt::parse(assertion).ok_or_else(|| Refusal::new(50_027, "invalid_request", "JWT token is invalid or malformed."))?;
    if federated::is(&jwt, app) {
        return federated::check(world, app, &jwt);
    }
    let alg = algorithm(world, &jwt.header)?;
    check_parties(&jwt.claims, app)?;
    check_audience(&jwt.claims, &audiences(&world.authority_hosts(&call.host), tenant))?;
    check_times(&jwt.claims, now())?;
    let (pair, thumbprint) = key_named(&jwt.header, app)?;
    check_certificate(pair, &thumbprint, app)?;
    if pair.verifies(alg, jwt.input.as_bytes(), &jwt.signature) {
        return Ok(());
    }
    let reason = "The provided signature value did not match the expected signature value.";
    Err(invalid_signature(reason, &thumbprint, app))
}

#[allow(clippy::cast_precision_loss, reason = "seconds of this century are far below 2^53")]
pub(super) fn now() -> f64 {
    jiff::Timestamp::now().as_millisecond() as f64 / 1e3
}

fn algorithm(world: &World, header: &Value) -> Result<Algorithm, Refusal> {
    let name = header["alg"].as_str().unwrap_or_default();
    let accepted = name == "RS256" || name == "PS256" && !world.options.refuse_ps256;
    Algorithm::parse(name).filter(|_| accepted).ok_or_else(|| {
        let message = format!("Invalid JWT token. Unsupported key for the signing algorithm. Algorithm: '{name}'.");
        Refusal::new(5_002_730, "invalid_client", message)
    })
}

fn check_parties(claims: &Value, app: &App) -> Result<(), Refusal> {
    let is_app = |name: &str| claims[name].as_str().is_some_and(|value| value.eq_ignore_ascii_case(&app.id));
    if is_app("iss") && is_app("sub") {
        return Ok(());
    }
    let message = "Client assertion application identifier doesn't match 'client_id' parameter. Review the documentation at \
                   https://docs.microsoft.com/azure/active-directory/develop/active-directory-certificate-credentials .";
    Err(Refusal::new(700_021, "invalid_client", message))
}

fn audiences(hosts: &[String], tenant: &Tenant) -> Vec<String> {
    let names = || std::iter::once(&tenant.id).chain(&tenant.domains);
    let paths = ["oauth2/v2.0/token", "oauth2/token", "v2.0"];
    let each = |host: &String| names().flat_map(|name| paths.map(|path| format!("https://{host}/{name}/{path}"))).collect::<Vec<_>>();
    hosts.iter().flat_map(each).collect()
}

fn check_audience(claims: &Value, accepted: &[String]) -> Result<(), Refusal> {
    let named = claims["aud"].as_str().unwrap_or_default();
    if accepted.iter().any(|one| one.eq_ignore_ascii_case(named)) {
        return Ok(());
    }
    let message = "Client assertion audience claim does not match Realm issuer. Review the documentation at \
                   https://docs.microsoft.com/azure/active-directory/develop/active-directory-certificate-credentials .";
    Err(Refusal::new(700_023, "invalid_client", message))
}

/// `nbf` may be missing, `exp` may not; both may be whole, broken or text (apis.md 1.2).
pub(super) fn check_times(claims: &Value, now: f64) -> Result<(), Refusal> {
    let number = |name: &str| claims[name].as_f64().or_else(|| claims[name].as_str()?.parse().ok());
    let (from, to) = (number("nbf"), number("exp").unwrap_or(0.0));
    if from.is_none_or(|from| from <= now) && now <= to {
        return Ok(());
    }
    let message = format!(
        "Client assertion is not within its valid time range. Current time: {}, assertion valid from {}, expiry time of assertion {}. \
         Review the documentation at https://docs.microsoft.com/azure/active-directory/develop/active-directory-certificate-credentials .",
        shown(now),
        shown(from.unwrap_or(0.0)),
        shown(to)
    );
    Err(Refusal::new(700_024, "invalid_client", message))
}

#[allow(clippy::cast_possible_truncation, reason = "shown to the second")]
fn shown(seconds: f64) -> String {
    jiff::Timestamp::from_second(seconds as i64).map(|time| time.strftime("%Y-%m-%dT%H:%M:%S.0000000Z").to_string()).unwrap_or_default()
}

/// Finds the registered certificate that the header names: by `x5t#S256`, else by `x5t`.
fn key_named<'a>(header: &Value, app: &'a App) -> Result<(&'a Certificate, String), Refusal> {
    let by = |name: &str, digest: MessageDigest| {
        let wanted = LENIENT.decode(header[name].as_str()?).ok()?;
        let found = app.certificates.iter().find(|pair| pair.thumbprint(digest).is_ok_and(|known| known == wanted));
        Some((found, hex::encode_upper(wanted)))
    };
    let named = by("x5t#S256", MessageDigest::sha256()).or_else(|| by("x5t", MessageDigest::sha1()));
    match named {
        Some((Some(pair), thumbprint)) => Ok((pair, thumbprint)),
        Some((None, thumbprint)) => Err(unregistered(&thumbprint, app)),
        None => Err(unregistered("", app)),
    }
}

fn check_certificate(certificate: &Certificate, thumbprint: &str, app: &App) -> Result<(), Refusal> {
    if certificate.is_valid() { Ok(()) } else { Err(invalid_signature("The key used is expired.", thumbprint, app)) }
}

fn unregistered(thumbprint: &str, app: &App) -> Refusal {
    let message = format!(
        "The certificate with identifier used to sign the client assertion is not registered on application. [Reason - The key was not \
         found., Thumbprint of key used by client: '{thumbprint}', {}]",
        where_to_look(app)
    );
    Refusal::new(700_027, "invalid_client", message)
}

fn invalid_signature(reason: &str, thumbprint: &str, app: &App) -> Refusal {
    let message = format!(
        "Client assertion contains an invalid signature. [Reason - {reason}, Thumbprint of key used by client: '{thumbprint}', {}]",
        where_to_look(app)
    );
    Refusal::new(700_027, "invalid_client", message)
}

fn where_to_look(app: &App) -> String {
    format!(
        "Please visit the Azure Portal, Graph Explorer or directly use MS Graph to see configured keys for app Id '{}'. Review the \
         documentation at https://docs.microsoft.com/graph/deployments to determine the corresponding service endpoint.",
        app.id
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn times_may_be_numbers_or_text_and_nbf_may_be_missing() {
        for claims in [
            json!({"nbf": 100, "exp": 200}),
            json!({"nbf": "100", "exp": "200"}),
            json!({"exp": 200.9}),
            json!({"nbf": 150.0, "exp": 150.0}),
        ] {
            assert!(check_times(&claims, 150.0).is_ok(), "{claims}");
        }
        for claims in [json!({"nbf": 151, "exp": 200}), json!({"nbf": 1, "exp": 149}), json!({"nbf": 1}), json!({})] {
            assert_eq!(check_times(&claims, 150.0).unwrap_err().code, 700_024, "{claims}");
        }
    }
}
