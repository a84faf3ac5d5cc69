//! A certificate that the vault makes and keeps, of which only the public part goes to the registration; merged with what others
//! registered.

use super::{
    hands::{Change, Hands, Planned, facts},
    patience::{is_young, propagates},
    wanted::{CredentialKind, Lifetime},
};
use crate::{
    api::directory::{Application, KeyCredential, Request, Trouble},
    error::{Error, Kind, Result},
    vault::{Creation, Family, HeldCertificate, NewCertificate, is_between, is_busy, is_conflict, is_deleted, is_open},
};
use jiff::Timestamp;
use std::{collections::BTreeMap, time::Duration};

/// What a certificate is made for.
pub(super) struct Order<'a> {
    pub(super) object: &'a str,
    pub(super) lifetime: Lifetime,
    pub(super) exportable: bool,
    /// Whether the registration was made in this run.
    pub(super) fresh: bool,
}

/// Has a usable certificate in the vault, and registered.
pub(super) async fn ensure(hands: &Hands<'_>, application: &Application, order: &Order<'_>) -> Result<Option<HeldCertificate>> {
    let held = match look(hands, order.object).await? {
        Some(held) if standing(hands, application, order.object, &held)? == Standing::Current && is_usable(&held) => Some(held),
        held => make(hands, application, order, held.map(|held| held.version).as_deref()).await?,
    };
    register(hands, application, order, held.as_ref()).await?;
    Ok(held)
}

/// Reads what the vault holds under a name.
pub(super) async fn look(hands: &Hands<'_>, object: &str) -> Result<Option<HeldCertificate>> {
    let vault = hands.vault()?;
    let planned = vault.plan_read(Family::Certificates, object);
    if is_placeholder(object) {
        hands.note(|| Planned::later(planned));
        return Ok(None);
    }
    hands.note(|| planned.into());
    vault.held_certificate(object).await
}

/// A name that a dry run does not know yet.
pub(super) fn is_placeholder(name: &str) -> bool {
    name.contains('{')
}

fn is_usable(held: &HeldCertificate) -> bool {
    held.enabled && held.ends.is_none_or(|ends| ends > Timestamp::now())
}

/// What the certificate that has the name is to this application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It was made for it.
    Current,
    /// It was made for another that is gone, and recovered for this one: another version is to be made.
    Recovered,
}

/// Says what a certificate is to this application.
///
/// # Errors
/// [`Kind::Usage`] where it is somebody else's.
pub(super) fn standing(hands: &Hands<'_>, application: &Application, object: &str, held: &HeldCertificate) -> Result<Standing> {
    let vault = hands.vault()?.address().to_string();
    let registered = application.keys.iter().any(|key| key.is(&held.der, &held.thumbprint));
    if registered || tagged(&held.tags, &application.app_id) {
        return Ok(Standing::Current);
    }
    match hands.memory.made_object(&vault, object, &application.app_id) {
        true if held.tags.is_empty() => Ok(Standing::Current),
        true => Ok(Standing::Recovered),
        false => Err(foreign(Family::Certificates, object, &vault, &held.tags)),
    }
}

/// Says whether tags name an application.
pub(super) fn tagged(tags: &BTreeMap<String, String>, app_id: &str) -> bool {
    tags.get("appid").is_some_and(|tag| tag.eq_ignore_ascii_case(app_id))
}

/// The error about an object that belongs to something else.
pub(super) fn foreign(family: Family, object: &str, vault: &str, tags: &BTreeMap<String, String>) -> Error {
    let whose = tags.get("appid").map(|id| format!(" (application {id})")).unwrap_or_default();
    let message = format!("{vault} holds a {} named `{object}` already, and it belongs to something else{whose}", family.word());
    Error::new(Kind::Usage, message).with_code("ForeignVaultObject").hint("choose another --vault-name")
}

/// The tags that tell whose an object is.
pub(super) fn tags(hands: &Hands<'_>, app_id: &str) -> BTreeMap<String, String> {
    facts([("appid", app_id), ("tenant", &hands.tenant), ("application", &hands.name), ("created-by", "ircollect")])
}

/// Has the vault make a certificate, or another version of the one that lies there. None in a dry run.
pub(super) async fn make(
    hands: &Hands<'_>,
    application: &Application,
    order: &Order<'_>,
    before: Option<&str>,
) -> Result<Option<HeldCertificate>> {
    if !begin(hands, application, order, before).await? {
        let pending = hands.vault()?.plan_creation(order.object);
        hands.note(|| Planned::later(pending));
        return Ok(None);
    }
    made(hands, order.object).await.map(Some)
}

/// Has the vault begin; false in a dry run. Where nobody knows whether it did, it is looked at before it is asked again.
async fn begin(hands: &Hands<'_>, application: &Application, order: &Order<'_>, before: Option<&str>) -> Result<bool> {
    let vault = hands.vault()?;
    let new = NewCertificate {
        subject: order.object.to_owned(),
        months: order.lifetime.months(),
        exportable: order.exportable,
        tags: tags(hands, &application.app_id),
    };
    let change = || Change {
        action: "certificate-create",
        words: format!("having the vault make the certificate `{}`", order.object),
        call: vault.plan_certificate(order.object, &new).into(),
        facts: facts([("vault", &vault.address().to_string()), ("object", order.object), ("app_id", &application.app_id)]),
    };
    let mut patience = hands.patience("the vault to be ready for it");
    let mut recovered = false;
    loop {
        let error = match hands.make(change(), vault.begin_certificate(order.object, &new), |_| BTreeMap::new()).await {
            Ok(None) => return Ok(false),
            Ok(Some(Creation::Failed(why))) => return Err(failed(order.object, &why)),
            Ok(Some(_)) => return Ok(true),
            Err(error) => error,
        };
        if is_between(&error) || is_busy(&error) || is_open(&error) {
            let begun = is_open(&error) && is_begun(hands, order.object, before).await?;
            if begun {
                return Ok(true);
            }
            if !patience.wait().await {
                return Err(error);
            }
        } else if is_deleted(&error) && !recovered {
            recover(hands, CredentialKind::Certificate, order.object, &application.app_id, error).await?;
            recovered = true;
        } else if is_conflict(&error) && !is_deleted(&error) {
            // One is being made: by the run before this, which was cut off.
            return Ok(true);
        } else {
            return Err(error);
        }
    }
}

/// Says whether the vault is making a certificate, or made one since.
async fn is_begun(hands: &Hands<'_>, object: &str, before: Option<&str>) -> Result<bool> {
    let vault = hands.vault()?;
    if vault.creation(object).await? == Some(Creation::InProgress) {
        return Ok(true);
    }
    Ok(vault.held_certificate(object).await?.is_some_and(|held| Some(held.version.as_str()) != before))
}

fn failed(object: &str, why: &str) -> Error {
    Error::new(Kind::Credential, format!("the vault could not make the certificate `{object}`: {why}"))
        .with_code("CertificateCreation")
        .hint("look at its pending operation in the vault, then run the same command again")
}

/// A self-signed certificate takes a vault seconds.
const POLL: Duration = Duration::from_secs(2);
const POLLS: u32 = 90;
const MAKING: &str = "the vault to make the certificate";

/// Waits until the certificate is there.
async fn made(hands: &Hands<'_>, object: &str) -> Result<HeldCertificate> {
    let vault = hands.vault()?;
    for poll in 1..=POLLS {
        match vault.creation(object).await? {
            Some(Creation::Failed(why)) => return Err(failed(object, &why)),
            Some(Creation::InProgress) => {
                hands.watch.waiting(MAKING, POLL, POLL * (POLLS - poll));
                super::count_down(hands.watch, MAKING, POLL).await;
            }
            Some(Creation::Completed) | None => {
                let held = vault.held_certificate(object).await?;
                return held.ok_or_else(|| failed(object, "it is said to be done, and there is none"));
            }
        }
    }
    Err(failed(object, "it is still at it after three minutes"))
}

/// Recovers a deleted object that has the name, where it was made for this application or by a run like this one.
pub(super) async fn recover(hands: &Hands<'_>, kind: CredentialKind, object: &str, app_id: &str, error: Error) -> Result<()> {
    let (vault, family) = (hands.vault()?, kind.family());
    let tags = deleted_tags(hands, family, object).await?;
    if tags.get("created-by").map(String::as_str) != Some("ircollect") {
        return Err(error.hint(format!(
            "a deleted {} has that name and is kept for a while: choose another --vault-name, or recover or purge it",
            family.word()
        )));
    }
    let change = Change {
        action: "vault-recover",
        words: format!("recovering the deleted {} `{object}`, whose name is wanted again", family.word()),
        call: vault.plan_recover(family, object).into(),
        facts: facts([("vault", &vault.address().to_string()), ("object", object), ("app_id", app_id)]),
    };
    hands.make(change, vault.recover(family, object), |()| BTreeMap::new()).await?;
    let mut patience = hands.patience("the vault to recover it");
    loop {
        let there = match family {
            Family::Certificates => vault.held_certificate(object).await?.is_some(),
            Family::Secrets => vault.held_secret(object).await?.is_some(),
        };
        if there || !patience.wait().await {
            return Ok(());
        }
    }
}

/// The tags of a deleted object, which takes a moment to lie among the deleted ones.
async fn deleted_tags(hands: &Hands<'_>, family: Family, object: &str) -> Result<BTreeMap<String, String>> {
    let mut patience = hands.patience("the vault to have deleted it").short();
    loop {
        let tags = hands.vault()?.deleted_tags(family, object).await?;
        if tags.is_some() || !patience.wait().await {
            return Ok(tags.unwrap_or_default());
        }
    }
}

/// Adds a certificate's public part to what is registered. None of the certificates stands for a dry run.
pub(super) async fn register(
    hands: &Hands<'_>,
    application: &Application,
    order: &Order<'_>,
    held: Option<&HeldCertificate>,
) -> Result<()> {
    let Some(held) = held else {
        let mut keys = application.keys.clone();
        keys.push(placeholder(order.object));
        let request = Request::set_keys(&application.id, UPLOAD, &keys);
        return hands.change("key-add", &request, BTreeMap::new()).await.map(drop);
    };
    let is_it = |key: &KeyCredential| key.is(&held.der, &held.thumbprint);
    if application.keys.iter().any(is_it) {
        return Ok(());
    }
    // The list is replaced whole, so it is read as late as can be.
    let current = if order.fresh { application.clone() } else { reread(hands, application).await? };
    if current.keys.iter().any(is_it) {
        return Ok(());
    }
    let mut keys = current.keys.clone();
    keys.push(KeyCredential::of_certificate(&held.der, &subject(order.object)));
    let request = Request::set_keys(&application.id, UPLOAD, &keys);
    let about =
        || facts([("object_id", &application.id), ("app_id", &application.app_id), ("object", order.object), ("version", &held.version)]);
    let tried = || hands.change("key-add", &request, about());
    // The same list again changes nothing more.
    let young = order.fresh || is_young(application);
    let heals = |error: &Error| Trouble::of(error) == Trouble::Open || (young && propagates(error));
    hands.patience("the directory to know the registration").until(tried, heals).await?;
    if current.keys.is_empty() || hands.dry { Ok(()) } else { still_there(hands, application, &current.keys).await }
}

/// What stands for the public part of a certificate that a dry run did not make.
pub(super) fn placeholder(object: &str) -> KeyCredential {
    KeyCredential::of_certificate(b"(the certificate's public part)", &subject(object))
}

const UPLOAD: &str = "registering the certificate's public part";

/// The name that a certificate has in the registration.
pub(super) fn subject(object: &str) -> String {
    format!("CN={object}")
}

/// Reads a registration again.
pub(super) async fn reread(hands: &Hands<'_>, application: &Application) -> Result<Application> {
    if hands.dry && application.id.starts_with('{') {
        return Ok(application.clone());
    }
    let found = hands.read(&Request::application(&application.id)).await?;
    Application::read(&found)
}

/// Holds a list of certificates, as it is after a change, against those that were to stay.
pub(super) async fn still_there(hands: &Hands<'_>, application: &Application, kept: &[KeyCredential]) -> Result<()> {
    let after = reread(hands, application).await?;
    let missing = |key: &&KeyCredential| !key.key_id().is_empty() && after.keys.iter().all(|found| found.key_id() != key.key_id());
    let gone: Vec<String> = kept.iter().filter(missing).map(|key| format!("{} ({})", key.name(), key.key_id())).collect();
    if !gone.is_empty() {
        hands.watch.warn(&format!("certificates that others registered are not listed any more: {}; look at once", gone.join(", ")));
    }
    Ok(())
}
