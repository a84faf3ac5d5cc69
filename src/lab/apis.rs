//! What Graph, XDR and MDE have in common: who calls, what goes wrong on purpose, quotas, headers. The endpoints are elsewhere.

use super::{
    body::{self, End},
    directory::{self, GRAPH, MDE, Resource, XDR},
    faults::Hit,
    hunting,
    options::FaultKind,
    pulls,
    refusal::{Refusal, client_request_id},
    registry,
    tokens::{Claims, Unfit},
    wire::{Call, Reply, Service, gateway, reply, with, with_all},
    world::World,
};

/// Answers a call to one of the data APIs.
pub(crate) async fn answer(world: &World, call: &Call) -> Reply {
    let (answered, hit) = match identified(world, call) {
        Ok(claims) => Box::pin(misbehaving(world, call, &claims)).await,
        Err(refusal) => (refused(world, call, &refusal), None),
    };
    on_the_wire(world, call, answered, hit)
}

fn refused(world: &World, call: &Call, refusal: &Refusal) -> Reply {
    refusal.reply(call, world.options.retry_after)
}

async fn misbehaving(world: &World, call: &Call, claims: &Claims) -> (Reply, Option<Hit>) {
    let hit = world.dice.roll();
    let spoilt = match hit {
        Some(hit) => instead(world, call, hit).await,
        None => None,
    };
    match spoilt {
        Some(reply) => (reply, None),
        None => (endpoint(world, call, claims).await.unwrap_or_else(|refusal| refused(world, call, &refusal)), hit),
    }
}

async fn endpoint(world: &World, call: &Call, claims: &Claims) -> Result<Reply, Refusal> {
    if let Some(answered) = registry::answer(world, call, claims) {
        return answered;
    }
    if let Some(endpoint) = hunting::Endpoint::of(call) {
        return hunting::answer(world, call, claims, endpoint).await;
    }
    if pulls::audit::is_meant(call) && call.service == Service::Graph {
        return pulls::audit::answer(world, call, claims);
    }
    if let Some(listing) = pulls::exports::Listing::of(call) {
        return pulls::exports::listing(world, call, claims, &listing);
    }
    match pulls::Endpoint::of(call) {
        Some(endpoint) => pulls::answer(world, call, claims, &endpoint),
        None => Err(Refusal::not_found(call)),
    }
}

/// The application permissions that allow a call of the data APIs, the least first.
pub(crate) fn permitting(call: &Call) -> Vec<String> {
    if let Some(endpoint) = hunting::Endpoint::of(call) {
        return vec![endpoint.role().to_owned()];
    }
    if pulls::audit::is_meant(call) && call.service == Service::Graph {
        return pulls::audit::permitting();
    }
    if let Some(listing) = pulls::exports::Listing::of(call) {
        return listing.permitting().to_vec();
    }
    pulls::Endpoint::of(call).map(|endpoint| endpoint.permitting().to_vec()).unwrap_or_default()
}

/// What a fault answers in place of the endpoint.
async fn instead(world: &World, call: &Call, hit: Hit) -> Option<Reply> {
    let options = &world.options;
    let refusal = match hit.kind {
        FaultKind::Throttle => {
            let wait = options.throttle_wait;
            let exceeded = super::quota::Exceeded { limit: options.calls_per_minute, window: std::time::Duration::from_mins(1), wait };
            Refusal::quota(&exceeded)
        }
        FaultKind::Quota => Refusal::processing(options.throttle_wait),
        FaultKind::Unavailable if hit.draw.is_multiple_of(2) => Refusal::unknown(503).after(options.throttle_wait),
        FaultKind::Unavailable => Refusal::unknown(503),
        FaultKind::Timeout => Refusal::unknown(504),
        FaultKind::Preempted => Refusal::bad_request(hunting::PREEMPTED),
        FaultKind::ExpiredToken => {
            world.mint.expire(call.bearer().unwrap_or_default());
            expired(call.service)
        }
        FaultKind::Html => return Some(gateway(502, "Bad Gateway")),
        FaultKind::Malformed => return malformed(hit.draw),
        FaultKind::Drop => return Some(torn(world, call)),
        FaultKind::Hang => {
            tokio::time::sleep(options.hang).await;
            return Some(torn(world, call));
        }
        FaultKind::Cut | FaultKind::Slow => return None,
    };
    Some(refused(world, call, &refusal))
}

fn torn(world: &World, call: &Call) -> Reply {
    world.connections.tear(call.peer);
    reply(500, "text/plain", "")
}

/// Of the malformed answers, those that need no good one: empty, and a page that calls itself a success.
fn malformed(draw: u64) -> Option<Reply> {
    match draw % 4 {
        0 => Some(reply(200, "application/json", "")),
        1 => Some(gateway(200, "OK")),
        _ => None,
    }
}

/// Compression, spoiling, and the headers of every answer.
fn on_the_wire(world: &World, call: &Call, answered: Reply, hit: Option<Hit>) -> Reply {
    if answered.status() == 204 {
        return headed(call, answered);
    }
    let good = answered.status().is_success();
    let hit = hit.filter(|_| good);
    let answered = match hit {
        Some(Hit { kind: FaultKind::Malformed, draw }) if draw % 4 == 2 => body::garbled(answered),
        Some(Hit { kind: FaultKind::Malformed, draw }) => body::cut(answered, draw % 3, End::Clean),
        _ => answered,
    };
    let answered = if good && world.options.gzip && call.accepts_gzip() { body::compressed(answered) } else { answered };
    let answered = match hit {
        Some(Hit { kind: FaultKind::Cut, draw }) => body::cut(answered, draw % 3, End::Lost),
        Some(Hit { kind: FaultKind::Slow, .. }) => body::slowed(answered, world.options.slow_chunk, world.options.slow_pause),
        _ => answered,
    };
    headed(call, answered)
}

fn headed(call: &Call, answered: Reply) -> Reply {
    let answered = with(answered, "strict-transport-security", "max-age=31536000");
    if call.service != Service::Graph {
        return answered;
    }
    let diagnostic =
        r#"{"ServerInfo":{"DataCenter":"West Europe","Slice":"E","Ring":"5","ScaleUnit":"003","RoleInstance":"AM4PEPF00000001"}}"#;
    let headers = [("request-id", call.id.as_str()), ("client-request-id", client_request_id(call)), ("x-ms-ags-diagnostic", diagnostic)];
    with_all(answered, &headers)
}

fn identified(world: &World, call: &Call) -> Result<Claims, Refusal> {
    let service = call.service;
    let token = call.bearer().filter(|token| !token.is_empty()).ok_or_else(|| {
        Refusal::unauthorized(service, if service == Service::Graph { "Access token is empty." } else { "Missing bearer token." })
    })?;
    if world.options.token_calls.is_some_and(|most| world.mint.count(token, most)) {
        return Err(expired(service));
    }
    let claims = world.mint.check(token, jiff::Timestamp::now().as_second()).map_err(|why| unfit(service, why))?;
    check_audience(service, &claims)?;
    Ok(claims)
}

fn expired(service: Service) -> Refusal {
    Refusal::unauthorized(service, "Lifetime validation failed, the token is expired.")
}

fn unfit(service: Service, why: Unfit) -> Refusal {
    let message = match why {
        Unfit::Expired => return expired(service),
        Unfit::Early => "Lifetime validation failed, the token is not yet valid.",
        Unfit::Malformed => {
            "IDX14100: JWT is not well formed, there are no dots (.).\nThe token needs to be in JWS or JWE Compact Serialization Format. (JWS): 'EncodedHeader.EncodedPayload.EncodedSignature'."
        }
        Unfit::Signature => "Access token validation failure. Invalid signature.",
    };
    Refusal::unauthorized(service, message)
}

/// A token for another API: Graph calls it invalid, the Defender APIs call it forbidden (apis.md 4.11).
fn check_audience(service: Service, claims: &Claims) -> Result<(), Refusal> {
    let wanted: &Resource = match service {
        Service::Graph => GRAPH,
        Service::Xdr => XDR,
        _ => MDE,
    };
    if directory::resource(&claims.audience).is_some_and(|named| named.app_id == wanted.app_id) {
        return Ok(());
    }
    if service == Service::Graph {
        return Err(Refusal::unauthorized(service, "Access token validation failure. Invalid audience."));
    }
    let message = format!("The token's audience '{}' is not accepted by this API.", claims.audience);
    Err(Refusal::new(403, "Forbidden", message))
}
