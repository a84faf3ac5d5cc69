//! Functions of texts: case, parts, joining, counting, replacing.

use super::super::matcher::{Needle, Place};
use super::super::value::Value;
use super::super::{json, numbers};
use super::cells::{Json, Long, Made, Text, map1, map2, map3, rewrite, test, texts};
use super::convert::{convert, to_text};
use super::function::call;
use super::{Args, Entry, MANY, Outcome, entry, sure};
use crate::kql::ast::TypeName;
use arrow::array::{Array, StringBuilder};
use std::sync::Arc;

pub(super) const FUNCTIONS: &[Entry] = &[
    sure("tolower", 1, 1, lower),
    sure("toupper", 1, 1, upper),
    sure("strlen", 1, 1, length),
    sure("string_size", 1, 1, size),
    sure("strcat", 1, MANY, |args| concat(args.all(), "")),
    entry("strcat_delim", 2, MANY, concat_delimited),
    entry("strcat_array", 2, 2, concat_array),
    entry("array_strcat", 2, 2, concat_array),
    entry("strrep", 2, 3, repeat),
    sure("strcmp", 2, 2, compare),
    sure("substring", 2, 3, substring),
    entry("indexof", 2, 5, index_of),
    sure("split", 2, 3, split),
    sure("replace_string", 3, 3, replace),
    sure("replace_strings", 3, 3, replace_many),
    sure("reverse", 1, 1, reverse),
    entry("translate", 3, 3, translate),
    sure("isempty", 1, 1, |args| is_empty(&args.get(0), false)),
    sure("isnotempty", 1, 1, |args| is_empty(&args.get(0), true)),
    sure("notempty", 1, 1, |args| is_empty(&args.get(0), true)),
    sure("isascii", 1, 1, |args| test("isascii", "", args.text(0), str::is_ascii)),
    sure("isutf8", 1, 1, |args| test("isutf8", "", args.text(0), |_| true)),
    sure("unicode_codepoints_from_string", 1, 1, code_points),
    sure("to_utf8", 1, 1, code_points),
    sure("unicode_codepoints_to_string", 1, MANY, from_code_points),
    sure("make_string", 1, MANY, from_code_points),
    sure("has_any_index", 2, 2, has_any_index),
];

fn lower(args: &Args) -> Value {
    rewrite("tolower", "", args.text(0), |text, out| {
        if text.is_ascii() {
            out.push_str(text);
            out.make_ascii_lowercase();
        } else {
            out.push_str(&text.to_lowercase());
        }
    })
}

fn upper(args: &Args) -> Value {
    rewrite("toupper", "", args.text(0), |text, out| out.push_str(&text.to_uppercase()))
}

fn length(args: &Args) -> Value {
    map1::<Text, i64>("strlen", "", TypeName::Long, args.text(0), |text| Some(numbers::count(text.chars().count())))
}

fn size(args: &Args) -> Value {
    map1::<Text, i64>("string_size", "", TypeName::Long, args.text(0), |text| Some(numbers::count(text.len())))
}

/// Joins texts, a constant delimiter between them.
pub(crate) fn concat(values: Vec<Value>, delimiter: &str) -> Value {
    let values = values.into_iter().map(to_text).collect();
    let between = delimiter.to_owned();
    call("strcat", delimiter, TypeName::String, values, move |arrays, rows| {
        let columns = arrays.iter().map(texts).collect::<Result<Vec<_>, _>>()?;
        let mut made = StringBuilder::new();
        let mut buffer = String::new();
        for row in 0..rows {
            buffer.clear();
            for (number, column) in columns.iter().enumerate() {
                if number > 0 {
                    buffer.push_str(&between);
                }
                if column.is_valid(row) {
                    buffer.push_str(column.value(row));
                }
            }
            made.append_value(&buffer);
        }
        Ok(Arc::new(made.finish()))
    })
}

fn concat_delimited(args: &Args) -> Outcome {
    let delimiter = args.constant_text(0)?;
    Ok(concat(args.all().split_off(1), &delimiter))
}

fn concat_array(args: &Args) -> Outcome {
    let delimiter = args.constant_text(1)?;
    let key = delimiter.clone();
    Ok(map1::<Json, String>("strcat_array", key, TypeName::String, args.json(0), move |json| {
        let items: Vec<_> = json::elements(json)?.map(json::text).collect();
        Some(items.join(&delimiter))
    }))
}

fn repeat(args: &Args) -> Outcome {
    let delimiter = args.constant_text(2)?;
    // The service stops at this many repetitions.
    let times = usize::try_from(args.constant_long(1, 1)?.clamp(0, 1_024)).unwrap_or(0);
    let key = format!("{times} {delimiter}");
    Ok(rewrite("strrep", key, args.text(0), move |text, out| out.push_str(&vec![text; times].join(&delimiter))))
}

fn compare(args: &Args) -> Value {
    map2::<Text, Text, i64>("strcmp", "", TypeName::Long, (args.text(0), args.text(1)), |a, b| {
        Some(match a.cmp(b) {
            std::cmp::Ordering::Less => -1,
            std::cmp::Ordering::Equal => 0,
            std::cmp::Ordering::Greater => 1,
        })
    })
}

fn substring(args: &Args) -> Value {
    let length = if args.len() > 2 { args.long(2) } else { Value::long(i64::MAX) };
    map3::<Text, Long, Long, String>("substring", "", TypeName::String, (args.text(0), args.long(1), length), |text, start, length| {
        Some(slice(text, start, length).to_owned())
    })
}

/// Characters from `start` (negative ones count from the end), at most `length`.
fn slice(text: &str, start: i64, length: i64) -> &str {
    let Ok(length) = usize::try_from(length) else { return "" };
    let start = match usize::try_from(start) {
        Ok(start) => start,
        Err(_) => text.chars().count().saturating_sub(usize::try_from(start.unsigned_abs()).unwrap_or(usize::MAX)),
    };
    if text.is_ascii() {
        let begin = start.min(text.len());
        return &text[begin..begin.saturating_add(length).min(text.len())];
    }
    let at = |number: usize| text.char_indices().nth(number).map_or(text.len(), |(at, _)| at);
    &text[at(start)..at(start.saturating_add(length))]
}

fn index_of(args: &Args) -> Outcome {
    let (start, length) = (args.constant_long(2, 0)?, args.constant_long(3, -1)?);
    let occurrence = args.constant_long(4, 1)?;
    let key = format!("{start} {length} {occurrence}");
    Ok(map2::<Text, Text, i64>("indexof", key, TypeName::Long, (args.text(0), args.text(1)), move |text, sought| {
        Some(position(text, sought, start, length, occurrence).unwrap_or(-1))
    }))
}

fn position(text: &str, sought: &str, start: i64, length: i64, occurrence: i64) -> Option<i64> {
    let length = if length < 0 { i64::MAX } else { length };
    let part = slice(text, start, length);
    let skipped = part.as_ptr() as usize - text.as_ptr() as usize;
    let nth = usize::try_from(occurrence.checked_sub(1)?).ok()?;
    let (at, _) = part.match_indices(sought).nth(nth)?;
    Some(numbers::count(text[..skipped + at].chars().count()))
}

fn split(args: &Args) -> Value {
    let Some(wanted) = args.given(2) else { return split_all(args) };
    let index = convert(wanted, TypeName::Long);
    map3::<Text, Text, Long, Made>("split", "", TypeName::Dynamic, (args.text(0), args.text(1), index), |text, delimiter, index| {
        let part = usize::try_from(index).ok().and_then(|index| pieces(text, delimiter).nth(index));
        Some(Made(json::array(part.map(json::quoted))))
    })
}

fn split_all(args: &Args) -> Value {
    map2::<Text, Text, Made>("split", "", TypeName::Dynamic, (args.text(0), args.text(1)), |text, delimiter| {
        Some(Made(json::array(pieces(text, delimiter).map(json::quoted))))
    })
}

fn pieces<'a>(text: &'a str, delimiter: &'a str) -> Box<dyn Iterator<Item = &'a str> + 'a> {
    if delimiter.is_empty() { Box::new(std::iter::once(text)) } else { Box::new(text.split(delimiter)) }
}

fn replace(args: &Args) -> Value {
    map3::<Text, Text, Text, String>(
        "replace_string",
        "",
        TypeName::String,
        (args.text(0), args.text(1), args.text(2)),
        |text, from, to| Some(if from.is_empty() { text.to_owned() } else { text.replace(from, to) }),
    )
}

fn replace_many(args: &Args) -> Value {
    let list = |json: &str| json::elements(json).map(|items| items.map(|item| json::text(item).into_owned()).collect::<Vec<_>>());
    map3::<Text, Json, Json, String>(
        "replace_strings",
        "",
        TypeName::String,
        (args.text(0), args.json(1), args.json(2)),
        move |text, from, to| {
            let (from, to) = (list(from)?, list(to)?);
            Some(from.iter().zip(&to).fold(text.to_owned(), |text, (from, to)| text.replace(from.as_str(), to)))
        },
    )
}

fn reverse(args: &Args) -> Value {
    rewrite("reverse", "", args.text(0), |text, out| out.extend(text.chars().rev()))
}

fn translate(args: &Args) -> Outcome {
    let (from, to) = (args.constant_text(0)?, args.constant_text(1)?);
    let (from_chars, to_chars): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    Ok(rewrite("translate", format!("{from}\0{to}"), args.text(2), move |text, out| {
        out.extend(text.chars().filter_map(|c| match from_chars.iter().position(|&known| known == c) {
            None => Some(c),
            Some(at) => to_chars.get(at).or(to_chars.last()).copied(),
        }));
    }))
}

/// `isempty`: the empty text, or the null of any other type.
pub(crate) fn is_empty(value: &Value, negated: bool) -> Value {
    if matches!(value.kind, TypeName::String | TypeName::Dynamic) {
        let name = if negated { "isnotempty" } else { "isempty" };
        return test(name, "", to_text(value.clone()), move |text| text.is_empty() != negated);
    }
    let expr = value.expr.clone();
    Value::new(if negated { expr.is_not_null() } else { expr.is_null() }, TypeName::Bool)
}

fn code_points(args: &Args) -> Value {
    map1::<Text, Made>("unicode_codepoints_from_string", "", TypeName::Dynamic, args.text(0), |text| {
        Some(Made(json::array(text.chars().map(|c| u32::from(c).to_string()))))
    })
}

fn from_code_points(args: &Args) -> Value {
    let parts = args.all().into_iter().map(|value| {
        map1::<Json, String>("unicode_codepoints_to_string", "", TypeName::String, super::convert::as_json(value), |json| {
            let one = |item: &str| numbers::parse_long(item).and_then(|code| char::from_u32(u32::try_from(code).ok()?));
            Some(json::elements(json).map_or_else(|| one(json).into_iter().collect(), |items| items.filter_map(one).collect()))
        })
    });
    concat(parts.collect(), "")
}

fn has_any_index(args: &Args) -> Value {
    map2::<Text, Json, i64>("has_any_index", "", TypeName::Long, (args.text(0), args.json(1)), |text, list| {
        let found = json::elements(list)?.position(|item| Needle::new(&json::text(item), Place::Term, false).matches(text));
        Some(found.map_or(-1, numbers::count))
    })
}
