//! `pull --list`: the sources there are, and, where there is a configuration, which of them the token may read.

use super::{Context, sources, wire, wire::Wires};
use crate::{
    api::{
        catalogue::{Catalogue, Lane, Paging, Source},
        hunting::Api,
    },
    cli::PullArgs,
    console::{laid_out, print_data, table},
    error::Result,
    settings::Settings,
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};

/// The roles of the tokens, by API; an API that no token could be had for has none.
type Roles = BTreeMap<Api, Vec<String>>;

pub(super) async fn run(context: &Context, args: &PullArgs) -> Result<u8> {
    let settings = settings(context)?;
    let catalogue = sources::catalogue(settings.as_ref().map_or(&[], |settings| &settings.sources))?;
    let roles = match &settings {
        Some(settings) => roles(context, settings).await,
        None => None,
    };
    let sources = sources::all(&catalogue, args.api);
    let text = if context.global.json {
        as_json(&catalogue, &sources, roles.as_ref())
    } else {
        as_table(&catalogue, &sources, roles.as_ref(), context.looked_at())
    };
    print_data(&text)?;
    Ok(0)
}

/// The settings, where there are any: the list needs none, but one that was named must be right.
fn settings(context: &Context) -> Result<Option<Settings>> {
    let named = context.global.config.is_some() || !context.global.profile.is_empty() || !context.global.tenant.is_empty();
    match context.settings() {
        Ok(settings) => Ok(Some(settings)),
        Err(error) if named => Err(error),
        Err(_) => Ok(None),
    }
}

/// Asks for a token of each API in the first tenant; none where none could be had.
async fn roles(context: &Context, settings: &Settings) -> Option<Roles> {
    let [profile] = settings.profiles.as_slice() else {
        context.console.warn("what the token may read is said of one profile, and there are several: choose one with --profile");
        return None;
    };
    let wires = Wires::without_case(context, settings).ok()?;
    let tenant = match wires.unless_cancelled(wire::connect_one(&wires, profile)).await {
        Ok(tenant) => tenant,
        Err(error) => {
            context.console.warn(&format!("what the token may read is not known: {error}"));
            return None;
        }
    };
    let mut roles = Roles::new();
    for api in Api::ALL {
        let Ok(endpoint) = profile.cloud.endpoint(wire::settings_api(api)) else { continue };
        match wires.unless_cancelled(tenant.claims(&endpoint.scope)).await {
            Ok(Some(claims)) => drop(roles.insert(api, claims.roles)),
            Ok(None) => {}
            Err(error) => context.console.warn(&format!("no token for {}: {error}", api.title())),
        }
    }
    (!roles.is_empty()).then_some(roles)
}

fn readable(roles: Option<&Roles>, source: &Source) -> Option<bool> {
    roles.map(|roles| roles.get(&source.api).is_some_and(|roles| source.is_open_to(roles)))
}

/// Columns from which all that is known of a source has room.
const ROOMY: usize = 160;

/// Columns below which names and permissions alone have room.
const NARROW: usize = 100;

fn as_table(catalogue: &Catalogue, sources: &[Source], roles: Option<&Roles>, width: Option<usize>) -> String {
    let shown = match width {
        Some(..NARROW) => 2,
        Some(NARROW..ROOMY) => 3,
        _ => 6,
    };
    let mut head = vec!["source", "permission", "window", "notes", "pages", "limit"];
    head.truncate(shown);
    if roles.is_some() {
        head.insert(1, "may read");
    }
    let mut table = table(&head);
    for source in sources {
        let mut row = vec![
            source.full_name(),
            source.permission.clone(),
            source.time.as_ref().map_or_else(|| "whole".to_owned(), |time| time.field.clone()),
            source.notes.clone(),
            format!("{}{}", paging(source.paging), source.page_size.map(|size| format!(" {size}")).unwrap_or_default()),
            limit(&catalogue.lane(&source.lane)),
        ];
        row.truncate(shown);
        if let Some(readable) = readable(roles, source) {
            row.insert(1, if readable { "yes" } else { "no" }.to_owned());
        }
        table.add_row(row);
    }
    format!("{}\n", laid_out(table, width))
}

fn as_json(catalogue: &Catalogue, sources: &[Source], roles: Option<&Roles>) -> String {
    let one = |source: &Source| {
        let lane = catalogue.lane(&source.lane);
        let windows: Vec<Value> =
            lane.windows().iter().map(|(calls, length)| json!({"calls": calls, "seconds": length.as_secs_f64()})).collect();
        json!({
            "name": source.full_name(), "api": source.api, "path": source.path, "files": source.files, "permission": source.permission,
            "accepted": source.accepted, "paging": paging(source.paging), "page_size": source.page_size,
            "time_field": source.time.as_ref().map(|time| &time.field), "id": source.id, "updated": source.updated,
            "lane": { "name": source.lane, "windows": windows, "in_flight": lane.in_flight }, "notes": source.notes,
            "readable": readable(roles, source),
        })
    };
    format!("{:#}\n", json!({ "sources": sources.iter().map(one).collect::<Vec<_>>() }))
}

fn paging(paging: Paging) -> &'static str {
    match paging {
        Paging::Link => "nextLink",
        Paging::Skip => "$skip",
        Paging::Cursor => "cursor",
        Paging::Single => "one object",
        Paging::Export => "export",
        Paging::Query => "query",
    }
}

fn limit(lane: &Lane) -> String {
    let one = |(calls, length): &(u32, Duration)| match length.as_secs() {
        60 => format!("{calls}/min"),
        3_600 => format!("{calls}/h"),
        _ => format!("{calls}/{} s", length.as_secs_f32()),
    };
    lane.windows().iter().map(one).collect::<Vec<_>>().join(", ")
}
