//! Rows as they arrive, without a case: for a program that has a place of its own for them.
//!
//!     cargo run --example stream -- 'DeviceLogonEvents | where ActionType == "LogonFailed" | take 3'
//!
//! It starts a simulated tenant, signs in to it with a client secret, and asks Graph. Against a real one the addresses are those of the cloud, the
//! secret comes from a vault, and nothing else changes. Nothing is cut in time at this level: an answer that reaches the cap is the caller's affair.
#![allow(clippy::print_stdout, reason = "it is a program of its own")]

use ircollect::{
    api::hunting::{self, Answer, Api, Request, Rows},
    error::{Error, Kind, Result},
    identity::{App, AppOptions, Authority, Entra, EntraOptions, Proof},
    lab::{self, Service},
    transport::{Budget, Exchange, HttpOptions, Limits, Pace, Transport, Wait, Witness, client},
};
use std::{process::ExitCode, sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;
use url::Url;

/// Sees every exchange with a service; a program that keeps evidence writes them down.
struct Quiet;

impl Witness for Quiet {
    fn exchange(&self, _: &Exchange) {}
    fn waiting(&self, _: &Wait) {}
}

/// Takes rows. An answer that breaks off is asked for again, so rows count when it ends.
#[derive(Default)]
struct Printed(Vec<String>);

impl Rows for Printed {
    fn begin(&mut self) -> Result<()> {
        self.0.clear();
        Ok(())
    }

    fn row(&mut self, raw: &[u8]) -> Result<()> {
        self.0.push(String::from_utf8_lossy(raw).into_owned());
        Ok(())
    }

    fn end(&mut self, _: &Answer) -> Result<()> {
        self.0.iter().for_each(|row| println!("{row}"));
        Ok(())
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let query = std::env::args().nth(1).unwrap_or_else(|| "DeviceInfo | take 3".to_owned());
    match hunt(&query).await {
        Ok(answer) => {
            println!("{} rows of {} columns", answer.rows, answer.schema.len());
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("{error}: {}", error.hints().join("; "));
            ExitCode::from(error.kind().exit_code())
        }
    }
}

async fn hunt(query: &str) -> Result<Answer> {
    let lab = lab::start(lab::Options::default()).await?;
    let options = HttpOptions { ca_pem: vec![lab.ca_pem().as_bytes().to_vec()], direct: true, ..HttpOptions::default() };
    let client = client(&options)?;
    let app = app(&lab, client.clone())?;
    let transport = Transport::new(client, Pace::new(Limits::default()), Arc::new(Quiet), CancellationToken::new());
    let request = Request {
        api: Api::Graph,
        endpoint: url(&lab.url(Service::Graph))?,
        scope: "https://graph.microsoft.com/.default".to_owned(),
        lane: format!("{}/graph", lab.tenant()),
        query: query.to_owned(),
        timespan: None,
        deadline: hunting::DEADLINE,
        gateway_tries: None,
    };
    hunting::hunt(&transport, &app, &request, &Budget::new(Duration::from_mins(5)), &mut Printed::default()).await
}

fn app(lab: &lab::Lab, client: reqwest::Client) -> Result<App> {
    let all = lab.registrations();
    let own = all.iter().find(|app| app.name == "ir-collector").ok_or_else(|| Error::new(Kind::Failed, "the lab has no collector"))?;
    Ok(App::new(AppOptions {
        entra: Entra::new(EntraOptions::new(client, Arc::new(Quiet))),
        authority: Authority { url: url(&lab.url(Service::Authority))?, marks: None },
        tenant: lab.tenant().to_owned(),
        app_id: own.app_id.clone(),
        proof: Proof::Secret(own.secret.clone()),
    }))
}

fn url(text: &str) -> Result<Url> {
    Url::parse(text).map_err(|cause| Error::new(Kind::Failed, "an address of the lab").caused_by(cause))
}
