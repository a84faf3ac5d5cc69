//! `scan`: rows in order against steps.

use crate::kql::ast::{Expr, ExprKind, Name, OperatorKind, ScanStep};
use crate::kql::parser::list::{List, common_end};
use crate::kql::parser::property;
use crate::kql::parser::{Parsed, Parser};

impl Parser<'_> {
    pub(super) fn scan(&mut self) -> Parsed<OperatorKind> {
        self.keyword();
        let properties = self.properties(property::SCAN, false)?;
        let order = if self.eat("order") { self.scan_order()? } else { Vec::new() };
        let partition = if self.eat("partition") { self.scan_partition()? } else { Vec::new() };
        let declare = if self.eat("declare") { self.parameters()? } else { Vec::new() };
        self.expect("with")?;
        self.expect("(")?;
        let mut steps = Vec::new();
        while let Some(step) = self.scan_step()? {
            steps.push(step);
        }
        self.expect(")")?;
        Ok(OperatorKind::Scan { properties, order, partition, declare, steps })
    }

    fn scan_order(&mut self) -> Parsed<Vec<crate::kql::ast::OrderBy>> {
        self.expect("by")?;
        self.list(List::of("expression").some().until(at_clause), Self::ordered)
    }

    fn scan_partition(&mut self) -> Parsed<Vec<Expr>> {
        self.expect("by")?;
        self.list(List::of("expression").some().until(at_clause), Self::value)
    }

    /// `step name [optional] [output = all|last|none] : condition [=> a = b, ...];`
    fn scan_step(&mut self) -> Parsed<Option<ScanStep>> {
        if !self.eat("step") {
            return Ok(None);
        }
        let name = self.declared_name()?.ok_or_else(|| self.lacks("name"))?;
        let optional = self.eat("optional");
        let output = self.step_output()?;
        self.expect(":")?;
        let condition = self.required_value()?;
        let mut assignments = Vec::new();
        if self.eat("=>") {
            assignments = self.list(List::of("name").some(), Self::assignment)?;
        }
        self.expect(";")?;
        Ok(Some(ScanStep { name, optional, output, condition, assignments }))
    }

    fn step_output(&mut self) -> Parsed<Option<Name>> {
        if !self.eat("output") {
            return Ok(None);
        }
        self.expect("=")?;
        let kind = self.eat_text(&["all", "last", "none"]);
        kind.map(Some).ok_or_else(|| self.lacks_token("expected `all`, `last` or `none`"))
    }

    fn assignment(&mut self) -> Parsed<Option<Expr>> {
        let start = self.here();
        let Some(name) = self.declared_name()? else { return Ok(None) };
        self.expect("=")?;
        let value = Box::new(self.required_value()?);
        Ok(Some(Expr { kind: ExprKind::Named { names: vec![name], value }, span: self.since(start) }))
    }
}

fn at_clause(parser: &Parser<'_>) -> bool {
    matches!(parser.fixed(), "partition" | "order" | "by" | "declare" | "with") || common_end(parser)
}
