//! `app consent`: grants in the tenant that the administrator is signed in to; for another, the address and the page for whoever
//! administers that.

use super::{
    admin::{Admin, Mode},
    found, permissions, print_json, print_script, rows,
};
use crate::{
    api::directory::KeyCredential,
    cli::{AppArgs, ConsentArgs},
    console::print_data,
    error::{Error, Kind, Result},
    run::Context,
    setup::{Asked, Duty, Found, Leaflet, consent, consent_url, look_up_asked, permissions as sets},
    time::rfc3339,
};
use serde_json::json;

pub(super) async fn run(context: &Context, args: &AppArgs, consent_args: &ConsentArgs) -> Result<u8> {
    let admin = Admin::sign_in(context, args, Mode::Look).await?;
    let what = found(consent_args.name.as_deref(), admin.settings.app_id.as_deref(), context.global.app_id.as_deref())?;
    let work = async {
        match &admin.customer {
            Some(customer) => elsewhere(context, &admin, consent_args, &what, customer).await.map(|()| 0),
            None => Ok(1),
        }
    };
    if admin.wires.unless_cancelled(work).await? == 0 {
        return Ok(0);
    }
    drop(admin);
    let mode = if consent_args.dry_run { Mode::Look } else { Mode::Write };
    let admin = Admin::sign_in(context, args, mode).await?;
    let outcome = Box::pin(admin.wires.unless_cancelled(here(context, &admin, consent_args, &what))).await;
    admin.finish(outcome)
}

async fn here(context: &Context, admin: &Admin, args: &ConsentArgs, what: &Found) -> Result<u8> {
    let asked = permissions::settle(&args.permissions)?;
    let hands = admin.hands(args.name.as_deref().unwrap_or_default(), None, args.dry_run)?;
    let needed = match &asked {
        Some(asked) => asked.clone(),
        None => look_up_asked(&hands, what).await?.permissions,
    };
    admin.caller.check(&hands, &Duty::of_consent(&needed)).await?;
    let done = consent(&hands, what, asked.as_ref()).await?;
    if args.dry_run {
        return print_script(context, &hands).map(|()| 0);
    }
    let words = |set: &sets::Permissions| set.iter().map(ToString::to_string).collect::<Vec<_>>();
    let (granted, new) = (words(&done.granted), words(&done.new));
    if context.global.json {
        print_json(&json!({
            "app_id": done.app_id, "service_principal_id": done.service_principal_id, "tenant": admin.tenant, "granted": granted, "new": new,
        }))?;
        return Ok(0);
    }
    let new = if new.is_empty() { "nothing: all of it was granted before".to_owned() } else { new.join(", ") };
    print_data(&rows(&[("application (client) id", done.app_id), ("granted", granted.join(", ")), ("of that, now", new)]))?;
    Ok(0)
}

async fn elsewhere(context: &Context, admin: &Admin, args: &ConsentArgs, what: &Found, customer: &str) -> Result<()> {
    let hands = admin.hands(args.name.as_deref().unwrap_or_default(), None, false)?;
    let Asked { application, permissions } = look_up_asked(&hands, what).await?;
    if application.audience == "AzureADMyOrg" {
        let message = format!("the registration `{}` is for its own tenant {} alone", application.name, admin.tenant);
        return Err(Error::new(Kind::Usage, message).with_code("SingleTenant").hint("make one with --multi-tenant"));
    }
    let redirect = application.redirects.first().map_or("http://localhost", String::as_str);
    let state = uuid::Uuid::new_v4().to_string();
    let url = consent_url(&admin.profile.cloud.authority, customer, &application.app_id, &state, redirect)?;
    let ends = application.keys.iter().map(KeyCredential::ends).chain(application.passwords.iter().map(|one| one.ends)).flatten().min();
    let leaflet = Leaflet {
        name: &application.name,
        app_id: &application.app_id,
        home: &admin.tenant,
        customer,
        permissions: &permissions,
        url: &url,
        ends: ends.map(|ends| format!("Its credential of today ends on {}", rfc3339(ends))),
    };
    if context.global.json {
        let asked: Vec<String> = permissions.iter().map(ToString::to_string).collect();
        return print_json(
            &json!({"url": url.as_str(), "tenant": customer, "app_id": application.app_id, "permissions": asked, "text": leaflet.text()}),
        );
    }
    print_data(&leaflet.text())
}
