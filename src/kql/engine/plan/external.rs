//! `externaldata`: text fetched by whoever runs the engine, and read here. The engine itself reads no network.

use super::super::error::QueryError;
use super::super::expr::scope::Scope;
use super::super::json;
use super::super::scalar::convert::{convert, to_dynamic};
use super::super::scalar::paths::records;
use super::super::types::Column;
use super::super::value::Value;
use super::Planner;
use super::env::Env;
use super::relation::Relation;
use super::sources::literal_text;
use super::union::property;
use crate::kql::ast::{ColumnDeclaration, Expr, ExprKind, Literal, Property, Span, TypeName};
use datafusion::scalar::ScalarValue;

impl<'a> Planner<'a> {
    pub(super) fn external_data(
        &self,
        columns: &'a [ColumnDeclaration],
        uris: &'a [Expr],
        properties: &'a [Property],
        span: Span,
        env: &Env<'a>,
    ) -> Result<Relation, QueryError> {
        let Some(fetch) = &self.options.external else {
            return Err(QueryError::unsupported("'externaldata', which reads from the internet,", span));
        };
        let format = property(properties, &["format"]).and_then(literal_text).map(str::to_ascii_lowercase);
        let skip = property(properties, &["ignoreFirstRecord", "ignorefirstrecord"]).is_some_and(is_true);
        let declared: Vec<Column> = columns.iter().map(|column| Column::new(&column.name.text, column.kind)).collect();
        let mut cells: Vec<Vec<ScalarValue>> = vec![Vec::new(); declared.len()];
        for uri in uris {
            let address = self.scalar(uri, Scope::new(&[], env))?;
            let address = address.as_text().ok_or_else(|| self.semantic("externaldata: addresses must be constant strings", uri.span))?;
            let text = fetch.fetch(address).map_err(|message| QueryError::runtime(message, uri.span))?;
            let format = format.clone().unwrap_or_else(|| format_of(address));
            read(&text, &format, skip, &declared, &mut cells).map_err(|message| QueryError::unsupported(message, span))?;
        }
        self.rows_of(&declared, cells, span)
    }
}

fn is_true(expr: &Expr) -> bool {
    matches!(&expr.kind, ExprKind::Literal(Literal::Bool(true))) || literal_text(expr) == Some("true")
}

/// The format that an address' ending tells.
fn format_of(address: &str) -> String {
    let path = address.split(['?', '#', ';']).next().unwrap_or_default().trim_end_matches(".gz").to_ascii_lowercase();
    match path.rsplit_once('.').map(|(_, ending)| ending) {
        Some("ndjson" | "jsonl") => "json".to_owned(),
        Some(ending @ ("json" | "tsv" | "psv" | "txt")) => ending.to_owned(),
        _ => "csv".to_owned(),
    }
}

fn read(text: &str, format: &str, skip: bool, columns: &[Column], cells: &mut [Vec<ScalarValue>]) -> Result<(), String> {
    let rows = match format {
        "csv" | "scsv" | "tsv" | "tsve" | "psv" | "sohsv" => records(text, delimiter(format)),
        "txt" | "raw" => text.lines().map(|line| vec![line.to_owned()]).collect(),
        "json" | "multijson" | "ndjson" => return objects(text, columns, cells),
        other => return Err(format!("externaldata of format '{other}'")),
    };
    for row in rows.iter().skip(usize::from(skip)) {
        for (index, column) in columns.iter().enumerate() {
            cells[index].push(cell(row.get(index).map_or("", String::as_str), column.kind));
        }
    }
    Ok(())
}

fn delimiter(format: &str) -> char {
    match format {
        "tsv" | "tsve" => '\t',
        "psv" => '|',
        "scsv" => ';',
        "sohsv" => '\u{1}',
        _ => ',',
    }
}

/// Objects one a line, or in one array.
fn objects(text: &str, columns: &[Column], cells: &mut [Vec<ScalarValue>]) -> Result<(), String> {
    let whole = json::compact(text);
    let list: Vec<&str> = match whole.as_deref().and_then(json::elements) {
        Some(items) => items.collect(),
        None => match &whole {
            Some(one) => vec![one.as_ref()],
            None => text.lines().filter(|line| !line.trim().is_empty()).collect(),
        },
    };
    for object in list {
        let object = json::compact(object).ok_or("externaldata that is not JSON as announced")?;
        for (index, column) in columns.iter().enumerate() {
            let value = json::member(&object, &column.name).map_or_else(|| Value::null(TypeName::Dynamic), Value::dynamic);
            let value = if value.is_null_literal() { Value::null(column.kind) } else { convert(value, column.kind) };
            cells[index].push(value.literal().cloned().unwrap_or(ScalarValue::Null));
        }
    }
    Ok(())
}

fn cell(text: &str, kind: TypeName) -> ScalarValue {
    let value = Value::text(text);
    let value = if kind == TypeName::Dynamic { to_dynamic(value) } else { convert(value, kind) };
    value.literal().cloned().unwrap_or(ScalarValue::Null)
}
