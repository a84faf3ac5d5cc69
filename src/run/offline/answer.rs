//! Answers one query from files: the engine's rows as the services write them, and the files' hashes for the journal.

use super::{external::Fetcher, refused};
use crate::{
    api::hunting::{self, Answer, Rows},
    collect::{Effort, Hunter, Question},
    error::{Error, Kind, Result},
    journal::{self, Event, Input},
    kql::engine::{
        self, Engine, Options,
        rows::{Writer, written_type},
    },
    offline::{Opened, fingerprint},
    store::Case,
};
use futures::StreamExt;
use std::{path::PathBuf, sync::Arc};
use tokio_util::sync::CancellationToken;

/// What answers the question of one job.
pub(super) struct Answerer<'a> {
    pub(super) engine: Engine,
    pub(super) options: Options,
    /// What reads the addresses of `externaldata`, where that is allowed.
    pub(super) fetcher: Option<Arc<Fetcher>>,
    pub(super) opened: Arc<Opened>,
    /// Every table that is there.
    pub(super) known: &'a [String],
    /// The tables that the query reads, and their files.
    pub(super) inputs: Vec<(String, PathBuf)>,
    pub(super) case: Arc<Case>,
    pub(super) job: journal::Job,
    pub(super) cancel: CancellationToken,
}

#[async_trait::async_trait]
impl Hunter for Answerer<'_> {
    async fn ask(&self, question: &Question, rows: &mut dyn Rows) -> Result<Answer> {
        let inputs = self.inputs.clone();
        let hashed = tokio::task::spawn_blocking(move || fingerprints(inputs));
        let interrupted = || Error::new(Kind::Interrupted, "interrupted").hint("run it again");
        let answer = tokio::select! {
            answer = self.answered(&question.query, rows) => answer?,
            () = self.cancel.cancelled() => return Err(interrupted()),
        };
        let inputs = tokio::select! {
            inputs = hashed => inputs,
            () = self.cancel.cancelled() => return Err(interrupted()),
        };
        let mut inputs = inputs.unwrap_or_else(|error| Err(Error::new(Kind::Failed, "the hashing thread ended").caused_by(error)))?;
        inputs.extend(self.fetcher.iter().flat_map(|fetcher| fetcher.inputs()));
        self.case.journal().append(Event::Offline(journal::Offline { job: self.job.clone(), now: Some(self.options.now), inputs }))?;
        rows.end(&answer)?;
        Ok(answer)
    }

    async fn rest(&self, _: jiff::Timestamp, _: &str) -> Result<()> {
        Ok(())
    }

    fn effort(&self) -> Effort {
        Effort::default()
    }
}

fn fingerprints(inputs: Vec<(String, PathBuf)>) -> Result<Vec<Input>> {
    let hashed = inputs.into_iter().map(|(table, path)| {
        let (bytes, sha256) = fingerprint(&path)?;
        Ok(Input { table, path: path.display().to_string(), bytes, sha256 })
    });
    hashed.collect()
}

impl Answerer<'_> {
    async fn answered(&self, query: &str, rows: &mut dyn Rows) -> Result<Answer> {
        let refused = |error: &engine::QueryError| refused::refused(error, query, &self.opened, self.known);
        let engine::Answer { columns, mut stream } = self.engine.run(query, &self.options).await.map_err(|error| refused(&error))?;
        let form = self.opened.form;
        let schema =
            columns.iter().map(|column| hunting::Column { name: column.name.clone(), kind: written_type(column.kind, form).to_owned() });
        let mut answer =
            Answer { schema: schema.collect(), rows: 0, bytes: 0, stated_rows: None, request_id: None, client_request_id: String::new() };
        let writer = Writer::new(&columns, form);
        rows.begin()?;
        while let Some(batch) = stream.next().await {
            let batch = batch.map_err(|error| engine::run_failure(&error))?;
            answer.rows += batch.num_rows() as u64;
            writer.write(&batch, &mut |row| {
                answer.bytes += row.len() as u64;
                rows.row(row)
            })?;
        }
        Ok(answer)
    }
}
