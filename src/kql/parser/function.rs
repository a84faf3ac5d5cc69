//! Functions: `(a: string, T: (*)) { body }`, with or without `view`.

use super::list::{List, common_end};
use super::{Parsed, Parser};
use crate::kql::ast::{Expr, ExprKind, Parameter, Statement};

impl Parser<'_> {
    /// Whether a function, not a value in parentheses, is ahead.
    pub(super) fn function_ahead(&self) -> bool {
        let open = usize::from(self.at("view"));
        if self.fixed_at(open) != "(" {
            return false;
        }
        let name = self.scan_declared_name(open + 1);
        matches!(self.fixed_at(open + 1), ")" | "*") || (name > 0 && self.fixed_at(open + 1 + name) == ":")
    }

    pub(super) fn function(&mut self) -> Parsed<Expr> {
        let start = self.here();
        let view = self.eat("view");
        self.expect("(")?;
        let parameters = self.list(List::of("parameter"), Self::parameter)?;
        self.expect(")")?;
        let body = self.within(Self::function_body)?;
        Ok(Expr { kind: ExprKind::Lambda { view, parameters, body }, span: self.since(start) })
    }

    /// `{ statements; expression }`; both may be missing.
    fn function_body(&mut self) -> Parsed<Vec<Statement>> {
        self.expect("{")?;
        let mut statements = Vec::new();
        while !common_end(self) {
            let Some(statement) = self.function_statement()? else { break };
            statements.push(statement);
            self.expect(";")?;
        }
        self.last_expression(&mut statements)?;
        self.expect("}")?;
        Ok(statements)
    }

    pub(super) fn last_expression(&mut self, statements: &mut Vec<Statement>) -> Parsed<()> {
        statements.extend(self.expression()?.map(Statement::Expression));
        self.eat(";");
        Ok(())
    }

    fn function_statement(&mut self) -> Parsed<Option<Statement>> {
        match self.fixed() {
            "let" => self.let_statement().map(Some),
            "declare" => self.declare_parameters().map(Some),
            _ => Ok(None),
        }
    }

    /// `(name: type = default, ...)` of `scan`.
    pub(super) fn parameters(&mut self) -> Parsed<Vec<Parameter>> {
        self.expect("(")?;
        let parameters = self.list(List::of("parameter"), Self::parameter)?;
        self.expect(")")?;
        Ok(parameters)
    }
}
