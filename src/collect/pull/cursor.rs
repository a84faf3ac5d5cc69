//! A list by the time of its objects' last update, instead of a deep `$skip` (apis.md 5.1): each page begins at the latest time of
//! the one before, and what it has again is left out. A page of one single time is gone on with by its nextLink.
//!
//! The order that this needs is not documented: where the service refuses it, or does not keep to it, the list is walked by its links.

use super::{
    Desk, State, Stretch,
    ask::Ask,
    bag::{Bag, Course},
    walk::status,
};
use crate::{
    api::catalogue::TimeField,
    error::{Error, Kind, Result},
    time::Window,
};
use jiff::Timestamp;
use std::collections::HashSet;
use url::Url;

/// Where a cursor stands.
struct Cursor {
    ask: Ask,
    url: Url,
    /// The time that the page at `url` begins with, as it was written; empty at first.
    at: String,
    /// The window is in files of its own up to here.
    stored_to: Timestamp,
    /// Links that were followed.
    followed: HashSet<String>,
    pages: u32,
    stretch: Stretch,
}

impl Desk<'_> {
    pub(super) async fn by_cursor(&self, state: &mut State, bag: &mut Bag, window: Option<Window>) -> Result<()> {
        let Some((time, all)) = self.job.source.time.as_ref().zip(window) else { return self.by_links(state, bag, window).await };
        let plain = self.ask(window, self.job.is_open() && all.to == self.job.window.to);
        let ask = Ask { order: Some(format!("{} asc", time.field)), ..plain };
        let url = self.url(&ask)?;
        let mut cursor =
            Cursor { ask, url, at: String::new(), stored_to: all.from, followed: HashSet::new(), pages: 0, stretch: Stretch::begin() };
        loop {
            let page = match self.leaf(state, bag, &cursor.url).await {
                Err(error) if cursor.pages == 0 && status(&error) == Some(400) => {
                    tracing::info!(source = self.name, %error, "the list cannot be had in order: it is walked by its links");
                    bag.drop_page()?;
                    return self.by_links(state, bag, window).await;
                }
                page => page?,
            };
            cursor.pages += 1;
            cursor.stretch.pages += 1;
            let full = bag.leaf.all >= cursor.ask.top.map_or(u64::MAX, u64::from);
            if page.next.is_none() && !full {
                return Ok(());
            }
            if !bag.course.rises() {
                // What came is kept, and comes again: it is known.
                bag.course = Course::default();
                return self.by_links(state, bag, window).await;
            }
            match bag.course.newest.clone().filter(|(_, text)| *text != cursor.at) {
                Some((newest, text)) => {
                    self.store_so_far(state, bag, &mut cursor, newest.min(all.to)).await?;
                    self.move_to(&mut cursor, time, text)?;
                }
                None => match page.next {
                    Some(next) => cursor.url = self.within_one_time(&mut cursor.followed, next)?,
                    None => return self.by_links(state, bag, window).await,
                },
            }
        }
    }

    /// Makes a file of what came, now and then.
    async fn store_so_far(&self, state: &mut State, bag: &mut Bag, cursor: &mut Cursor, to: Timestamp) -> Result<()> {
        let Ok(slice) = Window::new(cursor.stored_to, to) else { return Ok(()) };
        if cursor.stretch.is_long() {
            self.checkpoint(state, bag, slice).await?;
            (cursor.stored_to, cursor.stretch) = (slice.to, Stretch::begin());
        }
        Ok(())
    }

    /// Has the next page begin at a time, in the service's own writing of it.
    fn move_to(&self, cursor: &mut Cursor, time: &TimeField, text: String) -> Result<()> {
        let begin = format!("{} {} ", time.field, time.from);
        for condition in cursor.ask.filter.iter_mut().filter(|condition| condition.starts_with(&begin)) {
            *condition = format!("{} ge {text}", time.field);
        }
        cursor.url = self.url(&cursor.ask)?;
        cursor.at = text;
        Ok(())
    }

    /// A page of one single time is gone on with by its link.
    fn within_one_time(&self, followed: &mut HashSet<String>, next: String) -> Result<Url> {
        let url = self.client.follow(&next)?;
        if followed.insert(next) {
            return Ok(url);
        }
        let error = Error::new(Kind::Failed, format!("pulling {}: the list leads back to a page that was read", self.name));
        Err(error.with_code("RepeatedLink").hint("run it again; with --resume it goes on from what is stored"))
    }
}
