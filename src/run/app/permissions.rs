//! Which permissions were asked for: a set by name, a file, or what a plan needs.

use crate::{
    api::hunting::Api,
    cli::PermissionArgs,
    collect::catalogue::Source,
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
    let plan: Plan = toml::from_str(&text)
        .map_err(|error| Error::new(Kind::Usage, format!("the plan `{name}` is not right: {}", error.message())))?;
    needed(&plan).map_err(|error| error.context(format_args!("the plan `{name}`")))
}

/// The built-in plan.
const TRIAGE: &str = "pulls = []\nqueries = [\"triage\"]\n";

/// The least permission of each source, and hunting's where there is a query.
fn needed(plan: &Plan) -> Result<Permissions> {
    let mut all = Permissions::new();
    if !plan.queries.is_empty() {
        all.insert(Permission { api: Api::Graph, role: Api::Graph.permission().to_owned() });
    }
    for pull in &plan.pulls {
        let source = Source::find(pull).ok_or_else(|| Error::new(Kind::Usage, format!("there is no source `{pull}`")))?;
        all.extend(source.permissions.first().map(|role| Permission { api: source.api, role: (*role).to_owned() }));
    }
    Ok(all)
}
