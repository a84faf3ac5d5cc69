//! Functions of dynamic bags, of JSON text, and access to the parts of dynamic values.

use super::super::value::Value;
use super::super::{json, numbers};
use super::arrays::over_json;
use super::cells::{Json, Long, Made, Text, map1, map2};
use super::convert::{as_json, convert, to_dynamic, to_text};
use super::regexes::type_of;
use super::{Args, Entry, MANY, Outcome, entry, sure};
use crate::kql::ast::TypeName;
use std::collections::HashSet;

pub(super) const FUNCTIONS: &[Entry] = &[
    sure("parse_json", 1, 1, |args| to_dynamic(args.get(0))),
    sure("parsejson", 1, 1, |args| to_dynamic(args.get(0))),
    sure("todynamic", 1, 1, |args| to_dynamic(args.get(0))),
    sure("toobject", 1, 1, |args| to_dynamic(args.get(0))),
    sure("dynamic_to_json", 1, 1, to_json),
    entry("bag_pack", 0, MANY, pack),
    entry("pack", 0, MANY, pack),
    entry("pack_dictionary", 0, MANY, pack),
    sure("bag_keys", 1, 1, keys),
    sure("bag_has_key", 2, 2, has_key),
    sure("bag_merge", 1, MANY, |args| over_json("bag_merge", args.all(), merge)),
    sure("bag_set_key", 3, 3, set_key),
    sure("bag_remove_keys", 2, 2, remove_keys),
    sure("bag_zip", 2, 2, zip),
    sure("treepath", 1, 1, tree_paths),
    entry("extractjson", 2, 3, extract),
    entry("extract_json", 2, 3, extract),
    sure("gettype", 1, 1, get_type),
];

/// `a.b` and `a["b"]`.
pub(crate) fn member(value: Value, key: &str) -> Value {
    let wanted = key.to_owned();
    map1::<Json, Made>("member", key, TypeName::Dynamic, as_dynamic(value), move |json| {
        json::member(json, &wanted).map(|part| Made(part.to_owned()))
    })
}

/// `a[1]`.
pub(crate) fn element(value: Value, index: i64) -> Value {
    map1::<Json, Made>("element", index.to_string(), TypeName::Dynamic, as_dynamic(value), move |json| {
        json::element(json, index).map(|part| Made(part.to_owned()))
    })
}

/// `a[b]`, where `b` is a text or a number of the row.
pub(crate) fn item(value: Value, index: Value) -> Value {
    let value = as_dynamic(value);
    if index.is_numeric() {
        let index = convert(index, TypeName::Long);
        return map2::<Json, Long, Made>("element", "", TypeName::Dynamic, (value, index), |json, index| {
            json::element(json, index).map(|part| Made(part.to_owned()))
        });
    }
    map2::<Json, Text, Made>("member", "", TypeName::Dynamic, (value, to_text(index)), |json, key| {
        let part = json::member(json, key).or_else(|| json::element(json, key.parse().ok()?));
        part.map(|part| Made(part.to_owned()))
    })
}

/// Text whose parts are asked for is read as JSON.
fn as_dynamic(value: Value) -> Value {
    if value.kind == TypeName::String { to_dynamic(value) } else { as_json(value) }
}

fn to_json(args: &Args) -> Value {
    map1::<Json, String>("dynamic_to_json", "", TypeName::String, args.json(0), |json| Some(json.to_owned()))
}

fn pack(args: &Args) -> Outcome {
    if args.len() % 2 == 1 {
        return Err("keys and values must come in pairs".to_owned());
    }
    if args.len() == 0 {
        return Ok(Value::dynamic("{}"));
    }
    Ok(pack_pairs(args.all()))
}

/// Makes a bag of keys and values in turn.
pub(crate) fn pack_pairs(values: Vec<Value>) -> Value {
    over_json("bag_pack", values, |cells| {
        let pairs = cells.chunks(2).map(|pair| (json::text(pair[0].unwrap_or_default()), pair.get(1).copied().flatten().unwrap_or("null")));
        Some(json::bag(pairs))
    })
}

/// A bag without its nulls and empty texts.
pub(crate) fn without_empty(bag: Value) -> Value {
    map1::<Json, Made>("without_empty", "", TypeName::Dynamic, bag, |json| {
        Some(Made(json::bag(json::members(json)?.filter(|(_, value)| !matches!(*value, "null" | "\"\"")))))
    })
}

fn keys(args: &Args) -> Value {
    map1::<Json, Made>("bag_keys", "", TypeName::Dynamic, args.json(0), |json| {
        Some(Made(json::array(json::members(json)?.map(|(key, _)| json::quoted(&key)))))
    })
}

fn has_key(args: &Args) -> Value {
    map2::<Json, Text, bool>("bag_has_key", "", TypeName::Bool, (args.json(0), args.text(1)), |json, sought| {
        Some(json::members(json)?.any(|(key, _)| key == sought))
    })
}

/// Of keys that stand in several bags, the first one's value counts.
fn merge(cells: &[Option<&str>]) -> Option<String> {
    let mut seen = HashSet::new();
    let mut made = Vec::new();
    for (key, value) in cells.iter().flatten().filter_map(|cell| json::members(cell)).flatten() {
        if seen.insert(key.clone()) {
            made.push((key, value));
        }
    }
    cells.iter().any(Option::is_some).then(|| json::bag(made))
}

fn set_key(args: &Args) -> Value {
    over_json("bag_set_key", args.all(), |cells| {
        let [bag, Some(key), value] = cells else { return None };
        let key = json::text(key);
        let kept = json::members(bag.unwrap_or("{}"))?.filter(|(name, _)| *name != key);
        let kept: Vec<_> = kept.chain(std::iter::once((key.clone(), value.unwrap_or("null")))).collect();
        Some(json::bag(kept))
    })
}

fn remove_keys(args: &Args) -> Value {
    map2::<Json, Json, Made>("bag_remove_keys", "", TypeName::Dynamic, (args.json(0), args.json(1)), |json, list| {
        let removed: HashSet<_> = json::elements(list)?.map(json::text).collect();
        Some(Made(json::bag(json::members(json)?.filter(|(key, _)| !removed.contains(key)))))
    })
}

fn zip(args: &Args) -> Value {
    map2::<Json, Json, Made>("bag_zip", "", TypeName::Dynamic, (args.json(0), args.json(1)), |keys, values| {
        let mut values = json::elements(values)?;
        let pairs: Vec<_> = json::elements(keys)?.map(|key| (json::text(key), values.next().unwrap_or("null"))).collect();
        Some(Made(json::bag(pairs)))
    })
}

fn tree_paths(args: &Args) -> Value {
    map1::<Json, Made>("treepath", "", TypeName::Dynamic, args.json(0), |json| {
        let mut paths = Vec::new();
        collect_paths(json, "", &mut paths, 0);
        Some(Made(json::array(paths.iter().map(|path| json::quoted(path)))))
    })
}

/// Deeper values are not looked into.
const DEEPEST: usize = 64;

fn collect_paths(json: &str, prefix: &str, paths: &mut Vec<String>, depth: usize) {
    if depth > DEEPEST {
        return;
    }
    for (key, value) in json::members(json).into_iter().flatten() {
        let path = format!("{prefix}['{key}']");
        paths.push(path.clone());
        collect_paths(value, &path, paths, depth + 1);
    }
    if json::elements(json).is_some_and(|mut items| items.next().is_some()) {
        let path = format!("{prefix}[0]");
        paths.push(path.clone());
        collect_paths(json::element(json, 0).unwrap_or_default(), &path, paths, depth + 1);
    }
}

fn extract(args: &Args) -> Outcome {
    let path = args.constant_text(0)?;
    let steps = path_steps(&path).ok_or_else(|| format!("'{path}' is not a JSON path this engine knows"))?;
    let found = map1::<Json, String>("extract_json", path, TypeName::String, to_dynamic(args.get(1)), move |json| {
        let end = steps.iter().try_fold(json, |json, step| match step {
            Step::Key(key) => json::member(json, key),
            Step::Index(index) => json::element(json, *index),
        });
        end.map(|part| json::text(part).into_owned())
    });
    Ok(match args.given(2).as_ref().and_then(Value::as_text).and_then(type_of) {
        Some(TypeName::Dynamic) => to_dynamic(found),
        Some(kind) => convert(found, kind),
        None => found,
    })
}

enum Step {
    Key(String),
    Index(i64),
}

/// `$.a['b c'][0]`.
fn path_steps(path: &str) -> Option<Vec<Step>> {
    let mut rest = path.trim().strip_prefix('$')?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(['.', '[']).unwrap_or(after.len());
            steps.push(Step::Key(after.get(..end).filter(|key| !key.is_empty())?.to_owned()));
            rest = &after[end..];
        } else {
            let (inside, after) = rest.strip_prefix('[')?.split_once(']')?;
            let quoted = inside.strip_prefix(['\'', '"']).and_then(|text| text.strip_suffix(['\'', '"']));
            steps.push(quoted.map_or_else(|| inside.parse().ok().map(Step::Index), |key| Some(Step::Key(key.to_owned())))?);
            rest = after;
        }
    }
    Some(steps)
}

fn get_type(args: &Args) -> Value {
    let value = args.get(0);
    if value.kind != TypeName::Dynamic {
        return Value::text(super::super::types::type_name(value.kind));
    }
    map1::<Json, String>("gettype", "", TypeName::String, value, |json| {
        let name = match json::shape(json) {
            json::Shape::Null => "null",
            json::Shape::Bool => "bool",
            json::Shape::Number if numbers::parse_long(json).is_some() && !json.contains(['.', 'e', 'E']) => "long",
            json::Shape::Number => "double",
            json::Shape::Text => "string",
            json::Shape::Array => "array",
            json::Shape::Bag => "dictionary",
        };
        Some(name.to_owned())
    })
}
