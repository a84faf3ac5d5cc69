//! `pull`: sources × tenants, each a job; what the token may not read is left out and said.

use super::{
    Context, closing,
    closing::Outcome,
    earlier, formats, list, resume,
    session::Session,
    sources, window,
    wire::{self, Connected, Tenant},
    witness::OfJob,
};
use crate::{
    api::{
        catalogue::{Catalogue, Source},
        pages::Client,
        refusal::is_absent,
    },
    cli::{PullArgs, ViaChoice},
    collect::{
        Waiting,
        pull::{PullJob, Pulled, Via, pull},
        report::{self, Job},
        side_by_side,
    },
    error::{Error, Kind, Result},
    journal::{self, hash},
    settings::{self, Profile, Settings},
    store::Format,
    time::Window,
    transport::Budget,
};
use std::{collections::BTreeMap, path::Path, sync::Arc};

/// Sources of a tenant that are pulled at the same time.
const SIDE_BY_SIDE: usize = 12;

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

async fn collect(context: &Context, args: &PullArgs) -> Result<Outcome> {
    let window = window::settle(args.from.as_deref(), args.to.as_deref(), args.last.as_deref(), context.now)?;
    let settings = context.settings()?;
    let plan = Plan::new(args, &settings.sources, window, !args.all)?;
    one_output(args, &settings, &plan.sources)?;
    let session = Session::open(context, settings)?;
    let outcome = match whole(&session, &plan) {
        Some(outcome) => Ok(outcome),
        None => match session.connect(|_| Ok(())).await {
            Ok(tenants) => Ok(jobs(&session, &plan, &tenants).await),
            Err(error) => Err(error),
        },
    };
    session.close(&outcome)?;
    outcome
}

fn one_output(args: &PullArgs, settings: &Settings, sources: &[Source]) -> Result<()> {
    if args.output.is_some() && (Session::tenants(settings) > 1 || sources.len() > 1) {
        return Err(Error::new(Kind::Usage, "--output takes the objects of one source in one tenant, and there are several")
            .hint("leave --output out: all are in the case"));
    }
    Ok(())
}

/// What was asked for.
pub(super) struct Plan<'a> {
    args: &'a PullArgs,
    pub(super) catalogue: Catalogue,
    pub(super) sources: Vec<Source>,
    window: Window,
    formats: Vec<Format>,
    /// The sources were named on the command line: one that cannot be had is a failure.
    named: bool,
}

impl<'a> Plan<'a> {
    pub(super) fn new(args: &'a PullArgs, own: &[settings::Source], window: Window, named: bool) -> Result<Self> {
        let catalogue = sources::catalogue(own)?;
        let sources = if args.all { sources::all(&catalogue, args.api) } else { sources::named(&catalogue, &args.source, args.api)? };
        Ok(Self { args, catalogue, sources, window, formats: formats::each_once(&args.format)?, named })
    }
}

impl Plan<'_> {
    /// Returns the pull of a source as it would be begun.
    fn fresh(&self, profile: &Profile, tenant: &str, source: &Source) -> journal::Job {
        journal::Job {
            id: uuid::Uuid::new_v4().to_string(),
            kind: journal::Work::Pull,
            name: source.name.clone(),
            tenant: tenant.to_owned(),
            tenant_name: earlier::typed(profile, tenant),
            profile: profile.name.clone(),
            api: source.api.name().to_owned(),
            query_sha256: self.args.filter.as_deref().map(|filter| hash::of_bytes(filter.as_bytes())),
            window: source.time.is_some().then_some(self.window),
        }
    }
}

/// Pulls every source from every tenant; what came of them is in the order in which they were named.
pub(super) async fn jobs(session: &Session<'_>, plan: &Plan<'_>, tenants: &[Connected]) -> Outcome {
    let run = Run { session, plan };
    let (mut jobs, order) = (Vec::new(), by_turns(&plan.sources));
    for (place, tenant) in tenants.iter().enumerate() {
        for (at, source) in order.iter().filter_map(|at| Some((*at, plan.sources.get(*at)?))) {
            let one = run.one(tenant, source);
            jobs.push(Waiting { tenant: tenant.named.clone(), work: Box::pin(async move { ((place, at), one.await) }) });
        }
    }
    let mut pulled = side_by_side(jobs, SIDE_BY_SIDE).await;
    pulled.sort_by_key(|(place, _)| *place);
    let mut outcome = Outcome::default();
    for (_, pulled) in pulled {
        outcome.jobs.extend(pulled.job);
        outcome.skipped.extend(pulled.skip);
    }
    outcome
}

/// Returns all jobs where earlier runs left nothing to do of any: then nobody is called, not even for a token.
pub(super) fn whole(session: &Session<'_>, plan: &Plan<'_>) -> Option<Outcome> {
    let run = Run { session, plan };
    let pairs = session.settings.profiles.iter().flat_map(|profile| profile.tenants.iter().map(move |tenant| (profile, tenant)));
    let jobs = pairs.flat_map(|(profile, tenant)| plan.sources.iter().map(move |source| (profile, tenant, source)));
    let jobs = jobs.map(|(profile, tenant, source)| {
        let fresh = plan.fresh(profile, &earlier::directory(&session.case, profile, tenant), source);
        let job = resume::whole(&session.case, plan.args, source, fresh, plan.window, &plan.formats)?;
        Some(run.output(Job { name: source.display_name(), ..job }))
    });
    Some(Outcome { jobs: jobs.collect::<Option<Vec<_>>>()?, ..Outcome::default() })
}

/// The order in which sources are begun: one of each lane, then the next of each, so that no lane stands still.
fn by_turns(sources: &[Source]) -> Vec<usize> {
    let mut begun: BTreeMap<&str, usize> = BTreeMap::new();
    let mut turns: Vec<(usize, usize)> = Vec::new();
    for (at, source) in sources.iter().enumerate() {
        let turn = begun.entry(&source.lane).or_default();
        turns.push((*turn, at));
        *turn += 1;
    }
    turns.sort_unstable();
    turns.into_iter().map(|(_, at)| at).collect()
}

/// Why a source is left out, and the permission that would help.
type LeftOut = (String, Option<String>);

struct Run<'a> {
    session: &'a Session<'a>,
    plan: &'a Plan<'a>,
}

impl Run<'_> {
    async fn one(&self, connected: &Connected, source: &Source) -> Pulled {
        let failed = |error: &Error| {
            let job = Job::failed(report::JobKind::Pull, &source.display_name(), self.plan.window, error);
            let (tenant, profile, api) = (connected.named.clone(), connected.profile.clone(), source.api.name().to_owned());
            Pulled { job: Some(Job { tenant, profile, api, ..job }), skip: None }
        };
        let tenant = match &connected.reached {
            Ok(tenant) => tenant,
            Err(error) => return failed(error),
        };
        match self.left_out(tenant, source).await {
            Ok(None) => {}
            Ok(Some(why)) => return Pulled { job: None, skip: Some(self.skipped(tenant, source, why)) },
            Err(error) => return failed(&error),
        }
        match self.pull(tenant, source).await {
            Ok(pulled) => pulled,
            Err(error) => failed(&error),
        }
    }

    /// Says why a source is left out; none where it is to be pulled. One that was named is asked for whatever the token says: the API
    /// has the last word.
    async fn left_out(&self, tenant: &Tenant, source: &Source) -> Result<Option<LeftOut>> {
        if let Err(error) = sources::exists(source, &tenant.profile) {
            return if self.plan.named { Err(error) } else { Ok(Some((error.message().to_owned(), None))) };
        }
        if self.plan.named {
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

    fn skipped(&self, tenant: &Tenant, source: &Source, (reason, permission): LeftOut) -> report::Skip {
        let (api, id) = (source.api.name().to_owned(), tenant.id.clone());
        let event = journal::Skipped {
            name: source.name.clone(),
            api: api.clone(),
            tenant: id.clone(),
            reason: reason.clone(),
            permission: permission.clone(),
        };
        // A journal that cannot be written to stops the next job, with exit 7.
        let _told_later = self.session.case.journal().append(journal::Event::Skipped(event));
        report::Skip { name: source.display_name(), api, tenant: id, reason, permission }
    }

    async fn pull(&self, tenant: &Tenant, source: &Source) -> Result<Pulled> {
        let Session { settings, case, wires, progress, .. } = self.session;
        let endpoint = tenant.profile.cloud.endpoint(wire::settings_api(source.api))?;
        let lane =
            |family: &str| wires.family(&tenant.id, source.api, family, &self.plan.catalogue, &settings.quotas, case.earlier_calls());
        let job = self.job(tenant, source, (lane("mde-files"), lane("storage")));
        let witness = OfJob { job: job.job.clone(), observer: Arc::clone(progress), beside: Arc::clone(&wires.witness) };
        let transport = wires.transport(Arc::new(witness));
        let budget = Budget::new(settings.max_wait);
        let client = Client {
            transport: &transport,
            auth: tenant.app.as_ref(),
            budget: &budget,
            api: source.api,
            root: endpoint.url.clone(),
            scope: endpoint.scope.clone(),
            lane: lane(&source.lane),
            deadline: settings.quotas.of(wire::settings_api(source.api)).timeout,
            prefer: source.prefer.clone(),
            fault_tries: None,
        };
        let pulled = pull(&job, &client, case, progress.as_ref()).await;
        Ok(Pulled { job: pulled.job.map(|job| self.output(job)), skip: pulled.skip })
    }

    fn job(&self, tenant: &Tenant, source: &Source, file_lanes: (String, String)) -> PullJob {
        let Plan { args, window, formats, named, .. } = self.plan;
        let fresh = self.plan.fresh(&tenant.profile, &tenant.id, source);
        let resume::Doing { job, window, known_in, known, resumed } = resume::doing(&self.session.case, args, source, fresh, *window);
        PullJob {
            job,
            source: source.clone(),
            window,
            open: args.to.is_none() && !resumed,
            filter: args.filter.clone(),
            formats: formats.clone(),
            resume: args.resume,
            known_in,
            known,
            via: match args.via {
                ViaChoice::Auto => Via::Auto,
                ViaChoice::Json => Via::Json,
                ViaChoice::Files => Via::Files,
            },
            file_lanes,
            named: *named,
        }
    }

    /// Copies the objects to where `--output` says: in the format that its name says, if they are stored in it, else in the first asked.
    fn output(&self, job: Job) -> Job {
        formats::output(&self.session.case, self.plan.args.output.as_deref(), &self.plan.formats, job)
    }
}
