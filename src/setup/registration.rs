//! The app registration and its service principal: found, made, or brought to what is wanted; never two of one name.

use super::{
    hands::{Facts, Hands, facts},
    patience::{Patience, is_young, may_propagate, propagates},
    permissions::Permissions,
    wanted::{CredentialKind, Wanted, check_name},
};
use crate::{
    api::directory::{Application, NewApplication, Request, RequiredAccess, ServicePrincipal, Trouble},
    error::{Error, Kind, Result},
};
use serde_json::{Value, json};

/// How a registration is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// By its display name.
    Name(String),
    /// By its application (client) id.
    AppId(String),
}

impl Found {
    fn words(&self) -> String {
        match self {
            Self::Name(name) => format!("named `{name}`"),
            Self::AppId(id) => format!("with the application id {id}"),
        }
    }
}

/// The tag that says who made a registration; the others say where its credential lies.
pub(super) const OWN: &str = "ircollect";
const VAULT: &str = "ircollect-vault=";
const KIND: &str = "ircollect-credential=";
const OBJECT: &str = "ircollect-object=";

/// Where the registrations' tags say that a credential lies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tags {
    pub(super) own: bool,
    pub(super) vault: Option<String>,
    pub(super) kind: Option<CredentialKind>,
    pub(super) object: Option<String>,
}

impl Tags {
    pub(super) fn read(tags: &[String]) -> Self {
        let value = |name: &str| tags.iter().find_map(|tag| tag.strip_prefix(name)).map(str::to_owned);
        Self {
            own: tags.iter().any(|tag| tag == OWN),
            vault: value(VAULT),
            kind: value(KIND).as_deref().and_then(CredentialKind::parse),
            object: value(OBJECT),
        }
    }

    fn of(wanted: &Wanted) -> Vec<String> {
        let object = wanted.place.object.iter().map(|object| format!("{OBJECT}{object}"));
        [OWN.to_owned(), format!("{VAULT}{}", wanted.place.vault), format!("{KIND}{}", wanted.kind.word())]
            .into_iter()
            .chain(object)
            .collect()
    }

    /// The tags of a registration, with those that say where the credential lies as they are wanted.
    fn merged(present: &[String], wanted: &Wanted) -> Vec<String> {
        let ours = |tag: &&String| *tag != OWN && ![VAULT, KIND, OBJECT].iter().any(|name| tag.starts_with(name));
        present.iter().filter(ours).cloned().chain(Self::of(wanted)).collect()
    }
}

/// A registration, and whether it was made in this run, so that not every replica knows it.
pub(super) struct Registration {
    pub(super) application: Application,
    pub(super) fresh: bool,
}

/// Where a multi-tenant registration sends a browser after consent: to this machine, where nobody listens. What counts is what
/// the address bar then says.
const REDIRECT: &str = "http://localhost";

/// Finds a registration by its name or id; none where there is none.
///
/// # Errors
/// [`Kind::Usage`] where several have the name; as the directory refused.
pub async fn find(hands: &Hands<'_>, what: &Found) -> Result<Option<Application>> {
    match what {
        Found::AppId(id) => optional(hands.read(&Request::application_by_app_id(id)).await),
        Found::Name(name) => {
            check_name(name)?;
            only(by_name(hands, name).await?, name)
        }
    }
}

/// Finds a registration that must be there.
///
/// # Errors
/// [`Kind::Failed`] where there is none; else those of [`find`].
pub(super) async fn existing(hands: &Hands<'_>, what: &Found) -> Result<Application> {
    find(hands, what).await?.ok_or_else(|| {
        Error::new(Kind::Failed, format!("there is no registration {} in tenant {}", what.words(), hands.tenant))
            .with_code("RegistrationNotFound")
            .hint("check the name and the tenant; `ircollect app create` makes one")
    })
}

fn optional(found: Result<Value>) -> Result<Option<Application>> {
    match found {
        Ok(value) => Application::read(&value).map(Some),
        Err(error) if Trouble::of(&error) == Trouble::Missing => Ok(None),
        Err(error) => Err(error),
    }
}

/// By the ids that are remembered first: a search finds late what was made a moment ago.
async fn by_name(hands: &Hands<'_>, name: &str) -> Result<Vec<Application>> {
    let mut found: Vec<Application> = Vec::new();
    for id in hands.memory.applications(&hands.tenant, name) {
        found.extend(optional(hands.read(&Request::application(&id)).await)?.filter(|application| application.name == name));
    }
    for value in hands.list(&Request::applications_named(name)).await? {
        let application = Application::read(&value)?;
        // The search may be lenient; the name is not.
        if application.name == name && found.iter().all(|known| known.id != application.id) {
            found.push(application);
        }
    }
    Ok(found)
}

fn only(mut found: Vec<Application>, name: &str) -> Result<Option<Application>> {
    if found.len() < 2 {
        return Ok(found.pop());
    }
    let ids: Vec<&str> = found.iter().map(|application| application.app_id.as_str()).collect();
    let message = format!("{} registrations are named `{name}`: {}", found.len(), ids.join(", "));
    Err(Error::new(Kind::Usage, message).with_code("AmbiguousName").hint("say which by --app-id"))
}

/// Has the registration as it is wanted.
pub(super) async fn ensure(hands: &Hands<'_>, wanted: &Wanted, adopted: Option<&str>, access: &[RequiredAccess]) -> Result<Registration> {
    let found = match adopted {
        Some(app_id) => Some(existing(hands, &Found::AppId(app_id.to_owned())).await?),
        None => find_or_wait(hands, &wanted.name).await?,
    };
    match found {
        Some(application) => {
            if adopted.is_none() {
                check_ours(hands, &application, wanted, access)?;
            }
            let application = update(hands, wanted, application, access).await?;
            Ok(Registration { application, fresh: false })
        }
        None => Ok(Registration { application: make(hands, wanted, access).await?, fresh: true }),
    }
}

/// Where nobody knows what became of an earlier try, searches are given time to find it; and what was made a moment ago is waited
/// for where this replica does not know even its id.
async fn find_or_wait(hands: &Hands<'_>, name: &str) -> Result<Option<Application>> {
    let found = find(hands, &Found::Name(name.to_owned())).await?;
    if found.is_some() {
        return Ok(found);
    }
    if hands.memory.is_just_made(&hands.tenant, name) {
        return look_again(hands, name, hands.patience("the directory to know the registration that was made before")).await;
    }
    if hands.memory.is_creation_open(&hands.tenant, name) { look_shortly(hands, name).await } else { Ok(None) }
}

async fn look_shortly(hands: &Hands<'_>, name: &str) -> Result<Option<Application>> {
    look_again(hands, name, hands.patience("the directory to say whether the registration was made").short()).await
}

async fn look_again(hands: &Hands<'_>, name: &str, mut patience: Patience<'_>) -> Result<Option<Application>> {
    while patience.wait().await {
        if let Some(application) = find(hands, &Found::Name(name.to_owned())).await? {
            return Ok(Some(application));
        }
    }
    Ok(None)
}

/// How often the making of a registration is tried where nobody knows what became of it.
const TRIES: u8 = 3;

async fn make(hands: &Hands<'_>, wanted: &Wanted, access: &[RequiredAccess]) -> Result<Application> {
    super::create::check_name_is_free(hands, wanted).await?;
    let redirect = wanted.multi_tenant.then_some(REDIRECT);
    let tags = Tags::of(wanted);
    let new = NewApplication { name: &wanted.name, audience: wanted.audience(), access, tags: &tags, redirect };
    let request = Request::create_application(&new);
    let mut tries = 0;
    loop {
        tries += 1;
        match hands.change("application-create", &request, Facts::new()).await {
            Ok(None) => return Ok(placeholder(wanted, access, tags)),
            Ok(Some(value)) => return Application::read(&value),
            Err(error) if Trouble::of(&error) == Trouble::Open => match look_shortly(hands, &wanted.name).await? {
                Some(application) => return Ok(application),
                None if tries < TRIES => {}
                None => return Err(error),
            },
            Err(error) if Trouble::of(&error) == Trouble::Forbidden => return Err(error.hint(super::duties::needed_to_register())),
            Err(error) => return Err(error),
        }
    }
}

/// What stands for a registration that a dry run did not make.
fn placeholder(wanted: &Wanted, access: &[RequiredAccess], tags: Vec<String>) -> Application {
    Application {
        id: "{objectId}".to_owned(),
        app_id: "{appId}".to_owned(),
        name: wanted.name.clone(),
        audience: wanted.audience().to_owned(),
        access: access.to_vec(),
        tags,
        ..Application::default()
    }
}

/// Refuses a registration that somebody else made under the same name: to give it a credential would be to take it over.
fn check_ours(hands: &Hands<'_>, application: &Application, wanted: &Wanted, access: &[RequiredAccess]) -> Result<()> {
    let remembered = hands.memory.applications(&hands.tenant, &wanted.name).contains(&application.id);
    if Tags::read(&application.tags).own || remembered || declares_no_more(application, access) {
        return Ok(());
    }
    let message =
        format!("a registration named `{}` ({}) is there already, and ircollect did not make it", wanted.name, application.app_id);
    Err(Error::new(Kind::Usage, message)
        .with_code("ForeignRegistration")
        .hint(format!("choose another --name, or say that you mean it: --app-id {}", application.app_id)))
}

/// A registration that declares exactly what is wanted may be taken for one that was made here, where tags are lost.
fn declares_no_more(application: &Application, access: &[RequiredAccess]) -> bool {
    let roles = |list: &[RequiredAccess]| -> Permissible {
        list.iter().flat_map(|one| one.roles.iter().map(|role| (one.resource.clone(), role.clone()))).collect()
    };
    roles(&application.access) == roles(access) && application.access.iter().all(|one| one.other.is_empty())
}

type Permissible = std::collections::BTreeSet<(String, String)>;

/// Adds what is missing to a registration that is there.
async fn update(hands: &Hands<'_>, wanted: &Wanted, application: Application, access: &[RequiredAccess]) -> Result<Application> {
    if wanted.multi_tenant != (application.audience != "AzureADMyOrg") && !application.audience.is_empty() {
        let message = format!("the registration `{}` is for {}, which create does not change", wanted.name, application.audience);
        return Err(Error::new(Kind::Usage, message).with_code("OtherAudience").hint(if wanted.multi_tenant {
            "leave out --multi-tenant, or remove it first"
        } else {
            "say --multi-tenant, or remove it first"
        }));
    }
    let (merged, tags) = (merge(&application.access, access), Tags::merged(&application.tags, wanted));
    let mut body = json!({});
    if !includes(&application.access, access) {
        body["requiredResourceAccess"] = RequiredAccess::all_json(&merged);
    }
    let known = Tags::read(&application.tags);
    if known.vault.as_deref() != Some(wanted.place.vault.as_str()) || known.kind != Some(wanted.kind) || known.object != wanted.place.object
    {
        body["tags"] = json!(tags);
    }
    if body.as_object().is_none_or(serde_json::Map::is_empty) {
        return Ok(application);
    }
    // Tags that a service does not keep are no reason to change anything again and again.
    if body.get("requiredResourceAccess").is_none() && application.tags.is_empty() {
        return Ok(application);
    }
    let request = Request::update_application(&application.id, "declaring what the registration needs", body);
    let about = facts([("object_id", &application.id), ("app_id", &application.app_id)]);
    hands.change("application-update", &request, about).await?;
    Ok(Application { access: merged, tags, ..application })
}

fn includes(present: &[RequiredAccess], wanted: &[RequiredAccess]) -> bool {
    wanted.iter().all(|want| {
        let of = present.iter().find(|one| one.resource.eq_ignore_ascii_case(&want.resource));
        of.is_some_and(|of| want.roles.iter().all(|role| of.roles.contains(role)))
    })
}

/// What is there, and what is missing of what is wanted; nothing is taken away.
fn merge(present: &[RequiredAccess], wanted: &[RequiredAccess]) -> Vec<RequiredAccess> {
    let mut merged = present.to_vec();
    for want in wanted {
        match merged.iter_mut().find(|one| one.resource.eq_ignore_ascii_case(&want.resource)) {
            Some(one) => {
                let missing: Vec<String> = want.roles.iter().filter(|role| !one.roles.contains(role)).cloned().collect();
                one.roles.extend(missing);
            }
            None => merged.push(want.clone()),
        }
    }
    merged
}

/// Finds the service principal of an application; none where there is none.
pub(super) async fn find_principal(hands: &Hands<'_>, app_id: &str) -> Result<Option<ServicePrincipal>> {
    let found = hands.list(&Request::principal(app_id)).await?;
    Ok(found.iter().find_map(ServicePrincipal::read))
}

/// Has the service principal; says whether it was made in this run.
pub(super) async fn ensure_principal(hands: &Hands<'_>, registration: &Registration) -> Result<(ServicePrincipal, bool)> {
    let app_id = &registration.application.app_id;
    if !registration.fresh
        && let Some(principal) = find_principal(hands, app_id).await?
    {
        return Ok((principal, false));
    }
    let request = Request::create_principal(app_id);
    let tried = || hands.change("principal-create", &request, facts([("app_id", app_id)]));
    let young = registration.fresh || is_young(&registration.application);
    let heals = |error: &Error| propagates(error) || (young && may_propagate(error)) || Trouble::of(error) == Trouble::Open;
    match hands.patience("the directory to know the registration").until(tried, heals).await {
        Ok(None) => Ok((ServicePrincipal { id: "{servicePrincipalId}".to_owned(), app_id: app_id.clone(), name: String::new() }, true)),
        Ok(Some(value)) => ServicePrincipal::read(&value).map(|principal| (principal, true)).ok_or_else(|| no_principal(app_id)),
        Err(error) if Trouble::of(&error) == Trouble::Exists => there_already(hands, app_id).await.map(|principal| (principal, true)),
        Err(error) => Err(error),
    }
}

fn no_principal(app_id: &str) -> Error {
    Error::new(Kind::Failed, format!("the directory's answer is no service principal of {app_id}")).with_code("UnexpectedAnswer")
}

/// It is there, and searches may not find it yet: by its key it is found first.
async fn there_already(hands: &Hands<'_>, app_id: &str) -> Result<ServicePrincipal> {
    let look = || async {
        if let Some(principal) = find_principal(hands, app_id).await? {
            return Ok(principal);
        }
        let found = hands.read(&Request::principal_by_app_id(app_id)).await?;
        ServicePrincipal::read(&found).ok_or_else(|| no_principal(app_id))
    };
    hands.patience("the directory to find the service principal").until(look, |error| Trouble::of(error) != Trouble::Forbidden).await
}

/// What an application declares to need, as permissions; roles that no API here knows are left out.
pub(super) fn declared(application: &Application, resources: &super::consent::Resources) -> Permissions {
    application.access.iter().flat_map(|one| one.roles.iter().filter_map(|role| resources.permission(&one.resource, role))).collect()
}

/// A registration, and what it declares to need.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The registration.
    pub application: Application,
    /// What it declares, as far as the APIs here know it.
    pub permissions: Permissions,
}

/// Reads a registration that must be there, and what it declares.
///
/// # Errors
/// [`Kind::Failed`] where there is none; as the directory refused.
pub async fn look_up_asked(hands: &Hands<'_>, what: &Found) -> Result<Asked> {
    let application = existing(hands, what).await?;
    let resources = super::consent::Resources::all(hands).await?;
    Ok(Asked { permissions: declared(&application, &resources), application })
}

/// Returns where a registration's tags say that its credential lies.
pub fn told_place(application: &Application) -> Option<super::wanted::Place> {
    let tags = Tags::read(&application.tags);
    tags.vault.map(|vault| super::wanted::Place { vault, object: tags.object })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(resource: &str, roles: &[&str]) -> RequiredAccess {
        RequiredAccess { resource: resource.into(), roles: roles.iter().map(|&role| role.to_owned()).collect(), other: Vec::new() }
    }

    #[test]
    fn declarations_are_added_to_and_nothing_is_taken_away() {
        let (present, wanted) = ([access("A", &["1"]), access("c", &["9"])], [access("a", &["1", "2"]), access("b", &["3"])]);
        assert!(!includes(&present, &wanted));
        let merged = merge(&present, &wanted);
        assert_eq!(merged, [access("A", &["1", "2"]), access("c", &["9"]), access("b", &["3"])]);
        assert!(includes(&merged, &wanted));
    }

    #[test]
    fn tags_say_where_the_credential_lies() {
        let tags: Vec<String> = ["x", "ircollect", "ircollect-vault=https://kv", "ircollect-credential=secret"].map(str::to_owned).into();
        let read = Tags::read(&tags);
        assert_eq!(
            (read.own, read.vault.as_deref(), read.kind, read.object),
            (true, Some("https://kv"), Some(CredentialKind::Secret), None)
        );
    }

    #[test]
    fn a_registration_that_declares_more_is_not_ours() {
        let mut application = Application { access: vec![access("a", &["1"])], ..Application::default() };
        assert!(declares_no_more(&application, &[access("a", &["1"])]));
        application.access[0].other.push(serde_json::json!({"type": "Scope"}));
        assert!(!declares_no_more(&application, &[access("a", &["1"])]) && !declares_no_more(&application, &[access("a", &["1", "2"])]));
    }
}
