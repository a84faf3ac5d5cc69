//! What earlier runs of this case did of the same work, for a run that goes on with it.

use super::{allowed, hunt::Plan, queries::Given};
use crate::{
    api::hunting::Api,
    cli::HuntArgs,
    collect::report,
    error::{Error, Kind},
    journal::{self, Known, Outcome, hash},
    settings::Profile,
    store::{Case, Format},
    time::Window,
};

/// Looks for earlier doings of the work that `plan` asks for.
pub(super) struct Earlier<'a> {
    pub(super) args: &'a HuntArgs,
    pub(super) plan: &'a Plan,
    pub(super) case: &'a Case,
}

impl Earlier<'_> {
    /// Returns the job of a query in a tenant on an API, as the journal knows it where it is to be gone on with: it keeps its id, and a
    /// window that was given as a length (`--last`, or nothing) is the one that the earlier run pinned.
    pub(super) fn identity(&self, profile: &Profile, tenant: &str, api: Api, query: &Given) -> (journal::Job, Window) {
        let fresh = self.fresh(profile, tenant, api, query);
        let known = self.known(&fresh).map(|known| &known.job);
        let window = known.and_then(|known| known.window).unwrap_or(self.plan.window);
        let id = known.map_or_else(|| fresh.id.clone(), |known| known.id.clone());
        (journal::Job { id, window: Some(window), ..fresh }, window)
    }

    /// Returns the API that an earlier run asked, where it is to be gone on with.
    pub(super) fn api(&self, profile: &Profile, tenant: &str, query: &Given) -> Option<Api> {
        self.latest(profile, tenant, query).map(|(api, _)| api)
    }

    /// Returns the report of a job of which nothing is left to do.
    pub(super) fn whole(&self, profile: &Profile, tenant: &str, query: &Given) -> Option<report::Job> {
        if query.fault.is_some() || query.text.trim().is_empty() {
            return None;
        }
        let (_, known) = self.latest(profile, tenant, query)?;
        let ended = known.ended.as_ref().filter(|ended| ended.status == Outcome::Complete && !self.lacks_format(known))?;
        let nothing = Error::new(Kind::Failed, "");
        let job = report::Job::failed(report::JobKind::Hunt, &query.name, known.job.window?, &nothing);
        Some(report::Job {
            file: query.file.clone(),
            tenant: known.job.tenant.clone(),
            profile: profile.name.clone(),
            api: known.job.api.clone(),
            status: report::JobStatus::Complete,
            rows: known.rows(),
            counted: ended.counted,
            counted_at: ended.counted_at,
            difference: report::difference(known.rows(), ended.counted),
            files: known.files.iter().map(Into::into).collect(),
            notes: vec!["it was whole already: nothing was asked".into()],
            error: None,
            ..job
        })
    }

    /// Says whether a format was asked for that is not there and can be made of the NDJSON that is.
    fn lacks_format(&self, known: &Known) -> bool {
        let is_there = |format: &Format| known.files.iter().any(|file| file.format == format.name());
        is_there(&Format::Ndjson) && !self.plan.formats.iter().all(is_there)
    }

    /// Returns the latest doing on any of the APIs that are meant.
    fn latest(&self, profile: &Profile, tenant: &str, query: &Given) -> Option<(Api, &Known)> {
        let known =
            allowed::meant(self.plan.api).iter().filter_map(|api| Some((*api, self.known(&self.fresh(profile, tenant, *api, query))?)));
        known.max_by_key(|(_, known)| known.started)
    }

    fn fresh(&self, profile: &Profile, tenant: &str, api: Api, query: &Given) -> journal::Job {
        journal::Job {
            id: uuid::Uuid::new_v4().to_string(),
            kind: journal::Work::Hunt,
            name: query.name.clone(),
            tenant: tenant.to_owned(),
            tenant_name: typed(profile, tenant),
            profile: profile.name.clone(),
            api: api.name().to_owned(),
            query_sha256: Some(hash::of_bytes(query.filled.whole.as_bytes())),
            window: Some(self.plan.window),
        }
    }

    fn known(&self, fresh: &journal::Job) -> Option<&Known> {
        if !self.args.resume {
            return None;
        }
        let same = || self.case.jobs().iter().rev().filter(|known| self.is_ours(known, fresh));
        same().find(|known| known.job.name == fresh.name).or_else(|| same().next())
    }

    /// Says whether a known job is the work asked for. A window that was given as a length is any of that length; a query whose file was
    /// renamed is the same, unless its old name is another query's now.
    fn is_ours(&self, known: &Known, fresh: &journal::Job) -> bool {
        let relative = self.args.from.is_none() && self.args.to.is_none();
        let of_that_length = known.job.window.filter(|window| relative && window.length() == self.plan.window.length());
        let pinned = journal::Job { window: of_that_length.or(fresh.window), ..fresh.clone() };
        let is_others = known.job.name != fresh.name && self.plan.queries.iter().any(|query| query.name == known.job.name);
        known.job.is_same_work(&pinned) && !is_others
    }
}

/// Returns the directory of a profile's tenant without a call: what was typed, or what that was found to be before.
pub(super) fn directory(case: &Case, profile: &Profile, typed: &str) -> String {
    let is_it = |known: &&Known| known.job.profile == profile.name && known.job.tenant_name.as_deref() == Some(typed);
    let known = case.jobs().iter().rev().find(is_it).filter(|_| only(profile) == Some(typed));
    known.map_or_else(|| typed.to_ascii_lowercase(), |known| known.job.tenant.clone())
}

/// Returns what a profile names the tenant by, where not by its id.
pub(super) fn typed(profile: &Profile, tenant: &str) -> Option<String> {
    only(profile).filter(|only| !only.eq_ignore_ascii_case(tenant)).map(str::to_owned)
}

/// The one tenant of a profile, as it is named there.
fn only(profile: &Profile) -> Option<&str> {
    match profile.tenants.as_slice() {
        [only] => Some(only),
        _ => None,
    }
}
