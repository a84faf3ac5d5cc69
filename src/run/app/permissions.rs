//! Which permissions were asked for: a set by name, a file, or what a plan needs.

use crate::{
    api::{
        catalogue::{Catalogue, Source},
        hunting::Api,
    },
    cli::PermissionArgs,
    error::{Error, Kind, Result},
    setup::{Permission, Permissions, permissions},
};
use serde::Deserialize;

/// Settles them; none where nothing was said.
///
/// # Errors
/// [`Kind::Usage`].
pub(super) fn settle(args: &PermissionArgs) -> Result<Option<Permissions>> {
    match (args.permissions.as_deref(), args.for_plan.as_deref()) {
        (Some("minimum"), _) => Ok(Some(permissions::minimum())),
        (Some("recommended"), _) => Ok(Some(permissions::recommended())),
        (Some(file), _) => {
            let text = read(file, "minimum, recommended, or a file with lines graph:ROLE")?;
            permissions::parse(&text).map(Some).map_err(|error| error.context(file))
        }
        (None, Some(plan)) => for_plan(plan).map(Some),
        (None, None) => Ok(None),
    }
}

fn read(file: &str, may_be: &str) -> Result<String> {
    fs_err::read_to_string(file).map_err(|error| {
        Error::new(Kind::Usage, format!("`{file}` cannot be read: {}", error.kind())).caused_by(error).hint(format!("it may be {may_be}"))
    })
}

#[derive(Deserialize)]
struct Plan {
    #[serde(default)]
    pulls: Vec<String>,
    #[serde(default)]
    queries: Vec<toml::Value>,
}

fn for_plan(name: &str) -> Result<Permissions> {
    let text = if name == "triage" { TRIAGE.to_owned() } else { read(name, "a plan, or triage")? };
    let mut plan: Plan =
        toml::from_str(&text).map_err(|error| Error::new(Kind::Usage, format!("the plan `{name}` is not right: {}", error.message())))?;
    if name == "triage" {
        // Its queries are built in, and not listed.
        plan.queries.push(toml::Value::from("triage"));
    }
    needed(&plan).map_err(|error| error.context(format_args!("the plan `{name}`")))
}

/// The built-in plan.
const TRIAGE: &str = include_str!("../triage.toml");

/// The least permission of each source, and hunting's where there is a query.
fn needed(plan: &Plan) -> Result<Permissions> {
    let catalogue = Catalogue::built_in()?;
    let mut all = Permissions::new();
    if !plan.queries.is_empty() {
        all.insert(Permission { api: Api::Graph, role: Api::Graph.permission().to_owned() });
    }
    for pull in &plan.pulls {
        if pull == "all" {
            all.extend(catalogue.iter().filter(|source| !source.permission.is_empty()).map(least));
        } else {
            all.insert(known(catalogue.find(pull)?)?);
        }
    }
    if all.is_empty() { Err(Error::new(Kind::Usage, "it collects nothing")) } else { Ok(all) }
}

fn known(source: &Source) -> Result<Permission> {
    if source.permission.is_empty() {
        return Err(Error::new(Kind::Usage, format!("the permission that `{}` takes is not known", source.full_name()))
            .hint("name the permissions in a file, by --permissions"));
    }
    Ok(least(source))
}

fn least(source: &Source) -> Permission {
    Permission { api: source.api, role: source.permission.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_needs_the_least_permission_of_each_source_and_no_more() {
        let plan = |text: &str| needed(&toml::from_str(text).unwrap());
        let words = |all: Permissions| all.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(
            words(plan("pulls = ['alerts', 'mde/machines', 'mde/machine-actions']").unwrap()),
            ["graph:SecurityAlert.Read.All", "mde:Machine.Read.All"]
        );
        assert_eq!(words(plan("queries = ['a.kql']").unwrap()), ["graph:ThreatHunting.Read.All"]);
        assert!(plan("pulls = ['nothing']").is_err() && plan("name = 'x'").is_err());
        let triage = for_plan("triage").unwrap();
        assert!(triage.len() > 8 && triage.iter().all(|one| !one.writes() && one.known_id().is_some()), "{triage:?}");
    }
}
