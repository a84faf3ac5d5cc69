//! Pipelines: which operator is planned by what.

use super::super::error::QueryError;
use super::super::expr::scope::{Collected, Mode, Scope};
use super::Planner;
use super::env::Env;
use super::relation::Relation;
use crate::kql::ast::{Expr, Operator, OperatorKind, Span};

impl<'a> Planner<'a> {
    pub(super) fn pipeline(&self, source: Option<&'a Expr>, operators: &'a [Operator], env: &Env<'a>) -> Result<Relation, QueryError> {
        let mut relation = None;
        if let Some(source) = source {
            self.operator.set(operators.first().map_or("", |operator| operator_name(&operator.kind)));
            relation = Some(self.tabular(source, env)?);
        }
        for operator in operators {
            relation = Some(self.operator(relation, operator, env)?);
        }
        relation.ok_or_else(|| QueryError::semantic("A tabular expression is expected here", Span::default()))
    }

    /// Plans operators over a table.
    pub(crate) fn operators(&self, relation: Relation, operators: &'a [Operator], env: &Env<'a>) -> Result<Relation, QueryError> {
        operators.iter().try_fold(relation, |relation, operator| self.operator(Some(relation), operator, env))
    }

    fn operator(&self, relation: Option<Relation>, operator: &'a Operator, env: &Env<'a>) -> Result<Relation, QueryError> {
        self.operator.set(operator_name(&operator.kind));
        let span = operator.span;
        match (relation, &operator.kind) {
            (relation, OperatorKind::Union { properties, tables }) => self.union(relation, properties, tables, span, env),
            (None, OperatorKind::Range { name, from, to, step }) => self.range(name, [from, to, step], span, env),
            (None, OperatorKind::Print(values)) => self.print(values, span, env),
            (relation, OperatorKind::Search { properties, tables, predicate }) => {
                self.search(relation, properties, tables, predicate, span, env)
            }
            (_, OperatorKind::Find { properties, tables, predicate, project }) => {
                self.find(properties, tables, (predicate, project), span, env)
            }
            (Some(relation), kind) => self.over(relation, kind, span, env),
            (None, _) => Err(self.semantic("A table is expected before this operator", span)),
        }
    }

    fn over(&self, relation: Relation, kind: &'a OperatorKind, span: Span, env: &Env<'a>) -> Result<Relation, QueryError> {
        match kind {
            OperatorKind::Where(predicate) => self.filtered(relation, predicate, span, env),
            OperatorKind::Project(columns) => self.project(relation, columns, span, env),
            OperatorKind::ProjectAway(columns) => self.project_away(relation, columns, span),
            OperatorKind::ProjectKeep(columns) => self.project_keep(relation, columns, span),
            OperatorKind::ProjectRename(columns) => self.project_rename(relation, columns, span),
            OperatorKind::ProjectReorder(columns) => self.project_reorder(relation, columns, span),
            OperatorKind::Extend(columns) | OperatorKind::Serialize(columns) => self.extend(relation, columns, span, env),
            OperatorKind::Summarize { aggregates, by, .. } => self.summarize(relation, aggregates, by, span, env),
            OperatorKind::Count => self.count(relation, span),
            OperatorKind::Distinct(columns) => self.distinct(relation, columns, span, env),
            OperatorKind::Take(count) | OperatorKind::Sample(count) => self.take(relation, count, span, env),
            OperatorKind::Sort(keys) => self.sort(relation, keys, span, env),
            OperatorKind::Top { count, by } => self.top(relation, count, by, span, env),
            OperatorKind::TopHitters { count, of, by } => self.top_hitters(relation, (count, of, by.as_ref()), span, env),
            OperatorKind::TopNested(levels) => self.top_nested(relation, levels, span, env),
            OperatorKind::SampleDistinct { count, of } => self.sample_distinct(relation, count, of, span, env),
            _ => self.over_more(relation, kind, span, env),
        }
    }

    fn over_more(&self, relation: Relation, kind: &'a OperatorKind, span: Span, env: &Env<'a>) -> Result<Relation, QueryError> {
        match kind {
            OperatorKind::Join { kind, right, on, .. } => self.join(relation, *kind, right, on, span, env),
            OperatorKind::Lookup { kind, right, on } => self.lookup(relation, *kind, right, on, span, env),
            OperatorKind::MvExpand { properties, columns, limit } => {
                self.mv_expand(relation, (properties, columns, limit.as_ref()), span, env)
            }
            OperatorKind::MvApply { properties, columns, limit, subquery } => {
                self.mv_apply(relation, (properties, columns, limit.as_ref()), subquery, span, env)
            }
            OperatorKind::Parse { properties, value, pattern, filter } => {
                self.parse(relation, properties, (value, pattern), *filter, span, env)
            }
            OperatorKind::ParseKv { value, columns, properties } => self.parse_kv(relation, value, columns, properties, span, env),
            OperatorKind::Invoke(call) => self.invoke(relation, call, span, env),
            OperatorKind::As { name, .. } => Ok(self.named_as(relation, name)),
            OperatorKind::Evaluate { call, schema, .. } => self.evaluate(relation, call, schema, span, env),
            OperatorKind::MakeSeries { .. } => self.make_series(relation, kind, span, env),
            OperatorKind::Partition { by, subquery, .. } => self.partition(relation, by, subquery, span, env),
            OperatorKind::GetSchema => self.schema_of(&relation, span),
            OperatorKind::ProjectSmart(_) | OperatorKind::Render { .. } | OperatorKind::Consume => Ok(relation),
            OperatorKind::Other(name) => Err(QueryError::unsupported(format!("'{}' operator", name.text), name.span)),
            _ => Err(QueryError::unsupported(format!("'{}' operator", operator_name(kind)), span)),
        }
    }

    fn named_as(&self, relation: Relation, name: &crate::kql::ast::Name) -> Relation {
        self.aliases.borrow_mut().push((name.text.clone(), relation.clone()));
        relation
    }

    /// Translates expressions that may look at neighbouring rows; returns the table with the windows that they need.
    pub(crate) fn with_windows<T>(
        relation: Relation,
        span: Span,
        env: &Env<'a>,
        translate: impl FnOnce(Scope<'_, 'a>) -> Result<T, QueryError>,
    ) -> Result<(Relation, T), QueryError> {
        let collected = Collected::default();
        let translated = {
            let scope = Scope::new(&relation.slots, env).with_mode(Mode::Window(&collected, &relation.order, relation.part.as_deref()));
            translate(scope)?
        };
        if collected.is_empty() {
            return Ok((relation, translated));
        }
        let windows: Vec<_> = collected.take().into_iter().map(|(id, expr)| expr.alias(id)).collect();
        let relation = relation.with_plan(span, |plan| plan.window(windows))?;
        Ok((relation, translated))
    }
}

/// The name of an operator as the service's messages have it.
pub(crate) fn operator_name(kind: &OperatorKind) -> &'static str {
    match kind {
        OperatorKind::Where(_) => "where",
        OperatorKind::Project(_) => "project",
        OperatorKind::ProjectAway(_) => "project-away",
        OperatorKind::ProjectKeep(_) => "project-keep",
        OperatorKind::ProjectRename(_) => "project-rename",
        OperatorKind::ProjectReorder(_) => "project-reorder",
        OperatorKind::ProjectSmart(_) => "project-smart",
        OperatorKind::Extend(_) => "extend",
        OperatorKind::Summarize { .. } => "summarize",
        OperatorKind::Count => "count",
        OperatorKind::Distinct(_) => "distinct",
        OperatorKind::Take(_) => "take",
        OperatorKind::Sort(_) => "sort",
        OperatorKind::Top { .. } => "top",
        OperatorKind::TopHitters { .. } => "top-hitters",
        OperatorKind::TopNested(_) => "top-nested",
        OperatorKind::Sample(_) => "sample",
        OperatorKind::SampleDistinct { .. } => "sample-distinct",
        OperatorKind::Join { .. } => "join",
        OperatorKind::Lookup { .. } => "lookup",
        OperatorKind::Union { .. } => "union",
        OperatorKind::Find { .. } => "find",
        OperatorKind::Search { .. } => "search",
        _ => rarer_name(kind),
    }
}

fn rarer_name(kind: &OperatorKind) -> &'static str {
    match kind {
        OperatorKind::MvExpand { .. } => "mv-expand",
        OperatorKind::MvApply { .. } => "mv-apply",
        OperatorKind::Parse { filter: true, .. } => "parse-where",
        OperatorKind::Parse { .. } => "parse",
        OperatorKind::ParseKv { .. } => "parse-kv",
        OperatorKind::MakeSeries { .. } => "make-series",
        OperatorKind::Evaluate { .. } => "evaluate",
        OperatorKind::Invoke(_) => "invoke",
        OperatorKind::As { .. } => "as",
        OperatorKind::Serialize(_) => "serialize",
        OperatorKind::Range { .. } => "range",
        OperatorKind::Print(_) => "print",
        OperatorKind::GetSchema => "getschema",
        OperatorKind::Consume => "consume",
        OperatorKind::Render { .. } => "render",
        OperatorKind::Reduce { .. } => "reduce",
        OperatorKind::Partition { .. } => "partition",
        OperatorKind::Fork(_) => "fork",
        OperatorKind::Facet { .. } => "facet",
        OperatorKind::Scan { .. } => "scan",
        _ => "operator",
    }
}
