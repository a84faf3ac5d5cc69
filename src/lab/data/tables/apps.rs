//! `CloudAppEvents`, `GraphAPIAuditEvents`, `OAuthAppInfo` and the sign-ins under both of their names.

use super::{Source, facets};
use crate::kql::engine::Table;
use crate::kql::tables::TableInfo;
use crate::lab::data::chance::{digest, guid, mix};
use crate::lab::data::clock::{DAY, DAYS, Tick, at};
use crate::lab::data::log::{CloudAct, GraphCall, SignIn};
use crate::lab::data::sheet::{Pen, Sheet};
use crate::lab::data::story::{APP, APP_NAME};
use crate::lab::data::world::TENANT;

pub(super) fn make(source: Source<'_>, info: &'static TableInfo) -> Option<Table> {
    let log = source.log;
    Some(match info.name {
        "CloudAppEvents" => source.make(info, log.cloud.iter().collect(), |act| act.time, |sheet| act(sheet, source)),
        "GraphAPIAuditEvents" | "GraphApiAuditEvents" => {
            source.make(info, log.graph.iter().collect(), |call| call.time, |sheet| call(sheet, source))
        }
        "EntraIdSignInEvents" | "AADSignInEventsBeta" => {
            source.make(info, log.sign_ins.iter().collect(), |sign_in| sign_in.time, |sheet| sign_in(sheet, source))
        }
        "OAuthAppInfo" => source.make(info, consents(), |(time, _)| *time, consent),
        _ => return None,
    })
}

fn act(sheet: &mut Sheet<'_, &CloudAct>, source: Source<'_>) {
    sheet.time("Timestamp", |act| act.time);
    sheet.word("ActionType", |act| act.action);
    sheet.word("Application", |act| act.app.0);
    sheet.int("ApplicationId", |act| act.app.1);
    sheet.int("AppInstanceId", |_| 0);
    facets::account(sheet, source, "", |act| Some(act.person));
    sheet.word("AccountId", |act| &source.person(act.person).object_id);
    sheet.same("AccountType", "Regular");
    sheet.flag("IsAdminOperation", |act| act.admin);
    sheet.flag("IsExternalUser", |_| false);
    sheet.flag("IsImpersonated", |_| false);
    client(sheet);
    sheet.word("ActivityType", |act| act.activity);
    objects(sheet, source);
    raw(sheet, source);
    unusual(sheet);
    sheet.word("OAuthAppId", |act| act.oauth_app);
    sheet.same("AuditSource", "Defender for Cloud Apps access control");
    facets::report_text(sheet, |act| (act.time, digest(&act.object.0)));
}

fn client(sheet: &mut Sheet<'_, &CloudAct>) {
    sheet.word("DeviceType", |act| if act.agent.contains("python") { "" } else { "Desktop" });
    sheet.word("OSPlatform", |act| platform(act.agent));
    sheet.word("IPAddress", |act| &act.ip);
    sheet.flag("IsAnonymousProxy", |_| false);
    sheet.word("CountryCode", |act| act.place.0);
    sheet.word("City", |act| act.place.1);
    sheet.word("Isp", |act| act.place.2);
    sheet.word("UserAgent", |act| act.agent);
    sheet.same("UserAgentTags", "[]");
    sheet.word("IPCategory", |act| if act.ip == crate::lab::data::world::OFFICE_IP { "Corporate" } else { "" });
    sheet.word("IPTags", |act| if act.ip == crate::lab::data::world::OFFICE_IP { r#"["Head office"]"# } else { "[]" });
}

fn platform(agent: &str) -> &'static str {
    if agent.contains("Windows") {
        "Windows 11"
    } else if agent.contains("Linux") {
        "Linux"
    } else {
        "Unknown"
    }
}

fn objects(sheet: &mut Sheet<'_, &CloudAct>, source: Source<'_>) {
    sheet.word("ObjectName", |act| &act.object.0);
    sheet.word("ObjectType", |act| act.object.1);
    sheet.word("ObjectId", |act| if act.object.1 == "File" { &act.object.0 } else { "" });
    sheet.text("ActivityObjects", |act, pen| {
        let person = source.person(act.person);
        let (name, kind) = (json(&act.object.0), act.object.1);
        pen.args(format_args!(
            r#"[{{"Type":"{kind}","Role":"Target object","Name":"{name}"}},{{"Type":"User","Role":"Actor","Name":"{}","Id":"{}","ApplicationId":11161,"ApplicationInstance":0}}]"#,
            json(&person.display),
            person.object_id
        ));
    });
}

fn raw(sheet: &mut Sheet<'_, &CloudAct>, source: Source<'_>) {
    let clock = source.clock;
    sheet.text("RawEventData", |act, pen| {
        let (time, id) = (clock.text(act.time), guid(act.time.cast_unsigned() ^ digest(act.action)));
        let person = source.person(act.person);
        pen.args(format_args!(
            r#"{{"CreationTime":"{time}","Id":"{id}","Operation":"{}","OrganizationId":"{TENANT}","RecordType":{},"ResultStatus":"Succeeded","UserKey":"{}","UserType":0,"Version":1,"Workload":"{}","ClientIP":"{}","ObjectId":"{}","UserId":"{}""#,
            act.action, act.app.1 % 97, person.object_id, workload(act.app.0), act.ip, json(&act.object.0), person.upn
        ));
        member(pen, &act.raw);
        pen.put("}");
    });
    sheet.same("AdditionalFields", r#"{"IsSatelliteProvider":false}"#);
    sheet.same("SessionData", "{}");
}

fn member(pen: &mut Pen<'_>, members: &str) {
    if !members.is_empty() {
        pen.put(",");
        pen.put(members);
    }
}

fn workload(app: &str) -> &'static str {
    match app {
        "Microsoft Exchange Online" => "Exchange",
        "Microsoft SharePoint Online" => "SharePoint",
        "Microsoft OneDrive for Business" => "OneDrive",
        "Microsoft Teams" => "MicrosoftTeams",
        _ => "AzureActiveDirectory",
    }
}

fn unusual(sheet: &mut Sheet<'_, &CloudAct>) {
    sheet.word("UncommonForUser", |act| if act.uncommon { r#"["ISP","IPAddress","CountryCode","UserAgent"]"# } else { "[]" });
    sheet.word("LastSeenForUser", |act| {
        if act.uncommon { r#"{"ISP":-1,"IPAddress":-1,"CountryCode":-1,"ActionType":4}"# } else { r#"{"ISP":0,"ActionType":0}"# }
    });
}

/// Escapes a text for the inside of a JSON string.
fn json(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted.trim_start_matches('"').trim_end_matches('"').to_owned()
}

fn call(sheet: &mut Sheet<'_, &GraphCall>, source: Source<'_>) {
    let id = |call: &GraphCall, part: u64| guid(call.time.cast_unsigned() ^ digest(call.app) ^ part);
    sheet.time("Timestamp", |call| call.time);
    sheet.time("TimeGenerated", |call| call.time);
    sheet.same("IdentityProvider", "AAD");
    sheet.same("ApiVersion", "v1.0");
    sheet.word("ApplicationId", |call| call.app);
    sheet.text("ClientRequestId", |call, pen| pen.put(&id(call, 1)));
    sheet.text("OperationId", |call, pen| pen.put(&id(call, 2)));
    sheet.text("RequestId", |call, pen| pen.put(&id(call, 2)));
    sheet.text("UniqueTokenIdentifier", |call, pen| pen.args(format_args!("{:x}", mix(call.time.cast_unsigned()))));
    sheet.word("AccountObjectId", |call| call.person.map_or("", |person| &source.person(person).object_id));
    sheet.word("ServicePrincipalId", |call| if call.person.is_none() { "7a3e0d52-11f4-4f43-a2c6-6b1f0c9d8e77" } else { "" });
    sheet.word("EntityType", |call| if call.person.is_none() { "servicePrincipal" } else { "user" });
    sheet.same("Location", "West Europe");
    sheet.text("RequestDuration", |call, pen| pen.args(format_args!("{}", 20_000 + mix(call.time.cast_unsigned()) % 900_000)));
    sheet.word("RequestMethod", |call| call.method);
    sheet.word("RequestUri", |call| &call.path);
    sheet.word("ResponseStatusCode", |call| call.status);
    sheet.word("Scopes", |call| call.scopes);
    sheet.word("IpAddress", |call| &call.ip);
    sheet.same("TargetWorkload", "Microsoft.Exchange");
    sheet.long("ResponseSize", |call| 200 + (mix(call.time.cast_unsigned() ^ 5) % 60_000).cast_signed());
    sheet.same("TenantId", TENANT);
    sheet.same("Type", "GraphAPIAuditEvents");
    sheet.same("SourceSystem", "Azure");
    facets::report_text(sheet, |call| (call.time, digest(&call.path)));
}

fn sign_in(sheet: &mut Sheet<'_, &SignIn>, source: Source<'_>) {
    sheet.time("Timestamp", |sign_in| sign_in.time);
    sheet.word("Application", |sign_in| sign_in.app.0);
    sheet.word("ApplicationId", |sign_in| sign_in.app.1);
    sheet.same("LogonType", r#"["interactiveUser"]"#);
    sheet.int("ErrorCode", |sign_in| sign_in.error);
    sheet.text("CorrelationId", |sign_in, pen| pen.put(&guid(sign_in.session)));
    sheet.text("SessionId", |sign_in, pen| pen.put(&guid(sign_in.session ^ 1)));
    sheet.text("RequestId", |sign_in, pen| pen.put(&guid(sign_in.time.cast_unsigned() ^ sign_in.session)));
    facets::account(sheet, source, "", |sign_in| Some(sign_in.person));
    sheet.flag("IsConfidentialClient", |_| false);
    sheet.int("IsExternalUser", |_| 0);
    sheet.flag("IsGuestUser", |_| false);
    sheet.maybe_time("LastPasswordChangeTimestamp", |sign_in| Some(-DAY * (3 + i64::from(sign_in.person))));
    resource(sheet);
    machine(sheet, source);
    risk(sheet);
    sheet.word("UserAgent", |sign_in| sign_in.agent);
    sheet.same("ClientAppUsed", "Browser");
    sheet.word("Browser", |sign_in| if sign_in.agent.contains("Firefox") { "Firefox 115.0" } else { "Edge 125.0.0" });
    sheet.word("IPAddress", |sign_in| &sign_in.ip);
    sheet.word("Country", |sign_in| sign_in.place.0);
    sheet.word("City", |sign_in| sign_in.place.1);
    sheet.word("State", |sign_in| sign_in.place.1);
    sheet.word("Latitude", |sign_in| coordinates(sign_in.place.1).0);
    sheet.word("Longitude", |sign_in| coordinates(sign_in.place.1).1);
    sheet.same("NetworkLocationDetails", "[]");
    facets::report_text(sheet, |sign_in| (sign_in.time, sign_in.session));
}

fn coordinates(city: &str) -> (&'static str, &'static str) {
    match city {
        "Antwerp" => ("51.21989", "4.40346"),
        "Gothenburg" => ("57.70716", "11.96679"),
        "Victoria" => ("-4.62001", "55.45501"),
        _ => ("51.9225", "4.47917"),
    }
}

fn resource(sheet: &mut Sheet<'_, &SignIn>) {
    sheet.same("ResourceDisplayName", "Microsoft Graph");
    sheet.same("ResourceId", "00000003-0000-0000-c000-000000000000");
    sheet.same("ResourceTenantId", TENANT);
    sheet.same("EndpointCall", "OAuth2:Authorize");
    sheet.int("TokenIssuerType", |_| 0);
}

fn machine(sheet: &mut Sheet<'_, &SignIn>, source: Source<'_>) {
    let device = |sign_in: &&SignIn| sign_in.device.map(|device| source.device(device));
    sheet.word("DeviceName", |sign_in| device(sign_in).map_or("", |device| device.short));
    sheet.word("EntraIdDeviceId", |sign_in| device(sign_in).map_or("", |device| &device.aad_id));
    sheet.word("AadDeviceId", |sign_in| device(sign_in).map_or("", |device| &device.aad_id));
    sheet.word("OSPlatform", |sign_in| device(sign_in).map_or("Linux", |device| device.platform));
    sheet.word("DeviceTrustType", |sign_in| if sign_in.device.is_some() { "Hybrid Azure AD joined" } else { "" });
    sheet.int("IsManaged", |sign_in| i32::from(sign_in.device.is_some()));
    sheet.int("IsCompliant", |sign_in| i32::from(sign_in.device.is_some()));
}

fn risk(sheet: &mut Sheet<'_, &SignIn>) {
    sheet.word(
        "AuthenticationRequirement",
        |sign_in| {
            if sign_in.multi_factor { "multiFactorAuthentication" } else { "singleFactorAuthentication" }
        },
    );
    sheet.same("AuthenticationProcessingDetails", "[]");
    sheet.int("RiskLevelAggregated", |sign_in| sign_in.risk);
    sheet.int("RiskDetails", |_| 0);
    sheet.int("RiskState", |sign_in| i32::from(sign_in.risk > 0) * 4);
    sheet.same("ConditionalAccessPolicies", r#"[{"displayName":"Require MFA outside the offices","result":"success"}]"#);
    sheet.int("ConditionalAccessStatus", |sign_in| i32::from(sign_in.error != 0));
}

/// An application that users consented to: id, name, publisher, permissions, privilege, users, origin, when it was added.
type App = (&'static str, &'static str, &'static str, &'static str, &'static str, i32, &'static str, Tick);

const APPS: [App; 4] = [
    (
        "5b0d31f2-8c67-4c7c-9f3e-2a8f0d6b7711",
        "FreightDesk Cloud",
        "Haulware B.V.",
        "User.Read Calendars.ReadWrite",
        "Medium",
        34,
        "External",
        -400 * DAY,
    ),
    ("18fbca16-2224-45f6-85b0-f7bf2b39b3f3", "Port Weekly Reader", "", "User.Read", "Low", 5, "External", -60 * DAY),
    (
        "9b6d1f0a-4a7f-4b5c-8c07-2a1f6e3d9c10",
        "Tarnfield Intranet",
        "Tarnfield Logistics",
        "User.Read Sites.Read.All",
        "Medium",
        41,
        "Internal",
        -700 * DAY,
    ),
    (APP, APP_NAME, "", "Mail.ReadWrite Mail.Send Files.Read.All offline_access", "High", 1, "External", at(24, 7, 19, 5)),
];

/// Returns what was known of each application every day.
fn consents() -> Vec<(Tick, &'static App)> {
    let days = (0..DAYS).map(|day| at(day, 2, 30, 0));
    days.flat_map(|time| APPS.iter().filter(move |app| app.7 < time).map(move |app| (time, app))).collect()
}

fn consent(sheet: &mut Sheet<'_, (Tick, &'static App)>) {
    sheet.time("Timestamp", |(time, _)| *time);
    sheet.word("OAuthAppId", |(_, app)| app.0);
    sheet.text("ServicePrincipalId", |(_, app), pen| pen.put(&guid(digest(app.0))));
    sheet.word("AppName", |(_, app)| app.1);
    sheet.time("AddedOnTime", |(_, app)| app.7);
    sheet.time("LastModifiedTime", |(_, app)| app.7);
    sheet.maybe_time("LastUsedTime", |(time, app)| (app.5 > 5).then_some(time - DAY / 3));
    sheet.same("AppStatus", "Enabled");
    sheet.text("VerifiedPublisher", |(_, app), pen| match app.2 {
        "" => pen.put("{}"),
        publisher => pen.args(format_args!(r#"{{"displayName":"{publisher}","verifiedPublisherId":"6143{}"}}"#, publisher.len())),
    });
    sheet.word("PrivilegeLevel", |(_, app)| app.4);
    sheet.text("Permissions", |(_, app), pen| {
        let items = app.3.split(' ').map(|scope| {
            format!(
                r#"{{"PermissionType":"Delegated","PermissionValue":"{scope}","TargetAppDisplayName":"Microsoft Graph","InUse":"true"}}"#
            )
        });
        pen.args(format_args!("[{}]", items.collect::<Vec<_>>().join(",")));
    });
    sheet.int("ConsentedUsersCount", |(_, app)| app.5);
    sheet.flag("IsAdminConsented", |(_, app)| app.5 > 30);
    sheet.word("AppOrigin", |(_, app)| app.6);
    sheet.word("AppOwnerTenantId", |(_, app)| if app.6 == "Internal" { TENANT } else { "b1c2d3e4-0f1a-4b2c-8d3e-4f5a6b7c8d9e" });
    facets::report_text(sheet, |(time, app)| (*time, digest(app.0)));
}
