//! Text to columns: `parse`, `parse-where`, `parse-kv`.

use crate::kql::ast::{OperatorKind, ParsePart};
use crate::kql::parser::property::{self, Names};
use crate::kql::parser::{Parsed, Parser};
use crate::kql::token::{Form, Kind};

impl Parser<'_> {
    pub(super) fn parse_text(&mut self) -> Parsed<OperatorKind> {
        let filter = self.keyword().text == "parse-where";
        let properties = self.properties(property::PARSE, true)?;
        let value = self.required_value()?;
        self.expect("with")?;
        let mut pattern = Vec::new();
        while let Some(part) = self.parse_part()? {
            pattern.push(part);
        }
        Ok(OperatorKind::Parse { properties, value, pattern, filter })
    }

    fn parse_part(&mut self) -> Parsed<Option<ParsePart>> {
        if self.eat("*") {
            return Ok(Some(ParsePart::Star));
        }
        if self.kind() == Kind::Literal(Form::String) {
            return Ok(Some(ParsePart::Text(self.strings()?)));
        }
        if self.at(":") {
            return Err(self.lacks("name"));
        }
        let Some(name) = self.declared_name()? else { return Ok(None) };
        let kind = if self.eat(":") { Some(self.declared_type()?) } else { None };
        Ok(Some(ParsePart::Column(name, kind)))
    }

    pub(super) fn parse_kv(&mut self) -> Parsed<OperatorKind> {
        self.keyword();
        let value = self.required_value()?;
        self.expect("as")?;
        let columns = self.row_schema()?;
        let mut properties = Vec::new();
        if self.eat("with") {
            self.expect("(")?;
            properties = self.property_list(property::PARSE_KV, Names::Own)?;
            self.expect(")")?;
        }
        Ok(OperatorKind::ParseKv { value, columns, properties })
    }
}
