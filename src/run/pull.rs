//! `pull`: sources × tenants, each a job; what the token may not read is left out and said.

use super::{
    Context, closing,
    closing::Outcome,
    list, window,
    wire::{self, Connected, Tenant, Wires},
    witness::OfJob,
};
use crate::{
    api::{
        catalogue::{Catalogue, Source},
        hunting::Api,
        pages::Client,
    },
    cli::{ApiChoice, PullArgs, ViaChoice},
    collect::{
        Observer, Waiting,
        pull::{PullJob, Pulled, Via, pull},
        report::{self, Job},
        side_by_side,
    },
    console::Progress,
    error::{Error, Kind, Result},
    journal::{self, RunStarted},
    settings::{Feature, Settings},
    store::{Case, Output, Written},
    time::Window,
    transport::Budget,
};
use sha2::{Digest, Sha256};
use std::{fmt::Write, path::Path, sync::Arc};

/// Sources of a tenant that are pulled at the same time.
const SIDE_BY_SIDE: usize = 6;

pub(super) async fn run(context: &Context, args: &PullArgs) -> Result<u8> {
    if args.list {
        return list::run(context, args).await;
    }
    if context.global.json && args.output.as_deref() == Some(Path::new("-")) {
        return Err(Error::new(Kind::Usage, "--json and --output - both want standard output").hint("write the objects to a file"));
    }
    let outcome = collect(context, args).await;
    closing::finish(context, &closing::summary(context, "pull", outcome))
}

pub(super) async fn collect(context: &Context, args: &PullArgs) -> Result<Outcome> {
    let window = window::settle(args.from.as_deref(), args.to.as_deref(), args.last.as_deref(), context.now)?;
    let settings = context.settings()?;
    let catalogue = catalogue(Some(&settings))?;
    let sources = chosen(&catalogue, args)?;
    one_output(args, &settings, &sources)?;
    let case = Arc::new(Case::open(&settings.case, env!("CARGO_PKG_VERSION"))?);
    let sha256 = settings.config.as_ref().map(|config| config.sha256.clone());
    case.journal().prepare(RunStarted::here(env!("CARGO_PKG_VERSION"), context.command_line(), sha256));
    let wires = Wires::new(context, &settings, Arc::clone(case.journal()))?;
    let progress: Arc<dyn Observer> = Arc::new(Progress::new(context.console));
    let run = Run { context, args, window, settings: &settings, catalogue: &catalogue, wires: &wires, case: &case, progress };
    let outcome = run.all(&sources).await;
    case.journal().begin(wires.skew.seconds())?;
    case.journal().append(closing::ended(&outcome))?;
    outcome
}

/// The built-in catalogue, and the sources of the configuration.
pub(super) fn catalogue(settings: Option<&Settings>) -> Result<Catalogue> {
    let mut catalogue = Catalogue::built_in()?;
    for own in settings.into_iter().flat_map(|settings| &settings.sources) {
        let api = Api::ALL.into_iter().find(|api| wire::settings_api(*api) == own.api).unwrap_or(Api::Graph);
        catalogue.add(Source::custom(&own.name, api, &own.path, own.time_field.as_deref()));
    }
    Ok(catalogue)
}

/// Says whether a source is of the APIs that `--api` means.
pub(super) fn is_meant(choice: ApiChoice, source: &Source) -> bool {
    super::allowed::meant(choice).contains(&source.api)
}

pub(super) fn chosen(catalogue: &Catalogue, args: &PullArgs) -> Result<Vec<Source>> {
    if args.all {
        return Ok(catalogue.iter().filter(|source| is_meant(args.api, source)).cloned().collect());
    }
    let mut sources: Vec<Source> = Vec::new();
    for name in &args.source {
        let own = match super::allowed::meant(args.api) {
            [only] if !name.contains('/') => catalogue.find(&format!("{only}/{name}"))?,
            _ => catalogue.find(name)?,
        };
        if !sources.contains(own) {
            sources.push(own.clone());
        }
    }
    Ok(sources)
}

fn one_output(args: &PullArgs, settings: &Settings, sources: &[Source]) -> Result<()> {
    let tenants: usize = settings.profiles.iter().map(|profile| profile.tenants.len()).sum();
    if args.output.is_some() && (tenants > 1 || sources.len() > 1) {
        return Err(Error::new(Kind::Usage, "--output takes the objects of one source in one tenant, and there are several")
            .hint("leave --output out: all are in the case"));
    }
    Ok(())
}

/// All that the jobs of a run share.
struct Run<'a> {
    context: &'a Context,
    args: &'a PullArgs,
    window: Window,
    settings: &'a Settings,
    catalogue: &'a Catalogue,
    wires: &'a Wires,
    case: &'a Arc<Case>,
    progress: Arc<dyn Observer>,
}

impl Run<'_> {
    async fn all(&self, sources: &[Source]) -> Result<Outcome> {
        let mut tenants = wire::connect(self.settings, self.wires, |_| Ok(())).await;
        if tenants.len() == 1 && tenants.iter().all(|tenant| tenant.reached.is_err()) {
            return tenants.pop().map_or_else(|| Ok(Outcome::default()), |tenant| tenant.reached.map(|_| Outcome::default()));
        }
        self.case.journal().begin(self.wires.skew.seconds())?;
        for warning in wire::warnings(self.wires, tenants.iter().filter_map(|tenant| tenant.reached.as_ref().ok())) {
            self.context.console.warn(&warning);
        }
        let mut jobs = Vec::new();
        for tenant in &tenants {
            for source in sources {
                jobs.push(Waiting { tenant: tenant.named.clone(), work: Box::pin(self.one(tenant, source)) });
            }
        }
        let mut outcome = Outcome::default();
        for pulled in side_by_side(jobs, SIDE_BY_SIDE).await {
            outcome.jobs.extend(pulled.job);
            outcome.skipped.extend(pulled.skip);
        }
        Ok(outcome)
    }

    async fn one(&self, connected: &Connected, source: &Source) -> Pulled {
        let failed = |error: &Error| {
            let job = Job::failed(report::JobKind::Pull, &source.display_name(), self.window, error);
            let (tenant, profile, api) = (connected.named.clone(), connected.profile.clone(), source.api.name().to_owned());
            Pulled { job: Some(Job { tenant, profile, api, ..job }), skip: None }
        };
        let tenant = match &connected.reached {
            Ok(tenant) => tenant,
            Err(error) => return failed(error),
        };
        match self.may_pull(tenant, source).await {
            Ok(None) => {}
            Ok(Some((reason, permission))) => return Pulled { job: None, skip: Some(self.skipped(tenant, source, reason, permission)) },
            Err(error) => return failed(&error),
        }
        match self.pull(tenant, source).await {
            Ok(pulled) => pulled,
            Err(error) => failed(&error),
        }
    }

    /// With `--all`: why the source is left out, and the permission that would help; none where it is to be pulled. A source that
    /// was named is asked for whatever the token says: the API has the last word.
    async fn may_pull(&self, tenant: &Tenant, source: &Source) -> Result<Option<(String, Option<String>)>> {
        if let Err(error) = is_there(tenant, source) {
            return if self.args.all { Ok(Some((error.message().to_owned(), None))) } else { Err(error) };
        }
        if !self.args.all {
            return Ok(None);
        }
        let scope = &tenant.profile.cloud.endpoint(wire::settings_api(source.api))?.scope;
        match tenant.claims(scope).await {
            Ok(Some(claims)) if !source.is_open_to(&claims.roles) => {
                Ok(Some(("the app lacks the permission".to_owned(), Some(source.permission.clone()))))
            }
            Ok(_) => Ok(None),
            Err(error) if is_absent(&error) => Ok(Some((format!("{} was never set up in the tenant", source.api.title()), None))),
            Err(error) => Err(error),
        }
    }

    fn skipped(&self, tenant: &Tenant, source: &Source, reason: String, permission: Option<String>) -> report::Skip {
        let skip =
            report::Skip { name: source.display_name(), api: source.api.name().to_owned(), tenant: tenant.id.clone(), reason, permission };
        let report::Skip { api, tenant, reason, permission, .. } = skip.clone();
        let event = journal::Skipped { name: source.name.clone(), api, tenant, reason, permission };
        // A journal that cannot be written to stops the next job, with exit 7.
        let _told_later = self.case.journal().append(journal::Event::Skipped(event));
        skip
    }

    async fn pull(&self, tenant: &Tenant, source: &Source) -> Result<Pulled> {
        let endpoint = tenant.profile.cloud.endpoint(wire::settings_api(source.api))?;
        let lane = |family: &str| {
            self.wires.family(&tenant.id, source.api, family, self.catalogue, &self.settings.quotas, self.case)
        };
        let name = source.display_name();
        let witness = OfJob { job: name, observer: Arc::clone(&self.progress), beside: Arc::clone(&self.wires.witness) };
        let transport = self.wires.transport(Arc::new(witness));
        let budget = Budget::new(self.settings.max_wait);
        let client = Client {
            transport: &transport,
            auth: tenant.app.as_ref(),
            budget: &budget,
            api: source.api,
            root: endpoint.url.clone(),
            scope: endpoint.scope.clone(),
            lane: lane(&source.lane),
            deadline: self.settings.quotas.of(wire::settings_api(source.api)).timeout,
            prefer: source.prefer.clone(),
            gateway_tries: None,
        };
        let job = self.job(tenant, source, (lane("mde-files"), lane("storage")));
        let pulled = pull(&job, &client, self.case, self.progress.as_ref()).await;
        Ok(Pulled { job: pulled.job.map(|job| self.output(job)), skip: pulled.skip })
    }

    fn job(&self, tenant: &Tenant, source: &Source, file_lanes: (String, String)) -> PullJob {
        let fresh = journal::Job {
            id: uuid::Uuid::new_v4().to_string(),
            kind: journal::Work::Pull,
            name: source.name.clone(),
            tenant: tenant.id.clone(),
            profile: tenant.profile.name.clone(),
            api: source.api.name().to_owned(),
            query_sha256: self.args.filter.as_deref().map(sha256),
            window: source.time.is_some().then_some(self.window),
        };
        let (window, known_in) = self.since(&fresh, source).unwrap_or((self.window, Vec::new()));
        let fresh = journal::Job { window: fresh.window.map(|_| window), ..fresh };
        let known = self.args.resume.then(|| self.earlier(&fresh)).flatten();
        let job = known.map_or(fresh.clone(), |known| journal::Job { id: known.id.clone(), window: known.window, ..fresh });
        PullJob {
            window: job.window.unwrap_or(window),
            open: self.args.to.is_none() && known.is_none(),
            job,
            source: source.clone(),
            filter: self.args.filter.clone(),
            resume: self.args.resume,
            known_in,
            via: match self.args.via {
                ViaChoice::Auto => Via::Auto,
                ViaChoice::Json => Via::Json,
                ViaChoice::Files => Via::Files,
            },
            file_lanes,
            named: !self.args.all,
        }
    }

    /// With `--since-last`: from where the last complete pull of this source ended, less what turns up late, and the files that
    /// may hold the same.
    fn since(&self, fresh: &journal::Job, source: &Source) -> Option<(Window, Vec<String>)> {
        fresh.window.filter(|_| self.args.since_last)?;
        let same = |known: &&journal::Known| {
            let ended = known.ended.as_ref().is_some_and(|ended| ended.status == journal::Outcome::Complete);
            ended && known.job.window.is_some() && known.job.is_same_work(&journal::Job { window: known.job.window, ..fresh.clone() })
        };
        let earlier: Vec<_> = self.case.jobs().iter().filter(same).filter_map(|known| Some((known.job.window?.to, known))).collect();
        let last = earlier.iter().map(|(to, _)| *to).max()?;
        let window = Window::new(last.checked_sub(source.lateness).ok()?, self.window.to).ok()?;
        let overlapping = earlier.iter().filter(|(to, _)| *to > window.from).flat_map(|(_, known)| &known.files);
        Some((window, overlapping.filter(|file| file.format == "ndjson").map(|file| file.path.clone()).collect()))
    }

    /// The doing that `--resume` goes on with: of the same window, or, where that was given as a length, of one as long.
    fn earlier(&self, fresh: &journal::Job) -> Option<&journal::Job> {
        if let Some(known) = self.case.jobs().latest(fresh) {
            return Some(&known.job);
        }
        let relative = self.args.from.is_none() && self.args.to.is_none();
        let as_long = |known: &&journal::Known| {
            let lengths = (known.job.window.map(Window::length), fresh.window.map(Window::length));
            let length = lengths.0.is_some() && (self.args.since_last || lengths.0 == lengths.1);
            length && known.job.is_same_work(&journal::Job { window: known.job.window, ..fresh.clone() })
        };
        self.case.jobs().iter().rfind(as_long).filter(|_| relative).map(|known| &known.job)
    }

    /// Copies the objects to where `--output` says.
    fn output(&self, job: Job) -> Job {
        let (Some(path), [file]) = (&self.args.output, job.files.as_slice()) else { return job };
        let report::StoredFile { path: stored, format, rows, bytes, sha256 } = file.clone();
        match self.case.output(&Written { path: stored, format, rows, bytes, sha256 }, &Output::new(path)) {
            Ok(()) => job,
            Err(error) => Job { status: report::JobStatus::Partial, error: Some((&error).into()), ..job },
        }
    }
}

/// Says whether the profile and its cloud have the source at all.
fn is_there(tenant: &Tenant, source: &Source) -> Result<()> {
    let (profile, api) = (&tenant.profile, wire::settings_api(source.api));
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

/// Says whether an API's own application is not in the tenant (AADSTS500011, 650052).
pub(super) fn is_absent(error: &Error) -> bool {
    ["AADSTS500011", "AADSTS650052"].contains(&error.code().as_str())
}

fn sha256(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
