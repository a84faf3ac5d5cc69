//! One pull: a source, over a window or whole, page by page, until every object is stored or what is missing is named.
//!
//! ```text
//! pull ─► pick up what an earlier run left ─► walk (pages │ cursor │ skip │ query │ export) ─► bag ─► files ─► close
//! ```

mod ask;
mod bag;
mod close;
mod cursor;
mod export;
mod fields;
mod formats;
mod query;
mod singly;
mod skips;
mod versions;
mod walk;

use super::{Effort, Observer, hunt::on_disk, report, slices::TICK};
use crate::{
    api::{
        catalogue::{Paging, Source},
        pages::Client,
    },
    error::{Error, Kind, Result},
    journal,
    store::{Case, Facts, Format, Place, Written},
    time::{Window, rfc3339},
};
use bag::{Bag, Rules, Seen};
use fields::Names;
use singly::Singly;
pub use skips::unlicensed;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use versions::Remembered;

/// A source to pull from a tenant.
pub struct PullJob {
    /// What it is, for the journal and for resuming.
    pub job: journal::Job,
    /// The source.
    pub source: Source,
    /// The window of the run; what is pulled whole has it in its report alone.
    pub window: Window,
    /// Nobody set the window's end: what is updated while the list is paged is stored as well.
    pub open: bool,
    /// An OData filter beside that of the window.
    pub filter: Option<String>,
    /// The formats that the objects are stored in; the NDJSON of a pull that is not whole is kept beside them.
    pub formats: Vec<Format>,
    /// Goes on with what an earlier run left.
    pub resume: bool,
    /// Files of earlier pulls whose versions are not stored again.
    pub known_in: Vec<String>,
    /// Versions of earlier pulls that are not stored again, as the journal tells them.
    pub known: Vec<String>,
    /// How exports are had.
    pub via: Via,
    /// Lanes of the lists of files and of the storage behind them.
    pub file_lanes: (String, String),
    /// It was named on the command line: a refusal for want of a permission or licence is a failure.
    pub named: bool,
}

/// How an assessment export is had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Via {
    /// As JSON pages, or as files where the tenant is too large for them.
    #[default]
    Auto,
    /// As JSON pages.
    Json,
    /// As files.
    Files,
}

/// What came of a pull.
pub struct Pulled {
    /// The report; none where the source was left out.
    pub job: Option<report::Job>,
    /// Why it was left out.
    pub skip: Option<report::Skip>,
}

/// Pages after which what came so far becomes a file of its own, so that a killed run goes on from there; where they came fast, so many
/// more: files are joined in the end, which costs as much again as writing them.
const CHECKPOINT: u32 = 50;
const LONGEST: u32 = 400;
/// What came in less time is not worth a file of its own.
const WORTH_A_FILE: Duration = Duration::from_mins(1);

/// A stretch of pages that becomes one file.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    begun: Instant,
    pages: u32,
}

impl Stretch {
    fn begin() -> Self {
        Self { begun: Instant::now(), pages: 0 }
    }

    /// Says whether a file is to be made of it.
    fn is_long(self) -> bool {
        self.pages >= LONGEST || (self.pages >= CHECKPOINT && self.begun.elapsed() >= WORTH_A_FILE)
    }
}

/// Runs a pull to its end, and never fails: what went wrong is in the report.
pub async fn pull(job: &PullJob, client: &Client<'_>, case: &Arc<Case>, observer: &dyn Observer) -> Pulled {
    let name = job.source.display_name();
    observer.started(&job.job);
    let place = case.reserve(&job.place(job.slice()));
    let desk = Desk { job, client, case, observer, name, place };
    let mut state = State::default();
    if let Err(error) = desk.work(&mut state).await {
        state.failure.get_or_insert(advised(error, job));
    }
    desk.close(state).await
}

/// Adds what to do about a question that the service refuses.
fn advised(error: Error, job: &PullJob) -> Error {
    if error.kind() != Kind::Query || !error.hints().is_empty() {
        return error;
    }
    error.hint(match job.filter {
        Some(_) => "check what --filter says: a service filters by some members of its objects, in its own names for them",
        None => "the service refuses what this source asks; `ircollect get` shows its answer to another question",
    })
}

/// What does not change while a job runs.
struct Desk<'a> {
    job: &'a PullJob,
    client: &'a Client<'a>,
    case: &'a Arc<Case>,
    observer: &'a dyn Observer,
    name: String,
    place: Place,
}

/// A file that holds objects.
#[derive(Clone, Debug)]
struct Stored {
    /// The part of the window that is whole in it; none where it holds all, or nobody knows which.
    slice: Option<Window>,
    /// The objects as they were sent; where those are not kept, in another format.
    file: Written,
    /// The same objects in further formats.
    others: Vec<Written>,
    request_ids: Vec<String>,
}

/// What came of the job so far.
#[derive(Default)]
struct State {
    stored: Vec<Stored>,
    /// Files of an earlier run that give way to those of this.
    superseded: Vec<String>,
    gaps: Vec<report::Gap>,
    failure: Option<Error>,
    already: Option<journal::JobEnded>,
    notes: Vec<String>,
    counted: Option<u64>,
    /// Objects that came again, and those that are not of the window.
    again: u64,
    outside: u64,
    /// Rows of files that are stored.
    rows: u64,
    bytes: u64,
    request_ids: Vec<String>,
    pages: u32,
    /// Objects are asked for one by one.
    singly: Option<Singly>,
}

impl PullJob {
    /// The window, where the source is pulled over one.
    fn slice(&self) -> Option<Window> {
        self.job.window
    }

    fn place(&self, slice: Option<Window>) -> Place {
        Place::pull(&self.job.tenant, &self.job.api, &self.source.name, slice, Format::Ndjson)
    }

    /// Says whether objects that were updated after the window's end are taken: where a newer version takes the place of one of
    /// the window, and nobody set the end.
    fn is_open(&self) -> bool {
        let time = self.source.time.as_ref().map(|time| time.field.as_str());
        self.open && time.is_some() && time == self.source.updated.as_deref()
    }
}

impl Desk<'_> {
    async fn work(&self, state: &mut State) -> Result<()> {
        let left = self.pick_up(state);
        if state.already.is_some() {
            state.notes.push("it was whole already: nothing was asked".to_owned());
            return Ok(());
        }
        let started = journal::JobStarted { job: self.job.job.clone(), resumed: !state.stored.is_empty() };
        self.case.journal().append(journal::Event::JobStarted(started))?;
        for window in left {
            let mut bag = self.bag(state, window)?;
            let walked = self.walk(state, &mut bag, window).await;
            self.end_of_walk(state, bag, window, walked).await?;
        }
        Ok(())
    }

    /// Takes over what an earlier run stored, and returns the windows that are left; one without ends for what has none.
    fn pick_up(&self, state: &mut State) -> Vec<Option<Window>> {
        let all = vec![self.job.slice()];
        let Some(known) = self.case.jobs().latest(&self.job.job).filter(|_| self.job.resume) else { return all };
        state.already = known.ended.clone().filter(|ended| ended.status == journal::Outcome::Complete);
        if self.job.source.paging == Paging::Export && state.already.is_none() {
            // Rows of exports are not told apart, so what came in part gives way to the whole.
            state.superseded.extend(known.files.iter().map(|file| file.path.clone()));
            return all;
        }
        state.take_over(known);
        let Some(window) = self.job.slice() else { return all };
        let joined = known.files.iter().any(formats::is_joined);
        let gaps: Vec<Window> = known.gaps.iter().filter_map(|gap| Window::new(gap.from?, gap.to?).ok()).collect();
        let left = if joined && !gaps.is_empty() {
            gaps
        } else {
            missing(window, &state.stored.iter().filter_map(|stored| stored.slice).collect::<Vec<_>>())
        };
        left.into_iter().map(Some).collect()
    }

    /// Returns an empty bag that knows what is stored.
    fn bag(&self, state: &State, window: Option<Window>) -> Result<Bag> {
        let distinct = self.job.source.paging != Paging::Export;
        let open = self.job.is_open() && window.is_none_or(|window| window.to == self.job.window.to);
        let rules = Rules::of(&self.job.source, self.names(), window, open, distinct);
        let mut bag = Bag::new(self.case.draft(&self.place)?, rules, Seen::beside(Remembered::read(&self.job.known)));
        if distinct {
            let own = state.stored.iter().map(|stored| &stored.file).filter(|file| formats::is_ndjson(&file.format)).map(|file| &file.path);
            for path in own.chain(&self.job.known_in) {
                self.case.each_row(path, &mut |row| bag.know(row))?;
            }
        }
        Ok(bag)
    }

    /// Returns the members that tell objects, and their versions, from each other.
    fn names(&self) -> Names {
        let Source { id, updated, time, .. } = &self.job.source;
        Names { id: id.clone(), updated: updated.clone(), time: time.as_ref().map(|time| time.field.clone()) }
    }

    async fn walk(&self, state: &mut State, bag: &mut Bag, window: Option<Window>) -> Result<()> {
        match self.job.source.paging {
            Paging::Link | Paging::Skip => self.by_links(state, bag, window).await,
            Paging::Cursor => self.by_cursor(state, bag, window).await,
            Paging::Single => self.single(state, bag).await,
            Paging::Export => self.export(state, bag).await,
            Paging::Query => self.query(state, bag, window).await,
        }
    }

    /// Stores what came of a window, whole or not, and names what is missing.
    async fn end_of_walk(&self, state: &mut State, mut bag: Bag, window: Option<Window>, walked: Result<()>) -> Result<()> {
        let Err(error) = walked else {
            let whole = state.stored.is_empty() && window == self.job.slice();
            return self.keep(state, bag, if whole { None } else { window }, None).await;
        };
        let disk = error.kind() == Kind::Disk;
        if !disk {
            bag.drop_page()?;
        }
        let (slice, missing) = self.had(&bag, window);
        if !disk && (bag.draft.rows() > 0 || slice.is_some()) {
            self.keep(state, bag, slice, Some(IN_PART)).await?;
        }
        state.gaps.push(report::Gap { window: missing, reason: error.message().to_owned() });
        Err(error)
    }

    /// Returns the part of the window that is whole, where the order of its objects tells, and the part that is missing.
    fn had(&self, bag: &Bag, window: Option<Window>) -> (Option<Window>, Window) {
        let all = window.unwrap_or(self.job.window);
        let course = &bag.course;
        let parts = match self.job.source.paging {
            Paging::Cursor if course.rises() => course.newest.as_ref().map(|(newest, _)| (all.from, *newest, (*newest, all.to))),
            Paging::Link if self.job.source.newest_first && course.falls() => {
                let after = course.oldest.and_then(|oldest| oldest.checked_add(TICK).ok());
                after.map(|after| (after, all.to, (all.from, after)))
            }
            _ => None,
        };
        let Some((from, to, missing)) = parts.filter(|_| window.is_some()) else { return (None, all) };
        match (Window::new(from, to.min(all.to)), Window::new(missing.0, missing.1)) {
            (Ok(had), Ok(missing)) => (Some(had), missing),
            _ => (None, all),
        }
    }

    /// Makes what came so far a file of its own, and goes on with an empty one.
    async fn checkpoint(&self, state: &mut State, bag: &mut Bag, slice: Window) -> Result<()> {
        let draft = self.case.draft(&self.place)?;
        let full = std::mem::replace(&mut bag.draft, draft);
        self.store(state, full, Some(slice), None).await?;
        bag.open()
    }

    async fn keep(&self, state: &mut State, bag: Bag, slice: Option<Window>, mark: Option<&str>) -> Result<()> {
        self.store(state, bag.draft, slice, mark).await
    }

    async fn store(&self, state: &mut State, mut draft: crate::store::Draft, slice: Option<Window>, mark: Option<&str>) -> Result<()> {
        if slice.is_some() || !state.stored.is_empty() {
            draft.stand_at(self.case.reserve(&self.job.place(slice)))?;
        }
        let cut = slice.map(|slice| format!("slice [{}, {})", rfc3339(slice.from), rfc3339(slice.to)));
        let request_ids = std::mem::take(&mut state.request_ids);
        let facts = Facts {
            job: self.job.job.clone(),
            slice,
            query: self.job.filter.clone(),
            request_ids: request_ids.clone(),
            cut: cut.or_else(|| mark.map(str::to_owned)),
            ..Facts::default()
        };
        let case = Arc::clone(self.case);
        let file = on_disk(move || case.commit(draft.seal()?, facts)).await?;
        state.rows += file.rows;
        state.bytes += file.bytes;
        state.stored.push(Stored { slice, file, others: Vec::new(), request_ids });
        Ok(())
    }

    fn tell(&self, state: &State, bag: &Bag) {
        self.observer.advanced(&self.job.job, state.rows + bag.draft.rows(), state.bytes + bag.draft.bytes());
    }

    fn effort(&self) -> Effort {
        let budget = self.client.budget;
        Effort { calls: budget.tries(), retries: budget.retries(), throttled: budget.throttled() }
    }
}

/// Failures of the service in a row after which it is asked otherwise, where it can be: at 1, 2, 4 seconds from each other.
const FAULT_TRIES: u32 = 4;
/// How the journal marks a file of a list that did not come whole.
const IN_PART: &str = "in part";

/// Returns what of a window no file holds.
fn missing(window: Window, held: &[Window]) -> Vec<Window> {
    let mut held = held.to_vec();
    held.sort();
    let (mut missing, mut from) = (Vec::new(), window.from);
    for slice in held {
        missing.extend(Window::new(from, slice.from.min(window.to)));
        from = from.max(slice.to);
    }
    missing.extend(Window::new(from, window.to));
    missing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_lies_between_what_is_held() {
        let at = |hour: i64| jiff::Timestamp::from_second(1_790_000_000 + hour * 3_600).unwrap();
        let window = |from, to| Window::new(at(from), at(to)).unwrap();
        assert_eq!(missing(window(0, 24), &[window(20, 24), window(3, 5), window(4, 8)]), [window(0, 3), window(8, 20)]);
        assert_eq!(missing(window(0, 24), &[]), [window(0, 24)]);
        assert!(missing(window(0, 24), &[window(0, 30)]).is_empty());
    }
}
