//! Holds the guide's table of the language to what the engine itself says that it knows, and that to what it does.

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray};
use futures::TryStreamExt;
use ircollect::kql::{
    ast::TypeName,
    engine::{
        Column, Engine, Options, QueryErrorKind, Table, arrow_schema,
        support::{self, Standing},
    },
};
use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

const BEGIN: &str = "<!-- what the engine says of itself: begin -->\n";
const END: &str = "<!-- what the engine says of itself: end -->";

fn engine() -> Engine {
    let columns = [("Timestamp", TypeName::Datetime), ("Name", TypeName::String), ("Number", TypeName::Long), ("Bag", TypeName::Dynamic)];
    let columns: Vec<Column> = columns.into_iter().map(|(name, kind)| Column::new(name, kind)).collect();
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(TimestampNanosecondArray::from(vec![1_767_225_600_000_000_000, 1_767_312_000_000_000_000]).with_timezone("UTC")),
        Arc::new(StringArray::from(vec!["a", "ab"])),
        Arc::new(Int64Array::from(vec![1, 2])),
        Arc::new(StringArray::from(vec![r#"{"x":1}"#, r#"{"y":2}"#])),
    ];
    let batch = RecordBatch::try_new(arrow_schema(&columns), arrays).unwrap();
    Engine::new(BTreeMap::from([("T".to_owned(), Table::new(columns, Some("Timestamp".to_owned()), vec![batch]))])).unwrap()
}

#[test]
fn every_example_does_what_is_said_of_it() {
    let engine = engine();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let options = Options::new("2026-01-02T00:00:00Z".parse().unwrap());
    for operator in support::operators() {
        let ran = runtime.block_on(async {
            let answer = engine.run(operator.example, &options).await?;
            Ok::<_, ircollect::kql::engine::QueryError>(answer.stream.try_collect::<Vec<RecordBatch>>().await.unwrap())
        });
        let refused = matches!(operator.standing, Standing::Refused(_)) || operator.name == "externaldata";
        match ran {
            Ok(_) => assert!(!refused, "{} is said to be refused", operator.name),
            Err(error) => {
                assert!(refused, "{}: {}\n{}", operator.name, error.message, operator.example);
                assert_eq!(error.kind, QueryErrorKind::Unsupported, "{}: {}", operator.name, error.message);
            }
        }
    }
}

#[test]
fn the_guide_says_what_the_engine_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/kql.md");
    let page = fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (table, after) = rest.split_once(END).unwrap();
    if table != support::page() {
        #[allow(clippy::disallowed_methods, reason = "a test's own switch, and a file of the sources")]
        if std::env::var_os("IRCOLLECT_REWRITE").is_some() {
            return fs::write(&path, format!("{before}{BEGIN}{}{END}{after}", support::page())).unwrap();
        }
        panic!("docs/kql.md is not what the engine says of itself; IRCOLLECT_REWRITE=1 writes it anew");
    }
}
