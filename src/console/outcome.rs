//! The closing words of a run: what is stored where, and what is missing.

use super::visible;
use crate::collect::report::{Job, JobStatus, Summary};
use std::fmt::Write;

/// Renders the end of a run for people: a block a job, gaps and errors with their hints.
pub fn closing_words(summary: &Summary) -> String {
    let mut text = String::new();
    for job in &summary.jobs {
        one_job(&mut text, job, &whose(job, summary), &summary.case);
    }
    for skip in &summary.skipped {
        let permission = skip.permission.as_ref().map(|permission| format!(" ({permission})")).unwrap_or_default();
        let _ = writeln!(text, "skipped {}: {}{}", visible(&skip.name), visible(&skip.reason), visible(&permission));
    }
    text.truncate(text.trim_end().len());
    text
}

/// Whom a job asked: the profile is what its user calls the tenant by, unless it stands for several; files have no tenant.
fn whose(job: &Job, summary: &Summary) -> String {
    let several = summary.jobs.iter().any(|other| other.profile == job.profile && other.tenant != job.tenant);
    match job.profile.as_str() {
        "" => String::new(),
        profile if several => format!(", tenant {} of {}", visible(&job.tenant), visible(profile)),
        profile => format!(", tenant {}", visible(profile)),
    }
}

fn one_job(text: &mut String, job: &Job, whose: &str, case: &str) {
    let status = match job.status {
        JobStatus::Complete => "complete",
        JobStatus::Partial => "INCOMPLETE",
        JobStatus::Failed => "FAILED",
    };
    let retries = if job.retries > 0 { format!(", {} tried again", job.retries) } else { String::new() };
    let (rows, calls) = (count(job.rows, "row"), count(job.calls.into(), "call"));
    let _ = writeln!(text, "{}: {status}, {rows} in {calls}{retries} ({}{whose})", visible(&job.name), job.api);
    for file in &job.files {
        let _ = writeln!(text, "  {case}/{}  {}  sha256 {}", visible(&file.path), size(file.bytes), file.sha256);
    }
    if let Some(counted) = job.counted {
        let _ = writeln!(text, "  the service counted {} rows", grouped(counted));
    }
    for note in &job.notes {
        let _ = writeln!(text, "  note: {}", visible(note));
    }
    // The error of a job that failed as a whole says why, and is shown after this.
    for gap in job.gaps.iter().filter(|_| job.status != JobStatus::Failed) {
        let (from, to) = (crate::time::rfc3339(gap.window.from), crate::time::rfc3339(gap.window.to));
        let _ = writeln!(text, "  missing [{from}, {to}): {}", visible(&gap.reason));
    }
}

/// Writes a number of things: `1 row`, `2,000 rows`.
pub(crate) fn count(number: u64, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {thing}{plural}", grouped(number))
}

/// Writes a number with a comma every three digits.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Writes a number of bytes in the unit that fits.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KB", "MB", "GB", "TB"];
    if bytes < 1_000 {
        return format!("{bytes} B");
    }
    let mut tenths = bytes / 100;
    let mut unit = 0;
    while tenths >= 10_000 && unit + 1 < UNITS.len() {
        tenths /= 1_000;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(183_224), "183,224");
        assert_eq!(size(999), "999 B");
        assert_eq!(size(1_500), "1.5 KB");
        assert_eq!(size(120_000_000), "120.0 MB");
    }
}
