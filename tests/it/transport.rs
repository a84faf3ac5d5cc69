//! A hunt over real sockets: every fault ends in rows that are whole, or in an error that says what to do.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use crate::{
    bench::{BRIEF, Bench, Kept, Nothing, TOKEN, TWO_ROWS},
    wire::{Reply, bytes, cut, json, reply},
};
use ircollect::{
    api::hunting::{Refusal, Request, hunt},
    error::Kind,
    transport::{Budget, Call, Limits, ServiceFault},
};
use std::{
    io::Write,
    time::{Duration, Instant},
};

fn error(status: &str, headers: &str, code: &str, message: &str) -> Reply {
    let body = format!(r#"{{"error":{{"code":"{code}","message":"{message}","innerError":{{"request-id":"in-body"}}}}}}"#);
    reply(status, &format!("Content-Type: application/json\r\n{headers}"), body)
}

#[tokio::test]
async fn a_whole_answer() {
    let mut bench = Bench::new(BRIEF, [json(TWO_ROWS)]).await;
    let answer = bench.hunt().await.unwrap();
    assert_eq!(bench.kept.rows, [r#"{"A":1}"#, r#"{"A":2}"#]);
    assert_eq!((answer.rows, answer.bytes, answer.request_id.as_deref()), (2, TWO_ROWS.len() as u64, Some("r-1")));
    assert_eq!(answer.schema[0].kind, "Int64");
    let asked = &bench.server.asked()[0];
    assert!(asked.head.starts_with("POST /v1.0/security/runHuntingQuery HTTP/1.1"));
    assert_eq!(asked.body, br#"{"Query":"print 1"}"#);
    for (name, value) in [
        ("content-type", "application/json; charset=utf-8"),
        ("accept", "application/json"),
        ("accept-encoding", "gzip"),
        ("authorization", &format!("Bearer {TOKEN}-0")),
        ("client-request-id", &answer.client_request_id),
    ] {
        assert_eq!(asked.header(name), Some(value));
    }
    let exchange = &bench.log.exchanges.lock().unwrap()[0];
    assert_eq!((exchange.attempt, exchange.status, exchange.bytes), (1, Some(200), TWO_ROWS.len() as u64));
    assert_eq!(exchange.failure, None);
}

#[tokio::test]
async fn a_compressed_answer_and_one_that_is_cut_within() {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(TWO_ROWS.as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    let half = &packed[..packed.len() - 12];
    let replies = [reply("200 OK", "Content-Encoding: gzip\r\n", half), reply("200 OK", "Content-Encoding: gzip\r\n", &packed)];
    let mut bench = Bench::new(BRIEF, replies).await;
    assert_eq!(bench.hunt().await.unwrap().bytes, TWO_ROWS.len() as u64);
    assert_eq!((bench.kept.rows.len(), bench.kept.begun), (2, 2));
}

/// Meets the faults one after another, then a whole answer.
async fn heals(faults: &[(Reply, &str)]) {
    let replies = faults.iter().map(|(reply, _)| reply.clone()).chain([json(TWO_ROWS)]);
    let mut bench = Bench::new(Duration::from_secs(6), replies).await;
    let answer = bench.hunt().await.unwrap();
    assert_eq!((answer.rows, bench.kept.rows.len()), (2, 2));
    assert_eq!((bench.budget.tries() as usize, bench.budget.retries() as usize), (faults.len() + 1, faults.len()));
    let asked = bench.server.asked();
    let ids: std::collections::HashSet<_> = asked.iter().map(|asked| asked.header("client-request-id")).collect();
    assert_eq!(ids.len(), faults.len() + 1, "each try has its own id");
    let exchanges = bench.log.exchanges.lock().unwrap();
    for (exchange, (_, words)) in exchanges.iter().zip(faults) {
        let failure = exchange.failure.as_deref().unwrap();
        assert!(failure.contains(words), "{failure} lacks {words}");
    }
}

#[tokio::test]
async fn failing_services_heal() {
    heals(&[
        (error("503 Service Unavailable", "", "UnknownError", ""), "503 UnknownError"),
        (reply("502 Bad Gateway", "Content-Type: text/html\r\n", "<html><title>502 Bad Gateway</title></html>"), "502 BadGateway"),
        (Reply::Reset, "eset"),
        (Reply::Silence(Vec::new()), "nothing came"),
    ])
    .await;
}

#[tokio::test]
async fn cut_answers_heal() {
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n18\r\n{\"results\":[{\"A\":1},{\"A\"\r\n".to_vec();
    heals(&[
        (cut(&TWO_ROWS[..50], TWO_ROWS.len()), "cut after 50 bytes"),
        (Reply::Bytes(chunked), "cut after 24 bytes"),
        (json(&TWO_ROWS[..60]), "cut after 60 bytes, in row 2"),
        (json(""), "empty"),
    ])
    .await;
}

#[tokio::test]
async fn answers_that_are_none_heal() {
    heals(&[
        (json(r#"{"results":[{"A":1},{"A":}]}"#), "row 2 is not JSON"),
        (json(r#"{"results":[{"A":1}],"error":{"code":"PartialError","message":"node lost"}}"#), "PartialError"),
        (reply("200 OK", "Content-Type: text/html\r\n", "<!doctype html><p>Sign in to the proxy"), "HTML"),
        (json(r#"{"schema":[{"name":1}],"results":[]}"#), "schema"),
    ])
    .await;
}

#[tokio::test]
async fn what_does_not_heal_fails_after_six_tries() {
    for (fault, words, code) in [
        (
            error("500 Internal Server Error", "request-id: r-9\r\n", "UnknownError", ""),
            "500 UnknownError: no message (request id r-9)",
            "UnknownError",
        ),
        (
            reply("502 Bad Gateway", "", "<html><title>502 Bad Gateway</title></html>"),
            "502 Bad Gateway: HTML instead of JSON",
            "BadGateway",
        ),
        (reply("200 OK", "request-id: r-9\r\n", "<html>"), "200 OK, but the body is HTML instead of JSON", "BrokenBody"),
        (json(""), "the body is empty (request id r-1)", "BrokenBody"),
        (cut(&TWO_ROWS[..50], 100), "the body is cut after 50 bytes", "BrokenBody"),
        (Reply::Reset, "the connection was lost to 127.0.0.1", "ConnectionLost"),
    ] {
        let mut bench = Bench::new(BRIEF, [fault]).await;
        let error = bench.fails().await;
        assert!(error.message().contains(words) && error.message().contains(" tries"), "{error}");
        assert_eq!((error.kind(), error.code().as_str()), (Kind::Failed, code));
        assert!(!error.hints().is_empty());
        assert!(bench.budget.tries() >= 6 && bench.budget.spent() >= BRIEF / 2);
    }
}

#[tokio::test]
async fn silence_ends_at_the_deadline() {
    let mut bench = Bench::new(Duration::from_secs(1), [Reply::Silence(Vec::new())]).await;
    let request = Request { deadline: Duration::from_millis(200), ..bench.request() };
    let error = bench.ask(&request).await.unwrap_err();
    assert_eq!((error.kind(), error.code().as_str()), (Kind::Failed, "Timeout"));
    assert!(error.message().contains("no answer came within"), "{error}");
    assert_eq!(Refusal::of(&error), Some(Refusal::Gateway));
    assert!(bench.budget.tries() >= 6);
}

#[tokio::test]
async fn a_body_that_stands_still_ends_too() {
    let half = bytes("200 OK", "request-id: r-7\r\n", b"{\"results\":[", 100);
    let bench = Bench::new(BRIEF, [Reply::Silence(half)]).await;
    let call = Call::get("listing users", bench.server.url.parse().unwrap(), "t/graph");
    let call = Call { idle: Duration::from_millis(100), ..call };
    let error = bench.transport.send(&call, &bench.tokens, &bench.budget, &mut Nothing).await.unwrap_err();
    assert!(error.message().contains("stood still") && error.message().contains("r-7"), "{error}");
    assert_eq!(bench.server.asked()[0].header("authorization"), None, "no scope, no bearer");
}

#[tokio::test]
async fn a_stated_wait_is_obeyed_by_the_whole_lane() {
    let throttled = error("429 Too Many Requests", "Retry-After: 1\r\n", "TooManyRequests", "Please retry again later.");
    let bench = Bench::new(Duration::from_secs(10), [throttled, json(TWO_ROWS)]).await;
    let (request, budget) = (bench.request(), Budget::new(Duration::from_secs(10)));
    let mut others = Kept::default();
    let mut kept = Kept::default();
    let first = hunt(&bench.transport, &bench.tokens, &request, &bench.budget, &mut kept);
    let second = async {
        tokio::time::sleep(Duration::from_millis(400)).await;
        hunt(&bench.transport, &bench.tokens, &request, &budget, &mut others).await
    };
    let (first, second) = tokio::join!(first, second);
    assert_eq!((first.unwrap().rows, second.unwrap().rows), (2, 2));
    let asked = bench.server.asked();
    assert_eq!(asked.len(), 3);
    for later in &asked[1..] {
        assert!(later.at.duration_since(asked[0].at) >= Duration::from_millis(990), "nobody of the lane asks before its time");
    }
    assert!(bench.budget.throttled() >= Duration::from_millis(900) && budget.throttled() >= Duration::from_millis(400));
    assert!(bench.log.waits.lock().unwrap()[0].reason.contains("429 TooManyRequests"));
}

#[tokio::test]
async fn a_wait_in_words_beyond_max_wait_gives_up_at_once() {
    let words = "You have exceeded processing resources allocated to this tenant. You can run queries again in 14 minutes.";
    let mut bench = Bench::new(Duration::from_secs(5), [error("429 Too Many Requests", "", "TooManyRequests", words)]).await;
    let start = Instant::now();
    let first = bench.fails().await;
    assert_eq!((first.kind(), first.code().as_str()), (Kind::Incomplete, "TooManyRequests"));
    assert!(first.hints()[0].contains("wait 840 s, and 5 s are left"), "{:?}", first.hints());
    let next = bench.fails().await;
    assert_eq!(next.kind(), Kind::Incomplete);
    assert!(next.message().contains("the lane waits"), "{next}");
    assert_eq!(bench.server.asked().len(), 1, "the lane is not asked again before its time");
    assert!(start.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn a_429_without_a_wait_is_tried_six_times() {
    let mut bench = Bench::new(BRIEF, [error("429 Too Many Requests", "", "TooManyRequests", "Too many requests.")]).await;
    let error = bench.fails().await;
    assert_eq!(error.kind(), Kind::Incomplete);
    assert!(bench.budget.tries() >= 6 && bench.budget.throttled() >= BRIEF / 2);
}

#[tokio::test]
async fn a_refused_token_is_renewed_once() {
    let refused = || error("401 Unauthorized", "", "InvalidAuthenticationToken", "Lifetime validation failed, the token is expired.");
    let mut bench = Bench::new(BRIEF, [refused(), json(TWO_ROWS)]).await;
    bench.hunt().await.unwrap();
    let bearers: Vec<_> = bench.server.asked().iter().map(|asked| asked.header("authorization").unwrap().to_owned()).collect();
    assert_eq!(bearers, [format!("Bearer {TOKEN}-0"), format!("Bearer {TOKEN}-1")]);

    let mut bench = Bench::new(BRIEF, [refused()]).await;
    let error = bench.fails().await;
    assert_eq!((error.kind(), bench.server.asked().len()), (Kind::Credential, 2));
    assert!(error.hints()[0].contains("audience https://some.audience"), "{:?}", error.hints());
}

#[tokio::test]
async fn refusals_are_final_and_told_apart() {
    let roles = "Missing application roles. API required roles: ThreatHunting.Read.All, application roles: User.Read.All,Policy.Read.All.";
    let size = "Query execution has exceeded the allowed result size. Optimize your query by limiting the amount of results and try again.";
    let limits = "Query execution has exceeded the allowed limits. The query execution was preempted.";
    let name = "'where' operator: Failed to resolve table or column expression named 'X'. Fix semantic errors in your query.";
    for (reply, kind, refusal) in [
        (error("400 Bad Request", "", "BadRequest", name), Kind::Query, Some(Refusal::Unresolved)),
        (error("400 Bad Request", "", "BadRequest", size), Kind::Query, Some(Refusal::TooLarge)),
        (error("400 Bad Request", "", "BadRequest", limits), Kind::Query, Some(Refusal::Preempted)),
        (error("400 Bad Request", "", "BadRequest", "A recognition error occurred."), Kind::Query, None),
        (error("403 Forbidden", "", "Forbidden", roles), Kind::Permission, None),
        (error("401 Unauthorized", "", "Unauthorized", "Unauthorized request - reason of failure: No Tvm license"), Kind::Permission, None),
        (error("404 Not Found", "", "NotFound", "gone"), Kind::Failed, Some(Refusal::Gone)),
        (reply("413 Request Entity Too Large", "", "<html><title>413</title></html>"), Kind::Failed, Some(Refusal::Gateway)),
        (reply("302 Found", "Location: http://127.0.0.1:1/\r\n", ""), Kind::Failed, None),
    ] {
        let mut bench = Bench::new(Duration::from_mins(1), [reply]).await;
        let error = bench.fails().await;
        assert_eq!((error.kind(), Refusal::of(&error), bench.server.asked().len()), (kind, refusal, 1), "{error}");
        assert_eq!(ServiceFault::of(&error).unwrap().required_roles().is_empty(), !error.message().contains("roles"));
    }
}

#[tokio::test]
async fn gateways_end_early_for_those_who_can_ask_for_less() {
    let gateway = reply("504 Gateway Timeout", "", "");
    let mut bench = Bench::new(Duration::from_mins(1), [gateway]).await;
    let request = Request { gateway_tries: Some(2), ..bench.request() };
    let error = bench.ask(&request).await.unwrap_err();
    assert_eq!((Refusal::of(&error), bench.server.asked().len()), (Some(Refusal::Gateway), 2));
}

#[tokio::test]
async fn an_interruption_ends_waits_and_exchanges() {
    for reply in [Reply::Silence(Vec::new()), error("429 Too Many Requests", "Retry-After: 50\r\n", "x", "")] {
        let mut bench = Bench::new(Duration::from_secs(100), [reply]).await;
        let (cancel, start) = (bench.cancel.clone(), Instant::now());
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(200)).await;
            cancel.cancel();
        });
        let error = bench.fails().await;
        assert_eq!(error.kind(), Kind::Interrupted);
        assert!(start.elapsed() < Duration::from_secs(1));
    }
}

#[tokio::test]
async fn a_full_disk_ends_it_at_once() {
    let mut bench = Bench::new(Duration::from_mins(1), [json(TWO_ROWS)]).await;
    bench.kept.full_after = Some(1);
    let error = bench.hunt().await.unwrap_err();
    assert_eq!((error.kind(), bench.server.asked().len()), (Kind::Disk, 1));
}

#[tokio::test]
async fn the_pace_holds_calls_back() {
    let bench = Bench::new(BRIEF, [json(TWO_ROWS)]).await;
    bench.transport.pace().limit("t/graph", Limits { per_minute: 2, ..Limits::default() });
    let request = bench.request();
    let run = async {
        for _ in 0..3 {
            hunt(&bench.transport, &bench.tokens, &request, &bench.budget, &mut Kept::default()).await.unwrap();
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(1), run).await.is_err(), "the third has to wait for the minute");
    assert_eq!(bench.server.asked().len(), 2);
    assert!(bench.log.waits.lock().unwrap()[0].reason.contains("2 calls a minute"));
    assert_eq!(bench.budget.spent(), Duration::ZERO, "our own pace is no charge on --max-wait");
}

#[tokio::test]
async fn no_more_in_flight_than_allowed() {
    let bench = Bench::new(BRIEF, [Reply::Silence(Vec::new())]).await;
    bench.transport.pace().limit("t/graph", Limits { in_flight: 3, ..Limits::default() });
    let request = Request { deadline: Duration::from_mins(1), ..bench.request() };
    let many = futures::future::join_all(
        (0..8).map(|_| async { hunt(&bench.transport, &bench.tokens, &request, &bench.budget, &mut Kept::default()).await }),
    );
    assert!(tokio::time::timeout(Duration::from_millis(500), many).await.is_err());
    assert_eq!(bench.server.asked().len(), 3);
}

#[tokio::test]
async fn a_host_that_is_not_there() {
    let mut bench = Bench::new(Duration::from_secs(1), [Reply::Reset]).await;
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let request = Request { endpoint: format!("http://127.0.0.1:{port}").parse().unwrap(), ..bench.request() };
    let error = hunt(&bench.transport, &bench.tokens, &request, &bench.budget, &mut bench.kept).await.unwrap_err();
    assert_eq!((error.kind(), error.code().as_str(), bench.budget.tries()), (Kind::Failed, "Unreachable", 6));
    assert!(error.message().contains("cannot connect to 127.0.0.1"), "{error}");
}

#[tokio::test]
async fn the_bearer_is_not_sent_elsewhere() {
    let bench = Bench::new(BRIEF, [json(TWO_ROWS)]).await;
    let call =
        Call::get("listing", "http://127.0.0.1:1/".parse().unwrap(), "t/graph").bearer("x/.default").at(bench.server.url.parse().unwrap());
    let error = bench.transport.send(&call, &bench.tokens, &bench.budget, &mut Nothing).await.unwrap_err();
    assert_eq!(error.code(), "ForeignOrigin");
    assert!(bench.server.asked().is_empty());
}
