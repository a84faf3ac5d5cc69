//! `IdentityInfo` and `IdentityAccountInfo`: what is known of each account, once a week.

use super::{Source, facets};
use crate::kql::engine::Table;
use crate::kql::tables::TableInfo;
use crate::lab::data::chance::{digest, guid};
use crate::lab::data::clock::{DAY, Tick, at};
use crate::lab::data::sheet::Sheet;
use crate::lab::data::world::{DOMAIN, Kind, Person, TENANT, short};

/// A snapshot of an account: when, and its index.
type Row = (Tick, u16);

pub(super) fn make(source: Source<'_>, info: &'static TableInfo) -> Option<Table> {
    Some(match info.name {
        "IdentityInfo" => source.make(info, rows(source), |row| row.0, |sheet| identity(sheet, source)),
        "IdentityAccountInfo" => source.make(info, rows(source), |row| row.0, |sheet| account(sheet, source)),
        _ => return None,
    })
}

fn rows(source: Source<'_>) -> Vec<Row> {
    let people = source.world.people.iter().enumerate().filter(|(_, person)| person.in_directory()).map(|(index, _)| short(index));
    let weeks = [1, 8, 15, 22, 29].map(|day| at(day, 3, 0, 0));
    weeks.iter().flat_map(|time| people.clone().map(move |person| (time + i64::from(person) * 7_000_000, person))).collect()
}

fn roles(person: &Person) -> &'static str {
    match person.sam {
        "adm-ivarga" => r#"["Global Administrator","Security Administrator"]"#,
        "adm-tokafor" => r#"["Helpdesk Administrator","User Administrator"]"#,
        _ => "[]",
    }
}

fn groups(person: &Person) -> String {
    match person.kind {
        Kind::Admin if person.sam == "adm-ivarga" => r#"["Domain Admins","Administrators"]"#.to_owned(),
        Kind::Admin => r#"["Server Operators"]"#.to_owned(),
        Kind::Employee => format!(r#"["Domain Users","{} Team"]"#, person.department),
        _ => r#"["Service Accounts"]"#.to_owned(),
    }
}

fn manager(source: Source<'_>, person: &Person) -> String {
    let head = |head: &&Person| head.department == person.department && head.title.starts_with("Head of") && head.sam != person.sam;
    let chief = |chief: &&Person| chief.title.starts_with("Chief Executive") && chief.sam != person.sam;
    let people = &source.world.people;
    let above = people.iter().find(head).or_else(|| people.iter().find(chief));
    above.filter(|_| person.kind == Kind::Employee).map(|person| person.display.clone()).unwrap_or_default()
}

fn common(sheet: &mut Sheet<'_, Row>, source: Source<'_>) {
    let person = |row: &Row| source.person(row.1);
    let employee = |row: &Row| person(row).kind == Kind::Employee;
    sheet.time("Timestamp", |row| row.0);
    facets::report_text(sheet, |row| (row.0, u64::from(row.1)));
    facets::account(sheet, source, "", |row| Some(row.1));
    sheet.word("GivenName", |row| if employee(row) { person(row).given } else { "" });
    sheet.word("Surname", |row| if employee(row) { person(row).surname } else { "" });
    sheet.word("Department", |row| person(row).department);
    sheet.word("JobTitle", |row| person(row).title);
    sheet.word("EmailAddress", |row| if employee(row) { &person(row).upn } else { "" });
    sheet.word("City", |row| person(row).city);
    sheet.word("Country", |row| person(row).country().1);
    sheet.text("Manager", |row, pen| pen.put(&manager(source, person(row))));
    sheet.text("Phone", |row, pen| pen.args(format_args!("+31 10 555 0{}", 100 + row.1)));
    sheet.text("EmployeeId", |row, pen| pen.args(format_args!("TF{:04}", 1000 + row.1)));
    sheet.time("CreatedDateTime", |row| -DAY * (200 + i64::from(row.1) * 31));
    sheet.maybe_int("CriticalityLevel", |row| (person(row).kind == Kind::Admin).then_some(0));
    sheet.word("Tags", |row| if person(row).sam == "srenner" { r#"["Sensitive"]"# } else { "[]" });
    sheet.word("AssignedRoles", |row| roles(person(row)));
    sheet.text("GroupMembership", |row, pen| pen.put(&groups(person(row))));
    sheet.same("TenantMembershipType", "Member");
    sheet.same("TenantId", TENANT);
}

fn identity(sheet: &mut Sheet<'_, Row>, source: Source<'_>) {
    let person = |row: &Row| source.person(row.1);
    common(sheet, source);
    sheet.word("OnPremSid", |row| &person(row).sid);
    sheet.same("AccountDomain", DOMAIN);
    sheet.word("Type", |row| if person(row).kind == Kind::Service { "ServiceAccount" } else { "User" });
    sheet.text("DistinguishedName", |row, pen| {
        pen.args(format_args!("CN={},OU={},DC=tarnfield,DC=example", person(row).display.replace(',', "\\,"), person(row).department));
    });
    sheet.text("CloudSid", |row, pen| pen.args(format_args!("S-1-12-1-{}", digest(&person(row).object_id) >> 20)));
    sheet.flag("IsAccountEnabled", |_| true);
    sheet.same("ChangeSource", "System-UserPersistence");
    sheet.word("BlastRadius", |row| if person(row).kind == Kind::Admin { "High" } else { "Low" });
    sheet.same("CompanyName", "Tarnfield Logistics");
    sheet.same("OtherMailAddresses", "[]");
    sheet.word("RiskLevel", |row| if row.0 > at(24, 0, 0, 0) && person(row).sam == "mlindqvist" { "High" } else { "None" });
    sheet.word("RiskStatus", |row| if row.0 > at(24, 0, 0, 0) && person(row).sam == "mlindqvist" { "AtRisk" } else { "None" });
    sheet.same("PrivilegedEntraPimRoles", "[]");
    sheet.same("SourceSystem", "Hybrid");
    sheet.text("OnPremObjectId", |row, pen| pen.put(&guid(digest(&person(row).sid))));
    sheet.same("IdentityEnvironment", "Hybrid");
    sheet.same("SourceProviders", r#"["ActiveDirectory","AzureActiveDirectory"]"#);
}

fn account(sheet: &mut Sheet<'_, Row>, source: Source<'_>) {
    let person = |row: &Row| source.person(row.1);
    common(sheet, source);
    sheet.word("SourceProviderAccountId", |row| &person(row).object_id);
    sheet.text("AccountId", |row, pen| pen.put(&guid(digest(person(row).sam))));
    sheet.text("IdentityId", |row, pen| pen.put(&guid(digest(person(row).sam) ^ 1)));
    sheet.flag("IsPrimary", |_| true);
    sheet.same("IdentityLinkType", "StrongId");
    sheet.word("DisplayName", |row| &person(row).display);
    sheet.word("AccountUpn", |row| &person(row).upn);
    sheet.word("Type", |row| if person(row).kind == Kind::Service { "ServiceAccount" } else { "User" });
    sheet.word("Sid", |row| &person(row).sid);
    sheet.same("AccountStatus", "Enabled");
    sheet.same("SourceProvider", "AzureActiveDirectory");
    sheet.same("SourceProviderInstanceId", TENANT);
    sheet.same("SourceProviderInstanceDisplayName", "Tarnfield Logistics");
    sheet.same("AuthenticationMethod", "Credentials");
    sheet.word("EnrolledMfas", |row| if person(row).kind == Kind::Service { "[]" } else { r#"["microsoftAuthenticatorPush"]"# });
    sheet.time("LastPasswordChangeTime", |row| -DAY * (3 + i64::from(row.1)));
    sheet.same("EligibleRoles", "[]");
    sheet.same("SourceProvderRiskLevel", r#"{"EntraRisk":"None"}"#);
    sheet.same("AdditionalFields", "{}");
}
