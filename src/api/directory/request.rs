//! The requests: paths below `/v1.0` and bodies, as apis.md 7.1 gives them.

use super::{
    super::encode::encoded_but_places,
    model::{KeyCredential, RequiredAccess},
};
use crate::transport::Method;
use serde_json::{Value, json};

/// What is asked of the directory.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// What is being done, for errors and for those who watch: `creating the registration "ir"`.
    pub doing: String,
    /// The method.
    pub method: Method,
    /// Path and query below `/v1.0`.
    pub path: String,
    /// The body.
    pub body: Option<Value>,
}

/// A registration that is to be made.
#[derive(Clone, Debug)]
pub struct NewApplication<'a> {
    /// Its display name.
    pub name: &'a str,
    /// `AzureADMyOrg` or `AzureADMultipleOrgs`.
    pub audience: &'a str,
    /// What it declares to need.
    pub access: &'a [RequiredAccess],
    /// Its tags.
    pub tags: &'a [String],
    /// Where a browser is sent after consent; none for a registration of one tenant.
    pub redirect: Option<&'a str>,
}

/// What is read of a registration. Its certificates come with their bytes only where they are asked for by name.
const APPLICATION: &str =
    "id,appId,displayName,signInAudience,createdDateTime,requiredResourceAccess,keyCredentials,passwordCredentials,tags,web";

impl Request {
    fn new(method: Method, doing: impl Into<String>, path: impl Into<String>, body: Option<Value>) -> Self {
        Self { doing: doing.into(), method, path: path.into(), body }
    }

    fn get(doing: impl Into<String>, path: impl Into<String>) -> Self {
        Self::new(Method::GET, doing, path, None)
    }

    /// Looks for the service principal of an API, which knows its roles.
    pub fn resource(app_id: &str, title: &str) -> Self {
        let filter = encoded_but_places(&format!("appId eq '{app_id}'"));
        Self::get(
            format!("looking up the roles of {title}"),
            format!("/servicePrincipals?$filter={filter}&$select=id,appId,displayName,appRoles"),
        )
    }

    /// Looks for registrations of a name.
    pub fn applications_named(name: &str) -> Self {
        let filter = encoded_but_places(&format!("displayName eq '{}'", name.replace('\'', "''")));
        Self::get(format!("looking for the registration `{name}`"), format!("/applications?$filter={filter}&$select={APPLICATION}"))
    }

    /// Reads a registration by its object id.
    pub fn application(id: &str) -> Self {
        Self::get("reading the registration", format!("/applications/{}?$select={APPLICATION}", encoded_but_places(id)))
    }

    /// Reads a registration by its application (client) id.
    pub fn application_by_app_id(app_id: &str) -> Self {
        let path = format!("/applications(appId='{}')?$select={APPLICATION}", encoded_but_places(app_id));
        Self::get(format!("looking for the registration {app_id}"), path)
    }

    /// Makes a registration.
    pub fn create_application(new: &NewApplication<'_>) -> Self {
        let access: Vec<Value> = new.access.iter().map(RequiredAccess::json).collect();
        let mut body = json!({
            "displayName": new.name, "signInAudience": new.audience, "requiredResourceAccess": access, "tags": new.tags,
        });
        if let Some(redirect) = new.redirect {
            body["web"] = json!({"redirectUris": [redirect]});
        }
        Self::new(Method::POST, format!("creating the registration `{}`", new.name), "/applications", Some(body))
    }

    /// Changes properties of a registration.
    pub fn update_application(id: &str, doing: &str, body: Value) -> Self {
        Self::new(Method::PATCH, doing, format!("/applications/{}", encoded_but_places(id)), Some(body))
    }

    /// Sets the certificates of a registration: all of them, since the list is replaced.
    pub fn set_keys(id: &str, doing: &str, keys: &[KeyCredential]) -> Self {
        let keys: Vec<&Value> = keys.iter().map(KeyCredential::json).collect();
        Self::update_application(id, doing, json!({"keyCredentials": keys}))
    }

    /// Adds a client secret.
    pub fn add_password(id: &str, name: &str, from: &str, to: &str) -> Self {
        let body = json!({"passwordCredential": {"displayName": name, "startDateTime": from, "endDateTime": to}});
        Self::new(Method::POST, "adding a client secret", format!("/applications/{}/addPassword", encoded_but_places(id)), Some(body))
    }

    /// Removes a client secret.
    pub fn remove_password(id: &str, key: &str) -> Self {
        let path = format!("/applications/{}/removePassword", encoded_but_places(id));
        Self::new(Method::POST, format!("removing the client secret {key}"), path, Some(json!({"keyId": key})))
    }

    /// Deletes a registration, which stays recoverable for 30 days.
    pub fn delete_application(id: &str) -> Self {
        Self::new(Method::DELETE, "deleting the registration", format!("/applications/{}", encoded_but_places(id)), None)
    }

    /// Makes a service principal.
    pub fn create_principal(app_id: &str) -> Self {
        Self::new(Method::POST, "creating its service principal", "/servicePrincipals", Some(json!({"appId": app_id})))
    }

    /// Looks for the service principal of an application.
    pub fn principal(app_id: &str) -> Self {
        let filter = encoded_but_places(&format!("appId eq '{app_id}'"));
        Self::get("looking for its service principal", format!("/servicePrincipals?$filter={filter}&$select=id,appId,displayName"))
    }

    /// Reads the service principal of an application that is there, whatever searches find.
    pub fn principal_by_app_id(app_id: &str) -> Self {
        Self::get(
            "reading its service principal",
            format!("/servicePrincipals(appId='{}')?$select=id,appId,displayName", encoded_but_places(app_id)),
        )
    }

    /// Lists what a service principal was granted.
    pub fn assignments(principal: &str) -> Self {
        Self::get("reading what it was granted", format!("/servicePrincipals/{}/appRoleAssignments", encoded_but_places(principal)))
    }

    /// Grants a role: this is the administrator's consent to an application permission.
    pub fn assign(principal: &str, resource: &str, role: &str, title: &str) -> Self {
        let body = json!({"principalId": principal, "resourceId": resource, "appRoleId": role});
        Self::new(
            Method::POST,
            format!("granting {title}"),
            format!("/servicePrincipals/{}/appRoleAssignedTo", encoded_but_places(resource)),
            Some(body),
        )
    }

    /// Takes a role back.
    pub fn unassign(resource: &str, assignment: &str) -> Self {
        let path = format!("/servicePrincipals/{}/appRoleAssignedTo/{}", encoded_but_places(resource), encoded_but_places(assignment));
        Self::new(Method::DELETE, "taking back a permission", path, None)
    }

    /// Lists the directory roles of whoever is signed in: through groups too, else those of the person alone, else the assignments
    /// to that person. Not every tenant lets every person ask all of them.
    pub fn own_roles(principal: &str) -> Vec<Self> {
        let filter = encoded_but_places(&format!("principalId eq '{principal}'"));
        let paths = [
            "/me/transitiveMemberOf/microsoft.graph.directoryRole?$select=id,displayName,roleTemplateId".to_owned(),
            "/me/memberOf?$select=id,displayName,roleTemplateId".to_owned(),
            format!("/roleManagement/directory/roleAssignments?$filter={filter}"),
        ];
        paths.into_iter().map(|path| Self::get("reading your directory roles", path)).collect()
    }

    /// Lists what the tenant's audit log says of consent to a service principal.
    pub fn consents(principal: &str) -> Self {
        let filter = encoded_but_places(&format!(
            "activityDisplayName eq 'Add app role assignment to service principal' and targetResources/any(t:t/id eq '{principal}')"
        ));
        Self::get("reading who consented", format!("/auditLogs/directoryAudits?$filter={filter}&$top=50"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_cannot_leave_its_place_in_a_url() {
        let path = Request::applications_named("O'Neil & Co + 100% #1/x?y").path;
        assert!(
            path.starts_with("/applications?$filter=displayName%20eq%20'O''Neil%20%26%20Co%20%2B%20100%25%20%231/x%3Fy'&$select="),
            "{path}"
        );
    }

    #[test]
    fn requests_are_those_of_the_reference() {
        let assign = Request::assign("p", "r", "x", "t");
        assert_eq!((assign.method, assign.path.as_str()), (Method::POST, "/servicePrincipals/r/appRoleAssignedTo"));
        assert_eq!(assign.body.unwrap(), json!({"principalId": "p", "resourceId": "r", "appRoleId": "x"}));
        let access = [RequiredAccess { resource: "g".into(), roles: vec!["x".into()], other: Vec::new() }];
        let new = NewApplication { name: "ir", audience: "AzureADMyOrg", access: &access, tags: &[], redirect: None };
        assert_eq!(
            Request::create_application(&new).body.unwrap(),
            json!({"displayName": "ir", "signInAudience": "AzureADMyOrg", "tags": [],
                "requiredResourceAccess": [{"resourceAppId": "g", "resourceAccess": [{"id": "x", "type": "Role"}]}]})
        );
        assert_eq!(Request::remove_password("a", "k").body.unwrap(), json!({"keyId": "k"}));
    }
}
