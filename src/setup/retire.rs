//! What a rotation leaves in the vault: older versions, disabled once the registration no longer knows them. They stay to be looked
//! at; nobody signs with them.

use super::{
    hands::{Change, Hands, facts},
    wanted::CredentialKind,
};
use crate::error::{Error, Kind, Result};
use std::collections::BTreeMap;

/// Disables the enabled versions of an object before its newest; returns which. `known` stands for the list where the vault gives
/// none. A version that cannot be disabled is told, and no failure: what it held is of no use any more.
pub(super) async fn retire(hands: &Hands<'_>, kind: CredentialKind, object: &str, newest: &str, known: &str) -> Result<Vec<String>> {
    let vault = hands.vault()?;
    let listed = vault.older_versions(kind.family(), object, newest).await;
    let older = listed.unwrap_or_else(|_| [known].into_iter().filter(|one| !one.is_empty() && *one != newest).map(str::to_owned).collect());
    let mut disabled = Vec::new();
    for version in older {
        match disable(hands, kind, object, &version).await {
            Ok(()) => disabled.push(version),
            Err(error) if error.kind() == Kind::Disk => return Err(error),
            Err(error) => hands.watch.warn(&left(kind, object, &version, &error)),
        }
    }
    Ok(disabled)
}

fn left(kind: CredentialKind, object: &str, version: &str, error: &Error) -> String {
    format!(
        "the old version {version} of the {} `{object}` stays enabled in the vault, where the application knows it no more; disable it \
         by hand ({})",
        kind.word(),
        error.message()
    )
}

async fn disable(hands: &Hands<'_>, kind: CredentialKind, object: &str, version: &str) -> Result<()> {
    let (vault, family) = (hands.vault()?, kind.family());
    let change = Change {
        action: "version-disable",
        words: format!("disabling the old version {version} of the {} `{object}` in the vault", kind.word()),
        call: vault.plan_disable(family, object, version).into(),
        facts: facts([("vault", &vault.address().to_string()), ("object", object), ("version", version)]),
    };
    hands.make(change, vault.disable(family, object, version), |()| BTreeMap::new()).await.map(drop)
}

/// Writes down what [`retire`] would do.
pub(super) async fn plan(hands: &Hands<'_>, kind: CredentialKind, object: &str, version: &str) -> Result<()> {
    let listed = hands.vault()?.plan_versions(kind.family(), object);
    hands.note(|| super::Planned::later(listed));
    disable(hands, kind, object, version).await
}
