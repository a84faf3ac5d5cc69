//! Tokens by secret and by assertion, and every refusal with its code.

use super::bench::{Bench, GRAPH, MDE, client, read};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as URL64};
use ircollect::lab::{Options, Service};
use openssl::{hash::MessageDigest, pkey::PKey, sign::Signer, x509::X509};
use serde_json::{Value, json};

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

fn claims(token: &str) -> Value {
    serde_json::from_slice(&URL64.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

#[tokio::test]
async fn a_secret_gets_a_token_with_the_claims_of_its_api() {
    let bench = &Bench::shared();
    let token = bench.token("ir-collector", GRAPH).await;
    let claims = claims(&token);
    assert_eq!(claims["aud"], "https://graph.microsoft.com");
    assert_eq!(claims["iss"], format!("https://sts.windows.net/{}/", bench.lab.tenant()));
    assert_eq!((&claims["appidacr"], &claims["idtyp"], &claims["ver"]), (&json!("1"), &json!("app"), &json!("1.0")));
    assert!(claims["roles"].as_array().unwrap().contains(&json!("ThreatHunting.Read.All")));
    assert!(bench.lab.secrets_handed_out().contains(&token));
    let bare = super::entra::claims(&bench.token("ir-no-roles", GRAPH).await);
    assert!(bare.get("roles").is_none(), "tokens are issued without any role, and the claim is missing then");
}

#[tokio::test]
async fn the_tenant_may_be_named_by_a_domain_and_the_secret_sent_as_basic() {
    let bench = &Bench::shared();
    let (id, secret) = bench.app("ir-collector");
    let url = bench.url(Service::Authority, "/tarnfield.example/oauth2/v2.0/token");
    let encode = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let form = [("scope", MDE), ("grant_type", "client_credentials")];
    let request = bench.http.post(url).basic_auth(encode(&id), Some(encode(&secret))).form(&form);
    let answer = read(request.header("client-request-id", "abc").header("return-client-request-id", "true").send().await.unwrap()).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.header("client-request-id"), "abc");
    assert_eq!(answer.header("cache-control"), "no-store, no-cache");
    assert_eq!(answer.json()["token_type"], "Bearer");
}

#[tokio::test]
async fn the_legacy_endpoint_writes_numbers_as_text() {
    let bench = &Bench::shared();
    let (id, secret) = bench.app("ir-collector");
    let url = bench.url(Service::Authority, &format!("/{}/oauth2/token", bench.lab.tenant()));
    let resource = "https://api.securitycenter.windows.com";
    let form = [("client_id", &*id), ("client_secret", &*secret), ("resource", resource), ("grant_type", "client_credentials")];
    let answer = read(bench.http.post(url).form(&form).send().await.unwrap()).await.json();
    assert_eq!((&answer["expires_in"], &answer["resource"]), (&json!("3599"), &json!(resource)));
}

/// Fields of a good form: replaced, or left out.
type Changes<'a> = &'a [(&'a str, Option<&'a str>)];

#[tokio::test]
async fn each_mistake_has_its_own_code() {
    let bench = &Bench::shared();
    let (id, secret) = bench.app("ir-collector");
    let good = [("client_id", &*id), ("client_secret", &*secret), ("scope", GRAPH), ("grant_type", "client_credentials")];
    let unknown = "00000000-dead-4000-8000-000000000000";
    let (expired, disabled, public) = (bench.app("ir-expired"), bench.app("ir-disabled"), bench.app("ir-public"));
    let table: &[(Changes<'_>, u16, &str, u64)] = &[
        (&[("client_secret", Some("wrong"))], 401, "invalid_client", 7_000_215),
        (&[("client_secret", None)], 401, "invalid_client", 7_000_218),
        (&[("client_id", Some(&expired.0)), ("client_secret", Some(&expired.1))], 401, "invalid_client", 7_000_222),
        (&[("client_id", Some(&disabled.0)), ("client_secret", Some(&disabled.1))], 400, "unauthorized_client", 7_000_112),
        (&[("client_id", Some(&public.0)), ("client_secret", Some(&public.1))], 401, "invalid_client", 700_025),
        (&[("client_id", Some(unknown))], 400, "unauthorized_client", 700_016),
        (&[("client_id", None)], 400, "invalid_request", 900_144),
        (&[("scope", None)], 400, "invalid_request", 900_144),
        (&[("grant_type", None)], 400, "invalid_request", 900_144),
        (&[("grant_type", Some("password"))], 400, "unsupported_grant_type", 70_003),
        (&[("scope", Some("https://graph.microsoft.com"))], 400, "invalid_scope", 1_002_012),
        (&[("scope", Some("https://graph.microsoft.com/.default https://vault.azure.net/.default"))], 400, "invalid_scope", 70_011),
        (&[("scope", Some("https://graph.microsoft.us/.default"))], 400, "invalid_resource", 500_011),
        (&[("client_assertion", Some("x.y.z"))], 400, "invalid_request", 900_144),
        (&[("client_assertion", Some("x.y.z")), ("client_assertion_type", Some("saml"))], 400, "invalid_request", 9_002_313),
        (&[("client_assertion", Some("x.y.z")), ("client_assertion_type", Some(JWT_BEARER))], 400, "invalid_request", 50_027),
    ];
    for (changes, status, error, code) in table {
        let kept = good.iter().filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name)).copied();
        let form: Vec<(&str, &str)> = kept.chain(changes.iter().filter_map(|(name, value)| Some((*name, (*value)?)))).collect();
        let answer = bench.ask(&form).await;
        let body = answer.json();
        assert_eq!(
            (answer.status, body["error"].as_str().unwrap(), &body["error_codes"]),
            (*status, *error, &json!([code])),
            "{changes:?}"
        );
        let text = body["error_description"].as_str().unwrap();
        assert!(text.starts_with(&format!("AADSTS{code}: ")) && text.contains("Trace ID: ") && text.contains("Correlation ID: "), "{text}");
        for member in ["trace_id", "correlation_id", "timestamp", "error_uri"] {
            assert!(body[member].is_string(), "{member}");
        }
    }
}

#[tokio::test]
async fn tenants_are_found_and_refused() {
    let bench = &Bench::shared();
    let metadata = |tenant: &str| {
        let url = bench.url(Service::Authority, &format!("/{tenant}/v2.0/.well-known/openid-configuration"));
        async { read(bench.http.get(url).send().await.unwrap()).await }
    };
    let known = metadata("tarnfield.example").await.json();
    assert!(known["token_endpoint"].as_str().unwrap().ends_with(&format!("/{}/oauth2/v2.0/token", bench.lab.tenant())));
    assert_eq!(metadata("common").await.json()["issuer"].as_str().unwrap().split('/').nth(3), Some("{tenantid}"));
    let unknown = metadata("nosuch.example").await;
    assert_eq!(
        (unknown.status, &unknown.json()["error"], &unknown.json()["error_codes"]),
        (400, &json!("invalid_tenant"), &json!([90_002]))
    );
    let keys = read(bench.http.get(known["jwks_uri"].as_str().unwrap()).send().await.unwrap()).await.json();
    assert_eq!(keys["keys"][0]["kty"], "RSA");
    let form = [("grant_type", "client_credentials"), ("client_id", "x"), ("scope", GRAPH)];
    for (tenant, code) in [
        ("nosuch.example", 90_002),
        ("11111111-2222-3333-4444-555555555555", 90_002),
        ("no tenant", 900_023),
        ("consumers", 9_001_023),
        ("common", 50_194),
    ] {
        let url = bench.url(Service::Authority, &format!("/{tenant}/oauth2/v2.0/token"));
        let answer = read(bench.http.post(url).form(&form).send().await.unwrap()).await;
        assert_eq!((answer.status, &answer.json()["error_codes"]), (400, &json!([code])), "{tenant}");
    }
}

#[tokio::test]
async fn instance_discovery_knows_the_authority_and_no_other() {
    let bench = &Bench::shared();
    let ask = |host: String| {
        let endpoint = format!("https://{host}/common/oauth2/v2.0/authorize");
        let query = [("api-version", "1.1"), ("authorization_endpoint", &*endpoint)];
        let request = bench.http.get(bench.url(Service::Authority, "/common/discovery/instance")).query(&query);
        async { read(request.send().await.unwrap()).await }
    };
    let own = bench.lab.address(Service::Authority).to_string();
    assert_eq!(ask(own.clone()).await.json()["metadata"][0]["preferred_network"], own);
    let other = ask("login.example".to_owned()).await;
    assert_eq!((other.status, &other.json()["error_codes"]), (400, &json!([50_049])));
}

/// A certificate of the vault, and what to sign with it.
struct Signing {
    key: PKey<openssl::pkey::Private>,
    certificate: X509,
}

impl Signing {
    async fn from_vault(bench: &Bench, name: &str) -> Self {
        let pem = bench.vault(&format!("/secrets/{name}?api-version=7.4")).await.json()["value"].as_str().unwrap().to_owned();
        let der = base64::prelude::BASE64_STANDARD.decode(&pem);
        if let Ok(der) = der {
            let parsed = openssl::pkcs12::Pkcs12::from_der(&der).unwrap().parse2("").unwrap();
            return Self { key: parsed.pkey.unwrap(), certificate: parsed.cert.unwrap() };
        }
        Self { key: PKey::private_key_from_pem(pem.as_bytes()).unwrap(), certificate: X509::from_pem(pem.as_bytes()).unwrap() }
    }

    fn thumbprint(&self, digest: MessageDigest) -> String {
        URL64.encode(self.certificate.digest(digest).unwrap())
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let input = format!("{}.{}", URL64.encode(header.to_string()), URL64.encode(claims.to_string()));
        let mut signer = Signer::new(MessageDigest::sha256(), &self.key).unwrap();
        if header["alg"] == "PS256" {
            signer.set_rsa_padding(openssl::rsa::Padding::PKCS1_PSS).unwrap();
            signer.set_rsa_pss_saltlen(openssl::sign::RsaPssSaltlen::DIGEST_LENGTH).unwrap();
        }
        format!("{input}.{}", URL64.encode(signer.sign_oneshot_to_vec(input.as_bytes()).unwrap()))
    }
}

fn assertion_claims(bench: &Bench) -> Value {
    let (id, _) = bench.app("ir-collector");
    let now = jiff::Timestamp::now().as_second();
    let audience = bench.url(Service::Authority, &format!("/{}/oauth2/v2.0/token", bench.lab.tenant()));
    json!({"aud": audience, "iss": id, "sub": id, "jti": "1", "nbf": now, "iat": now, "exp": now + 600})
}

async fn assert_with(bench: &Bench, assertion: &str) -> super::bench::Answer {
    let (id, _) = bench.app("ir-collector");
    let form = [
        ("client_id", &*id),
        ("client_assertion", assertion),
        ("client_assertion_type", JWT_BEARER),
        ("scope", GRAPH),
        ("grant_type", "client_credentials"),
    ];
    bench.ask(&form).await
}

#[tokio::test]
async fn assertions_are_taken_in_both_forms_from_both_containers() {
    let bench = &Bench::shared();
    for name in ["ir-app", "ir-app-pem"] {
        let signing = Signing::from_vault(bench, name).await;
        let (long, short) = (signing.thumbprint(MessageDigest::sha256()), signing.thumbprint(MessageDigest::sha1()));
        for header in [
            json!({"alg": "PS256", "typ": "JWT", "x5t#S256": long}),
            json!({"alg": "RS256", "typ": "JWT", "x5t": short}),
            json!({"alg": "RS256", "typ": "JWT", "x5t": format!("{short}=")}),
        ] {
            let answer = assert_with(bench, &signing.sign(&header, &assertion_claims(bench))).await;
            assert_eq!(answer.status, 200, "{header}: {}", answer.text);
            assert_eq!(claims(answer.json()["access_token"].as_str().unwrap())["appidacr"], "2");
        }
    }
}

#[tokio::test]
async fn wrong_assertions_are_refused_each_with_its_code() {
    let bench = &Bench::shared();
    let signing = Signing::from_vault(bench, "ir-app").await;
    let header = json!({"alg": "PS256", "typ": "JWT", "x5t#S256": signing.thumbprint(MessageDigest::sha256())});
    let changed = |name: &str, value: Value| {
        let mut claims = assertion_claims(bench);
        claims[name] = value;
        signing.sign(&header, &claims)
    };
    let now = jiff::Timestamp::now().as_second();
    let other_tenant = bench.url(Service::Authority, "/11111111-2222-3333-4444-555555555555/oauth2/v2.0/token");
    for (assertion, code) in [
        (changed("exp", json!(now - 10)), 700_024),
        (changed("nbf", json!(now + 400)), 700_024),
        (changed("aud", json!("https://login.microsoftonline.com/x/oauth2/v2.0/token")), 700_023),
        (changed("aud", json!(other_tenant)), 700_023),
        (changed("iss", json!("other")), 700_021),
        (changed("sub", json!("other")), 700_021),
        (signing.sign(&json!({"alg": "PS256", "typ": "JWT"}), &assertion_claims(bench)), 700_027),
        (signing.sign(&json!({"alg": "HS256", "x5t": "AAAA"}), &assertion_claims(bench)), 5_002_730),
        (format!("{}AAAA", changed("jti", json!("2"))), 700_027),
    ] {
        let answer = assert_with(bench, &assertion).await;
        assert_eq!(answer.json()["error_codes"], json!([code]), "{}", answer.text);
    }
    let padding = header.to_string().replace("PS256", "RS256").parse::<Value>().unwrap();
    let mismatched =
        signing.sign(&header, &assertion_claims(bench)).replacen(&URL64.encode(header.to_string()), &URL64.encode(padding.to_string()), 1);
    assert_eq!(assert_with(bench, &mismatched).await.json()["error_codes"], json!([700_027]));
}

#[tokio::test]
async fn certificates_that_are_unregistered_or_expired_are_told_apart() {
    let bench = &Bench::shared();
    for (name, reason) in [("ir-app-unregistered", "The key was not found."), ("ir-app-expired", "The key used is expired.")] {
        let signing = Signing::from_vault(bench, name).await;
        let header = json!({"alg": "PS256", "typ": "JWT", "x5t#S256": signing.thumbprint(MessageDigest::sha256())});
        let answer = assert_with(bench, &signing.sign(&header, &assertion_claims(bench))).await;
        assert_eq!((answer.status, &answer.json()["error_codes"]), (401, &json!([700_027])));
        assert!(answer.text.contains(reason), "{}", answer.text);
    }
}

#[tokio::test]
async fn an_authority_may_refuse_pss_and_be_out_for_a_while() {
    let bench = Bench::new(Options { refuse_ps256: true, authority_unavailable: 1, ..Options::default() }).await;
    let out = bench.ask(&[]).await;
    assert_eq!((out.status, out.header("retry-after"), &out.json()["error"]), (503, "1", &json!("temporarily_unavailable")));
    let signing = Signing::from_vault(&bench, "ir-app").await;
    let header = json!({"alg": "PS256", "typ": "JWT", "x5t#S256": signing.thumbprint(MessageDigest::sha256())});
    let answer = assert_with(&bench, &signing.sign(&header, &assertion_claims(&bench))).await;
    assert_eq!(answer.json()["error_codes"], json!([5_002_730]));
}

#[tokio::test]
async fn both_http_versions_are_served_and_requests_are_seen() {
    let bench = &Bench::shared();
    let old = client(&bench.lab, reqwest::ClientBuilder::http1_only);
    for http in [&old, &bench.http] {
        let url = bench.url(Service::Authority, "/tarnfield.example/.well-known/openid-configuration");
        let answer = http.get(url).header("client-request-id", "seen-me").send().await.unwrap();
        let expected = if std::ptr::eq(http, &raw const old) { reqwest::Version::HTTP_11 } else { reqwest::Version::HTTP_2 };
        assert_eq!((answer.status().as_u16(), answer.version()), (200, expected));
    }
    let seen = bench.lab.seen();
    let mine: Vec<_> = seen.iter().filter(|seen| seen.client_request_id.as_deref() == Some("seen-me")).collect();
    assert_eq!(mine.len(), 2);
    assert!(
        mine.iter()
            .all(|seen| seen.status == 200 && seen.method == "GET" && seen.host == bench.lab.address(Service::Authority).to_string())
    );
}

#[tokio::test]
async fn a_federated_token_stands_for_the_application() {
    let bench = &Bench::shared();
    let good = bench.lab.federated_token(600);
    assert_eq!(assert_with(bench, good.expose()).await.status, 200);
    let late = assert_with(bench, bench.lab.federated_token(-10).expose()).await;
    assert_eq!(late.json()["error_codes"], json!([700_024]));
    let forged = assert_with(bench, &format!("{}AAAA", good.expose())).await;
    assert_eq!(forged.json()["error_codes"], json!([700_027]));
}

#[tokio::test]
async fn a_managed_identity_gets_its_tokens_from_its_machine() {
    let bench = &Bench::shared();
    let variables = bench.lab.identity_variables();
    let query = [("resource", "https://vault.lab.test"), ("api-version", "2019-08-01")];
    let request = |url: &str| bench.http.get(url.to_owned()).query(&query);
    let token = read(request(&variables[0].1).header("X-IDENTITY-HEADER", &variables[1].1).send().await.unwrap()).await.json();
    let url = "https://kv-ir.vault.lab.test/secrets/ir-app-secret?api-version=7.4";
    let secret = read(bench.http.get(url).bearer_auth(token["access_token"].as_str().unwrap()).send().await.unwrap()).await;
    assert_eq!(secret.status, 200, "{}", secret.text);
    assert_eq!(read(request(&variables[0].1).send().await.unwrap()).await.status, 401);
    let imds = bench.url(Service::Identity, "/metadata/identity/oauth2/token");
    assert_eq!(read(request(&imds).send().await.unwrap()).await.json()["error"], "invalid_request");
    let token = read(request(&imds).header("Metadata", "true").send().await.unwrap()).await.json();
    assert_eq!((&token["token_type"], &token["expires_in"]), (&json!("Bearer"), &json!("3599")));
}
