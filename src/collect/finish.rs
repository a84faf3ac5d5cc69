//! The end of a hunt: parts joined to one file, the journal told, the report made.

use super::{
    hunt::{Desk, State, Stored, on_disk},
    report,
};
use crate::{
    error::{Error, Kind, Result},
    journal,
    store::{Facts, Written},
};
use std::sync::Arc;

/// How the journal marks the file that parts were joined to.
pub(super) const JOINED: &str = "joined from slices";

impl Desk<'_> {
    /// Joins the parts to one file, tells the journal, and reports.
    pub(super) async fn close(&self, mut state: State) -> report::Job {
        let interrupted = state.failure.as_ref().is_some_and(|error| error.kind() == Kind::Interrupted);
        // Which share a gap is of, a joined file does not tell: shares stay apart until nothing is missing.
        let gaps = state.failure.is_some() || !state.gaps.is_empty();
        let apart = gaps && self.job.subject.shares() > 1;
        let parted = state.stored.len() > 1 || state.stored.iter().any(|stored| stored.window != self.job.window);
        if state.already.is_none()
            && parted
            && !(interrupted || apart)
            && let Err(error) = self.join(&mut state).await
        {
            state.failure.get_or_insert(error);
        }
        let report = self.report(&state);
        if let Err(error) = self.tell_journal(&state, &report) {
            return report::Job { status: report::JobStatus::Partial, error: Some((&error).into()), ..report };
        }
        report
    }

    async fn join(&self, state: &mut State) -> Result<()> {
        let mut parts = state.stored.clone();
        parts.sort_by_key(|part| (part.window, part.share));
        let mut facts = Facts {
            job: self.job.job.clone(),
            query: Some(self.job.subject.piece(self.job.window, None)),
            cut: Some(JOINED.to_owned()),
            replaces: std::mem::take(&mut state.superseded),
            ..Facts::default()
        };
        for part in &parts {
            facts.replaces.push(part.file.path.clone());
            facts.request_ids.extend(part.request_ids.iter().cloned());
            add_columns(&mut facts.schema, &part.schema);
        }
        let (case, place) = (Arc::clone(self.case), self.case.reserve(&self.place));
        let place = if parts.iter().any(|part| part.file.path == self.place.path()) { place } else { self.place.clone() };
        let (request_ids, schema) = (facts.request_ids.clone(), facts.schema.clone());
        let file = on_disk(move || {
            let mut whole = case.draft(&place)?;
            for part in &parts {
                let path = case.resolve(&part.file.path);
                let path = path.ok_or_else(|| Error::new(Kind::Disk, format!("`{}` is no path of a case", part.file.path)))?;
                whole.absorb(&path, part.file.rows, &part.file.sha256)?;
            }
            case.commit(whole.seal()?, facts)
        })
        .await?;
        state.stored = vec![Stored { window: self.job.window, share: 0, file, request_ids, schema }];
        Ok(())
    }

    fn report(&self, state: &State) -> report::Job {
        let effort = self.hunter.effort();
        let incomplete = state.failure.is_some() || !state.gaps.is_empty();
        let gave_up = state.failure.as_ref().is_some_and(|error| error.kind() == Kind::Incomplete);
        let status = match (incomplete, state.stored.is_empty() && !gave_up) {
            (false, _) => report::JobStatus::Complete,
            (true, false) => report::JobStatus::Partial,
            (true, true) => report::JobStatus::Failed,
        };
        report::Job {
            kind: report::JobKind::Hunt,
            name: self.job.job.name.clone(),
            file: self.job.file.clone(),
            rule: None,
            tenant: self.job.job.tenant.clone(),
            profile: self.job.job.profile.clone(),
            api: self.job.job.api.clone(),
            window: self.job.window,
            status,
            rows: state.stored.iter().map(|stored| stored.file.rows).sum(),
            counted: state.counted.map(|counted| counted.rows).or_else(|| state.already.as_ref()?.counted),
            counted_at: state.counted.map(|counted| counted.at).or_else(|| state.already.as_ref()?.counted_at),
            notes: state.notes.clone(),
            calls: effort.calls,
            retries: effort.retries,
            throttled_seconds: effort.throttled.as_secs_f64(),
            files: state.stored.iter().map(|stored| (&stored.file).into()).collect(),
            gaps: merged(&state.gaps),
            error: state.failure.as_ref().map(Into::into),
        }
    }

    fn tell_journal(&self, state: &State, report: &report::Job) -> Result<()> {
        let journal = self.case.journal();
        for gap in &report.gaps {
            journal.append(journal::Event::Gap(journal::Gap::new(self.job.job.clone(), Some(gap.window), gap.reason.clone())))?;
        }
        // A job that was interrupted has not ended: a resumed run goes by its files, not by its gaps.
        if state.failure.as_ref().is_some_and(|error| error.kind() == Kind::Interrupted) {
            return Ok(());
        }
        journal.append(journal::Event::JobEnded(report.ended(self.job.job.clone())))
    }
}

/// Joins gaps that touch and have one reason.
pub(super) fn merged(gaps: &[report::Gap]) -> Vec<report::Gap> {
    let mut gaps = gaps.to_vec();
    gaps.sort_by_key(|gap| gap.window);
    let mut merged: Vec<report::Gap> = Vec::new();
    for gap in gaps {
        match merged.last_mut() {
            Some(last) if last.window.to >= gap.window.from && last.reason == gap.reason => {
                last.window.to = last.window.to.max(gap.window.to);
            }
            _ => merged.push(gap),
        }
    }
    merged
}

fn add_columns(schema: &mut Vec<journal::Column>, more: &[journal::Column]) {
    for column in more {
        if !schema.contains(column) {
            schema.push(column.clone());
        }
    }
}

impl From<&Written> for report::StoredFile {
    fn from(file: &Written) -> Self {
        let Written { path, format, rows, bytes, sha256 } = file.clone();
        Self { path, format, rows, bytes, sha256 }
    }
}
