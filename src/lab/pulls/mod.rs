//! List endpoints: pages, filters, limits and permissions of each (apis.md 5), over objects told from the company's tables.

mod alerts;
mod filter;
mod items;

use super::{
    hunting::objects,
    refusal::Refusal,
    tokens::Claims,
    wire::{Call, Reply, Service, json as reply_json},
    world::World,
};
use crate::kql::engine::Table;
use axum::http::Method;
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as URL64};
use filter::{Filter, order, property};
use serde_json::{Map, Value, json};
use std::{
    cmp::Ordering,
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// A list endpoint.
struct List {
    service: Service,
    path: &'static str,
    /// Any of these permits it; the first is the least.
    roles: &'static [&'static str],
    /// What `@odata.context` ends with.
    context: &'static str,
    /// Items of a page: usual and most.
    page: (usize, usize),
    /// Whether more than the most is refused, not cut down.
    refuses_more: bool,
    /// Most that `$skip` may be.
    skip: usize,
    /// Whether a page tells where the next one is.
    linked: bool,
    id: &'static str,
    /// Newest first by this property.
    time: &'static str,
    filterable: &'static [&'static str],
    /// Calls a minute, and in an hour.
    limits: (u32, u32),
}

const LISTS: &[List] = &[
    List {
        service: Service::Graph,
        path: "/v1.0/security/alerts_v2",
        roles: &["SecurityAlert.Read.All", "SecurityAlert.ReadWrite.All"],
        context: "https://graph.microsoft.com/v1.0/$metadata#security/alerts_v2",
        page: (100, 1_000),
        refuses_more: false,
        skip: 500,
        linked: true,
        id: "id",
        time: "createdDateTime",
        filterable: &[
            "assignedTo",
            "classification",
            "determination",
            "createdDateTime",
            "lastUpdateDateTime",
            "severity",
            "serviceSource",
            "status",
        ],
        limits: (150, 9_000),
    },
    List {
        service: Service::Graph,
        path: "/v1.0/security/incidents",
        roles: &["SecurityIncident.Read.All", "SecurityIncident.ReadWrite.All"],
        context: "https://graph.microsoft.com/v1.0/$metadata#security/incidents",
        page: (50, 50),
        refuses_more: true,
        skip: usize::MAX,
        linked: true,
        id: "id",
        time: "createdDateTime",
        filterable: &["assignedTo", "classification", "createdDateTime", "determination", "lastUpdateDateTime", "severity", "status"],
        limits: (150, 9_000),
    },
    List {
        service: Service::Xdr,
        path: "/api/incidents",
        roles: &["Incident.Read.All", "Incident.ReadWrite.All"],
        context: "https://api.security.microsoft.com/api/$metadata#Incidents",
        page: (100, 100),
        refuses_more: true,
        skip: usize::MAX,
        linked: false,
        id: "incidentId",
        time: "lastUpdateTime",
        filterable: &["lastUpdateTime", "createdTime", "status", "assignedTo"],
        limits: (50, 1_500),
    },
    List {
        service: Service::Mde,
        path: "/api/alerts",
        roles: &["Alert.Read.All", "Alert.ReadWrite.All"],
        context: "https://api.securitycenter.microsoft.com/api/$metadata#Alerts",
        page: (10_000, 10_000),
        refuses_more: true,
        skip: usize::MAX,
        linked: true,
        id: "id",
        time: "alertCreationTime",
        filterable: &[
            "alertCreationTime",
            "lastUpdateTime",
            "lastEventTime",
            "incidentId",
            "InvestigationId",
            "id",
            "detectionSource",
            "status",
            "severity",
            "category",
        ],
        limits: (100, 1_500),
    },
    List {
        service: Service::Mde,
        path: "/api/machines",
        roles: &["Machine.Read.All", "Machine.ReadWrite.All"],
        context: "https://api.securitycenter.microsoft.com/api/$metadata#Machines",
        page: (10_000, 10_000),
        refuses_more: true,
        skip: usize::MAX,
        linked: true,
        id: "id",
        time: "lastSeen",
        filterable: &[
            "computerDnsName",
            "id",
            "version",
            "deviceValue",
            "aadDeviceId",
            "machineTags",
            "lastSeen",
            "exposureLevel",
            "onboardingStatus",
            "lastIpAddress",
            "healthStatus",
            "osPlatform",
            "riskScore",
            "rbacGroupId",
        ],
        limits: (100, 1_500),
    },
];

/// The objects of every list, newest first, and the alerts of Graph's incidents.
pub(crate) struct Objects {
    lists: BTreeMap<&'static str, Vec<Value>>,
}

impl Objects {
    /// Tells them from the company's tables.
    pub(crate) fn new(tables: &BTreeMap<String, Table>) -> Self {
        let rows = |name: &str| tables.get(name).map(objects).unwrap_or_default();
        let alerts = alerts::all(rows("AlertInfo"), rows("AlertEvidence"));
        let incidents = alerts::incidents(&alerts);
        let told =
            |tell: fn(usize, &[&alerts::Alert]) -> Option<Value>| incidents.iter().filter_map(|(id, alerts)| tell(*id, alerts)).collect();
        let lists = [
            alerts.iter().map(items::graph_alert).collect(),
            told(items::graph_incident),
            told(items::xdr_incident),
            alerts.iter().filter_map(items::mde_alert).collect(),
            machines(&rows("DeviceInfo")),
        ];
        Self { lists: LISTS.iter().map(|list| list.path).zip(lists).collect() }
    }

    fn of(&self, list: &List) -> &[Value] {
        self.lists.get(list.path).map(Vec::as_slice).unwrap_or_default()
    }
}

type Row = Map<String, Value>;

fn machines(rows: &[Row]) -> Vec<Value> {
    let mut seen: BTreeMap<&str, (&Row, &Row)> = BTreeMap::new();
    for row in rows {
        let entry = seen.entry(alerts::text(row, "DeviceId")).or_insert((row, row));
        let time = |row| alerts::text(row, "Timestamp");
        entry.0 = if time(row) < time(entry.0) { row } else { entry.0 };
        entry.1 = if time(row) > time(entry.1) { row } else { entry.1 };
    }
    seen.values().map(|(first, latest)| items::machine(first, latest)).collect()
}

/// A list, or one object of it.
pub(super) struct Endpoint {
    list: &'static List,
    id: Option<String>,
}

impl Endpoint {
    /// Recognises a list endpoint.
    pub(super) fn of(call: &Call) -> Option<Self> {
        let path = call.path.trim_end_matches('/');
        let lists = LISTS.iter().filter(|list| list.service == call.service);
        lists.into_iter().find_map(|list| {
            let rest = path.get(list.path.len()..).filter(|_| path.to_ascii_lowercase().starts_with(list.path))?;
            match rest.strip_prefix('/') {
                None if rest.is_empty() => Some(Self { list, id: None }),
                Some(id) if !id.is_empty() && !id.contains('/') => Some(Self { list, id: Some(id.to_owned()) }),
                _ => None,
            }
        })
    }
}

/// Answers a list call.
pub(super) fn answer(world: &World, call: &Call, claims: &Claims, endpoint: &Endpoint) -> Result<Reply, Refusal> {
    let list = endpoint.list;
    if call.method != Method::GET {
        return Err(Refusal::method(call.service));
    }
    check_quota(world, list, claims)?;
    if !claims.roles.iter().any(|role| list.roles.contains(&role.as_str())) {
        return Err(Refusal::roles(&list.roles.join(","), &claims.roles));
    }
    match &endpoint.id {
        Some(id) => one(world, call, list, id),
        None => page(world, call, list).map(|page| reply_json(200, &page)),
    }
}

fn check_quota(world: &World, list: &List, claims: &Claims) -> Result<(), Refusal> {
    // Lists of one API and one limit share it: the limit belongs to the API's part, not to the path.
    let key = format!("{}/{}/{}/lists", claims.tenant, claims.app, list.service.name());
    let limits = [(list.limits.0, Duration::from_mins(1)), (list.limits.1, Duration::from_hours(1))];
    match world.quotas.count(&key, &limits, Instant::now()) {
        Some(exceeded) if list.service == Service::Graph => Err(Refusal::busy(exceeded.wait)),
        Some(exceeded) => Err(Refusal::quota(&exceeded)),
        None => Ok(()),
    }
}

fn one(world: &World, call: &Call, list: &List, id: &str) -> Result<Reply, Refusal> {
    let is = |item: &&Value| {
        let own = property(item, list.id);
        own.as_str().map_or_else(|| own.as_u64().is_some_and(|own| id.parse() == Ok(own)), |own| own == id)
    };
    let found = world.objects.of(list).iter().find(is).ok_or_else(|| Refusal::new(404, "NotFound", "Resource not found."))?;
    let mut found = expanded(world, call, list, found.clone());
    if let Some(object) = found.as_object_mut() {
        object.insert("@odata.context".to_owned(), json!(format!("{}/$entity", list.context)));
    }
    Ok(reply_json(200, &found))
}

/// Graph's incidents have their alerts where `$expand=alerts` asks for them.
fn expanded(world: &World, call: &Call, list: &List, mut item: Value) -> Value {
    if list.path.ends_with("/security/incidents") && call.query("$expand") == Some("alerts") {
        let alerts = LISTS.first().map(|list| world.objects.of(list)).unwrap_or_default();
        let own: Vec<Value> = alerts.iter().filter(|alert| alert["incidentId"] == item["id"]).cloned().collect();
        item["alerts"] = Value::from(own);
    }
    item
}

fn page(world: &World, call: &Call, list: &List) -> Result<Value, Refusal> {
    let (size, skipped) = (size(call, list)?, skipped(call, list)?);
    let matching = matching(world, call, list)?;
    let shown = matching.iter().skip(skipped).take(size).map(|item| expanded(world, call, list, (*item).clone()));
    let mut page = json!({"@odata.context": list.context});
    if call.query("$count") == Some("true") {
        page["@odata.count"] = json!(matching.len());
    }
    page["value"] = shown.collect();
    if list.linked && skipped + size < matching.len() {
        page["@odata.nextLink"] = json!(next_link(call, skipped + size));
    }
    Ok(page)
}

fn matching<'a>(world: &'a World, call: &Call, list: &List) -> Result<Vec<&'a Value>, Refusal> {
    let filter = call.query("$filter").map(|text| checked(text, list)).transpose()?;
    let passes = |item: &&Value| filter.as_ref().is_none_or(|filter| filter.passes(item));
    let mut items: Vec<&Value> = world.objects.of(list).iter().filter(passes).collect();
    let ordered = call.query("$orderby").unwrap_or_default();
    let (name, direction) = ordered.trim().split_once(' ').unwrap_or((ordered.trim(), if ordered.is_empty() { "desc" } else { "asc" }));
    let name = if name.is_empty() { list.time } else { name };
    items.sort_by(|left, right| directed(order(property(left, name), property(right, name)), direction));
    Ok(items)
}

fn directed(order: Ordering, direction: &str) -> Ordering {
    if direction.trim().eq_ignore_ascii_case("desc") { order.reverse() } else { order }
}

fn checked(text: &str, list: &List) -> Result<Filter, Refusal> {
    let filter = Filter::parse(text).ok_or_else(|| Refusal::bad_request(format!("Invalid filter clause: '{text}'.")))?;
    let known = |name: &&str| list.filterable.iter().any(|known| known.eq_ignore_ascii_case(name));
    match filter.properties().into_iter().find(|name| !known(name)) {
        Some(unknown) => Err(Refusal::bad_request(format!("Filtering by the property '{unknown}' is not supported."))),
        None => Ok(filter),
    }
}

fn size(call: &Call, list: &List) -> Result<usize, Refusal> {
    let Some(text) = call.query("$top") else { return Ok(list.page.0) };
    let size: usize = text.parse().ok().filter(|size| *size > 0).ok_or_else(|| {
        Refusal::bad_request(format!(
            "Invalid value '{text}' for $top query option found. The $top query option requires a non-negative integer value."
        ))
    })?;
    if size > list.page.1 && list.refuses_more {
        return Err(Refusal::bad_request(format!(
            "The query specified in the URI is not valid. The limit of '{}' for Top query has been exceeded. The value from the incoming request is '{size}'.",
            list.page.1
        )));
    }
    Ok(size.min(list.page.1))
}

fn skipped(call: &Call, list: &List) -> Result<usize, Refusal> {
    if let Some(token) = call.query("$skiptoken") {
        let text = URL64.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        return text.and_then(|text| text.parse().ok()).ok_or_else(|| Refusal::bad_request("The skip token is not valid."));
    }
    let skipped: usize =
        call.query("$skip").map_or(Ok(0), str::parse).map_err(|_| Refusal::bad_request("Invalid value for $skip query option."))?;
    if skipped > list.skip {
        return Err(Refusal::bad_request(format!("The limit of '{}' for Skip query has been exceeded.", list.skip)));
    }
    Ok(skipped)
}

/// Where the next page is: the same question, and an opaque place in it.
fn next_link(call: &Call, skipped: usize) -> String {
    let kept = call.query.iter().filter(|(name, _)| name != "$skiptoken" && name != "$skip");
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(kept).append_pair("$skiptoken", &URL64.encode(skipped.to_string()));
    format!("https://{}{}?{}", call.host, call.path, query.finish().replace('+', "%20").replace("%24", "$"))
}
