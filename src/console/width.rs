//! How wide standard output is, in columns.

use std::{
    fs::File,
    io::IsTerminal,
    process::{Command, Stdio},
};

/// Width of what is no terminal, or does not tell.
const USUAL: usize = 80;

/// Returns the width of standard output. `columns` is what the variable `COLUMNS` says, which wins: a shell may export it, a test will.
pub fn width(columns: Option<usize>) -> usize {
    of(columns, std::io::stdout().is_terminal())
}

/// Returns the width that lines should keep to: none where nobody looks, so that whole lines go to a file or the next program.
pub fn looked_at(columns: Option<usize>) -> Option<usize> {
    (columns.is_some() || std::io::stdout().is_terminal()).then(|| width(columns))
}

/// Returns the width of an output that is a terminal or not.
pub(super) fn of(columns: Option<usize>, is_terminal: bool) -> usize {
    columns.or_else(|| is_terminal.then(of_terminal).flatten()).filter(|width| *width > 0).unwrap_or(USUAL)
}

/// Asks `stty`, which every Unix has: the system call itself needs unsafe code.
fn of_terminal() -> Option<usize> {
    if cfg!(windows) {
        return None;
    }
    let terminal = File::open("/dev/tty").ok()?;
    let output = Command::new("stty").arg("size").stdin(terminal).stderr(Stdio::null()).output().ok()?;
    std::str::from_utf8(&output.stdout).ok()?.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_wins_and_nothing_is_the_usual() {
        assert_eq!(width(Some(41)), 41);
        assert_eq!(width(Some(0)), USUAL);
    }
}
