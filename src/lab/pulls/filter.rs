//! OData's `$filter` and `$orderby`, as far as the list endpoints take them: comparisons, `and`, `or`, `not`, brackets, `startswith`.

use serde_json::Value;
use std::cmp::Ordering;

/// A filter that was read.
#[derive(Debug, PartialEq)]
pub(super) enum Filter {
    Compare(String, Operator, Literal),
    StartsWith(String, String),
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
    Not(Box<Self>),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Operator {
    Eq,
    Ne,
    Gt,
    Ge,
    Lt,
    Le,
}

#[derive(Debug, PartialEq)]
pub(super) enum Literal {
    Text(String),
    Time(jiff::Timestamp),
    Number(f64),
    Flag(bool),
    Null,
}

impl Filter {
    /// Reads a filter; none where it is none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let words = words(text)?;
        let mut reader = Reader { words: &words };
        let filter = reader.either()?;
        reader.words.is_empty().then_some(filter)
    }

    /// The properties it names.
    pub(super) fn properties(&self) -> Vec<&str> {
        match self {
            Self::Compare(name, ..) | Self::StartsWith(name, _) => vec![name],
            Self::Not(inner) => inner.properties(),
            Self::And(left, right) | Self::Or(left, right) => [left.properties(), right.properties()].concat(),
        }
    }

    /// Whether an item passes.
    pub(super) fn passes(&self, item: &Value) -> bool {
        match self {
            Self::Compare(name, operator, literal) => compare(property(item, name), *operator, literal),
            Self::StartsWith(name, start) => {
                property(item, name).as_str().is_some_and(|text| text.to_lowercase().starts_with(&start.to_lowercase()))
            }
            Self::And(left, right) => left.passes(item) && right.passes(item),
            Self::Or(left, right) => left.passes(item) || right.passes(item),
            Self::Not(inner) => !inner.passes(item),
        }
    }
}

/// A property of an item, its name in any case.
pub(super) fn property<'a>(item: &'a Value, name: &str) -> &'a Value {
    let found = item.as_object().and_then(|object| object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)));
    found.map_or(&Value::Null, |(_, value)| value)
}

/// Orders two property values: times as times, numbers as numbers, the rest as text.
pub(super) fn order(left: &Value, right: &Value) -> Ordering {
    match (left.as_str(), right.as_str()) {
        (Some(left), Some(right)) => match (time(left), time(right)) {
            (Some(left), Some(right)) => left.cmp(&right),
            _ => left.cmp(right),
        },
        _ => left.as_f64().partial_cmp(&right.as_f64()).unwrap_or(Ordering::Equal),
    }
}

fn time(text: &str) -> Option<jiff::Timestamp> {
    text.as_bytes().first().filter(|first| first.is_ascii_digit())?;
    text.parse().ok()
}

fn compare(value: &Value, operator: Operator, literal: &Literal) -> bool {
    let found = match literal {
        Literal::Null => return matches!((operator, value.is_null()), (Operator::Eq, true) | (Operator::Ne, false)),
        Literal::Text(text) => value.as_str().map(|value| value.to_lowercase().cmp(&text.to_lowercase())),
        Literal::Time(wanted) => value.as_str().and_then(time).map(|value| value.cmp(wanted)),
        Literal::Number(wanted) => value.as_f64().and_then(|value| value.partial_cmp(wanted)),
        Literal::Flag(wanted) => value.as_bool().map(|value| value.cmp(wanted)),
    };
    match found {
        None => operator == Operator::Ne,
        Some(found) => match operator {
            Operator::Eq => found.is_eq(),
            Operator::Ne => found.is_ne(),
            Operator::Gt => found.is_gt(),
            Operator::Ge => found.is_ge(),
            Operator::Lt => found.is_lt(),
            Operator::Le => found.is_le(),
        },
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Word {
    Plain(String),
    Quoted(String),
    Sign(char),
}

fn words(text: &str) -> Option<Vec<Word>> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (word, after) = match first {
            '\'' => quoted(rest)?,
            '(' | ')' | ',' => (Word::Sign(first), rest.get(1..)?),
            _ => {
                let end = rest.find([' ', '(', ')', ',', '\'']).unwrap_or(rest.len());
                (Word::Plain(rest.get(..end)?.to_owned()), rest.get(end..)?)
            }
        };
        words.push(word);
        rest = after.trim_start();
    }
    Some(words)
}

/// A quote inside is doubled.
fn quoted(text: &str) -> Option<(Word, &str)> {
    let mut value = String::new();
    let mut rest = text.get(1..)?;
    loop {
        let end = rest.find('\'')?;
        value.push_str(rest.get(..end)?);
        rest = rest.get(end + 1..)?;
        match rest.strip_prefix('\'') {
            Some(after) => {
                value.push('\'');
                rest = after;
            }
            None => return Some((Word::Quoted(value), rest)),
        }
    }
}

struct Reader<'a> {
    words: &'a [Word],
}

impl Reader<'_> {
    fn next(&mut self) -> Option<Word> {
        let (first, rest) = self.words.split_first()?;
        self.words = rest;
        Some(first.clone())
    }

    fn skip(&mut self, word: &str) -> bool {
        let found = matches!(self.words.first(), Some(Word::Plain(next)) if next.eq_ignore_ascii_case(word));
        if found {
            self.words = self.words.get(1..).unwrap_or_default();
        }
        found
    }

    fn sign(&mut self, sign: char) -> Option<()> {
        (self.next()? == Word::Sign(sign)).then_some(())
    }

    fn either(&mut self) -> Option<Filter> {
        let mut left = self.both()?;
        while self.skip("or") {
            left = Filter::Or(Box::new(left), Box::new(self.both()?));
        }
        Some(left)
    }

    fn both(&mut self) -> Option<Filter> {
        let mut left = self.one()?;
        while self.skip("and") {
            left = Filter::And(Box::new(left), Box::new(self.one()?));
        }
        Some(left)
    }

    fn one(&mut self) -> Option<Filter> {
        if self.skip("not") {
            return Some(Filter::Not(Box::new(self.one()?)));
        }
        if self.words.first() == Some(&Word::Sign('(')) {
            self.sign('(')?;
            let inner = self.either()?;
            self.sign(')')?;
            return Some(inner);
        }
        if self.skip("startswith") {
            return self.starts_with();
        }
        self.comparison()
    }

    fn starts_with(&mut self) -> Option<Filter> {
        self.sign('(')?;
        let Word::Plain(name) = self.next()? else { return None };
        self.sign(',')?;
        let Word::Quoted(start) = self.next()? else { return None };
        self.sign(')')?;
        Some(Filter::StartsWith(name, start))
    }

    fn comparison(&mut self) -> Option<Filter> {
        let (Word::Plain(name), Word::Plain(operator)) = (self.next()?, self.next()?) else { return None };
        let operator = match operator.to_ascii_lowercase().as_str() {
            "eq" => Operator::Eq,
            "ne" => Operator::Ne,
            "gt" => Operator::Gt,
            "ge" => Operator::Ge,
            "lt" => Operator::Lt,
            "le" => Operator::Le,
            _ => return None,
        };
        let literal = match self.next()? {
            Word::Quoted(text) => Literal::Text(text),
            Word::Plain(word) => literal(&word)?,
            Word::Sign(_) => return None,
        };
        Some(Filter::Compare(name, operator, literal))
    }
}

fn literal(word: &str) -> Option<Literal> {
    match word {
        "null" => Some(Literal::Null),
        "true" => Some(Literal::Flag(true)),
        "false" => Some(Literal::Flag(false)),
        _ => word.parse().map(Literal::Number).ok().or_else(|| time(word).map(Literal::Time)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn passes(filter: &str) -> bool {
        let item = json!({"created": "2026-01-02T00:00:00.5Z", "severity": "high", "n": 7, "owner": null, "title": "O'Neil's"});
        Filter::parse(filter).unwrap_or_else(|| panic!("{filter}")).passes(&item)
    }

    #[test]
    fn filters_are_read_and_applied() {
        for yes in [
            "created ge 2026-01-02T00:00:00.4999999Z and created lt 2026-01-03T00:00:00Z",
            "Severity eq 'High' or n eq 8",
            "not (n gt 7) and owner eq null",
            "title eq 'O''Neil''s'",
            "startswith(title, 'o''n')",
            "missing ne 'x'",
        ] {
            assert!(passes(yes), "{yes}");
        }
        for no in ["created gt 2026-01-02T00:00:00.5Z", "n lt 7 or severity eq 'low'", "owner ne null"] {
            assert!(!passes(no), "{no}");
        }
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        for bad in ["", "created", "created ge", "created ge 'x", "(a eq 1", "a eq 1 b", "a like 'x'", "a eq nonsense"] {
            assert_eq!(Filter::parse(bad), None, "{bad}");
        }
    }
}
