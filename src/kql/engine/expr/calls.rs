//! Calls: functions of the query's own, those that need more than their arguments' values, aggregates, and the families.

use super::super::error::QueryError;
use super::super::plan::Planner;
use super::super::plan::env::{Binding, Env, Function};
use super::super::plan::statements::Outcome as Statement;
use super::super::scalar::convert::{convert, to_dynamic};
use super::super::scalar::math::Arithmetic;
use super::super::scalar::{Args, bags, find, nearest, regexes, times};
use super::super::value::Value;
use super::neighbours::is_neighbour;
use super::scope::{Mode, Scope};
use crate::kql::ast::{Expr, ExprKind, Literal, Name, Span, TypeName};
use std::rc::Rc;

/// The names that [`Planner::special`] knows, conversions included.
#[rustfmt::skip]
pub(super) const SPECIAL: &[&str] = &[
    "iff", "iif", "case", "coalesce", "max_of", "min_of", "now", "ago", "bin", "floor", "bin_at", "isnull", "isnotnull", "pack_all",
    "column_ifexists", "columnifexists", "toscalar", "typeof", "ingestion_time",
    "tostring", "string", "tolong", "long", "toint", "int", "toreal", "todouble", "real", "double", "todecimal", "decimal", "tobool",
    "toboolean", "bool", "boolean", "todatetime", "datetime", "totimespan", "timespan", "time", "toguid", "guid",
];

impl<'a> Planner<'a> {
    pub(super) fn call(&self, name: &'a Name, arguments: &'a [Expr], span: Span, scope: Scope<'_, 'a>) -> Result<Value, QueryError> {
        let function = name.text.as_str();
        if let Some(Binding::Function(own)) = scope.env.find(function) {
            return self.scalar_function(&own.clone(), arguments, span, scope);
        }
        if let Mode::Aggregate(collected, _) = scope.mode
            && super::super::plan::aggregates::is_aggregate(function)
        {
            return self.aggregate(function, arguments, span, scope, collected);
        }
        if is_neighbour(function) {
            return self.neighbour(function, arguments, span, scope);
        }
        if let Some(value) = self.special(function, arguments, span, scope) {
            return value;
        }
        self.known(name, arguments, span, scope)
    }

    fn special(&self, name: &str, arguments: &'a [Expr], span: Span, scope: Scope<'_, 'a>) -> Option<Result<Value, QueryError>> {
        Some(match name {
            "iff" | "iif" => self.iff(arguments, span, scope),
            "case" => self.case(arguments, span, scope),
            "coalesce" => self.coalesce(arguments, span, scope),
            "max_of" | "min_of" => self.extreme(name, arguments, span, scope),
            "now" | "ago" => self.clock(name, arguments, span, scope),
            "bin" | "floor" | "bin_at" => self.binned(name, arguments, span, scope),
            "isnull" | "isnotnull" => self.null_test(arguments, name == "isnotnull", span, scope),
            "pack_all" => self.pack_all(arguments, scope),
            "column_ifexists" | "columnifexists" => self.column_if_exists(arguments, span, scope),
            "toscalar" => self.to_scalar(arguments, span, scope),
            "typeof" => self.type_name(arguments, span),
            "ingestion_time" => Ok(Self::ingestion_time(scope)),
            _ => return self.conversion(name, arguments, span, scope),
        })
    }

    fn argument(&self, name: &str, arguments: &'a [Expr], index: usize, span: Span, scope: Scope<'_, 'a>) -> Result<Value, QueryError> {
        let argument = arguments.get(index).ok_or_else(|| self.argument_count(name, index + 1, span))?;
        self.scalar(argument, scope)
    }

    fn conversion(&self, name: &str, arguments: &'a [Expr], span: Span, scope: Scope<'_, 'a>) -> Option<Result<Value, QueryError>> {
        let kind = match name {
            "tostring" | "string" => TypeName::String,
            "tolong" | "long" => TypeName::Long,
            "toint" | "int" => TypeName::Int,
            "toreal" | "todouble" | "real" | "double" => TypeName::Real,
            "todecimal" | "decimal" => TypeName::Decimal,
            "tobool" | "toboolean" | "bool" | "boolean" => TypeName::Bool,
            "todatetime" | "datetime" => TypeName::Datetime,
            "totimespan" | "timespan" | "time" => TypeName::Timespan,
            "toguid" | "guid" => TypeName::Guid,
            _ => return None,
        };
        Some(self.argument(name, arguments, 0, span, scope).map(|value| convert(value, kind)))
    }

    fn known(&self, name: &Name, arguments: &'a [Expr], span: Span, scope: Scope<'_, 'a>) -> Result<Value, QueryError> {
        let Some(entry) = find(&name.text) else { return Err(self.unknown_function(name)) };
        if arguments.len() < entry.min || arguments.len() > entry.max {
            return Err(self.argument_count(entry.name, if arguments.len() < entry.min { entry.min } else { entry.max }, span));
        }
        let values = arguments.iter().map(|argument| self.scalar(argument, scope)).collect::<Result<Vec<_>, _>>()?;
        entry.run(&Args::new(values)).map_err(|message| self.semantic(format!("{}(): {message}", entry.name), span))
    }

    fn unknown_function(&self, name: &Name) -> QueryError {
        let hint = nearest(&name.text).map(|known| format!(" (did you mean '{known}'?)")).unwrap_or_default();
        self.semantic(format!("Unknown function: '{}'{hint}", name.text), name.span)
    }

    fn clock(&self, name: &str, arguments: &'a [Expr], span: Span, scope: Scope<'_, 'a>) -> Result<Value, QueryError> {
        let now = Value::datetime(self.now());
        if arguments.is_empty() {
            return Ok(now);
        }
        let offset = convert(self.argument(name, arguments, 0, span, scope)?, TypeName::Timespan);
        self.combine(if name == "ago" { Arithmetic::Subtract } else { Arithmetic::Add }, now, offset, span)
    }

    fn binned(&self, name: &str, arguments: &'a [Expr], span: Span, scope: Scope<'_, 'a>) -> Result<Value, QueryError> {
        let value = self.argument(name, arguments, 0, span, scope)?;
        let size = match arguments.get(1) {
            Some(size) => self.scalar(size, scope)?,
            None => Value::long(1),
        };
        let made = match name {
            "bin_at" => times::bin_at(value, size, self.argument(name, arguments, 2, span, scope)?),
            _ => times::bin(value, size),
        };
        made.map_err(|message| self.semantic(format!("{name}(): {message}"), span))
    }

    /// Strings are never null.
    fn null_test(&self, arguments: &'a [Expr], negated: bool, span: Span, scope: Scope<'_, 'a>) -> Result<Value, QueryError> {
        let value = self.argument("isnull", arguments, 0, span, scope)?;
        if value.kind == TypeName::String {
            return Ok(Value::bool(negated));
        }
        Ok(Value::new(if negated { value.expr.is_not_null() } else { value.expr.is_null() }, TypeName::Bool))
    }

    fn pack_all(&self, arguments: &'a [Expr], scope: Scope<'_, 'a>) -> Result<Value, QueryError> {
        let sparse = match arguments.first() {
            Some(argument) => self.scalar(argument, scope)?.as_i64() == Some(1),
            None => false,
        };
        let pairs = scope.slots.iter().flat_map(|slot| [Value::text(slot.name.clone()), slot.value()]).collect();
        let packed = bags::pack_pairs(pairs);
        Ok(if sparse { bags::without_empty(packed) } else { packed })
    }

    fn column_if_exists(&self, arguments: &'a [Expr], span: Span, scope: Scope<'_, 'a>) -> Result<Value, QueryError> {
        let name = match arguments.first().map(|argument| &argument.kind) {
            Some(ExprKind::Literal(Literal::String(name))) => name.clone(),
            Some(ExprKind::Name(name)) => name.text.clone(),
            _ => return Err(self.semantic("column_ifexists(): the first argument must be a column's name", span)),
        };
        match scope.column(&name) {
            Some(value) => Ok(value),
            None => self.argument("column_ifexists", arguments, 1, span, scope),
        }
    }

    fn to_scalar(&self, arguments: &'a [Expr], span: Span, scope: Scope<'_, 'a>) -> Result<Value, QueryError> {
        let argument = arguments.first().ok_or_else(|| self.argument_count("toscalar", 1, span))?;
        if self.is_tabular(argument, scope.env, scope.slots) { self.first_cell(argument, scope.env) } else { self.scalar(argument, scope) }
    }

    fn type_name(&self, arguments: &'a [Expr], span: Span) -> Result<Value, QueryError> {
        match arguments.first().map(|argument| &argument.kind) {
            Some(ExprKind::Name(name)) if regexes::type_of(&name.text).is_some() => Ok(Value::text(name.text.clone())),
            Some(ExprKind::Literal(Literal::String(name))) => Ok(Value::text(name.clone())),
            _ => Err(self.semantic("typeof(): a type is expected", span)),
        }
    }

    /// When a row came in is not kept: its own time answers.
    fn ingestion_time(scope: Scope<'_, 'a>) -> Value {
        let time = ["Timestamp", "TimeGenerated"].iter().find_map(|name| scope.column(name));
        time.unwrap_or_else(|| Value::null(TypeName::Datetime))
    }

    /// Calls a function of the query's own that yields a scalar.
    pub(super) fn scalar_function(
        &self,
        function: &Rc<Function<'a>>,
        arguments: &'a [Expr],
        span: Span,
        scope: Scope<'_, 'a>,
    ) -> Result<Value, QueryError> {
        let env = self.bound(function, arguments, None, span, scope)?;
        match self.statements(function.body, env)? {
            Some(Statement::Scalar(value)) => Ok(value),
            _ => Err(self.semantic("A function that yields a table cannot be called here", span)),
        }
    }

    /// The names that a function's body sees when called with these arguments.
    pub(crate) fn bound(
        &self,
        function: &Rc<Function<'a>>,
        arguments: &'a [Expr],
        first: Option<Binding<'a>>,
        span: Span,
        scope: Scope<'_, 'a>,
    ) -> Result<Env<'a>, QueryError> {
        let given = usize::from(first.is_some());
        if arguments.len() + given > function.parameters.len() {
            return Err(self.semantic(format!("The function takes {} argument(s)", function.parameters.len()), span));
        }
        let mut env = function.env.clone();
        let mut first = first;
        for (index, parameter) in function.parameters.iter().enumerate() {
            let binding = match first.take() {
                Some(binding) => binding,
                None => self.parameter(parameter, argument_for(arguments, &parameter.name.text, index - given), span, scope)?,
            };
            env = env.with(&parameter.name.text, binding);
        }
        Ok(env)
    }

    fn parameter(
        &self,
        parameter: &'a crate::kql::ast::Parameter,
        argument: Option<&'a Expr>,
        span: Span,
        scope: Scope<'_, 'a>,
    ) -> Result<Binding<'a>, QueryError> {
        use crate::kql::ast::ParameterKind;
        let missing = || self.semantic(format!("Argument '{}' is missing", parameter.name.text), span);
        let argument = argument.or(parameter.default.as_ref()).ok_or_else(missing)?;
        match parameter.kind {
            ParameterKind::Tabular(_) => self.tabular(argument, scope.env).map(Binding::Table),
            ParameterKind::Scalar(kind) => {
                let value = self.scalar(argument, scope)?;
                Ok(Binding::Scalar(if kind == TypeName::Dynamic { to_dynamic(value) } else { convert(value, kind) }))
            }
        }
    }
}

/// The argument of a parameter: by its name, or by its place among those without one.
fn argument_for<'a>(arguments: &'a [Expr], name: &str, index: usize) -> Option<&'a Expr> {
    let named = arguments.iter().find_map(|argument| match &argument.kind {
        ExprKind::Named { names, value } if names.first().is_some_and(|given| given.text == name) => Some(value.as_ref()),
        _ => None,
    });
    named.or_else(|| arguments.get(index).filter(|argument| !matches!(argument.kind, ExprKind::Named { .. })))
}
