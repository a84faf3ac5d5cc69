//! Tables of an SQLite database: one a source, with the types that hold every value, and the tenant in front of each row.
//!
//! One transaction, without a journal of SQLite's own: the file is a temporary one until it is whole.

use super::{
    Rows,
    cells::Cells,
    columns::Columns,
    encode::Refused,
    learn,
    value::{self, Kind},
};
use crate::{
    error::{Error, Kind as Failing, Result},
    journal::Column,
};
use rusqlite::{
    Connection, Statement,
    types::{ToSqlOutput, ValueRef},
};
use std::{collections::HashSet, path::Path};

/// A table to be: the rows of one source, tenant by tenant.
pub struct SqliteTable<'a> {
    /// Its name. One that is taken, or differs from another in case alone, gets a number.
    pub name: String,
    /// The answer's schema; empty where there is none.
    pub schema: Vec<Column>,
    /// Directory (tenant) ids, and the rows of each.
    pub tenants: Vec<(String, &'a dyn Rows)>,
}

/// The column that says whose a row is.
const TENANT: &str = "_tenant";
/// The column that holds what has no column of its own, as a JSON object.
const REST: &str = "_rest";
/// Columns of a table at most: SQLite takes 2,000 (its own default limit).
const MOST: usize = 1_900;

/// Creates a database at `path` that holds `tables`. Returns their names and how many rows each has.
///
/// # Errors
/// [`Failing::Disk`] where reading or writing fails.
pub fn write_sqlite(path: &Path, tables: &[SqliteTable<'_>]) -> Result<Vec<(String, u64)>> {
    let connection = Connection::open(path).map_err(failed)?;
    let begin = "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -32768; BEGIN";
    connection.execute_batch(begin).map_err(failed)?;
    let mut names = Names::default();
    let written = tables.iter().map(|table| {
        let name = names.unique(&table.name);
        Ok((name.clone(), one(&connection, &name, table)?))
    });
    let written: Vec<_> = written.collect::<Result<_>>()?;
    connection.execute_batch("COMMIT").map_err(failed)?;
    connection.close().map_err(|(_, error)| failed(error))?;
    Ok(written)
}

fn failed(error: rusqlite::Error) -> Error {
    Error::new(Failing::Disk, format!("writing the database failed: {error}")).caused_by(error)
}

/// Rows of several tenants, one after the other.
struct Chain<'a>(&'a [(String, &'a dyn Rows)]);

impl Rows for Chain<'_> {
    fn each(&self, each: &mut dyn FnMut(&str) -> Result<()>) -> Result<()> {
        self.0.iter().try_for_each(|(_, rows)| rows.each(each))
    }
}

fn one(connection: &Connection, name: &str, table: &SqliteTable<'_>) -> Result<u64> {
    let columns = learn(&Chain(&table.tenants), &table.schema)?;
    connection.execute_batch(&create(name, &columns)).map_err(failed)?;
    let mut insert = connection.prepare(&insert(name, &columns)).map_err(failed)?;
    let mut cells = Cells::new(columns, false);
    let (mut room, mut count) = (String::new(), 0);
    for (tenant, rows) in &table.tenants {
        rows.each(&mut |row| {
            count += 1;
            cells.lay(row).map_err(Refused::into_error)?;
            bind(&mut insert, tenant, &cells, row, &mut room).and_then(|()| insert.raw_execute()).map(drop).map_err(failed)
        })?;
    }
    Ok(count)
}

fn has_rest(columns: &Columns) -> bool {
    columns.list().len() > MOST
}

fn create(table: &str, columns: &Columns) -> String {
    let mut names = Names::default();
    let mut text = format!("CREATE TABLE {} ({} TEXT NOT NULL", quoted(table), quoted(&names.unique(TENANT)));
    for column in columns.list().iter().take(MOST) {
        let kind = match column.kind {
            Kind::Int | Kind::Bool => "INTEGER",
            Kind::Double => "REAL",
            Kind::Text | Kind::Time => "TEXT",
        };
        text.extend([", ", &quoted(&names.unique(&column.name)), " ", kind]);
    }
    if has_rest(columns) {
        text.extend([", ", &quoted(&names.unique(REST)), " TEXT"]);
    }
    text + ")"
}

fn insert(table: &str, columns: &Columns) -> String {
    let count = columns.list().len().min(MOST) + usize::from(has_rest(columns));
    format!("INSERT INTO {} VALUES (?{})", quoted(table), ", ?".repeat(count))
}

fn bind(insert: &mut Statement<'_>, tenant: &str, cells: &Cells, row: &str, room: &mut String) -> rusqlite::Result<()> {
    insert.raw_bind_parameter(1, tenant)?;
    let columns = cells.columns().list();
    for (at, column) in columns.iter().enumerate().take(MOST) {
        let bound = match cells.get(row, at) {
            Some(value) => cell(value, column.kind, room),
            None => ValueRef::Null,
        };
        insert.raw_bind_parameter(at + 2, ToSqlOutput::Borrowed(bound))?;
    }
    if has_rest(cells.columns()) {
        insert.raw_bind_parameter(MOST + 2, rest(cells, row))?;
    }
    Ok(())
}

fn cell<'a>(value: &'a str, kind: Kind, room: &'a mut String) -> ValueRef<'a> {
    let number = match kind {
        Kind::Int => value::int(value).map(ValueRef::Integer),
        Kind::Bool => value::truth(value).map(|truth| ValueRef::Integer(i64::from(truth))),
        // SQLite would make a null of what is no number.
        Kind::Double => value::double(value).filter(|number| !number.is_nan()).map(ValueRef::Real),
        Kind::Text | Kind::Time => None,
    };
    match number {
        Some(number) => number,
        None => ValueRef::Text(value::text(value, room).as_bytes()),
    }
}

fn rest(cells: &Cells, row: &str) -> Option<String> {
    let columns = cells.columns().list().iter().enumerate().skip(MOST);
    let members =
        columns.filter_map(|(at, column)| Some(format!("{}:{}", serde_json::Value::from(column.name.as_str()), cells.get(row, at)?)));
    let members: Vec<String> = members.collect();
    (!members.is_empty()).then(|| format!("{{{}}}", members.join(",")))
}

/// Names that SQLite tells apart: it folds the case of ASCII letters.
#[derive(Default)]
struct Names(HashSet<String>);

impl Names {
    fn unique(&mut self, name: &str) -> String {
        let mut unique = name.to_owned();
        let mut number = 2;
        while !self.0.insert(unique.to_ascii_lowercase()) {
            unique = format!("{name}_{number}");
            number += 1;
        }
        unique
    }
}

/// Quotes an identifier. SQLite's text ends at a NUL.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('\0', "\u{fffd}").replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::types::Value;

    struct Lines(Vec<String>);

    impl Rows for Lines {
        fn each(&self, each: &mut dyn FnMut(&str) -> Result<()>) -> Result<()> {
            self.0.iter().try_for_each(|line| each(line))
        }
    }

    fn written(schema: &[(&str, &str)], rows: &[&str]) -> (tempfile::TempDir, Connection) {
        let home = tempfile::tempdir().unwrap();
        let rows = Lines(rows.iter().map(|row| (*row).to_owned()).collect());
        let schema = schema.iter().map(|(name, kind)| Column { name: (*name).to_owned(), kind: (*kind).to_owned() }).collect();
        let path = home.path().join("x.db");
        let table = SqliteTable { name: "t\"; DROP TABLE x".into(), schema, tenants: vec![("one".into(), &rows), ("two".into(), &rows)] };
        let counts = write_sqlite(&path, &[table]).unwrap();
        assert_eq!(counts[0].1, rows.0.len() as u64 * 2);
        (home, Connection::open(path).unwrap())
    }

    fn all(connection: &Connection, select: &str) -> Vec<Vec<Value>> {
        let mut statement = connection.prepare(select).unwrap();
        let count = statement.column_count();
        let rows = statement.query_map([], |row| (0..count).map(|at| row.get(at)).collect()).unwrap();
        rows.map(Result::unwrap).collect()
    }

    #[test]
    fn values_keep_their_digits_and_names_their_case() {
        let schema = [("Timestamp", "DateTime"), ("n", "Int64"), ("N", "Int64"), ("b", "Boolean"), ("d", "Double"), ("x", "Object")];
        let rows = [
            r#"{"Timestamp":"2026-01-01T00:00:00.1234567Z","n":7,"N":12345678901234567890123,"b":true,"d":0.5,"x":{"a":[1]},"late":"\ud800"}"#,
            r#"{"n":null,"N":"007","b":false,"d":"NaN","x":"text\u0000"}"#,
        ];
        let (_home, connection) = written(&schema, &rows);
        let found = all(&connection, "SELECT * FROM \"t\"\"; DROP TABLE x\" WHERE _tenant = 'two'");
        let text = |text: &str| Value::Text(text.into());
        let time = text("2026-01-01T00:00:00.1234567Z");
        let digits = text("12345678901234567890123");
        let first =
            [text("two"), time, Value::Integer(7), digits, Value::Integer(1), Value::Real(0.5), text("{\"a\":[1]}"), text("\\ud800")];
        assert_eq!(found[0], first);
        let second = [text("two"), Value::Null, Value::Null, text("007"), Value::Integer(0), text("NaN"), text("text\0"), Value::Null];
        assert_eq!(found[1], second);
        let names = all(&connection, "SELECT name FROM pragma_table_info('t\"; DROP TABLE x')");
        assert_eq!(names[2..4], [vec![text("n")], vec![text("N_2")]]);
    }

    #[test]
    fn more_columns_than_there_may_be_go_to_the_rest() {
        let many: Vec<String> = (0..2_500).map(|n| format!("\"c{n}\":{n}")).collect();
        let (_home, connection) = written(&[], &[&format!("{{{}}}", many.join(","))]);
        let found = all(&connection, "SELECT c1899, json_extract(_rest, '$.c2499') FROM \"t\"\"; DROP TABLE x\" LIMIT 1");
        assert_eq!(found[0], [Value::Integer(1_899), Value::Integer(2_499)]);
    }
}
