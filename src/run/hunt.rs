//! `hunt`: queries × tenants, each a job; what comes of them as words, summary and exit code.

use super::{
    Context, allowed, explain,
    parameters::{Missing, Values},
    queries,
    queries::Given,
    window,
    wire::{self, Connected, Tenant, Wires},
    witness::OfJob,
};
use crate::{
    api::hunting::{self, Answer, Api, Request, Rows},
    cli::{ApiChoice, HuntArgs, Slice},
    collect::{
        Effort, HuntJob, Hunter, Observer, Question, SliceMode, Subject, Waiting, hunt, report,
        report::{Job, Summary},
        side_by_side,
    },
    console::{Progress, closing_words, print_data},
    error::{Error, Kind, Result},
    journal::{self, Event, RunEnded, RunOutcome, RunStarted},
    settings::Settings,
    store::{Case, Output, Written},
    time::Window,
    transport::{Budget, Transport},
};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use std::{fmt::Write, path::Path, sync::Arc};

pub(super) async fn run(context: &Context, args: &HuntArgs) -> Result<u8> {
    if context.global.json && args.output.as_deref() == Some(Path::new("-")) {
        return Err(Error::new(Kind::Usage, "--json and --output - both want standard output").hint("write the rows to a file"));
    }
    let plan = Plan::read(context, args);
    match plan {
        Ok(plan) if args.explain => explain::run(context, &plan),
        Ok(plan) => finish(context, &summary(context, collect(context, args, &plan).await)),
        Err(error) if args.explain => Err(error),
        Err(error) => finish(context, &summary(context, Err(error))),
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
    fn read(context: &Context, args: &HuntArgs) -> Result<Self> {
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

fn summary(context: &Context, outcome: Result<Vec<Job>>) -> Summary {
    if let Err(error) = &outcome {
        context.console.error(error);
    }
    let case = context.case_dir().map(|case| case.display().to_string()).unwrap_or_default();
    summed_up(context.now, case, outcome)
}

fn summed_up(started: Timestamp, case: String, outcome: Result<Vec<Job>>) -> Summary {
    let (jobs, error) = match outcome {
        Ok(jobs) => (jobs, None),
        Err(error) => (Vec::new(), Some(report::Failure::from(&error))),
    };
    let code = error.as_ref().map_or_else(|| report::exit_code(&jobs), |error| error.exit);
    Summary {
        ircollect: env!("CARGO_PKG_VERSION"),
        schema: 1,
        command: "hunt",
        status: report::run_status(&jobs, code),
        started,
        ended: Timestamp::now(),
        case,
        skipped: Vec::new(),
        jobs,
        error,
    }
}

/// Prints the summary of a hunt whose command line was not understood: whoever asked for JSON gets it.
pub(super) fn not_understood(error: Error) -> Result<()> {
    print_summary(&summed_up(Timestamp::now(), String::new(), Err(error)))
}

fn print_summary(summary: &Summary) -> Result<()> {
    let json = serde_json::to_string(summary).map_err(|error| Error::new(Kind::Failed, "writing the summary").caused_by(error))?;
    print_data(&format!("{json}\n"))
}

fn finish(context: &Context, summary: &Summary) -> Result<u8> {
    let words = closing_words(summary);
    if !words.is_empty() {
        context.console.say(&words);
    }
    for error in summary.jobs.iter().filter_map(|job| Some((job, job.error.as_ref()?))).map(|(job, error)| said(job, error)) {
        context.console.error(&error);
    }
    if context.global.json {
        print_summary(summary)?;
    }
    Ok(summary.error.as_ref().map_or_else(|| report::exit_code(&summary.jobs), |error| error.exit))
}

/// The error of a job, as one to be shown.
fn said(job: &Job, failure: &report::Failure) -> Error {
    let kind = if failure.exit == Kind::Query.exit_code() { Kind::Query } else { Kind::Failed };
    let error = Error::new(kind, format!("`{}` in tenant {}: {}", job.name, job.tenant, failure.message)).with_code(failure.code.clone());
    let error = failure.excerpt.iter().fold(error, |error, excerpt| error.with_excerpt(excerpt.clone()));
    failure.hints.iter().fold(error, Error::hint)
}

async fn collect(context: &Context, args: &HuntArgs, plan: &Plan) -> Result<Vec<Job>> {
    if args.local.offline {
        return super::answer_offline(context, args, plan).await;
    }
    let settings = context.settings()?;
    let tenants: usize = settings.profiles.iter().map(|profile| profile.tenants.len()).sum();
    if args.output.is_some() && tenants > 1 {
        return Err(Error::new(Kind::Usage, "--output takes the rows of one tenant, and there are several")
            .hint("leave --output out: every tenant's rows are in the case"));
    }
    let case = Arc::new(Case::open(&settings.case, env!("CARGO_PKG_VERSION"))?);
    let sha256 = settings.config.as_ref().map(|config| config.sha256.clone());
    case.journal().prepare(RunStarted::here(env!("CARGO_PKG_VERSION"), context.command_line(), sha256));
    let wires = Wires::new(context, &settings, Arc::clone(case.journal()))?;
    let progress: Arc<dyn Observer> = Arc::new(Progress::new(context.console));
    let run = Run { context, args, plan, settings: &settings, wires: &wires, case: &case, progress };
    let outcome = run_jobs(&run).await;
    let ended = match &outcome {
        Ok(jobs) => ended(report::run_status(jobs, report::exit_code(jobs)), report::exit_code(jobs), None),
        Err(error) => ended(report::RunStatus::Failed, error.kind().exit_code(), Some(error)),
    };
    case.journal().begin(wires.skew.seconds())?;
    case.journal().append(ended)?;
    outcome
}

pub(super) fn ended(status: report::RunStatus, exit: u8, error: Option<&Error>) -> Event {
    let status = match status {
        report::RunStatus::Complete => RunOutcome::Complete,
        report::RunStatus::Partial => RunOutcome::Partial,
        report::RunStatus::Failed => RunOutcome::Failed,
        report::RunStatus::Interrupted => RunOutcome::Interrupted,
    };
    let error = error.map(|error| journal::Failure {
        code: error.code(),
        message: error.message().to_owned(),
        hint: error.hints().first().cloned(),
        exit: error.kind().exit_code(),
    });
    Event::RunEnded(RunEnded { status, exit, error })
}

async fn run_jobs(run: &Run<'_>) -> Result<Vec<Job>> {
    let mut tenants = wire::connect(run.settings, run.wires, |profile| allowed::hunting(profile, run.plan.api)).await;
    if tenants.len() == 1 && tenants.iter().all(|tenant| tenant.reached.is_err()) {
        return tenants.pop().map_or_else(|| Ok(Vec::new()), |tenant| tenant.reached.map(|_| Vec::new()));
    }
    run.case.journal().begin(run.wires.skew.seconds())?;
    run.say_what_to_know(&tenants);
    let mut jobs = Vec::new();
    for tenant in &tenants {
        for query in &run.plan.queries {
            jobs.push(Waiting { tenant: tenant.named.clone(), work: Box::pin(run.one(tenant, query)) });
        }
    }
    Ok(side_by_side(jobs, usize::from(run.args.concurrency.max(1))).await)
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
    fn say_what_to_know(&self, tenants: &[Connected]) {
        let reached = tenants.iter().filter_map(|tenant| tenant.reached.as_ref().ok());
        for warning in wire::warnings(self.wires, reached) {
            self.context.console.warn(&warning);
        }
    }

    async fn one(&self, tenant: &Connected, query: &Given) -> Job {
        let job = match (&tenant.reached, query.fault()) {
            (Ok(_), Some(fault)) => self.unasked(tenant, query, &fault),
            (Ok(reached), None) => self.hunt(reached, query).await,
            (Err(error), _) => self.unasked(tenant, query, error),
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
        copied(self.args, self.case, job)
    }
}

/// Copies a job's rows to where `--output` says.
pub(super) fn copied(args: &HuntArgs, case: &Case, job: Job) -> Job {
    let (Some(path), [file]) = (&args.output, job.files.as_slice()) else { return job };
    let written =
        Written { path: file.path.clone(), format: file.format.clone(), rows: file.rows, bytes: file.bytes, sha256: file.sha256.clone() };
    match case.output(&written, &Output::new(path)) {
        Ok(()) => job,
        Err(error) => Job { status: report::JobStatus::Partial, error: Some((&error).into()), ..job },
    }
}

pub(super) fn sha256(text: &str) -> String {
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
