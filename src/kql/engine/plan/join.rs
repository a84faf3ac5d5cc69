//! `join` and `lookup`: keys, kinds, and the names of the columns that come out.

use super::super::aggregate::best::{Choice, best};
use super::super::error::QueryError;
use super::super::expr::harmonise;
use super::super::expr::names::Names;
use super::super::expr::scope::Scope;
use super::super::types::arrow_type;
use super::super::types::type_name;
use super::super::value::Value;
use super::Planner;
use super::aggregates::{field, or_empty};
use super::env::Env;
use super::relation::{Relation, Slot, column};
use super::rows::aggregate;
use crate::kql::ast::{BinaryOp, Expr, ExprKind, JoinKind, Name, Span, TypeName};
use datafusion::common::{Column as PlanColumn, JoinType};
use datafusion::logical_expr::{Expr as PlanExpr, lit};

/// A pair of keys: of the left table, of the right.
type Pair = (Value, Value);

/// The ids of the keys' columns, likewise.
type Keys = Vec<(String, String)>;

impl<'a> Planner<'a> {
    pub(super) fn join(
        &self,
        left: Relation,
        kind: JoinKind,
        right: &'a Expr,
        on: &'a [Expr],
        span: Span,
        env: &Env<'a>,
    ) -> Result<Relation, QueryError> {
        let right = self.other_table(right, env, "join")?;
        let pairs = self.keys(&left, &right, on, env)?;
        let (left, right, keys) = self.with_keys(left, right, pairs, span)?;
        let left = if kind == JoinKind::InnerUnique { self.one_row_each(left, &keys, span)? } else { left };
        self.joined(left, right, kind, &keys, &[], span)
    }

    /// The other table of a join; only the left one's parts are carried on.
    fn other_table(&self, right: &'a Expr, env: &Env<'a>, operator: &'static str) -> Result<Relation, QueryError> {
        self.operator.set("");
        let right = self.tabular(right, env)?;
        self.operator.set(operator);
        Ok(Relation { order: Vec::new(), ..right })
    }

    pub(super) fn lookup(
        &self,
        left: Relation,
        kind: JoinKind,
        right: &'a Expr,
        on: &'a [Expr],
        span: Span,
        env: &Env<'a>,
    ) -> Result<Relation, QueryError> {
        let right = self.other_table(right, env, "lookup")?;
        let pairs = self.keys(&left, &right, on, env)?;
        let hidden: Vec<String> = pairs.iter().filter_map(|(_, right)| id_of(right)).collect();
        let (left, right, keys) = self.with_keys(left, right, pairs, span)?;
        self.joined(left, right, kind, &keys, &hidden, span)
    }

    fn keys(&self, left: &Relation, right: &Relation, on: &'a [Expr], env: &Env<'a>) -> Result<Vec<Pair>, QueryError> {
        let mut pairs = Vec::new();
        for condition in on {
            self.key(left, right, condition, env, &mut pairs)?;
        }
        Ok(pairs)
    }

    fn key(&self, left: &Relation, right: &Relation, condition: &'a Expr, env: &Env<'a>, pairs: &mut Vec<Pair>) -> Result<(), QueryError> {
        match &condition.kind {
            ExprKind::Name(name) => pairs.push(self.same_name(left, right, name)?),
            ExprKind::Binary { op: BinaryOp::And, left: first, right: second } => {
                self.key(left, right, first, env, pairs)?;
                self.key(left, right, second, env, pairs)?;
            }
            ExprKind::Binary { op: BinaryOp::Equal, left: first, right: second } => {
                let scope = Scope { sides: Some((&left.slots, &right.slots)), ..Scope::new(&[], env) };
                let (first, second) = (self.scalar(first, scope)?, self.scalar(second, scope)?);
                pairs.push(self.sided(left, first, second, condition.span)?);
            }
            _ => return Err(self.semantic("join: only column names and equalities of $left and $right are allowed", condition.span)),
        }
        Ok(())
    }

    fn same_name(&self, left: &Relation, right: &Relation, name: &Name) -> Result<Pair, QueryError> {
        let pair = (self.existing(name, left)?.value(), self.existing(name, right)?.value());
        self.matched(pair, name.span)
    }

    /// `$right.b == $left.a` is turned around.
    fn sided(&self, left: &Relation, first: Value, second: Value, span: Span) -> Result<Pair, QueryError> {
        let is_left = |value: &Value| id_of(value).is_some_and(|id| left.slots.iter().any(|slot| slot.id == id));
        let pair = if is_left(&second) && !is_left(&first) { (second, first) } else { (first, second) };
        self.matched(pair, span)
    }

    fn matched(&self, (left, right): Pair, span: Span) -> Result<Pair, QueryError> {
        harmonise(left, right)
            .map_err(|(a, b)| self.semantic(format!("join: cannot compare keys of types {} and {}", type_name(a), type_name(b)), span))
    }

    /// Makes the keys columns of their tables, unseen where they are none yet.
    fn with_keys(&self, left: Relation, right: Relation, pairs: Vec<Pair>, span: Span) -> Result<(Relation, Relation, Keys), QueryError> {
        let (mut of_left, mut of_right) = (Vec::new(), Vec::new());
        let mut keys = Vec::new();
        for (first, second) in pairs {
            keys.push((self.key_column(first, &mut of_left), self.key_column(second, &mut of_right)));
        }
        Ok((Self::with_hidden(left, of_left, span)?, Self::with_hidden(right, of_right, span)?, keys))
    }

    fn key_column(&self, value: Value, made: &mut Vec<PlanExpr>) -> String {
        if let Some(id) = id_of(&value) {
            return id;
        }
        let id = self.fresh("key");
        made.push(value.expr.alias(id.clone()));
        id
    }

    fn with_hidden(relation: Relation, more: Vec<PlanExpr>, span: Span) -> Result<Relation, QueryError> {
        if more.is_empty() {
            return Ok(relation);
        }
        let all: Vec<PlanExpr> = relation.plan.schema().fields().iter().map(|field| column(field.name())).chain(more).collect();
        relation.with_plan(span, |plan| plan.project(all))
    }

    /// `innerunique`: of the left rows with equal keys, one takes part.
    fn one_row_each(&self, left: Relation, keys: &[(String, String)], span: Span) -> Result<Relation, QueryError> {
        let key = |slot: &Slot| keys.iter().any(|(left, _)| *left == slot.id);
        let rest: Vec<Slot> = left.slots.iter().filter(|slot| !key(slot)).cloned().collect();
        let by: Vec<PlanExpr> = keys.iter().map(|(left, _)| left).chain(&left.part).map(|id| column(id)).collect();
        if rest.is_empty() {
            return left.with_plan(span, |plan| plan.aggregate(by, Vec::<PlanExpr>::new()));
        }
        let types = std::iter::once(TypeName::Bool).chain(rest.iter().map(|slot| slot.kind)).map(arrow_type).collect();
        let args = std::iter::once(lit(true)).chain(rest.iter().map(|slot| column(&slot.id))).collect();
        let row = self.fresh("row");
        let chosen = aggregate(best(Choice::First, types), args).alias(row.clone());
        let made = left.with_plan(span, |plan| plan.aggregate(by.clone(), vec![chosen]))?;
        let row = Value::new(column(&row), TypeName::Dynamic);
        let fields = rest.iter().enumerate().map(|(index, slot)| field(row.clone(), index + 1, slot.kind).expr.alias(slot.id.clone()));
        let columns: Vec<PlanExpr> = by.into_iter().chain(fields).collect();
        let unique = made.with_plan(span, |plan| plan.project(columns))?;
        Ok(Relation { order: Vec::new(), ..unique })
    }

    /// Joins two tables by their keys. `hidden`: columns of the right one that do not come out.
    fn joined(
        &self,
        left: Relation,
        right: Relation,
        kind: JoinKind,
        keys: &[(String, String)],
        hidden: &[String],
        span: Span,
    ) -> Result<Relation, QueryError> {
        let (left_keys, right_keys): (Vec<PlanColumn>, Vec<PlanColumn>) =
            keys.iter().map(|(left, right)| (PlanColumn::new_unqualified(left), PlanColumn::new_unqualified(right))).unzip();
        let (slots, left_part, right_part) = (output(&left, &right, kind, hidden), left.part.clone(), right.part.clone());
        let right_plan = right.plan;
        let joined = left.with_plan(span, |plan| plan.join(right_plan, join_type(kind), (left_keys, right_keys), None))?;
        let part = if matches!(kind, JoinKind::RightAnti | JoinKind::RightSemi) { right_part } else { left_part };
        let joined = Relation { order: Vec::new(), part, ..joined };
        let outer = matches!(kind, JoinKind::LeftOuter | JoinKind::RightOuter | JoinKind::FullOuter);
        let columns = slots.into_iter().map(|slot| self.filled(slot, outer)).collect();
        joined.project(columns, span)
    }

    /// Texts of rows without a partner are empty, not null.
    fn filled(&self, slot: Slot, outer: bool) -> (Slot, PlanExpr) {
        if outer && slot.kind == TypeName::String {
            let made = self.slot(&slot.name, slot.kind);
            return (made, or_empty(slot.value()).expr);
        }
        let expr = column(&slot.id);
        (slot, expr)
    }
}

fn id_of(value: &Value) -> Option<String> {
    match &value.expr {
        PlanExpr::Column(column) => Some(column.name.clone()),
        _ => None,
    }
}

fn join_type(kind: JoinKind) -> JoinType {
    match kind {
        JoinKind::InnerUnique | JoinKind::Inner => JoinType::Inner,
        JoinKind::LeftOuter => JoinType::Left,
        JoinKind::RightOuter => JoinType::Right,
        JoinKind::FullOuter => JoinType::Full,
        JoinKind::LeftAnti => JoinType::LeftAnti,
        JoinKind::RightAnti => JoinType::RightAnti,
        JoinKind::LeftSemi => JoinType::LeftSemi,
        JoinKind::RightSemi => JoinType::RightSemi,
    }
}

/// Columns of the right table whose names are taken get a number: `Name1`.
fn output(left: &Relation, right: &Relation, kind: JoinKind, hidden: &[String]) -> Vec<Slot> {
    match kind {
        JoinKind::LeftAnti | JoinKind::LeftSemi => left.slots.clone(),
        JoinKind::RightAnti | JoinKind::RightSemi => right.slots.clone(),
        _ => {
            let mut names = Names::of(left.slots.iter().map(|slot| slot.name.as_str()));
            let right = right.slots.iter().filter(|slot| !hidden.contains(&slot.id));
            let right = right.map(|slot| Slot { name: names.unique(&slot.name), ..slot.clone() });
            left.slots.iter().cloned().chain(right).collect()
        }
    }
}
