//! The directory's writable part, as Graph serves it (apis.md 7): registrations, service principals, what they were granted; with the
//! rules of its lists and the time that its replicas take to know what was made.
//!
//! What is registered here gets tokens from the simulated Entra as the lab's own applications do.

mod answer;
mod consent;
mod keys;
mod resources;
mod rights;

pub(super) use answer::answer;
pub(super) use consent::admin_consent;
use keys::{Key, Password};
use resources::resources;
pub(super) use rights::{CLOUD, PRIVILEGED};

use super::{
    directory::{App, Standing},
    ids::{guid, lock},
};
use serde_json::{Map, Value};
use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

/// All that was registered since the lab began.
#[derive(Default)]
pub(crate) struct Registry(Mutex<State>);

#[derive(Default)]
struct State {
    applications: Vec<Application>,
    principals: Vec<Principal>,
    assignments: Vec<Assignment>,
}

/// An application object.
#[derive(Clone)]
struct Application {
    id: String,
    app_id: String,
    tenant: String,
    born: Instant,
    /// Whether it lies among the deleted items.
    deleted: bool,
    /// What was set of its other properties.
    properties: Map<String, Value>,
    keys: Vec<Key>,
    passwords: Vec<Password>,
}

/// A service principal.
#[derive(Clone)]
struct Principal {
    id: String,
    app_id: String,
    tenant: String,
    born: Instant,
}

/// A role that a service principal was granted.
#[derive(Clone)]
struct Assignment {
    id: String,
    principal: String,
    resource: String,
    role: String,
    born: Instant,
    created: String,
}

/// Whether the replicas know by now what was made then.
fn known(born: Instant, delay: Duration) -> bool {
    born.elapsed() >= delay
}

impl Registry {
    /// The application as the token service of a tenant knows it.
    pub(crate) fn app(&self, app_id: &str, tenant: &str, delay: Duration) -> Option<App> {
        let state = lock(&self.0);
        let application = state.applications.iter().find(|one| one.app_id.eq_ignore_ascii_case(app_id) && !one.deleted)?;
        let principal = state.principals.iter().find(|one| one.app_id == application.app_id && one.tenant == tenant)?;
        if !known(principal.born, delay) {
            return None;
        }
        let granted = |resource: &resources::Resource| -> Vec<&'static str> {
            let mine =
                state.assignments.iter().filter(|one| one.principal == principal.id && one.resource == resource.principal_in(tenant));
            mine.filter(|one| known(one.born, delay)).filter_map(|one| resource.value_of(&one.role)).collect()
        };
        Some(App {
            id: application.app_id.clone(),
            name: application.name(),
            principal: principal.id.clone(),
            standing: Standing::Good,
            tenants: vec![tenant.to_owned()],
            secrets: application.passwords.iter().filter(|one| known(one.born, delay)).map(Password::secret).collect(),
            certificates: application.keys.iter().filter(|one| known(one.born, delay)).map(|one| one.certificate.clone()).collect(),
            federated: false,
            roles: resources().iter().map(|resource| (resource.app_id, granted(resource))).filter(|(_, roles)| !roles.is_empty()).collect(),
        })
    }

    /// Every secret of a registration.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let state = lock(&self.0);
        state.applications.iter().flat_map(|one| one.passwords.iter().map(|password| password.value.clone())).collect()
    }

    /// What is there, for tests: registrations (deleted ones too), names of credentials, permissions.
    pub(crate) fn holdings(&self) -> Vec<super::Holding> {
        let state = lock(&self.0);
        state.applications.iter().map(|one| one.holding(&state)).collect()
    }
}

impl Application {
    fn name(&self) -> String {
        self.properties.get("displayName").and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    fn is_multi_tenant(&self) -> bool {
        self.properties.get("signInAudience").and_then(Value::as_str) != Some("AzureADMyOrg")
    }

    fn holding(&self, state: &State) -> super::Holding {
        let principals: Vec<&Principal> = state.principals.iter().filter(|one| one.app_id == self.app_id).collect();
        let granted = state.assignments.iter().filter(|one| principals.iter().any(|principal| principal.id == one.principal));
        let named = granted.filter_map(|one| resources().iter().find_map(|it| Some(format!("{}:{}", it.name, it.value_of(&one.role)?))));
        let mut granted: Vec<String> = named.collect();
        granted.sort();
        super::Holding {
            id: self.id.clone(),
            app_id: self.app_id.clone(),
            name: self.name(),
            deleted: self.deleted,
            principals: principals.len(),
            granted,
            certificates: self.keys.iter().map(|key| key.id.clone()).collect(),
            secrets: self.passwords.iter().map(|password| password.id.clone()).collect(),
            audience: self.properties.get("signInAudience").and_then(Value::as_str).unwrap_or_default().to_owned(),
            declared: self.declared().len(),
            tags: self.properties.get("tags").map(texts).unwrap_or_default(),
        }
    }

    /// The ids of the roles that it declares to need, with their APIs.
    fn declared(&self) -> Vec<(String, String)> {
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let all = self.properties.get("requiredResourceAccess").map(list).unwrap_or_default();
        let of = |one: &Value| {
            let resource = one["resourceAppId"].as_str().unwrap_or_default().to_owned();
            let roles = list(&one["resourceAccess"]).into_iter().filter(|role| role["type"] == "Role");
            roles.filter_map(move |role| Some((resource.clone(), role["id"].as_str()?.to_owned()))).collect::<Vec<_>>()
        };
        all.iter().flat_map(of).collect()
    }
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

impl Principal {
    fn new(app_id: &str, tenant: &str) -> Self {
        Self { id: guid(), app_id: app_id.to_owned(), tenant: tenant.to_owned(), born: Instant::now() }
    }
}
