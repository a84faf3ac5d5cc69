//! Key Vault's errors (apis.md 3.4): `{"error":{"code","message","innererror"}}`.

use super::contents::{Family, Vault};
use crate::lab::{
    tokens::Claims,
    wire::{Reply, json},
};
use serde_json::json;

/// A refused request.
pub(super) struct Refusal {
    status: u16,
    code: String,
    inner: Option<&'static str>,
    message: String,
}

impl Refusal {
    fn new(status: u16, code: &str, inner: Option<&'static str>, message: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), inner, message: message.into() }
    }

    /// 400.
    pub(super) fn bad_parameter(message: impl Into<String>) -> Self {
        Self::new(400, "BadParameter", None, message)
    }

    /// 401; the challenge is added by whoever answers.
    pub(super) fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(401, "Unauthorized", None, message)
    }

    /// 405.
    pub(super) fn method() -> Self {
        Self::new(405, "MethodNotAllowed", None, "The requested HTTP method is not allowed for this resource.")
    }

    /// 404 for an object or one of its versions.
    pub(super) fn not_found(family: Family, name: &str) -> Self {
        let kind = family.singular();
        let article = if kind == "certificate" { "A certificate" } else { &format!("A {kind}") };
        let code = format!("{}NotFound", capitalised(kind));
        let message = format!(
            "{article} with (name/id) {name} was not found in this key vault. If you recently deleted this {kind} you may be able to \
             recover it using the correct recovery command. For help resolving this issue, please see \
             https://go.microsoft.com/fwlink/?linkid=2125182"
        );
        Self::new(404, &code, None, message)
    }

    /// 404 for a path that means nothing.
    pub(super) fn no_resource() -> Self {
        Self::new(404, "NotFound", None, "The requested resource was not found.")
    }

    /// 403 for what is switched off or out of its time.
    pub(super) fn barred(operation: &str, family: Family, state: &str) -> Self {
        let kind = family.singular();
        let inner = match (family, state) {
            (Family::Secrets, _) => "SecretDisabled",
            (Family::Certificates, _) => "CertificateDisabled",
            (Family::Keys, "expired") => "KeyExpired",
            (Family::Keys, _) => "KeyDisabled",
        };
        let article = if state == "expired" { "an" } else { "a" };
        Self::new(403, "Forbidden", Some(inner), format!("Operation {operation} is not allowed on {article} {state} {kind}."))
    }

    /// 403 of a vault that uses role assignments.
    pub(super) fn by_rbac(vault: &Vault, claims: &Claims, action: &str, resource: &str) -> Self {
        let message = format!(
            "Caller is not authorized to perform action on resource.\r\nIf role assignments, deny assignments or role definitions were \
             changed recently, please observe propagation time.\r\nCaller: appid={};oid={};iss={}\r\nAction: \
             'Microsoft.KeyVault/vaults/{action}'\r\nResource: '/subscriptions/1ab00000-0000-4000-8000-0000000005ab/resourcegroups/\
             rg-ir/providers/microsoft.keyvault/vaults/{name}{resource}'\r\nAssignment: (not found)\r\nDenyAssignmentId: null\r\n\
             DecisionReason: null \r\nVault: {name};location=westeurope\r\n",
            claims.app,
            claims.principal,
            claims.issuer,
            name = vault.name,
        );
        Self::new(403, "Forbidden", Some("ForbiddenByRbac"), message)
    }

    /// 403 of a vault that uses access policies.
    pub(super) fn by_policy(vault: &Vault, claims: &Claims, permission: &str) -> Self {
        let message = format!(
            "The user, group or application 'appid={};oid={};iss={}' does not have {permission} permission on key vault \
             '{};location=westeurope'. For help resolving this issue, please see https://go.microsoft.com/fwlink/?linkid=2125287",
            claims.app, claims.principal, claims.issuer, vault.name
        );
        Self::new(403, "Forbidden", Some("AccessDenied"), message)
    }

    /// 403 of a vault whose firewall does not know the caller's address.
    pub(super) fn by_firewall(address: &str, claims: &Claims) -> Self {
        let message = format!(
            "Client address is not authorized and caller is not a trusted service.\r\nClient address: {address}\r\nCaller: \
             appid={};oid={};iss={}\r\nVault: kv-firewall;location=westeurope",
            claims.app, claims.principal, claims.issuer
        );
        Self::new(403, "Forbidden", Some("ForbiddenByFirewall"), message)
    }

    /// 403 of a vault that is reached through a private link only.
    pub(super) fn by_connection() -> Self {
        let message = "Public network access is disabled and request is not from a trusted service nor via an approved private link.\r\n\
                       Vault: kv-private;location=westeurope";
        Self::new(403, "Forbidden", Some("ForbiddenByConnection"), message)
    }

    /// 409 where a deleted object has the name.
    pub(super) fn deleted(family: Family, name: &str) -> Self {
        let kind = capitalised(family.singular());
        let message = format!(
            "{kind} {name} is currently in a deleted but recoverable state, and its name cannot be reused; in this state, the {} can only \
             be recovered or purged.",
            family.singular()
        );
        Self::new(409, "Conflict", Some("ObjectIsDeletedButRecoverable"), message)
    }

    /// 409 where a deletion goes on.
    pub(super) fn being_deleted(family: Family, name: &str) -> Self {
        let message = format!("{} {name} is currently being deleted.", capitalised(family.singular()));
        Self::new(409, "Conflict", Some("ObjectIsBeingDeleted"), message)
    }

    /// 409 where a certificate is being made.
    pub(super) fn pending() -> Self {
        let message =
            "A new key vault certificate can not be created or imported while a pending key vault certificate's status is inProgress.";
        Self::new(409, "Conflict", None, message)
    }

    /// 404 where none is.
    pub(super) fn no_pending(name: &str) -> Self {
        Self::new(404, "PendingCertificateNotFound", None, format!("Pending certificate not found: {name}"))
    }

    /// 429.
    pub(super) fn throttled() -> Self {
        let message = "Request was not processed because too many requests were received. Reason: VaultRequestTypeLimitReached";
        Self::new(429, "Throttled", None, message)
    }

    /// The answer.
    pub(super) fn reply(&self) -> Reply {
        let mut error = json!({"code": self.code, "message": self.message});
        if let Some(inner) = self.inner {
            error["innererror"] = json!({"code": inner});
        }
        json(self.status, &json!({"error": error}))
    }

    /// Whether a challenge belongs to it.
    pub(super) fn is_unauthorized(&self) -> bool {
        self.status == 401
    }
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
}
