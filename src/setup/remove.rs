//! `remove`: the credential out of the vault, the permissions taken back, the registration deleted; in that order, so that a run that
//! is cut off leaves the registration, by which the rest is found.

use super::{
    certificate::tagged,
    consent::{Resources, assignments},
    hands::{Change, Hands, facts},
    patience::is_young,
    registration::{Found, Tags, find, find_principal},
    rotate::credential_of,
    wanted::{CredentialKind, Place},
};
use crate::{
    api::directory::{Application, Assignment, Request, Trouble},
    error::{Error, Result},
    vault::Vault,
};
use std::collections::BTreeMap;

/// What is to be taken away.
#[derive(Clone, Debug)]
pub struct Removal {
    /// The registration.
    pub application: Application,
    /// What it was granted.
    pub assignments: Vec<Assignment>,
    /// The same, in words.
    pub permissions: Vec<String>,
    /// The vault's objects.
    pub objects: Vec<(CredentialKind, String)>,
}

/// What is gone.
#[derive(Clone, Debug, Default)]
pub struct Removed {
    /// Application (client) id; empty where all was gone before.
    pub app_id: String,
    /// What it was granted.
    pub permissions: Vec<String>,
    /// The vault's objects, which stay recoverable for a while.
    pub objects: Vec<(CredentialKind, String)>,
}

/// Finds out what there is to take away; none where an earlier run took it all.
///
/// # Errors
/// [`Kind::Failed`](crate::error::Kind::Failed) where there never was any; as the directory or the vault refused.
pub async fn plan_removal(hands: &Hands<'_>, what: &Found, place: Option<&Place>) -> Result<Option<Removal>> {
    let Some(application) = find(hands, what).await? else {
        return if was_removed(hands, what) { Ok(None) } else { super::registration::existing(hands, what).await.map(|_| None) };
    };
    let assignments = match find_principal(hands, &application.app_id).await? {
        Some(principal) => assignments(hands, &principal, is_young(&application)).await?,
        None => Vec::new(),
    };
    let resources = Resources::all(hands).await?;
    let words =
        |one: &Assignment| resources.granted(one).map_or_else(|| format!("{} of {}", one.role, one.resource_name), |one| one.to_string());
    let permissions = assignments.iter().map(words).collect();
    let objects = objects(hands, &application, place).await?;
    Ok(Some(Removal { application, assignments, permissions, objects }))
}

fn was_removed(hands: &Hands<'_>, what: &Found) -> bool {
    matches!(what, Found::Name(name) if hands.memory.is_removed(&hands.tenant, name))
}

/// The vault's objects of an application: those that the registration names, and those whose tags name the registration.
async fn objects(hands: &Hands<'_>, application: &Application, place: Option<&Place>) -> Result<Vec<(CredentialKind, String)>> {
    let Some(vault) = &hands.vault else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    let tags = Tags::read(&application.tags);
    let told = tags.own || place.is_some_and(|place| place.object.is_some());
    if told
        && let Ok((kind, _, object)) = credential_of(application, place, None)
        && is_there(vault, kind, &object, &application.app_id).await?
    {
        found.push((kind, object));
    }
    for kind in [CredentialKind::Certificate, CredentialKind::Secret] {
        // Who may not list still finds what the registration names.
        let listed = vault.tagged(kind.family(), &[("appid", &application.app_id), ("created-by", "ircollect")]).await;
        for name in listed.unwrap_or_default() {
            if !found.contains(&(kind, name.clone())) {
                found.push((kind, name));
            }
        }
    }
    Ok(found)
}

/// An object that belongs to another application is left alone, whatever its name is.
async fn is_there(vault: &Vault, kind: CredentialKind, object: &str, app_id: &str) -> Result<bool> {
    let tags = match kind {
        CredentialKind::Certificate => vault.held_certificate(object).await?.map(|held| held.tags),
        CredentialKind::Secret => vault.held_secret(object).await?.map(|held| held.tags),
    };
    Ok(tags.is_some_and(|tags| tags.is_empty() || tagged(&tags, app_id)))
}

/// Takes it away.
///
/// # Errors
/// As the directory or the vault refused.
pub async fn remove(hands: &Hands<'_>, removal: &Removal) -> Result<Removed> {
    let app_id = &removal.application.app_id;
    for (kind, object) in &removal.objects {
        delete_object(hands, *kind, object, app_id).await.map_err(go_on)?;
    }
    for assignment in &removal.assignments {
        take_back(hands, assignment, app_id).await.map_err(go_on)?;
    }
    delete_registration(hands, &removal.application).await.map_err(go_on)?;
    Ok(Removed { app_id: app_id.clone(), permissions: removal.permissions.clone(), objects: removal.objects.clone() })
}

fn go_on(error: Error) -> Error {
    error.hint("the same command again takes away what is left")
}

async fn delete_object(hands: &Hands<'_>, kind: CredentialKind, object: &str, app_id: &str) -> Result<()> {
    let (vault, family) = (hands.vault()?, kind.family());
    let change = Change {
        action: "vault-delete",
        words: format!("deleting the {} `{object}` from the vault", kind.word()),
        call: vault.plan_delete(family, object).into(),
        facts: facts([("vault", &vault.address().to_string()), ("object", object), ("app_id", app_id)]),
    };
    hands.make(change, vault.delete(family, object), |_| BTreeMap::new()).await.map(drop)
}

async fn take_back(hands: &Hands<'_>, assignment: &Assignment, app_id: &str) -> Result<()> {
    let request = Request::unassign(&assignment.resource, &assignment.id);
    let about = || facts([("app_id", app_id), ("assignment", &assignment.id), ("role", &assignment.role)]);
    gone(hands, "role-unassign", &request, about).await
}

async fn delete_registration(hands: &Hands<'_>, application: &Application) -> Result<()> {
    let request = Request::delete_application(&application.id);
    let about = || facts([("object_id", &application.id), ("app_id", &application.app_id)]);
    gone(hands, "application-delete", &request, about).await
}

/// What is gone already is no failure; what may be gone is asked for again.
async fn gone(hands: &Hands<'_>, action: &'static str, request: &Request, about: impl Fn() -> super::hands::Facts) -> Result<()> {
    let tried = || hands.change(action, request, about());
    match hands.patience("the directory").until(tried, |error| Trouble::of(error) == Trouble::Open).await {
        Err(error) if Trouble::of(&error) == Trouble::Missing => hands.remark(action, &about()),
        outcome => outcome.map(drop),
    }
}
