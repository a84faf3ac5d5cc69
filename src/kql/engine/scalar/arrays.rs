//! Functions of dynamic arrays: length, parts, sets, order.

use super::super::value::Value;
use super::super::{json, numbers};
use super::cells::{Json, Long, Made, Text, map1, map2, map3, texts};
use super::convert::as_json;
use super::function::call;
use super::{Args, Entry, MANY, Outcome, entry, sure};
use crate::kql::ast::TypeName;
use arrow::array::{Array, StringArray};
use std::collections::HashSet;
use std::sync::Arc;

pub(super) const FUNCTIONS: &[Entry] = &[
    sure("array_length", 1, 1, length),
    sure("arraylength", 1, 1, length),
    sure("pack_array", 0, MANY, |args| pack(args.all())),
    sure("array_concat", 1, MANY, concat),
    sure("array_slice", 3, 3, slice),
    sure("array_index_of", 2, 2, index_of),
    sure("array_reverse", 1, 1, |args| reorder("array_reverse", args.json(0), |items| items.reverse())),
    sure("array_sort_asc", 1, 1, |args| reorder("array_sort_asc", args.json(0), |items| items.sort_by(|a, b| order(a, b)))),
    sure("array_sort_desc", 1, 1, |args| reorder("array_sort_desc", args.json(0), |items| items.sort_by(|a, b| order(b, a)))),
    sure("array_sum", 1, 1, sum),
    sure("array_iff", 3, 3, iff),
    sure("array_iif", 3, 3, iff),
    sure("set_has_element", 2, 2, has_element),
    sure("set_union", 2, MANY, |args| fold_sets("set_union", args, union)),
    sure("set_intersect", 2, MANY, |args| fold_sets("set_intersect", args, intersect)),
    sure("set_difference", 2, MANY, |args| fold_sets("set_difference", args, difference)),
    sure("jaccard_index", 2, 2, jaccard),
    entry("range", 2, 3, range),
    sure("repeat", 2, 2, repeat),
    sure("zip", 2, MANY, zip),
];

fn items(json: &str) -> Vec<&str> {
    json::elements(json).map(Iterator::collect).unwrap_or_default()
}

fn length(args: &Args) -> Value {
    map1::<Json, i64>("array_length", "", TypeName::Long, args.json(0), |json| Some(numbers::count(json::elements(json)?.count())))
}

/// Makes an array of cells.
pub(crate) fn pack(values: Vec<Value>) -> Value {
    if values.is_empty() {
        return Value::dynamic("[]");
    }
    over_json("pack_array", values, |cells| Some(json::array(cells.iter().map(|cell| cell.unwrap_or("null")))))
}

/// A function of any number of dynamic cells.
pub(crate) fn over_json(
    name: &'static str,
    values: Vec<Value>,
    body: impl Fn(&[Option<&str>]) -> Option<String> + Send + Sync + 'static,
) -> Value {
    let values = values.into_iter().map(as_json).collect();
    call(name, "", TypeName::Dynamic, values, move |arrays, rows| {
        let columns = arrays.iter().map(texts).collect::<Result<Vec<_>, _>>()?;
        let row_cells = |row: usize| columns.iter().map(|column| column.is_valid(row).then(|| column.value(row))).collect::<Vec<_>>();
        Ok(Arc::new((0..rows).map(|row| body(&row_cells(row))).collect::<StringArray>()))
    })
}

fn concat(args: &Args) -> Value {
    over_json("array_concat", args.all(), |cells| {
        if cells.iter().all(Option::is_none) {
            return None;
        }
        let parts = cells.iter().flatten().flat_map(|cell| json::elements(cell).map_or_else(|| vec![*cell], Iterator::collect));
        Some(json::array(parts))
    })
}

fn slice(args: &Args) -> Value {
    map3::<Json, Long, Long, Made>("array_slice", "", TypeName::Dynamic, (args.json(0), args.long(1), args.long(2)), |json, start, end| {
        let items: Vec<_> = json::elements(json)?.collect();
        let place = |index: i64| {
            let index = if index < 0 { numbers::count(items.len()).saturating_add(index) } else { index };
            usize::try_from(index.max(0)).unwrap_or(usize::MAX).min(items.len())
        };
        let (start, end) = (place(start), place(end).saturating_add(1).min(items.len()));
        Some(Made(json::array(items.get(start..end).unwrap_or_default())))
    })
}

fn index_of(args: &Args) -> Value {
    map2::<Json, Json, i64>("array_index_of", "", TypeName::Long, (args.json(0), args.json(1)), |json, sought| {
        Some(json::elements(json)?.position(|item| same(item, sought)).map_or(-1, numbers::count))
    })
}

/// Equal as JSON, or as numbers where the spelling differs.
fn same(a: &str, b: &str) -> bool {
    a == b
        || json::text(a) == json::text(b)
        || matches!((numbers::parse_real(a), numbers::parse_real(b)), (Some(x), Some(y)) if x.total_cmp(&y).is_eq())
}

fn reorder(name: &'static str, value: Value, change: fn(&mut Vec<&str>)) -> Value {
    map1::<Json, Made>(name, "", TypeName::Dynamic, value, move |json| {
        let mut items: Vec<_> = json::elements(json)?.collect();
        change(&mut items);
        Some(Made(json::array(items)))
    })
}

/// Numbers by value, everything else by text, nulls last.
fn order(a: &str, b: &str) -> std::cmp::Ordering {
    match (numbers::parse_real(a), numbers::parse_real(b)) {
        (Some(x), Some(y)) => x.total_cmp(&y),
        _ => (a == "null").cmp(&(b == "null")).then_with(|| json::text(a).cmp(&json::text(b))),
    }
}

fn sum(args: &Args) -> Value {
    map1::<Json, f64>("array_sum", "", TypeName::Real, args.json(0), |json| json::elements(json)?.map(numbers::parse_real).sum())
}

fn iff(args: &Args) -> Value {
    over_json("array_iff", args.all(), |cells| {
        let [Some(conditions), yes, no] = cells else { return None };
        let pick = |side: Option<&str>, at: usize| -> String {
            let side = side.unwrap_or("null");
            json::elements(side).map_or(Some(side), |mut items| items.nth(at)).unwrap_or("null").to_owned()
        };
        let chosen =
            json::elements(conditions)?.enumerate().map(|(at, yes_no)| if yes_no == "true" { pick(*yes, at) } else { pick(*no, at) });
        Some(json::array(chosen))
    })
}

fn has_element(args: &Args) -> Value {
    map2::<Json, Json, bool>("set_has_element", "", TypeName::Bool, (args.json(0), args.json(1)), |json, sought| {
        Some(json::elements(json)?.any(|item| same(item, sought)))
    })
}

fn fold_sets(name: &'static str, args: &Args, combine: fn(Vec<String>, &[&str]) -> Vec<String>) -> Value {
    over_json(name, args.all(), move |cells| {
        let (first, rest) = cells.split_first()?;
        let start = union(Vec::new(), &items((*first)?));
        let made = rest.iter().fold(start, |set, cell| combine(set, &items(cell.unwrap_or_default())));
        Some(json::array(made))
    })
}

fn union(mut set: Vec<String>, more: &[&str]) -> Vec<String> {
    let mut seen: HashSet<String> = set.iter().cloned().collect();
    set.extend(more.iter().filter(|item| seen.insert((**item).to_owned())).map(|item| (*item).to_owned()));
    set
}

fn intersect(mut set: Vec<String>, other: &[&str]) -> Vec<String> {
    let other: HashSet<&str> = other.iter().copied().collect();
    set.retain(|item| other.contains(item.as_str()));
    set
}

fn difference(mut set: Vec<String>, other: &[&str]) -> Vec<String> {
    let other: HashSet<&str> = other.iter().copied().collect();
    set.retain(|item| !other.contains(item.as_str()));
    set
}

fn jaccard(args: &Args) -> Value {
    map2::<Json, Json, f64>("jaccard_index", "", TypeName::Real, (args.json(0), args.json(1)), |a, b| {
        let (a, b): (HashSet<&str>, HashSet<&str>) = (json::elements(a)?.collect(), json::elements(b)?.collect());
        let all = a.union(&b).count();
        Some(if all == 0 {
            f64::NAN
        } else {
            numbers::to_f64(numbers::count(a.intersection(&b).count())) / numbers::to_f64(numbers::count(all))
        })
    })
}

/// The service stops at this many elements.
const MOST: usize = 1_048_576;

fn range(args: &Args) -> Outcome {
    let (start, end) = (args.get(0), args.get(1));
    if start.kind == TypeName::Datetime {
        return Ok(time_range(args));
    }
    if [&start, &end].iter().any(|value| value.kind == TypeName::Real) {
        return Err("range() of reals is not supported by this engine".to_owned());
    }
    let step = if args.len() > 2 { args.long(2) } else { Value::long(1) };
    Ok(map3::<Long, Long, Long, Made>("range", "", TypeName::Dynamic, (args.long(0), args.long(1), step), |start, end, step| {
        Some(Made(json::array(steps(start, end, step)?.take(MOST).map(|value| value.to_string()))))
    }))
}

/// The values from one bound to the other, both included; nothing for a step of zero.
pub(crate) fn steps(start: i64, end: i64, step: i64) -> Option<impl Iterator<Item = i64>> {
    if step == 0 {
        return None;
    }
    let inside = move |value: &i64| if step > 0 { *value <= end } else { *value >= end };
    Some(std::iter::successors(Some(start), move |value| value.checked_add(step)).take_while(inside))
}

fn time_range(args: &Args) -> Value {
    use super::super::types::format_datetime;
    use super::cells::{Span, Time};
    let step = if args.len() > 2 { args.get(2) } else { Value::timespan(super::super::clock::HOUR) };
    map3::<Time, Time, Span, Made>("range", "time", TypeName::Dynamic, (args.get(0), args.time(1), step), |start, end, step| {
        Some(Made(json::array(steps(start, end, step)?.take(MOST).map(|nanos| json::quoted(&format_datetime(nanos))))))
    })
}

fn repeat(args: &Args) -> Value {
    map2::<Json, Long, Made>("repeat", "", TypeName::Dynamic, (args.json(0), args.long(1)), |value, times| {
        let times = usize::try_from(times).ok()?.min(MOST);
        Some(Made(json::array(std::iter::repeat_n(value, times))))
    })
}

fn zip(args: &Args) -> Value {
    over_json("zip", args.all(), |cells| {
        let lists: Vec<Vec<&str>> = cells.iter().map(|cell| items(cell.unwrap_or_default())).collect();
        let longest = lists.iter().map(Vec::len).max().unwrap_or(0);
        let row = |at: usize| json::array(lists.iter().map(|list| list.get(at).copied().unwrap_or("null")));
        Some(json::array((0..longest).map(row)))
    })
}

/// The elements of a constant array as texts.
pub(crate) fn constant_texts(value: &Value) -> Option<Vec<String>> {
    Some(json::elements(value.as_text()?)?.map(|item| json::text(item).into_owned()).collect())
}

/// A test of a text against an array that is not constant.
pub(crate) fn test_list(
    name: &'static str,
    text: Value,
    list: Value,
    body: impl Fn(&str, &[&str]) -> bool + Send + Sync + 'static,
) -> Value {
    map2::<Text, Json, bool>(name, "", TypeName::Bool, (text, list), move |text, list| Some(body(text, &items(list))))
}
