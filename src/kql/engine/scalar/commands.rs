//! `parse_command_line`, by the rules that Windows programs read their arguments by.

use super::super::json;
use super::cells::{Made, Text, map1};
use super::{Args, Entry, Outcome, entry};
use crate::kql::ast::TypeName;

pub(super) const FUNCTIONS: &[Entry] = &[entry("parse_command_line", 2, 2, parse)];

fn parse(args: &Args) -> Outcome {
    let parser = args.constant_text(1)?;
    if !parser.eq_ignore_ascii_case("windows") {
        return Err(format!("'{parser}' is not a command line parser; 'windows' is"));
    }
    Ok(map1::<Text, Made>("parse_command_line", "", TypeName::Dynamic, args.text(0), |text| {
        let words = arguments(text);
        (!words.is_empty()).then(|| Made(json::array(words.iter().map(|word| json::quoted(word)))))
    }))
}

/// Blanks separate, quotes hold together, backslashes escape only in front of a quote.
fn arguments(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let (mut quoted, mut slashes) = (false, 0_usize);
    for c in line.chars() {
        match c {
            '\\' => slashes += 1,
            '"' => {
                let current = word.get_or_insert_default();
                current.extend(std::iter::repeat_n('\\', slashes / 2));
                if slashes % 2 == 1 {
                    current.push('"');
                } else {
                    quoted = !quoted;
                }
                slashes = 0;
            }
            c => {
                flush(&mut word, &mut slashes);
                if c.is_ascii_whitespace() && !quoted { words.extend(word.take()) } else { word.get_or_insert_default().push(c) }
            }
        }
    }
    flush(&mut word, &mut slashes);
    words.extend(word);
    words
}

fn flush(word: &mut Option<String>, slashes: &mut usize) {
    if *slashes > 0 {
        word.get_or_insert_default().extend(std::iter::repeat_n('\\', *slashes));
        *slashes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_backslashes_are_read_as_windows_does() {
        assert_eq!(arguments(r#""C:\Program Files\a.exe" -x "a\"b" c:\d\ "" "#), [r"C:\Program Files\a.exe", "-x", "a\"b", r"c:\d\", ""]);
        assert!(arguments("  ").is_empty());
    }
}
