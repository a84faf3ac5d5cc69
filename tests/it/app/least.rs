//! Least privilege: what is granted is what the commands ask for that it is made for, not one role more and not one less.

use super::{create, only, options, site};
use crate::support::site::Site;
use ircollect::lab::{Options, Pulls, Seen, Service};
use std::collections::BTreeSet;

fn generous() -> Options {
    Options { pulls: Pulls { unlimited: true, ..Pulls::default() }, calls_per_hour: 100_000, record: false, ..options() }
}

type Roles = BTreeSet<String>;

/// The least permission of every call of a data API that was answered from `first` on.
fn asked(site: &Site, first: usize) -> Roles {
    let calls = site.lab.seen().into_iter().skip(first).filter(|call| (200..300).contains(&call.status));
    calls.filter_map(|call| Some(format!("{}:{}", api(&call)?, call.roles.first()?))).collect()
}

fn api(call: &Seen) -> Option<&'static str> {
    match call.service {
        Service::Graph => Some("graph"),
        Service::Xdr => Some("xdr"),
        Service::Mde => Some("mde"),
        _ => None,
    }
}

fn granted(site: &Site) -> Roles {
    only(site).granted.into_iter().collect()
}

/// What the catalogue calls the least permission of each of these sources.
fn catalogued(site: &Site, sources: &[&str]) -> Roles {
    let all = site.run(&["pull", "--list", "--json"]).expect(0).json();
    let all = all["sources"].as_array().unwrap_or_else(|| panic!("{all}")).clone();
    let named = |name: &str| {
        let full = if name.contains('/') { name.to_owned() } else { format!("graph/{name}") };
        let one = all.iter().find(|one| one["name"] == full.as_str()).unwrap_or_else(|| panic!("{name} is not in the list"));
        format!("{}:{}", one["api"].as_str().unwrap(), one["permission"].as_str().unwrap())
    };
    sources.iter().map(|name| named(name)).collect()
}

fn with_hunting(mut roles: Roles) -> Roles {
    roles.insert("graph:ThreatHunting.Read.All".to_owned());
    roles
}

#[test]
fn the_minimum_is_what_hunting_and_the_sources_of_triage_ask_for() {
    let site = site(generous());
    site.run(&create(&["--write-profile", "case17"])).expect(0);
    let first = site.lab.seen().len();
    let sources = ["alerts", "incidents", "mde/alerts", "mde/machines"];
    site.run(&["hunt", "--profile", "case17", "--kql", "DeviceInfo | take 3"]).expect(0);
    site.run(&[["pull", "--profile", "case17"].as_slice(), &sources].concat()).expect(0);
    assert_eq!(granted(&site), asked(&site, first));
    assert_eq!(granted(&site), with_hunting(catalogued(&site, &sources)));
    // And nothing else is open to it: XDR's own incidents take their own permission.
    let refused = site.run(&["pull", "--profile", "case17", "xdr/incidents"]).expect(4);
    assert!(refused.stderr.contains("Incident.Read.All"), "{}", refused.stderr);
}

#[test]
fn a_plan_is_granted_what_it_asks_for_and_not_one_role_more() {
    for plan in ["pulls = ['alerts', 'sign-ins', 'mde/vulnerabilities', 'xdr/incidents']\n", "queries = ['a.kql']\npulls = ['domains']\n"] {
        let site = site(generous());
        site.bench.write("plan.toml", format!("name = 'p'\nlast = '30d'\n{plan}"));
        site.bench.write("a.kql", "DeviceInfo | take 3");
        site.run(&create(&["--for-plan", "plan.toml", "--write-profile", "case17"])).expect(0);
        let first = site.lab.seen().len();
        site.run(&["collect", "--profile", "case17", "--plan", "plan.toml"]).expect(0);
        assert_eq!(granted(&site), asked(&site, first), "{plan}");
    }
}

#[test]
fn the_triage_plan_is_granted_what_it_asks_for_and_not_one_role_more() {
    let site = site(generous());
    site.run(&create(&["--for-plan", "triage", "--write-profile", "case17"])).expect(0);
    let first = site.lab.seen().len();
    let summary = site.summary(0, &["collect", "--profile", "case17", "--plan", "triage"]);
    assert_eq!(summary["skipped"].as_array().unwrap().len(), 0, "not one role less");
    assert_eq!(granted(&site), asked(&site, first));
}

#[test]
fn each_role_of_the_recommended_is_the_least_for_something() {
    let site = site(generous());
    site.run(&create(&["--permissions", "recommended", "--write-profile", "case17"])).expect(0);
    let first = site.lab.seen().len();
    site.run(&["hunt", "--profile", "case17", "--kql", "DeviceInfo | take 3"]).expect(0);
    site.run(&["pull", "--profile", "case17", "--all"]);
    let mut unused = granted(&site);
    unused.retain(|role| !asked(&site, first).contains(role));
    // The assessment of configurations is read by no source of its own: it is what hunting's joins are checked against.
    unused.remove("mde:SecurityConfiguration.Read.All");
    assert_eq!(unused, Roles::new());
}
