//! `DeviceEvents`, `DeviceRegistryEvents` and `DeviceLogonEvents`.

use super::{Source, facets};
use crate::kql::engine::Table;
use crate::kql::tables::TableInfo;
use crate::lab::data::log::{Event, Logon, Proc, Reg};
use crate::lab::data::sheet::{Pen, Sheet};
use crate::lab::data::world::{Hash, Kind, Line};

pub(super) fn make(source: Source<'_>, info: &'static TableInfo) -> Option<Table> {
    let log = source.log;
    Some(match info.name {
        "DeviceEvents" => source.make(info, log.events.iter().collect(), |event| event.time, |sheet| event(sheet, source)),
        "DeviceRegistryEvents" => source.make(info, log.regs.iter().collect(), |reg| reg.time, |sheet| registry(sheet, source)),
        "DeviceLogonEvents" => source.make(info, log.logons.iter().collect(), |logon| logon.time, |sheet| logon(sheet, source)),
        _ => return None,
    })
}

fn write(source: Source<'_>, pen: &mut Pen<'_>, proc: u32, line: Line) {
    if let Some(proc) = source.log.proc(proc) {
        pen.with(|out| source.world.texts.write(line, source.voice(proc), out));
    }
}

fn event(sheet: &mut Sheet<'_, &Event>, source: Source<'_>) {
    let target = |event: &&Event| source.log.proc(event.target);
    let path = |event: &Event| {
        let voice = source.log.proc(event.proc).map(|proc| source.voice(proc));
        voice.filter(|_| !event.file.is_empty()).map(|voice| source.world.texts.text(event.file, voice))
    };
    let image = |event: &&Event| target(event).and_then(|proc| source.world.images.get(usize::from(proc.image)));
    let name = |event: &Event| path(event).map(|path| facets::file_name(&path).to_owned());
    sheet.time("Timestamp", |event| event.time);
    facets::device(sheet, source, |event| source.host(event.proc));
    sheet.word("ActionType", |event| event.action);
    sheet.text("FileName", |event, pen| pen.put(&name(event).unwrap_or_else(|| image(event).map_or("", |image| image.file).to_owned())));
    sheet.text("FolderPath", |event, pen| pen.put(&path(event).unwrap_or_else(|| image(event).map_or("", |image| image.path).to_owned())));
    facets::hashes(sheet, "", |event| name(event).map(|name| Hash::of(&name)).or_else(|| image(event).map(|image| image.hash)));
    sheet.maybe_long("FileSize", |event| path(event).map(|path| facets::size_of(&path)));
    facets::account(sheet, source, "", |event| target(event).map(|proc| proc.person));
    facets::run(sheet, source, "Process", target);
    facets::session(sheet, source, "Process", target);
    sheet.maybe_long("LogonId", |event| target(event).map(Proc::logon));
    remote(sheet, source);
    facets::initiating(sheet, source, |event| source.log.proc(event.proc));
    facets::report(sheet, true, |event| (event.time, event.proc));
    sheet.text("AdditionalFields", |event, pen| write(source, pen, event.proc, event.fields));
}

fn remote(sheet: &mut Sheet<'_, &Event>, source: Source<'_>) {
    let remote = |event: &&Event| event.remote.and_then(|remote| source.world.remotes.get(usize::from(remote)));
    sheet.text("RemoteUrl", |event, pen| {
        if let Some(remote) = remote(event) {
            pen.args(format_args!("https://{}/", remote.host));
        }
    });
    sheet.word("RemoteIP", |event| remote(event).map_or("", |remote| &remote.ip));
    sheet.maybe_int("RemotePort", |event| remote(event).map(|remote| remote.port));
    sheet.word("LocalIP", |event| source.device(source.host(event.proc)).ip);
}

fn registry(sheet: &mut Sheet<'_, &Reg>, source: Source<'_>) {
    sheet.time("Timestamp", |reg| reg.time);
    facets::device(sheet, source, |reg| source.host(reg.proc));
    sheet.word("ActionType", |reg| reg.action);
    sheet.text("RegistryKey", |reg, pen| write(source, pen, reg.proc, reg.key));
    sheet.word("RegistryValueType", |reg| reg.kind);
    sheet.text("RegistryValueName", |reg, pen| write(source, pen, reg.proc, reg.name));
    sheet.text("RegistryValueData", |reg, pen| write(source, pen, reg.proc, reg.data));
    sheet
        .text("PreviousRegistryKey", |reg, pen| write(source, pen, reg.proc, if reg.previous.is_empty() { reg.previous } else { reg.key }));
    sheet.text("PreviousRegistryValueName", |reg, pen| {
        write(source, pen, reg.proc, if reg.previous.is_empty() { reg.previous } else { reg.name });
    });
    sheet.text("PreviousRegistryValueData", |reg, pen| write(source, pen, reg.proc, reg.previous));
    facets::initiating(sheet, source, |reg| source.log.proc(reg.proc));
    facets::report(sheet, false, |reg| (reg.time, reg.proc));
}

fn logon(sheet: &mut Sheet<'_, &Logon>, source: Source<'_>) {
    let from = |logon: &&Logon| logon.from.map(|from| source.device(from));
    let admin = |logon: &&Logon| matches!(source.person(logon.person).kind, Kind::Admin | Kind::Service);
    sheet.time("Timestamp", |logon| logon.time);
    facets::device(sheet, source, |logon| logon.device);
    sheet.word("ActionType", |logon| logon.action);
    sheet.word("LogonType", |logon| logon.kind);
    facets::account(sheet, source, "", |logon| Some(logon.person));
    sheet.word("Protocol", |logon| logon.protocol);
    sheet.word("FailureReason", |logon| logon.failure);
    sheet.maybe_long("LogonId", |logon| {
        logon.failure.is_empty().then(|| 0x3_0000 + i64::from(logon.person) * 0x1_0007 + i64::from(logon.device) * 131)
    });
    sheet.flag("IsLocalAdmin", admin);
    sheet.word("RemoteDeviceName", |logon| from(logon).map_or("", |device| &device.name));
    sheet.word("RemoteIP", |logon| from(logon).map_or("", |device| device.ip));
    sheet.word("RemoteIPType", |logon| if logon.from.is_some() { "Private" } else { "" });
    sheet.maybe_int("RemotePort", |logon| logon.from.map(|from| 49_152 + i32::from(from) * 37 + i32::from(logon.person)));
    facets::initiating(sheet, source, |logon| source.log.proc(logon.proc));
    facets::report(sheet, false, |logon| (logon.time, u32::from(logon.person)));
    sheet.same("AdditionalFields", "{\"IsLocalLogon\":false}");
}
