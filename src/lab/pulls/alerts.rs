//! Alerts and the incidents they belong to, told from the hunting tables `AlertInfo` and `AlertEvidence`, so that both agree.

use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap};

type Row = Map<String, Value>;

/// An alert with its evidence, and the number of its incident.
pub(super) struct Alert {
    pub(super) info: Row,
    pub(super) evidence: Vec<Row>,
    pub(super) incident: usize,
}

/// How far apart two alerts about the same device or account may be and still be one incident.
const TOGETHER: i64 = 3 * 86_400;
/// Incidents are numbered on from here.
const FIRST_INCIDENT: usize = 2_801;

pub(super) fn text<'a>(row: &'a Row, name: &str) -> &'a str {
    row.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn seconds(row: &Row) -> i64 {
    text(row, "Timestamp").parse::<jiff::Timestamp>().map(jiff::Timestamp::as_second).unwrap_or_default()
}

/// Puts alerts and evidence together; oldest first.
pub(super) fn all(infos: Vec<Row>, evidence: Vec<Row>) -> Vec<Alert> {
    let mut by_alert: HashMap<String, Vec<Row>> = HashMap::new();
    for row in evidence {
        by_alert.entry(text(&row, "AlertId").to_owned()).or_default().push(row);
    }
    let mut alerts: Vec<Alert> = infos
        .into_iter()
        .map(|info| Alert { evidence: by_alert.remove(text(&info, "AlertId")).unwrap_or_default(), info, incident: 0 })
        .collect();
    alerts.sort_by(|left, right| text(&left.info, "Timestamp").cmp(text(&right.info, "Timestamp")));
    correlate(&mut alerts);
    alerts
}

/// Alerts about the same device or account within some days are one incident.
fn correlate(alerts: &mut [Alert]) {
    let mut last: HashMap<String, (i64, usize)> = HashMap::new();
    let mut next = FIRST_INCIDENT;
    for alert in alerts {
        let (time, keys) = (seconds(&alert.info), keys(&alert.evidence));
        let joined = keys.iter().filter_map(|key| last.get(key)).find(|(before, _)| time - before <= TOGETHER);
        alert.incident = joined.map_or(next, |(_, incident)| *incident);
        next = next.max(alert.incident + 1);
        last.extend(keys.into_iter().map(|key| (key, (time, alert.incident))));
    }
}

fn keys(evidence: &[Row]) -> Vec<String> {
    let key = |row: &Row| {
        let (device, account) = (text(row, "DeviceId"), text(row, "AccountObjectId"));
        let named = if device.is_empty() { account } else { device };
        (!named.is_empty()).then(|| named.to_owned())
    };
    evidence.iter().filter_map(key).collect()
}

/// The alerts of each incident, by its number.
pub(super) fn incidents(alerts: &[Alert]) -> BTreeMap<usize, Vec<&Alert>> {
    let mut incidents: BTreeMap<usize, Vec<&Alert>> = BTreeMap::new();
    for alert in alerts {
        incidents.entry(alert.incident).or_default().push(alert);
    }
    incidents
}

impl Alert {
    pub(super) fn id(&self) -> &str {
        text(&self.info, "AlertId")
    }

    pub(super) fn created(&self) -> &str {
        text(&self.info, "Timestamp")
    }

    /// The latest evidence, which is when it was updated last.
    pub(super) fn updated(&self) -> &str {
        self.evidence.iter().map(|row| text(row, "Timestamp")).chain([self.created()]).max().unwrap_or_default()
    }

    pub(super) fn first_activity(&self) -> &str {
        self.evidence.iter().map(|row| text(row, "Timestamp")).chain([self.created()]).min().unwrap_or_default()
    }

    pub(super) fn get(&self, name: &str) -> &str {
        text(&self.info, name)
    }

    /// `T1566`, `T1059.001`: from `["Phishing (T1566)"]`.
    pub(super) fn techniques(&self) -> Vec<String> {
        let named: Vec<String> = serde_json::from_str(self.get("AttackTechniques")).unwrap_or_default();
        named.iter().filter_map(|name| Some(name.rsplit_once('(')?.1.trim_end_matches(')').to_owned())).collect()
    }

    /// How grave it is, for comparing.
    pub(super) fn gravity(&self) -> usize {
        ["Informational", "Low", "Medium", "High"].iter().position(|name| *name == self.get("Severity")).unwrap_or(0)
    }
}

/// `microsoftDefenderForEndpoint` from `Microsoft Defender for Endpoint`: how Graph writes its enumerations.
pub(super) fn camel(name: &str) -> String {
    let words = name.split_whitespace().enumerate().map(|(number, word)| {
        let mut letters = word.chars();
        let first = letters.next().map(|first| if number == 0 { first.to_ascii_lowercase() } else { first.to_ascii_uppercase() });
        first.into_iter().chain(letters).collect::<String>()
    });
    match name {
        "AAD Identity Protection" => "azureAdIdentityProtection".to_owned(),
        "EDR" => "microsoftDefenderForEndpoint".to_owned(),
        _ => words.collect(),
    }
}

/// A piece of evidence as Graph types it; none for what it has no type for here.
pub(super) fn graph_evidence(row: &Row) -> Option<Value> {
    let get = |name: &str| text(row, name);
    let file = || json!({"fileName": get("FileName"), "filePath": get("FolderPath"), "sha1": get("SHA1"), "sha256": get("SHA256"), "fileSize": row.get("FileSize")});
    let (kind, own) = match get("EntityType") {
        "Machine" => (
            "deviceEvidence",
            json!({"mdeDeviceId": get("DeviceId"), "deviceDnsName": get("DeviceName"), "healthStatus": "active", "onboardingStatus": "onboarded", "loggedOnUsers": []}),
        ),
        "User" => (
            "userEvidence",
            json!({"userAccount": {
                "accountName": get("AccountName"), "domainName": get("AccountDomain"), "userSid": get("AccountSid"),
                "azureAdUserId": get("AccountObjectId"), "userPrincipalName": get("AccountUpn"),
            }}),
        ),
        "Process" => (
            "processEvidence",
            json!({"processCommandLine": get("ProcessCommandLine"), "mdeDeviceId": get("DeviceId"), "imageFile": file()}),
        ),
        "File" => ("fileEvidence", json!({"mdeDeviceId": get("DeviceId"), "fileDetails": file(), "detectionStatus": "detected"})),
        "Ip" => ("ipEvidence", json!({"ipAddress": get("RemoteIP"), "countryLetterCode": null})),
        "Url" => ("urlEvidence", json!({"url": get("RemoteUrl")})),
        "MailMessage" => ("analyzedMessageEvidence", json!({"networkMessageId": get("NetworkMessageId"), "subject": get("EmailSubject")})),
        "RegistryValue" => (
            "registryValueEvidence",
            json!({"registryKey": get("RegistryKey"), "registryValueName": get("RegistryValueName"), "registryValue": get("RegistryValueData")}),
        ),
        _ => return None,
    };
    let mut evidence = json!({
        "@odata.type": format!("#microsoft.graph.security.{kind}"), "createdDateTime": get("Timestamp"), "verdict": "unknown",
        "remediationStatus": "none", "remediationStatusDetails": null, "roles": [], "detailedRoles": [], "tags": [],
    });
    if let (Some(evidence), Some(own)) = (evidence.as_object_mut(), own.as_object()) {
        evidence.extend(own.clone());
    }
    Some(evidence)
}
