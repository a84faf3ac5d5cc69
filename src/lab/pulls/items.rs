//! The objects of each list endpoint (apis.md 5.1, 5.6, 5.7).

use super::alerts::{Alert, camel, graph_evidence, text};
use crate::lab::directory::HOME;
use serde_json::{Map, Value, json};

const PORTAL: &str = "https://security.microsoft.com";

/// An alert of `alerts_v2`.
pub(super) fn graph_alert(alert: &Alert) -> Value {
    let (id, incident) = (alert.id(), alert.incident);
    json!({
        "id": id, "providerAlertId": id, "incidentId": incident.to_string(), "status": "new",
        "severity": camel(alert.get("Severity")), "classification": null, "determination": null,
        "serviceSource": camel(alert.get("ServiceSource")), "detectionSource": camel(alert.get("DetectionSource")),
        "productName": alert.get("ServiceSource"), "detectorId": uuid::Uuid::nil(), "tenantId": HOME,
        "title": alert.get("Title"), "description": format!("{}.", alert.get("Title")), "recommendedActions": "",
        "category": alert.get("Category"), "categories": [alert.get("Category")], "assignedTo": null,
        "alertWebUrl": format!("{PORTAL}/alerts/{id}?tid={HOME}"),
        "incidentWebUrl": format!("{PORTAL}/incidents/{incident}?tid={HOME}"),
        "actorDisplayName": null, "threatDisplayName": null, "threatFamilyName": null, "mitreTechniques": alert.techniques(),
        "alertPolicyId": null, "systemTags": [], "customDetails": {}, "additionalData": null, "investigationState": "unsupportedAlertType",
        "createdDateTime": alert.created(), "lastUpdateDateTime": alert.updated(), "resolvedDateTime": null,
        "firstActivityDateTime": alert.first_activity(), "lastActivityDateTime": alert.updated(), "comments": [],
        "evidence": alert.evidence.iter().filter_map(graph_evidence).collect::<Vec<_>>(),
    })
}

/// What an incident is called and when it was: told from its alerts, of which there is at least one.
struct Told<'a> {
    gravest: &'a Alert,
    created: &'a str,
    updated: &'a str,
}

fn told<'a>(alerts: &[&'a Alert]) -> Option<Told<'a>> {
    let gravest = alerts.iter().copied().max_by_key(|alert| alert.gravity())?;
    let created = alerts.iter().map(|alert| alert.created()).min().unwrap_or_default();
    Some(Told { gravest, created, updated: alerts.iter().map(|alert| alert.updated()).max().unwrap_or_default() })
}

impl Told<'_> {
    fn name(&self, alerts: usize) -> String {
        let title = self.gravest.get("Title");
        if alerts == 1 { title.to_owned() } else { format!("Multi-stage incident involving {title} ({alerts} alerts)") }
    }
}

/// An incident of Graph. Its alerts are there only where they are expanded.
pub(super) fn graph_incident(id: usize, alerts: &[&Alert]) -> Option<Value> {
    let told = told(alerts)?;
    Some(json!({
        "id": id.to_string(), "tenantId": HOME, "status": "active", "incidentWebUrl": format!("{PORTAL}/incidents/{id}?tid={HOME}"),
        "redirectIncidentId": null, "displayName": told.name(alerts.len()), "createdDateTime": told.created,
        "lastUpdateDateTime": told.updated, "assignedTo": null, "classification": "unknown", "determination": "unknown",
        "severity": camel(told.gravest.get("Severity")), "customTags": [], "systemTags": [], "description": null,
        "lastModifiedBy": "Microsoft 365 Defender-AlertCorrelation", "resolvingComment": null, "summary": null, "comments": [],
        "priorityScore": told.gravest.gravity() * 30,
    }))
}

/// An incident of the XDR API, alerts and all.
pub(super) fn xdr_incident(id: usize, alerts: &[&Alert]) -> Option<Value> {
    let told = told(alerts)?;
    Some(json!({
        "incidentId": id, "redirectIncidentId": null, "incidentName": told.name(alerts.len()), "createdTime": told.created,
        "lastUpdateTime": told.updated, "assignedTo": null, "classification": "Unknown", "determination": "NotAvailable",
        "status": "Active", "severity": told.gravest.get("Severity"), "tags": [], "comments": [],
        "incidentUri": format!("{PORTAL}/incidents/{id}?tid={HOME}"),
        "alerts": alerts.iter().map(|alert| xdr_alert(alert)).collect::<Vec<_>>(),
    }))
}

fn xdr_alert(alert: &Alert) -> Value {
    let of = |kind: &str| alert.evidence.iter().filter(|row| text(row, "EntityType") == kind).collect::<Vec<_>>();
    let device = |row: &&Map<String, Value>| json!({"mdatpDeviceId": text(row, "DeviceId"), "deviceDnsName": text(row, "DeviceName"), "healthStatus": "Active"});
    let user = |row: &&Map<String, Value>| {
        json!({
            "entityType": "User", "accountName": text(row, "AccountName"), "domainName": text(row, "AccountDomain"),
            "userSid": text(row, "AccountSid"), "aadUserId": text(row, "AccountObjectId"), "userPrincipalName": text(row, "AccountUpn"),
        })
    };
    json!({
        "alertId": alert.id(), "incidentId": alert.incident, "serviceSource": alert.get("ServiceSource").replace(' ', ""),
        "creationTime": alert.created(), "lastUpdatedTime": alert.updated(), "resolvedTime": null,
        "firstActivity": alert.first_activity(), "lastActivity": alert.updated(), "title": alert.get("Title"),
        "description": format!("{}.", alert.get("Title")), "category": alert.get("Category"), "status": "New",
        "severity": alert.get("Severity"), "investigationId": null, "investigationState": "UnsupportedAlertType", "classification": null,
        "determination": null, "detectionSource": alert.get("DetectionSource"), "assignedTo": null, "actorName": null,
        "threatFamilyName": null, "mitreTechniques": alert.techniques(),
        "devices": of("Machine").iter().map(device).collect::<Vec<_>>(),
        "entities": of("User").iter().map(user).collect::<Vec<_>>(),
    })
}

/// An alert of MDE: those of other products are not there.
pub(super) fn mde_alert(alert: &Alert) -> Option<Value> {
    if alert.get("ServiceSource") != "Microsoft Defender for Endpoint" {
        return None;
    }
    let of = |kind: &str, name: &str| alert.evidence.iter().find(|row| text(row, "EntityType") == kind).map(|row| text(row, name));
    Some(json!({
        "id": alert.id(), "incidentId": alert.incident, "investigationId": null, "assignedTo": null, "severity": alert.get("Severity"),
        "status": "New", "classification": null, "determination": null, "investigationState": "UnsupportedAlertType",
        "detectionSource": alert.get("DetectionSource"), "detectorId": uuid::Uuid::nil(), "category": alert.get("Category"),
        "threatFamilyName": null, "title": alert.get("Title"), "description": format!("{}.", alert.get("Title")),
        "alertCreationTime": alert.created(), "firstEventTime": alert.first_activity(), "lastEventTime": alert.updated(),
        "lastUpdateTime": alert.updated(), "resolvedTime": null, "machineId": of("Machine", "DeviceId"),
        "computerDnsName": of("Machine", "DeviceName"), "rbacGroupName": null, "aadTenantId": HOME, "threatName": null,
        "mitreTechniques": alert.techniques(), "comments": [], "evidence": [],
        "relatedUser": of("User", "AccountName").map(|name| json!({"userName": name, "domainName": of("User", "AccountDomain")})),
    }))
}

/// A machine of MDE, told from its first and its latest row of `DeviceInfo`.
pub(super) fn machine(first: &Map<String, Value>, latest: &Map<String, Value>) -> Value {
    let get = |name: &str| text(latest, name);
    json!({
        "id": get("DeviceId"), "computerDnsName": get("DeviceName"), "firstSeen": text(first, "Timestamp"), "lastSeen": get("Timestamp"),
        "osPlatform": get("OSPlatform"), "version": get("OSVersionInfo"), "osProcessor": "x64", "lastIpAddress": null,
        "lastExternalIpAddress": get("PublicIP"), "osBuild": latest.get("OSBuild"), "healthStatus": get("SensorHealthState"),
        "onboardingStatus": get("OnboardingStatus"), "rbacGroupId": 1, "rbacGroupName": get("MachineGroup"), "riskScore": "None",
        "exposureLevel": get("ExposureLevel"), "isAadJoined": get("JoinType").contains("Azure AD"), "aadDeviceId": get("AadDeviceId"),
        "deviceValue": get("AssetValue"), "machineTags": [],
    })
}
