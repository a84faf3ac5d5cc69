//! `check`: says whether a collection would work, one row a check, each failure with what to do. It changes nothing and stores
//! nothing.

mod asked;
mod calls;
mod permissions;
mod report;
mod standing;
mod steps;

use super::{
    Context, sources,
    wire::{self, Wires},
};
use crate::{
    cli::CheckArgs,
    console::{self, print_data},
    error::{Error, Kind, Result},
    settings::Settings,
    transport::Transport,
};
use asked::Asked;
use report::{Facts, Report, Row, Status};
use std::sync::Arc;

/// What all checks of a run share.
pub(super) struct Checker<'a> {
    settings: &'a Settings,
    wires: &'a Wires,
    asked: &'a Asked,
}

impl Checker<'_> {
    fn transport(&self) -> Transport {
        self.wires.transport(Arc::clone(&self.wires.witness))
    }
}

/// Columns that cells are wrapped to.
const WIDTH: u16 = 120;

pub(super) async fn run(context: &Context, args: &CheckArgs) -> Result<u8> {
    let report = match context.settings() {
        Ok(settings) => checked(context, args, &settings).await?,
        Err(error) if error.kind() == Kind::Interrupted => return Err(error),
        Err(error) => Report::new(asked::words(args), vec![Row::failed("configuration", &error)]),
    };
    let shown = if context.global.json {
        json(&report)?
    } else {
        report.table(context.looked_at().and_then(|width| u16::try_from(width).ok()).unwrap_or(WIDTH))
    };
    print_data(&shown)?;
    Ok(report.exit)
}

fn json(report: &Report) -> Result<String> {
    let json = serde_json::to_string_pretty(report);
    json.map(|json| format!("{json}\n")).map_err(|error| Error::new(Kind::Failed, "writing the report").caused_by(error))
}

async fn checked(context: &Context, args: &CheckArgs, settings: &Settings) -> Result<Report> {
    let asked = Asked::read(args, &sources::catalogue(&settings.sources)?)?;
    let wires = Wires::without_case(context, settings)?;
    let checker = Checker { settings, wires: &wires, asked: &asked };
    let mut rows = vec![configuration(settings)];
    rows.extend(wires.unless_cancelled(async { Ok(all_profiles(&checker).await) }).await?);
    rows.push(clock(&wires));
    Ok(Report::new(asked::words(args), rows))
}

/// All profiles and tenants side by side; their rows in the order they were named.
async fn all_profiles(checker: &Checker<'_>) -> Vec<Row> {
    let all = checker.settings.profiles.iter().map(|profile| async move {
        let wire::Stages { ready, tenants } = wire::stages(checker.wires, profile).await;
        let mut rows = steps::credential(profile, &ready);
        let ready = &ready;
        let tenants = tenants.into_iter().map(|(typed, found)| steps::tenant(checker, profile, ready, typed, found));
        rows.extend(futures::future::join_all(tenants).await.into_iter().flatten());
        rows
    });
    futures::future::join_all(all).await.into_iter().flatten().collect()
}

fn configuration(settings: &Settings) -> Row {
    let place =
        settings.config.as_ref().map_or_else(|| "flags and variables, no file".to_owned(), |config| config.path.display().to_string());
    let of = |profile: &crate::settings::Profile| {
        format!("{} ({}, {})", profile.name, profile.cloud.name, console::count(profile.tenants.len() as u64, "tenant"))
    };
    let profiles: Vec<String> = settings.profiles.iter().map(of).collect();
    Row::new("configuration", Status::Ok, format!("{place}: {}", profiles.join(", ")))
}

fn clock(wires: &Wires) -> Row {
    let Some(seconds) = wires.skew.seconds() else { return Row::new("clock", Status::Skipped, "no answer told the time") };
    let facts = Facts { seconds: Some(seconds), ..Facts::default() };
    match wires.skew.warning() {
        Some(warning) => Row::new("clock", Status::Note, warning)
            .fix("set this machine's clock; assertions are dated by the services' meanwhile")
            .facts(facts),
        None => Row::new("clock", Status::Ok, format!("within {:.0} s of the services'", seconds.abs().ceil().max(1.0))).facts(facts),
    }
}
