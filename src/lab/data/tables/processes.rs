//! `DeviceProcessEvents`, `DeviceNetworkEvents`, `DeviceFileEvents` and `DeviceImageLoadEvents`.

use super::{Source, facets};
use crate::kql::engine::Table;
use crate::kql::tables::TableInfo;
use crate::lab::data::chance::mix;
use crate::lab::data::log::{FileAct, Load, Net, Proc};
use crate::lab::data::sheet::{Pen, Sheet};
use crate::lab::data::world::{Hash, Line, Remote};

pub(super) fn make(source: Source<'_>, info: &'static TableInfo) -> Option<Table> {
    let log = source.log;
    Some(match info.name {
        "DeviceProcessEvents" => source.make(info, log.procs.iter().collect(), |proc| proc.time, |sheet| process(sheet, source)),
        "DeviceNetworkEvents" => source.make(info, log.nets.iter().collect(), |net| net.time, |sheet| network(sheet, source)),
        "DeviceFileEvents" => source.make(info, log.files.iter().collect(), |file| file.time, |sheet| file(sheet, source)),
        "DeviceImageLoadEvents" => source.make(info, log.loads.iter().collect(), |load| load.time, |sheet| load(sheet, source)),
        _ => return None,
    })
}

fn process<'a>(sheet: &mut Sheet<'_, &'a Proc>, source: Source<'a>) {
    let image = |proc: &&Proc| source.world.images.get(usize::from(proc.image));
    sheet.time("Timestamp", |proc| proc.time);
    facets::device(sheet, source, |proc| proc.device);
    sheet.same("ActionType", "ProcessCreated");
    facets::file(sheet, "", image);
    facets::version(sheet, "Process", image);
    facets::run(sheet, source, "Process", |proc| Some(*proc));
    facets::session(sheet, source, "Process", |proc| Some(*proc));
    facets::account(sheet, source, "", |proc| Some(proc.person));
    sheet.long("LogonId", |proc| proc.logon());
    facets::initiating(sheet, source, |proc| source.log.proc(proc.parent));
    facets::report(sheet, false, |proc| (proc.time, proc.pid));
}

fn network(sheet: &mut Sheet<'_, &Net>, source: Source<'_>) {
    let listening = |net: &&Net| net.action == "ListeningConnectionCreated";
    let inbound = |net: &&Net| net.action.starts_with("Inbound");
    let remote = |net: &&Net| source.world.remotes.get(usize::from(net.remote)).filter(|_| !listening(net));
    sheet.time("Timestamp", |net| net.time);
    facets::device(sheet, source, |net| source.host(net.proc));
    sheet.word("ActionType", |net| net.action);
    sheet.word("RemoteIP", |net| remote(net).map_or("", |remote| &remote.ip));
    sheet.maybe_int("RemotePort", |net| if inbound(net) { Some(i32::from(net.local_port)) } else { remote(net).map(|remote| remote.port) });
    sheet.word("RemoteUrl", |net| remote(net).filter(|_| !inbound(net)).map_or("", |remote| remote.host));
    sheet.word("LocalIP", |net| source.device(source.host(net.proc)).ip);
    sheet.int("LocalPort", |net| if inbound(net) || listening(net) { 445 } else { i32::from(net.local_port) });
    sheet.word("Protocol", |net| if remote(net).is_some_and(|remote| matches!(remote.port, 53 | 123)) { "Udp" } else { "Tcp" });
    sheet.same("LocalIPType", "Private");
    sheet.word("RemoteIPType", |net| remote(net).map_or("", Remote::ip_type));
    facets::initiating(sheet, source, |net| source.log.proc(net.proc));
    facets::report(sheet, false, |net| (net.time, net.proc));
    sheet.text("AdditionalFields", |net, pen| inspected(net, remote(net).map_or("", |remote| remote.host), pen));
}

/// Writes what the inspection of a connection's first bytes told.
fn inspected(net: &Net, host: &str, pen: &mut Pen<'_>) {
    let id = mix(u64::from(net.proc));
    match net.action {
        "DnsConnectionInspected" => pen.args(format_args!(
            r#"{{"direction":"Out","conn_state":"SF","query":"outlook.office365.com","qtype_name":"A","rcode_name":"NOERROR","uid":"C{id:x}"}}"#
        )),
        "HttpConnectionInspected" => pen.args(format_args!(
            r#"{{"direction":"Out","host":"{host}","method":"GET","uri":"/","user_agent":"Microsoft-CryptoAPI/10.0","status_code":200,"uid":"C{id:x}"}}"#
        )),
        _ => {}
    }
}

fn file(sheet: &mut Sheet<'_, &FileAct>, source: Source<'_>) {
    let path = |file: &FileAct, line: Line| source.log.proc(file.proc).map(|proc| source.world.texts.text(line, source.voice(proc)));
    sheet.time("Timestamp", |file| file.time);
    facets::device(sheet, source, |file| source.host(file.proc));
    sheet.word("ActionType", |file| file.action);
    sheet.text("FileName", |file, pen| pen.put(facets::file_name(&path(file, file.path).unwrap_or_default())));
    sheet.text("FolderPath", |file, pen| pen.put(&path(file, file.path).unwrap_or_default()));
    sheet.text("PreviousFileName", |file, pen| pen.put(facets::file_name(&path(file, file.previous).unwrap_or_default())));
    sheet.text("PreviousFolderPath", |file, pen| pen.put(&path(file, file.previous).unwrap_or_default()));
    facets::hashes(sheet, "", |file| path(file, file.path).map(|path| Hash::of(facets::file_name(&path))));
    sheet.maybe_long("FileSize", |file| (file.action != "FileDeleted").then_some(i64::from(file.size)));
    origin(sheet, |file| path(file, file.origin).filter(|origin| !origin.is_empty()), source);
    share(sheet, source);
    facets::initiating(sheet, source, |file| source.log.proc(file.proc));
    facets::report(sheet, false, |file| (file.time, file.proc));
}

/// Fills where a file was downloaded from: an address of the story, or a host of the noise.
fn origin(sheet: &mut Sheet<'_, &FileAct>, of: impl Fn(&FileAct) -> Option<String>, source: Source<'_>) {
    let host = |url: &str| url.trim_start_matches("https://").split('/').next().unwrap_or_default().to_owned();
    sheet.text("FileOriginUrl", |file, pen| {
        if let Some(origin) = of(file) {
            let scheme = if origin.contains("://") { "" } else { "https://" };
            pen.args(format_args!("{scheme}{origin}"));
        }
    });
    sheet.text("FileOriginReferrerUrl", |file, pen| {
        if let Some(origin) = of(file) {
            pen.args(format_args!("https://{}/", host(&origin)));
        }
    });
    sheet.text("FileOriginIP", |file, pen| {
        let remote = of(file).and_then(|origin| source.world.remote(&host(&origin)));
        pen.put(remote.and_then(|index| source.world.remotes.get(usize::from(index))).map_or("", |remote| &remote.ip));
    });
    sheet.flag("IsAzureInfoProtectionApplied", |_| false);
}

/// Fills who asked over the network, where the system wrote to a share.
fn share(sheet: &mut Sheet<'_, &FileAct>, source: Source<'_>) {
    let shared =
        |file: &&FileAct| source.log.proc(file.proc).is_some_and(|proc| proc.pid == 4 && source.device(proc.device).short == "tf-fs01");
    let asker = |file: &&FileAct| shared(file).then(|| source.world.devices.iter().find(|device| device.short == "tf-ws-009")).flatten();
    sheet.word("RequestProtocol", |file| if shared(file) { "Smb" } else { "Local" });
    sheet.word("RequestSourceIP", |file| asker(file).map_or("", |device| device.ip));
    sheet.maybe_int("RequestSourcePort", |file| asker(file).map(|_| 49_733));
    sheet.word("RequestAccountName", |file| asker(file).map_or("", |device| source.person(device.owner).sam));
    sheet.word("RequestAccountDomain", |file| asker(file).map_or("", |device| source.person(device.owner).domain));
    sheet.word("RequestAccountSid", |file| asker(file).map_or("", |device| &source.person(device.owner).sid));
    sheet.word("ShareName", |file| if shared(file) { "Manifests" } else { "" });
}

fn load(sheet: &mut Sheet<'_, &Load>, source: Source<'_>) {
    sheet.time("Timestamp", |load| load.time);
    facets::device(sheet, source, |load| source.host(load.proc));
    sheet.same("ActionType", "ImageLoaded");
    facets::file(sheet, "", |load| source.world.images.get(usize::from(load.module)));
    facets::initiating(sheet, source, |load| source.log.proc(load.proc));
    facets::report(sheet, false, |load| (load.time, load.proc));
}
