//! Alerts of no consequence: tests, false positives, policy violations.

use super::Ground;
use crate::lab::data::chance::{Chance, guid};
use crate::lab::data::log::{Alert, Evidence, Log, Thing};
use crate::lab::data::world::benign_ip;

/// Alerts for each unit of scale.
const ALERTS: u64 = 60;

struct Pattern {
    title: &'static str,
    category: &'static str,
    severity: &'static str,
    service: &'static str,
    source: &'static str,
    techniques: &'static str,
}

const PATTERNS: [Pattern; 5] = [
    Pattern {
        title: "Suspicious PowerShell command line",
        category: "Execution",
        severity: "Medium",
        service: "Microsoft Defender for Endpoint",
        source: "EDR",
        techniques: r#"["PowerShell (T1059.001)"]"#,
    },
    Pattern {
        title: "'Presenoker' unwanted software was prevented",
        category: "UnwantedSoftware",
        severity: "Informational",
        service: "Microsoft Defender for Endpoint",
        source: "Antivirus",
        techniques: "",
    },
    Pattern {
        title: "Email messages removed after delivery",
        category: "InitialAccess",
        severity: "Informational",
        service: "Microsoft Defender for Office 365",
        source: "Microsoft Defender for Office 365",
        techniques: r#"["Phishing (T1566)"]"#,
    },
    Pattern {
        title: "Unfamiliar sign-in properties",
        category: "InitialAccess",
        severity: "Low",
        service: "AAD Identity Protection",
        source: "AAD Identity Protection",
        techniques: r#"["Valid Accounts (T1078)"]"#,
    },
    Pattern {
        title: "Activity from infrequent country",
        category: "SuspiciousActivity",
        severity: "Low",
        service: "Microsoft Defender for Cloud Apps",
        source: "Microsoft Defender for Cloud Apps",
        techniques: "",
    },
];

pub(super) fn make(ground: &Ground<'_>, log: &mut Log) {
    let mut chance = ground.chance("alerts");
    for _ in 0..ALERTS * ground.scale {
        log.alerts.extend(alert(ground, &mut chance));
    }
}

fn alert(ground: &Ground<'_>, chance: &mut Chance) -> Option<Alert> {
    let (session, time) = ground.moment(chance)?;
    let Pattern { title, category, severity, service, source, techniques } = PATTERNS.get(chance.index(PATTERNS.len()))?;
    let id = format!("{}{}_1", if *source == "EDR" { "da" } else { "ra" }, guid(chance.next()));
    let mut evidence = vec![Evidence { thing: Thing::User(session.person), role: "Impacted" }];
    match *source {
        "EDR" | "Antivirus" => evidence.push(Evidence { thing: Thing::Machine(session.device), role: "Impacted" }),
        _ => evidence.push(Evidence { thing: Thing::Ip(benign_ip(chance.next())), role: "Related" }),
    }
    Some(Alert { time, id, title, category, severity, service, source, techniques, evidence })
}
