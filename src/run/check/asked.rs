//! What a check is for: hunting, sources by name, or whatever the profile may.

use super::permissions::Need;
use crate::{
    api::{
        catalogue::{Catalogue, Source},
        hunting::Api,
    },
    cli::{ApiChoice, CheckArgs, CheckWhat},
    error::Result,
    run::{allowed, sources, wire::settings_api},
    settings::Profile,
};

/// What was asked for.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) hunt: Option<ApiChoice>,
    pub(super) sources: Vec<Source>,
    /// Nothing was named, so what the permissions allow is enough.
    pub(super) whatever: bool,
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
    /// [`Kind::Usage`](crate::error::Kind::Usage) where there is no such source.
    pub(super) fn read(args: &CheckArgs, catalogue: &Catalogue) -> Result<Self> {
        let every = || sources::all(catalogue, ApiChoice::Auto);
        let asked = |hunt, sources, whatever| Self { hunt, sources, whatever };
        Ok(match &args.what {
            None => asked(Some(ApiChoice::Auto), every(), true),
            Some(CheckWhat::Hunt { api }) => asked(Some(*api), Vec::new(), false),
            Some(CheckWhat::Pull { all: true, .. }) => asked(None, every(), true),
            Some(CheckWhat::Pull { sources, .. }) => asked(None, sources::named(catalogue, sources, ApiChoice::Auto)?, false),
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
        let hunting = hunting.then(|| Need { what: "hunting".to_owned(), any_of: vec![api.permission().to_owned()] });
        let sources = self.sources.iter().filter(|source| source.api == api && !source.permission.is_empty());
        let sources = sources.filter(|source| sources::exists(source, profile).is_ok());
        hunting.into_iter().chain(sources.map(|source| Need { what: source.full_name(), any_of: source.permissions() })).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_is_needed_and_the_rest_is_looked_at() {
        let read = |what| Asked::read(&CheckArgs { what }, &Catalogue::built_in().unwrap()).unwrap();
        let pull = read(Some(CheckWhat::Pull { sources: vec!["mde/machines".into()], all: false }));
        assert_eq!((pull.weight(Api::Mde), pull.sources[0].full_name()), (Weight::Needed, "mde/machines".to_owned()));
        assert_eq!(read(Some(CheckWhat::Hunt { api: ApiChoice::Auto })).weight(Api::Graph), Weight::OneOfSeveral);
        assert_eq!(read(Some(CheckWhat::Hunt { api: ApiChoice::Xdr })).weight(Api::Xdr), Weight::Needed);
        assert_eq!(read(None).weight(Api::Graph), Weight::Whatever);
    }

    #[test]
    fn an_unknown_source_gets_a_suggestion() {
        let args = CheckArgs { what: Some(CheckWhat::Pull { sources: vec!["mde/machine".into()], all: false }) };
        let error = Asked::read(&args, &Catalogue::built_in().unwrap()).unwrap_err();
        assert_eq!(error.hints()[0], "did you mean `mde/machines`?");
    }
}
