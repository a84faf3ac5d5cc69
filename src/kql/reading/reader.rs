//! The walk over a query: which names are tables, where they are read, and how what is made of them behaves when cut.

use super::class::{Class, Reason};
use super::names::{Bound, Function, Names, Outcome};
use super::value::is_built_in;
use super::{ClockCall, How, TableRead, is_known_table};
use crate::kql::ast::{Expr, ExprKind, Literal, Name, Operator, Parameter, ParameterKind, Query, Span, Statement};
use crate::kql::tables;
use std::collections::{BTreeSet, HashMap, HashSet};

/// Calls of functions that are looked into, all together; beyond, a query is taken to be not row-wise.
const MAX_CALLS: usize = 2_000;

/// Functions that are looked into within functions.
const MAX_CALL_DEPTH: usize = 24;

#[derive(Default)]
pub(super) struct Reader<'q> {
    pub(super) names: Names<'q>,
    reads: Vec<TableRead>,
    index: HashMap<(String, How), usize>,
    /// The references and calls already noted; functions are walked more than once.
    pub(super) seen: HashSet<Span>,
    pub(super) everything: bool,
    pub(super) clock: Vec<ClockCall>,
    /// Rows are cut by what they hold, whether they have a time column or not.
    by_hash: bool,
    pub(super) bound_names: BTreeSet<String>,
    calls: usize,
    call_depth: usize,
}

impl std::hash::Hash for How {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        std::mem::discriminant(self).hash(state);
    }
}

impl<'q> Reader<'q> {
    /// A reader that asks what a cut by hash does.
    pub(super) fn by_hash() -> Self {
        Self { by_hash: true, ..Self::default() }
    }

    pub(super) fn tables(&mut self) -> Vec<TableRead> {
        std::mem::take(&mut self.reads)
    }

    /// Walks the query and returns why it is not row-wise.
    pub(super) fn query(&mut self, query: &'q Query) -> Option<Reason> {
        let mut results = Vec::new();
        let mut other = None;
        for statement in &query.statements {
            match statement {
                Statement::Expression(expr) => results.push((self.rows(expr), expr.span)),
                statement => other = other.or(self.statement(statement)),
            }
        }
        let result = match results.len() {
            0 => Some(Reason::new("it returns no rows", Span::default())),
            1 => results.pop().and_then(|(class, span)| whole_query(class, span)),
            _ => results.pop().map(|(_, span)| Reason::new("it returns several results", span)),
        };
        other.or(result)
    }

    /// Walks a statement that is no expression; returns why it keeps a query from being row-wise.
    fn statement(&mut self, statement: &'q Statement) -> Option<Reason> {
        match statement {
            Statement::Let { name, value, .. } => {
                self.let_value(name, value);
                None
            }
            Statement::Set { name, span, .. } => (!is_harmless_property(&name.text))
                .then(|| Reason::new(format!("`set {}` may change which rows are returned", name.text), *span)),
            Statement::DeclareParameters { parameters, .. } => {
                self.bind_values(parameters);
                None
            }
            Statement::DeclarePattern { span, .. } => Some(Reason::new("a pattern hides what is read", *span)),
            Statement::Restrict { span, .. } => Some(Reason::new("`restrict` changes what names mean", *span)),
            Statement::Alias { span, .. } => Some(Reason::new("an alias names another database", *span)),
            Statement::Expression(expr) => self.value(expr),
        }
    }

    fn bind_values(&mut self, parameters: &'q [Parameter]) {
        for parameter in parameters {
            self.bind(&parameter.name, Bound::Value(None));
        }
    }

    pub(super) fn bind(&mut self, name: &'q Name, bound: Bound<'q>) {
        self.bound_names.insert(name.text.clone());
        self.names.bind(&name.text, bound);
    }

    fn let_value(&mut self, name: &'q Name, value: &'q Expr) {
        let bound = match &value.kind {
            ExprKind::Lambda { parameters, body, .. } => self.function(parameters, body),
            ExprKind::Name(table) if self.names.find(&table.text).is_none() && !is_known_table(&table.text) => Bound::Unknown,
            ExprKind::Name(_) | ExprKind::Pipeline { .. } | ExprKind::DataTable { .. } | ExprKind::ExternalData { .. } => {
                Bound::Rows(self.rows(value))
            }
            ExprKind::Call { name: called, .. } if called.text != "toscalar" => self.called(value),
            ExprKind::Path(left, _) if matches!(left.kind, ExprKind::Call { .. }) => Bound::Rows(self.rows(value)),
            _ => Bound::Value(self.value(value)),
        };
        self.bind(name, bound);
    }

    /// What a call is bound as: rows where it is known to return them.
    fn called(&mut self, call: &'q Expr) -> Bound<'q> {
        let ExprKind::Call { name, .. } = &call.kind else { return Bound::Unknown };
        match self.names.find(&name.text) {
            None if !matches!(name.text.as_str(), "materialize" | "table") => Bound::Value(self.value(call)),
            _ => Bound::Rows(self.rows(call)),
        }
    }

    fn function(&mut self, parameters: &'q [Parameter], body: &'q [Statement]) -> Bound<'q> {
        let sees = self.names.len();
        let outcome = self.body(parameters, body, &HashMap::new(), sees);
        let fixed = parameters.is_empty().then_some(outcome);
        Bound::Function(Function { parameters, body, sees, fixed })
    }

    /// Walks a function's body, its parameters bound to `given`.
    fn body(&mut self, parameters: &'q [Parameter], body: &'q [Statement], given: &HashMap<&str, Bound<'q>>, sees: usize) -> Outcome {
        let hidden = self.names.hide(sees);
        for parameter in parameters {
            let missing = match parameter.kind {
                ParameterKind::Scalar(_) => Bound::Value(None),
                ParameterKind::Tabular(_) => Bound::Rows(Class::Constant),
            };
            let bound = given.get(parameter.name.text.as_str()).cloned().unwrap_or(missing);
            self.names.bind(&parameter.name.text, bound);
        }
        let mut outcome = Outcome { rows: Class::Constant, value: None };
        for statement in body {
            match statement {
                Statement::Expression(expr) => outcome = self.result(expr),
                statement => {
                    self.statement(statement);
                }
            }
        }
        self.names.show(sees, hidden);
        outcome
    }

    /// A function's last expression, as rows and as a value.
    fn result(&mut self, expr: &'q Expr) -> Outcome {
        let rows = match &expr.kind {
            ExprKind::Name(name) if self.names.find(&name.text).is_none() && !is_known_table(&name.text) => Class::Constant,
            ExprKind::Name(_) | ExprKind::Pipeline { .. } | ExprKind::Call { .. } | ExprKind::Path(..) => self.rows(expr),
            _ => Class::Constant.with([self.value(expr)]),
        };
        let value = match &rows {
            Class::Constant => None,
            Class::RowWise => Some(whole_window(expr.span)),
            Class::Mixed(reason) => Some(reason.clone()),
        };
        Outcome { rows, value }
    }

    /// Walks an expression that stands for rows.
    pub(super) fn rows(&mut self, expr: &'q Expr) -> Class {
        match &expr.kind {
            ExprKind::Name(name) => self.named_rows(name),
            ExprKind::Wildcard(name) => self.wildcard(name, How::FixedWildcard),
            ExprKind::Path(left, name) => {
                self.value(left);
                self.qualified(name, expr.span)
            }
            ExprKind::Pipeline { source, operators } => self.pipeline(source.as_deref(), operators),
            ExprKind::Call { name, arguments } => self.called_rows(name, arguments, None, expr.span),
            ExprKind::Named { value, .. } => self.rows(value),
            ExprKind::DataTable { .. } => Class::Constant,
            ExprKind::ExternalData { uris, .. } => Class::Constant.with(uris.iter().map(|uri| self.value(uri)).collect::<Vec<_>>()),
            _ => Class::Constant.with([self.value(expr)]),
        }
    }

    fn named_rows(&mut self, name: &'q Name) -> Class {
        match self.names.find(&name.text) {
            None => self.table(&name.text, How::Name, name.span),
            Some(Bound::Rows(class)) => class.clone(),
            Some(Bound::Value(Some(reason))) => Class::Mixed(reason.clone()),
            Some(Bound::Value(None) | Bound::Unknown) => Class::Mixed(not_known(name)),
            Some(Bound::Function(function)) => match &function.fixed {
                Some(outcome) => outcome.rows.clone(),
                None => Class::mixed(format!("`{}` lacks its arguments", name.text), name.span),
            },
        }
    }

    /// Notes that a table is read.
    fn table(&mut self, name: &str, how: How, span: Span) -> Class {
        let time_column = self.note(name, how, span);
        let unknown = matches!(tables::origin(name), tables::Origin::Unknown);
        match time_column {
            _ if self.by_hash => Class::RowWise,
            Some(_) => Class::RowWise,
            None if unknown => Class::mixed(format!("the time column of `{name}` is not known"), span),
            None => Class::Constant,
        }
    }

    fn note(&mut self, name: &str, how: How, span: Span) -> Option<&'static str> {
        let next = self.reads.len();
        let at = *self.index.entry((name.to_owned(), how)).or_insert(next);
        if at == next {
            let origin = tables::origin(name);
            self.reads.push(TableRead { name: name.to_owned(), places: Vec::new(), how, origin, time_column: origin.time_column() });
        }
        let read = self.reads.get_mut(at)?;
        if self.seen.insert(span) {
            read.places.push(span);
        }
        read.time_column
    }

    pub(super) fn wildcard(&mut self, name: &'q Name, how: How) -> Class {
        self.note(&name.text, how, name.span);
        Class::mixed(format!("which tables `{}` stands for is not known", name.text), name.span)
    }

    fn qualified(&mut self, name: &'q Name, span: Span) -> Class {
        let how = if name.text.contains('*') { How::FixedWildcard } else { How::Qualified };
        self.note(&name.text, how, span);
        Class::mixed(format!("`{}` is read from another place, where a bound does not reach", name.text), span)
    }

    fn pipeline(&mut self, source: Option<&'q Expr>, operators: &'q [Operator]) -> Class {
        let first = source.map(|source| self.rows(source));
        self.operators(first, operators)
    }

    /// Walks operators; `input` is none where the first makes its own rows.
    pub(super) fn operators(&mut self, input: Option<Class>, operators: &'q [Operator]) -> Class {
        let mut class = input;
        for operator in operators {
            class = Some(self.operator(operator, class));
        }
        class.unwrap_or(Class::Constant)
    }

    /// Walks a call that stands for rows. `input` are the rows it is invoked on.
    pub(super) fn called_rows(&mut self, name: &'q Name, arguments: &'q [Expr], input: Option<Class>, span: Span) -> Class {
        match (name.text.as_str(), arguments) {
            ("materialize" | "totable", [inner]) => self.rows(inner),
            ("toscalar", _) => Class::Constant.with([self.call_value(name, arguments, span)]),
            ("table", [Expr { kind: ExprKind::Literal(Literal::String(table)), .. }, ..]) => self.table(table, How::Call, span),
            _ => match self.names.find(&name.text).cloned() {
                Some(Bound::Function(function)) => self.apply(&function, arguments, input, span).rows,
                Some(Bound::Rows(class)) => class,
                None if is_built_in(&name.text) => Class::Constant.with([self.call_value(name, arguments, span)]),
                _ => {
                    self.values(arguments);
                    Class::mixed(format!("what `{}()` does with the rows is not known", name.text), span)
                }
            },
        }
    }

    /// Looks into a call of a function of the query's own.
    pub(super) fn apply(&mut self, function: &Function<'q>, arguments: &'q [Expr], input: Option<Class>, span: Span) -> Outcome {
        let given = self.arguments(function, arguments, input);
        if let Some(outcome) = &function.fixed {
            return outcome.clone();
        }
        self.calls += 1;
        if self.calls > MAX_CALLS || self.call_depth >= MAX_CALL_DEPTH {
            let reason = Reason::new("its functions call one another too often to follow", span);
            return Outcome { rows: Class::Mixed(reason.clone()), value: Some(reason) };
        }
        self.call_depth += 1;
        let outcome = self.body(function.parameters, function.body, &given, function.sees);
        self.call_depth -= 1;
        outcome
    }

    fn arguments(&mut self, function: &Function<'q>, arguments: &'q [Expr], input: Option<Class>) -> HashMap<&'q str, Bound<'q>> {
        let mut given = HashMap::new();
        let mut unnamed = function.parameters.iter();
        if let (Some(class), Some(first)) = (input, unnamed.clone().next()) {
            unnamed.next();
            given.insert(first.name.text.as_str(), Bound::Rows(class));
        }
        for argument in arguments {
            let (parameter, value) = match &argument.kind {
                ExprKind::Named { names, value } => {
                    let wanted = names.first().map(|name| name.text.as_str());
                    (function.parameters.iter().find(|parameter| wanted == Some(parameter.name.text.as_str())), &**value)
                }
                _ => (unnamed.next(), argument),
            };
            let tabular = parameter.is_some_and(|parameter| matches!(parameter.kind, ParameterKind::Tabular(_)));
            let bound = if tabular { Bound::Rows(self.rows(value)) } else { Bound::Value(self.value(value)) };
            given.extend(parameter.map(|parameter| (parameter.name.text.as_str(), bound)));
        }
        given
    }
}

pub(super) fn not_known(name: &Name) -> Reason {
    Reason::new(format!("what `{}` stands for is not known", name.text), name.span)
}

pub(super) fn whole_window(span: Span) -> Reason {
    Reason::new("a value is made of the rows of the whole window", span)
}

fn whole_query(class: Class, span: Span) -> Option<Reason> {
    match class {
        Class::RowWise => None,
        Class::Constant => Some(Reason::new("it reads no table that has a time column", span)),
        Class::Mixed(reason) => Some(reason),
    }
}

/// Request properties that change how a query runs, not which rows it returns.
fn is_harmless_property(name: &str) -> bool {
    matches!(name, "notruncation" | "norequesttimeout" | "servertimeout" | "querytrace" | "max_memory_consumption_per_query_per_node")
}
