//! Progress: a bar for each tenant on a terminal, plain lines for what takes long elsewhere.

use super::{
    Console,
    outcome::{count, size},
    visible,
};
use crate::{
    collect::{Observer, report},
    journal::Job,
};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use jiff::Timestamp;
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Shows what jobs are doing. Implements [`Observer`].
#[derive(Debug)]
pub struct Progress {
    console: Console,
    bars: MultiProgress,
    tenants: Mutex<HashMap<(String, String), Tenant>>,
}

/// Waits shorter than this are not worth a line.
const WORTH_A_LINE: Duration = Duration::from_secs(5);

/// How often a tenant without a bar says how far it is: seldom enough to be read aloud, often enough for a log to show that it lives.
const A_LINE_EVERY: Duration = Duration::from_secs(30);

/// What a tenant's jobs have come to.
#[derive(Debug, Default)]
struct Tenant {
    bar: Option<ProgressBar>,
    /// Those that run, by their ids.
    running: BTreeMap<String, Running>,
    ended: u32,
    rows: u64,
    bytes: u64,
    calls: u64,
    /// Until when something waits, and why.
    waits: Option<(Timestamp, String)>,
    /// When a line was last said, where there is no bar.
    said: Option<Instant>,
}

#[derive(Debug)]
struct Running {
    name: String,
    rows: u64,
    bytes: u64,
}

impl Progress {
    /// Creates it; nothing is drawn where the console wants no bars.
    pub fn new(console: Console) -> Self {
        Self { console, bars: MultiProgress::new(), tenants: Mutex::default() }
    }

    fn tenants(&self) -> MutexGuard<'_, HashMap<(String, String), Tenant>> {
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what is known of a job's tenant, and shows it.
    fn change(&self, job: &Job, change: impl FnOnce(&mut Tenant)) {
        let mut tenants = self.tenants();
        let tenant = tenants.entry((job.profile.clone(), job.tenant.clone())).or_default();
        change(tenant);
        if self.console.bars && tenant.bar.is_none() && !tenant.running.is_empty() {
            tenant.bar = Some(self.bars.add(new_bar(job)));
        }
        if let Some(bar) = &tenant.bar {
            bar.set_message(tenant.words());
        } else if tenant.is_due() {
            self.console.say(&format!("{}: {}", visible(&job.profile), tenant.words()));
        }
        if tenant.running.is_empty()
            && let Some(bar) = tenant.bar.take()
        {
            bar.finish_and_clear();
        }
    }
}

fn new_bar(job: &Job) -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    let style = ProgressStyle::with_template("{spinner} {prefix}  {wide_msg}  {elapsed}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    let tenant: String = job.tenant.chars().take(8).collect();
    bar.set_prefix(visible(&format!("{} {tenant}", job.profile)));
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

impl Tenant {
    /// Says whether it is time for a line; the first is due when the tenant has been at work for a while.
    fn is_due(&mut self) -> bool {
        let due = self.said.is_some_and(|last| last.elapsed() >= A_LINE_EVERY);
        if due || self.said.is_none() {
            self.said = Some(Instant::now());
        }
        due && !self.running.is_empty()
    }

    fn words(&self) -> String {
        let rows = self.rows + self.running.values().map(|job| job.rows).sum::<u64>();
        let bytes = self.bytes + self.running.values().map(|job| job.bytes).sum::<u64>();
        let first = self.running.values().next().map(|job| visible(&job.name)).unwrap_or_default();
        let more = if self.running.len() > 1 { format!(" +{}", self.running.len() - 1) } else { String::new() };
        let ended = if self.ended > 0 { format!("{} done", self.ended) } else { String::new() };
        let between = if self.ended > 0 && !self.running.is_empty() { ", " } else { "" };
        let calls = count(self.calls, "call");
        let waits = self.waits.as_ref().map(|(until, reason)| format!(", waiting until {}: {reason}", clock(*until))).unwrap_or_default();
        format!("{ended}{between}{first}{more}: {}, {}, {calls}{waits}", count(rows, "row"), size(bytes))
    }
}

/// The time of the day where the reader is; files have UTC.
fn clock(time: Timestamp) -> String {
    time.to_zoned_datetime(jiff::tz::TimeZone::system()).strftime("%H:%M:%S").to_string()
}

impl Observer for Progress {
    fn started(&self, job: &Job) {
        let running = Running { name: job.name.clone(), rows: 0, bytes: 0 };
        self.change(job, |tenant| drop(tenant.running.insert(job.id.clone(), running)));
    }

    fn advanced(&self, job: &Job, rows: u64, bytes: u64) {
        self.change(job, |tenant| {
            tenant.waits = None;
            if let Some(running) = tenant.running.get_mut(&job.id) {
                (running.rows, running.bytes) = (rows, bytes);
            }
        });
    }

    fn called(&self, job: &Job) {
        self.change(job, |tenant| {
            tenant.calls += 1;
            tenant.waits = None;
        });
    }

    fn waiting(&self, job: &Job, length: Duration, reason: &str) {
        let until = Timestamp::now().checked_add(length).unwrap_or(Timestamp::MAX);
        let reason = visible(reason);
        let mut told = false;
        self.change(job, |tenant| {
            // The jobs of a tenant wait together, and it is said once.
            told = tenant.waits.as_ref().is_some_and(|(before, _)| before.duration_since(until).as_secs().abs() < 1);
            tenant.waits = Some((until, reason.clone()));
        });
        if !self.console.bars && !told && length >= WORTH_A_LINE {
            let (name, seconds) = (visible(&job.name), length.as_secs_f32().ceil());
            self.bars.suspend(|| self.console.say(&format!("{name}: waiting {seconds} s, until {}: {reason}", clock(until))));
        }
    }

    fn ended(&self, job: &Job, report: &report::Job) {
        self.change(job, |tenant| {
            tenant.ended += 1;
            tenant.rows += report.rows;
            tenant.bytes += tenant.running.remove(&job.id).map_or(0, |running| running.bytes);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_is_told_in_one_line() {
        let running = |name: &str, rows| Running { name: name.into(), rows, bytes: 2_000_000 };
        let mut tenant = Tenant { ended: 3, rows: 1_000, calls: 17, ..Tenant::default() };
        tenant.running.insert("a".into(), running("shells", 234));
        tenant.running.insert("b".into(), running("logons", 0));
        tenant.waits = Some(("2026-01-02T10:15:05Z".parse().unwrap(), "429".into()));
        let words = tenant.words();
        assert!(words.starts_with("3 done, shells +1: 1,234 rows, "), "{words}");
        assert!(words.contains(", 17 calls, waiting until ") && words.ends_with(":05: 429"), "{words}");
    }

    #[test]
    fn a_tenant_without_a_bar_speaks_twice_a_minute() {
        let mut tenant = Tenant::default();
        tenant.running.insert("a".into(), Running { name: "shells".into(), rows: 1, bytes: 1 });
        assert!(!tenant.is_due() && !tenant.is_due());
        tenant.said = Instant::now().checked_sub(A_LINE_EVERY);
        assert!(tenant.said.is_none() || tenant.is_due());
        assert!(!tenant.is_due());
    }
}
