//! From settings to things that work: the HTTP client, the application's identity in each tenant, lanes.

use super::{
    Context, allowed,
    proof::{self, Ready},
    witness::{Journalling, Logging, Skew},
};
use crate::{
    api::hunting::Api,
    error::{Error, Kind, Result},
    identity::{App, AppOptions, Claims, Directory, Entra, EntraOptions, claims},
    journal::Journal,
    settings::{self, Profile, Quota, Settings},
    transport::{Authorize, HttpOptions, Limits, Pace, Transport, Witness, client},
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
    /// The token service, and what is known of its clock: one for all tenants.
    pub(super) entra: Entra,
    pub(super) skew: Skew,
    pub(super) pace: Arc<Pace>,
    cancel: CancellationToken,
    pub(super) lanes: Mutex<HashSet<String>>,
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

impl Connected {
    fn failed(named: &str, profile: &Profile, error: Error) -> Self {
        Self { named: named.to_owned(), profile: profile.name.clone(), reached: Err(error) }
    }
}

impl Wires {
    /// Prepares what all tenants share; every exchange goes to the journal.
    pub(super) fn new(context: &Context, settings: &Settings, journal: Arc<Journal>) -> Result<Self> {
        let skew = Skew::default();
        let witness = Arc::new(Journalling { journal, skew: skew.clone() });
        Self::with(context, settings, witness, skew)
    }

    /// The same for commands without a case: every exchange goes to the log.
    pub(super) fn without_case(context: &Context, settings: &Settings) -> Result<Self> {
        let logging = Logging::default();
        let skew = logging.skew.clone();
        Self::with(context, settings, Arc::new(logging), skew)
    }

    fn with(context: &Context, settings: &Settings, witness: Arc<dyn Witness>, skew: Skew) -> Result<Self> {
        let options = HttpOptions { ca_pem: settings.ca_pem.clone(), resolve: settings.resolve.clone(), ..HttpOptions::default() };
        let pace = Arc::new(Pace::new(Limits::default()));
        let client = client(&options)?;
        let entra = Entra::new(EntraOptions::new(client.clone(), Arc::clone(&witness)));
        Ok(Self { client, witness, entra, skew, pace, cancel: context.cancel(), lanes: Mutex::default() })
    }

    /// Returns the lane of a tenant's hunting API, with its limits: of the flag and the quota the smaller holds. Of `earlier`, the calls of
    /// other runs by lane and time, those that the service still counts take their place in it.
    pub(super) fn lane(&self, tenant: &str, api: Api, quota: &Quota, concurrency: u16, earlier: &[(String, Timestamp)]) -> String {
        let lane = format!("{tenant}/{api}");
        if self.lanes.lock().unwrap_or_else(PoisonError::into_inner).insert(lane.clone()) {
            let limits = Limits {
                per_minute: quota.calls_per_minute,
                per_hour: quota.calls_per_hour,
                in_flight: quota.in_flight.min(concurrency).max(1),
            };
            self.pace.limit(&lane, limits);
            let now = Timestamp::now();
            for (_, time) in earlier.iter().filter(|(of, _)| *of == lane) {
                self.pace.earlier(&lane, now.duration_since(*time).unsigned_abs());
            }
        }
        lane
    }

    /// Returns the lane of an administrator's calls, which the directory paces itself.
    pub(super) fn admin_lane(&self, tenant: &str) -> String {
        let lane = format!("{tenant}/setup");
        if self.lanes.lock().unwrap_or_else(PoisonError::into_inner).insert(lane.clone()) {
            self.pace.limit(&lane, Limits { per_minute: 1_000, per_hour: None, in_flight: 4 });
        }
        lane
    }

    /// Returns a transport over the shared client and lanes that tells `witness`.
    pub(super) fn transport(&self, witness: Arc<dyn Witness>) -> Transport {
        Transport::new(self.client.clone(), Arc::clone(&self.pace), witness, self.cancel.clone())
    }

    /// Ends work that is waited for when the process is to end.
    ///
    /// # Errors
    /// [`Kind::Interrupted`].
    pub(super) async fn unless_cancelled<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            outcome = work => outcome,
            () = self.cancel.cancelled() => Err(Error::new(Kind::Interrupted, "interrupted before anything was asked").hint("run it again")),
        }
    }
}

/// What came of a profile: its credential, made ready once, and each of its tenants.
pub(super) struct Stages {
    pub(super) ready: Result<Ready>,
    /// What was typed, and the directory that it is.
    pub(super) tenants: Vec<(String, Result<Directory>)>,
}

/// Makes a profile's credential ready and finds its tenants, side by side.
pub(super) async fn stages(wires: &Wires, profile: &Profile) -> Stages {
    let authority = proof::authority(profile);
    let one = |tenant: &String| {
        let tenant = tenant.clone();
        let authority = &authority;
        async move {
            let found = wires.unless_cancelled(wires.entra.resolve_tenant(authority, &tenant)).await;
            (tenant, found)
        }
    };
    let tenants = futures::future::join_all(profile.tenants.iter().map(one));
    let (ready, tenants) = futures::join!(wires.unless_cancelled(proof::ready(wires, profile)), tenants);
    Stages { ready, tenants }
}

/// Returns the application in one directory.
pub(super) fn tenant(wires: &Wires, profile: &Profile, ready: &Ready, directory: &Directory) -> Tenant {
    let options = AppOptions {
        entra: wires.entra.clone(),
        authority: proof::authority(profile),
        tenant: directory.id.clone(),
        app_id: profile.app_id.clone(),
        proof: ready.proof.clone(),
    };
    let app = Arc::new(App::new(options));
    Tenant { id: directory.id.clone(), profile: profile.clone(), app, warnings: ready.warnings.clone() }
}

/// Connects to all tenants side by side, to the point of having a token. A profile that `refused` names a reason against is not
/// asked for anything; neither that nor any other failure of one tenant touches another.
pub(super) async fn connect(settings: &Settings, wires: &Wires, refused: impl Fn(&Profile) -> Result<()>) -> Vec<Connected> {
    let refused = &refused;
    let all = settings.profiles.iter().map(|profile| async move {
        match refused(profile) {
            Ok(()) => connect_profile(wires, profile).await,
            Err(error) => profile.tenants.iter().map(|tenant| Connected::failed(tenant, profile, error.again())).collect(),
        }
    });
    futures::future::join_all(all).await.into_iter().flatten().collect()
}

async fn connect_profile(wires: &Wires, profile: &Profile) -> Vec<Connected> {
    let Stages { ready, tenants } = stages(wires, profile).await;
    let ready = &ready;
    let all = tenants.into_iter().map(|(typed, found)| async move {
        let named = found.as_ref().map_or_else(|_| typed, |directory| directory.id.clone());
        let reached = wires.unless_cancelled(reach(wires, profile, ready, found)).await;
        Connected { named, profile: profile.name.clone(), reached }
    });
    futures::future::join_all(all).await
}

/// Gets as far as a token for the first API that the profile may use: with it, every fault of credential, consent and clock shows
/// before a job begins.
async fn reach(wires: &Wires, profile: &Profile, ready: &Result<Ready>, found: Result<Directory>) -> Result<Tenant> {
    let directory = found?;
    let ready = ready.as_ref().map_err(Error::again)?;
    let tenant = tenant(wires, profile, ready, &directory);
    let api = profile.apis.first().copied().unwrap_or(settings::Api::Graph);
    tenant.app.bearer(&profile.cloud.endpoint(api)?.scope).await?;
    Ok(tenant)
}

/// Connects to the one tenant of a profile, for commands without a case; no token is asked for yet.
pub(super) async fn connect_one(wires: &Wires, profile: &Profile) -> Result<Tenant> {
    let [_] = profile.tenants.as_slice() else {
        return Err(Error::new(Kind::Usage, format!("the profile `{}` has several tenants", profile.name)).hint("choose one with --tenant"));
    };
    let Stages { ready, mut tenants } = stages(wires, profile).await;
    let (_, found) = tenants.pop().ok_or_else(|| Error::new(Kind::Usage, "no tenant is named"))?;
    let directory = found?;
    Ok(tenant(wires, profile, &ready?, &directory))
}

/// Returns what a person should know before anything begins, each thing once: this machine's clock, an end that is near.
pub(super) fn warnings<'a>(wires: &Wires, tenants: impl IntoIterator<Item = &'a Tenant>) -> Vec<String> {
    let mut all: Vec<String> = wires.skew.warning().into_iter().collect();
    for warning in tenants.into_iter().flat_map(|tenant| &tenant.warnings) {
        if !all.contains(warning) {
            all.push(warning.clone());
        }
    }
    all
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
        let Ok(endpoint) = self.profile.cloud.endpoint(settings_api(api)) else { return false };
        if allowed::hunting_on(&self.profile, api).is_err() {
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
