//! The real Azure CLI, where there is one (`IRCOLLECT_AZ`, else `az` on PATH): signed in to the lab's authority, it opens the vault.
//!
//! It asks Azure Resource Manager for the cloud's description and for subscriptions; both are answered here. Without it this is
//! skipped, loudly; a stand-in of its interface is tested always.

#![cfg(unix)]

use crate::{
    loopback::{Reply, Root, Server},
    support::site::Site,
};
use ircollect::lab::Service;
use serde_json::json;
use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

#[allow(clippy::disallowed_methods, reason = "a test finds the tool by a variable")]
fn az() -> Option<PathBuf> {
    let named = std::env::var_os("IRCOLLECT_AZ").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = named.or_else(|| std::env::split_paths(&path).map(|folder| folder.join("az")).find(|file| file.is_file()));
    if found.is_none() {
        eprintln!("SKIPPED: there is no Azure CLI on this machine");
    }
    found
}

fn resource_manager(root: &Root, authority: String) -> Server {
    Server::https(root, move |seen, _| {
        if seen.target.starts_with("/subscriptions") {
            return Reply::json(200, &json!({"value": []}));
        }
        let manager = format!("https://{}", seen.header("host").unwrap());
        let authentication = json!({"loginEndpoint": authority, "audiences": ["https://management.azure.com"], "tenant": "common"});
        Reply::json(
            200,
            &json!({
                "name": "lab", "authentication": authentication, "suffixes": {"keyVaultDns": "vault.lab.test"}, "resourceManager": manager,
                "graphAudience": "https://graph.windows.net", "portal": "https://portal.azure.com",
            }),
        )
    })
}

/// A site whose variables steer the CLI: a folder of its own, the lab's roots, and nothing of the outside.
fn steered(az: &Path, roots: Vec<u8>) -> Site {
    let site = Site::shared().configured(|toml| toml.replace("\"environment\"", "\"developer-tools\""));
    let variables = [
        ("REQUESTS_CA_BUNDLE", site.bench.write("roots.pem", roots).display().to_string()),
        ("AZURE_CONFIG_DIR", site.bench.path("azure").display().to_string()),
        ("AZURE_CORE_INSTANCE_DISCOVERY", "false".to_owned()),
        ("AZURE_CORE_COLLECT_TELEMETRY", "false".to_owned()),
        ("AZURE_CORE_ENCRYPT_TOKEN_CACHE", "false".to_owned()),
        ("PATH", format!("{}:/usr/bin:/bin", az.parent().unwrap().display())),
    ];
    variables.into_iter().fold(site, |site, (name, value)| Site { lab: site.lab, bench: site.bench.env(name, value) })
}

/// Runs the CLI with the variables of the site.
fn run(site: &Site, az: &Path, arguments: &[&str]) -> Output {
    let ours = site.command(&[]);
    let variables = ours.get_envs().filter_map(|(name, value)| Some((name, value?)));
    Command::new(az).args(arguments).env_clear().envs(variables).current_dir(site.bench.folder.path()).output().unwrap()
}

#[track_caller]
fn succeeds(output: &Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_azure_cli_signs_in_to_the_vault() {
    let Some(az) = az() else { return };
    let root = Root::new();
    let lab = Site::shared().lab;
    let manager = resource_manager(&root, lab.url(Service::Authority));
    let site = steered(&az, [lab.ca_pem().as_bytes(), &root.pem()].concat());
    let outside = site.run(&["token", "--api", "graph"]).expect(3);
    assert!(outside.stderr.contains("az: ") && outside.stderr.contains("run `az login`"), "{}", outside.stderr);
    succeeds(&run(&site, &az, &["cloud", "register", "-n", "lab", "--endpoint-resource-manager", &manager.url()]));
    succeeds(&run(&site, &az, &["cloud", "set", "-n", "lab"]));
    let all = lab.registrations();
    let reader = all.iter().find(|app| app.name == "vault-reader").unwrap();
    let who = ["-u", &reader.app_id, "-p", reader.secret.expose(), "-t", lab.tenant(), "--allow-no-subscriptions"];
    succeeds(&run(&site, &az, &[&["login", "--service-principal"][..], &who].concat()));
    let claims = site.run(&["token", "--api", "graph", "--claims"]).expect(0).json();
    assert_eq!((&claims["appidacr"], &claims["tenant"]), (&json!("2"), &json!(lab.tenant())));
}
