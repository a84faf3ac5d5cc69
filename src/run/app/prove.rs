//! Proves that an application works: a token for each API with the permissions it was granted, and one cheap call of each. What the
//! services do not know yet is waited out (apis.md 7.5).

use super::{admin::Admin, screen::Screen};
use crate::{
    api::{
        catalogue::{Catalogue, Source},
        glance::glance,
        hunting::{self, Api, DEADLINE, Dropped},
        links,
    },
    collect::pull::unlicensed,
    error::{Error, Kind, Result},
    identity::{Directory, claims},
    run::{
        allowed, proof,
        wire::{self, Tenant, settings_api},
    },
    settings::{Assertion, Credential, Endpoint, Profile, Sign},
    setup::{Claim, CredentialKind, Planned, Prover, Watch, count_down},
    transport::{Budget, Call, ServiceFault},
};
use serde_json::{Value, json};
use std::time::Duration;

/// How long a token is waited for, and the call of an API after that.
const TOKEN: Duration = Duration::from_mins(2);
const CALL: Duration = Duration::from_mins(5);
/// One call is not worth a longer wait.
const BUDGET: Duration = Duration::from_mins(1);

/// What the token service does not know yet, a moment after it was made.
const NOT_YET: &[&str] = &["AADSTS700016", "AADSTS7000215", "AADSTS700027", "AADSTS7000229", "AADSTS650052"];

/// Proves with the vault that the administrator named.
pub(super) struct Proving<'a> {
    pub(super) admin: &'a Admin,
    /// The vault's URL.
    pub(super) vault: String,
}

#[async_trait::async_trait]
impl Prover for Proving<'_> {
    async fn prove(&self, claim: &Claim) -> Result<()> {
        let profile = self.profile(claim);
        let watch = self.admin.screen();
        for (api, roles) in claimed(claim) {
            self.token(&profile, api, &roles, watch).await?;
            self.call(&profile, api, &roles, watch).await?;
        }
        Ok(())
    }

    fn plan(&self, claim: &Claim) -> Result<Vec<Planned>> {
        let cloud = &self.admin.profile.cloud;
        let authority = cloud.authority.as_str().trim_end_matches('/');
        let mut calls = Vec::new();
        for (api, roles) in claimed(claim) {
            let endpoint = cloud.endpoint(settings_api(api))?;
            let form = json!({"grant_type": "client_credentials", "client_id": claim.app_id, "scope": endpoint.scope});
            calls.push(then("POST", format!("{authority}/{}/oauth2/v2.0/token", self.admin.tenant), Some(form)));
            match cheapest(api, &roles)? {
                Some(Cheap::Hunt) => {
                    let url = harmless(api, endpoint, &self.admin.tenant).url();
                    calls.push(then("POST", url.to_string(), Some(json!({"Query": HARMLESS}))));
                }
                Some(Cheap::Look(_, path)) => calls.push(then("GET", pages::below(&endpoint.url, &path)?.to_string(), None)),
                None => {}
            }
        }
        Ok(calls)
    }
}

/// A call of the proof, which changes nothing.
fn then(method: &str, url: String, body: Option<Value>) -> Planned {
    Planned { method: method.to_owned(), url, body, made: false, changes: false }
}

/// The APIs of which something was granted, and what; Graph with nothing, where nothing was.
fn claimed(claim: &Claim) -> Vec<(Api, Vec<&str>)> {
    let roles = |api: Api| -> Vec<&str> { claim.granted.iter().filter(|one| one.api == api).map(|one| one.role.as_str()).collect() };
    let all = allowed::HUNTERS.into_iter().map(|api| (api, roles(api)));
    let some: Vec<(Api, Vec<&str>)> = all.filter(|(_, roles)| !roles.is_empty()).collect();
    if some.is_empty() { vec![(Api::Graph, Vec::new())] } else { some }
}

/// A query of no table.
const HARMLESS: &str = "print 1";

fn harmless(api: Api, endpoint: &Endpoint, tenant: &str) -> hunting::Request {
    hunting::Request {
        api,
        endpoint: endpoint.url.clone(),
        scope: endpoint.scope.clone(),
        lane: format!("{tenant}/{api}"),
        query: HARMLESS.to_owned(),
        timespan: None,
        deadline: DEADLINE,
        gateway_tries: None,
    }
}

impl Proving<'_> {
    fn profile(&self, claim: &Claim) -> Profile {
        let (vault, object) = (self.vault.clone(), claim.object.clone());
        let credential = match claim.kind {
            CredentialKind::Secret => Credential::VaultSecret { vault, secret: object },
            CredentialKind::Certificate => {
                let sign = if claim.exportable { Sign::Here } else { Sign::Vault };
                Credential::VaultCertificate { vault, certificate: object, sign, assertion: Assertion::default() }
            }
        };
        let mut profile = self.admin.profile.clone();
        profile.app_id.clone_from(&claim.app_id);
        profile.credential = credential;
        profile.tenants = vec![self.admin.tenant.clone()];
        profile
    }

    /// The application with nothing remembered of earlier tries.
    async fn tenant(&self, profile: &Profile) -> Result<Tenant> {
        let ready = proof::ready(&self.admin.wires, profile).await?;
        Ok(wire::tenant(&self.admin.wires, profile, &ready, &Directory { id: self.admin.tenant.clone() }))
    }

    async fn token(&self, profile: &Profile, api: Api, roles: &[&str], watch: &Screen) -> Result<()> {
        watch.doing(&format!("proving: a token for {}", api.title()));
        let scope = &profile.cloud.endpoint(settings_api(api))?.scope;
        let mut waits = Waits::new(TOKEN);
        loop {
            let error = match self.asked(profile, scope, roles).await {
                Ok(()) => return Ok(()),
                Err(error) if error.explicit_code().is_some_and(|code| code == LACKING || NOT_YET.contains(&code)) => error,
                Err(error) => return Err(error),
            };
            if !waits.wait(watch, "the token service to know what was made").await {
                return Err(error);
            }
        }
    }

    async fn asked(&self, profile: &Profile, scope: &str, roles: &[&str]) -> Result<()> {
        let tenant = self.tenant(profile).await?;
        let token = tenant.app.token(scope, Duration::ZERO).await?;
        // An opaque token cannot be held to anything; the call that follows can.
        let Ok(claims) = claims(token.secret()) else { return Ok(()) };
        let missing: Vec<&str> = roles.iter().copied().filter(|role| claims.roles.iter().all(|held| held != role)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let message = format!("the token for {scope} lacks what was granted: {}", missing.join(", "));
        Err(Error::new(Kind::Permission, message)
            .with_code(LACKING)
            .hint("it may take longer than usual to count: run `ircollect check` in a few minutes"))
    }

    async fn call(&self, profile: &Profile, api: Api, roles: &[&str], watch: &Screen) -> Result<()> {
        let Some(cheap) = cheapest(api, roles)? else { return Ok(()) };
        watch.doing(&format!("proving: a call of {}", api.title()));
        let mut waits = Waits::new(CALL);
        loop {
            let tenant = self.tenant(profile).await?;
            let error = match self.called(&tenant, api, &cheap).await {
                Ok(()) => return Ok(()),
                Err(error) if matches!(error.kind(), Kind::Permission | Kind::Credential) => error,
                Err(error) => return Err(error),
            };
            if !waits.wait(watch, &format!("{} to know what was granted", api.title())).await {
                return Err(error);
            }
        }
    }

    async fn called(&self, tenant: &Tenant, api: Api, cheap: &Cheap) -> Result<()> {
        let endpoint = tenant.profile.cloud.endpoint(settings_api(api))?;
        let transport = self.admin.wires.transport(std::sync::Arc::clone(&self.admin.wires.witness));
        let budget = Budget::new(BUDGET);
        match cheap {
            Cheap::Hunt => {
                let request = harmless(api, endpoint, &tenant.id);
                hunting::hunt(&transport, tenant.app.as_ref(), &request, &budget, &mut Dropped).await.map(drop)
            }
            Cheap::Look(source, path) => {
                let url = links::below(&endpoint.url, path)?;
                let call = Call::get(format!("looking at {path}"), url, format!("{}/{api}", tenant.id)).bearer(&endpoint.scope);
                let looked = glance(&transport, tenant.app.as_ref(), &call, &budget).await;
                let Err(error) = looked else { return Ok(()) };
                // An empty inventory is an answer; and it is no fault of the application where a product is not licensed.
                if source.none_on_404 && ServiceFault::of(&error).is_some_and(|fault| fault.status == Some(404)) {
                    return Ok(());
                }
                let unlicensed = unlicensed(&error, source).ok_or(error)?;
                self.admin.screen().warn(&format!("{path} of {} was not to be had: {unlicensed}", api.title()));
                Ok(())
            }
        }
    }
}

const LACKING: &str = "RolesMissing";

/// A call that costs little.
enum Cheap {
    Hunt,
    Look(Box<Source>, String),
}

/// A query of no table where hunting is allowed, else one item of a source that is.
fn cheapest(api: Api, roles: &[&str]) -> Result<Option<Cheap>> {
    if roles.contains(&api.permission()) {
        return Ok(Some(Cheap::Hunt));
    }
    let roles: Vec<String> = roles.iter().map(|&role| role.to_owned()).collect();
    let catalogue = Catalogue::built_in()?;
    let mut open = catalogue.iter().filter(|source| source.api == api && !source.permission.is_empty() && source.is_open_to(&roles));
    Ok(open.find_map(|source| Some(Cheap::Look(Box::new(source.clone()), source.glance()?))))
}

/// 2, 4, 8, 16, 16 ... seconds, up to a limit.
struct Waits {
    next: Duration,
    left: Duration,
}

impl Waits {
    fn new(limit: Duration) -> Self {
        Self { next: Duration::from_secs(2), left: limit }
    }

    async fn wait(&mut self, watch: &Screen, what: &str) -> bool {
        let length = self.next.min(self.left);
        if length.is_zero() {
            return false;
        }
        self.left -= length;
        self.next = (self.next * 2).min(Duration::from_secs(16));
        watch.waiting(what, length, self.left);
        count_down(watch, what, length).await;
        true
    }
}
