//! What would bring a table that was not collected: the hunt of that name, and the pull whose objects tell the same.

use super::super::sources;
use crate::{
    case::pulled_name,
    kql::tables::{self, Origin},
};

/// Tables of hunting and of Sentinel, and the pulled sources that tell of the same things.
const TOLD_BY: &[(&str, &[&str])] = &[
    ("AlertInfo", &["graph/alerts", "mde/alerts"]),
    ("AlertEvidence", &["graph/alerts", "mde/alerts"]),
    ("SecurityAlert", &["graph/alerts"]),
    ("SecurityIncident", &["graph/incidents"]),
    ("DeviceInfo", &["mde/machines", "graph/devices", "graph/managed-devices"]),
    ("DeviceNetworkInfo", &["mde/machines"]),
    ("IntuneDevices", &["graph/managed-devices"]),
    ("DeviceTvmSoftwareInventory", &["mde/software-inventory"]),
    ("DeviceTvmSoftwareVulnerabilities", &["mde/software-vulnerabilities"]),
    ("DeviceTvmSoftwareVulnerabilitiesKB", &["mde/vulnerabilities"]),
    ("DeviceTvmSecureConfigurationAssessment", &["mde/secure-configurations"]),
    ("DeviceTvmBrowserExtensions", &["mde/browser-extensions"]),
    ("DeviceTvmCertificateInfo", &["mde/certificates"]),
    ("DeviceTvmHardwareFirmware", &["mde/hardware-firmware"]),
    ("DeviceTvmInfoGathering", &["mde/info-gathering"]),
    ("DeviceBaselineComplianceAssessment", &["mde/baseline-compliance"]),
    ("AADSignInEventsBeta", &["graph/sign-ins"]),
    ("AADSpnSignInEventsBeta", &["graph/sign-ins"]),
    ("EntraIdSignInEvents", &["graph/sign-ins"]),
    ("EntraIdSpnSignInEvents", &["graph/sign-ins"]),
    ("IdentityLogonEvents", &["graph/sign-ins"]),
    ("SigninLogs", &["graph/sign-ins"]),
    ("AADNonInteractiveUserSignInLogs", &["graph/sign-ins"]),
    ("AADServicePrincipalSignInLogs", &["graph/sign-ins"]),
    ("AADManagedIdentitySignInLogs", &["graph/sign-ins"]),
    ("AuditLogs", &["graph/directory-audits"]),
    ("IdentityDirectoryEvents", &["graph/directory-audits"]),
    ("AADProvisioningLogs", &["graph/provisioning"]),
    ("CloudAppEvents", &["graph/audit-log"]),
    ("OfficeActivity", &["graph/audit-log"]),
    ("IdentityInfo", &["graph/users"]),
    ("IdentityAccountInfo", &["graph/users"]),
    ("AADRiskyUsers", &["graph/risky-users"]),
    ("AADUserRiskEvents", &["graph/risk-detections"]),
    ("AADRiskyServicePrincipals", &["graph/risky-service-principals"]),
    ("AADServicePrincipalRiskEvents", &["graph/service-principal-risk-detections"]),
    ("OAuthAppInfo", &["graph/applications", "graph/service-principals", "graph/oauth2-grants"]),
];

/// Says what would bring a table; none where it is no name that anything brings.
pub(super) fn brings(table: &str) -> Option<String> {
    if let Some(source) = pulled(table) {
        return Some(format!("`ircollect pull {source}` brings it"));
    }
    let hunt = match tables::origin(table) {
        Origin::Hunting(_) => format!("`ircollect hunt --kql {table}` collects it, and any hunt whose rows are that table's"),
        Origin::Sentinel => format!(
            "it is a table of a Sentinel workspace: `ircollect hunt --api graph --kql {table}` collects it where the workspace is connected"
        ),
        Origin::Unknown => return None,
    };
    let told = TOLD_BY.iter().find(|(name, _)| *name == table).map(|(_, sources)| *sources);
    Some(told.map_or_else(|| hunt.clone(), |sources| format!("{hunt}; {}", alike(sources))))
}

fn alike(sources: &[&str]) -> String {
    let names: Vec<&str> = sources.iter().map(|source| source.strip_prefix("graph/").unwrap_or(source)).collect();
    let tables: Vec<String> = sources.iter().filter_map(|source| table_of(source)).map(|table| format!("`{table}`")).collect();
    format!("`ircollect pull {}` brings the same things as {}, in columns of their own", names.join(" "), tables.join(" and "))
}

fn table_of(source: &str) -> Option<String> {
    source.split_once('/').map(|(api, name)| pulled_name(api, name))
}

/// The source whose objects are the table of that name.
fn pulled(table: &str) -> Option<String> {
    let catalogue = sources::catalogue(&[]).ok()?;
    let found = catalogue.iter().find(|source| pulled_name(&source.api.to_string(), &source.name) == table)?;
    Some(format!("{}/{}", found.api, found.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_source_that_is_named_is_in_the_catalogue() {
        let catalogue = sources::catalogue(&[]).unwrap();
        for (table, named) in TOLD_BY {
            assert!(!matches!(tables::origin(table), Origin::Unknown), "{table}");
            for source in *named {
                catalogue.find(source).unwrap();
                assert_eq!(pulled(&table_of(source).unwrap()).as_deref(), Some(*source));
            }
        }
    }

    #[test]
    fn the_hunt_and_the_pull_are_named() {
        let said = brings("AlertInfo").unwrap();
        assert!(said.contains("ircollect hunt --kql AlertInfo") && said.contains("ircollect pull alerts mde/alerts"), "{said}");
        assert!(said.contains("`alerts` and `mde_alerts`"), "{said}");
        assert_eq!(brings("sign_ins").as_deref(), Some("`ircollect pull graph/sign-ins` brings it"));
        assert!(brings("SigninLogs").unwrap().contains("ircollect pull sign-ins") && brings("Nothing").is_none());
        assert!(!brings("EmailEvents").unwrap().contains("pull"));
    }
}
