//! The end of a hunt: parts joined to one file, the journal told, the report made.

use super::{
    hunt::Desk,
    report,
    state::{State, Stored},
};
use crate::{
    error::{Kind, Result},
    journal,
    store::{Format, Place, Written},
};

impl Desk<'_> {
    /// Joins the parts to one file, tells the journal, and reports.
    pub(super) async fn close(&self, mut state: State) -> report::Job {
        if let Err(error) = self.put_together(&mut state).await {
            state.failure.get_or_insert(error);
        }
        let report = self.report(&state);
        if state.already.is_some() {
            return report;
        }
        if let Err(error) = self.tell_journal(&state, &report) {
            return report::Job { status: report::JobStatus::Partial, error: Some((&error).into()), ..report };
        }
        report
    }

    /// Brings the rows to the files that were asked for: one a format, or a dataset. A job that is not whole is joined, and goes on
    /// from that.
    async fn put_together(&self, state: &mut State) -> Result<()> {
        if state.already.is_none() {
            let fit = |stored: &Stored| !stored.capped && stored.file.format == Format::Ndjson.name();
            if self.job.by_day && state.failure.is_none() && state.gaps.is_empty() && state.stored.iter().all(fit) {
                return self.scatter(state).await;
            }
            if Self::is_to_be_joined(state) {
                self.join(state).await?;
            }
        }
        self.complete_formats(state).await
    }

    /// Parts become one file, unless the job was interrupted and will be gone on with, or parts of it are to be asked for again.
    fn is_to_be_joined(state: &State) -> bool {
        let interrupted = state.failure.as_ref().is_some_and(|error| error.kind() == Kind::Interrupted);
        let is_part = |stored: &Stored| Place::whole_of(&stored.file.path, Format::Ndjson).is_some();
        let apart = state.stored.iter().any(|stored| stored.capped);
        (state.stored.len() > 1 || state.stored.iter().any(is_part)) && !interrupted && !apart
    }

    fn report(&self, state: &State) -> report::Job {
        let effort = self.hunter.effort();
        let incomplete = state.failure.is_some() || !state.gaps.is_empty();
        let counted = state.counted.map(|counted| counted.rows).or_else(|| state.already.as_ref()?.counted);
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
            rows: state.rows(),
            counted,
            counted_at: state.counted.map(|counted| counted.at).or_else(|| state.already.as_ref()?.counted_at),
            difference: report::difference(state.rows(), counted),
            notes: state.notes.clone(),
            preview: state.preview.clone(),
            calls: effort.calls,
            retries: effort.retries,
            throttled_seconds: effort.throttled.as_secs_f64(),
            files: state.stored.iter().flat_map(Stored::files).map(Into::into).collect(),
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

impl From<&report::StoredFile> for Written {
    fn from(file: &report::StoredFile) -> Self {
        let report::StoredFile { path, format, rows, bytes, sha256 } = file.clone();
        Self { path, format, rows, bytes, sha256 }
    }
}

impl From<&Written> for report::StoredFile {
    fn from(file: &Written) -> Self {
        let Written { path, format, rows, bytes, sha256 } = file.clone();
        Self { path, format, rows, bytes, sha256 }
    }
}
