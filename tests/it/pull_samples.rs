//! Every answer of the services' own documentation, through the decoder of its source, held against a parse of the whole.

#![allow(clippy::print_stderr, reason = "a test says aloud what it skips")]

use crate::{
    bench::{BRIEF, Bench},
    support::shared,
    wire::json,
};
use ircollect::{
    api::{
        catalogue::{Catalogue, Paging},
        hunting::Api,
        pages::{Client, Objects},
    },
    error::Result,
};
use serde_json::value::RawValue;
use std::{collections::BTreeMap, time::Duration};

/// File, and the source that it answers for.
const ANSWERS: &[(&str, &str)] = &[
    ("graph/user-list", "users"),
    ("graph/security-list-securescores", "secure-scores"),
    ("graph/security-list-incidents-expand-alerts", "incidents"),
    ("graph/security-list-incidents", "incidents"),
    ("graph/security-list-alerts_v2", "alerts"),
    ("graph/alert-list", "alerts"),
    ("graph/application-list", "applications"),
    ("graph/organization-list", "organization"),
    ("graph/conditionalaccessroot-list-policies", "conditional-access-policies"),
    ("graph/conditionalaccessroot-list-namedlocations", "named-locations"),
    ("graph/serviceprincipal-list-approleassignments", "service-principals"),
    ("graph/serviceprincipal-list", "service-principals"),
    ("graph/oauth2permissiongrant-list", "oauth2-grants"),
    ("graph/riskyuser-list-history", "risky-users"),
    ("graph/riskdetection-list", "risk-detections"),
    ("graph/directoryaudit-list", "directory-audits"),
    ("graph/provisioningobjectsummary-list", "provisioning"),
    ("graph/signin-list", "sign-ins"),
    ("graph/device-list", "devices"),
    ("graph/subscribedsku-list", "subscribed-skus"),
    ("graph/directoryrole-list", "directory-roles"),
    ("graph/group-list", "groups"),
    ("defender-xdr/incidents", "xdr/incidents"),
    ("defender-endpoint/alerts-expand-evidence", "mde/alerts"),
    ("defender-endpoint/software", "mde/software"),
    ("defender-endpoint/recommendations", "mde/recommendations"),
    ("defender-endpoint/machineactions", "mde/machine-actions"),
    ("defender-endpoint/indicators", "mde/indicators"),
    ("defender-endpoint/vulnerabilities", "mde/vulnerabilities"),
    ("defender-endpoint/investigations", "mde/investigations"),
    ("defender-endpoint/machines", "mde/machines"),
];

/// Answers of hunting and errors, which are no lists.
const OTHERS: &[&str] = &[
    "graph/runHuntingQuery-lowercase-schema",
    "graph/runHuntingQuery-uppercase-schema",
    "defender-xdr/advancedhunting-run",
    "defender-xdr/advancedhunting-run-alertinfo",
    "defender-endpoint/advancedqueries-run",
    "defender-endpoint/error-not-found",
    "defender-endpoint/error-request-body",
];

#[derive(Default)]
struct Kept(Vec<String>);

impl Objects for Kept {
    fn begin(&mut self) -> Result<()> {
        self.0.clear();
        Ok(())
    }

    fn object(&mut self, raw: &[u8]) -> Result<()> {
        self.0.push(String::from_utf8(raw.to_vec()).unwrap());
        Ok(())
    }
}

/// The objects of a list as they stand in the file, without the line breaks between tokens.
fn expected(body: &str) -> Vec<String> {
    let whole: BTreeMap<String, Box<RawValue>> = serde_json::from_str(body).unwrap();
    let rows: Vec<Box<RawValue>> = serde_json::from_str(whole["value"].get()).unwrap();
    rows.iter().map(|row| row.get().replace(['\n', '\r'], "")).collect()
}

#[tokio::test]
async fn every_sample_goes_through_its_source_whole() {
    let Some(folder) = shared("data/samples/api") else { return };
    let catalogue = Catalogue::built_in().unwrap();
    for (name, source) in ANSWERS {
        let body = std::fs::read_to_string(folder.join(format!("{name}.json"))).unwrap();
        let source = catalogue.find(source).unwrap();
        assert!(matches!(source.paging, Paging::Link | Paging::Skip | Paging::Cursor), "{name}");
        let bench = Bench::new(BRIEF, [json(&body)]).await;
        let client = Client {
            transport: &bench.transport,
            auth: &bench.tokens,
            budget: &bench.budget,
            api: Api::Graph,
            root: bench.server.url.parse().unwrap(),
            scope: "s".to_owned(),
            lane: "t/graph".to_owned(),
            deadline: Duration::from_secs(5),
            prefer: source.prefer.clone(),
            fault_tries: None,
        };
        let mut kept = Kept::default();
        let page = client.page("pulling", &client.url(&source.path).unwrap(), &mut kept).await.unwrap();
        assert_eq!(kept.0, expected(&body), "{name}");
        assert_eq!(page.objects, kept.0.len() as u64);
        assert!(page.objects > 0 && page.bytes == body.len() as u64, "{name}");
        assert_eq!(page.next.is_some(), body.contains("@odata.nextLink"), "{name}");
    }
    let named = |name: &str| ANSWERS.iter().any(|(known, _)| *known == name) || OTHERS.contains(&name);
    for api in ["graph", "defender-xdr", "defender-endpoint"] {
        for entry in std::fs::read_dir(folder.join(api)).unwrap() {
            let file = entry.unwrap().file_name();
            let name = format!("{api}/{}", file.to_str().unwrap().trim_end_matches(".json"));
            assert!(named(&name), "{name} goes through no decoder");
        }
    }
}
