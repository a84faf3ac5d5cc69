//! The unified audit log: a query is created, polled until the service has run it, and its records are paged (apis.md 5.5).
//!
//! A query that an interrupted run created is found again by its name. What the service counts is held against what came, and
//! paging that came short is done once more, since two pagings of one finished query have been seen to differ.

use super::{Desk, State, bag::Bag, walk::status};
use crate::{
    error::{Error, Kind, Result},
    time::{Window, rfc3339},
};
use serde_json::{Value, json};
use std::time::Duration;

/// The first look at a query, and the longest wait between two.
const FIRST_LOOK: Duration = Duration::from_millis(250);
const LONGEST_LOOK: Duration = Duration::from_mins(1);
/// Pages of the list of queries that are looked through.
const MOST_PAGES: u32 = 100;

impl Desk<'_> {
    pub(super) async fn query(&self, state: &mut State, bag: &mut Bag, window: Option<Window>) -> Result<()> {
        let mut left = vec![window.unwrap_or(self.job.window)];
        while let Some(window) = left.pop() {
            let (root, query) = self.run_query(window).await?;
            if query.get("isRecordCountLimitExceeded").and_then(Value::as_bool) == Some(true) {
                let halves = halves(window).ok_or_else(|| self.too_many(&query))?;
                left.extend(halves);
                continue;
            }
            self.records(state, bag, &root, &query).await?;
        }
        Ok(())
    }

    fn too_many(&self, query: &Value) -> Error {
        let most = query.get("recordCountLimit").and_then(Value::as_u64).unwrap_or_default();
        Error::new(Kind::Incomplete, format!("pulling {}: one instant has more records than the service gives ({most})", self.name))
            .with_code("RecordCountLimit")
            .hint("ask for less by --filter")
    }

    /// Has the service run the query; returns its URL and its last state.
    async fn run_query(&self, window: Window) -> Result<(String, Value)> {
        let doing = format!("pulling {}", self.name);
        let name = format!("ircollect {} {} {}", self.job.job.id, rfc3339(window.from), rfc3339(window.to));
        let (root, mut query) = match self.find_query(&name).await? {
            Some(found) => found,
            None => self.create(&name, window).await?,
        };
        let id = query.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        let url = self.client.url(&format!("{root}/{}", crate::api::encode::encoded(&id)))?;
        let (mut wait, mut waited) = (FIRST_LOOK, Duration::ZERO);
        loop {
            if is_in_state(&query, "succeeded") {
                return Ok((url.path().to_owned(), query));
            }
            if let Some(state) = has_failed(&query) {
                let message = format!("{doing}: the service says of the query {id} that it {state}");
                return Err(Error::new(Kind::Failed, message).with_code("AuditQueryFailed").hint("run it again, over a shorter window"));
            }
            if wait > self.client.budget.remaining() {
                let message = format!("{doing}: the query {id} still runs after {} s", waited.as_secs());
                let hint = "such queries take up to hours: give more time by --max-wait, or come back later with --resume";
                return Err(Error::new(Kind::Incomplete, message).with_code("AuditQueryRunning").hint(hint));
            }
            self.client.transport.rest(&self.client.lane, self.client.budget, wait, "the service runs the query").await?;
            waited += wait;
            wait = (wait * 3 / 2).min(LONGEST_LOOK);
            query = self.client.json(&doing, &url).await?;
        }
    }

    /// Finds the query that an earlier run of this job created.
    async fn find_query(&self, name: &str) -> Result<Option<(String, Value)>> {
        if !self.job.resume {
            return Ok(None);
        }
        for root in self.roots() {
            let mut next = Some(self.client.url(&root)?);
            // A link that leads in a circle is not followed for ever: there are not so many queries.
            for _ in 0..MOST_PAGES {
                let Some(url) = next.take() else { break };
                let Ok(list) = self.client.json(&format!("pulling {}", self.name), &url).await else { break };
                let all = list.get("value").and_then(Value::as_array).into_iter().flatten();
                let mut own =
                    all.filter(|query| query.get("displayName").and_then(Value::as_str) == Some(name) && has_failed(query).is_none());
                if let Some(own) = own.next() {
                    return Ok(Some((root, own.clone())));
                }
                next = list.get("@odata.nextLink").and_then(Value::as_str).map(|link| self.client.follow(link)).transpose()?;
            }
        }
        Ok(None)
    }

    /// Where such queries are: on v1.0, or on beta alone (apis.md appendix B, 15).
    fn roots(&self) -> Vec<String> {
        let root = self.job.source.path.clone();
        let beta = root.replacen("/v1.0/", "/beta/", 1);
        if beta == root { vec![root] } else { vec![root, beta] }
    }

    /// Creates the query: on v1.0, or on beta where v1.0 has none.
    async fn create(&self, name: &str, window: Window) -> Result<(String, Value)> {
        let mut body = json!({
            "displayName": name, "filterStartDateTime": rfc3339(window.from), "filterEndDateTime": rfc3339(window.to),
        });
        if let Some(filter) = &self.job.filter {
            let more: Value = serde_json::from_str(filter).map_err(|error| {
                Error::new(Kind::Usage, "--filter of the audit log is a JSON object with members of auditLogQuery")
                    .caused_by(error)
                    .hint(r#"as in --filter '{"operationFilters": ["New-InboxRule"]}'"#)
            })?;
            if let (Some(body), Some(more)) = (body.as_object_mut(), more.as_object()) {
                body.extend(more.clone());
            }
        }
        let doing = format!("pulling {}", self.name);
        let mut first = None;
        for root in self.roots() {
            match self.client.post(&doing, &self.client.url(&root)?, &body).await {
                Ok(query) => return Ok((root, query)),
                Err(error) if matches!(status(&error), Some(400 | 404)) => {
                    first.get_or_insert(error);
                }
                Err(error) => return Err(first.unwrap_or(error)),
            }
        }
        Err(first.unwrap_or_else(|| Error::new(Kind::Failed, format!("{doing}: the query could not be created"))))
    }

    async fn records(&self, state: &mut State, bag: &mut Bag, root: &str, query: &Value) -> Result<()> {
        let expected = query.get("approximateReturnedRecordCount").and_then(Value::as_u64);
        let (before, known) = (bag.draft.rows(), state.again);
        self.page_records(state, bag, root).await?;
        // What an earlier pull stored came too.
        let known = state.again - known;
        let lacks = |came: u64| expected.filter(|expected| came < *expected);
        if lacks(bag.draft.rows() - before + known).is_none() {
            return Ok(());
        }
        let again = state.again;
        self.page_records(state, bag, root).await?;
        state.again = again;
        let came = bag.draft.rows() - before + known;
        let Some(expected) = lacks(came) else { return Ok(()) };
        state.notes.push(format!("the service says about {expected} records, and {came} came in two pagings"));
        state.counted = Some(expected);
        Ok(())
    }

    async fn page_records(&self, state: &mut State, bag: &mut Bag, root: &str) -> Result<()> {
        let mut url = self.client.follow(&format!("{}{root}/records", self.client.root.origin().ascii_serialization()))?;
        let mut followed = std::collections::HashSet::new();
        loop {
            let page = self.leaf(state, bag, &url).await?;
            let Some(next) = page.next else { return Ok(()) };
            if !followed.insert(next.clone()) {
                let message = format!("pulling {}: the records lead back to a page that was read", self.name);
                return Err(Error::new(Kind::Failed, message).with_code("RepeatedLink").hint("run it again with --resume"));
            }
            url = self.client.follow(&next)?;
        }
    }
}

fn is_in_state(query: &Value, state: &str) -> bool {
    query.get("status").and_then(Value::as_str).is_some_and(|own| own.eq_ignore_ascii_case(state))
}

/// Says what became of a query that will never have records.
fn has_failed(query: &Value) -> Option<&'static str> {
    [("failed", "failed"), ("cancelled", "was cancelled")].into_iter().find(|(state, _)| is_in_state(query, state)).map(|(_, words)| words)
}

/// Cuts a window in the middle, on a tick; none where it is one instant.
pub(super) fn halves(window: Window) -> Option<[Window; 2]> {
    let middle = window.from.checked_add(window.length() / 2).ok()?;
    let first = Window::new(window.from, middle).ok()?;
    Some([first, Window::new(first.to, window.to).ok()?])
}
