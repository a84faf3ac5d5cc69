//! `hunt --offline`: the same jobs, answered from files instead of a service. No configuration, tenant or credential.

mod answer;
mod brings;
mod external;
mod refused;

use super::{
    Context, closing,
    closing::Outcome,
    formats,
    hunt::Plan,
    queries::Given,
    witness::{Journalling, Skew},
};
use crate::{
    cli::HuntArgs,
    collect::{
        HuntJob, Observer, SliceMode, Subject, Waiting, hunt,
        report::{Job, JobKind},
        side_by_side,
    },
    console::Progress,
    error::{Error, Kind, Result},
    journal::{self, RunStarted, hash},
    kql::{
        self,
        engine::{Engine, Limits, Options, fits_pattern},
        reading::{How, Reading},
    },
    offline::{Opened, Shelf, shelf_of_case, shelf_of_folder},
    store::Case,
    time::{Window, rfc3339},
};
use answer::Answerer;
use external::Fetcher;
use std::{path::Path, sync::Arc};

/// What stands for the API, the tenant and the tenant's folder where an answer was computed here.
const OFFLINE: &str = "offline";

/// Answers every query of the plan.
pub(super) async fn collect(context: &Context, args: &HuntArgs, plan: &Plan) -> Result<Outcome> {
    let dir = context.case_dir()?;
    let shelf = shelf(args, &dir)?;
    let case = Arc::new(Case::open(&dir, env!("CARGO_PKG_VERSION"))?);
    case.journal().prepare(RunStarted::here(env!("CARGO_PKG_VERSION"), context.command_line(), None));
    let outcome = answered(context, args, plan, shelf, &case).await.map(|jobs| Outcome { jobs, ..Outcome::default() });
    case.journal().begin(None)?;
    case.journal().append(closing::ended(&outcome))?;
    outcome
}

fn shelf(args: &HuntArgs, case: &Path) -> Result<Shelf> {
    match &args.local.data {
        Some(folder) => shelf_of_folder(folder),
        None => shelf_of_case(&Case::read(case)?),
    }
}

async fn answered(context: &Context, args: &HuntArgs, plan: &Plan, shelf: Shelf, case: &Arc<Case>) -> Result<Vec<Job>> {
    shelf
        .notes_of(&|name| plan.queries.iter().filter_map(|query| reading(&query.filled.whole)).any(|reading| reads(&reading, name)))
        .for_each(|note| context.console.warn(note));
    let readings: Vec<Reading> = plan.queries.iter().filter_map(|query| reading(&query.filled.whole)).collect();
    let known: Vec<String> = shelf.names().map(str::to_owned).collect();
    let opened = tokio::task::spawn_blocking(move || shelf.open(&|name| readings.iter().any(|reading| reads(reading, name)))).await;
    let mut opened = opened.unwrap_or_else(|error| Err(Error::new(Kind::Failed, "the thread that opens tables ended").caused_by(error)))?;
    let limits = Limits { memory: args.local.memory, spill: None };
    let engine = Engine::with_limits(std::mem::take(&mut opened.tables), &limits)?;
    case.journal().begin(None)?;
    let given = args.from.is_some() || args.to.is_some() || args.last.is_some();
    let desk = Desk {
        context,
        args,
        plan,
        case,
        engine,
        opened: Arc::new(opened),
        known,
        bounds: given.then_some(plan.window),
        progress: Arc::new(Progress::new(context.console)),
    };
    let jobs = plan.queries.iter().map(|query| Waiting { tenant: OFFLINE.to_owned(), work: Box::pin(desk.one(query)) });
    Ok(side_by_side(jobs.collect(), 1).await)
}

fn reading(text: &str) -> Option<Reading> {
    kql::parse(text).ok().map(|query| kql::reading::read(&query))
}

/// Tells whether a query may read a table.
fn reads(reading: &Reading, name: &str) -> bool {
    let is_read = |read: &kql::reading::TableRead| match read.how {
        How::Wildcard | How::FixedWildcard => fits_pattern(&read.name, name),
        _ => read.name == name,
    };
    reading.everything || reading.tables.iter().any(is_read)
}

/// All that the jobs of a run share.
struct Desk<'a> {
    context: &'a Context,
    args: &'a HuntArgs,
    plan: &'a Plan,
    case: &'a Arc<Case>,
    engine: Engine,
    opened: Arc<Opened>,
    /// Every table that is there, read or not.
    known: Vec<String>,
    /// The window that was asked for; none: whatever is there.
    bounds: Option<Window>,
    progress: Arc<dyn Observer>,
}

impl Desk<'_> {
    async fn one(&self, query: &Given) -> Job {
        let window = self.window();
        let refused = query.fault().or_else(|| query.text.trim().is_empty().then(empty));
        if let Some(error) = refused {
            return failed(query, window, &error);
        }
        self.say_what_to_know(query);
        let fetcher = match self.fetcher() {
            Ok(fetcher) => fetcher,
            Err(error) => return failed(query, window, &error),
        };
        let job = journal::Job {
            id: uuid::Uuid::new_v4().to_string(),
            kind: journal::Work::Hunt,
            name: query.name.clone(),
            tenant: OFFLINE.to_owned(),
            tenant_name: None,
            profile: String::new(),
            api: OFFLINE.to_owned(),
            query_sha256: Some(hash::of_bytes(query.filled.whole.as_bytes())),
            window: Some(window),
        };
        let answerer = Answerer {
            engine: self.engine.clone(),
            options: fetcher.clone().map_or_else(|| self.options(), |fetcher| self.options().with_external(fetcher)),
            fetcher,
            opened: Arc::clone(&self.opened),
            known: &self.known,
            inputs: self.inputs(query),
            case: Arc::clone(self.case),
            job: job.clone(),
            cancel: self.context.cancel(),
        };
        let hunted = HuntJob {
            job,
            file: query.file.clone(),
            subject: Subject::as_is(&query.filled.whole),
            window,
            timespan: false,
            rows_cap: u64::MAX,
            bytes_cap: u64::MAX,
            mode: SliceMode::Off,
            concurrency: 1,
            resume: false,
            reconcile: false,
            formats: self.plan.formats.clone(),
            by_day: self.args.parts,
        };
        let report = hunt(&hunted, &answerer, self.case, self.progress.as_ref()).await;
        formats::output(self.case, self.args.output.as_deref(), &self.plan.formats, Job { rule: query.rule.clone(), ..report })
    }

    /// What reads the addresses of `externaldata`, where that is allowed.
    fn fetcher(&self) -> Result<Option<Arc<Fetcher>>> {
        if !self.args.local.allow_external {
            return Ok(None);
        }
        let witness = Journalling { journal: Arc::clone(self.case.journal()), skew: Skew::default() };
        Fetcher::new(self.context, Arc::new(witness)).map(|fetcher| Some(Arc::new(fetcher)))
    }

    /// The window that was asked for, else the one that the rows lie in.
    fn window(&self) -> Window {
        self.bounds.or(self.opened.span).unwrap_or(self.plan.window)
    }

    fn options(&self) -> Options {
        let now = self.bounds.map_or(self.context.now, |window| window.to);
        let options = Options::new(now).with_time_aliases().with_any_case();
        self.bounds.map_or(options.clone(), |window| options.with_window(window))
    }

    /// The tables that a query reads, and their files.
    fn inputs(&self, query: &Given) -> Vec<(String, std::path::PathBuf)> {
        let Some(reading) = reading(&query.filled.whole) else { return Vec::new() };
        let read = self.opened.inputs.iter().filter(|(name, _)| reads(&reading, name));
        read.flat_map(|(name, paths)| paths.iter().map(|path| (name.clone(), path.clone()))).collect()
    }

    fn say_what_to_know(&self, query: &Given) {
        let Some(reading) = reading(&query.filled.whole) else { return };
        for (table, missing) in self.opened.missing.iter().filter(|(table, _)| reads(&reading, table)) {
            let mentioned: Vec<&str> = missing.iter().map(String::as_str).filter(|name| mentions(&query.filled.whole, name)).collect();
            if !mentioned.is_empty() {
                self.context.console.warn(&format!(
                    "`{}` names columns of {table} that were not collected and are empty here: {}",
                    query.name,
                    mentioned.join(", ")
                ));
            }
        }
        let Some(span) = self.opened.span.filter(|_| self.bounds.is_none() && reading.uses_now()) else { return };
        if span.to < self.context.now - jiff::SignedDuration::from_hours(1) {
            self.context.console.warn(&format!(
                "`{}` asks what time it is, and the newest row is of {}: with --to that time, now() answers it",
                query.name,
                rfc3339(span.to)
            ));
        }
    }
}

fn failed(query: &Given, window: Window, error: &Error) -> Job {
    let job = Job::failed(JobKind::Hunt, &query.name, window, error);
    Job { file: query.file.clone(), rule: query.rule.clone(), tenant: OFFLINE.into(), api: OFFLINE.into(), ..job }
}

fn empty() -> Error {
    Error::new(Kind::Query, "the query is empty").with_code("EmptyQuery").hint("write a query, or leave it out")
}

/// Tells whether a text has a name in it as a whole word.
fn mentions(text: &str, name: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(name).any(|(at, _)| {
        let before = text.get(..at).and_then(|text| text.chars().next_back());
        let after = text.get(at + name.len()..).and_then(|text| text.chars().next());
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_as_whole_words() {
        assert!(mentions("T | where FileName == 1", "FileName") && !mentions("T | where InitiatingFileName == 1", "FileName"));
    }

    #[test]
    fn tables_are_read_by_name_and_pattern() {
        let read = |text: &str, name: &str| reads(&reading(text).unwrap(), name);
        assert!(read("DeviceEvents | take 1", "DeviceEvents") && !read("DeviceEvents | take 1", "DeviceInfo"));
        assert!(read("union Device* | count", "DeviceInfo") && read("search 'x'", "Anything"));
    }
}
