//! Hunting on three APIs: who is refused, how the answers differ, caps, quotas, and what goes wrong on purpose.

use super::bench::{Bench, GRAPH, MDE, XDR, read};
use ircollect::lab::{Fault, Options, Retirement, Service};
use serde_json::json;

const ALL: [(Service, &str); 3] = [(Service::Graph, GRAPH), (Service::Xdr, XDR), (Service::Mde, MDE)];

fn faulty(fault: &str) -> Options {
    Options { faults: vec![fault.parse::<Fault>().unwrap()], ..Options::default() }
}

#[tokio::test]
async fn tokens_are_checked_as_each_api_checks_them() {
    let bench = &Bench::shared();
    let body = json!({"Query": "print 1"});
    for (service, scope) in ALL {
        let unauthorised = bench.hunt(service, "", &body).await;
        assert_eq!(unauthorised.status, 401, "{service:?}");
        assert_eq!(bench.hunt(service, "no.jwt", &body).await.status, 401);
        let bare = bench.hunt(service, &bench.token("ir-no-roles", scope).await, &body).await;
        assert_eq!((bare.status, bare.error().0.as_str()), (403, "Forbidden"));
        assert!(bare.error().1.ends_with("application roles: ."), "{}", bare.text);
    }
    let other = bench.hunt(Service::Graph, &bench.token("ir-other-roles", GRAPH).await, &body).await.error().1;
    assert_eq!(
        other,
        "Missing application roles. API required roles: ThreatHunting.Read.All, application roles: User.Read.All,Policy.Read.All."
    );
    for (service, wrong, status) in
        [(Service::Graph, MDE, 401), (Service::Mde, XDR, 403), (Service::Xdr, MDE, 403), (Service::Mde, GRAPH, 403)]
    {
        let refused = bench.hunt(service, &bench.token("ir-collector", wrong).await, &body).await;
        assert_eq!(refused.status, status, "{service:?} {wrong}: {}", refused.text);
    }
}

#[tokio::test]
async fn mde_answers_on_the_xdr_host_too_to_its_own_audience() {
    let bench = &Bench::shared();
    for (scope, status) in [(MDE, 400), (XDR, 403)] {
        let url = bench.url(Service::Xdr, "/api/advancedqueries/run");
        let request = bench.http.post(url).bearer_auth(bench.token("ir-collector", scope).await);
        let answer = read(request.json(&json!({"Query": "NoSuchTable"})).send().await.unwrap()).await;
        assert_eq!(answer.status, status, "{}", answer.text);
    }
}

#[tokio::test]
async fn errors_have_the_shape_of_their_api() {
    let bench = &Bench::shared();
    for (service, scope) in ALL {
        let token = bench.token("ir-collector", scope).await;
        let refused = bench.hunt(service, &token, &json!({"Query": "NoSuchTable | take 1"})).await;
        assert_eq!((refused.status, refused.error().0.as_str()), (400, "BadRequest"), "{}", refused.text);
        let body = refused.json();
        if service == Service::Graph {
            assert_eq!(body["error"]["innerError"]["request-id"], refused.header("request-id"));
            assert!(refused.header("x-ms-ags-diagnostic").contains("ServerInfo"));
        } else {
            assert!(body["error"]["target"].is_string() && body["error"].get("innerError").is_none());
        }
        let missing = bench.hunt(service, &token, &json!({"Text": "x"})).await;
        assert_eq!(missing.status, 400);
        let wrong_case = bench.hunt(service, &token, &json!({"query": "NoSuchTable"})).await;
        let expected = if service == Service::Graph { "BadRequest" } else { "MissingRequiredParameter" };
        assert_eq!(wrong_case.error().0, expected, "{}", wrong_case.text);
        let large = bench.hunt(service, &token, &json!({"Query": "x".repeat(1_100_000)})).await;
        assert!(large.status == 413 && large.text.starts_with("<html>"));
    }
}

#[tokio::test]
async fn the_call_after_the_quota_is_refused_with_the_wait_in_the_words() {
    let bench = Bench::new(Options { calls_per_minute: 2, ..Options::default() }).await;
    for (service, scope) in ALL {
        let token = bench.token("ir-collector", scope).await;
        let body = json!({"Query": "NoSuchTable"});
        for _ in 0..2 {
            assert_eq!(bench.hunt(service, &token, &body).await.status, 400);
        }
        let refused = bench.hunt(service, &token, &body).await;
        assert_eq!((refused.status, refused.error().0.as_str()), (429, "TooManyRequests"));
        let (message, after) = (refused.error().1, refused.header("retry-after").parse::<u64>().unwrap());
        assert!(message.contains("maximum allowed 2 per 00:01:00") && (55..=60).contains(&after), "{message} {after}");
        assert!(message.ends_with(&format!("You can send requests again in {after} seconds.")));
    }
}

#[tokio::test]
async fn retry_after_may_be_left_out() {
    let bench = Bench::new(Options { retry_after: false, ..faulty("throttle") }).await;
    let refused = bench.query("print 1").await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, ""));
}

#[tokio::test]
async fn faults_happen_as_they_are_named() {
    for (fault, status, start) in [
        ("throttle", 429, r#"{"error":{"code":"TooManyRequests""#),
        ("quota", 429, r#"{"error":{"code":"TooManyRequests","innerError""#),
        ("unavailable", 503, r#"{"error":{"code":"UnknownError""#),
        ("timeout", 504, r#"{"error":{"code":"UnknownError""#),
        ("html", 502, "<html>"),
        ("preempted", 400, r#"{"error":{"code":"BadRequest""#),
        ("expired-token", 401, r#"{"error":{"code":"InvalidAuthenticationToken""#),
    ] {
        let bench = Bench::new(faulty(fault)).await;
        let answer = bench.query("print 1").await;
        assert_eq!(answer.status, status, "{fault}: {}", answer.text);
        assert!(answer.text.starts_with(start), "{fault}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_dropped_and_a_hanging_call_end_without_an_answer() {
    for fault in ["drop", "hang"] {
        let bench = Bench::new(Options { hang: std::time::Duration::from_millis(50), ..faulty(fault) }).await;
        let token = bench.token("ir-collector", GRAPH).await;
        let answer = bench.hunt_raw(Service::Graph, &token, &json!({"Query": "print 1"})).await;
        assert!(answer.is_err(), "{fault}: {answer:?}");
    }
}

#[tokio::test]
async fn a_retired_api_answers_as_told() {
    for (retirement, status) in [(Retirement::Gone, 410), (Retirement::NotFound, 404), (Retirement::Empty, 200)] {
        let bench = Bench::new(Options { retirement, ..Options::default() }).await;
        let token = bench.token("ir-collector", XDR).await;
        assert_eq!(bench.hunt(Service::Xdr, &token, &json!({"Query": "print 1"})).await.status, status);
    }
}

#[tokio::test]
async fn a_token_is_good_for_a_number_of_calls_where_told() {
    let bench = Bench::new(Options { token_calls: Some(1), ..Options::default() }).await;
    let (first, second) = (bench.token("ir-collector", GRAPH).await, bench.token("ir-collector", GRAPH).await);
    let body = json!({"Query": "NoSuchTable"});
    assert_eq!(bench.hunt(Service::Graph, &first, &body).await.status, 400);
    let expired = bench.hunt(Service::Graph, &first, &body).await;
    assert_eq!((expired.status, expired.error().1.as_str()), (401, "Lifetime validation failed, the token is expired."));
    assert_eq!(bench.hunt(Service::Graph, &second, &body).await.status, 400);
}
