//! A lab in this process and the binary beside it, with the configuration and the variables of somebody who sourced `lab.env`.

use super::{Bench, Outcome, summary};
use ircollect::lab::{Fault, Lab, Options, Pulls, Service, start};
use serde_json::{Value, json, value::RawValue};
use std::{
    path::PathBuf,
    process::Command,
    sync::{Arc, OnceLock},
};
use tokio::runtime::Runtime;

/// A lab, and a folder of its own to run the binary in.
pub(crate) struct Site {
    pub(crate) lab: Arc<Lab>,
    pub(crate) bench: Bench,
}

/// What an API answered to a client that is not ours.
pub(crate) struct Told {
    pub(crate) columns: Vec<(String, String)>,
    pub(crate) rows: Vec<String>,
}

/// Runs a future where the labs run.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> T {
    runtime().block_on(work)
}

fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Runtime::new().unwrap())
}

/// Options of a lab whose quota no test passes by accident.
pub(crate) fn generous() -> Options {
    Options {
        calls_per_minute: 100_000,
        calls_per_hour: 1_000_000,
        pulls: Pulls { unlimited: true, ..Pulls::default() },
        ..Options::default()
    }
}

/// The same, misbehaving: `throttle=0.5`.
pub(crate) fn faulty(faults: &[&str]) -> Options {
    Options { faults: faults.iter().map(|fault| fault.parse::<Fault>().unwrap()).collect(), ..generous() }
}

impl Site {
    /// A lab of its own.
    pub(crate) fn new(options: Options) -> Self {
        Self::at(Arc::new(runtime().block_on(start(options)).unwrap()))
    }

    /// The lab that all tests share that do not change it.
    pub(crate) fn shared() -> Self {
        static SHARED: OnceLock<Arc<Lab>> = OnceLock::new();
        Self::at(Arc::clone(SHARED.get_or_init(|| Arc::new(runtime().block_on(start(generous())).unwrap()))))
    }

    /// Another folder beside the same lab.
    pub(crate) fn at(lab: Arc<Lab>) -> Self {
        let mut bench = Bench::new();
        let folder = bench.path("lab");
        lab.write(&folder).unwrap();
        for (name, value) in lab.variables(&folder) {
            bench = bench.env(name, value);
        }
        Self { lab, bench }
    }

    /// Where `lab.toml` lies.
    pub(crate) fn config(&self) -> PathBuf {
        self.bench.path("lab/lab.toml")
    }

    /// Rewrites `lab.toml`.
    pub(crate) fn configured(self, change: impl FnOnce(String) -> String) -> Self {
        let before = std::fs::read_to_string(self.config()).unwrap();
        let after = change(before.clone());
        assert_ne!(before, after, "nothing was changed");
        self.bench.write("lab/lab.toml", &after);
        self
    }

    /// Gives the profile another credential: what stands between the braces.
    pub(crate) fn credential(self, fields: &str) -> Self {
        self.configured(|toml| {
            let lines = toml
                .lines()
                .map(|line| if line.starts_with("credential = ") { format!("credential = {{ {fields} }}") } else { line.to_owned() });
            lines.collect::<Vec<_>>().join("\n")
        })
    }

    /// Gives the profile a credential of the lab's vault.
    pub(crate) fn vaulted(self, fields: &str) -> Self {
        self.credential(&format!(r#"vault = "https://kv-ir.vault.lab.test", {fields}"#))
    }

    /// Makes the profile another of the lab's registrations, by its secret.
    pub(crate) fn registration(self, name: &str) -> Self {
        let all = self.lab.registrations();
        let app = all.iter().find(|app| app.name == name).unwrap();
        let site = self
            .credential(r#"secret_env = "E2E_SECRET""#)
            .configured(|toml| toml.replace("c0113c70-0000-4000-8000-000000000001", &app.app_id));
        let Self { lab, bench } = site;
        Self { lab, bench: bench.env("E2E_SECRET", app.secret.expose()) }
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        self.bench.command(arguments)
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Outcome {
        self.bench.run(arguments)
    }

    /// Runs with `--json`, and holds exit code and summary to the contract.
    #[track_caller]
    pub(crate) fn summary(&self, code: i32, arguments: &[&str]) -> Value {
        let outcome = self.run(&[arguments, &["--json"]].concat()).expect(code);
        let json = outcome.json();
        summary::hold_to_contract(&json, self.bench.folder.path(), code);
        json
    }

    /// Asserts that the case is as it was written and that nothing half-written lies in it.
    #[track_caller]
    pub(crate) fn verify(&self) {
        self.run(&["case", "verify"]).expect(0);
        assert_eq!(summary::leftovers(&self.bench.case()), Vec::<PathBuf>::new());
    }

    /// Every file of the case's data.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        summary::files_below(&self.bench.case().join("data"))
    }

    /// Asks Graph by a client that shares nothing with ours.
    pub(crate) fn ask(&self, query: &str, window: &Value) -> Told {
        runtime().block_on(ask(&self.lab, query, window))
    }

    /// Reads a secret of the lab's vault, as its administrator might.
    pub(crate) fn vault_secret(&self, name: &str) -> String {
        runtime().block_on(vault_secret(&self.lab, name))
    }
}

/// A token by client secret, by a client that is not ours.
pub(crate) async fn token(lab: &Lab, name: &str, scope: &str) -> String {
    let all = lab.registrations();
    let app = all.iter().find(|app| app.name == name).unwrap();
    let form =
        [("client_id", &*app.app_id), ("client_secret", app.secret.expose()), ("scope", scope), ("grant_type", "client_credentials")];
    let url = format!("{}/{}/oauth2/v2.0/token", lab.url(Service::Authority), lab.tenant());
    let token: Value = client(lab).post(url).form(&form).send().await.unwrap().json().await.unwrap();
    token["access_token"].as_str().unwrap().to_owned()
}

async fn ask(lab: &Lab, query: &str, window: &Value) -> Told {
    #[derive(serde::Deserialize)]
    struct Answer {
        schema: Vec<std::collections::BTreeMap<String, String>>,
        results: Vec<Box<RawValue>>,
    }
    let text = |key: &str| window[key].as_str().unwrap();
    let body = json!({"Query": query, "Timespan": format!("{}/{}", text("from"), text("to"))});
    let url = format!("{}/v1.0/security/runHuntingQuery", lab.url(Service::Graph));
    let token = token(lab, "ir-collector", "https://graph.microsoft.com/.default").await;
    let answer = client(lab).post(url).bearer_auth(token).json(&body).send().await.unwrap().text().await.unwrap();
    let answer: Answer = serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{error}: {answer:.2000}"));
    Told {
        columns: answer.schema.iter().map(|column| (column["name"].clone(), column["type"].clone())).collect(),
        rows: answer.results.iter().map(|row| row.get().to_owned()).collect(),
    }
}

async fn vault_secret(lab: &Lab, name: &str) -> String {
    let token = token(lab, "vault-reader", "https://vault.lab.test/.default").await;
    let url = format!("https://kv-ir.vault.lab.test/secrets/{name}?api-version=7.4");
    let secret: Value = client(lab).get(url).bearer_auth(token).send().await.unwrap().json().await.unwrap();
    secret["value"].as_str().unwrap_or_else(|| panic!("{secret}")).to_owned()
}

/// A client that trusts the lab and goes by no proxy.
pub(crate) fn client(lab: &Lab) -> reqwest::Client {
    let ca = reqwest::Certificate::from_pem(lab.ca_pem().as_bytes()).unwrap();
    let vault = lab.address(Service::Vault);
    reqwest::Client::builder().tls_certs_only([ca]).no_proxy().resolve("kv-ir.vault.lab.test", vault).build().unwrap()
}

/// The objects of a list, read by a client that shares nothing with ours: by nextLink, else by `$skip`.
pub(crate) fn listed(site: &Site, service: Service, path: &str) -> Vec<String> {
    runtime().block_on(all_of(&site.lab, service, path))
}

async fn all_of(lab: &Lab, service: Service, path: &str) -> Vec<String> {
    #[derive(serde::Deserialize)]
    struct Page {
        value: Vec<Box<RawValue>>,
        #[serde(rename = "@odata.nextLink")]
        next: Option<String>,
    }
    let scope = match service {
        Service::Graph => "https://graph.microsoft.com/.default",
        Service::Xdr => "https://api.security.microsoft.com/.default",
        _ => "https://api.securitycenter.microsoft.com/.default",
    };
    let (http, all) = (client(lab), lab.registrations());
    let app = all.iter().find(|app| app.name == "ir-collector").unwrap();
    let form = [
        ("client_id", app.app_id.as_str()),
        ("client_secret", app.secret.expose()),
        ("scope", scope),
        ("grant_type", "client_credentials"),
    ];
    let url = format!("{}/{}/oauth2/v2.0/token", lab.url(Service::Authority), lab.tenant());
    let token: Value = http.post(url).form(&form).send().await.unwrap().json().await.unwrap();
    let token = token["access_token"].as_str().unwrap();
    let first = format!("{}{path}", lab.url(service));
    let (mut url, mut found) = (first.clone(), Vec::new());
    loop {
        let text = http.get(&url).bearer_auth(token).send().await.unwrap().text().await.unwrap();
        let page: Page = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{url}: {error}: {text:.500}"));
        let came = page.value.len();
        found.extend(page.value.iter().map(|object| object.get().to_owned()));
        url = match page.next {
            Some(next) => next,
            None if service == Service::Xdr && came == 100 => format!("{first}?$skip={}", found.len()),
            None => return found,
        };
    }
}
