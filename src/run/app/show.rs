//! `app show`.

use super::{
    admin::{Admin, Mode},
    found, permissions, print_json, rows,
};
use crate::{
    cli::{AppArgs, ShowArgs},
    console::{print_data, table, visible},
    error::Result,
    run::Context,
    setup::{Shown, permissions as sets, show},
};
use std::fmt::Write as _;

pub(super) async fn run(context: &Context, args: &AppArgs, args_show: &ShowArgs) -> Result<u8> {
    let needed = permissions::settle(&args_show.permissions)?.unwrap_or_else(sets::recommended);
    let admin = Admin::sign_in(context, args, Mode::Look).await?;
    admin.at_home()?;
    let what = found(args_show.name.as_deref(), admin.settings.app_id.as_deref(), context.global.app_id.as_deref())?;
    let hands = admin.hands(args_show.name.as_deref().unwrap_or_default(), None, false)?;
    let shown = admin.wires.unless_cancelled(show(&hands, &what, &needed)).await?;
    if context.global.json {
        print_json(&shown)?;
    } else {
        print_data(&words(&shown))?;
    }
    Ok(0)
}

fn words(shown: &Shown) -> String {
    let or = |text: &Option<String>, none: &str| text.clone().unwrap_or_else(|| none.to_owned());
    let mut text = rows(&[
        ("name", shown.name.clone()),
        ("application (client) id", shown.app_id.clone()),
        ("registration", shown.object_id.clone()),
        ("service principal", or(&shown.service_principal_id, "none: it can get no token in this tenant")),
        ("tenant", shown.tenant.clone()),
        ("for", shown.audience.clone()),
        ("registered", or(&shown.created, "unknown")),
        ("vault", or(&shown.vault, "not said by its tags")),
    ]);
    let mut grants = table(&["may", "since", "consented by"]);
    for grant in &shown.granted {
        grants.add_row([visible(&grant.permission), or(&grant.since, ""), visible(&or(&grant.by, "(see the tenant's audit log)"))]);
    }
    let mut credentials = table(&["credential", "name", "expires", "days left"]);
    for one in &shown.credentials {
        let days = one.days_left.map(|days| days.to_string()).unwrap_or_default();
        credentials.add_row([one.kind.to_owned(), visible(&one.name), or(&one.expires, "never"), days]);
    }
    let _ = writeln!(text, "\n{grants}\n\n{credentials}");
    for (head, list) in [
        ("declared and not granted", &shown.not_granted),
        ("granted and not declared", &shown.not_declared),
        ("broader than needed", &shown.broader),
    ] {
        for line in list {
            let _ = writeln!(text, "{head}: {}", visible(line));
        }
    }
    text
}
