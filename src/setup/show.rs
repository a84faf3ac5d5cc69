//! `show`: what an application may do, since when and by whom, which credentials it has and how long they last, and what of all that
//! is broader than needed.

use super::{
    consent::{Resources, assignments},
    hands::Hands,
    patience::is_young,
    permissions::Permissions,
    registration::{Found, Tags, declared, existing, find_principal},
};
use crate::{
    api::directory::{Application, Request},
    error::Result,
    time::rfc3339,
};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

/// An application.
#[derive(Clone, Debug, Serialize)]
pub struct Shown {
    /// Display name.
    pub name: String,
    /// Application (client) id.
    pub app_id: String,
    /// Object id of the registration.
    pub object_id: String,
    /// Object id of the service principal; none where there is none.
    pub service_principal_id: Option<String>,
    /// Directory (tenant) id.
    pub tenant: String,
    /// `AzureADMyOrg`, ...
    pub audience: String,
    /// When it was registered.
    pub created: Option<String>,
    /// Where its tags say that its credential lies.
    pub vault: Option<String>,
    /// Name of the object in it.
    pub vault_name: Option<String>,
    /// What it was granted.
    pub granted: Vec<Grant>,
    /// What it declares and was not granted.
    pub not_granted: Vec<String>,
    /// What it was granted and does not declare.
    pub not_declared: Vec<String>,
    /// Its credentials.
    pub credentials: Vec<CredentialFacts>,
    /// What is broader than needed, in words.
    pub broader: Vec<String>,
}

/// A permission that was granted.
#[derive(Clone, Debug, Serialize)]
pub struct Grant {
    /// `graph:ThreatHunting.Read.All`, or ids where no API here knows it.
    pub permission: String,
    /// When.
    pub since: Option<String>,
    /// By whom, as the tenant's audit log says; none where it does not, or may not be read.
    pub by: Option<String>,
}

/// A credential.
#[derive(Clone, Debug, Serialize)]
pub struct CredentialFacts {
    /// `certificate` or `secret`.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// Its id.
    pub key_id: String,
    /// When it ends.
    pub expires: Option<String>,
    /// Whole days until then; negative after it.
    pub days_left: Option<i64>,
}

/// Looks at an application. `needed`: what is to be enough; the rest is called broader.
///
/// # Errors
/// As the directory refused.
pub async fn show(hands: &Hands<'_>, what: &Found, needed: &Permissions) -> Result<Shown> {
    let application = existing(hands, what).await?;
    let resources = Resources::all(hands).await?;
    let principal = find_principal(hands, &application.app_id).await?;
    let (mut granted, mut permissions) = (Vec::new(), Permissions::new());
    if let Some(principal) = &principal {
        let consents = hands.list(&Request::consents(&principal.id)).await.unwrap_or_default();
        for one in assignments(hands, principal, is_young(&application)).await? {
            let known = resources.granted(&one);
            let permission = known.as_ref().map_or_else(|| format!("{}:{}", one.resource_name, one.role), ToString::to_string);
            let by = known.as_ref().and_then(|known| consented_by(&consents, &known.role, one.created));
            permissions.extend(known);
            granted.push(Grant { permission, since: one.created.map(rfc3339), by });
        }
    }
    granted.sort_by(|a, b| a.permission.cmp(&b.permission));
    let declared = declared(&application, &resources);
    let words = |set: Vec<&super::Permission>| set.into_iter().map(ToString::to_string).collect();
    let tags = Tags::read(&application.tags);
    Ok(Shown {
        not_granted: words(declared.difference(&permissions).collect()),
        not_declared: words(permissions.difference(&declared).collect()),
        broader: broader(&application, &permissions, needed),
        credentials: credentials(&application),
        service_principal_id: principal.map(|principal| principal.id),
        created: application.created.map(rfc3339),
        tenant: hands.tenant.clone(),
        audience: application.audience,
        vault: tags.vault,
        vault_name: tags.object,
        name: application.name,
        app_id: application.app_id,
        object_id: application.id,
        granted,
    })
}

/// Whom the audit log names for a grant: the entry about that role, nearest in time.
fn consented_by(consents: &[Value], role: &str, created: Option<Timestamp>) -> Option<String> {
    let about = |entry: &&Value| entry.to_string().contains(role);
    let distance = |entry: &&Value| {
        let time = entry["activityDateTime"].as_str().and_then(|time| time.parse::<Timestamp>().ok());
        time.zip(created).map_or(i64::MAX, |(time, created)| time.duration_since(created).as_secs().abs())
    };
    let entry = consents.iter().filter(about).min_by_key(distance)?;
    let who = |pointer: &str| entry.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    who("/initiatedBy/user/userPrincipalName").or_else(|| who("/initiatedBy/app/displayName"))
}

fn credentials(application: &Application) -> Vec<CredentialFacts> {
    let now = Timestamp::now();
    let days = |ends: Option<Timestamp>| ends.map(|ends| ends.duration_since(now).as_secs().div_euclid(86_400));
    let one = |kind, name, key_id, ends: Option<Timestamp>| CredentialFacts {
        kind,
        name,
        key_id,
        expires: ends.map(rfc3339),
        days_left: days(ends),
    };
    let keys = application.keys.iter().map(|key| one("certificate", key.name(), key.key_id(), key.ends()));
    let passwords = application.passwords.iter().map(|it| one("secret", it.name.clone(), it.key_id.clone(), it.ends));
    keys.chain(passwords).collect()
}

fn broader(application: &Application, granted: &Permissions, needed: &Permissions) -> Vec<String> {
    let mut words: Vec<String> =
        granted.iter().filter(|one| one.writes()).map(|one| format!("{one} lets it change things; nothing here does")).collect();
    words.extend(granted.difference(needed).filter(|one| !one.writes()).map(|one| format!("{one} is not among those that are needed")));
    if !matches!(application.audience.as_str(), "AzureADMyOrg" | "AzureADMultipleOrgs" | "") {
        words.push(format!("it is open to {}", application.audience));
    }
    let ours = application.keys.len() + application.passwords.len();
    if ours > 1 {
        words.push(format!("it has {ours} credentials; one is enough outside a rotation"));
    }
    words
}
