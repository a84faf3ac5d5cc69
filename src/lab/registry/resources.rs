//! The service principals of the APIs in each tenant, and the roles that they know.

use crate::lab::directory::{GRAPH, HOME, MDE, XDR};
use serde_json::{Value, json};
use std::sync::LazyLock;

/// An API.
pub(super) struct Resource {
    pub(super) app_id: &'static str,
    /// Short name.
    pub(super) name: &'static str,
    /// Name of its service principal.
    pub(super) title: &'static str,
    /// Name and id of each role.
    roles: Vec<(&'static str, &'static str)>,
}

static RESOURCES: LazyLock<Vec<Resource>> = LazyLock::new(|| {
    let of = |name: &'static str, app_id: &'static str, title: &'static str| {
        let lines = include_str!("roles.txt").lines().filter_map(move |line| line.strip_prefix(name)?.trim_start().split_once(' '));
        Resource { app_id, name, title, roles: lines.collect() }
    };
    vec![
        of("graph", GRAPH.app_id, "Microsoft Graph"),
        of("xdr", XDR.app_id, "Microsoft Threat Protection"),
        of("mde", MDE.app_id, "WindowsDefenderATP"),
    ]
});

/// All of them.
pub(super) fn resources() -> &'static [Resource] {
    &RESOURCES
}

impl Resource {
    /// Object id of its service principal in a tenant: the same as long as the lab lives.
    pub(super) fn principal_in(&self, tenant: &str) -> String {
        let mark = if tenant == HOME { "a" } else { "b" };
        let number = resources().iter().position(|one| one.app_id == self.app_id).unwrap_or_default();
        format!("{mark}e500000-0000-4000-8000-00000000000{number}")
    }

    /// The name of a role.
    pub(super) fn value_of(&self, id: &str) -> Option<&'static str> {
        self.roles.iter().find(|(_, known)| known.eq_ignore_ascii_case(id)).map(|(value, _)| *value)
    }

    /// As Graph shows it.
    pub(super) fn json(&self, tenant: &str) -> Value {
        let roles = self.roles.iter().map(|(value, id)| {
            json!({"id": id, "value": value, "displayName": value, "description": value, "allowedMemberTypes": ["Application"],
                "isEnabled": true, "origin": "Application"})
        });
        // One that is switched off, and one for users alone: neither can be granted to an application.
        let others = [
            json!({"id": "0ff00000-0000-4000-8000-000000000001", "value": "Retired.Read.All", "displayName": "Retired",
                "allowedMemberTypes": ["Application"], "isEnabled": false}),
            json!({"id": "0ff00000-0000-4000-8000-000000000002", "value": "Machine.Read", "displayName": "For users",
                "allowedMemberTypes": ["User"], "isEnabled": true}),
        ];
        json!({
            "id": self.principal_in(tenant), "appId": self.app_id, "displayName": self.title, "servicePrincipalType": "Application",
            "appRoles": roles.chain(others).collect::<Vec<_>>(),
        })
    }
}
