//! What each operator does to rows that are cut.

use super::class::{Class, Reason};
use super::names::Bound;
use super::reader::Reader;
use super::{How, joining};
use crate::kql::ast::{Expr, ExprKind, Operator, OperatorKind, OrderBy, Span};

impl<'q> Reader<'q> {
    /// The class of an operator's rows. `input` is none where it stands first.
    pub(super) fn operator(&mut self, operator: &'q Operator, input: Option<Class>) -> Class {
        let span = operator.span;
        match &operator.kind {
            OperatorKind::Union { tables, properties } => {
                self.union(input, tables, properties.iter().any(|p| p.name.text.contains("source")), span)
            }
            OperatorKind::Search { tables, predicate, .. } => {
                let reason = self.value(predicate);
                self.searched(input, tables, span).with([reason])
            }
            OperatorKind::Find { tables, predicate, project, .. } => {
                let reason = self.value(predicate);
                let columns = self.values(project.iter().map(|(column, _)| column));
                self.searched(input, tables, span).with([reason, columns])
            }
            OperatorKind::Range { from, to, step, .. } => Class::Constant.with([self.values([from, to, step])]),
            OperatorKind::Print(values) => Class::Constant.with([self.values(values)]),
            kind => {
                let input = input.unwrap_or(Class::Constant);
                self.piped(kind, input, span)
            }
        }
    }

    fn piped(&mut self, kind: &'q OperatorKind, input: Class, span: Span) -> Class {
        if is_one_by_one(kind) {
            let reason = self.values_of(kind);
            return input.with([reason]);
        }
        self.together(kind, input, span)
    }

    /// Why the values of an operator that hands rows on one by one depend on more than the row.
    fn values_of(&mut self, kind: &'q OperatorKind) -> Option<Reason> {
        match kind {
            OperatorKind::Where(value) | OperatorKind::Parse { value, .. } | OperatorKind::ParseKv { value, .. } => self.value(value),
            OperatorKind::Project(list)
            | OperatorKind::ProjectRename(list)
            | OperatorKind::Extend(list)
            | OperatorKind::Serialize(list) => self.values(list),
            OperatorKind::Sort(keys) => self.keys(keys),
            OperatorKind::MvExpand { columns, limit, .. } => {
                let values = self.values(columns.iter().map(|column| &column.value));
                values.or(self.values(limit))
            }
            _ => None,
        }
    }

    fn keys(&mut self, keys: &'q [OrderBy]) -> Option<Reason> {
        self.values(keys.iter().map(|key| &key.value))
    }

    /// Operators that look at more than one row.
    fn together(&mut self, kind: &'q OperatorKind, input: Class, span: Span) -> Class {
        match kind {
            OperatorKind::Join { kind, right, on, .. } => {
                let (right, on) = (self.rows(right), self.values(on));
                joining::joined(*kind, input, right, "join", span).with([on])
            }
            OperatorKind::Lookup { kind, right, on } => {
                let (right, on) = (self.rows(right), self.values(on));
                joining::joined(*kind, input, right, "lookup", span).with([on])
            }
            OperatorKind::As { name, .. } => {
                self.bind(name, Bound::Rows(input.clone()));
                input
            }
            OperatorKind::Invoke(call) => self.invoked(call, input, span),
            OperatorKind::MvApply { columns, limit, subquery, .. } => {
                let values = self.values(columns.iter().map(|column| &column.value));
                let limits = self.values(limit);
                let inner = self.operators(Some(Class::Constant), subquery);
                let applied = if let Class::Mixed(reason) = inner { Some(reason) } else { None };
                input.with([values, limits, applied])
            }
            OperatorKind::Evaluate { call, schema, .. } => self.evaluated(call, !schema.is_empty(), input, span),
            OperatorKind::Partition { by, subquery, .. } => {
                self.value(by);
                self.operators(Some(input.clone()), subquery);
                input.any("`partition` works on all rows of a key", span)
            }
            OperatorKind::Fork(branches) => {
                for (_, operators) in branches {
                    self.operators(Some(input.clone()), operators);
                }
                input.any("`fork` returns several results", span)
            }
            OperatorKind::Facet { by, with } => {
                self.values(by);
                self.operators(Some(input.clone()), with);
                input.any("`facet` returns several results", span)
            }
            OperatorKind::Opaque { name, inside } => self.opaque(&name.text, inside, input, span),
            kind => self.grouped(kind, input, span),
        }
    }

    /// Operators that make other rows out of all rows, or choose among them.
    fn grouped(&mut self, kind: &'q OperatorKind, input: Class, span: Span) -> Class {
        match kind {
            OperatorKind::Summarize { aggregates, by, .. } => {
                let values = self.values(aggregates.iter().chain(by));
                input.whole("`summarize` groups rows of the whole window", span).with([values])
            }
            OperatorKind::Count => input.whole("`count` counts rows of the whole window", span),
            OperatorKind::Distinct(columns) => {
                let values = self.values(columns);
                input.whole("`distinct` drops rows that repeat across slices", span).with([values])
            }
            OperatorKind::MakeSeries { aggregates, on, from, to, step, range, by, .. } => {
                let aggregates = aggregates.iter().flat_map(|series| std::iter::once(&series.value).chain(&series.default));
                let axis = [from, to, step].into_iter().flatten().chain(range.iter().flatten());
                let values = self.values(aggregates.chain(std::iter::once(on)).chain(axis).chain(by));
                input.whole("`make-series` groups rows of the whole window", span).with([values])
            }
            OperatorKind::GetSchema => input.whole("`getschema` returns columns, not rows", span),
            OperatorKind::Take(count) => self.chosen(input, [count], "`take` takes any rows of the whole window", span),
            OperatorKind::Sample(count) => self.chosen(input, [count], "`sample` takes any rows of the whole window", span),
            OperatorKind::SampleDistinct { count, of } => {
                self.chosen(input, [count, of], "`sample-distinct` takes any values of the whole window", span)
            }
            OperatorKind::Top { count, by } => {
                self.chosen(input, [count, &by.value], "`top` takes the first rows of the whole window", span)
            }
            OperatorKind::TopHitters { count, of, by } => {
                self.chosen(input, [count, of].into_iter().chain(by), "`top-hitters` counts rows of the whole window", span)
            }
            OperatorKind::TopNested(levels) => {
                let values = levels.iter().flat_map(|level| [&level.of, &level.by].into_iter().chain(&level.count).chain(&level.others));
                self.chosen(input, values, "`top-nested` groups rows of the whole window", span)
            }
            OperatorKind::Reduce { by, .. } => self.chosen(input, [by], "`reduce` groups rows of the whole window", span),
            OperatorKind::Scan { order, partition, steps, .. } => {
                let steps = steps.iter().flat_map(|step| std::iter::once(&step.condition).chain(&step.assignments));
                let values = order.iter().map(|key| &key.value).chain(partition).chain(steps);
                self.chosen(input, values, "`scan` follows rows from one to the next", span)
            }
            _ => input.any("this operator does not hand rows on one by one", span),
        }
    }

    fn chosen(&mut self, input: Class, values: impl IntoIterator<Item = &'q Expr>, what: &str, span: Span) -> Class {
        let reason = self.values(values);
        input.any(what, span).with([reason])
    }

    fn union(&mut self, input: Option<Class>, tables: &'q [Expr], names_source: bool, span: Span) -> Class {
        let mut classes: Vec<Class> = input.into_iter().collect();
        for table in tables {
            classes.push(match &table.kind {
                ExprKind::Wildcard(name) if !names_source => self.wildcard(name, How::Wildcard),
                _ => self.rows(table),
            });
        }
        joining::united(classes, span)
    }

    /// The class of rows found in `tables`, or in all there are.
    fn searched(&mut self, input: Option<Class>, tables: &'q [Expr], span: Span) -> Class {
        if tables.is_empty() && input.is_none() {
            self.everything = true;
            return Class::mixed("it searches every table there is", span);
        }
        let classes = input.into_iter().collect::<Vec<_>>();
        let found: Vec<Class> = tables.iter().map(|table| self.rows(table)).collect();
        joining::united(classes.into_iter().chain(found).collect(), span)
    }

    fn invoked(&mut self, call: &'q Expr, input: Class, span: Span) -> Class {
        match &call.kind {
            ExprKind::Call { name, arguments } => self.called_rows(name, arguments, Some(input), span),
            _ => input.any("what is invoked is not known", span),
        }
    }

    /// Plugins: only one is known to hand rows on, where its columns do not depend on the data.
    fn evaluated(&mut self, call: &'q Expr, declared: bool, input: Class, span: Span) -> Class {
        let reason = match &call.kind {
            ExprKind::Call { arguments, .. } => self.mixed_arguments(arguments),
            _ => None,
        };
        match &call.kind {
            ExprKind::Call { name, .. } if name.text == "bag_unpack" && declared => input.with([reason]),
            ExprKind::Call { name, .. } if name.text == "bag_unpack" => {
                input.any("the columns of `bag_unpack` depend on the rows; declare them: `evaluate bag_unpack(x): (a: string)`", span)
            }
            ExprKind::Call { name, .. } => input.any(&format!("what the plugin `{}` does with the rows is not known", name.text), span),
            _ => input.any("what the plugin does with the rows is not known", span),
        }
    }

    fn opaque(&mut self, name: &str, inside: &'q [Expr], input: Class, span: Span) -> Class {
        for expr in inside {
            match (&expr.kind, name) {
                (ExprKind::Lambda { body, .. }, _) => {
                    for statement in body {
                        if let crate::kql::ast::Statement::Expression(expr) = statement {
                            self.rows(expr);
                        }
                    }
                }
                (_, "make-graph" | "inline_external_table") => {
                    self.rows(expr);
                }
                _ => {
                    self.value(expr);
                }
            }
        }
        if name == "project-by-names" { input } else { input.any(&format!("what `{name}` does with the rows cannot be cut"), span) }
    }
}

/// Whether an operator makes of each row what it makes of it whatever the others are; the order of rows aside.
fn is_one_by_one(kind: &OperatorKind) -> bool {
    let others = matches!(
        kind,
        OperatorKind::Serialize(_)
            | OperatorKind::ProjectSmart(_)
            | OperatorKind::MvExpand { .. }
            | OperatorKind::Parse { .. }
            | OperatorKind::ParseKv { .. }
            | OperatorKind::Render { .. }
    );
    others || kind.takes_rows_singly()
}
