//! Lists by nextLink, and by `$skip` where there is none.
//!
//! A list may change while it is paged. By nextLink the service keeps the place; by `$skip` pages overlap by one object, and where
//! that one is not known from the page before, the list has shrunk, and the place is taken back until it is. Lists that come newest
//! first are begun anew now and then at the oldest time seen: long chains of pages break.

use super::{
    Desk, FAULT_TRIES, State, Stretch,
    ask::{Ask, end},
    bag::Bag,
    query::halves,
    singly::Singly,
};
use crate::{
    api::{
        catalogue::Paging,
        hunting::Api,
        pages::{Client, Page},
    },
    collect::slices::TICK,
    error::{Error, Kind, Result},
    time::Window,
    transport::ServiceFault,
};
use jiff::Timestamp;
use std::collections::HashSet;
use url::Url;

/// How often a list is begun anew where its links expire, without anything new in between.
const RESTARTS: u32 = 3;
/// How often the place of a list is taken back without finding a known object.
const STEPS_BACK: u32 = 12;

/// How often what was updated meanwhile is asked for again.
const CATCHING_UP: u32 = 8;

/// How a walk went.
#[derive(Clone, Debug, Default)]
struct Walked {
    pages: u32,
    /// What the objects could be had with.
    expand: Option<String>,
    /// The newest time of its first page.
    since: Option<Timestamp>,
}

/// After so many full pages without anything new a list is at its end: new objects have moved it on by as much, or it knows no `$skip`.
const STALE: u32 = 3;

/// Where a walk stands.
struct Walk {
    ask: Ask,
    url: Url,
    /// Links that were followed.
    followed: HashSet<String>,
    /// The window that is left; its end moves towards the begin where the list is newest first.
    left: Option<Window>,
    /// Objects that lie before the page in the list.
    skipped: u64,
    /// Objects that the page and the one before should have in common.
    overlap: u64,
    steps_back: u32,
    stale: u32,
    restarts: u32,
    /// Pages since the list was begun, or begun anew.
    stretch: Stretch,
    /// The page before was short, so that this one may be beyond the end.
    probing: bool,
    over: bool,
}

impl Walk {
    fn new(ask: Ask, url: Url, left: Option<Window>) -> Self {
        let followed = HashSet::new();
        let (skipped, overlap, steps_back, stale, restarts, stretch) = (0, 0, 0, 0, 0, Stretch::begin());
        Self { ask, url, followed, left, skipped, overlap, steps_back, stale, restarts, stretch, probing: false, over: false }
    }

    /// Begins at the list's begin.
    fn restart(&mut self) {
        (self.ask.skip, self.skipped, self.overlap, self.steps_back, self.stale, self.stretch) = (None, 0, 0, 0, 0, Stretch::begin());
        self.probing = false;
        self.followed.clear();
    }
}

impl Desk<'_> {
    /// Walks a list to its end.
    ///
    /// Where an update moves an object within the list, one that lay ahead may come to lie behind. So what was updated since the first
    /// page is asked for again, until that is a single page, which nothing can move in.
    ///
    /// Where the service does not page so deep, the window is walked in halves.
    pub(super) async fn by_links(&self, state: &mut State, bag: &mut Bag, window: Option<Window>) -> Result<()> {
        let before = state.pages;
        match self.to_the_end(state, bag, window).await {
            Err(error) if is_too_deep(&error) && state.pages > before => {
                let Some([first, second]) = window.and_then(halves).filter(|_| self.filters_both_ends()) else { return Err(error) };
                tracing::info!(source = self.name, %error, "the list is too deep: its window is walked in halves");
                bag.drop_page()?;
                Box::pin(self.by_links(state, bag, Some(first))).await?;
                Box::pin(self.by_links(state, bag, Some(second))).await
            }
            done => done,
        }
    }

    fn ask_of(&self, state: &State, window: Option<Window>, open: bool) -> Ask {
        let ask = self.ask(window, open);
        if state.singly.is_some() { Ask { expand: None, ..ask } } else { ask }
    }

    fn filters_both_ends(&self) -> bool {
        self.job.source.time.as_ref().is_some_and(|time| !time.from.is_empty() && !time.to.is_empty())
    }

    async fn to_the_end(&self, state: &mut State, bag: &mut Bag, window: Option<Window>) -> Result<()> {
        let open = self.job.is_open() && window.is_none_or(|window| window.to == self.job.window.to);
        let mut walked = self.along(state, bag, self.ask_of(state, window, open), window).await?;
        for _ in 0..CATCHING_UP {
            let since = window.zip(walked.since).filter(|(all, _)| open && walked.pages > 1 && all.to > all.from);
            let Some(rest) = since.and_then(|(all, since)| Window::new(since.max(all.from), all.to).ok()) else { break };
            let ask = Ask { expand: walked.expand.take(), ..self.ask(Some(rest), true) };
            walked = self.along(state, bag, ask, Some(rest)).await?;
        }
        Ok(())
    }

    /// Walks along the pages that begin with `ask`.
    async fn along(&self, state: &mut State, bag: &mut Bag, ask: Ask, window: Option<Window>) -> Result<Walked> {
        let mut walked = Walked::default();
        let url = self.url(&ask)?;
        let mut walk = Walk::new(ask, url, window);
        loop {
            let page = match self.try_leaf(state, bag, &walk).await {
                Ok(page) => page,
                Err(error) => {
                    self.after_refusal(state, bag, &mut walk, error)?;
                    if walk.over {
                        return Ok(walked);
                    }
                    continue;
                }
            };
            if bag.leaf.new > 0 {
                walk.restarts = 0;
            }
            walked.pages += 1;
            walked.expand.clone_from(&walk.ask.expand);
            if walked.pages == 1 {
                walked.since = bag.leaf.newest;
            }
            if !self.turn(state, bag, &mut walk, &page).await? {
                return Ok(walked);
            }
        }
    }

    /// Asks for a page. One that holds more than the list itself is not tried for long: it can be had without.
    async fn try_leaf(&self, state: &mut State, bag: &mut Bag, walk: &Walk) -> Result<Page> {
        if walk.ask.expand.is_none() {
            return self.leaf(state, bag, &walk.url).await;
        }
        let client = Client { fault_tries: Some(FAULT_TRIES), ..self.client.clone() };
        let desk = Desk { client: &client, name: self.name.clone(), place: self.place.clone(), ..*self };
        desk.leaf(state, bag, &walk.url).await
    }

    /// Asks for a page and takes it in.
    pub(super) async fn leaf(&self, state: &mut State, bag: &mut Bag, url: &Url) -> Result<Page> {
        bag.open()?;
        let doing = format!("pulling {}", self.name);
        let asked = match state.singly {
            Some(_) => self.page_singly(state, bag, &doing, url).await,
            None => self.client.page(&doing, url, bag).await,
        };
        let page = match asked {
            Err(error) if self.job.source.none_on_404 && status(&error) == Some(404) => {
                bag.drop_page()?;
                return Ok(Page::default());
            }
            page => page?,
        };
        bag.keep_page();
        state.pages += 1;
        state.again += bag.leaf.again;
        state.outside += bag.leaf.outside;
        state.request_ids.extend(page.request_id.clone());
        self.tell(state, bag);
        Ok(page)
    }

    /// Settles where the next page is; false at the end.
    async fn turn(&self, state: &mut State, bag: &mut Bag, walk: &mut Walk, page: &Page) -> Result<bool> {
        walk.stretch.pages += 1;
        if let Some(next) = &page.next {
            let next_url = self.client.follow(next)?;
            if !walk.followed.insert(next.clone()) || next_url == walk.url {
                let error = Error::new(Kind::Failed, format!("pulling {}: the list leads back to a page that was read", self.name));
                return Err(error.with_code("RepeatedLink").hint("run it again; with --resume it goes on from what is stored"));
            }
            walk.url = next_url;
            self.cut_chain(state, bag, walk).await?;
            return Ok(true);
        }
        if self.job.source.paging != Paging::Skip || !walk.followed.is_empty() {
            return Ok(false);
        }
        self.skip(bag, walk)
    }

    /// Goes on by `$skip`, with an overlap of one object. A short page is no proof of the end, one without anything new is.
    fn skip(&self, bag: &Bag, walk: &mut Walk) -> Result<bool> {
        let leaf = bag.leaf;
        if leaf.all == 0 {
            // Beyond the end of a list that shrank there is nothing, not even what is known.
            if walk.skipped == 0 || walk.overlap == 0 || walk.restarts > 0 {
                return Ok(false);
            }
            walk.restarts += 1;
            walk.skipped /= 2;
        } else if walk.skipped > 0 && walk.overlap > 0 && !leaf.first_known && walk.steps_back < STEPS_BACK {
            // The list is shorter than it was: what lay between is before this page now.
            walk.steps_back += 1;
            walk.skipped = walk.skipped.saturating_sub(1 << walk.steps_back);
        } else {
            walk.steps_back = 0;
            walk.stale = if leaf.new + leaf.outside == 0 { walk.stale + 1 } else { 0 };
            let full = leaf.all >= u64::from(walk.ask.top.unwrap_or(u32::MAX));
            if walk.stale >= if full { STALE } else { 1 } {
                return Ok(false);
            }
            walk.probing = !full;
            walk.overlap = u64::from(leaf.all > 1);
            walk.skipped += leaf.all - walk.overlap;
        }
        walk.ask.skip = (walk.skipped > 0).then_some(walk.skipped);
        walk.url = self.url(&walk.ask)?;
        Ok(true)
    }

    /// Begins a long chain of pages anew at the oldest time seen, and stores what came so far.
    async fn cut_chain(&self, state: &mut State, bag: &mut Bag, walk: &mut Walk) -> Result<()> {
        let far = walk.stretch.is_long() && self.job.source.newest_first && bag.course.falls();
        let Some((left, oldest)) = walk.left.zip(bag.course.oldest).filter(|_| far) else { return Ok(()) };
        let Some(after) = oldest.checked_add(TICK).ok().filter(|after| *after < left.to && *after > left.from) else { return Ok(()) };
        self.checkpoint(state, bag, Window { from: after, to: left.to }).await?;
        bag.seen.move_on();
        self.begin_at(walk, Window { from: left.from, to: after })
    }

    fn begin_at(&self, walk: &mut Walk, left: Window) -> Result<()> {
        walk.left = Some(left);
        walk.ask = Ask { expand: walk.ask.expand.clone(), ..self.ask(Some(left), false) };
        walk.url = self.url(&walk.ask)?;
        walk.stretch = Stretch::begin();
        walk.followed.clear();
        Ok(())
    }

    /// Decides after a page that was refused: a smaller page, or a link that expired and a list that is begun anew.
    fn after_refusal(&self, state: &mut State, bag: &mut Bag, walk: &mut Walk, error: Error) -> Result<()> {
        bag.drop_page()?;
        if walk.probing && status(&error) == Some(400) {
            walk.over = true;
            return Ok(());
        }
        if self.asks_for_less(state, walk, &error) {
            walk.url = self.url(&walk.ask)?;
            return Ok(());
        }
        if is_too_deep(&error) {
            return Err(error);
        }
        let expired = matches!(status(&error), Some(400 | 404 | 410)) && !walk.followed.is_empty() && walk.restarts < RESTARTS;
        if !expired {
            return Err(error);
        }
        walk.restarts += 1;
        tracing::info!(source = self.name, %error, "a page has expired: the list is begun anew");
        let oldest = bag.course.oldest.filter(|_| self.job.source.newest_first && bag.course.falls());
        let after = oldest.and_then(|oldest| oldest.checked_add(TICK).ok());
        match (walk.left, after) {
            (Some(left), Some(after)) if after > left.from && after < left.to => {
                self.begin_anew(walk, Window { from: left.from, to: after })
            }
            _ => {
                walk.url = self.url(&walk.ask)?;
                walk.stretch = Stretch::begin();
                walk.followed.clear();
                Ok(())
            }
        }
    }

    /// Leaves out of the question what the service refuses or fails at, one thing at a time: a size of pages, what is to be expanded, and,
    /// where the user asked for nothing of his own, the size again.
    fn asks_for_less(&self, state: &mut State, walk: &mut Walk, error: &Error) -> bool {
        let first = walk.stretch.pages == 0 && walk.ask.skip.is_none() && status(error) == Some(400);
        if first && walk.ask.top.is_some() && refuses_size(error) {
            walk.ask.top = limit(error).filter(|limit| walk.ask.top.is_some_and(|top| *limit < top));
            return true;
        }
        let fails = matches!(status(error), Some(500..)) || error.kind() == Kind::Incomplete;
        if (first || fails)
            && let Some(expand) = walk.ask.expand.take()
        {
            self.expand_otherwise(state, &expand, error);
            walk.restart();
            return true;
        }
        first && self.job.filter.is_none() && walk.ask.top.take().is_some()
    }

    fn expand_otherwise(&self, state: &mut State, expand: &str, error: &Error) {
        let mut note = format!("the service could not give the list with their {expand} ({}): ", error.message());
        if self.job.source.api == Api::Graph {
            state.singly = Some(Singly::with(expand));
            note.push_str("each was asked for by itself");
        } else {
            note.push_str("they are without");
        }
        state.notes.push(note);
    }

    /// Begins at the oldest time seen, without a file for what came so far: the window's first part stays open.
    fn begin_anew(&self, walk: &mut Walk, narrower: Window) -> Result<()> {
        let time = self.job.source.time.as_ref();
        let mut ask = Ask { expand: walk.ask.expand.clone(), ..self.ask(walk.left, true) };
        ask.filter.extend(time.and_then(|time| end(time, narrower.to)));
        walk.url = self.url(&ask)?;
        walk.stretch = Stretch::begin();
        walk.followed.clear();
        Ok(())
    }

    /// Asks for one object.
    pub(super) async fn single(&self, state: &mut State, bag: &mut Bag) -> Result<()> {
        bag.open()?;
        let page = self.client.single(&format!("pulling {}", self.name), &self.url(&Ask::default())?, bag).await?;
        bag.keep_page();
        state.pages += 1;
        state.request_ids.extend(page.request_id);
        self.tell(state, bag);
        Ok(())
    }
}

pub(super) fn status(error: &Error) -> Option<u16> {
    ServiceFault::of(error)?.status
}

fn words(error: &Error) -> String {
    ServiceFault::of(error).map(|fault| fault.envelope.message.to_ascii_lowercase()).unwrap_or_default()
}

/// Says whether a page was refused for its size: "The limit of '50' for Top query has been exceeded."
fn refuses_size(error: &Error) -> bool {
    let words = words(error);
    status(error) == Some(400) && ["for top query", "$top", "page size", "pagesize"].iter().any(|sign| words.contains(sign))
}

/// Says whether a page lies deeper in the list than the service goes: "The limit of '500' for Skip query has been exceeded."
fn is_too_deep(error: &Error) -> bool {
    let words = words(error);
    status(error) == Some(400) && ["for skip query", "$skip "].iter().any(|sign| words.contains(sign))
}

fn limit(error: &Error) -> Option<u32> {
    let words = words(error);
    let (_, rest) = words.split_once("limit of '")?;
    rest.split('\'').next()?.parse().ok().filter(|limit| *limit > 0)
}
