//! What a check is for: hunting, sources by name, or whatever the profile may.

use super::permissions::Need;
use crate::{
    api::hunting::Api,
    cli::{ApiChoice, CheckArgs, CheckWhat},
    collect::catalogue::{Part, SOURCES, Source},
    error::{Error, Kind, Result},
    run::{allowed, wire::settings_api},
    settings::{self, Feature, Profile},
};

/// What was asked for.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) hunt: Option<ApiChoice>,
    pub(super) sources: Vec<Target>,
    /// Nothing was named, so what the permissions allow is enough.
    pub(super) whatever: bool,
}

/// A source to check for.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) name: String,
    pub(super) api: Api,
    pub(super) path: String,
    /// Empty for a source of one's own: nobody knows.
    pub(super) permissions: &'static [&'static str],
    pub(super) glance: Option<&'static str>,
    part: Part,
}

/// How much depends on an API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    /// What was named needs it.
    Needed,
    /// Another one may do as well.
    OneOfSeveral,
    /// It is looked at since it is there.
    Whatever,
}

impl Asked {
    /// Reads the arguments.
    ///
    /// # Errors
    /// [`Kind::Usage`] where there is no such source.
    pub(super) fn read(args: &CheckArgs, own: &[settings::Source]) -> Result<Self> {
        let every = || SOURCES.iter().map(Target::built_in).collect();
        let asked = |hunt, sources, whatever| Self { hunt, sources, whatever };
        Ok(match &args.what {
            None => asked(Some(ApiChoice::Auto), every(), true),
            Some(CheckWhat::Hunt { api }) => asked(Some(*api), Vec::new(), false),
            Some(CheckWhat::Pull { all: true, .. }) => asked(None, every(), true),
            Some(CheckWhat::Pull { sources, .. }) => {
                asked(None, sources.iter().map(|name| Target::find(name, own)).collect::<Result<_>>()?, false)
            }
        })
    }

    /// Returns the APIs to check for a profile, the preferred one first.
    pub(super) fn apis(&self, profile: &Profile) -> Vec<Api> {
        let named = |api: &Api| self.weight(*api) == Weight::Needed;
        let open = |api: &Api| profile.apis.contains(&settings_api(*api)) && profile.cloud.has(settings_api(*api));
        let wanted = |api: &Api| self.whatever || self.hunts_on(*api) || named(api);
        allowed::HUNTERS.into_iter().filter(|api| wanted(api) && open(api)).collect()
    }

    /// Says whether hunting on an API was asked for.
    pub(super) fn hunts_on(&self, api: Api) -> bool {
        self.hunt.is_some_and(|choice| allowed::meant(choice).contains(&api))
    }

    pub(super) fn weight(&self, api: Api) -> Weight {
        let only = self.hunt.is_some_and(|choice| allowed::meant(choice) == [api]);
        match () {
            () if self.whatever => Weight::Whatever,
            () if only || self.sources.iter().any(|source| source.api == api) => Weight::Needed,
            () => Weight::OneOfSeveral,
        }
    }

    /// Returns what is to be done with an API that the profile's cloud has.
    pub(super) fn needs(&self, profile: &Profile, api: Api) -> Vec<Need> {
        let hunting = self.hunts_on(api) && allowed::hunting_on(profile, api).is_ok();
        let hunting = hunting.then(|| Need { what: "hunting".to_owned(), any_of: permission_to_hunt(api) });
        let sources = self.sources.iter().filter(|source| source.api == api && !source.permissions.is_empty());
        let sources = sources.filter(|source| source.exists(profile).is_ok());
        hunting.into_iter().chain(sources.map(|source| Need { what: source.name.clone(), any_of: source.permissions })).collect()
    }
}

/// Returns what was asked for, as it was typed.
pub(super) fn words(args: &CheckArgs) -> Vec<String> {
    match &args.what {
        None => vec!["everything".to_owned()],
        Some(CheckWhat::Hunt { .. }) => vec!["hunt".to_owned()],
        Some(CheckWhat::Pull { all: true, .. }) => vec!["pull --all".to_owned()],
        Some(CheckWhat::Pull { sources, .. }) => sources.clone(),
    }
}

fn permission_to_hunt(api: Api) -> &'static [&'static str] {
    match api {
        Api::Graph => &["ThreatHunting.Read.All"],
        Api::Xdr => &["AdvancedHunting.Read.All"],
        Api::Mde => &["AdvancedQuery.Read.All"],
    }
}

impl Target {
    fn built_in(source: &Source) -> Self {
        Self {
            name: source.full_name(),
            api: source.api,
            path: source.path.to_owned(),
            permissions: source.permissions,
            glance: source.glance,
            part: source.part,
        }
    }

    fn own(source: &settings::Source) -> Self {
        let api = allowed::HUNTERS.into_iter().find(|api| settings_api(*api) == source.api).unwrap_or(Api::Graph);
        let name = format!("{api}/{}", source.name);
        Self { name, api, path: source.path.clone(), permissions: &[], glance: Some(""), part: Part::Common }
    }

    fn find(name: &str, own: &[settings::Source]) -> Result<Self> {
        let of_ones_own = own.iter().find(|source| source.name == name || format!("{}/{}", source.api.name(), source.name) == name);
        of_ones_own.map(Self::own).or_else(|| Source::find(name).map(Self::built_in)).ok_or_else(|| unknown(name))
    }

    /// Says whether the profile's cloud has it and the profile may use it.
    ///
    /// # Errors
    /// [`Kind::Usage`] with the reason against it.
    pub(super) fn exists(&self, profile: &Profile) -> Result<()> {
        let api = settings_api(self.api);
        profile.cloud.endpoint(api)?;
        match self.part {
            Part::Common => {}
            Part::Security => profile.cloud.offers(Feature::Security)?,
            Part::IdentityProtection => profile.cloud.offers(Feature::IdentityProtection)?,
            Part::AuditLogQueries => profile.cloud.offers(Feature::AuditLogQueries)?,
        }
        if profile.apis.contains(&api) {
            return Ok(());
        }
        let message = format!("the profile `{}` may not use {}", profile.name, self.api.title());
        Err(Error::new(Kind::Usage, message).hint(format!("add \"{}\" to its `apis`", self.api)))
    }
}

fn unknown(name: &str) -> Error {
    let names: Vec<String> = SOURCES.iter().flat_map(|source| [source.full_name(), source.name.to_owned()]).collect();
    let near = names.iter().map(|known| (strsim::jaro_winkler(name, known), known)).max_by(|a, b| a.0.total_cmp(&b.0));
    let error = Error::new(Kind::Usage, format!("there is no source `{name}`"));
    match near {
        Some((likeness, known)) if likeness > 0.8 => error.hint(format!("did you mean `{known}`?")),
        _ => error.hint("sources are named as in alerts, xdr/incidents or mde/machines; [sources.NAME] adds others"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_permission_to_hunt_is_the_one_that_hunting_names() {
        for api in allowed::HUNTERS {
            assert_eq!(permission_to_hunt(api), [api.permission()]);
        }
    }

    #[test]
    fn what_is_named_is_needed_and_the_rest_is_looked_at() {
        let read = |what| Asked::read(&CheckArgs { what }, &[]).unwrap();
        let pull = read(Some(CheckWhat::Pull { sources: vec!["mde/machines".into()], all: false }));
        assert_eq!((pull.weight(Api::Mde), pull.sources[0].name.as_str()), (Weight::Needed, "mde/machines"));
        assert_eq!(read(Some(CheckWhat::Hunt { api: ApiChoice::Auto })).weight(Api::Graph), Weight::OneOfSeveral);
        assert_eq!(read(Some(CheckWhat::Hunt { api: ApiChoice::Xdr })).weight(Api::Xdr), Weight::Needed);
        assert_eq!(read(None).weight(Api::Graph), Weight::Whatever);
    }

    #[test]
    fn an_unknown_source_gets_a_suggestion_and_ones_own_is_found() {
        let args = CheckArgs { what: Some(CheckWhat::Pull { sources: vec!["mde/machine".into()], all: false }) };
        assert_eq!(Asked::read(&args, &[]).unwrap_err().hints(), ["did you mean `mde/machines`?"]);
        let own = settings::Source { name: "mine".into(), api: settings::Api::Mde, path: "/api/x".into(), time_field: None };
        assert_eq!(Target::find("mine", &[own]).unwrap().name, "mde/mine");
    }
}
