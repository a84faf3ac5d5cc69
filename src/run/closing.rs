//! The end of a command that ran jobs: the summary for people and for programs, the journal's last event, the exit code.

use super::Context;
use crate::{
    collect::report::{self, Job, Skip, Summary},
    console::{self, closing_words, print_data},
    error::{Error, Kind, Result},
    journal::{self, Event, RunEnded, RunOutcome},
};
use jiff::Timestamp;

/// What came of a run: its jobs, and what was left out.
#[derive(Default)]
pub(super) struct Outcome {
    pub(super) jobs: Vec<Job>,
    pub(super) skipped: Vec<Skip>,
}

/// Sums up what came of a command; where nothing did, the error is shown at once.
pub(super) fn summary(context: &Context, command: &'static str, outcome: Result<Outcome>) -> Summary {
    if let Err(error) = &outcome {
        context.console.error(error);
    }
    let case = context.case_dir().map(|case| case.display().to_string()).unwrap_or_default();
    summed_up(command, context.now, case, outcome)
}

fn summed_up(command: &'static str, started: Timestamp, case: String, outcome: Result<Outcome>) -> Summary {
    let (outcome, error) = match outcome {
        Ok(outcome) => (outcome, None),
        Err(error) => (Outcome::default(), Some(report::Failure::from(&error))),
    };
    let code = error.as_ref().map_or_else(|| report::exit_code(&outcome.jobs), |error| error.exit);
    Summary {
        ircollect: env!("CARGO_PKG_VERSION"),
        schema: 1,
        command,
        status: report::run_status(&outcome.jobs, code),
        started,
        ended: Timestamp::now(),
        case,
        skipped: outcome.skipped,
        jobs: outcome.jobs,
        error,
    }
}

/// Prints the summary of a command line that was not understood: whoever asked for JSON gets it.
pub(super) fn not_understood(command: &'static str, error: Error) -> Result<()> {
    print_summary(&summed_up(command, Timestamp::now(), String::new(), Err(error)))
}

/// Prints the summary of a command that runs no jobs and failed.
pub(super) fn failed(context: &Context, command: &'static str, error: &Error) -> Result<()> {
    let failure = report::Failure::from(error);
    let status = report::run_status(&[], failure.exit);
    let whole = summed_up(command, context.now, String::new(), Ok(Outcome::default()));
    print_summary(&Summary { status, error: Some(failure), ..whole })
}

fn print_summary(summary: &Summary) -> Result<()> {
    let json = serde_json::to_string(summary).map_err(|error| Error::new(Kind::Failed, "writing the summary").caused_by(error))?;
    print_data(&format!("{json}\n"))
}

/// Says and prints the summary, and returns the exit code.
pub(super) fn finish(context: &Context, summary: &Summary) -> Result<u8> {
    show_rows(context, summary);
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

/// Shows the first rows of each job to whoever sits at a terminal.
fn show_rows(context: &Context, summary: &Summary) {
    let Some(width) = context.terminal() else { return };
    for job in &summary.jobs {
        if let Some(rows) = &job.preview {
            context.console.say(&format!("{}\n{}\n", console::visible(&job.name), console::preview(rows, width)));
        }
    }
}

/// The error of a job, as one to be shown.
fn said(job: &Job, failure: &report::Failure) -> Error {
    let kind = if failure.exit == Kind::Query.exit_code() { Kind::Query } else { Kind::Failed };
    let error = Error::new(kind, format!("`{}` in tenant {}: {}", job.name, job.tenant, failure.message)).with_code(failure.code.clone());
    let error = failure.excerpt.iter().fold(error, |error, excerpt| error.with_excerpt(excerpt.clone()));
    failure.hints.iter().fold(error, Error::hint)
}

/// The journal's last event of a run.
pub(super) fn ended(outcome: &Result<Outcome>) -> Event {
    match outcome {
        Ok(Outcome { jobs, .. }) => run_ended(report::run_status(jobs, report::exit_code(jobs)), report::exit_code(jobs), None),
        Err(error) => run_ended(report::RunStatus::Failed, error.kind().exit_code(), Some(error)),
    }
}

fn run_ended(status: report::RunStatus, exit: u8, error: Option<&Error>) -> Event {
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
