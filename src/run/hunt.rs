//! `hunt`: queries × tenants, each a job; what comes of them as words, summary and exit code.

use super::{
    Context, allowed, closing,
    closing::Outcome,
    explain,
    parameters::{Missing, Values},
    queries,
    queries::Given,
    session::Session,
    window,
    wire::{self, Connected, Tenant, Wires},
    witness::OfJob,
};
use crate::{
    api::hunting::{self, Answer, Api, Request, Rows},
    cli::{ApiChoice, HuntArgs, Slice},
    collect::{Effort, HuntJob, Hunter, Observer, Question, SliceMode, Subject, Waiting, hunt, report, report::Job, side_by_side},
    error::{Error, Kind, Result},
    journal,
    settings::Settings,
    store::{Case, Output, Written},
    time::Window,
    transport::{Budget, Transport},
};
use sha2::{Digest, Sha256};
use std::{fmt::Write, path::Path, sync::Arc};

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
        Ok(Self {
            queries,
            window: window::settle(args.from.as_deref(), args.to.as_deref(), args.last.as_deref(), context.now)?,
            mode,
            api: args.api,
        })
    }
}

async fn collect(context: &Context, args: &HuntArgs, plan: &Plan) -> Result<Outcome> {
    let settings = context.settings()?;
    if args.output.is_some() && Session::tenants(&settings) > 1 {
        return Err(Error::new(Kind::Usage, "--output takes the rows of one tenant, and there are several")
            .hint("leave --output out: every tenant's rows are in the case"));
    }
    let session = Session::open(context, settings)?;
    let outcome = match session.connect(|profile| allowed::hunting(profile, plan.api)).await {
        Ok(tenants) => Ok(Outcome { jobs: jobs(&session, args, plan, &tenants).await, ..Outcome::default() }),
        Err(error) => Err(error),
    };
    session.close(&outcome)?;
    outcome
}

/// Runs every query in every tenant.
pub(super) async fn jobs(session: &Session<'_>, args: &HuntArgs, plan: &Plan, tenants: &[Connected]) -> Vec<Job> {
    let Session { context, settings, case, wires, progress } = session;
    let run = Run { context, args, plan, settings, wires, case, progress: Arc::clone(progress) };
    let mut jobs = Vec::new();
    for tenant in tenants {
        for query in &plan.queries {
            jobs.push(Waiting { tenant: tenant.named.clone(), work: Box::pin(run.one(tenant, query)) });
        }
    }
    side_by_side(jobs, usize::from(args.concurrency.max(1))).await
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
}

impl Run<'_> {
    async fn one(&self, tenant: &Connected, query: &Given) -> Job {
        let reached = tenant.reached.as_ref().map_err(Error::again);
        let reached = reached.and_then(|reached| allowed::hunting(&reached.profile, self.plan.api).map(|()| reached));
        let job = match (reached, query.fault()) {
            (Ok(_), Some(fault)) => self.unasked(tenant, query, &fault),
            (Ok(reached), None) => self.hunt(reached, query).await,
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
        let api = self.choose(tenant, &subject).await;
        let failed = |error: &Error| {
            let job = Job::failed(report::JobKind::Hunt, &query.name, self.plan.window, error);
            let (tenant, profile, api) = (tenant.id.clone(), tenant.profile.name.clone(), api.name().to_owned());
            Job { file: query.file.clone(), tenant, profile, api, ..job }
        };
        if query.text.trim().is_empty() {
            return failed(&Error::new(Kind::Query, "the query is empty").with_code("EmptyQuery").hint("write a query, or leave it out"));
        }
        let endpoint = match tenant.profile.cloud.endpoint(wire::settings_api(api)) {
            Ok(endpoint) => endpoint,
            Err(error) => return failed(&error),
        };
        self.say_retirement(api, query);
        let quota = self.settings.quotas.of(wire::settings_api(api));
        let lane = self.wires.lane(&tenant.id, api, &quota, self.args.concurrency);
        let witness = OfJob { job: query.name.clone(), observer: Arc::clone(&self.progress), beside: Arc::clone(&self.wires.witness) };
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
        };
        let (id, window) = self.identity_of(&journal::Job {
            id: uuid::Uuid::new_v4().to_string(),
            kind: journal::Work::Hunt,
            name: query.name.clone(),
            tenant: tenant.id.clone(),
            profile: tenant.profile.name.clone(),
            api: api.name().to_owned(),
            query_sha256: Some(sha256(&query.filled.whole)),
            window: Some(self.plan.window),
        });
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
        };
        let report = hunt(&job, &asker, self.case, self.progress.as_ref()).await;
        self.output(report)
    }

    /// Returns the job as the journal knows it, where it is to be gone on with: it keeps its id, and a window that was given as a
    /// length (`--last`, or nothing) is the one that the earlier run pinned.
    fn identity_of(&self, fresh: &journal::Job) -> (journal::Job, Window) {
        let known = self.args.resume.then(|| self.earlier(fresh)).flatten();
        let window = known.and_then(|known| known.window).unwrap_or(self.plan.window);
        let id = known.map_or_else(|| fresh.id.clone(), |known| known.id.clone());
        (journal::Job { id, window: Some(window), ..fresh.clone() }, window)
    }

    fn earlier(&self, fresh: &journal::Job) -> Option<&journal::Job> {
        if let Some(known) = self.case.jobs().latest(fresh) {
            return Some(&known.job);
        }
        let relative = self.args.from.is_none() && self.args.to.is_none();
        let of_that_length = |known: &&journal::Known| {
            let pinned = journal::Job { window: known.job.window, ..fresh.clone() };
            known.job.window.is_some_and(|window| window.length() == self.plan.window.length()) && known.job.is_same_work(&pinned)
        };
        self.case.jobs().iter().rfind(of_that_length).filter(|_| relative).map(|known| &known.job)
    }

    /// Chooses the API: what was asked for, else the first of Graph, XDR and MDE whose token may hunt. Where none may, Graph's
    /// refusal is the one to show.
    async fn choose(&self, tenant: &Tenant, subject: &Subject) -> Api {
        if let [only] = allowed::meant(self.plan.api) {
            return *only;
        }
        for api in allowed::HUNTERS {
            let tables = api != Api::Mde || subject.is_of_mde();
            if tables && tenant.may_hunt(api).await {
                return api;
            }
        }
        Api::Graph
    }

    fn say_retirement(&self, api: Api, query: &Given) {
        let Some(day) = api.retires() else { return };
        let source = query
            .file
            .as_ref()
            .map_or_else(|| "--kql ...".to_owned(), |file| format!("{} {file}", if query.place.is_some() { "--pack" } else { "--query" }));
        self.context.console.warn(&format!(
            "hunting on {} stops on {day}; instead: ircollect hunt --api graph {source} (permission {})",
            api.title(),
            Api::Graph.permission()
        ));
    }

    /// Copies the rows to where `--output` says.
    fn output(&self, job: Job) -> Job {
        let (Some(path), [file]) = (&self.args.output, job.files.as_slice()) else { return job };
        let written = Written {
            path: file.path.clone(),
            format: file.format.clone(),
            rows: file.rows,
            bytes: file.bytes,
            sha256: file.sha256.clone(),
        };
        match self.case.output(&written, &Output::new(path)) {
            Ok(()) => job,
            Err(error) => Job { status: report::JobStatus::Partial, error: Some((&error).into()), ..job },
        }
    }
}

fn sha256(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// Asks one tenant's API over the transport, on one job's budget.
struct Asker<'a> {
    transport: Transport,
    tenant: &'a Tenant,
    budget: Budget,
    request: Request,
    /// The query as its author wrote it, for errors.
    text: String,
}

/// Gateway failures in a row after which a question that can be made smaller is.
const GATEWAY_TRIES: u32 = 2;

#[async_trait::async_trait]
impl Hunter for Asker<'_> {
    async fn ask(&self, question: &Question, rows: &mut dyn Rows) -> Result<Answer> {
        let request = Request {
            query: question.query.clone(),
            timespan: question.timespan,
            gateway_tries: question.can_be_cut.then_some(GATEWAY_TRIES),
            ..self.request.clone()
        };
        let answer = hunting::hunt(&self.transport, self.tenant.app.as_ref(), &request, &self.budget, rows).await;
        answer.map_err(|error| explain::underlined(error, &self.text, &question.query))
    }

    fn effort(&self) -> Effort {
        Effort { calls: self.budget.tries(), retries: self.budget.retries(), throttled: self.budget.throttled() }
    }
}
