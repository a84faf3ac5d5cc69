//! Types and schemas: `(name: type, ...)`, `typeof(...)`, parameters.

use super::list::List;
use super::{Parsed, Parser};
use crate::kql::ast::{ColumnDeclaration, Expr, ExprKind, Name, Parameter, ParameterKind, TypeName};
use crate::kql::token::Kind;

/// A type's own name.
pub(super) fn type_text(kind: TypeName) -> &'static str {
    match kind {
        TypeName::Bool => "bool",
        TypeName::Int => "int",
        TypeName::Long => "long",
        TypeName::Real => "real",
        TypeName::Decimal => "decimal",
        TypeName::String => "string",
        TypeName::Datetime => "datetime",
        TypeName::Timespan => "timespan",
        TypeName::Guid => "guid",
        TypeName::Dynamic => "dynamic",
    }
}

/// The types that columns and parameters may have, under all their names.
fn declarable(word: &str) -> Option<TypeName> {
    Some(match word {
        "bool" | "boolean" => TypeName::Bool,
        "int" | "int8" => TypeName::Int,
        "long" | "int64" => TypeName::Long,
        "real" | "double" => TypeName::Real,
        "decimal" => TypeName::Decimal,
        "string" => TypeName::String,
        "datetime" | "date" => TypeName::Datetime,
        "timespan" | "time" => TypeName::Timespan,
        "guid" | "uniqueid" => TypeName::Guid,
        "dynamic" => TypeName::Dynamic,
        _ => return None,
    })
}

/// The types that `typeof(...)` takes beyond those.
fn castable(word: &str) -> Option<TypeName> {
    declarable(word).or(match word {
        "float" => Some(TypeName::Real),
        "int16" | "int32" | "uint8" | "uint16" => Some(TypeName::Int),
        "uint" | "uint32" | "uint64" | "ulong" => Some(TypeName::Long),
        _ => None,
    })
}

impl Parser<'_> {
    /// A column's or parameter's type.
    pub(super) fn declared_type(&mut self) -> Parsed<TypeName> {
        self.type_by(declarable)
    }

    /// A type where `typeof`'s wider choice is allowed.
    pub(super) fn cast_type(&mut self) -> Parsed<TypeName> {
        self.type_by(castable)
    }

    fn type_by(&mut self, known: fn(&str) -> Option<TypeName>) -> Parsed<TypeName> {
        if let Some(kind) = known(self.fixed()) {
            self.position += 1;
            return Ok(kind);
        }
        let named = castable(self.fixed()).is_some() || self.kind().is_name();
        Err(if named {
            self.refuse(format!("`{}` is not a type that can be used here", self.text_of(self.token().span)))
        } else {
            self.lacks("type name")
        })
    }

    /// `name: type`, if it is ahead.
    pub(super) fn column_declaration(&mut self) -> Parsed<Option<ColumnDeclaration>> {
        Ok(self.declaration()?.map(|(name, kind)| ColumnDeclaration {
            name,
            kind: match kind {
                ParameterKind::Scalar(kind) => kind,
                ParameterKind::Tabular(_) => TypeName::Dynamic,
            },
        }))
    }

    fn declaration(&mut self) -> Parsed<Option<(Name, ParameterKind)>> {
        let Some(name) = self.declared_name()? else {
            return if self.at(":") { Err(self.lacks("name")) } else { Ok(None) };
        };
        self.expect(":")?;
        let kind = if self.at("(") { self.within(Self::tabular_type)? } else { ParameterKind::Scalar(self.declared_type()?) };
        Ok(Some((name, kind)))
    }

    /// `(*)` or `(a: string, ...)`.
    fn tabular_type(&mut self) -> Parsed<ParameterKind> {
        self.position += 1;
        let columns = if self.eat("*") { Vec::new() } else { self.list(List::of("column").trailing(), Self::column_declaration)? };
        self.expect(")")?;
        Ok(ParameterKind::Tabular(columns))
    }

    /// `name: type [= default]`, if it is ahead.
    pub(super) fn parameter(&mut self) -> Parsed<Option<Parameter>> {
        let start = self.here();
        let Some((name, kind)) = self.declaration()? else { return Ok(None) };
        let default = if self.eat("=") { Some(self.default_value()?) } else { None };
        Ok(Some(Parameter { name, kind, default, span: self.since(start) }))
    }

    fn default_value(&mut self) -> Parsed<Expr> {
        if let Some(value) = self.literal()? {
            return Ok(value);
        }
        if self.kind().is_name() {
            return Ok(super::name::name_expr(self.plain_name()));
        }
        Err(self.lacks("expression"))
    }

    /// `(name: type, ...)`; a schema must be there.
    pub(super) fn row_schema(&mut self) -> Parsed<Vec<ColumnDeclaration>> {
        if !self.eat("(") {
            return Err(self.lacks("schema declaration"));
        }
        self.eat(",");
        let columns = self.list(List::of("column").trailing(), Self::column_declaration)?;
        self.expect(")")?;
        Ok(columns)
    }

    /// The schema after `evaluate plugin():`, which may start with `*`.
    pub(super) fn evaluate_schema(&mut self) -> Parsed<Vec<ColumnDeclaration>> {
        if !self.eat("(") {
            return Err(self.lacks("schema declaration"));
        }
        self.eat(",");
        self.eat("*");
        self.eat(",");
        let columns = self.list(List::of("column").trailing(), Self::column_declaration)?;
        self.expect(")")?;
        Ok(columns)
    }

    /// What stands in `typeof(...)`: one type, or columns.
    pub(super) fn typeof_arguments(&mut self) -> Parsed<Vec<Expr>> {
        let single = castable(self.fixed()).is_some() || (self.kind() == Kind::Identifier && self.fixed_at(1) == ")");
        if single {
            return Ok(vec![super::name::name_expr(self.plain_name())]);
        }
        self.list(List::of("type name"), Self::typeof_element)
    }

    fn typeof_element(&mut self) -> Parsed<Option<Expr>> {
        let start = self.here();
        if self.eat("*") {
            return Ok(Some(super::name::wildcard("*".to_owned(), self.since(start))));
        }
        let Some(column) = self.column_declaration()? else { return Ok(None) };
        let kind = Name { text: type_text(column.kind).to_owned(), span: self.since(start) };
        let value = Box::new(super::name::name_expr(kind));
        Ok(Some(Expr { kind: ExprKind::Named { names: vec![column.name], value }, span: self.since(start) }))
    }

    /// The scalar type of a `typeof(...)`, where one must stand.
    pub(super) fn required_type_of(&mut self) -> Parsed<Option<TypeName>> {
        let Some(found) = self.type_of_if_ahead()? else { return Err(self.lacks("typeof")) };
        let ExprKind::Call { arguments, .. } = &found.kind else { return Ok(None) };
        Ok(match arguments.first().map(|argument| &argument.kind) {
            Some(ExprKind::Name(name)) => castable(&name.text),
            _ => None,
        })
    }

    fn type_of_if_ahead(&mut self) -> Parsed<Option<Expr>> {
        if self.at("typeof") { self.type_of() } else { Ok(None) }
    }
}
