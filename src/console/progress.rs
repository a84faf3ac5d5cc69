//! Progress: bars on a terminal, plain lines for what takes long elsewhere.

use super::{Console, outcome::grouped, visible};
use crate::collect::{Observer, report::Job};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Shows what jobs are doing. Implements [`Observer`].
#[derive(Debug)]
pub struct Progress {
    console: Console,
    bars: MultiProgress,
    jobs: Mutex<HashMap<String, ProgressBar>>,
    /// When a line was last said of a job, where there are no bars.
    said: Mutex<HashMap<String, Instant>>,
}

/// Waits shorter than this are not worth a line.
const WORTH_A_LINE: Duration = Duration::from_secs(5);

/// How often a job without a bar says how far it is: seldom enough to be read aloud, often enough for a log to show that it lives.
const A_LINE_EVERY: Duration = Duration::from_secs(30);

impl Progress {
    /// Creates it; nothing is drawn where the console wants no bars.
    pub fn new(console: Console) -> Self {
        Self { console, bars: MultiProgress::new(), jobs: Mutex::default(), said: Mutex::default() }
    }

    fn bar(&self, job: &str) -> Option<ProgressBar> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).get(job).cloned()
    }

    /// Says whether a job without a bar is due for a line; the first one is due when it has run for a while.
    fn due(&self, job: &str) -> bool {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        match said.get_mut(job) {
            Some(last) if last.elapsed() >= A_LINE_EVERY => {
                *last = Instant::now();
                true
            }
            Some(_) => false,
            None => {
                said.insert(job.to_owned(), Instant::now());
                false
            }
        }
    }

    fn say(&self, words: &str) {
        // A line printed beside living bars would be drawn over: indicatif lifts them first.
        self.bars.suspend(|| self.console.say(words));
    }
}

impl Observer for Progress {
    fn started(&self, job: &str) {
        if !self.console.bars {
            return;
        }
        let bar = self.bars.add(ProgressBar::new_spinner());
        let style = ProgressStyle::with_template("{spinner} {prefix}  {msg}  {elapsed}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        bar.set_prefix(visible(job));
        bar.enable_steady_tick(Duration::from_millis(120));
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).insert(job.to_owned(), bar);
    }

    fn advanced(&self, job: &str, rows: u64, bytes: u64) {
        let words = || format!("{} rows, {}", grouped(rows), super::outcome::size(bytes));
        match self.bar(job) {
            Some(bar) => bar.set_message(words()),
            None if self.due(job) => self.say(&format!("{}: {} so far", visible(job), words())),
            None => {}
        }
    }

    fn waiting(&self, job: &str, length: Duration, reason: &str) {
        let words = format!("waiting {} s: {}", length.as_secs_f32().ceil(), visible(reason));
        match self.bar(job) {
            Some(bar) => bar.set_message(words),
            None if length >= WORTH_A_LINE => self.say(&format!("{}: {words}", visible(job))),
            None => {}
        }
    }

    fn ended(&self, job: &Job) {
        if let Some(bar) = self.jobs.lock().unwrap_or_else(PoisonError::into_inner).remove(&job.name) {
            bar.finish_and_clear();
        }
    }
}
