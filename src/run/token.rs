//! `token`: one access token on standard output, in the form that the next program wants.

use super::{Context, wire, wire::Wires};
use crate::{
    cli::{TokenApi, TokenArgs, TokenForm},
    console::print_data,
    error::{Error, Kind, Result},
    identity::{Claims, Token, claims},
    settings::{Api, Profile},
    time::{parse_duration, rfc3339},
};
use serde_json::{Map, Value, json};
use std::{io::IsTerminal, time::Duration};

pub(super) async fn run(context: &Context, args: &TokenArgs) -> Result<u8> {
    let min_valid = min_valid(args)?;
    let settings = context.settings()?;
    let [profile] = settings.profiles.as_slice() else {
        return Err(Error::new(Kind::Usage, "`token` works on one profile, and several were chosen").hint("choose one with --profile"));
    };
    let scope = scope(args, profile)?;
    let wires = Wires::without_case(context, &settings)?;
    let got = wires.unless_cancelled(get(&wires, profile, &scope, min_valid)).await?;
    for warning in wire::warnings(&wires, [&got.tenant]) {
        context.console.warn(&warning);
    }
    if !args.claims && std::io::stdout().is_terminal() {
        context.console.warn(ON_SCREEN);
    }
    print_data(&if args.claims { decoded(&got.token)? } else { printed(&got, args.print, &scope) })?;
    Ok(0)
}

const ON_SCREEN: &str =
    "this is a secret on your screen: pipe it where it is needed, as in `ircollect token --print curl ... | curl --config - URL`";

/// A token and whose it is.
struct Got {
    tenant: wire::Tenant,
    token: Token,
}

async fn get(wires: &Wires, profile: &Profile, scope: &str, min_valid: Duration) -> Result<Got> {
    let tenant = wire::connect_one(wires, profile).await?;
    let token = tenant.app.token(scope, min_valid).await?;
    let left = token.expires().duration_since(jiff::Timestamp::now());
    if left < jiff::SignedDuration::try_from(min_valid).unwrap_or(jiff::SignedDuration::MAX) {
        let message = format!("a fresh token is good for {} seconds, and --min-valid asks for {}", left.as_secs(), min_valid.as_secs());
        return Err(Error::new(Kind::Credential, message)
            .with_code("TokenTooShort")
            .hint("ask for less: how long tokens live is settled by the tenant's token lifetime policy, about an hour as a rule"));
    }
    Ok(Got { tenant, token })
}

fn min_valid(args: &TokenArgs) -> Result<Duration> {
    let Some(text) = &args.min_valid else { return Ok(Duration::ZERO) };
    parse_duration(text).map(jiff::SignedDuration::unsigned_abs).map_err(|error| error.context("--min-valid"))
}

fn scope(args: &TokenArgs, profile: &Profile) -> Result<String> {
    if let Some(scope) = &args.scope {
        return Ok(scope.clone());
    }
    Ok(match args.api {
        Some(TokenApi::Graph) | None => profile.cloud.endpoint(Api::Graph)?.scope.clone(),
        Some(TokenApi::Xdr) => profile.cloud.endpoint(Api::Xdr)?.scope.clone(),
        Some(TokenApi::Mde) => profile.cloud.endpoint(Api::Mde)?.scope.clone(),
        Some(TokenApi::Vault) => profile.cloud.vault_scope.clone(),
        Some(TokenApi::Arm) => profile.cloud.arm.scope.clone(),
    })
}

fn printed(got: &Got, form: TokenForm, scope: &str) -> String {
    let token = got.token.secret().expose();
    match form {
        TokenForm::Token => format!("{token}\n"),
        TokenForm::Header => format!("Authorization: Bearer {token}\n"),
        TokenForm::Curl => format!("header = \"Authorization: Bearer {}\"\n", token.replace('\\', "\\\\").replace('"', "\\\"")),
        TokenForm::Env => format!("IRCOLLECT_TOKEN={}\n", for_shell(token)),
        TokenForm::Json => {
            let expires = got.token.expires();
            let json = json!({
                "token_type": "Bearer", "access_token": token, "expires_in": expires.duration_since(jiff::Timestamp::now()).as_secs(),
                "expires_on": rfc3339(expires), "scope": scope, "tenant": got.tenant.id, "app_id": got.tenant.profile.app_id,
            });
            format!("{json}\n")
        }
    }
}

/// Quotes what a shell would read as anything but text; a JWT needs none.
fn for_shell(token: &str) -> String {
    let plain = token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._~+/=-".contains(&byte));
    if plain { token.to_owned() } else { format!("'{}'", token.replace('\'', r"'\''")) }
}

/// The claims in words and UTC times first, then all as they stand in the token.
fn decoded(token: &Token) -> Result<String> {
    let claims = claims(token.secret())?;
    let mut shown = in_words(&claims);
    shown.extend(claims.all.into_iter().filter(|(name, _)| name != "roles"));
    serde_json::to_string_pretty(&shown)
        .map(|json| format!("{json}\n"))
        .map_err(|error| Error::new(Kind::Failed, "writing the claims").caused_by(error))
}

fn in_words(claims: &Claims) -> Map<String, Value> {
    let time = |time: Option<jiff::Timestamp>| time.map_or(Value::Null, |time| Value::from(rfc3339(time)));
    let all = [
        ("audience", Value::from(claims.audience.as_str())),
        ("app", Value::from(claims.app_id.as_str())),
        ("app_name", Value::from(claims.app_name.as_str())),
        ("tenant", Value::from(claims.tenant.as_str())),
        ("roles", Value::from(claims.roles.clone())),
        ("not_before", time(claims.not_before)),
        ("expires", time(claims.expires)),
    ];
    all.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_shell_would_run_is_quoted() {
        assert_eq!(for_shell("eyJ0.eyJ1._-s"), "eyJ0.eyJ1._-s");
        assert_eq!(for_shell("a$(x)'b"), r"'a$(x)'\''b'");
    }

    #[test]
    fn claims_are_told_in_words_and_utc() {
        let payload = r#"{"aud":"https://graph.microsoft.com","appid":"a","tid":"t","roles":["Z","A"],"exp":1790000000}"#;
        let encoded = base64::Engine::encode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, payload);
        let shown = in_words(&claims(&crate::secret::Secret::new(format!("e30.{encoded}.c2ln"))).unwrap());
        assert_eq!((shown["expires"].as_str(), &shown["roles"]), (Some("2026-09-21T14:13:20Z"), &json!(["A", "Z"])));
    }
}
