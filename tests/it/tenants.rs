//! Several tenants and clouds: each on its own feet, and what a cloud lacks refused before anything is asked.

use crate::{
    loopback::{Reply, Server},
    support::{
        Bench,
        site::{Site, generous},
        summary::text,
    },
};
use serde_json::json;

const QUERY: [&str; 3] = ["hunt", "--kql", "DeviceInfo | take 1"];
const SUBSIDIARY: &str = "1ab00000-0000-4000-8000-00000000f00d";

fn asked(site: &Site, path: &str) -> usize {
    site.lab.seen().iter().filter(|seen| seen.path.contains(path)).count()
}

#[test]
fn one_application_in_many_tenants_opens_the_vault_once() {
    let site = Site::new(generous())
        .configured(|toml| toml.replace("tenant = \"tarnfield.example\"", "tenants = [\"tarnfield.example\", \"brackwater.example\"]"));
    let summary = site.summary(0, &QUERY);
    let tenants: Vec<&str> = summary["jobs"].as_array().unwrap().iter().map(|job| text(&job["tenant"])).collect();
    assert_eq!(tenants, [site.lab.tenant(), SUBSIDIARY]);
    let reads = site.lab.seen().iter().filter(|seen| seen.path.trim_end_matches('/') == "/secrets/ir-app" && seen.status == 200).count();
    assert_eq!(reads, 1, "the vault is opened once");
    assert_eq!(asked(&site, "openid-configuration"), 2);
}

#[test]
fn a_credential_that_fails_fails_each_tenant_and_is_asked_for_once() {
    let site = Site::new(generous())
        .vaulted(r#"certificate = "nothing-there""#)
        .configured(|toml| toml.replace("tenant = \"tarnfield.example\"", "tenants = [\"tarnfield.example\", \"brackwater.example\"]"));
    let summary = site.summary(3, &QUERY);
    for job in summary["jobs"].as_array().unwrap() {
        assert_eq!((&job["status"], &job["error"]["exit"]), (&json!("failed"), &json!(3)));
        assert!(text(&job["error"]["hint"]).contains("check its name"), "{job}");
    }
    assert_eq!(summary["jobs"].as_array().unwrap().len(), 2);
    assert_eq!(site.lab.seen().iter().filter(|seen| seen.path.contains("nothing-there") && seen.status == 404).count(), 1);
}

#[test]
fn several_profiles_run_side_by_side_and_one_that_fails_leaves_the_others() {
    let other = |name: &str, secret: &str| {
        format!(
            "\n[profiles.{name}]\ntenant = \"{SUBSIDIARY}\"\napp_id = \"c0113c70-0000-4000-8000-000000000001\"\ncloud = \"lab\"\nvault_auth = \"environment\"\ncredential = {{ vault = \"kv-ir\", secret = \"{secret}\" }}\n"
        )
    };
    let site =
        Site::shared().configured(|toml| format!("{toml}{}{}", other("good", "ir-app-secret"), other("bad", "ir-app-secret-expired")));
    let summary = site.summary(6, &[&QUERY[..], &["--all-profiles"]].concat());
    let jobs: Vec<_> = summary["jobs"].as_array().unwrap().iter().map(|job| (text(&job["profile"]), text(&job["status"]))).collect();
    assert_eq!(jobs, [("bad", "failed"), ("good", "complete"), ("lab", "complete")]);
    assert_eq!(summary["jobs"][0]["error"]["code"], "AADSTS7000222");
    let chosen = site.summary(0, &[&QUERY[..], &["--profile", "good", "--profile", "lab"]].concat());
    assert_eq!(chosen["jobs"].as_array().unwrap().len(), 2);
    let misspelt = site.run(&[&QUERY[..], &["--profile", "godo"]].concat()).expect(2);
    assert!(misspelt.stderr.contains("did you mean `good`?"), "{}", misspelt.stderr);
}

fn bench(cloud: &str) -> Bench {
    let bench = Bench::new().env("IR_SECRET", "never-sent");
    let text = format!(
        "[profiles.a]\ntenant = \"11111111-2222-3333-4444-555555555555\"\napp_id = \"c0113c70-0000-4000-8000-000000000001\"\n{cloud}\ncredential = {{ secret_env = \"IR_SECRET\" }}\n"
    );
    bench.write("ircollect.toml", &text);
    // Whatever would be asked goes nowhere: there is no proxy at that port.
    bench.env("HTTPS_PROXY", "http://127.0.0.1:9").env("HTTP_PROXY", "http://127.0.0.1:9")
}

#[test]
fn what_a_cloud_lacks_is_refused_early_with_the_reason() {
    let outcome = bench("cloud = \"china\"").run(&QUERY).expect(2);
    assert!(outcome.stderr.contains("the cloud `china` does not have advanced hunting through Graph"), "{}", outcome.stderr);
    let outcome = bench("cloud = \"china\"").run(&[&QUERY[..], &["--api", "mde"]].concat()).expect(2);
    assert!(outcome.stderr.contains("does not have the Defender for Endpoint API"), "{}", outcome.stderr);
    let outcome = bench("cloud = \"china\"").run(&["token", "--api", "xdr"]).expect(2);
    assert!(outcome.stderr.contains("does not have the Defender XDR API"), "{}", outcome.stderr);
    let outcome = bench("cloud = \"usgov\"\napis = [\"graph\"]").run(&[&QUERY[..], &["--api", "xdr"]].concat()).expect(2);
    assert!(outcome.stderr.contains("may not use Defender XDR"), "{}", outcome.stderr);
    let outcome = bench("cloud = \"usgv\"").run(&QUERY).expect(2);
    assert!(outcome.stderr.contains("did you mean `usgov`?"), "{}", outcome.stderr);
}

/// The public authority, answered by hand: what it says of a tenant names the cloud that the tenant lives in.
#[test]
fn a_tenant_of_another_cloud_is_recognised_and_named() {
    let root = crate::loopback::Root::new();
    let id = "11111111-2222-3333-4444-555555555555";
    let login = Server::https(&root, move |_, _| {
        let endpoint = format!("https://login.microsoftonline.us/{id}/oauth2/v2.0/token");
        Reply::json(
            200,
            &json!({"token_endpoint": endpoint, "cloud_instance_name": "microsoftonline.us", "msgraph_host": "graph.microsoft.us"}),
        )
    });
    let bench = Bench::new().env("IR_SECRET", "never-sent");
    fs_err::write(bench.path("ca.pem"), root.pem()).unwrap();
    let text = "[profiles.a]\ntenant = \"agency.example\"\napp_id = \"c0113c70-0000-4000-8000-000000000001\"\ncredential = { secret_env = \"IR_SECRET\" }\n";
    bench.write("ircollect.toml", text);
    let name = format!("login.microsoftonline.com={}", login.address);
    let arguments = ["--ca-file", "ca.pem", "--resolve", &name];
    let outcome = bench.run(&[&["token", "--api", "graph"][..], &arguments].concat()).expect(3);
    assert!(outcome.stderr.contains("it lives in `usgov`") && outcome.stderr.contains("choose it: --cloud usgov"), "{}", outcome.stderr);
    let outcome = bench.run(&[&["check"][..], &arguments].concat()).expect(3);
    assert!(outcome.stdout.contains("--cloud usgov"), "{}", outcome.stdout);
    assert!(login.seen().iter().all(|seen| seen.method == "GET"), "no credential goes to the wrong cloud");
}
