//! Where rows come from: named tables, `datatable`, `range`, `print`, functions, `materialize`.

use super::super::error::QueryError;
use super::super::expr::scope::Scope;
use super::super::expr::{names, names::Names};
use super::super::scalar::arrays::steps;
use super::super::scalar::convert::{convert, to_dynamic};
use super::super::table::{Stored, Table};
use super::super::types::{Column, arrow_schema, arrow_type};
use super::super::value::Value;
use super::Planner;
use super::env::{Binding, Env};
use super::foreign;
use super::relation::{Relation, Slot, column, plan_error};
use super::statements::{Outcome, is_database};
use crate::kql::ast::{ColumnDeclaration, Expr, ExprKind, Literal, Name, Span, TypeName};
use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::Field;
use datafusion::catalog::MemTable;
use datafusion::common::Column as PlanColumn;
use datafusion::datasource::provider_as_source;
use datafusion::functions::expr_fn::coalesce;
use datafusion::logical_expr::{Cast, Expr as PlanExpr, LogicalPlanBuilder};
use datafusion::scalar::ScalarValue;
use std::sync::Arc;

/// Rows of a `range` are made at once: more would not fit into memory.
const LONGEST_RANGE: i128 = 20_000_000;

impl<'a> Planner<'a> {
    /// Plans a tabular expression.
    pub(crate) fn tabular(&self, expr: &'a Expr, env: &Env<'a>) -> Result<Relation, QueryError> {
        match &expr.kind {
            ExprKind::Pipeline { source, operators } => self.pipeline(source.as_deref(), operators, env),
            ExprKind::Name(name) => self.named_table(name, env),
            ExprKind::Path(base, name) if is_database(base) => self.table_named(name),
            ExprKind::Call { name, arguments } => self.table_call(name, arguments, expr.span, env),
            ExprKind::DataTable { columns, values } => self.data_table(columns, values, expr.span, env),
            ExprKind::ExternalData { columns, uris, properties } => self.external_data(columns, uris, properties, expr.span, env),
            ExprKind::Named { value, .. } => self.tabular(value, env),
            _ => Err(self.semantic("A tabular expression is expected here", expr.span)),
        }
    }

    fn named_table(&self, name: &'a Name, env: &Env<'a>) -> Result<Relation, QueryError> {
        match env.find(&name.text) {
            Some(Binding::Table(relation)) => self.renewed(relation.clone(), name.span),
            Some(Binding::Function(function)) => {
                let function = function.clone();
                let env = self.bound(&function, &[], None, name.span, Scope::new(&[], env))?;
                self.body_table(function.body, env, name.span)
            }
            Some(Binding::Scalar(_)) => Err(self.semantic(format!("'{}' is not a table", name.text), name.span)),
            None => self.aliased(&name.text, name.span).unwrap_or_else(|| self.table_named(name)),
        }
    }

    fn aliased(&self, name: &str, span: Span) -> Option<Result<Relation, QueryError>> {
        let found = self.aliases.borrow().iter().rev().find(|(alias, _)| alias == name).map(|(_, relation)| relation.clone());
        found.map(|relation| self.renewed(relation, span))
    }

    fn body_table(&self, body: &'a [crate::kql::ast::Statement], env: Env<'a>, span: Span) -> Result<Relation, QueryError> {
        match self.statements(body, env)? {
            Some(Outcome::Table(relation)) => self.renewed(relation, span),
            _ => Err(self.semantic("A function that yields a table is expected here", span)),
        }
    }

    pub(crate) fn table_named(&self, name: &Name) -> Result<Relation, QueryError> {
        match self.tables.get(&name.text) {
            Some(table) => self.scan(&name.text, table, name.span),
            None => Err(self.unknown_table(name)),
        }
    }

    pub(crate) fn unknown_table(&self, name: &Name) -> QueryError {
        self.semantic(format!("Failed to resolve table or column expression named '{}'", name.text), name.span)
    }

    /// Reads a table, cut to the window of the run.
    pub(crate) fn scan(&self, name: &str, table: &Table, span: Span) -> Result<Relation, QueryError> {
        let relation = self.rows_in(name, table, span)?;
        let Some((from, to)) = self.window() else { return Ok(relation) };
        let Some(time) = table.time_column.as_deref().and_then(|time| relation.slot(time)).map(Slot::value) else { return Ok(relation) };
        let (from, to) = (Value::datetime(from).expr, Value::datetime(to).expr);
        tracing::trace!(table = name, "cut to the window");
        relation.filter(time.expr.clone().gt_eq(from).and(time.expr.lt(to)), span)
    }

    fn rows_in(&self, name: &str, table: &Table, span: Span) -> Result<Relation, QueryError> {
        let mut inputs = Vec::new();
        let rows = table.rows();
        if !rows.is_empty() || table.stored.is_empty() {
            inputs.push((name.to_owned(), self.batches(&table.columns, rows.into_owned(), span)?));
        }
        for stored in &table.stored {
            inputs.push((name.to_owned(), self.stored(&table.columns, stored, span)?));
        }
        match inputs.as_slice() {
            [(_, only)] => Ok(only.clone()),
            _ => self.united(inputs, false, None, span),
        }
    }

    /// Rows that are read while the plan runs, in the types that plans rely on.
    fn stored(&self, columns: &[Column], stored: &Stored, span: Span) -> Result<Relation, QueryError> {
        self.saw_rows(stored.rows);
        let source = self.fresh("table");
        let schema = stored.provider.schema();
        let read = LogicalPlanBuilder::scan(source.as_str(), provider_as_source(stored.provider.clone()), None);
        let plan = read.and_then(LogicalPlanBuilder::build).map_err(|error| plan_error(&error, span))?;
        let typed = columns.iter().map(|column| {
            let slot = self.slot(&column.name, column.kind);
            let found = schema.field_with_name(&column.name).ok();
            let value = found.map_or_else(|| Value::null(column.kind).expr, |field| typed(&source, field, column.kind));
            (slot, value)
        });
        Relation::new(plan, Vec::new()).project(typed.collect(), span)
    }

    /// A table of batches in memory.
    pub(crate) fn batches(&self, columns: &[Column], data: Vec<RecordBatch>, span: Span) -> Result<Relation, QueryError> {
        self.saw_rows(data.iter().map(RecordBatch::num_rows).sum());
        let schema = arrow_schema(columns);
        // Metadata of fields may differ from batch to batch; the arrays are what counts.
        let data =
            data.into_iter().map(|batch| RecordBatch::try_new(schema.clone(), batch.columns().to_vec())).collect::<Result<Vec<_>, _>>();
        let plan_failed = |error: datafusion::error::DataFusionError| plan_error(&error, span);
        let data = data.map_err(|error| plan_failed(error.into()))?;
        let table = MemTable::try_new(schema, vec![data]).map_err(plan_failed)?;
        let source = self.fresh("table");
        let read = LogicalPlanBuilder::scan(source.as_str(), provider_as_source(Arc::new(table)), None).map_err(plan_failed)?;
        let plan = read.build().map_err(plan_failed)?;
        let slots = columns.iter().map(|column| self.slot(&column.name, column.kind));
        let columns = slots.map(|slot| (slot.clone(), PlanExpr::Column(PlanColumn::new(Some(source.as_str()), slot.name))));
        Relation::new(plan, Vec::new()).project(columns.collect(), span)
    }

    /// A column with an id of its own.
    pub(crate) fn slot(&self, name: &str, kind: TypeName) -> Slot {
        Slot { name: name.to_owned(), id: self.fresh(name), kind }
    }

    /// The same table with new ids, so that it can meet itself in a join.
    pub(crate) fn renewed(&self, relation: Relation, span: Span) -> Result<Relation, QueryError> {
        let columns: Vec<(Slot, PlanExpr)> =
            relation.slots.iter().map(|slot| (self.slot(&slot.name, slot.kind), column(&slot.id))).collect();
        let order = relation.order.clone();
        let ids: Vec<(String, String)> =
            relation.slots.iter().zip(&columns).map(|(old, (new, _))| (old.id.clone(), new.id.clone())).collect();
        let mut renewed = Relation { order: Vec::new(), ..relation }.project(columns, span)?;
        renewed.order = order.iter().map_while(|sort| renamed(sort, &ids)).collect();
        Ok(renewed)
    }

    fn table_call(&self, name: &'a Name, arguments: &'a [Expr], span: Span, env: &Env<'a>) -> Result<Relation, QueryError> {
        if let Some(Binding::Function(function)) = env.find(&name.text) {
            let function = function.clone();
            let bound = self.bound(&function, arguments, None, span, Scope::new(&[], env))?;
            return self.body_table(function.body, bound, span);
        }
        match (name.text.as_str(), arguments) {
            ("materialize", [table]) => self.materialized(table, env),
            ("table", [table, ..]) => self.table_by_text(table, env),
            ("view", [table]) => self.tabular(table, env),
            _ => Err(self.semantic(format!("Unknown function: '{}'", name.text), name.span)),
        }
    }

    fn table_by_text(&self, table: &'a Expr, env: &Env<'a>) -> Result<Relation, QueryError> {
        let text = self.scalar(table, Scope::new(&[], env))?;
        let name = text.as_text().ok_or_else(|| self.semantic("table(): the name must be a constant string", table.span))?;
        self.table_named(&Name { text: name.to_owned(), span: table.span })
    }

    /// `materialize` runs its table once and keeps the rows.
    fn materialized(&self, table: &'a Expr, env: &Env<'a>) -> Result<Relation, QueryError> {
        let relation = self.tabular(table, env)?;
        self.held(relation, table.span)
    }

    /// Runs a table and returns it as rows in memory, in their order.
    pub(crate) fn held(&self, relation: Relation, span: Span) -> Result<Relation, QueryError> {
        let columns = relation.columns();
        let own = relation.identity();
        let relation = Relation { order: Vec::new(), part: None, ..relation }.project(own, span)?;
        let data = self.run_now(&relation.plan, span)?;
        self.batches(&columns, data, span)
    }

    fn data_table(&self, columns: &'a [ColumnDeclaration], values: &'a [Expr], span: Span, env: &Env<'a>) -> Result<Relation, QueryError> {
        if columns.is_empty() || !values.len().is_multiple_of(columns.len()) {
            return Err(self.semantic("datatable: the number of values must be a multiple of the number of columns", span));
        }
        let mut cells: Vec<Vec<ScalarValue>> = vec![Vec::new(); columns.len()];
        for (index, value) in values.iter().enumerate() {
            let column = index % columns.len();
            cells[column].push(self.cell(value, columns[column].kind, env)?);
        }
        let declared: Vec<Column> = columns.iter().map(|column| Column::new(&column.name.text, column.kind)).collect();
        self.rows_of(&declared, cells, span)
    }

    fn cell(&self, expr: &'a Expr, kind: TypeName, env: &Env<'a>) -> Result<ScalarValue, QueryError> {
        let value = self.scalar(expr, Scope::new(&[], env))?;
        let value = if kind == TypeName::Dynamic { to_dynamic(value) } else { convert(value, kind) };
        value.literal().cloned().ok_or_else(|| self.semantic("datatable: values must be constants", expr.span))
    }

    /// A table of cells, column by column.
    pub(crate) fn rows_of(&self, columns: &[Column], cells: Vec<Vec<ScalarValue>>, span: Span) -> Result<Relation, QueryError> {
        if cells.first().is_none_or(Vec::is_empty) {
            return self.batches(columns, Vec::new(), span);
        }
        let arrays = cells.into_iter().map(ScalarValue::iter_to_array).collect::<Result<Vec<ArrayRef>, _>>();
        let arrays = arrays.map_err(|error| plan_error(&error, span))?;
        let batch = RecordBatch::try_new(arrow_schema(columns), arrays).map_err(|error| plan_error(&error.into(), span))?;
        self.batches(columns, vec![batch], span)
    }

    pub(crate) fn range(&self, name: &Name, bounds: [&'a Expr; 3], span: Span, env: &Env<'a>) -> Result<Relation, QueryError> {
        let scope = Scope::new(&[], env);
        let [from, to, step] = bounds.map(|bound| self.scalar(bound, scope));
        let (from, to, step) = (from?, to?, step?);
        let kind = if [&from, &to, &step].iter().any(|value| value.kind == TypeName::Real) { TypeName::Real } else { from.kind };
        if kind == TypeName::Real {
            return self.real_range(name, [from, to, step], span);
        }
        let kind = if kind == TypeName::Int { TypeName::Long } else { kind };
        let (Some(first), Some(last), Some(length)) = (from.as_i64(), to.as_i64(), step.as_i64()) else {
            return Err(self.semantic("range: bounds and step must be constants", span));
        };
        let points = if length == 0 { 0 } else { (i128::from(last) - i128::from(first)).div_euclid(i128::from(length)) + 1 };
        if points > LONGEST_RANGE {
            return Err(self.semantic(format!("range: {points} rows are too many"), span));
        }
        let values: Int64Array = steps(first, last, length).into_iter().flatten().collect();
        let values: ArrayRef = Arc::new(values);
        let column = Column::new(&name.text, kind);
        let values = cast(&values, &arrow_type(kind)).map_err(|error| plan_error(&error.into(), span))?;
        let batch = RecordBatch::try_new(arrow_schema(std::slice::from_ref(&column)), vec![values]);
        self.batches(&[column], vec![batch.map_err(|error| plan_error(&error.into(), span))?], span)
    }

    fn real_range(&self, name: &Name, bounds: [Value; 3], span: Span) -> Result<Relation, QueryError> {
        let [Some(from), Some(to), Some(step)] = bounds.map(|value| match convert(value, TypeName::Real).literal() {
            Some(ScalarValue::Float64(Some(number))) => Some(*number),
            _ => None,
        }) else {
            return Err(self.semantic("range: bounds and step must be constants", span));
        };
        let count = super::super::numbers::to_i64(((to - from) / step).floor() + 1.0).unwrap_or(0).clamp(0, 1_000_000);
        let cells = (0..count).map(|number| ScalarValue::Float64(Some(from + super::super::numbers::to_f64(number) * step))).collect();
        self.rows_of(&[Column::new(&name.text, TypeName::Real)], vec![cells], span)
    }

    pub(crate) fn print(&self, values: &'a [Expr], span: Span, env: &Env<'a>) -> Result<Relation, QueryError> {
        let plan = LogicalPlanBuilder::empty(true).build().map_err(|error| plan_error(&error, span))?;
        let mut taken = Names::default();
        let mut columns = Vec::new();
        for (index, expr) in values.iter().enumerate() {
            let value = self.scalar(expr, Scope::new(&[], env))?;
            let name = match &expr.kind {
                ExprKind::Named { .. } => names::suggested(expr).unwrap_or_default(),
                _ => format!("print_{index}"),
            };
            columns.push((self.slot(&taken.unique(&name), value.kind), value.expr));
        }
        Relation::new(plan, Vec::new()).project(columns, span)
    }

    pub(crate) fn schema_of(&self, relation: &Relation, span: Span) -> Result<Relation, QueryError> {
        let columns = [
            ("ColumnName", TypeName::String),
            ("ColumnOrdinal", TypeName::Long),
            ("DataType", TypeName::String),
            ("ColumnType", TypeName::String),
        ];
        let columns = columns.map(|(name, kind)| Column::new(name, kind));
        let text = |text: &str| ScalarValue::Utf8(Some(text.to_owned()));
        let mut cells: Vec<Vec<ScalarValue>> = vec![Vec::new(); 4];
        for (index, slot) in relation.slots.iter().enumerate() {
            cells[0].push(text(&slot.name));
            cells[1].push(ScalarValue::Int64(Some(super::super::numbers::count(index))));
            cells[2].push(text(system_type(slot.kind)));
            cells[3].push(text(super::super::types::type_name(slot.kind)));
        }
        self.rows_of(&columns, cells, span)
    }

    /// A scalar as the result of a query: one row of it.
    pub(crate) fn single(&self, value: Value) -> Result<Relation, QueryError> {
        let span = Span::default();
        let plan = LogicalPlanBuilder::empty(true).build().map_err(|error| plan_error(&error, span))?;
        Relation::new(plan, Vec::new()).project(vec![(self.slot("print_0", value.kind), value.expr)], span)
    }
}

/// A field of a source as a column of a Kusto type; texts that are missing are empty.
fn typed(source: &str, field: &Field, kind: TypeName) -> PlanExpr {
    let read = PlanExpr::Column(PlanColumn::new(Some(source), field.name()));
    let wanted = arrow_type(kind);
    let read = match field.data_type() {
        known if *known == wanted => read,
        known if foreign::is_foreign(known) => foreign::as_json(Value::new(read, kind), known),
        _ => PlanExpr::Cast(Cast::new(Box::new(read), wanted)),
    };
    if kind == TypeName::String && field.is_nullable() { coalesce(vec![read, Value::text("").expr]) } else { read }
}

/// The .NET type of a Kusto type.
fn system_type(kind: TypeName) -> &'static str {
    match kind {
        TypeName::Bool => "System.SByte",
        TypeName::Int => "System.Int32",
        TypeName::Long => "System.Int64",
        TypeName::Real => "System.Double",
        TypeName::Decimal => "System.Data.SqlTypes.SqlDecimal",
        TypeName::String => "System.String",
        TypeName::Datetime => "System.DateTime",
        TypeName::Timespan => "System.TimeSpan",
        TypeName::Guid => "System.Guid",
        TypeName::Dynamic => "System.Object",
    }
}

fn renamed(sort: &datafusion::logical_expr::SortExpr, ids: &[(String, String)]) -> Option<datafusion::logical_expr::SortExpr> {
    let PlanExpr::Column(old) = &sort.expr else { return None };
    let (_, new) = ids.iter().find(|(id, _)| *id == old.name)?;
    Some(datafusion::logical_expr::SortExpr { expr: column(new), asc: sort.asc, nulls_first: sort.nulls_first })
}

/// The text of a constant string literal.
pub(crate) fn literal_text(expr: &Expr) -> Option<&str> {
    match &expr.kind {
        ExprKind::Literal(Literal::String(text)) => Some(text),
        ExprKind::Name(name) => Some(&name.text),
        _ => None,
    }
}
