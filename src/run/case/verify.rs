//! `case verify`: whether a case is as it was written, and whether the signature of a sealed one is a signature.

use crate::{
    console::{self, Hashing, print_data, visible},
    error::{Error, Kind, Result},
    identity,
    journal::{Report, Trouble},
    run::Context,
    store::CaseView,
};
use serde_json::json;
use std::fmt::Write;

pub(super) fn run(context: &Context, case: &CaseView) -> Result<u8> {
    let report = verified(context, case)?;
    let data = if context.global.json {
        format!("{:#}\n", json!({ "case": case.dir().display().to_string(), "report": report }))
    } else {
        findings(case, &report)
    };
    print_data(&data)?;
    if report.ok {
        return Ok(0);
    }
    let problems = console::count(report.problems.len() as u64, "problem");
    let message = format!("the case `{}` is not as it was written: {problems}", case.dir().display());
    Err(Error::new(Kind::Disk, message).with_code("VerificationFailed").hint("keep it as it is, and compare it with a copy made earlier"))
}

/// Recomputes everything, the signature included, with a bar of the bytes that are hashed.
pub(super) fn verified(context: &Context, case: &CaseView) -> Result<Report> {
    let total = case.status().map(|status| status.bytes).unwrap_or_default();
    let bar = Hashing::new(context.console, total);
    let mut report = case.verify(&|bytes| bar.advance(bytes))?;
    bar.end();
    signature(case, &mut report);
    Ok(report)
}

fn signature(case: &CaseView, report: &mut Report) {
    let Some(signed_by) = report.signed_by.clone() else { return };
    // What is missing was named already.
    let Ok(Some(seal)) = case.seal() else { return };
    let Some(signature) = seal.signature else { return };
    match identity::check_detached(&signature, &seal.sums) {
        Ok(by) if by.sha256 == signed_by.certificate_sha256 => {}
        Ok(by) => {
            let detail = format!("it is a signature by `{}` ({}), and another certificate sealed the case", by.subject, by.sha256);
            report.add(Trouble::Changed, "SHA256SUMS.p7s", detail);
        }
        Err(error) => report.add(Trouble::Changed, "SHA256SUMS.p7s", error.message()),
    }
}

fn findings(case: &CaseView, report: &Report) -> String {
    let mut text = String::new();
    for problem in &report.problems {
        let _ = writeln!(text, "PROBLEM  {}", visible(&format!("{}: {} ({})", problem.path, problem.detail, problem.trouble)));
    }
    for note in &report.notes {
        let _ = writeln!(text, "note     {}", visible(note));
    }
    if report.sealed {
        let by = report.signed_by.as_ref();
        let by = by.map(|by| format!(", signed by {} (certificate SHA-256 {})", visible(&by.subject), visible(&by.certificate_sha256)));
        let _ = writeln!(text, "sealed{}", by.unwrap_or_default());
    }
    let verdict = if report.ok { "is as it was written" } else { "is NOT as it was written" };
    let _ = writeln!(
        text,
        "case {} {verdict}: {}, {}, {}",
        case.dir().display(),
        console::count(report.files, "file"),
        console::size(report.bytes),
        console::count(report.events, "journal event")
    );
    text
}
