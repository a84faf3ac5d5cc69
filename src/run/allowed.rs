//! What a profile and its cloud allow at all: known before anything is asked, and refused with the reason.

use super::wire::settings_api;
use crate::{
    api::hunting::Api,
    cli::ApiChoice,
    error::{Error, Kind, Result},
    settings::{Feature, Profile},
};

/// All that hunt, the preferred one first.
pub(super) const HUNTERS: [Api; 3] = [Api::Graph, Api::Xdr, Api::Mde];

/// Returns the APIs that `choice` means.
pub(super) fn meant(choice: ApiChoice) -> &'static [Api] {
    match choice {
        ApiChoice::Auto => &HUNTERS,
        ApiChoice::Graph => &[Api::Graph],
        ApiChoice::Xdr => &[Api::Xdr],
        ApiChoice::Mde => &[Api::Mde],
    }
}

/// Says whether the profile can hunt on one of the APIs that `choice` means.
///
/// # Errors
/// [`Kind::Usage`] with the reason against the first of them.
pub(super) fn hunting(profile: &Profile, choice: ApiChoice) -> Result<()> {
    let mut first = None;
    for api in meant(choice) {
        match hunting_on(profile, *api) {
            Ok(()) => return Ok(()),
            Err(error) => first = first.or(Some(error)),
        }
    }
    first.map_or(Ok(()), Err)
}

/// Says whether the profile can hunt on an API.
///
/// # Errors
/// [`Kind::Usage`] where the cloud lacks it or the profile leaves it out.
pub(super) fn hunting_on(profile: &Profile, api: Api) -> Result<()> {
    let named = settings_api(api);
    profile.cloud.endpoint(named)?;
    if api == Api::Graph {
        profile.cloud.offers(Feature::Hunting)?;
    }
    if profile.apis.contains(&named) {
        return Ok(());
    }
    let message = format!("the profile `{}` may not use {}", profile.name, api.title());
    Err(Error::new(Kind::Usage, message).hint(format!("add \"{api}\" to its `apis`, or choose another --api")))
}
