//! Statements in order: `let`, parameters, and the expression that is the result.

use super::super::error::QueryError;
use super::super::scalar::convert::convert;
use super::super::value::Value;
use super::Planner;
use super::env::{Binding, Env, Function};
use super::relation::{Relation, Slot};
use crate::kql::ast::{Expr, ExprKind, Name, Parameter, ParameterKind, Span, Statement, TypeName};
use std::rc::Rc;

/// What statements yield.
pub(crate) enum Outcome {
    Table(Relation),
    Scalar(Value),
}

/// Functions may call functions this deep.
const DEEPEST_CALL: usize = 64;

impl<'a> Planner<'a> {
    /// Plans statements; the last expression is what they yield.
    pub(crate) fn statements(&self, statements: &'a [Statement], env: Env<'a>) -> Result<Option<Outcome>, QueryError> {
        let calls = self.calls.get() + 1;
        if calls > DEEPEST_CALL {
            return Err(QueryError::semantic("Functions are nested too deeply", Span::default()));
        }
        self.calls.set(calls);
        let outcome = self.in_order(statements, env);
        self.calls.set(calls - 1);
        outcome
    }

    fn in_order(&self, statements: &'a [Statement], mut env: Env<'a>) -> Result<Option<Outcome>, QueryError> {
        let mut last = None;
        for statement in statements {
            match statement {
                Statement::Let { name, value, .. } => env = env.with(&name.text, self.binding(value, &env)?),
                Statement::Set { .. } => {}
                Statement::DeclareParameters { parameters, .. } => env = self.declared(parameters, env)?,
                Statement::DeclarePattern { span, .. } => return Err(QueryError::unsupported("'declare pattern'", *span)),
                Statement::Restrict { span, .. } => return Err(QueryError::unsupported("'restrict access'", *span)),
                Statement::Alias { span, .. } => return Err(QueryError::unsupported("'alias database'", *span)),
                Statement::Expression(expr) => last = Some(self.outcome(expr, &env)?),
            }
        }
        Ok(last)
    }

    fn outcome(&self, expr: &'a Expr, env: &Env<'a>) -> Result<Outcome, QueryError> {
        if self.is_tabular(expr, env, &[]) {
            return self.tabular(expr, env).map(Outcome::Table);
        }
        if let ExprKind::Name(name) = &expr.kind
            && env.find(&name.text).is_none()
        {
            return Err(self.unknown_table(name));
        }
        self.operator.set("");
        self.scalar(expr, super::super::expr::scope::Scope::new(&[], env)).map(Outcome::Scalar)
    }

    fn binding(&self, value: &'a Expr, env: &Env<'a>) -> Result<Binding<'a>, QueryError> {
        if let ExprKind::Lambda { parameters, body, view } = &value.kind {
            let function = Rc::new(Function { parameters, body, env: env.clone() });
            // A view is a table without parameters: its name stands for the rows.
            return if *view && parameters.is_empty() { self.view(&function) } else { Ok(Binding::Function(function)) };
        }
        match self.outcome(value, env)? {
            Outcome::Table(relation) => Ok(Binding::Table(relation)),
            Outcome::Scalar(value) => Ok(Binding::Scalar(value)),
        }
    }

    fn view(&self, function: &Rc<Function<'a>>) -> Result<Binding<'a>, QueryError> {
        match self.statements(function.body, function.env.clone())? {
            Some(Outcome::Table(relation)) => Ok(Binding::Table(relation)),
            _ => Ok(Binding::Function(function.clone())),
        }
    }

    fn declared(&self, parameters: &'a [Parameter], mut env: Env<'a>) -> Result<Env<'a>, QueryError> {
        for parameter in parameters {
            let ParameterKind::Scalar(kind) = parameter.kind else {
                return Err(QueryError::unsupported("a tabular query parameter", parameter.span));
            };
            let default = parameter.default.as_ref().ok_or_else(|| {
                QueryError::semantic(format!("The query parameter '{}' has no value", parameter.name.text), parameter.span)
            })?;
            let value = self.scalar(default, super::super::expr::scope::Scope::new(&[], &env))?;
            let value = if kind == TypeName::Dynamic { super::super::scalar::convert::to_dynamic(value) } else { convert(value, kind) };
            env = env.with(&parameter.name.text, Binding::Scalar(value));
        }
        Ok(env)
    }

    /// Whether an expression yields a table. `slots`: columns, which come before tables of the same name.
    pub(crate) fn is_tabular(&self, expr: &Expr, env: &Env<'a>, slots: &[Slot]) -> bool {
        match &expr.kind {
            ExprKind::Pipeline { .. } | ExprKind::DataTable { .. } | ExprKind::ExternalData { .. } => true,
            ExprKind::Name(name) => !slots.iter().any(|slot| slot.name == name.text) && self.names_table(name, env),
            ExprKind::Call { name, .. } => match env.find(&name.text) {
                Some(Binding::Function(function)) => self.yields_table(function),
                _ => matches!(name.text.as_str(), "materialize" | "table" | "externaldata" | "external_table" | "view"),
            },
            ExprKind::Path(base, name) => is_database(base) && self.tables.contains_key(&name.text),
            _ => false,
        }
    }

    fn names_table(&self, name: &Name, env: &Env<'a>) -> bool {
        match env.find(&name.text) {
            Some(Binding::Table(_)) => true,
            Some(Binding::Scalar(_)) => false,
            Some(Binding::Function(function)) => self.yields_table(function),
            None => self.tables.contains_key(&name.text) || self.aliases.borrow().iter().any(|(alias, _)| *alias == name.text),
        }
    }

    /// A function yields a table if its body's last expression does, its own names considered.
    fn yields_table(&self, function: &Function<'a>) -> bool {
        let mut local: Vec<(&str, bool)> = Vec::new();
        for parameter in function.parameters {
            local.push((&parameter.name.text, matches!(parameter.kind, ParameterKind::Tabular(_))));
        }
        let mut last = false;
        for statement in function.body {
            match statement {
                Statement::Let { name, value, .. } => {
                    let tabular = self.is_tabular_with(value, function, &local);
                    local.push((&name.text, tabular));
                }
                Statement::Expression(expr) => last = self.is_tabular_with(expr, function, &local),
                _ => {}
            }
        }
        last
    }

    fn is_tabular_with(&self, expr: &Expr, function: &Function<'a>, local: &[(&str, bool)]) -> bool {
        let name = match &expr.kind {
            ExprKind::Name(name) | ExprKind::Call { name, .. } => Some(&name.text),
            _ => None,
        };
        let own = name.and_then(|name| local.iter().rev().find(|(known, _)| known == name));
        own.map_or_else(|| self.is_tabular(expr, &function.env, &[]), |(_, tabular)| *tabular)
    }
}

/// `database("x")`, `workspace("x")`, `cluster("x").database("y")`: wherever it is, its tables are looked for here.
pub(crate) fn is_database(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Call { name, .. } => matches!(name.text.as_str(), "database" | "workspace" | "cluster" | "app" | "adx"),
        ExprKind::Path(base, _) => is_database(base),
        _ => false,
    }
}
