//! What single services do otherwise than the rest, and what a run leaves to the next: windows, limits, gaps, plans that repeat.

use crate::{
    pull::{LISTS, WINDOW, job, lines, options, paged, site},
    support::{
        site::{Site, listed},
        summary::sha256,
    },
};
use ircollect::lab::{Options, Pulls};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    path::Path,
    time::{Duration, Instant},
};

fn values(lines: &[String]) -> Vec<Value> {
    lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn whole(site: &Site, name: &str) -> Vec<String> {
    let (_, service, path) = LISTS.iter().find(|(known, ..)| *known == name).unwrap();
    let mut all = listed(site, *service, path);
    all.sort();
    all
}

#[test]
fn incidents_come_with_their_alerts_where_the_service_fails_at_a_list_of_them() {
    let failing = site(Pulls { expand_fails: true, ..paged(20) });
    let summary = failing.summary(0, &[&["pull", "incidents"], WINDOW].concat());
    let incidents = job(&summary, "incidents");
    let without_context = |line: &String| {
        let mut incident: Value = serde_json::from_str(line).unwrap();
        incident.as_object_mut().unwrap().remove("@odata.context");
        incident.to_string()
    };
    let expanded = whole(&site(Pulls::default()), "incidents");
    let told = |lines: &[String]| lines.iter().map(without_context).collect::<std::collections::BTreeSet<_>>();
    assert!(told(&lines(&failing, incidents)) == told(&expanded) && expanded.len() > 20);
    let notes = incidents["notes"].to_string();
    assert!(notes.contains("their alerts"), "{notes}");
}

#[test]
fn a_window_holds_what_is_in_it_and_nothing_else() {
    let plain = site(Pulls::default());
    let site = site(paged(25));
    let (from, to) = ("2026-11-02T03:04:05.1234567Z", "2026-11-12T00:00:00Z");
    let summary = site.summary(0, &["pull", "sign-ins", "alerts", "provisioning", "mde/alerts", "--from", from, "--to", to]);
    let fields = [
        ("sign-ins", "createdDateTime"),
        ("alerts", "lastUpdateDateTime"),
        ("provisioning", "activityDateTime"),
        ("mde/alerts", "lastUpdateTime"),
    ];
    let time = |text: &str| text.parse::<jiff::Timestamp>().unwrap();
    for (name, field) in fields {
        let inside = |line: &&String| {
            let at = time(serde_json::from_str::<Value>(line).unwrap()[field].as_str().unwrap());
            at >= time(from) && at < time(to)
        };
        let all = whole(&plain, name);
        let expected: Vec<&String> = all.iter().filter(inside).collect();
        let came = lines(&site, job(&summary, name));
        assert!(!expected.is_empty() && expected.len() < all.len(), "{name}");
        assert!(came.iter().collect::<Vec<_>>() == expected, "{name}: {} of {}", came.len(), expected.len());
    }
    site.verify();
}

#[test]
fn no_lane_is_asked_more_than_it_bears() {
    let end = options(Pulls::default()).end;
    let limited = Site::new(Options { end, pulls: paged(100), ..Options::default() });
    let names = ["risky-users", "risk-detections", "named-locations", "sign-ins", "directory-audits", "alerts", "mde/machines"];
    let pull = [&["pull"][..], &names, &["--from", "2026-11-17T00:00:00Z"]].concat();
    let timed = |site: &Site| {
        let started = Instant::now();
        let summary = site.summary(0, &pull);
        (summary, started.elapsed())
    };
    let (summary, took) = timed(&limited);
    let calls: u64 = summary["jobs"].as_array().unwrap().iter().map(|job| job["calls"].as_u64().unwrap()).sum();
    let refused: Vec<_> = limited.lab.seen().into_iter().filter(|seen| seen.status == 429).collect();
    assert!(refused.is_empty(), "{calls} calls: {refused:?}");
    let of = |name: &str| job(&summary, name)["calls"].as_u64().unwrap();
    let audits = of("sign-ins") + of("directory-audits");
    assert!(audits >= 2 && took.as_secs() >= (audits - 1) / 5 * 10, "{audits} calls in {took:?}");
    // And the wall is the quotas' alone, but for what the same takes without any, on a machine that may have other work meanwhile.
    let (_, open) = timed(&site(paged(100)));
    let identity = of("risky-users") + of("risk-detections") + of("named-locations");
    let quota = Duration::from_secs((audits - 1) / 5 * 10).max(Duration::from_millis((identity - 1) * 1_200));
    assert!(took < quota + open * 2 + Duration::from_secs(2), "{took:?}: quotas {quota:?}, without them {open:?}");
}

#[test]
fn a_page_that_never_comes_leaves_a_gap_that_the_next_run_closes() {
    let broken = site(Pulls { link: Some("https://127.0.0.1:1/".to_owned()), ..paged(10) });
    let names = ["sign-ins", "users", "directory-audits"];
    let partial = broken.summary(6, &[&["pull"][..], &names, WINDOW].concat());
    for name in names {
        let job = job(&partial, name);
        assert_eq!((&job["rows"], &job["status"], job["gaps"].as_array().unwrap().len()), (&10.into(), &"partial".into(), 1), "{job}");
    }
    let healthy = site(paged(50));
    let case = broken.bench.case().display().to_string();
    let run = [&["pull"][..], &names, WINDOW, &["--resume", "--json", "--case", &case]].concat();
    let resumed = healthy.run(&run).expect(0).json();
    for name in names {
        assert!(lines(&broken, job(&resumed, name)) == whole(&healthy, name), "{name}");
    }
    let again = healthy.run(&run).expect(0).json();
    let calls = healthy.lab.seen().len();
    assert!(again["jobs"].as_array().unwrap().iter().all(|job| job["calls"] == 0 && job["status"] == "complete"), "{again}");
    assert_eq!(healthy.lab.seen().len(), calls);
    broken.verify();
}

/// Path, relative to the case, and hash of every file of data.
fn hashes(case: &Path) -> BTreeMap<String, String> {
    let files = crate::support::summary::files_below(&case.join("data"));
    let one = |file: &std::path::PathBuf| {
        let path = file.strip_prefix(case).unwrap().to_str().unwrap().to_owned();
        (path, sha256(&std::fs::read(file).unwrap()))
    };
    files.iter().map(one).collect()
}

#[test]
fn the_same_plan_over_the_same_window_gives_the_same_files() {
    let site = site(paged(50));
    site.bench.write(
        "plan.toml",
        "name = \"twice\"\nformats = [\"ndjson\", \"csv\"]\npulls = [\"alerts\", \"sign-ins\", \"mde/machines\", \"xdr/incidents\", \"users\"]\nqueries = [\"q.kql\"]\n",
    );
    site.bench.write("q.kql", "DeviceInfo | project Timestamp, DeviceName");
    let run = |case: &str| {
        let found = site.run(&[&["collect", "--plan", "plan.toml", "--case", case], WINDOW].concat());
        found.expect(0);
        hashes(&site.bench.path(case))
    };
    let (one, other) = (run("one"), run("other"));
    assert_eq!(one.len(), 12, "{:?}", one.keys());
    assert_eq!(one, other);
}

#[test]
fn a_plan_leaves_out_what_the_app_may_not_read() {
    let site = site(Pulls::default()).registration("ir-other-roles");
    site.bench.write("plan.toml", "pulls = [\"alerts\", \"incidents\"]\n");
    let summary = site.run(&["collect", "--plan", "plan.toml", "--json"]).expect(0).json();
    let skipped: Vec<&str> = summary["skipped"].as_array().unwrap().iter().map(|skip| skip["permission"].as_str().unwrap()).collect();
    assert_eq!(skipped, ["SecurityAlert.Read.All", "SecurityIncident.Read.All"]);
    assert!(summary["jobs"].as_array().unwrap().is_empty() && summary["command"] == "collect");
}

#[test]
fn bodies_come_out_byte_for_byte() {
    let site = site(paged(10));
    let got = site.run(&["get", "mde:/api/machines", "--output", "-"]).expect(0);
    serde_json::from_str::<Value>(&got.stdout).unwrap();
    assert!(!got.stdout.ends_with('\n'), "nothing is added to what came");
    let two = site.run(&["get", "mde:api/machines", "--pages", "2"]).expect(0);
    assert_eq!(values(&two.stdout.lines().map(str::to_owned).collect::<Vec<_>>()).len(), 2);
}
