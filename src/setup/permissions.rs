//! Which application permissions a registration is to have: by name of a set, from a file, or as a plan needs them. Pure.

use crate::{
    api::hunting::Api,
    error::{Error, Kind, Result},
};
use std::{collections::BTreeSet, fmt, str::FromStr};

/// An application permission of one API.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Permission {
    /// The API that knows it.
    pub api: Api,
    /// Its name: `ThreatHunting.Read.All`.
    pub role: String,
}

/// Permissions, in the order of the APIs.
pub type Permissions = BTreeSet<Permission>;

/// An API as the directory knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiIdentity {
    /// Application id, the same in every tenant.
    pub app_id: &'static str,
    /// Name of its service principal, as the portal shows it.
    pub title: &'static str,
}

/// Returns an API as the directory knows it (apis.md 1.3).
pub fn identity(api: Api) -> ApiIdentity {
    match api {
        Api::Graph => ApiIdentity { app_id: "00000003-0000-0000-c000-000000000000", title: "Microsoft Graph" },
        Api::Xdr => ApiIdentity { app_id: "8ee8fdad-f234-4243-8f3b-15c294843740", title: "Microsoft Threat Protection" },
        Api::Mde => ApiIdentity { app_id: "fc780465-2017-40d4-a0c5-307022471b92", title: "WindowsDefenderATP" },
    }
}

/// All APIs.
pub const APIS: [Api; 3] = [Api::Graph, Api::Xdr, Api::Mde];

/// Finds an API by its application id.
pub fn api_of(app_id: &str) -> Option<Api> {
    APIS.into_iter().find(|api| identity(*api).app_id.eq_ignore_ascii_case(app_id))
}

// The rows of apis.md 6.4. XDR's `Incident.Read.All` stands there in parentheses: Graph's `security/incidents` are the same incidents and
// XDR's announced successor (5.6), and no command of these rows asks XDR unless it is named.
const HUNT: &[&str] = &["graph:ThreatHunting.Read.All"];
const TRIAGE: &[&str] = &["graph:SecurityAlert.Read.All", "graph:SecurityIncident.Read.All", "mde:Alert.Read.All", "mde:Machine.Read.All"];
const IDENTITY: &[&str] = &[
    "graph:AuditLog.Read.All",
    "graph:Directory.Read.All",
    "graph:IdentityRiskEvent.Read.All",
    "graph:IdentityRiskyUser.Read.All",
    "graph:IdentityRiskyServicePrincipal.Read.All",
    "graph:Policy.Read.All",
    "graph:Application.Read.All",
    "graph:RoleManagement.Read.Directory",
];
const EXPOSURE: &[&str] = &[
    "graph:SecurityEvents.Read.All",
    "mde:Vulnerability.Read.All",
    "mde:Software.Read.All",
    "mde:SecurityRecommendation.Read.All",
    "mde:Score.Read.All",
    "mde:SecurityConfiguration.Read.All",
    "mde:RemediationTasks.Read.All",
];

fn all(rows: &[&[&str]]) -> Permissions {
    rows.iter().flat_map(|row| row.iter()).filter_map(|text| text.parse().ok()).collect()
}

/// What hunting and triage take.
pub fn minimum() -> Permissions {
    all(&[HUNT, TRIAGE])
}

/// That, and what identity and exposure take.
pub fn recommended() -> Permissions {
    all(&[HUNT, TRIAGE, IDENTITY, EXPOSURE])
}

/// Reads lines `api:ROLE`; `#` begins a comment.
///
/// # Errors
/// [`Kind::Usage`] that names the line.
pub fn parse(text: &str) -> Result<Permissions> {
    let lines = text.trim_start_matches('\u{feff}').lines().enumerate();
    let lines = lines.map(|(at, line)| (at + 1, line.split('#').next().unwrap_or_default().trim())).filter(|(_, line)| !line.is_empty());
    let read: Permissions =
        lines.map(|(at, line)| line.parse().map_err(|error: Error| error.context(format_args!("line {at}")))).collect::<Result<_>>()?;
    if read.is_empty() {
        return Err(Error::new(Kind::Usage, "no permission is named").hint(FORM));
    }
    Ok(read)
}

const FORM: &str = "write one a line, as graph:ThreatHunting.Read.All, xdr:Incident.Read.All or mde:Machine.Read.All";

impl FromStr for Permission {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || Error::new(Kind::Usage, format!("`{}` is no permission", text.chars().take(80).collect::<String>())).hint(FORM);
        let (api, role) = text.split_once(':').ok_or_else(wrong)?;
        let api = APIS.into_iter().find(|known| known.name().eq_ignore_ascii_case(api.trim())).ok_or_else(wrong)?;
        let role = role.trim();
        let shaped =
            !role.is_empty() && role.len() <= 120 && role.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
        if shaped { Ok(Self { api, role: role.to_owned() }) } else { Err(wrong()) }
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.api, self.role)
    }
}

impl Permission {
    /// Says whether it lets its holder change things; nothing here ever does.
    pub fn writes(&self) -> bool {
        let words = [
            "ReadWrite",
            "Write",
            "Manage",
            "Isolate",
            "LiveResponse",
            "RestrictExecution",
            "StopAndQuarantine",
            "CollectForensics",
            "Scan",
            "Send",
        ];
        self.role.split('.').any(|part| words.contains(&part))
    }

    /// Returns the id that its role has in every tenant, from a table that may be older than the API.
    pub fn known_id(&self) -> Option<&'static str> {
        let wanted = self.to_string();
        known().find(|(name, _)| *name == wanted).map(|(_, id)| id)
    }
}

fn known() -> impl Iterator<Item = (&'static str, &'static str)> {
    include_str!("roles.txt").lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sets_hold_no_role_that_writes_and_every_id_is_known() {
        assert_eq!((minimum().len(), recommended().len()), (5, 20));
        assert!(minimum().is_subset(&recommended()));
        for permission in recommended() {
            assert!(!permission.writes() && permission.known_id().is_some(), "{permission}");
        }
        assert_eq!(known().count(), 84);
    }

    #[test]
    fn a_file_names_one_a_line() {
        let read = parse("\u{feff}# why\ngraph:ThreatHunting.Read.All  # hunting\n\nMDE: Machine.Read.All\r\n").unwrap();
        assert_eq!(read.iter().map(ToString::to_string).collect::<Vec<_>>(), ["graph:ThreatHunting.Read.All", "mde:Machine.Read.All"]);
        for (bad, words) in [("graph", "line 1"), ("x:Y", "line 1"), ("# a\ngraph:A b", "line 2"), ("", "no permission")] {
            let error = parse(bad).unwrap_err();
            assert!(error.kind() == Kind::Usage && error.message().contains(words), "{bad}: {error}");
        }
    }
}
