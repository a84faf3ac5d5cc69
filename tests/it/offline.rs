//! `hunt --offline` as a user runs it: over folders of files, without configuration or network.

use crate::support::{Bench, summary};
use parquet::arrow::ArrowWriter;
use serde_json::{Value, json};
use std::{fmt::Write as _, fs, path::Path, sync::Arc};

const EVENTS: &str = r#"{"Timestamp":"2026-01-01T00:00:00.1234567Z","DeviceName":"a","ActionType":"X","ReportId":9007199254740993,"AdditionalFields":{"k": 1},"Extra":18446744073709551615}
{"Timestamp":"2026-01-02T00:00:00Z","DeviceName":"b","ActionType":"Y","ReportId":2,"AdditionalFields":"{\"k\":2}","Extra":1}
{"Timestamp":"2026-01-03T00:00:00Z","DeviceName":"b","ActionType":"Z","ReportId":3,"AdditionalFields":null,"Extra":null,"Late":true}
"#;

fn data(bench: &Bench) -> String {
    bench.write("data/DeviceEvents.ndjson", EVENTS);
    bench.path("data").display().to_string()
}

fn rows(bench: &Bench, arguments: &[&str]) -> Vec<Value> {
    let output = bench.path("out.ndjson").display().to_string();
    bench.run(&[&["hunt", "--offline", "--output", &output, "--data"], arguments].concat()).expect(0);
    fs::read_to_string(output).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn journal(bench: &Bench) -> Vec<Value> {
    let text = fs::read_to_string(bench.case().join("journal.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_query_is_answered_from_a_folder_and_the_case_says_from_what() {
    let bench = Bench::new();
    let data = data(&bench);
    let query =
        bench.write("late.kql", "DeviceEvents\n| where TimeGenerated > datetime(2026-01-01T12:00:00Z)\n| project DeviceName, ReportId");
    let outcome = bench.run(&["hunt", "--offline", "--data", &data, "--query", query.to_str().unwrap(), "--json"]).expect(0);
    let told = outcome.json();
    summary::hold_to_contract(&told, bench.folder.path(), 0);
    let job = &told["jobs"][0];
    assert_eq!((&job["name"], &job["api"], &job["rows"]), (&json!("late"), &json!("offline"), &json!(2)));
    assert_eq!(job["window"]["from"], "2026-01-01T00:00:00.1234567Z");
    let stored = fs::read_to_string(bench.case().join(job["files"][0]["path"].as_str().unwrap())).unwrap();
    assert_eq!(stored, "{\"DeviceName\":\"b\",\"ReportId\":2}\n{\"DeviceName\":\"b\",\"ReportId\":3}\n");
    let journal = journal(&bench);
    let marked = journal.iter().find(|event| event["event"] == "offline").unwrap();
    assert_eq!(marked["inputs"][0]["table"], "DeviceEvents");
    assert_eq!(marked["inputs"][0]["bytes"], EVENTS.len());
    assert_eq!(marked["inputs"][0]["sha256"].as_str().unwrap().len(), 64);
    let file = journal.iter().find(|event| event["event"] == "file").unwrap();
    assert_eq!(file["schema"], json!([{"name": "DeviceName", "type": "String"}, {"name": "ReportId", "type": "Int64"}]));
    bench.run(&["case", "verify"]).expect(0);
}

#[test]
fn no_digit_and_no_column_is_lost() {
    let bench = Bench::new();
    let data = data(&bench);
    let text = "DeviceEvents | project Timestamp, ReportId, K = tolong(AdditionalFields.k), Extra, Late | sort by Timestamp asc";
    let rows = rows(&bench, &[&data, "--kql", text]);
    assert_eq!(
        rows[0],
        json!({"Timestamp": "2026-01-01T00:00:00.1234567Z", "ReportId": 9_007_199_254_740_993_i64, "K": 1, "Extra": "18446744073709551615", "Late": null})
    );
    assert_eq!((&rows[1]["K"], &rows[2]["Late"]), (&json!(2), &json!(true)));
}

#[test]
fn the_streaming_api_s_files_are_tables() {
    use std::io::Write;
    let bench = Bench::new();
    let row = |category: &str, id: u32| {
        format!(
            "{{\"time\":\"2026-01-01T00:00:01Z\",\"tenantId\":\"t\",\"category\":\"AdvancedHunting-{category}\",\"properties\":{{\"Timestamp\":\"2026-01-01T00:00:00Z\",\"DeviceName\":\"d{id}\",\"ReportId\":{id}}}}}\n"
        )
    };
    bench.write("data/insights/y=2026/m=01/PT1H.json", format!("{}{}", row("DeviceInfo", 1), row("DeviceEvents", 2)));
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(row("DeviceEvents", 3).as_bytes()).unwrap();
    bench.write("data/insights-logs-advancedhunting-deviceevents/PT1H.json.gz", packed.finish().unwrap());
    let data = bench.path("data").display().to_string();
    let found = rows(&bench, &[&data, "--kql", "DeviceEvents | project ReportId, DeviceName | sort by ReportId asc"]);
    assert_eq!(found, [json!({"ReportId": 2, "DeviceName": "d2"}), json!({"ReportId": 3, "DeviceName": "d3"})]);
    let both = rows(&bench, &[&data, "--kql", "union withsource=T Device* | summarize N = count() by T | sort by T asc"]);
    assert_eq!(both, [json!({"T": "DeviceEvents", "N": 2}), json!({"T": "DeviceInfo", "N": 1})]);
}

fn put_parquet(path: &Path) {
    use arrow::{
        array::{ArrayRef, Int64Array, ListArray, RecordBatch, StringArray, TimestampMicrosecondArray},
        datatypes::Int32Type,
    };
    let hour = 3_600_000_000;
    let times: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![1_767_225_600_000_000, 1_767_225_600_000_000 + hour]));
    let names: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None]));
    let ids: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
    let lists: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), Some(2)]), None]));
    let flags: ArrayRef = Arc::new(Int64Array::from(vec![0, 1]));
    let columns = [("Timestamp", times), ("DeviceName", names), ("ReportId", ids), ("Tags", lists), ("IsAzureADJoined", flags)];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    #[allow(clippy::disallowed_methods, reason = "a test writes plain files")]
    let file = fs::File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

#[test]
fn parquet_files_are_tables_whoever_wrote_them() {
    let bench = Bench::new();
    put_parquet(&bench.path("data/DeviceInfo.parquet"));
    let data = bench.path("data").display().to_string();
    let text = "DeviceInfo | where Timestamp >= datetime(2026-01-01 00:30) | project Timestamp, DeviceName, Tags, IsAzureADJoined";
    let found = rows(&bench, &[&data, "--kql", text]);
    let expected = json!({"Timestamp": "2026-01-01T01:00:00.0000000Z", "DeviceName": "", "Tags": null, "IsAzureADJoined": true});
    assert_eq!(found, [expected]);
    let counted = rows(
        &bench,
        &[&data, "--kql", "DeviceInfo | where DeviceName != 'a' and isempty(OSPlatform) | summarize count(), max(array_length(Tags))"],
    );
    assert_eq!(counted[0]["count_"], 1);
    let nested = rows(&bench, &[&data, "--kql", "DeviceInfo | mv-expand Tags to typeof(long) | summarize sum(Tags)"]);
    assert_eq!(nested[0]["sum_Tags"], 3);
}

#[test]
fn a_window_cuts_every_table_and_says_what_time_it_is() {
    let bench = Bench::new();
    let data = data(&bench);
    let within = ["--from", "2026-01-02T00:00:00Z", "--to", "2026-01-03T00:00:00Z"];
    let cut = rows(&bench, &[&[data.as_str(), "--kql", "DeviceEvents | project DeviceName, Now = now()"][..], &within].concat());
    assert_eq!(cut, [json!({"DeviceName": "b", "Now": "2026-01-03T00:00:00.0000000Z"})]);
    let outcome = bench.run(&["hunt", "--offline", "--data", &data, "--kql", "DeviceEvents | where Timestamp > ago(1d)"]).expect(0);
    assert!(outcome.stderr.contains("the newest row is of 2026-01-03T00:00:00"), "{}", outcome.stderr);
}

#[test]
fn what_was_not_collected_is_said_with_what_would_bring_it() {
    let bench = Bench::new();
    let data = data(&bench);
    let outcome =
        bench.run(&["hunt", "--offline", "--data", &data, "--kql", "DeviceEvents | join DeviceInfo on DeviceName", "--json"]).expect(5);
    let told = outcome.json();
    summary::hold_to_contract(&told, bench.folder.path(), 5);
    let error = &told["jobs"][0]["error"];
    assert_eq!(error["code"], "TableNotCollected");
    assert!(error["hint"].as_str().unwrap().contains("ircollect hunt --kql DeviceInfo"), "{error}");
    assert!(outcome.stderr.contains("^^^^^^^^^^ here"), "{}", outcome.stderr);
    for (query, hunt, pull) in [
        ("AlertInfo | count", "ircollect hunt --kql AlertInfo", "ircollect pull alerts"),
        ("SigninLogs | count", "ircollect hunt --api graph --kql SigninLogs", "ircollect pull sign-ins"),
        ("mde_machines | count", "", "ircollect pull mde/machines"),
    ] {
        let told = bench.run(&["hunt", "--offline", "--data", &data, "--kql", query, "--json"]).expect(5).json();
        let error = &told["jobs"][0]["error"];
        let hint = error["hint"].as_str().unwrap();
        assert!(error["code"] == "TableNotCollected" && hint.contains(hunt) && hint.contains(pull), "{error}");
    }
    let wrong = bench.run(&["hunt", "--offline", "--data", &data, "--kql", "DeviceEvents | where Foo == 1"]).expect(5);
    assert!(wrong.stderr.contains("'where' operator: Failed to resolve") && wrong.stderr.contains("^^^ here"), "{}", wrong.stderr);
    let bad = bench.run(&["hunt", "--offline", "--data", &data, "--kql", "DeviceEvents | whre 1"]).expect(5);
    assert!(bad.stderr.contains("1 | DeviceEvents | whre 1"), "{}", bad.stderr);
}

#[test]
fn a_file_that_is_not_what_it_should_be_is_named() {
    let bench = Bench::new();
    bench.write("data/DeviceEvents.ndjson", "{\"a\":1}\n{\"a\":");
    bench.write("data/DeviceInfo.parquet", "no parquet");
    let data = bench.path("data").display().to_string();
    for (table, file) in [("DeviceEvents", "DeviceEvents.ndjson"), ("DeviceInfo", "DeviceInfo.parquet")] {
        let outcome = bench.run(&["hunt", "--offline", "--data", &data, "--kql", table, "--json"]).expect(7);
        assert!(outcome.json()["error"]["message"].as_str().unwrap().contains(file), "{}", outcome.stdout);
    }
    let none = bench.run(&["hunt", "--offline", "--data", "nowhere", "--kql", "T", "--json"]).expect(2);
    assert!(none.json()["error"]["message"].as_str().unwrap().contains("nowhere"), "{}", none.stdout);
    bench.run(&["hunt", "--data", &data, "--kql", "T"]).expect(2);
}

#[test]
fn a_query_keeps_to_the_memory_it_is_given() {
    let bench = Bench::new();
    let lines = (0..60_000).fold(String::new(), |mut lines, number| {
        writeln!(lines, "{{\"n\":{number},\"text\":\"{:0>300}\"}}", number * 7 % 60_000).unwrap();
        lines
    });
    bench.write("data/T.ndjson", lines);
    let data = bench.path("data").display().to_string();
    let sorted = rows(&bench, &[&data, "--memory", "24MiB", "--kql", "T | sort by text desc, n asc | project n"]);
    assert_eq!((sorted.len(), &sorted[0]["n"]), (60_000, &json!(42_857)));
    bench.run(&["hunt", "--offline", "--data", &data, "--memory", "1MB", "--kql", "T"]).expect(2);
}

/// A query over both sides of a join that do not fit into the memory together, each many times the other's keys.
fn large_join(bench: &Bench) -> (String, &'static str) {
    let side = |name: &str, step: usize| {
        let lines = (0..60_000).fold(String::new(), |mut lines, number| {
            writeln!(lines, "{{\"k\":\"key{}\",\"{name}\":{number},\"pad{name}\":\"{:0>300}\"}}", number * step % 60_000, number).unwrap();
            lines
        });
        bench.write(&format!("data/{name}.ndjson"), lines);
    };
    side("A", 7);
    side("B", 11);
    let query =
        "A | join kind=inner B on k | extend same = strlen(padA) == strlen(padB) | summarize n = count(), a = sum(A), b = sum(B) by same";
    (bench.path("data").display().to_string(), query)
}

#[test]
fn a_join_that_does_not_fit_into_memory_goes_on_in_files() {
    let bench = Bench::new();
    let (data, query) = large_join(&bench);
    let roomy = rows(&bench, &[&data, "--kql", query]);
    assert_eq!(roomy, [json!({"same": 1, "n": 60_000, "a": 1_799_970_000_u64, "b": 1_799_970_000_u64})]);
    assert_eq!(rows(&bench, &[&data, "--memory", "24MiB", "--kql", query]), roomy);
    let outer = "A | where A < 100 | join kind=rightouter B on k | summarize n = count(), without = countif(isempty(padA))";
    assert_eq!(rows(&bench, &[&data, "--memory", "24MiB", "--kql", outer]), [json!({"n": 60_000, "without": 59_900})]);
}

#[test]
fn external_data_is_read_where_the_run_allows_it() {
    use crate::wire::{Reply, Server};
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let body = "ip,tag\r\n10.0.0.1,\"a, b\"\r\n10.0.0.2,c\r\n";
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: text/csv\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    let server = runtime.block_on(Server::start([Reply::Bytes(format!("{head}{body}").into_bytes())]));
    let bench = Bench::new();
    let data = data(&bench);
    let query = format!(
        "let bad = externaldata(ip: string, tag: string)['{}/list.csv'] with (format='csv', ignoreFirstRecord=true);\n\
         DeviceEvents | take 1 | extend ip = '10.0.0.1' | join kind=inner bad on ip | project tag, n = toscalar(bad | count)",
        server.url
    );
    let refused = bench.run(&["hunt", "--offline", "--data", &data, "--kql", &query, "--json"]).expect(5).json();
    let error = &refused["jobs"][0]["error"];
    assert!(error["code"] == "NotSupported" && error["hint"].as_str().unwrap().contains("--allow-external"), "{error}");
    assert!(server.asked().is_empty());
    let found = rows(&bench, &[&data, "--allow-external", "--kql", &query]);
    assert_eq!(found, [json!({"tag": "a, b", "n": 2})]);
    assert_eq!(server.asked().len(), 1, "each address is asked once a query");
    assert!(server.asked()[0].header("authorization").is_none());
    let marked = journal(&bench).into_iter().rfind(|event| event["event"] == "offline").unwrap();
    let external = marked["inputs"].as_array().unwrap().iter().find(|input| input["table"] == "externaldata").unwrap();
    assert_eq!((external["bytes"].as_u64(), external["sha256"].as_str().map(str::len)), (Some(body.len() as u64), Some(64)));
    let plain = query.replace(&server.url, "http://example.com");
    let outcome = bench.run(&["hunt", "--offline", "--data", &data, "--allow-external", "--kql", &plain]).expect(5);
    assert!(outcome.stderr.contains("only https:// addresses"), "{}", outcome.stderr);
    bench.run(&["case", "verify"]).expect(0);
}
