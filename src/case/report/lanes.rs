//! What it took: requests, tries again and waits, by tenant and API.

use crate::journal::{Event, Line, Request};
use serde::Serialize;
use std::collections::BTreeMap;

/// Lanes that have a row of their own.
const MOST: usize = 200;

/// The exchanges of one lane: `tenant/api`, or a host where there is no lane.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Lane {
    pub(super) name: String,
    pub(super) requests: u64,
    pub(super) again: u64,
    pub(super) failed: u64,
    pub(super) bytes: u64,
    pub(super) waited: f64,
    /// Statuses other than 2xx, and how often each came.
    pub(super) statuses: BTreeMap<u16, u64>,
}

/// All lanes.
#[derive(Debug, Default)]
pub(super) struct Lanes(BTreeMap<String, Lane>);

impl Lanes {
    pub(super) fn take(&mut self, line: &Line) {
        match &line.event {
            Event::Request(request) => self.lane(&name(request)).count(request),
            Event::Wait(wait) => self.lane(&wait.lane).waited += wait.seconds,
            _ => {}
        }
    }

    fn lane(&mut self, name: &str) -> &mut Lane {
        let name = if self.0.contains_key(name) || self.0.len() < MOST { name } else { "others" };
        self.0.entry(name.to_owned()).or_insert_with(|| Lane { name: name.to_owned(), ..Lane::default() })
    }

    pub(super) fn into_vec(self) -> Vec<Lane> {
        self.0.into_values().collect()
    }
}

impl Lane {
    fn count(&mut self, request: &Request) {
        self.requests += 1;
        self.again += u64::from(request.attempt > 1);
        self.failed += u64::from(request.failure.is_some());
        self.bytes += request.bytes;
        if let Some(status) = request.status.filter(|status| !(200..300).contains(status)) {
            *self.statuses.entry(status).or_default() += 1;
        }
    }
}

fn name(request: &Request) -> String {
    if !request.lane.is_empty() {
        return request.lane.clone();
    }
    let host = request.url.split_once("://").map_or("", |(_, rest)| rest.split(['/', '?', '#']).next().unwrap_or_default());
    host.to_owned()
}
