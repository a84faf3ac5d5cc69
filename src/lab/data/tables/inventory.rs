//! `DeviceInfo`, `DeviceNetworkInfo`, `DeviceTvmInfoGathering` and `DeviceFileCertificateInfo`: what devices are, day by day.

use super::{Source, facets};
use crate::kql::engine::Table;
use crate::kql::tables::TableInfo;
use crate::lab::data::chance::{digest, guid, mix};
use crate::lab::data::clock::{DAY, DAYS, MINUTE, Tick, at};
use crate::lab::data::sheet::Sheet;
use crate::lab::data::world::{Class, Device, Image, OFFICE_IP, short};

/// A snapshot of a device: when, and its index.
type Row = (Tick, u16);

pub(super) fn make(source: Source<'_>, info: &'static TableInfo) -> Option<Table> {
    Some(match info.name {
        "DeviceInfo" => source.make(info, daily(source), |row| row.0, |sheet| device(sheet, source)),
        "DeviceNetworkInfo" => source.make(info, daily(source), |row| row.0, |sheet| network(sheet, source)),
        "DeviceTvmInfoGathering" => source.make(info, once(source), |row| row.0, |sheet| gathered(sheet, source)),
        "DeviceFileCertificateInfo" => source.make(info, signed(source), |row| row.0, |sheet| certificate(sheet, source)),
        _ => return None,
    })
}

/// Returns every device every day, at its own time.
fn daily(source: Source<'_>) -> Vec<Row> {
    let devices = (0..source.world.devices.len()).map(short);
    devices.flat_map(|device| (0..DAYS).map(move |day| (at(day, 5, 0, 0) + i64::from(device) * 7 * MINUTE, device))).collect()
}

fn once(source: Source<'_>) -> Vec<Row> {
    (0..source.world.devices.len()).map(short).map(|device| (at(29, 4, 0, 0) + i64::from(device) * MINUTE, device)).collect()
}

fn device(sheet: &mut Sheet<'_, Row>, source: Source<'_>) {
    let of = |row: &Row| source.device(row.1);
    sheet.time("Timestamp", |row| row.0);
    facets::device(sheet, source, |row| row.1);
    facets::report(sheet, false, |row| (row.0, u32::from(row.1)));
    system(sheet, source);
    sheet.same("ClientVersion", "10.8760.22621.3672");
    sheet.same("PublicIP", OFFICE_IP);
    sheet.flag("IsAzureADJoined", |row| of(row).class.is("windows"));
    sheet.word("JoinType", |row| if of(row).class.is("windows") { "Hybrid Azure AD Join" } else { "" });
    sheet.word("AadDeviceId", |row| &of(row).aad_id);
    sheet.text("LoggedOnUsers", |row, pen| {
        let person = source.person(of(row).owner);
        pen.args(format_args!(r#"[{{"UserName":"{}","DomainName":"{}","Sid":"{}"}}]"#, person.sam, person.domain, person.sid));
    });
    sheet.word("MachineGroup", |row| if of(row).class.personal() { "Clients" } else { "Servers" });
    sheet.same("OnboardingStatus", "Onboarded");
    sheet.same("SensorHealthState", "Active");
    sheet.word("DeviceManualTags", |row| if of(row).class == Class::DomainController { r#"["Tier 0"]"# } else { "[]" });
    sheet.same("DeviceDynamicTags", "[]");
    exposure(sheet, source);
}

fn system(sheet: &mut Sheet<'_, Row>, source: Source<'_>) {
    let of = |row: &Row| source.device(row.1);
    sheet.same("OSArchitecture", "64-bit");
    sheet.word("OSPlatform", |row| of(row).platform);
    sheet.maybe_long("OSBuild", |row| (of(row).class != Class::Linux).then_some(of(row).release().0));
    sheet.word("OSVersion", |row| of(row).release().1);
    sheet.word("OSVersionInfo", |row| of(row).release().2);
    sheet.word("OSDistribution", |row| if of(row).class == Class::Linux { "Ubuntu" } else { of(row).platform });
    sheet.same("OsBuildRevision", "3672");
    sheet.word("DeviceCategory", |_| "Endpoint");
    sheet.word("DeviceType", |row| if of(row).class.personal() { "Workstation" } else { "Server" });
    sheet.word("Model", |row| of(row).model);
    sheet.word("Vendor", |row| of(row).vendor);
    sheet.text("HardwareUuid", |row, pen| pen.put(&guid(digest(&of(row).id))));
}

fn exposure(sheet: &mut Sheet<'_, Row>, source: Source<'_>) {
    let of = |row: &Row| source.device(row.1);
    sheet.flag("IsInternetFacing", |row| of(row).short == "tf-web01");
    sheet.flag("IsExcluded", |_| false);
    sheet.flag("IsTransient", |_| false);
    sheet.word("ExposureLevel", |row| ["Low", "Medium", "High"].get(usize::from(row.1 % 3)).copied().unwrap_or_default());
    sheet.word("AssetValue", |row| if of(row).class == Class::DomainController { "High" } else { "Normal" });
    sheet.same("ConnectivityType", "Streamlined");
    sheet.same("CloudPlatforms", "[]");
    sheet.same("DiscoverySources", r#"["MDE"]"#);
    sheet.word("Site", |row| if of(row).class.personal() { source.person(of(row).owner).city } else { "Rotterdam" });
    sheet.same("MitigationStatus", "{}");
}

fn network(sheet: &mut Sheet<'_, Row>, source: Source<'_>) {
    let of = |row: &Row| source.device(row.1);
    sheet.time("Timestamp", |row| row.0);
    facets::device(sheet, source, |row| row.1);
    facets::report(sheet, false, |row| (row.0, u32::from(row.1)));
    sheet.text("NetworkAdapterName", |row, pen| pen.args(format_args!("{{{}}}", guid(digest(&of(row).mac)).to_uppercase())));
    sheet.word("MacAddress", |row| &of(row).mac);
    sheet.word("NetworkAdapterType", |row| if of(row).class == Class::Mac { "Wireless80211" } else { "Ethernet" });
    sheet.same("NetworkAdapterStatus", "Up");
    sheet.same("TunnelType", "None");
    sheet.same(
        "ConnectedNetworks",
        r#"[{"Name":"tarnfield.example","Description":"tarnfield.example","IsConnectedToInternet":true,"Category":"DomainAuthenticated"}]"#,
    );
    sheet.same("DnsAddresses", r#"["10.20.1.10","10.20.1.11"]"#);
    sheet.word("IPv4Dhcp", |row| if of(row).class.personal() { "10.20.1.10" } else { "" });
    sheet.text("DefaultGateways", |row, pen| {
        let network = of(row).ip.rsplit_once('.').map_or("", |(network, _)| network);
        pen.args(format_args!(r#"["{network}.1"]"#));
    });
    sheet.text("IPAddresses", |row, pen| {
        pen.args(format_args!(r#"[{{"IPAddress":"{}","SubnetPrefix":24,"AddressType":"Private"}}]"#, of(row).ip));
    });
    sheet.word("NetworkAdapterVendor", |row| if of(row).class.personal() { "Intel Corporation" } else { "VMware, Inc." });
    sheet.same("OnboardingStatus", "Onboarded");
    sheet.same("NetworkAdapterDnsSuffix", "tarnfield.example");
}

fn gathered(sheet: &mut Sheet<'_, Row>, source: Source<'_>) {
    let of = |row: &Row| source.device(row.1);
    let mode = |device: &Device| if device.short == "tf-fs01" { "Passive" } else { "Active" };
    sheet.time("Timestamp", |row| row.0);
    sheet.time("LastSeenTime", |row| row.0 - MINUTE);
    facets::device(sheet, source, |row| row.1);
    sheet.word("OSPlatform", |row| of(row).platform);
    sheet.text("AdditionalFields", |row, pen| {
        let number = mix(u64::from(row.1)) % 9;
        pen.args(format_args!(
            r#"{{"AvMode":"{}","AvEngineVersion":"1.1.24050.{number}","AvSignatureVersion":"1.411.{number}.0","AvPlatformVersion":"4.18.24050.7","AsrConfigurationStates":{{"D4F940AB-401B-4EFC-AADC-AD5F3C50688A":"Audit"}},"CloudProtectionState":"true","EdgeVersion":"125.0.2535.67"}}"#,
            mode(of(row))
        ));
    });
}

/// A file seen signed on a device: when, the device, the file.
type Signed<'a> = (Tick, u16, &'a Image);

fn signed(source: Source<'_>) -> Vec<Signed<'_>> {
    let windows = source.world.devices.iter().enumerate().filter(|(_, device)| device.class.is("windows"));
    let images: Vec<&Image> = source.world.images.iter().filter(|image| image.path.starts_with("C:")).collect();
    let seen = |device: u16, image: &Image| digest(image.file) ^ u64::from(device) << 32;
    windows
        .flat_map(|(index, _)| images.iter().map(move |image| (short(index), *image)))
        .filter(|(device, image)| mix(seen(*device, image)).is_multiple_of(4))
        .filter(|(device, image)| image.file != "qsync.exe" || source.device(*device).short == "tf-ws-017")
        .map(|(device, image)| ((mix(seen(device, image) ^ 9) % (29 * DAY).cast_unsigned()).cast_signed(), device, image))
        .collect()
}

fn certificate(sheet: &mut Sheet<'_, Signed<'_>>, source: Source<'_>) {
    let microsoft = |row: &Signed<'_>| row.2.company == "Microsoft Corporation";
    let is_signed = |row: &Signed<'_>| !row.2.original.is_empty();
    let issuer = |row: &Signed<'_>| {
        if microsoft(row) { "Microsoft Windows Production PCA 2011" } else { "DigiCert Trusted G4 Code Signing RSA4096 SHA384 2021 CA1" }
    };
    sheet.time("Timestamp", |row| row.0);
    facets::device(sheet, source, |row| row.1);
    facets::report(sheet, false, |row| (row.0, u32::from(row.1)));
    sheet.text("SHA1", |row, pen| pen.with(|out| row.2.hash.sha1(out)));
    sheet.flag("IsSigned", is_signed);
    sheet.word("SignatureType", |row| if is_signed(row) { "Embedded" } else { "" });
    sheet.word("Signer", |row| if microsoft(row) { "Microsoft Windows" } else { row.2.company });
    sheet.text("SignerHash", |row, pen| {
        pen.args(format_args!("{:016x}{:016x}{:08x}", digest(row.2.company), mix(digest(row.2.company)), 0x51));
    });
    sheet.word("Issuer", |row| if is_signed(row) { issuer(row) } else { "" });
    sheet
        .text("IssuerHash", |row, pen| pen.args(format_args!("{:016x}{:016x}{:08x}", digest(issuer(row)), mix(digest(issuer(row))), 0x15)));
    sheet.text("CertificateSerialNumber", |row, pen| pen.args(format_args!("33{:018x}", digest(row.2.company))));
    sheet.same("CrlDistributionPointUrls", r#"["http://www.microsoft.com/pkiops/crl/MicWinProPCA2011_2011-10-19.crl"]"#);
    sheet.maybe_time("CertificateCreationTime", |row| is_signed(row).then_some(-300 * DAY));
    sheet.maybe_time("CertificateExpirationTime", |row| is_signed(row).then_some(65 * DAY));
    sheet.maybe_time("CertificateCountersignatureTime", |row| is_signed(row).then_some(-40 * DAY));
    sheet.flag("IsTrusted", is_signed);
    sheet.flag("IsRootSignerMicrosoft", microsoft);
}
