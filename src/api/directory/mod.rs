//! The directory of a tenant through Graph v1.0: application registrations, their service principals, and what they were granted.
//!
//! Requests are data ([`Request`]), so that a plan of them can be shown without being sent. A change whose fate is unknown is not
//! sent again here: [`Trouble::Open`] says so, and the caller looks first.

mod model;
mod request;
mod trouble;

pub use model::{
    AddedPassword, AppRole, Application, Assignment, KeyCredential, PasswordCredential, RequiredAccess, Resource, ServicePrincipal,
};
pub use request::{NewApplication, Request};
pub use trouble::Trouble;

use crate::{
    error::{Error, Kind, Result},
    secret::SecretBytes,
    transport::{Authorize, Broken, Budget, Call, Head, Method, Receive, Transport},
};
use bytes::Bytes;
use serde_json::Value;
use std::{sync::Arc, time::Duration};
use url::Url;

/// A registration with a thousand credentials is not half as long.
const LARGEST: usize = 8 << 20;

/// Pages of a list that are followed; a list that goes on is one that runs in circles.
const MOST_PAGES: usize = 200;

/// Who asks the directory, and where it is.
pub struct Directory {
    /// Sends.
    pub transport: Transport,
    /// Gives the administrator's tokens.
    pub auth: Arc<dyn Authorize>,
    /// Root of Graph: `https://graph.microsoft.com`.
    pub root: Url,
    /// Scope of its tokens.
    pub scope: String,
    /// Whose quota it takes from.
    pub lane: String,
    /// How long one call may wait in all.
    pub max_wait: Duration,
}

impl Directory {
    /// Returns the URL of a request.
    ///
    /// # Errors
    /// [`Kind::Failed`] where it makes none.
    pub fn url(&self, request: &Request) -> Result<Url> {
        let text = format!("{}/v1.0{}", self.root.as_str().trim_end_matches('/'), request.path);
        Url::parse(&text).map_err(|cause| Error::new(Kind::Failed, format!("`{text}` is no URL")).caused_by(cause))
    }

    /// Sends a request and reads its answer; null where that is empty.
    ///
    /// # Errors
    /// As the service refused; [`Trouble::of`] tells how.
    pub async fn send(&self, request: &Request) -> Result<Value> {
        let body = self.send_secretly(request).await?;
        parsed(request, &body)
    }

    /// Sends a request whose answer may hold a secret.
    ///
    /// # Errors
    /// As the service refused; [`Trouble::of`] tells how.
    pub async fn send_secretly(&self, request: &Request) -> Result<SecretBytes> {
        self.exchange(self.call(request, self.url(request)?)).await
    }

    fn call(&self, request: &Request, url: Url) -> Call {
        let body = request.body.as_ref().map(|body| Bytes::from(body.to_string()));
        let call = match request.method {
            Method::GET => Call::get(&request.doing, url, &self.lane),
            _ => Call::change(request.method.clone(), &request.doing, url, &self.lane, body),
        };
        call.bearer(&self.scope)
    }

    async fn exchange(&self, call: Call) -> Result<SecretBytes> {
        let mut body = Body::default();
        self.transport.send(&call, self.auth.as_ref(), &Budget::new(self.max_wait), &mut body).await?;
        Ok(SecretBytes::new(body.bytes))
    }

    /// Reads a list to its end; no link leads to another origin.
    ///
    /// # Errors
    /// As the service refused.
    pub async fn list(&self, request: &Request) -> Result<Vec<Value>> {
        let first = self.call(request, self.url(request)?);
        let (mut call, mut items) = (first.clone(), Vec::new());
        for _ in 0..MOST_PAGES {
            let page = parsed(request, &self.exchange(call).await?)?;
            items.extend(page.get("value").and_then(Value::as_array).cloned().unwrap_or_default());
            let Some(next) = page.get("@odata.nextLink").and_then(Value::as_str) else { return Ok(items) };
            let next = Url::parse(next).map_err(|cause| odd(request, "its next page is at no URL").caused_by(cause))?;
            call = first.clone().at(next);
        }
        Err(odd(request, "it has no end"))
    }
}

fn parsed(request: &Request, body: &SecretBytes) -> Result<Value> {
    if body.expose().trim_ascii().is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(body.expose()).map_err(|_| odd(request, "it is not JSON"))
}

fn odd(request: &Request, why: &str) -> Error {
    Error::new(Kind::Failed, format!("{}: of the answer, {why}", request.doing))
        .with_code("UnexpectedAnswer")
        .hint("check the cloud's Graph endpoint, and whether a proxy answers in its place")
}

/// The answer of a call, which is small.
#[derive(Default)]
struct Body {
    status: u16,
    bytes: Vec<u8>,
}

impl Receive for Body {
    fn begin(&mut self, head: &Head) -> Result<(), Broken> {
        *self = Self { status: head.status, bytes: Vec::new() };
        Ok(())
    }

    fn chunk(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        self.bytes.extend_from_slice(bytes);
        if self.bytes.len() > LARGEST { Err(Broken::Body("it is larger than any answer of a directory".to_owned())) } else { Ok(()) }
    }

    fn end(&mut self) -> Result<(), Broken> {
        let text = self.bytes.trim_ascii();
        let empty = text.is_empty() && self.status == 204;
        if empty || serde_json::from_slice::<serde::de::IgnoredAny>(text).is_ok() {
            return Ok(());
        }
        if text.is_empty() { Err(Broken::Body("it is empty".to_owned())) } else { Err(Broken::Body("it is not JSON".to_owned())) }
    }
}
