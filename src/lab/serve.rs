//! Listening: one port a service, TLS, HTTP/1.1 and HTTP/2, and every request noted.

use super::{
    apis, entra, metadata,
    pki::Authority,
    pulls,
    snare::Trap,
    vault,
    wire::{Call, Reply, Service, json, reply},
    world::World,
};
use crate::error::{Error, Kind, Result};
use axum::{
    Router,
    extract::{ConnectInfo, Request, State},
};
use axum_server::{
    Handle,
    tls_rustls::{RustlsAcceptor, RustlsConfig},
};
use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

/// Ports that are taken but not yet served.
pub(super) type Listeners = BTreeMap<Service, TcpListener>;

/// Takes a port for each service, from `first` on or any that are free.
pub(super) fn listen(first: Option<u16>) -> Result<Listeners> {
    let mut listeners = BTreeMap::new();
    for (offset, service) in (0_u16..).zip(Service::ALL) {
        let port = match first {
            Some(first) => first.checked_add(offset).ok_or_else(|| no_port(u32::from(first) + u32::from(offset), &"beyond 65535"))?,
            None => 0,
        };
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|error| no_port(port.into(), &error))?;
        taken.set_nonblocking(true).map_err(|error| no_port(port.into(), &error))?;
        listeners.insert(service, taken);
    }
    Ok(listeners)
}

fn no_port(port: u32, cause: &dyn std::fmt::Display) -> Error {
    Error::new(Kind::Usage, format!("the lab could not listen on port {port} of 127.0.0.1: {cause}"))
        .hint("give --port another first port (the lab takes seven), or leave it out to take any that are free")
}

/// The addresses of listeners.
pub(super) fn addresses(listeners: &Listeners) -> Result<BTreeMap<Service, SocketAddr>> {
    let address = |listener: &TcpListener| listener.local_addr().map_err(|error| no_port(0, &error));
    listeners.iter().map(|(service, listener)| Ok((*service, address(listener)?))).collect()
}

/// Starts serving; it ends with the handle.
pub(super) fn serve(world: &Arc<World>, authority: &Authority, listeners: Listeners) -> Result<Handle<SocketAddr>> {
    let handle = Handle::new();
    for (service, listener) in listeners {
        let server = axum_server::from_tcp(listener).map_err(|error| no_port(0, &error))?.handle(handle.clone());
        let router = Router::new().fallback(answer).with_state((Arc::clone(world), service));
        let router = router.into_make_service_with_connect_info::<SocketAddr>();
        if service == Service::Identity {
            tokio::spawn(until_the_end(service, server.serve(router)));
            continue;
        }
        let tls = RustlsConfig::from_config(authority.server(&names(service))?);
        let acceptor = RustlsAcceptor::new(tls).acceptor(world.connections.clone());
        tokio::spawn(until_the_end(service, server.acceptor(acceptor).serve(router)));
    }
    Ok(handle)
}

async fn until_the_end(service: Service, serving: impl Future<Output = std::io::Result<()>>) {
    if let Err(error) = serving.await {
        tracing::warn!(service = service.name(), %error, "the lab stopped serving");
    }
}

/// The names in a service's certificate.
fn names(service: Service) -> Vec<String> {
    let own: Vec<String> = match service {
        Service::Authority => vec!["login.lab.test".to_owned()],
        Service::Graph => vec!["graph.lab.test".to_owned()],
        Service::Xdr => vec!["api.security.lab.test".to_owned()],
        Service::Mde => vec!["api.securitycenter.lab.test".to_owned()],
        Service::Identity => Vec::new(),
        Service::Storage => vec!["storage.lab.test".to_owned()],
        Service::Vault => vault::NAMES.iter().map(|name| format!("{name}.{}", super::directory::VAULT_SUFFIX)).collect(),
    };
    let wild = (service == Service::Vault).then(|| format!("*.{}", super::directory::VAULT_SUFFIX));
    ["localhost".to_owned(), "127.0.0.1".to_owned()].into_iter().chain(own).chain(wild).collect()
}

type Desk = (Arc<World>, Service);

async fn answer(State((world, service)): State<Desk>, ConnectInfo(peer): ConnectInfo<SocketAddr>, request: Request) -> Reply {
    let call = match Call::read(service, peer, request).await {
        Ok(call) => call,
        Err((call, refused)) => {
            world.note(&call, refused.status().as_u16());
            return refused;
        }
    };
    match world.snare.step() {
        None => answered_by(&world, &call).await,
        Some(Trap::HoldBefore) => std::future::pending().await,
        Some(Trap::HoldAfter) => {
            let _nobody_hears_it = answered_by(&world, &call).await;
            world.snare.spring();
            std::future::pending().await
        }
        Some(Trap::Drop { done }) => {
            if done {
                let _nobody_hears_it = answered_by(&world, &call).await;
            }
            world.connections.tear(call.peer);
            reply(500, "text/plain", "")
        }
        Some(Trap::Fail { done }) => {
            if done {
                let _nobody_hears_it = answered_by(&world, &call).await;
            }
            world.note(&call, 500);
            json(500, &serde_json::json!({"error": {"code": "InternalServerError", "message": "An error has occurred."}}))
        }
    }
}

/// Has the service answer, and notes the exchange.
async fn answered_by(world: &World, call: &Call) -> Reply {
    let answered = match call.service {
        Service::Authority => entra::answer(world, call),
        Service::Vault => vault::answer(world, call),
        Service::Identity => metadata::answer(world, call),
        Service::Storage => pulls::exports::storage(world, call),
        Service::Graph | Service::Xdr | Service::Mde => Box::pin(apis::answer(world, call)).await,
    };
    world.note(call, answered.status().as_u16());
    world.keep(call, answered).await
}

/// Ends serving: open calls have a moment to end, then they are dropped.
pub(super) async fn stop(handle: &Handle<SocketAddr>) {
    handle.graceful_shutdown(Some(Duration::from_millis(200)));
    for _ in 0..50 {
        if handle.connection_count() == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    handle.shutdown();
}
