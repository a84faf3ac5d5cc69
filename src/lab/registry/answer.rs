//! Graph's endpoints for registrations, service principals and their grants (apis.md 7).

use super::{
    Application, Assignment, Principal, State,
    keys::{Key, Password},
    known, resources,
    rights::{self, NAMES},
};
use crate::lab::{
    ids::{guid, lock},
    refusal::Refusal,
    tokens::Claims,
    wire::{Call, Reply, Service, json as reply_json, reply},
    world::World,
};
use axum::http::Method;
use serde_json::{Map, Value, json};
use std::time::{Duration, Instant};

/// Answers a call that is about the writable directory; none where it is about something else.
pub(crate) fn answer(world: &World, call: &Call, claims: &Claims) -> Option<Result<Reply, Refusal>> {
    if call.service != Service::Graph {
        return None;
    }
    let segments = call.segments();
    let path: Vec<&str> = segments.iter().map(String::as_str).collect();
    let (version, path) = path.split_first()?;
    if *version != "v1.0" {
        return None;
    }
    let desk = Desk { call, claims, delay: world.options.consistency, strangers: world.options.strangers };
    let mut state = lock(&world.registry.0);
    let answered = match (&call.method, path) {
        (&Method::GET, ["me", "transitiveMemberOf" | "memberOf", rest @ ..]) if rest.len() < 2 => desk.own_roles(world),
        // Lists without one of these filters are what is collected, not what is set up.
        (&Method::GET, ["applications"]) => return desk.filtered("displayName").map(|name| desk.applications_named(&state, &name)),
        (&Method::GET, ["servicePrincipals"]) => return desk.filtered("appId").map(|id| desk.principals_of(&state, &id)),
        (&Method::POST, ["applications"]) => desk.create(&mut state),
        (&Method::GET, [one]) if one.starts_with("applications(") => desk.show(&state, one),
        (&Method::GET, ["applications", one]) => desk.show(&state, one),
        (&Method::PATCH, ["applications", one]) => desk.update(&mut state, one),
        (&Method::DELETE, ["applications", one]) => desk.delete(&mut state, one),
        (&Method::POST, ["applications", one, "addPassword"]) => desk.add_password(world, &mut state, one),
        (&Method::POST, ["applications", one, "removePassword"]) => desk.remove_password(&mut state, one),
        (&Method::POST, ["servicePrincipals"]) => desk.create_principal(&mut state),
        (&Method::GET, [one]) if one.starts_with("servicePrincipals(") => desk.show_principal(&state, one),
        (&Method::GET, ["servicePrincipals", one]) => desk.show_principal(&state, one),
        (&Method::GET, ["servicePrincipals", one, "appRoleAssignments"]) => desk.assignments(&state, one),
        (&Method::POST, ["servicePrincipals", one, "appRoleAssignedTo" | "appRoleAssignments"]) => desk.assign(&mut state, one),
        (&Method::DELETE, ["servicePrincipals", _, "appRoleAssignedTo" | "appRoleAssignments", one]) => desk.unassign(&mut state, one),
        _ => return None,
    };
    Some(answered)
}

fn bad(message: impl Into<String>) -> Refusal {
    Refusal::new(400, "Request_BadRequest", message)
}

fn missing(id: &str) -> Refusal {
    let message = format!("Resource '{id}' does not exist or one of its queried reference-property objects are not present.");
    Refusal::new(404, "Request_ResourceNotFound", message)
}

fn nothing() -> Reply {
    reply(204, "application/json", "")
}

/// One caller's request.
struct Desk<'a> {
    call: &'a Call,
    claims: &'a Claims,
    delay: Duration,
    /// Whether what a replica does not know yet is not there by its id, either.
    strangers: bool,
}

/// Properties of an application that may be set.
const SETTABLE: &[&str] =
    &["displayName", "signInAudience", "requiredResourceAccess", "keyCredentials", "tags", "web", "notes", "description"];

impl Desk<'_> {
    fn body(&self) -> Result<Value, Refusal> {
        if self.call.media_type() != "application/json" {
            return Err(bad("A request body must be JSON."));
        }
        let body: Value = serde_json::from_slice(&self.call.body).map_err(|_| bad("Unable to read JSON request payload."))?;
        if body.is_object() { Ok(body) } else { Err(bad("Unable to read JSON request payload.")) }
    }

    /// The value of `$filter=NAME eq 'value'`.
    fn filtered(&self, name: &str) -> Option<String> {
        let value = self.call.query("$filter")?.strip_prefix(name)?.trim().strip_prefix("eq ")?.trim();
        Some(value.strip_prefix('\'')?.strip_suffix('\'')?.replace("''", "'"))
    }

    /// Of an object, what `$select` asks for.
    fn selected(&self, value: Value) -> Value {
        let Some(select) = self.call.query("$select") else { return value };
        let names: Vec<&str> = select.split(',').map(str::trim).collect();
        let Value::Object(all) = value else { return value };
        Value::Object(all.into_iter().filter(|(name, _)| names.contains(&name.as_str())).collect())
    }

    fn list(&self, what: &str, items: Vec<Value>) -> Reply {
        let items: Vec<Value> = items.into_iter().map(|item| self.selected(item)).collect();
        reply_json(200, &json!({"@odata.context": format!("https://graph.microsoft.com/v1.0/$metadata#{what}"), "value": items}))
    }

    fn own_roles(&self, world: &World) -> Result<Reply, Refusal> {
        if !self.claims.is_user() {
            return Err(bad("/me request is only valid with delegated authentication flow."));
        }
        let role = |id: &String| {
            let name = NAMES.iter().find(|(known, _)| known == id).map(|(_, name)| *name);
            json!({"@odata.type": "#microsoft.graph.directoryRole", "id": guid(), "roleTemplateId": id, "displayName": name})
        };
        Ok(self.list("directoryObjects", world.options.admin_roles.iter().map(role).collect()))
    }

    fn applications_named(&self, state: &State, name: &str) -> Result<Reply, Refusal> {
        rights::read(self.claims)?;
        let named = |one: &&Application| one.name() == name && self.is_here(one) && known(one.born, self.delay);
        Ok(self.list("applications", state.applications.iter().filter(named).map(|one| one.json(false)).collect()))
    }

    fn is_here(&self, one: &Application) -> bool {
        one.tenant == self.claims.tenant && !one.deleted
    }

    /// Finds an application by object id, or as `(appId='...')`.
    fn find<'s>(&self, state: &'s mut State, key: &str) -> Result<&'s mut Application, Refusal> {
        let app_id = keyed(key);
        let found = state.applications.iter_mut().find(|one| match app_id {
            Some(app_id) => one.app_id.eq_ignore_ascii_case(app_id),
            None => one.id.eq_ignore_ascii_case(key),
        });
        found.filter(|one| self.is_here(one) && self.is_known(one.born)).ok_or_else(|| missing(key))
    }

    /// Whether the replica that answers knows by its id what was made then.
    fn is_known(&self, born: Instant) -> bool {
        !self.strangers || known(born, self.delay)
    }

    fn show(&self, state: &State, key: &str) -> Result<Reply, Refusal> {
        rights::read(self.claims)?;
        let app_id = keyed(key);
        let is_it = |one: &&Application| match app_id {
            Some(app_id) => one.app_id.eq_ignore_ascii_case(app_id),
            None => one.id.eq_ignore_ascii_case(key),
        };
        let found =
            state.applications.iter().filter(is_it).find(|one| self.is_here(one) && self.is_known(one.born)).ok_or_else(|| missing(key))?;
        // The bytes of certificates come only to those who name them.
        let whole = self.call.query("$select").is_some_and(|select| select.split(',').any(|name| name.trim() == "keyCredentials"));
        Ok(reply_json(200, &self.selected(found.json(whole))))
    }

    fn create(&self, state: &mut State) -> Result<Reply, Refusal> {
        rights::register(self.claims)?;
        let body = self.body()?;
        if body["displayName"].as_str().is_none_or(str::is_empty) {
            return Err(bad("Invalid value specified for property 'displayName' of resource 'Application'."));
        }
        let mut properties = Map::new();
        // What the v1.0 sample gets that says nothing.
        properties.insert("signInAudience".to_owned(), json!("AzureADandPersonalMicrosoftAccount"));
        properties.insert("createdDateTime".to_owned(), json!(jiff::Timestamp::now().to_string()));
        let mut application = Application {
            id: guid(),
            app_id: guid(),
            tenant: self.claims.tenant.clone(),
            born: Instant::now(),
            deleted: false,
            properties,
            keys: Vec::new(),
            passwords: Vec::new(),
        };
        application.set(&body)?;
        let answer = application.json(false);
        state.applications.push(application);
        Ok(reply_json(201, &answer))
    }

    fn update(&self, state: &mut State, key: &str) -> Result<Reply, Refusal> {
        rights::register(self.claims)?;
        let body = self.body()?;
        self.find(state, key)?.set(&body)?;
        Ok(nothing())
    }

    fn delete(&self, state: &mut State, key: &str) -> Result<Reply, Refusal> {
        rights::register(self.claims)?;
        let application = self.find(state, key)?;
        application.deleted = true;
        let (app_id, tenant) = (application.app_id.clone(), application.tenant.clone());
        let gone: Vec<String> =
            state.principals.iter().filter(|one| one.app_id == app_id && one.tenant == tenant).map(|one| one.id.clone()).collect();
        state.principals.retain(|one| !gone.contains(&one.id));
        state.assignments.retain(|one| !gone.contains(&one.principal));
        Ok(nothing())
    }

    fn add_password(&self, world: &World, state: &mut State, key: &str) -> Result<Reply, Refusal> {
        rights::register(self.claims)?;
        let password = Password::new(&self.body()?)?;
        let answer = password.told();
        world.ledger.note(password.value.as_str());
        self.find(state, key)?.passwords.push(password);
        Ok(reply_json(200, &answer))
    }

    fn remove_password(&self, state: &mut State, key: &str) -> Result<Reply, Refusal> {
        rights::register(self.claims)?;
        let body = self.body()?;
        let id = body["keyId"].as_str().ok_or_else(|| bad("Property keyId is required."))?;
        let application = self.find(state, key)?;
        let before = application.passwords.len();
        application.passwords.retain(|password| password.id != id);
        if application.passwords.len() == before {
            return Err(bad(format!("No password credential found with keyId {id}.")));
        }
        Ok(nothing())
    }

    fn principals_of(&self, state: &State, app_id: &str) -> Result<Reply, Refusal> {
        rights::read(self.claims)?;
        let apis = resources().iter().filter(|one| one.app_id == app_id).map(|one| one.json(&self.claims.tenant));
        let made = state.principals.iter().filter(|one| one.app_id == app_id && one.tenant == self.claims.tenant);
        let made = made.filter(|one| known(one.born, self.delay)).map(|one| one.json(state));
        Ok(self.list("servicePrincipals", apis.chain(made).collect()))
    }

    fn principal<'s>(&self, state: &'s State, key: &str) -> Result<&'s Principal, Refusal> {
        let app_id = keyed(key);
        let is_it = |one: &&Principal| match app_id {
            Some(app_id) => one.app_id.eq_ignore_ascii_case(app_id),
            None => one.id.eq_ignore_ascii_case(key),
        };
        state.principals.iter().filter(|one| one.tenant == self.claims.tenant).find(is_it).ok_or_else(|| missing(key))
    }

    fn show_principal(&self, state: &State, key: &str) -> Result<Reply, Refusal> {
        rights::read(self.claims)?;
        let principal = self.principal(state, key)?;
        Ok(reply_json(200, &self.selected(principal.json(state))))
    }

    fn create_principal(&self, state: &mut State) -> Result<Reply, Refusal> {
        rights::register(self.claims)?;
        let body = self.body()?;
        let app_id = body["appId"].as_str().unwrap_or_default();
        let application = state.applications.iter().find(|one| one.app_id == app_id && self.is_here(one) && known(one.born, self.delay));
        if application.is_none() {
            return Err(bad(format!("The appId '{app_id}' of the service principal does not reference a valid application object.")));
        }
        if state.principals.iter().any(|one| one.app_id == app_id && one.tenant == self.claims.tenant) {
            let message = format!(
                "The service principal cannot be created, updated, or restored because the service principal name {app_id} is already in use."
            );
            return Err(Refusal::new(409, "Request_MultipleObjectsWithSameKeyValue", message));
        }
        let principal = Principal::new(app_id, &self.claims.tenant);
        let answer = principal.json(state);
        state.principals.push(principal);
        Ok(reply_json(201, &answer))
    }

    fn assignments(&self, state: &State, key: &str) -> Result<Reply, Refusal> {
        rights::read(self.claims)?;
        let principal = self.principal(state, key)?;
        if !known(principal.born, self.delay) {
            return Err(missing(key));
        }
        let of = state.assignments.iter().filter(|one| one.principal == principal.id);
        Ok(self.list("appRoleAssignments", of.map(|one| one.json(state, &self.claims.tenant)).collect()))
    }

    fn assign(&self, state: &mut State, at: &str) -> Result<Reply, Refusal> {
        let body = self.body()?;
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        let (principal, resource, role) = (text("principalId"), text("resourceId"), text("appRoleId"));
        if at != resource && at != principal {
            return Err(bad("The resource of the URL is neither the principal's nor the resource's."));
        }
        let api = resources().iter().find(|one| one.principal_in(&self.claims.tenant) == resource).ok_or_else(|| missing(&resource))?;
        rights::grant(self.claims, api.app_id)?;
        let known_principal = self.principal(state, &principal).is_ok_and(|one| known(one.born, self.delay));
        if !known_principal {
            return Err(if self.strangers { bad("Not a valid reference update.") } else { missing(&principal) });
        }
        if api.value_of(&role).is_none() {
            return Err(bad("Permission being assigned was not found on application"));
        }
        if state.assignments.iter().any(|one| one.principal == principal && one.resource == resource && one.role == role) {
            return Err(bad("Permission being assigned already exists on the object"));
        }
        let created = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let assignment = Assignment { id: guid(), principal, resource, role, born: Instant::now(), created };
        let answer = assignment.json(state, &self.claims.tenant);
        state.assignments.push(assignment);
        Ok(reply_json(201, &answer))
    }

    fn unassign(&self, state: &mut State, id: &str) -> Result<Reply, Refusal> {
        let resource = state.assignments.iter().find(|one| one.id == id).map(|one| one.resource.clone()).ok_or_else(|| missing(id))?;
        let api = resources().iter().find(|one| one.principal_in(&self.claims.tenant) == resource).ok_or_else(|| missing(id))?;
        rights::grant(self.claims, api.app_id)?;
        state.assignments.retain(|one| one.id != id);
        Ok(nothing())
    }
}

/// `applications(appId='...')`, or a plain id.
fn keyed(text: &str) -> Option<&str> {
    text.split_once("(appId='")?.1.strip_suffix("')")
}

impl Application {
    /// Sets properties as a body says.
    fn set(&mut self, body: &Value) -> Result<(), Refusal> {
        let all = body.as_object().cloned().unwrap_or_default();
        if let Some(odd) = all.keys().find(|name| !SETTABLE.contains(&name.as_str())) {
            return Err(bad(format!("Property '{odd}' is invalid.")));
        }
        for (name, value) in all {
            if name == "keyCredentials" {
                self.keys = Key::replaced(&self.keys, &value)?;
            } else {
                self.properties.insert(name, value);
            }
        }
        Ok(())
    }

    fn json(&self, whole: bool) -> Value {
        let mut all = self.properties.clone();
        let defaults = [("requiredResourceAccess", json!([])), ("tags", json!([])), ("web", json!({"redirectUris": []}))];
        for (name, value) in defaults {
            all.entry(name).or_insert(value);
        }
        all.insert("id".to_owned(), json!(self.id));
        all.insert("appId".to_owned(), json!(self.app_id));
        all.insert("keyCredentials".to_owned(), self.keys.iter().map(|key| key.json(whole)).collect());
        all.insert("passwordCredentials".to_owned(), self.passwords.iter().map(Password::json).collect());
        all.insert("deletedDateTime".to_owned(), Value::Null);
        Value::Object(all)
    }
}

impl Principal {
    fn json(&self, state: &State) -> Value {
        let application = state.applications.iter().find(|one| one.app_id == self.app_id);
        let name = application.map(Application::name).unwrap_or_default();
        json!({"id": self.id, "appId": self.app_id, "displayName": name, "servicePrincipalType": "Application", "accountEnabled": true, "appRoles": []})
    }
}

impl Assignment {
    fn json(&self, state: &State, tenant: &str) -> Value {
        let principal = state.principals.iter().find(|one| one.id == self.principal);
        let name = principal.and_then(|one| state.applications.iter().find(|it| it.app_id == one.app_id)).map(Application::name);
        let resource = resources().iter().find(|one| one.principal_in(tenant) == self.resource).map(|one| one.title);
        json!({
            "id": self.id, "deletedDateTime": null, "appRoleId": self.role, "createdDateTime": self.created, "principalDisplayName": name,
            "principalId": self.principal, "principalType": "ServicePrincipal", "resourceDisplayName": resource, "resourceId": self.resource,
        })
    }
}
