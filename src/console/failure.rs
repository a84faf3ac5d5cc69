//! An error for eyes: what went wrong, the underlined source, the causes, what to do next.

use super::visible;
use crate::error::Error;
use std::fmt::Write;

/// Renders an error. Every text in it may come from a service or a file and is made safe for a terminal.
pub fn report(error: &Error, color: bool) -> String {
    let paint = |code: &str, words: &str| if color { format!("\u{1b}[{code}m{words}\u{1b}[0m") } else { words.to_owned() };
    let mut text = format!("{} {}", paint("1;31", "error:"), visible(error.message()));
    if let Some(code) = error.explicit_code().filter(|code| !error.message().contains(*code)) {
        let _ = write!(text, " ({})", visible(code));
    }
    if let Some(excerpt) = error.excerpt() {
        let _ = write!(text, "\n{}", visible(excerpt));
    }
    for cause in causes(error) {
        let _ = write!(text, "\n  caused by: {}", visible(&cause));
    }
    for hint in error.hints() {
        let _ = write!(text, "\n  {} {}", paint("36", "hint:"), visible(hint));
    }
    text
}

/// The chain of causes, without those that only repeat what was said before.
fn causes(error: &Error) -> Vec<String> {
    let mut said = error.message().to_owned();
    let mut chain = Vec::new();
    let mut cause = std::error::Error::source(error);
    while let Some(current) = cause {
        let words = current.to_string();
        if !said.contains(&words) {
            said.push_str(&words);
            chain.push(words);
        }
        cause = current.source();
    }
    chain
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn reads_as_advice() {
        let error = Error::new(Kind::Query, "Graph refused the query `a.kql`: no table 'X'")
            .with_code("BadRequest")
            .with_excerpt("  1 | X | take 1\n    | ^")
            .caused_by(std::io::Error::other("socket closed"))
            .hint("check the table's spelling");
        assert_eq!(
            report(&error, false),
            "error: Graph refused the query `a.kql`: no table 'X' (BadRequest)\n  1 | X | take 1\n    | ^\n  caused by: socket closed\n  hint: check the table's spelling"
        );
    }
}
