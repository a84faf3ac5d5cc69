//! A transport that asks a [`Server`], with all that it needs: numbered tokens, a witness that keeps a log, rows kept in memory.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use crate::wire::{Reply, Server};
use ircollect::{
    api::hunting::{Answer, Api, Request, Rows, hunt},
    error::{Error, Kind, Result},
    secret::Secret,
    transport::{Authorize, Broken, Budget, Exchange, Head, HttpOptions, Limits, Pace, Receive, Transport, Wait, Witness, client},
};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};
use tokio_util::sync::CancellationToken;

pub(crate) const TOKEN: &str = "eyJhbGciOiJub25lIn0.eyJhdWQiOiJodHRwczovL3NvbWUuYXVkaWVuY2UifQ.canary";
pub(crate) const TWO_ROWS: &str = r#"{"schema":[{"name":"A","type":"Int64"}],"results":[{"A":1},{"A":2}]}"#;

/// Gives numbered tokens: `...canary-1`, then another after each renewal.
#[derive(Default)]
pub(crate) struct Tokens(AtomicU32);

#[async_trait::async_trait]
impl Authorize for Tokens {
    async fn bearer(&self, _: &str) -> Result<Secret> {
        Ok(Secret::new(format!("{TOKEN}-{}", self.0.load(Ordering::SeqCst))))
    }

    async fn renew(&self, scope: &str, rejected: &Secret) -> Result<Secret> {
        assert_eq!(*rejected, self.bearer(scope).await?);
        self.0.fetch_add(1, Ordering::SeqCst);
        self.bearer(scope).await
    }
}

#[derive(Default)]
pub(crate) struct Log {
    pub(crate) exchanges: Mutex<Vec<Exchange>>,
    pub(crate) waits: Mutex<Vec<Wait>>,
}

impl Witness for Log {
    fn exchange(&self, exchange: &Exchange) {
        self.exchanges.lock().unwrap().push(exchange.clone());
    }

    fn waiting(&self, wait: &Wait) {
        self.waits.lock().unwrap().push(wait.clone());
    }
}

/// Keeps the rows of the last try.
#[derive(Default)]
pub(crate) struct Kept {
    pub(crate) begun: u32,
    pub(crate) rows: Vec<String>,
    pub(crate) whole: bool,
    pub(crate) full_after: Option<usize>,
}

impl Rows for Kept {
    fn begin(&mut self) -> Result<()> {
        self.begun += 1;
        self.rows.clear();
        Ok(())
    }

    fn row(&mut self, raw: &[u8]) -> Result<()> {
        if self.full_after == Some(self.rows.len()) {
            return Err(Error::new(Kind::Disk, "no space left"));
        }
        self.rows.push(String::from_utf8(raw.to_vec()).unwrap());
        Ok(())
    }

    fn end(&mut self, _: &Answer) -> Result<()> {
        self.whole = true;
        Ok(())
    }
}

pub(crate) struct Bench {
    pub(crate) server: Server,
    pub(crate) transport: Arc<Transport>,
    pub(crate) log: Arc<Log>,
    pub(crate) cancel: CancellationToken,
    pub(crate) tokens: Tokens,
    pub(crate) budget: Budget,
    pub(crate) kept: Kept,
}

impl Bench {
    pub(crate) async fn new(max_wait: Duration, replies: impl IntoIterator<Item = Reply>) -> Self {
        let (log, cancel) = (Arc::new(Log::default()), CancellationToken::new());
        let http = client(&HttpOptions { direct: true, connect_timeout: Duration::from_secs(5), ..HttpOptions::default() }).unwrap();
        let pace = Pace::new(Limits { per_minute: 1000, ..Limits::default() });
        let transport = Arc::new(Transport::new(http, pace, Arc::clone(&log) as Arc<dyn Witness>, cancel.clone()));
        let (tokens, budget, kept) = (Tokens::default(), Budget::new(max_wait), Kept::default());
        Self { server: Server::start(replies).await, transport, log, cancel, tokens, budget, kept }
    }

    pub(crate) fn request(&self) -> Request {
        Request {
            api: Api::Graph,
            endpoint: self.server.url.parse().unwrap(),
            scope: "https://graph.microsoft.com/.default".to_owned(),
            lane: "t/graph".to_owned(),
            query: "print 1".to_owned(),
            timespan: None,
            deadline: Duration::from_secs(1),
            gateway_tries: None,
        }
    }

    pub(crate) async fn hunt(&mut self) -> Result<Answer> {
        let request = self.request();
        self.ask(&request).await
    }

    pub(crate) async fn ask(&mut self, request: &Request) -> Result<Answer> {
        let answer = hunt(&self.transport, &self.tokens, request, &self.budget, &mut self.kept).await;
        assert_eq!(self.log.exchanges.lock().unwrap().len(), self.server.asked().len(), "each exchange is told");
        let told = format!("{:?}{:?}{answer:?}", self.log.exchanges.lock().unwrap(), self.log.waits.lock().unwrap());
        assert!(!told.contains("canary"), "{told}");
        answer
    }

    pub(crate) async fn fails(&mut self) -> Error {
        let error = self.hunt().await.unwrap_err();
        assert!(!self.kept.whole);
        assert!(error.message().starts_with("hunting on Graph: "), "{error}");
        error
    }
}

pub(crate) const BRIEF: Duration = Duration::from_millis(300);

/// Takes any body.
pub(crate) struct Nothing;

impl Receive for Nothing {
    fn begin(&mut self, _: &Head) -> Result<(), Broken> {
        Ok(())
    }

    fn chunk(&mut self, _: &[u8]) -> Result<(), Broken> {
        Ok(())
    }

    fn end(&mut self) -> Result<(), Broken> {
        Ok(())
    }
}
