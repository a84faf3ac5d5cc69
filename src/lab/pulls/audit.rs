//! The unified audit log: queries that are created, run for a while, and whose records are then paged (apis.md 5.5).

use crate::{
    kql::engine::Table,
    lab::{
        hunting::objects,
        ids::lock,
        refusal::Refusal,
        tokens::Claims,
        wire::{Call, Reply, json as reply_json},
        world::World,
    },
};
use axum::http::Method;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{Mutex, OnceLock},
};

/// Looks at a query until it has run.
const LOOKS: u32 = 2;
/// Records of a page.
const PAGE: usize = 150;

const ROLES: &[&str] = &["AuditLogsQuery.Read.All", "AuditLogsQuery-Entra.Read.All", "AuditLogsQuery-Exchange.Read.All"];

/// The queries that were created, and the records they find.
pub(crate) struct Audit {
    table: Option<Table>,
    records: OnceLock<Vec<Value>>,
    queries: Mutex<Vec<Query>>,
}

struct Query {
    body: Value,
    looks: u32,
    found: Vec<usize>,
}

impl Audit {
    /// Tells its records from the company's tables.
    pub(crate) fn new(tables: &BTreeMap<String, Table>) -> Self {
        Self { table: tables.get("CloudAppEvents").cloned(), records: OnceLock::new(), queries: Mutex::default() }
    }

    fn records(&self) -> &[Value] {
        self.records.get_or_init(|| {
            let rows = self.table.as_ref().map(objects).unwrap_or_default();
            let one = |(number, row): (usize, serde_json::Map<String, Value>)| {
                json!({
                    "id": format!("a0d17000-0000-4000-8000-{number:012}"), "createdDateTime": row.get("Timestamp"),
                    "auditLogRecordType": "ExchangeAdmin", "operation": row.get("ActionType"), "userType": "Regular",
                    "userId": row.get("AccountObjectId"), "service": row.get("Application"), "objectId": row.get("ObjectName"),
                    "userPrincipalName": row.get("AccountDisplayName"), "clientIp": row.get("IPAddress"), "administrativeUnits": [],
                    "auditData": {"@odata.type": "#microsoft.graph.security.defaultAuditData", "raw": row.get("RawEventData")},
                })
            };
            rows.into_iter().enumerate().map(one).collect()
        })
    }

    fn find(&self, body: &Value) -> Vec<usize> {
        let time = |value: &Value| value.as_str().and_then(|text| text.parse::<jiff::Timestamp>().ok());
        let (from, to) = (time(&body["filterStartDateTime"]), time(&body["filterEndDateTime"]));
        let operations: Vec<&str> = body["operationFilters"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let is_found = |record: &Value| {
            let at = time(&record["createdDateTime"]);
            let named = operations.is_empty() || operations.contains(&record["operation"].as_str().unwrap_or_default());
            named && from.is_none_or(|from| at >= Some(from)) && to.is_none_or(|to| at < Some(to))
        };
        self.records().iter().enumerate().filter(|(_, record)| is_found(record)).map(|(number, _)| number).collect()
    }
}

/// Says whether the call is about such queries.
pub(crate) fn is_meant(call: &Call) -> bool {
    let path = call.path.to_ascii_lowercase();
    path.starts_with("/v1.0/security/auditlog/queries") || path.starts_with("/beta/security/auditlog/queries")
}

/// Any of these permits it; the first is the least that reads all workloads.
pub(crate) fn permitting() -> Vec<String> {
    ROLES.iter().map(|&role| role.to_owned()).collect()
}

/// Answers a call about such queries.
pub(crate) fn answer(world: &World, call: &Call, claims: &Claims) -> Result<Reply, Refusal> {
    if world.options.pulls.beta_audit && call.path.starts_with("/v1.0") {
        return Err(Refusal::not_found(call));
    }
    if !claims.roles.iter().any(|role| ROLES.contains(&role.as_str())) {
        return Err(Refusal::roles(&ROLES.join(","), &claims.roles));
    }
    let segments = call.segments();
    let rest: Vec<&str> = segments.iter().skip(4).map(String::as_str).collect();
    match (&call.method, rest.as_slice()) {
        (&Method::POST, []) => create(world, call),
        (&Method::GET, []) => Ok(reply_json(200, &list(world))),
        (&Method::GET, [id]) => state(world, id),
        (&Method::GET, [id, "records"]) => records(world, call, id),
        _ => Err(Refusal::not_found(call)),
    }
}

fn create(world: &World, call: &Call) -> Result<Reply, Refusal> {
    let mut body: Value = serde_json::from_slice(&call.body).map_err(|_| Refusal::bad_request("The request body is not JSON."))?;
    if !body["displayName"].is_string() || !body["filterStartDateTime"].is_string() || !body["filterEndDateTime"].is_string() {
        return Err(Refusal::bad_request("filterStartDateTime and filterEndDateTime are required."));
    }
    let found = world.audit.find(&body);
    let mut queries = lock(&world.audit.queries);
    body["id"] = json!(format!("168ec429-084b-a489-90d8-{:012}", queries.len()));
    body["status"] = json!("notStarted");
    queries.push(Query { body: body.clone(), looks: 0, found });
    Ok(reply_json(201, &body))
}

fn list(world: &World) -> Value {
    json!({"value": lock(&world.audit.queries).iter().map(|query| query.body.clone()).collect::<Vec<_>>()})
}

fn missing() -> Refusal {
    Refusal::new(404, "NotFound", "The query does not exist.")
}

fn with<T>(world: &World, id: &str, work: impl FnOnce(&mut Query) -> T) -> Result<T, Refusal> {
    lock(&world.audit.queries).iter_mut().find(|query| query.body["id"] == id).map(work).ok_or_else(missing)
}

fn state(world: &World, id: &str) -> Result<Reply, Refusal> {
    let limit = world.options.pulls.audit_limit;
    with(world, id, |query| {
        query.looks += 1;
        query.body["status"] = json!(if query.looks >= LOOKS { "succeeded" } else { "running" });
        if query.looks >= LOOKS {
            query.body["approximateReturnedRecordCount"] = json!(query.found.len().min(limit.unwrap_or(usize::MAX)));
            query.body["isRecordCountLimitExceeded"] = json!(limit.is_some_and(|limit| query.found.len() > limit));
            query.body["recordCountLimit"] = json!(limit.unwrap_or(1_000_000));
        }
        reply_json(200, &query.body)
    })
}

fn records(world: &World, call: &Call, id: &str) -> Result<Reply, Refusal> {
    let size = world.options.pulls.page.unwrap_or(PAGE);
    let skipped: usize = call.query("$skiptoken").and_then(|token| token.parse().ok()).unwrap_or_default();
    let found = with(world, id, |query| (query.looks >= LOOKS).then(|| query.found.clone()))?;
    let found = found.ok_or_else(|| Refusal::bad_request("The query has not run yet."))?;
    let all = world.audit.records();
    let shown: Vec<&Value> = found.iter().skip(skipped).take(size).filter_map(|number| all.get(*number)).collect();
    let mut page =
        json!({"@odata.context": "https://graph.microsoft.com/v1.0/$metadata#security/auditLog/queries/records", "value": shown});
    if skipped + size < found.len() {
        page["@odata.nextLink"] = json!(format!("https://{}{}?$skiptoken={}", call.host, call.path, skipped + size));
    }
    Ok(reply_json(200, &page))
}
