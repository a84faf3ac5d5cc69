//! Where secrets may not go: command lines, logs at any level, errors, the case, temporary files, other origins; and which trust
//! and which way to the network hold.

use crate::{
    identity::{Notes, SECRET, app, secret},
    loopback::{Reply, Server},
    support::{
        Bench,
        site::{Site, generous},
        summary::files_below,
    },
};
use clap::CommandFactory;
use ircollect::{cli::Cli, lab::Service, transport::Authorize};
use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    sync::{Arc, Mutex},
};

fn moved(site: Site, name: &str, value: impl Into<String>) -> Site {
    Site { lab: site.lab, bench: site.bench.env(name, value) }
}

#[track_caller]
fn holds_no_secret(what: &str, text: &[u8], secrets: &[String]) {
    for (index, secret) in secrets.iter().enumerate() {
        assert!(memchr::memmem::find(text, secret.as_bytes()).is_none(), "{what} holds secret number {index} ({} bytes)", secret.len());
    }
}

#[test]
fn no_secret_is_in_logs_of_any_level_errors_the_case_or_temporary_files() {
    for credential in [r#"certificate = "ir-app""#, r#"secret = "ir-app-secret""#, r#"certificate = "ir-app-sign", sign = "vault""#] {
        let site = Site::new(generous()).vaulted(credential);
        let temporary = site.bench.path("tmp");
        std::fs::create_dir(&temporary).unwrap();
        let site = moved(site, "TMPDIR", temporary.display().to_string());
        let site = moved(site, "IRCOLLECT_LOG", "trace");
        let logged = ["-vvv", "--log-file", "log.json", "--log-format", "json"];
        let hunt = site.run(&[&["hunt", "--kql", "DeviceInfo | take 3"][..], &logged].concat()).expect(0);
        let check = site.run(&[&["check"][..], &logged].concat()).expect(0);
        let refused = site.run(&[&["token", "--scope", "https://nothing.example/.default"][..], &logged].concat()).expect(3);
        let secrets = site.lab.secrets_handed_out();
        assert!(secrets.len() > 10);
        for outcome in [&hunt, &check, &refused] {
            holds_no_secret("an output", outcome.stderr.as_bytes(), &secrets);
            holds_no_secret("an output", outcome.stdout.as_bytes(), &secrets);
        }
        let ours = |path: &Path| !path.starts_with(site.bench.path("lab"));
        let files = files_below(site.bench.folder.path());
        assert!(files.iter().any(|file| file.ends_with("log.json")));
        for file in files.iter().filter(|file| ours(file)) {
            holds_no_secret(&file.display().to_string(), &std::fs::read(file).unwrap(), &secrets);
        }
    }
}

/// Values come from variables, files and vaults; a flag that takes one would show it to every user of the machine.
#[test]
fn no_command_takes_a_secret_as_an_argument() {
    fn walk(command: &clap::Command, found: &mut Vec<String>) {
        found.extend(command.get_arguments().map(|argument| format!("{} {}", command.get_name(), argument.get_id())));
        command.get_subcommands().for_each(|inner| walk(inner, found));
    }
    let mut all = Vec::new();
    walk(&Cli::command(), &mut all);
    let odd: Vec<&String> = all.iter().filter(|name| ["secret", "password", "passphrase"].iter().any(|word| name.contains(word))).collect();
    assert!(all.len() > 30 && odd.is_empty(), "{odd:?}");
}

#[tokio::test]
async fn redirects_of_the_token_service_are_not_followed() {
    let elsewhere = Server::http(|_, _| Reply::text(200, "application/json", r#"{"access_token":"evil.evil.evil","expires_in":3599}"#));
    let target = format!("{}/token", elsewhere.url());
    for status in [302, 307, 308] {
        let target = target.clone();
        let server = Server::http(move |_, _| Reply::text(status, "text/html", "moved").header("Location", &target));
        let error = app(&server, secret(), &Arc::new(Notes::default())).bearer("https://graph.microsoft.com/.default").await.unwrap_err();
        assert!(!format!("{error:?}").contains(SECRET));
    }
    assert_eq!(elsewhere.seen().len(), 0, "a redirect was followed, with the secret in its body");
}

#[test]
fn the_systems_roots_are_those_that_the_variable_names() {
    let site = Site::shared().configured(|toml| toml.lines().filter(|line| !line.starts_with("ca_file")).collect::<Vec<_>>().join("\n"));
    let refused = site.run(&["token", "--api", "graph"]).expect(3);
    assert!(refused.stderr.contains("--ca-file"), "{}", refused.stderr);
    let ca = site.bench.path("lab/ca.pem").display().to_string();
    site.run(&["token", "--api", "graph", "--ca-file", &ca]).expect(0);
    moved(site, "SSL_CERT_FILE", ca).run(&["token", "--api", "graph"]).expect(0);
}

/// A proxy that only tunnels, and notes to where.
fn proxy() -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let targets = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&targets);
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let noted = Arc::clone(&noted);
            std::thread::spawn(move || tunnel(client, &noted));
        }
    });
    (address, targets)
}

fn tunnel(mut client: TcpStream, noted: &Mutex<Vec<String>>) -> Option<()> {
    let mut reader = BufReader::new(client.try_clone().ok()?);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let target = line.split_whitespace().nth(1)?.to_owned();
    while reader.read_line(&mut line).ok()? > 2 {}
    noted.lock().unwrap().push(target.clone());
    let mut server = TcpStream::connect(target).ok()?;
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").ok()?;
    let (mut back, mut forth) = (server.try_clone().ok()?, client.try_clone().ok()?);
    std::thread::spawn(move || std::io::copy(&mut back, &mut forth));
    std::io::copy(&mut client, &mut server).ok()?;
    Some(())
}

#[test]
fn proxies_are_those_that_the_variables_name() {
    let (address, targets) = proxy();
    let site = Site::shared().credential(r#"secret_env = "LAB_APP_SECRET""#);
    let site = moved(site, "HTTPS_PROXY", format!("http://{address}"));
    site.run(&["check", "hunt", "--api", "graph"]).expect(0);
    let seen = targets.lock().unwrap().clone();
    for service in [Service::Authority, Service::Graph] {
        assert!(seen.contains(&site.lab.address(service).to_string()), "{seen:?}");
    }
    let site = moved(site, "NO_PROXY", "127.0.0.1");
    site.run(&["check", "hunt", "--api", "graph"]).expect(0);
    assert_eq!(targets.lock().unwrap().len(), seen.len(), "NO_PROXY was not heeded");
}

#[test]
fn a_plain_http_endpoint_is_for_loopback_alone() {
    let bench = Bench::new().env("X", "never-sent");
    let text = "[profiles.a]\ntenant = \"a.example\"\napp_id = \"c0113c70-0000-4000-8000-000000000001\"\ncloud = \"own\"\ncredential = { secret_env = \"X\" }\n[clouds.own]\nauthority = \"http://login.example\"\n";
    bench.write("ircollect.toml", text);
    let outcome = bench.run(&["token", "--api", "graph"]).expect(2);
    assert!(outcome.stderr.contains("is plain http"), "{}", outcome.stderr);
}
