//! `collect`: a plan, which is pulls and queries over one window; the built-in one is for the first hour of an investigation.

use super::{Context, closing, closing::Outcome, hunt, pull, session::Session, sources, window};
use crate::{
    api::catalogue::{Catalogue, Source},
    cli::{ApiChoice, CollectArgs, HuntArgs, Local, OutputFormat, Param, PullArgs, Slice, ViaChoice},
    collect::report::Job,
    console::{laid_out, print_data, table},
    error::{Error, Kind, Result},
    time::{Window, rfc3339},
};
use serde::Deserialize;
use serde_json::json;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// A plan as it is written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: Option<String>,
    from: Option<String>,
    to: Option<String>,
    last: Option<String>,
    #[serde(default)]
    formats: Vec<String>,
    #[serde(default)]
    pulls: Vec<String>,
    #[serde(default)]
    queries: Vec<PathBuf>,
    #[serde(default)]
    params: BTreeMap<String, toml::Value>,
    #[serde(default)]
    tenants: Vec<String>,
}

/// What an intrusion responder asks for first.
const TRIAGE: &str = include_str!("triage.toml");

macro_rules! pack {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../examples/packs/triage/", $name, ".kql")))),*]
    };
}

const PACK: &[(&str, &str)] = pack![
    "accounts-made",
    "alerts-with-evidence",
    "autostarts",
    "clicks",
    "consents",
    "credential-access",
    "defender-tampering",
    "discovery",
    "encoded-powershell",
    "failed-logons",
    "living-off-the-land",
    "mailbox-rules",
    "mass-download",
    "new-admin-logons",
    "new-factors",
    "office-children",
    "phishing-mail",
    "rare-destinations",
    "recovery-removed",
    "remote-execution",
    "scheduled-tasks",
    "services-made",
    "sign-ins-from-afar",
    "tools-of-intruders",
    "uploads",
];

/// A plan that was read, flags over it.
struct Plan {
    name: String,
    pulls: Option<PullArgs>,
    hunts: Option<HuntArgs>,
    window: Window,
    /// Where the built-in queries lie for this run.
    folder: Option<tempfile::TempDir>,
}

pub(super) async fn run(context: &Context, args: &CollectArgs) -> Result<u8> {
    let (file, base) = read(&args.plan)?;
    let own = (!file.tenants.is_empty()).then(|| context.on_tenants(file.tenants.clone()));
    let context = own.as_ref().unwrap_or(context);
    let plan = settle(context, args, &file, &base)?;
    if args.explain {
        return explain(context, &plan);
    }
    let outcome = collect(context, &plan).await;
    closing::finish(context, &closing::summary(context, "collect", outcome))
}

fn read(plan: &str) -> Result<(File, PathBuf)> {
    let (text, base) = if plan == "triage" {
        (TRIAGE.to_owned(), PathBuf::new())
    } else {
        let path = Path::new(plan);
        let text = fs_err::read_to_string(path).map_err(|error| {
            Error::new(Kind::Usage, format!("the plan `{plan}` cannot be read"))
                .caused_by(error)
                .hint("name a file, or the built-in plan: triage")
        })?;
        (text, path.parent().map(Path::to_owned).unwrap_or_default())
    };
    let file =
        toml::from_str(&text).map_err(|error| Error::new(Kind::Usage, format!("the plan `{plan}` is not right")).caused_by(error))?;
    Ok((file, base))
}

fn settle(context: &Context, args: &CollectArgs, file: &File, base: &Path) -> Result<Plan> {
    let typed = args.from.is_some() || args.to.is_some() || args.last.is_some();
    let (from, to, last) = if typed { (&args.from, &args.to, &args.last) } else { (&file.from, &file.to, &file.last) };
    let window = window::settle(from.as_deref(), to.as_deref(), last.as_deref(), context.now)?;
    let format = if args.format.is_empty() { formats(&file.formats)? } else { args.format.clone() };
    let folder = (args.plan == "triage").then(built_in).transpose()?;
    let paths: Vec<PathBuf> = file.queries.iter().map(|path| base.join(path)).collect();
    let packs: Vec<PathBuf> =
        folder.iter().map(|folder| folder.path().join("triage")).chain(paths.iter().filter(|path| path.is_dir()).cloned()).collect();
    let queries: Vec<PathBuf> = paths.into_iter().filter(|path| !path.is_dir()).collect();
    // Both settle the same window from this, against the same now.
    let (from, to, last) = (from.clone(), to.clone(), last.clone());
    let pulls = (!file.pulls.is_empty()).then(|| PullArgs {
        all: file.pulls.iter().any(|pull| pull == "all"),
        source: file.pulls.iter().filter(|pull| *pull != "all").cloned().collect(),
        list: false,
        api: ApiChoice::Auto,
        from: from.clone(),
        to: to.clone(),
        last: last.clone(),
        since_last: false,
        filter: None,
        format: format.clone(),
        output: None,
        resume: args.resume,
        via: ViaChoice::Auto,
    });
    let hunts = (!queries.is_empty() || !packs.is_empty()).then(|| HuntArgs {
        query: queries,
        kql: Vec::new(),
        pack: packs,
        param: params(&args.param, &file.params, base),
        api: ApiChoice::Auto,
        from,
        to,
        last,
        format,
        parts: false,
        output: None,
        slice: Slice::Auto,
        resume: args.resume,
        reconcile: false,
        concurrency: 4,
        explain: args.explain,
        local: Local::default(),
    });
    if pulls.is_none() && hunts.is_none() {
        return Err(Error::new(Kind::Usage, "the plan names neither pulls nor queries").hint("see `pulls` and `queries` of a plan"));
    }
    let name = file.name.clone().unwrap_or_else(|| args.plan.clone());
    Ok(Plan { name, pulls, hunts, window, folder })
}

fn formats(names: &[String]) -> Result<Vec<OutputFormat>> {
    let parsed = |name: &String| {
        <OutputFormat as clap::ValueEnum>::from_str(name, true)
            .map_err(|_| Error::new(Kind::Usage, format!("`{name}` is no format that rows are stored in")))
    };
    let formats = names.iter().map(parsed).collect::<Result<Vec<_>>>()?;
    Ok(if formats.is_empty() { vec![OutputFormat::Ndjson] } else { formats })
}

/// Those of the command line, then those of the plan that it leaves out; lists of the plan lie beside it.
fn params(typed: &[Param], planned: &BTreeMap<String, toml::Value>, base: &Path) -> Vec<Param> {
    let mut params = typed.to_vec();
    for (name, value) in planned.iter().filter(|(name, _)| !typed.iter().any(|param| param.name == **name)) {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let value = match text.strip_prefix('@').filter(|rest| !rest.starts_with('@')) {
            Some(file) => format!("@{}", base.join(file).display()),
            None => text,
        };
        params.push(Param { name: name.clone(), value });
    }
    params
}

/// Lays the built-in queries where hunts find them.
fn built_in() -> Result<tempfile::TempDir> {
    let no_folder = |error: std::io::Error| Error::new(Kind::Disk, "the built-in queries need a temporary folder").caused_by(error);
    let folder = tempfile::Builder::new().prefix("ircollect-plan-").tempdir().map_err(no_folder)?;
    let pack = folder.path().join("triage");
    fs_err::create_dir(&pack).map_err(no_folder)?;
    for (name, text) in PACK {
        fs_err::write(pack.join(format!("{name}.kql")), text).map_err(no_folder)?;
    }
    Ok(folder)
}

async fn collect(context: &Context, plan: &Plan) -> Result<Outcome> {
    let settings = context.settings()?;
    let pulling = plan.pulls.as_ref().map(|args| pull::Plan::new(args, &settings.sources, plan.window, false)).transpose()?;
    let hunting = plan.hunts.as_ref().map(|args| hunt::Plan::read(context, args).map(|read| (args, read))).transpose()?;
    let session = Session::open(context, settings)?;
    let work = Work { session: &session, pulling, hunting };
    let outcome = match work.whole() {
        Some(outcome) => Ok(outcome),
        None => work.ask().await,
    };
    session.close(&outcome)?;
    let Outcome { jobs, skipped } = outcome?;
    Ok(Outcome { jobs: jobs.into_iter().map(|job| named(job, plan)).collect(), skipped })
}

/// The pulls and hunts of a plan in a run.
struct Work<'a> {
    session: &'a Session<'a>,
    pulling: Option<pull::Plan<'a>>,
    hunting: Option<(&'a HuntArgs, hunt::Plan)>,
}

impl Work<'_> {
    /// Returns all jobs where earlier runs left nothing to do of any: then nobody is called, not even for a token.
    fn whole(&self) -> Option<Outcome> {
        let mut outcome = self.pulling.as_ref().map_or_else(|| Some(Outcome::default()), |plan| pull::whole(self.session, plan))?;
        if let Some((args, plan)) = &self.hunting {
            outcome.jobs.extend(hunt::whole(self.session, args, plan)?);
        }
        Some(outcome)
    }

    async fn ask(&self) -> Result<Outcome> {
        let tenants = &self.session.connect(|_| Ok(())).await?;
        let pulls = async {
            match &self.pulling {
                Some(plan) => pull::jobs(self.session, plan, tenants).await,
                None => Outcome::default(),
            }
        };
        let hunts = async {
            match &self.hunting {
                Some((args, plan)) => hunt::jobs(self.session, args, plan, tenants).await,
                None => Vec::new(),
            }
        };
        // They have lanes of their own, so that neither waits for the other.
        let (mut outcome, hunts) = futures::join!(pulls, hunts);
        outcome.jobs.extend(hunts);
        Ok(outcome)
    }
}

/// A built-in query is named as such, not by where it lay for this run.
fn named(job: Job, plan: &Plan) -> Job {
    let own = plan.folder.as_ref().zip(job.file.as_ref()).and_then(|(folder, file)| {
        let rest = Path::new(file).strip_prefix(folder.path()).ok()?;
        Some(rest.to_string_lossy().replace('\\', "/"))
    });
    Job { file: own.or_else(|| job.file.clone()), ..job }
}

/// Shows what would be asked, and the least time that the limits take.
fn explain(context: &Context, plan: &Plan) -> Result<u8> {
    let own = context.settings().map(|settings| settings.sources).unwrap_or_default();
    let catalogue = sources::catalogue(&own)?;
    let pulling = plan.pulls.as_ref().map(|args| pull::Plan::new(args, &own, plan.window, false)).transpose()?;
    let sources = pulling.map(|pulling| pulling.sources).unwrap_or_default();
    let queries = plan.hunts.as_ref().map(|args| hunt::Plan::read(context, args)).transpose()?.map(|plan| plan.queries).unwrap_or_default();
    let seconds = least(&sources, &catalogue, queries.len());
    let window = format!("[{}, {})", rfc3339(plan.window.from), rfc3339(plan.window.to));
    if context.global.json {
        let pulls: Vec<_> = sources
            .iter()
            .map(|source| json!({"name": source.display_name(), "path": source.path, "windowed": source.time.is_some()}))
            .collect();
        let hunts: Vec<_> = queries.iter().map(|query| &query.name).collect();
        let whole = json!({"plan": plan.name, "window": plan.window, "pulls": pulls, "queries": hunts, "calls_at_least": sources.len() + queries.len(), "seconds_at_least": seconds});
        print_data(&format!("{whole:#}\n"))?;
        return Ok(0);
    }
    let mut table = table(&["what", "asked", "over"]);
    for source in &sources {
        let over = if source.time.is_some() { window.clone() } else { "whole".to_owned() };
        table.add_row([format!("pull {}", source.display_name()), source.path.split('?').next().unwrap_or_default().to_owned(), over]);
    }
    for query in &queries {
        table.add_row([format!("hunt {}", query.name), "runHuntingQuery".to_owned(), window.clone()]);
    }
    let calls = sources.len() + queries.len();
    print_data(&format!(
        "{}\nat least {calls} calls; the limits alone take at least {seconds} s, and more for each page and slice more\n",
        laid_out(table, context.looked_at())
    ))?;
    Ok(0)
}

/// The least seconds that the limits take, one call a source and query, the lanes side by side.
fn least(sources: &[Source], catalogue: &Catalogue, queries: usize) -> u64 {
    let mut calls: BTreeMap<&str, u64> = BTreeMap::new();
    for source in sources {
        *calls.entry(&source.lane).or_default() += 1;
    }
    let of_lane = |(lane, calls): (&&str, &u64)| {
        let windows = catalogue.lane(lane).windows();
        windows
            .iter()
            .map(|(most, length)| calls.saturating_sub(1) / u64::from((*most).max(1)) * length.as_secs())
            .max()
            .unwrap_or_default()
    };
    let hunting = u64::try_from(queries).unwrap_or_default().saturating_sub(1) / 45 * 60;
    calls.iter().map(of_lane).max().unwrap_or_default().max(hunting)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_plan_is_sound() {
        let (file, _) = read("triage").unwrap();
        let catalogue = Catalogue::built_in().unwrap();
        assert!(file.pulls.len() > 12 && file.pulls.iter().all(|name| catalogue.find(name).is_ok()));
        assert_eq!((file.name.as_deref(), PACK.len()), (Some("triage"), 25));
        for (name, text) in PACK {
            let query = crate::kql::parse(text).unwrap_or_else(|error| panic!("{name}: {error:?}"));
            assert!(text.contains("// Finds:") && text.contains("// Technique:"), "{name}");
            assert!(!crate::kql::parameters::declared(text, &query).is_empty(), "{name} has no parameter");
        }
    }
}
