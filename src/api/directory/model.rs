//! The directory's objects, as far as they matter here. Whatever an answer lacks is empty; what is to be sent back is kept verbatim.

use crate::{
    error::{Error, Kind, Result},
    secret::{Secret, SecretBytes},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

/// An application registration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Application {
    /// Object id.
    pub id: String,
    /// Application (client) id.
    pub app_id: String,
    /// Display name.
    pub name: String,
    /// `AzureADMyOrg`, `AzureADMultipleOrgs` and others.
    pub audience: String,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// What it declares to need.
    pub access: Vec<RequiredAccess>,
    /// Its certificates.
    pub keys: Vec<KeyCredential>,
    /// Its client secrets, without their values.
    pub passwords: Vec<PasswordCredential>,
    /// Its tags.
    pub tags: Vec<String>,
    /// Where browsers may be sent.
    pub redirects: Vec<String>,
}

/// What a registration declares to need of one API.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RequiredAccess {
    /// Application id of the API.
    pub resource: String,
    /// Ids of application permissions.
    pub roles: Vec<String>,
    /// Entries of other kinds (delegated permissions), verbatim.
    pub other: Vec<Value>,
}

/// A certificate of a registration, verbatim: a change sends back what others put there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KeyCredential(Value);

/// A client secret of a registration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PasswordCredential {
    /// Its id.
    pub key_id: String,
    /// Its name.
    pub name: String,
    /// When it ends.
    pub ends: Option<Timestamp>,
}

/// A client secret that was made a moment ago; its value is told this once.
#[derive(Clone, Debug)]
pub struct AddedPassword {
    /// Its id.
    pub key_id: String,
    /// When it ends.
    pub ends: Option<Timestamp>,
    /// The secret.
    pub secret: Secret,
}

/// A service principal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServicePrincipal {
    /// Object id.
    pub id: String,
    /// Application id.
    pub app_id: String,
    /// Display name.
    pub name: String,
}

/// A permission that a service principal was granted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assignment {
    /// Its id.
    pub id: String,
    /// Object id of the API's service principal.
    pub resource: String,
    /// The API's name.
    pub resource_name: String,
    /// Id of the role.
    pub role: String,
    /// When it was granted.
    pub created: Option<Timestamp>,
}

/// An API in a tenant, and the roles that it knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resource {
    /// Object id of its service principal.
    pub id: String,
    /// Application id.
    pub app_id: String,
    /// Display name.
    pub name: String,
    /// Application permissions.
    pub roles: Vec<AppRole>,
}

/// An application permission of an API.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AppRole {
    /// Its id.
    pub id: String,
    /// Its name: `ThreatHunting.Read.All`.
    pub value: String,
    /// Whether it may be granted.
    pub enabled: bool,
}

fn text(value: &Value, name: &str) -> String {
    value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn texts(values: &[Value]) -> Vec<String> {
    values.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn time(value: &Value, name: &str) -> Option<Timestamp> {
    value.get(name)?.as_str()?.parse().ok()
}

fn unreadable(what: &str) -> Error {
    Error::new(Kind::Failed, format!("the directory's answer is no {what}: it lacks its ids"))
        .with_code("UnexpectedAnswer")
        .hint("check the cloud's Graph endpoint")
}

impl Application {
    /// Reads one.
    ///
    /// # Errors
    /// [`Kind::Failed`] where it has no ids.
    pub fn read(value: &Value) -> Result<Self> {
        let application = Self {
            id: text(value, "id"),
            app_id: text(value, "appId"),
            name: text(value, "displayName"),
            audience: text(value, "signInAudience"),
            created: time(value, "createdDateTime"),
            access: list(value, "requiredResourceAccess").iter().map(RequiredAccess::read).collect(),
            keys: list(value, "keyCredentials").iter().cloned().map(KeyCredential).collect(),
            passwords: list(value, "passwordCredentials").iter().map(PasswordCredential::read).collect(),
            tags: texts(list(value, "tags")),
            redirects: value.get("web").map(|web| texts(list(web, "redirectUris"))).unwrap_or_default(),
        };
        if application.id.is_empty() || application.app_id.is_empty() { Err(unreadable("registration")) } else { Ok(application) }
    }
}

impl RequiredAccess {
    fn read(value: &Value) -> Self {
        let (roles, other): (Vec<&Value>, Vec<&Value>) = list(value, "resourceAccess").iter().partition(|entry| entry["type"] == "Role");
        Self {
            resource: text(value, "resourceAppId"),
            roles: roles.into_iter().map(|role| text(role, "id")).collect(),
            other: other.into_iter().cloned().collect(),
        }
    }

    pub(super) fn json(&self) -> Value {
        let roles = self.roles.iter().map(|id| json!({"id": id, "type": "Role"}));
        json!({"resourceAppId": self.resource, "resourceAccess": roles.chain(self.other.iter().cloned()).collect::<Vec<_>>()})
    }

    /// Returns all of `list` as it is sent.
    pub fn all_json(list: &[Self]) -> Value {
        list.iter().map(Self::json).collect()
    }
}

impl KeyCredential {
    /// Makes one of a certificate's public part.
    pub fn of_certificate(der: &[u8], name: &str) -> Self {
        Self(json!({"type": "AsymmetricX509Cert", "usage": "Verify", "key": BASE64_STANDARD.encode(der), "displayName": name}))
    }

    /// Returns its id; empty while it is new.
    pub fn key_id(&self) -> String {
        text(&self.0, "keyId")
    }

    /// Returns its name.
    pub fn name(&self) -> String {
        text(&self.0, "displayName")
    }

    /// Returns when it ends.
    pub fn ends(&self) -> Option<Timestamp> {
        time(&self.0, "endDateTime")
    }

    /// Says whether it is the certificate with these bytes and this SHA-1 thumbprint; what an answer leaves out is not held against
    /// it, so long as something tells.
    pub fn is(&self, der: &[u8], thumbprint: &[u8]) -> bool {
        if let Some(key) = self.0.get("key").and_then(Value::as_str) {
            return BASE64_STANDARD.decode(key).is_ok_and(|key| key == der);
        }
        let named = text(&self.0, "customKeyIdentifier");
        let hex = hex::encode_upper(thumbprint);
        !named.is_empty()
            && (named.eq_ignore_ascii_case(&hex) || named == BASE64_STANDARD.encode(thumbprint) || named == BASE64_STANDARD.encode(hex))
    }

    pub(super) fn json(&self) -> &Value {
        &self.0
    }
}

impl PasswordCredential {
    fn read(value: &Value) -> Self {
        Self { key_id: text(value, "keyId"), name: text(value, "displayName"), ends: time(value, "endDateTime") }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawPassword {
    #[serde(default)]
    key_id: String,
    end_date_time: Option<String>,
    secret_text: String,
}

impl AddedPassword {
    /// Reads the answer to `addPassword`.
    ///
    /// # Errors
    /// [`Kind::Failed`] where it holds no secret; nothing of it is shown.
    pub fn read(body: &SecretBytes) -> Result<Self> {
        let raw: RawPassword = serde_json::from_slice(body.expose()).map_err(|_| unreadable("client secret"))?;
        let ends = raw.end_date_time.and_then(|time| time.parse().ok());
        Ok(Self { key_id: raw.key_id, ends, secret: Secret::new(raw.secret_text) })
    }
}

impl ServicePrincipal {
    /// Reads one; none where it has no id.
    pub fn read(value: &Value) -> Option<Self> {
        let principal = Self { id: text(value, "id"), app_id: text(value, "appId"), name: text(value, "displayName") };
        (!principal.id.is_empty()).then_some(principal)
    }
}

impl Assignment {
    /// Reads one; none where it has no id.
    pub fn read(value: &Value) -> Option<Self> {
        let assignment = Self {
            id: text(value, "id"),
            resource: text(value, "resourceId"),
            resource_name: text(value, "resourceDisplayName"),
            role: text(value, "appRoleId"),
            created: time(value, "createdDateTime"),
        };
        (!assignment.id.is_empty()).then_some(assignment)
    }
}

impl Resource {
    /// Reads one; none where it has no id.
    pub fn read(value: &Value) -> Option<Self> {
        let roles = list(value, "appRoles").iter().filter(|role| is_for_applications(role)).map(|role| AppRole {
            id: text(role, "id"),
            value: text(role, "value"),
            enabled: role.get("isEnabled").and_then(Value::as_bool).unwrap_or(true),
        });
        let resource =
            Self { id: text(value, "id"), app_id: text(value, "appId"), name: text(value, "displayName"), roles: roles.collect() };
        (!resource.id.is_empty()).then_some(resource)
    }

    /// Finds a role that may be granted, by its name.
    pub fn role(&self, value: &str) -> Option<&AppRole> {
        self.roles.iter().find(|role| role.enabled && role.value == value)
    }
}

/// A role that is for users alone cannot be granted to an application; one that does not say is taken for both.
fn is_for_applications(role: &Value) -> bool {
    let members = list(role, "allowedMemberTypes");
    members.is_empty() || members.iter().any(|member| member == "Application")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_declared_and_registered_is_sent_back_as_it_came() {
        let value = json!({
            "id": "o", "appId": "a", "displayName": null, "tags": null,
            "requiredResourceAccess": [{"resourceAppId": "g", "resourceAccess": [{"id": "s", "type": "Scope"}, {"id": "r", "type": "Role"}]}],
            "keyCredentials": [{"keyId": "k", "key": "AQID", "strange": [1]}],
        });
        let application = Application::read(&value).unwrap();
        assert_eq!(application.access[0].roles, ["r"]);
        assert_eq!(application.access[0].json()["resourceAccess"], json!([{"id": "r", "type": "Role"}, {"id": "s", "type": "Scope"}]));
        assert_eq!(application.keys[0].json(), &value["keyCredentials"][0]);
        assert!(application.keys[0].is(&[1, 2, 3], b"x") && !application.keys[0].is(&[1, 2], b"x"));
        assert!(Application::read(&json!({"id": "o"})).is_err());
    }

    #[test]
    fn a_certificate_is_known_by_its_thumbprint_too() {
        let named = |id: &str| KeyCredential(json!({"keyId": "k", "customKeyIdentifier": id}));
        assert!(named("0aff").is(b"der", &[0x0a, 0xff]) && named("Cv8=").is(b"der", &[0x0a, 0xff]));
        assert!(!named("").is(b"der", &[0x0a, 0xff]) && !KeyCredential(json!({})).is(b"der", &[]));
    }

    #[test]
    fn the_secret_of_an_answer_is_not_shown() {
        let read = |body: &str| AddedPassword::read(&SecretBytes::new(body.as_bytes().to_vec()));
        let added = read(r#"{"keyId":"k","secretText":"hunter2","endDateTime":"2026-01-01T00:00:00Z"}"#).unwrap();
        assert!(added.secret.expose() == "hunter2" && !format!("{added:?}").contains("hunter2"));
        assert!(!format!("{:?}", read(r#"{"secretText":7,"x":"hunter2"}"#).unwrap_err()).contains("hunter2"));
    }
}
