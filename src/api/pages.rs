//! One page of a list: asked for, its objects handed on verbatim as they arrive, and where the next one is. What to ask next is
//! the caller's business; that it goes to the API's own origin alone is settled here.

use super::{
    hunting::Api,
    links,
    rows::{Cutter, Shape},
};
use crate::{
    error::{Error, Kind, Result},
    transport::{Authorize, Broken, Budget, Call, Head, Receive, Transport},
};
use bytes::Bytes;
use serde_json::{Value, value::RawValue};
use std::time::Duration;
use url::Url;

/// Asks one tenant's API for pages, on one job's budget.
#[derive(Clone)]
pub struct Client<'a> {
    /// The transport.
    pub transport: &'a Transport,
    /// Whose bearer is sent.
    pub auth: &'a dyn Authorize,
    /// The job's waiting budget.
    pub budget: &'a Budget,
    /// The API.
    pub api: Api,
    /// Its root: `https://graph.microsoft.com`.
    pub root: Url,
    /// Scope of its tokens.
    pub scope: String,
    /// Whose limits hold: `tenant/api/lane`.
    pub lane: String,
    /// How long a try may take until its answer begins.
    pub deadline: Duration,
    /// A `Prefer` header.
    pub prefer: Option<String>,
    /// After so many failures of the service in a row a call ends; none: it is tried again.
    pub fault_tries: Option<u32>,
}

/// Takes the objects of a page.
pub trait Objects: Send {
    /// A page begins; objects of an earlier try of it are to be dropped.
    ///
    /// # Errors
    /// Where they cannot be; nothing is asked again then.
    fn begin(&mut self) -> Result<()>;
    /// An object, as it was sent but for line breaks between tokens.
    ///
    /// # Errors
    /// Where it cannot be stored; nothing is asked again then.
    fn object(&mut self, raw: &[u8]) -> Result<()>;
}

/// What came beside the objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Objects that it held.
    pub objects: u64,
    /// Bytes of the body, after decompression.
    pub bytes: u64,
    /// The nextLink as it was sent: see [`Client::follow`].
    pub next: Option<String>,
    /// How many the service says there are.
    pub count: Option<u64>,
    /// The service's id of the request.
    pub request_id: Option<String>,
}

const NEXT: &[&str] = &["@odata.nextLink", "odata.nextLink", "nextLink"];
const COUNT: &[&str] = &["@odata.count", "odata.count"];
const ERROR: &[&str] = &["error", "Error"];
const SHAPE: Shape =
    Shape { rows: &["value"], kept: &["@odata.nextLink", "odata.nextLink", "nextLink", "@odata.count", "odata.count", "error", "Error"] };

impl Client<'_> {
    /// Returns the same on another lane.
    #[must_use]
    pub fn on_lane(&self, lane: &str) -> Self {
        Self { lane: lane.to_owned(), ..self.clone() }
    }

    /// Returns the URL of a path, and query, below the API's root.
    ///
    /// # Errors
    /// As for [`links::below`].
    pub fn url(&self, path: &str) -> Result<Url> {
        links::below(&self.root, path)
    }

    /// Reads a nextLink, which must lead to the API's own origin: nowhere else is the token sent.
    ///
    /// # Errors
    /// [`Kind::Failed`] with the code `ForeignOrigin`.
    pub fn follow(&self, link: &str) -> Result<Url> {
        links::follow(&self.root, link)
    }

    /// Asks for a page of a list and hands its objects on.
    ///
    /// # Errors
    /// Those of [`Transport::send`] and of `objects`.
    pub async fn page(&self, doing: &str, url: &Url, objects: &mut dyn Objects) -> Result<Page> {
        let mut reader = Reader { cutter: Cutter::new(SHAPE), objects };
        let head = self.transport.send(&self.call(doing, url), self.auth, self.budget, &mut reader).await?;
        Ok(reader.page(&head))
    }

    /// Asks for one object. An answer that is a list after all is taken as one.
    ///
    /// # Errors
    /// As for [`Self::page`].
    pub async fn single(&self, doing: &str, url: &Url, objects: &mut dyn Objects) -> Result<Page> {
        let mut reader = Whole { body: Vec::new(), objects, count: 0 };
        let head = self.transport.send(&self.call(doing, url), self.auth, self.budget, &mut reader).await?;
        Ok(Page { objects: reader.count, bytes: reader.body.len() as u64, request_id: head.request_id, ..Page::default() })
    }

    /// Asks for JSON of a few kilobytes.
    ///
    /// # Errors
    /// Those of [`Transport::send`].
    pub async fn json(&self, doing: &str, url: &Url) -> Result<Value> {
        self.read(&self.call(doing, url)).await
    }

    /// Posts JSON and reads the answer.
    ///
    /// # Errors
    /// Those of [`Transport::send`].
    pub async fn post(&self, doing: &str, url: &Url, body: &Value) -> Result<Value> {
        let get = self.call(doing, url);
        let post = Call::post(doing, url.clone(), &self.lane, "application/json; charset=utf-8", Bytes::from(body.to_string()));
        self.read(&Call { headers: post.headers.clone(), deadline: get.deadline, ..post.bearer(&self.scope) }).await
    }

    async fn read(&self, call: &Call) -> Result<Value> {
        let mut body = Small(Vec::new());
        self.transport.send(call, self.auth, self.budget, &mut body).await?;
        serde_json::from_slice(unmarked(&body.0))
            .map_err(|cause| Error::new(Kind::Failed, format!("{}: the answer is not JSON", call.doing)).caused_by(cause))
    }

    /// A GET with the bearer, which keeps to the root's origin.
    pub(super) fn call(&self, doing: &str, url: &Url) -> Call {
        let call = Call::get(doing, self.root.clone(), &self.lane).bearer(&self.scope).at(url.clone());
        let call = Call { deadline: self.deadline, fault_tries: self.fault_tries, ..call };
        match &self.prefer {
            Some(prefer) => call.prefer(prefer),
            None => call,
        }
    }
}

struct Reader<'a> {
    cutter: Cutter,
    objects: &'a mut dyn Objects,
}

impl Receive for Reader<'_> {
    fn begin(&mut self, _: &Head) -> Result<(), Broken> {
        self.cutter = Cutter::new(SHAPE);
        self.objects.begin().map_err(Broken::Fatal)
    }

    fn chunk(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        let objects = &mut self.objects;
        self.cutter.feed(bytes, &mut |object| objects.object(object))
    }

    fn end(&mut self) -> Result<(), Broken> {
        if let Some(error) = self.kept(ERROR).filter(|error| *error != b"null") {
            let excerpt: String = String::from_utf8_lossy(error).chars().take(400).map(|c| if c.is_control() { ' ' } else { c }).collect();
            return Err(Broken::Body(format!("it holds an error: {excerpt}")));
        }
        self.cutter.finish()?;
        match self.kept(NEXT).map(serde_json::from_slice::<Option<String>>) {
            Some(Err(_)) => Err(Broken::Body("its nextLink is not a text".to_owned())),
            _ => Ok(()),
        }
    }
}

impl Reader<'_> {
    fn kept(&self, keys: &[&str]) -> Option<&[u8]> {
        keys.iter().find_map(|key| self.cutter.kept(key))
    }

    fn page(&self, head: &Head) -> Page {
        let next = self.kept(NEXT).and_then(|next| serde_json::from_slice::<Option<String>>(next).ok().flatten());
        Page {
            objects: self.cutter.rows(),
            bytes: self.cutter.bytes(),
            next: next.filter(|next| !next.is_empty()),
            count: self.kept(COUNT).and_then(|count| serde_json::from_slice(count).ok()),
            request_id: head.request_id.clone(),
        }
    }
}

/// The longest answer that is held whole.
const LONGEST: usize = 16 << 20;

fn hold(body: &mut Vec<u8>, bytes: &[u8]) -> Result<(), Broken> {
    if body.len() + bytes.len() > LONGEST {
        return Err(Broken::Fatal(Error::new(Kind::Failed, format!("an answer that should be small is longer than {LONGEST} bytes"))));
    }
    body.extend_from_slice(bytes);
    Ok(())
}

/// Leaves out a byte order mark.
fn unmarked(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)
}

fn checked(body: &[u8]) -> Result<(), Broken> {
    match serde_json::from_slice::<&RawValue>(unmarked(body)) {
        Ok(value) if value.get().starts_with('{') => Ok(()),
        Ok(_) => Err(Broken::Body("the body is not a JSON object".to_owned())),
        Err(error) => Err(Broken::Body(format!("the body is not JSON: {error}"))),
    }
}

/// Takes a small JSON body.
struct Small(Vec<u8>);

impl Receive for Small {
    fn begin(&mut self, _: &Head) -> Result<(), Broken> {
        self.0.clear();
        Ok(())
    }

    fn chunk(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        hold(&mut self.0, bytes)
    }

    fn end(&mut self) -> Result<(), Broken> {
        checked(&self.0)
    }
}

/// Takes one object, or a list.
struct Whole<'a> {
    body: Vec<u8>,
    objects: &'a mut dyn Objects,
    count: u64,
}

impl Receive for Whole<'_> {
    fn begin(&mut self, _: &Head) -> Result<(), Broken> {
        self.body.clear();
        self.objects.begin().map_err(Broken::Fatal)
    }

    fn chunk(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        hold(&mut self.body, bytes)
    }

    fn end(&mut self) -> Result<(), Broken> {
        checked(&self.body)?;
        let mut rows: Vec<Vec<u8>> = Vec::new();
        let mut cutter = Cutter::new(SHAPE);
        let listed = cutter.feed(&self.body, &mut |row| {
            rows.push(row.to_vec());
            Ok(())
        });
        if listed.is_err() || cutter.finish().is_err() {
            // Within strings JSON writes line breaks as escapes, so these stand between tokens.
            let text: Vec<u8> = unmarked(&self.body).iter().copied().filter(|byte| !matches!(byte, b'\n' | b'\r')).collect();
            rows = vec![text.trim_ascii().to_vec()];
        }
        self.count = rows.len() as u64;
        rows.iter().try_for_each(|row| self.objects.object(row)).map_err(Broken::Fatal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Kept(Vec<String>);

    impl Objects for Kept {
        fn begin(&mut self) -> Result<()> {
            self.0.clear();
            Ok(())
        }

        fn object(&mut self, raw: &[u8]) -> Result<()> {
            self.0.push(String::from_utf8(raw.to_vec()).unwrap());
            Ok(())
        }
    }

    fn head() -> Head {
        Head { status: 200, headers: reqwest::header::HeaderMap::new(), request_id: None, client_request_id: String::new() }
    }

    fn read(body: &str, single: bool) -> (Vec<String>, Result<Page, String>) {
        let mut kept = Kept::default();
        let words = |broken: Broken| match broken {
            Broken::Body(words) => words,
            Broken::Fatal(error) => error.to_string(),
        };
        let page = if single {
            let mut reader = Whole { body: Vec::new(), objects: &mut kept, count: 0 };
            reader.begin(&head()).and_then(|()| reader.chunk(body.as_bytes())).and_then(|()| reader.end()).map(|()| Page::default())
        } else {
            let mut reader = Reader { cutter: Cutter::new(SHAPE), objects: &mut kept };
            reader.begin(&head()).unwrap();
            reader.chunk(body.as_bytes()).and_then(|()| reader.end()).map(|()| reader.page(&head()))
        };
        (kept.0, page.map_err(words))
    }

    #[test]
    fn pages_are_read_whatever_the_order_of_their_members() {
        let text = r#"{"@odata.nextLink":"https://x/?a","value":[{"a":1},{"b":[]}],"@odata.count":7}"#;
        let (rows, page) = read(text, false);
        assert_eq!(
            (rows, page.unwrap()),
            (
                vec![r#"{"a":1}"#.to_owned(), r#"{"b":[]}"#.to_owned()],
                Page { objects: 2, bytes: text.len() as u64, next: Some("https://x/?a".to_owned()), count: Some(7), request_id: None }
            )
        );
        assert_eq!(read(r#"{"value":[],"@odata.nextLink":null}"#, false).1.unwrap().next, None);
        assert!(read(r#"{"value":[],"error":{"code":"x"}}"#, false).1.unwrap_err().contains("holds an error"));
        assert!(read(r#"{"error":{"code":"x"}}"#, false).1.is_err());
        assert!(read(r#"{"value":[],"@odata.nextLink":5}"#, false).1.is_err());
    }

    #[test]
    fn one_object_is_a_row_and_a_list_is_its_rows() {
        assert_eq!(read("{\n \"score\": 3.5,\r\n \"time\": \"x\\ny\"\n}\n", true).0, ["{ \"score\": 3.5, \"time\": \"x\\ny\"}"]);
        assert_eq!(read(r#"{"value":[{"a":1},{"a":2}]}"#, true).0.len(), 2);
        assert!(read("[]", true).1.is_err() && read("<html>", true).1.is_err() && read("", true).1.is_err());
    }
}
