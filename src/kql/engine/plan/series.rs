//! `make-series`: aggregates along an axis of equal steps, as arrays.

use super::super::aggregate::series::series;
use super::super::error::QueryError;
use super::super::expr::names::suggested;
use super::super::expr::scope::{Collected, Mode, Scope};
use super::super::scalar::cells::{Long, map1};
use super::super::scalar::convert::{as_json, convert};
use super::super::types::{arrow_type, format_datetime, format_timespan};
use super::super::value::Value;
use super::super::{json, numbers};
use super::Planner;
use super::columns::Computed;
use super::env::Env;
use super::relation::{Relation, Slot, column};
use super::rows::aggregate;
use crate::kql::ast::{Expr, OperatorKind, SeriesAggregate, Span, TypeName};
use datafusion::functions_aggregate::min_max::{max_udaf, min_udaf};
use datafusion::logical_expr::{Expr as PlanExpr, lit};

/// The service refuses longer series, too.
const LONGEST: i64 = 1_048_576;

/// The axis, in the unit of its type (nanoseconds for times).
struct Axis {
    kind: TypeName,
    from: i64,
    step: i64,
    length: i64,
}

impl<'a> Planner<'a> {
    pub(super) fn make_series(
        &self,
        relation: Relation,
        kind: &'a OperatorKind,
        span: Span,
        env: &Env<'a>,
    ) -> Result<Relation, QueryError> {
        let OperatorKind::MakeSeries { aggregates, on, by, .. } = kind else { return Ok(relation) };
        let point = self.scalar(on, Scope::new(&relation.slots, env))?;
        let axis = self.axis(&relation, kind, &point, span, env)?;
        let (relation, groups) = self.groups(relation, by, span, env)?;
        let (place, relation) = self.placed(relation, &axis, &point, span)?;
        let made = self.series_values(relation, aggregates, groups.clone(), place, span, env)?;
        let name = suggested(on).unwrap_or_else(|| "Column1".to_owned());
        self.gathered_series(made, &groups, aggregates, (&name, &axis), span, env)
    }

    fn axis(&self, relation: &Relation, kind: &'a OperatorKind, point: &Value, span: Span, env: &Env<'a>) -> Result<Axis, QueryError> {
        let OperatorKind::MakeSeries { from, to, step, range, .. } = kind else { return Err(self.semantic("a series is expected", span)) };
        let ranged = |index: usize| range.as_ref().and_then(|range| range.get(index));
        let constant = |expr: Option<&'a Expr>| self.axis_constant(expr, point.kind, env);
        let step_kind = if point.kind == TypeName::Datetime { TypeName::Timespan } else { point.kind };
        let step = self.axis_constant(step.as_ref().or(ranged(2)), step_kind, env)?.filter(|step| *step > 0);
        let step = step.ok_or_else(|| self.semantic("make-series: a constant step greater than zero is expected", span))?;
        let from = match constant(from.as_ref().or(ranged(0)))? {
            Some(from) => Some(from),
            None => self.edge(relation, point, false, span)?,
        };
        let (to, inclusive) = match constant(to.as_ref().or(ranged(1)))? {
            Some(to) => (Some(to), range.is_some()),
            None => (self.edge(relation, point, true, span)?, true),
        };
        let length = match (from, to) {
            (Some(from), Some(to)) if inclusive => (to.saturating_sub(from)).div_euclid(step).saturating_add(1),
            (Some(from), Some(to)) => to.saturating_sub(from).saturating_add(step - 1).div_euclid(step),
            _ => 0,
        };
        if length > LONGEST {
            return Err(self.semantic(format!("make-series: a series of {length} points is too long"), span));
        }
        Ok(Axis { kind: point.kind, from: from.unwrap_or(0), step, length: length.max(0) })
    }

    fn axis_constant(&self, expr: Option<&'a Expr>, kind: TypeName, env: &Env<'a>) -> Result<Option<i64>, QueryError> {
        let Some(expr) = expr else { return Ok(None) };
        let value = convert(self.scalar(expr, Scope::new(&[], env))?, kind);
        value.as_i64().map(Some).ok_or_else(|| self.semantic("make-series: a constant is expected", expr.span))
    }

    /// The first or the last point that occurs.
    fn edge(&self, relation: &Relation, point: &Value, last: bool, span: Span) -> Result<Option<i64>, QueryError> {
        let slot = self.slot("edge", point.kind);
        let function = if last { max_udaf() } else { min_udaf() };
        let whole = Relation { order: Vec::new(), part: None, ..relation.clone() };
        let edge = Self::grouped(whole, &[], vec![(slot.clone(), aggregate(function, vec![point.expr.clone()]))], span)?;
        let batches = self.run_now(&edge.plan, span)?;
        let cell = batches.iter().find(|batch| batch.num_rows() > 0);
        let cell = cell.and_then(|batch| datafusion::scalar::ScalarValue::try_from_array(batch.column(0), 0).ok());
        Ok(cell.and_then(|value| Value::constant(value, point.kind).as_i64()))
    }

    /// Adds the place of each row on the axis and drops rows that are not on it.
    fn placed(&self, relation: Relation, axis: &Axis, point: &Value, span: Span) -> Result<(Slot, Relation), QueryError> {
        let number = match point.kind {
            TypeName::Datetime | TypeName::Timespan => point.clone().cast_to(&arrow_type(TypeName::Long), TypeName::Long),
            _ => convert(point.clone(), TypeName::Long),
        };
        let (from, step, length) = (axis.from, axis.step, axis.length);
        let place = map1::<Long, i64>("place", format!("{from} {step} {length}"), TypeName::Long, number, move |number| {
            Some(number.checked_sub(from)?.div_euclid(step)).filter(|place| (0..length).contains(place))
        });
        let slot = self.slot("place", TypeName::Long);
        let own = relation.slots.clone();
        let relation = relation.with_columns(vec![(slot.clone(), place.expr)], span)?.filter(column(&slot.id).is_not_null(), span)?;
        Ok((slot, Relation { slots: own, ..relation }))
    }

    /// One row for each point of each series.
    fn series_values(
        &self,
        relation: Relation,
        aggregates: &'a [SeriesAggregate],
        groups: Vec<Slot>,
        place: Slot,
        span: Span,
        env: &Env<'a>,
    ) -> Result<Relation, QueryError> {
        let collected = Collected::default();
        let mut results = Vec::new();
        for aggregate in aggregates {
            let scope = Scope::new(&relation.slots, env).with_mode(Mode::Aggregate(&collected, &relation.order));
            results.extend(self.aggregated(&aggregate.value, &groups, scope)?);
        }
        let all: Vec<Slot> = groups.into_iter().chain([place]).collect();
        let grouped = Self::aggregate_node(relation, &all, collected.take(), span)?;
        let columns = all.iter().map(|slot| (slot.clone(), column(&slot.id))).collect();
        let columns = self.columns_of(columns, results);
        grouped.project(columns, span)
    }

    fn gathered_series(
        &self,
        points: Relation,
        groups: &[Slot],
        aggregates: &'a [SeriesAggregate],
        (name, axis): (&str, &Axis),
        span: Span,
        env: &Env<'a>,
    ) -> Result<Relation, QueryError> {
        let length = usize::try_from(axis.length).unwrap_or(0);
        let place = points.slots.get(groups.len()).map_or_else(|| lit(0_i64), |slot| column(&slot.id));
        let mut made = Vec::new();
        for (index, slot) in points.slots.iter().skip(groups.len() + 1).enumerate() {
            let default = self.series_default(aggregates.get(index), slot.kind, env)?;
            let cell = as_json(slot.value());
            made.push((self.slot(&slot.name, TypeName::Dynamic), aggregate(series(length, default), vec![place.clone(), cell.expr])));
        }
        let results: Vec<Slot> = made.iter().map(|(slot, _)| slot.clone()).collect();
        let grouped = Self::grouped(points, groups, made, span)?;
        let columns: Vec<(Slot, PlanExpr)> = groups.iter().chain(&results).map(|slot| (slot.clone(), column(&slot.id))).collect();
        let axis = Computed { name: Some(name.to_owned()), value: Value::dynamic(axis.points()) };
        let columns = self.columns_of(columns, [axis]);
        grouped.project(columns, span)
    }

    fn series_default(&self, aggregate: Option<&'a SeriesAggregate>, kind: TypeName, env: &Env<'a>) -> Result<String, QueryError> {
        let given = match aggregate.and_then(|aggregate| aggregate.default.as_ref()) {
            Some(default) => self.scalar(default, Scope::new(&[], env))?,
            None if kind == TypeName::Real => Value::real(0.0),
            None if kind == TypeName::Long => Value::long(0),
            None => Value::null(TypeName::Dynamic),
        };
        let given = if given.is_numeric() { convert(given, kind) } else { given };
        Ok(as_json(given).as_text().unwrap_or("null").to_owned())
    }
}

impl Axis {
    fn points(&self) -> String {
        let point = |number: i64| {
            let value = self.from.saturating_add(number.saturating_mul(self.step));
            match self.kind {
                TypeName::Datetime => json::quoted(&format_datetime(value)),
                TypeName::Timespan => json::quoted(&format_timespan(value)),
                TypeName::Real => numbers::json_real(numbers::to_f64(value)),
                _ => value.to_string(),
            }
        };
        json::array((0..self.length).map(point))
    }
}
