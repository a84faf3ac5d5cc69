//! What people see: errors with hints, the closing words, tables, progress, and the log. Standard output carries data and the
//! summary and nothing else; everything for people goes to standard error.

mod failure;
mod hashing;
mod log;
mod outcome;
mod preview;
mod progress;
mod prompt;
mod text;
mod width;
mod wrap;

pub use failure::report;
pub use hashing::Hashing;
pub use log::{LogOptions, start as start_log};
pub use outcome::closing_words;
pub use preview::preview;
pub use progress::Progress;
pub use text::visible;
pub use width::{looked_at, width};

use std::io::{IsTerminal, Write};

/// Where words go, and how they look there.
#[derive(Clone, Copy, Debug)]
pub struct Console {
    /// Colours on standard error.
    pub color: bool,
    /// Progress bars on standard error.
    pub bars: bool,
    /// How much is said: 0 as usual, negative less.
    pub verbosity: i8,
}

impl Console {
    /// Settles the style: `color` none means "as the terminal and `NO_COLOR` say".
    pub fn new(color: Option<bool>, no_color: bool, no_progress: bool, verbosity: i8) -> Self {
        let terminal = std::io::stderr().is_terminal();
        Self { color: color.unwrap_or(terminal && !no_color), bars: terminal && !no_progress && verbosity >= 0, verbosity }
    }

    /// Says one line for people.
    pub fn say(self, words: &str) {
        if self.verbosity >= 0 {
            line(words);
        }
    }

    /// Counts down on the terminal's last line, which is empty again at zero.
    pub fn count(self, what: &str, seconds: f64) {
        let mut out = std::io::stderr().lock();
        let shown = if seconds > 0.0 { format!("{seconds:.0} s: {what}") } else { String::new() };
        let _closed = write!(out, "\r\u{1b}[2K{shown}").and_then(|()| out.flush());
    }

    /// Returns the width of the terminal that words go to; none where they go elsewhere, or are not wanted. `columns` as for [`width()`].
    pub fn width(self, columns: Option<usize>) -> Option<usize> {
        (self.verbosity >= 0 && std::io::stderr().is_terminal()).then(|| width::of(columns, true))
    }

    /// Says a warning, which `-q` alone does not silence.
    pub fn warn(self, words: &str) {
        if self.verbosity >= -1 {
            let head = if self.color { "\u{1b}[33mwarning:\u{1b}[0m" } else { "warning:" };
            line(&format!("{head} {}", visible(words)));
        }
    }

    /// Shows an error with its causes and hints.
    pub fn error(self, error: &crate::error::Error) {
        line(&report(error, self.color));
    }
}

/// A closed standard error is no reason to fail: there is nobody left to tell.
fn line(words: &str) {
    let _closed = writeln!(std::io::stderr().lock(), "{words}");
}

/// Writes data to standard output; a closed pipe ends it in silence, as `head` expects.
///
/// # Errors
/// [`crate::error::Kind::Disk`] where it cannot be written otherwise.
pub fn print_data(text: &str) -> crate::error::Result<()> {
    print_bytes(text.as_bytes())
}

/// Writes bytes to standard output as they are.
///
/// # Errors
/// As for [`print_data`].
pub fn print_bytes(bytes: &[u8]) -> crate::error::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(crate::error::Error::new(crate::error::Kind::Disk, "writing to standard output failed").caused_by(error))
        }
        _ => Ok(()),
    }
}

pub(crate) use outcome::{count, grouped, size};
pub(crate) use wrap::{clipped, wrapped};

/// Returns an empty table with that head, as wide as its content and the terminal allow.
pub(crate) fn table(head: &[&str]) -> comfy_table::Table {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING).set_header(head.to_vec());
    table
}

/// Lays a table out: in whole lines, or within a width, where cells wrap. Those of the first column do not: they are names, to be typed
/// or pasted.
pub(crate) fn laid_out(mut table: comfy_table::Table, width: Option<usize>) -> String {
    if let Some(width) = width {
        table.set_content_arrangement(comfy_table::ContentArrangement::Dynamic).set_width(u16::try_from(width).unwrap_or(u16::MAX));
        if let Some(names) = table.column_mut(0) {
            names.set_constraint(comfy_table::ColumnConstraint::ContentWidth);
        }
    }
    table.trim_fmt()
}
