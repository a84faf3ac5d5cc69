//! `app rotate`.

use super::{
    admin::{Admin, Mode},
    create::{kind, lifetime},
    found, print_json, print_script,
    prove::Proving,
    rows,
};
use crate::{
    cli::{AppArgs, RotateArgs},
    console::print_data,
    error::{Error, Kind, Result},
    run::Context,
    setup::{Duty, Found, Place, Rotated, look_up_asked, rotate, told_place},
    time::rfc3339,
};
use serde_json::json;

pub(super) async fn run(context: &Context, args: &AppArgs, rotate_args: &RotateArgs) -> Result<u8> {
    let mode = if rotate_args.dry_run { Mode::Look } else { Mode::Write };
    let admin = Admin::sign_in(context, args, mode).await?;
    let work = async {
        admin.at_home()?;
        let what = found(rotate_args.name.as_deref(), admin.settings.app_id.as_deref(), context.global.app_id.as_deref())?;
        work(context, &admin, rotate_args, &what).await
    };
    let outcome = Box::pin(admin.wires.unless_cancelled(work)).await;
    admin.finish(outcome)
}

async fn work(context: &Context, admin: &Admin, args: &RotateArgs, what: &Found) -> Result<u8> {
    let name = args.name.as_deref().unwrap_or_default();
    let looking = admin.hands(name, None, false)?;
    admin.caller.check(&looking, &[Duty::Register]).await?;
    let application = look_up_asked(&looking, what).await?.application;
    let place = place(admin, args, told_place(&application))?;
    let hands = admin.hands(&application.name, Some(admin.vault(&place.vault)?), args.dry_run)?;
    let proving = Proving { admin, vault: place.vault.clone() };
    let expiry = |kind| lifetime(kind, args.expiry.expires.as_deref(), args.expiry.long_lived);
    let done = rotate(&hands, what, &place, expiry, args.credential.map(kind), &proving).await?;
    if args.dry_run {
        return print_script(context, &hands).map(|()| 0);
    }
    tell(context, admin, &done).map(|()| 0)
}

/// What was said goes first, then what the registration says, then the profile's vault.
fn place(admin: &Admin, args: &RotateArgs, told: Option<Place>) -> Result<Place> {
    let said = if args.place.vault.is_some() || told.is_none() { admin.place(&args.place)? } else { None };
    let place = said.or(told).ok_or_else(|| {
        Error::new(Kind::Usage, "the registration does not say in which vault its credential lies").hint("give --vault URL")
    })?;
    Ok(Place { object: args.place.vault_name.clone().or(place.object), ..place })
}

fn tell(context: &Context, admin: &Admin, done: &Rotated) -> Result<()> {
    let expires = done.ends.map(rfc3339);
    if context.global.json {
        return print_json(&json!({
            "app_id": done.app_id, "tenant": admin.tenant, "vault": done.vault, "vault_name": done.vault_name,
            "credential": done.kind.word(), "expires": expires, "removed": done.removed, "disabled": done.disabled,
        }));
    }
    print_data(&rows(&[
        ("application (client) id", done.app_id.clone()),
        ("credential", format!("{} `{}` in {}", done.kind.word(), done.vault_name, done.vault)),
        ("expires", expires.unwrap_or_else(|| "unknown".to_owned())),
        ("removed", format!("{} of the registration's older credentials", done.removed.len())),
        ("disabled", format!("{} older versions in the vault, which keeps them", done.disabled.len())),
    ]))
}
