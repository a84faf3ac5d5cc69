//! Columns: `extend`, the `project` family, `summarize`, `getschema`.

use super::opaque;
use crate::kql::ast::{Expr, ExprKind, Name, OperatorKind};
use crate::kql::parser::list::{List, common_end};
use crate::kql::parser::property;
use crate::kql::parser::{Parsed, Parser};
use crate::kql::token::Kind;

impl Parser<'_> {
    /// Values with or without names, with commas; possibly none.
    pub(super) fn named_list(&mut self) -> Parsed<Vec<Expr>> {
        self.list(List::of("expression"), Self::named)
    }

    fn column_list(&mut self) -> Parsed<Vec<Expr>> {
        self.list(List::of("expression"), Self::column_name)
    }

    pub(super) fn extend(&mut self) -> Parsed<OperatorKind> {
        self.keyword();
        let columns = self.list(List::of("expression").some(), Self::named)?;
        Ok(OperatorKind::Extend(columns))
    }

    pub(super) fn project(&mut self) -> Parsed<OperatorKind> {
        self.keyword();
        self.named_list().map(OperatorKind::Project)
    }

    pub(super) fn project_away(&mut self) -> Parsed<OperatorKind> {
        self.keyword();
        self.column_list().map(OperatorKind::ProjectAway)
    }

    pub(super) fn project_keep(&mut self) -> Parsed<OperatorKind> {
        self.keyword();
        self.column_list().map(OperatorKind::ProjectKeep)
    }

    pub(super) fn project_rename(&mut self) -> Parsed<OperatorKind> {
        self.keyword();
        self.named_list().map(OperatorKind::ProjectRename)
    }

    pub(super) fn project_reorder(&mut self) -> Parsed<OperatorKind> {
        self.keyword();
        let columns = self.list(List::of("expression"), |parser| {
            let Some(column) = parser.column_name()? else { return Ok(None) };
            Ok(Some((column, parser.order_word())))
        })?;
        Ok(OperatorKind::ProjectReorder(columns))
    }

    fn order_word(&mut self) -> Option<Name> {
        matches!(self.fixed(), "asc" | "desc" | "granny-asc" | "granny-desc").then(|| self.keyword())
    }

    pub(super) fn project_by_names(&mut self) -> Parsed<OperatorKind> {
        let name = self.keyword();
        let inside = self.list(List::of("expression"), Self::value)?;
        Ok(opaque(name, inside))
    }

    pub(super) fn get_schema(&mut self) -> Parsed<OperatorKind> {
        self.keyword();
        self.property_named(&property::GET_SCHEMA)?;
        Ok(OperatorKind::GetSchema)
    }

    pub(super) fn summarize(&mut self) -> Parsed<OperatorKind> {
        self.keyword();
        let properties = self.properties(property::SUMMARIZE, true)?;
        let aggregates = self.list(List::of("expression").until(at_by), Self::named)?;
        let mut by = Vec::new();
        if self.eat("by") {
            by = self.list(List::of("expression").some().until(at_older_bin), Self::named)?;
            by.extend(self.older_bin()?);
        }
        Ok(OperatorKind::Summarize { aggregates, by, properties })
    }

    /// `bin = value` after the groups, an older way of writing.
    fn older_bin(&mut self) -> Parsed<Option<Expr>> {
        if !self.at("bin") || self.fixed_at(1) != "=" {
            return Ok(None);
        }
        let start = self.here();
        let names = vec![self.keyword()];
        self.expect("=")?;
        let value = Box::new(self.required_value()?);
        Ok(Some(Expr { kind: ExprKind::Named { names, value }, span: self.since(start) }))
    }
}

fn at_by(parser: &Parser<'_>) -> bool {
    parser.at("by") || common_end(parser)
}

fn at_older_bin(parser: &Parser<'_>) -> bool {
    let older = parser.at("bin") && parser.fixed_at(1) == "=" && matches!(parser.token_at(2).kind, Kind::Literal(_));
    older || common_end(parser)
}
