//! `rotate`: the new credential first, proved, then the old one removed; never a moment without one that works.

use super::{
    Claim, Prover, certificate,
    consent::{Resources, assignments},
    hands::{Facts, Hands, facts},
    patience::is_young,
    registration::{Found, Tags, existing, find_principal},
    retire, secret,
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
    /// Versions in the vault that were disabled.
    pub disabled: Vec<String>,
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
    let turn = Turn { application: &application, object: &object, lifetime, prover };
    let done = match kind {
        CredentialKind::Certificate => rotate_certificate(hands, &turn).await,
        CredentialKind::Secret => rotate_secret(hands, &turn).await,
    };
    let Ended { ends, removed, disabled } = done.map_err(|error| {
        let error = error.hint("the old credential still works; the same command again goes on");
        let done = hands.changes();
        if done.is_empty() { error } else { error.hint(format!("done so far: {}", done.join("; "))) }
    })?;
    hands.remark("rotation", &facts([("app_id", &application.app_id), ("state", "over")]))?;
    Ok(Rotated { app_id: application.app_id, vault, vault_name: object, kind, ends, removed, disabled })
}

/// What is rotated, and how.
struct Turn<'a> {
    application: &'a Application,
    object: &'a str,
    lifetime: Lifetime,
    prover: &'a dyn Prover,
}

/// How it ended.
#[derive(Default)]
struct Ended {
    ends: Option<Timestamp>,
    removed: Vec<String>,
    disabled: Vec<String>,
}

/// Begins a rotation, or goes on with one; returns the version that lay in the vault before it.
fn begin(hands: &Hands<'_>, turn: &Turn<'_>, held: &str) -> Result<String> {
    let old = hands.memory.rotation(&turn.application.app_id).unwrap_or(held).to_owned();
    hands.remark("rotation", &facts([("app_id", &turn.application.app_id), ("state", "begun"), ("version", &old)]))?;
    Ok(old)
}

async fn rotate_certificate(hands: &Hands<'_>, turn: &Turn<'_>) -> Result<Ended> {
    let (application, object) = (turn.application, turn.object);
    let held = certificate::look(hands, object).await?.ok_or_else(|| gone(object))?;
    certificate::standing(hands, application, object, &held)?;
    let old = begin(hands, turn, &held.version)?;
    let order = certificate::Order { object, lifetime: turn.lifetime, exportable: held.exportable, fresh: false };
    let registered = application.keys.iter().any(|key| key.is(&held.der, &held.thumbprint));
    // A run that was cut off left the new one: unregistered, or beside the old one, or alone.
    let new = if registered && old == held.version {
        certificate::make(hands, application, &order, Some(&held.version)).await?
    } else {
        Some(held.clone())
    };
    certificate::register(hands, application, &order, new.as_ref()).await?;
    prove(hands, turn, CredentialKind::Certificate, order.exportable).await?;
    let Some(new) = new.as_ref().filter(|_| !hands.dry) else { return plan_certificate(hands, turn, &held, new.as_ref()).await };
    let removed = remove_old_keys(hands, application, object, &held, new).await?;
    let disabled = retire::retire(hands, CredentialKind::Certificate, object, &new.version, &old).await?;
    Ok(Ended { ends: new.ends, removed, disabled })
}

/// Writes down what follows once there is a new one.
async fn plan_certificate(hands: &Hands<'_>, turn: &Turn<'_>, held: &HeldCertificate, new: Option<&HeldCertificate>) -> Result<Ended> {
    let (_, mut kept) = sorted(&turn.application.keys, turn.object, held, new);
    kept.extend(new.is_none().then(|| certificate::placeholder(turn.object)));
    hands.change("key-remove", &remaining(turn.application, turn.object, &kept), Facts::new()).await?;
    let old = if new.is_none() { held.version.as_str() } else { "{version}" };
    retire::plan(hands, CredentialKind::Certificate, turn.object, old).await?;
    Ok(Ended::default())
}

fn gone(object: &str) -> Error {
    Error::new(Kind::Credential, format!("the vault holds nothing named `{object}` to rotate"))
        .with_code("VaultObjectMissing")
        .hint("check --vault and --vault-name; `ircollect app create` with the registration's name makes it anew")
}

/// Those that are to go (the one that was in the vault before, and those of the object's name that are not the new one), and those
/// that stay.
fn sorted(
    keys: &[KeyCredential],
    object: &str,
    held: &HeldCertificate,
    new: Option<&HeldCertificate>,
) -> (Vec<KeyCredential>, Vec<KeyCredential>) {
    let is = |key: &KeyCredential, held: &HeldCertificate| key.is(&held.der, &held.thumbprint);
    let is_new = |key: &KeyCredential| new.is_some_and(|new| is(key, new));
    keys.iter().cloned().partition(|key| !is_new(key) && (is(key, held) || key.name() == certificate::subject(object)))
}

fn remaining(application: &Application, object: &str, kept: &[KeyCredential]) -> Request {
    Request::set_keys(&application.id, &format!("removing the old certificate of `{object}`"), kept)
}

/// Removes the certificates of the object that are not the new one.
async fn remove_old_keys(
    hands: &Hands<'_>,
    application: &Application,
    object: &str,
    held: &HeldCertificate,
    new: &HeldCertificate,
) -> Result<Vec<String>> {
    let current = certificate::reread(hands, application).await?;
    if !current.keys.iter().any(|key| key.is(&new.der, &new.thumbprint)) {
        return Err(Error::new(Kind::Failed, "the directory does not list the new certificate yet, so the old one stays")
            .with_code("NotPropagated")
            .hint("run the same command again in a minute"));
    }
    let (going, kept) = sorted(&current.keys, object, held, Some(new));
    if going.is_empty() {
        return Ok(Vec::new());
    }
    let request = remaining(application, object, &kept);
    let about = || facts([("object_id", &application.id), ("app_id", &application.app_id), ("object", object)]);
    let tried = || hands.change("key-remove", &request, about());
    hands.patience("the directory").until(tried, |error| Trouble::of(error) == Trouble::Open).await?;
    certificate::still_there(hands, application, &kept).await?;
    Ok(going.iter().map(KeyCredential::key_id).collect())
}

async fn rotate_secret(hands: &Hands<'_>, turn: &Turn<'_>) -> Result<Ended> {
    let (application, object) = (turn.application, turn.object);
    let held = secret::look(hands, object).await?.ok_or_else(|| gone(object))?;
    let old = begin(hands, turn, &held.version)?;
    let order = secret::Order { object, lifetime: turn.lifetime, fresh: false };
    // A run that was cut off stored the new one.
    let kept = match secret::still_good(application, &held) {
        Some(kept) if old != held.version => Some(kept),
        _ => secret::replace(hands, application, &order).await?,
    };
    prove(hands, turn, CredentialKind::Secret, false).await?;
    let key = kept.as_ref().map(|kept| kept.key_id.as_str());
    let current = certificate::reread(hands, application).await?;
    let name = secret::display_name(hands, object)?;
    let others = current.passwords.iter().filter(|one| one.name == name && Some(one.key_id.as_str()) != key);
    let removed = others.map(|one| one.key_id.clone()).collect();
    secret::remove_others(hands, &current, object, key).await?;
    let Some(kept) = kept else {
        retire::plan(hands, CredentialKind::Secret, object, &held.version).await?;
        return Ok(Ended::default());
    };
    let disabled = retire::retire(hands, CredentialKind::Secret, object, &kept.version, &old).await?;
    Ok(Ended { ends: kept.ends, removed, disabled })
}

/// Proves that the new credential gives what the registration was granted.
async fn prove(hands: &Hands<'_>, turn: &Turn<'_>, kind: CredentialKind, exportable: bool) -> Result<()> {
    let app_id = &turn.application.app_id;
    let resources = Resources::all(hands).await?;
    let granted = match find_principal(hands, app_id).await? {
        Some(principal) => {
            let assigned = assignments(hands, &principal, is_young(turn.application)).await?;
            assigned.iter().filter_map(|one| resources.granted(one)).collect()
        }
        None => super::Permissions::new(),
    };
    let claim = Claim { app_id: app_id.clone(), kind, object: turn.object.to_owned(), exportable, granted };
    hands.prove(turn.prover, &claim).await
}
