//! What earlier runs of a case did of the same pull: to be gone on with (`--resume`), or begun at where it ended (`--since-last`).

use crate::{
    api::catalogue::Source,
    cli::PullArgs,
    collect::report,
    journal::{self, Known},
    store::{Case, Format},
    time::Window,
};

/// A pull as it is to be done.
pub(super) struct Doing {
    /// Its id is that of the doing it goes on with.
    pub(super) job: journal::Job,
    /// The window, also of what is pulled whole.
    pub(super) window: Window,
    /// Files of earlier pulls that may hold the same objects.
    pub(super) known_in: Vec<String>,
    /// Versions that are stored in files without NDJSON.
    pub(super) known: Vec<String>,
    /// It goes on with an earlier one.
    pub(super) resumed: bool,
}

/// Settles what is left to do of `fresh`, a pull of `source` over the window of the run.
pub(super) fn doing(case: &Case, args: &PullArgs, source: &Source, fresh: journal::Job, window: Window) -> Doing {
    let since = if args.since_last { since_last(case, source, &fresh, window) } else { None };
    let Since { window, known_in, known: versions } = since.unwrap_or(Since { window, known_in: Vec::new(), known: Vec::new() });
    let fresh = journal::Job { window: fresh.window.map(|_| window), ..fresh };
    let known = if args.resume { earlier(case, args, &fresh) } else { None };
    let resumed = known.is_some();
    let job = known.map_or_else(|| fresh.clone(), |known| journal::Job { id: known.id.clone(), window: known.window, ..fresh.clone() });
    Doing { window: job.window.unwrap_or(window), job, known_in, known: versions, resumed }
}

/// Returns the report of a pull that `--resume` would go on with and of which nothing is left to do.
pub(super) fn whole(
    case: &Case,
    args: &PullArgs,
    source: &Source,
    fresh: journal::Job,
    window: Window,
    formats: &[Format],
) -> Option<report::Job> {
    let doing = doing(case, args, source, fresh, window);
    let known = case.jobs().iter().rfind(|known| doing.resumed && known.job.id == doing.job.id)?;
    let ended = known.ended.as_ref().filter(|ended| ended.status == journal::Outcome::Complete)?;
    let stored = |format: &Format| known.files.iter().any(|file| file.format == format.name());
    formats.iter().all(stored).then(|| report::Job {
        tenant: known.job.tenant.clone(),
        profile: known.job.profile.clone(),
        api: known.job.api.clone(),
        rows: ended.rows,
        counted: ended.counted,
        counted_at: ended.counted_at,
        difference: report::difference(ended.rows, ended.counted),
        files: known.files.iter().map(Into::into).collect(),
        notes: vec!["it was whole already: nothing was asked".to_owned()],
        ..report::Job::empty(report::JobKind::Pull, &known.job.name, doing.window)
    })
}

fn is_same(known: &Known, fresh: &journal::Job) -> bool {
    known.job.window.is_some() && known.job.is_same_work(&journal::Job { window: known.job.window, ..fresh.clone() })
}

/// From where the last complete pull of a source ended, less what turns up late, and what may hold the same.
struct Since {
    window: Window,
    known_in: Vec<String>,
    known: Vec<String>,
}

fn since_last(case: &Case, source: &Source, fresh: &journal::Job, window: Window) -> Option<Since> {
    fresh.window?;
    let complete = |known: &&Known| known.ended.as_ref().is_some_and(|ended| ended.status == journal::Outcome::Complete);
    let earlier = case.jobs().iter().filter(complete).filter(|known| is_same(known, fresh));
    let earlier: Vec<_> = earlier.filter_map(|known| Some((known.job.window?.to, known))).collect();
    let last = earlier.iter().map(|(to, _)| *to).max()?;
    let window = Window::new(last.checked_sub(source.lateness).ok()?, window.to).ok()?;
    let overlapping = || earlier.iter().filter(|(to, _)| *to > window.from).map(|(_, known)| known);
    let ndjson = overlapping().flat_map(|known| &known.files).filter(|file| file.format == Format::Ndjson.name());
    let known_in = ndjson.map(|file| file.path.clone()).collect();
    let known = overlapping().flat_map(|known| case.jobs().versions(&known.job.id)).cloned().collect();
    Some(Since { window, known_in, known })
}

/// The doing that `--resume` goes on with: of the same window, or, where that was given as a length, of one as long.
fn earlier<'a>(case: &'a Case, args: &PullArgs, fresh: &journal::Job) -> Option<&'a journal::Job> {
    if let Some(known) = case.jobs().latest(fresh) {
        return Some(&known.job);
    }
    let relative = args.from.is_none() && args.to.is_none();
    let as_long = |known: &&Known| {
        let lengths = (known.job.window.map(Window::length), fresh.window.map(Window::length));
        is_same(known, fresh) && (args.since_last || lengths.0 == lengths.1)
    };
    case.jobs().iter().filter(|_| relative).rfind(as_long).map(|known| &known.job)
}
