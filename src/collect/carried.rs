//! Carrying the times of the tables' rows through a query, in a column beside its own, so that a query that drops its time column can be
//! counted by time. The text is only added to, never rewritten.

use crate::kql::{
    ast::{Expr, ExprKind, Operator, OperatorKind, Query, Statement},
    reading::{How, Reading},
};

/// The column that carries a row's time.
pub(super) const CARRIED: &str = "IrTime";

/// Adds the carried column to what is read, and to every list of columns that would drop it.
pub(super) fn carrying(text: &str, query: &Query, reading: &Reading) -> Option<String> {
    let timed = || reading.tables.iter().filter(|table| table.how == How::Name).filter_map(|table| Some((&table.name, table.time_column?)));
    if timed().next().is_none() || timed().any(|(name, _)| reading.bound_names.contains(name)) {
        return None;
    }
    let lets: Vec<String> = timed().map(|(name, column)| format!("let {name} = {name} | extend {CARRIED} = {column}; ")).collect();
    let start = query.statements.iter().find_map(|statement| match statement {
        Statement::Let { span, .. } => Some(span.start),
        Statement::Expression(expression) => Some(expression.span.start),
        _ => None,
    })?;
    let more = if is_everywhere(query, reading) {
        CARRIED.to_owned()
    } else {
        format!("{CARRIED} = column_ifexists(\"{CARRIED}\", datetime(null))")
    };
    let mut added = Added { columns: vec![(start, lets.concat())], more };
    query.statements.iter().for_each(|statement| added.of_statement(statement));
    let mut added = added.columns;
    added.sort_by_key(|(at, _)| *at);
    added.dedup_by_key(|(at, _)| *at);
    let mut carrying = text.to_owned();
    for (at, more) in added.iter().rev() {
        carrying = format!("{}{more}{}", carrying.get(..*at)?, carrying.get(*at..)?);
    }
    Some(carrying)
}

/// What is added to a text, and where.
struct Added {
    columns: Vec<(usize, String)>,
    /// The carried column, as a list of columns names it.
    more: String,
}

/// A place that no text has: the column cannot be carried.
const NOWHERE: usize = usize::MAX;

impl Added {
    fn of_statement(&mut self, statement: &Statement) {
        match statement {
            Statement::Let { value, .. } => self.of_expression(value),
            Statement::Expression(expression) => self.of_expression(expression),
            _ => {}
        }
    }

    fn of_expression(&mut self, expression: &Expr) {
        match &expression.kind {
            ExprKind::Pipeline { source, operators } => {
                if let Some(source) = source {
                    self.of_expression(source);
                }
                for operator in operators {
                    self.of_operator(operator);
                }
            }
            ExprKind::Lambda { body, .. } => body.iter().for_each(|statement| self.of_statement(statement)),
            ExprKind::Call { arguments, .. } => arguments.iter().for_each(|argument| self.of_expression(argument)),
            ExprKind::Named { value, .. } => self.of_expression(value),
            _ => {}
        }
    }

    /// At the end of a list: a value that is made of rows takes their first column.
    fn of_operator(&mut self, operator: &Operator) {
        match &operator.kind {
            OperatorKind::Project(columns) => self.after(columns, format!(", {}", self.more)),
            OperatorKind::ProjectKeep(columns) => self.after(columns, format!(", {CARRIED}")),
            OperatorKind::Union { tables, .. } => tables.iter().for_each(|table| self.of_expression(table)),
            OperatorKind::Join { right, .. } | OperatorKind::Lookup { right, .. } => self.of_expression(right),
            // Its columns are those that are declared, and no other.
            OperatorKind::Evaluate { schema, .. } if !schema.is_empty() => self.columns.push((NOWHERE, String::new())),
            _ => {}
        }
    }

    fn after(&mut self, columns: &[Expr], more: String) {
        self.columns.extend(columns.last().map(|last| (last.span.end, more)));
    }
}

/// Says whether all rows that a list of columns may see surely have the carried column, so that it can be named like any other.
fn is_everywhere(query: &Query, reading: &Reading) -> bool {
    let of_statement = |statement: &Statement| match statement {
        Statement::Let { value, .. } => matches!(value.kind, ExprKind::Literal(_) | ExprKind::Binary { .. }) || flows(value),
        Statement::Expression(expression) => flows(expression),
        _ => false,
    };
    reading.tables.iter().all(|table| table.how == How::Name && table.time_column.is_some()) && query.statements.iter().all(of_statement)
}

fn flows(expression: &Expr) -> bool {
    match &expression.kind {
        ExprKind::Name(_) => true,
        ExprKind::Pipeline { source, operators } => source.as_deref().is_none_or(flows) && operators.iter().all(hands_on),
        _ => false,
    }
}

fn hands_on(operator: &Operator) -> bool {
    match &operator.kind {
        OperatorKind::Render { .. } => true,
        OperatorKind::Union { tables, .. } => tables.iter().all(flows),
        kind => kind.takes_rows_singly(),
    }
}
