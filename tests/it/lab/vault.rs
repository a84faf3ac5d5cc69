//! Key Vault: the challenge, what each object holds, who is refused and how, and the signature that never shows its key.

use super::bench::{Answer, Bench, GRAPH, VAULT, read};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as URL64};
use ircollect::lab::{Options, Service};
use serde_json::{Value, json};

async fn get(bench: &Bench, url: &str, token: Option<&str>) -> Answer {
    let request = bench.http.get(url);
    let request = match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    };
    read(request.header("x-ms-client-request-id", "my-id").send().await.unwrap()).await
}

#[tokio::test]
async fn the_challenge_comes_first_and_names_the_vaults_own_domain() {
    let bench = &Bench::shared();
    let url = "https://kv-ir.vault.lab.test/secrets/ir-app-secret?api-version=7.4";
    let challenged = get(bench, url, None).await;
    assert_eq!((challenged.status, challenged.error().0.as_str()), (401, "Unauthorized"));
    assert!(challenged.error().1.starts_with("AKV10000"));
    let authority = bench.url(Service::Authority, &format!("/{}", bench.lab.tenant()));
    let expected = format!(r#"Bearer authorization="{authority}", resource="https://vault.lab.test""#);
    assert_eq!(challenged.header("www-authenticate"), expected);
    assert_eq!(challenged.header("x-ms-client-request-id"), "my-id");
    for (scope, code) in
        [(GRAPH, "AKV10022"), ("https://vault.azure.net/.default", "AKV10022"), ("https://vault.lab.test//.default", "AKV10022")]
    {
        let refused = get(bench, url, Some(&bench.token("vault-reader", scope).await)).await;
        assert!(refused.status == 401 && refused.error().1.starts_with(code), "{scope}: {}", refused.text);
        assert_eq!(refused.header("www-authenticate"), expected);
    }
}

#[tokio::test]
async fn a_token_of_another_tenant_is_refused() {
    let bench = &Bench::shared();
    let (id, secret) = bench.app("ir-collector");
    let url = bench.url(Service::Authority, "/brackwater.example/oauth2/v2.0/token");
    let form = [("client_id", &*id), ("client_secret", &*secret), ("scope", VAULT), ("grant_type", "client_credentials")];
    let token = read(bench.http.post(url).form(&form).send().await.unwrap()).await.json()["access_token"].as_str().unwrap().to_owned();
    let refused = get(bench, "https://kv-ir.vault.lab.test/secrets/ir-app-secret?api-version=7.4", Some(&token)).await;
    assert!(refused.status == 401 && refused.error().1.starts_with("AKV10032"), "{}", refused.text);
}

#[tokio::test]
async fn secrets_are_read_with_their_attributes() {
    let bench = &Bench::shared();
    let bundle = bench.vault("/secrets/IR-App-Secret?api-version=2025-07-01").await.json();
    assert_eq!(bundle["value"], bench.app("ir-collector").1);
    assert!(bundle["id"].as_str().unwrap().starts_with("https://kv-ir.vault.lab.test/secrets/ir-app-secret/"));
    assert_eq!(bundle["attributes"]["recoveryLevel"], "Recoverable+Purgeable");
    let older = bundle["previousVersion"].as_str().unwrap();
    let before = bench.vault(&format!("/secrets/ir-app-secret/{older}?api-version=7.4")).await.json();
    assert!(before["value"] != bundle["value"] && before.get("previousVersion").is_none());
    let pfx = bench.vault("/secrets/ir-app/?api-version=7.4").await.json();
    assert_eq!((&pfx["contentType"], &pfx["managed"]), (&json!("application/x-pkcs12"), &json!(true)));
    assert!(bench.lab.secrets_handed_out().iter().any(|secret| pfx["value"] == **secret));
    let pem = bench.vault("/secrets/ir-app-pem?api-version=7.4").await.json();
    assert!(pem["value"].as_str().unwrap().starts_with("-----BEGIN PRIVATE KEY-----"));
    let ended = bench.vault("/secrets/ir-app-secret-ended?api-version=7.4").await;
    assert_eq!(ended.status, 200, "an expired secret is still read");
}

#[tokio::test]
async fn each_refusal_has_its_status_and_code() {
    let bench = &Bench::shared();
    let token = bench.token("vault-reader", VAULT).await;
    let table = [
        ("kv-ir", "/secrets/none?api-version=7.4", 404, "SecretNotFound", ""),
        ("kv-ir", "/secrets/ir-app-secret/0123456789abcdef0123456789abcdef?api-version=7.4", 404, "SecretNotFound", ""),
        ("kv-ir", "/certificates/ir-app-secret?api-version=7.4", 404, "CertificateNotFound", ""),
        ("kv-ir", "/keys/none?api-version=7.4", 404, "KeyNotFound", ""),
        ("kv-ir", "/secrets/ir-app-secret", 400, "BadParameter", ""),
        ("kv-ir", "/secrets/ir-app-secret?api-version=1.0", 400, "BadParameter", ""),
        ("kv-ir", "/secrets/a_b?api-version=7.4", 400, "BadParameter", ""),
        ("kv-ir", "/secrets?api-version=7.4&maxresults=26", 400, "BadParameter", ""),
        ("kv-ir", "/secrets/ir-app-secret-disabled?api-version=7.4", 403, "Forbidden", "SecretDisabled"),
        ("kv-denied", "/secrets/ir-app-secret?api-version=7.4", 403, "Forbidden", "ForbiddenByRbac"),
        ("kv-metadata", "/secrets/ir-app-secret?api-version=7.4", 403, "Forbidden", "ForbiddenByRbac"),
        ("kv-policy", "/secrets/ir-app-secret?api-version=7.4", 403, "Forbidden", "AccessDenied"),
        ("kv-firewall", "/secrets/ir-app-secret?api-version=7.4", 403, "Forbidden", "ForbiddenByFirewall"),
        ("kv-private", "/secrets/ir-app-secret?api-version=7.4", 403, "Forbidden", "ForbiddenByConnection"),
        ("kv-none", "/secrets/ir-app-secret?api-version=7.4", 400, "VaultNameNotValid", ""),
    ];
    for (vault, path, status, code, inner) in table {
        let answer = get(bench, &format!("https://{vault}.vault.lab.test{path}"), Some(&token)).await;
        let found = answer.json();
        let found_inner = found["error"]["innererror"]["code"].as_str().unwrap_or_default();
        assert_eq!((answer.status, answer.error().0.as_str(), found_inner), (status, code, inner), "{vault}{path}: {}", answer.text);
    }
    let rbac = get(bench, "https://kv-denied.vault.lab.test/secrets/ir-app-secret?api-version=7.4", Some(&token)).await.error().1;
    let (id, _) = bench.app("vault-reader");
    assert!(rbac.contains(&format!("Caller: appid={id};oid=")), "{rbac}");
    assert!(rbac.contains("Action: 'Microsoft.KeyVault/vaults/secrets/getSecret/action'\r\n"), "{rbac}");
    assert!(rbac.contains("/vaults/kv-denied/secrets/ir-app-secret'"), "{rbac}");
}

#[tokio::test]
async fn the_collector_itself_may_not_read_the_vault() {
    let bench = &Bench::shared();
    let token = bench.token("ir-collector", VAULT).await;
    let refused = get(bench, "https://kv-ir.vault.lab.test/secrets/ir-app-secret?api-version=7.4", Some(&token)).await;
    assert_eq!((refused.status, refused.json()["error"]["innererror"]["code"].as_str()), (403, Some("ForbiddenByRbac")));
}

#[tokio::test]
async fn lists_have_pages_and_no_values() {
    let bench = &Bench::shared();
    let token = bench.token("vault-reader", VAULT).await;
    let mut url = Some("https://kv-ir.vault.lab.test/secrets?api-version=7.4&maxresults=5".to_owned());
    let (mut names, mut pages) = (Vec::new(), 0);
    while let Some(page) = url.take() {
        let page = get(bench, &page, Some(&token)).await.json();
        for item in page["value"].as_array().unwrap() {
            assert!(item.get("value").is_none());
            names.push(item["id"].as_str().unwrap().to_owned());
        }
        url = page["nextLink"].as_str().map(str::to_owned);
        pages += 1;
    }
    let mut unique = names.clone();
    unique.dedup();
    assert!(pages >= 3 && names.len() > 14 && unique == names, "{pages} {names:?}");
    let versions = bench.vault("/secrets/ir-app-secret/versions?api-version=7.4").await.json();
    assert_eq!(versions["value"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_key_that_never_leaves_the_vault_signs() {
    let bench = &Bench::shared();
    let token = bench.token("vault-reader", VAULT).await;
    let bundle = bench.vault("/certificates/ir-app-sign?api-version=7.4").await.json();
    assert_eq!(bundle["policy"]["key_props"]["exportable"], false);
    let der = base64::prelude::BASE64_STANDARD.decode(bundle["cer"].as_str().unwrap()).unwrap();
    let certificate = openssl::x509::X509::from_der(&der).unwrap();
    assert_eq!(bundle["x5t"], URL64.encode(certificate.digest(openssl::hash::MessageDigest::sha1()).unwrap()));
    let exported = bench.vault("/secrets/ir-app-sign?api-version=7.4").await.json();
    let pfx = base64::prelude::BASE64_STANDARD.decode(exported["value"].as_str().unwrap()).unwrap();
    assert!(openssl::pkcs12::Pkcs12::from_der(&pfx).unwrap().parse2("").unwrap().pkey.is_none());
    let sign = |alg: &str, value: String| {
        let url = format!("{}/sign?api-version=7.4", bundle["kid"].as_str().unwrap());
        let request = bench.http.post(url).bearer_auth(&token).json(&json!({"alg": alg, "value": value}));
        async { read(request.send().await.unwrap()).await }
    };
    let digest = openssl::sha::sha256(b"input");
    let signed = sign("PS256", URL64.encode(digest)).await.json();
    let signature = URL64.decode(signed["value"].as_str().unwrap()).unwrap();
    let key = certificate.public_key().unwrap();
    let mut verifier = openssl::sign::Verifier::new(openssl::hash::MessageDigest::sha256(), &key).unwrap();
    verifier.set_rsa_padding(openssl::rsa::Padding::PKCS1_PSS).unwrap();
    assert!(verifier.verify_oneshot(&signature, b"input").unwrap());
    for (alg, value) in [("PS256", "AAAA".to_owned()), ("none", URL64.encode(digest)), ("ES256", URL64.encode(digest))] {
        let refused = sign(alg, value).await;
        assert_eq!((refused.status, refused.error().0.as_str()), (400, "BadParameter"), "{alg}");
    }
    let key = bench.vault("/keys/ir-app-sign?api-version=7.4").await.json();
    assert_eq!((&key["key"]["kty"], &key["key"]["kid"]), (&Value::from("RSA"), &bundle["kid"]));
}

#[tokio::test]
async fn a_vault_may_be_busy_at_first() {
    let bench = Bench::new(Options { vault_throttled: 1, ..Options::default() }).await;
    let busy = bench.vault("/secrets/ir-app-secret?api-version=7.4").await;
    assert_eq!((busy.status, busy.error().0.as_str()), (429, "Throttled"));
    assert_eq!(bench.vault("/secrets/ir-app-secret?api-version=7.4").await.status, 200);
}
