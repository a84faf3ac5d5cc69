//! A lab and a client that trusts it and follows nobody's rules but the test's.

use ircollect::lab::{Lab, Options, Service, start};
use serde_json::{Value, json};
use std::sync::{Arc, OnceLock};

pub(super) const GRAPH: &str = "https://graph.microsoft.com/.default";
pub(super) const XDR: &str = "https://api.security.microsoft.com/.default";
pub(super) const MDE: &str = "https://api.securitycenter.microsoft.com/.default";
pub(super) const VAULT: &str = "https://vault.lab.test/.default";

pub(super) struct Bench {
    pub(super) lab: Arc<Lab>,
    pub(super) http: reqwest::Client,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: reqwest::header::HeaderMap,
    pub(super) text: String,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Code and message of an error.
    pub(super) fn error(&self) -> (String, String) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let body = self.json();
        (text(&body["error"]["code"]), text(&body["error"]["message"]))
    }
}

pub(super) async fn read(response: reqwest::Response) -> Answer {
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Answer { status, headers, text: response.text().await.unwrap() }
}

impl Bench {
    pub(super) async fn new(options: Options) -> Self {
        Self::of(Arc::new(start(options).await.unwrap()))
    }

    /// A client belongs to its test's runtime, the lab need not.
    fn of(lab: Arc<Lab>) -> Self {
        let http = client(&lab, |builder| builder);
        Self { lab, http }
    }

    /// One lab with the defaults for all tests that do not change it.
    pub(super) fn shared() -> Self {
        static RUNTIME: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
        static SHARED: OnceLock<Arc<Lab>> = OnceLock::new();
        let lab = SHARED.get_or_init(|| {
            let runtime = RUNTIME.get_or_init(|| tokio::runtime::Runtime::new().unwrap());
            let (send, receive) = std::sync::mpsc::channel();
            let options = Options { calls_per_minute: 10_000, ..Options::default() };
            runtime.spawn(async move { send.send(start(options).await.unwrap()).is_ok() });
            Arc::new(receive.recv().unwrap())
        });
        Self::of(Arc::clone(lab))
    }

    pub(super) fn url(&self, service: Service, path: &str) -> String {
        format!("{}{path}", self.lab.url(service))
    }

    pub(super) fn app(&self, name: &str) -> (String, String) {
        let all = self.lab.registrations();
        let app = all.iter().find(|app| app.name == name).unwrap();
        (app.app_id.clone(), app.secret.expose().to_owned())
    }

    /// A token request to the company's tenant.
    pub(super) async fn ask(&self, form: &[(&str, &str)]) -> Answer {
        let path = format!("/{}/oauth2/v2.0/token", self.lab.tenant());
        read(self.http.post(self.url(Service::Authority, &path)).form(form).send().await.unwrap()).await
    }

    /// A token for an application by its secret.
    pub(super) async fn token(&self, app: &str, scope: &str) -> String {
        let (id, secret) = self.app(app);
        let form = [("client_id", &*id), ("client_secret", &*secret), ("scope", scope), ("grant_type", "client_credentials")];
        let answer = self.ask(&form).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()["access_token"].as_str().unwrap().to_owned()
    }

    /// A request to the vault, with the vault-reader's token.
    pub(super) async fn vault(&self, path: &str) -> Answer {
        let token = self.token("vault-reader", VAULT).await;
        let url = format!("https://kv-ir.vault.lab.test{path}");
        read(self.http.get(url).bearer_auth(token).send().await.unwrap()).await
    }

    /// A hunting call.
    pub(super) async fn hunt(&self, service: Service, token: &str, body: &Value) -> Answer {
        read(self.hunt_raw(service, token, body).await.unwrap()).await
    }

    pub(super) async fn hunt_raw(&self, service: Service, token: &str, body: &Value) -> reqwest::Result<reqwest::Response> {
        let path = match service {
            Service::Graph => "/v1.0/security/runHuntingQuery",
            Service::Xdr => "/api/advancedhunting/run",
            _ => "/api/advancedqueries/run",
        };
        let request = self.http.post(self.url(service, path)).bearer_auth(token);
        request.header("content-type", "application/json; charset=utf-8").body(body.to_string()).send().await
    }

    /// A GET of a data API by the collector.
    pub(super) async fn get(&self, service: Service, path: &str) -> Answer {
        let scope = match service {
            Service::Graph => GRAPH,
            Service::Xdr => XDR,
            _ => MDE,
        };
        let url = if path.starts_with("https:") { path.to_owned() } else { self.url(service, path) };
        read(self.http.get(url).bearer_auth(self.token("ir-collector", scope).await).send().await.unwrap()).await
    }

    /// A query to Graph by the collector.
    pub(super) async fn query(&self, query: &str) -> Answer {
        let token = self.token("ir-collector", GRAPH).await;
        self.hunt(Service::Graph, &token, &json!({"Query": query})).await
    }
}

pub(super) fn client(lab: &Lab, change: impl FnOnce(reqwest::ClientBuilder) -> reqwest::ClientBuilder) -> reqwest::Client {
    let ca = reqwest::Certificate::from_pem(lab.ca_pem().as_bytes()).unwrap();
    let vault = lab.address(Service::Vault);
    let mut builder = reqwest::Client::builder().tls_certs_only([ca]).retry(reqwest::retry::never());
    for name in ["kv-ir", "kv-denied", "kv-metadata", "kv-policy", "kv-firewall", "kv-private", "kv-none"] {
        builder = builder.resolve(&format!("{name}.vault.lab.test"), vault);
    }
    change(builder).build().unwrap()
}
