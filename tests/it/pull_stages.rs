//! Pulls that take more than one look at a list: what changes later, the unified audit log's queries, and exports as files, from a service that
//! is not the lab.

use crate::{
    loopback::Reply,
    pull_service::{Stage, WINDOW, linked, list, numbers, path, query, timed, within},
};
use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};
use std::{
    io::Write,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

#[test]
fn an_alert_that_changes_later_is_a_version_beside_the_old() {
    for format in ["ndjson", "csv"] {
        let all = Arc::new(Mutex::new(timed(40, "id", "lastUpdateDateTime")));
        let served = Arc::clone(&all);
        let stage =
            Stage::new(move |seen, _| list(&within(&served.lock().unwrap(), "lastUpdateDateTime", &query(seen, "$filter").unwrap())));
        let first = stage.pull(0, &["alerts", "--format", format, "--from", "2025-11-01", "--to", "2025-11-21"]);
        all.lock().unwrap()[5]["lastUpdateDateTime"] = json!("2025-11-21T10:00:00Z");
        let second = stage.pull(0, &["alerts", "--format", format, "--since-last"]);
        assert_eq!((&first["jobs"][0]["rows"], &second["jobs"][0]["rows"]), (&40.into(), &1.into()), "{format}");
        let old = stage.bench.case().join(first["jobs"][0]["files"][0]["path"].as_str().unwrap());
        assert!(old.exists() && stage.text(&second).contains("2025-11-21T10:00:00Z"));
        assert_eq!(stage.pull(0, &["alerts", "--format", format, "--since-last"])["jobs"][0]["rows"], 0);
        stage.bench.run(&["case", "verify"]).expect(0);
    }
}

/// An audit log whose query runs until it was looked at so often.
struct AuditLog {
    looks: usize,
    /// What becomes of each query.
    ends: &'static [&'static str],
}

/// The audit log's service, and how many queries were created.
fn audit(log: AuditLog) -> (Stage, Arc<Mutex<Vec<Value>>>) {
    let created: Arc<Mutex<Vec<Value>>> = Arc::default();
    let (queries, looks) = (Arc::clone(&created), AtomicUsize::new(0));
    let stage = Stage::new(move |seen, own| {
        let mut queries = queries.lock().unwrap();
        let marked = |value: &Value| Reply::text(200, "application/json", &format!("\u{feff}{value}"));
        let Some(rest) = path(seen).strip_prefix("/v1.0/security/auditLog/queries") else {
            return Reply::json(404, &json!({"error": {"code": "ResourceNotFound", "message": "not on beta"}}));
        };
        match rest {
            "" if seen.method == "POST" => {
                let mut query: Value = serde_json::from_str(&seen.body).unwrap();
                query["id"] = json!(format!("168ec429-{}", queries.len()));
                query["status"] = json!("notStarted");
                queries.push(query.clone());
                Reply::json(201, &query)
            }
            "" => Reply::json(200, &json!({"value": *queries})),
            id if !id.ends_with("/records") => {
                let number: usize = id.trim_start_matches("/168ec429-").parse().unwrap();
                let done = looks.fetch_add(1, Ordering::SeqCst) + 1 >= log.looks;
                queries[number]["status"] = json!(if done { log.ends[number] } else { "running" });
                marked(&queries[number])
            }
            _ if query(seen, "$skiptoken").is_none() => {
                linked(&timed(2, "id", "createdDateTime"), &format!("{own}{}?$skiptoken=x", path(seen)))
            }
            _ => list(&timed(4, "id", "createdDateTime")[2..]),
        }
    });
    (stage, created)
}

#[test]
fn an_audit_query_that_takes_too_long_is_gone_on_with() {
    let (stage, created) = audit(AuditLog { looks: 5, ends: &["succeeded"] });
    let pull = [&["audit-log"][..], &WINDOW, &["--max-wait", "1s"]].concat();
    let first = stage.pull(6, &pull);
    let job = &first["jobs"][0];
    assert_eq!((&job["error"]["code"], &job["error"]["exit"], &job["status"]), (&"AuditQueryRunning".into(), &6.into(), &"partial".into()));
    assert_eq!(job["gaps"].as_array().unwrap().len(), 1);
    assert!(job["error"]["hint"].as_str().unwrap().contains("--resume"), "{job}");
    let resumed = stage.pull(0, &[&["audit-log", "--resume"][..], &WINDOW].concat());
    assert_eq!(numbers(&stage.objects(&resumed)), [0, 1, 2, 3]);
    assert_eq!(created.lock().unwrap().len(), 1, "the query that ran is the one that is gone on with");
    let asked = stage.asked().len();
    assert_eq!(stage.pull(0, &[&["audit-log", "--resume"][..], &WINDOW].concat())["jobs"][0]["calls"], 0);
    assert_eq!(stage.server.seen().len(), stage.asked().len() + 2, "a token for each of two runs, none for the third");
    assert_eq!(stage.asked().len(), asked);
}

#[test]
fn an_audit_query_that_fails_is_a_failure() {
    for ends in [&["failed", "succeeded"], &["cancelled", "succeeded"]] {
        let (stage, created) = audit(AuditLog { looks: 2, ends });
        let summary = stage.pull(1, &[&["audit-log"][..], &WINDOW].concat());
        assert_eq!(summary["jobs"][0]["error"]["code"], "AuditQueryFailed");
        let resumed = stage.pull(0, &[&["audit-log", "--resume"][..], &WINDOW].concat());
        assert_eq!((&resumed["jobs"][0]["rows"], created.lock().unwrap().len()), (&4.into(), 2), "it is asked again");
    }
}

fn packed(rows: std::ops::Range<usize>) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    for number in rows {
        writeln!(packer, "{{\"DeviceId\":\"d{number}\",\"number\":{number}}}").unwrap();
    }
    packer.finish().unwrap()
}

/// An export of files: each list names two. What `expired` says of a file by the number of its list is refused as storage does.
fn export(snapshots: &'static [&'static str], expired: impl Fn(usize, usize) -> bool + Send + Sync + 'static) -> Stage {
    let (lists, cuts) = (AtomicUsize::new(0), AtomicUsize::new(0));
    Stage::new(move |seen, own| {
        if path(seen) == "/api/Machines/InfoGatheringExport" {
            assert_eq!(query(seen, "sasValidHours").as_deref(), Some("6"));
            let number = lists.fetch_add(1, Ordering::SeqCst);
            let made = snapshots[number.min(snapshots.len() - 1)];
            let files: Vec<String> = (0..2).map(|file| format!("{own}/files/{made}/{file}.json.gz?se=x&sig=canary{number}")).collect();
            return Reply::json(200, &json!({"exportFiles": files, "generatedTime": made}));
        }
        assert!(seen.header("authorization").is_none(), "the signature is the credential");
        let list: usize = query(seen, "sig").unwrap().trim_start_matches("canary").parse().unwrap();
        let (made, file) = path(seen).trim_start_matches("/files/").split_once('/').unwrap();
        let file: usize = file.trim_end_matches(".json.gz").parse().unwrap();
        if expired(list, file) {
            let xml = "<?xml version=\"1.0\"?><Error><Code>AuthenticationFailed</Code><Message>Signature not valid in the specified time frame</Message></Error>";
            return Reply::text(403, "application/xml", xml);
        }
        let first = if made == "old" { 0 } else { 1_000 };
        let reply = Reply::bytes(200, "application/octet-stream", packed(first + file * 100..first + file * 100 + 100));
        if cuts.fetch_add(1, Ordering::SeqCst) == 0 { reply.cut() } else { reply }
    })
}

#[test]
fn files_whose_signatures_expire_are_gone_on_with_under_new_ones() {
    let stage = export(&["old"], |list, file| file == 1 && list < 2);
    let summary = stage.pull(0, &["mde/info-gathering"]);
    assert_eq!(numbers(&stage.objects(&summary)), (0..200).collect::<Vec<_>>());
    let whole = stage.asked().iter().filter(|seen| path(seen).ends_with("/0.json.gz")).count();
    assert_eq!(whole, 2, "the first file was cut once, and never fetched again after that");
    let journal = std::fs::read_to_string(stage.bench.case().join("journal.jsonl")).unwrap();
    assert!(!journal.contains("canary"), "signatures and tokens are secrets");
}

#[test]
fn files_that_are_made_anew_meanwhile_are_fetched_anew() {
    let stage = export(&["old", "new"], |list, file| file == 1 && list < 1);
    let summary = stage.pull(0, &["mde/info-gathering"]);
    assert_eq!(numbers(&stage.objects(&summary)), (1_000..1_200).collect::<Vec<_>>(), "rows of one snapshot alone");
    let notes = summary["jobs"][0]["notes"].to_string();
    assert!(notes.contains("new files meanwhile") && notes.contains("saw it at new"), "{notes}");
}

#[test]
fn files_that_stay_refused_leave_what_came() {
    let stage = export(&["old"], |_, file| file == 1);
    let summary = stage.pull(6, &["mde/info-gathering"]);
    let job = &summary["jobs"][0];
    assert_eq!((&job["error"]["code"], &job["rows"]), (&"ExportFileRefused".into(), &100.into()));
    let again = stage.pull(6, &["mde/info-gathering", "--resume"]);
    assert_eq!(numbers(&stage.objects(&again)), (0..100).collect::<Vec<_>>(), "no row twice");
    stage.bench.run(&["case", "verify"]).expect(0);
}
