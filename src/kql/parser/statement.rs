//! Statements: `let`, `set`, `declare`, `restrict`, `alias`, expressions; and the query as a whole.

use super::list::{List, common_end};
use super::name::name_expr;
use super::{Parsed, Parser};
use crate::kql::ast::{Expr, ExprKind, Name, Query, Statement};
use crate::kql::token::Kind;

impl Parser<'_> {
    /// The whole text.
    pub(super) fn query(&mut self) -> Parsed<Query> {
        while self.kind() == Kind::Directive {
            self.take()?;
        }
        if self.at(".") {
            return Err(self.refuse("this is a control command, not a query"));
        }
        let statements = self.statements()?;
        if self.at_end() {
            return Ok(Query { statements });
        }
        self.take()?;
        self.position -= 1;
        Err(self.refuse(format!("unexpected `{}`: the statement before it is complete", self.text_of(self.token().span))))
    }

    /// Statements with `;` between them; what comes after without one means that it is missing.
    pub(super) fn statements(&mut self) -> Parsed<Vec<Statement>> {
        let mut statements = Vec::new();
        while let Some(statement) = self.statement()? {
            statements.push(statement);
            if self.eat(";") {
                continue;
            }
            let before = self.position;
            match self.statement() {
                Ok(None) => break,
                Ok(Some(_)) | Err(_) => return Err(self.lacked_token(before, "expected `;`")),
            }
        }
        Ok(statements)
    }

    fn statement(&mut self) -> Parsed<Option<Statement>> {
        let next = self.fixed_at(1);
        Ok(Some(match self.fixed() {
            "alias" if next == "database" => self.alias()?,
            "let" if self.scan_name(1) > 0 => self.let_statement()?,
            "set" => self.set()?,
            "declare" if next == "pattern" => self.declare_pattern()?,
            "declare" if next == "query_parameters" => self.declare_parameters()?,
            "restrict" if next == "access" => self.restrict()?,
            _ => return Ok(self.expression()?.map(Statement::Expression)),
        }))
    }

    fn alias(&mut self) -> Parsed<Statement> {
        let start = self.here();
        self.position += 2;
        let name = self.required_name()?;
        self.expect("=")?;
        let value = self.required_value()?;
        Ok(Statement::Alias { name, value, span: self.since(start) })
    }

    pub(super) fn let_statement(&mut self) -> Parsed<Statement> {
        let start = self.here();
        self.expect("let")?;
        let name = self.required_name()?;
        self.expect("=")?;
        let value = match self.fixed() {
            "materialize" => self.materialize()?,
            "entity_group" => self.entity_group()?,
            _ if self.function_ahead() => self.function()?,
            _ => self.required_expression()?,
        };
        Ok(Statement::Let { name, value, span: self.since(start) })
    }

    /// `materialize(query)`, which nothing may follow.
    fn materialize(&mut self) -> Parsed<Expr> {
        let start = self.here();
        let name = self.plain_name();
        self.expect("(")?;
        let argument = self.required_expression()?;
        self.expect(")")?;
        Ok(Expr { kind: ExprKind::Call { name, arguments: vec![argument] }, span: self.since(start) })
    }

    /// `entity_group[...]` or `entity_group("name")`.
    pub(super) fn entity_group(&mut self) -> Parsed<Expr> {
        if let Some(call) = self.call()? {
            return Ok(call);
        }
        let start = self.here();
        self.expect("entity_group")?;
        self.expect("[")?;
        let members = self.list(List::of("expression").some(), Self::value)?;
        self.expect("]")?;
        Ok(Expr { kind: ExprKind::List(members), span: self.since(start) })
    }

    fn set(&mut self) -> Parsed<Statement> {
        let start = self.here();
        self.position += 1;
        let name = self.required_name()?;
        let value = if self.eat("=") { Some(self.required_value()?) } else { None };
        Ok(Statement::Set { name, value, span: self.since(start) })
    }

    pub(super) fn declare_parameters(&mut self) -> Parsed<Statement> {
        let start = self.here();
        self.position += 1;
        self.expect("query_parameters")?;
        self.expect("(")?;
        let parameters = self.list(List::of("parameter").some(), Self::parameter)?;
        self.expect(")")?;
        Ok(Statement::DeclareParameters { parameters, span: self.since(start) })
    }

    fn restrict(&mut self) -> Parsed<Statement> {
        let start = self.here();
        self.position += 2;
        self.expect("to")?;
        self.expect("(")?;
        let entities = self.list(List::of("expression").some(), Self::entity)?;
        self.expect(")")?;
        self.external_properties()?;
        Ok(Statement::Restrict { entities, span: self.since(start) })
    }

    fn declare_pattern(&mut self) -> Parsed<Statement> {
        let start = self.here();
        self.position += 2;
        let name: Name = self.required_name()?;
        if self.eat("=") {
            self.pattern()?;
        }
        Ok(Statement::DeclarePattern { name, span: self.since(start) })
    }

    /// `(a: string)[b: string] { ("x").["y"] = { query }; ... }`.
    fn pattern(&mut self) -> Parsed<()> {
        self.expect("(")?;
        self.list(List::of("parameter"), Self::column_declaration)?;
        self.expect(")")?;
        if self.eat("[") {
            self.column_declaration()?.ok_or_else(|| self.lacks("parameter"))?;
            self.expect("]")?;
        }
        self.expect("{")?;
        if !self.at("(") {
            return Err(self.lacks("pattern match clause"));
        }
        while self.eat("(") {
            self.pattern_match()?;
        }
        self.expect("}")
    }

    fn pattern_match(&mut self) -> Parsed<()> {
        self.list(List::of("string").some(), Self::value)?;
        self.expect(")")?;
        if self.eat(".") {
            self.expect("[")?;
            self.literal()?.ok_or_else(|| self.lacks("string"))?;
            self.expect("]")?;
        }
        self.expect("=")?;
        self.within(Self::pattern_body)?;
        self.expect(";")
    }

    fn pattern_body(&mut self) -> Parsed<()> {
        self.expect("{")?;
        let mut statements = Vec::new();
        while !common_end(self) && self.at("let") {
            statements.push(self.let_statement()?);
            self.expect(";")?;
        }
        self.last_expression(&mut statements)?;
        self.expect("}")
    }

    /// A table by name, wildcard or path; calls such as `database("x")` may lead to it.
    pub(super) fn entity(&mut self) -> Parsed<Option<Expr>> {
        if let Some(found) = self.wildcard() {
            return Ok(Some(found));
        }
        let Some(mut expr) = self.selector_or_call()? else { return Ok(None) };
        loop {
            expr = match self.fixed() {
                "." => self.member(expr, Self::entity_part)?,
                "[" => self.element_by_selector(expr)?,
                _ => return Ok(Some(expr)),
            };
        }
    }

    fn entity_part(&mut self) -> Parsed<Option<Expr>> {
        match self.wildcard() {
            Some(found) => Ok(Some(found)),
            None => self.selector_or_call(),
        }
    }

    /// A table of `find in (...)` and `search in (...)`: an entity, or a name with `| as other`.
    pub(super) fn find_entity(&mut self) -> Parsed<Option<Expr>> {
        let start = self.here();
        let wild = self.scan_wildcard(0) > 0;
        let Some(entity) = self.entity()? else { return Ok(None) };
        let plain = !wild && matches!(entity.kind, ExprKind::Name(_) | ExprKind::Wildcard(_));
        if !plain || !self.at("|") {
            return Ok(Some(entity));
        }
        self.position += 1;
        if !self.at("as") {
            return Err(self.lacks("query operator"));
        }
        let operators = vec![self.required_operator()?];
        Ok(Some(Expr { kind: ExprKind::Pipeline { source: Some(Box::new(entity)), operators }, span: self.since(start) }))
    }

    /// The group that `macro-expand` goes over.
    pub(super) fn entity_group_reference(&mut self) -> Parsed<Option<Expr>> {
        if self.at("entity_group") {
            return self.entity_group().map(Some);
        }
        let text = self.text_of(self.token().span);
        if matches!(text, "database" | "cluster") && self.fixed_at(1) == "(" {
            return self.entity();
        }
        Ok(self.name()?.map(name_expr))
    }
}
