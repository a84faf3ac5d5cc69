//! `rotate`: the new credential first, proved, then the old one removed; never a moment without one that works.

use super::{
    Claim, Prover, certificate,
    consent::{Resources, assignments},
    hands::{Facts, Hands, facts},
    registration::{Found, Tags, existing, find_principal},
    secret,
    wanted::{CredentialKind, Lifetime, Place},
};
use crate::{
    api::directory::{Application, KeyCredential, Request, Trouble},
    error::{Error, Kind, Result},
    vault::HeldCertificate,
};
use jiff::Timestamp;

/// What was rotated.
#[derive(Clone, Debug)]
pub struct Rotated {
    /// Application (client) id.
    pub app_id: String,
    /// The vault's URL.
    pub vault: String,
    /// Name of the object in it.
    pub vault_name: String,
    /// What the credential is.
    pub kind: CredentialKind,
    /// When the new one ends.
    pub ends: Option<Timestamp>,
    /// Ids of the old ones, which are gone.
    pub removed: Vec<String>,
}

/// Where a registration's credential lies, by its tags and by what was said.
///
/// # Errors
/// [`Kind::Usage`] where neither tells.
pub(super) fn credential_of(
    application: &Application,
    place: Option<&Place>,
    said: Option<CredentialKind>,
) -> Result<(CredentialKind, String, String)> {
    let tags = Tags::read(&application.tags);
    let vault = place.map(|place| place.vault.clone()).or(tags.vault).ok_or_else(|| untold(application, "vault", "--vault URL"))?;
    let kind = said
        .or(tags.kind)
        .or_else(|| by_its_credentials(application))
        .ok_or_else(|| untold(application, "kind of credential", "--credential certificate or --credential secret"))?;
    let object = place.and_then(|place| place.object.clone()).or(tags.object);
    let object = Place { vault: vault.clone(), object }.object_for(&application.name, &application.app_id);
    Ok((kind, vault, object))
}

fn by_its_credentials(application: &Application) -> Option<CredentialKind> {
    match (application.keys.is_empty(), application.passwords.is_empty()) {
        (false, true) => Some(CredentialKind::Certificate),
        (true, false) => Some(CredentialKind::Secret),
        _ => None,
    }
}

fn untold(application: &Application, what: &str, flag: &str) -> Error {
    Error::new(Kind::Usage, format!("the registration `{}` does not say the {what} of its credential", application.name))
        .hint(format!("give {flag}"))
}

/// Rotates the credential of a registration. `open` opens the vault that it lies in.
///
/// # Errors
/// As the directory, the vault or the proof refused; the old credential still works then.
pub async fn rotate(
    hands: &Hands<'_>,
    what: &Found,
    place: &Place,
    lifetime: impl Fn(CredentialKind) -> Result<Lifetime>,
    said: Option<CredentialKind>,
    prover: &dyn Prover,
) -> Result<Rotated> {
    let application = existing(hands, what).await?;
    let (kind, vault, object) = credential_of(&application, Some(place), said)?;
    let lifetime = lifetime(kind)?;
    let about = |state: &str| -> Facts { facts([("app_id", &application.app_id), ("state", state)]) };
    let going_on = hands.memory.is_rotating(&application.app_id);
    hands.remark("rotation", &about("begun"))?;
    let done = match kind {
        CredentialKind::Certificate => rotate_certificate(hands, &application, &object, lifetime, going_on, prover).await,
        CredentialKind::Secret => rotate_secret(hands, &application, &object, lifetime, going_on, prover).await,
    };
    let (ends, removed) = done.map_err(|error| {
        let error = error.hint("the old credential still works; the same command again goes on");
        let done = hands.changes();
        if done.is_empty() { error } else { error.hint(format!("done so far: {}", done.join("; "))) }
    })?;
    hands.remark("rotation", &about("over"))?;
    Ok(Rotated { app_id: application.app_id, vault, vault_name: object, kind, ends, removed })
}

type Ended = (Option<Timestamp>, Vec<String>);

async fn rotate_certificate(
    hands: &Hands<'_>,
    application: &Application,
    object: &str,
    lifetime: Lifetime,
    going_on: bool,
    prover: &dyn Prover,
) -> Result<Ended> {
    let old = certificate::look(hands, object).await?;
    let old = old.ok_or_else(|| gone(object))?;
    certificate::standing(hands, application, object, &old)?;
    let order = certificate::Order { object, lifetime, exportable: old.exportable, fresh: false };
    let registered = application.keys.iter().any(|key| key.is(&old.der, &old.thumbprint));
    let several = ours(application, object).len() > 1;
    // A run that was cut off left the new one: unregistered, or beside the old one.
    let new = if !registered || (going_on && several) { Some(old.clone()) } else { certificate::make(hands, application, &order).await? };
    certificate::register(hands, application, &order, new.as_ref()).await?;
    let Some(new) = new else {
        hands.change("key-remove", &without(application, object, &old), Facts::new()).await?;
        return Ok((None, Vec::new()));
    };
    prove(hands, application, CredentialKind::Certificate, object, new.exportable, prover).await?;
    let removed = remove_old_keys(hands, application, object, &old, &new).await?;
    Ok((new.ends, removed))
}

fn gone(object: &str) -> Error {
    Error::new(Kind::Credential, format!("the vault holds nothing named `{object}` to rotate"))
        .with_code("VaultObjectMissing")
        .hint("check --vault and --vault-name; `ircollect app create` with the registration's name makes it anew")
}

fn ours<'a>(application: &'a Application, object: &str) -> Vec<&'a KeyCredential> {
    application.keys.iter().filter(|key| key.name() == certificate::subject(object)).collect()
}

fn without(application: &Application, object: &str, old: &HeldCertificate) -> Request {
    let kept: Vec<KeyCredential> = application.keys.iter().filter(|key| !key.is(&old.der, &old.thumbprint)).cloned().collect();
    Request::set_keys(&application.id, &format!("removing the old certificate of `{object}`"), &kept)
}

/// Removes the certificates of the object that are not the new one: the one that was in the vault before, and those of its name.
async fn remove_old_keys(
    hands: &Hands<'_>,
    application: &Application,
    object: &str,
    old: &HeldCertificate,
    new: &HeldCertificate,
) -> Result<Vec<String>> {
    let current = certificate::reread(hands, application).await?;
    let is_new = |key: &KeyCredential| key.is(&new.der, &new.thumbprint);
    let is_old = |key: &KeyCredential| !is_new(key) && (key.is(&old.der, &old.thumbprint) || key.name() == certificate::subject(object));
    if !current.keys.iter().any(is_new) {
        return Err(Error::new(Kind::Failed, "the directory does not list the new certificate yet, so the old one stays")
            .with_code("NotPropagated")
            .hint("run the same command again in a minute"));
    }
    let (going, kept): (Vec<KeyCredential>, Vec<KeyCredential>) = current.keys.iter().cloned().partition(is_old);
    if going.is_empty() {
        return Ok(Vec::new());
    }
    let request = Request::set_keys(&application.id, &format!("removing the old certificate of `{object}`"), &kept);
    let about = || facts([("object_id", &application.id), ("app_id", &application.app_id), ("object", object)]);
    let tried = || hands.change("key-remove", &request, about());
    hands.patience("the directory").until(tried, |error| Trouble::of(error) == Trouble::Open).await?;
    certificate::still_there(hands, application, &kept).await?;
    Ok(going.iter().map(KeyCredential::key_id).collect())
}

async fn rotate_secret(
    hands: &Hands<'_>,
    application: &Application,
    object: &str,
    lifetime: Lifetime,
    going_on: bool,
    prover: &dyn Prover,
) -> Result<Ended> {
    let held = secret::look(hands, object).await?.ok_or_else(|| gone(object))?;
    let present = secret::still_good(application, &held);
    let name = secret::display_name(hands, object)?;
    let several = application.passwords.iter().filter(|one| one.name == name).count() > 1;
    let order = secret::Order { object, lifetime, fresh: false };
    // A run that was cut off stored the new one and left the old one beside it.
    let kept = match present {
        Some(kept) if going_on && several => Some(kept),
        _ => secret::replace(hands, application, &order).await?,
    };
    let key = kept.as_ref().map(|kept| kept.key_id.clone());
    if !hands.dry {
        prove(hands, application, CredentialKind::Secret, object, false, prover).await?;
    }
    let current = certificate::reread(hands, application).await?;
    let removed = current
        .passwords
        .iter()
        .filter(|one| one.name == name && Some(&one.key_id) != key.as_ref())
        .map(|one| one.key_id.clone())
        .collect();
    secret::remove_others(hands, &current, object, key.as_deref()).await?;
    Ok((kept.and_then(|kept| kept.ends), removed))
}

/// Proves that the new credential gives what the registration was granted.
async fn prove(
    hands: &Hands<'_>,
    application: &Application,
    kind: CredentialKind,
    object: &str,
    exportable: bool,
    prover: &dyn Prover,
) -> Result<()> {
    let resources = Resources::all(hands).await?;
    let granted = match find_principal(hands, &application.app_id).await? {
        Some(principal) => assignments(hands, &principal, false).await?.iter().filter_map(|one| resources.granted(one)).collect(),
        None => super::Permissions::new(),
    };
    let claim = Claim { app_id: application.app_id.clone(), kind, object: object.to_owned(), exportable, granted };
    prover.prove(&claim).await
}
