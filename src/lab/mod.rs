//! A simulated tenant in this process (feature `lab`): Entra ID, Key Vault, Microsoft Graph, Defender XDR and Defender for
//! Endpoint, each over TLS on a loopback port.
//!
//! It is a server, not a friend of the client: it follows what is known of the services, refuses what they refuse, and knows
//! nothing of settings, collection or cases. Queries are answered by the engine of [`crate::kql`]; nothing is canned.
//!
//! ```text
//! options ─► start ─► Lab ── lab.toml, ca.pem, lab.env ─► any client
//!                      │
//!      serve ─► wire ─► entra │ vault │ apis ─► hunting ─► kql::engine over the company's tables
//! ```

mod apis;
mod body;
mod company;
mod connections;
pub mod data;
mod directory;
mod entra;
mod faults;
mod files;
mod hunting;
mod ids;
mod keys;
mod metadata;
mod options;
mod pki;
mod pulls;
mod quota;
mod refusal;
mod registry;
mod roles;
mod serve;
mod snare;
mod tokens;
mod vault;
mod wire;
mod world;

pub use options::{Caps, Fault, FaultKind, Options, Orders, Pulls, Retirement, Shape};
pub use snare::Trap;
pub use wire::Service;
pub use world::{Seen, Traffic};

use crate::error::{Error, Kind, Result};
use axum_server::Handle;
use directory::Directory;
use pki::Authority;
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};
use world::World;

/// A running lab. It stops serving when it is dropped.
pub struct Lab {
    world: Arc<World>,
    ca_pem: String,
    handle: Handle<SocketAddr>,
}

/// An application registration of the lab: who it is and a secret that belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// Its display name: `ir-collector`, `vault-reader`, and others that are refused in one way each.
    pub name: String,
    /// Application (client) id.
    pub app_id: String,
    /// Its client secret; the good one where there are several.
    pub secret: crate::secret::Secret,
}

/// What was registered in the lab's directory, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// Object id.
    pub id: String,
    /// Application (client) id.
    pub app_id: String,
    /// Display name.
    pub name: String,
    /// Whether it was deleted.
    pub deleted: bool,
    /// How many service principals it has, in all tenants.
    pub principals: usize,
    /// What they were granted: `graph:ThreatHunting.Read.All`, sorted.
    pub granted: Vec<String>,
    /// Ids of its certificates.
    pub certificates: Vec<String>,
    /// Ids of its client secrets.
    pub secrets: Vec<String>,
    /// `AzureADMyOrg`, ...
    pub audience: String,
    /// How many roles it declares to need.
    pub declared: usize,
    /// Its tags.
    pub tags: Vec<String>,
}

/// What lies in the lab's vault under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// `certificate` or `secret`.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// How many versions it has.
    pub versions: usize,
    /// How many of them are enabled.
    pub enabled: usize,
    /// Whether it lies among the deleted.
    pub deleted: bool,
}

/// Starts a simulated tenant.
///
/// # Errors
/// [`Kind::Usage`] where a port cannot be taken, [`Kind::Failed`] where keys or data cannot be made.
pub async fn start(options: Options) -> Result<Lab> {
    let listeners = serve::listen(options.port)?;
    let addresses = serve::addresses(&listeners)?;
    let made = tokio::task::spawn_blocking(move || World::new(options, addresses)).await;
    let world = Arc::new(made.map_err(|error| Error::new(Kind::Failed, format!("the lab could not be made: {error}")))??);
    let authority = Authority::new()?;
    let handle = serve::serve(&world, &authority, listeners)?;
    Ok(Lab { world, ca_pem: authority.pem, handle })
}

impl Lab {
    /// Where a service listens.
    pub fn address(&self, service: Service) -> SocketAddr {
        self.world.address(service)
    }

    /// The address of a service as a URL without a path, `https://127.0.0.1:PORT`.
    pub fn url(&self, service: Service) -> String {
        let scheme = if service == Service::Identity { "http" } else { "https" };
        format!("{scheme}://{}", self.address(service))
    }

    /// All services and where they listen.
    pub fn addresses(&self) -> Vec<(Service, SocketAddr)> {
        Service::ALL.into_iter().map(|service| (service, self.address(service))).collect()
    }

    /// The certificate that clients are to trust, PEM.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The directory (tenant) id of the company.
    pub fn tenant(&self) -> &'static str {
        directory::HOME
    }

    /// All tenants: directory id and domains. The collector's registration is in each, the others in the first only.
    pub fn tenants(&self) -> Vec<(String, Vec<String>)> {
        let Directory { tenants, .. } = &self.world.directory;
        tenants.iter().map(|tenant| (tenant.id.clone(), tenant.domains.clone())).collect()
    }

    /// The application registrations that have a secret.
    pub fn registrations(&self) -> Vec<Registration> {
        let apps = self.world.directory.apps.iter().filter_map(|app| {
            let secret = crate::secret::Secret::new(app.secrets.first()?.value.as_str());
            Some(Registration { name: app.name.clone(), app_id: app.id.clone(), secret })
        });
        apps.collect()
    }

    /// What `now()` is in the lab's queries.
    pub fn now(&self) -> jiff::Timestamp {
        self.world.now()
    }

    /// The content of `lab.toml`, for a certificate that lies at `ca_file` (absolute, or relative to `lab.toml`).
    pub fn toml(&self, ca_file: &Path) -> String {
        files::toml(&self.world, &ca_file.display().to_string())
    }

    /// The variables of `lab.env`: those of ircollect, the vault's login, and addresses for curl.
    pub fn variables(&self, dir: &Path) -> Vec<(&'static str, String)> {
        let path = |name: &str| dir.join(name).display().to_string();
        files::variables(&self.world, &path("lab.toml"), &path("ca.pem"))
    }

    /// The content of `lab.env`, for files that lie in `dir`.
    pub fn env(&self, dir: &Path) -> String {
        files::env(&self.variables(dir))
    }

    /// Writes `lab.toml`, `ca.pem` and `lab.env` to `dir`, which is made if it is not there. Returns the path of `lab.toml`.
    ///
    /// # Errors
    /// [`Kind::Disk`] where they cannot be written.
    pub fn write(&self, dir: &Path) -> Result<PathBuf> {
        fs_err::create_dir_all(dir).map_err(|error| Error::new(Kind::Disk, format!("could not make the lab's folder: {error}")))?;
        let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
        files::write(&dir.join("ca.pem"), &self.ca_pem)?;
        files::write(&dir.join("lab.env"), &self.env(&dir))?;
        files::write(&dir.join("lab.toml"), &self.toml(Path::new("ca.pem")))?;
        Ok(dir.join("lab.toml"))
    }

    /// The variables of an App Service whose managed identity is `ir-identity`.
    pub fn identity_variables(&self) -> Vec<(&'static str, String)> {
        let endpoint = format!("{}/msi/token", self.url(Service::Identity));
        vec![("IDENTITY_ENDPOINT", endpoint), ("IDENTITY_HEADER", self.world.identity_header.clone())]
    }

    /// A token of another issuer that stands for `ir-collector` or `vault-reader` (workload identity federation), good for `lifetime` seconds.
    pub fn federated_token(&self, lifetime: i64) -> crate::secret::Secret {
        crate::secret::Secret::new(entra::federated::token(&self.world, jiff::Timestamp::now().as_second(), lifetime))
    }

    /// A stand-in for the Azure CLI: a shell script that, called `az` and first on PATH, is signed in as the vault-reader.
    pub fn az_script(&self) -> String {
        files::az_script(&self.world)
    }

    /// Every request received so far, in the order of the answers.
    pub fn seen(&self) -> Vec<Seen> {
        self.world.seen()
    }

    /// What was registered in the directory since the lab began.
    pub fn holdings(&self) -> Vec<Holding> {
        self.world.registry.holdings()
    }

    /// What lies in the vault, made by callers or there from the start.
    pub fn kept(&self) -> Vec<Kept> {
        self.world.vaults.kept()
    }

    /// The private keys of all certificates in the vault, PEM (PKCS#8): what no body may hold.
    pub fn private_keys(&self) -> Vec<String> {
        self.world.vaults.private_keys()
    }

    /// Bodies of requests and answers, where [`Options::record`] asks for them.
    pub fn traffic(&self) -> Vec<Traffic> {
        self.world.traffic()
    }

    /// Sets a trap for the `nth` (from 1) of the calls that come from now on.
    pub fn set_trap(&self, nth: u32, trap: Trap) {
        self.world.snare.set(nth, trap);
    }

    /// Says whether the trap has sprung.
    pub fn is_sprung(&self) -> bool {
        self.world.snare.is_sprung()
    }

    /// How many calls were counted since a trap was set.
    pub fn calls_since(&self) -> u32 {
        self.world.snare.calls()
    }

    /// The variables of somebody who administers by an application: those of `lab.env`, with another login.
    pub fn admin_variables(&self) -> Vec<(&'static str, String)> {
        let secret = self.world.directory.secret_of(directory::ADMIN).to_owned();
        vec![("AZURE_CLIENT_ID", directory::ADMIN.to_owned()), ("AZURE_CLIENT_SECRET", secret)]
    }

    /// A stand-in for the Azure CLI that is signed in as the administrator, a person.
    pub fn az_admin_script(&self) -> String {
        files::az_admin_script(&self.world)
    }

    /// Every secret, key and token handed out so far, and the secrets of the registrations: what no log may hold.
    pub fn secrets_handed_out(&self) -> Vec<String> {
        let registered = self.world.directory.apps.iter().flat_map(|app| app.secrets.iter().map(|secret| secret.value.clone()));
        let mut all: Vec<String> = registered.chain(self.world.ledger.all()).chain(self.world.registry.secrets()).collect();
        all.sort();
        all.dedup();
        all
    }

    /// Stops serving; open calls have a moment to end.
    pub async fn stop(self) {
        serve::stop(&self.handle).await;
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.handle.shutdown();
    }
}
