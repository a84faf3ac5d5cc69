//! `in`, `has_any` and their kin: lists written out, dynamic arrays, and the first column of a table, which is run first.

use super::super::error::QueryError;
use super::super::json;
use super::super::matcher::{Needle, Place};
use super::super::needles::Needles;
use super::super::plan::Planner;
use super::super::scalar::arrays::test_list;
use super::super::scalar::cells::{Bool, Int, Long, Make, Read, Real, Span as SpanCell, Time, test, typed};
use super::super::scalar::convert::{convert, to_real, to_text};
use super::super::scalar::function::call;
use super::super::value::Value;
use super::compare::{compare, harmonise};
use super::logic::balanced;
use super::scope::Scope;
use crate::kql::ast::{BinaryOp, Expr, InOp, TypeName};
use arrow::array::Array;
use datafusion::logical_expr::{Case, Expr as PlanExpr, Operator, lit};
use std::collections::HashSet;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

/// Up to so many texts, `in` is the plan's own, which Parquet's statistics can answer; beyond, planning would take longer than it gains.
const PLANNED: usize = 64;

/// What stands in the parentheses.
enum List {
    Constants(Vec<Value>),
    /// One array that differs from row to row.
    Array(Value),
    /// Values of which some differ from row to row.
    Values(Vec<Value>),
}

impl<'a> Planner<'a> {
    pub(super) fn members(&self, op: InOp, value: &'a Expr, list: &'a [Expr], scope: Scope<'_, 'a>) -> Result<Value, QueryError> {
        let value = self.scalar(value, scope)?;
        let list = self.member_list(list, scope)?;
        Ok(match op {
            InOp::In => is_in(value, list, true, false),
            InOp::NotIn => is_in(value, list, true, true),
            InOp::InTilde => is_in(value, list, false, false),
            InOp::NotInTilde => is_in(value, list, false, true),
            InOp::HasAny => has_terms("has_any", value, list, Needles::any, |text, items| items.iter().any(|item| has_term(text, item))),
            InOp::HasAll => has_terms("has_all", value, list, Needles::all, |text, items| items.iter().all(|item| has_term(text, item))),
        })
    }

    fn member_list(&self, list: &'a [Expr], scope: Scope<'_, 'a>) -> Result<List, QueryError> {
        if let [one] = list
            && self.is_tabular(one, scope.env, scope.slots)
        {
            return self.first_column(one, scope.env).map(List::Constants);
        }
        let values = list.iter().map(|item| self.scalar(item, scope)).collect::<Result<Vec<_>, _>>()?;
        if let [one] = values.as_slice()
            && one.kind == TypeName::Dynamic
            && one.literal().is_none()
        {
            return Ok(List::Array(one.clone()));
        }
        if values.iter().any(|value| value.literal().is_none()) {
            return Ok(List::Values(values));
        }
        Ok(List::Constants(values.into_iter().flat_map(spread).collect()))
    }
}

/// The elements of a constant array; anything else is its own only element.
fn spread(value: Value) -> Vec<Value> {
    if value.kind != TypeName::Dynamic {
        return vec![value];
    }
    let items: Option<Vec<Value>> = value.as_text().and_then(json::elements).map(|items| items.map(Value::dynamic).collect());
    items.unwrap_or_else(|| vec![value])
}

fn has_term(text: &str, item: &str) -> bool {
    Needle::new(&json::text(item), Place::Term, false).matches(text)
}

fn texts_of(values: Vec<Value>) -> Vec<String> {
    let present = values.into_iter().filter(|value| !value.is_null_literal());
    present.filter_map(|value| to_text(value).as_text().map(str::to_owned)).collect()
}

fn has_terms(
    name: &'static str,
    value: Value,
    list: List,
    constant: fn(&Needles, &str) -> bool,
    per_row: fn(&str, &[&str]) -> bool,
) -> Value {
    let value = to_text(value);
    match list {
        List::Constants(values) => {
            let terms = texts_of(values);
            let needles = Needles::new(terms.iter().map(String::as_str));
            test(name, fingerprint(&terms), value, move |text| constant(&needles, text))
        }
        List::Array(array) => test_list(name, value, array, per_row),
        List::Values(values) => test_list(name, value, super::super::scalar::arrays::pack(values), per_row),
    }
}

/// Lists may be long: functions are told apart by a hash of them.
fn fingerprint(items: &impl Hash) -> String {
    let mut hasher = DefaultHasher::new();
    items.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

fn is_in(value: Value, list: List, case_sensitive: bool, negated: bool) -> Value {
    match list {
        List::Constants(values) => in_constants(value, values, case_sensitive, negated),
        List::Array(array) => {
            let name = if negated { "not in" } else { "in" };
            let fold = move |text: &str| if case_sensitive { text.to_owned() } else { text.to_lowercase() };
            test_list(name, to_text(value), array, move |text, items| {
                items.iter().any(|item| fold(&json::text(item)) == fold(text)) != negated
            })
        }
        List::Values(values) => in_values(&value, values, case_sensitive, negated),
    }
}

fn in_values(value: &Value, values: Vec<Value>, case_sensitive: bool, negated: bool) -> Value {
    let one = |other: Value| {
        if !case_sensitive {
            return super::compare::match_text(Place::Whole, false, false, value.clone(), other).expr;
        }
        match harmonise(value.clone(), other.clone()) {
            Ok((left, right)) => compare(BinaryOp::Equal, left, right, true).expr,
            Err(_) => compare(BinaryOp::Equal, to_text(value.clone()), to_text(other), true).expr,
        }
    };
    let any = balanced(values.into_iter().map(one).collect(), Operator::Or);
    // No `IS NOT TRUE`: its plan may say null where it never is one, which an aggregate above it does not take.
    let any =
        if negated { PlanExpr::Case(Case::new(None, vec![(Box::new(any), Box::new(lit(false)))], Some(Box::new(lit(true))))) } else { any };
    Value::new(any, TypeName::Bool)
}

fn in_constants(value: Value, values: Vec<Value>, case_sensitive: bool, negated: bool) -> Value {
    match value.kind {
        TypeName::String | TypeName::Dynamic | TypeName::Guid | TypeName::Decimal => {
            in_texts(to_text(value), texts_of(values), case_sensitive, negated)
        }
        TypeName::Real => in_numbers::<Real>(value, values, negated, |x| x.to_bits().cast_signed()),
        TypeName::Int | TypeName::Long if values.iter().any(|other| other.kind == TypeName::Real) => {
            in_numbers::<Real>(to_real(value), values, negated, |x| x.to_bits().cast_signed())
        }
        TypeName::Int => in_numbers::<Int>(value, values, negated, i64::from),
        TypeName::Long => in_numbers::<Long>(value, values, negated, |x| x),
        TypeName::Bool => in_numbers::<Bool>(value, values, negated, i64::from),
        TypeName::Datetime => in_numbers::<Time>(value, values, negated, |x| x),
        TypeName::Timespan => in_numbers::<SpanCell>(value, values, negated, |x| x),
    }
}

fn in_texts(value: Value, texts: Vec<String>, case_sensitive: bool, negated: bool) -> Value {
    if case_sensitive && value.kind == TypeName::String && value.literal().is_none() && (1..=PLANNED).contains(&texts.len()) {
        return Value::new(value.expr.in_list(texts.into_iter().map(lit).collect(), negated), TypeName::Bool);
    }
    let set: HashSet<String> =
        if case_sensitive { texts.into_iter().collect() } else { texts.iter().map(|text| text.to_lowercase()).collect() };
    let mut sorted: Vec<&String> = set.iter().collect();
    sorted.sort();
    let key = format!("{case_sensitive} {negated} {}", fingerprint(&sorted));
    let lengths: HashSet<usize> = set.iter().map(String::len).collect();
    test("in", key, value, move |text| {
        if case_sensitive {
            return set.contains(text) != negated;
        }
        // Lowering ASCII keeps the length: most texts are told apart without being copied.
        let possible = !text.is_ascii() || lengths.contains(&text.len());
        (possible && set.contains(&text.to_lowercase())) != negated
    })
}

fn in_numbers<R: Read>(
    value: Value,
    values: Vec<Value>,
    negated: bool,
    number: impl Fn(R::Item<'_>) -> i64 + Send + Sync + Copy + 'static,
) -> Value {
    let kind = value.kind;
    let constants: HashSet<i64> = values.into_iter().filter_map(|other| constant_number::<R>(&convert(other, kind), number)).collect();
    let mut sorted: Vec<_> = constants.iter().copied().collect();
    sorted.sort_unstable();
    let key = format!("{kind:?} {negated} {}", fingerprint(&sorted));
    call("in", key, TypeName::Bool, vec![value], move |arrays, rows| {
        let array = typed::<R::Array>(&arrays[0])?;
        let hit = |row: usize| array.is_valid(row) && constants.contains(&number(R::value(array, row)));
        Ok(bool::collect((0..rows).map(|row| Some(hit(row) != negated))))
    })
}

fn constant_number<R: Read>(value: &Value, number: impl Fn(R::Item<'_>) -> i64) -> Option<i64> {
    let array = value.literal()?.to_array_of_size(1).ok()?;
    let array = typed::<R::Array>(&array).ok()?;
    array.is_valid(0).then(|| number(R::value(array, 0)))
}
