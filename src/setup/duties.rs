//! Whether whoever runs this may do what is to be done: directory roles of a person, permissions of an application (apis.md 7.3, 7.4).

use super::{hands::Hands, permissions::Permissions};
use crate::{
    api::{directory::Request, hunting::Api},
    error::{Error, Kind, Result},
};
use serde_json::Value;

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duty {
    /// Make, change and delete registrations, service principals, credentials.
    Register,
    /// Consent to permissions of this API.
    Consent(Api),
}

/// Whoever runs this, by the administrator's token.
#[derive(Clone, Debug, Default)]
pub struct Caller {
    /// An application rather than a person.
    pub is_app: bool,
    /// An application's permissions.
    pub roles: Vec<String>,
    /// Object id of a person.
    pub object_id: String,
    /// Template ids of a person's directory roles, where the token tells.
    pub directory_roles: Option<Vec<String>>,
}

/// A directory role: template id, the same in every tenant, and name.
type Role = (&'static str, &'static str);

const GLOBAL: Role = ("62e90394-69f5-4237-9190-012177145e10", "Global Administrator");
const PRIVILEGED: Role = ("e8611ab8-c189-46e8-94e1-60213ab1f814", "Privileged Role Administrator");
const APPLICATION: Role = ("9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3", "Application Administrator");
const CLOUD: Role = ("158c047a-c907-4556-b7ef-446551a6b5f7", "Cloud Application Administrator");
const DEVELOPER: Role = ("cf1c38e5-3621-4004-a7cb-879624dced7c", "Application Developer");

/// The roles any of which will do, the least first.
fn roles(duty: Duty) -> &'static [Role] {
    match duty {
        Duty::Register => &[CLOUD, APPLICATION, DEVELOPER, GLOBAL],
        Duty::Consent(Api::Graph) => &[PRIVILEGED, GLOBAL],
        Duty::Consent(_) => &[CLOUD, APPLICATION, PRIVILEGED, GLOBAL],
    }
}

/// The permissions of an application that will do: of each row any.
fn permissions(duty: Duty) -> &'static [&'static [&'static str]] {
    match duty {
        Duty::Register => &[&["Application.ReadWrite.All", "Application.ReadWrite.OwnedBy", "Directory.ReadWrite.All"]],
        Duty::Consent(_) => &[
            &["AppRoleAssignment.ReadWrite.All"],
            &["Application.Read.All", "Application.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"],
        ],
    }
}

impl Duty {
    /// Returns what granting these permissions takes.
    pub fn of_consent(permissions: &Permissions) -> Vec<Self> {
        let mut apis: Vec<Api> = permissions.iter().map(|permission| permission.api).collect();
        apis.dedup();
        apis.into_iter().map(Self::Consent).collect()
    }

    fn words(self) -> String {
        match self {
            Self::Register => "to make and change registrations".to_owned(),
            Self::Consent(api) => format!("to consent to application permissions of {}", super::permissions::identity(api).title),
        }
    }
}

/// The advice where registering is refused.
pub(super) fn needed_to_register() -> String {
    let (_, name) = roles(Duty::Register)[0];
    format!("to make and change registrations takes the directory role {name}")
}

/// The advice where granting is refused.
pub(super) fn needed_for(api: Api) -> String {
    let (_, name) = roles(Duty::Consent(api))[0];
    format!("consent to application permissions of {} takes the directory role {name}", super::permissions::identity(api).title)
}

impl Caller {
    /// Says whether the caller may do all of it, asking the directory where the token does not tell.
    ///
    /// # Errors
    /// [`Kind::Permission`] that names the directory role or the permission that lacks.
    pub async fn check(&self, hands: &Hands<'_>, duties: &[Duty]) -> Result<()> {
        if self.is_app {
            return duties.iter().try_for_each(|duty| self.check_permissions(*duty));
        }
        let known = self.directory_roles.clone().unwrap_or_default();
        if duties.iter().all(|duty| holds(&known, *duty)) {
            return Ok(());
        }
        // A token may be older than a role that was activated since.
        let told = self.ask(hands).await;
        let all: Vec<String> = match (&told, &self.directory_roles) {
            (Ok(found), _) => known.into_iter().chain(found.iter().map(template)).collect(),
            (Err(_), Some(_)) => known,
            (Err(error), None) => {
                hands.watch.warn(&format!("your directory roles cannot be read, so they are not checked first: {}", error.message()));
                return Ok(());
            }
        };
        duties.iter().find(|duty| !holds(&all, **duty)).map_or(Ok(()), |duty| Err(lacking(*duty)))
    }

    /// Asks the directory, in one way after the other.
    async fn ask(&self, hands: &Hands<'_>) -> Result<Vec<Value>> {
        let mut refused = None;
        for request in Request::own_roles(&self.object_id) {
            match hands.list(&request).await {
                Ok(found) => return Ok(found),
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        Err(refused.unwrap_or_else(|| Error::new(Kind::Failed, "nobody was asked")))
    }

    fn check_permissions(&self, duty: Duty) -> Result<()> {
        let has = |any: &&&[&str]| !any.iter().any(|role| self.roles.iter().any(|held| held == role));
        let Some(missing) = permissions(duty).iter().find(has) else { return Ok(()) };
        let message = format!("the administrator's application lacks the Graph permission {}, which it takes {}", missing[0], duty.words());
        Err(Error::new(Kind::Permission, message)
            .with_code("MissingPermission")
            .hint(format!("grant it {} for as long as this takes, or run this signed in as a person (`az login`)", missing.join(" or "))))
    }
}

fn holds(known: &[String], duty: Duty) -> bool {
    roles(duty).iter().any(|(id, name)| known.iter().any(|held| held.eq_ignore_ascii_case(id) || held == name))
}

fn template(role: &Value) -> String {
    let text = |name: &str| role.get(name).and_then(Value::as_str).map(str::to_owned);
    text("roleTemplateId").or_else(|| text("roleDefinitionId")).or_else(|| text("displayName")).unwrap_or_default()
}

fn lacking(duty: Duty) -> Error {
    let all = roles(duty);
    let names: Vec<&str> = all.iter().map(|(_, name)| *name).collect();
    let message = format!("you lack the directory role {}, which it takes {}", names[0], duty.words());
    let error = Error::new(Kind::Permission, message)
        .with_code("MissingDirectoryRole")
        .hint(format!("any of these will do: {}; if it is yours to activate (PIM), do, and run `az login` anew", names.join(", ")));
    match duty {
        Duty::Register => error.hint("or hand `ircollect app manifest` to somebody who has it"),
        Duty::Consent(_) => {
            error.hint("or leave the consent to somebody who has it: create with --no-consent, then they run `ircollect app consent`")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_duty_names_its_least_role() {
        let names = [Duty::Register, Duty::Consent(Api::Graph), Duty::Consent(Api::Mde)].map(|duty| roles(duty)[0].1);
        assert_eq!(names, ["Cloud Application Administrator", "Privileged Role Administrator", "Cloud Application Administrator"]);
        let cloud = [CLOUD.0.to_owned()];
        assert!(holds(&cloud, Duty::Register) && holds(&cloud, Duty::Consent(Api::Xdr)) && !holds(&cloud, Duty::Consent(Api::Graph)));
    }

    #[test]
    fn an_application_is_judged_by_its_permissions() {
        let caller =
            |roles: &[&str]| Caller { is_app: true, roles: roles.iter().map(|&role| role.to_owned()).collect(), ..Caller::default() };
        assert!(caller(&["Application.ReadWrite.All"]).check_permissions(Duty::Register).is_ok());
        let error = caller(&["Application.ReadWrite.All"]).check_permissions(Duty::Consent(Api::Graph)).unwrap_err();
        assert!(error.kind() == Kind::Permission && error.message().contains("AppRoleAssignment.ReadWrite.All"));
        let both = ["AppRoleAssignment.ReadWrite.All", "Directory.Read.All"];
        assert!(caller(&both).check_permissions(Duty::Consent(Api::Mde)).is_ok());
    }
}
