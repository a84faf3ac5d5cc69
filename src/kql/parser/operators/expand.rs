//! Arrays and bags to rows: `mv-expand`, `mv-apply`.

use super::opaque;
use crate::kql::ast::{ExpandColumn, Expr, ExprKind, Operator, OperatorKind, Span};
use crate::kql::parser::list::{List, common_end};
use crate::kql::parser::name::wildcard;
use crate::kql::parser::property;
use crate::kql::parser::{Parsed, Parser};

impl Parser<'_> {
    pub(super) fn mv_expand(&mut self) -> Parsed<OperatorKind> {
        self.keyword();
        let properties = self.properties(property::MV_EXPAND, true)?;
        let columns = self.list(List::of("expression").some().until(at_limit), Self::expand_column)?;
        let limit = self.row_limit()?;
        Ok(OperatorKind::MvExpand { properties, columns, limit })
    }

    fn row_limit(&mut self) -> Parsed<Option<Expr>> {
        if self.eat("limit") { self.required_value().map(Some) } else { Ok(None) }
    }

    fn expand_column(&mut self) -> Parsed<Option<ExpandColumn>> {
        if self.at("to") {
            return Err(self.lacks("expression"));
        }
        let Some(expr) = self.named()? else { return Ok(None) };
        let kind = if self.eat("to") { self.required_type_of()? } else { None };
        Ok(Some(match expr.kind {
            ExprKind::Named { mut names, value } if names.len() == 1 => ExpandColumn { name: names.pop(), value: *value, kind },
            _ => ExpandColumn { name: None, value: expr, kind },
        }))
    }

    pub(super) fn mv_apply(&mut self) -> Parsed<OperatorKind> {
        self.keyword();
        let properties = self.properties(property::MV_APPLY, true)?;
        let columns = self.apply_columns()?;
        let limit = self.row_limit()?;
        if self.eat("id") {
            self.required_value()?;
        }
        self.expect("on")?;
        self.expect("(")?;
        let subquery = self.contextual_operators()?;
        self.expect(")")?;
        Ok(OperatorKind::MvApply { properties, columns, limit, subquery })
    }

    /// As of `mv-expand`; a type alone is allowed, too.
    fn apply_columns(&mut self) -> Parsed<Vec<ExpandColumn>> {
        let before = self.position;
        if self.eat("to") {
            let span = Span { start: self.here(), end: self.here() };
            let kind = self.required_type_of()?;
            if !self.at(",") {
                return Ok(vec![ExpandColumn { name: None, value: wildcard("*".to_owned(), span), kind }]);
            }
            self.position = before;
        }
        self.list(List::of("expression").some().until(at_apply_clause), Self::expand_column)
    }

    /// Operators on the rows of the operator around them, which may be named as their source.
    pub(super) fn contextual_operators(&mut self) -> Parsed<Vec<Operator>> {
        let start = self.here();
        let Some(source) = self.contextual_table()? else { return self.operators() };
        let name = self.name_at(start);
        let mut operators = vec![Operator { kind: opaque(name, vec![source]), span: self.since(start) }];
        if self.eat("|") {
            operators.extend(self.operators()?);
        }
        Ok(operators)
    }

    fn name_at(&self, start: usize) -> crate::kql::ast::Name {
        let span = self.since(start);
        crate::kql::ast::Name { text: "__contextual_datatable".to_owned(), span }
    }
}

fn at_limit(parser: &Parser<'_>) -> bool {
    parser.at("limit") || common_end(parser)
}

/// `limit`, `id` and `on` end the columns, unless they are columns themselves.
fn at_apply_clause(parser: &Parser<'_>) -> bool {
    let clause = matches!(parser.fixed(), "limit" | "id" | "on") || common_end(parser);
    (clause && !matches!(parser.fixed_at(1), "," | "to" | "=")) || common_end(parser)
}
