//! `case status` and `case verify`: what a case holds, and whether it is as it was written.

use super::Context;
use crate::{
    cli::CaseAction,
    console::{self, print_data, visible},
    error::{Error, Kind, Result},
    journal::{GapStatus, JobStatus, Report, Status},
    store::{Case, CaseView},
    time::rfc3339,
};
use serde_json::json;
use std::fmt::Write;

pub(super) fn run(context: &Context, action: CaseAction) -> Result<u8> {
    let case = Case::read(&context.case_dir()?)?;
    match action {
        CaseAction::Status => status(context, &case),
        CaseAction::Verify => verify(context, &case),
    }
}

fn status(context: &Context, case: &CaseView) -> Result<u8> {
    let status = case.status()?;
    if context.global.json {
        let whole = json!({ "case": case.dir(), "id": case.info.id, "created": case.info.created, "tool_version": case.info.tool_version, "status": status });
        print_data(&format!("{whole:#}\n"))?;
    } else {
        print_data(&words(case, &status))?;
    }
    Ok(0)
}

fn words(case: &CaseView, status: &Status) -> String {
    let mut text = format!("case {}  (id {}, created {})\n", case.dir().display(), case.info.id, case.info.created);
    if let Some(holder) = case.running() {
        let _ = writeln!(text, "a run is at work on it: process {} on {}", holder.pid, visible(&holder.host));
    }
    let _ = writeln!(
        text,
        "{} runs, {} files, {} rows, {}; {} requests ({} failed), {:.0} s waited\n",
        status.runs.len(),
        status.files,
        console::grouped(status.rows),
        console::size(status.bytes),
        status.requests,
        status.failed_requests,
        status.waited_seconds
    );
    let mut table = console::table(&["job", "status", "rows", "files and gaps"]);
    for job in &status.jobs {
        table.add_row([visible(&job.label), job.status.clone(), console::grouped(job.rows), details(job)]);
    }
    let _ = writeln!(text, "{table}");
    for skipped in &status.skipped {
        let _ = writeln!(text, "skipped {}", visible(skipped));
    }
    text
}

fn details(job: &JobStatus) -> String {
    let gaps = job.gaps.iter().map(missing);
    let error = job.error.iter().filter(|_| job.gaps.is_empty()).cloned();
    let lines: Vec<String> = job.files.iter().cloned().chain(gaps).chain(error).map(|line| visible(&line)).collect();
    lines.join("\n")
}

fn missing(gap: &GapStatus) -> String {
    let end = |time: Option<jiff::Timestamp>| time.map(rfc3339).unwrap_or_default();
    format!("missing [{}, {}): {}", end(gap.from), end(gap.to), gap.reason)
}

fn verify(context: &Context, case: &CaseView) -> Result<u8> {
    let report = case.verify(&|_| ())?;
    let data =
        if context.global.json { format!("{:#}\n", json!({ "case": case.dir(), "report": report })) } else { findings(case, &report) };
    print_data(&data)?;
    if report.ok {
        return Ok(0);
    }
    let message = format!("the case `{}` is not as it was written: {} problems", case.dir().display(), report.problems.len());
    Err(Error::new(Kind::Disk, message).with_code("VerificationFailed").hint("keep it as it is, and compare it with a copy made earlier"))
}

fn findings(case: &CaseView, report: &Report) -> String {
    let mut text = String::new();
    for problem in &report.problems {
        let _ = writeln!(text, "PROBLEM  {}", visible(&format!("{}: {}", problem.path, problem.detail)));
    }
    for note in &report.notes {
        let _ = writeln!(text, "note     {}", visible(note));
    }
    let verdict = if report.ok { "is as it was written" } else { "is NOT as it was written" };
    let _ = writeln!(
        text,
        "case {} {verdict}: {} files, {}, {} journal events",
        case.dir().display(),
        report.files,
        console::size(report.bytes),
        report.events
    );
    text
}
