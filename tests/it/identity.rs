//! Tokens of an application, from a token service on loopback that answers as Entra does, well and badly.

use crate::loopback::{Reply, Seen, Server, client, rsa, self_signed};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use ircollect::{
    error::{Error, Kind},
    identity::{App, AppOptions, Authority, Entra, EntraOptions, KeyPair, LocalSigner, Marks, Proof},
    secret::{Secret, SecretBytes},
    transport::{Authorize, Exchange, Wait, Witness},
};
use serde_json::json;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

pub(crate) const TENANT: &str = "11111111-2222-3333-4444-555555555555";
pub(crate) const APP_ID: &str = "aaaaaaaa-0000-4000-8000-000000000001";
pub(crate) const SECRET: &str = "s3cret~with.odd_chars+&=%/ x";
pub(crate) const GRAPH: &str = "https://graph.microsoft.com/.default";

/// Remembers what it saw.
#[derive(Default)]
pub(crate) struct Notes {
    pub(crate) exchanges: Mutex<Vec<Exchange>>,
    pub(crate) waits: Mutex<Vec<Wait>>,
}

impl Witness for Notes {
    fn exchange(&self, exchange: &Exchange) {
        self.exchanges.lock().unwrap().push(exchange.clone());
    }

    fn waiting(&self, wait: &Wait) {
        self.waits.lock().unwrap().push(wait.clone());
    }
}

pub(crate) fn entra(notes: &Arc<Notes>, client: reqwest::Client) -> Entra {
    Entra::new(EntraOptions {
        timeout: Duration::from_millis(700),
        pause: Duration::from_millis(1),
        ..EntraOptions::new(client, notes.clone())
    })
}

pub(crate) fn app(server: &Server, proof: Proof, notes: &Arc<Notes>) -> App {
    let authority = Authority { url: server.url().parse().unwrap(), marks: None };
    let entra = entra(notes, client(None, &[]));
    App::new(AppOptions { entra, authority, tenant: TENANT.into(), app_id: APP_ID.into(), proof })
}

pub(crate) fn secret() -> Proof {
    Proof::Secret(Secret::new(SECRET))
}

/// A certificate with its key, as PEM.
pub(crate) fn certificate(rs256: bool, send_chain: bool) -> (openssl::x509::X509, Proof) {
    let key = rsa();
    let leaf = self_signed(&key);
    let pem = [key.private_key_to_pem_pkcs8().unwrap(), leaf.to_pem().unwrap()].concat();
    let pair = KeyPair::parse(&SecretBytes::new(pem), None).unwrap();
    (leaf, Proof::Certificate { signer: Arc::new(LocalSigner::new(pair)), rs256, send_chain })
}

pub(crate) fn token(name: &str) -> Reply {
    Reply::json(200, &json!({"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": name}))
}

fn refusal(status: u16, code: u32, text: &str) -> Reply {
    let description = format!("AADSTS{code}: {text} Trace ID: tr-1 Correlation ID: co-1 Timestamp: 2026-06-03 16:13:57Z");
    let body = json!({"error": "invalid_client", "error_description": description, "error_codes": [code], "trace_id": "tr-1", "correlation_id": "co-1"});
    Reply::json(status, &body)
}

/// The part of a JWT that a request presented.
pub(crate) fn part(seen: &Seen, index: usize) -> serde_json::Value {
    let assertion = seen.field("client_assertion").unwrap();
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(assertion.split('.').nth(index).unwrap()).unwrap()).unwrap()
}

async fn error(server: &Server) -> (Error, Arc<Notes>) {
    let notes = Arc::new(Notes::default());
    let error = app(server, secret(), &notes).token(GRAPH, Duration::ZERO).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Credential);
    (error, notes)
}

#[tokio::test]
async fn a_secret_is_sent_as_a_form_and_the_token_is_kept() {
    let server = Server::http(|_, count| token(&format!("t{count}")).header("x-ms-request-id", "req-1"));
    let notes = Arc::new(Notes::default());
    let app = app(&server, secret(), &notes);
    for _ in 0..3 {
        assert_eq!(app.bearer(GRAPH).await.unwrap().expose(), "t0");
    }
    let seen = server.seen();
    assert_eq!((seen.len(), seen[0].method.as_str()), (1, "POST"));
    assert_eq!(seen[0].target, format!("/{TENANT}/oauth2/v2.0/token"));
    let form: Vec<(&str, String)> =
        ["client_id", "scope", "client_secret", "grant_type"].map(|name| (name, seen[0].field(name).unwrap())).into();
    assert_eq!(form.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>(), [APP_ID, GRAPH, SECRET, "client_credentials"]);
    assert_eq!(seen[0].form().len(), 4);
    assert_eq!(seen[0].header("content-type"), Some("application/x-www-form-urlencoded"));
    let exchanges = notes.exchanges.lock().unwrap();
    assert_eq!((exchanges[0].status, exchanges[0].request_id.as_deref()), (Some(200), Some("req-1")));
    assert_eq!(seen[0].header("client-request-id"), Some(exchanges[0].client_request_id.as_str()));
    assert!(!format!("{exchanges:?}").contains("s3cret"));
}

#[tokio::test]
async fn one_caller_asks_while_the_others_wait() {
    let server = Server::http(|_, count| token(&format!("t{count}")).late(Duration::from_millis(100)));
    let app = Arc::new(app(&server, secret(), &Arc::default()));
    let callers: Vec<_> = (0..16)
        .map(|_| {
            tokio::spawn({
                let app = app.clone();
                async move { app.bearer(GRAPH).await.unwrap() }
            })
        })
        .collect();
    for caller in callers {
        assert_eq!(caller.await.unwrap().expose(), "t0");
    }
    assert_eq!(server.seen().len(), 1);
    app.bearer("https://api.security.microsoft.com/.default").await.unwrap();
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn a_rejected_token_is_renewed_once_for_all_who_held_it() {
    let server = Server::http(|_, count| token(&format!("t{count}")));
    let app = app(&server, secret(), &Arc::default());
    let first = app.bearer(GRAPH).await.unwrap();
    assert_eq!(app.renew(GRAPH, &first).await.unwrap().expose(), "t1");
    assert_eq!(app.renew(GRAPH, &first).await.unwrap().expose(), "t1");
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn min_valid_asks_for_a_younger_token() {
    let server = Server::http(|_, count| token(&format!("t{count}")));
    let app = app(&server, secret(), &Arc::default());
    let minutes = |count: u64| Duration::from_mins(count);
    assert_eq!(app.token(GRAPH, minutes(30)).await.unwrap().secret().expose(), "t0");
    assert_eq!(app.token(GRAPH, minutes(59)).await.unwrap().secret().expose(), "t0");
    assert_eq!(app.token(GRAPH, minutes(60)).await.unwrap().secret().expose(), "t1");
}

#[tokio::test]
async fn a_wrong_secret_ends_at_once_and_is_not_asked_again() {
    let server = Server::http(|_, _| refusal(401, 7_000_215, "Invalid client secret provided."));
    let notes = Arc::new(Notes::default());
    let app = app(&server, secret(), &notes);
    for _ in 0..2 {
        let error = app.bearer(GRAPH).await.unwrap_err();
        assert_eq!((error.kind().exit_code(), error.code()), (3, "AADSTS7000215".to_owned()));
        assert_eq!(
            error.message(),
            format!(
                "getting a token for https://graph.microsoft.com as application {APP_ID} in tenant {TENANT}: AADSTS7000215: Invalid client secret provided. (trace id tr-1, correlation id co-1)"
            )
        );
        assert!(error.hints()[0].contains("the secret's value"));
    }
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn busy_services_are_asked_again() {
    let server = Server::http(|_, count| match count {
        0 => Reply::text(503, "text/html", "<html>"),
        1 => refusal(400, 90_033, "A transient error has occurred."),
        2 => token("cut-off").cut(),
        _ => token("t"),
    });
    let notes = Arc::new(Notes::default());
    assert_eq!(app(&server, secret(), &notes).bearer(GRAPH).await.unwrap().expose(), "t");
    assert_eq!(notes.waits.lock().unwrap().len(), 3);
    let attempts: Vec<u32> = notes.exchanges.lock().unwrap().iter().map(|exchange| exchange.attempt).collect();
    assert_eq!(attempts, [1, 2, 3, 4]);
}

#[tokio::test]
async fn retry_after_is_obeyed_or_ends_the_wait() {
    let server =
        Server::http(|_, count| if count == 0 { Reply::text(429, "text/plain", "").header("Retry-After", "1") } else { token("t") });
    let notes = Arc::new(Notes::default());
    app(&server, secret(), &notes).bearer(GRAPH).await.unwrap();
    assert_eq!(notes.waits.lock().unwrap()[0].length.as_secs(), 1);
    let server = Server::http(|_, _| Reply::text(429, "text/plain", "").header("Retry-After", "600"));
    let (error, notes) = error(&server).await;
    assert_eq!((server.seen().len(), notes.waits.lock().unwrap().len()), (1, 0));
    assert!(error.message().contains("429"), "{error}");
}

#[tokio::test]
async fn answers_that_are_none_end_as_errors_after_four_tries() {
    let answers = [
        Reply::text(502, "text/html", "<html>Bad Gateway</html>"),
        Reply::text(200, "text/html", "<html>Sign in to the proxy</html>"),
        Reply::text(200, "application/json", ""),
        token("t").cut(),
        token("t").late(Duration::from_secs(3)),
    ];
    for answer in answers {
        let shown = format!("{answer:?}");
        let server = Server::http(move |_, _| answer.clone());
        let (error, _) = error(&server).await;
        assert_eq!(server.seen().len(), 4, "{shown}");
        assert!(!error.hints().is_empty(), "{error:?}");
    }
}

#[tokio::test]
async fn a_certificate_proves_itself_by_ps256() {
    let server = Server::http(|_, _| token("t"));
    let (leaf, proof) = certificate(false, false);
    app(&server, proof, &Arc::default()).bearer(GRAPH).await.unwrap();
    let seen = &server.seen()[0];
    let digest = leaf.digest(openssl::hash::MessageDigest::sha256()).unwrap();
    assert_eq!(part(seen, 0), json!({"alg": "PS256", "typ": "JWT", "x5t#S256": BASE64_URL_SAFE_NO_PAD.encode(digest)}));
    assert_eq!(part(seen, 1)["aud"], format!("{}/{TENANT}/oauth2/v2.0/token", server.url()));
    assert_eq!(seen.field("client_assertion_type").as_deref(), Some("urn:ietf:params:oauth:client-assertion-type:jwt-bearer"));
}

#[tokio::test]
async fn rs256_is_tried_once_where_ps256_is_not_taken() {
    let server = Server::http(|seen, _| match part(seen, 0)["alg"].as_str() {
        Some("RS256") => token("t"),
        _ => refusal(401, 5_002_730, "The JWT algorithm is not supported."),
    });
    let app = app(&server, certificate(false, false).1, &Arc::default());
    app.bearer(GRAPH).await.unwrap();
    app.bearer("https://api.security.microsoft.com/.default").await.unwrap();
    let algorithms: Vec<_> = server.seen().iter().map(|seen| part(seen, 0)["alg"].clone()).collect();
    assert_eq!(algorithms, ["PS256", "RS256", "RS256"]);
}

#[tokio::test]
async fn an_assertion_out_of_its_time_is_dated_anew_once() {
    let ahead = |seconds: i64| jiff::Timestamp::now() + jiff::SignedDuration::from_secs(seconds);
    let date = move |seconds: i64| ahead(seconds).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let server = Server::http(move |seen, _| {
        let valid = part(seen, 1)["exp"].as_i64().unwrap() > ahead(3_600).as_second();
        let reply = if valid { token("t") } else { refusal(401, 700_024, "Client assertion is not within its valid time range.") };
        reply.header("Date", date(3_600))
    });
    let notes = Arc::new(Notes::default());
    let authority = Authority { url: server.url().parse().unwrap(), marks: None };
    let entra = entra(&notes, client(None, &[]));
    let clock = entra.clock().clone();
    let app = App::new(AppOptions { entra, authority, tenant: TENANT.into(), app_id: APP_ID.into(), proof: certificate(false, false).1 });
    app.bearer(GRAPH).await.unwrap();
    assert_eq!(server.seen().len(), 2);
    assert!(clock.warning().unwrap().contains("behind"));
    let never = Server::http(|_, _| refusal(401, 700_024, "Client assertion is not within its valid time range."));
    let proof = certificate(false, false).1;
    let error = self::app(&never, proof, &notes).bearer(GRAPH).await.unwrap_err();
    assert_eq!((never.seen().len(), error.code()), (2, "AADSTS700024".to_owned()));
}

#[tokio::test]
async fn a_federated_token_is_read_anew_for_each_request() {
    let server = Server::http(|_, count| token(&format!("t{count}")));
    let reads = Arc::new(Mutex::new(0));
    let read = Arc::new({
        let reads = reads.clone();
        move || {
            *reads.lock().unwrap() += 1;
            Ok(Secret::new(format!("federated-{}", reads.lock().unwrap())))
        }
    });
    let app = app(&server, Proof::Federated(read), &Arc::default());
    let first = app.bearer(GRAPH).await.unwrap();
    app.renew(GRAPH, &first).await.unwrap();
    let sent: Vec<_> = server.seen().iter().map(|seen| seen.field("client_assertion").unwrap()).collect();
    assert_eq!(sent, ["federated-1", "federated-2"]);
}

fn metadata(graph: &str, instance: &str) -> Reply {
    let endpoint = format!("https://login.test/{TENANT}/oauth2/v2.0/token");
    Reply::json(200, &json!({"token_endpoint": endpoint, "cloud_instance_name": instance, "msgraph_host": graph}))
}

#[tokio::test]
async fn a_domain_is_resolved_and_its_cloud_is_checked() {
    let server = Server::http(|seen, _| match seen.target.split('/').nth(1) {
        Some("contoso.com") => metadata("graph.microsoft.com", "microsoftonline.com"),
        Some("agency.us") => metadata("graph.microsoft.us", "microsoftonline.us"),
        _ => Reply::json(
            400,
            &json!({"error": "invalid_tenant", "error_description": "AADSTS90002: Tenant 'nosuch.example' not found.\r\nTrace ID: tr-9", "error_codes": [90002], "trace_id": "tr-9"}),
        ),
    });
    let entra = entra(&Arc::default(), client(None, &[]));
    let marks = Marks { instance: "microsoftonline.com".into(), graph_host: "graph.microsoft.com".into() };
    let public = Authority { url: server.url().parse().unwrap(), marks: Some(marks) };
    let own = Authority { marks: None, ..public.clone() };
    assert_eq!(entra.resolve_tenant(&public, "contoso.com").await.unwrap().id, TENANT);
    assert_eq!(server.seen()[0].target, "/contoso.com/v2.0/.well-known/openid-configuration");
    assert_eq!(entra.resolve_tenant(&own, "agency.us").await.unwrap().id, TENANT);
    let error = entra.resolve_tenant(&public, "agency.us").await.unwrap_err();
    assert_eq!((error.code(), error.hints()[0].as_str()), ("TenantInOtherCloud".to_owned(), "choose it: --cloud usgov"));
    let error = entra.resolve_tenant(&public, "nosuch.example").await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::Credential, "AADSTS90002".to_owned()));
    assert!(error.message().contains("tr-9"), "{error}");
    let asked = server.seen().len();
    assert_eq!(entra.resolve_tenant(&own, &TENANT.to_uppercase()).await.unwrap().id, TENANT);
    assert_eq!(server.seen().len(), asked);
}
