//! Other tables: `join`, `lookup`, `union`, `find`, `search`.

use crate::kql::ast::{Expr, ExprKind, JoinKind, Name, OperatorKind, Property, TypeName};
use crate::kql::parser::list::List;
use crate::kql::parser::name::{name_expr, wildcard};
use crate::kql::parser::property;
use crate::kql::parser::{Parsed, Parser};

impl Parser<'_> {
    pub(super) fn join(&mut self) -> Parsed<OperatorKind> {
        self.keyword();
        let properties = self.properties(property::JOIN, true)?;
        let right = self.required_value()?;
        let on = match self.fixed() {
            "on" => self.join_on()?,
            "where" => vec![self.join_where()?],
            _ => Vec::new(),
        };
        let kind = kind_of(&properties).unwrap_or(JoinKind::InnerUnique);
        Ok(OperatorKind::Join { kind, right, on, properties })
    }

    fn join_on(&mut self) -> Parsed<Vec<Expr>> {
        self.expect("on")?;
        self.list(List::of("expression").some().open(), Self::value)
    }

    fn join_where(&mut self) -> Parsed<Expr> {
        self.expect("where")?;
        self.required_value()
    }

    pub(super) fn lookup(&mut self) -> Parsed<OperatorKind> {
        self.keyword();
        let properties = self.properties(property::LOOKUP, true)?;
        let right = self.required_value()?;
        if !self.at("on") {
            return Err(self.lacks("join condition (`on`)"));
        }
        let on = self.join_on()?;
        let kind = kind_of(&properties).unwrap_or(JoinKind::LeftOuter);
        Ok(OperatorKind::Lookup { kind, right, on })
    }

    pub(super) fn union(&mut self) -> Parsed<OperatorKind> {
        self.keyword();
        let properties = self.properties(property::UNION, true)?;
        let tables = self.list(List::of("expression").some(), |parser| match parser.parenthesized()? {
            Some(found) => Ok(Some(found)),
            None => parser.entity(),
        })?;
        Ok(OperatorKind::Union { properties, tables })
    }

    /// `in (A, B | as C, D*)`, if it is ahead.
    fn in_tables(&mut self) -> Parsed<Option<Vec<Expr>>> {
        if !self.eat("in") {
            return Ok(None);
        }
        self.expect("(")?;
        let tables = self.list(List::of("expression").some(), Self::find_entity)?;
        self.expect(")")?;
        Ok(Some(tables))
    }

    pub(super) fn find(&mut self) -> Parsed<OperatorKind> {
        self.keyword();
        self.data_scope()?;
        let properties = self.properties(property::FIND, false)?;
        let tables = self.in_tables()?;
        if !properties.is_empty() || tables.is_some() {
            self.expect("where")?;
        } else {
            self.eat("where");
        }
        let predicate = self.required_value()?;
        let project = self.find_project()?;
        Ok(OperatorKind::Find { properties, tables: tables.unwrap_or_default(), predicate, project })
    }

    fn find_project(&mut self) -> Parsed<Vec<(Expr, Option<TypeName>)>> {
        let mut columns = Vec::new();
        if !self.eat("project-smart") && self.eat("project") {
            columns = self.find_columns()?;
        }
        if self.eat("__projectAway") {
            self.find_columns()?;
        }
        Ok(columns)
    }

    fn find_columns(&mut self) -> Parsed<Vec<(Expr, Option<TypeName>)>> {
        self.list(List::of("expression").some().open(), Self::find_column)
    }

    /// `pack(*)`, `*`, `name`, `name: type`.
    fn find_column(&mut self) -> Parsed<Option<(Expr, Option<TypeName>)>> {
        if self.at("pack") {
            return self.pack_all().map(|packed| Some((packed, None)));
        }
        if let Some(star) = self.star() {
            return Ok(Some((star, None)));
        }
        let Some(name) = self.name()? else { return Ok(None) };
        let kind = if self.eat(":") { Some(self.cast_type()?) } else { None };
        Ok(Some((name_expr(name), kind)))
    }

    fn pack_all(&mut self) -> Parsed<Expr> {
        let start = self.here();
        let name: Name = self.keyword();
        self.expect("(")?;
        let star = self.token().span;
        self.expect("*")?;
        self.expect(")")?;
        let arguments = vec![wildcard("*".to_owned(), star)];
        Ok(Expr { kind: ExprKind::Call { name, arguments }, span: self.since(start) })
    }

    pub(super) fn search(&mut self) -> Parsed<OperatorKind> {
        self.keyword();
        let properties = self.properties(property::SEARCH, true)?;
        self.data_scope()?;
        let tables = self.in_tables()?.unwrap_or_default();
        let predicate = self.search_predicate()?;
        Ok(OperatorKind::Search { properties, tables, predicate })
    }

    /// A condition, `*`, or `* and condition`.
    fn search_predicate(&mut self) -> Parsed<Expr> {
        if let Some(predicate) = self.value()? {
            return Ok(predicate);
        }
        let star = self.star().ok_or_else(|| self.lacks("expression"))?;
        if self.eat("and") { self.required_value() } else { Ok(star) }
    }
}

/// The kind named by the `kind` property; none where it is absent or no kind.
fn kind_of(properties: &[Property]) -> Option<JoinKind> {
    let value = &properties.iter().find(|property| property.name.text == "kind")?.value;
    let word = match &value.kind {
        ExprKind::Name(name) => name.text.as_str(),
        ExprKind::Literal(crate::kql::ast::Literal::String(text)) => text.as_str(),
        _ => return None,
    };
    Some(match word {
        "inner" => JoinKind::Inner,
        "innerunique" => JoinKind::InnerUnique,
        "leftouter" => JoinKind::LeftOuter,
        "rightouter" => JoinKind::RightOuter,
        "fullouter" => JoinKind::FullOuter,
        "leftanti" | "anti" | "leftantisemi" => JoinKind::LeftAnti,
        "rightanti" | "rightantisemi" => JoinKind::RightAnti,
        "leftsemi" => JoinKind::LeftSemi,
        "rightsemi" => JoinKind::RightSemi,
        _ => return None,
    })
}
