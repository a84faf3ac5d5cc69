//! List endpoints: pages, filters, limits and permissions of each (apis.md 5), over objects told from the company's tables.

mod alerts;
pub(super) mod audit;
pub(super) mod exports;
mod filter;
mod items;
mod lists;
mod made;

use super::{
    options::Orders,
    refusal::Refusal,
    tokens::Claims,
    wire::{Call, Reply, Service, json as reply_json},
    world::World,
};
use axum::http::Method;
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as URL64};
use filter::{Filter, order, property};
use lists::List;
pub(crate) use made::Objects;
use serde_json::{Value, json};
use std::{
    borrow::Cow,
    cmp::Ordering,
    time::{Duration, Instant},
};

/// A list, or one object of it.
pub(super) struct Endpoint {
    list: &'static List,
    id: Option<String>,
}

impl Endpoint {
    /// Recognises a list endpoint: the longest path counts, since one may be below another.
    pub(super) fn of(call: &Call) -> Option<Self> {
        let path = call.path.trim_end_matches('/');
        let lists = lists::all().iter().filter(|list| list.service() == call.service && !list.path.is_empty());
        let found = lists.filter_map(|list| {
            let (start, rest) = (path.get(..list.path.len())?, path.get(list.path.len()..)?);
            if !start.eq_ignore_ascii_case(&list.path) {
                return None;
            }
            match rest.strip_prefix('/') {
                None if rest.is_empty() => Some(Self { list, id: None }),
                Some(id) if !id.is_empty() && !id.contains('/') => Some(Self { list, id: Some(id.to_owned()) }),
                _ => None,
            }
        });
        found.max_by_key(|endpoint| endpoint.list.path.len())
    }

    /// Any of these permits it, the first is the least.
    pub(super) fn permitting(&self) -> &'static [String] {
        &self.list.roles
    }
}

/// Answers a list call.
pub(super) fn answer(world: &World, call: &Call, claims: &Claims, endpoint: &Endpoint) -> Result<Reply, Refusal> {
    let list = endpoint.list;
    if call.method != Method::GET {
        return Err(Refusal::method(call.service));
    }
    admit(world, call.service, list, claims)?;
    match &endpoint.id {
        Some(id) => one(world, call, list, id),
        None if list.single => Ok(reply_json(200, world.objects.of(list).first().map_or(&Value::Null, |item| &**item))),
        None => page(world, call, list).map(|page| reply_json(200, &page)),
    }
}

/// Holds a call against the list's limits, permissions and licence.
fn admit(world: &World, service: Service, list: &List, claims: &Claims) -> Result<(), Refusal> {
    check_quota(world, list, claims)?;
    if !claims.roles.iter().any(|role| list.roles.contains(role)) {
        return Err(Refusal::roles(&list.roles.join(","), &claims.roles));
    }
    let licence = list.licence.as_deref().filter(|_| world.options.pulls.unlicensed);
    match licence {
        Some("tvm") => Err(Refusal::unauthorized(service, "Unauthorized request - reason of failure: No Tvm license")),
        Some(words) => Err(Refusal::new(403, "Forbidden", words)),
        None => Ok(()),
    }
}

fn check_quota(world: &World, list: &List, claims: &Claims) -> Result<(), Refusal> {
    if world.options.pulls.unlimited {
        return Ok(());
    }
    // Lists of one family share its limits, which are the tenant's.
    let key = format!("{}/{}/{}", claims.tenant, list.service().name(), list.family);
    let limits: Vec<_> = list.limits.iter().map(|(calls, seconds)| (*calls, Duration::from_secs(*seconds))).collect();
    match world.quotas.count(&key, &limits, Instant::now()) {
        // Identity Protection does not say how long to wait (apis.md 5.2).
        Some(_) if list.family == "identity-protection" => Err(Refusal::new(429, "TooManyRequests", "Too many requests.")),
        Some(exceeded) if list.service() == Service::Graph => Err(Refusal::busy(exceeded.wait)),
        Some(exceeded) => Err(Refusal::quota(&exceeded)),
        None => Ok(()),
    }
}

fn one(world: &World, call: &Call, list: &'static List, id: &str) -> Result<Reply, Refusal> {
    let is = |item: &Cow<'_, Value>| {
        let own = property(item, &list.id);
        own.as_str().map_or_else(|| own.as_u64().is_some_and(|own| id.parse() == Ok(own)), |own| own == id)
    };
    let found = world.objects.of(list).into_iter().find(is).ok_or_else(|| Refusal::new(404, "NotFound", "Resource not found."))?;
    let mut found = expanded(world, call, list, found.into_owned());
    if let Some(object) = found.as_object_mut() {
        object.insert("@odata.context".to_owned(), json!(format!("{}/$entity", list.context())));
    }
    Ok(reply_json(200, &found))
}

/// Graph's incidents have their alerts where `$expand=alerts` asks for them.
fn expanded(world: &World, call: &Call, list: &List, mut item: Value) -> Value {
    if list.path.ends_with("/security/incidents") && call.query("$expand") == Some("alerts") {
        let alerts = lists::all().first().map(|list| world.objects.of(list)).unwrap_or_default();
        let own: Vec<Value> = alerts.into_iter().filter(|alert| alert["incidentId"] == item["id"]).map(Cow::into_owned).collect();
        item["alerts"] = Value::from(own);
    }
    item
}

fn page(world: &World, call: &Call, list: &'static List) -> Result<Value, Refusal> {
    let quirks = &world.options.pulls;
    if quirks.expand_fails && call.query("$expand").is_some() && call.query("$filter").is_some() && call.service == Service::Graph {
        return Err(Refusal::unknown(500));
    }
    if list.export && quirks.too_large {
        return Err(Refusal::unknown(504));
    }
    let (size, place) = (size(world, call, list)?, place(world, call, list)?);
    let matching = matching(world, call, list)?;
    if list.none && (matching.is_empty() || quirks.no_machines) {
        return Err(Refusal::new(404, "ResourceNotFound", "No machines were found."));
    }
    let shown = matching.iter().skip(place.skipped).take(size);
    let shown: Vec<Value> = shown.map(|item| expanded(world, call, list, item.clone().into_owned())).collect();
    let mut page = json!({"@odata.context": list.context()});
    if call.query("$count") == Some("true") {
        page["@odata.count"] = json!(matching.len());
    }
    page["value"] = Value::from(shown);
    // With `$top` some lists of MDE leave the link out, and the exports always do (apis.md 5.7, 5.8).
    let linked =
        list.linked && !(quirks.unlinked && call.service == Service::Mde && !list.export) && !(list.export && call.query("$top").is_some());
    if linked && place.skipped + size < matching.len() {
        let next = Place { skipped: place.skipped + size, number: place.number + 1 };
        page["@odata.nextLink"] = json!(quirks.link.clone().unwrap_or_else(|| next_link(call, next)).replace("{self}", &own_link(call)));
    }
    drop(matching);
    if quirks.moving {
        world.objects.stir(list, world.now());
    }
    Ok(page)
}

fn matching<'a>(world: &'a World, call: &Call, list: &'static List) -> Result<Vec<Cow<'a, Value>>, Refusal> {
    let filter = call.query("$filter").map(|text| checked(text, list)).transpose()?;
    let mut items = world.objects.of(list);
    if let Some(filter) = filter {
        items.retain(|item| filter.passes(item));
    }
    let Some(ordered) = call.query("$orderby").filter(|ordered| !ordered.trim().is_empty()) else { return Ok(items) };
    match world.options.pulls.orders {
        Orders::Refused => return Err(Refusal::bad_request("The query option '$orderby' is not supported.")),
        Orders::Ignored => return Ok(items),
        Orders::Kept => {}
    }
    let (name, direction) = ordered.trim().split_once(' ').unwrap_or((ordered.trim(), "asc"));
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

fn size(world: &World, call: &Call, list: &List) -> Result<usize, Refusal> {
    let most = world.options.pulls.page.unwrap_or(usize::MAX);
    let asked = if list.export { call.query("pageSize").or(call.query("pagesize")).or(call.query("$top")) } else { call.query("$top") };
    let Some(text) = asked else { return Ok(list.page.0.min(most)) };
    let size: usize = text.parse().ok().filter(|size| *size > 0).ok_or_else(|| {
        Refusal::bad_request(format!(
            "Invalid value '{text}' for $top query option found. The $top query option requires a non-negative integer value."
        ))
    })?;
    let limit = list.page.1.min(most);
    // A quirk that makes pages small makes `$top` small too, where the client must go by what it asked for.
    let refuses =
        list.refuses_more && (size > list.page.1 || (size > limit && !list.linked) || (size > limit && world.options.pulls.unlinked));
    if refuses {
        return Err(Refusal::bad_request(format!(
            "The query specified in the URI is not valid. The limit of '{limit}' for Top query has been exceeded. The value from the incoming request is '{size}'."
        )));
    }
    Ok(size.min(limit))
}

/// A place in a list: objects before it, and pages.
#[derive(Clone, Copy)]
struct Place {
    skipped: usize,
    number: u32,
}

fn place(world: &World, call: &Call, list: &List) -> Result<Place, Refusal> {
    if let Some(token) = call.query("$skiptoken") {
        let text = URL64.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
        let parts =
            text.split_once('/').and_then(|(skipped, number)| Some(Place { skipped: skipped.parse().ok()?, number: number.parse().ok()? }));
        let place = parts.ok_or_else(|| Refusal::bad_request("The skip token is not valid."))?;
        if world.options.pulls.links_last.is_some_and(|most| place.number >= most) {
            return Err(Refusal::new(
                400,
                "Directory_ExpiredPageToken",
                "The specified page token value has expired and can no longer be included in your request.",
            ));
        }
        return Ok(place);
    }
    let skipped: usize =
        call.query("$skip").map_or(Ok(0), str::parse).map_err(|_| Refusal::bad_request("Invalid value for $skip query option."))?;
    if skipped > list.skip {
        return Err(Refusal::bad_request(format!("The limit of '{}' for Skip query has been exceeded.", list.skip)));
    }
    Ok(Place { skipped, number: 0 })
}

/// Where the next page is: the same question, and an opaque place in it.
fn next_link(call: &Call, place: Place) -> String {
    let kept = call.query.iter().filter(|(name, _)| name != "$skiptoken" && name != "$skip");
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(kept).append_pair("$skiptoken", &URL64.encode(format!("{}/{}", place.skipped, place.number)));
    format!("https://{}{}?{}", call.host, call.path, query.finish().replace('+', "%20").replace("%24", "$"))
}

fn own_link(call: &Call) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(&call.query);
    format!("https://{}{}?{}", call.host, call.path, query.finish().replace('+', "%20").replace("%24", "$"))
}
