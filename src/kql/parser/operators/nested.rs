//! Operators with queries in them: `fork`, `facet`, `partition`, `macro-expand`.

use super::opaque;
use crate::kql::ast::{Expr, ExprKind, Name, Operator, OperatorKind};
use crate::kql::parser::list::{List, common_end};
use crate::kql::parser::property;
use crate::kql::parser::{Parsed, Parser};

impl Parser<'_> {
    pub(super) fn fork(&mut self) -> Parsed<OperatorKind> {
        self.keyword();
        let mut branches = Vec::new();
        while let Some(branch) = self.fork_branch()? {
            branches.push(branch);
        }
        if branches.is_empty() {
            return Err(self.lacks_token("expected `(`"));
        }
        Ok(OperatorKind::Fork(branches))
    }

    /// `(operators)` or `name = (operators)`.
    fn fork_branch(&mut self) -> Parsed<Option<(Option<Name>, Vec<Operator>)>> {
        let length = self.scan_name(0);
        let name = if length > 0 && self.fixed_at(length) == "=" { self.name()? } else { None };
        if name.is_some() {
            self.expect("=")?;
            self.expect("(")?;
        } else if !self.eat("(") {
            return Ok(None);
        }
        let operators = self.operators_or_expression()?;
        self.expect(")")?;
        Ok(Some((name, operators)))
    }

    fn operators_or_expression(&mut self) -> Parsed<Vec<Operator>> {
        match self.operators_if_ahead()? {
            Some(operators) => Ok(operators),
            None => self.required_expression().map(as_operators),
        }
    }

    pub(super) fn facet(&mut self) -> Parsed<OperatorKind> {
        self.keyword();
        self.expect("by")?;
        let by = self.list(List::of("name").some().until(at_with), Self::simple_path)?;
        let with = if self.eat("with") { self.facet_with()? } else { Vec::new() };
        Ok(OperatorKind::Facet { by, with })
    }

    fn facet_with(&mut self) -> Parsed<Vec<Operator>> {
        let whole = self.eat("(");
        if !whole {
            return Ok(vec![self.operator()?.ok_or_else(|| self.lacks("query operator"))?]);
        }
        let operators = self.operators_if_ahead()?.ok_or_else(|| self.lacks("query operator"))?;
        self.expect(")")?;
        Ok(operators)
    }

    pub(super) fn partition(&mut self) -> Parsed<OperatorKind> {
        self.keyword();
        let properties = self.properties(property::PARTITION, false)?;
        self.expect("by")?;
        let by = self.simple_path()?.ok_or_else(|| self.lacks("name"))?;
        if self.eat("in") {
            self.partition_scope()?;
        }
        let subquery = self.partition_operand()?;
        Ok(OperatorKind::Partition { properties, by, subquery })
    }

    fn partition_scope(&mut self) -> Parsed<()> {
        let scope = match self.call()? {
            Some(call) => Some(call),
            None => self.dynamic()?,
        };
        scope.map(|_| ()).ok_or_else(|| self.lacks("expression"))
    }

    /// `{ query }` or `( operators )`.
    fn partition_operand(&mut self) -> Parsed<Vec<Operator>> {
        if self.eat("{") {
            let query = self.required_expression()?;
            self.expect("}")?;
            return Ok(as_operators(query));
        }
        self.expect("(")?;
        let operators = self.operators()?;
        self.expect(")")?;
        Ok(operators)
    }

    pub(super) fn partition_by(&mut self) -> Parsed<OperatorKind> {
        self.keyword();
        let properties = self.properties(property::PARTITION, false)?;
        let by = self.simple_path()?.ok_or_else(|| self.lacks("name"))?;
        if self.eat("id") {
            self.literal()?.ok_or_else(|| self.lacks("value"))?;
        }
        self.expect("(")?;
        let subquery = self.contextual_operators()?;
        self.expect(")")?;
        Ok(OperatorKind::Partition { properties, by, subquery })
    }

    /// `macro-expand GROUP as NAME ( statements )`, kept by the expressions in it.
    pub(super) fn macro_expand(&mut self) -> Parsed<OperatorKind> {
        let name = self.keyword();
        self.properties(property::UNION, true)?;
        let group = self.entity_group_reference()?.ok_or_else(|| self.lacks("expression"))?;
        if self.eat("as") {
            self.required_name()?;
        }
        self.expect("(")?;
        let start = self.here();
        let body = self.statements()?;
        let span = self.since(start);
        self.expect(")")?;
        let body = Expr { kind: ExprKind::Lambda { view: false, parameters: Vec::new(), body }, span };
        Ok(opaque(name, vec![group, body]))
    }
}

/// A whole query as operators: its source becomes a union of one.
fn as_operators(query: Expr) -> Vec<Operator> {
    let span = query.span;
    let (source, mut operators) = match query.kind {
        ExprKind::Pipeline { source, operators } => (source.map(|source| *source), operators),
        kind => (Some(Expr { kind, span }), Vec::new()),
    };
    if let Some(source) = source {
        let span = source.span;
        operators.insert(0, Operator { kind: OperatorKind::Union { properties: Vec::new(), tables: vec![source] }, span });
    }
    operators
}

fn at_with(parser: &Parser<'_>) -> bool {
    parser.at("with") || common_end(parser)
}
