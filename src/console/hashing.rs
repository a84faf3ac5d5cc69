//! A bar of bytes that are hashed.

use super::Console;
use indicatif::{ProgressBar, ProgressStyle};

/// Shows how far a verification is. Several threads may advance it.
#[derive(Debug)]
pub struct Hashing(ProgressBar);

impl Hashing {
    /// Begins, with the bytes that are to be hashed; nothing is drawn where the console wants no bars.
    pub fn new(console: Console, total: u64) -> Self {
        if !console.bars {
            return Self(ProgressBar::hidden());
        }
        let style = ProgressStyle::with_template("{wide_bar} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left");
        Self(ProgressBar::new(total).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())))
    }

    /// Counts bytes.
    pub fn advance(&self, bytes: u64) {
        self.0.inc(bytes);
    }

    /// Takes the bar away.
    pub fn end(&self) {
        self.0.finish_and_clear();
    }
}
