//! `app`: the app registration made, shown, consented to, rotated and removed; the rooms of that wired to the command line.

mod admin;
mod ask;
mod consent;
mod create;
mod journal;
mod manifest;
mod permissions;
mod prove;
mod remove;
mod rotate;
mod screen;
mod show;

use super::Context;
use crate::{
    cli::{AppAction, AppArgs},
    console::print_data,
    error::{Error, Kind, Result},
    setup::{Found, Hands},
};
use serde::Serialize;
use serde_json::json;
use std::fmt::Write as _;

pub(super) async fn run(context: &Context, args: &AppArgs) -> Result<u8> {
    let outcome = acted(context, args).await;
    // Whoever asked for JSON gets it, whatever came of it.
    if let (Err(error), true) = (&outcome, context.global.json) {
        super::closing::failed(context, command(&args.action), error)?;
    }
    outcome
}

fn command(action: &AppAction) -> &'static str {
    match action {
        AppAction::Create(_) => "app create",
        AppAction::Show(_) => "app show",
        AppAction::Consent(_) => "app consent",
        AppAction::Rotate(_) => "app rotate",
        AppAction::Remove(_) => "app remove",
        AppAction::Manifest(_) => "app manifest",
    }
}

async fn acted(context: &Context, args: &AppArgs) -> Result<u8> {
    match &args.action {
        AppAction::Create(create) => Box::pin(create::run(context, args, create)).await,
        AppAction::Show(show) => show::run(context, args, show).await,
        AppAction::Consent(consent) => Box::pin(consent::run(context, args, consent)).await,
        AppAction::Rotate(rotate) => Box::pin(rotate::run(context, args, rotate)).await,
        AppAction::Remove(remove) => Box::pin(remove::run(context, args, remove)).await,
        AppAction::Manifest(manifest) => manifest::run(context, manifest),
    }
}

/// Which registration is meant: by name, else by the id of flag, variable or profile.
fn found(name: Option<&str>, app_id: Option<&str>, flag: Option<&str>) -> Result<Found> {
    match (name, flag.or(app_id)) {
        (Some(_), Some(id)) if flag.is_some() => {
            Err(Error::new(Kind::Usage, format!("--name and --app-id {id} exclude each other")).hint("give one of them"))
        }
        (Some(name), _) => Ok(Found::Name(name.to_owned())),
        (None, Some(id)) => Ok(Found::AppId(id.to_owned())),
        (None, None) => Err(Error::new(Kind::Usage, "no registration is named").hint("give --name NAME or --app-id ID")),
    }
}

/// Prints an object as JSON, one line.
fn print_json(object: &impl Serialize) -> Result<()> {
    let json = serde_json::to_string(object).map_err(|error| Error::new(Kind::Failed, "writing JSON").caused_by(error))?;
    print_data(&format!("{json}\n"))
}

/// Prints what a dry run would have done.
fn print_script(context: &Context, hands: &Hands<'_>) -> Result<()> {
    let script = hands.script();
    if context.global.json {
        return print_json(&json!({"dry_run": true, "calls": script}));
    }
    let mut text = String::new();
    for call in &script {
        let made = match (call.made, call.changes) {
            (true, _) => "  (asked now)",
            (false, true) => "",
            (false, false) => "  (asked then)",
        };
        let _ = writeln!(text, "{:<6} {}{made}", call.method, call.url);
        if let Some(body) = &call.body {
            let _ = writeln!(text, "       {body}");
        }
    }
    let changes = script.iter().filter(|call| call.changes).count();
    let _ = writeln!(text, "{changes} calls would change something; none was made");
    print_data(&text)
}

/// Rows of a name and what it is, aligned.
fn rows(pairs: &[(&str, String)]) -> String {
    let width = pairs.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    pairs.iter().fold(String::new(), |mut text, (name, value)| {
        let _ = writeln!(text, "{name:<width$}  {}", crate::console::visible(value));
        text
    })
}
