//! Hunting answers: the three APIs' forms, caps, windows, and bodies that break on the way.

use super::bench::{Bench, GRAPH, MDE, XDR, client, read};
use ircollect::lab::{Caps, Fault, Options, Service, Shape};
use serde_json::{Value, json};

fn results(body: &Value) -> &Vec<Value> {
    body["results"].as_array().or_else(|| body["Results"].as_array()).unwrap_or_else(|| panic!("{body}"))
}

async fn count(bench: &Bench, body: Value) -> i64 {
    let token = bench.token("ir-collector", GRAPH).await;
    let answer = bench.hunt(Service::Graph, &token, &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    results(&answer.json())[0]["Count"].as_i64().unwrap()
}

#[tokio::test]
async fn the_three_apis_give_the_same_rows_in_their_own_form() {
    let bench = &Bench::shared();
    let body = json!({"Query": "DeviceProcessEvents | where FileName =~ 'rclone.exe' | project Timestamp, DeviceName, ReportId | sort by Timestamp asc"});
    let graph = bench.hunt(Service::Graph, &bench.token("ir-collector", GRAPH).await, &body).await.json();
    assert_eq!(
        graph["schema"],
        json!([{"name": "Timestamp", "type": "DateTime"}, {"name": "DeviceName", "type": "String"}, {"name": "ReportId", "type": "Int64"}])
    );
    assert!(!results(&graph).is_empty());
    for (service, scope) in [(Service::Xdr, XDR), (Service::Mde, MDE)] {
        let other = bench.hunt(service, &bench.token("ir-collector", scope).await, &body).await.json();
        assert_eq!(results(&other), results(&graph), "{service}");
        assert_eq!(other["Schema"][0], json!({"Name": "Timestamp", "Type": "DateTime"}));
        assert_eq!(other["Stats"]["dataset_statistics"][0]["table_row_count"], results(&graph).len());
    }
}

#[tokio::test]
async fn unknown_names_are_refused_in_the_services_words() {
    let bench = &Bench::shared();
    let resolve = |name: &str| format!("Failed to resolve table or column expression named '{name}'. Fix semantic errors in your query.");
    let unknown = bench.query("NoSuchTable | take 1").await;
    assert_eq!(unknown.status, 400);
    assert!(unknown.error().1.ends_with(&resolve("NoSuchTable")), "{}", unknown.text);
    let token = bench.token("ir-collector", MDE).await;
    let mail = bench.hunt(Service::Mde, &token, &json!({"Query": "EmailEvents | take 1"})).await;
    assert!(mail.status == 400 && mail.error().1.ends_with(&resolve("EmailEvents")), "MDE has no mail: {}", mail.text);
    let broken = bench.query("DeviceInfo\n| where (").await;
    assert!(broken.status == 400 && broken.error().1.contains("line:position=2:"), "{}", broken.text);
}

#[tokio::test]
async fn the_window_is_the_narrower_of_timespan_and_query() {
    let bench = &Bench::shared();
    let query = "DeviceProcessEvents | count";
    let all = count(bench, json!({"Query": query})).await;
    let (mut days, now) = (0, bench.lab.now());
    for day in 0..31 {
        let hours = |days: i64| now.checked_sub(jiff::SignedDuration::from_hours(24 * days)).unwrap();
        let span = format!("{}/{}", hours(day + 1), hours(day));
        days += count(bench, json!({"query": query, "timespan": span})).await;
    }
    assert!(all > 10_000 && (all - days).abs() <= 5, "windows that touch add up, but for what ages out meanwhile: {all} {days}");
    let narrow = count(bench, json!({"Query": "DeviceProcessEvents | where Timestamp > ago(1d) | count", "Timespan": "P7D"})).await;
    assert!(narrow > 0 && narrow < all / 10);
}

#[tokio::test]
async fn caps_are_silent_for_rows_and_loud_for_bytes() {
    let bench = Bench::new(Options { caps: Caps { rows: 100, bytes: 30_000 }, ..Options::default() }).await;
    let capped = bench.query("DeviceProcessEvents | project Timestamp, FileName").await;
    assert_eq!((capped.status, results(&capped.json()).len()), (200, 100));
    let large = bench.query("DeviceProcessEvents").await;
    assert_eq!(large.status, 400);
    assert_eq!(
        large.error().1,
        "Query execution has exceeded the allowed result size. Optimize your query by limiting the amount of results and try again."
    );
}

#[tokio::test]
async fn answers_are_compressed_for_those_who_accept_it() {
    let bench = &Bench::shared();
    let token = bench.token("ir-collector", GRAPH).await;
    let compressing = client(&bench.lab, |builder| builder.gzip(true));
    let plain = client(&bench.lab, |builder| builder.gzip(false));
    let ask = async |http: &reqwest::Client| {
        let request = http.post(bench.url(Service::Graph, "/v1.0/security/runHuntingQuery")).bearer_auth(&token);
        let sent = request.json(&json!({"Query": "DeviceInfo | sort by Timestamp asc, DeviceName asc"})).send().await.unwrap();
        let kept = sent.headers().contains_key("content-length");
        (kept, read(sent).await.json())
    };
    assert_eq!(ask(&compressing).await, ask(&plain).await);
}

#[tokio::test]
async fn shapes_differ_as_tenants_do() {
    let shape = Shape { results_first: true, annotations: true, pascal_schema: true, oddities: true, indented: true, ..Shape::default() };
    let bench = Bench::new(Options { shape, ..Options::default() }).await;
    let answer = bench.query("DeviceInfo | project Timestamp, DeviceName | take 2").await;
    assert!(answer.text.find("\"results\"") < answer.text.find("\"schema\""));
    assert!(answer.text.contains(r##""Timestamp@odata.type": "#DateTimeOffset""##) && answer.text.contains(r#""Name":"Timestamp""#));
    assert!(answer.text.contains("12345678901234567890123") && answer.text.contains(r"\ud83d "));
}

#[tokio::test]
async fn broken_bodies_break_as_told() {
    for (fault, whole) in [("cut", false), ("malformed", true), ("slow", true)] {
        let bench = Bench::new(Options { faults: vec![fault.parse::<Fault>().unwrap()], ..Options::default() }).await;
        let token = bench.token("ir-collector", GRAPH).await;
        for _ in 0..8 {
            let sent = bench.hunt_raw(Service::Graph, &token, &json!({"Query": "DeviceInfo | take 50"})).await.unwrap();
            assert_eq!(sent.status(), 200);
            let text = sent.bytes().await;
            assert_eq!(text.is_ok(), whole, "{fault}");
            let json = text.is_ok_and(|text| serde_json::from_slice::<Value>(&text).is_ok());
            assert_eq!(json, fault == "slow", "{fault}");
        }
    }
}
