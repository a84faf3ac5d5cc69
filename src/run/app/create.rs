//! `app create`.

use super::{
    admin::{Admin, Mode},
    permissions, print_json, print_script,
    prove::Proving,
    rows,
};
use crate::{
    cli::{AppArgs, CreateArgs, CredentialChoice},
    console::print_data,
    error::{Error, Kind, Result},
    run::Context,
    settings::{NewProfile, check_profile, write_profile},
    setup::{CredentialKind, Duty, Lifetime, Made, Wanted, create, permissions as sets},
    time::{parse_duration, rfc3339},
};
use serde_json::json;

pub(super) async fn run(context: &Context, args: &AppArgs, create: &CreateArgs) -> Result<u8> {
    let permissions = permissions::settle(&create.permissions)?.unwrap_or_else(sets::minimum);
    let kind = kind(create.credential);
    let lifetime = lifetime(kind, create.expiry.expires.as_deref(), create.expiry.long_lived)?;
    let mode = if create.dry_run { Mode::Look } else { Mode::Write };
    let admin = Admin::sign_in(context, args, mode).await?;
    let work = async {
        admin.at_home()?;
        let place = admin.place(&create.place)?;
        let place = place.ok_or_else(|| Error::new(Kind::Usage, "no vault is named for the credential").hint("give --vault URL"))?;
        let wanted = Wanted {
            name: create.name.clone(),
            tenant: admin.tenant.clone(),
            permissions,
            multi_tenant: create.multi_tenant,
            consent: !create.no_consent,
            kind,
            lifetime,
            exportable: create.exportable,
            place,
        };
        wanted.check()?;
        if let Some(name) = &create.write_profile {
            check_profile(&admin.settings.config, name, None)?;
        }
        make(context, &admin, create, &wanted).await
    };
    let outcome = Box::pin(admin.wires.unless_cancelled(work)).await;
    admin.finish(outcome)
}

async fn make(context: &Context, admin: &Admin, args: &CreateArgs, wanted: &Wanted) -> Result<u8> {
    let vault = admin.vault(&wanted.place.vault)?;
    let hands = admin.hands(&wanted.name, Some(vault), args.dry_run)?;
    let mut duties = vec![Duty::Register];
    if wanted.consent {
        duties.extend(Duty::of_consent(&wanted.permissions));
    }
    admin.caller.check(&hands, &duties).await?;
    let proving = Proving { admin, vault: wanted.place.vault.clone() };
    let made = create(&hands, wanted, context.global.app_id.as_deref(), &proving).await?;
    if args.dry_run {
        print_script(context, &hands)?;
        return Ok(0);
    }
    let profile = args.write_profile.as_deref().map(|name| write(context, admin, name, &made)).transpose()?;
    tell(context, admin, &made, profile.as_deref())?;
    if hands.changes().is_empty() {
        context.console.say("all of it was there already; nothing was changed");
    }
    Ok(0)
}

/// Returns the kind that was chosen.
pub(super) fn kind(choice: CredentialChoice) -> CredentialKind {
    match choice {
        CredentialChoice::Certificate => CredentialKind::Certificate,
        CredentialChoice::Secret => CredentialKind::Secret,
    }
}

/// Settles how long a credential is to live.
pub(super) fn lifetime(kind: CredentialKind, typed: Option<&str>, long: bool) -> Result<Lifetime> {
    let typed = typed.map(parse_duration).transpose().map_err(|error| error.context("--expires"))?;
    Lifetime::settle(kind, typed, long)
}

fn write(context: &Context, admin: &Admin, name: &str, made: &Made) -> Result<String> {
    let profile = NewProfile {
        name: name.to_owned(),
        tenant: admin.tenant.clone(),
        app_id: made.app_id.clone(),
        cloud: admin.profile.cloud.name.clone(),
        vault_auth: admin.profile.vault_auth.name().to_owned(),
        vault: made.vault.clone(),
        kind: made.kind.word().to_owned(),
        object: made.vault_name.clone(),
        sign: made.kind == CredentialKind::Certificate && !made.exportable,
    };
    let config = &admin.settings.config;
    if write_profile(config, &profile)? {
        context.console.say(&format!("added the profile `{name}` to {}", config.display()));
    }
    Ok(name.to_owned())
}

fn tell(context: &Context, admin: &Admin, made: &Made, profile: Option<&str>) -> Result<()> {
    let granted: Vec<String> = made.granted.iter().map(ToString::to_string).collect();
    let expires = made.ends.map(rfc3339);
    if context.global.json {
        return print_json(&json!({
            "app_id": made.app_id, "object_id": made.object_id, "service_principal_id": made.service_principal_id,
            "tenant": admin.tenant, "vault": made.vault, "vault_name": made.vault_name, "credential": made.kind.word(),
            "expires": expires, "granted": granted, "profile": profile,
        }));
    }
    let credential = format!("{} `{}` in {}", made.kind.word(), made.vault_name, made.vault);
    let granted = if granted.is_empty() { "nothing yet: `ircollect app consent` grants it".to_owned() } else { granted.join(", ") };
    let mut all = vec![
        ("application (client) id", made.app_id.clone()),
        ("registration", made.object_id.clone()),
        ("service principal", made.service_principal_id.clone()),
        ("tenant", admin.tenant.clone()),
        ("credential", credential),
        ("expires", expires.unwrap_or_else(|| "unknown".to_owned())),
        ("granted", granted),
    ];
    all.extend(profile.map(|name| ("next", format!("ircollect check --profile {name}"))));
    print_data(&rows(&all))
}
