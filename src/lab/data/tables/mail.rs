//! `EmailEvents`, `EmailUrlInfo`, `EmailAttachmentInfo`, `EmailPostDeliveryEvents` and `UrlClickEvents`.

use super::{Source, facets};
use crate::kql::engine::Table;
use crate::kql::tables::TableInfo;
use crate::lab::data::chance::{at, digest, guid, mix};
use crate::lab::data::clock::Tick;
use crate::lab::data::log::{Click, Mail};
use crate::lab::data::sheet::Sheet;
use crate::lab::data::world::{Hash, OFFICE_IP, TENANT};

pub(super) fn make(source: Source<'_>, info: &'static TableInfo) -> Option<Table> {
    let mails = &source.log.mails;
    Some(match info.name {
        "EmailEvents" => source.make(info, mails.iter().collect(), |mail| mail.time, |sheet| mail(sheet, source)),
        "EmailUrlInfo" => source.make(info, urls(mails), |(mail, _)| mail.time, url),
        "EmailAttachmentInfo" => source.make(info, files(mails), |(mail, ..)| mail.time, |sheet| attachment(sheet, source)),
        "EmailPostDeliveryEvents" => source.make(info, purges(mails), |(_, time, _)| *time, purge),
        "UrlClickEvents" => source.make(info, source.log.clicks.iter().collect(), |click| click.time, |sheet| click(sheet, source)),
        _ => return None,
    })
}

/// Returns the links of every message once, however many received it.
fn urls(mails: &[Mail]) -> Vec<(&Mail, &String)> {
    let mut seen = std::collections::HashSet::new();
    let fresh = mails.iter().filter(|mail| !mail.urls.is_empty() && seen.insert(mail.key));
    fresh.flat_map(|mail| mail.urls.iter().map(move |url| (mail, url))).collect()
}

fn files(mails: &[Mail]) -> Vec<(&Mail, &str, i64)> {
    mails.iter().flat_map(|mail| mail.files.iter().map(move |(name, size)| (mail, name.as_str(), *size))).collect()
}

fn purges(mails: &[Mail]) -> Vec<(&Mail, Tick, &'static str)> {
    mails.iter().filter_map(|mail| mail.purged.map(|(time, kind)| (mail, time, kind))).collect()
}

fn domain(address: &str) -> &str {
    address.split('@').nth(1).unwrap_or_default()
}

fn host(url: &str) -> &str {
    url.trim_start_matches("https://").split('/').next().unwrap_or_default()
}

fn internet_id(mail: &Mail) -> String {
    format!("<{}@{}>", guid(mix(mail.key)), domain(&mail.from))
}

fn mail(sheet: &mut Sheet<'_, &Mail>, source: Source<'_>) {
    let id = |person: Option<u16>| person.map_or("", |person| &source.person(person).object_id);
    sheet.time("Timestamp", |mail| mail.time);
    sheet.text("NetworkMessageId", |mail, pen| pen.put(&guid(mail.key)));
    sheet.text("InternetMessageId", |mail, pen| pen.put(&internet_id(mail)));
    sheet.word("SenderMailFromAddress", |mail| &mail.from);
    sheet.word("SenderFromAddress", |mail| &mail.from);
    sheet.word("SenderDisplayName", |mail| &mail.from_name);
    sheet.word("SenderObjectId", |mail| id(mail.sender));
    sheet.word("SenderMailFromDomain", |mail| domain(&mail.from));
    sheet.word("SenderFromDomain", |mail| domain(&mail.from));
    sheet.word("SenderIPv4", |mail| &mail.sender_ip);
    sheet.word("RecipientEmailAddress", |mail| &mail.to);
    sheet.word("RecipientObjectId", |mail| id(mail.recipient));
    sheet.word("Subject", |mail| &mail.subject);
    sheet.maybe_long("EmailClusterId", |mail| (mail.bulk > 0).then(|| (digest(&mail.from) >> 1).cast_signed()));
    sheet.word("EmailDirection", |mail| if mail.sender.is_some() { "Intra-org" } else { "Inbound" });
    verdict(sheet);
    facets::report_text(sheet, |mail| (mail.time, mail.key));
}

fn verdict(sheet: &mut Sheet<'_, &Mail>) {
    sheet.word("DeliveryAction", |mail| mail.delivery.0);
    sheet.word("DeliveryLocation", |mail| mail.delivery.1);
    sheet.word("LatestDeliveryAction", |mail| if mail.purged.is_some() { "Quarantined" } else { mail.delivery.0 });
    sheet.word("LatestDeliveryLocation", |mail| if mail.purged.is_some() { "Quarantine" } else { mail.delivery.1 });
    sheet.word("ThreatTypes", |mail| mail.threat);
    sheet.word("ThreatNames", |mail| if mail.threat == "Phish" { "Phish:HTML/Lure.Q" } else { "" });
    sheet.text("DetectionMethods", |mail, pen| {
        if !mail.threat.is_empty() {
            pen.args(format_args!(r#"{{"{}":["Advanced filter"]}}"#, mail.threat));
        }
    });
    sheet.text("ConfidenceLevel", |mail, pen| {
        if !mail.threat.is_empty() {
            pen.args(format_args!(r#"{{"{}":"High"}}"#, mail.threat));
        }
    });
    sheet.int("BulkComplaintLevel", |mail| mail.bulk);
    sheet.word("EmailAction", |mail| if mail.threat.is_empty() { "No action taken" } else { "Move message to quarantine" });
    sheet.word("EmailActionPolicy", |mail| if mail.threat.is_empty() { "" } else { "Antispam" });
    sheet.same("AuthenticationDetails", r#"{"SPF":"pass","DKIM":"pass","DMARC":"bestguesspass","CompAuth":"pass"}"#);
    sheet.int("AttachmentCount", |mail| i32::try_from(mail.files.len()).unwrap_or(0));
    sheet.int("UrlCount", |mail| i32::try_from(mail.urls.len()).unwrap_or(0));
    sheet.word("EmailLanguage", |mail| ["en", "nl", "sv", "en"].get(at(mail.key, 4)).copied().unwrap_or_default());
}

fn url(sheet: &mut Sheet<'_, (&Mail, &String)>) {
    sheet.time("Timestamp", |(mail, _)| mail.time);
    sheet.text("NetworkMessageId", |(mail, _), pen| pen.put(&guid(mail.key)));
    sheet.word("Url", |(_, url)| url);
    sheet.word("UrlDomain", |(_, url)| host(url));
    sheet.same("UrlLocation", "Body");
    facets::report_text(sheet, |(mail, url)| (mail.time, digest(url)));
}

fn attachment(sheet: &mut Sheet<'_, (&Mail, &str, i64)>, source: Source<'_>) {
    let id = |person: Option<u16>| person.map_or("", |person| &source.person(person).object_id);
    sheet.time("Timestamp", |(mail, ..)| mail.time);
    sheet.text("NetworkMessageId", |(mail, ..), pen| pen.put(&guid(mail.key)));
    sheet.word("SenderFromAddress", |(mail, ..)| &mail.from);
    sheet.word("SenderDisplayName", |(mail, ..)| &mail.from_name);
    sheet.word("SenderObjectId", |(mail, ..)| id(mail.sender));
    sheet.word("RecipientEmailAddress", |(mail, ..)| &mail.to);
    sheet.word("RecipientObjectId", |(mail, ..)| id(mail.recipient));
    sheet.word("FileName", |(_, name, _)| name);
    sheet.word("FileType", |(_, name, _)| name.rsplit('.').next().unwrap_or_default());
    sheet.text("SHA256", |(_, name, _), pen| pen.with(|out| Hash::of(name).sha256(out)));
    sheet.long("FileSize", |(_, _, size)| *size);
    sheet.word("ThreatTypes", |(mail, ..)| mail.threat);
    sheet.word("DetectionMethods", |(mail, ..)| if mail.threat.is_empty() { "" } else { r#"{"Phish":["File detonation"]}"# });
    facets::report_text(sheet, |(mail, name, _)| (mail.time, digest(name) ^ digest(&mail.to)));
}

fn purge(sheet: &mut Sheet<'_, (&Mail, Tick, &'static str)>) {
    sheet.time("Timestamp", |(_, time, _)| *time);
    sheet.text("NetworkMessageId", |(mail, ..), pen| pen.put(&guid(mail.key)));
    sheet.text("InternetMessageId", |(mail, ..), pen| pen.put(&internet_id(mail)));
    sheet.same("Action", "Moved to quarantine");
    sheet.word("ActionType", |(_, _, kind)| kind);
    sheet.same("ActionTrigger", "SpecialAction");
    sheet.same("ActionResult", "Success");
    sheet.word("RecipientEmailAddress", |(mail, ..)| &mail.to);
    sheet.same("DeliveryLocation", "Quarantine");
    sheet.word("SourceLocation", |(mail, ..)| mail.delivery.1);
    sheet.word("ThreatTypes", |(_, _, kind)| kind.split(' ').next().unwrap_or_default());
    facets::report_text(sheet, |(mail, time, _)| (*time, mail.key));
}

fn click(sheet: &mut Sheet<'_, &Click>, source: Source<'_>) {
    sheet.time("Timestamp", |click| click.time);
    sheet.time("TimeGenerated", |click| click.time);
    sheet.word("Url", |click| &click.url);
    sheet.word("ActionType", |click| click.action);
    sheet.word("AccountUpn", |click| &source.person(click.person).upn);
    sheet.word("Workload", |click| click.workload);
    sheet.text("NetworkMessageId", |click, pen| pen.put(&click.key.map(guid).unwrap_or_default()));
    sheet.word("ThreatTypes", |click| click.threat);
    sheet.word("DetectionMethods", |click| if click.threat.is_empty() { "" } else { r#"{"Phish":["URL detonation"]}"# });
    sheet.same("IPAddress", OFFICE_IP);
    sheet.flag("IsClickedThrough", |click| click.action == "ClickAllowed");
    sheet.text("UrlChain", |click, pen| pen.args(format_args!(r#"["{}"]"#, click.url)));
    sheet.word("AppName", |click| if click.workload == "Email" { "Mail" } else { click.workload });
    sheet.same("TenantId", TENANT);
    sheet.same("Type", "UrlClickEvents");
    sheet.same("SourceSystem", "Azure");
    facets::report_text(sheet, |click| (click.time, u64::from(click.person)));
}
