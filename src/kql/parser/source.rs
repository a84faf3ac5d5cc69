//! Tables written into the query: `datatable`, `externaldata`, and the rarer ones.

use super::list::List;
use super::name::name_expr;
use super::property::NONE;
use super::{Parsed, Parser};
use crate::kql::ast::{Expr, ExprKind, Name, Property};
use crate::kql::token::{Form, Kind};

impl Parser<'_> {
    /// `datatable (a: string, ...) [ values ]`.
    pub(super) fn data_table(&mut self) -> Parsed<Option<Expr>> {
        let start = self.here();
        self.position += 1;
        self.properties(NONE, false)?;
        let columns = self.row_schema()?;
        self.expect("[")?;
        self.eat(",");
        let values = self.list(List::of("value").trailing(), Self::literal)?;
        self.expect("]")?;
        Ok(Some(Expr { kind: ExprKind::DataTable { columns, values }, span: self.since(start) }))
    }

    /// `externaldata (a: string, ...) [ "address", ... ] with (...)`.
    pub(super) fn external_data(&mut self) -> Parsed<Option<Expr>> {
        let start = self.here();
        self.position += 1;
        self.properties(NONE, false)?;
        let columns = self.row_schema()?;
        self.expect("[")?;
        let uris = self.list(List::of("value").trailing(), Self::expression)?;
        self.expect("]")?;
        let properties = self.external_properties()?;
        Ok(Some(Expr { kind: ExprKind::ExternalData { columns, uris, properties }, span: self.since(start) }))
    }

    /// `with (name = value, ...)`, if it is ahead.
    pub(super) fn external_properties(&mut self) -> Parsed<Vec<Property>> {
        if !self.eat("with") {
            return Ok(Vec::new());
        }
        self.expect("(")?;
        let properties = self.list(List::of("property"), Self::external_property)?;
        self.expect(")")?;
        Ok(properties)
    }

    fn external_property(&mut self) -> Parsed<Option<Property>> {
        let Some(name) = self.declared_name()? else { return Ok(None) };
        self.expect("=")?;
        let value = match self.kind() {
            Kind::Literal(Form::String | Form::Long | Form::Real | Form::Bool | Form::Datetime | Form::Guid) => self.literal()?,
            _ => self.declared_name()?.map(name_expr),
        };
        let value = value.ok_or_else(|| self.lacks("value"))?;
        Ok(Some(Property { name, value }))
    }

    /// `__contextual_datatable ID (schema)`, which stands for the rows of the operator around it.
    pub(super) fn contextual_table(&mut self) -> Parsed<Option<Expr>> {
        let start = self.here();
        if !self.at("__contextual_datatable") {
            return Ok(None);
        }
        let name = self.plain_name();
        let id = match self.literal()? {
            Some(id) => id,
            None => self.required_value()?,
        };
        self.row_schema()?;
        Ok(Some(Expr { kind: ExprKind::Call { name, arguments: vec![id] }, span: self.since(start) }))
    }

    /// `materialized-view-combine (name) base (...) delta (...) aggregations (summarize ...)`.
    pub(super) fn view_combine(&mut self) -> Parsed<Option<Expr>> {
        let start = self.here();
        let name = self.plain_name();
        let mut arguments = vec![self.required_in_parentheses()?];
        for clause in ["base", "delta"] {
            self.clause(clause)?;
            arguments.push(self.required_in_parentheses()?);
        }
        self.clause("aggregations")?;
        self.expect("(")?;
        if !self.at("summarize") {
            return Err(self.lacks("expression"));
        }
        let operators = vec![self.required_operator()?];
        self.expect(")")?;
        let span = self.since(start);
        arguments.push(Expr { kind: ExprKind::Pipeline { source: None, operators }, span });
        Ok(Some(Expr { kind: ExprKind::Call { name, arguments }, span }))
    }

    fn clause(&mut self, name: &str) -> Parsed<Name> {
        self.eat_text(&[name]).ok_or_else(|| self.lacks(&format!("{name} clause")))
    }

    fn required_in_parentheses(&mut self) -> Parsed<Expr> {
        self.expect("(")?;
        let inner = self.required_expression()?;
        self.expect(")")?;
        Ok(inner)
    }
}
