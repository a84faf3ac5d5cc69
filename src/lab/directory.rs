//! Who exists: tenants, application registrations with their credentials, and the APIs a token may be for.
//!
//! Besides the collector's own application there is one for each way to be refused.

use super::{
    ids::{client_secret, guid},
    keys::{Certificate, KeyPair},
    roles,
};

/// An API that tokens are issued for.
pub(crate) struct Resource {
    /// Application id of its service principal.
    pub(crate) app_id: &'static str,
    /// Its identifiers: what stands before `/.default` in a scope.
    pub(crate) identifiers: &'static [&'static str],
}

/// Microsoft Graph.
pub(crate) const GRAPH: &Resource =
    &Resource { app_id: "00000003-0000-0000-c000-000000000000", identifiers: &["https://graph.microsoft.com"] };
/// Defender XDR (Microsoft Threat Protection).
pub(crate) const XDR: &Resource =
    &Resource { app_id: "8ee8fdad-f234-4243-8f3b-15c294843740", identifiers: &["https://api.security.microsoft.com"] };
/// Defender for Endpoint (`WindowsDefenderATP`).
pub(crate) const MDE: &Resource = &Resource {
    app_id: "fc780465-2017-40d4-a0c5-307022471b92",
    identifiers: &[
        "https://api.securitycenter.microsoft.com",
        "https://api.securitycenter.windows.com",
        "https://securitycenter.onmicrosoft.com/windowsatpservice",
    ],
};
/// Key Vault: the public cloud's identifier and the lab's own.
pub(crate) const VAULT: &Resource =
    &Resource { app_id: "cfa8b339-82a2-471a-a3c9-0fc0be7a4093", identifiers: &["https://vault.azure.net", "https://vault.lab.test"] };
/// Azure Resource Manager.
pub(crate) const ARM: &Resource = &Resource {
    app_id: "797f4846-ba00-4fd7-ba43-dac1f8f63013",
    identifiers: &["https://management.azure.com", "https://management.core.windows.net"],
};

/// The domain that the lab's vaults are in, and the audience they want.
pub(crate) const VAULT_SUFFIX: &str = "vault.lab.test";
pub(crate) const VAULT_AUDIENCE: &str = "https://vault.lab.test";

const RESOURCES: &[&Resource] = &[GRAPH, XDR, MDE, VAULT, ARM];

/// Finds the resource that a scope without `/.default` names. A trailing slash is kept in the audience, not in the name.
pub(crate) fn resource(identifier: &str) -> Option<&'static Resource> {
    let name = identifier.trim_end_matches('/');
    RESOURCES.iter().copied().find(|resource| {
        resource.app_id.eq_ignore_ascii_case(name) || resource.identifiers.iter().any(|known| known.eq_ignore_ascii_case(name))
    })
}

/// A directory (tenant).
#[derive(Clone, Debug)]
pub(crate) struct Tenant {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) domains: Vec<String>,
}

impl Tenant {
    fn new(id: &str, name: &str, domains: &[&str]) -> Self {
        Self { id: id.to_owned(), name: name.to_owned(), domains: domains.iter().map(|&domain| domain.to_owned()).collect() }
    }

    /// Whether `name` is its id or one of its domains.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.id.eq_ignore_ascii_case(name) || self.domains.iter().any(|domain| domain.eq_ignore_ascii_case(name))
    }
}

/// A client secret of an application.
#[derive(Clone)]
pub(crate) struct AppSecret {
    pub(crate) value: String,
    pub(crate) expires: i64,
}

/// What the directory thinks of an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Good,
    Disabled,
    Public,
}

/// An application registration and its service principals.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) id: String,
    pub(crate) name: String,
    /// Object id of the service principal.
    pub(crate) principal: String,
    pub(crate) standing: Standing,
    /// Ids of the tenants where it has a service principal.
    pub(crate) tenants: Vec<String>,
    pub(crate) secrets: Vec<AppSecret>,
    pub(crate) certificates: Vec<Certificate>,
    /// Whether tokens of the other issuer stand for it.
    pub(crate) federated: bool,
    /// Granted application permissions by the resource's application id.
    pub(crate) roles: Vec<(&'static str, Vec<&'static str>)>,
}

impl App {
    /// The roles it was granted for a resource.
    pub(crate) fn roles_for(&self, resource: &Resource) -> Vec<&'static str> {
        self.roles.iter().find(|(app_id, _)| *app_id == resource.app_id).map(|(_, roles)| roles.clone()).unwrap_or_default()
    }
}

/// Application ids, fixed so that scripts may name them.
pub(crate) const COLLECTOR: &str = "c0113c70-0000-4000-8000-000000000001";
pub(crate) const VAULT_READER: &str = "c0113c70-0000-4000-8000-000000000002";
pub(crate) const NO_ROLES: &str = "c0113c70-0000-4000-8000-000000000003";
pub(crate) const OTHER_ROLES: &str = "c0113c70-0000-4000-8000-000000000004";
pub(crate) const EXPIRED: &str = "c0113c70-0000-4000-8000-000000000005";
pub(crate) const DISABLED: &str = "c0113c70-0000-4000-8000-000000000006";
pub(crate) const PUBLIC: &str = "c0113c70-0000-4000-8000-000000000007";
pub(crate) const IDENTITY: &str = "c0113c70-0000-4000-8000-000000000008";
pub(crate) const ADMIN: &str = "c0113c70-0000-4000-8000-000000000009";
/// The Azure CLI, by which people sign in, and the object id of the one who does.
pub(crate) const AZURE_CLI: &str = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";
pub(crate) const ADMIN_PERSON: &str = "c0113c70-0000-4000-8000-0000000000ad";

/// The company's directory and its subsidiary's.
pub(crate) const HOME: &str = super::data::TENANT_ID;
pub(crate) const SUBSIDIARY: &str = "1ab00000-0000-4000-8000-00000000f00d";
/// The company's domain.
pub(crate) const DOMAIN: &str = super::data::DOMAIN;

/// Everybody.
pub(crate) struct Directory {
    pub(crate) tenants: Vec<Tenant>,
    pub(crate) apps: Vec<App>,
}

/// What setting an application up takes (apis.md 7.3).
const SETUP: &[&str] = &["Application.ReadWrite.All", "AppRoleAssignment.ReadWrite.All", "Directory.Read.All"];

const YEAR: i64 = 365 * 86_400;

impl Directory {
    /// Registers everybody. `certificates` are the collector's, `now` is in unix seconds.
    pub(crate) fn new(certificates: &[KeyPair], now: i64) -> Self {
        let home = [HOME];
        let secret = |expires| vec![AppSecret { value: client_secret(), expires }];
        let mut collector = app(COLLECTOR, "ir-collector", &[HOME, SUBSIDIARY], secret(now + YEAR), roles::everything());
        collector.secrets.extend(secret(now - 86_400));
        collector.certificates = certificates.iter().map(KeyPair::public).collect();
        collector.federated = true;
        let mut reader = app(VAULT_READER, "vault-reader", &home, secret(now + YEAR), Vec::new());
        reader.federated = true;
        let others = vec![(GRAPH.app_id, vec!["User.Read.All", "Policy.Read.All"])];
        let mut disabled = app(DISABLED, "ir-disabled", &home, secret(now + YEAR), roles::everything());
        disabled.standing = Standing::Disabled;
        let mut public = app(PUBLIC, "ir-public", &home, secret(now + YEAR), Vec::new());
        public.standing = Standing::Public;
        let apps = vec![
            collector,
            reader,
            app(NO_ROLES, "ir-no-roles", &home, secret(now + YEAR), Vec::new()),
            app(OTHER_ROLES, "ir-other-roles", &home, secret(now + YEAR), others),
            app(EXPIRED, "ir-expired", &home, secret(now - 86_400), roles::everything()),
            disabled,
            public,
            app(ADMIN, "ir-admin", &home, secret(now + YEAR), vec![(GRAPH.app_id, SETUP.to_vec())]),
            app(IDENTITY, "ir-identity", &home, Vec::new(), roles::everything()),
        ];
        Self { tenants: tenants(), apps }
    }

    /// Finds a tenant by id or domain.
    pub(crate) fn tenant(&self, name: &str) -> Option<&Tenant> {
        self.tenants.iter().find(|tenant| tenant.is(name))
    }

    /// Finds an application.
    pub(crate) fn app(&self, id: &str) -> Option<&App> {
        self.apps.iter().find(|app| app.id.eq_ignore_ascii_case(id))
    }

    /// The first secret of an application: the good one where there is one.
    pub(crate) fn secret_of(&self, id: &str) -> &str {
        self.app(id).and_then(|app| app.secrets.first()).map_or("", |secret| &secret.value)
    }
}

fn tenants() -> Vec<Tenant> {
    vec![
        Tenant::new(HOME, "Tarnfield", &[DOMAIN, "tarnfield.onmicrosoft.com"]),
        Tenant::new(SUBSIDIARY, "Brackwater", &["brackwater.example", "brackwater.onmicrosoft.com"]),
    ]
}

fn app(id: &str, name: &str, tenants: &[&str], secrets: Vec<AppSecret>, roles: Vec<(&'static str, Vec<&'static str>)>) -> App {
    App {
        id: id.to_owned(),
        name: name.to_owned(),
        principal: guid(),
        standing: Standing::Good,
        tenants: tenants.iter().map(|&tenant| tenant.to_owned()).collect(),
        secrets,
        certificates: Vec::new(),
        federated: false,
        roles,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_are_found_by_every_name() {
        for name in ["https://api.securitycenter.windows.com", "HTTPS://API.SECURITYCENTER.MICROSOFT.COM/", MDE.app_id] {
            assert_eq!(resource(name).unwrap().app_id, MDE.app_id);
        }
        assert!(resource("https://graph.microsoft.us").is_none());
    }
}
