//! Pulls against the lab: whole whatever the paging and the faults, nothing twice, the token nowhere else.

use crate::support::site::{Site, generous, listed};
use ircollect::lab::{Options, Orders, Pulls, Service};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::TcpListener,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

const END: &str = "2026-11-20T00:00:00Z";
pub(crate) const WINDOW: &[&str] = &["--from", "2026-10-20T00:00:00Z", "--to", "2026-11-21T00:00:00Z"];

pub(crate) fn options(pulls: Pulls) -> Options {
    Options { end: Some(END.parse().unwrap()), pulls: Pulls { unlimited: true, ..pulls }, ..generous() }
}

pub(crate) fn site(pulls: Pulls) -> Site {
    Site::new(options(pulls))
}

fn faulty(pulls: Pulls) -> Site {
    let faults = ["throttle=0.02", "unavailable=0.02", "html=0.01", "cut=0.02", "malformed=0.01", "drop=0.01", "expired-token=0.01"];
    let faults = faults.iter().map(|fault| fault.parse().unwrap()).collect();
    Site::new(Options { faults, throttle_wait: std::time::Duration::from_millis(200), ..options(pulls) })
}

pub(crate) fn paged(page: usize) -> Pulls {
    Pulls { page: Some(page), ..Pulls::default() }
}

/// The lines of a job's file, sorted.
pub(crate) fn lines(site: &Site, job: &Value) -> Vec<String> {
    let files = job["files"].as_array().unwrap();
    assert_eq!(files.len(), 1, "{job}");
    let path: PathBuf = site.bench.case().join(files[0]["path"].as_str().unwrap());
    let mut lines: Vec<String> = std::fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

pub(crate) fn job<'a>(summary: &'a Value, name: &str) -> &'a Value {
    summary["jobs"].as_array().unwrap().iter().find(|job| job["name"] == name).unwrap_or_else(|| panic!("no job {name}: {summary}"))
}

/// Name, service, path, and whether its pages go by `$skip`.
pub(crate) const LISTS: &[(&str, Service, &str)] = &[
    ("alerts", Service::Graph, "/v1.0/security/alerts_v2"),
    ("incidents", Service::Graph, "/v1.0/security/incidents?$expand=alerts"),
    ("secure-scores", Service::Graph, "/v1.0/security/secureScores"),
    ("secure-score-control-profiles", Service::Graph, "/v1.0/security/secureScoreControlProfiles"),
    ("risky-users", Service::Graph, "/v1.0/identityProtection/riskyUsers"),
    ("risk-detections", Service::Graph, "/v1.0/identityProtection/riskDetections"),
    ("risky-service-principals", Service::Graph, "/v1.0/identityProtection/riskyServicePrincipals"),
    ("service-principal-risk-detections", Service::Graph, "/v1.0/identityProtection/servicePrincipalRiskDetections"),
    ("sign-ins", Service::Graph, "/v1.0/auditLogs/signIns"),
    ("directory-audits", Service::Graph, "/v1.0/auditLogs/directoryAudits"),
    ("provisioning", Service::Graph, "/v1.0/auditLogs/provisioning"),
    ("users", Service::Graph, "/v1.0/users"),
    ("groups", Service::Graph, "/v1.0/groups"),
    ("devices", Service::Graph, "/v1.0/devices"),
    ("managed-devices", Service::Graph, "/v1.0/deviceManagement/managedDevices"),
    ("applications", Service::Graph, "/v1.0/applications"),
    ("service-principals", Service::Graph, "/v1.0/servicePrincipals"),
    ("oauth2-grants", Service::Graph, "/v1.0/oauth2PermissionGrants"),
    ("directory-roles", Service::Graph, "/v1.0/directoryRoles"),
    ("role-assignments", Service::Graph, "/v1.0/roleManagement/directory/roleAssignments"),
    ("conditional-access-policies", Service::Graph, "/v1.0/identity/conditionalAccess/policies"),
    ("named-locations", Service::Graph, "/v1.0/identity/conditionalAccess/namedLocations"),
    ("authentication-methods", Service::Graph, "/v1.0/reports/authenticationMethods/userRegistrationDetails"),
    ("organization", Service::Graph, "/v1.0/organization"),
    ("domains", Service::Graph, "/v1.0/domains"),
    ("subscribed-skus", Service::Graph, "/v1.0/subscribedSkus"),
    ("xdr/incidents", Service::Xdr, "/api/incidents"),
    ("mde/alerts", Service::Mde, "/api/alerts"),
    ("mde/machines", Service::Mde, "/api/machines"),
    ("mde/machine-actions", Service::Mde, "/api/machineactions"),
    ("mde/investigations", Service::Mde, "/api/investigations"),
    ("mde/indicators", Service::Mde, "/api/indicators"),
    ("mde/vulnerabilities", Service::Mde, "/api/vulnerabilities"),
    ("mde/machine-vulnerabilities", Service::Mde, "/api/vulnerabilities/machinesVulnerabilities"),
    ("mde/recommendations", Service::Mde, "/api/recommendations"),
    ("mde/software", Service::Mde, "/api/Software"),
    ("mde/remediation-tasks", Service::Mde, "/api/remediationTasks"),
    ("mde/device-av-health", Service::Mde, "/api/deviceavinfo"),
    ("mde/library-files", Service::Mde, "/api/libraryfiles"),
    ("mde/software-inventory", Service::Mde, "/api/machines/SoftwareInventoryByMachine"),
    ("mde/software-vulnerabilities", Service::Mde, "/api/machines/SoftwareVulnerabilitiesByMachine"),
    ("mde/secure-configurations", Service::Mde, "/api/machines/SecureConfigurationsAssessmentByMachine"),
    ("mde/browser-extensions", Service::Mde, "/api/Machines/BrowserExtensionsInventoryByMachine"),
    ("mde/certificates", Service::Mde, "/api/machines/certificateAssessmentByMachine"),
    ("mde/hardware-firmware", Service::Mde, "/api/machines/HardwareFirmwareInventoryByMachine"),
    ("mde/baseline-compliance", Service::Mde, "/api/machines/baselineComplianceAssessmentByMachine"),
];

#[test]
fn the_list_needs_nothing() {
    let bench = crate::support::Bench::new();
    let table = bench.run(&["pull", "--list"]).expect(0).stdout;
    assert!(table.contains("graph/alerts") && table.contains("mde/info-gathering") && table.contains("5/10 s"), "{table}");
    let json = bench.run(&["pull", "--list", "--json"]).expect(0).json();
    let sources = json["sources"].as_array().unwrap();
    assert!(sources.len() >= 50 && sources.iter().all(|source| source["readable"].is_null()));
}

#[test]
fn every_source_comes_whole_through_small_pages_and_faults() {
    let plain = site(Pulls::default());
    let hostile = faulty(paged(60));
    let summary = hostile.summary(0, &[&["pull", "--all"], WINDOW].concat());
    let retries: u64 = summary["jobs"].as_array().unwrap().iter().map(|job| job["retries"].as_u64().unwrap()).sum();
    assert!(retries > 5, "{retries} retries");
    for (name, service, path) in LISTS {
        let mut expected = listed(&plain, *service, path);
        expected.sort();
        let job = job(&summary, name);
        assert_eq!((&job["status"], &job["kind"]), (&Value::from("complete"), &Value::from("pull")), "{job}");
        let came = lines(&hostile, job);
        assert!(!expected.is_empty(), "{name}: the lab has none");
        assert_eq!(came.len(), expected.len(), "{name}");
        assert!(came == expected, "{name}");
    }
    for name in ["mde/exposure-score", "mde/configuration-score"] {
        assert_eq!(job(&summary, name)["rows"], 1);
    }
    let audit = plain.summary(0, &[&["pull", "audit-log"], WINDOW].concat());
    let expected = lines(&plain, job(&audit, "audit-log"));
    assert!(expected.len() > 100 && lines(&hostile, job(&summary, "audit-log")) == expected);
    assert!(job(&summary, "mde/info-gathering")["rows"].as_u64().unwrap() > 10);
    hostile.verify();
}

#[test]
fn mde_comes_whole_by_skip_and_by_files_through_faults() {
    let plain = site(Pulls::default());
    let hostile = faulty(Pulls { unlinked: true, too_large: true, signatures_last: Some(3), ..paged(40) });
    let of_mde = LISTS.iter().filter(|(_, service, _)| *service != Service::Graph);
    let names: Vec<&str> = of_mde.clone().map(|(name, ..)| *name).filter(|name| *name != "mde/library-files").collect();
    let summary = hostile.summary(0, &[&["pull"][..], &names, WINDOW].concat());
    for (name, service, path) in of_mde.filter(|(name, ..)| names.contains(name)) {
        let mut expected = listed(&plain, *service, path);
        expected.sort();
        assert!(lines(&hostile, job(&summary, name)) == expected, "{name}");
    }
    hostile.verify();
}

/// Ids of the objects in lines.
fn ids(lines: &[String], id: &str) -> BTreeSet<String> {
    lines.iter().map(|line| serde_json::from_str::<Value>(line).unwrap()[id].to_string()).collect()
}

#[test]
fn lists_that_move_lose_nothing_and_hold_each_version_once() {
    let plain = site(Pulls::default());
    for (names, pulls) in [
        (&["alerts", "incidents", "xdr/incidents", "mde/alerts", "sign-ins"][..], Pulls { moving: true, ..paged(9) }),
        (&["mde/alerts", "mde/machine-actions", "mde/machines"][..], Pulls { moving: true, unlinked: true, ..paged(9) }),
        (&["alerts"][..], Pulls { moving: true, orders: Orders::Refused, ..paged(9) }),
        (&["alerts"][..], Pulls { moving: true, orders: Orders::Ignored, ..paged(9) }),
    ] {
        // The window's end is open: what is updated meanwhile is taken as it is then.
        let moving = site(pulls.clone());
        let arguments = [&["pull"], names, &["--from", "2026-10-20T00:00:00Z"]].concat();
        let summary = moving.summary(0, &arguments);
        for name in names {
            let (_, service, path) = LISTS.iter().find(|(known, ..)| known == name).unwrap();
            let id = if *name == "xdr/incidents" { "incidentId" } else { "id" };
            let came = lines(&moving, job(&summary, name));
            let first = ids(&listed(&plain, *service, path), id);
            let missing: Vec<_> = first.difference(&ids(&came, id)).cloned().collect();
            assert!(missing.is_empty(), "{name} {pulls:?}: {missing:?}");
            let mut once = came.clone();
            once.dedup();
            assert_eq!(once.len(), came.len(), "{name} {pulls:?}: versions come twice");
        }
    }
}

#[test]
fn expired_links_and_refused_sizes_lose_nothing() {
    let plain = site(Pulls::default());
    let site = site(Pulls { links_last: Some(3), ..paged(100) });
    let summary = site.summary(0, &[&["pull", "sign-ins", "directory-audits"], WINDOW].concat());
    for name in ["sign-ins", "directory-audits"] {
        let (_, service, path) = LISTS.iter().find(|(known, ..)| *known == name).unwrap();
        let mut expected = listed(&plain, *service, path);
        expected.sort();
        assert!(lines(&site, job(&summary, name)) == expected, "{name}");
    }
}

/// A host that counts who comes.
fn other_host() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (port, count) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&count);
    std::thread::spawn(move || {
        for _ in listener.incoming().flatten() {
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    (port, count)
}

#[test]
fn links_to_elsewhere_are_refused_and_the_token_stays() {
    let (port, came) = other_host();
    for link in [
        format!("https://127.0.0.1:{port}/v1.0/users?$skiptoken=x"),
        format!("http://127.0.0.1:{port}/v1.0/users"),
        format!("https://localhost:{port}/v1.0/users"),
        format!("https://user@127.0.0.1:{port}/"),
        "https://gr\u{430}ph.microsoft.com/v1.0/users".to_owned(),
        format!("//127.0.0.1:{port}/v1.0/users?$skiptoken=x"),
        "users?$skiptoken=x".to_owned(),
    ] {
        let site = site(Pulls { link: Some(link.clone()), ..paged(10) });
        let summary = site.summary(6, &["pull", "users"]);
        let job = job(&summary, "users");
        assert_eq!(
            (&job["status"], &job["error"]["code"], &job["rows"]),
            (&"partial".into(), &"ForeignOrigin".into(), &10.into()),
            "{link}: {job}"
        );
        assert_eq!(job["gaps"].as_array().unwrap().len(), 1, "{link}");
        let got = site.run(&["get", "graph:/v1.0/users", "--pages", "all"]).expect(1);
        assert_eq!(got.stdout.lines().count(), 1, "{link}");
    }
    assert_eq!(came.load(Ordering::SeqCst), 0, "the other host was called");
    for link in ["{self}", "https://127.0.0.1:1/"] {
        let site = site(Pulls { link: Some(link.to_owned()), ..paged(10) });
        site.summary(6, &["pull", "users", "alerts", "--api", "graph"]);
    }
}

#[test]
fn exports_come_as_files_where_pages_fail_and_cut_files_give_no_row_twice() {
    let plain = site(Pulls::default());
    let quirks = Pulls { too_large: true, signatures_last: Some(4), ..Pulls::default() };
    let site = Site::new(Options { faults: vec!["cut=0.3".parse().unwrap()], ..options(quirks) });
    let summary = site.summary(0, &["pull", "mde/software-inventory", "mde/info-gathering"]);
    let mut expected = listed(&plain, Service::Mde, "/api/machines/SoftwareInventoryByMachine");
    expected.sort();
    let own = job(&summary, "mde/software-inventory");
    assert_eq!(lines(&site, own).len(), expected.len());
    assert!(lines(&site, own) == expected);
    let journal = std::fs::read_to_string(site.bench.case().join("journal.jsonl")).unwrap();
    assert!(journal.contains("tvm-export") && !journal.contains("canary"), "the signature is a credential");
    site.verify();
}

#[test]
fn the_audit_log_is_queried_in_halves_where_it_is_too_much() {
    let plain = site(Pulls::default());
    let all = plain.summary(0, &[&["pull", "audit-log"], WINDOW].concat());
    let beta = site(Pulls { beta_audit: true, audit_limit: Some(400), ..paged(50) });
    let halved = beta.summary(0, &[&["pull", "audit-log"], WINDOW].concat());
    let (one, other) = (lines(&plain, job(&all, "audit-log")), lines(&beta, job(&halved, "audit-log")));
    assert!(one.len() > 400 && one == other, "{} {}", one.len(), other.len());
}

#[test]
fn what_lacks_a_licence_or_permission_is_left_out_and_said() {
    let site = site(Pulls { unlicensed: true, ..Pulls::default() });
    let summary = site.summary(0, &["pull", "--all", "--api", "mde"]);
    let skipped: BTreeMap<&str, &Value> =
        summary["skipped"].as_array().unwrap().iter().map(|skip| (skip["name"].as_str().unwrap(), skip)).collect();
    assert!(skipped["mde/software"]["reason"].as_str().unwrap().contains("No Tvm license"), "{skipped:?}");
    assert!(!skipped.contains_key("mde/machines"));
    let named = site.summary(4, &["pull", "mde/software"]);
    assert_eq!((&named["jobs"][0]["error"]["exit"], &named["skipped"][0]["name"]), (&4.into(), &"mde/software".into()));
    let bare = site.registration("ir-other-roles");
    let summary = bare.run(&["pull", "--all", "--api", "graph", "--json"]).expect(0).json();
    let alerts = summary["skipped"].as_array().unwrap().iter().find(|skip| skip["name"] == "alerts").unwrap().clone();
    assert_eq!(alerts["permission"], "SecurityAlert.Read.All");
    bare.summary(4, &["pull", "alerts"]);
}

#[test]
fn no_machines_is_none_and_no_failure() {
    let site = site(Pulls { no_machines: true, ..Pulls::default() });
    let summary = site.summary(0, &["pull", "mde/machines"]);
    assert_eq!(job(&summary, "mde/machines")["rows"], 0);
}

#[test]
fn since_last_takes_what_is_new_and_resume_what_is_left() {
    let site = site(paged(20));
    let first = site.summary(0, &["pull", "alerts", "users", "--from", "2026-10-20T00:00:00Z"]);
    assert!(job(&first, "alerts")["rows"].as_u64().unwrap() > 20);
    let again = site.summary(0, &["pull", "alerts", "--since-last"]);
    assert_eq!(job(&again, "alerts")["rows"], 0, "{again}");
    let resumed = site.summary(0, &["pull", "users", "--resume"]);
    assert_eq!((&job(&resumed, "users")["calls"], &job(&resumed, "users")["rows"]), (&0.into(), &job(&first, "users")["rows"]));
    let filtered = site.summary(0, &["pull", "alerts", "--from", "2026-10-20T00:00:00Z", "--filter", "severity eq 'high'"]);
    let high = lines(&site, job(&filtered, "alerts"));
    assert!(!high.is_empty() && high.iter().all(|line| line.contains(r#""severity":"high""#)));
    site.run(&["pull", "alerts", "--filter", "title eq 'x'"]).expect(5);
    site.verify();
}

#[test]
fn get_follows_pages_on_demand_and_keeps_the_token_home() {
    let site = site(paged(10));
    let one = site.run(&["get", "graph:/v1.0/users"]).expect(0);
    assert!(one.stdout.starts_with(r#"{"@odata.context""#) && one.stdout.lines().count() == 1);
    let all = site.run(&["get", &format!("{}/v1.0/users", site.lab.url(Service::Graph)), "--pages", "all"]).expect(0);
    let users: usize = all.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["value"].as_array().unwrap().len()).sum();
    assert!(users > 30, "{users}");
    let file = site.bench.path("machines.json");
    site.run(&["get", "mde:/api/machines", "--pages", "2", "--output", file.to_str().unwrap()]).expect(0);
    assert_eq!(std::fs::read_to_string(file).unwrap().lines().count(), 2);
    let (port, came) = other_host();
    let refused = site.run(&["get", &format!("https://127.0.0.1:{port}/v1.0/users")]).expect(2);
    assert!(refused.stderr.contains("--scope"), "{}", refused.stderr);
    assert_eq!(came.load(Ordering::SeqCst), 0);
    site.run(&["get", "graph:/v1.0/nothing"]).expect(5);
}

#[test]
fn sources_of_the_configuration_are_sources() {
    let own = "\n[sources.my-users]\napi = \"graph\"\npath = \"/v1.0/users?$select=id&$filter=accountEnabled eq true\"\ntime_field = \"createdDateTime\"\n";
    let site = site(paged(10)).configured(|toml| format!("{toml}{own}"));
    let list = site.run(&["pull", "--list", "--json"]).expect(0).json();
    let mine = list["sources"].as_array().unwrap().iter().find(|source| source["name"] == "graph/my-users").unwrap().clone();
    assert_eq!(mine["time_field"], "createdDateTime");
    assert!(list["sources"].as_array().unwrap().iter().any(|source| source["readable"] == true));
    site.summary(0, &["pull", "my-users", "--from", "2016-01-01"]);
    let near = site.run(&["pull", "my-user"]).expect(2).stderr;
    assert!(near.contains("did you mean `graph/my-users`?"), "{near}");
    let far = site.run(&["pull", "nowhere"]).expect(2).stderr;
    assert!(!far.contains("did you mean") && far.contains("pull --list"), "{far}");
}

#[test]
fn the_built_in_plan_finds_the_intrusion() {
    let site = site(Pulls::default());
    let explained = site.run(&["collect", "--plan", "triage", "--explain", "--json"]).expect(0).json();
    assert!(explained["calls_at_least"].as_u64().unwrap() >= 40, "{explained}");
    let summary = site.summary(0, &["collect", "--plan", "triage", "--from", "2026-10-21T00:00:00Z", "--to", END]);
    let jobs = summary["jobs"].as_array().unwrap();
    let hunts: Vec<&Value> = jobs.iter().filter(|job| job["kind"] == "hunt").collect();
    assert_eq!(hunts.len(), 25);
    assert!(hunts.iter().all(|job| job["status"] == "complete" && job["file"].as_str().unwrap().starts_with("triage/")));
    let empty: Vec<&Value> = hunts.iter().filter(|job| job["rows"] == 0).map(|job| &job["name"]).collect();
    assert!(empty.len() <= 3, "queries without a row: {empty:?}");
    let text: String = site.files().iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
    for trace in ["mlindqvist", "tf-ws-017", "MailSync Pro", "203.0.113.66", "rclone", "svc_backup2"] {
        assert!(text.contains(trace), "{trace} is not in the case");
    }
    let page = site.bench.path("report.html");
    site.run(&["case", "report", "--output", page.to_str().unwrap()]).expect(0);
    let page = std::fs::read_to_string(page).unwrap();
    for (what, name) in [("user", "mlindqvist"), ("host", "tf-ws-017"), ("app", "MailSync Pro")] {
        assert!(page.contains(name), "the report does not name the {what} {name}");
    }
    site.verify();
}

#[test]
fn plans_of_ones_own_take_sources_queries_and_parameters() {
    let site = site(Pulls::default());
    site.bench
        .write("plan/queries/one.kql", "declare query_parameters(names:dynamic);\nDeviceInfo | where DeviceName has_any (names) | take 3");
    site.bench.write("plan/names.txt", "tf-ws-017\n");
    site.bench.write(
        "plan/plan.toml",
        "name = \"mine\"\nlast = \"60d\"\nformats = [\"ndjson\"]\npulls = [\"users\"]\nqueries = [\"queries\"]\nparams = { names = \"@names.txt\" }\n",
    );
    let summary = site.summary(0, &["collect", "--plan", "plan/plan.toml"]);
    assert_eq!(summary["jobs"].as_array().unwrap().len(), 2);
    site.run(&["collect", "--plan", "nothing.toml"]).expect(2);
    // All is whole: nobody is called, not even for a token.
    let called = site.lab.seen().len();
    let again = site.summary(0, &["collect", "--plan", "plan/plan.toml", "--resume"]);
    assert_eq!(site.lab.seen().len(), called);
    let jobs = again["jobs"].as_array().unwrap();
    assert!(jobs.len() == 2 && jobs.iter().all(|job| job["status"] == "complete" && job["calls"] == 0 && job["rows"] != 0), "{again}");
    site.verify();
}
