//! Says what is wrong with a configuration file: the file, the line, the key and the nearest right key; never a value.

use crate::error::{Error, Kind};
use std::path::Path;

/// Turns an error of the TOML reader into ours.
pub(super) fn toml_error(error: &toml::de::Error, text: &str, path: &Path) -> Error {
    let start = error.span().map_or(0, |span| span.start).min(text.len());
    let line = text.get(..start).unwrap_or(text).matches('\n').count() + 1;
    let place = format!("{}, line {line}", path.display());
    match unknown_key(error.message()) {
        Some((key, known)) => unknown(&place, key, &known),
        None => {
            let error = Error::new(Kind::Usage, format!("{place}: {}", in_toml_words(&without_values(error.message()))));
            let key = text.lines().nth(line - 1).and_then(|line| line.split_once('=')).map_or("", |(key, _)| key);
            let error = if is_of_secrets(key) { error.hint(NO_SECRETS) } else { error };
            error.hint("`ircollect init --output FILE` writes an example of every key")
        }
    }
}

/// Serde speaks of the types of this program.
fn in_toml_words(message: &str) -> String {
    message.split_once("expected struct ").map_or_else(|| message.to_owned(), |(head, _)| format!("{head}expected a table"))
}

fn is_of_secrets(key: &str) -> bool {
    ["secret", "password", "passphrase", "token", "credential"].iter().any(|word| key.contains(word))
}

fn unknown(place: &str, key: &str, known: &[&str]) -> Error {
    let error = Error::new(Kind::Usage, format!("{place}: unknown key `{key}`"));
    let error = match nearest(key, known.iter().copied()) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint(format!("known here: {}", known.join(", "))),
    };
    if is_of_secrets(key) { error.hint(NO_SECRETS) } else { error }
}

/// Advice wherever a secret seems to have been put into the file.
pub(super) const NO_SECRETS: &str = "a secret never stands in the file: name where it lies, as { vault = \"...\", secret = \"NAME\" }, { secret_env = \"VARIABLE\" } or { secret_file = \"...\" }";

/// Takes serde's words apart: "unknown field `a`, expected one of `b`, `c`".
fn unknown_key(message: &str) -> Option<(&str, Vec<&str>)> {
    let rest = message.strip_prefix("unknown field `")?;
    let (key, rest) = rest.split_once('`')?;
    Some((key, rest.split('`').skip(1).step_by(2).collect()))
}

/// Returns the candidate that `word` is most likely a misspelling of.
pub(super) fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let scored = candidates.map(|candidate| (strsim::jaro_winkler(word, candidate), candidate));
    let best = scored.max_by(|a, b| a.0.total_cmp(&b.0))?;
    // Below this, suggestions are more often noise than help (clap draws its line nearby).
    (best.0 > 0.75).then_some(best.1)
}

/// Replaces what stands between double quotes: serde quotes the value that it found.
fn without_values(message: &str) -> String {
    let (Some(first), Some(last)) = (message.find('"'), message.rfind('"')) else { return message.to_owned() };
    let (head, tail) = (message.get(..first).unwrap_or_default(), message.get(last + 1..).unwrap_or_default());
    format!("{head}\"…\"{tail}").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::super::file::File;
    use super::*;

    fn error(text: &str) -> Error {
        File::parse(text, Path::new("ircollect.toml")).unwrap_err()
    }

    #[test]
    fn names_the_line_the_key_and_the_nearest_right_one() {
        let error = error("case = \"x\"\n\n[profiles.a]\ntenat = \"contoso.com\"\n");
        assert_eq!(error.message(), "ircollect.toml, line 4: unknown key `tenat`");
        assert_eq!(error.hints(), ["did you mean `tenant`?"]);
        assert_eq!(error.kind(), Kind::Usage);
    }

    #[test]
    fn lists_the_keys_where_none_is_near() {
        let error = error("[quotas.graph]\nzzz = 1\n");
        assert!(error.hints()[0].starts_with("known here: calls_per_minute"), "{:?}", error.hints());
    }

    #[test]
    fn finds_keys_of_inline_tables() {
        let error = error("[profiles.a]\napp_id = \"x\"\ncredential = { secret_evn = \"IR\" }\n");
        assert_eq!(error.message(), "ircollect.toml, line 3: unknown key `secret_evn`");
        assert_eq!(error.hints()[0], "did you mean `secret_env`?");
    }

    #[test]
    fn never_shows_a_value() {
        for text in [
            "[profiles.a]\ncredential = \"hunter2\"\n",
            "[profiles.a]\ncredential = { client_secret = \"hunter2\" }\n",
            "[profiles.a]\nclient_secret = \"hunter2\"\n",
            "[profiles.a]\ncredential = { send_chain = \"hunter2\" }\n",
            "[profiles.a]\ncredential = { vault = \"hunter2\n",
            "[profiles.a]\ncredential = { certificate = hunter2 }\n",
            "client_secret = \"hunter\\\"2\"\n",
        ] {
            let error = error(text);
            let shown = format!("{error:?} {error} {:?}", error.hints());
            assert!(!shown.contains("hunter"), "{shown}");
        }
    }

    #[test]
    fn a_key_that_smells_of_a_secret_gets_the_advice() {
        assert!(error("client_secret = \"x\"").hints().iter().any(|hint| hint.contains("never stands in the file")));
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_wrong_the_value_stays_hidden(before in "[a-z_\\[\\]{}='\" \n]{0,30}", after in "[a-z_\\[\\]{}='\" \n]{0,20}") {
            if let Err(error) = File::parse(&format!("{before}= \"HUNTER2\"{after}"), Path::new("x")) {
                let shown = format!("{error:?}");
                proptest::prop_assert!(!shown.contains("HUNTER2"), "{}", shown);
            }
        }
    }
}
