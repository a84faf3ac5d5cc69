//! The checks of one profile and of one tenant, in the order in which a collection would meet them.

use super::{
    Checker,
    asked::Weight,
    calls,
    report::{Facts, Row, Status},
    standing,
};
use crate::{
    api::{
        catalogue::Source,
        hunting::Api,
        refusal::{Refusal, is_absent},
    },
    error::{Error, Result},
    identity::{Claims, Directory},
    run::{
        allowed,
        proof::Ready,
        sources,
        wire::{self, Tenant, settings_api},
    },
    settings::Profile,
    time::rfc3339,
};
use jiff::Timestamp;
use std::time::Duration;

/// Says how the vault was reached and what the credential is.
pub(super) fn credential(profile: &Profile, ready: &Result<Ready>) -> Vec<Row> {
    let rows = match (profile.credential.vault(), ready) {
        (Some(vault), Ok(ready)) => vec![reached(profile, vault), kind_and_end(profile, ready)],
        (None, Ok(ready)) => vec![kind_and_end(profile, ready)],
        (Some(vault), Err(error)) if is_about_the_credential(error) => vec![reached(profile, vault), unusable(profile, error)],
        (Some(_), Err(error)) => {
            vec![Row::failed("vault", error), Row::new("credential", Status::Skipped, "not checked: it lies in the vault")]
        }
        (None, Err(error)) => vec![unusable(profile, error)],
    };
    rows.into_iter().map(|row| row.of_profile(&profile.name)).collect()
}

fn reached(profile: &Profile, vault: &str) -> Row {
    Row::new("vault", Status::Ok, format!("{vault} answers, signed in by {}", profile.vault_auth.name()))
}

/// The vault answered, and what it gave cannot be used.
fn is_about_the_credential(error: &Error) -> bool {
    ["Certificate", "VaultObject", "VaultSecretIs", "VaultCertificateIs"].iter().any(|start| error.code().starts_with(start))
}

fn unusable(profile: &Profile, error: &Error) -> Row {
    let facts = Facts { kind: Some(profile.credential.words().to_owned()), ..Facts::default() };
    Row::failed("credential", error).facts(facts)
}

fn kind_and_end(profile: &Profile, ready: &Ready) -> Row {
    let kind = profile.credential.words();
    let left = ready.ends.map(|ends| ends.duration_since(Timestamp::now()).as_hours().div_euclid(24));
    let found = match (ready.ends, left) {
        (Some(ends), Some(left)) => format!("{kind}, good until {} ({left} days)", ends.strftime("%Y-%m-%d")),
        _ => format!("{kind}, its end is not known here"),
    };
    let facts = Facts { kind: Some(kind.to_owned()), expires: ready.ends.map(rfc3339), days_left: left, ..Facts::default() };
    let status = if ready.warnings.is_empty() { Status::Ok } else { Status::Note };
    ready.warnings.iter().fold(Row::new("credential", status, found).facts(facts), |row, warning| row.fix(warning.clone()))
}

/// Checks one tenant: that it is found, and what can be done there.
pub(super) async fn tenant(
    checker: &Checker<'_>,
    profile: &Profile,
    ready: &Result<Ready>,
    typed: String,
    found: Result<Directory>,
) -> Vec<Row> {
    let (id, mut rows) = match &found {
        Ok(directory) if directory.id == typed => (typed, vec![Row::new("tenant", Status::Ok, directory.id.clone())]),
        Ok(directory) => (directory.id.clone(), vec![Row::new("tenant", Status::Ok, format!("{typed} is {}", directory.id))]),
        Err(error) => (typed, vec![Row::failed("tenant", error)]),
    };
    match (found, ready) {
        (Ok(directory), Ok(ready)) => rows.extend(apis(checker, &wire::tenant(checker.wires, profile, ready, &directory)).await),
        _ => rows.push(Row::new("token", Status::Skipped, "not checked: see above")),
    }
    rows.into_iter().map(|row| row.of_profile(&profile.name).of_tenant(&id)).collect()
}

async fn apis(checker: &Checker<'_>, tenant: &Tenant) -> Vec<Row> {
    let asked = checker.asked;
    let found = asked.apis(&tenant.profile).into_iter().map(|api| one_api(checker, tenant, api));
    let found: Vec<OfApi> = futures::future::join_all(found).await;
    let hunting = asked.hunt.map(|choice| match allowed::hunting(&tenant.profile, choice) {
        Ok(()) => hunting_at_all(&found),
        Err(error) if asked.whatever => Row::failed("hunting", &error).not_needed(),
        Err(error) => Row::failed("hunting", &error),
    });
    let absent = asked
        .sources
        .iter()
        .filter(|_| !asked.whatever)
        .filter_map(|source| Some((source, sources::exists(source, &tenant.profile).err()?)));
    let absent: Vec<Row> = absent.map(|(source, error)| Row::failed("call", &error).about(source.full_name())).collect();
    found.into_iter().flat_map(|one| one.rows).chain(absent).chain(hunting).collect()
}

/// What was found of one API.
struct OfApi {
    api: Api,
    rows: Vec<Row>,
    /// How hunting would go, where it was asked for.
    hunting: Option<Result<()>>,
}

/// Says which API a hunt would use, or why there is none: by the first one's reason, as `hunt` does.
fn hunting_at_all(found: &[OfApi]) -> Row {
    let tried = || found.iter().filter_map(|one| Some((one.api, one.hunting.as_ref()?)));
    if let Some((api, _)) = tried().find(|(_, outcome)| outcome.is_ok()) {
        let row = Row::new("hunting", Status::Ok, format!("would go to {}", api.title()));
        return match api.retires() {
            Some(day) => Row { status: Status::Note, ..row }.fix(format!(
                "{} stops hunting on {day}: have {} granted in Microsoft Graph",
                api.title(),
                Api::Graph.permission()
            )),
            None => row,
        };
    }
    match tried().find_map(|(_, outcome)| outcome.as_ref().err()) {
        Some(error) => Row::failed("hunting", error),
        None => Row::new("hunting", Status::Skipped, "not checked"),
    }
}

async fn one_api(checker: &Checker<'_>, tenant: &Tenant, api: Api) -> OfApi {
    let (asked, profile) = (checker.asked, &tenant.profile);
    let weight = asked.weight(api);
    let hunts = asked.hunts_on(api) && allowed::hunting_on(profile, api).is_ok();
    let failed = |error: Error, row: Row| OfApi { api, rows: vec![row], hunting: hunts.then_some(Err(error)) };
    let claims = match token(tenant, api).await {
        Ok((row, claims)) => (row, claims),
        Err(error) => {
            let row = Row::failed("token", &error).about(api.name());
            let needed = weight == Weight::Needed || (weight == Weight::Whatever && !(api != Api::Graph && is_absent(&error)));
            return failed(error, if needed { row } else { row.not_needed() });
        }
    };
    let (token, claims) = claims;
    let mut rows = vec![token];
    let needs = asked.needs(profile, api);
    let roles = claims.as_ref().map(|claims| claims.roles.as_slice());
    rows.push(standing::row(tenant, api, roles, &needs, weight));
    let (calls, hunting) = calls_of(checker, tenant, api, roles, hunts).await;
    rows.extend(calls);
    OfApi { api, rows, hunting }
}

async fn token(tenant: &Tenant, api: Api) -> Result<(Row, Option<Claims>)> {
    let scope = &tenant.profile.cloud.endpoint(settings_api(api))?.scope;
    let token = tenant.app.token(scope, Duration::ZERO).await?;
    let claims = crate::identity::claims(token.secret()).ok();
    let whole = Timestamp::from_second(token.expires().as_second()).unwrap_or_else(|_| token.expires());
    let expires = rfc3339(whole);
    let row = Row::new("token", Status::Ok, format!("good until {expires}")).about(api.name());
    Ok((row.facts(Facts { expires: Some(expires), ..Facts::default() }), claims))
}

async fn calls_of(
    checker: &Checker<'_>,
    tenant: &Tenant,
    api: Api,
    roles: Option<&[String]>,
    hunts: bool,
) -> (Vec<Row>, Option<Result<()>>) {
    let weight = checker.asked.weight(api);
    let mut rows = Vec::new();
    let may_hunt = roles.is_none_or(|roles| roles.iter().any(|role| role == api.permission()));
    let hunting = match (hunts, may_hunt) {
        (false, _) => None,
        (true, false) => Some(Err(standing::no_permission(tenant, api))),
        (true, true) => Some(calls::hunt(checker, tenant, api).await),
    };
    if let Some(outcome) = hunting.as_ref().filter(|_| may_hunt) {
        let row = called(outcome, &format!("{api} hunting"));
        let gone = outcome.as_ref().is_err_and(|error| Refusal::of(error) == Some(Refusal::Gone));
        rows.push(if weight == Weight::OneOfSeveral || (weight == Weight::Whatever && gone) { row.not_needed() } else { row });
    }
    let permitted =
        |source: &&Source| source.api == api && standing::permits(roles, source) && sources::exists(source, &tenant.profile).is_ok();
    let most = match (weight, rows.is_empty()) {
        (Weight::Needed, _) => usize::MAX,
        (_, true) => 1,
        (_, false) => 0,
    };
    for source in checker.asked.sources.iter().filter(permitted).take(most) {
        match calls::look(checker, tenant, source).await {
            Some(outcome) => rows.push(called(&outcome, &source.full_name())),
            None => {
                rows.push(Row::new("call", Status::Skipped, "not called: it has a quota of few calls an hour").about(source.full_name()));
            }
        }
    }
    if rows.is_empty() {
        rows.push(Row::new("call", Status::Skipped, "nothing may be called").about(api.name()));
    }
    (rows, hunting)
}

fn called(outcome: &Result<()>, about: &str) -> Row {
    match outcome {
        Ok(()) => Row::new("call", Status::Ok, "answers"),
        Err(error) => Row::failed("call", error),
    }
    .about(about)
}
