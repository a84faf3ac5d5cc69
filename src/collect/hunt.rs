//! One hunt: a query over a window, whole at first, and cut where the API's caps demand it, until every piece is stored or named
//! as a gap.

use super::{
    Hunter, Observer, Question, SliceMode, Subject,
    part::{Part, Tally},
    plan::{self, Piece},
    report, slices,
};
use crate::{
    api::hunting::{Answer, Column, Refusal},
    error::{Error, Kind, Result},
    journal,
    store::{Case, Draft, Facts, Format, Place, Written},
    time::{Window, rfc3339},
};
use futures::{StreamExt, stream::FuturesUnordered};
use std::{collections::VecDeque, sync::Arc};

/// A query to run in a tenant.
pub struct HuntJob {
    /// What it is, for the journal and for resuming.
    pub job: journal::Job,
    /// The file the query came from.
    pub file: Option<String>,
    /// The query.
    pub subject: Subject,
    /// The whole window.
    pub window: Window,
    /// Whether the window is sent beside the query too.
    pub timespan: bool,
    /// An answer of this many rows is taken to be cut.
    pub rows_cap: u64,
    /// An answer of more bytes is refused by the service.
    pub bytes_cap: u64,
    /// How the window is cut.
    pub mode: SliceMode,
    /// Questions in flight at most.
    pub concurrency: usize,
    /// Goes on with what an earlier run left.
    pub resume: bool,
}

/// Share of a cap that slices are filled to: counts move while rows arrive.
const FILL: (u64, u64) = (8, 10);

/// Bins of a histogram at most; its answer is then small and quick.
const MOST_BINS: u64 = 50_000;

fn filled(cap: u64) -> u64 {
    (cap.saturating_mul(FILL.0) / FILL.1).max(1)
}

/// Runs a hunt to its end, and never fails: what went wrong is in the report.
pub async fn hunt(job: &HuntJob, hunter: &dyn Hunter, case: &Arc<Case>, observer: &dyn Observer) -> report::Job {
    observer.started(&job.job.name);
    let tally = Tally::default();
    let place = Place::hunt(&job.job.tenant, &job.job.name, Some(job.window), Format::Ndjson);
    let desk = Desk { job, hunter, case, observer, tally: &tally, place: case.reserve(&place) };
    let mut state = State::new(job);
    if let Err(error) = desk.work(&mut state).await {
        state.fail(job.window, error);
    }
    let report = desk.close(state).await;
    observer.ended(&report);
    report
}

/// What does not change while a job runs.
struct Desk<'a> {
    job: &'a HuntJob,
    hunter: &'a dyn Hunter,
    case: &'a Arc<Case>,
    observer: &'a dyn Observer,
    tally: &'a Tally,
    place: Place,
}

/// A file that holds a piece.
#[derive(Clone, Debug)]
struct Stored {
    window: Window,
    file: Written,
    request_ids: Vec<String>,
    schema: Vec<journal::Column>,
}

/// What came of the job so far.
struct State {
    queue: VecDeque<Piece>,
    stored: Vec<Stored>,
    /// Files of earlier runs whose rows are asked for again.
    superseded: Vec<String>,
    gaps: Vec<report::Gap>,
    failure: Option<Error>,
    target: u64,
    was_cut: bool,
    /// The journal's latest doing of this job ended whole: nothing is left to do.
    already: Option<journal::JobEnded>,
}

impl State {
    fn new(job: &HuntJob) -> Self {
        Self {
            queue: VecDeque::new(),
            stored: Vec::new(),
            superseded: Vec::new(),
            gaps: Vec::new(),
            failure: None,
            target: filled(job.rows_cap),
            was_cut: false,
            already: None,
        }
    }

    fn gap(&mut self, window: Window, reason: impl Into<String>) {
        self.gaps.push(report::Gap { window, reason: reason.into() });
    }

    /// Notes why the job cannot go on; what is still queued is missing for the same reason.
    fn fail(&mut self, window: Window, error: Error) {
        let reason = error.message().to_owned();
        self.gap(window, reason.clone());
        for piece in std::mem::take(&mut self.queue) {
            self.gap(piece.window, reason.clone());
        }
        self.failure.get_or_insert(error);
    }

    /// Fits the target to the size of rows, so that slices stay under the cap on bytes too.
    fn learn(&mut self, answer: &Answer, bytes_cap: u64) {
        if let Some(per_row) = answer.bytes.checked_div(answer.rows).filter(|bytes| *bytes > 0) {
            self.target = self.target.min((filled(bytes_cap) / per_row).max(1));
        }
    }
}

/// What came of a question.
enum Fetched {
    Whole(Draft, Answer),
    /// There may be more: either some rows came, or the service refused to send so many.
    Capped(Option<(Draft, Answer)>, String),
    Failed(Error),
}

impl Desk<'_> {
    async fn work(&self, state: &mut State) -> Result<()> {
        let left = self.pick_up(state);
        let started = journal::JobStarted { job: self.job.job.clone(), resumed: !state.stored.is_empty() };
        self.case.journal().append(journal::Event::JobStarted(started))?;
        if state.already.is_some() {
            return Ok(());
        }
        state.queue = plan::first(&left, self.job.mode);
        let mut asked = FuturesUnordered::new();
        loop {
            while state.failure.is_none() && asked.len() < self.job.concurrency.max(1) {
                let Some(piece) = state.queue.pop_front() else { break };
                asked.push(async move { (piece, self.fetch(piece).await) });
            }
            let Some((piece, fetched)) = asked.next().await else { return Ok(()) };
            if let Err(error) = self.settle(state, piece, fetched).await {
                state.fail(piece.window, error);
            }
        }
    }

    /// Takes over what an earlier run stored, and returns the windows that are left.
    fn pick_up(&self, state: &mut State) -> Vec<Window> {
        let whole = self.job.window;
        let Some(known) = self.case.jobs().latest(&self.job.job).filter(|_| self.job.resume) else { return vec![whole] };
        let ended = known.ended.as_ref();
        if ended.is_some_and(|ended| ended.status == journal::Outcome::Complete) {
            state.already = ended.cloned();
        }
        let mut held = Vec::new();
        for file in &known.files {
            if file.cut.as_deref().is_some_and(|cut| cut.starts_with(BY_HASH)) {
                state.superseded.push(file.path.clone());
                continue;
            }
            let window = file.slice.unwrap_or(whole);
            state.stored.push(Stored { window, file: file.into(), request_ids: file.request_ids.clone(), schema: file.schema.clone() });
            held.push(window);
        }
        if known.files.iter().any(|file| file.slice.is_none() && file.cut.as_deref() != Some(JOINED)) && state.already.is_none() {
            // A whole answer that was at a cap is asked for again: which of its rows are missing, nobody knows.
            state.superseded.extend(state.stored.drain(..).map(|stored| stored.file.path));
            return vec![whole];
        }
        let gaps: Vec<Window> = known.gaps.iter().filter_map(|gap| Window::new(gap.from?, gap.to?).ok()).collect();
        let joined = known.files.iter().any(|file| file.cut.as_deref() == Some(JOINED));
        if joined && state.already.is_none() { gaps } else { plan::missing(whole, &held) }
    }

    async fn fetch(&self, piece: Piece) -> Fetched {
        if piece.part.is_none() && piece.expected.is_some_and(|rows| rows >= self.job.rows_cap) && self.may_cut().is_ok() {
            return Fetched::Capped(None, format!("{} rows are expected", piece.expected.unwrap_or_default()));
        }
        self.ask(piece).await.unwrap_or_else(|error| match Refusal::of(&error) {
            Some(refusal) if refusal.is_cap() && self.may_cut().is_ok() => Fetched::Capped(None, error.message().to_owned()),
            Some(Refusal::TooLarge | Refusal::Preempted) => Fetched::Failed(self.never_cut(error)),
            _ => Fetched::Failed(error),
        })
    }

    async fn ask(&self, piece: Piece) -> Result<Fetched> {
        let mut part = Part::new(self.case.draft(&self.place_of(piece))?, self.tally, self.observer, &self.job.job.name);
        let question = self.question(self.job.subject.piece(piece.window, piece.part), piece.window);
        let answer = match self.hunter.ask(&question, &mut part).await {
            Ok(answer) => answer,
            Err(error) => {
                part.discard();
                return Err(error);
            }
        };
        let stated = answer.stated_rows.filter(|stated| *stated > answer.rows);
        Ok(if answer.rows >= self.job.rows_cap {
            let reason = format!("the answer has {} rows, the API's cap: there may be more", answer.rows);
            Fetched::Capped(Some((part.draft, answer)), reason)
        } else if let Some(stated) = stated {
            let reason = format!("the service says it has {stated} rows and sent {}", answer.rows);
            Fetched::Capped(Some((part.draft, answer)), reason)
        } else {
            Fetched::Whole(part.draft, answer)
        })
    }

    fn is_whole(&self, piece: Piece) -> bool {
        piece.window == self.job.window && piece.part.is_none()
    }

    fn place_of(&self, piece: Piece) -> Place {
        if self.is_whole(piece) { self.place.clone() } else { self.case.reserve(&self.place.part(piece.window)) }
    }

    fn question(&self, query: String, window: Window) -> Question {
        Question { query, timespan: self.job.timespan.then_some(window), can_be_cut: self.may_cut().is_ok() }
    }

    /// Says whether the window may be cut, or why it may not.
    fn may_cut(&self) -> Result<(), String> {
        match self.job.mode {
            SliceMode::Off => Err("cutting is off (--slice off)".into()),
            SliceMode::Every(_) => Ok(()),
            SliceMode::Auto => self.job.subject.cuttable(),
        }
    }

    async fn settle(&self, state: &mut State, piece: Piece, fetched: Fetched) -> Result<()> {
        match fetched {
            Fetched::Whole(draft, answer) => {
                state.learn(&answer, self.job.bytes_cap);
                self.keep(state, piece, draft, &answer).await
            }
            Fetched::Capped(rows, reason) if self.may_cut().is_ok() => {
                if let Some((draft, answer)) = rows {
                    state.learn(&answer, self.job.bytes_cap);
                    Part::new(draft, self.tally, self.observer, &self.job.job.name).discard();
                }
                self.cut(state, piece, &reason).await
            }
            Fetched::Capped(rows, reason) => {
                if let Some((draft, answer)) = rows {
                    self.keep(state, piece, draft, &answer).await?;
                }
                let error = self.never_cut(Error::new(Kind::Incomplete, reason).with_code("RowCap"));
                state.gap(piece.window, error.message());
                state.failure.get_or_insert(error);
                Ok(())
            }
            Fetched::Failed(error) => {
                state.fail(piece.window, error);
                Ok(())
            }
        }
    }

    /// Words the error of a query that hit a cap and cannot be cut.
    fn never_cut(&self, error: Error) -> Error {
        let why = self.may_cut().err().unwrap_or_default();
        let message = format!("{}; the window was not cut: {why}", error.message());
        let capped = Error::new(Kind::Incomplete, message).with_code(error.code()).hint(
            "ask for less: a shorter --from/--to, a stricter where, fewer columns; or hunt the raw rows and summarize them afterwards",
        );
        capped.caused_by(error)
    }

    /// Cuts a piece that did not fit: by a histogram of its rows, else in halves, else by hash.
    async fn cut(&self, state: &mut State, piece: Piece, reason: &str) -> Result<()> {
        state.was_cut = true;
        tracing::info!(query = %self.job.job.name, from = %piece.window.from, to = %piece.window.to, reason, "cutting a window");
        let by_time = self.job.subject.has_time();
        let mut pieces = None;
        if by_time && piece.part.is_none() && piece.window.length() > slices::TICK {
            pieces = self.by_histogram(state, piece.window).await?;
        }
        match pieces.or_else(|| plan::finer(piece, state.target, by_time)) {
            Some(pieces) => pieces.into_iter().rev().for_each(|piece| state.queue.push_front(piece)),
            None => state.fail(piece.window, Error::new(Kind::Incomplete, format!("{reason}, and nothing can part its rows"))),
        }
        Ok(())
    }

    /// Cuts a window by one or a few counting queries; none where the service would not count.
    async fn by_histogram(&self, state: &State, window: Window) -> Result<Option<Vec<Piece>>> {
        let bins = MOST_BINS.min(filled(self.job.rows_cap));
        let mut width = slices::bin_width(window, bins);
        while width < window.length() {
            match self.histogram(window, width).await {
                Ok(bins) => {
                    let slices = slices::cut(window, &bins, width, state.target);
                    let progress = slices.len() > 1 || slices.iter().any(|slice| slice.window != window);
                    return Ok(progress.then(|| slices.into_iter().map(Piece::from).collect()));
                }
                Err(error) if !may_be_counted_otherwise(&error) => return Err(error),
                Err(error) => tracing::info!(query = %self.job.job.name, "counting failed: {error}"),
            }
            let Some(coarser) = slices::coarser(width) else { break };
            width = coarser;
        }
        Ok(None)
    }

    async fn histogram(&self, window: Window, width: jiff::SignedDuration) -> Result<Vec<slices::Bin>> {
        let text = self.job.subject.histogram(window, width);
        let text = text.ok_or_else(|| Error::new(Kind::Query, "the query's rows have no time to count them by"))?;
        let mut rows = super::subject::Bins::default();
        let answer = self.hunter.ask(&self.question(text, window), &mut rows).await?;
        if answer.rows >= self.job.rows_cap {
            return Err(Error::new(Kind::Incomplete, "the histogram itself is at the cap").with_code("RowCap"));
        }
        Ok(rows.0)
    }

    async fn keep(&self, state: &mut State, piece: Piece, draft: Draft, answer: &Answer) -> Result<()> {
        let whole = self.is_whole(piece);
        let cut = match piece.part {
            Some((index, of)) => Some(format!("{BY_HASH} {} of {of}", index + 1)),
            None if whole => None,
            None => Some(format!("slice [{}, {})", rfc3339(piece.window.from), rfc3339(piece.window.to))),
        };
        let facts = Facts {
            job: self.job.job.clone(),
            slice: (!whole).then_some(piece.window),
            query: Some(self.job.subject.piece(piece.window, piece.part)),
            schema: columns(&answer.schema),
            request_ids: answer.request_id.iter().cloned().collect(),
            cut,
            replaces: if whole { std::mem::take(&mut state.superseded) } else { Vec::new() },
        };
        let (request_ids, schema) = (facts.request_ids.clone(), facts.schema.clone());
        let file = self.commit(draft, facts).await?;
        state.stored.push(Stored { window: piece.window, file, request_ids, schema });
        Ok(())
    }

    /// Seals and commits on a thread that may block.
    async fn commit(&self, draft: Draft, facts: Facts) -> Result<Written> {
        let case = Arc::clone(self.case);
        on_disk(move || case.commit(draft.seal()?, facts)).await
    }

    /// Joins the parts to one file, tells the journal, and reports.
    async fn close(&self, mut state: State) -> report::Job {
        let interrupted = state.failure.as_ref().is_some_and(|error| error.kind() == Kind::Interrupted);
        let parted = state.stored.len() > 1 || state.stored.iter().any(|stored| stored.window != self.job.window);
        if state.already.is_none() && parted && !interrupted && let Err(error) = self.join(&mut state).await {
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
        parts.sort_by_key(|part| part.window);
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
        state.stored = vec![Stored { window: self.job.window, file, request_ids, schema }];
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
            tenant: self.job.job.tenant.clone(),
            profile: self.job.job.profile.clone(),
            api: self.job.job.api.clone(),
            window: self.job.window,
            status,
            rows: state.stored.iter().map(|stored| stored.file.rows).sum(),
            counted: state.already.as_ref().and_then(|ended| ended.counted),
            counted_at: state.already.as_ref().and_then(|ended| ended.counted_at),
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
        let status = match report.status {
            report::JobStatus::Complete => journal::Outcome::Complete,
            report::JobStatus::Partial => journal::Outcome::Partial,
            report::JobStatus::Failed => journal::Outcome::Failed,
        };
        // A job that was interrupted has not ended: a resumed run goes by its files, not by its gaps.
        if state.failure.as_ref().is_some_and(|error| error.kind() == Kind::Interrupted) {
            return Ok(());
        }
        journal.append(journal::Event::JobEnded(journal::JobEnded {
            job: self.job.job.clone(),
            status,
            rows: report.rows,
            counted: report.counted,
            counted_at: report.counted_at,
            calls: report.calls.into(),
            retries: report.retries.into(),
            throttled_seconds: report.throttled_seconds,
            error: report.error.as_ref().map(|error| journal::Failure {
                code: error.code.clone(),
                message: error.message.clone(),
                hint: Some(error.hint.clone()).filter(|hint| !hint.is_empty()),
                exit: error.exit,
            }),
        }))
    }
}

/// How the journal marks a file that holds rows of one tick by their hash.
const BY_HASH: &str = "rows by hash, part";
/// How the journal marks the file that parts were joined to.
const JOINED: &str = "joined from slices";

/// A histogram that was refused may still be had with fewer bins.
fn may_be_counted_otherwise(error: &Error) -> bool {
    Refusal::of(error).is_some_and(Refusal::is_cap) || error.kind() == Kind::Query || error.explicit_code() == Some("RowCap")
}

/// Joins gaps that touch and have one reason.
fn merged(gaps: &[report::Gap]) -> Vec<report::Gap> {
    let mut gaps = gaps.to_vec();
    gaps.sort_by_key(|gap| gap.window);
    let mut merged: Vec<report::Gap> = Vec::new();
    for gap in gaps {
        match merged.last_mut() {
            Some(last) if last.window.to >= gap.window.from && last.reason == gap.reason => last.window.to = last.window.to.max(gap.window.to),
            _ => merged.push(gap),
        }
    }
    merged
}

fn columns(schema: &[Column]) -> Vec<journal::Column> {
    schema.iter().map(|column| journal::Column { name: column.name.clone(), kind: column.kind.clone() }).collect()
}

fn add_columns(schema: &mut Vec<journal::Column>, more: &[journal::Column]) {
    for column in more {
        if !schema.contains(column) {
            schema.push(column.clone());
        }
    }
}

async fn on_disk<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(Error::new(Kind::Disk, "the writing thread ended").caused_by(error)))
}

impl From<&Written> for report::StoredFile {
    fn from(file: &Written) -> Self {
        let Written { path, format, rows, bytes, sha256 } = file.clone();
        Self { path, format, rows, bytes, sha256 }
    }
}
