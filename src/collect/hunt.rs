//! One hunt: a query over a window, whole at first, and cut where the API's caps demand it, until every piece is stored or named
//! as a gap.

use super::{
    Hunter, Observer, Question, SliceMode, Subject,
    cutting::{Cap, CutUp},
    formats::{Files, parted},
    part::{Part, Tally},
    pick_up,
    plan::{self, Piece},
    report,
    state::{State, Stored},
};
use crate::{
    api::hunting::{Answer, Column, Refusal},
    error::{Error, Kind, Result},
    journal::{self, Held},
    store::{Case, Facts, Format, Intake, Place},
    time::{Window, rfc3339},
};
use futures::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

/// A query to run in a tenant.
#[allow(clippy::struct_excessive_bools, reason = "each is asked for or not, whatever the others are")]
pub struct HuntJob {
    /// What it is, for the journal. One that is gone on with has the id that it had.
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
    /// The formats that the rows are stored in.
    pub formats: Vec<Format>,
    /// The rows end as a dataset, a file a day, instead of one file.
    pub by_day: bool,
}

/// Returns what slices are filled to, of a cap on rows: counts move while rows arrive.
pub(super) fn filled(cap: u64) -> u64 {
    (cap.saturating_mul(85) / 100).max(1)
}

/// Runs a hunt to its end, and never fails: what went wrong is in the report.
pub async fn hunt(job: &HuntJob, hunter: &dyn Hunter, case: &Arc<Case>, observer: &dyn Observer) -> report::Job {
    observer.started(&job.job);
    let tally = Tally::default();
    let known = case.jobs().of(&job.job.id).filter(|_| job.resume).and_then(|known| pick_up::place_of(&known.files));
    let fresh = || case.reserve(&Place::hunt(&job.job.tenant, &job.job.name, Some(job.window), Format::Ndjson));
    let desk = Desk {
        job,
        hunter,
        case,
        observer,
        tally: &tally,
        place: known.unwrap_or_else(fresh),
        taken: AtomicBool::new(false),
        silence: AtomicU32::new(0),
    };
    let mut state = State::new(job);
    if let Err(error) = desk.work(&mut state).await {
        state.fail(job.window, error);
    }
    let report = desk.close(state).await;
    observer.ended(&job.job, &report);
    report
}

/// What does not change while a job runs.
pub(super) struct Desk<'a> {
    pub(super) job: &'a HuntJob,
    pub(super) hunter: &'a dyn Hunter,
    pub(super) case: &'a Arc<Case>,
    pub(super) observer: &'a dyn Observer,
    pub(super) tally: &'a Tally,
    pub(super) place: Place,
    /// A file stands at `place`.
    pub(super) taken: AtomicBool,
    /// Questions in a row that no answer came to, but a gateway's at most.
    silence: AtomicU32,
}

/// A gateway that fails may fail at the size of what is asked, or altogether: after so many questions it is taken for the latter,
/// and the window is not cut to dust for it.
const MOST_SILENCE: u32 = 3;

/// What came of a question.
enum Fetched {
    Whole(Intake, Answer),
    /// There may be more: either some rows came, or the service refused to send so many.
    Capped {
        rows: Option<(Intake, Answer)>,
        cap: Cap,
        reason: String,
    },
    /// It was given up early, for a smaller question; now it is asked with all patience.
    Again,
    Failed(Error),
}

/// What came of a step.
enum Done {
    Fetched(Piece, Box<Fetched>),
    Cut(Piece, Result<CutUp>, String),
}

type Steps<'a> = FuturesUnordered<BoxFuture<'a, Done>>;

impl Desk<'_> {
    async fn work(&self, state: &mut State) -> Result<()> {
        let left = self.pick_up(state);
        if state.already.is_some() {
            return Ok(());
        }
        let started = journal::JobStarted { job: self.job.job.clone(), resumed: !state.stored.is_empty() };
        self.case.journal().append(journal::Event::JobStarted(started))?;
        state.queue = plan::first(left, self.first_cut(state));
        self.work_off(state).await?;
        self.reconcile(state).await?;
        state.failure = state.failure.take().or(state.capped.take());
        Ok(())
    }

    /// Returns how the window is cut before anything is asked. One that no table is bounded by is not: every slice would hold all rows.
    fn first_cut(&self, state: &mut State) -> SliceMode {
        let forced = matches!(self.job.mode, SliceMode::Every(_));
        if forced && !self.job.subject.is_bounded() {
            state.notes.push("the window was not cut as --slice asks: the query reads no table that is known to have a time column".into());
            return SliceMode::Auto;
        }
        state.was_cut |= forced;
        self.job.mode
    }

    /// Asks for everything that is queued, so many questions side by side.
    pub(super) async fn work_off(&self, state: &mut State) -> Result<()> {
        let mut steps = Steps::new();
        loop {
            while state.failure.is_none() && steps.len() < self.job.concurrency.max(1) {
                let Some(piece) = state.queue.pop_front() else { break };
                if state.has_outgrown(&piece) {
                    self.start_cutting(state, &mut steps, piece, Cap::Rows, "rows turned out to be larger".into());
                    continue;
                }
                steps.push(Box::pin(async move { Done::Fetched(piece.clone(), Box::new(self.fetch(&piece).await)) }));
            }
            let Some(done) = steps.next().await else { break };
            let window = done.window();
            if let Err(error) = self.settle(state, &mut steps, done).await {
                state.fail(window, error);
            }
        }
        state.give_up_the_rest();
        Ok(())
    }

    async fn fetch(&self, piece: &Piece) -> Fetched {
        if piece.hopeless {
            let reason = format!("{} rows are expected", piece.expected.unwrap_or_default());
            return Fetched::Capped { rows: None, cap: Cap::Rows, reason };
        }
        let question = self.question(self.text_of(piece), piece.window);
        let question = Question { can_be_cut: question.can_be_cut && piece.may_be_smaller(), ..question };
        self.ask(piece, &question).await.unwrap_or_else(|error| match Refusal::of(&error) {
            Some(Refusal::Gateway) if !question.can_be_cut => Fetched::Failed(error),
            Some(refusal) if self.may_fit_smaller(refusal) && self.may_cut().is_ok() => {
                let (cap, reason) = (Cap::of(refusal), error.message().to_owned());
                Fetched::Capped { rows: None, cap, reason }
            }
            Some(Refusal::Gateway) => Fetched::Again,
            Some(Refusal::TooLarge | Refusal::Preempted) => Fetched::Failed(self.never_cut(error)),
            _ => Fetched::Failed(error),
        })
    }

    async fn ask(&self, piece: &Piece, question: &Question) -> Result<Fetched> {
        let intake = self.case.intake(&self.place_of(piece), self.wanted(piece))?;
        let mut part = Part::new(intake, self.tally, self.observer, &self.job.job);
        let answer = match self.hunter.ask(question, &mut part).await {
            Ok(answer) => answer,
            Err(error) => {
                part.discard();
                return Err(error);
            }
        };
        self.answered();
        let stated = answer.stated_rows.filter(|stated| *stated > answer.rows);
        let reason = match stated {
            _ if answer.rows >= self.job.rows_cap => {
                format!("the answer has {} rows, the API's cap: there may be more", answer.rows)
            }
            Some(stated) => format!("the service says it has {stated} rows and sent {}", answer.rows),
            None => return Ok(Fetched::Whole(part.intake, answer)),
        };
        Ok(Fetched::Capped { rows: Some((part.intake, answer)), cap: Cap::Rows, reason })
    }

    pub(super) fn is_whole(&self, piece: &Piece) -> bool {
        piece.window == self.job.window && piece.part.is_none() && self.job.subject.shares() == 1
    }

    pub(super) fn text_of(&self, piece: &Piece) -> String {
        self.job.subject.share(piece.share).piece(piece.window, piece.part)
    }

    fn place_of(&self, piece: &Piece) -> Place {
        if self.is_whole(piece) { self.whole_place() } else { self.case.reserve(&self.place.part(piece.window)) }
    }

    /// Returns where all rows go: beside the file of a first try that stands there, until that gives way.
    pub(super) fn whole_place(&self) -> Place {
        if self.taken.load(Ordering::Relaxed) { self.case.reserve(&self.place) } else { self.place.clone() }
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

    /// Says whether a window may be cut where it has to be, or why it may not.
    pub(super) fn may_cut(&self) -> Result<(), String> {
        match self.job.mode {
            SliceMode::Off => Err("cutting is off (--slice off)".into()),
            SliceMode::Auto | SliceMode::Every(_) => self.job.subject.cuttable(),
        }
    }

    async fn settle<'a>(&'a self, state: &mut State, steps: &mut Steps<'a>, done: Done) -> Result<()> {
        match done {
            Done::Fetched(piece, fetched) => self.settle_fetched(state, steps, piece, *fetched).await,
            Done::Cut(piece, cut_up, reason) => Self::settle_cut(state, &piece, cut_up?, &reason),
        }
    }

    async fn settle_fetched<'a>(&'a self, state: &mut State, steps: &mut Steps<'a>, piece: Piece, fetched: Fetched) -> Result<()> {
        match fetched {
            Fetched::Whole(intake, answer) => {
                state.learn(&answer);
                self.keep(state, &piece, intake, &answer, None).await
            }
            Fetched::Capped { rows, cap, reason } if self.may_cut().is_ok() => {
                if let Some((intake, answer)) = rows {
                    state.learn(&answer);
                    Part::new(intake, self.tally, self.observer, &self.job.job).discard();
                }
                self.start_cutting(state, steps, piece, cap, reason);
                Ok(())
            }
            Fetched::Capped { rows, reason, .. } => self.keep_capped(state, &piece, rows, reason).await,
            Fetched::Again => {
                state.queue.push_back(piece);
                Ok(())
            }
            Fetched::Failed(error) => {
                state.fail(piece.window, error);
                Ok(())
            }
        }
    }

    fn settle_cut(state: &mut State, piece: &Piece, cut_up: CutUp, reason: &str) -> Result<()> {
        state.cannot_count(&cut_up.refused);
        let Some(pieces) = cut_up.pieces else {
            let error = Error::new(Kind::Incomplete, format!("{reason}, and nothing can part its rows")).with_code("RowCap");
            return Err(error.hint(
                "the rows are equal in every column, or one is larger than the API sends: ask for fewer columns, or for distinct rows",
            ));
        };
        debug_assert!(pieces.iter().all(|smaller| smaller.share == piece.share), "a piece is cut within its text");
        for piece in pieces.into_iter().rev() {
            state.queue.push_front(piece);
        }
        Ok(())
    }

    /// Cuts side by side with what else is asked: whoever waits for an answer is read all the while.
    fn start_cutting<'a>(&'a self, state: &mut State, steps: &mut Steps<'a>, piece: Piece, cap: Cap, reason: String) {
        state.was_cut = true;
        tracing::info!(query = %self.job.job.name, from = %piece.window.from, to = %piece.window.to, reason, "cutting a window");
        let knowledge = state.knowledge(&piece, cap);
        steps.push(Box::pin(async move {
            let cut_up = self.cut(piece.clone(), cap, knowledge).await;
            Done::Cut(piece, cut_up, reason)
        }));
    }

    /// Keeps what came of a query that may not be cut, and says that it is not all.
    async fn keep_capped(&self, state: &mut State, piece: &Piece, rows: Option<(Intake, Answer)>, reason: String) -> Result<()> {
        if let Some((intake, answer)) = rows {
            self.keep(state, piece, intake, &answer, Some(AT_CAP)).await?;
        }
        let error = self.never_cut(Error::new(Kind::Incomplete, reason).with_code("RowCap"));
        state.gap(piece.window, error.message());
        state.capped.get_or_insert(error);
        Ok(())
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

    async fn keep(&self, state: &mut State, piece: &Piece, intake: Intake, answer: &Answer, mark: Option<&str>) -> Result<()> {
        let whole = self.is_whole(piece);
        let facts = Facts {
            job: self.job.job.clone(),
            slice: (!whole).then_some(piece.window),
            part: piece.part,
            share: piece.share,
            query: Some(self.text_of(piece)),
            schema: columns(&answer.schema),
            request_ids: answer.request_id.iter().cloned().collect(),
            cut: self.how_cut(piece, mark),
            replaces: if whole { std::mem::take(&mut state.superseded) } else { Vec::new() },
            ..Facts::default()
        };
        state.look_at(intake.first_rows(), &facts.schema);
        let (request_ids, schema) = (facts.request_ids.clone(), facts.schema.clone());
        self.taken.fetch_or(whole, Ordering::Relaxed);
        let (file, others) = self.commit(intake, facts).await?;
        let Window { from, to } = piece.window;
        let holds = vec![Held { from, to, part: piece.part, share: piece.share, rows: file.rows }];
        state.stored.push(Stored { file, others, holds, capped: mark == Some(AT_CAP), request_ids, schema });
        Ok(())
    }

    /// Says in words how a piece was cut, for the journal.
    fn how_cut(&self, piece: &Piece, mark: Option<&str>) -> Option<String> {
        let slice =
            (piece.window != self.job.window).then(|| format!("slice [{}, {})", rfc3339(piece.window.from), rfc3339(piece.window.to)));
        let part = piece.part.map(|(index, of)| format!("rows by hash, part {} of {of}", index + 1));
        let words: Vec<String> = slice.into_iter().chain(part).chain(mark.map(str::to_owned)).collect();
        self.job.subject.marked((!words.is_empty()).then(|| words.join(", ")), piece.share)
    }

    /// Seals and commits on a thread that may block.
    async fn commit(&self, intake: Intake, facts: Facts) -> Result<Files> {
        let case = Arc::clone(self.case);
        on_disk(move || {
            let harvest = intake.finish(&facts.schema)?;
            parted(case.commit_all(harvest, facts)?)
        })
        .await
    }
}

impl Done {
    fn window(&self) -> Window {
        match self {
            Self::Fetched(piece, _) | Self::Cut(piece, ..) => piece.window,
        }
    }
}

/// How the journal marks a file whose rows reached a cap: there may be more.
pub(super) const AT_CAP: &str = "at the cap, not cut";

pub(super) fn columns(schema: &[Column]) -> Vec<journal::Column> {
    schema.iter().map(|column| journal::Column { name: column.name.clone(), kind: column.kind.clone() }).collect()
}

/// Does work on a thread that may block.
pub(super) async fn on_disk<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(Error::new(Kind::Disk, "the writing thread ended").caused_by(error)))
}
