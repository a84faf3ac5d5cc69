//! Who may do what in the directory: a person by directory roles, an application by its permissions (apis.md 7.3, 7.4).

use crate::lab::{directory::GRAPH, refusal::Refusal, tokens::Claims};

/// Template ids of directory roles.
pub(crate) const GLOBAL: &str = "62e90394-69f5-4237-9190-012177145e10";
pub(crate) const PRIVILEGED: &str = "e8611ab8-c189-46e8-94e1-60213ab1f814";
pub(crate) const APPLICATION: &str = "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3";
pub(crate) const CLOUD: &str = "158c047a-c907-4556-b7ef-446551a6b5f7";

/// Their names.
pub(super) const NAMES: &[(&str, &str)] = &[
    (GLOBAL, "Global Administrator"),
    (PRIVILEGED, "Privileged Role Administrator"),
    (APPLICATION, "Application Administrator"),
    (CLOUD, "Cloud Application Administrator"),
];

fn denied() -> Refusal {
    Refusal::new(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
}

fn any(claims: &Claims, directory: &[&str], permissions: &[&str]) -> Result<(), Refusal> {
    let allowed = if claims.is_user() {
        directory.iter().any(|role| claims.directory_roles.iter().any(|held| held == role))
    } else {
        permissions.iter().any(|role| claims.roles.iter().any(|held| held == role))
    };
    if allowed { Ok(()) } else { Err(denied()) }
}

const ALL: &[&str] = &[GLOBAL, PRIVILEGED, APPLICATION, CLOUD];

/// Reading registrations and service principals: every member may.
pub(super) fn read(claims: &Claims) -> Result<(), Refusal> {
    if claims.is_user() {
        return Ok(());
    }
    any(claims, ALL, &["Application.Read.All", "Application.ReadWrite.All", "Directory.Read.All"])
}

/// Making and changing them.
pub(super) fn register(claims: &Claims) -> Result<(), Refusal> {
    any(claims, &[GLOBAL, APPLICATION, CLOUD], &["Application.ReadWrite.All", "Application.ReadWrite.OwnedBy"])
}

/// Granting a role of an API: those of Graph take more than those of others.
pub(super) fn grant(claims: &Claims, resource: &str) -> Result<(), Refusal> {
    let directory: &[&str] = if resource == GRAPH.app_id { &[GLOBAL, PRIVILEGED] } else { ALL };
    any(claims, directory, &["AppRoleAssignment.ReadWrite.All"])?;
    read(claims)
}
