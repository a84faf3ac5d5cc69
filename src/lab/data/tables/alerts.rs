//! `AlertInfo`, `AlertEvidence`, `BehaviorInfo` and `BehaviorEntities`.

use super::{Source, facets};
use crate::kql::engine::Table;
use crate::kql::tables::TableInfo;
use crate::lab::data::chance::guid;
use crate::lab::data::clock::HOUR;
use crate::lab::data::log::{Alert, Evidence, Proc, Thing};
use crate::lab::data::sheet::Sheet;
use crate::lab::data::story::{Behavior, behaviors};
use crate::lab::data::world::Hash;

pub(super) fn make(source: Source<'_>, info: &'static TableInfo) -> Option<Table> {
    let alerts = &source.log.alerts;
    let all = || behaviors(source.world, source.seed);
    Some(match info.name {
        "AlertInfo" => source.make(info, alerts.iter().collect(), |alert| alert.time, alert),
        "AlertEvidence" => {
            let rows = alerts.iter().flat_map(|alert| alert.evidence.iter().map(move |piece| (alert, piece)));
            source.make(info, rows.collect(), |(alert, _)| alert.time, |sheet| evidence(sheet, source))
        }
        "BehaviorInfo" => source.make(info, all(), |behavior| behavior.time, |sheet| behavior(sheet, source)),
        "BehaviorEntities" => {
            let rows = all().into_iter().flat_map(|behavior| entities(&behavior));
            source.make(info, rows.collect(), |(behavior, _)| behavior.time, |sheet| entity(sheet, source))
        }
        _ => return None,
    })
}

fn alert(sheet: &mut Sheet<'_, &Alert>) {
    sheet.time("Timestamp", |alert| alert.time);
    sheet.word("AlertId", |alert| &alert.id);
    sheet.word("Title", |alert| alert.title);
    sheet.word("Category", |alert| alert.category);
    sheet.word("Severity", |alert| alert.severity);
    sheet.word("ServiceSource", |alert| alert.service);
    sheet.word("DetectionSource", |alert| alert.source);
    sheet.word("AttackTechniques", |alert| alert.techniques);
}

fn evidence(sheet: &mut Sheet<'_, (&Alert, &Evidence)>, source: Source<'_>) {
    sheet.time("Timestamp", |(alert, _)| alert.time);
    sheet.word("AlertId", |(alert, _)| &alert.id);
    sheet.word("Title", |(alert, _)| alert.title);
    sheet.text("Categories", |(alert, _), pen| pen.args(format_args!(r#"["{}"]"#, alert.category)));
    sheet.word("AttackTechniques", |(alert, _)| alert.techniques);
    sheet.word("ServiceSource", |(alert, _)| alert.service);
    sheet.word("DetectionSource", |(alert, _)| alert.source);
    sheet.word("Severity", |(alert, _)| alert.severity);
    sheet.word("EvidenceRole", |(_, piece)| piece.role);
    sheet.word("EvidenceDirection", |(_, piece)| if matches!(piece.thing, Thing::Ip(_)) { "Destination" } else { "" });
    thing(sheet, source, |(_, piece)| &piece.thing);
}

fn behavior(sheet: &mut Sheet<'_, Behavior>, source: Source<'_>) {
    describe(sheet);
    sheet.word("Title", |behavior| behavior.title);
    sheet.text("Description", |behavior, pen| {
        pen.args(format_args!("{}: {}", behavior.title, source.person(behavior.person).display));
    });
    sheet.word("DeviceId", |behavior| behavior.device.map_or("", |device| &source.device(device).id));
    facets::account(sheet, source, "", |behavior| Some(behavior.person));
    sheet.time("StartTime", |behavior| behavior.time - HOUR);
    sheet.time("EndTime", |behavior| behavior.time);
    sheet.word("AttackTechniques", |behavior| behavior.technique);
    sheet.same("AdditionalFields", "{}");
}

fn describe(sheet: &mut Sheet<'_, Behavior>) {
    sheet.time("Timestamp", |behavior| behavior.time);
    sheet.own("BehaviorId", |behavior| &behavior.id);
    sheet.word("ActionType", |behavior| behavior.action);
    sheet.word("Categories", |behavior| behavior.category);
    services(sheet);
}

fn services<R>(sheet: &mut Sheet<'_, R>) {
    sheet.same("ServiceSource", "Microsoft Cloud App Security");
    sheet.same("DetectionSource", "AppGovernanceDetection");
    sheet.same("DataSources", r#"["Microsoft Entra ID","Microsoft 365"]"#);
}

fn entities(behavior: &Behavior) -> Vec<(Behavior, Thing)> {
    let user = Thing::User(behavior.person);
    std::iter::once(user).chain(behavior.things.iter().cloned()).map(|thing| (behavior.clone(), thing)).collect()
}

fn entity(sheet: &mut Sheet<'_, (Behavior, Thing)>, source: Source<'_>) {
    sheet.time("Timestamp", |(behavior, _)| behavior.time);
    sheet.own("BehaviorId", |(behavior, _)| &behavior.id);
    sheet.word("ActionType", |(behavior, _)| behavior.action);
    sheet.word("Categories", |(behavior, _)| behavior.category);
    services(sheet);
    sheet.word("EntityRole", |(_, thing)| if matches!(thing, Thing::User(_)) { "Impacted" } else { "Related" });
    thing(sheet, source, |(_, thing)| thing);
}

fn kind(thing: &Thing) -> &'static str {
    match thing {
        Thing::User(_) => "User",
        Thing::Machine(_) => "Machine",
        Thing::Process(_) => "Process",
        Thing::File(..) => "File",
        Thing::Ip(_) => "Ip",
        Thing::Url(_) => "Url",
        Thing::Mail(..) => "MailMessage",
        Thing::Registry(..) => "RegistryValue",
        Thing::App(..) => "OAuthApplication",
    }
}

/// Fills what a row points at: the columns that do not apply stay empty.
fn thing<R>(sheet: &mut Sheet<'_, R>, source: Source<'_>, of: impl Fn(&R) -> &Thing + Copy) {
    sheet.word("EntityType", |row| kind(of(row)));
    who(sheet, source, of);
    file(sheet, source, of);
    message(sheet, of);
    sheet.own("RemoteIP", |row| if let Thing::Ip(ip) = of(row) { ip } else { "" });
    sheet.own("RemoteUrl", |row| if let Thing::Url(url) = of(row) { url } else { "" });
    sheet.word("OAuthApplicationId", |row| if let Thing::App(id, _) = of(row) { id } else { "" });
    sheet.word("Application", |row| if let Thing::App(_, name) = of(row) { name } else { "" });
    registry(sheet, of);
    sheet.text("AdditionalFields", |row, pen| pen.args(format_args!(r#"{{"Type":"{}","MergeByKey":"{}"}}"#, kind(of(row)), guid(1))));
}

fn process<'a>(source: Source<'a>, thing: &Thing) -> Option<&'a Proc> {
    if let Thing::Process(index) = thing { source.log.proc(*index) } else { None }
}

fn who<R>(sheet: &mut Sheet<'_, R>, source: Source<'_>, of: impl Fn(&R) -> &Thing + Copy) {
    let person = |thing: &Thing| match thing {
        Thing::User(person) | Thing::Mail(_, _, person) => Some(*person),
        other => process(source, other).map(|proc| proc.person),
    };
    let device = |thing: &Thing| match thing {
        Thing::Machine(device) | Thing::File(device, _) | Thing::Registry(device, ..) => Some(source.device(*device)),
        other => process(source, other).map(|proc| source.device(proc.device)),
    };
    facets::account(sheet, source, "", |row| person(of(row)));
    sheet.word("DeviceId", |row| device(of(row)).map_or("", |device| &device.id));
    sheet.word("DeviceName", |row| device(of(row)).map_or("", |device| &device.name));
    sheet.word("LocalIP", |row| if matches!(of(row), Thing::Machine(_)) { device(of(row)).map_or("", |device| device.ip) } else { "" });
}

fn file<R>(sheet: &mut Sheet<'_, R>, source: Source<'_>, of: impl Fn(&R) -> &Thing + Copy) {
    let path = |row: &R| match of(row) {
        Thing::File(_, path) => Some(path.clone()),
        other => {
            let image = process(source, other).and_then(|proc| source.world.images.get(usize::from(proc.image)));
            image.map(|image| image.path.to_owned())
        }
    };
    sheet.text("FileName", |row, pen| pen.put(facets::file_name(&path(row).unwrap_or_default())));
    sheet.text("FolderPath", |row, pen| pen.put(&path(row).unwrap_or_default()));
    sheet.maybe_long("FileSize", |row| path(row).map(|path| facets::size_of(&path)));
    facets::hashes(sheet, "", |row| path(row).map(|path| Hash::of(facets::file_name(&path))));
    sheet.text("ProcessCommandLine", |row, pen| {
        if let Some(proc) = process(source, of(row)) {
            pen.with(|out| source.world.texts.write(proc.line, source.voice(proc), out));
        }
    });
}

fn message<R>(sheet: &mut Sheet<'_, R>, of: impl Fn(&R) -> &Thing + Copy) {
    sheet.text("NetworkMessageId", |row, pen| {
        if let Thing::Mail(key, ..) = of(row) {
            pen.put(&guid(*key));
        }
    });
    sheet.own("EmailSubject", |row| if let Thing::Mail(_, subject, _) = of(row) { subject } else { "" });
}

fn registry<R>(sheet: &mut Sheet<'_, R>, of: impl Fn(&R) -> &Thing + Copy) {
    sheet.own("RegistryKey", |row| if let Thing::Registry(_, key, ..) = of(row) { key } else { "" });
    sheet.own("RegistryValueName", |row| if let Thing::Registry(_, _, name, _) = of(row) { name } else { "" });
    sheet.own("RegistryValueData", |row| if let Thing::Registry(.., data) = of(row) { data } else { "" });
}
