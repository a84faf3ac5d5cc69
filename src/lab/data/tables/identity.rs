//! `IdentityLogonEvents`, `IdentityDirectoryEvents` and `IdentityQueryEvents`: what the domain controllers saw.

use super::{Source, facets};
use crate::kql::engine::Table;
use crate::kql::tables::TableInfo;
use crate::lab::data::log::{Directory, Logon, Query};
use crate::lab::data::sheet::Sheet;
use crate::lab::data::world::{Device, Kind};

const AD: &str = "Active Directory";

pub(super) fn make(source: Source<'_>, info: &'static TableInfo) -> Option<Table> {
    let log = source.log;
    Some(match info.name {
        "IdentityLogonEvents" => source.make(info, seen(source), |logon| logon.time, |sheet| logon(sheet, source)),
        "IdentityDirectoryEvents" => source.make(info, log.directory.iter().collect(), |change| change.time, |sheet| change(sheet, source)),
        "IdentityQueryEvents" => source.make(info, log.queries.iter().collect(), |query| query.time, |sheet| query(sheet, source)),
        _ => return None,
    })
}

/// Returns the logons that a domain controller had a part in: those of accounts in the directory.
fn seen(source: Source<'_>) -> Vec<&Logon> {
    source.log.logons.iter().filter(|logon| source.person(logon.person).in_directory()).collect()
}

fn controller(source: Source<'_>, device: u16) -> &Device {
    let name = if device.is_multiple_of(2) { "tf-dc01" } else { "tf-dc02" };
    source.device(source.world.device(name))
}

fn logon(sheet: &mut Sheet<'_, &Logon>, source: Source<'_>) {
    let from = |logon: &&Logon| source.device(logon.from.unwrap_or(logon.device));
    sheet.time("Timestamp", |logon| logon.time);
    sheet.word("ActionType", |logon| logon.action);
    sheet.same("Application", AD);
    sheet.word("LogonType", |logon| match logon.kind {
        "RemoteInteractive" => "Remote desktop",
        "Network" => "Resource access",
        _ => "Credentials validation",
    });
    sheet.word("Protocol", |logon| if logon.protocol == "NTLM" { "Ntlm" } else { "Kerberos" });
    sheet.word("FailureReason", |logon| if logon.failure.is_empty() { "" } else { "WrongPassword" });
    facets::account(sheet, source, "", |logon| Some(logon.person));
    sheet.word("DeviceName", |logon| &from(logon).name);
    sheet.word("DeviceType", |logon| if from(logon).class.personal() { "Workstation" } else { "Server" });
    sheet.word("OSPlatform", |logon| from(logon).platform);
    sheet.word("IPAddress", |logon| from(logon).ip);
    sheet.maybe_int("Port", |logon| logon.from.map(|from| 49_152 + i32::from(from) * 37 + i32::from(logon.person)));
    destination(sheet, source, |logon| logon.device, 88);
    sheet.word("TargetDeviceName", |logon| if logon.from.is_some() { &source.device(logon.device).name } else { "" });
    sheet.word("Isp", |_| "INTERNAL_NETWORK");
    facets::report_text(sheet, |logon| (logon.time, u64::from(logon.person)));
    sheet.text("AdditionalFields", |logon, pen| {
        let (from, person) = (from(logon).short.to_uppercase(), source.person(logon.person));
        pen.args(format_args!(r#"{{"Count":"1","FROM.DEVICE":"{from}","ACTOR.ACCOUNT":"{}","AttackTechniques":""}}"#, person.display));
    });
}

fn destination<R>(sheet: &mut Sheet<'_, R>, source: Source<'_>, device: impl Fn(&R) -> u16, port: i32) {
    sheet.word("DestinationDeviceName", |row| &controller(source, device(row)).name);
    sheet.word("DestinationIPAddress", |row| controller(source, device(row)).ip);
    sheet.int("DestinationPort", |_| port);
}

fn change(sheet: &mut Sheet<'_, &Directory>, source: Source<'_>) {
    let target = |change: &&Directory| change.target.map(|target| source.person(target));
    sheet.time("Timestamp", |change| change.time);
    sheet.word("ActionType", |change| change.action);
    sheet.same("Application", AD);
    sheet.word("TargetAccountUpn", |change| target(change).map_or("", |person| &person.upn));
    sheet.word("TargetAccountDisplayName", |change| target(change).map_or(change.target_name, |person| &person.display));
    sheet.word("TargetDeviceName", |change| if change.action.starts_with("Device") { &source.device(change.device).name } else { "" });
    destination(sheet, source, |change| change.device, 389);
    sheet.word("Protocol", |change| if change.action.contains("replication") { "Drsr" } else { "Ldap" });
    facets::account(sheet, source, "", |change| Some(change.person));
    sheet.word("DeviceName", |change| &source.device(change.device).name);
    sheet.word("IPAddress", |change| source.device(change.device).ip);
    sheet.word("ISP", |_| "INTERNAL_NETWORK");
    facets::report_text(sheet, |change| (change.time, u64::from(change.device)));
    sheet.text("AdditionalFields", |change, pen| {
        let actor = &source.person(change.person).display;
        let more = if change.fields.is_empty() { String::new() } else { format!(",{}", change.fields) };
        pen.args(format_args!(
            r#"{{"Count":"1","ACTOR.ACCOUNT":"{actor}","TARGET.ACCOUNT":"{}"{more}}}"#,
            target(change).map_or(change.target_name, |person| person.sam)
        ));
    });
}

fn query(sheet: &mut Sheet<'_, &Query>, source: Source<'_>) {
    sheet.time("Timestamp", |query| query.time);
    sheet.word("ActionType", |query| query.action);
    sheet.same("Application", AD);
    sheet.word("QueryType", |query| query.kind);
    sheet.word("QueryTarget", |query| query.target);
    sheet.word("Query", |query| query.text);
    sheet.word("Protocol", |query| query.action.split(' ').next().unwrap_or_default());
    facets::account(sheet, source, "", |query| (source.person(query.person).kind != Kind::Builtin).then_some(query.person));
    sheet.word("DeviceName", |query| &source.device(query.device).name);
    sheet.word("IPAddress", |query| source.device(query.device).ip);
    destination(sheet, source, |query| query.device, 389);
    facets::report_text(sheet, |query| (query.time, u64::from(query.device)));
    sheet.text("AdditionalFields", |query, pen| {
        pen.args(format_args!(r#"{{"Count":"1","FROM.DEVICE":"{}"}}"#, source.device(query.device).short.to_uppercase()));
    });
}
