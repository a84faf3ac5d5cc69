//! Packs and parameters, by the real binary: published collections as their authors keep them, hostile folders, values of every kind.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "a test writes plain files")]

use crate::support::{Bench, shared};
use ircollect::{
    api::hunting::{Answer, Column, Rows},
    collect::{
        Effort, Filling, HuntJob, Hunter, Observer, Question, SliceMode, Subject, fill, hunt,
        pack::{FileKind, queries},
        report,
    },
    error::{Error, Kind, Result},
    journal,
    store::Case,
    time::Window,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

fn explained(bench: &Bench, code: i32, arguments: &[&str]) -> Vec<Value> {
    let arguments = [&["hunt", "--explain", "--json", "--from", "2026-01-01", "--to", "2026-01-31"], arguments].concat();
    bench.run(&arguments).expect(code).json()["queries"].as_array().unwrap().clone()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

fn names(queries: &[Value]) -> Vec<&str> {
    queries.iter().map(|query| text(&query["name"])).collect()
}

fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(8).fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}

/// What the index says of a query, by its path and block.
type Index = BTreeMap<(String, u64), Value>;

/// The corpus, and by (path, block) what its index says of each query.
fn corpus() -> Option<(String, Index)> {
    let folder = shared("data/queries")?;
    let index: Value = serde_json::from_str(&std::fs::read_to_string(folder.join("index.json")).unwrap()).unwrap();
    let entries = index["index"].as_array().unwrap().iter();
    let entries = entries.map(|entry| ((text(&entry["path"]).to_owned(), entry["n"].as_u64().unwrap()), entry.clone()));
    Some((folder.display().to_string(), entries.collect()))
}

#[test]
fn a_published_collection_is_taken_whole() {
    let Some((folder, index)) = corpus() else { return };
    let bench = Bench::new();
    let found = explained(&bench, 5, &["--pack", &folder]);
    let key = |query: &Value| {
        let path = Path::new(text(&query["file"])).strip_prefix(&folder).unwrap();
        (path.to_str().unwrap().replace('\\', "/"), query["block"].as_u64().unwrap_or(0))
    };
    let taken: BTreeMap<_, _> = found.iter().map(|query| (key(query), query)).collect();
    assert_eq!(taken.len(), found.len(), "one entry a query");
    let lacking: Vec<_> = index.keys().filter(|key| !taken.contains_key(*key)).collect();
    assert!(lacking.is_empty(), "{lacking:?}");
    // The index lists a text once; files hold repetitions of it for another product, in blocks of their own.
    let beyond: Vec<_> = taken.keys().filter(|key| !index.contains_key(*key)).collect();
    assert!(beyond.iter().all(|(path, _)| Path::new(path).extension().is_some_and(|extension| extension == "md")), "{beyond:?}");
    let differing: Vec<_> = index.iter().filter(|(key, entry)| taken[*key]["ok"] != entry["parses"]).collect();
    assert!(differing.is_empty(), "{differing:#?}");
    let unique: BTreeSet<String> = names(&found).iter().map(|name| name.to_lowercase()).collect();
    assert_eq!(unique.len(), found.len());
    assert!(unique.iter().all(|name| name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))));
    assert_eq!(names(&explained(&bench, 5, &["--pack", &folder])), names(&found), "the same names in every run");
}

#[test]
fn the_texts_are_those_that_were_published() {
    let Some((folder, index)) = corpus() else { return };
    let known: BTreeSet<&str> = index.values().map(|entry| text(&entry["sha256"])).collect();
    let files: BTreeSet<&String> = index.keys().map(|(path, _)| path).collect();
    let mut beyond = Vec::new();
    for path in files {
        let kind = FileKind::of(Path::new(path)).unwrap();
        let content = std::fs::read_to_string(Path::new(&folder).join(path)).unwrap();
        for found in queries(kind, &content).unwrap() {
            match index.get(&(path.clone(), found.block as u64)) {
                Some(entry) if kind != FileKind::Rule => assert_eq!(digest(&found.text), text(&entry["sha256"]), "{path}#{}", found.block),
                Some(_) => {
                    assert!(found.rule.is_some_and(|rule| rule.id.is_some()) && content.contains(found.text.lines().next().unwrap()));
                }
                None if known.contains(digest(&found.text).as_str()) => {}
                None => beyond.push(format!("{path}#{}", found.block)),
            }
        }
    }
    // Seen in the files: blocks of KQL that the index leaves out as equal to another but for space.
    assert!(beyond.len() <= 8, "{beyond:#?}");
}

#[test]
fn hostile_files_hold_nothing_up() {
    let bench = Bench::new();
    bench.write("pack/good.kql", "DeviceInfo\n\n| take 1\n");
    bench.write("pack/Good.csl", "DeviceInfo");
    bench.write("pack/empty.kql", "");
    bench.write("pack/deep.kql", format!("print {}1", "(".repeat(100_000)));
    bench.write("pack/laughs.yaml", "a: &a [x,x]\nb: &b [*a,*a]\nquery: *c\n");
    bench.write("pack/no-query.yaml", "name: x\ntactics: [Persistence]\n");
    bench.write("pack/ci.yml", "on: push\n");
    bench.write("pack/fence.md", "```kql\nprint 1");
    bench.write("pack/.git/hidden.kql", "print 1");
    bench.write("pack/con.kql", "print 1");
    std::fs::write(bench.path("pack/latin.kql"), b"print '\xe4'").unwrap();
    std::fs::File::create(bench.path("pack/huge.kql")).unwrap().set_len(1 << 30).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("..", bench.path("pack/round")).unwrap();
    let found = explained(&bench, 5, &["--pack", "pack"]);
    let shown: BTreeMap<&str, (bool, &str)> = found
        .iter()
        .map(|query| (text(&query["file"]), (query["ok"] == true, query["error"]["message"].as_str().unwrap_or_default())))
        .collect();
    let good = ["pack/good.kql", "pack/Good.csl", "pack/empty.kql", "pack/fence.md", "pack/con.kql"];
    assert!(good.iter().all(|file| shown[file].0), "{shown:?}");
    for (file, why) in [
        ("pack/deep.kql", ""),
        ("pack/laughs.yaml", "it is not YAML"),
        ("pack/no-query.yaml", "no text at `query:`"),
        ("pack/latin.kql", "neither UTF-8 nor UTF-16"),
        ("pack/huge.kql", "longer than 16 MiB"),
    ] {
        assert!(!shown[file].0 && shown[file].1.contains(why), "{file}: {:?}", shown[file]);
    }
    assert_eq!(shown.len(), good.len() + 5);
    let unique: BTreeSet<String> = names(&found).iter().map(|name| name.to_lowercase()).collect();
    assert!(unique.len() == found.len() && !unique.contains("con"), "{unique:?}");
}

#[test]
fn a_rule_keeps_what_it_says_of_itself() {
    let bench = Bench::new();
    let rule = "id: 5daf2787-0000-0000-0000-000000000001\nname: Odd identity / additions\nseverity: High\ntactics:\n- Persistence\nrelevantTechniques:\n- T1098\nquery: |\n  DeviceInfo\n  | take 1\n";
    bench.write("rules/a.yaml", rule);
    let [query] = explained(&bench, 0, &["--pack", "rules/a.yaml"]).try_into().unwrap();
    assert_eq!((&query["name"], &query["file"]), (&json!("Odd-identity-additions"), &json!("rules/a.yaml")));
    let expected = json!({
        "id": "5daf2787-0000-0000-0000-000000000001", "name": "Odd identity / additions", "severity": "High",
        "tactics": ["Persistence"], "techniques": ["T1098"],
    });
    assert_eq!(query["rule"], expected);
}

#[test]
fn paths_that_are_no_queries_exit_2_with_the_right_flag() {
    let bench = Bench::new();
    bench.write("rules/a.yaml", "query: print 1");
    bench.write("empty/x.png", "");
    for (arguments, hint) in [
        (["--query", "rules"], "--pack rules"),
        (["--query", "rules/a.yaml"], "--pack rules/a.yaml"),
        (["--query", "none.kql"], "none.kql"),
        (["--pack", "empty"], "holds no query"),
        (["--pack", "none"], "none"),
        (["--pack", "empty/x.png"], "--query"),
    ] {
        let outcome = bench.run(&["hunt", arguments[0], arguments[1]]).expect(2);
        assert!(outcome.stderr.contains(hint), "{arguments:?}: {}", outcome.stderr);
    }
}

/// Answers with a row for each hash in the question, in order; refuses the questions that hold one of `refused`.
#[derive(Default)]
struct Echo {
    asked: Mutex<Vec<String>>,
    refused: Option<&'static str>,
}

#[async_trait::async_trait]
impl Hunter for Echo {
    async fn ask(&self, question: &Question, rows: &mut dyn Rows) -> Result<Answer> {
        self.asked.lock().unwrap().push(question.query.clone());
        if self.refused.is_some_and(|hash| question.query.contains(hash)) {
            return Err(Error::new(Kind::Incomplete, "given up"));
        }
        rows.begin()?;
        let hashes: Vec<&str> = question.query.split('"').filter(|word| word.len() == 64).collect();
        for hash in &hashes {
            rows.row(format!("{{\"SHA256\":\"{hash}\"}}").as_bytes())?;
        }
        let schema = vec![Column { name: "SHA256".into(), kind: "String".into() }];
        let (rows_sent, bytes) = (hashes.len() as u64, 1);
        let answer = Answer { schema, rows: rows_sent, bytes, stated_rows: None, request_id: None, client_request_id: String::new() };
        rows.end(&answer)?;
        Ok(answer)
    }

    async fn rest(&self, _: jiff::Timestamp, _: &str) -> Result<()> {
        Ok(())
    }

    fn effort(&self) -> Effort {
        Effort { calls: u32::try_from(self.asked.lock().unwrap().len()).unwrap(), ..Effort::default() }
    }
}

struct Silent;

impl Observer for Silent {
    fn started(&self, _: &journal::Job) {}
    fn advanced(&self, _: &journal::Job, _: u64, _: u64) {}
    fn called(&self, _: &journal::Job) {}
    fn waiting(&self, _: &journal::Job, _: Duration, _: &str) {}
    fn ended(&self, _: &journal::Job, _: &report::Job) {}
}

fn hash(number: u32) -> String {
    format!("{number:064x}")
}

const MANY: u32 = 30_000;

fn job(resume: bool) -> HuntJob {
    let values: Vec<String> = (0..MANY).map(hash).collect();
    let constants = BTreeMap::from([("hashes".to_owned(), ircollect::kql::parameters::list(&values))]);
    let filled = fill(HASHES, &Filling { constants, lists: BTreeMap::from([("hashes".to_owned(), values)]) }).unwrap();
    let window = Window::new("2026-01-01T00:00:00Z".parse().unwrap(), "2026-01-31T00:00:00Z".parse().unwrap()).unwrap();
    let id = journal::Job {
        id: "1".into(),
        name: "q".into(),
        tenant: "t".into(),
        api: "graph".into(),
        window: Some(window),
        ..Default::default()
    };
    HuntJob {
        job: journal::Job { query_sha256: Some(digest(&filled.whole)), ..id },
        file: None,
        subject: Subject::filled(&filled, window.to),
        window,
        timespan: false,
        formats: vec![ircollect::store::Format::Ndjson],
        rows_cap: 100_000,
        bytes_cap: 50_000_000,
        mode: SliceMode::Auto,
        concurrency: 2,
        resume,
        reconcile: false,
        by_day: false,
    }
}

#[tokio::test]
async fn the_parts_of_a_list_end_as_one_file_and_what_is_stored_is_not_asked_again() {
    let folder = tempfile::tempdir().unwrap();
    let run = async |resume: bool, echo: &Echo| {
        let case = Arc::new(crate::case::when_free(folder.path()));
        case.journal().prepare(journal::RunStarted::here("0", Vec::new(), None));
        case.journal().begin(None).unwrap();
        hunt(&job(resume), echo, &case, &Silent).await
    };
    let refused = Echo { refused: Some("0000000000003a98\""), ..Echo::default() };
    let partial = run(false, &refused).await;
    assert_eq!(partial.status, report::JobStatus::Partial);
    assert!(partial.files.len() < 3 && !partial.gaps.is_empty(), "{:?}", partial.gaps);
    let echo = Echo::default();
    let whole = run(true, &echo).await;
    assert_eq!((whole.status, whole.rows, whole.files.len()), (report::JobStatus::Complete, u64::from(MANY), 1), "{:?}", whole.error);
    let answered = refused.asked.lock().unwrap().len() - 1;
    assert_eq!(echo.asked.lock().unwrap().len(), 3 - answered, "a part that was stored is not asked for again");
    let stored = std::fs::read_to_string(folder.path().join(&whole.files[0].path)).unwrap();
    let rows: BTreeSet<&str> = stored.lines().collect();
    assert_eq!((rows.len(), stored.lines().count()), (MANY as usize, MANY as usize), "each row once");
    let idle = Echo::default();
    assert_eq!((run(true, &idle).await.rows, idle.asked.lock().unwrap().len()), (u64::from(MANY), 0));
    assert!(Case::read(folder.path()).unwrap().verify(&|_| {}).unwrap().ok, "the case verifies");
}

const HASHES: &str = "declare query_parameters(\n  hashes: dynamic,\n  since: timespan = 7d,\n  n: real = 5);\nDeviceFileEvents\n| where SHA256 in (hashes) and Timestamp > ago(since)";

#[test]
fn parameters_are_explained_and_filled_in() {
    let bench = Bench::new();
    bench.write("q.kql", HASHES);
    bench.write("iocs.txt", "\u{feff}# from the report\r\naa\r\n\r\n bb\"; T \r\naa\r\n");
    let [bare] = explained(&bench, 0, &["--query", "q.kql"]).try_into().unwrap();
    let parameters = json!([
        {"name": "hashes", "type": "dynamic", "default": null, "value": null},
        {"name": "since", "type": "timespan", "default": "7d", "value": null},
        {"name": "n", "type": "real", "default": "real(5)", "value": null},
    ]);
    assert_eq!(bare["parameters"], parameters);
    let [query] = explained(&bench, 0, &["--query", "q.kql", "--param", "hashes=@iocs.txt", "--param", "n=1e3"]).try_into().unwrap();
    let kql = text(&query["kql"]);
    assert!(kql.contains("let hashes = dynamic([\"aa\",\"bb\\\"; T\"]); let since = 7d; let n = real(1000.0)"), "{kql}");
    assert!(!kql.contains("declare") && !kql.contains("ago("), "{kql}");
    assert_eq!(kql.lines().count(), HASHES.lines().count(), "every line keeps its number");
    assert_eq!(query["parameters"][0], json!({"name": "hashes", "type": "dynamic", "default": null, "value": "@iocs.txt", "values": 2}));
    assert_eq!((&query["tables"], &query["row_wise"]), (&json!(["DeviceFileEvents"]), &json!(true)));
}

#[test]
fn wrong_parameters_exit_2_before_any_credential_is_asked_for() {
    let bench = Bench::new();
    bench.write("q.kql", HASHES);
    bench.write("none.txt", "# nothing\n");
    for (arguments, words) in [
        (&[][..], "--param hashes=VALUE"),
        (&["--param", "hashes=[]", "--param", "sinse=1d"], "did you mean `since`?"),
        (&["--param", "hashes=[]", "--param", "since=soon"], "`soon` is not of type timespan"),
        (&["--param", "hashes=a,b"], "write JSON"),
        (&["--param", "hashes=@none.txt"], "holds no value"),
        (&["--param", "hashes=@absent.txt"], "absent.txt"),
        (&["--param", "hashes=[]", "--param", "n=@none.txt"], "none.txt"),
        (&["--param", "hashes"], "NAME=VALUE"),
        (&["--param", "hashes=[]", "--param", "hashes=[]"], "given twice"),
    ] {
        let outcome = bench.run(&[&["hunt", "--query", "q.kql"], arguments].concat()).expect(2);
        assert!(outcome.stderr.contains(words), "{arguments:?}: {}", outcome.stderr);
    }
}

#[test]
fn a_list_past_the_apis_limit_is_sent_in_parts_or_refused() {
    let bench = Bench::new();
    let list: String = (0..30_000).fold(String::new(), |mut list, number| {
        writeln!(list, "{number:064x}").unwrap();
        list
    });
    bench.write("iocs.txt", &list);
    bench.write("q.kql", HASHES);
    bench.write("not.kql", HASHES.replace(" in (", " !in ("));
    let [query] = explained(&bench, 0, &["--query", "q.kql", "--param", "hashes=@iocs.txt"]).try_into().unwrap();
    assert_eq!(query["texts"], 3);
    assert!(serde_json::to_string(&query["kql"]).unwrap().len() < 1_000_000);
    let outcome = bench.run(&["hunt", "--query", "not.kql", "--param", "hashes=@iocs.txt"]).expect(2);
    assert!(outcome.stderr.contains("`hashes` was not sent in parts"), "{}", outcome.stderr);
}

#[cfg(feature = "lab")]
#[test]
fn a_pack_is_hunted_and_what_is_broken_in_it_fails_alone() {
    let site = crate::support::site::Site::shared();
    site.bench.write("pack/info.md", "# Two\n```kql\nDeviceInfo | take 1\n```\n```kusto\nDeviceInfo | take 2\n```\n");
    site.bench.write("pack/rule.yaml", "id: r-1\nname: A rule\nseverity: Low\nquery: |\n  DeviceInfo\n  | take 3\n");
    site.bench.write("pack/broken.yaml", "query: [");
    let summary = site.summary(6, &["hunt", "--pack", "pack"]);
    let shown = |job: &Value| (text(&job["name"]).to_owned(), text(&job["status"]).to_owned(), job["rows"].as_u64().unwrap());
    let expected = [("broken", "failed", 0), ("info-1", "complete", 1), ("info-2", "complete", 2), ("A-rule", "complete", 3)];
    let jobs = summary["jobs"].as_array().unwrap();
    assert_eq!(jobs.iter().map(shown).collect::<Vec<_>>(), expected.map(|(name, status, rows)| (name.to_owned(), status.to_owned(), rows)));
    assert_eq!((&jobs[0]["error"]["exit"], &jobs[0]["file"]), (&json!(2), &json!("pack/broken.yaml")));
    assert_eq!(jobs[3]["rule"], json!({"id": "r-1", "name": "A rule", "severity": "Low"}));
    site.run(&["hunt", "--pack", "pack/broken.yaml"]).expect(2);
}

#[cfg(feature = "lab")]
#[test]
fn another_value_is_another_job_and_the_same_one_goes_on() {
    let site = crate::support::site::Site::shared();
    site.bench.write("q.kql", "declare query_parameters(names: dynamic, n: long = 3);\nDeviceInfo\n| where DeviceName !in (names) and Timestamp < now()\n| take 1");
    let window = ["--from", "2026-01-01", "--to", "2026-12-31"];
    let run = |value: &str, calls: u64| {
        let arguments = [&["hunt", "--resume", "--query", "q.kql", "--param", value][..], &window].concat();
        let summary = site.summary(0, &arguments);
        assert_eq!(summary["jobs"][0]["calls"].as_u64(), Some(calls), "{value}");
    };
    run("names=[\"a\"]", 1);
    run("names=[\"b\"]", 1);
    run("names=[\"a\"]", 0);
}
