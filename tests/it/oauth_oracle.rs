//! A certified authorization server that was not written for this project accepts what ircollect sends, and refuses what it should.
//!
//! It needs `node` and an installed oracle (`ORACLE_HOME`, else `oracle` in the temporary folder); without them it is skipped, loudly.

use crate::{
    identity::{APP_ID, GRAPH, Notes, SECRET, TENANT, entra},
    loopback::Reply,
    support::shared,
    vault::{Place, object, sign_digest},
};
use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use ircollect::{
    error::{Error, Kind},
    identity::{App, AppOptions, Authority, KeyPair, LocalSigner, Proof, Signer, VaultSigner},
    secret::{Secret, SecretBytes},
    transport::Authorize,
};
use openssl::{pkey::PKey, x509::X509};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader},
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::Arc,
};

const SECRET_APP: &str = "aaaaaaaa-0000-4000-8000-000000000002";

struct Oracle {
    child: Child,
    home: PathBuf,
    port: u16,
    tls_port: u16,
}

impl Drop for Oracle {
    fn drop(&mut self) {
        let _already_gone = self.child.kill();
        let _already_gone = self.child.wait();
    }
}

impl Oracle {
    /// Starts it, or says why not.
    #[allow(clippy::disallowed_methods, reason = "a test finds the oracle by a variable")]
    fn start() -> Option<Self> {
        let script = shared("oracles/oauth-server.mjs")?;
        let home = crate::support::oracle_home();
        if !home.join("node/node_modules/oidc-provider").exists() {
            eprintln!("SKIPPED: no oracle in {}", home.display());
            return None;
        }
        let (port, tls_port) = (free_port(), free_port());
        let child = Command::new("node")
            .arg(script)
            .env("ORACLE_HOME", &home)
            .env("HTTP_PORT", port.to_string())
            .env("HTTPS_PORT", tls_port.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let Ok(mut child) = child else {
            eprintln!("SKIPPED: no `node` to run the oracle with");
            return None;
        };
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.by_ref().map_while(Result::ok).any(|line| line.starts_with("ready")), "the oracle did not start");
        // It writes a line a request, and would stop if nobody read them.
        std::thread::spawn(move || lines.count());
        Some(Self { child, home, port, tls_port })
    }

    fn file(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.home.join("tls").join(name)).unwrap()
    }

    fn pair(&self, name: &str, password: Option<&str>) -> KeyPair {
        let password = password.map(Secret::new);
        KeyPair::parse(&SecretBytes::new(self.file(name)), password.as_ref()).unwrap()
    }

    /// Asks twice over http and twice over https; an error of the first is that of all.
    async fn token(&self, app_id: &str, proof: Proof) -> Result<Secret, Error> {
        let plain = format!("http://localhost:{}", self.port);
        self.token_at(&plain, app_id, proof.clone()).await?;
        self.token_at(&format!("https://localhost:{}", self.tls_port), app_id, proof).await
    }

    async fn token_at(&self, origin: &str, app_id: &str, proof: Proof) -> Result<Secret, Error> {
        let root = reqwest::Certificate::from_pem(&self.file("ca.pem")).unwrap();
        let http = reqwest::Client::builder().no_proxy().tls_certs_merge([root]).build().unwrap();
        let entra = entra(&Arc::new(Notes::default()), http);
        let authority = Authority { url: origin.parse().unwrap(), marks: None };
        let app = App::new(AppOptions { entra, authority, tenant: TENANT.into(), app_id: app_id.into(), proof });
        app.bearer("https://api.security.microsoft.com/.default").await?;
        app.bearer(GRAPH).await
    }

    async fn by(&self, signer: Arc<dyn Signer>, rs256: bool) -> Result<Secret, Error> {
        self.token(APP_ID, Proof::Certificate { signer, rs256, send_chain: true }).await
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[track_caller]
fn accepted(answer: Result<Secret, Error>) {
    let claims = ircollect::identity::claims(&answer.unwrap()).unwrap();
    assert_eq!(claims.audience, "https://graph.microsoft.com");
}

#[tokio::test]
async fn what_ircollect_sends_is_accepted_by_somebody_elses_server() {
    let Some(oracle) = Oracle::start() else { return };
    accepted(oracle.token(SECRET_APP, Proof::Secret(Secret::new(SECRET))).await);
    for (file, password) in [("app.pfx", None), ("app-pw.pfx", Some("Pa55")), ("app-bundle.pem", None)] {
        for rs256 in [false, true] {
            accepted(oracle.by(Arc::new(LocalSigner::new(oracle.pair(file, password))), rs256).await);
        }
    }
    for rs256 in [false, true] {
        accepted(oracle.by(signer_in_a_vault(&oracle).await, rs256).await);
    }
    let wrong = oracle.by(Arc::new(LocalSigner::new(oracle.pair("wrong.pfx", None))), false).await.unwrap_err();
    assert_eq!((wrong.kind(), wrong.code()), (Kind::Credential, "invalid_client".to_owned()));
    let wrong = oracle.token(SECRET_APP, Proof::Secret(Secret::new("other"))).await.unwrap_err();
    assert_eq!((wrong.kind(), wrong.code()), (Kind::Credential, "invalid_client".to_owned()));
}

/// A vault on loopback that signs with the oracle's key; the signer gets nothing but the certificate.
async fn signer_in_a_vault(oracle: &Oracle) -> Arc<dyn Signer> {
    let key = PKey::private_key_from_pem(&oracle.file("app.key")).unwrap();
    let der = BASE64_STANDARD.encode(X509::from_pem(&oracle.file("app.pem")).unwrap().to_der().unwrap());
    let place = Place::new(move |seen| {
        if seen.method == "GET" {
            return Reply::json(200, &json!({"kid": "https://kv.test/keys/ir-app/0123", "cer": der, "attributes": {"enabled": true}}));
        }
        let body: Value = serde_json::from_str(&seen.body).unwrap();
        let digest = BASE64_URL_SAFE_NO_PAD.decode(body["value"].as_str().unwrap()).unwrap();
        let signature = sign_digest(&key, &digest, body["alg"] == "PS256");
        Reply::json(200, &json!({"kid": "x", "value": BASE64_URL_SAFE_NO_PAD.encode(signature)}))
    });
    let vault = Arc::new(place.open("kv-ir"));
    let public = vault.certificate(&object("ir-app")).await.unwrap();
    Arc::new(VaultSigner::new(vault, public).unwrap())
}
