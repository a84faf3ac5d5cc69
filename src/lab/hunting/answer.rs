//! A hunting answer on its way: rows until the cap, the envelope of its API around them, in pieces as they are made.

use super::{
    PREEMPTED, TOO_LARGE,
    rows::{Writer, schema_type},
};
use crate::kql::engine::{Answer, Column};
use crate::lab::{
    options::{Caps, Shape},
    refusal::Refusal,
    wire::Service,
};
use axum::body::{Body, Bytes};
use datafusion::{arrow::array::RecordBatch, physical_plan::SendableRecordBatchStream};
use futures::{StreamExt, stream};
use serde_json::{Value, json};
use std::{io, time::Instant};

/// Bytes of results that are held before the answer begins. Up to here a passed byte cap is the 400 that it is at the
/// service; only a lab whose cap was lifted beyond sends more, and then cannot take back its 200.
pub(super) const HELD: u64 = 64 * 1024 * 1024;

/// What an answer looks like.
#[derive(Clone)]
pub(super) struct Envelope {
    service: Service,
    shape: Shape,
    columns: Vec<Column>,
    started: Instant,
}

impl Envelope {
    /// Creates the envelope of answers with these columns.
    pub(super) fn new(service: Service, shape: Shape, columns: Vec<Column>) -> Self {
        // The variants are Graph's; XDR and MDE have one form.
        let shape = if service == Service::Graph {
            shape
        } else {
            Shape { pascal_schema: true, annotations: false, results_first: false, ..shape }
        };
        Self { service, shape, columns, started: Instant::now() }
    }

    fn schema(&self) -> String {
        let (name, kind) = if self.shape.pascal_schema { ("Name", "Type") } else { ("name", "type") };
        let columns: Vec<Value> =
            self.columns.iter().map(|column| json!({name: column.name, kind: schema_type(column.kind, self.shape)})).collect();
        let key = if self.service == Service::Graph { "schema" } else { "Schema" };
        format!("\"{key}\":{}", Value::from(columns))
    }

    /// What stands before the rows. `counted`: rows and bytes, where they are known by then.
    fn opening(&self, counted: Option<(u64, u64)>) -> String {
        if self.service == Service::Graph {
            let context = "https://graph.microsoft.com/v1.0/$metadata#microsoft.graph.security.huntingQueryResults";
            let schema = if self.shape.results_first { String::new() } else { format!("{},", self.schema()) };
            return format!("{{\"@odata.context\":\"{context}\",{schema}\"results\":[");
        }
        let stats = counted.map(|counted| format!("\"Stats\":{},", self.stats(counted))).unwrap_or_default();
        format!("{{{stats}{},\"Results\":[", self.schema())
    }

    /// What stands after the rows. `counted`: rows and bytes, where they were not known before.
    fn closing(&self, counted: Option<(u64, u64)>) -> String {
        match (self.service, counted) {
            (Service::Graph, _) if self.shape.results_first => format!("],{}}}", self.schema()),
            (Service::Graph, _) | (_, None) => "]}".to_owned(),
            (_, Some(counted)) => format!("],\"Stats\":{}}}", self.stats(counted)),
        }
    }

    fn stats(&self, (rows, bytes): (u64, u64)) -> Value {
        json!({
            "ExecutionTime": self.started.elapsed().as_secs_f64(),
            "resource_usage": {
                "cache": {"memory": {"hits": rows, "misses": 0, "total": rows}, "disk": {"hits": 0, "misses": 0, "total": 0}},
                "cpu": {"user": "00:00:00.1093750", "kernel": "00:00:00.0156250", "total cpu": "00:00:00.1250000"},
                "memory": {"peak_per_node": bytes},
            },
            "dataset_statistics": [{"table_row_count": rows, "table_size": bytes}],
        })
    }
}

/// Rows as they are made, up to the caps.
struct Results {
    stream: SendableRecordBatchStream,
    writer: Writer,
    caps: Caps,
    rows: u64,
    bytes: u64,
}

/// Why results end before they should.
enum Failure {
    Size,
    Run(String),
}

impl Results {
    /// The next rows as text; none at the end or at the row cap.
    async fn next(&mut self) -> Option<Result<Bytes, Failure>> {
        let left = self.caps.rows.saturating_sub(self.rows);
        if left == 0 {
            return None;
        }
        let batch = match self.stream.next().await? {
            Ok(batch) => first(&batch, left),
            Err(error) => return Some(Err(Failure::Run(error.strip_backtrace()))),
        };
        let mut text = Vec::new();
        if let Err(error) = self.writer.write(&batch, &mut text) {
            return Some(Err(Failure::Run(error.to_string())));
        }
        self.rows += batch.num_rows() as u64;
        self.bytes += text.len() as u64;
        Some(if self.bytes > self.caps.bytes { Err(Failure::Size) } else { Ok(text.into()) })
    }
}

fn first(batch: &RecordBatch, most: u64) -> RecordBatch {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    if batch.num_rows() > most { batch.slice(0, most) } else { batch.clone() }
}

/// Makes the body of an answer; what can be refused is refused before it begins.
pub(super) async fn body(answer: Answer, envelope: Envelope, caps: Caps, most_held: u64) -> Result<Body, Refusal> {
    let writer = Writer::new(&answer.columns, envelope.shape);
    let mut results = Results { stream: answer.stream, writer, caps, rows: 0, bytes: 0 };
    let mut held = Vec::new();
    while let Some(rows) = results.next().await {
        held.push(rows.map_err(refused)?);
        if results.bytes > most_held {
            return Ok(endless(envelope, held, results));
        }
    }
    let counted = Some((results.rows, results.bytes));
    let opening = envelope.opening(counted);
    let chunks = std::iter::once(opening.into()).chain(held).chain(std::iter::once(envelope.closing(None).into()));
    Ok(Body::from_stream(stream::iter(chunks.collect::<Vec<Bytes>>().into_iter().map(Ok::<_, io::Error>))))
}

fn refused(failure: Failure) -> Refusal {
    match failure {
        Failure::Size => Refusal::bad_request(TOO_LARGE),
        Failure::Run(message) if message.contains("Resources exhausted") => Refusal::bad_request(PREEMPTED),
        Failure::Run(message) => Refusal::bad_request(message),
    }
}

fn endless(envelope: Envelope, held: Vec<Bytes>, results: Results) -> Body {
    let before = std::iter::once(Bytes::from(envelope.opening(None))).chain(held).map(Ok);
    let rest = stream::unfold(Some((results, envelope)), |state| async move {
        let (mut results, envelope) = state?;
        match results.next().await {
            Some(Ok(rows)) => Some((Ok(rows), Some((results, envelope)))),
            Some(Err(_)) => Some((Err(io::Error::from(io::ErrorKind::ConnectionReset)), None)),
            None => Some((Ok(envelope.closing(Some((results.rows, results.bytes))).into()), None)),
        }
    });
    Body::from_stream(stream::iter(before.collect::<Vec<_>>()).chain(rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kql::{ast::TypeName, engine::arrow_schema};
    use axum::body::to_bytes;
    use datafusion::{
        arrow::array::{ArrayRef, Int64Array},
        physical_plan::stream::RecordBatchStreamAdapter,
    };
    use std::sync::Arc;

    const LIFTED: Caps = Caps { rows: u64::MAX, bytes: u64::MAX };

    fn numbers(batches: i64, each: i64) -> Answer {
        let columns = vec![Column::new("n", TypeName::Long)];
        let schema = arrow_schema(&columns);
        let made = Arc::clone(&schema);
        let batches = (0..batches).map(move |batch| {
            let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(batch * each..(batch + 1) * each));
            Ok(RecordBatch::try_new(Arc::clone(&made), vec![numbers]).unwrap())
        });
        Answer { columns, stream: Box::pin(RecordBatchStreamAdapter::new(schema, stream::iter(batches))) }
    }

    async fn read(service: Service, shape: Shape, answer: Answer, caps: Caps) -> Result<String, Refusal> {
        let envelope = Envelope::new(service, shape, answer.columns.clone());
        let bytes = to_bytes(body(answer, envelope, caps, 1_000).await?, usize::MAX).await.unwrap();
        Ok(String::from_utf8(bytes.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn each_api_has_its_own_envelope() {
        let graph = read(Service::Graph, Shape::default(), numbers(2, 1), LIFTED).await.unwrap();
        let context = r#"{"@odata.context":"https://graph.microsoft.com/v1.0/$metadata#microsoft.graph.security.huntingQueryResults""#;
        assert_eq!(graph, format!(r#"{context},"schema":[{{"name":"n","type":"Int64"}}],"results":[{{"n":0}},{{"n":1}}]}}"#));
        let shape = Shape { results_first: true, pascal_schema: true, ..Shape::default() };
        let turned = read(Service::Graph, shape, numbers(1, 1), LIFTED).await.unwrap();
        assert_eq!(turned, format!(r#"{context},"results":[{{"n":0}}],"schema":[{{"Name":"n","Type":"Int64"}}]}}"#));
        let xdr: Value = serde_json::from_str(&read(Service::Xdr, Shape::default(), numbers(3, 5), LIFTED).await.unwrap()).unwrap();
        assert_eq!(xdr["Stats"]["dataset_statistics"][0]["table_row_count"], 15);
        assert_eq!((&xdr["Schema"][0]["Name"], xdr["Results"].as_array().unwrap().len()), (&json!("n"), 15));
    }

    #[tokio::test]
    async fn an_empty_answer_has_its_schema() {
        let graph = read(Service::Graph, Shape::default(), numbers(0, 0), LIFTED).await.unwrap();
        assert!(graph.ends_with(r#""schema":[{"name":"n","type":"Int64"}],"results":[]}"#));
    }

    #[tokio::test]
    async fn rows_beyond_the_cap_are_left_out_without_a_word() {
        let capped = read(Service::Mde, Shape::default(), numbers(3, 4), Caps { rows: 6, ..LIFTED }).await.unwrap();
        let capped: Value = serde_json::from_str(&capped).unwrap();
        assert_eq!((capped["Results"].as_array().unwrap().len(), &capped["Results"][5]["n"]), (6, &json!(5)));
        assert_eq!(capped["Stats"]["dataset_statistics"][0]["table_row_count"], 6);
    }

    #[tokio::test]
    async fn bytes_beyond_the_cap_are_refused() {
        let fits = Caps { bytes: 15, ..LIFTED };
        assert!(read(Service::Graph, Shape::default(), numbers(2, 1), fits).await.is_ok(), "two rows of seven bytes and a comma");
        assert!(read(Service::Graph, Shape::default(), numbers(2, 1), Caps { bytes: 14, ..fits }).await.is_err());
    }

    #[tokio::test]
    async fn an_answer_beyond_what_is_held_is_whole_too() {
        let text = read(Service::Xdr, Shape::default(), numbers(50, 100), LIFTED).await.unwrap();
        assert!(text.starts_with(r#"{"Schema""#), "how many rows there are is not known by then");
        let whole: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((whole["Results"].as_array().unwrap().len(), &whole["Results"][4_999]["n"]), (5_000, &json!(4_999)));
        assert_eq!(whole["Stats"]["dataset_statistics"][0]["table_row_count"], 5_000);
    }
}
