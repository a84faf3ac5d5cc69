//! A client secret that goes from the directory's answer straight into the vault, and is shown to nobody.

use super::{
    certificate::{foreign, is_placeholder, recover, reread, tagged, tags},
    hands::{Change, Facts, Hands, Planned, facts},
    patience::{is_young, propagates},
    wanted::{CredentialKind, Lifetime},
};
use crate::{
    api::directory::{AddedPassword, Application, PasswordCredential, Request, Trouble},
    error::{Error, Kind, Result},
    time::rfc3339,
    vault::{Family, HeldSecret, NewSecret, is_between, is_busy, is_deleted, is_open},
};
use jiff::Timestamp;

/// What a secret is made for.
pub(super) struct Order<'a> {
    pub(super) object: &'a str,
    pub(super) lifetime: Lifetime,
    /// Whether the registration was made in this run.
    pub(super) fresh: bool,
}

/// A secret that lies in the vault.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) key_id: String,
    /// Its version in the vault.
    pub(super) version: String,
    pub(super) ends: Option<Timestamp>,
}

/// The tag that says which of a registration's secrets lies there.
const KEY: &str = "keyid";

/// Has a usable secret in the vault; others that a run left which was cut off are removed. None in a dry run that makes one.
pub(super) async fn ensure(hands: &Hands<'_>, application: &Application, order: &Order<'_>) -> Result<Option<Kept>> {
    let held = look(hands, order.object).await?;
    if let Some(held) = &held {
        check_ours(hands, application, order.object, held)?;
        if let Some(kept) = still_good(application, held) {
            remove_others(hands, application, order.object, Some(&kept.key_id)).await?;
            return Ok(Some(kept));
        }
    }
    let kept = replace(hands, application, order).await?;
    let keep = kept.as_ref().map(|kept| kept.key_id.as_str());
    remove_others(hands, application, order.object, keep).await?;
    Ok(kept)
}

/// Reads what the vault holds under a name, without the value.
pub(super) async fn look(hands: &Hands<'_>, object: &str) -> Result<Option<HeldSecret>> {
    let vault = hands.vault()?;
    let planned = vault.plan_read(Family::Secrets, object);
    if is_placeholder(object) {
        hands.note(|| Planned::later(planned));
        return Ok(None);
    }
    hands.note(|| planned.into());
    vault.held_secret(object).await
}

fn check_ours(hands: &Hands<'_>, application: &Application, object: &str, held: &HeldSecret) -> Result<()> {
    let vault = hands.vault()?.address().to_string();
    // One that was recovered for this application has the tags of another; its key id then fits none of this one's.
    if tagged(&held.tags, &application.app_id) || hands.memory.made_object(&vault, object, &application.app_id) {
        return Ok(());
    }
    Err(foreign(Family::Secrets, object, &vault, &held.tags))
}

/// The secret in the vault, if the registration knows it and it has not ended.
pub(super) fn still_good(application: &Application, held: &HeldSecret) -> Option<Kept> {
    let key = held.tags.get(KEY)?;
    let known = application.passwords.iter().find(|password| password.key_id == *key)?;
    let ends = held.ends.or(known.ends);
    ends.is_none_or(|ends| ends > Timestamp::now()).then(|| Kept { key_id: key.clone(), version: held.version.clone(), ends })
}

/// The name of our secrets in a registration: it tells the vault and the object.
pub(super) fn display_name(hands: &Hands<'_>, object: &str) -> Result<String> {
    let vault = hands.vault()?.address();
    let host = vault.url().host_str().unwrap_or_default();
    Ok(format!("ircollect {}/{object}", host.split('.').next().filter(|label| label.parse::<u8>().is_err()).unwrap_or(host)))
}

/// Makes a secret and puts it into the vault. None in a dry run.
pub(super) async fn replace(hands: &Hands<'_>, application: &Application, order: &Order<'_>) -> Result<Option<Kept>> {
    let from = Timestamp::from_second(Timestamp::now().as_second()).unwrap_or_else(|_| Timestamp::now());
    let to =
        from.checked_add(order.lifetime.length()).map_err(|error| Error::new(Kind::Usage, "--expires is too long").caused_by(error))?;
    let added = add(hands, application, order, from, to).await?;
    let key_id = added.as_ref().map_or("{keyId}", |added| added.key_id.as_str());
    let mut all = tags(hands, &application.app_id);
    all.insert(KEY.to_owned(), key_id.to_owned());
    let new = NewSecret { begins: from, ends: added.as_ref().and_then(|added| added.ends).unwrap_or(to), tags: all };
    let stored = store(hands, application, order, added.as_ref(), &new).await;
    match (stored, added) {
        (Ok(version), added) => Ok(added.map(|added| Kept { key_id: added.key_id, version, ends: Some(new.ends) })),
        // Nobody knows its value now: it is of no use, and would only lie about.
        (Err(error), Some(added)) => {
            let _as_good_as_can_be = remove_one(hands, application, &added.key_id).await;
            Err(error)
        }
        (Err(error), None) => Err(error),
    }
}

async fn add(
    hands: &Hands<'_>,
    application: &Application,
    order: &Order<'_>,
    from: Timestamp,
    to: Timestamp,
) -> Result<Option<AddedPassword>> {
    let name = display_name(hands, order.object)?;
    let request = Request::add_password(&application.id, &name, &rfc3339(from), &rfc3339(to));
    let about = || facts([("object_id", &application.id), ("app_id", &application.app_id), ("object", order.object)]);
    let tried = || async {
        let added = hands.change_secretly("password-add", &request, about()).await;
        if let Err(error) = &added
            && Trouble::of(error) == Trouble::Open
        {
            // It may have been made, and nobody knows its value.
            let before: Vec<&str> = application.passwords.iter().map(|password| password.key_id.as_str()).collect();
            let now = reread(hands, application).await?;
            for lost in now.passwords.iter().filter(|one| one.name == name && !before.contains(&one.key_id.as_str())) {
                remove_one(hands, application, &lost.key_id).await?;
            }
        }
        added
    };
    let young = order.fresh || is_young(application);
    let heals = |error: &Error| Trouble::of(error) == Trouble::Open || (young && propagates(error));
    let body = hands.patience("the directory to know the registration").until(tried, heals).await.map_err(policy)?;
    body.map(|body| AddedPassword::read(&body)).transpose()
}

/// A tenant may limit secrets by policy; its words are the service's.
fn policy(error: Error) -> Error {
    if error.message().to_ascii_lowercase().contains("policy") {
        return error.hint("the tenant's policy limits client secrets: give a shorter --expires, or take --credential certificate");
    }
    error
}

async fn store(
    hands: &Hands<'_>,
    application: &Application,
    order: &Order<'_>,
    added: Option<&AddedPassword>,
    new: &NewSecret,
) -> Result<String> {
    let vault = hands.vault()?;
    let change = || Change {
        action: "secret-store",
        words: format!("storing the secret in the vault as `{}`", order.object),
        call: vault.plan_secret(order.object, new).into(),
        facts: facts([("vault", &vault.address().to_string()), ("object", order.object), ("app_id", &application.app_id)]),
    };
    let nothing = crate::secret::Secret::new("");
    let value = added.map_or(&nothing, |added| &added.secret);
    let version = |version: &String| -> Facts { facts([("version", version)]) };
    let mut patience = hands.patience("the vault to be ready for it");
    let mut recovered = false;
    loop {
        match hands.make(change(), vault.keep_secret(order.object, value, new), version).await {
            Err(error) if is_between(&error) || is_busy(&error) || is_open(&error) => {
                if let Some(version) = stored_already(hands, order.object, new, &error).await? {
                    return Ok(version);
                }
                if !patience.wait().await {
                    return Err(error);
                }
            }
            Err(error) if is_deleted(&error) && !recovered => {
                recover(hands, CredentialKind::Secret, order.object, &application.app_id, error).await?;
                recovered = true;
            }
            outcome => return outcome.map(Option::unwrap_or_default),
        }
    }
}

/// Returns the version of a secret that was stored by a call of which nobody knows.
async fn stored_already(hands: &Hands<'_>, object: &str, new: &NewSecret, error: &Error) -> Result<Option<String>> {
    if !is_open(error) {
        return Ok(None);
    }
    let held = hands.vault()?.held_secret(object).await?;
    Ok(held.filter(|held| held.tags.get(KEY) == new.tags.get(KEY)).map(|held| held.version))
}

/// Removes our secrets of the same name, but for one: those whose value nobody knows, and those that were replaced.
pub(super) async fn remove_others(hands: &Hands<'_>, application: &Application, object: &str, keep: Option<&str>) -> Result<()> {
    let name = display_name(hands, object)?;
    let others = |one: &&PasswordCredential| one.name == name && Some(one.key_id.as_str()) != keep;
    for other in application.passwords.iter().filter(others) {
        remove_one(hands, application, &other.key_id).await?;
    }
    Ok(())
}

async fn remove_one(hands: &Hands<'_>, application: &Application, key_id: &str) -> Result<()> {
    let request = Request::remove_password(&application.id, key_id);
    let about = facts([("object_id", &application.id), ("app_id", &application.app_id), ("key_id", key_id)]);
    match hands.change("password-remove", &request, about).await {
        // Once gone, it cannot be removed again.
        Err(error) if Trouble::of(&error).is_propagation() => Ok(()),
        outcome => outcome.map(drop),
    }
}
