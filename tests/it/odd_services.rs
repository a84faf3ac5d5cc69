//! Another service than the lab, by the real binary over TLS: the same three APIs in the other words, forms and shapes that apis.md
//! leaves open. It evaluates what it is asked by itself; the parser, the engine and the lab have no part in it.

use crate::{
    loopback::{Reply, Root, Seen, Server},
    slicing::service::{Habits, Row, Service, TICKS_A_SECOND, tick},
    support::{
        Bench,
        summary::{self, text},
    },
};
use base64::Engine;
use ircollect::{
    api::hunting::{Answer, Rows},
    collect::{Hunter, Question},
    error::Result,
};
use serde_json::{Value, json};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

const TENANT: &str = "6f1c1c52-3b8e-4b0e-9f0a-5d6c7a1e2b34";
const WINDOW: [&str; 4] = ["--from", "2026-01-01", "--to", "2026-01-31"];
const CAP: u64 = 1_000;
const ROWS: u64 = 3_300;

/// A question, as the service understands it.
struct Asked<'a> {
    api: &'static str,
    /// How many hunting calls came before.
    before: usize,
    seen: &'a Seen,
}

impl Asked<'_> {
    /// The answer, by the service's own reading of the text.
    fn told(&self, service: &Service) -> Told {
        let body: Value = serde_json::from_str(&self.seen.body).unwrap();
        let question = Question { query: text(&body["Query"]).to_owned(), timespan: None, can_be_cut: true };
        let mut told = Told::default();
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(service.ask(&question, &mut told)).unwrap();
        told.counts = question.query.contains("summarize IrRows");
        told
    }
}

#[derive(Clone, Default)]
struct Told {
    rows: Vec<String>,
    counts: bool,
}

impl Rows for Told {
    fn begin(&mut self) -> Result<()> {
        self.rows.clear();
        Ok(())
    }

    fn row(&mut self, raw: &[u8]) -> Result<()> {
        self.rows.push(String::from_utf8(raw.to_vec()).unwrap());
        Ok(())
    }

    fn end(&mut self, _: &Answer) -> Result<()> {
        Ok(())
    }
}

const COLUMNS: [(&str, &str); 2] = [("Timestamp", "DateTime"), ("Id", "Int64")];

/// The answer as apis.md shows it.
fn plain(asked: &Asked<'_>, told: &Told) -> Reply {
    let lower: Vec<Value> = COLUMNS.iter().map(|(name, kind)| json!({"name": name, "type": kind})).collect();
    let upper: Vec<Value> = COLUMNS.iter().map(|(name, kind)| json!({"Name": name, "Type": kind})).collect();
    let (rows, count) = (told.rows.join(","), told.rows.len());
    let stats = json!({"ExecutionTime": 0.1, "dataset_statistics": [{"table_row_count": count, "table_size": rows.len()}]});
    let body = match asked.api {
        "graph" => format!("{{\"@odata.context\":\"x\",\"schema\":{},\"results\":[{rows}]}}", Value::from(lower)),
        "xdr" => format!("{{\"Stats\":{stats},\"Schema\":{},\"Results\":[{rows}]}}", Value::from(upper)),
        _ => format!("{{\"Schema\":{},\"Results\":[{rows}]}}", Value::from(upper)),
    };
    Reply::text(200, "application/json; charset=utf-8", &body)
}

/// The answer in the other forms: members in the other casing and order, annotations, statistics without numbers, counts as text.
fn odd(asked: &Asked<'_>, told: &Told) -> Reply {
    let rows: Vec<String> = told.rows.iter().map(|row| annotated(row, told.counts)).collect();
    let (name, kind, schema, results) =
        if asked.api == "graph" { ("Name", "Type", "Schema", "Results") } else { ("name", "type", "schema", "results") };
    let columns: Vec<Value> = COLUMNS.iter().map(|(column, of)| json!({name: column, kind: of, "ordinal": 1})).collect();
    let body = format!(
        "\u{feff}{{\r\n \"@microsoft.graph.tips\": \"Use $select\",\"{results}@odata.count\":{},\r\n\"{results}\" : [\r\n{}\r\n], \"Stats\":{{\"dataset_statistics\":[]}},\"{schema}\":{}}}\r\n",
        rows.len(),
        rows.join(" ,\n"),
        Value::from(columns)
    );
    Reply::text(200, "text/plain", &body)
}

fn annotated(row: &str, counts: bool) -> String {
    let row = row.replacen('{', "{\"@odata.type\":\"#microsoft.graph.security.huntingRowResult\",", 1);
    if !counts {
        return row;
    }
    let number = regex::Regex::new(r#""IrRows":(\d+)"#).unwrap();
    number.replace(&row, "\"irRows@odata.type\":\"#Int64\",\"irRows\":\"$1\"").replace("\"IrBin\"", "\"irBin\"")
}

fn table() -> Service {
    let start = tick("2026-01-01T00:00:00Z".parse().unwrap());
    let rows = (0..ROWS).map(|id| {
        let at = i64::try_from(id).unwrap() / 3 * 3 * TICKS_A_SECOND * 700;
        Row { tick: start + at, id, pad: 0 }
    });
    Service::new(rows.collect(), Habits { rows_cap: CAP, ..Habits::default() })
}

/// A service that answers hunts so, and a bench whose configuration leads there.
fn stage(reply: impl Fn(&Asked<'_>) -> Reply + Send + Sync + 'static) -> (Server, Bench) {
    stage_with(|_| "opaque-token".to_owned(), reply)
}

/// The same, whose tokens are these.
fn stage_with(
    token: impl Fn(&Seen) -> String + Send + Sync + 'static,
    reply: impl Fn(&Asked<'_>) -> Reply + Send + Sync + 'static,
) -> (Server, Bench) {
    let root = Root::new();
    let calls = AtomicUsize::new(0);
    let server = Server::https(&root, move |seen, _| {
        let api = match seen.target.as_str() {
            "/v1.0/security/runHuntingQuery" => "graph",
            "/api/advancedhunting/run" => "xdr",
            "/api/advancedqueries/run" => "mde",
            _ => return Reply::json(200, &json!({"token_type": "Bearer", "expires_in": 3599, "access_token": token(seen)})),
        };
        reply(&Asked { api, before: calls.fetch_add(1, Ordering::SeqCst), seen })
    });
    let bench = Bench::new().env("E2E_SECRET", "secret");
    bench.write("ca.pem", root.pem());
    let url = server.url();
    let quota = format!("rows_per_call = {CAP}\ncalls_per_minute = 10000\ncalls_per_hour = 100000\n");
    bench.write(
        "ircollect.toml",
        format!(
            "[profiles.stage]\ntenant = \"{TENANT}\"\napp_id = \"c0113c70-0000-4000-8000-000000000001\"\ncloud = \"stage\"\n\
             credential = {{ secret_env = \"E2E_SECRET\" }}\n[clouds.stage]\nauthority = \"{url}\"\ngraph = \"{url}\"\nxdr = \"{url}\"\n\
             mde = \"{url}\"\nca_file = \"ca.pem\"\n[quotas.graph]\n{quota}[quotas.xdr]\n{quota}[quotas.mde]\n{quota}"
        ),
    );
    (server, bench)
}

#[track_caller]
fn hunt(bench: &Bench, code: i32, arguments: &[&str]) -> Value {
    let outcome = bench.run(&[&["hunt", "--json"], arguments, &WINDOW].concat()).expect(code);
    let json = outcome.json();
    summary::hold_to_contract(&json, bench.folder.path(), code);
    bench.run(&["case", "verify"]).expect(0);
    json["jobs"][0].clone()
}

/// Asserts that every row of the table is there once.
#[track_caller]
fn assert_all(bench: &Bench, job: &Value, what: &str) {
    let rows = std::fs::read_to_string(bench.case().join(text(&job["files"][0]["path"]))).unwrap();
    let mut ids: Vec<u64> = rows.lines().map(|row| serde_json::from_str::<Value>(row).unwrap()["Id"].as_u64().unwrap()).collect();
    ids.sort_unstable();
    assert!(ids.iter().copied().eq(0..ROWS), "{what}: {} rows", ids.len());
}

/// Runs all side by side: most of their time they wait.
fn all_of<T: Send + 'static>(cases: Vec<T>, run: impl Fn(T) + Send + Sync + 'static) {
    let run = Arc::new(run);
    let threads: Vec<_> = cases
        .into_iter()
        .map(|case| {
            let run = Arc::clone(&run);
            std::thread::spawn(move || run(case))
        })
        .collect();
    let failed = threads.into_iter().filter_map(|thread| thread.join().err()).count();
    assert_eq!(failed, 0, "of the cases above");
}

#[test]
fn rows_are_cut_and_counted_in_every_shape_of_answer() {
    type Shape = fn(&Asked<'_>, &Told) -> Reply;
    let shapes: [(&str, Shape); 2] = [("plain", plain), ("odd", odd)];
    let cases: Vec<_> = shapes.into_iter().flat_map(|shape| ["graph", "xdr", "mde"].map(|api| (shape, api))).collect();
    all_of(cases, |((name, shape), api)| {
        let service = table();
        let (_server, bench) = stage(move |asked| shape(asked, &asked.told(&service)));
        let job = hunt(&bench, 0, &["--kql", "DeviceEvents", "--api", api]);
        assert_all(&bench, &job, name);
        assert_eq!((&job["api"], &job["counted"]), (&json!(api), &json!(ROWS)), "{name}");
        assert!(job["calls"].as_u64().unwrap() <= 7, "{name} on {api}: {} calls", job["calls"]);
    });
}

const HTML: &str = "<html>\r\n<head><title>NAME</title></head>\r\n<body><center><h1>NAME</h1></center><hr>nginx</body>\r\n</html>";

/// A wording of "too much": status, content type, body.
type Refusal = (u16, &'static str, String);

fn too_much() -> Vec<Refusal> {
    let json = "application/json";
    let of = |message: &str| (400, json, json!({"error": {"code": "BadRequest", "message": message, "target": "t-1"}}).to_string());
    let page = |status: u16, name: &str| (status, "text/html", HTML.replace("NAME", name));
    let unknown = |status: u16| (status, json, json!({"error": {"code": "UnknownError", "message": "", "innerError": {}}}).to_string());
    let size = "Query execution has exceeded the allowed result size. Optimize your query by limiting the amount of results and try again.";
    let inner = json!({"error": {"code": "BadRequest", "message": size}}).to_string();
    vec![
        of(size),
        of("Query execution has exceeded the allowed result size. Optimize your query by limiting the number of results and try again"),
        of(
            "Query execution has exceeded the allowed limits. The query execution was preempted. This could possibly be due to high CPU and/or memory resource consumption. Optimize your query by following best practices and try again.",
        ),
        of("Query exceeded the timeout period."),
        of("Result size limit exceeded. Use \"summarize\" to aggregate the results."),
        of("Query stopped due to excessive resource consumption."),
        of("The query cannot run because it exceeds the allowed size limit when processed."),
        (400, json, json!({"error": {"code": "UnknownError", "message": inner, "innererror": {"request-id": "r-9"}}}).to_string()),
        (400, json, json!({"error": {"code": "BadRequest", "message": "", "details": [{"code": "x", "message": size}]}}).to_string()),
        (400, "text/plain", size.to_owned()),
        (200, json, json!({"error": {"code": "BadRequest", "message": size}}).to_string()),
        page(413, "413 Request Entity Too Large"),
        page(502, "502 Bad Gateway"),
        page(504, "504 Gateway Time-out"),
        unknown(500),
        unknown(503),
        unknown(504),
        (501, json, json!({"error": {"code": "NotImplemented", "message": "cannot"}}).to_string()),
    ]
}

#[test]
fn every_wording_of_too_much_has_the_window_cut() {
    let cases: Vec<_> = too_much().into_iter().enumerate().map(|(at, refusal)| (["graph", "xdr", "mde"][at % 3], refusal)).collect();
    all_of(cases, |(api, (status, kind, body))| {
        let service = table();
        let said = format!("{status} {body:.200}");
        let (_server, bench) = stage(move |asked| {
            let told = asked.told(&service);
            if told.rows.len() as u64 >= CAP { Reply::text(status, kind, &body) } else { plain(asked, &told) }
        });
        let job = hunt(&bench, 0, &["--kql", "DeviceEvents", "--api", api]);
        assert_all(&bench, &job, &said);
        assert_eq!(job["counted"], ROWS, "{said}");
        assert!(job["calls"].as_u64().unwrap() <= 12, "{} calls: {said}", job["calls"]);
    });
}

/// A wording of "wait": status, headers, body, and the seconds that it means.
type Wait = (u16, Vec<(&'static str, String)>, String, f64);

fn waits() -> Vec<Wait> {
    let of = |message: &str| json!({"error": {"code": "TooManyRequests", "message": message, "target": "t-1"}}).to_string();
    let now = jiff::Timestamp::now();
    let date = |seconds: i64| {
        let at = now + jiff::SignedDuration::from_secs(seconds);
        at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
    };
    let header = |value: &str| vec![("retry-after", value.to_owned())];
    let numeric =
        json!({"error": {"code": 429, "message": "Please retry after", "innerError": {"code": "429", "status": "429"}}}).to_string();
    vec![
        (429, header("2"), of("Please retry again later."), 2.0),
        (429, header("2"), HTML.replace("NAME", "429 Too Many Requests"), 2.0),
        (429, header("2"), String::new(), 2.0),
        (429, header("2"), numeric, 2.0),
        (429, vec![("Retry-After", date(60 * 60 + 3)), ("Date", date(60 * 60))], of("Too many requests."), 3.0),
        (429, vec![("x-ms-retry-after-ms", "1500".to_owned())], of(""), 1.5),
        (429, Vec::new(), of("API calls quota exceeded! maximum allowed 45 per 00:00:02"), 2.0),
        (429, Vec::new(), of("You have exceeded the quota. You can send requests again in 2 seconds."), 2.0),
        (
            429,
            header("1"),
            of("You have exceeded processing resources allocated to this tenant. You can run queries again in 00:00:02."),
            2.0,
        ),
        (503, header("2"), of("Service unavailable"), 2.0),
        (509, header("2"), of("Bandwidth limit exceeded"), 2.0),
    ]
}

#[test]
fn every_wording_of_wait_is_obeyed_once_and_in_full() {
    all_of(waits(), |(status, headers, body, seconds)| {
        let service = table();
        let said = format!("{status} {headers:?} {body}");
        let asked_at = Arc::new(std::sync::Mutex::new(Vec::new()));
        let times = Arc::clone(&asked_at);
        let (_server, bench) = stage(move |asked| {
            times.lock().unwrap().push(Instant::now());
            if asked.before == 0 {
                let refusal = Reply::text(status, "application/json", &body);
                return headers.iter().fold(refusal, |reply, (name, value)| reply.header(name, value));
            }
            plain(asked, &Told { rows: asked.told(&service).rows.into_iter().take(3).collect(), ..Told::default() })
        });
        let job = hunt(&bench, 0, &["--kql", "DeviceEvents | where Id < 3", "--api", "graph"]);
        assert_eq!((&job["rows"], &job["calls"], &job["retries"]), (&json!(3), &json!(2), &json!(1)), "{said}");
        let times = asked_at.lock().unwrap();
        let waited = times[1] - times[0];
        assert!(waited.as_secs_f64() >= seconds - 0.05 && waited < Duration::from_secs_f64(seconds + 30.0), "{waited:?}: {said}");
        assert!(job["throttled_seconds"].as_f64().unwrap() >= seconds - 0.1, "{job}");
    });
}

#[test]
fn every_form_of_a_retired_api_leads_to_graph() {
    let empty = r#"{"Stats":{"dataset_statistics":[{"table_row_count":0}]},"Schema":[],"Results":[]}"#;
    let columns = r#"{"Schema":[{"Name":"Id","Type":"Int64"}],"Results":[]}"#;
    let forms: Vec<(u16, &str, &str, Option<&str>)> = vec![
        (404, "text/html", "<html><title>404 Not Found</title></html>", None),
        (404, "application/json", r#"{"error":{"code":"ResourceNotFound","message":"Resource not found"}}"#, None),
        (404, "application/json", r#"{"statusCode":404,"message":"Resource not found"}"#, None),
        (410, "application/json", r#"{"error":{"code":"Gone","message":"Retired.","target":"t"}}"#, None),
        (410, "text/plain", "", None),
        (200, "application/json", empty, None),
        (200, "application/json", r#"{"Schema":null,"Results":null}"#, None),
        (200, "application/json", "{}", None),
        (200, "application/json", "", None),
        (204, "application/json", "", None),
        (200, "application/json", columns, Some("Tue, 02 Feb 2027 08:00:00 GMT")),
    ];
    let cases: Vec<_> = forms.into_iter().flat_map(|form| ["xdr", "mde"].map(|api| (api, form))).collect();
    all_of(cases, |(api, (status, kind, body, date))| {
        let service = table();
        let said = format!("{api}: {status} {body}");
        let (_server, bench) = stage(move |asked| {
            if asked.api != "graph" {
                let gone = Reply::text(status, kind, body);
                return date.into_iter().fold(gone, |reply, date| reply.header("Date", date));
            }
            plain(asked, &asked.told(&service))
        });
        let outcome = bench.run(&[&["hunt", "--json", "--kql", "DeviceEvents", "--api", api, "--max-wait", "2s"], &WINDOW[..]].concat());
        assert_eq!(outcome.code, 0, "{said}\n{}{}", outcome.stdout, outcome.stderr);
        let job = outcome.json()["jobs"][0].clone();
        assert_eq!(job["api"], "graph", "{said}");
        assert_all(&bench, &job, &said);
        assert!(outcome.stderr.contains("is asked on Graph instead"), "{said}: {}", outcome.stderr);
    });
}

/// A token with the roles that the application has at each API: Graph, XDR, MDE.
fn token(seen: &Seen, roles: [&'static [&'static str]; 3]) -> String {
    let scope = seen.field("scope").unwrap_or_default();
    let audiences = ["https://graph.microsoft.com", "https://api.security.microsoft.com", "https://api.securitycenter.microsoft.com"];
    let at = audiences.iter().position(|audience| scope == format!("{audience}/.default")).unwrap();
    let now = jiff::Timestamp::now().as_second();
    let claims = json!({"aud": audiences[at], "appid": "a", "tid": TENANT, "roles": roles[at], "iat": now, "nbf": now, "exp": now + 3_599});
    let part = |value: Value| base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.c2ln", part(json!({"alg": "RS256", "typ": "JWT"})), part(claims))
}

#[test]
fn auto_goes_by_the_roles_of_the_tokens_and_by_the_tables() {
    const GRAPH: &[&str] = &["ThreatHunting.Read.All", "User.Read.All"];
    const XDR: &[&str] = &["AdvancedHunting.Read.All"];
    const MDE: &[&str] = &["AdvancedQuery.Read.All"];
    const OTHER: &[&str] = &["User.Read.All"];
    const NONE: &[&str] = &[];
    type Case = ([&'static [&'static str]; 3], &'static str, &'static str);
    let cases: Vec<Case> = vec![
        ([GRAPH, XDR, MDE], "DeviceInfo", "graph"),
        ([OTHER, XDR, MDE], "DeviceInfo", "xdr"),
        ([NONE, OTHER, MDE], "DeviceInfo", "mde"),
        ([NONE, XDR, MDE], "EmailEvents", "xdr"),
        ([GRAPH, XDR, MDE], "SigninLogs", "graph"),
        // Nobody has its table: the service that may be asked says so.
        ([NONE, NONE, MDE], "EmailEvents", "mde"),
        ([NONE, NONE, NONE], "DeviceInfo", "graph"),
    ];
    all_of(cases, |(roles, query, expected)| {
        let (_server, bench) = stage_with(move |seen| token(seen, roles), |asked| plain(asked, &Told::default()));
        let job = hunt(&bench, 0, &["--kql", query]);
        assert_eq!(job["api"], expected, "{roles:?} {query}");
    });
}

#[test]
fn no_rows_before_the_end_are_a_result() {
    let (server, bench) = stage(|asked| plain(asked, &Told::default()));
    for api in ["xdr", "mde"] {
        let job = hunt(&bench, 0, &["--kql", "DeviceEvents", "--api", api]);
        assert_eq!((&job["api"], &job["rows"], &job["calls"]), (&json!(api), &json!(0), &json!(1)));
    }
    assert!(server.seen().iter().all(|seen| seen.target != "/v1.0/security/runHuntingQuery"));
}

#[test]
fn graph_is_told_the_window_beside_the_query_however_wide() {
    let (server, bench) = stage(|asked| plain(asked, &Told::default()));
    let window = ["--from", "2025-06-01", "--to", "2026-01-31"];
    for (api, query, timespan) in [
        ("graph", "SigninLogs", json!("2025-06-01T00:00:00Z/2026-01-31T00:00:00Z")),
        ("graph", "DeviceTvmSoftwareInventory", Value::Null),
        ("xdr", "DeviceInfo", Value::Null),
        ("mde", "DeviceInfo", Value::Null),
    ] {
        bench.run(&[&["hunt", "--kql", query, "--api", api], &window[..]].concat()).expect(0);
        let seen = server.seen();
        let body: Value = serde_json::from_str(&seen.iter().rfind(|seen| seen.body.contains("\"Query\"")).unwrap().body).unwrap();
        assert_eq!(body["Timespan"], timespan, "{query} on {api}");
        let bounded = text(&body["Query"]).contains(">= datetime(2025-06-01T00:00:00Z)");
        assert_eq!(bounded, query != "DeviceTvmSoftwareInventory", "{body}");
    }
}
