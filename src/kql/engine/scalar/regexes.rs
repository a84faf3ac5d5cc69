//! Functions of regular expressions. Kusto's are RE2's, which the `regex` crate's are but for rare classes.

use super::super::value::Value;
use super::super::{json, numbers};
use super::cells::{Made, Text, map1, rewrite};
use super::convert::convert;
use super::{Args, Entry, Outcome, entry, sure};
use crate::kql::ast::TypeName;
use regex::{Captures, Regex};

pub(super) const FUNCTIONS: &[Entry] = &[
    entry("extract", 3, 4, extract),
    entry("extract_all", 2, 3, extract_all),
    entry("extractall", 2, 3, extract_all),
    entry("replace_regex", 3, 3, |args| replace(args.text(0), &args.constant_text(1)?, &args.constant_text(2)?)),
    entry("replace", 3, 3, |args| replace(args.text(2), &args.constant_text(0)?, &args.constant_text(1)?)),
    entry("trim", 2, 2, |args| trim(args, true, true)),
    entry("trim_start", 2, 2, |args| trim(args, true, false)),
    entry("trim_end", 2, 2, |args| trim(args, false, true)),
    entry("countof", 2, 3, count_of),
    entry("indexof_regex", 2, 2, index_of),
    sure("regex_quote", 1, 1, |args| rewrite("regex_quote", "", args.text(0), |text, out| out.push_str(&regex::escape(text)))),
];

/// Compiles a pattern.
pub(crate) fn compile(pattern: &str) -> Result<Regex, String> {
    Regex::new(&without_octal_zero(pattern)).map_err(|error| {
        let text = error.to_string();
        format!("Invalid regular expression '{pattern}': {}", text.lines().last().unwrap_or_default().trim_start_matches("error: "))
    })
}

/// RE2 reads `\0` as the character zero, the crate as a reference backwards.
fn without_octal_zero(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        out.push(c);
        if c == '\\' {
            match chars.next() {
                Some('0') => out.push_str("x00"),
                Some(escaped) => out.push(escaped),
                None => {}
            }
        }
    }
    out
}

fn extract(args: &Args) -> Outcome {
    let (pattern, group) = (args.constant_text(0)?, args.constant_long(1, 1)?);
    let group = usize::try_from(group).map_err(|_| "the capture group must not be negative".to_owned())?;
    let regex = compile(&pattern)?;
    let text = rewrite("extract", format!("{group} {pattern}"), args.text(2), move |text, out| {
        if let Some(found) = captured(&regex, text, group) {
            out.push_str(found);
        }
    });
    Ok(match args.given(3).as_ref().and_then(Value::as_text).and_then(type_of) {
        Some(kind) => convert(text, kind),
        None => text,
    })
}

fn captured<'a>(regex: &Regex, text: &'a str, group: usize) -> Option<&'a str> {
    if group == 0 {
        return regex.find(text).map(|found| found.as_str());
    }
    regex.captures(text)?.get(group).map(|found| found.as_str())
}

/// The type that a `typeof(...)` argument names.
pub(crate) fn type_of(name: &str) -> Option<TypeName> {
    Some(match name {
        "bool" | "boolean" => TypeName::Bool,
        "int" | "int32" => TypeName::Int,
        "long" | "int64" => TypeName::Long,
        "real" | "double" => TypeName::Real,
        "decimal" => TypeName::Decimal,
        "string" => TypeName::String,
        "datetime" | "date" => TypeName::Datetime,
        "timespan" | "time" => TypeName::Timespan,
        "guid" | "uuid" | "uniqueid" => TypeName::Guid,
        "dynamic" => TypeName::Dynamic,
        _ => return None,
    })
}

fn extract_all(args: &Args) -> Outcome {
    let pattern = args.constant_text(0)?;
    let regex = compile(&pattern)?;
    let (groups, source) = match args.len() {
        2 => (Vec::new(), args.text(1)),
        _ => (groups(&regex, &args.get(1))?, args.text(2)),
    };
    let all: Vec<usize> = if groups.is_empty() { (1..regex.captures_len()).collect() } else { groups };
    let key = format!("{all:?} {pattern}");
    Ok(map1::<Text, Made>("extract_all", key, TypeName::Dynamic, source, move |text| {
        let mut found = regex.captures_iter(text).map(|captures| one_match(&captures, &all)).peekable();
        found.peek()?;
        Some(Made(json::array(found)))
    }))
}

fn groups(regex: &Regex, value: &Value) -> Result<Vec<usize>, String> {
    let list = value.as_text().and_then(json::elements).ok_or("argument #2 must be a constant array of capture groups")?;
    let number = |item: &str| {
        let by_name = regex.capture_names().position(|name| name == Some(&json::text(item)));
        item.parse().ok().or(by_name).ok_or_else(|| format!("the expression has no capture group {item}"))
    };
    list.map(number).collect()
}

fn one_match(captures: &Captures<'_>, groups: &[usize]) -> String {
    let group = |&number: &usize| json::quoted(captures.get(number).map_or("", |found| found.as_str()));
    match groups {
        [] => json::quoted(&captures[0]),
        [one] => group(one),
        many => json::array(many.iter().map(group)),
    }
}

fn replace(value: Value, pattern: &str, rewritten: &str) -> Outcome {
    let regex = compile(pattern)?;
    let template = template(rewritten);
    Ok(rewrite("replace_regex", format!("{pattern}\0{rewritten}"), value, move |text, out| {
        out.push_str(&regex.replace_all(text, &template));
    }))
}

/// RE2 writes groups as `\1`; the crate as `${1}`.
fn template(rewritten: &str) -> String {
    let mut out = String::new();
    let mut chars = rewritten.chars();
    while let Some(c) = chars.next() {
        match c {
            '$' => out.push_str("$$"),
            '\\' => match chars.next() {
                Some(digit) if digit.is_ascii_digit() => out.extend(["${", digit.encode_utf8(&mut [0; 4]), "}"]),
                Some(other) => out.push(other),
                None => out.push('\\'),
            },
            other => out.push(other),
        }
    }
    out
}

fn trim(args: &Args, start: bool, end: bool) -> Outcome {
    let pattern = args.constant_text(0)?;
    let (head, tail) = (compile(&format!("^(?:{pattern})"))?, compile(&format!("(?:{pattern})$"))?);
    let name = if start && end {
        "trim"
    } else if start {
        "trim_start"
    } else {
        "trim_end"
    };
    Ok(rewrite(name, pattern, args.text(1), move |text, out| {
        let mut rest = text;
        if start {
            rest = &rest[head.find(rest).map_or(0, |found| found.end())..];
        }
        if end {
            rest = &rest[..tail.find(rest).map_or(rest.len(), |found| found.start())];
        }
        out.push_str(rest);
    }))
}

fn count_of(args: &Args) -> Outcome {
    let sought = args.constant_text(1)?;
    let by_regex = args.len() > 2 && args.constant_text(2)? == "regex";
    let regex = compile(&if by_regex { sought.clone() } else { regex::escape(&sought) })?;
    Ok(map1::<Text, i64>("countof", format!("{by_regex} {sought}"), TypeName::Long, args.text(0), move |text| {
        Some(numbers::count(if by_regex { regex.find_iter(text).count() } else { overlapping(text, &sought) }))
    }))
}

/// Plain occurrences may overlap, those of an expression do not.
fn overlapping(text: &str, sought: &str) -> usize {
    if sought.is_empty() {
        return 0;
    }
    text.char_indices().filter(|&(at, _)| text[at..].starts_with(sought)).count()
}

fn index_of(args: &Args) -> Outcome {
    let pattern = args.constant_text(1)?;
    let regex = compile(&pattern)?;
    Ok(map1::<Text, i64>("indexof_regex", pattern, TypeName::Long, args.text(0), move |text| {
        Some(regex.find(text).map_or(-1, |found| numbers::count(text[..found.start()].chars().count())))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rewrites_name_groups_as_re2_does() {
        assert_eq!(template(r"\1-$x\\"), "${1}-$$x\\");
    }
}
