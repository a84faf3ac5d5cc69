//! Who administers, and where: the login, the tenant that it is signed in to, the directory and the vault of that.

use super::{
    journal::{self, Record},
    screen::Screen,
};
use crate::{
    api::directory::Directory,
    cli::{AdminAuth, AppArgs, PlaceArgs},
    error::{Error, Kind, Result},
    identity::{Claims, claims},
    journal::Journal,
    run::{Context, proof, wire::Wires},
    secret::Secret,
    settings::{self, AdminSettings, Profile, VaultAuth},
    setup::{Caller, Hands, Memory, Place},
    transport::Authorize,
    vault::{Address, Login, Session, Vault, VaultOptions},
};
use serde_json::Value;
use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

/// An administrator, signed in.
pub(super) struct Admin {
    pub(super) settings: AdminSettings,
    pub(super) wires: Wires,
    /// The profile, with the administrator's login as the one to the vault.
    pub(super) profile: Profile,
    /// The directory (tenant) that the administrator is signed in to.
    pub(super) tenant: String,
    /// The tenant that was named, where it is another one.
    pub(super) customer: Option<String>,
    pub(super) caller: Caller,
    pub(super) journal: Option<Arc<Journal>>,
    memory: Memory,
    login: Login,
    session: Arc<Session>,
    screen: Screen,
}

/// Whether a journal is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Things are changed.
    Write,
    /// Things are looked at.
    Look,
}

impl Admin {
    /// Settles who, where and how.
    ///
    /// # Errors
    /// [`Kind::Usage`] where something is wrong, [`Kind::Credential`] where the login fails.
    pub(super) async fn sign_in(context: &Context, args: &AppArgs, mode: Mode) -> Result<Self> {
        let settings = settings::resolve_admin(&context.global, &context.env, Path::new(""))?;
        let mut profile = settings.settings.profiles.first().cloned().ok_or_else(|| Error::new(Kind::Usage, "no profile is there"))?;
        profile.vault_auth = auth(args.admin_auth);
        let (record, wires) = match mode {
            Mode::Write => {
                let record = journal::open(context, &settings.settings, &args.journal)?;
                let wires = Wires::new(context, &settings.settings, Arc::clone(&record.journal))?;
                (record.into(), wires)
            }
            Mode::Look => ((None, journal::recall(&args.journal)?), Wires::without_case(context, &settings.settings)?),
        };
        let (journal, memory): (Option<Arc<Journal>>, Memory) = record;
        let login = proof::administrator(&wires, &profile)?;
        let session = Session::new(login.clone(), wires.client.clone(), Arc::clone(&wires.witness))?;
        let claims = wires.unless_cancelled(own_claims(&session, &profile)).await;
        let claims = claims.inspect_err(|error| drop(journal::end(journal.as_ref(), &Err::<(), _>(error.again()))))?;
        let named = wires.unless_cancelled(named_tenant(&wires, &profile)).await?;
        let (tenant, customer) = tenants(claims.as_ref(), named)?;
        let caller = claims.as_ref().map(caller).unwrap_or_default();
        let screen = Screen(context.console);
        Ok(Self { settings, wires, profile, tenant, customer, caller, journal, memory, login, session, screen })
    }

    /// Refuses to work on another tenant than the one that the administrator is signed in to.
    pub(super) fn at_home(&self) -> Result<()> {
        let Some(customer) = &self.customer else { return Ok(()) };
        let message = format!("the administrator is signed in to tenant {}, and {customer} is named", self.tenant);
        Err(Error::new(Kind::Credential, message)
            .with_code("OtherTenant")
            .hint(format!("`az login --tenant {customer}`, or name the other tenant")))
    }

    /// Returns what does things, on a registration of that name.
    pub(super) fn hands(&self, name: &str, vault: Option<Vault>, dry: bool) -> Result<Hands<'_>> {
        let endpoint = self.profile.cloud.endpoint(settings::Api::Graph)?;
        let directory = Directory {
            transport: self.wires.transport(Arc::clone(&self.wires.witness)),
            auth: Arc::new(Bearers(Arc::clone(&self.session))),
            root: endpoint.url.clone(),
            scope: endpoint.scope.clone(),
            lane: self.wires.admin_lane(&self.tenant),
            max_wait: self.settings.settings.max_wait.min(PATIENCE),
        };
        Ok(Hands {
            directory,
            vault,
            watch: &self.screen,
            journal: self.journal.clone().filter(|_| !dry),
            memory: self.memory.clone(),
            tenant: self.tenant.clone(),
            name: name.to_owned(),
            dry,
            script: Mutex::default(),
            done: Mutex::default(),
        })
    }

    /// Opens a vault with the administrator's login.
    pub(super) fn vault(&self, vault: &str) -> Result<Vault> {
        let address = Address::parse(vault, &self.profile.cloud.vault_suffix)?;
        let (client, witness) = (self.wires.client.clone(), Arc::clone(&self.wires.witness));
        Vault::open(VaultOptions { client, address, login: self.login.clone(), witness })
    }

    /// Returns where a credential lies: as it was said, else in the profile's vault.
    pub(super) fn place(&self, args: &PlaceArgs) -> Result<Option<Place>> {
        let Some(vault) = args.vault.clone().or_else(|| self.settings.vault.clone()) else { return Ok(None) };
        let address = Address::parse(&vault, &self.profile.cloud.vault_suffix)?;
        Ok(Some(Place { vault: address.to_string(), object: args.vault_name.clone() }))
    }

    /// Ends the journal's run and returns the exit code.
    pub(super) fn finish<T>(&self, outcome: Result<T>) -> Result<T> {
        let told = journal::end(self.journal.as_ref(), &outcome);
        let outcome = outcome?;
        told.map(|()| outcome)
    }

    pub(super) fn screen(&self) -> &Screen {
        &self.screen
    }
}

impl From<Record> for (Option<Arc<Journal>>, Memory) {
    fn from(record: Record) -> Self {
        (Some(record.journal), record.memory)
    }
}

/// Longest wait of one call: somebody sits before it.
const PATIENCE: Duration = Duration::from_mins(5);

fn auth(auth: AdminAuth) -> VaultAuth {
    match auth {
        AdminAuth::DeveloperTools => VaultAuth::DeveloperTools,
        AdminAuth::Environment => VaultAuth::Environment,
        AdminAuth::ManagedIdentity => VaultAuth::ManagedIdentity,
        AdminAuth::WorkloadIdentity => VaultAuth::WorkloadIdentity,
    }
}

/// Gets a token for Graph and reads what it says; none where it is opaque.
async fn own_claims(session: &Session, profile: &Profile) -> Result<Option<Claims>> {
    let scope = &profile.cloud.endpoint(settings::Api::Graph)?.scope;
    let bearer = session.bearer(scope).await.map_err(|error| error.context("signing in as the administrator"))?;
    Ok(claims(&bearer.token).ok())
}

async fn named_tenant(wires: &Wires, profile: &Profile) -> Result<Option<String>> {
    match profile.tenants.as_slice() {
        [] => Ok(None),
        [one] => wires.entra.resolve_tenant(&proof::authority(profile), one).await.map(|directory| Some(directory.id)),
        _ => Err(Error::new(Kind::Usage, "`app` works on one tenant, and several are named").hint("choose one with --tenant")),
    }
}

/// The tenant that the administrator is signed in to, and the one that was named where it is another.
fn tenants(claims: Option<&Claims>, named: Option<String>) -> Result<(String, Option<String>)> {
    let own = claims.map(|claims| claims.tenant.to_ascii_lowercase()).filter(|tenant| !tenant.is_empty());
    match (own, named) {
        (Some(own), Some(named)) if !own.eq_ignore_ascii_case(&named) => Ok((own, Some(named))),
        (_, Some(named)) => Ok((named, None)),
        (Some(own), None) => Ok((own, None)),
        (None, None) => Err(Error::new(Kind::Usage, "no tenant is named").hint("give --tenant: the directory id or a verified domain")),
    }
}

fn caller(claims: &Claims) -> Caller {
    let text = |name: &str| claims.all.get(name).and_then(Value::as_str).unwrap_or_default();
    let list = |name: &str| {
        let list = claims.all.get(name)?.as_array()?;
        Some(list.iter().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>())
    };
    let person = ["scp", "upn", "unique_name", "preferred_username"].iter().any(|name| !text(name).is_empty()) || list("wids").is_some();
    let is_app = text("idtyp") == "app" || (text("idtyp").is_empty() && !person);
    Caller { is_app, roles: claims.roles.clone(), object_id: claims.object_id.clone(), directory_roles: list("wids") }
}

/// The administrator's tokens, for Graph.
struct Bearers(Arc<Session>);

#[async_trait::async_trait]
impl Authorize for Bearers {
    async fn bearer(&self, scope: &str) -> Result<Secret> {
        Ok(self.0.bearer(scope).await?.token)
    }

    async fn renew(&self, scope: &str, rejected: &Secret) -> Result<Secret> {
        Ok(self.0.renew(scope, rejected).await?.token)
    }
}
