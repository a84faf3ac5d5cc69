//! `search` and `find`: conditions over every column of many tables.

use super::super::error::QueryError;
use super::super::expr::scope::Scope;
use super::super::expr::{balanced, match_text};
use super::super::matcher::Place;
use super::super::scalar::bags::pack_pairs;
use super::super::scalar::convert::{convert, to_text};
use super::super::value::Value;
use super::Planner;
use super::columns::Computed;
use super::env::Env;
use super::relation::{Relation, Slot, column};
use super::sources::literal_text;
use super::union::{Named, property};
use crate::kql::ast::{BinaryOp, Expr, ExprKind, Literal, Name, Property, Span, TypeName};
use datafusion::logical_expr::{Expr as PlanExpr, Operator, lit};

impl<'a> Planner<'a> {
    pub(super) fn search(
        &self,
        relation: Option<Relation>,
        properties: &'a [Property],
        tables: &'a [Expr],
        predicate: &'a Expr,
        span: Span,
        env: &Env<'a>,
    ) -> Result<Relation, QueryError> {
        let case_sensitive = property(properties, &["kind"]).and_then(literal_text) == Some("case_sensitive");
        let inputs = match relation {
            Some(relation) => vec![("search_arg0".to_owned(), relation)],
            None => self.searched_tables(tables, env)?,
        };
        let mut found = Vec::new();
        for (name, relation) in inputs {
            let condition = self.search_condition(predicate, Scope::new(&relation.slots, env), case_sensitive)?;
            found.push((name, relation.filter(condition, span)?));
        }
        self.united(found, false, Some("$table"), span)
    }

    fn searched_tables(&self, tables: &'a [Expr], env: &Env<'a>) -> Result<Vec<Named>, QueryError> {
        if tables.is_empty() {
            let all = self.tables.iter().map(|(name, table)| Ok((name.clone(), self.scan(name, table, Span::default())?)));
            return all.collect();
        }
        let mut found = Vec::new();
        for table in tables {
            match &table.kind {
                ExprKind::Wildcard(pattern) => found.extend(self.tables_like(pattern, env)?),
                ExprKind::Name(name) => found.push((name.text.clone(), self.tabular(table, env)?)),
                _ => found.push((format!("search_arg{}", found.len()), self.tabular(table, env)?)),
            }
        }
        Ok(found)
    }

    /// A text stands for any column that has it; everything else is a condition as in `where`, false where a column is missing.
    fn search_condition(&self, expr: &'a Expr, scope: Scope<'_, 'a>, case_sensitive: bool) -> Result<PlanExpr, QueryError> {
        match &expr.kind {
            ExprKind::Literal(Literal::String(text)) => Ok(any_column(text, scope.slots, case_sensitive)),
            ExprKind::Binary { op: op @ (BinaryOp::And | BinaryOp::Or), left, right } => {
                let sides = [self.search_condition(left, scope, case_sensitive)?, self.search_condition(right, scope, case_sensitive)?];
                Ok(balanced(sides.to_vec(), if *op == BinaryOp::And { Operator::And } else { Operator::Or }))
            }
            ExprKind::Call { name, arguments } if name.text == "not" && arguments.len() == 1 => {
                Ok(self.search_condition(&arguments[0], scope, case_sensitive)?.is_not_true())
            }
            ExprKind::Wildcard(_) => Ok(lit(true)),
            _ => match self.predicate(expr, scope) {
                Err(error) if error.message.contains("Failed to resolve scalar") => Ok(lit(false)),
                result => result,
            },
        }
    }

    /// `find`: rows of many tables, the columns that are asked for beside a bag of the rest.
    pub(super) fn find(
        &self,
        properties: &'a [Property],
        tables: &'a [Expr],
        (predicate, project): (&'a Expr, &'a [(Expr, Option<TypeName>)]),
        span: Span,
        env: &Env<'a>,
    ) -> Result<Relation, QueryError> {
        let source = property(properties, &["withsource", "with_source"]).and_then(literal_text).unwrap_or("source_");
        let mut found = Vec::new();
        for (name, relation) in self.searched_tables(tables, env)? {
            let condition = self.search_condition(predicate, Scope::new(&relation.slots, env), false)?;
            let relation = relation.filter(condition, span)?;
            let relation = if project.is_empty() {
                self.smart_columns(relation, predicate, span)?
            } else {
                self.found_columns(relation, project, env, span)?
            };
            found.push((name, relation));
        }
        self.united(found, false, Some(source), span)
    }

    /// The columns that the predicate names, and everything else packed.
    fn smart_columns(&self, relation: Relation, predicate: &'a Expr, span: Span) -> Result<Relation, QueryError> {
        let mut names = Vec::new();
        predicate_names(predicate, &mut names);
        let (wanted, rest): (Vec<Slot>, Vec<Slot>) = relation.slots.iter().cloned().partition(|slot| names.contains(&slot.name.as_str()));
        let packed = pack_pairs(rest.iter().flat_map(|slot| [Value::text(slot.name.clone()), slot.value()]).collect());
        let columns = wanted.into_iter().map(|slot| (slot.clone(), column(&slot.id))).collect();
        let columns = self.columns_of(columns, [Computed { name: Some("pack_".to_owned()), value: packed }]);
        relation.project(columns, span)
    }

    fn found_columns(
        &self,
        relation: Relation,
        project: &'a [(Expr, Option<TypeName>)],
        env: &Env<'a>,
        span: Span,
    ) -> Result<Relation, QueryError> {
        let mut computed = Vec::new();
        for (expr, kind) in project {
            let name = match &expr.kind {
                ExprKind::Name(Name { text, .. }) => text.clone(),
                _ => super::super::expr::names::suggested(expr).unwrap_or_default(),
            };
            let value = match &expr.kind {
                ExprKind::Name(name) if relation.slot(&name.text).is_none() => Value::null(kind.unwrap_or(TypeName::String)),
                _ => self.scalar(expr, Scope::new(&relation.slots, env))?,
            };
            let value = kind.map_or(value.clone(), |kind| convert(value, kind));
            computed.push(Computed { name: Some(name), value });
        }
        let columns = self.columns_of(Vec::new(), computed);
        relation.project(columns, span)
    }
}

/// Stars at the ends of a searched text loosen it: `*x` any ending, `x*` any beginning, `*x*` anywhere.
fn any_column(text: &str, slots: &[Slot], case_sensitive: bool) -> PlanExpr {
    let (open, close) = (text.starts_with('*'), text.len() > 1 && text.ends_with('*'));
    let place = match (open, close) {
        (true, true) => Place::Anywhere,
        (true, false) => Place::TermEnd,
        (false, true) => Place::TermStart,
        (false, false) => Place::Term,
    };
    let needle = text.trim_start_matches('*').trim_end_matches('*');
    if needle.is_empty() {
        return lit(true);
    }
    let searched = slots.iter().filter(|slot| !matches!(slot.kind, TypeName::Bool | TypeName::Datetime | TypeName::Timespan));
    let tests = searched.map(|slot| match_text(place, case_sensitive, false, to_text(slot.value()), Value::text(needle)).expr);
    balanced(tests.collect(), Operator::Or)
}

fn predicate_names<'e>(expr: &'e Expr, found: &mut Vec<&'e str>) {
    match &expr.kind {
        ExprKind::Binary { left, right, .. } => {
            predicate_names(left, found);
            predicate_names(right, found);
        }
        ExprKind::In { value, .. } | ExprKind::Between { value, .. } => predicate_names(value, found),
        ExprKind::Call { arguments, .. } => arguments.iter().for_each(|argument| predicate_names(argument, found)),
        ExprKind::Path(base, _) | ExprKind::Element(base, _) => predicate_names(base, found),
        ExprKind::Name(name) => found.push(&name.text),
        _ => {}
    }
}
