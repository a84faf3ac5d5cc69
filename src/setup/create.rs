//! `create`: from nothing, or from wherever an earlier run was cut off, to a registration that works.

use super::{
    Claim, Prover, certificate,
    consent::{Resources, assignments, grant},
    hands::Hands,
    patience::is_young,
    permissions::Permissions,
    registration::{ensure, ensure_principal},
    secret,
    wanted::{CredentialKind, Wanted},
};
use crate::error::Result;
use jiff::Timestamp;

/// What was made, or was there.
#[derive(Clone, Debug)]
pub struct Made {
    /// Application (client) id.
    pub app_id: String,
    /// Object id of the registration.
    pub object_id: String,
    /// Object id of the service principal.
    pub service_principal_id: String,
    /// The vault's URL.
    pub vault: String,
    /// Name of the object in it.
    pub vault_name: String,
    /// What the credential is.
    pub kind: CredentialKind,
    /// Whether a certificate's key may leave the vault.
    pub exportable: bool,
    /// When the credential ends.
    pub ends: Option<Timestamp>,
    /// What it may do.
    pub granted: Permissions,
}

/// Makes what is missing, and proves that it works if anything was.
///
/// # Errors
/// As the directory or the vault refused; the hints say what exists by then.
pub async fn create(hands: &Hands<'_>, wanted: &Wanted, adopted: Option<&str>, prover: &dyn Prover) -> Result<Made> {
    wanted.check()?;
    let resources = Resources::resolve(hands, &wanted.permissions).await?;
    reach_vault(hands, wanted).await?;
    let access = resources.access(&wanted.permissions);
    let registration = ensure(hands, wanted, adopted, &access).await?;
    let app_id = registration.application.app_id.clone();
    let rest = async {
        let (principal, made_now) = ensure_principal(hands, &registration).await?;
        let fresh = made_now || is_young(&registration.application);
        let granted = if wanted.consent {
            grant(hands, &resources, &principal, fresh, &wanted.permissions).await?
        } else {
            let present = assignments(hands, &principal, fresh).await?;
            present.iter().filter_map(|one| resources.granted(one)).filter(|one| wanted.permissions.contains(one)).collect()
        };
        let object = wanted.place.object_for(&wanted.name, &app_id);
        let (ends, exportable) = credential(hands, wanted, &registration, &object).await?;
        let made = Made {
            app_id: app_id.clone(),
            object_id: registration.application.id.clone(),
            service_principal_id: principal.id,
            vault: wanted.place.vault.clone(),
            vault_name: object,
            kind: wanted.kind,
            exportable,
            ends,
            granted,
        };
        // What an earlier run changed and did not come to prove is proved now.
        let unproved = hands.dry || !hands.changes().is_empty() || hands.memory.is_unproved(&hands.tenant, &hands.name);
        if unproved {
            hands.prove(prover, &made.claim()).await?;
        }
        Ok(made)
    };
    rest.await.map_err(|error| hands.halfway(error, Some(&app_id)))
}

impl Made {
    fn claim(&self) -> Claim {
        Claim {
            app_id: self.app_id.clone(),
            kind: self.kind,
            object: self.vault_name.clone(),
            exportable: self.exportable,
            granted: self.granted.clone(),
        }
    }
}

/// A vault that cannot be reached is to be known before anything is made.
async fn reach_vault(hands: &Hands<'_>, wanted: &Wanted) -> Result<()> {
    let object = wanted.place.object.clone().unwrap_or_else(|| "ircollect".to_owned());
    match wanted.kind {
        CredentialKind::Certificate => certificate::look(hands, &object).await.map(drop),
        CredentialKind::Secret => secret::look(hands, &object).await.map(drop),
    }
}

/// Refuses a name in the vault that something else has, before anything is made.
pub(super) async fn check_name_is_free(hands: &Hands<'_>, wanted: &Wanted) -> Result<()> {
    let Some(object) = &wanted.place.object else { return Ok(()) };
    let tags = match wanted.kind {
        CredentialKind::Certificate => certificate::look(hands, object).await?.map(|held| held.tags),
        CredentialKind::Secret => secret::look(hands, object).await?.map(|held| held.tags),
    };
    match tags {
        Some(tags) if tags.get("created-by").map(String::as_str) != Some("ircollect") => {
            Err(certificate::foreign(wanted.kind.family(), object, &wanted.place.vault, &tags))
        }
        _ => Ok(()),
    }
}

/// Has the credential; returns its end, and whether its key may leave the vault.
async fn credential(
    hands: &Hands<'_>,
    wanted: &Wanted,
    registration: &super::registration::Registration,
    object: &str,
) -> Result<(Option<Timestamp>, bool)> {
    let (application, fresh, lifetime) = (&registration.application, registration.fresh, wanted.lifetime);
    match wanted.kind {
        CredentialKind::Certificate => {
            let order = certificate::Order { object, lifetime, exportable: wanted.exportable, fresh };
            let held = certificate::ensure(hands, application, &order).await?;
            Ok((held.as_ref().and_then(|held| held.ends), held.map_or(wanted.exportable, |held| held.exportable)))
        }
        CredentialKind::Secret => {
            let kept = secret::ensure(hands, application, &secret::Order { object, lifetime, fresh }).await?;
            Ok((kept.and_then(|kept| kept.ends), false))
        }
    }
}
