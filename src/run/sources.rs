//! The sources that can be pulled: the catalogue, those of the configuration, and which of them a profile and its cloud have at all.

use super::{allowed, wire::settings_api};
use crate::{
    api::{
        catalogue::{Catalogue, Paging, Source},
        hunting::Api,
    },
    cli::ApiChoice,
    error::{Error, Kind, Result},
    settings::{self, Feature, Profile},
};

/// The built-in catalogue, and the sources of one's own over it.
pub(super) fn catalogue(own: &[settings::Source]) -> Result<Catalogue> {
    let mut catalogue = Catalogue::built_in()?;
    for source in own {
        let api = allowed::HUNTERS.into_iter().find(|api| settings_api(*api) == source.api);
        catalogue.add(custom(source, api.unwrap_or(Api::Graph)));
    }
    Ok(catalogue)
}

fn custom(own: &settings::Source, api: Api) -> Source {
    let usual = Source::custom(&own.name, api, &own.path, own.time_field.as_deref());
    let paging = match own.paging.as_deref() {
        Some("link") => Paging::Link,
        Some("skip") => Paging::Skip,
        Some("cursor") => Paging::Cursor,
        Some("single") => Paging::Single,
        _ => usual.paging,
    };
    Source {
        paging,
        permission: own.permission.clone().unwrap_or_default(),
        page_size: own.page_size.or(usual.page_size),
        id: own.id_field.clone().unwrap_or(usual.id),
        updated: own.updated_field.clone(),
        ..usual
    }
}

/// Finds what was named, each once. Bare names are of the one API that was chosen, where one was.
pub(super) fn named(catalogue: &Catalogue, names: &[String], choice: ApiChoice) -> Result<Vec<Source>> {
    let mut sources: Vec<Source> = Vec::new();
    for name in names {
        let found = match allowed::meant(choice) {
            [only] if !name.contains('/') => catalogue.find(&format!("{only}/{name}"))?,
            _ => catalogue.find(name)?,
        };
        if !sources.contains(found) {
            sources.push(found.clone());
        }
    }
    Ok(sources)
}

/// All sources of the APIs that were chosen.
pub(super) fn all(catalogue: &Catalogue, choice: ApiChoice) -> Vec<Source> {
    catalogue.iter().filter(|source| allowed::meant(choice).contains(&source.api)).cloned().collect()
}

/// Says whether the profile's cloud has a source and the profile may use its API.
///
/// # Errors
/// [`Kind::Usage`] with the reason against it.
pub(super) fn exists(source: &Source, profile: &Profile) -> Result<()> {
    let api = settings_api(source.api);
    profile.cloud.endpoint(api)?;
    match source.feature.as_deref() {
        Some("security") => profile.cloud.offers(Feature::Security)?,
        Some("audit-queries") => profile.cloud.offers(Feature::AuditLogQueries)?,
        Some("identity-protection") => profile.cloud.offers(Feature::IdentityProtection)?,
        _ => {}
    }
    if profile.apis.contains(&api) {
        return Ok(());
    }
    let message = format!("the profile `{}` may not use {}", profile.name, source.api.title());
    Err(Error::new(Kind::Usage, message).hint(format!("add \"{}\" to its `apis`", source.api)))
}
