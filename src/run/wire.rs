//! From settings to things that work: the HTTP client, the vault and its login, the application's identity in each tenant, lanes.

use super::{
    Context,
    witness::{Journalling, Logging, Skew},
};
use crate::{
    api::hunting::Api,
    error::{Error, Kind, Result},
    identity::{App, AppOptions, Authority, Claims, Entra, EntraOptions, KeyPair, LocalSigner, Marks, Proof, Signer, VaultSigner, claims},
    journal::Journal,
    secret::Secret,
    settings::{self, Assertion, Credential, Profile, Quota, SecretSource, Settings, Sign, VaultLogin, read_bytes},
    transport::{Authorize, HttpOptions, Limits, Pace, Transport, Witness, client},
    vault::{Address, Login, Object, Session, Vault, VaultOptions},
};
use jiff::Timestamp;
use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};
use tokio_util::sync::CancellationToken;

/// What all tenants of a run share.
pub(super) struct Wires {
    pub(super) client: reqwest::Client,
    pub(super) witness: Arc<dyn Witness>,
    pub(super) skew: Skew,
    pace: Arc<Pace>,
    cancel: CancellationToken,
    lanes: Mutex<HashSet<String>>,
}

/// An application in a tenant, ready to ask.
pub(super) struct Tenant {
    /// Directory id.
    pub(super) id: String,
    pub(super) profile: Profile,
    pub(super) app: Arc<App>,
    /// What a person should know of the credential: an end that is near.
    pub(super) warnings: Vec<String>,
}

/// What came of connecting to a tenant.
pub(super) struct Connected {
    /// Directory id, or what was typed where it could not be resolved.
    pub(super) named: String,
    /// Name of the profile.
    pub(super) profile: String,
    pub(super) reached: Result<Tenant>,
}

impl Wires {
    /// Prepares what all tenants share; every exchange goes to the journal.
    pub(super) fn new(context: &Context, settings: &Settings, journal: Arc<Journal>) -> Result<Self> {
        let skew = Skew::default();
        let witness = Arc::new(Journalling { journal, skew: skew.clone() });
        Self::with(context, settings, witness, skew)
    }

    fn with(context: &Context, settings: &Settings, witness: Arc<dyn Witness>, skew: Skew) -> Result<Self> {
        let options = HttpOptions { ca_pem: settings.ca_pem.clone(), resolve: settings.resolve.clone(), ..HttpOptions::default() };
        let pace = Arc::new(Pace::new(Limits::default()));
        Ok(Self { client: client(&options)?, witness, skew, pace, cancel: context.cancel(), lanes: Mutex::default() })
    }

    /// Returns the lane of a tenant's hunting API, with its limits: of the flag and the quota the smaller holds.
    pub(super) fn lane(&self, tenant: &str, api: Api, quota: &Quota, concurrency: u16) -> String {
        let lane = format!("{tenant}/{api}");
        if self.lanes.lock().unwrap_or_else(PoisonError::into_inner).insert(lane.clone()) {
            let limits = Limits {
                per_minute: quota.calls_per_minute,
                per_hour: quota.calls_per_hour,
                in_flight: quota.in_flight.min(concurrency).max(1),
            };
            self.pace.limit(&lane, limits);
        }
        lane
    }

    /// Returns a transport over the shared client and lanes that tells `witness`.
    pub(super) fn transport(&self, witness: Arc<dyn Witness>) -> Transport {
        Transport::new(self.client.clone(), Arc::clone(&self.pace), witness, self.cancel.clone())
    }

    async fn unless_cancelled<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            outcome = work => outcome,
            () = self.cancel.cancelled() => Err(Error::new(Kind::Interrupted, "interrupted before anything was asked")),
        }
    }
}

/// Connects to all tenants side by side, to the point of having a token.
pub(super) async fn connect(settings: &Settings, wires: &Wires) -> Vec<Connected> {
    let pairs = settings.profiles.iter().flat_map(|profile| profile.tenants.iter().map(move |tenant| (profile, tenant)));
    let all = pairs.map(|(profile, tenant)| async move {
        let reached = wires.unless_cancelled(reach(wires, profile, tenant)).await;
        let named = reached.as_ref().map_or_else(|_| tenant.clone(), |reached| reached.id.clone());
        Connected { named, profile: profile.name.clone(), reached }
    });
    futures::future::join_all(all).await
}

/// Connects to the one tenant of a profile, for commands without a case.
pub(super) async fn connect_one(context: &Context, settings: &Settings, profile: &Profile) -> Result<Tenant> {
    let [tenant] = profile.tenants.as_slice() else {
        return Err(Error::new(Kind::Usage, format!("the profile `{}` has several tenants", profile.name)).hint("choose one with --tenant"));
    };
    let logging = Logging::default();
    let skew = logging.skew.clone();
    let wires = Wires::with(context, settings, Arc::new(logging), skew)?;
    wires.unless_cancelled(identify(&wires, profile, tenant)).await
}

/// Gets as far as a token for the first API that the profile may use: with it, every fault of credential, consent and clock shows
/// before a job begins.
async fn reach(wires: &Wires, profile: &Profile, tenant: &str) -> Result<Tenant> {
    let tenant = identify(wires, profile, tenant).await?;
    let api = profile.apis.first().copied().unwrap_or(settings::Api::Graph);
    tenant.app.bearer(&profile.cloud.endpoint(api)?.scope).await?;
    Ok(tenant)
}

async fn identify(wires: &Wires, profile: &Profile, tenant: &str) -> Result<Tenant> {
    let entra = Entra::new(EntraOptions::new(wires.client.clone(), Arc::clone(&wires.witness)));
    let marks = profile.cloud.marks.as_ref();
    let marks = marks.map(|marks| Marks { instance: marks.instance.clone(), graph_host: marks.graph_host.clone() });
    let authority = Authority { url: profile.cloud.authority.clone(), marks };
    let directory = entra.resolve_tenant(&authority, tenant).await?;
    let mut warnings = Vec::new();
    let proof = proof(wires, profile, &entra, &authority, &mut warnings).await?;
    let app = App::new(AppOptions { entra, authority, tenant: directory.id.clone(), app_id: profile.app_id.clone(), proof });
    Ok(Tenant { id: directory.id, profile: profile.clone(), app: Arc::new(app), warnings })
}

/// Makes ready what the application proves itself with: read from a file, a variable or the vault, or left in the vault.
async fn proof(wires: &Wires, profile: &Profile, entra: &Entra, authority: &Authority, warnings: &mut Vec<String>) -> Result<Proof> {
    match &profile.credential {
        Credential::VaultSecret { vault, secret } => {
            let stored = open_vault(wires, profile, vault, entra, authority)?.secret(&Object::parse(secret)?).await?;
            warnings.extend(stored.warnings);
            Ok(Proof::Secret(trimmed(&stored.value)))
        }
        Credential::VaultCertificate { vault, certificate, sign, assertion } => {
            let vault = Arc::new(open_vault(wires, profile, vault, entra, authority)?);
            let signer = vault_signer(vault, &Object::parse(certificate)?, *sign, warnings).await?;
            certificate_proof(signer, *assertion, warnings)
        }
        Credential::CertificateFile { path, password, assertion } => {
            let signer = Arc::new(LocalSigner::new(key_pair(path, password.as_ref())?));
            certificate_proof(signer, *assertion, warnings)
        }
        Credential::Secret(source) => Ok(Proof::Secret(source.read()?)),
        Credential::FederatedTokenFile(path) => {
            let source = SecretSource::File(path.clone());
            Ok(Proof::Federated(Arc::new(move || source.read())))
        }
        Credential::ManagedIdentity(id) => {
            let session = Session::new(Login::ManagedIdentity(id.clone()), wires.client.clone(), Arc::clone(&wires.witness))?;
            Ok(Proof::Machine(session))
        }
    }
}

/// A secret may end in one line break, which whoever stored it from a file put there (apis.md 3.3).
fn trimmed(secret: &Secret) -> Secret {
    let value = secret.expose();
    let value = value.strip_suffix('\n').unwrap_or(value);
    Secret::new(value.strip_suffix('\r').unwrap_or(value))
}

async fn vault_signer(vault: Arc<Vault>, object: &Object, sign: Sign, warnings: &mut Vec<String>) -> Result<Arc<dyn Signer>> {
    let unfit = |error: Error| error.context(format_args!("the certificate `{object}` of the vault"));
    if sign == Sign::Vault {
        let public = vault.certificate(object).await?;
        warnings.extend(public.warnings.clone());
        return Ok(Arc::new(VaultSigner::new(vault, public).map_err(unfit)?));
    }
    let stored = vault.secret(object).await?;
    warnings.extend(stored.warnings.clone());
    Ok(Arc::new(LocalSigner::from_vault(&stored).map_err(unfit)?))
}

fn certificate_proof(signer: Arc<dyn Signer>, assertion: Assertion, warnings: &mut Vec<String>) -> Result<Proof> {
    let now = Timestamp::now();
    signer.certificate().check_time(now)?;
    if warnings.is_empty() {
        warnings.extend(signer.certificate().warning(now));
    }
    Ok(Proof::Certificate { signer, rs256: assertion.rs256, send_chain: assertion.send_chain })
}

fn key_pair(path: &std::path::Path, password: Option<&SecretSource>) -> Result<KeyPair> {
    let password = password.map(SecretSource::read).transpose()?;
    let pair = KeyPair::parse(&read_bytes(path)?, password.as_ref());
    pair.map_err(|error| error.context(format_args!("the certificate file {}", path.display())))
}

fn open_vault(wires: &Wires, profile: &Profile, vault: &str, entra: &Entra, authority: &Authority) -> Result<Vault> {
    Vault::open(VaultOptions {
        client: wires.client.clone(),
        address: Address::parse(vault, &profile.cloud.vault_suffix)?,
        login: vault_login(profile, entra, authority)?,
        witness: Arc::clone(&wires.witness),
    })
}

/// The login to the vault is not the application's: the application's secret lies in the vault.
fn vault_login(profile: &Profile, entra: &Entra, authority: &Authority) -> Result<Login> {
    Ok(match profile.vault_login()? {
        VaultLogin::DeveloperTools => Login::DeveloperTools,
        VaultLogin::ManagedIdentity(id) => Login::ManagedIdentity(id),
        VaultLogin::WorkloadIdentity { tenant, app_id, token_file } => {
            Login::WorkloadIdentity { authority: authority.url.clone(), tenant, app_id, token_file }
        }
        VaultLogin::Environment { tenant, app_id, credential } => {
            let proof = environment_proof(&credential)?;
            let options = AppOptions { entra: entra.clone(), authority: authority.clone(), tenant, app_id, proof };
            Login::Bearer(Arc::new(App::new(options)))
        }
    })
}

/// The credentials that the `AZURE_*` variables can name.
fn environment_proof(credential: &Credential) -> Result<Proof> {
    match credential {
        Credential::Secret(source) => Ok(Proof::Secret(source.read()?)),
        Credential::CertificateFile { path, password, assertion } => {
            let signer = Arc::new(LocalSigner::new(key_pair(path, password.as_ref())?));
            certificate_proof(signer, *assertion, &mut Vec::new())
        }
        other => Err(Error::new(Kind::Usage, format!("the vault's login by environment cannot be a {}", other.words()))
            .hint("set AZURE_CLIENT_SECRET or AZURE_CLIENT_CERTIFICATE_PATH, or choose another `vault_auth`")),
    }
}

/// The same API as the settings name it.
pub(super) fn settings_api(api: Api) -> settings::Api {
    match api {
        Api::Graph => settings::Api::Graph,
        Api::Xdr => settings::Api::Xdr,
        Api::Mde => settings::Api::Mde,
    }
}

impl Tenant {
    /// Says whether the profile may use the API and its token holds the permission to hunt there. A token that cannot be read is
    /// no reason against it: the API has the last word.
    pub(super) async fn may_hunt(&self, api: Api) -> bool {
        let named = settings_api(api);
        let Ok(endpoint) = self.profile.cloud.endpoint(named) else { return false };
        if !self.profile.apis.contains(&named) {
            return false;
        }
        match self.claims(&endpoint.scope).await {
            Ok(Some(claims)) => claims.roles.iter().any(|role| role == api.permission()),
            Ok(None) => true,
            Err(_) => false,
        }
    }

    /// Returns the claims of the token for `scope`; none where it is opaque.
    pub(super) async fn claims(&self, scope: &str) -> Result<Option<Claims>> {
        let token = self.app.bearer(scope).await?;
        Ok(claims(&token).ok())
    }
}
