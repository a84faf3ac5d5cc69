//! Calls of aggregate functions, within `summarize` and its kin.

use super::super::aggregate::best::{Choice, best};
use super::super::aggregate::collect::{Gather, MOST, gather};
use super::super::aggregate::spread::percentile;
use super::super::error::QueryError;
use super::super::expr::names::suggested;
use super::super::expr::scope::{Collected, Mode, Scope};
use super::super::scalar::cells::typed;
use super::super::scalar::convert::{as_json, convert, to_real};
use super::super::scalar::function::raw_call;
use super::super::types::arrow_type;
use super::super::value::Value;
use super::Planner;
use super::columns::{Computed, matches};
use super::relation::{Slot, column};
use crate::kql::ast::{Expr, ExprKind, Literal, Span, TypeName};
use arrow::array::{Array, StringArray, StructArray};
use datafusion::functions_aggregate::average::avg_udaf;
use datafusion::functions_aggregate::count::count_udaf;
use datafusion::functions_aggregate::min_max::{max_udaf, min_udaf};
use datafusion::functions_aggregate::stddev::{stddev_pop_udaf, stddev_udaf};
use datafusion::functions_aggregate::sum::sum_udaf;
use datafusion::functions_aggregate::variance::{var_pop_udaf, var_samp_udaf};
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::{AggregateUDF, Case, Expr as PlanExpr, SortExpr, lit};
use std::sync::Arc;

const AGGREGATES: &[&str] = &[
    "count",
    "countif",
    "dcount",
    "dcountif",
    "count_distinct",
    "count_distinctif",
    "sum",
    "sumif",
    "min",
    "minif",
    "max",
    "maxif",
    "avg",
    "avgif",
    "make_set",
    "makeset",
    "make_set_if",
    "make_list",
    "makelist",
    "make_list_if",
    "make_list_with_nulls",
    "make_bag",
    "make_bag_if",
    "make_dictionary",
    "take_any",
    "any",
    "take_anyif",
    "anyif",
    "arg_max",
    "arg_min",
    "argmax",
    "argmin",
    "stdev",
    "stdevif",
    "stdevp",
    "variance",
    "varianceif",
    "variancep",
    "percentile",
    "percentiles",
];

/// The names of the aggregates.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    AGGREGATES.iter().copied()
}

/// Whether a function aggregates.
pub(crate) fn is_aggregate(name: &str) -> bool {
    AGGREGATES.contains(&name)
}

/// One call being translated.
struct Call<'s, 'a> {
    name: &'s str,
    arguments: &'a [Expr],
    span: Span,
    /// The scope of its arguments, in which nothing aggregates.
    scope: Scope<'s, 'a>,
    collected: &'s Collected,
    /// The order that the rows are in.
    order: &'s [SortExpr],
}

impl<'s, 'a> Call<'s, 'a> {
    fn new(name: &'s str, arguments: &'a [Expr], span: Span, scope: Scope<'s, 'a>, collected: &'s Collected) -> Self {
        let order = match scope.mode {
            Mode::Aggregate(_, order) => order,
            _ => &[],
        };
        Self { name, arguments, span, scope: scope.with_mode(Mode::Plain), collected, order }
    }
}

impl<'a> Planner<'a> {
    pub(crate) fn aggregate(
        &self,
        name: &str,
        arguments: &'a [Expr],
        span: Span,
        scope: Scope<'_, 'a>,
        collected: &Collected,
    ) -> Result<Value, QueryError> {
        let call = Call::new(name, arguments, span, scope, collected);
        match name {
            "count" | "countif" => self.count_call(&call),
            "dcount" | "count_distinct" => self.distinct_call(&call, None),
            "dcountif" | "count_distinctif" => self.distinct_call(&call, Some(1)),
            "sum" | "avg" | "min" | "max" => self.number_call(&call, None),
            "sumif" | "avgif" | "minif" | "maxif" => self.number_call(&call, Some(1)),
            "stdev" | "stdevp" | "variance" | "variancep" => self.spread_call(&call, None),
            "stdevif" | "varianceif" => self.spread_call(&call, Some(1)),
            "percentile" => self.percentile_call(&call, 1),
            "take_any" | "any" => self.any_call(&call, None),
            "take_anyif" | "anyif" => self.any_call(&call, Some(1)),
            _ => self.gather_call(&call),
        }
    }

    fn argument_of(&self, call: &Call<'_, 'a>, index: usize) -> Result<Value, QueryError> {
        let missing = || self.semantic(format!("{}(): argument #{} is missing", call.name, index + 1), call.span);
        self.scalar(call.arguments.get(index).ok_or_else(missing)?, call.scope)
    }

    fn filter_of(&self, call: &Call<'_, 'a>, index: Option<usize>) -> Result<Option<PlanExpr>, QueryError> {
        let Some(index) = index else { return Ok(None) };
        let missing = || self.semantic(format!("{}(): the predicate is missing", call.name), call.span);
        self.predicate(call.arguments.get(index).ok_or_else(missing)?, call.scope).map(Some)
    }

    /// Puts an aggregate below the expression and returns its column.
    fn below(
        &self,
        call: &Call<'_, 'a>,
        function: Arc<AggregateUDF>,
        args: Vec<PlanExpr>,
        filter: Option<PlanExpr>,
        kind: TypeName,
    ) -> Value {
        self.below_distinct(call, (function, args, filter), false, kind)
    }

    fn below_distinct(
        &self,
        call: &Call<'_, 'a>,
        (function, args, filter): (Arc<AggregateUDF>, Vec<PlanExpr>, Option<PlanExpr>),
        distinct: bool,
        kind: TypeName,
    ) -> Value {
        let id = self.fresh(call.name);
        let made = AggregateFunction::new_udf(function, args, distinct, filter.map(Box::new), Vec::new(), None);
        call.collected.push(id.clone(), PlanExpr::AggregateFunction(made));
        Value::new(column(&id), kind)
    }

    fn count_call(&self, call: &Call<'_, 'a>) -> Result<Value, QueryError> {
        // The old form `count(x)` counts rows by a condition; of anything that is none it counts all.
        let filter = match call.arguments.first() {
            Some(condition) if self.scalar(condition, call.scope)?.kind == TypeName::Bool => self.filter_of(call, Some(0))?,
            _ => None,
        };
        Ok(self.below(call, count_udaf(), vec![lit(1_i64)], filter, TypeName::Long))
    }

    /// Exact, where the service estimates.
    fn distinct_call(&self, call: &Call<'_, 'a>, filter: Option<usize>) -> Result<Value, QueryError> {
        let value = self.argument_of(call, 0)?;
        let filter = self.filter_of(call, filter)?;
        Ok(self.below_distinct(call, (count_udaf(), vec![value.expr], filter), true, TypeName::Long))
    }

    fn number_call(&self, call: &Call<'_, 'a>, filter: Option<usize>) -> Result<Value, QueryError> {
        let value = self.argument_of(call, 0)?;
        let filter = self.filter_of(call, filter)?;
        match call.name.trim_end_matches("if") {
            "min" => Ok(self.extreme_call(call, min_udaf(), value, filter)),
            "max" => Ok(self.extreme_call(call, max_udaf(), value, filter)),
            "sum" => self.sum_call(call, value, filter),
            _ => Ok(self.average_call(call, value, filter)),
        }
    }

    fn extreme_call(&self, call: &Call<'_, 'a>, function: Arc<AggregateUDF>, value: Value, filter: Option<PlanExpr>) -> Value {
        let kind = value.kind;
        let extreme = self.below(call, function, vec![value.expr], filter, kind);
        if kind == TypeName::String { or_empty(extreme) } else { extreme }
    }

    fn sum_call(&self, call: &Call<'_, 'a>, value: Value, filter: Option<PlanExpr>) -> Result<Value, QueryError> {
        let (value, kind) = match value.kind {
            TypeName::Int | TypeName::Long | TypeName::Bool => (convert(value, TypeName::Long), TypeName::Long),
            TypeName::Timespan => (value.cast_to(&arrow_type(TypeName::Long), TypeName::Long), TypeName::Timespan),
            TypeName::Real | TypeName::Decimal | TypeName::Dynamic => (to_real(value), TypeName::Real),
            kind => {
                let message = format!("sum() cannot be computed of {}", super::super::types::type_name(kind));
                return Err(self.semantic(message, call.span));
            }
        };
        let zero = if value.kind == TypeName::Real { lit(0.0_f64) } else { lit(0_i64) };
        let sum = self.below(call, sum_udaf(), vec![value.expr], filter, value.kind);
        let sum = Value::new(or_else(sum.expr, zero), sum.kind);
        Ok(if kind == TypeName::Timespan { sum.cast(TypeName::Timespan) } else { sum })
    }

    /// Times are averaged as numbers. The average of nothing is no number.
    fn average_call(&self, call: &Call<'_, 'a>, value: Value, filter: Option<PlanExpr>) -> Value {
        let kind = value.kind;
        let timely = matches!(kind, TypeName::Datetime | TypeName::Timespan);
        let number = if timely { to_real(value.cast_to(&arrow_type(TypeName::Long), TypeName::Long)) } else { to_real(value) };
        let average = self.below(call, avg_udaf(), vec![number.expr], filter, TypeName::Real);
        if timely {
            return average.cast(TypeName::Long).cast(kind);
        }
        Value::new(or_else(average.expr, lit(f64::NAN)), TypeName::Real)
    }

    fn spread_call(&self, call: &Call<'_, 'a>, filter: Option<usize>) -> Result<Value, QueryError> {
        let value = to_real(self.argument_of(call, 0)?);
        let filter = self.filter_of(call, filter)?;
        let function = match call.name {
            "stdevp" => stddev_pop_udaf(),
            "variance" | "varianceif" => var_samp_udaf(),
            "variancep" => var_pop_udaf(),
            _ => stddev_udaf(),
        };
        Ok(self.below(call, function, vec![value.expr], filter, TypeName::Real))
    }

    /// The percentile of the value by the percentage that stands at `index`.
    fn percentile_call(&self, call: &Call<'_, 'a>, index: usize) -> Result<Value, QueryError> {
        let value = self.argument_of(call, 0)?;
        let percent = to_real(self.argument_of(call, index)?);
        let Some(datafusion::scalar::ScalarValue::Float64(Some(percent))) = percent.literal().cloned() else {
            return Err(self.semantic("percentile(): the percentage must be a constant number", call.span));
        };
        let kind = value.kind;
        let timely = matches!(kind, TypeName::Datetime | TypeName::Timespan);
        let number = if timely { to_real(value.cast_to(&arrow_type(TypeName::Long), TypeName::Long)) } else { to_real(value) };
        let found = self.below(call, percentile(percent), vec![number.expr], None, TypeName::Real);
        Ok(match kind {
            TypeName::Datetime | TypeName::Timespan => found.cast(TypeName::Long).cast(kind),
            TypeName::Int | TypeName::Long => convert(found, TypeName::Long),
            _ => found,
        })
    }

    fn any_call(&self, call: &Call<'_, 'a>, filter: Option<usize>) -> Result<Value, QueryError> {
        let value = self.argument_of(call, 0)?;
        let filter = self.filter_of(call, filter)?;
        let mut values = self.chosen_row(call, Choice::First, vec![value], filter);
        values.pop().ok_or_else(|| self.semantic("an argument is missing", call.span))
    }

    fn gather_call(&self, call: &Call<'_, 'a>) -> Result<Value, QueryError> {
        let filtered = call.name.ends_with("_if");
        let value = self.argument_of(call, 0)?;
        let filter = self.filter_of(call, filtered.then_some(1))?;
        // The old names stop at 128 elements.
        let default = if matches!(call.name, "makeset" | "makelist") { 128 } else { MOST };
        let most = match call.arguments.get(if filtered { 2 } else { 1 }) {
            Some(most) => self.scalar(most, call.scope)?.as_usize().unwrap_or(default).min(MOST),
            None => default,
        };
        let what = match call.name {
            "make_set" | "makeset" | "make_set_if" => Gather::Set,
            "make_bag" | "make_bag_if" | "make_dictionary" => Gather::Bag,
            "make_list_with_nulls" => Gather::ListWithNulls,
            _ => Gather::List,
        };
        // Lists and sets are in the order of a sorted table: its keys come along.
        let order = if what == Gather::Bag { &[][..] } else { call.order };
        let directions = order.iter().map(|sort| (sort.asc, sort.nulls_first)).collect();
        let keys = order.iter().map(|sort| sort.expr.clone());
        let args = std::iter::once(as_json(value).expr).chain(keys).collect();
        Ok(self.below(call, gather(what, most, directions), args, filter, TypeName::Dynamic))
    }

    /// Aggregates that yield several columns, where the call is one of them.
    pub(super) fn many_columns(
        &self,
        name: &str,
        arguments: &'a [Expr],
        groups: &[Slot],
        span: Span,
        scope: Scope<'_, 'a>,
        collected: &Collected,
    ) -> Option<Result<Vec<Computed>, QueryError>> {
        let call = Call::new(name, arguments, span, scope, collected);
        match name {
            "arg_max" | "argmax" => Some(self.arg_call(&call, Choice::Max, groups)),
            "arg_min" | "argmin" => Some(self.arg_call(&call, Choice::Min, groups)),
            "take_any" | "any" if arguments.len() > 1 || arguments.iter().any(is_star) => Some(self.any_columns(&call, groups)),
            "percentiles" => Some((1..arguments.len()).map(|index| self.one_percentile(&call, index)).collect()),
            _ => None,
        }
    }

    fn one_percentile(&self, call: &Call<'_, 'a>, index: usize) -> Result<Computed, QueryError> {
        let base = call.arguments.first().and_then(suggested).unwrap_or_default();
        let percent = match call.arguments.get(index).map(|argument| &argument.kind) {
            Some(ExprKind::Literal(Literal::Long(number))) => number.to_string(),
            Some(ExprKind::Literal(Literal::Real(number))) => number.to_string().replace('.', "_"),
            _ => String::new(),
        };
        Ok(Computed { name: Some(format!("percentile_{base}_{percent}")), value: self.percentile_call(call, index)? })
    }

    fn any_columns(&self, call: &Call<'_, 'a>, groups: &[Slot]) -> Result<Vec<Computed>, QueryError> {
        let (names, values) = self.returned(call, call.arguments, groups, &[], "any")?;
        let found = self.chosen_row(call, Choice::First, values, None);
        Ok(names.into_iter().zip(found).map(|(name, value)| Computed { name: Some(name), value }).collect())
    }

    fn arg_call(&self, call: &Call<'_, 'a>, choice: Choice, groups: &[Slot]) -> Result<Vec<Computed>, QueryError> {
        let Some((first, rest)) = call.arguments.split_first() else {
            return Err(self.semantic(format!("{}(): an argument is missing", call.name), call.span));
        };
        let key = self.scalar(first, call.scope)?;
        let prefix = if choice == Choice::Max { "max" } else { "min" };
        let key_name = suggested(first).unwrap_or_else(|| format!("{prefix}_"));
        let key_id = match &key.expr {
            PlanExpr::Column(column) => vec![column.name.clone()],
            _ => Vec::new(),
        };
        let (names, values) = self.returned(call, rest, groups, &key_id, &format!("{prefix}_{key_name}"))?;
        let all: Vec<Value> = std::iter::once(key).chain(values).collect();
        let found = self.chosen_row(call, choice, all, None);
        let names = std::iter::once(key_name).chain(names);
        Ok(names.zip(found).map(|(name, value)| Computed { name: Some(name), value }).collect())
    }

    /// The columns that come with a row: `*` stands for all that are neither groups nor named otherwise.
    fn returned(
        &self,
        call: &Call<'_, 'a>,
        arguments: &'a [Expr],
        groups: &[Slot],
        key: &[String],
        prefix: &str,
    ) -> Result<(Vec<String>, Vec<Value>), QueryError> {
        let (mut names, mut values) = (Vec::new(), Vec::new());
        for (index, argument) in arguments.iter().enumerate() {
            if let ExprKind::Wildcard(pattern) = &argument.kind {
                let grouped = |slot: &Slot| groups.iter().any(|group| group.id == slot.id) || key.contains(&slot.id);
                for slot in call.scope.slots.iter().filter(|slot| matches(&pattern.text, &slot.name) && !grouped(slot)) {
                    names.push(slot.name.clone());
                    values.push(slot.value());
                }
                continue;
            }
            names.push(suggested(argument).unwrap_or_else(|| format!("{prefix}_arg{}", index + 1)));
            values.push(self.scalar(argument, call.scope)?);
        }
        Ok((names, values))
    }

    /// Chooses a row of each group; the values are those of its columns. Dynamic keys are compared as text.
    fn chosen_row(&self, call: &Call<'_, 'a>, choice: Choice, values: Vec<Value>, filter: Option<PlanExpr>) -> Vec<Value> {
        let types = values.iter().map(|value| arrow_type(value.kind)).collect();
        let kinds: Vec<TypeName> = values.iter().map(|value| value.kind).collect();
        let args = values.into_iter().map(|value| value.expr).collect();
        let row = self.below(call, best(choice, types), args, filter, TypeName::Dynamic);
        kinds.into_iter().enumerate().map(|(index, kind)| field(row.clone(), index, kind)).collect()
    }
}

fn is_star(expr: &Expr) -> bool {
    std::matches!(expr.kind, ExprKind::Wildcard(_))
}

fn or_else(expr: PlanExpr, default: PlanExpr) -> PlanExpr {
    let missing = Box::new(expr.clone().is_null());
    PlanExpr::Case(Case::new(None, vec![(missing, Box::new(default))], Some(Box::new(expr))))
}

/// A text that an aggregate or a join may have left null.
pub(super) fn or_empty(value: Value) -> Value {
    Value::new(or_else(value.expr, lit("")), value.kind)
}

/// A column of a chosen row.
pub(super) fn field(row: Value, index: usize, kind: TypeName) -> Value {
    let expr = raw_call("field", format!("{index} {kind:?}"), arrow_type(kind), vec![row], move |arrays, _| {
        let found = typed::<StructArray>(&arrays[0])?.column(index).clone();
        if kind == TypeName::String && found.null_count() > 0 {
            let texts = typed::<StringArray>(&found)?;
            return Ok(Arc::new(texts.iter().map(|text| Some(text.unwrap_or_default())).collect::<StringArray>()));
        }
        Ok(found)
    });
    Value::new(expr, kind)
}
