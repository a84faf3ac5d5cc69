//! Assessment exports as files: the list of signed URLs, and each file's rows cut out of gzip and NDJSON as they arrive
//! (apis.md 5.8).
//!
//! A signed URL is the credential: no bearer is sent to it, and nothing shows it.

use super::pages::{Client, Objects};
use crate::{
    error::{Error, Kind, Result},
    secret::is_loopback,
    transport::{Broken, Call, Head, Receive, ServiceFault},
};
use flate2::write::MultiGzDecoder;
use serde_json::{Value, value::RawValue};
use std::io::{self, Write};
use url::Url;

/// The longest row.
const ROW: usize = 64 << 20;

/// The files of an export.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// Where each is, signed.
    pub files: Vec<Url>,
    /// When the service made them, in its words.
    pub generated: Option<String>,
}

impl Client<'_> {
    /// Asks for the list of files.
    ///
    /// # Errors
    /// Those of the call; [`Kind::Failed`] where the answer is none, or names something that no file may be had from.
    pub async fn listing(&self, doing: &str, url: &Url) -> Result<Listing> {
        listing(&self.json(doing, url).await?)
    }

    /// Fetches a file without the bearer and hands its rows on.
    ///
    /// # Errors
    /// Those of the call ([`is_expired`] tells the one that a new list helps against) and of `objects`.
    pub async fn file(&self, doing: &str, url: &Url, lane: &str, objects: &mut dyn Objects) -> Result<u64> {
        let call = Call { bare: true, ..Call::get(doing, url.clone(), lane) };
        let mut reader = Unpacker { state: State::Start(Vec::new()), objects, rows: 0 };
        self.transport.send(&call, self.auth, self.budget, &mut reader).await?;
        Ok(reader.rows)
    }
}

fn listing(answer: &Value) -> Result<Listing> {
    let none = || Error::new(Kind::Failed, "the export has no list of files");
    let files = answer.get("exportFiles").and_then(Value::as_array).ok_or_else(none)?;
    let files = files.iter().map(|file| signed(file.as_str().unwrap_or_default())).collect::<Result<_>>()?;
    Ok(Listing { files, generated: answer.get("generatedTime").and_then(Value::as_str).map(str::to_owned) })
}

/// Reads a signed URL. The data comes encrypted, or from this machine.
fn signed(text: &str) -> Result<Url> {
    let url: Option<Url> = text.parse().ok();
    let good = |url: &Url| (url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url))) && url.username().is_empty();
    url.filter(good).ok_or_else(|| Error::new(Kind::Failed, "the export names a file that is not at an https:// URL"))
}

/// Says whether storage refused a file because its signature is no longer, or not, good.
pub fn is_expired(error: &Error) -> bool {
    ServiceFault::of(error).is_some_and(|fault| matches!(fault.status, Some(401 | 403 | 404)))
}

struct Unpacker<'a> {
    state: State,
    objects: &'a mut dyn Objects,
    rows: u64,
}

enum State {
    /// The first bytes, before it is known whether they are packed.
    Start(Vec<u8>),
    Packed(Box<MultiGzDecoder<Lines>>),
    Plain(Lines),
}

/// Lines as they come out, whole ones to be taken.
#[derive(Default)]
struct Lines {
    open: Vec<u8>,
    whole: Vec<Vec<u8>>,
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut rest = bytes;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let mut line = std::mem::take(&mut self.open);
            line.extend_from_slice(&rest[..end]);
            self.whole.push(line);
            rest = &rest[end + 1..];
        }
        if self.open.len() + rest.len() > ROW {
            return Err(io::Error::other(format!("a row is longer than {ROW} bytes")));
        }
        self.open.extend_from_slice(rest);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

const GZIP: &[u8] = &[0x1f, 0x8b];
/// Packed bytes are unpacked so many at a time, so that the lines of a large chunk are not all held at once.
const PIECE: usize = 16 << 10;

impl Receive for Unpacker<'_> {
    fn begin(&mut self, _: &Head) -> Result<(), Broken> {
        (self.state, self.rows) = (State::Start(Vec::new()), 0);
        self.objects.begin().map_err(Broken::Fatal)
    }

    fn chunk(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        if let State::Start(held) = &mut self.state {
            held.extend_from_slice(bytes);
            if held.len() < GZIP.len() {
                return Ok(());
            }
            let held = std::mem::take(held);
            self.state = if held.starts_with(GZIP) {
                State::Packed(Box::new(MultiGzDecoder::new(Lines::default())))
            } else {
                State::Plain(Lines::default())
            };
            return self.feed(&held);
        }
        self.feed(bytes)
    }

    fn end(&mut self) -> Result<(), Broken> {
        match &mut self.state {
            State::Start(held) if held.is_empty() => return Ok(()),
            State::Start(_) => return Err(Broken::Body("the file is cut after one byte".to_owned())),
            State::Packed(decoder) => decoder.try_finish().map_err(|error| Broken::Body(format!("the file is cut: {error}")))?,
            State::Plain(_) => {}
        }
        if let Some(lines) = self.lines() {
            let open = std::mem::take(&mut lines.open);
            lines.whole.push(open);
        }
        self.hand_on()
    }
}

impl Unpacker<'_> {
    fn feed(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        for piece in bytes.chunks(PIECE) {
            let fed = match &mut self.state {
                State::Packed(decoder) => decoder.write_all(piece),
                State::Plain(lines) => lines.write_all(piece),
                State::Start(_) => Ok(()),
            };
            fed.map_err(|error| Broken::Body(format!("the file cannot be unpacked: {error}")))?;
            self.hand_on()?;
        }
        Ok(())
    }

    fn lines(&mut self) -> Option<&mut Lines> {
        match &mut self.state {
            State::Packed(decoder) => Some(decoder.get_mut()),
            State::Plain(lines) => Some(lines),
            State::Start(_) => None,
        }
    }

    fn hand_on(&mut self) -> Result<(), Broken> {
        let whole = self.lines().map(|lines| std::mem::take(&mut lines.whole)).unwrap_or_default();
        for line in whole {
            let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&line).trim_ascii();
            if line.is_empty() {
                continue;
            }
            match serde_json::from_slice::<&RawValue>(line) {
                Ok(value) if value.get().starts_with('{') => self.objects.object(line).map_err(Broken::Fatal)?,
                Ok(_) => return Err(Broken::Body(format!("row {} of the file is not an object", self.rows + 1))),
                Err(error) => return Err(Broken::Body(format!("row {} of the file is not JSON: {error}", self.rows + 1))),
            }
            self.rows += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Kept {
        rows: Vec<String>,
        begun: u32,
    }

    impl Objects for Kept {
        fn begin(&mut self) -> Result<()> {
            self.rows.clear();
            self.begun += 1;
            Ok(())
        }

        fn object(&mut self, raw: &[u8]) -> Result<()> {
            self.rows.push(String::from_utf8(raw.to_vec()).unwrap());
            Ok(())
        }
    }

    fn packed(text: &str) -> Vec<u8> {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        packer.write_all(text.as_bytes()).unwrap();
        packer.finish().unwrap()
    }

    fn read(kept: &mut Kept, body: &[u8], piece: usize) -> Result<(), Broken> {
        let head = Head { status: 200, headers: reqwest::header::HeaderMap::new(), request_id: None, client_request_id: String::new() };
        let mut unpacker = Unpacker { state: State::Start(Vec::new()), objects: kept, rows: 0 };
        unpacker.begin(&head)?;
        body.chunks(piece).try_for_each(|piece| unpacker.chunk(piece))?;
        unpacker.end()
    }

    const ROWS: &str = "{\"a\":1}\n{\"b\":\"\u{2028}\u{85}\"}\r\n\n{\"c\":3}";

    #[test]
    fn rows_come_out_verbatim_packed_or_not_in_any_pieces() {
        for body in
            [packed(ROWS), ROWS.as_bytes().to_vec(), [packed("{\"a\":1}\n"), packed("{\"b\":\"\u{2028}\u{85}\"}\n{\"c\":3}\n")].concat()]
        {
            for piece in [1, 2, 7, 10_000] {
                let mut kept = Kept::default();
                assert!(read(&mut kept, &body, piece).is_ok());
                assert_eq!(kept.rows, ["{\"a\":1}", "{\"b\":\"\u{2028}\u{85}\"}", "{\"c\":3}"]);
            }
        }
    }

    #[test]
    fn a_cut_file_is_broken_and_read_again_gives_no_row_twice() {
        let text = (0..5_000).map(|n| format!("{{\"n\":{n}}}")).collect::<Vec<_>>().join("\n");
        let body = packed(&text);
        let mut kept = Kept::default();
        for cut in [1, body.len() / 2, body.len() - 1] {
            assert!(matches!(read(&mut kept, &body[..cut], 512), Err(Broken::Body(_))), "{cut}");
        }
        assert!(read(&mut kept, &body, 512).is_ok());
        assert_eq!((kept.rows.len(), kept.begun), (5_000, 4));
        assert!(matches!(read(&mut kept, b"<?xml version", 5), Err(Broken::Body(_))));
        assert!(read(&mut kept, b"", 5).is_ok() && kept.rows.is_empty());
    }

    #[test]
    fn files_are_had_from_https_alone() {
        let list = |file: &str| listing(&serde_json::json!({"exportFiles": [file], "generatedTime": "t"}));
        assert_eq!(list("https://x.blob.core.windows.net/a?sig=s").unwrap().files.len(), 1);
        assert!(list("http://127.0.0.1:1/a?sig=s").is_ok());
        for bad in ["http://x.example/a", "file:///etc/passwd", "https://user@x.example/", ""] {
            assert!(list(bad).is_err(), "{bad}");
        }
        assert!(listing(&serde_json::json!({})).is_err());
    }
}
