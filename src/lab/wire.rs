//! A request as it came, and the answers' common shapes. What any one service says is not here.

use super::ids::guid;
use axum::{
    body::{Body, Bytes, to_bytes},
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, response::Response},
};
use serde_json::Value;
use std::net::SocketAddr;

/// The largest request body that the gateways before the services take (apis.md 4.2): nginx's megabyte.
const BODY_LIMIT: usize = 1_048_576;

/// One of the simulated services, each on a port of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Service {
    /// Entra ID's token service.
    Authority,
    /// Microsoft Graph.
    Graph,
    /// The Defender XDR API.
    Xdr,
    /// The Defender for Endpoint API.
    Mde,
    /// Key Vault.
    Vault,
    /// The endpoint that gives a machine's managed identity its tokens; plain HTTP, as in Azure.
    Identity,
    /// The storage that exports' files lie in.
    Storage,
}

impl Service {
    /// All, in the order of their ports.
    pub const ALL: [Self; 7] = [Self::Authority, Self::Graph, Self::Xdr, Self::Mde, Self::Vault, Self::Identity, Self::Storage];

    /// The name it has in a configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Authority => "authority",
            Self::Graph => "graph",
            Self::Xdr => "xdr",
            Self::Mde => "mde",
            Self::Vault => "vault",
            Self::Identity => "identity",
            Self::Storage => "storage",
        }
    }
}

impl std::fmt::Display for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// An answer.
pub(crate) type Reply = Response<Body>;

/// A request, read whole.
pub(crate) struct Call {
    pub(crate) service: Service,
    pub(crate) peer: SocketAddr,
    pub(crate) method: Method,
    /// `host[:port]` as it was addressed.
    pub(crate) host: String,
    /// The path as it came.
    pub(crate) path: String,
    /// The query's pairs, decoded.
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Our id of it.
    pub(crate) id: String,
}

impl Call {
    /// Reads a request; a body beyond the gateway's limit gets the gateway's answer.
    pub(crate) async fn read(service: Service, peer: SocketAddr, request: Request) -> Result<Self, (Self, Reply)> {
        let (parts, body) = request.into_parts();
        let mut call = Self {
            service: addressed(service, parts.uri.path()),
            peer,
            host: host_of(&parts.uri, &parts.headers),
            path: parts.uri.path().to_owned(),
            query: pairs(parts.uri.query().unwrap_or_default()),
            method: parts.method,
            headers: parts.headers,
            body: Bytes::new(),
            id: guid(),
        };
        match to_bytes(body, BODY_LIMIT).await {
            Ok(bytes) => call.body = bytes,
            Err(_) => return Err((call, gateway(413, "Request Entity Too Large"))),
        }
        Ok(call)
    }

    /// A header's value, where it is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The first value of a query key.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The bearer token, if one was sent.
    pub(crate) fn bearer(&self) -> Option<&str> {
        let (scheme, token) = self.header("authorization")?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    }

    /// The media type without parameters, in lower case.
    pub(crate) fn media_type(&self) -> String {
        let whole = self.header("content-type").unwrap_or_default();
        whole.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    /// The path's segments, percent-decoded; empty ones are left out.
    pub(crate) fn segments(&self) -> Vec<String> {
        self.path.split('/').filter(|segment| !segment.is_empty()).map(percent_decoded).collect()
    }

    /// Whether an answer may be compressed.
    pub(crate) fn accepts_gzip(&self) -> bool {
        let accepted = self.header("accept-encoding").unwrap_or_default();
        accepted.split(',').any(|coding| {
            let mut parts = coding.split(';');
            let named = parts.next().is_some_and(|name| matches!(name.trim(), "gzip" | "*"));
            named && !parts.any(|weight| weight.replace(' ', "").trim_end_matches(['0', '.']) == "q=")
        })
    }
}

/// The XDR host is a front door of MDE too: whatever is not XDR's own there is MDE's (apis.md 4.1).
fn addressed(service: Service, path: &str) -> Service {
    let own = |path: &str| path.starts_with("/api/advancedhunting") || path.starts_with("/api/incidents");
    if service == Service::Xdr && !own(&path.to_ascii_lowercase()) { Service::Mde } else { service }
}

/// Over HTTP/2 the name stands in the URL, over HTTP/1.1 in the Host header.
fn host_of(uri: &axum::http::Uri, headers: &HeaderMap) -> String {
    let named = uri.authority().map(|authority| authority.as_str().to_owned());
    let host = named.or_else(|| headers.get(header::HOST)?.to_str().ok().map(str::to_owned));
    host.unwrap_or_default().to_ascii_lowercase()
}

/// Reads `application/x-www-form-urlencoded`.
pub(crate) fn pairs(text: &str) -> Vec<(String, String)> {
    url::form_urlencoded::parse(text.as_bytes()).into_owned().collect()
}

fn percent_decoded(text: &str) -> String {
    // A plus sign is itself in a path, unlike in a form.
    let escaped = text.replace('+', "%2B").replace('&', "%26").replace('=', "%3D");
    pairs(&format!("v={escaped}")).into_iter().next().map(|(_, value)| value).unwrap_or_default()
}

/// An answer of any kind.
pub(crate) fn reply(status: u16, media_type: &'static str, body: impl Into<Body>) -> Reply {
    let mut reply = Response::new(body.into());
    *reply.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    with(reply, "content-type", media_type)
}

/// A JSON answer, its media type as Graph writes it.
pub(crate) fn json(status: u16, value: &Value) -> Reply {
    reply(status, "application/json; charset=utf-8", value.to_string())
}

/// The HTML page of the gateway before a service.
pub(crate) fn gateway(status: u16, title: &str) -> Reply {
    let page = format!(
        "<html>\r\n<head><title>{status} {title}</title></head>\r\n<body>\r\n<center><h1>{status} {title}</h1></center>\r\n\
         <hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    );
    reply(status, "text/html", page)
}

/// The answer with a header more. `name` is lower-case.
pub(crate) fn with(mut reply: Reply, name: &'static str, value: &str) -> Reply {
    if let Ok(value) = HeaderValue::from_str(value) {
        reply.headers_mut().insert(HeaderName::from_static(name), value);
    }
    reply
}

/// The answer with several headers more.
pub(crate) fn with_all(reply: Reply, headers: &[(&'static str, &str)]) -> Reply {
    headers.iter().fold(reply, |reply, (name, value)| with(reply, name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(accept: &str) -> Call {
        let mut headers = HeaderMap::new();
        headers.insert("accept-encoding", accept.parse().unwrap());
        Call {
            service: Service::Graph,
            peer: ([127, 0, 0, 1], 1).into(),
            method: Method::GET,
            host: String::new(),
            path: "/a//b%20c/d+e/".to_owned(),
            query: pairs("x=1&y=a%2Bb"),
            headers,
            body: Bytes::new(),
            id: guid(),
        }
    }

    #[test]
    fn gzip_is_for_those_who_accept_it() {
        for yes in ["gzip", "deflate, gzip;q=0.5", "*", "br,gzip"] {
            assert!(call(yes).accepts_gzip(), "{yes}");
        }
        for no in ["", "br", "gzip;q=0", "gzip; q=0.0", "identity"] {
            assert!(!call(no).accepts_gzip(), "{no}");
        }
    }

    #[test]
    fn paths_and_queries_are_decoded() {
        let call = call("");
        assert_eq!(call.segments(), ["a", "b c", "d+e"]);
        assert_eq!(call.query("y"), Some("a+b"));
    }
}
