//! A list by the time of its objects' last update, instead of a deep `$skip` (apis.md 5.1): each page begins at the latest time of
//! the one before, and what it has again is left out. A page of one single time is gone on with by its nextLink.
//!
//! The order that this needs is not documented: where the service refuses it, or does not keep to it, the list is walked by its links.

use super::{
    CHECKPOINT, Desk, State,
    ask::encoded,
    bag::Bag,
    walk::status,
};
use crate::{
    error::{Error, Kind, Result},
    time::Window,
};
use std::collections::HashSet;

impl Desk<'_> {
    pub(super) async fn by_cursor(&self, state: &mut State, bag: &mut Bag, window: Option<Window>) -> Result<()> {
        let Some((time, all)) = self.job.source.time.as_ref().zip(window) else { return self.by_links(state, bag, window).await };
        let open = self.job.is_open() && all.to == self.job.window.to;
        let plain = self.ask(window, open);
        let mut ask = plain.clone();
        ask.order = Some(format!("{} asc", time.field));
        let (mut url, mut at, mut stored_to) = (self.url(&ask)?, String::new(), all.from);
        let (mut followed, mut pages) = (HashSet::new(), 0_u32);
        loop {
            let page = match self.leaf(state, bag, &url).await {
                Err(error) if pages == 0 && status(&error) == Some(400) => {
                    tracing::info!(source = self.name, %error, "the list cannot be had in order: it is walked by its links");
                    bag.drop_page()?;
                    return self.along(state, bag, plain, window).await;
                }
                page => page?,
            };
            pages += 1;
            let Some(next) = page.next else { return Ok(()) };
            if !bag.course.rises() {
                // What came is kept, and comes again: it is known.
                bag.course = super::bag::Course::default();
                return self.along(state, bag, plain, window).await;
            }
            let newest = bag.course.newest.clone().filter(|(_, text)| *text != at);
            let Some((newest, text)) = newest else {
                if !followed.insert(next.clone()) {
                    let error = Error::new(Kind::Failed, format!("pulling {}: the list leads back to a page that was read", self.name));
                    return Err(error.with_code("RepeatedLink").hint("run it again; with --resume it goes on from what is stored"));
                }
                url = self.client.follow(&next)?;
                continue;
            };
            if pages.is_multiple_of(CHECKPOINT)
                && let Ok(slice) = Window::new(stored_to, newest.min(all.to))
            {
                self.checkpoint(state, bag, slice).await?;
                stored_to = slice.to;
            }
            ask.filter.clone_from(&plain.filter);
            let begin = format!("{} ge {text}", time.field);
            let from = format!("{} {} ", time.field, time.from);
            for condition in &mut ask.filter {
                if condition.starts_with(&from) {
                    condition.clone_from(&begin);
                }
            }
            url = self.url(&ask)?;
            debug_assert!(url.as_str().contains(&encoded(&text)), "the cursor moves");
            at = text;
        }
    }
}
