//! `inline_external_table`: an external table declared where it is read. Kept by its columns and addresses.

use super::list::{List, common_end};
use super::{Parsed, Parser};
use crate::kql::ast::{Expr, ExprKind, Name};
use crate::kql::token::{Form, Kind};

impl Parser<'_> {
    /// Whether it is the table, not a name, that is ahead.
    pub(super) fn inline_table_ahead(&self) -> bool {
        self.at("inline_external_table") && (self.schema_ahead(1) || self.fixed_at(1) == "kind")
    }

    /// Whether the parentheses at `offset` hold a `:`, or never close.
    fn schema_ahead(&self, offset: usize) -> bool {
        if self.fixed_at(offset) != "(" {
            return false;
        }
        let rest = (offset + 1..).take_while(|offset| self.position + offset < self.tokens.len());
        for index in rest {
            match self.fixed_at(index) {
                ":" => return true,
                ")" => return false,
                _ => {}
            }
        }
        true
    }

    /// The table and all its clauses, as a source.
    pub(super) fn inline_table(&mut self) -> Parsed<Expr> {
        let start = self.here();
        self.position += 1;
        let declared = self.schema_ahead(0);
        let columns = if declared { self.row_schema()? } else { Vec::new() };
        let delta = self.table_kind()?;
        if !declared && !delta {
            return Err(self.lacks("schema declaration"));
        }
        self.partition_clause()?;
        self.path_format()?;
        self.data_format(delta)?;
        if !self.eat("(") {
            return Err(self.lacks("connection strings"));
        }
        let uris = self.list(List::of("value").trailing(), Self::expression)?;
        self.expect(")")?;
        let properties = self.external_properties()?;
        Ok(Expr { kind: ExprKind::ExternalData { columns, uris, properties }, span: self.since(start) })
    }

    /// `kind = storage|delta`; returns whether it is delta.
    fn table_kind(&mut self) -> Parsed<bool> {
        if !self.eat("kind") {
            return Err(self.lacks("kind of external table"));
        }
        self.expect("=")?;
        let kind: Option<Name> = self.eat_text(&["storage", "delta"]);
        kind.map(|kind| kind.text == "delta").ok_or_else(|| self.lacks_token("expected `storage` or `delta`"))
    }

    /// `partition by (name: type [= value], ...)`.
    fn partition_clause(&mut self) -> Parsed<()> {
        if !self.eat("partition") {
            return Ok(());
        }
        self.expect("by")?;
        self.expect("(")?;
        self.eat(",");
        self.list(List::of("partition column").trailing(), Self::partition_column)?;
        self.expect(")")
    }

    fn partition_column(&mut self) -> Parsed<Option<()>> {
        if self.declared_name()?.is_none() {
            return Err(self.lacks("name"));
        }
        self.expect(":")?;
        if !matches!(self.fixed(), "datetime" | "long" | "string") {
            return Err(self.refuse("a partition column is of type datetime, long or string"));
        }
        self.position += 1;
        if self.eat("=") {
            self.value()?;
        }
        Ok(Some(()))
    }

    /// `pathformat = ("/" name "/" datetime_pattern("yyyy", name) ...)`.
    fn path_format(&mut self) -> Parsed<()> {
        if !self.eat("pathformat") {
            return Ok(());
        }
        self.expect("=")?;
        self.expect("(")?;
        self.optional_string()?;
        loop {
            self.path_format_part()?;
            if common_end(self) {
                return self.expect(")");
            }
        }
    }

    fn path_format_part(&mut self) -> Parsed<()> {
        if self.eat("datetime_pattern") {
            self.expect("(")?;
            self.optional_string()?;
            self.expect(",")?;
            self.name()?;
            self.expect(")")?;
        } else if self.name()?.is_none() {
            return Err(self.lacks("value"));
        }
        self.optional_string()
    }

    fn optional_string(&mut self) -> Parsed<()> {
        if self.kind() == Kind::Literal(Form::String) {
            self.take()?;
        }
        Ok(())
    }

    /// `dataformat = name`, which only delta tables may do without.
    fn data_format(&mut self, delta: bool) -> Parsed<()> {
        if !self.eat("dataformat") {
            return if delta { Ok(()) } else { Err(self.lacks("data format")) };
        }
        self.expect("=")?;
        if self.kind() != Kind::Identifier {
            return Err(self.lacks_token("expected a data format"));
        }
        self.position += 1;
        Ok(())
    }
}
