//! The application permissions that the collector's registration was granted: all that a collection may need.

use super::directory::{GRAPH, MDE, XDR};

const GRAPH_ROLES: &[&str] = &[
    "ThreatHunting.Read.All",
    "SecurityAlert.Read.All",
    "SecurityIncident.Read.All",
    "SecurityEvents.Read.All",
    "IdentityRiskEvent.Read.All",
    "IdentityRiskyUser.Read.All",
    "IdentityRiskyServicePrincipal.Read.All",
    "AuditLog.Read.All",
    "AuditLogsQuery.Read.All",
    "Directory.Read.All",
    "User.Read.All",
    "Group.Read.All",
    "Application.Read.All",
    "DelegatedPermissionGrant.Read.All",
    "Policy.Read.All",
    "RoleManagement.Read.Directory",
    "Organization.Read.All",
    "Domain.Read.All",
    "Device.Read.All",
    "DeviceManagementManagedDevices.Read.All",
    "LicenseAssignment.Read.All",
    "UserAuthenticationMethod.Read.All",
];
const XDR_ROLES: &[&str] = &["AdvancedHunting.Read.All", "Incident.Read.All"];
const MDE_ROLES: &[&str] = &[
    "AdvancedQuery.Read.All",
    "Alert.Read.All",
    "Machine.Read.All",
    "Vulnerability.Read.All",
    "Software.Read.All",
    "SecurityRecommendation.Read.All",
    "SecurityConfiguration.Read.All",
    "SecurityBaselinesAssessment.Read.All",
    "RemediationTasks.Read.All",
    "Score.Read.All",
    "Ti.Read.All",
    "Library.Manage",
];

/// All of them by the resource's application id.
pub(crate) fn everything() -> Vec<(&'static str, Vec<&'static str>)> {
    vec![(GRAPH.app_id, GRAPH_ROLES.to_vec()), (XDR.app_id, XDR_ROLES.to_vec()), (MDE.app_id, MDE_ROLES.to_vec())]
}
