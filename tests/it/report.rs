//! The report of a case, made by the binary and shown by a browser that is not ours.

use crate::support::Bench;
use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// A headless browser, or a loud skip.
fn browser() -> Option<&'static str> {
    let found =
        ["chromium", "chromium-browser", "google-chrome"].into_iter().find(|name| Command::new(name).arg("--version").output().is_ok());
    if found.is_none() {
        eprintln!("SKIPPED: no Chromium is here to show the report");
    }
    found
}

fn show(browser: &str, profile: &Path, arguments: &[&str], page: &Path) -> String {
    let mut command = Command::new(browser);
    command.args(["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run", "--disable-extensions"]);
    command.arg(format!("--user-data-dir={}", profile.display())).args(arguments).arg(format!("file://{}", page.display()));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A case with a gap, and rows that would run if anything did.
fn hostile(bench: &Bench) -> PathBuf {
    let dir = bench.case();
    crate::case::run(&dir, "1");
    let case = crate::case::open(&dir);
    let script =
        r#"{"a":"<script>document.title='run'</script><img src=x onerror=\"document.title='run'\"><svg onload=\"document.title='run'\">"}"#;
    crate::case::store(&case, "1\"><script>document.title='run'</script>", &[script], &[]).unwrap();
    dir
}

#[test]
fn a_browser_runs_nothing_of_it() {
    let Some(browser) = browser() else { return };
    let bench = Bench::new();
    hostile(&bench);
    bench.run(&["case", "report"]).expect(0);
    let page = bench.path("ircollect-case-report.html");
    let shown = show(browser, &bench.path("profile"), &["--dump-dom", "--virtual-time-budget=2000"], &page);
    assert!(shown.contains("<title>ircollect-case: what was collected</title>"), "{shown:.400}");
    assert!(!shown.contains("<script") && !shown.contains("<img") && shown.contains("&lt;script&gt;"));
}

#[test]
fn it_stands_beside_the_case_or_where_it_is_wanted() {
    let bench = Bench::new();
    hostile(&bench);
    bench.run(&["case", "report"]).expect(0);
    let beside = std::fs::read_to_string(bench.path("ircollect-case-report.html")).unwrap();
    assert!(beside.starts_with("<!doctype html>") && beside.trim_end().ends_with("</html>"));
    assert!(bench.run(&["case", "report", "--output", "-"]).expect(0).stdout.starts_with("<!doctype html>"));
    bench.run(&["case", "report", "--output", "missing/x.html"]).expect(7);
    bench.run(&["case", "seal"]).expect(0);
    bench.run(&["case", "report", "--output", "ircollect-case/x.html"]).expect(7);
    bench.run(&["case", "report", "--output", "there.html"]).expect(0);
    bench.run(&["case", "verify"]).expect(0);
}

#[test]
fn rows_that_it_does_not_read_are_said_to_be_there() {
    let bench = Bench::new();
    crate::export::store_csv(&bench, "tables only");
    let page = bench.run(&["case", "report", "--output", "-"]).expect(0).stdout;
    assert!(page.contains("stored as csv, not as NDJSON"), "{page}");
}

#[cfg(feature = "lab")]
mod of_a_tenant {
    use super::*;
    use crate::support::site::{Site, generous};
    use ircollect::lab::Options;

    /// Hunts with a query that is cut, one that fails, alerts, and one that is whole.
    fn collected() -> Site {
        let end = "2026-06-30T12:00:00Z".parse().unwrap();
        let site = Site::new(Options { end: Some(end), ..generous() });
        let window = ["--from", "2026-06-01", "--to", "2026-06-30"];
        let queries = [
            "AlertInfo",
            "DeviceProcessEvents | project Timestamp, DeviceName, FileName, ProcessCommandLine",
            "DeviceLogonEvents | where ActionType == 'LogonFailed'",
            "NoSuchTable | take 1",
        ];
        for query in queries {
            site.run(&[&["hunt", "--kql", query], &window[..]].concat());
        }
        site
    }

    #[test]
    fn looks_right_light_dark_and_on_paper() {
        let site = collected();
        site.run(&["case", "report"]).expect(0);
        let page = site.bench.path("ircollect-case-report.html");
        let text = std::fs::read_to_string(&page).unwrap();
        for part in ["rows by day", "InitialAccess", "medium", "AlertInfo", "NoSuchTable", "Sources nobody asked for"] {
            assert!(text.contains(part), "no `{part}`");
        }
        let Some(browser) = browser() else { return };
        let keep = std::env::var_os("IRCOLLECT_SCREENSHOTS").map(PathBuf::from);
        let folder = keep.unwrap_or_else(|| site.bench.path("shots"));
        std::fs::create_dir_all(&folder).unwrap();
        let shot = |name: &str, more: &[&str]| {
            let path = folder.join(name);
            let to = format!("--screenshot={}", path.display());
            show(browser, &site.bench.path("profile"), &[&[to.as_str(), "--window-size=1200,3600"], more].concat(), &page);
            assert!(path.metadata().unwrap().len() > 40_000, "{name} is hardly a picture of a page");
        };
        shot("light.png", &[]);
        shot("dark.png", &["--force-dark-mode"]);
        shot("narrow.png", &["--window-size=420,3600"]);
        let pdf = folder.join("paper.pdf");
        show(browser, &site.bench.path("profile"), &[&format!("--print-to-pdf={}", pdf.display())], &page);
        assert!(pdf.metadata().unwrap().len() > 20_000);
    }
}
