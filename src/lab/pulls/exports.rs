//! Assessment exports as files: the list of signed URLs, and the storage behind them, which takes the signature and nothing else
//! (apis.md 5.8).

use super::{
    admit,
    lists::{self, List},
};
use crate::lab::{
    body::{self, End},
    options::FaultKind,
    refusal::Refusal,
    tokens::Claims,
    wire::{Call, Reply, Service, json as reply_json, reply},
    world::World,
};
use flate2::{Compression, write::GzEncoder};
use serde_json::json;
use std::io::Write as _;

/// Rows of a file.
const ROWS: usize = 200;

/// A list of files.
pub(crate) struct Listing(&'static List);

impl Listing {
    /// Recognises one.
    pub(crate) fn of(call: &Call) -> Option<Self> {
        let is = |list: &&List| list.files.as_deref().is_some_and(|files| files.eq_ignore_ascii_case(call.path.trim_end_matches('/')));
        lists::all().iter().find(is).filter(|_| call.service == Service::Mde).map(Self)
    }

    /// Any of these permits it, the first is the least.
    pub(crate) fn permitting(&self) -> &'static [String] {
        &self.0.roles
    }
}

/// Answers with the files of an export.
pub(crate) fn listing(world: &World, call: &Call, claims: &Claims, listing: &Listing) -> Result<Reply, Refusal> {
    let list = listing.0;
    admit(world, call.service, list, claims)?;
    let files = world.objects.of(list).len().div_ceil(ROWS);
    let number = world.export_listings.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let one = |file: usize| {
        format!(
            "https://{}/tvm-export/{}/part-{file:05}.c000.json.gz?sv=2020-08-04&se=2099-01-01&sr=b&sp=r&sig=canary{number}",
            world.address(Service::Storage),
            lists::all().iter().position(|one| one.key() == list.key()).unwrap_or_default(),
        )
    };
    let body = json!({
        "@odata.context": "https://api.security.microsoft.com/api/$metadata#microsoft.windowsDefenderATP.api.ExportFilesResponse",
        "exportFiles": (0..files).map(one).collect::<Vec<_>>(), "generatedTime": "2026-01-11T11:01:00Z",
    });
    Ok(reply_json(200, &body))
}

/// Answers as blob storage does.
pub(crate) fn storage(world: &World, call: &Call) -> Reply {
    let failed = |status, code: &str, message: &str| {
        let xml = format!("<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>");
        reply(status, "application/xml", xml)
    };
    if call.header("authorization").is_some() {
        return failed(400, "InvalidAuthenticationInfo", "Authentication information is not given in the correct format.");
    }
    let signed = call.query("sig").and_then(|sig| sig.strip_prefix("canary")).and_then(|number| number.parse::<u32>().ok());
    let used = world.downloads(signed);
    if signed.is_none() || world.options.pulls.signatures_last.is_some_and(|most| used > most) {
        return failed(
            403,
            "AuthenticationFailed",
            "Server failed to authenticate the request. Signature not valid in the specified time frame.",
        );
    }
    let hit = world.dice.roll();
    let Some(file) = file(world, call) else { return failed(404, "BlobNotFound", "The specified blob does not exist.") };
    let good = reply(200, "application/octet-stream", file);
    match hit {
        Some(hit) if matches!(hit.kind, FaultKind::Cut | FaultKind::Malformed) => body::cut(good, hit.draw % 3, End::Lost),
        Some(hit) if matches!(hit.kind, FaultKind::Unavailable | FaultKind::Throttle | FaultKind::Html) => {
            failed(503, "ServerBusy", "The server is busy.")
        }
        _ => good,
    }
}

fn file(world: &World, call: &Call) -> Option<Vec<u8>> {
    let segments = call.segments();
    let [_, list, name] = segments.as_slice() else { return None };
    let list = lists::all().get(list.parse::<usize>().ok()?)?;
    let number: usize = name.strip_prefix("part-")?.get(..5)?.parse().ok()?;
    let objects = world.objects.of(list);
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    for object in objects.get(number * ROWS..)?.iter().take(ROWS) {
        writeln!(packer, "{}", **object).ok()?;
    }
    packer.finish().ok()
}
