//! Lists by nextLink, and by `$skip` where there is none.
//!
//! A list may change while it is paged. By nextLink the service keeps the place; by `$skip` pages overlap by one object, and where
//! that one is not known from the page before, the list has shrunk, and the place is taken back until it is. Lists that come newest
//! first are begun anew now and then at the oldest time seen: long chains of pages break.

use super::{
    CHECKPOINT, Desk, State,
    ask::{Ask, end},
    bag::Bag,
};
use crate::{
    api::{catalogue::Paging, pages::Page},
    collect::slices::TICK,
    error::{Error, Kind, Result},
    time::Window,
    transport::ServiceFault,
};
use std::collections::HashSet;
use url::Url;

/// How often a list is begun anew where its links expire, without anything new in between.
const RESTARTS: u32 = 3;
/// How often the place of a list is taken back without finding a known object.
const STEPS_BACK: u32 = 12;

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
    steps_back: u32,
    restarts: u32,
    in_chain: u32,
}

impl Desk<'_> {
    /// Walks a list to its end.
    pub(super) async fn by_links(&self, state: &mut State, bag: &mut Bag, window: Option<Window>) -> Result<()> {
        let open = self.job.is_open() && window.is_none_or(|window| window.to == self.job.window.to);
        let ask = self.ask(window, open);
        self.along(state, bag, ask, window).await
    }

    /// Walks along the pages that begin with `ask`.
    pub(super) async fn along(&self, state: &mut State, bag: &mut Bag, ask: Ask, window: Option<Window>) -> Result<()> {
        let url = self.url(&ask)?;
        let mut walk = Walk { ask, url, followed: HashSet::new(), left: window, skipped: 0, steps_back: 0, restarts: 0, in_chain: 0 };
        loop {
            let page = match self.leaf(state, bag, &walk.url).await {
                Ok(page) => page,
                Err(error) => {
                    self.after_refusal(bag, &mut walk, error)?;
                    continue;
                }
            };
            if bag.leaf.new > 0 {
                walk.restarts = 0;
            }
            if !self.turn(state, bag, &mut walk, &page).await? {
                return Ok(());
            }
        }
    }

    /// Asks for a page and takes it in.
    pub(super) async fn leaf(&self, state: &mut State, bag: &mut Bag, url: &Url) -> Result<Page> {
        bag.open()?;
        let doing = format!("pulling {}", self.name);
        let page = match self.client.page(&doing, url, bag).await {
            Err(error) if self.job.source.none_on_404 && status(&error) == Some(404) => {
                bag.drop_page()?;
                return Ok(Page::default());
            }
            page => page?,
        };
        state.pages += 1;
        state.again += bag.leaf.again;
        state.outside += bag.leaf.outside;
        state.counted = page.count.or(state.counted);
        state.request_ids.extend(page.request_id.clone());
        self.tell(state, bag);
        Ok(page)
    }

    /// Settles where the next page is; false at the end.
    async fn turn(&self, state: &mut State, bag: &mut Bag, walk: &mut Walk, page: &Page) -> Result<bool> {
        walk.in_chain += 1;
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
        if self.job.source.paging != Paging::Skip || !walk.followed.is_empty() || walk.ask.top.is_none() {
            return Ok(false);
        }
        self.skip(bag, walk)
    }

    /// Goes on by `$skip`, with an overlap of one object.
    fn skip(&self, bag: &Bag, walk: &mut Walk) -> Result<bool> {
        let leaf = bag.leaf;
        if walk.skipped > 0 && leaf.all > 0 && !leaf.first_known && walk.steps_back < STEPS_BACK {
            // The list is shorter than it was: what lay between is before this page now.
            walk.steps_back += 1;
            walk.skipped = walk.skipped.saturating_sub(1 << walk.steps_back);
        } else {
            walk.steps_back = 0;
            let full = leaf.all >= u64::from(walk.ask.top.unwrap_or(u32::MAX)) || (leaf.all > 0 && leaf.all.is_multiple_of(500));
            if !full {
                // Beyond the end of a list that shrank there is nothing, not even what is known.
                let beyond = leaf.all == 0 && walk.skipped > 0;
                if !beyond || walk.restarts > 0 {
                    return Ok(false);
                }
                walk.restarts += 1;
                walk.skipped = walk.skipped.saturating_sub(u64::from(walk.ask.top.unwrap_or(1)) / 2);
            } else {
                walk.skipped += leaf.all - 1;
            }
        }
        walk.ask.skip = (walk.skipped > 0).then_some(walk.skipped);
        walk.url = self.url(&walk.ask)?;
        Ok(true)
    }

    /// Begins a long chain of pages anew at the oldest time seen, and stores what came so far.
    async fn cut_chain(&self, state: &mut State, bag: &mut Bag, walk: &mut Walk) -> Result<()> {
        let far = walk.in_chain >= CHECKPOINT && self.job.source.newest_first && bag.course.falls();
        let Some((left, oldest)) = walk.left.zip(bag.course.oldest).filter(|_| far) else { return Ok(()) };
        let Some(after) = oldest.checked_add(TICK).ok().filter(|after| *after < left.to && *after > left.from) else { return Ok(()) };
        walk.in_chain = 0;
        self.checkpoint(state, bag, Window { from: after, to: left.to }).await?;
        self.begin_at(walk, Window { from: left.from, to: after })
    }

    fn begin_at(&self, walk: &mut Walk, left: Window) -> Result<()> {
        walk.left = Some(left);
        walk.ask = self.ask(Some(left), false);
        walk.url = self.url(&walk.ask)?;
        walk.in_chain = 0;
        walk.followed.clear();
        Ok(())
    }

    /// Decides after a page that was refused: a smaller page, or a link that expired and a list that is begun anew.
    fn after_refusal(&self, bag: &mut Bag, walk: &mut Walk, error: Error) -> Result<()> {
        bag.drop_page()?;
        if walk.in_chain == 0 && walk.ask.skip.is_none() && refuses_size(&error) && walk.ask.top.is_some() {
            walk.ask.top = limit(&error).filter(|limit| walk.ask.top.is_some_and(|top| *limit < top));
            walk.url = self.url(&walk.ask)?;
            return Ok(());
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
                walk.in_chain = 0;
                walk.followed.clear();
                Ok(())
            }
        }
    }

    /// Begins at the oldest time seen, without a file for what came so far: the window's first part stays open.
    fn begin_anew(&self, walk: &mut Walk, narrower: Window) -> Result<()> {
        let time = self.job.source.time.as_ref();
        let mut ask = self.ask(walk.left, true);
        ask.filter.extend(time.and_then(|time| end(time, narrower.to)));
        walk.url = self.url(&ask)?;
        walk.in_chain = 0;
        walk.followed.clear();
        Ok(())
    }

    /// Asks for one object.
    pub(super) async fn single(&self, state: &mut State, bag: &mut Bag) -> Result<()> {
        bag.open()?;
        let page = self.client.single(&format!("pulling {}", self.name), &self.url(&Ask::default())?, bag).await?;
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

fn limit(error: &Error) -> Option<u32> {
    let words = words(error);
    let (_, rest) = words.split_once("limit of '")?;
    rest.split('\'').next()?.parse().ok().filter(|limit| *limit > 0)
}
