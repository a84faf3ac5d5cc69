//! Pulls from a service that is not the lab: one that answers as the reference has it, and as standards let it.

use crate::{
    loopback::{Reply, Seen, Server},
    support::{Bench, summary},
};
use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};
use std::{
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

const TENANT: &str = "6f1c1c52-3b8e-4b0e-9f0a-5d6c7a1e2b34";
pub(crate) const WINDOW: [&str; 4] = ["--from", "2025-11-01T00:00:00Z", "--to", "2025-11-21T00:00:00Z"];

/// A service and a bench whose configuration leads there.
pub(crate) struct Stage {
    pub(crate) server: Server,
    pub(crate) bench: Bench,
}

/// What a stage answers, given the request and its own address.
type Answer = dyn Fn(&Seen, &str) -> Reply + Send + Sync;

impl Stage {
    pub(crate) fn new(answer: impl Fn(&Seen, &str) -> Reply + Send + Sync + 'static) -> Self {
        let answer: Box<Answer> = Box::new(answer);
        let server = Server::http(move |seen, _| {
            if seen.target.ends_with("/oauth2/v2.0/token") {
                return Reply::json(200, &json!({"token_type": "Bearer", "expires_in": 3599, "access_token": "opaque-canary"}));
            }
            answer(seen, &format!("http://{}", seen.header("host").unwrap()))
        });
        let bench = Bench::new().env("E2E_SECRET", "secret");
        let url = server.url();
        let config = format!(
            "[profiles.stage]\ntenant = \"{TENANT}\"\napp_id = \"c0113c70-0000-4000-8000-000000000001\"\ncloud = \"stage\"\n\
             credential = {{ secret_env = \"E2E_SECRET\" }}\n[clouds.stage]\nauthority = \"{url}\"\ngraph = \"{url}\"\nxdr = \"{url}\"\n\
             mde = \"{url}\"\n[quotas.graph]\ncalls_per_minute = 100000\n[quotas.xdr]\ncalls_per_minute = 100000\n\
             [quotas.mde]\ncalls_per_minute = 100000\n"
        );
        bench.write("ircollect.toml", config);
        Self { server, bench }
    }

    /// Runs a pull, holds its summary to the contract, and returns it.
    #[track_caller]
    pub(crate) fn pull(&self, code: i32, arguments: &[&str]) -> Value {
        let json = self.bench.run(&[&["pull"], arguments, &["--json"]].concat()).expect(code).json();
        if json["skipped"] == json!([]) {
            summary::hold_to_contract(&json, self.bench.folder.path(), code);
        }
        json
    }

    /// The objects that a summary's only job stored, in order.
    #[track_caller]
    pub(crate) fn objects(&self, summary: &Value) -> Vec<Value> {
        let text = self.text(summary);
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[track_caller]
    pub(crate) fn text(&self, summary: &Value) -> String {
        let [job] = summary["jobs"].as_array().unwrap().as_slice() else { panic!("{summary}") };
        std::fs::read_to_string(self.bench.case().join(job["files"][0]["path"].as_str().unwrap())).unwrap()
    }

    /// What the API was asked, without the calls for tokens.
    pub(crate) fn asked(&self) -> Vec<Seen> {
        self.server.seen().into_iter().filter(|seen| !seen.target.ends_with("/oauth2/v2.0/token")).collect()
    }
}

/// A value of the query, decoded.
pub(crate) fn query(seen: &Seen, name: &str) -> Option<String> {
    let (_, query) = seen.target.split_once('?')?;
    let found = url::form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.into_owned())
}

fn number(seen: &Seen, name: &str) -> Option<usize> {
    query(seen, name).map(|text| text.parse().unwrap())
}

pub(crate) fn path(seen: &Seen) -> &str {
    seen.target.split('?').next().unwrap()
}

fn refusal(status: u16, code: &str, message: &str) -> Reply {
    Reply::json(status, &json!({"error": {"code": code, "message": message, "innerError": {"request-id": "r"}}}))
}

pub(crate) fn list(objects: &[Value]) -> Reply {
    Reply::json(200, &json!({"value": objects}))
}

pub(crate) fn linked(objects: &[Value], next: &str) -> Reply {
    Reply::json(200, &json!({"@odata.nextLink": next, "value": objects}))
}

fn users(numbers: std::ops::Range<usize>) -> Vec<Value> {
    numbers.map(|number| json!({"id": format!("u{number}"), "userPrincipalName": format!("u{number}@x.example")})).collect()
}

/// Objects of a window of 20 days, oldest first.
pub(crate) fn timed(count: usize, id: &str, field: &str) -> Vec<Value> {
    let start: jiff::Timestamp = "2025-11-01T00:00:00.0000001Z".parse().unwrap();
    let at = |number: usize| {
        let apart = 20 * 86_400 * 1_000_000_000 / i64::try_from(count).unwrap();
        start.checked_add(jiff::SignedDuration::from_nanos(apart * i64::try_from(number).unwrap())).unwrap().to_string()
    };
    (0..count).map(|number| json!({id: number, field: at(number), "number": number})).collect()
}

/// Filters as `FIELD ge T and FIELD lt T` do.
pub(crate) fn within(objects: &[Value], field: &str, filter: &str) -> Vec<Value> {
    let holds = |object: &Value, condition: &str| {
        let [name, operator, time] = condition.split_whitespace().collect::<Vec<_>>()[..] else { panic!("{filter}") };
        assert_eq!(name, field);
        let (own, time): (jiff::Timestamp, jiff::Timestamp) = (object[field].as_str().unwrap().parse().unwrap(), time.parse().unwrap());
        match operator {
            "ge" => own >= time,
            "gt" => own > time,
            "lt" => own < time,
            "le" => own <= time,
            other => panic!("{other}"),
        }
    };
    objects.iter().filter(|object| filter.split(" and ").all(|condition| holds(object, condition))).cloned().collect()
}

pub(crate) fn numbers(objects: &[Value]) -> Vec<u64> {
    let mut numbers: Vec<u64> = objects.iter().map(|object| object["number"].as_u64().unwrap()).collect();
    numbers.sort_unstable();
    numbers
}

#[test]
fn empty_pages_relative_links_marks_and_packed_bodies_are_pages() {
    let stage = Stage::new(|seen, own| match query(seen, "$skiptoken").as_deref() {
        None => linked(&[], &format!("{own}/v1.0/users?$skiptoken=a%2Fb+c")),
        Some(_) if seen.target.ends_with("a%2Fb+c") => linked(&users(0..3), "/v1.0/users?$skiptoken=packed"),
        Some("packed") => {
            let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
            write!(
                packer,
                "\u{feff}{{\r\n\"value\":[{{\"id\":\r\n\"u3\"}}],\r\n\"@odata.nextLink\":\"{own}/v1.0/users?$skiptoken=end\"\r\n}}\r\n"
            )
            .unwrap();
            Reply::bytes(200, "application/json", packer.finish().unwrap()).header("Content-Encoding", "gzip")
        }
        Some("end") => Reply::text(200, "application/json", "{\"value\":[],\"@odata.nextLink\":null}"),
        Some(other) => panic!("{other}"),
    });
    let summary = stage.pull(0, &["users"]);
    assert_eq!(stage.text(&summary).lines().last(), Some(r#"{"id":"u3"}"#));
    assert_eq!((&summary["jobs"][0]["rows"], &summary["jobs"][0]["calls"]), (&4.into(), &4.into()));
}

#[test]
fn lists_that_lead_in_a_circle_end() {
    let stage = Stage::new(|seen, own| match query(seen, "$skiptoken").as_deref() {
        None => linked(&users(0..2), &format!("{own}/v1.0/users?$skiptoken=a")),
        Some("a") => linked(&users(2..4), &format!("{own}/v1.0/users?$skiptoken=b")),
        Some(_) => linked(&users(4..6), &format!("{own}/v1.0/users?$skiptoken=a")),
    });
    let summary = stage.pull(6, &["users"]);
    assert_eq!((&summary["jobs"][0]["error"]["code"], &summary["jobs"][0]["rows"]), (&"RepeatedLink".into(), &6.into()));
    assert_eq!(stage.asked().len(), 3, "and no page is asked for for ever");
    let itself = Stage::new(|seen, own| linked(&users(0..2), &format!("{own}{}", seen.target)));
    assert_eq!(itself.pull(6, &["users"])["jobs"][0]["error"]["code"], "RepeatedLink");
    assert_eq!(itself.asked().len(), 1);
}

#[test]
fn incidents_of_xdr_come_by_hundreds_without_a_link() {
    let all = timed(250, "incidentId", "lastUpdateTime");
    let stage = Stage::new(move |seen, _| {
        assert_eq!(path(seen), "/api/incidents");
        let (top, skip) = (number(seen, "$top").unwrap_or(100), number(seen, "$skip").unwrap_or(0));
        if top > 100 {
            return refusal(400, "BadRequest", "The maximum page size is 100.");
        }
        let mut found = within(&all, "lastUpdateTime", &query(seen, "$filter").unwrap());
        found.reverse();
        list(&found.into_iter().skip(skip).take(top).collect::<Vec<_>>())
    });
    let summary = stage.pull(0, &[&["xdr/incidents"][..], &WINDOW].concat());
    assert_eq!(numbers(&stage.objects(&summary)), (0..250).collect::<Vec<_>>());
    let half = stage.pull(0, &["xdr/incidents", "--from", "2025-11-01", "--to", "2025-11-11"]);
    assert_eq!(half["jobs"][0]["rows"], 125);
}

#[test]
fn pages_that_are_smaller_than_asked_for_are_no_end() {
    let all: Vec<Value> = (0..57).map(|number| json!({"id": format!("m{number}"), "number": number})).collect();
    // Whatever is asked for, twenty come, and nothing beyond the end but 404.
    let stage = Stage::new(move |seen, _| {
        let skip = number(seen, "$skip").unwrap_or(0);
        if skip >= all.len() {
            return refusal(404, "ResourceNotFound", "No machines were found.");
        }
        list(&all.iter().skip(skip).take(20).cloned().collect::<Vec<_>>())
    });
    for source in ["mde/machines", "mde/device-av-health"] {
        let summary = stage.pull(0, &[source]);
        assert_eq!(numbers(&stage.objects(&summary)), (0..57).collect::<Vec<_>>(), "{source}");
    }
    let none = Stage::new(|_, _| refusal(404, "ResourceNotFound", "No machines were found."));
    assert_eq!(none.pull(0, &["mde/machines"])["jobs"][0]["rows"], 0);
    none.pull(1, &["mde/software"]);
}

/// `alerts_v2`: pages of a hundred, links by `$skip` that go no deeper than 500.
fn alerts(all: &[Value], seen: &Seen, own: &str, orders: bool) -> Reply {
    let (skip, top) = (number(seen, "$skip").unwrap_or(0), number(seen, "$top").unwrap_or(100).min(100));
    if skip > 500 {
        return refusal(
            400,
            "BadRequest",
            "The limit of '500' for Skip query has been exceeded. The value from the incoming request is '600'.",
        );
    }
    let mut found = within(all, "lastUpdateDateTime", &query(seen, "$filter").unwrap());
    if !orders || query(seen, "$orderby").is_none() {
        found.reverse();
    }
    let page: Vec<Value> = found.iter().skip(skip).take(top).cloned().collect();
    if skip + top >= found.len() {
        return list(&page);
    }
    let kept = seen.target.split('&').filter(|part| !part.starts_with("$skip=")).collect::<Vec<_>>().join("&");
    linked(&page, &format!("{own}{kept}&$skip={}", skip + top))
}

#[test]
fn alerts_beyond_the_deepest_skip_come_all_the_same() {
    let all = timed(2_300, "id", "lastUpdateDateTime");
    for orders in [true, false] {
        let all = all.clone();
        let stage = Stage::new(move |seen, own| alerts(&all, seen, own, orders));
        let summary = stage.pull(0, &[&["alerts"][..], &WINDOW].concat());
        assert_eq!(numbers(&stage.objects(&summary)), (0..2_300).collect::<Vec<_>>(), "{orders}");
        assert!(stage.asked().iter().all(|seen| seen.header("prefer") == Some("include-unknown-enum-members")));
    }
}

#[test]
fn a_page_size_that_is_refused_in_any_words_is_left_out() {
    for words in [
        "The limit of '50' for Top query has been exceeded. The value from the incoming request is '500'.",
        "Query option 'Top' is not allowed. To allow it, set the 'AllowedQueryOptions' property.",
        "Bad Request",
    ] {
        let stage = Stage::new(move |seen, _| match number(seen, "$top") {
            Some(top) if top > 50 || !words.contains("'50'") => refusal(400, "BadRequest", words),
            _ => list(&users(0..5)),
        });
        assert_eq!(stage.pull(0, &["risky-users"])["jobs"][0]["rows"], 5, "{words}");
    }
    // What the user asked for himself is refused to him.
    let filtered = Stage::new(|_, _| refusal(400, "BadRequest", "Invalid filter clause"));
    filtered.pull(5, &["risky-users", "--filter", "x eq 1"]);
    assert_eq!(filtered.asked().len(), 1);
}

#[test]
fn throttling_without_a_word_on_how_long_loses_nothing() {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let stage = Stage::new(move |seen, own| {
        if counted.fetch_add(1, Ordering::SeqCst) % 2 == 1 {
            return refusal(429, "TooManyRequests", "Too many requests.");
        }
        match query(seen, "$skiptoken") {
            None => linked(&users(0..2), &format!("{own}/v1.0/identityProtection/riskyUsers?$skiptoken=a")),
            Some(_) => list(&users(2..4)),
        }
    });
    let summary = stage.pull(0, &["risky-users"]);
    let job = &summary["jobs"][0];
    assert_eq!((&job["rows"], &job["retries"]), (&4.into(), &1.into()));
    assert!(job["throttled_seconds"].as_f64().unwrap() >= 1.5, "{job}");
}

#[test]
fn words_on_licences_are_skips_and_other_refusals_are_not() {
    let skips = |status: u16, code: &'static str, message: &'static str, source: &str| {
        let stage = Stage::new(move |_, _| refusal(status, code, message));
        stage.bench.write("plan.toml", format!("pulls = [\"{source}\"]\n"));
        let summary = stage.bench.run(&["collect", "--plan", "plan.toml", "--json"]).json();
        stage.pull(4, &[source]);
        summary["skipped"].as_array().unwrap().len() == 1 && summary["jobs"] == json!([])
    };
    assert!(skips(401, "Unauthorized", "Unauthorized request - reason of failure: No Tvm license", "mde/software"));
    assert!(skips(
        403,
        "Authentication_RequestFromNonPremiumTenantOrB2CTenant",
        "Neither tenant is B2C or tenant doesn't have premium license",
        "sign-ins"
    ));
    assert!(skips(403, "Forbidden", "Your tenant is not licensed for this feature.", "risk-detections"));
    assert!(skips(
        403,
        "Authentication_MSGraphPermissionMissing",
        "Calling principal does not have required MSGraph permissions AuditLog.Read.All",
        "directory-audits"
    ));
    assert!(skips(400, "BadRequest", "Request not applicable to target tenant.", "managed-devices"));
    let stage = Stage::new(|_, _| refusal(400, "BadRequest", "Something is wrong."));
    stage.bench.write("plan.toml", "pulls = [\"users\"]\n");
    let summary = stage.bench.run(&["collect", "--plan", "plan.toml", "--json"]).expect(5).json();
    assert_eq!(summary["skipped"], json!([]));
}

#[test]
fn times_without_a_zone_are_utc() {
    let objects = [
        "2025-11-01 00:00:00",
        "2025-11-10 11:12:13.271",
        "2025-11-20 23:59:59.9999999",
        "2025-11-21 00:00:00",
        "2025-10-31T23:59:59.9999999",
    ];
    let objects: Vec<Value> =
        objects.iter().enumerate().map(|(number, time)| json!({"id": number, "number": number, "lastUpdateTime": time})).collect();
    let stage = Stage::new(move |seen, _| if number(seen, "$skip").unwrap_or(0) > 0 { list(&[]) } else { list(&objects) });
    let summary = stage.pull(0, &[&["mde/alerts"][..], &WINDOW].concat());
    assert_eq!(numbers(&stage.objects(&summary)), [0, 1, 2]);
}

#[test]
fn incidents_come_one_by_one_with_their_alerts_where_the_list_cannot_have_them() {
    let all = timed(7, "id", "lastUpdateDateTime");
    let stage = Stage::new(move |seen, _| {
        let expands = query(seen, "$expand").as_deref() == Some("alerts");
        match path(seen).strip_prefix("/v1.0/security/incidents/") {
            Some("3") => refusal(404, "NotFound", "Incident not found"),
            Some(id) => {
                let mut one = all[id.parse::<usize>().unwrap()].clone();
                one["alerts"] = json!([{"id": format!("a{id}"), "incidentId": id}]);
                assert!(expands);
                Reply::json(200, &one)
            }
            None if expands => refusal(500, "UnknownError", ""),
            None => list(&within(&all, "lastUpdateDateTime", &query(seen, "$filter").unwrap())),
        }
    });
    let summary = stage.pull(0, &[&["incidents"][..], &WINDOW].concat());
    let incidents = stage.objects(&summary);
    assert_eq!(numbers(&incidents), (0..7).collect::<Vec<_>>());
    let without: Vec<_> = incidents.iter().filter(|incident| incident.get("alerts").is_none()).map(|incident| &incident["id"]).collect();
    assert_eq!(without, [&json!(3)]);
    assert!(summary["jobs"][0]["notes"].to_string().contains("1 of them"), "{summary}");
}

#[test]
fn what_is_stored_is_known_whatever_the_format() {
    for (source, field, lateness) in [("alerts", "lastUpdateDateTime", 1), ("sign-ins", "createdDateTime", 6)] {
        // One in ten minutes: 144 a day.
        let all = timed(2_880, "id", field);
        let stage = Stage::new(move |seen, own| {
            let (skip, top) = (number(seen, "$skip").unwrap_or(0), number(seen, "$top").unwrap());
            let mut found = within(&all, field, &query(seen, "$filter").unwrap());
            if query(seen, "$orderby").is_none() {
                found.reverse();
            }
            let page: Vec<Value> = found.iter().skip(skip).take(top).cloned().collect();
            let kept = seen.target.split("&$skip=").next().unwrap();
            if skip + top >= found.len() { list(&page) } else { linked(&page, &format!("{own}{kept}&$skip={}", skip + top)) }
        });
        for format in ["ndjson", "csv", "parquet", "json"] {
            let case = stage.bench.path(format).display().to_string();
            let pull = |more: &[&str]| {
                let run = [&["pull", source, "--format", format, "--case", &case, "--json"], more].concat();
                let job = stage.bench.run(&run).expect(0).json()["jobs"][0].clone();
                assert_eq!(job["files"].as_array().unwrap().iter().map(|file| &file["format"]).collect::<Vec<_>>(), [format], "{job}");
                job["rows"].as_u64().unwrap()
            };
            assert_eq!(pull(&["--from", "2025-11-01", "--to", "2025-11-20"]), 19 * 144, "{source} {format}");
            let before = stage.asked().len();
            assert_eq!(pull(&["--since-last"]), 144, "{source} {format}");
            let asked = &stage.asked()[before..];
            let from = format!("{field} ge 2025-11-19T{}:00:00Z", 24 - lateness);
            assert!(asked.iter().any(|seen| query(seen, "$filter").unwrap().contains(&from)), "{from}: {asked:?}");
            assert_eq!(pull(&["--since-last"]), 0, "{source} {format}");
        }
    }
}

#[test]
fn a_chain_of_many_pages_is_begun_anew_and_ends_as_one_file() {
    let all = timed(1_250, "id", "createdDateTime");
    let stage = Stage::new(move |seen, own| {
        let mut found = within(&all, "createdDateTime", &query(seen, "$filter").unwrap());
        found.reverse();
        let skip = number(seen, "$skip").unwrap_or(0);
        let page: Vec<Value> = found.iter().skip(skip).take(3).cloned().collect();
        let kept = seen.target.split("&$skip=").next().unwrap();
        if skip + 3 >= found.len() { list(&page) } else { linked(&page, &format!("{own}{kept}&$skip={}", skip + 3)) }
    });
    let summary = stage.pull(0, &[&["sign-ins"][..], &WINDOW].concat());
    assert_eq!(numbers(&stage.objects(&summary)), (0..1_250).collect::<Vec<_>>());
    let filters: std::collections::BTreeSet<_> = stage.asked().iter().filter_map(|seen| query(seen, "$filter")).collect();
    assert_eq!((filters.len(), stage.asked().len()), (2, 417), "the chain was cut once, after four hundred pages");
}
