//! Advanced hunting on Graph, Defender XDR and Defender for Endpoint: one question, its answer as a stream of rows
//! (apis.md 4.1 to 4.4).

use super::{
    refusal::{advised, not_to_be_believed, refused, retired},
    rows::{Cutter, Shape},
};
use crate::{
    error::{Error, Kind, Result},
    time::{Window, rfc3339},
    transport::{Authorize, Broken, Budget, Call, Head, Receive, Transport, retry::MIN_TRIES},
};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::{fmt, time::Duration};
use url::Url;

pub use super::refusal::{Refusal, is_beyond, position, unresolved};

/// The APIs that hunt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Api {
    /// Microsoft Graph, the current one.
    Graph,
    /// Defender XDR; stops on 2027-02-01.
    Xdr,
    /// Defender for Endpoint; stops on 2027-02-01.
    Mde,
}

impl Api {
    /// All of them, the preferred one first.
    pub const ALL: [Self; 3] = [Self::Graph, Self::Xdr, Self::Mde];

    /// Returns the name as it is typed: `graph`, `xdr`, `mde`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Graph => "graph",
            Self::Xdr => "xdr",
            Self::Mde => "mde",
        }
    }

    /// Returns the name as people know it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Graph => "Graph",
            Self::Xdr => "Defender XDR",
            Self::Mde => "Defender for Endpoint",
        }
    }

    /// Returns the application permission that hunting takes.
    pub fn permission(self) -> &'static str {
        match self {
            Self::Graph => "ThreatHunting.Read.All",
            Self::Xdr => "AdvancedHunting.Read.All",
            Self::Mde => "AdvancedQuery.Read.All",
        }
    }

    /// Returns the day from which on the API answers no more, where it is known.
    pub fn retires(self) -> Option<jiff::civil::Date> {
        (self != Self::Graph).then_some(jiff::civil::date(2027, 2, 1))
    }

    fn path(self) -> &'static [&'static str] {
        match self {
            Self::Graph => &["v1.0", "security", "runHuntingQuery"],
            Self::Xdr => &["api", "advancedhunting", "run"],
            Self::Mde => &["api", "advancedqueries", "run"],
        }
    }
}

impl fmt::Display for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A query runs three minutes at most (MDE: 200 s), and then its answer begins (apis.md 4.6, Appendix B 4).
pub const DEADLINE: Duration = Duration::from_mins(4);

/// First wait after a 429 without a stated one (apis.md 4.8).
const THROTTLE_BASE: Duration = Duration::from_secs(15);

/// One question.
#[derive(Clone, Debug)]
pub struct Request {
    /// Which API.
    pub api: Api,
    /// Root of the API: `https://graph.microsoft.com`.
    pub endpoint: Url,
    /// Scope of its tokens.
    pub scope: String,
    /// Whose quota it takes from: `tenant/api`.
    pub lane: String,
    /// The KQL text to send.
    pub query: String,
    /// Graph alone: the window that is sent beside the query.
    pub timespan: Option<Window>,
    /// How long a try may take until its answer begins; [`DEADLINE`] as a rule.
    pub deadline: Duration,
    /// After so many gateway failures or silences in a row the call ends as [`Refusal::Gateway`], for callers that can ask
    /// for less; none: they are tried again until the budget is used up.
    pub gateway_tries: Option<u32>,
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "Query")]
    query: &'a str,
    #[serde(rename = "Timespan", skip_serializing_if = "Option::is_none")]
    timespan: Option<String>,
}

impl Request {
    /// Returns the URL that the question goes to.
    pub fn url(&self) -> Url {
        let mut url = self.endpoint.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(self.api.path());
        }
        url
    }

    /// Returns the body that is sent.
    ///
    /// # Errors
    /// None that is known: a text always has a JSON form.
    pub fn body(&self) -> Result<Bytes> {
        let timespan = self.timespan.filter(|_| self.api == Api::Graph);
        let timespan = timespan.map(|window| format!("{}/{}", rfc3339(window.from), rfc3339(window.to)));
        let body = serde_json::to_vec(&Body { query: &self.query, timespan });
        body.map(Bytes::from).map_err(|cause| Error::new(Kind::Failed, "writing the hunting request").caused_by(cause))
    }

    fn call(&self) -> Result<Call> {
        let doing = format!("hunting on {}", self.api.title());
        // The charset matters: without it characters beyond ASCII are misread (apis.md 4.2).
        let call = Call::post(doing, self.url(), &self.lane, "application/json; charset=utf-8", self.body()?).bearer(&self.scope);
        Ok(Call { deadline: self.deadline, throttle_base: THROTTLE_BASE, gateway_tries: self.gateway_tries, ..call })
    }
}

/// A column of the answer, as the service names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// The name.
    #[serde(alias = "Name")]
    pub name: String,
    /// The type in the service's words (apis.md 4.5); empty where it says none.
    #[serde(rename = "type", alias = "Type", default)]
    pub kind: String,
}

/// What came beside the rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The columns, in the order of the answer.
    pub schema: Vec<Column>,
    /// Rows that came.
    pub rows: u64,
    /// Bytes of the body, after decompression.
    pub bytes: u64,
    /// Rows that the service says it sent (XDR and MDE).
    pub stated_rows: Option<u64>,
    /// The service's id of the request.
    pub request_id: Option<String>,
    /// Our id of the request.
    pub client_request_id: String,
}

/// Takes the rows of an answer.
pub trait Rows: Send {
    /// An answer begins; rows of an earlier try are to be dropped.
    ///
    /// # Errors
    /// Where they cannot be; nothing is asked again then.
    fn begin(&mut self) -> Result<()>;
    /// The columns of the rows to come, where the service names them ahead.
    ///
    /// # Errors
    /// As those of [`Rows::row`].
    fn columns(&mut self, schema: &[Column]) -> Result<()> {
        let _ = schema;
        Ok(())
    }
    /// A row, as it was sent but for line breaks between tokens.
    ///
    /// # Errors
    /// Where it cannot be stored; nothing is asked again then.
    fn row(&mut self, raw: &[u8]) -> Result<()>;
    /// The answer is whole.
    ///
    /// # Errors
    /// Where it cannot be made whole here.
    fn end(&mut self, answer: &Answer) -> Result<()>;
}

/// Keeps nothing: for a look whether an API answers.
pub struct Dropped;

impl Rows for Dropped {
    fn begin(&mut self) -> Result<()> {
        Ok(())
    }

    fn row(&mut self, _: &[u8]) -> Result<()> {
        Ok(())
    }

    fn end(&mut self, _: &Answer) -> Result<()> {
        Ok(())
    }
}

/// Asks, and hands the rows on as they come.
///
/// # Errors
/// Those of [`Transport::send`]; [`Refusal::of`] tells the ones apart that another question may avoid. Those of `rows`.
pub async fn hunt(transport: &Transport, auth: &dyn Authorize, request: &Request, budget: &Budget, rows: &mut dyn Rows) -> Result<Answer> {
    let mut reader = Reader { api: request.api, cutter: Cutter::new(SHAPE), told: false, empty: 0, rows };
    let sent = transport.send(&request.call()?, auth, budget, &mut reader).await;
    let head = sent.map_err(|error| advised(request.api, error))?;
    let answer = reader.answer(&head);
    if answer.rows == 0
        && let Some(how) = not_to_be_believed(request.api, &answer, &head)
    {
        return Err(advised(request.api, retired(request.api, how)));
    }
    reader.rows.end(&answer)?;
    Ok(answer)
}

const SCHEMA: &[&str] = &["schema", "Schema"];
const STATS: &[&str] = &["Stats", "stats"];
const ERROR: &[&str] = &["error", "Error"];
const SHAPE: Shape = Shape { rows: &["results", "Results"], kept: &["schema", "Schema", "Stats", "stats", "error", "Error"] };

struct Reader<'a> {
    api: Api,
    cutter: Cutter,
    /// The columns were told, if they came ahead.
    told: bool,
    /// Answers without a byte, or without a list of rows, in a row.
    empty: u32,
    rows: &'a mut dyn Rows,
}

impl Receive for Reader<'_> {
    fn begin(&mut self, _: &Head) -> Result<(), Broken> {
        self.cutter = Cutter::new(SHAPE);
        self.told = false;
        self.rows.begin().map_err(Broken::Fatal)
    }

    fn chunk(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        let at = self.cutter.feed_head(bytes)?;
        let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) else { return Ok(()) };
        self.tell_columns()?;
        let rows = &mut self.rows;
        self.cutter.feed(rest, &mut |row| rows.row(row))
    }

    fn end(&mut self) -> Result<(), Broken> {
        if let Some(error) = self.kept(ERROR).filter(|error| *error != b"null") {
            return Err(refused(self.api, error));
        }
        self.empty = if self.cutter.is_hollow() { self.empty + 1 } else { 0 };
        if self.empty >= MIN_TRIES && self.api.retires().is_some() {
            return Err(Broken::Fatal(retired(self.api, "with neither columns nor rows")));
        }
        self.cutter.finish()?;
        columns(self.kept(SCHEMA)).map(|_| ())
    }
}

impl Reader<'_> {
    fn tell_columns(&mut self) -> Result<(), Broken> {
        if std::mem::replace(&mut self.told, true) {
            return Ok(());
        }
        match columns(self.kept(SCHEMA))?.as_slice() {
            [] => Ok(()),
            schema => self.rows.columns(schema).map_err(Broken::Fatal),
        }
    }

    fn kept(&self, keys: &[&str]) -> Option<&[u8]> {
        keys.iter().find_map(|key| self.cutter.kept(key))
    }

    fn answer(&self, head: &Head) -> Answer {
        Answer {
            schema: columns(self.kept(SCHEMA)).unwrap_or_default(),
            rows: self.cutter.rows(),
            bytes: self.cutter.bytes(),
            stated_rows: self.kept(STATS).and_then(stated_rows),
            request_id: head.request_id.clone(),
            client_request_id: head.client_request_id.clone(),
        }
    }
}

fn columns(schema: Option<&[u8]>) -> Result<Vec<Column>, Broken> {
    let Some(schema) = schema.filter(|schema| *schema != b"null") else { return Ok(Vec::new()) };
    serde_json::from_slice(schema).map_err(|error| Broken::Body(format!("its schema is not a list of names and types ({error})")))
}

/// `Stats.dataset_statistics[0].table_row_count` (apis.md 4.4).
fn stated_rows(stats: &[u8]) -> Option<u64> {
    let stats: serde_json::Value = serde_json::from_slice(stats).ok()?;
    stats.get("dataset_statistics")?.get(0)?.get("table_row_count")?.as_u64()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(api: Api, endpoint: &str) -> Request {
        Request {
            api,
            endpoint: endpoint.parse().unwrap(),
            scope: "https://graph.microsoft.com/.default".to_owned(),
            lane: "t/graph".to_owned(),
            query: "DeviceInfo | where X == \"ö\\\"\"".to_owned(),
            timespan: Some(Window::new("2026-01-01T00:00:00Z".parse().unwrap(), "2026-01-02T00:00:00.0000001Z".parse().unwrap()).unwrap()),
            deadline: DEADLINE,
            gateway_tries: None,
        }
    }

    #[test]
    fn each_api_has_its_path() {
        for (api, endpoint, url) in [
            (Api::Graph, "https://graph.microsoft.com", "https://graph.microsoft.com/v1.0/security/runHuntingQuery"),
            (Api::Xdr, "https://api.security.microsoft.com/", "https://api.security.microsoft.com/api/advancedhunting/run"),
            (Api::Mde, "https://127.0.0.1:9446/mde", "https://127.0.0.1:9446/mde/api/advancedqueries/run"),
        ] {
            assert_eq!(request(api, endpoint).url().as_str(), url);
        }
    }

    #[test]
    fn only_graph_is_told_the_timespan() {
        let graph = request(Api::Graph, "https://graph.microsoft.com").body().unwrap();
        let expected = r#"{"Query":"DeviceInfo | where X == \"ö\\\"\"","Timespan":"2026-01-01T00:00:00Z/2026-01-02T00:00:00.0000001Z"}"#;
        assert_eq!(std::str::from_utf8(&graph).unwrap(), expected);
        let mde = request(Api::Mde, "https://api.security.microsoft.com").body().unwrap();
        assert!(!std::str::from_utf8(&mde).unwrap().contains("Timespan"));
    }

    #[test]
    fn columns_in_either_casing() {
        let expected = vec![Column { name: "A".to_owned(), kind: "Int64".to_owned() }];
        assert_eq!(columns(Some(br#"[{"name":"A","type":"Int64"}]"#)).unwrap(), expected);
        assert_eq!(columns(Some(br#"[{"Name":"A","Type":"Int64","x":1}]"#)).unwrap(), expected);
        assert_eq!(columns(Some(b"null")).unwrap(), []);
        assert!(columns(Some(br#"{"A":1}"#)).is_err());
    }

    #[test]
    fn stated_rows_where_there_are_any() {
        assert_eq!(stated_rows(br#"{"dataset_statistics":[{"table_row_count":2,"table_size":102}]}"#), Some(2));
        for nothing in [&b"null"[..], b"{}", br#"{"dataset_statistics":[]}"#, b"["] {
            assert_eq!(stated_rows(nothing), None);
        }
    }
}
