//! Any body as it came, and where it says that the next page is.

use super::{
    pages::Client,
    rows::{Cutter, Shape},
};
use crate::{
    error::{Error, Kind, Result},
    transport::{Broken, Head, Receive},
};
use serde_json::value::RawValue;
use url::Url;

/// The longest body: it is held whole, so that what is cut is never written.
const LONGEST: usize = 1 << 30;

/// A body.
#[derive(Clone, Debug, Default)]
pub struct Raw {
    /// As it came, after decompression.
    pub body: Vec<u8>,
    /// The nextLink, where it is a list that has one: see [`Client::follow`].
    pub next: Option<String>,
}

impl Client<'_> {
    /// Gets a URL.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn raw(&self, doing: &str, url: &Url) -> Result<Raw> {
        let mut body = Body::default();
        self.transport.send(&self.call(doing, url), self.auth, self.budget, &mut body).await?;
        Ok(Raw { next: next(&body.bytes), body: body.bytes })
    }
}

const NEXT: &[&str] = &["@odata.nextLink", "odata.nextLink", "nextLink"];

fn next(body: &[u8]) -> Option<String> {
    let mut cutter = Cutter::new(Shape { rows: &["value"], kept: NEXT });
    cutter.feed(body, &mut |_| Ok(())).ok()?;
    NEXT.iter().find_map(|key| serde_json::from_slice(cutter.kept(key)?).ok())
}

#[derive(Default)]
struct Body {
    bytes: Vec<u8>,
    json: bool,
}

impl Receive for Body {
    fn begin(&mut self, head: &Head) -> Result<(), Broken> {
        self.bytes.clear();
        let kind = head.headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
        self.json = kind.to_ascii_lowercase().contains("json");
        Ok(())
    }

    fn chunk(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        if self.bytes.len() + bytes.len() > LONGEST {
            return Err(Broken::Fatal(Error::new(Kind::Failed, format!("the body is longer than {LONGEST} bytes"))));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn end(&mut self) -> Result<(), Broken> {
        let body = self.bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.bytes);
        if self.json
            && let Err(error) = serde_json::from_slice::<&RawValue>(body)
        {
            return Err(Broken::Body(format!("the body is not JSON: {error}")));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_found_in_lists_alone() {
        assert_eq!(next(br#"{"value":[{"@odata.nextLink":"no"}],"@odata.nextLink":"yes"}"#).as_deref(), Some("yes"));
        assert_eq!(next(br#"{"id":1,"nextLink":"yes"}"#).as_deref(), Some("yes"));
        for none in [&b"{}"[..], b"", b"<html>", br#"{"value":[]}"#, br#"{"@odata.nextLink":null}"#] {
            assert_eq!(next(none), None);
        }
    }
}
