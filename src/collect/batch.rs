//! A long list of values in a request that is limited: the query with all of it, or the same query over parts of it.

use crate::{
    error::{Error, Kind, Result},
    kql::{
        self,
        ast::Query,
        parameters::{self, Equality},
    },
};
use std::collections::BTreeMap;

/// Bytes of JSON that a query may take. The gateway refuses requests of about 1 MB (apis.md 4.2); what is left is for the bounds that
/// are added to the query, and the rest of the request.
const MOST: usize = 900_000;

/// The values for a query's parameters.
#[derive(Clone, Debug, Default)]
pub struct Filling {
    /// Each as a constant, lists too.
    pub constants: BTreeMap<String, String>,
    /// The lists, by their values.
    pub lists: BTreeMap<String, Vec<String>>,
}

/// A query with its parameters filled in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filled {
    /// The whole text.
    pub whole: String,
    /// Where that is too long to be sent: the texts over parts of its longest list, whose results together are its own, each row once.
    pub parts: Vec<String>,
}

/// Fills in the parameters of a query.
///
/// # Errors
/// [`Kind::Usage`] where a parameter has no value, or the text is too long and may not be parted.
pub fn fill(text: &str, filling: &Filling) -> Result<Filled> {
    let query = kql::parse(text).map_err(|error| Error::new(Kind::Query, error.to_string()).hint("correct the query"))?;
    let whole = filled(text, &query, &filling.constants)?;
    if length(&whole) <= MOST {
        return Ok(Filled { whole, parts: Vec::new() });
    }
    let longest = filling.lists.iter().max_by_key(|(_, values)| values.iter().map(String::len).sum::<usize>());
    let Some((name, values)) = longest else { return Err(too_long(length(&whole), "no list in it can be parted")) };
    let equality = parameters::parts_of(text, &query, name)
        .map_err(|why| too_long(length(&whole), &format!("`{name}` was not sent in parts: {why}")))?;
    let with = |values: &[&str]| {
        let mut constants = filling.constants.clone();
        constants.insert(name.clone(), parameters::list(values));
        filled(text, &query, &constants)
    };
    let room = MOST.checked_sub(length(&with(&[])?)).ok_or_else(|| too_long(length(&whole), "it is too long without the list, too"))?;
    let parts = parted(values, equality, room).ok_or_else(|| too_long(length(&whole), &format!("one value of `{name}` is too long")))?;
    let parts = parts.iter().map(|part| with(part)).collect::<Result<Vec<_>>>()?;
    Ok(Filled { whole, parts })
}

fn filled(text: &str, query: &Query, constants: &BTreeMap<String, String>) -> Result<String> {
    parameters::fill(text, query, constants).map_err(|missing| {
        let error = Error::new(Kind::Usage, format!("the query needs a value for its parameter `{}`", missing.join("`, `")));
        missing.iter().fold(error, |error, name| error.hint(format!("give it: --param {name}=VALUE")))
    })
}

fn too_long(bytes: usize, why: &str) -> Error {
    Error::new(Kind::Usage, format!("the request would be {:.1} MB, and the hunting APIs take 1 MB; {why}", megabytes(bytes)))
        .hint("part the list into several files; it is parted here where the query uses it once, in a `where ... in (list)` that no summarize, take or join follows")
}

#[allow(clippy::cast_precision_loss, reason = "it is shown with one digit")]
fn megabytes(bytes: usize) -> f64 {
    bytes as f64 / 1_000_000.0
}

/// Bytes of a text as JSON.
fn length(text: &str) -> usize {
    serde_json::to_string(text).map_or(usize::MAX, |json| json.len())
}

/// Cuts the values into runs that each take at most `room` bytes of JSON; values that count as one stay together.
fn parted(values: &[String], equality: Equality, room: usize) -> Option<Vec<Vec<&str>>> {
    let mut groups: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for value in values {
        let key = match equality {
            Equality::Exact => value.clone(),
            // Whatever the service holds for equal but for case is equal by this key, too.
            Equality::CaseFolded => value.to_lowercase().to_uppercase(),
        };
        let group = groups.entry(key).or_default();
        if !group.contains(&value.as_str()) {
            group.push(value);
        }
    }
    let mut parts: Vec<Vec<&str>> = Vec::new();
    let mut left = 0;
    for group in groups.into_values() {
        // A comma each; the quotes of the constant are two more than those of the JSON that is measured, with their escapes.
        let size: usize = group.iter().map(|value| length(&kql::literal::quote(value)) + 1).sum();
        if size > room {
            return None;
        }
        if let Some(part) = parts.last_mut().filter(|_| size <= left) {
            part.extend(group);
        } else {
            parts.push(group);
            left = room;
        }
        left -= size;
    }
    Some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn filling(values: Vec<String>) -> Filling {
        let constants = BTreeMap::from([("l".to_owned(), parameters::list(&values))]);
        Filling { constants, lists: BTreeMap::from([("l".to_owned(), values)]) }
    }

    fn hashes(count: usize) -> Vec<String> {
        (0..count).map(|number| format!("{number:064x}")).collect()
    }

    #[test]
    fn a_short_list_is_sent_whole() {
        let filled = fill("declare query_parameters(l: dynamic);\nT | summarize countif(A in (l))", &filling(hashes(3))).unwrap();
        assert!(filled.parts.is_empty() && filled.whole.starts_with("let l = dynamic([\"0"), "{filled:?}");
    }

    #[test]
    fn a_long_one_goes_in_parts_that_hold_every_value_once() {
        let values = hashes(40_000);
        let texts = fill("declare query_parameters(l: dynamic);\nT | where A in (l)", &filling(values.clone())).unwrap().parts;
        assert_eq!(texts.len(), 4);
        assert!(texts.iter().all(|text| length(text) <= MOST && text.ends_with("\nT | where A in (l)") && kql::parse(text).is_ok()));
        let sent: Vec<&str> = texts.iter().flat_map(|text| text.split('"').filter(|word| word.len() == 64)).collect();
        assert_eq!(sent.len(), values.len());
        assert_eq!(sent.into_iter().collect::<BTreeSet<_>>(), values.iter().map(String::as_str).collect());
    }

    #[test]
    fn values_that_are_one_stay_together() {
        let values = ["b", "A", "a", "B", "a"].map(str::to_owned);
        assert_eq!(parted(&values, Equality::CaseFolded, 17).unwrap(), [["A", "a"], ["b", "B"]]);
        assert_eq!(parted(&values, Equality::Exact, 17).unwrap(), [vec!["A", "B"], vec!["a", "b"]]);
        assert_eq!(parted(&values, Equality::Exact, 5), None);
    }

    #[test]
    fn what_may_not_be_parted_says_why() {
        let text = "declare query_parameters(l: dynamic);\nT | where A !in (l)";
        let error = fill(text, &filling(hashes(20_000))).unwrap_err();
        assert_eq!(error.kind(), Kind::Usage);
        assert!(error.message().contains("it does not filter every row of its result by `in (l)`"), "{error}");
        assert!(error.message().starts_with("the request would be 1.4 MB"), "{error}");
        assert!(fill(&format!("{text} {}", " ".repeat(MOST)), &filling(hashes(1))).is_err());
    }
}
