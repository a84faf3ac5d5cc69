//! One hunt: a query over a window, whole at first, and cut where the API's caps demand it, until every piece is stored or named
//! as a gap.

use super::{
    Hunter, Observer, Question, SliceMode, Subject,
    part::{Part, Tally},
    plan::{self, Piece},
    report,
};
use crate::{
    api::hunting::{Answer, Column, Refusal},
    error::{Error, Kind, Result},
    journal,
    store::{Case, Draft, Facts, Format, Place, Written},
    time::{Window, rfc3339},
};
use futures::{StreamExt, stream::FuturesUnordered};
use jiff::Timestamp;
use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

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
    /// Has the service count the window's rows, also where it was not cut.
    pub reconcile: bool,
}

/// Share of a cap that slices are filled to: counts move while rows arrive.
const FILL: (u64, u64) = (8, 10);

pub(super) fn filled(cap: u64) -> u64 {
    (cap.saturating_mul(FILL.0) / FILL.1).max(1)
}

/// Runs a hunt to its end, and never fails: what went wrong is in the report.
pub async fn hunt(job: &HuntJob, hunter: &dyn Hunter, case: &Arc<Case>, observer: &dyn Observer) -> report::Job {
    observer.started(&job.job.name);
    let tally = Tally::default();
    let place = Place::hunt(&job.job.tenant, &job.job.name, Some(job.window), Format::Ndjson);
    let desk = Desk { job, hunter, case, observer, tally: &tally, place: case.reserve(&place), silence: AtomicU32::new(0) };
    let mut state = State::new(job);
    if let Err(error) = desk.work(&mut state).await {
        state.fail(job.window, error);
    }
    let report = desk.close(state).await;
    observer.ended(&report);
    report
}

/// What does not change while a job runs.
pub(super) struct Desk<'a> {
    pub(super) job: &'a HuntJob,
    pub(super) hunter: &'a dyn Hunter,
    pub(super) case: &'a Arc<Case>,
    pub(super) observer: &'a dyn Observer,
    tally: &'a Tally,
    pub(super) place: Place,
    /// Questions in a row that no answer came to, but a gateway's at most.
    silence: AtomicU32,
}

/// A gateway that fails may fail at the size of what is asked, or altogether: after so many questions it is taken for the latter,
/// and the window is not cut to dust for it.
const MOST_SILENCE: u32 = 3;

/// A file that holds a piece.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) window: Window,
    pub(super) share: u32,
    pub(super) file: Written,
    pub(super) request_ids: Vec<String>,
    pub(super) schema: Vec<journal::Column>,
}

/// What came of the job so far.
pub(super) struct State {
    pub(super) queue: VecDeque<Piece>,
    pub(super) stored: Vec<Stored>,
    /// Files of earlier runs whose rows are asked for again.
    pub(super) superseded: Vec<String>,
    pub(super) gaps: Vec<report::Gap>,
    pub(super) failure: Option<Error>,
    pub(super) target: u64,
    pub(super) was_cut: bool,
    /// The journal's latest doing of this job ended whole: nothing is left to do.
    pub(super) already: Option<journal::JobEnded>,
    /// What the service counted.
    pub(super) counted: Option<Counted>,
    /// What a reader of the report should know.
    pub(super) notes: Vec<String>,
}

/// Rows that the service counted in the job's window, and when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counted {
    pub(super) rows: u64,
    pub(super) at: Timestamp,
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
            counted: None,
            notes: Vec::new(),
        }
    }

    pub(super) fn gap(&mut self, window: Window, reason: impl Into<String>) {
        self.gaps.push(report::Gap { window, reason: reason.into() });
    }

    /// Notes why the job cannot go on; what is still queued is missing for the same reason.
    pub(super) fn fail(&mut self, window: Window, error: Error) {
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
        self.work_off(state).await?;
        self.reconcile(state).await
    }

    /// Asks for everything that is queued, so many questions side by side.
    pub(super) async fn work_off(&self, state: &mut State) -> Result<()> {
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

    async fn fetch(&self, piece: Piece) -> Fetched {
        if piece.part.is_none() && piece.expected.is_some_and(|rows| rows >= self.job.rows_cap) && self.may_cut().is_ok() {
            return Fetched::Capped(None, format!("{} rows are expected", piece.expected.unwrap_or_default()));
        }
        self.ask(piece).await.unwrap_or_else(|error| match Refusal::of(&error) {
            Some(refusal) if self.may_fit_smaller(refusal) && self.may_cut().is_ok() => Fetched::Capped(None, error.message().to_owned()),
            Some(Refusal::TooLarge | Refusal::Preempted) => Fetched::Failed(self.never_cut(error)),
            _ => Fetched::Failed(error),
        })
    }

    async fn ask(&self, piece: Piece) -> Result<Fetched> {
        let mut part = Part::new(self.case.draft(&self.place_of(piece))?, self.tally, self.observer, &self.job.job.name);
        let question = self.question(self.text_of(piece), piece.window);
        let answer = match self.hunter.ask(&question, &mut part).await {
            Ok(answer) => answer,
            Err(error) => {
                part.discard();
                return Err(error);
            }
        };
        self.answered();
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
        piece.window == self.job.window && piece.part.is_none() && self.job.subject.shares() == 1
    }

    fn text_of(&self, piece: Piece) -> String {
        self.job.subject.share(piece.share).piece(piece.window, piece.part)
    }

    fn place_of(&self, piece: Piece) -> Place {
        if self.is_whole(piece) { self.place.clone() } else { self.case.reserve(&self.place.part(piece.window)) }
    }

    pub(super) fn question(&self, query: String, window: Window) -> Question {
        Question { query, timespan: self.job.timespan.then_some(window), can_be_cut: self.may_cut().is_ok() && !self.is_silent() }
    }

    fn is_silent(&self) -> bool {
        self.silence.load(Ordering::Relaxed) >= MOST_SILENCE
    }

    /// Notes that the service itself answered.
    pub(super) fn answered(&self) {
        self.silence.store(0, Ordering::Relaxed);
    }

    /// Says whether less may fit where this was refused, and counts the silence of a gateway.
    pub(super) fn may_fit_smaller(&self, refusal: Refusal) -> bool {
        if refusal == Refusal::Gateway {
            return self.silence.fetch_add(1, Ordering::Relaxed) < MOST_SILENCE;
        }
        self.answered();
        refusal.is_cap()
    }

    /// Says whether the window may be cut, or why it may not.
    pub(super) fn may_cut(&self) -> Result<(), String> {
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
                self.keep(state, piece, draft, &answer, None).await
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
                    self.keep(state, piece, draft, &answer, Some(AT_CAP)).await?;
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

    async fn keep(&self, state: &mut State, piece: Piece, draft: Draft, answer: &Answer, mark: Option<&str>) -> Result<()> {
        let whole = self.is_whole(piece);
        let cut = match piece.part {
            Some((index, of)) => Some(format!("{BY_HASH} {} of {of}", index + 1)),
            None if piece.window == self.job.window => mark.map(str::to_owned),
            None => Some(format!("slice [{}, {})", rfc3339(piece.window.from), rfc3339(piece.window.to))),
        };
        let cut = self.job.subject.marked(cut, piece.share);
        let facts = Facts {
            job: self.job.job.clone(),
            slice: (!whole).then_some(piece.window),
            query: Some(self.text_of(piece)),
            schema: columns(&answer.schema),
            request_ids: answer.request_id.iter().cloned().collect(),
            cut,
            replaces: if whole { std::mem::take(&mut state.superseded) } else { Vec::new() },
            ..Facts::default()
        };
        let (request_ids, schema) = (facts.request_ids.clone(), facts.schema.clone());
        let file = self.commit(draft, facts).await?;
        state.stored.push(Stored { window: piece.window, share: piece.share, file, request_ids, schema });
        Ok(())
    }

    /// Seals and commits on a thread that may block.
    async fn commit(&self, draft: Draft, facts: Facts) -> Result<Written> {
        let case = Arc::clone(self.case);
        on_disk(move || case.commit(draft.seal()?, facts)).await
    }
}

/// How the journal marks a file whose rows reached a cap: there may be more.
pub(super) const AT_CAP: &str = "at the cap, not cut";
/// How the journal marks a file that holds rows of one tick by their hash.
pub(super) const BY_HASH: &str = "rows by hash, part";

fn columns(schema: &[Column]) -> Vec<journal::Column> {
    schema.iter().map(|column| journal::Column { name: column.name.clone(), kind: column.kind.clone() }).collect()
}

/// Does work on a thread that may block.
pub(super) async fn on_disk<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(Error::new(Kind::Disk, "the writing thread ended").caused_by(error)))
}
