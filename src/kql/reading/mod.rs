//! What a query reads, and whether its result is the union of the results over the slices of its window.
//!
//! Conservative: a query counts as row-wise only where every operator provably hands rows on one by one; a wrong "yes" would lose
//! rows, a wrong "no" costs a query that is not cut. Not for checking columns and types.

mod class;
mod joining;
mod names;
mod operator;
mod reader;
mod value;

use crate::kql::ast::{Expr, ExprKind, Literal, Name, Parameter, ParameterKind, Query, Span, Statement, TypeName};
use crate::kql::tables::{self, Origin};

pub use class::Reason;

/// What a query reads and declares.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The tables it reads, by first appearance, each name once.
    pub tables: Vec<TableRead>,
    /// Whether the rows of the whole window are the rows of its slices, put together.
    pub row_wise: bool,
    /// Why it is not row-wise.
    pub reason: Option<Reason>,
    /// The parameters it declares.
    pub parameters: Vec<QueryParameter>,
    /// It searches every table there is.
    pub everything: bool,
    /// Whether cutting its tables by a hash of their rows is exact, be it for tables that have no time column.
    pub hash_wise: bool,
    /// Where it asks what time it is.
    pub clock: Vec<ClockCall>,
    /// Every name that a `let` or `as` binds, in function bodies, too.
    pub bound_names: Vec<String>,
}

/// One table that is read, under one name.
#[derive(Clone, Debug)]
pub struct TableRead {
    /// The table, or the pattern where `how` is [`How::Wildcard`].
    pub name: String,
    /// Where it is read; what lies there is the whole reference.
    pub places: Vec<Span>,
    /// How it is named.
    pub how: How,
    /// Where its rows come from.
    pub origin: Origin,
    /// The column it is cut by, if that is known.
    pub time_column: Option<&'static str>,
}

/// How a table is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// By its name.
    Name,
    /// By `table("name")`.
    Call,
    /// By a name with a database, workspace or application in front.
    Qualified,
    /// By a pattern, as one of the tables of a union.
    Wildcard,
    /// By a pattern, in a place where it can not be replaced.
    FixedWildcard,
}

/// A call of `now()` or `ago()`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockCall {
    /// It is `ago`, whose argument is taken off; that of `now` is added.
    pub backwards: bool,
    /// The whole call.
    pub span: Span,
    /// Its argument, where it has one.
    pub argument: Option<Span>,
    /// What the argument is worth in ticks, where it is a constant.
    pub ticks: Option<i64>,
}

/// A parameter of `declare query_parameters`.
#[derive(Clone, Debug, PartialEq)]
pub struct QueryParameter {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: TypeName,
    /// The constant it has where none is given; a parameter without one must be given.
    pub default: Option<Literal>,
    /// Its declaration, `name: type = default`.
    pub span: Span,
}

impl Reading {
    /// Returns the names and patterns that a bound cannot reach: qualified names, wildcards that must stay, everything.
    pub fn unbound(&self) -> Vec<&str> {
        let fixed = |read: &&TableRead| matches!(read.how, How::Qualified | How::FixedWildcard);
        let all = self.everything.then_some("*");
        self.tables.iter().filter(fixed).map(|read| read.name.as_str()).chain(all).collect()
    }

    /// Returns whether it asks what time it is.
    pub fn uses_now(&self) -> bool {
        !self.clock.is_empty()
    }

    /// Returns whether it reads that table by name.
    pub fn reads(&self, table: &str) -> bool {
        self.tables.iter().any(|read| read.name == table)
    }
}

/// Finds out what `query` reads.
pub fn read(query: &Query) -> Reading {
    let mut reader = reader::Reader::default();
    let reason = reader.query(query);
    let mut by_hash = reader::Reader::by_hash();
    Reading {
        tables: reader.tables(),
        row_wise: reason.is_none(),
        reason,
        hash_wise: by_hash.query(query).is_none(),
        parameters: query.statements.iter().flat_map(parameters_of).collect(),
        everything: reader.everything,
        clock: reader.clock,
        bound_names: reader.bound_names.into_iter().collect(),
    }
}

fn parameters_of(statement: &Statement) -> Vec<QueryParameter> {
    match statement {
        Statement::DeclareParameters { parameters, .. } => parameters.iter().map(parameter).collect(),
        _ => Vec::new(),
    }
}

fn parameter(declared: &Parameter) -> QueryParameter {
    let kind = match declared.kind {
        ParameterKind::Scalar(kind) => kind,
        ParameterKind::Tabular(_) => TypeName::Dynamic,
    };
    let default = match declared.default.as_ref().map(|default| &default.kind) {
        Some(ExprKind::Literal(value)) => Some(value.clone()),
        Some(ExprKind::Name(name)) => Some(Literal::String(name.text.clone())),
        _ => None,
    };
    QueryParameter { name: declared.name.text.clone(), kind, default, span: declared.span }
}

/// The last name of a path, such as the table of `database("x").T`.
fn last_name(expr: &Expr) -> Option<&Name> {
    match &expr.kind {
        ExprKind::Name(name) | ExprKind::Wildcard(name) | ExprKind::Path(_, name) => Some(name),
        _ => None,
    }
}

fn is_known_table(name: &str) -> bool {
    !matches!(tables::origin(name), Origin::Unknown)
}

#[cfg(test)]
mod tests;
