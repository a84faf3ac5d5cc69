//! The end of a pull: parts joined to one file, the journal told, the report made.

use super::{Desk, Pulled, State, Stored, skips};
use crate::{
    collect::{finish::merged, formats::JOINED, hunt::on_disk, report},
    error::{Error, Kind, Result},
    journal,
    store::Facts,
};
use std::sync::Arc;

impl Desk<'_> {
    /// Joins the parts to one file, tells the journal, and reports.
    pub(super) async fn close(&self, mut state: State) -> Pulled {
        let interrupted = state.failure.as_ref().is_some_and(|error| error.kind() == Kind::Interrupted);
        let parted = state.stored.len() > 1 || state.stored.iter().any(|stored| stored.slice.is_some());
        if state.already.is_none()
            && parted
            && !interrupted
            && let Err(error) = self.join(&mut state).await
        {
            state.failure.get_or_insert(error);
        }
        self.note(&mut state);
        let skip = self.left_out(&state);
        let report = self.report(&mut state, skip.is_some());
        let told = self.tell_journal(&state, &report, skip.as_ref());
        let report = match told {
            Ok(()) => report,
            Err(error) => report::Job { status: report::JobStatus::Partial, error: Some((&error).into()), ..report },
        };
        self.observer.ended(&self.job.job, &report);
        Pulled { job: (skip.is_none() || self.job.named).then_some(report), skip }
    }

    async fn join(&self, state: &mut State) -> Result<()> {
        let mut parts = state.stored.clone();
        parts.sort_by_key(|part| part.slice);
        let mut facts =
            Facts { job: self.job.job.clone(), query: self.job.filter.clone(), cut: Some(JOINED.to_owned()), ..Facts::default() };
        for part in &parts {
            facts.replaces.push(part.file.path.clone());
            facts.request_ids.extend(part.request_ids.iter().cloned());
        }
        let taken = parts.iter().any(|part| part.file.path == self.place.path());
        let (case, place) = (Arc::clone(self.case), if taken { self.case.reserve(&self.place) } else { self.place.clone() });
        let request_ids = facts.request_ids.clone();
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
        state.stored = vec![Stored { slice: None, file, request_ids }];
        Ok(())
    }

    fn note(&self, state: &mut State) {
        if state.again > 0 {
            state.notes.push(format!("{} objects came again as they were, and are stored once", state.again));
        }
        if state.outside > 0 {
            state.notes.push(format!("{} objects that the service sent are not of the window, and are left out", state.outside));
        }
    }

    /// Says why the source is left out, where nothing of it could be had.
    fn left_out(&self, state: &State) -> Option<report::Skip> {
        let error = state.failure.as_ref().filter(|_| state.stored.is_empty())?;
        let left_out = skips::left_out(error, &self.job.source)?;
        Some(report::Skip {
            name: self.name.clone(),
            api: self.job.job.api.clone(),
            tenant: self.job.job.tenant.clone(),
            reason: left_out.reason,
            permission: left_out.permission,
        })
    }

    fn report(&self, state: &mut State, skipped: bool) -> report::Job {
        let effort = self.effort();
        if skipped {
            // Named on the command line, a source that is left out is a failure for want of permission.
            state.failure = state.failure.take().map(|error| error.with_kind(Kind::Permission));
            state.gaps.clear();
        }
        let incomplete = state.failure.is_some() || !state.gaps.is_empty();
        let gave_up = state.failure.as_ref().is_some_and(|error| error.kind() == Kind::Incomplete);
        let status = match (incomplete, state.stored.is_empty() && !gave_up) {
            (false, _) => report::JobStatus::Complete,
            (true, false) => report::JobStatus::Partial,
            (true, true) => report::JobStatus::Failed,
        };
        report::Job {
            status,
            tenant: self.job.job.tenant.clone(),
            profile: self.job.job.profile.clone(),
            api: self.job.job.api.clone(),
            rows: state.stored.iter().map(|stored| stored.file.rows).sum(),
            counted: state.counted,
            notes: state.notes.clone(),
            calls: effort.calls,
            retries: effort.retries,
            throttled_seconds: effort.throttled.as_secs_f64(),
            files: state.stored.iter().map(|stored| (&stored.file).into()).collect(),
            gaps: merged(&state.gaps),
            error: state.failure.as_ref().map(Into::into),
            ..report::Job::empty(report::JobKind::Pull, &self.name, self.job.window)
        }
    }

    fn tell_journal(&self, state: &State, report: &report::Job, skip: Option<&report::Skip>) -> Result<()> {
        let journal = self.case.journal();
        if let Some(skip) = skip {
            let report::Skip { name, api, tenant, reason, permission } = skip.clone();
            let name = name.rsplit('/').next().unwrap_or_default().to_owned();
            journal.append(journal::Event::Skipped(journal::Skipped { name, api, tenant, reason, permission }))?;
        }
        for gap in &report.gaps {
            let window = self.job.slice().map(|_| gap.window);
            journal.append(journal::Event::Gap(journal::Gap::new(self.job.job.clone(), window, gap.reason.clone())))?;
        }
        // A job that was interrupted has not ended: a resumed run goes by its files, not by its gaps.
        if state.failure.as_ref().is_some_and(|error| error.kind() == Kind::Interrupted) {
            return Ok(());
        }
        journal.append(journal::Event::JobEnded(report.ended(self.job.job.clone())))
    }
}
