//! Groups of columns that many tables share, by their prefix: devices, accounts, files, processes and who started what.

use super::Source;
use crate::lab::data::chance::{digest, mix};
use crate::lab::data::clock::Tick;
use crate::lab::data::log::Proc;
use crate::lab::data::sheet::{Pen, Sheet};
use crate::lab::data::world::{Hash, Image};

/// The beginning of the report ids that doubles cannot hold: 2^53 + 1.
const WIDE: i64 = 9_007_199_254_740_993;

pub(super) fn device<R>(sheet: &mut Sheet<'_, R>, source: Source<'_>, of: impl Fn(&R) -> u16) {
    sheet.word("DeviceId", |row| &source.device(of(row)).id);
    sheet.word("DeviceName", |row| &source.device(of(row)).name);
}

/// Fills `ReportId` where it is a number. Those of `DeviceEvents` do not fit a double.
pub(super) fn report<R>(sheet: &mut Sheet<'_, R>, wide: bool, of: impl Fn(&R) -> (Tick, u32)) {
    sheet.long("ReportId", |row| {
        let (time, salt) = of(row);
        let number = (mix(time.cast_unsigned() ^ u64::from(salt) << 40) % 900_000).cast_signed();
        if wide { WIDE + number } else { 1000 + number }
    });
}

/// Fills `ReportId` where it is text.
pub(super) fn report_text<R>(sheet: &mut Sheet<'_, R>, of: impl Fn(&R) -> (Tick, u64)) {
    sheet.text("ReportId", |row, pen| {
        let (time, salt) = of(row);
        pen.put(&crate::lab::data::chance::guid(time.cast_unsigned() ^ mix(salt)));
    });
}

/// Fills the account's columns: `AccountName`, `AccountSid` and so on.
pub(super) fn account<R>(sheet: &mut Sheet<'_, R>, source: Source<'_>, prefix: &str, of: impl Fn(&R) -> Option<u16>) {
    let person = |row: &R| of(row).map(|index| source.person(index));
    sheet.word(&format!("{prefix}AccountDomain"), |row| person(row).map_or("", |person| person.domain));
    sheet.word(&format!("{prefix}AccountName"), |row| person(row).map_or("", |person| person.sam));
    sheet.word(&format!("{prefix}AccountSid"), |row| person(row).map_or("", |person| &person.sid));
    sheet.word(&format!("{prefix}AccountUpn"), |row| person(row).map_or("", |person| &person.upn));
    sheet.word(&format!("{prefix}AccountObjectId"), |row| person(row).map_or("", |person| &person.object_id));
    sheet.word(&format!("{prefix}AccountDisplayName"), |row| person(row).map_or("", |person| &person.display));
}

/// Fills the three hashes.
pub(super) fn hashes<R>(sheet: &mut Sheet<'_, R>, prefix: &str, of: impl Fn(&R) -> Option<Hash>) {
    let each = |write: fn(Hash, &mut Pen<'_>)| {
        let of = &of;
        move |row: &R, pen: &mut Pen<'_>| {
            if let Some(hash) = of(row) {
                write(hash, pen);
            }
        }
    };
    sheet.text(&format!("{prefix}SHA1"), each(|hash, pen| pen.with(|out| hash.sha1(out))));
    sheet.text(&format!("{prefix}SHA256"), each(|hash, pen| pen.with(|out| hash.sha256(out))));
    sheet.text(&format!("{prefix}MD5"), each(|hash, pen| pen.with(|out| hash.md5(out))));
}

/// Fills a program's file: name, folder, size and hashes.
pub(super) fn file<'a, R>(sheet: &mut Sheet<'_, R>, prefix: &str, of: impl Fn(&R) -> Option<&'a Image>) {
    sheet.word(&format!("{prefix}FileName"), |row| of(row).map_or("", |image| image.file));
    sheet.word(&format!("{prefix}FolderPath"), |row| of(row).map_or("", |image| image.path));
    sheet.maybe_long(&format!("{prefix}FileSize"), |row| of(row).and_then(|image| image.size));
    for (kind, name) in ["SHA1", "SHA256", "MD5"].into_iter().enumerate() {
        sheet.word(&format!("{prefix}{name}"), |row| of(row).filter(|image| image.size.is_some()).map_or("", |image| &image.hashes[kind]));
    }
}

/// Fills a program's version information.
pub(super) fn version<'a, R>(sheet: &mut Sheet<'_, R>, prefix: &str, of: impl Fn(&R) -> Option<&'a Image>) {
    let mut fill = |column: &str, value: fn(&'a Image) -> &'a str| {
        sheet.word(&format!("{prefix}VersionInfo{column}"), |row| of(row).map_or("", value));
    };
    fill("CompanyName", |image| image.company);
    fill("ProductName", |image| image.product);
    fill("ProductVersion", |image| image.version);
    fill("InternalFileName", Image::internal);
    fill("OriginalFileName", |image| image.original);
    fill("FileDescription", |image| image.description);
}

/// Fills a process: id, command line, times, rights.
pub(super) fn run<'a, R>(sheet: &mut Sheet<'_, R>, source: Source<'a>, prefix: &str, of: impl Fn(&R) -> Option<&'a Proc>) {
    sheet.maybe_long(&format!("{prefix}Id"), |row| of(row).map(|proc| i64::from(proc.pid)));
    sheet.text(&format!("{prefix}CommandLine"), |row, pen| {
        if let Some(proc) = of(row) {
            pen.with(|out| source.world.texts.write(proc.line, source.voice(proc), out));
        }
    });
    sheet.maybe_time(&format!("{prefix}CreationTime"), |row| of(row).map(|proc| proc.time - 20_000));
    sheet.word(&format!("{prefix}IntegrityLevel"), |row| of(row).map_or("", |proc| proc.rights.integrity()));
    sheet.word(&format!("{prefix}TokenElevation"), |row| of(row).map_or("", |proc| proc.rights.elevation()));
    sheet.text(&format!("{prefix}UniqueId"), |row, pen| {
        if let Some(proc) = of(row) {
            pen.args(format_args!("{}", mix(proc.time.cast_unsigned() ^ u64::from(proc.pid)) >> 2));
        }
    });
}

/// Fills everything that a table says of the process that caused the event, and of that process's parent.
pub(super) fn initiating<'a, R>(sheet: &mut Sheet<'_, R>, source: Source<'a>, of: impl Fn(&R) -> Option<&'a Proc> + Copy) {
    let prefix = "InitiatingProcess";
    let image = |row: &R| of(row).and_then(|proc| source.world.images.get(usize::from(proc.image)));
    let parent = |row: &R| of(row).and_then(|proc| source.log.proc(proc.parent));
    account(sheet, source, prefix, |row| of(row).map(|proc| proc.person));
    file(sheet, prefix, image);
    version(sheet, prefix, image);
    run(sheet, source, prefix, of);
    sheet.maybe_long("InitiatingProcessLogonId", |row| of(row).map(Proc::logon));
    sheet.maybe_long("InitiatingProcessParentId", |row| parent(row).map(|proc| i64::from(proc.pid)));
    sheet.word("InitiatingProcessParentFileName", |row| {
        parent(row).and_then(|proc| source.world.images.get(usize::from(proc.image))).map_or("", |image| image.file)
    });
    sheet.maybe_time("InitiatingProcessParentCreationTime", |row| parent(row).map(|proc| proc.time - 20_000));
    sheet.word("InitiatingProcessSignerType", |row| image(row).map_or("", signer_type));
    sheet.word("InitiatingProcessSignatureStatus", |row| {
        image(row).map_or("", |image| if image.original.is_empty() { "Unsigned" } else { "Valid" })
    });
    sheet.maybe_long("LogonID", |row| of(row).map(Proc::logon));
    session(sheet, source, "InitiatingProcess", of);
}

fn signer_type(image: &Image) -> &'static str {
    match image.company {
        "Microsoft Corporation" => "OsVendor",
        "" => "",
        _ => "Unknown",
    }
}

/// Fills the Windows session of a process and where it comes from.
pub(super) fn session<'a, R>(sheet: &mut Sheet<'_, R>, source: Source<'a>, prefix: &str, of: impl Fn(&R) -> Option<&'a Proc>) {
    let from = |row: &R| of(row).and_then(|proc| proc.from).map(|from| source.device(from));
    let id = if prefix == "Process" { "CreatedProcessSessionId".to_owned() } else { format!("{prefix}SessionId") };
    sheet.maybe_long(&id, |row| of(row).map(|proc| i64::from(proc.session)));
    sheet.flag(&format!("Is{prefix}RemoteSession"), |row| from(row).is_some());
    sheet.word(&format!("{prefix}RemoteSessionDeviceName"), |row| from(row).map_or("", |device| &device.name));
    sheet.word(&format!("{prefix}RemoteSessionIP"), |row| from(row).map_or("", |device| device.ip));
}

/// Returns what follows the last separator of a path.
pub(super) fn file_name(path: &str) -> &str {
    path.rsplit(['\\', '/']).next().unwrap_or_default()
}

/// Returns a size that a file's name decides.
pub(super) fn size_of(path: &str) -> i64 {
    1024 + (digest(file_name(path)) % 3_000_000).cast_signed()
}
