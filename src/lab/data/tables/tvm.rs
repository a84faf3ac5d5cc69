//! Vulnerability management: software, vulnerabilities and configurations, as they stand on the last day.

use super::{Source, facets};
use crate::kql::engine::Table;
use crate::kql::tables::TableInfo;
use crate::lab::data::chance::{digest, mix};
use crate::lab::data::clock::{DAY, at};
use crate::lab::data::sheet::Sheet;
use crate::lab::data::world::{Device, fields};

type Line = Vec<&'static str>;
/// A line of a list, and a device that it holds for.
type Found<'a> = (&'a Device, Line);

pub(super) fn make(source: Source<'_>, info: &'static TableInfo) -> Option<Table> {
    Some(match info.name {
        "DeviceTvmSoftwareInventory" => source.state(info, &on_devices(source, &software(), 3), inventory),
        "DeviceTvmSoftwareVulnerabilities" => source.state(info, &vulnerable(source), vulnerability),
        "DeviceTvmSoftwareVulnerabilitiesKB" => source.state(info, &known(), known_vulnerability),
        "DeviceTvmSecureConfigurationAssessment" => source.state(info, &on_devices(source, &configurations(), 5), assessment),
        "DeviceTvmSecureConfigurationAssessmentKB" => source.state(info, &configurations(), known_configuration),
        _ => return None,
    })
}

fn software() -> Vec<Line> {
    fields(include_str!("../script/software.txt")).collect()
}

fn known() -> Vec<Line> {
    fields(include_str!("../script/vulnerabilities.txt")).collect()
}

fn configurations() -> Vec<Line> {
    fields(include_str!("../script/configurations.txt")).collect()
}

fn field(line: &Line, index: usize) -> &'static str {
    line.get(index).copied().unwrap_or_default()
}

fn days(text: &str) -> Option<i64> {
    text.parse::<i64>().ok().map(|days| days * DAY)
}

/// Returns the lines with each device of the class that they name.
fn on_devices<'a>(source: Source<'a>, lines: &[Line], class: usize) -> Vec<Found<'a>> {
    let devices = source.world.devices.iter();
    devices
        .flat_map(|device| {
            lines.iter().filter(|line| device.class.is(field(line, class))).map(move |line| (device, line.clone())).collect::<Vec<_>>()
        })
        .collect()
}

fn vulnerable(source: Source<'_>) -> Vec<Found<'_>> {
    let found = on_devices(source, &software(), 3);
    let each = found.into_iter().flat_map(|(device, line)| {
        let cves = field(&line, 5).split_whitespace();
        cves.map(|cve| [&line[..5], &[cve]].concat()).map(move |line| (device, line)).collect::<Vec<_>>()
    });
    each.collect()
}

fn machine(sheet: &mut Sheet<'_, Found<'_>>) {
    sheet.word("DeviceId", |(device, _)| &device.id);
    sheet.word("DeviceName", |(device, _)| &device.name);
    sheet.word("OSPlatform", |(device, _)| device.platform);
    sheet.word("OSVersion", |(device, _)| device.release().2);
    sheet.same("OSArchitecture", "x64");
}

fn product(sheet: &mut Sheet<'_, Found<'_>>) {
    machine(sheet);
    sheet.word("SoftwareVendor", |(_, line)| field(line, 0));
    sheet.word("SoftwareName", |(_, line)| field(line, 1));
    sheet.word("SoftwareVersion", |(_, line)| field(line, 2));
}

fn inventory(sheet: &mut Sheet<'_, Found<'_>>) {
    let end = |found: &Found<'_>| days(field(&found.1, 4));
    product(sheet);
    sheet.word("EndOfSupportStatus", |found| match end(found) {
        Some(time) if time < 0 => "EOS Version",
        Some(_) => "Upcoming EOS Version",
        None => "",
    });
    sheet.maybe_time("EndOfSupportDate", end);
    sheet.text("ProductCodeCpe", |(_, line), pen| {
        pen.args(format_args!("cpe:2.3:a:{}:{}:{}:*:*:*:*:*:*:*", field(line, 0), field(line, 1), field(line, 2)));
    });
}

fn severity(cve: &str) -> &'static str {
    known().iter().find(|line| field(line, 0) == cve).map_or("", |line| field(line, 2))
}

fn vulnerability(sheet: &mut Sheet<'_, Found<'_>>) {
    product(sheet);
    sheet.word("CveId", |(_, line)| field(line, 5));
    sheet.word("VulnerabilitySeverityLevel", |(_, line)| severity(field(line, 5)));
    sheet.text("RecommendedSecurityUpdate", |(_, line), pen| pen.args(format_args!("Update {} to the latest version", field(line, 1))));
    sheet.text("RecommendedSecurityUpdateId", |(_, line), pen| {
        if field(line, 0) == "microsoft" {
            pen.args(format_args!("{}", 5_037_000 + digest(field(line, 5)) % 900));
        }
    });
    sheet.word("CveTags", |(_, line)| if field(line, 5) == "CVE-2024-5274" { r#"["ZeroDay"]"# } else { "[]" });
}

fn known_vulnerability(sheet: &mut Sheet<'_, Line>) {
    let published = |line: &Line| days(field(line, 4)).unwrap_or(0);
    sheet.word("CveId", |line| field(line, 0));
    sheet.word("CvssScore", |line| field(line, 1));
    sheet.word("VulnerabilitySeverityLevel", |line| field(line, 2));
    sheet.flag("IsExploitAvailable", |line| field(line, 3) == "true");
    sheet.time("PublishedDate", published);
    sheet.time("LastModifiedTime", |line| published(line) + 2 * DAY);
    sheet.word("VulnerabilityDescription", |line| field(line, 5));
    sheet.text("AffectedSoftware", |line, pen| {
        let affected = software().into_iter().filter(|product| field(product, 5).contains(field(line, 0)));
        let names = affected.map(|product| format!(r#""{}:{}""#, field(&product, 0), field(&product, 1)));
        pen.args(format_args!("[{}]", names.collect::<Vec<_>>().join(",")));
    });
}

fn compliant(device: &Device, line: &Line) -> bool {
    let share: u64 = field(line, 6).parse().unwrap_or(100);
    mix(digest(&device.id) ^ digest(field(line, 0))) % 100 < share
}

fn assessment(sheet: &mut Sheet<'_, Found<'_>>) {
    machine(sheet);
    sheet.time("Timestamp", |(device, _)| at(29, 1, 0, 0) + (digest(device.short) % 36_000_000_000).cast_signed());
    sheet.word("ConfigurationId", |(_, line)| field(line, 0));
    sheet.word("ConfigurationCategory", |(_, line)| field(line, 2));
    sheet.word("ConfigurationSubcategory", |(_, line)| field(line, 3));
    sheet.real("ConfigurationImpact", |(_, line)| field(line, 4).parse().unwrap_or(0.0));
    sheet.flag("IsCompliant", |(device, line)| compliant(device, line));
    sheet.flag("IsApplicable", |_| true);
    sheet.text("Context", |(device, line), pen| pen.put(if compliant(device, line) { "[]" } else { r#"[["Not configured"]]"# }));
    sheet.flag("IsExpectedUserImpact", |(_, line)| field(line, 3) == "BitLocker");
}

fn known_configuration(sheet: &mut Sheet<'_, Line>) {
    sheet.word("ConfigurationId", |line| field(line, 0));
    sheet.real("ConfigurationImpact", |line| field(line, 4).parse().unwrap_or(0.0));
    sheet.word("ConfigurationName", |line| field(line, 1));
    sheet.text("ConfigurationDescription", |line, pen| pen.args(format_args!("{} on every device that can.", field(line, 1))));
    sheet.same("RiskDescription", "Without it an intruder has it easier.");
    sheet.word("ConfigurationCategory", |line| field(line, 2));
    sheet.word("ConfigurationSubcategory", |line| field(line, 3));
    sheet.same("ConfigurationBenchmarks", r#"{"CIS":["Level 1"]}"#);
    sheet.word("Tags", |line| if field(line, 3) == "Attack Surface Reduction" { r#"["ASR"]"# } else { "[]" });
    sheet.text("RemediationOptions", |line, pen| pen.args(format_args!("Set it by group policy: {}", facets::file_name(field(line, 3)))));
}
