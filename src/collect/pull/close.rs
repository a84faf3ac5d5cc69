//! The end of a pull: parts joined to one file, the journal told, the report made.

use super::{Desk, Pulled, State, Stored, skips};
use crate::{
    collect::{finish::merged, report},
    error::{Kind, Result},
    journal,
};

impl Desk<'_> {
    /// Joins the parts to one file, tells the journal, and reports.
    pub(super) async fn close(&self, mut state: State) -> Pulled {
        if let Err(error) = self.put_together(&mut state).await {
            state.failure.get_or_insert(error);
        }
        note(&mut state);
        let skip = self.left_out(&state);
        let report = self.report(&mut state, skip.is_some());
        let told = if state.already.is_some() { Ok(()) } else { self.tell_journal(&state, &report, skip.as_ref()) };
        let report = match told {
            Ok(()) => report,
            Err(error) => report::Job { status: report::JobStatus::Partial, error: Some((&error).into()), ..report },
        };
        self.observer.ended(&self.job.job, &report);
        Pulled { job: (skip.is_none() || self.job.named).then_some(report), skip }
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
            counted: state.counted.or_else(|| state.already.as_ref()?.counted),
            notes: state.notes.clone(),
            calls: effort.calls,
            retries: effort.retries,
            throttled_seconds: effort.throttled.as_secs_f64(),
            files: state.stored.iter().flat_map(Stored::files).map(Into::into).collect(),
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

fn note(state: &mut State) {
    if let Some(lacking) = state.singly.as_ref().map(|singly| singly.lacking).filter(|lacking| *lacking > 0) {
        state.notes.push(format!("{lacking} of them are as the list has them: the service did not give them by themselves"));
    }
    if state.again > 0 {
        state.notes.push(format!("{} objects came again as they were, and are stored once", state.again));
    }
    if state.outside > 0 {
        state.notes.push(format!("{} objects that the service sent are not of the window, and are left out", state.outside));
    }
}
