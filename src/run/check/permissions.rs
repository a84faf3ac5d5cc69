//! What a token may, held against what was asked for: held, missing, broader than needed. Pure.

use serde::Serialize;

/// Something that is to be done, and the permissions any one of which allows it; the least one first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Need {
    /// `hunting`, `mde/machines`.
    pub(super) what: String,
    pub(super) any_of: Vec<String>,
}

/// How a token stands to what was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Standing {
    /// Those that allow something of it.
    pub(super) held: Vec<String>,
    pub(super) missing: Vec<Missing>,
    pub(super) broader: Vec<Broader>,
}

/// A permission that is not held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Missing {
    /// The least one that would do.
    pub(super) permission: String,
    /// For what.
    pub(super) needed_for: Vec<String>,
}

/// A permission that nothing of what was asked for needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Broader {
    pub(super) permission: String,
    /// What less would do; none where nothing of what was asked for needs it.
    pub(super) enough: Option<String>,
    /// It may change things.
    pub(super) writes: bool,
}

/// Holds the roles of a token against needs.
pub(super) fn standing(roles: &[String], needs: &[Need]) -> Standing {
    let mut standing = Standing::default();
    for need in needs.iter().filter(|need| !allows(roles, need)) {
        standing.lacks(need);
    }
    for role in roles {
        if needs.iter().any(|need| need.any_of.contains(role)) {
            standing.held.push(role.clone());
        }
        let enough = match too_much(role, roles, needs) {
            None => continue,
            Some(Instead::Nothing) => None,
            Some(Instead::Lesser(words)) => Some(words),
        };
        standing.broader.push(Broader { permission: role.clone(), enough, writes: writes(role) });
    }
    standing
}

/// Says whether roles allow something.
pub(super) fn allows(roles: &[String], need: &Need) -> bool {
    need.any_of.iter().any(|permission| roles.contains(permission))
}

impl Standing {
    fn lacks(&mut self, need: &Need) {
        let Some(least) = need.any_of.first() else { return };
        match self.missing.iter_mut().find(|missing| &missing.permission == least) {
            Some(missing) => missing.needed_for.push(need.what.clone()),
            None => self.missing.push(Missing { permission: least.clone(), needed_for: vec![need.what.clone()] }),
        }
    }
}

/// Says what would be enough instead of a role that is more than the needs call for; none where it is just right.
fn too_much(role: &str, roles: &[String], needs: &[Need]) -> Option<Instead> {
    let served: Vec<&Need> = needs.iter().filter(|need| need.any_of.iter().any(|one| one == role)).collect();
    if served.is_empty() {
        return Some(Instead::Nothing);
    }
    if served.iter().any(|need| need.any_of.first().is_some_and(|least| least == role)) {
        return None;
    }
    let mut lesser: Vec<&str> = served.iter().filter_map(|need| need.any_of.first().map(String::as_str)).collect();
    lesser.sort_unstable();
    lesser.dedup();
    let held = lesser.iter().all(|least| roles.iter().any(|role| role == least));
    let verb = if held { "is held and enough" } else { "would be enough" };
    Some(Instead::Lesser(format!("{} {verb}", lesser.join(", "))))
}

/// What would do in place of a role.
enum Instead {
    Nothing,
    Lesser(String),
}

/// Says whether a permission may change things. Microsoft's names tell: `ReadWrite`, `Manage`, and the acts on machines.
fn writes(role: &str) -> bool {
    const ACTS: [&str; 8] =
        ["Write", "Manage.", "Isolate", "LiveResponse", "RestrictExecution", "Machine.Scan", "StopAndQuarantine", "CollectForensics"];
    ACTS.iter().any(|act| role.contains(act)) || role.ends_with(".Manage") || role.ends_with(".Send")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn need(what: &str, any_of: &[&str]) -> Need {
        Need { what: what.to_owned(), any_of: any_of.iter().map(ToString::to_string).collect() }
    }

    fn of(roles: &[&str], needs: &[Need]) -> Standing {
        standing(&roles.iter().map(ToString::to_string).collect::<Vec<_>>(), needs)
    }

    const HUNT: &[&str] = &["ThreatHunting.Read.All"];
    const ALERTS: &[&str] = &["SecurityAlert.Read.All", "SecurityAlert.ReadWrite.All"];

    #[test]
    fn held_missing_and_broader() {
        let needs = [need("hunting", HUNT), need("alerts", ALERTS)];
        let found = of(&["SecurityAlert.ReadWrite.All", "Mail.Read"], &needs);
        assert_eq!(found.held, ["SecurityAlert.ReadWrite.All"]);
        assert_eq!(found.missing, [Missing { permission: "ThreatHunting.Read.All".into(), needed_for: vec!["hunting".into()] }]);
        let broader: Vec<_> = found.broader.iter().map(|one| (one.permission.as_str(), one.enough.as_deref(), one.writes)).collect();
        assert_eq!(
            broader,
            [("SecurityAlert.ReadWrite.All", Some("SecurityAlert.Read.All would be enough"), true), ("Mail.Read", None, false)]
        );
    }

    #[test]
    fn what_is_just_enough_is_not_too_much() {
        let needs =
            [need("alerts", ALERTS), need("users", &["User.Read.All", "Directory.Read.All"]), need("grants", &["Directory.Read.All"])];
        let found = of(&["SecurityAlert.Read.All", "Directory.Read.All"], &needs);
        assert!(found.missing.is_empty() && found.broader.is_empty(), "{found:?}");
    }

    #[test]
    fn one_permission_that_lacks_for_two_things_is_named_once() {
        let found = of(&[], &[need("mde/alerts", &["Alert.Read.All"]), need("mde/investigations", &["Alert.Read.All"])]);
        assert_eq!(found.missing.len(), 1);
        assert_eq!(found.missing[0].needed_for, ["mde/alerts", "mde/investigations"]);
    }

    #[test]
    fn names_tell_what_changes_things() {
        assert!(
            ["Machine.Isolate", "Library.Manage", "Ti.ReadWrite", "Application.ReadWrite.OwnedBy", "Mail.Send"]
                .iter()
                .all(|role| writes(role))
        );
        assert!(
            !["DeviceManagementManagedDevices.Read.All", "RoleManagement.Read.Directory", "Score.Read.All"].iter().any(|role| writes(role))
        );
    }
}
