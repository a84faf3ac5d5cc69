//! Tabular expressions: a source or an operator that needs none, then operators behind `|`.

use super::{Parsed, Parser};
use crate::kql::ast::{Expr, ExprKind, Operator};
use crate::kql::token::Kind;

/// The keywords that start an operator wherever an expression may start, unless they may be names.
const OPERATORS: [&str; 53] = [
    "as",
    "assert-schema",
    "consume",
    "count",
    "distinct",
    "__executeAndCache",
    "extend",
    "filter",
    "find",
    "getschema",
    "graph-match",
    "graph-to-table",
    "invoke",
    "join",
    "limit",
    "macro-expand",
    "make-graph",
    "graph-mark-components",
    "make-series",
    "mvapply",
    "mv-apply",
    "mvexpand",
    "mv-expand",
    "order",
    "parse",
    "parse-where",
    "parse-kv",
    "print",
    "project",
    "project-away",
    "project-keep",
    "project-rename",
    "project-by-names",
    "project-reorder",
    "sample",
    "sample-distinct",
    "scan",
    "search",
    "serialize",
    "sort",
    "summarize",
    "take",
    "top",
    "top-hitters",
    "top-nested",
    "union",
    "where",
    "__partitionby",
    "graph-shortest-paths",
    "graph-where-nodes",
    "graph-where-edges",
    "fork",
    "lookup",
];

impl Parser<'_> {
    /// An expression with pipes, if one is ahead.
    pub(super) fn expression(&mut self) -> Parsed<Option<Expr>> {
        let start = self.here();
        let operator_first = self.operator_ahead();
        let first = if operator_first { self.operator()? } else { None };
        if let Some(operator) = first {
            return self.piped(start, None, vec![operator]).map(Some);
        }
        if let Some(source) = self.value()? {
            return if self.at("|") { self.piped(start, Some(source), Vec::new()).map(Some) } else { Ok(Some(source)) };
        }
        match if operator_first { None } else { self.operator()? } {
            Some(operator) => self.piped(start, None, vec![operator]).map(Some),
            None => Ok(None),
        }
    }

    pub(super) fn required_expression(&mut self) -> Parsed<Expr> {
        self.expression()?.ok_or_else(|| self.lacks("expression"))
    }

    fn piped(&mut self, start: usize, source: Option<Expr>, first: Vec<Operator>) -> Parsed<Expr> {
        let operators = self.more_operators(first)?;
        Ok(Expr { kind: ExprKind::Pipeline { source: source.map(Box::new), operators }, span: self.since(start) })
    }

    fn more_operators(&mut self, mut operators: Vec<Operator>) -> Parsed<Vec<Operator>> {
        while self.eat("|") {
            operators.push(self.required_operator()?);
        }
        Ok(operators)
    }

    /// Operators with pipes between them, the first without a source.
    pub(super) fn operators(&mut self) -> Parsed<Vec<Operator>> {
        let first = self.required_operator()?;
        self.more_operators(vec![first])
    }

    /// As [`Self::operators`], if an operator is ahead.
    pub(super) fn operators_if_ahead(&mut self) -> Parsed<Option<Vec<Operator>>> {
        match self.operator()? {
            Some(first) => self.more_operators(vec![first]).map(Some),
            None => Ok(None),
        }
    }

    pub(super) fn required_operator(&mut self) -> Parsed<Operator> {
        if let Some(operator) = self.operator()? {
            return Ok(operator);
        }
        Err(match self.kind() {
            Kind::Identifier => self.refuse(format!("`{}` is not an operator", self.text_of(self.token().span))),
            _ => self.lacks("query operator"),
        })
    }

    /// Whether an operator, rather than a name, must be what is ahead.
    pub(super) fn operator_ahead(&self) -> bool {
        let next = self.fixed_at(1);
        match self.fixed() {
            "evaluate" => self.scan_name(1) > 0 || self.scan_known_property(false, 1) > 0,
            "facet" => next == "by",
            "partition" | "reduce" => next == "by" || self.scan_known_property(false, 1) > 0,
            "range" => self.scan_name(1) > 0 && self.fixed_at(1 + self.scan_name(1)) == "from",
            "inline_external_table" => matches!(next, "(" | "kind"),
            "render" => self.token_at(1).kind.is_name() || self.chart_ahead(1),
            word => OPERATORS.contains(&word) && !self.kind().is_name(),
        }
    }
}
