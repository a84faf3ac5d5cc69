//! `app remove`.

use super::{
    admin::{Admin, Mode},
    ask, found, print_json, print_script,
};
use crate::{
    cli::{AppArgs, RemoveArgs},
    console::print_data,
    error::Result,
    run::Context,
    setup::{Duty, Found, Place, Removal, find, plan_removal, remove, told_place},
};
use serde_json::json;
use std::fmt::Write as _;

pub(super) async fn run(context: &Context, args: &AppArgs, remove_args: &RemoveArgs) -> Result<u8> {
    let mode = if remove_args.dry_run { Mode::Look } else { Mode::Write };
    let admin = Admin::sign_in(context, args, mode).await?;
    let work = async {
        admin.at_home()?;
        let what = found(remove_args.name.as_deref(), admin.settings.app_id.as_deref(), context.global.app_id.as_deref())?;
        work(context, &admin, remove_args, &what).await
    };
    let outcome = Box::pin(admin.wires.unless_cancelled(work)).await;
    admin.finish(outcome)
}

async fn work(context: &Context, admin: &Admin, args: &RemoveArgs, what: &Found) -> Result<u8> {
    let looking = admin.hands(args.name.as_deref().unwrap_or_default(), None, false)?;
    admin.caller.check(&looking, &[Duty::Register]).await?;
    let known = find(&looking, what).await?;
    let place = place(admin, args, known.as_ref().and_then(told_place))?;
    let name = known.as_ref().map_or_else(|| args.name.clone().unwrap_or_default(), |known| known.name.clone());
    let vault = place.as_ref().map(|place| admin.vault(&place.vault)).transpose()?;
    let hands = admin.hands(&name, vault, args.dry_run)?;
    let Some(removal) = plan_removal(&hands, what, place.as_ref()).await? else {
        context.console.say("it was removed before; there is nothing left to remove");
        if context.global.json {
            print_json(&json!({"app_id": null, "tenant": admin.tenant, "vault": null, "removed": []}))?;
        }
        return Ok(0);
    };
    if !args.yes && !args.dry_run {
        context.console.say(&words(&removal, place.as_ref(), "about to remove"));
        ask::name(context.console, &removal.application.name, "remove all of this").await?;
    }
    remove(&hands, &removal).await?;
    if args.dry_run {
        return print_script(context, &hands).map(|()| 0);
    }
    tell(context, admin, &removal, place.as_ref()).map(|()| 0)
}

fn place(admin: &Admin, args: &RemoveArgs, told: Option<Place>) -> Result<Option<Place>> {
    let said = if args.place.vault.is_some() || told.is_none() { admin.place(&args.place)? } else { None };
    let place = said.or(told);
    Ok(place.map(|place| Place { object: args.place.vault_name.clone().or(place.object), ..place }))
}

fn objects(removal: &Removal) -> Vec<String> {
    removal.objects.iter().map(|(kind, name)| format!("{} `{name}`", kind.word())).collect()
}

fn words(removal: &Removal, place: Option<&Place>, head: &str) -> String {
    let application = &removal.application;
    let mut text = format!("{head}:\n  the registration `{}` ({}) and its service principal\n", application.name, application.app_id);
    for permission in &removal.permissions {
        let _ = writeln!(text, "  its permission {permission}");
    }
    for object in objects(removal) {
        let _ = writeln!(text, "  the {object} in {}", place.map_or("the vault", |place| place.vault.as_str()));
    }
    text.push_str(
        "the registration stays recoverable for 30 days (Deleted applications), the vault's objects for as long as the vault keeps them",
    );
    crate::console::visible(&text)
}

fn tell(context: &Context, admin: &Admin, removal: &Removal, place: Option<&Place>) -> Result<()> {
    if !context.global.json {
        return print_data(&format!("{}\n", words(removal, place, "removed")));
    }
    print_json(&json!({
        "app_id": removal.application.app_id, "tenant": admin.tenant, "vault": place.map(|place| place.vault.clone()),
        "removed": removal.permissions.iter().cloned().chain(objects(removal)).collect::<Vec<_>>(),
    }))
}
