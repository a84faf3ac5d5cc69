//! Rows that a parser would change, and answers that nobody promised: what arrives is on disk byte for byte, or not at all.

use crate::{
    loopback::{Reply, Root, Seen, Server},
    support::{
        Bench, Outcome,
        summary::{self, text},
    },
};
use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};
use std::io::Write;

const TENANT: &str = "6f1c1c52-3b8e-4b0e-9f0a-5d6c7a1e2b34";

/// A service that answers hunts with these bytes, and a bench whose configuration leads there.
pub(crate) fn stage(reply: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> (Server, Bench) {
    let root = Root::new();
    let token = json!({"token_type": "Bearer", "expires_in": 3599, "access_token": "opaque-token"});
    let server = Server::https(&root, move |seen, _| match seen.target.as_str() {
        "/v1.0/security/runHuntingQuery" => reply(seen),
        _ => Reply::json(200, &token),
    });
    let bench = Bench::new().env("E2E_SECRET", "secret");
    bench.write("ca.pem", root.pem());
    let url = server.url();
    let config = format!(
        "[profiles.stage]\ntenant = \"{TENANT}\"\napp_id = \"c0113c70-0000-4000-8000-000000000001\"\ncloud = \"stage\"\n\
         credential = {{ secret_env = \"E2E_SECRET\" }}\n[clouds.stage]\nauthority = \"{url}\"\ngraph = \"{url}\"\nca_file = \"ca.pem\"\n"
    );
    bench.write("ircollect.toml", config);
    (server, bench)
}

pub(crate) fn answer(body: Vec<u8>) -> Reply {
    Reply::bytes(200, "application/json; odata.metadata=minimal", body).header("request-id", "r-1")
}

/// Runs a hunt that is whole, and returns what is on disk and what the journal says of it.
#[track_caller]
fn stored(reply: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> (String, Value) {
    let (_server, bench) = stage(reply);
    let json = bench.run(&["hunt", "--kql", "T", "--json"]).expect(0).json();
    summary::hold_to_contract(&json, bench.folder.path(), 0);
    let path = bench.case().join(text(&json["jobs"][0]["files"][0]["path"]));
    bench.run(&["case", "verify"]).expect(0);
    let journal = std::fs::read_to_string(bench.case().join("journal.jsonl")).unwrap();
    let events: Vec<Value> = journal.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let event = events.into_iter().find(|event| event["event"] == "file").unwrap();
    (String::from_utf8(std::fs::read(path).unwrap()).unwrap(), event)
}

/// What JSON may hold and programs trip over.
fn rows() -> Vec<String> {
    let mut rows: Vec<String> = [
        // Line ends to Unicode, to JavaScript and to some editors, but not to NDJSON.
        "{\"Text\":\"a\u{2028}b\u{2029}c\u{85}d\u{7f}\u{feff}\u{202e}\u{1f600}\"}".to_owned(),
        r#"{"Text":"\ud800","Other":"\udfff\ud800 \ud83d\ude00 \u0000\u001b[31m\u2028 \/\\\"\b\f\n\r\t"}"#.to_owned(),
        r#"{"Long":9007199254740993,"Least":-9223372036854775808,"Most":18446744073709551615}"#.to_owned(),
        r#"{"Digits":12345678901234567890123,"Exact":0.1000000000000000055511151231257827,"Huge":1e400,"Tiny":-1E-400,"Zero":-0,"Form":1.50E+02}"#
            .to_owned(),
        r#"{"Timestamp":"2026-01-02T03:04:05.1234567Z","Null":null,"True":true,"False":false,"Empty":"","List":[],"Bag":{}}"#.to_owned(),
        r##"{"@odata.type":"#microsoft.graph.security.huntingRowResult","Id@odata.type":"#Int64","Id":1,"NotInTheSchema":"kept","":"no name"}"##
            .to_owned(),
        r#"{"results":[{"schema":[{"Name":"x"}]}],"schema":{"results":[1,2]},"Text":"],\"results\":[{"}"#.to_owned(),
        r#"{"Twice":1,"Twice":2,"twice":3}"#.to_owned(),
        "{ \"Spaces\" :\t1 , \"In\" : [ 1 , 2 ] }".to_owned(),
        "{}".to_owned(),
    ]
    .into();
    rows.push(format!(r#"{{"Deep":{}1{}}}"#, "[{\"a\":".repeat(100), "}]".repeat(100)));
    rows.push(format!(r#"{{"Large":"{}\u2028{}"}}"#, "x".repeat(700_000), "\u{2028}é".repeat(100_000)));
    rows
}

const SCHEMA: &str = r#""schema":[{"name":"Text","type":"String"},{"name":"Long","type":"Int64"}]"#;

#[test]
fn rows_of_every_shape_of_answer_arrive_byte_for_byte() {
    let rows = rows();
    let expected = rows.iter().map(|row| format!("{row}\n")).collect::<Vec<_>>().concat();
    let list = rows.join(",");
    let pascal = r#""Schema":[{"Name":"Text","Type":"String"},{"Name":"Long","Type":"Int64"}]"#;
    let context = r#""@odata.context":"https://graph.microsoft.com/v1.0/$metadata#microsoft.graph.security.huntingQueryResults""#;
    let plain = format!("{{{context},{SCHEMA},\"results\":[{list}]}}");
    let known = json!([{"name": "Text", "type": "String"}, {"name": "Long", "type": "Int64"}]);
    let lines = rows.join(" \r\n\t, \n\n");
    for (name, body, schema) in [
        ("schema first", plain.clone(), &known),
        ("results first", format!("{{\"results\":[{list}],{SCHEMA}}}"), &known),
        ("the other casing", format!("{{{pascal},\"Results\":[{list}]}}"), &known),
        ("the other casing of the schema alone", format!("{{{pascal},\"results\":[{list}]}}"), &known),
        ("no schema", format!("{{\"results\":[{list}]}}"), &json!([])),
        ("a schema that is null", format!("{{\"schema\":null,\"results\":[{list}]}}"), &json!([])),
        (
            "annotations",
            format!(
                "{{{context},\"schema@odata.type\":\"#Collection(x)\",{SCHEMA},\"results@odata.type\":\"#C\",\"results\":[{list}],\"@odata.x\":[1,{{\"results\":[9]}}]}}"
            ),
            &known,
        ),
        ("line breaks between rows", format!("\r\n{{ {SCHEMA} ,\r\n \"results\" : [\n{lines}\r\n]\n}}\r\n"), &known),
        ("a byte order mark", format!("\u{feff}{plain}"), &known),
    ] {
        let (disk, event) = stored(move |_| answer(body.clone().into_bytes()));
        assert!(disk == expected, "{name}: {} bytes on disk, {} expected", disk.len(), expected.len());
        assert_eq!((&event["schema"], &event["request_ids"]), (schema, &json!(["r-1"])), "{name}");
    }
}

#[test]
fn a_compressed_answer_arrives_byte_for_byte() {
    let expected = rows().iter().map(|row| format!("{row}\n")).collect::<Vec<_>>().concat();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(format!("{{\"results\":[{}],{SCHEMA}}}", rows().join(",")).as_bytes()).unwrap();
    let body = encoder.finish().unwrap();
    let (disk, _) = stored(move |seen| {
        assert!(seen.header("accept-encoding").unwrap().contains("gzip"));
        answer(body.clone()).header("Content-Encoding", "gzip")
    });
    assert!(disk == expected);
}

#[test]
fn line_breaks_between_tokens_are_dropped_and_nothing_else() {
    let row = "{\r\n  \"a\": 1,\r\n\t\"b\" : [ 1,\n2 ],\n \"c\":\"x\\r\\ny\u{2028}\"\r\n}";
    let (disk, _) = stored(move |_| answer(format!("{{\"results\":[{row}]}}").into_bytes()));
    assert_eq!(disk, format!("{}\n", row.replace(['\r', '\n'], "")));
}

#[test]
fn the_answer_may_call_itself_what_it_likes() {
    for kind in ["text/plain", "application/octet-stream", "text/html"] {
        let (disk, _) = stored(move |_| Reply::bytes(200, kind, br#"{"results":[{"a":1}]}"#.to_vec()));
        assert_eq!(disk, "{\"a\":1}\n", "{kind}");
    }
}

/// Runs a hunt whose answer is no good, and returns what it said.
#[track_caller]
fn refused(body: Vec<u8>) -> Outcome {
    let (server, bench) = stage(move |_| answer(body.clone()));
    let outcome = bench.run(&["hunt", "--kql", "T", "--json", "--max-wait", "1s"]).expect(1);
    summary::hold_to_contract(&outcome.json(), bench.folder.path(), 1);
    assert_eq!(outcome.json()["jobs"][0]["error"]["code"], "BrokenBody", "{}", outcome.stdout);
    let calls = server.seen().iter().filter(|seen| seen.target.ends_with("/runHuntingQuery")).count();
    assert!(calls >= 6, "{calls} calls");
    assert_eq!(summary::files_below(&bench.case().join("data")).len(), 0);
    bench.run(&["case", "verify"]).expect(0);
    outcome
}

#[test]
fn what_is_not_rows_is_not_stored() {
    let bodies: Vec<(&str, Vec<u8>)> = vec![
        ("bytes that are not UTF-8", b"{\"results\":[{\"a\":\"\xff\xfe\"}]}".to_vec()),
        ("a surrogate as bytes", b"{\"results\":[{\"a\":\"\xed\xa0\x80\"}]}".to_vec()),
        ("a control character", b"{\"results\":[{\"a\":\"\x01\"}]}".to_vec()),
        ("rows that are no objects", b"{\"results\":[{\"a\":1},[2]]}".to_vec()),
        ("an end too early", b"{\"results\":[{\"a\":1},{\"a\":2}".to_vec()),
        ("no end of the list", b"{\"results\":[{\"a\":1},{\"a\":2}}".to_vec()),
        ("a word that is none", b"{\"results\":[{\"a\":NaN}]}".to_vec()),
        ("a comma too many", b"{\"results\":[{\"a\":1},]}".to_vec()),
        ("something after the end", b"{\"results\":[{\"a\":1}]}{}".to_vec()),
        ("no rows at all", b"{\"value\":[]}".to_vec()),
        ("an error in a 200", br#"{"results":[{"a":1}],"error":{"code":"X","message":"half of it"}}"#.to_vec()),
        ("a list", b"[{\"a\":1}]".to_vec()),
        ("nothing", Vec::new()),
        ("a page", b"<html><body>Please sign in</body></html>".to_vec()),
    ];
    let all: Vec<_> = bodies.into_iter().map(|(name, body)| (name, std::thread::spawn(move || refused(body).json()))).collect();
    for (name, thread) in all {
        let json = thread.join().unwrap_or_else(|_| panic!("{name}"));
        let error = &json["jobs"][0]["error"];
        assert!(text(&error["message"]).starts_with("hunting on Graph: the service answered 200 OK, but "), "{name}: {error}");
        assert!(text(&error["message"]).contains("request id r-1") && text(&error["hint"]).contains("proxy"), "{name}: {error}");
    }
}

/// A service, or whoever stands in its place, may try the terminal.
#[test]
fn words_of_the_service_are_harmless_on_a_terminal() {
    let words = "no\u{1b}[2J\u{1b}]0;owned\u{7} table \u{202e}txt.exe\u{9b}31m\r\nGET / HTTP/1.1";
    let (_server, bench) = stage(move |_| {
        let inner = json!({"request-id": "r\u{1b}[31m-1"});
        Reply::json(400, &json!({"error": {"code": "Bad\u{1b}[31mRequest", "message": words, "innerError": inner}}))
    });
    let outcome = bench.run(&["hunt", "--kql", "T\u{1b}[31m | take 1", "--color", "never", "-vvv", "--max-wait", "1s"]).expect(5);
    let unsafe_ones: Vec<char> = outcome.stderr.chars().filter(|c| c.is_control() && !"\n\t".contains(*c) || *c == '\u{202e}').collect();
    assert!(unsafe_ones.is_empty(), "{unsafe_ones:?} in {:?}", outcome.stderr);
    assert!(outcome.stderr.contains("txt.exe"));
    let status = bench.run(&["case", "status"]).expect(0).stdout;
    assert!(!status.chars().any(|c| c.is_control() && !"\n\t".contains(c)), "{status:?}");
}

#[cfg(unix)]
#[test]
fn names_of_query_files_make_safe_paths() {
    let (_server, bench) = stage(|_| answer(br#"{"results":[{"a":1}]}"#.to_vec()));
    let names =
        ["..", "-x", "a b\u{1b}[31m", "con", "ü", "a/../b", "line\nbreak", "x".repeat(200).as_str()].map(|name| format!("q/{name}.kql"));
    for name in &names {
        bench.write(name, "T");
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let json = bench.run(&[&["hunt", "--json", "--query"], names.as_slice()].concat()).expect(0).json();
    summary::hold_to_contract(&json, bench.folder.path(), 0);
    let jobs = json["jobs"].as_array().unwrap();
    let paths: std::collections::BTreeSet<&str> = jobs.iter().map(|job| text(&job["files"][0]["path"])).collect();
    assert_eq!(paths.len(), names.len());
    assert!(paths.iter().all(|path| path.is_ascii() && path.split('/').all(|part| part != ".." && !part.is_empty())), "{paths:?}");
    bench.run(&["case", "verify"]).expect(0);
}
