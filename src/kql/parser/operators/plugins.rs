//! `evaluate`, `invoke`, `render` and the other operators that hand the rows on whole.

use super::opaque;
use crate::kql::ast::{OperatorKind, Property};
use crate::kql::parser::list::List;
use crate::kql::parser::name::name_expr;
use crate::kql::parser::property::{self, Names};
use crate::kql::parser::{Parsed, Parser};
use crate::kql::token::Kind;

const CHARTS: [&str; 21] = [
    "table",
    "list",
    "barchart",
    "piechart",
    "ladderchart",
    "timechart",
    "linechart",
    "anomalychart",
    "pivotchart",
    "areachart",
    "stackedareachart",
    "scatterchart",
    "timepivot",
    "columnchart",
    "timeline",
    "3Dchart",
    "card",
    "treemap",
    "plotly",
    "graph",
    "sankey",
];

impl Parser<'_> {
    pub(super) fn evaluate(&mut self) -> Parsed<OperatorKind> {
        self.keyword();
        let properties = self.properties(property::EVALUATE, false)?;
        let Some(call) = self.call()? else { return Err(self.lacks_call()) };
        let schema = if self.eat(":") { self.evaluate_schema()? } else { Vec::new() };
        Ok(OperatorKind::Evaluate { properties, call, schema })
    }

    fn lacks_call(&mut self) -> crate::kql::SyntaxError {
        match self.scan_name(0) {
            0 => self.lacks("function call"),
            length => {
                self.position += length;
                self.lacks_token("expected `(`")
            }
        }
    }

    /// `f(...)` or `a(...).b(...)`.
    pub(super) fn invoke(&mut self) -> Parsed<OperatorKind> {
        self.keyword();
        let Some(mut call) = self.call()? else { return Err(self.lacks("expression")) };
        while self.at(".") && self.call_ahead(1) {
            call = self.member(call, Self::call)?;
        }
        Ok(OperatorKind::Invoke(call))
    }

    pub(super) fn as_name(&mut self) -> Parsed<OperatorKind> {
        self.keyword();
        let properties = self.properties(property::AS, true)?;
        let name = self.required_name()?;
        Ok(OperatorKind::As { name, properties })
    }

    pub(super) fn consume(&mut self) -> Parsed<OperatorKind> {
        self.keyword();
        self.properties(property::CONSUME, false)?;
        Ok(OperatorKind::Consume)
    }

    /// `assert-schema (...)` and `__executeAndCache`.
    pub(super) fn bare(&mut self) -> Parsed<OperatorKind> {
        let name = self.keyword();
        if name.text == "assert-schema" {
            self.row_schema()?;
        }
        Ok(OperatorKind::Other(name))
    }

    pub(super) fn inline_table_operator(&mut self) -> Parsed<OperatorKind> {
        let start = self.here();
        let table = self.inline_table()?;
        let span = self.since(start);
        let name = crate::kql::ast::Name { text: "inline_external_table".to_owned(), span };
        Ok(opaque(name, vec![table]))
    }

    pub(super) fn reduce(&mut self) -> Parsed<OperatorKind> {
        self.keyword();
        let mut properties = self.properties(property::REDUCE, false)?;
        self.expect("by")?;
        let by = self.required_named()?;
        if self.eat("with") {
            properties.extend(self.property_list(property::REDUCE, Names::Known)?);
        }
        Ok(OperatorKind::Reduce { by, properties })
    }

    pub(in crate::kql::parser) fn chart_ahead(&self, offset: usize) -> bool {
        CHARTS.iter().any(|chart| self.scan_text(chart, offset) > 0)
    }

    pub(super) fn render(&mut self) -> Parsed<OperatorKind> {
        self.keyword();
        let chart = match self.eat_text(&CHARTS) {
            Some(chart) => chart,
            None if self.kind() == Kind::Identifier => self.keyword(),
            None => return Err(self.lacks_token("expected a kind of chart")),
        };
        let mut properties = Vec::new();
        while let Some(property) = self.older_render_property()? {
            properties.push(property);
        }
        if self.eat("with") {
            self.expect("(")?;
            self.eat(",");
            properties.extend(self.property_list(property::RENDER, Names::Own)?);
            self.expect(")")?;
        }
        Ok(OperatorKind::Render { chart, properties })
    }

    /// The properties that older queries write without `with (...)`.
    fn older_render_property(&mut self) -> Parsed<Option<Property>> {
        for parameter in [property::RENDER_KIND, property::RENDER_TITLE, property::RENDER_ACCUMULATE] {
            if let Some(found) = self.property_named(&parameter)? {
                return Ok(Some(found));
            }
        }
        match self.fixed() {
            "with" if self.fixed_at(1) != "(" => self.older_render_with().map(Some),
            "by" => self.older_render_by().map(Some),
            _ => Ok(None),
        }
    }

    fn older_render_with(&mut self) -> Parsed<Property> {
        let name = self.keyword();
        let value = self.any_value()?.ok_or_else(|| self.lacks("string"))?;
        Ok(Property { name, value })
    }

    fn older_render_by(&mut self) -> Parsed<Property> {
        let name = self.keyword();
        let start = self.here();
        let columns = self.list(List::of("name").some().until(at_older_render), |parser| Ok(parser.declared_name()?.map(name_expr)))?;
        let value = crate::kql::ast::Expr { kind: crate::kql::ast::ExprKind::List(columns), span: self.since(start) };
        Ok(Property { name, value })
    }
}

fn at_older_render(parser: &Parser<'_>) -> bool {
    matches!(parser.fixed(), "kind" | "title" | "accumulate" | "with" | "by")
}
