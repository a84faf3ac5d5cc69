//! The tables of errors, held against the reference where it lies: every code of Entra and every refusal of Key Vault has its
//! meaning, its advice, and the right word on trying again.
//!
//! The reference is test input beside the package; without it this is skipped, loudly.

use crate::support::shared;
use ircollect::{
    identity::{Retry, find},
    vault::Wall,
};

/// The cells of the table's rows below a heading.
fn rows(heading: &str) -> Option<Vec<Vec<String>>> {
    let text = std::fs::read_to_string(shared("reference/apis.md")?).unwrap();
    let (_, section) = text.split_once(&format!("\n### {heading}\n")).unwrap();
    let section = section.split("\n### ").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| "));
    let cells = |row: &str| row.trim_end_matches('|').split(" | ").map(|cell| cell.trim().trim_matches('`').to_owned()).collect();
    Some(rows.map(cells).collect())
}

/// Codes that the reference does not retry and we do once, dated anew, since its advice is that of 700024.
const AS_700024: [u32; 2] = [50_013, 500_133];

fn retry(words: &str) -> Retry {
    match words {
        words if words.starts_with("no (yes") => Retry::Propagating,
        words if words.starts_with("no") || words.starts_with("stop") => Retry::Never,
        "once after re-sign" => Retry::Redate,
        "once with RS256" => Retry::Rs256,
        "yes" => Retry::Later,
        other => panic!("{other}"),
    }
}

#[test]
fn every_code_of_entra_has_its_row() {
    let Some(rows) = rows("1.6 AADSTS codes") else { return };
    let mut held = 0;
    for row in rows.iter().filter(|row| row[0].starts_with(|c: char| c.is_ascii_digit())) {
        for code in row[0].split(" / ").map(|code| code.parse::<u32>().unwrap()) {
            let known = find(code).unwrap_or_else(|| panic!("AADSTS{code} is not in the table"));
            assert!(!known.meaning.is_empty() && !known.advice.is_empty());
            let expected = if AS_700024.contains(&code) { Retry::Redate } else { retry(row.last().unwrap()) };
            assert_eq!(known.retry, expected, "AADSTS{code}");
            held += 1;
        }
    }
    assert!(held > 50, "{held}");
}

#[test]
fn every_refusal_of_a_vault_has_its_row() {
    let Some(rows) = rows("3.4 Errors") else { return };
    let mut held = 0;
    for row in rows.iter().filter(|row| row[0].starts_with(|c: char| c.is_ascii_digit())) {
        let inner = row[2].split('`').next().filter(|inner| *inner != "–").unwrap_or_default();
        let outer = row[1].split('`').next().unwrap();
        for status in row[0].split('/').map(|status| status.parse().unwrap()) {
            let wall = Wall::find(status, [inner, outer], "").unwrap_or_else(|| panic!("{row:?}"));
            let own = wall.code == inner || wall.code.is_empty();
            assert!(own && !wall.meaning.is_empty() && !wall.advice.is_empty(), "{row:?}");
            assert!(inner.is_empty() || status != 403 || wall.code == inner, "{row:?} has no row of its own");
            held += 1;
        }
    }
    assert!(held >= 12, "{held}");
}
