//! `hunt`: queries × tenants, each a job; what comes of them as words, summary and exit code.

use super::{
    Context, allowed,
    asker::Asker,
    choice::{self, Retirement},
    closing,
    closing::Outcome,
    earlier::{self, Earlier},
    explain, formats,
    parameters::{Missing, Values},
    queries,
    queries::Given,
    session::Session,
    window,
    wire::{self, Connected, Tenant, Wires},
    witness::OfJob,
};
use crate::{
    api::hunting::{Api, Request},
    cli::{ApiChoice, HuntArgs, Slice},
    collect::{HuntJob, Observer, SliceMode, Subject, Waiting, hunt, report, report::Job, side_by_side},
    error::{Error, Kind, Result},
    settings::{Profile, Settings},
    store::{Case, Format},
    time::Window,
    transport::Budget,
};
use std::{
    path::Path,
    sync::{Arc, atomic::AtomicBool},
};

pub(super) async fn run(context: &Context, args: &HuntArgs) -> Result<u8> {
    if context.global.json && args.output.as_deref() == Some(Path::new("-")) {
        return Err(Error::new(Kind::Usage, "--json and --output - both want standard output").hint("write the rows to a file"));
    }
    let plan = Plan::read(context, args);
    match plan {
        Ok(plan) if args.explain => explain::run(context, &plan),
        Ok(plan) => closing::finish(context, &closing::summary(context, "hunt", collect(context, args, &plan).await)),
        Err(error) if args.explain => Err(error),
        Err(error) => closing::finish(context, &closing::summary(context, "hunt", Err(error))),
    }
}

/// What was asked for, read whole before anything is called.
pub(super) struct Plan {
    pub(super) queries: Vec<Given>,
    pub(super) window: Window,
    pub(super) mode: SliceMode,
    pub(super) api: ApiChoice,
    pub(super) formats: Vec<Format>,
}

impl Plan {
    pub(super) fn read(context: &Context, args: &HuntArgs) -> Result<Self> {
        let mode = match &args.slice {
            Slice::Auto => SliceMode::Auto,
            Slice::Off => SliceMode::Off,
            Slice::Every(length) => SliceMode::Every(*length),
        };
        let mut queries = queries::read(args)?;
        let missing = if args.explain { Missing::Shown } else { Missing::Refused };
        Values::read(&args.param)?.settle(&mut queries, missing)?;
        if !args.explain && queries.iter().all(|query| query.fault.is_some()) {
            return Err(queries.iter().find_map(Given::fault).unwrap_or_else(|| Error::new(Kind::Usage, "there is no query")));
        }
        let window = window::settle(args.from.as_deref(), args.to.as_deref(), args.last.as_deref(), context.now)?;
        window::not_too_many(window, mode)?;
        Ok(Self { queries, window, mode, api: args.api, formats: formats::each_once(&args.format)? })
    }
}

async fn collect(context: &Context, args: &HuntArgs, plan: &Plan) -> Result<Outcome> {
    if args.local.offline {
        return super::answer_offline(context, args, plan).await;
    }
    let settings = context.settings()?;
    if args.output.is_some() && Session::tenants(&settings) > 1 {
        return Err(Error::new(Kind::Usage, "--output takes the rows of one tenant, and there are several")
            .hint("leave --output out: every tenant's rows are in the case"));
    }
    let session = Session::open(context, settings)?;
    let run = Run::new(&session, args, plan);
    let outcome = run_jobs(&session, &run).await.map(|jobs| Outcome { jobs, ..Outcome::default() });
    session.close(&outcome)?;
    outcome
}

async fn run_jobs(session: &Session<'_>, run: &Run<'_>) -> Result<Vec<Job>> {
    if let Some(jobs) = run.all_whole() {
        return Ok(jobs);
    }
    let tenants = session.connect(|profile| allowed::hunting(profile, run.plan.api)).await?;
    Ok(run.all(&tenants).await)
}

/// Runs every query in every tenant.
pub(super) async fn jobs(session: &Session<'_>, args: &HuntArgs, plan: &Plan, tenants: &[Connected]) -> Vec<Job> {
    Run::new(session, args, plan).all(tenants).await
}

/// Returns all jobs where earlier runs left nothing to do of any.
pub(super) fn whole(session: &Session<'_>, args: &HuntArgs, plan: &Plan) -> Option<Vec<Job>> {
    Run::new(session, args, plan).all_whole()
}

/// All that the jobs of a run share.
struct Run<'a> {
    context: &'a Context,
    args: &'a HuntArgs,
    plan: &'a Plan,
    settings: &'a Settings,
    wires: &'a Wires,
    case: &'a Arc<Case>,
    progress: Arc<dyn Observer>,
    retirement: Retirement,
}

impl<'a> Run<'a> {
    fn new(session: &'a Session<'_>, args: &'a HuntArgs, plan: &'a Plan) -> Self {
        let Session { context, settings, case, wires, progress } = session;
        let (progress, retirement) = (Arc::clone(progress), Retirement::default());
        Self { context, args, plan, settings, wires, case, progress, retirement }
    }

    async fn all(&self, tenants: &[Connected]) -> Vec<Job> {
        let pairs = tenants.iter().flat_map(|tenant| self.plan.queries.iter().map(move |query| (tenant, query)));
        let jobs = pairs.map(|(tenant, query)| Waiting { tenant: tenant.named.clone(), work: Box::pin(self.one(tenant, query)) as _ });
        side_by_side(jobs.collect(), usize::from(self.args.concurrency.max(1))).await
    }

    /// Returns all jobs where earlier runs left nothing to do of any: then nobody is called, not even for a token.
    fn all_whole(&self) -> Option<Vec<Job>> {
        let pairs = self.settings.profiles.iter().flat_map(|profile| profile.tenants.iter().map(move |tenant| (profile, tenant)));
        let jobs = pairs.flat_map(|(profile, tenant)| self.plan.queries.iter().map(move |query| (profile, tenant, query)));
        jobs.map(|(profile, tenant, query)| self.whole(profile, &earlier::directory(self.case, profile, tenant), query)).collect()
    }

    fn whole(&self, profile: &Profile, tenant: &str, query: &Given) -> Option<Job> {
        let job = self.earlier().whole(profile, tenant, query)?;
        Some(self.output(Job { rule: query.rule.clone(), ..job }))
    }

    async fn one(&self, tenant: &Connected, query: &Given) -> Job {
        let reached = tenant.reached.as_ref().map_err(Error::again);
        let reached = reached.and_then(|reached| allowed::hunting(&reached.profile, self.plan.api).map(|()| reached));
        let job = match (reached, query.fault()) {
            (Ok(_), Some(fault)) => self.unasked(tenant, query, &fault),
            (Ok(reached), None) => match self.whole(&reached.profile, &reached.id, query) {
                Some(job) => job,
                None => self.hunt(reached, query).await,
            },
            (Err(error), _) => self.unasked(tenant, query, &error),
        };
        Job { rule: query.rule.clone(), ..job }
    }

    /// The job of a tenant that could not be reached, or of a file that holds no query.
    fn unasked(&self, tenant: &Connected, query: &Given, error: &Error) -> Job {
        let job = Job::failed(report::JobKind::Hunt, &query.name, self.plan.window, error);
        Job { file: query.file.clone(), tenant: tenant.named.clone(), profile: tenant.profile.clone(), ..job }
    }

    async fn hunt(&self, tenant: &Tenant, query: &Given) -> Job {
        let subject = Subject::filled(&query.filled, self.plan.window.to);
        let earlier = self.earlier().api(&tenant.profile, &tenant.id, query);
        let api = choice::choose(self.plan.api, tenant, &subject, earlier).await;
        let (job, gone) = self.hunt_on(api, tenant, query, subject.clone()).await;
        if !gone || api.retires().is_none() || !tenant.may_hunt(Api::Graph).await {
            return self.output(job);
        }
        let words = format!("{} answers as an API that is there no more: `{}` is asked on Graph instead", api.title(), query.name);
        self.context.console.warn(&words);
        let (mut job, _) = self.hunt_on(Api::Graph, tenant, query, subject).await;
        job.notes.insert(0, words);
        self.output(job)
    }

    /// Runs a query on one API, and says whether that was there no more.
    async fn hunt_on(&self, api: Api, tenant: &Tenant, query: &Given, subject: Subject) -> (Job, bool) {
        let failed = |error: &Error| {
            let job = Job::failed(report::JobKind::Hunt, &query.name, self.plan.window, error);
            let (tenant, profile, api) = (tenant.id.clone(), tenant.profile.name.clone(), api.name().to_owned());
            (Job { file: query.file.clone(), tenant, profile, api, ..job }, false)
        };
        if query.text.trim().is_empty() {
            return failed(&Error::new(Kind::Query, "the query is empty").with_code("EmptyQuery").hint("write a query, or leave it out"));
        }
        let endpoint = match tenant.profile.cloud.endpoint(wire::settings_api(api)) {
            Ok(endpoint) => endpoint,
            Err(error) => return failed(&error),
        };
        self.retirement.say(self.context, api);
        let quota = self.settings.quotas.of(wire::settings_api(api));
        let lane = self.wires.lane(&tenant.id, api, &quota, self.args.concurrency, self.case.earlier_calls());
        let (id, window) = self.earlier().identity(&tenant.profile, &tenant.id, api, query);
        let witness = OfJob { job: id.clone(), observer: Arc::clone(&self.progress), beside: Arc::clone(&self.wires.witness) };
        let asker = Asker {
            transport: self.wires.transport(Arc::new(witness)),
            tenant,
            budget: Budget::new(self.settings.max_wait),
            request: Request {
                api,
                endpoint: endpoint.url.clone(),
                scope: endpoint.scope.clone(),
                lane,
                query: String::new(),
                timespan: None,
                deadline: quota.timeout,
                gateway_tries: None,
            },
            text: query.text.clone(),
            gone: AtomicBool::new(false),
        };
        // A resumed window may end earlier than one pinned now, and with it the query's own clock.
        let subject = if window == self.plan.window { subject } else { Subject::filled(&query.filled, window.to) };
        let job = HuntJob {
            job: id,
            file: query.file.clone(),
            timespan: api == Api::Graph && subject.takes_timespan(),
            subject,
            window,
            rows_cap: quota.rows_per_call,
            bytes_cap: quota.bytes_per_call,
            mode: self.plan.mode,
            concurrency: usize::from(quota.in_flight.min(self.args.concurrency).max(1)),
            resume: self.args.resume,
            reconcile: self.args.reconcile,
            formats: self.plan.formats.clone(),
            by_day: self.args.parts,
        };
        let mut report = hunt(&job, &asker, self.case, self.progress.as_ref()).await;
        report.notes.extend(window::beyond_retention(job.window, self.context.now, &job.subject));
        (report, asker.gone.into_inner())
    }

    fn earlier(&self) -> Earlier<'_> {
        Earlier { args: self.args, plan: self.plan, case: self.case }
    }

    /// Copies the rows to where `--output` says.
    fn output(&self, job: Job) -> Job {
        formats::output(self.case, self.args.output.as_deref(), &self.plan.formats, job)
    }
}
