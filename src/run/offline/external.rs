//! What `externaldata` names, where the run allows it: fetched without a bearer, over https, up to a size; each text once a query.

use super::super::Context;
use crate::{
    error::{Error, Kind, Result},
    journal::{Input, hash},
    kql::engine::External,
    secret::{SafeUrl, Secret, is_loopback},
    settings::read_ca,
    transport::{Authorize, Broken, Budget, Call, Head, HttpOptions, Limits, Pace, Receive, Transport, Witness, client},
};
use flate2::read::MultiGzDecoder;
use std::{
    collections::BTreeMap,
    io::Read,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::runtime::Handle;
use url::Url;

/// Bytes that an address may have, also when they are unpacked: indicator lists are far smaller.
const LARGEST: usize = 64 << 20;
/// How long the tries of one address may wait in all.
const PATIENCE: Duration = Duration::from_mins(1);
/// What stands for the table in the journal's inputs.
const TABLE: &str = "externaldata";
const LANE: &str = "externaldata";

/// Fetches for one query.
pub(super) struct Fetcher {
    transport: Transport,
    runtime: Handle,
    fetched: Mutex<BTreeMap<String, Fetched>>,
}

struct Fetched {
    text: String,
    input: Input,
}

impl Fetcher {
    pub(super) fn new(context: &Context, witness: Arc<dyn Witness>) -> Result<Self> {
        let ca_pem = context.global.ca_file.iter().map(|path| read_ca(path)).collect::<Result<_>>()?;
        let client = client(&HttpOptions { ca_pem, ..HttpOptions::default() })?;
        let transport = Transport::new(client, Pace::new(Limits::default()), witness, context.cancel());
        Ok(Self { transport, runtime: Handle::current(), fetched: Mutex::default() })
    }

    /// What was fetched, as inputs of the answer.
    pub(super) fn inputs(&self) -> Vec<Input> {
        self.fetched.lock().unwrap_or_else(PoisonError::into_inner).values().map(|fetched| fetched.input.clone()).collect()
    }

    async fn bytes(&self, url: Url) -> Result<Vec<u8>> {
        let doing = format!("fetching {} for externaldata", SafeUrl::new(&url));
        let call = Call { bare: true, ..Call::get(doing, url, LANE) };
        let mut body = Body::default();
        self.transport.send(&call, &Nobody, &Budget::new(PATIENCE), &mut body).await?;
        Ok(body.0)
    }
}

impl External for Fetcher {
    fn fetch(&self, address: &str) -> Result<String, String> {
        let url = allowed(address)?;
        if let Some(known) = self.fetched.lock().unwrap_or_else(PoisonError::into_inner).get(url.as_str()) {
            return Ok(known.text.clone());
        }
        let bytes = self.runtime.block_on(self.bytes(url.clone())).map_err(|error| error.message().to_owned())?;
        let path = SafeUrl::new(&url).to_string();
        let input = Input { table: TABLE.to_owned(), path, bytes: bytes.len() as u64, sha256: hash::of_bytes(&bytes) };
        let text = text(bytes)?;
        let kept = Fetched { text: text.clone(), input };
        self.fetched.lock().unwrap_or_else(PoisonError::into_inner).insert(url.into(), kept);
        Ok(text)
    }
}

/// The address, without the secret that may follow it after a semicolon, where it is one that may be asked.
fn allowed(address: &str) -> Result<Url, String> {
    let bare = address.trim_start_matches("h@").split(';').next().unwrap_or_default().trim();
    let url = Url::parse(bare).map_err(|error| format!("externaldata: `{bare}` is no address: {error}"))?;
    if url.scheme() == "https" || url.scheme() == "http" && is_loopback(&url) {
        return Ok(url);
    }
    Err(format!("externaldata: {} is not read: only https:// addresses are", SafeUrl::new(&url)))
}

/// The bytes as text, unpacked where they are packed.
fn text(bytes: Vec<u8>) -> Result<String, String> {
    let plain = if bytes.starts_with(&[0x1f, 0x8b]) { unpacked(&bytes)? } else { bytes };
    if plain.starts_with(b"PK\x03\x04") {
        return Err("externaldata: ZIP archives are not read: name the file itself, or one packed with gzip".to_owned());
    }
    let text = String::from_utf8(plain).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    let marked = text.strip_prefix('\u{feff}').map(str::to_owned);
    Ok(marked.unwrap_or(text))
}

fn unpacked(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let mut plain = Vec::new();
    let most = u64::try_from(LARGEST).unwrap_or(u64::MAX);
    let read = MultiGzDecoder::new(bytes).take(most + 1).read_to_end(&mut plain);
    read.map_err(|error| format!("externaldata: what was fetched cannot be unpacked: {error}"))?;
    if plain.len() > LARGEST { Err(too_large()) } else { Ok(plain) }
}

fn too_large() -> String {
    format!("externaldata: an address has more than the {} MiB that are read of one", LARGEST >> 20)
}

/// Nobody's bearer: none is sent.
struct Nobody;

#[async_trait::async_trait]
impl Authorize for Nobody {
    async fn bearer(&self, _: &str) -> Result<Secret> {
        Err(Error::new(Kind::Failed, "externaldata has no token"))
    }

    async fn renew(&self, scope: &str, _: &Secret) -> Result<Secret> {
        self.bearer(scope).await
    }
}

#[derive(Default)]
struct Body(Vec<u8>);

impl Receive for Body {
    fn begin(&mut self, _: &Head) -> Result<(), Broken> {
        self.0.clear();
        Ok(())
    }

    fn chunk(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        if self.0.len() + bytes.len() > LARGEST {
            return Err(Broken::Fatal(Error::new(Kind::Query, too_large())));
        }
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn end(&mut self) -> Result<(), Broken> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn only_addresses_that_cannot_be_read_on_the_way() {
        assert!(allowed("https://example.com/a.csv;key").is_ok_and(|url| url.as_str() == "https://example.com/a.csv"));
        assert!(allowed("h@https://example.com/a").is_ok() && allowed("http://127.0.0.1:1/a").is_ok());
        for refused in ["http://example.com/a", "file:///etc/passwd", "a.csv", "ftp://example.com"] {
            assert!(allowed(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn packed_texts_are_unpacked_up_to_a_size() {
        let packed = |bytes: &[u8]| {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        };
        assert_eq!(text(packed(b"a,b")).unwrap(), "a,b");
        assert_eq!(text("\u{feff}a".into()).unwrap(), "a");
        assert!(text(packed(&vec![0; LARGEST + 1])).unwrap_err().contains("64 MiB"));
        assert!(text(b"PK\x03\x04".to_vec()).is_err() && text(vec![0x1f, 0x8b, 0]).is_err());
    }
}
