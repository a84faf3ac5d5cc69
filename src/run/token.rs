//! `token`: one access token on standard output, in the form that the next program wants.

use super::{Context, wire};
use crate::{
    cli::{TokenApi, TokenArgs, TokenForm},
    console::print_data,
    error::{Error, Kind, Result},
    secret::Secret,
    settings::{Api, Profile},
    transport::Authorize,
};
use std::io::IsTerminal;

pub(super) async fn run(context: &Context, args: &TokenArgs) -> Result<u8> {
    let settings = context.settings()?;
    let [profile] = settings.profiles.as_slice() else {
        return Err(Error::new(Kind::Usage, "`token` works on one profile, and several were chosen").hint("choose one with --profile"));
    };
    let scope = scope(args, profile)?;
    let tenant = wire::connect_one(context, &settings, profile).await?;
    for warning in &tenant.warnings {
        context.console.warn(warning);
    }
    let token = tenant.app.bearer(&scope).await?;
    if args.claims {
        let claims =
            tenant.claims(&scope).await?.ok_or_else(|| Error::new(Kind::Failed, "the token is opaque: it has no claims to read"))?;
        let json =
            serde_json::to_string_pretty(&claims.all).map_err(|error| Error::new(Kind::Failed, "writing the claims").caused_by(error))?;
        print_data(&format!("{json}\n"))?;
        return Ok(0);
    }
    if std::io::stdout().is_terminal() {
        context.console.warn(
            "this is a secret on your screen: pipe it where it is needed, as in `ircollect token --print curl ... | curl --config - URL`",
        );
    }
    print_data(&printed(&token, args.print, &tenant, &scope).await?)?;
    Ok(0)
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

async fn printed(token: &Secret, form: TokenForm, tenant: &wire::Tenant, scope: &str) -> Result<String> {
    let token = token.expose();
    Ok(match form {
        TokenForm::Token => format!("{token}\n"),
        TokenForm::Header => format!("Authorization: Bearer {token}\n"),
        // A JWT has no character that curl's configuration would read as anything else.
        TokenForm::Curl => format!("header = \"Authorization: Bearer {token}\"\n"),
        TokenForm::Env => format!("IRCOLLECT_TOKEN={token}\n"),
        TokenForm::Json => {
            let expires = tenant.claims(scope).await?.and_then(|claims| claims.expires);
            let left = expires.map(|expires| expires.duration_since(jiff::Timestamp::now()).as_secs());
            let json = serde_json::json!({
                "token_type": "Bearer", "access_token": token, "expires_in": left,
                "expires_on": expires.map(crate::time::rfc3339), "scope": scope,
            });
            format!("{json}\n")
        }
    })
}
