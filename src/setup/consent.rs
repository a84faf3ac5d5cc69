//! Granting application permissions: the assignment of an API's role to a service principal is the administrator's consent.
//!
//! Ids of roles are read from the tenant's own service principals, never from a table: many scripts carry wrong ones.

use super::{
    hands::{Hands, facts},
    patience::{is_young, may_propagate},
    permissions::{APIS, Permission, Permissions, api_of, identity},
    registration::{Found, Registration, declared, ensure_principal, existing},
};
use crate::{
    api::{
        directory::{Assignment, Request, RequiredAccess, Resource, ServicePrincipal, Trouble},
        hunting::Api,
    },
    error::{Error, Kind, Result},
};
use std::collections::BTreeMap;

/// The APIs of a tenant with their roles.
#[derive(Clone, Debug, Default)]
pub(super) struct Resources(BTreeMap<Api, Resource>);

impl Resources {
    /// Looks up the APIs that permissions are of.
    ///
    /// # Errors
    /// [`Kind::Failed`] where the tenant lacks an API, [`Kind::Usage`] where an API knows no such role.
    pub(super) async fn resolve(hands: &Hands<'_>, permissions: &Permissions) -> Result<Self> {
        let mut found = Self::default();
        for api in APIS.into_iter().filter(|api| permissions.iter().any(|permission| permission.api == *api)) {
            let resource = look_up(hands, api).await?.ok_or_else(|| absent(hands, api))?;
            found.0.insert(api, resource);
        }
        for permission in permissions {
            found.role(permission)?;
        }
        Ok(found)
    }

    /// Looks up all APIs; those that the tenant lacks are left out.
    pub(super) async fn all(hands: &Hands<'_>) -> Result<Self> {
        let mut found = Self::default();
        for api in APIS {
            if let Some(resource) = look_up(hands, api).await? {
                found.0.insert(api, resource);
            }
        }
        Ok(found)
    }

    fn role(&self, permission: &Permission) -> Result<(&Resource, &str)> {
        let resource = self.0.get(&permission.api);
        let role = resource.and_then(|resource| resource.role(&permission.role));
        resource.zip(role).map(|(resource, role)| (resource, role.id.as_str())).ok_or_else(|| self.unknown(permission))
    }

    fn unknown(&self, permission: &Permission) -> Error {
        let title = identity(permission.api).title;
        let error = Error::new(Kind::Usage, format!("{title} has no application permission `{}` in this tenant", permission.role));
        let roles = self.0.get(&permission.api).map(|resource| resource.roles.as_slice()).unwrap_or_default();
        let likeness = |role: &str| strsim::jaro_winkler(role, &permission.role);
        let near = roles.iter().max_by(|a, b| likeness(&a.value).total_cmp(&likeness(&b.value)));
        match near.filter(|near| likeness(&near.value) > 0.85) {
            Some(near) => error.hint(format!("did you mean `{}:{}`?", permission.api, near.value)),
            None => error.hint("check its spelling, and that the product is licensed in the tenant"),
        }
    }

    /// Returns what a registration is to declare.
    pub(super) fn access(&self, permissions: &Permissions) -> Vec<RequiredAccess> {
        let of = |(api, _): (&Api, &Resource)| RequiredAccess {
            resource: identity(*api).app_id.to_owned(),
            roles: permissions.iter().filter(|one| one.api == *api).filter_map(|one| Some(self.role(one).ok()?.1.to_owned())).collect(),
            other: Vec::new(),
        };
        self.0.iter().map(of).filter(|access| !access.roles.is_empty()).collect()
    }

    /// Returns the permission that a role of an API is.
    pub(super) fn permission(&self, app_id: &str, role: &str) -> Option<Permission> {
        let api = api_of(app_id)?;
        let role = self.0.get(&api)?.roles.iter().find(|known| known.id.eq_ignore_ascii_case(role))?;
        Some(Permission { api, role: role.value.clone() })
    }

    /// Returns the permission that an assignment grants.
    pub(super) fn granted(&self, assignment: &Assignment) -> Option<Permission> {
        let (api, _) = self.0.iter().find(|(_, resource)| resource.id == assignment.resource)?;
        self.permission(identity(*api).app_id, &assignment.role)
    }
}

async fn look_up(hands: &Hands<'_>, api: Api) -> Result<Option<Resource>> {
    let identity = identity(api);
    let found = hands.list(&Request::resource(identity.app_id, identity.title)).await?;
    Ok(found.iter().find_map(Resource::read))
}

fn absent(hands: &Hands<'_>, api: Api) -> Error {
    let title = identity(api).title;
    Error::new(Kind::Failed, format!("the tenant {} has no service principal of {title}: the product was never set up there", hands.tenant))
        .with_code("ProductNotProvisioned")
        .hint(format!("open the Defender portal once as an administrator, or leave out the permissions of `{api}` by --permissions FILE"))
}

/// Reads what a service principal was granted; one that was made a moment ago has nothing.
pub(super) async fn assignments(hands: &Hands<'_>, principal: &ServicePrincipal, fresh: bool) -> Result<Vec<Assignment>> {
    if fresh && hands.dry {
        return Ok(Vec::new());
    }
    match hands.list(&Request::assignments(&principal.id)).await {
        Ok(found) => Ok(found.iter().filter_map(Assignment::read).collect()),
        Err(error) if fresh && Trouble::of(&error).is_propagation() => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Grants what is missing; returns what is granted of what was wanted.
pub(super) async fn grant(
    hands: &Hands<'_>,
    resources: &Resources,
    principal: &ServicePrincipal,
    fresh: bool,
    wanted: &Permissions,
) -> Result<Permissions> {
    let present: Permissions = assignments(hands, principal, fresh).await?.iter().filter_map(|one| resources.granted(one)).collect();
    for permission in wanted.difference(&present) {
        assign(hands, resources, principal, fresh, permission).await?;
    }
    Ok(wanted.clone())
}

async fn assign(
    hands: &Hands<'_>,
    resources: &Resources,
    principal: &ServicePrincipal,
    fresh: bool,
    permission: &Permission,
) -> Result<()> {
    let (resource, role) = resources.role(permission)?;
    let title = permission.to_string();
    let request = Request::assign(&principal.id, &resource.id, role, &title);
    let about = || facts([("principal", &principal.id), ("resource", &resource.id), ("role", role), ("permission", &title)]);
    let tried = || hands.change("role-assign", &request, about());
    // To grant what is granted is refused as such, so a grant of unknown fate may be sent again.
    let heals = |error: &Error| Trouble::of(error) == Trouble::Open || (fresh && may_propagate(error));
    match hands.patience("the directory to know the service principal").until(tried, heals).await {
        Ok(_) => Ok(()),
        Err(error) if Trouble::of(&error) == Trouble::Exists => Ok(()),
        Err(error) if Trouble::of(&error) == Trouble::Forbidden => Err(error.hint(super::duties::needed_for(permission.api))),
        Err(error) => Err(error),
    }
}

/// What came of a consent.
#[derive(Clone, Debug)]
pub struct Consented {
    /// Application (client) id.
    pub app_id: String,
    /// Object id of the service principal.
    pub service_principal_id: String,
    /// What it may do now, of what it declares or was asked for.
    pub granted: Permissions,
    /// What was granted now.
    pub new: Permissions,
}

/// Grants what a registration declares, or what was asked for, as far as it is missing.
///
/// # Errors
/// As the directory refused.
pub async fn consent(hands: &Hands<'_>, what: &Found, asked: Option<&Permissions>) -> Result<Consented> {
    let application = existing(hands, what).await?;
    let app_id = application.app_id.clone();
    let resources = match asked {
        Some(asked) => Resources::resolve(hands, asked).await?,
        None => Resources::all(hands).await?,
    };
    let wanted = asked.cloned().unwrap_or_else(|| declared(&application, &resources));
    let registration = Registration { application, fresh: false };
    let (principal, made_now) = ensure_principal(hands, &registration).await.map_err(|error| hands.halfway(error, Some(&app_id)))?;
    let fresh = made_now || is_young(&registration.application);
    let before: Permissions = assignments(hands, &principal, fresh).await?.iter().filter_map(|one| resources.granted(one)).collect();
    let granted = grant(hands, &resources, &principal, fresh, &wanted).await.map_err(|error| hands.halfway(error, Some(&app_id)))?;
    let new = granted.difference(&before).cloned().collect();
    Ok(Consented { app_id, service_principal_id: principal.id, granted, new })
}
