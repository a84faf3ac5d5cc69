//! Everything that the services of one lab share.

use super::{
    company,
    connections::Connections,
    directory::{COLLECTOR, Directory, HOME, VAULT, VAULT_AUDIENCE, VAULT_READER},
    faults::Dice,
    hunting::Grounds,
    ids::{Ledger, guid, lock},
    keys::KeyPair,
    options::Options,
    pulls::{Objects, audit::Audit},
    quota::Quotas,
    registry::Registry,
    snare::Snare,
    tokens::{Grant, Mint},
    vault::{Certificates, Secrets, Vaults},
    wire::{Call, Reply, Service},
};
use crate::error::{Error, Kind, Result};
use axum::body::{Body, to_bytes};
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Instant,
};

/// A request that was received, for tests and for the curious.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Who received it.
    pub service: Service,
    /// The method.
    pub method: String,
    /// The host name it was addressed to, with its port if it was given.
    pub host: String,
    /// The path, without the query.
    pub path: String,
    /// The names of the headers, in lower case.
    pub headers: Vec<String>,
    /// `client-request-id` or `x-ms-client-request-id`.
    pub client_request_id: Option<String>,
    /// The status it was answered with.
    pub status: u16,
    /// Which application permissions allow it, the least first; none where it takes none.
    pub roles: Vec<String>,
}

/// The bodies of an exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traffic {
    /// Who received it.
    pub service: Service,
    /// The method.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The request's body.
    pub request: Vec<u8>,
    /// The answer's status.
    pub status: u16,
    /// The answer's body.
    pub answer: Vec<u8>,
}

/// The company's time: its 30 days end when the lab starts, and go on from there.
struct Clock {
    end: jiff::Timestamp,
    started: Instant,
}

/// What the services share.
pub(crate) struct World {
    pub(crate) options: Options,
    pub(crate) directory: Directory,
    pub(crate) vaults: Vaults,
    pub(crate) mint: Mint,
    /// The key of the other issuer, whose tokens are federated.
    pub(crate) federation: KeyPair,
    /// What callers of the managed identity endpoint must know.
    pub(crate) identity_header: String,
    pub(crate) grounds: Grounds,
    pub(crate) objects: Objects,
    pub(crate) audit: Audit,
    /// Lists of export files that were given out.
    pub(crate) export_listings: AtomicU32,
    downloads: Mutex<BTreeMap<Option<u32>, u32>>,
    pub(crate) quotas: Quotas,
    pub(crate) dice: Dice,
    pub(crate) ledger: Ledger,
    pub(crate) connections: Connections,
    pub(crate) registry: Registry,
    pub(crate) snare: Snare,
    traffic: Mutex<Vec<Traffic>>,
    addresses: BTreeMap<Service, SocketAddr>,
    clock: Clock,
    seen: Mutex<Vec<Seen>>,
    token_requests: AtomicU32,
    vault_requests: AtomicU32,
}

/// The company's tables, and the objects that other endpoints tell from them.
fn told(options: &Options, end: jiff::Timestamp) -> Result<(Objects, Audit, Grounds)> {
    let tables = company::tables(options, end);
    Ok((Objects::new(&tables, end), Audit::new(&tables), Grounds::new(tables)?))
}

impl World {
    /// Makes the tenant. Slow: keys and data are made here.
    pub(crate) fn new(options: Options, addresses: BTreeMap<Service, SocketAddr>) -> Result<Self> {
        let now = jiff::Timestamp::now();
        let seconds = now.as_second();
        let clock = Clock { end: options.end.unwrap_or(now), started: Instant::now() };
        let (grounds, certificates) = std::thread::scope(|scope| {
            let grounds = scope.spawn(|| told(&options, clock.end));
            let certificates = Certificates::new(seconds);
            (grounds.join(), certificates)
        });
        let (objects, audit, grounds) = grounds.map_err(|_| Error::new(Kind::Failed, "could not make the lab's data"))??;
        let certificates = certificates?;
        let directory = Directory::new(&certificates.registered(), seconds);
        let secrets: Vec<String> =
            directory.app(COLLECTOR).map(|app| app.secrets.iter().map(|secret| secret.value.clone()).collect()).unwrap_or_default();
        let (good, expired) = (secrets.first().map_or("", String::as_str), secrets.last().map_or("", String::as_str));
        Ok(Self {
            vaults: Vaults::new(&certificates, &Secrets { good, expired }, seconds)?,
            mint: Mint::new(KeyPair::rsa("accounts.accesscontrol.windows.net", seconds - 86_400, seconds + 365 * 86_400)?)?,
            objects,
            audit,
            export_listings: AtomicU32::new(0),
            downloads: Mutex::default(),
            grounds,
            federation: KeyPair::rsa("federation", seconds - 86_400, seconds + 365 * 86_400)?,
            identity_header: guid(),
            dice: Dice::new(options.seed, &options.faults),
            quotas: Quotas::default(),
            ledger: Ledger::default(),
            connections: Connections::default(),
            registry: Registry::default(),
            snare: Snare::default(),
            traffic: Mutex::default(),
            seen: Mutex::default(),
            token_requests: AtomicU32::new(0),
            vault_requests: AtomicU32::new(0),
            directory,
            options,
            addresses,
            clock,
        })
    }

    /// What `now()` is in queries.
    pub(crate) fn now(&self) -> jiff::Timestamp {
        let elapsed = jiff::SignedDuration::try_from(self.clock.started.elapsed()).unwrap_or_default();
        self.clock.end.checked_add(elapsed).unwrap_or(self.clock.end)
    }

    /// Where a service listens.
    pub(crate) fn address(&self, service: Service) -> SocketAddr {
        self.addresses.get(&service).copied().unwrap_or_else(|| ([127, 0, 0, 1], 0).into())
    }

    /// The authority as it is configured.
    pub(crate) fn authority_host(&self) -> String {
        self.address(Service::Authority).to_string()
    }

    /// The other issuer.
    pub(crate) fn issuer(&self) -> String {
        format!("https://{}/federation", self.authority_host())
    }

    /// Every name that the authority is known by, the one that was called first.
    pub(crate) fn authority_hosts(&self, called: &str) -> Vec<String> {
        let port = self.address(Service::Authority).port();
        let mut hosts = vec![called.to_owned()];
        for name in ["127.0.0.1", "localhost", "login.lab.test"] {
            hosts.push(format!("{name}:{port}"));
        }
        hosts.push("login.lab.test".to_owned());
        let mut known = std::collections::BTreeSet::new();
        hosts.retain(|host| known.insert(host.clone()));
        hosts
    }

    /// Counts a token request; the first ones meet an outage where the lab is told so.
    pub(crate) fn authority_is_out(&self) -> bool {
        self.token_requests.fetch_add(1, Ordering::Relaxed) < self.options.authority_unavailable
    }

    /// Counts a vault request; the first ones are throttled where the lab is told so.
    pub(crate) fn vault_is_throttled(&self) -> bool {
        self.vault_requests.fetch_add(1, Ordering::Relaxed) < self.options.vault_throttled
    }

    /// A token to the vault for the vault-reader, as a signed-in tool would have it.
    pub(crate) fn vault_token(&self, now: i64, lifetime: i64) -> String {
        let (tenant, app) = (self.directory.tenant(HOME), self.directory.app(VAULT_READER));
        let token = tenant.zip(app).map(|(tenant, app)| {
            self.mint.issue(&Grant { tenant, app, resource: VAULT, audience: VAULT_AUDIENCE, proof: "1", now, lifetime })
        });
        let token = token.unwrap_or_default();
        self.ledger.note(token.as_str());
        token
    }

    /// A token of the administrator, a person, as a signed-in tool would have it.
    pub(crate) fn person_token(&self, audience: &str, now: i64, lifetime: i64) -> String {
        let token = self.mint.issue_person(audience, &self.options, now, lifetime);
        self.ledger.note(token.as_str());
        token
    }

    /// Keeps the bodies of an exchange, where that is asked for.
    pub(crate) async fn keep(&self, call: &Call, reply: Reply) -> Reply {
        if !self.options.record {
            return reply;
        }
        let (parts, body) = reply.into_parts();
        let answer = to_bytes(body, usize::MAX).await.unwrap_or_default();
        lock(&self.traffic).push(Traffic {
            service: call.service,
            method: call.method.to_string(),
            path: call.path.clone(),
            request: call.body.to_vec(),
            status: parts.status.as_u16(),
            answer: answer.to_vec(),
        });
        Reply::from_parts(parts, Body::from(answer))
    }

    /// The bodies that were kept.
    pub(crate) fn traffic(&self) -> Vec<Traffic> {
        lock(&self.traffic).clone()
    }

    /// Counts a download under a signature.
    pub(crate) fn downloads(&self, signature: Option<u32>) -> u32 {
        let mut downloads = lock(&self.downloads);
        let count = downloads.entry(signature).or_default();
        *count += 1;
        *count
    }

    /// Notes a request and what it was answered with.
    pub(crate) fn note(&self, call: &Call, status: u16) {
        let id = call.header("client-request-id").or(call.header("x-ms-client-request-id"));
        lock(&self.seen).push(Seen {
            service: call.service,
            method: call.method.to_string(),
            host: call.host.clone(),
            path: call.path.clone(),
            headers: call.headers.keys().map(|name| name.as_str().to_owned()).collect(),
            client_request_id: id.map(str::to_owned),
            status,
            roles: super::apis::permitting(call),
        });
    }

    /// Every request so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        lock(&self.seen).clone()
    }
}
