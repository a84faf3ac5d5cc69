//! An assessment export: JSON pages, or, where the tenant is too large for them, files behind signed URLs.
//!
//! A signature that expires is renewed by asking for the list again. Where the service has made new files meanwhile, all begins
//! anew: rows of two snapshots are not mixed.

use super::{Desk, FAULT_TRIES, State, Via, bag::Bag, walk::status};
use crate::{
    api::{
        export::{Listing, is_expired},
        pages::Client,
    },
    error::{Error, Kind, Result},
};
use std::collections::BTreeSet;

/// How often a list is asked for again without a file more.
const RENEWALS: u32 = 3;
/// Hours that signed URLs are asked to be good for: the most there are (apis.md 5.8).
const HOURS: u32 = 6;

impl Desk<'_> {
    pub(super) async fn export(&self, state: &mut State, bag: &mut Bag) -> Result<()> {
        let source = &self.job.source;
        let pages = !source.path.is_empty() && self.job.via != Via::Files;
        if !pages || (self.job.via == Via::Auto && source.files.is_some() && !self.pages_will_do(state, bag).await?) {
            return self.files(state, bag).await;
        }
        if self.job.via == Via::Auto && state.pages > 0 {
            return Ok(());
        }
        self.by_links(state, bag, None).await
    }

    /// Tries pages; false where the service cannot give the first.
    async fn pages_will_do(&self, state: &mut State, bag: &mut Bag) -> Result<bool> {
        let client = Client { fault_tries: Some(FAULT_TRIES), ..self.client.clone() };
        let desk = Desk { client: &client, name: self.name.clone(), place: self.place.clone(), ..*self };
        match desk.by_links(state, bag, None).await {
            Err(error) if state.pages == 0 && is_too_large(&error) => {
                state.notes.push(format!("the tenant is too large for pages ({}): it was had as files", error.message()));
                bag.restart()?;
                Ok(false)
            }
            done => done.map(|()| true),
        }
    }

    async fn files(&self, state: &mut State, bag: &mut Bag) -> Result<()> {
        let path = self.job.source.files.as_deref().unwrap_or_default();
        let url = self.client.url(&format!("{path}?sasValidHours={HOURS}"))?;
        let lister = self.client.on_lane(&self.job.file_lanes.0);
        let doing = format!("pulling {}", self.name);
        let (mut done, mut generated) = (BTreeSet::new(), None);
        let mut renewals = 0;
        loop {
            let listing = lister.listing(&doing, &url).await.map_err(|error| error.context(&doing))?;
            if generated.is_some() && generated != listing.generated {
                state.notes.push("the service made new files meanwhile: all were fetched anew".to_owned());
                bag.restart()?;
                done.clear();
            }
            generated.clone_from(&listing.generated);
            let before = done.len();
            match self.fetch(state, bag, &listing, &mut done).await {
                Err(error) if is_expired(&error) && renewals < RENEWALS => {
                    bag.drop_page()?;
                    renewals = if done.len() > before { 0 } else { renewals + 1 };
                }
                Err(error) => return Err(self.plain(error)),
                Ok(()) => {
                    state.notes.extend(generated.map(|time| format!("as the service saw it at {time}")));
                    return Ok(());
                }
            }
        }
    }

    /// Fetches the files that are not done.
    async fn fetch(&self, state: &mut State, bag: &mut Bag, listing: &Listing, done: &mut BTreeSet<String>) -> Result<()> {
        for file in &listing.files {
            if done.contains(file.path()) {
                continue;
            }
            bag.open()?;
            self.client.file(&format!("fetching a file of {}", self.name), file, &self.job.file_lanes.1, bag).await?;
            bag.keep_page();
            state.pages += 1;
            done.insert(file.path().to_owned());
            self.tell(state, bag);
        }
        Ok(())
    }

    /// A refusal by the storage is none by the API: no permission of the app helps.
    fn plain(&self, error: Error) -> Error {
        if is_expired(&error) {
            let message = format!("pulling {}: the storage refused a file, also under a new signature", self.name);
            return Error::new(Kind::Failed, message).with_code("ExportFileRefused").hint("try again later").caused_by(error);
        }
        error
    }
}

/// Says whether an answer was too large, or took too long to be made.
fn is_too_large(error: &Error) -> bool {
    matches!(status(error), None | Some(400 | 408 | 413 | 500 | 502 | 503 | 504)) && !matches!(error.kind(), Kind::Disk | Kind::Interrupted)
}
