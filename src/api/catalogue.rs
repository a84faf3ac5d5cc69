//! The sources that can be pulled, as data: where each list is, what it takes to read it, how it pages, how it filters in time and
//! how fast it may be asked. A source more is a table more in `catalogue.toml`, or in the configuration.

use super::hunting::Api;
use crate::{
    error::{Error, Kind, Result},
    time::parse_duration,
};
use jiff::SignedDuration;
use serde::Deserialize;
use std::{collections::BTreeMap, time::Duration};

const BUILT_IN: &str = include_str!("catalogue.toml");

/// All sources that are known, and the limits that they share.
#[derive(Clone, Debug)]
pub struct Catalogue {
    sources: BTreeMap<(Api, String), Source>,
    lanes: BTreeMap<String, Lane>,
}

/// A source: a list, or something like one.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// Its name without the API's: `alerts`.
    pub name: String,
    /// The API that it is part of.
    pub api: Api,
    /// Path and query below the API's root.
    pub path: String,
    /// Exports: the path that lists files instead of sending pages.
    pub files: Option<String>,
    /// The least application permission; empty where it is not known.
    pub permission: String,
    /// Other permissions that do.
    pub accepted: Vec<String>,
    /// How its pages are had.
    pub paging: Paging,
    /// Objects that a page is asked to hold; none: it is not said.
    pub page_size: Option<u32>,
    /// What each object is to have with it, where the service can (`$expand`).
    pub expand: Option<String>,
    /// The field that a window is held against; none: it is pulled whole.
    pub time: Option<TimeField>,
    /// The field that tells an object from others.
    pub id: String,
    /// The field that tells its versions apart.
    pub updated: Option<String>,
    /// Whether pages come newest first.
    pub newest_first: bool,
    /// How late objects turn up.
    pub lateness: SignedDuration,
    /// Whose limits hold.
    pub lane: String,
    /// Whether 404 means that there are no objects.
    pub none_on_404: bool,
    /// A `Prefer` header.
    pub prefer: Option<String>,
    /// What a national cloud may lack: `security`, `audit-queries`, `identity-protection`.
    pub feature: Option<String>,
    /// Words of a refusal that mean a licence is missing.
    pub licence: Vec<String>,
    /// What a person should know.
    pub notes: String,
}

/// How the pages of a source are had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Paging {
    /// By the nextLink of each page.
    Link,
    /// By nextLink where there is one, else by `$skip` for as long as pages are full.
    Skip,
    /// By a cursor in time, ordered.
    Cursor,
    /// One object.
    Single,
    /// An assessment export.
    Export,
    /// An asynchronous query.
    Query,
}

/// A field that a window is held against.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeField {
    /// Its name.
    pub field: String,
    /// The operator for the begin: `ge`, `gt`, or empty where the service cannot filter by it.
    #[serde(default = "ge")]
    pub from: String,
    /// The operator for the end: `lt`, `le`, or empty.
    #[serde(default = "lt")]
    pub to: String,
}

fn ge() -> String {
    "ge".to_owned()
}

fn lt() -> String {
    "lt".to_owned()
}

/// The limits of a lane.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lane {
    windows: Vec<(u32, f64)>,
    /// Calls under way at once.
    pub in_flight: u16,
}

impl Lane {
    /// Returns (calls, length) of each window.
    pub fn windows(&self) -> Vec<(u32, Duration)> {
        self.windows.iter().map(|(calls, seconds)| (*calls, Duration::from_secs_f64(seconds.clamp(0.0, 86_400.0)))).collect()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    lanes: BTreeMap<String, Lane>,
    sources: BTreeMap<String, Raw>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    api: Api,
    path: String,
    files: Option<String>,
    #[serde(default)]
    permission: String,
    #[serde(default)]
    accepted: Vec<String>,
    paging: Paging,
    page_size: Option<u32>,
    expand: Option<String>,
    time: Option<TimeField>,
    #[serde(default = "id")]
    id: String,
    updated: Option<String>,
    order: Option<String>,
    lateness: Option<String>,
    lane: String,
    #[serde(default)]
    none_on_404: bool,
    prefer: Option<String>,
    feature: Option<String>,
    #[serde(default)]
    licence: Vec<String>,
    #[serde(default)]
    notes: String,
}

fn id() -> String {
    "id".to_owned()
}

impl Catalogue {
    /// Reads the built-in catalogue.
    ///
    /// # Errors
    /// None but of our own making: it is compiled in, and tested.
    pub fn built_in() -> Result<Self> {
        let file: File =
            toml::from_str(BUILT_IN).map_err(|error| Error::new(Kind::Failed, "reading the built-in catalogue").caused_by(error))?;
        let mut catalogue = Self { sources: BTreeMap::new(), lanes: file.lanes };
        for (key, raw) in file.sources {
            catalogue.add(source(&key, raw)?);
        }
        Ok(catalogue)
    }

    /// Adds a source, over another of its name where there is one.
    pub fn add(&mut self, source: Source) {
        self.sources.insert((source.api, source.name.clone()), source);
    }

    /// Goes through all sources: by API, then by name.
    pub fn iter(&self) -> impl Iterator<Item = &Source> {
        self.sources.values()
    }

    /// Finds a source: `api/name`, or the bare name, which means Graph's where there is one.
    ///
    /// # Errors
    /// [`Kind::Usage`] with names that are like it.
    pub fn find(&self, name: &str) -> Result<&Source> {
        let bare = || Api::ALL.iter().find_map(|api| self.sources.get(&(*api, name.to_owned())));
        let found = match name.split_once('/') {
            Some((api, name)) => {
                let api = Api::ALL.into_iter().find(|known| known.name() == api);
                api.and_then(|api| self.sources.get(&(api, name.to_owned())))
            }
            None => bare(),
        };
        found.ok_or_else(|| self.unknown(name))
    }

    fn unknown(&self, name: &str) -> Error {
        let bare = name.rsplit('/').next().unwrap_or_default().to_lowercase();
        let apart = |source: &&Source| strsim::damerau_levenshtein(&source.name, &bare);
        // A slip of the finger or two, and no more: what is farther off is another word.
        let near = |source: &&Source| apart(source) <= (bare.chars().count() / 4).clamp(1, 3);
        let nearest = self.iter().filter(near).min_by_key(apart).map(Source::full_name);
        let error = Error::new(Kind::Usage, format!("`{name}` is no source that is known"));
        let error = nearest.iter().fold(error, |error, nearest| error.hint(format!("did you mean `{nearest}`?")));
        error.hint("`ircollect pull --list` shows all; [sources.NAME] in the configuration adds more")
    }

    /// Returns the lane that a path is of: that of the source which it is, or lies below; else the API's usual one.
    pub fn lane_of(&self, api: Api, path: &str) -> &str {
        let path = path.to_ascii_lowercase();
        let own = |source: &&Source| {
            let root = source.path.split('?').next().unwrap_or_default().to_ascii_lowercase();
            let rest = path.strip_prefix(&root).filter(|_| source.api == api && !root.is_empty());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.iter().filter(own).max_by_key(|source| source.path.len()).map_or(usual_lane(api), |source| &source.lane)
    }

    /// Returns the limits of a lane by its name; those of the API's usual one where there is none of that name.
    pub fn lane(&self, name: &str) -> Lane {
        self.lanes.get(name).cloned().unwrap_or(Lane { windows: Vec::new(), in_flight: 4 })
    }
}

impl Source {
    /// Returns the permissions any one of which opens it, the least one first; none where they are not known.
    pub fn permissions(&self) -> Vec<String> {
        let least = Some(&self.permission).filter(|permission| !permission.is_empty());
        least.into_iter().chain(&self.accepted).cloned().collect()
    }

    /// Returns the path and query of a look at it that is as small as the service makes it; none where even that is dear: the lists of
    /// export files have 20 calls an hour.
    pub fn glance(&self) -> Option<String> {
        let more = match self.paging {
            Paging::Export if self.path.is_empty() => return None,
            // With `$top` the exports leave out their nextLink, and count pages otherwise (apis.md 5.8).
            Paging::Export => "pageSize=1",
            Paging::Link if self.page_size.is_none() => "",
            Paging::Single => "",
            Paging::Link | Paging::Skip | Paging::Cursor | Paging::Query => "$top=1",
        };
        let joiner = match (more.is_empty(), self.path.contains('?')) {
            (true, _) => "",
            (false, true) => "&",
            (false, false) => "?",
        };
        Some(format!("{}{joiner}{more}", self.path))
    }

    /// Returns the name with the API's: `graph/alerts`.
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.api, self.name)
    }

    /// Returns the name as it is told: the bare one for Graph's, which that means, else the full one.
    pub fn display_name(&self) -> String {
        if self.api == Api::Graph { self.name.clone() } else { self.full_name() }
    }

    /// Says whether a token with these roles may read it. A source that names no permission is left to the API.
    pub fn is_open_to(&self, roles: &[String]) -> bool {
        let known = self.permissions();
        known.is_empty() || roles.iter().any(|role| known.contains(role))
    }

    /// A source of somebody's own: a list with nextLinks.
    pub fn custom(name: &str, api: Api, path: &str, time_field: Option<&str>) -> Self {
        let name = name.rsplit('/').next().unwrap_or(name);
        let lane = usual_lane(api);
        Self {
            name: name.to_owned(),
            api,
            path: if path.starts_with('/') { path.to_owned() } else { format!("/{path}") },
            files: None,
            permission: String::new(),
            accepted: Vec::new(),
            paging: if api == Api::Graph { Paging::Link } else { Paging::Skip },
            page_size: None,
            expand: None,
            time: time_field.map(|field| TimeField { field: field.to_owned(), from: ge(), to: lt() }),
            id: id(),
            updated: None,
            newest_first: false,
            lateness: SignedDuration::from_hours(1),
            lane: lane.to_owned(),
            none_on_404: false,
            prefer: None,
            feature: None,
            licence: Vec::new(),
            notes: "of the configuration".to_owned(),
        }
    }
}

fn usual_lane(api: Api) -> &'static str {
    match api {
        Api::Graph => "graph",
        Api::Xdr => "xdr-incidents",
        Api::Mde => "mde",
    }
}

fn source(key: &str, raw: Raw) -> Result<Source> {
    let lateness = raw.lateness.as_deref().map_or(Ok(SignedDuration::from_hours(1)), parse_duration);
    Ok(Source {
        name: key.rsplit('/').next().unwrap_or(key).to_owned(),
        api: raw.api,
        path: raw.path,
        files: raw.files,
        permission: raw.permission,
        accepted: raw.accepted,
        paging: raw.paging,
        page_size: raw.page_size,
        expand: raw.expand,
        time: raw.time,
        id: raw.id,
        updated: raw.updated,
        newest_first: raw.order.as_deref() == Some("desc"),
        lateness: lateness.map_err(|error| error.context(format_args!("[sources.{key}] lateness")))?,
        lane: raw.lane,
        none_on_404: raw.none_on_404,
        prefer: raw.prefer,
        feature: raw.feature,
        licence: raw.licence,
        notes: raw.notes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names of the contract.
    const GRAPH: &str = "alerts incidents secure-scores secure-score-control-profiles risky-users risk-detections
        risky-service-principals service-principal-risk-detections sign-ins directory-audits provisioning audit-log users groups devices
        managed-devices applications service-principals oauth2-grants directory-roles role-assignments conditional-access-policies
        named-locations authentication-methods organization domains subscribed-skus";
    const MDE: &str = "alerts machines machine-actions investigations indicators vulnerabilities machine-vulnerabilities recommendations
        software remediation-tasks exposure-score configuration-score device-av-health library-files software-inventory
        software-vulnerabilities secure-configurations browser-extensions certificates hardware-firmware baseline-compliance
        info-gathering";

    #[test]
    fn every_source_of_the_contract_is_there_and_sound() {
        let catalogue = Catalogue::built_in().unwrap();
        for (api, names) in [("graph", GRAPH), ("xdr", "incidents"), ("mde", MDE)] {
            for name in names.split_whitespace() {
                catalogue.find(&format!("{api}/{name}")).unwrap();
            }
        }
        for source in catalogue.iter() {
            let name = source.full_name();
            assert!(catalogue.lanes.contains_key(&source.lane), "{name}: lane {}", source.lane);
            assert!(!source.permission.is_empty() && !source.notes.is_empty(), "{name}");
            assert!(source.path.starts_with('/') || source.files.is_some(), "{name}");
            assert!(source.paging != Paging::Cursor || (source.time.is_some() && source.updated.is_some()), "{name}");
            assert!(!source.newest_first || source.time.is_some(), "{name}");
            let operators = source.time.iter().flat_map(|time| [&time.from, &time.to]);
            assert!(operators.into_iter().all(|operator| ["ge", "gt", "lt", "le", ""].contains(&operator.as_str())), "{name}");
        }
    }

    #[test]
    fn bare_names_mean_graph_first() {
        let catalogue = Catalogue::built_in().unwrap();
        assert_eq!(catalogue.find("alerts").unwrap().full_name(), "graph/alerts");
        assert_eq!(catalogue.find("machines").unwrap().full_name(), "mde/machines");
        let error = catalogue.find("mde/machine").unwrap_err();
        assert_eq!(error.hints()[0], "did you mean `mde/machines`?");
        assert!(catalogue.find("azure/alerts").is_err());
        for (typed, meant) in [("alrts", "graph/alerts"), ("signins", "graph/sign-ins"), ("Machines", "mde/machines")] {
            assert_eq!(catalogue.find(typed).unwrap_err().hints()[0], format!("did you mean `{meant}`?"));
        }
        for typed in ["nowhere", "x", "", "everything", "logs"] {
            assert!(catalogue.find(typed).unwrap_err().hints()[0].contains("pull --list"), "{typed}");
        }
    }

    #[test]
    fn a_configuration_adds_and_replaces() {
        let mut catalogue = Catalogue::built_in().unwrap();
        catalogue.add(Source::custom("my-users", Api::Graph, "/v1.0/users?$select=id", Some("createdDateTime")));
        let found = catalogue.find("my-users").unwrap();
        assert!(found.is_open_to(&[]) && found.time.as_ref().unwrap().from == "ge");
    }

    #[test]
    fn lanes_have_the_documented_limits() {
        let catalogue = Catalogue::built_in().unwrap();
        assert_eq!(catalogue.lane("audit").windows(), [(5, Duration::from_secs(10))]);
        assert_eq!(catalogue.lane_of(Api::Graph, "/v1.0/auditLogs/signIns/7"), "audit");
        assert_eq!(catalogue.lane_of(Api::Graph, "/v1.0/auditLogs/signInsX"), "graph");
        assert_eq!(catalogue.lane_of(Api::Mde, "/api/deviceavinfo"), "mde-health");
        assert_eq!(catalogue.lane("mde").windows(), [(100, Duration::from_mins(1)), (1_500, Duration::from_hours(1))]);
    }
}
