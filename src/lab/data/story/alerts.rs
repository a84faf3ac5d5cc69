//! The alerts that the intrusion raised, each with its evidence. No one looked at them in time.

use super::{C2_IP, DROP_IP, INTRUDER_IP, LINK, MAIL_KEY, SUBJECT, Trail, VICTIM};
use crate::lab::data::clock::{Tick, at};
use crate::lab::data::log::{Alert, Evidence, Log, Thing};
use crate::lab::data::world::World;

const ENDPOINT: &str = "Microsoft Defender for Endpoint";
const CLOUD: &str = "Microsoft Defender for Cloud Apps";
const OFFICE: &str = "Microsoft Defender for Office 365";
const IDENTITY: &str = "Microsoft Defender for Identity";

/// What is said of an alert besides its evidence: id, time, title, category, severity, service, techniques.
type Head = (&'static str, Tick, &'static str, &'static str, &'static str, &'static str, &'static str);

pub(super) fn tell(world: &World, trail: &Trail, log: &mut Log) {
    let user = |name: &str| Thing::User(world.person(name));
    let machine = |name: &str| Thing::Machine(world.device(name));
    let process = |label: &str| Thing::Process(trail.find(label));
    let (mara, ws) = (user(VICTIM), machine("tf-ws-017"));
    let file = |device: &str, path: &str| Thing::File(world.device(device), path.to_owned());
    let mail = Thing::Mail(MAIL_KEY, SUBJECT.to_owned(), world.person(VICTIM));
    let run = Thing::Registry(
        world.device("tf-ws-017"),
        r"HKEY_CURRENT_USER\Software\Microsoft\Windows\CurrentVersion\Run".to_owned(),
        "QuaySync".to_owned(),
        r#""C:\Users\mlindqvist\AppData\Roaming\QuaySync\qsync.exe" --quiet"#.to_owned(),
    );
    log.alerts.extend([
        alert(CLICK, vec![mara.clone(), mail, Thing::Url(LINK.to_owned())]),
        alert(MACRO, vec![mara.clone(), ws.clone(), process("word"), process("macro"), process("stage1")]),
        alert(
            BEACON,
            vec![
                ws.clone(),
                process("qsync"),
                Thing::Ip(C2_IP.to_owned()),
                file("tf-ws-017", r"C:\Users\mlindqvist\AppData\Roaming\QuaySync\qsync.exe"),
            ],
        ),
        alert(PERSIST, vec![mara.clone(), ws.clone(), run]),
        alert(LSASS, vec![mara.clone(), ws.clone(), process("qsyncup"), file("tf-ws-017", r"C:\Windows\Temp\debug.bin")]),
        alert(PSEXEC, vec![user("adm-tokafor"), ws.clone(), machine("tf-fs01"), process("psvc")]),
        alert(WMI, vec![user("adm-tokafor"), ws, machine("tf-sql01"), process("sqlps")]),
        alert(NTDS, vec![user("adm-ivarga"), machine("tf-dc01"), process("dcshell")]),
        alert(ADMINS, vec![user("adm-ivarga"), machine("tf-dc01")]),
        alert(SIGN_IN, vec![mara.clone(), Thing::Ip(INTRUDER_IP.to_owned())]),
        alert(RULE, vec![mara.clone(), Thing::Ip(INTRUDER_IP.to_owned())]),
        alert(CONSENT, vec![mara.clone(), Thing::App(super::APP, super::APP_NAME)]),
        alert(DOWNLOAD, vec![mara, Thing::Ip(INTRUDER_IP.to_owned())]),
        alert(TAMPER, vec![machine("tf-fs01"), process("night")]),
        alert(EXFIL, vec![machine("tf-fs01"), process("rclone"), Thing::Ip(DROP_IP.to_owned())]),
        alert(RANSOM, vec![machine("tf-fs01"), process("night"), file("tf-fs01", r"D:\Shares\Contracts\README-RESTORE.txt")]),
    ]);
}

fn alert(head: Head, things: Vec<Thing>) -> Alert {
    let (id, time, title, category, severity, service, techniques) = head;
    let source = if service == ENDPOINT { "EDR" } else { service };
    let evidence = things.into_iter().map(|thing| Evidence { role: role(&thing), thing }).collect();
    Alert { time, id: id.to_owned(), title, category, severity, service, source, techniques, evidence }
}

fn role(thing: &Thing) -> &'static str {
    match thing {
        Thing::User(_) | Thing::Machine(_) | Thing::Mail(..) => "Impacted",
        _ => "Related",
    }
}

const CLICK: Head = (
    "fa7d3c1e90-0001-4a48-8213-d00000000001",
    at(22, 9, 34, 50),
    "A potentially malicious URL click was detected",
    "InitialAccess",
    "High",
    OFFICE,
    r#"["Phishing (T1566)","Spearphishing Link (T1566.002)"]"#,
);
const MACRO: Head = (
    "da7d3c1e90-0002-4a48-8213-d00000000002_1",
    at(22, 9, 33, 31),
    "Suspicious process executed PowerShell command",
    "Execution",
    "Medium",
    ENDPOINT,
    r#"["PowerShell (T1059.001)","Malicious File (T1204.002)"]"#,
);
const BEACON: Head = (
    "da7d3c1e90-0003-4a48-8213-d00000000003_1",
    at(22, 9, 58, 9),
    "Suspicious connection to a rare domain",
    "CommandAndControl",
    "Medium",
    ENDPOINT,
    r#"["Web Protocols (T1071.001)"]"#,
);
const PERSIST: Head = (
    "da7d3c1e90-0004-4a48-8213-d00000000004_1",
    at(22, 9, 37, 15),
    "Anomaly detected in ASEP registry",
    "Persistence",
    "Medium",
    ENDPOINT,
    r#"["Registry Run Keys / Startup Folder (T1547.001)","Scheduled Task (T1053.005)"]"#,
);
const LSASS: Head = (
    "da7d3c1e90-0005-4a48-8213-d00000000005_1",
    at(22, 13, 4, 40),
    "Sensitive credential memory read",
    "CredentialAccess",
    "High",
    ENDPOINT,
    r#"["LSASS Memory (T1003.001)"]"#,
);
const PSEXEC: Head = (
    "da7d3c1e90-0006-4a48-8213-d00000000006_1",
    at(23, 20, 42, 30),
    "Suspicious remote activity",
    "LateralMovement",
    "Medium",
    ENDPOINT,
    r#"["SMB/Windows Admin Shares (T1021.002)","Service Execution (T1569.002)"]"#,
);
const WMI: Head = (
    "da7d3c1e90-0007-4a48-8213-d00000000007_1",
    at(23, 20, 59, 12),
    "Suspicious WMI process creation",
    "LateralMovement",
    "Medium",
    ENDPOINT,
    r#"["Windows Management Instrumentation (T1047)"]"#,
);
const NTDS: Head = (
    "da7d3c1e90-0008-4a48-8213-d00000000008_1",
    at(24, 21, 17, 55),
    "Suspicious Active Directory snapshot dump",
    "CredentialAccess",
    "High",
    ENDPOINT,
    r#"["NTDS (T1003.003)"]"#,
);
const ADMINS: Head = (
    "aa7d3c1e90-0009-4a48-8213-d00000000009",
    at(24, 21, 21, 5),
    "Suspicious additions to sensitive groups",
    "Persistence",
    "Medium",
    IDENTITY,
    r#"["Account Manipulation (T1098)"]"#,
);
const SIGN_IN: Head = (
    "ad7d3c1e90-0010-4a48-8213-d00000000010",
    at(24, 7, 8, 0),
    "Atypical travel",
    "InitialAccess",
    "Medium",
    "AAD Identity Protection",
    r#"["Valid Accounts (T1078)"]"#,
);
const RULE: Head = (
    "ca7d3c1e90-0011-4a48-8213-d00000000011",
    at(24, 7, 15, 30),
    "Suspicious inbox manipulation rule",
    "DefenseEvasion",
    "Medium",
    CLOUD,
    r#"["Hide Artifacts (T1564)","Email Hiding Rules (T1564.008)"]"#,
);
const CONSENT: Head = (
    "ca7d3c1e90-0012-4a48-8213-d00000000012",
    at(24, 7, 31, 44),
    "Unusual addition of credentials to an OAuth app",
    "Persistence",
    "Medium",
    CLOUD,
    r#"["Steal Application Access Token (T1528)"]"#,
);
const DOWNLOAD: Head = (
    "ca7d3c1e90-0013-4a48-8213-d00000000013",
    at(25, 3, 31, 0),
    "Mass download",
    "Exfiltration",
    "High",
    CLOUD,
    r#"["Data from Information Repositories (T1213)"]"#,
);
const TAMPER: Head = (
    "da7d3c1e90-0014-4a48-8213-d00000000014_1",
    at(26, 22, 8, 40),
    "Attempt to turn off Microsoft Defender Antivirus protection",
    "DefenseEvasion",
    "High",
    ENDPOINT,
    r#"["Disable or Modify Tools (T1562.001)"]"#,
);
const EXFIL: Head = (
    "da7d3c1e90-0015-4a48-8213-d00000000015_1",
    at(26, 22, 24, 18),
    "Possible data exfiltration",
    "Exfiltration",
    "Medium",
    ENDPOINT,
    r#"["Exfiltration to Cloud Storage (T1567.002)"]"#,
);
const RANSOM: Head = (
    "da7d3c1e90-0016-4a48-8213-d00000000016_1",
    at(26, 23, 39, 2),
    "Ransomware-linked activity: recovery inhibited",
    "Impact",
    "High",
    ENDPOINT,
    r#"["Inhibit System Recovery (T1490)","Data Encrypted for Impact (T1486)"]"#,
);
