//! Advanced hunting on three APIs (apis.md 4): permission, quota, the question, the engine's answer. Nothing is canned.

mod answer;
mod request;
mod rows;

use super::{
    options::{Retirement, Shape},
    refusal::Refusal,
    tokens::Claims,
    wire::{Call, Reply, Service, reply},
    world::World,
};
use crate::error::Result;
use crate::kql::engine::{Engine, Options, QueryError, QueryErrorKind, Table};
use answer::Envelope;
use axum::http::Method;
use serde_json::{Map, Value};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// The words of a result beyond the byte cap (apis.md 4.7).
const TOO_LARGE: &str =
    "Query execution has exceeded the allowed result size. Optimize your query by limiting the amount of results and try again.";
/// The words of a query that took too much.
pub(super) const PREEMPTED: &str = "Query execution has exceeded the allowed limits. The query execution was preempted. This could possibly be due to \
                                    high CPU and/or memory resource consumption. Optimize your query by following best practices and try again.";

/// The action, by its short and its full name.
const GRAPH_PATHS: &[&str] = &[
    "/v1.0/security/runhuntingquery",
    "/v1.0/security/microsoft.graph.security.runhuntingquery",
    "/beta/security/runhuntingquery",
    "/beta/security/microsoft.graph.security.runhuntingquery",
];

/// The tables that queries are answered from.
pub(crate) struct Grounds {
    all: Engine,
    endpoint: Engine,
}

impl Grounds {
    /// Answers from these tables.
    pub(crate) fn new(tables: BTreeMap<String, Table>) -> Result<Self> {
        // MDE knows the tables of devices, and alerts (apis.md 4.1).
        let own = |name: &str| name.starts_with("Device") || matches!(name, "AlertInfo" | "AlertEvidence");
        let endpoint = tables.iter().filter(|(name, _)| own(name)).map(|(name, table)| (name.clone(), table.clone())).collect();
        Ok(Self { all: Engine::new(tables)?, endpoint: Engine::new(endpoint)? })
    }

    fn of(&self, service: Service) -> &Engine {
        if service == Service::Mde { &self.endpoint } else { &self.all }
    }
}

/// The rows of a table as the objects that an answer has.
pub(super) fn objects(table: &Table) -> Vec<Map<String, Value>> {
    let mut text = vec![b'['];
    let mut writer = rows::Writer::new(&table.columns, Shape::default());
    let written = table.rows().iter().try_for_each(|batch| writer.write(batch, &mut text));
    text.push(b']');
    written.ok().and_then(|()| serde_json::from_slice(&text).ok()).unwrap_or_default()
}

/// A hunting endpoint: its permission and quota key.
#[derive(Clone, Copy)]
pub(super) struct Endpoint {
    role: &'static str,
}

impl Endpoint {
    /// Recognises a hunting endpoint.
    pub(super) fn of(call: &Call) -> Option<Self> {
        let path = call.path.trim_end_matches('/').to_ascii_lowercase();
        let role = match (call.service, path.as_str()) {
            (Service::Graph, path) if GRAPH_PATHS.contains(&path) => "ThreatHunting.Read.All",
            (Service::Xdr, "/api/advancedhunting/run") => "AdvancedHunting.Read.All",
            (Service::Mde, "/api/advancedqueries/run") => "AdvancedQuery.Read.All",
            _ => return None,
        };
        Some(Self { role })
    }

    /// The permission that it takes.
    pub(super) fn role(self) -> &'static str {
        self.role
    }
}

/// Answers a hunting call.
pub(super) async fn answer(world: &World, call: &Call, claims: &Claims, endpoint: Endpoint) -> Result<Reply, Refusal> {
    if call.method != Method::POST {
        return Err(Refusal::method(call.service));
    }
    check_quota(world, call.service, claims)?;
    if !claims.roles.iter().any(|role| role == endpoint.role) {
        return Err(Refusal::roles(endpoint.role, &claims.roles));
    }
    if let Some(retired) = retired(world, call) {
        return retired;
    }
    let now = world.now();
    let question = request::read(call, now)?;
    let run = Options::new(now).with_window(question.window);
    let timeout = world.options.query_timeout;
    let answered = tokio::time::timeout(timeout, answered(world, call.service, &question.query, &run)).await;
    answered.unwrap_or_else(|_| Err(Refusal::unknown(504)))
}

async fn answered(world: &World, service: Service, query: &str, run: &Options) -> Result<Reply, Refusal> {
    let answer = world.grounds.of(service).run(query, run).await.map_err(|error| refused(&error))?;
    let envelope = Envelope::new(service, world.options.shape, answer.columns.clone());
    let body = answer::body(answer, envelope, world.options.caps, answer::HELD).await?;
    let media_type = if service == Service::Graph {
        "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"
    } else {
        "application/json; charset=utf-8"
    };
    Ok(reply(200, media_type, body))
}

/// The place stands in the words where the words are about the text, not about a name in it.
fn refused(error: &QueryError) -> Refusal {
    let message = error.message.as_str();
    if error.kind == QueryErrorKind::Semantic || error.line == 0 || message.contains("line:position") {
        return Refusal::bad_request(message);
    }
    let placed = format!("{} [line:position={}:{}]", message.trim_end_matches('.'), error.line, error.column);
    let syntax = error.kind == QueryErrorKind::Syntax && !message.contains("Fix syntax");
    Refusal::bad_request(if syntax { format!("{placed}. Fix syntax errors in your query.") } else { placed })
}

fn check_quota(world: &World, service: Service, claims: &Claims) -> Result<(), Refusal> {
    let mut limits = vec![(world.options.calls_per_minute, Duration::from_mins(1))];
    if service == Service::Mde {
        limits.push((world.options.calls_per_hour, Duration::from_hours(1)));
    }
    // Every application of the tenant draws on the same quota (apis.md 4.6).
    let key = format!("{}/{}", claims.tenant, service.name());
    match world.quotas.count(&key, &limits, Instant::now()) {
        Some(exceeded) => Err(Refusal::quota(&exceeded)),
        None => Ok(()),
    }
}

fn retired(world: &World, call: &Call) -> Option<Result<Reply, Refusal>> {
    let message = "This API is retired. Use the Microsoft Graph security API: POST /v1.0/security/runHuntingQuery.";
    match world.options.retirement {
        _ if call.service == Service::Graph => None,
        Retirement::Works => None,
        Retirement::Gone => Some(Err(Refusal::new(410, "Gone", message))),
        Retirement::NotFound => Some(Err(Refusal::not_found(call))),
        Retirement::Empty => Some(Ok(reply(200, "application/json; charset=utf-8", r#"{"Stats":null,"Schema":[],"Results":[]}"#))),
    }
}
