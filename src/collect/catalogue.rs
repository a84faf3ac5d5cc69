//! The sources there are, as data: where each is, and any one of which application permissions opens it.
//!
//! Sources: Microsoft's pages on the endpoints and its permission reference (apis.md 5 and 6). Where a page asks for a write
//! permission and a read one exists, the read one stands first: reading is all that is done here.

use crate::api::hunting::Api;

/// What some clouds do not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Every cloud that has the API has it.
    Common,
    /// Alerts, incidents and secure scores.
    Security,
    /// Risk detections and risky service principals.
    IdentityProtection,
    /// The unified audit log.
    AuditLogQueries,
}

/// A source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// The API it is pulled from.
    pub api: Api,
    /// Its name within the API.
    pub name: &'static str,
    /// Path from the API's root.
    pub path: &'static str,
    /// Application permissions, any one of which opens it; the least one first.
    pub permissions: &'static [&'static str],
    /// The part of the API that it belongs to.
    pub part: Part,
    /// Query that keeps a look at it small; none where even a look is dear.
    pub glance: Option<&'static str>,
}

const ONE: Option<&str> = Some("$top=1");
/// The assessment endpoints leave out their nextLink where `$top` is given, and count pages otherwise (apis.md 5.8).
const PAGE: Option<&str> = Some("pageSize=1");

const fn graph(name: &'static str, path: &'static str, permissions: &'static [&'static str]) -> Source {
    Source { api: Api::Graph, name, path, permissions, part: Part::Common, glance: ONE }
}

const fn part(part: Part, source: Source) -> Source {
    Source { part, ..source }
}

const fn glance(glance: Option<&'static str>, source: Source) -> Source {
    Source { glance, ..source }
}

const fn mde(name: &'static str, path: &'static str, permissions: &'static [&'static str]) -> Source {
    Source { api: Api::Mde, ..graph(name, path, permissions) }
}

const ALERTS: &[&str] = &["SecurityAlert.Read.All", "SecurityAlert.ReadWrite.All"];
const INCIDENTS: &[&str] = &["SecurityIncident.Read.All", "SecurityIncident.ReadWrite.All"];
const SCORES: &[&str] = &["SecurityEvents.Read.All", "SecurityEvents.ReadWrite.All"];
const RISKY_USERS: &[&str] = &["IdentityRiskyUser.Read.All", "IdentityRiskyUser.ReadWrite.All"];
const RISKS: &[&str] = &["IdentityRiskEvent.Read.All", "IdentityRiskEvent.ReadWrite.All"];
const RISKY_PRINCIPALS: &[&str] = &["IdentityRiskyServicePrincipal.Read.All", "IdentityRiskyServicePrincipal.ReadWrite.All"];
const AUDITS: &[&str] = &["AuditLog.Read.All", "Directory.Read.All"];
const PROVISIONING: &[&str] = &["AuditLog.Read.All", "ProvisioningLog.Read.All", "Directory.Read.All"];
const QUERIES: &[&str] = &[
    "AuditLogsQuery.Read.All",
    "AuditLogsQuery-Entra.Read.All",
    "AuditLogsQuery-Exchange.Read.All",
    "AuditLogsQuery-SharePoint.Read.All",
    "AuditLogsQuery-OneDrive.Read.All",
    "AuditLogsQuery-Endpoint.Read.All",
    "AuditLogsQuery-CRM.Read.All",
];
const USERS: &[&str] = &["User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"];
const GROUPS: &[&str] = &["Group.Read.All", "Group.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"];
const DEVICES: &[&str] = &["Device.Read.All", "Device.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"];
const MANAGED: &[&str] = &["DeviceManagementManagedDevices.Read.All", "DeviceManagementManagedDevices.ReadWrite.All"];
const APPLICATIONS: &[&str] = &["Application.Read.All", "Application.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"];
const GRANTS: &[&str] = &["Directory.Read.All", "DelegatedPermissionGrant.Read.All", "Directory.ReadWrite.All"];
const ROLES: &[&str] =
    &["RoleManagement.Read.Directory", "RoleManagement.Read.All", "RoleManagement.ReadWrite.Directory", "Directory.Read.All"];
const POLICIES: &[&str] = &["Policy.Read.All", "Policy.Read.ConditionalAccess"];
const ORGANIZATION: &[&str] = &["Organization.Read.All", "Organization.ReadWrite.All", "Directory.Read.All"];
const DOMAINS: &[&str] = &["Domain.Read.All", "Domain.ReadWrite.All", "Directory.Read.All"];
const LICENCES: &[&str] = &["LicenseAssignment.Read.All", "Organization.Read.All", "Directory.Read.All"];
const XDR_INCIDENTS: &[&str] = &["Incident.Read.All", "Incident.ReadWrite.All"];
const MDE_ALERTS: &[&str] = &["Alert.Read.All", "Alert.ReadWrite.All"];
const MACHINES: &[&str] = &["Machine.Read.All", "Machine.ReadWrite.All"];
const INDICATORS: &[&str] = &["Ti.Read.All", "Ti.ReadWrite.All", "Ti.ReadWrite"];
const VULNERABILITIES: &[&str] = &["Vulnerability.Read.All"];
const RECOMMENDATIONS: &[&str] = &["SecurityRecommendation.Read.All"];
const SOFTWARE: &[&str] = &["Software.Read.All"];
const REMEDIATION: &[&str] = &["RemediationTasks.Read.All"];
const SCORE: &[&str] = &["Score.Read.All"];
const BASELINES: &[&str] = &["SecurityBaselinesAssessment.Read.All"];
const LIBRARY: &[&str] = &["Library.Manage"];

/// All built-in sources.
pub const SOURCES: &[Source] = &[
    part(Part::Security, graph("alerts", "/v1.0/security/alerts_v2", ALERTS)),
    part(Part::Security, graph("incidents", "/v1.0/security/incidents", INCIDENTS)),
    part(Part::Security, graph("secure-scores", "/v1.0/security/secureScores", SCORES)),
    part(Part::Security, graph("secure-score-control-profiles", "/v1.0/security/secureScoreControlProfiles", SCORES)),
    graph("risky-users", "/v1.0/identityProtection/riskyUsers", RISKY_USERS),
    part(Part::IdentityProtection, graph("risk-detections", "/v1.0/identityProtection/riskDetections", RISKS)),
    part(Part::IdentityProtection, graph("risky-service-principals", "/v1.0/identityProtection/riskyServicePrincipals", RISKY_PRINCIPALS)),
    part(
        Part::IdentityProtection,
        graph("service-principal-risk-detections", "/v1.0/identityProtection/servicePrincipalRiskDetections", RISKS),
    ),
    graph("sign-ins", "/v1.0/auditLogs/signIns", &["AuditLog.Read.All"]),
    graph("directory-audits", "/v1.0/auditLogs/directoryAudits", AUDITS),
    graph("provisioning", "/v1.0/auditLogs/provisioning", PROVISIONING),
    part(Part::AuditLogQueries, graph("audit-log", "/v1.0/security/auditLog/queries", QUERIES)),
    graph("users", "/v1.0/users", USERS),
    graph("groups", "/v1.0/groups", GROUPS),
    graph("devices", "/v1.0/devices", DEVICES),
    graph("managed-devices", "/v1.0/deviceManagement/managedDevices", MANAGED),
    graph("applications", "/v1.0/applications", APPLICATIONS),
    graph("service-principals", "/v1.0/servicePrincipals", APPLICATIONS),
    graph("oauth2-grants", "/v1.0/oauth2PermissionGrants", GRANTS),
    glance(Some(""), graph("directory-roles", "/v1.0/directoryRoles", ROLES)),
    graph("role-assignments", "/v1.0/roleManagement/directory/roleAssignments", ROLES),
    graph("conditional-access-policies", "/v1.0/identity/conditionalAccess/policies", POLICIES),
    graph("named-locations", "/v1.0/identity/conditionalAccess/namedLocations", POLICIES),
    graph("authentication-methods", "/v1.0/reports/authenticationMethods/userRegistrationDetails", &["AuditLog.Read.All"]),
    glance(Some(""), graph("organization", "/v1.0/organization", ORGANIZATION)),
    glance(Some(""), graph("domains", "/v1.0/domains", DOMAINS)),
    glance(Some(""), graph("subscribed-skus", "/v1.0/subscribedSkus", LICENCES)),
    Source { api: Api::Xdr, ..graph("incidents", "/api/incidents", XDR_INCIDENTS) },
    mde("alerts", "/api/alerts", MDE_ALERTS),
    mde("machines", "/api/machines", MACHINES),
    mde("machine-actions", "/api/machineactions", MACHINES),
    mde("investigations", "/api/investigations", MDE_ALERTS),
    mde("indicators", "/api/indicators", INDICATORS),
    mde("vulnerabilities", "/api/vulnerabilities", VULNERABILITIES),
    mde("machine-vulnerabilities", "/api/vulnerabilities/machinesVulnerabilities", VULNERABILITIES),
    mde("recommendations", "/api/recommendations", RECOMMENDATIONS),
    mde("software", "/api/Software", SOFTWARE),
    mde("remediation-tasks", "/api/remediationTasks", REMEDIATION),
    glance(Some(""), mde("exposure-score", "/api/exposureScore", SCORE)),
    glance(Some(""), mde("configuration-score", "/api/configurationScore", SCORE)),
    mde("device-av-health", "/api/deviceavinfo", MACHINES),
    glance(Some(""), mde("library-files", "/api/libraryfiles", LIBRARY)),
    glance(PAGE, mde("software-inventory", "/api/machines/SoftwareInventoryByMachine", SOFTWARE)),
    glance(PAGE, mde("software-vulnerabilities", "/api/machines/SoftwareVulnerabilitiesByMachine", VULNERABILITIES)),
    glance(PAGE, mde("secure-configurations", "/api/machines/SecureConfigurationsAssessmentByMachine", VULNERABILITIES)),
    glance(PAGE, mde("browser-extensions", "/api/Machines/BrowserExtensionsInventoryByMachine", SOFTWARE)),
    glance(PAGE, mde("certificates", "/api/machines/certificateAssessmentByMachine", VULNERABILITIES)),
    glance(PAGE, mde("hardware-firmware", "/api/machines/HardwareFirmwareInventoryByMachine", SOFTWARE)),
    glance(PAGE, mde("baseline-compliance", "/api/machines/baselineComplianceAssessmentByMachine", BASELINES)),
    // Files alone, and 20 calls an hour for the list of them: not to be spent on a look.
    glance(None, mde("info-gathering", "/api/machines/InfoGatheringExport", VULNERABILITIES)),
];

impl Source {
    /// Finds a source by `api/name`, or by its bare name, which means the Graph one where there is one.
    pub fn find(name: &str) -> Option<&'static Self> {
        let by = |api: Option<&str>, name: &str| SOURCES.iter().find(|one| one.name == name && api.is_none_or(|api| one.api.name() == api));
        match name.split_once('/') {
            Some((api, name)) => by(Some(api), name),
            // The Graph ones stand first.
            None => by(None, name),
        }
    }

    /// Returns its full name: `mde/machines`.
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.api, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_with_and_without_their_api() {
        assert_eq!(Source::find("alerts").unwrap().api, Api::Graph);
        assert_eq!(Source::find("mde/alerts").unwrap().path, "/api/alerts");
        assert_eq!(Source::find("machines").unwrap().full_name(), "mde/machines");
        assert_eq!(Source::find("xdr/machines"), None);
        assert_eq!(Source::find("nothing"), None);
    }

    #[test]
    fn each_name_stands_once_and_has_a_permission() {
        let mut names: Vec<String> = SOURCES.iter().map(Source::full_name).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), SOURCES.len());
        assert!(SOURCES.iter().all(|source| !source.permissions.is_empty() && source.path.starts_with('/')));
    }

    #[test]
    fn the_least_permission_stands_first() {
        for source in SOURCES {
            assert!(!source.permissions[0].contains("Write"), "{}", source.full_name());
        }
    }
}
