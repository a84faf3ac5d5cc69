//! Names of queries: fit for every file system, and no two alike.

use super::queries::Given;
use crate::journal::hash;
use std::collections::{HashMap, HashSet};

/// Longest name. Folders are named after queries, and paths have limits.
const LONGEST: usize = 80;

/// Names that Windows keeps for devices, with any extension.
const DEVICES: &[&str] = &["con", "prn", "aux", "nul"];

/// Returns `text` with all but ASCII letters, digits and `-_.` made `-`; a name made of its hash where nothing is left.
pub(super) fn safe(text: &str) -> String {
    let mut name = String::new();
    for c in text.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '_' | '.') { c } else { '-' }) {
        let edge = name.is_empty() || name.ends_with(['-', '.']);
        if name.len() < LONGEST && !(edge && matches!(c, '-' | '.')) {
            name.push(c);
        }
    }
    let name = name.trim_end_matches(['-', '.']);
    if name.is_empty() {
        return hashed("query", text);
    }
    if is_device(name) { format!("query-{name}") } else { name.to_owned() }
}

fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let port = stem.strip_prefix("com").or_else(|| stem.strip_prefix("lpt"));
    DEVICES.contains(&stem.as_str()) || port.is_some_and(|number| number.len() == 1 && number.chars().all(|c| c.is_ascii_digit()))
}

/// Returns a name that is the same for the same text.
pub(super) fn hashed(prefix: &str, text: &str) -> String {
    let mut name = format!("{prefix}-{}", hash::of_bytes(text.as_bytes()));
    name.truncate(prefix.len() + 1 + 8);
    name
}

/// Makes the names differ, in either case. Queries of packs that would share one are told apart by their places there, so that a
/// name does not change when files come and go beside it; others by a number.
pub(super) fn tell_apart(queries: &mut [Given]) {
    let mut uses: HashMap<String, usize> = HashMap::new();
    for query in queries.iter() {
        *uses.entry(query.name.to_lowercase()).or_default() += 1;
    }
    let mut taken = HashSet::new();
    for query in queries {
        let shared = uses.get(&query.name.to_lowercase()).is_some_and(|uses| *uses > 1);
        if let Some(place) = query.place.as_ref().filter(|_| shared) {
            query.name = hashed(&query.name, place);
        }
        query.name = unused(&mut taken, &query.name);
    }
}

fn unused(taken: &mut HashSet<String>, name: &str) -> String {
    let mut candidate = name.to_owned();
    let mut number = 2;
    while !taken.insert(candidate.to_lowercase()) {
        candidate = format!("{name}-{number}");
        number += 1;
    }
    candidate
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names(given: &[(&str, Option<&str>)]) -> Vec<String> {
        let one =
            |(name, place): &(&str, Option<&str>)| Given { name: (*name).to_owned(), place: place.map(str::to_owned), ..Given::default() };
        let mut queries: Vec<Given> = given.iter().map(one).collect();
        tell_apart(&mut queries);
        queries.into_iter().map(|query| query.name).collect()
    }

    #[test]
    fn names_never_collide() {
        assert_eq!(names(&[("a", None), ("A", None), ("a", None), ("a-2", None)]), ["a", "A-2", "a-3", "a-2-2"]);
    }

    #[test]
    fn a_place_in_a_pack_gives_one_name_whatever_stands_beside_it() {
        let two = names(&[("x", Some("a/x.kql")), ("X", Some("b/X.kql"))]);
        let three = names(&[("x", Some("0/x.kql")), ("x", Some("a/x.kql")), ("X", Some("b/X.kql"))]);
        assert_eq!(two, three[1..]);
        assert_ne!(two[0].to_lowercase(), two[1].to_lowercase());
        assert_eq!(names(&[("x", Some("a/x.kql"))]), ["x"]);
    }

    #[test]
    fn names_are_fit_for_every_file_system() {
        let cases = [
            ("encoded-powershell", "encoded-powershell"),
            ("AD - Account: Password/Not Required?", "AD-Account-Password-Not-Required"),
            ("../../etc/passwd", "etc-passwd"),
            ("NUL.x", "query-NUL.x"),
            ("com1", "query-com1"),
            ("end. ", "end"),
            (".hidden", "hidden"),
        ];
        for (text, expected) in cases {
            assert_eq!(safe(text), expected);
        }
        assert!(safe("угроза").starts_with("query-") && safe("угроза") != safe("угрозы"));
    }

    proptest! {
        #[test]
        fn any_text_makes_a_name(text in "(?s).{0,120}") {
            let name = safe(&text);
            prop_assert!(!name.is_empty() && name.len() <= LONGEST + 6, "{name}");
            prop_assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)) && !name.starts_with('.') && !name.ends_with('.'), "{name}");
            prop_assert_eq!(safe(&name), name);
        }
    }
}
