//! The semantics that bite, over values that nobody thought of: each property holds the engine against a few lines of Rust that say
//! the same.

use crate::engine::{printed, rows};
use proptest::prelude::*;

fn literal(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn list(values: &[String]) -> String {
    values.iter().map(|text| literal(text)).collect::<Vec<_>>().join(", ")
}

fn longs(values: &[Option<i32>]) -> String {
    values.iter().map(|value| value.map_or("long(null)".to_owned(), |value| format!("long({value})"))).collect::<Vec<_>>().join(", ")
}

/// The terms of a text: longest runs of letters and digits.
fn terms(text: &str) -> Vec<String> {
    text.to_lowercase().split(|c: char| !c.is_alphanumeric()).filter(|term| !term.is_empty()).map(str::to_owned).collect()
}

fn count(values: &[i32], key: i32) -> usize {
    values.iter().filter(|value| **value == key).count()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn has_finds_terms_and_contains_finds_anything(texts in prop::collection::vec("[abB1é_.\\- \\\\/]{0,8}", 1..6), needle in "[abB1]{1,3}") {
        let text = format!(
            "datatable(t: string)[{}] | project t has {n}, t !has {n}, t hasprefix {n}, t hassuffix {n}, t contains {n}, t !contains {n}, i = row_number()",
            list(&texts), n = literal(&needle)
        );
        let text = text.replace("] | project", "] | serialize | project") + " | sort by i asc";
        let wanted = needle.to_lowercase();
        for (row, text) in rows(&text).iter().zip(&texts) {
            let own = terms(text);
            let (has, contains) = (own.contains(&wanted), text.to_lowercase().contains(&wanted));
            let (prefix, suffix) = (own.iter().any(|term| term.starts_with(&wanted)), own.iter().any(|term| term.ends_with(&wanted)));
            let expected = format!("{has}|{}|{prefix}|{suffix}|{contains}|{}", !has, !contains);
            prop_assert!(row.starts_with(&expected), "{text:?} {needle:?}: {row} for {expected}");
        }
    }

    #[test]
    fn a_null_is_unequal_to_every_value(values in prop::collection::vec(prop::option::of(-2_i32..3), 1..12), wanted in -2_i32..3) {
        let with = |predicate: &str| {
            let text = format!("datatable(v: long)[{}] | where {predicate} | count", longs(&values));
            rows(&text)[0].parse::<usize>().unwrap()
        };
        let equal = values.iter().filter(|value| **value == Some(wanted)).count();
        prop_assert_eq!(with(&format!("v == {wanted}")), equal);
        prop_assert_eq!(with(&format!("v != {wanted}")), values.len() - equal);
        prop_assert_eq!(with(&format!("v in ({wanted}, 77)")), equal);
        prop_assert_eq!(with(&format!("v !in ({wanted}, 77)")), values.len() - equal);
        prop_assert_eq!(with(&format!("v > {wanted}")), values.iter().flatten().filter(|value| **value > wanted).count());
    }

    #[test]
    fn aggregates_pass_over_nulls(values in prop::collection::vec(prop::option::of(-9_i32..9), 1..12)) {
        let text = format!("datatable(v: long)[{}] | summarize count(), countif(isnull(v)), sum(v), dcount(v), array_length(make_list(v))", longs(&values));
        let known: Vec<i32> = values.iter().flatten().copied().collect();
        let distinct: std::collections::BTreeSet<_> = known.iter().collect();
        let expected = format!("{}|{}|{}|{}|{}", values.len(), values.len() - known.len(), known.iter().sum::<i32>(), distinct.len(), known.len());
        prop_assert_eq!(rows(&text), [expected]);
    }

    #[test]
    fn lists_are_looked_up_in_any_case_whatever_they_are_made_of(words in prop::collection::vec("[aAbB]{1,2}", 1..6), wanted in "[aAbB]{1,2}") {
        let expected = words.iter().any(|word| word.eq_ignore_ascii_case(&wanted));
        let exact = words.contains(&wanted);
        let (words, wanted) = (list(&words), literal(&wanted));
        prop_assert_eq!(printed(&format!("{wanted} in~ ({words})")), expected.to_string());
        prop_assert_eq!(printed(&format!("{wanted} in~ (dynamic([{words}]))")), expected.to_string());
        prop_assert_eq!(printed(&format!("{wanted} !in~ (dynamic([{words}]))")), (!expected).to_string());
        prop_assert_eq!(printed(&format!("{wanted} in (dynamic([{words}]))")), exact.to_string());
        prop_assert_eq!(rows(&format!("let l = datatable(w: string)[{words}]; print {wanted} in~ (l)")), [expected.to_string()]);
    }

    #[test]
    fn bins_go_down_also_below_zero(value in -1_000_i64..1_000, size in 1_i64..60) {
        prop_assert_eq!(printed(&format!("bin({value}, {size})")), (value.div_euclid(size) * size).to_string());
        let span = printed(&format!("tolong(bin({value} * 1s, {size} * 1s) / 1s)"));
        prop_assert_eq!(span, (value.div_euclid(size) * size).to_string());
    }

    #[test]
    fn times_are_binned_from_the_first_year_on(seconds in -3_000_000_000_i64..4_000_000_000, size in 1_i64..400_000) {
        // Seconds from 0001-01-01 to 1970-01-01.
        const FIRST: i64 = 62_135_596_800;
        let time = jiff::Timestamp::from_second(seconds).unwrap();
        let expected = (seconds + FIRST).div_euclid(size) * size - FIRST;
        let binned = printed(&format!("bin(datetime({time}), {size} * 1s)"));
        prop_assert_eq!(binned.parse::<jiff::Timestamp>().unwrap().as_second(), expected);
    }

    #[test]
    fn months_and_years_end_where_the_calendar_ends_them(seconds in -9_000_000_000_i64..9_000_000_000) {
        use jiff::{ToSpan, civil::Time, tz::Offset};
        let time = jiff::Timestamp::from_second(seconds).unwrap();
        let day = Offset::UTC.to_datetime(time).date();
        let at = |date: jiff::civil::Date| Offset::UTC.to_timestamp(date.to_datetime(Time::midnight())).unwrap();
        let row = rows(&format!(
            "let t = datetime({time}); print startofday(t), startofmonth(t), endofmonth(t) + 1tick, startofyear(t), endofyear(t) + 1tick, dayofyear(t), datetime_add('month', 1, startofmonth(t))"
        ));
        let printed = row[0].replace(".0000000Z", "Z");
        let next = at(day.last_of_month().checked_add(1.day()).unwrap());
        let year = day.year();
        let expected = format!(
            "{}|{}|{next}|{}|{}|{}|{next}",
            at(day), at(day.first_of_month()), at(day.first_of_year()), at(jiff::civil::date(year + 1, 1, 1)), day.day_of_year()
        );
        prop_assert_eq!(printed, expected);
    }

    #[test]
    fn times_keep_their_ticks(ticks in -30_000_000_000_000_000_i64..60_000_000_000_000_000) {
        let time = jiff::Timestamp::from_nanosecond(i128::from(ticks) * 100).unwrap();
        let printed = printed(&format!("t = datetime({time}), same = datetime({time}) == todatetime('{time}'), d = (datetime({time}) + 1tick) - datetime({time})"));
        let (shown, rest) = printed.split_once('|').unwrap();
        prop_assert_eq!(shown.parse::<jiff::Timestamp>().unwrap(), time);
        prop_assert_eq!(rest, "true|00:00:00.0000001");
    }

    #[test]
    fn joins_multiply_duplicates_as_their_kind_says(left in prop::collection::vec(0_i32..4, 0..7), right in prop::collection::vec(0_i32..4, 0..7)) {
        let side = |values: &[i32]| {
            let cells: Vec<String> = values.iter().map(|value| format!("long({value})")).collect();
            format!("(datatable(k: long)[{}])", cells.join(", "))
        };
        let of = |kind: &str| {
            let text = format!("{} | join kind={kind} {} on k | count", side(&left), side(&right));
            rows(&text)[0].parse::<usize>().unwrap()
        };
        let pairs = |one: fn(usize, usize) -> usize| (0..4).map(|key| one(count(&left, key), count(&right, key))).sum::<usize>();
        prop_assert_eq!(of("inner"), pairs(|left, right| left * right));
        prop_assert_eq!(of("innerunique"), pairs(|left, right| left.min(1) * right));
        prop_assert_eq!(of("leftouter"), pairs(|left, right| left * right.max(1)));
        prop_assert_eq!(of("rightouter"), pairs(|left, right| left.max(1) * right));
        prop_assert_eq!(of("fullouter"), pairs(|left, right| left.max(usize::from(right > 0)) * right.max(usize::from(left > 0))));
        prop_assert_eq!(of("leftsemi"), pairs(|left, right| if right > 0 { left } else { 0 }));
        prop_assert_eq!(of("leftanti"), pairs(|left, right| if right > 0 { 0 } else { left }));
        prop_assert_eq!(of("rightsemi"), pairs(|left, right| if left > 0 { right } else { 0 }));
        prop_assert_eq!(of("rightanti"), pairs(|left, right| if left > 0 { 0 } else { right }));
    }
}

#[test]
fn nothing_is_summed_up_to_one_row_and_by_groups_to_none() {
    let nothing = "datatable(v: long, k: string)[] | ";
    let summed = rows(&format!("{nothing}summarize count(), sum(v), max(v), avg(v), dcount(v), make_list(v), take_any(k)"));
    assert_eq!(summed.len(), 1);
    assert!(summed[0].starts_with("0|0|null|"), "{}", summed[0]);
    assert!(rows(&format!("{nothing}summarize count() by k")).is_empty());
}

#[test]
fn times_end_where_their_range_does() {
    assert_eq!(printed("datetime(0001-01-01) < datetime(1900-01-01), datetime(9999-12-31) > datetime(2200-01-01)"), "true|true");
    assert_eq!(printed("datetime(0001-01-01)"), "0001-01-01T00:00:00.0000000Z");
    assert_eq!(
        printed("endofyear(datetime(2024-02-29)), datetime_add('year', 1, datetime(2024-02-29))"),
        "2024-12-31T23:59:59.9999999Z|2025-02-28T00:00:00.0000000Z"
    );
}
