//! Objects with what each is to have with it, asked for one by one: where a service fails at a list with its incidents' alerts, it still
//! gives each incident with its own (apis.md 5.1).

use super::{Desk, FAULT_TRIES, State, bag::Bag};
use crate::{
    api::{
        encode::encoded,
        pages::{Client, Objects, Page},
    },
    error::{Error, Kind, Result},
};
use url::Url;

/// After so many in a row that cannot be had, the rest are taken as the list has them.
const ENOUGH: u32 = 3;

/// What is asked for with each object, and how that goes.
#[derive(Clone, Debug, Default)]
pub(super) struct Singly {
    expand: String,
    /// Failures in a row.
    failures: u32,
    /// Objects that are stored as the list has them.
    pub(super) lacking: u64,
}

impl Singly {
    pub(super) fn with(expand: &str) -> Self {
        Self { expand: expand.to_owned(), ..Self::default() }
    }
}

/// Holds the objects of one page.
#[derive(Default)]
struct Held(Vec<Vec<u8>>);

impl Objects for Held {
    fn begin(&mut self) -> Result<()> {
        self.0.clear();
        Ok(())
    }

    fn object(&mut self, raw: &[u8]) -> Result<()> {
        self.0.push(raw.to_vec());
        Ok(())
    }
}

impl Desk<'_> {
    /// Asks for a page, and for each of its objects that is to be stored.
    pub(super) async fn page_singly(&self, state: &mut State, bag: &mut Bag, doing: &str, url: &Url) -> Result<Page> {
        let mut listed = Held::default();
        let page = self.client.page(doing, url, &mut listed).await?;
        for object in listed.0 {
            let whole = if bag.is_wanted(&object) { self.whole_one(state, doing, &object).await? } else { None };
            // One that was updated meanwhile may not be of the window any more.
            bag.object(whole.as_ref().filter(|whole| bag.is_wanted(whole)).unwrap_or(&object))?;
        }
        Ok(page)
    }

    /// Asks for an object by its id; none where it cannot be had so.
    async fn whole_one(&self, state: &mut State, doing: &str, object: &[u8]) -> Result<Option<Vec<u8>>> {
        let Some(singly) = state.singly.as_mut() else { return Ok(None) };
        let id = self.names().read(object).id.filter(|_| singly.failures < ENOUGH);
        let Some(id) = id else {
            singly.lacking += 1;
            return Ok(None);
        };
        let path = self.job.source.path.split('?').next().unwrap_or_default();
        let url = self.client.url(&format!("{path}/{}?$expand={}", encoded(&id), encoded(&singly.expand)))?;
        let client = Client { fault_tries: Some(FAULT_TRIES), ..self.client.clone() };
        let mut one = Held::default();
        match client.single(doing, &url, &mut one).await {
            Ok(_) => {
                singly.failures = 0;
                Ok(one.0.pop())
            }
            Err(error) if ends(&error) => Err(error),
            Err(error) => {
                tracing::info!(source = self.name, id, %error, "an object cannot be had by itself");
                singly.failures += 1;
                singly.lacking += 1;
                Ok(None)
            }
        }
    }
}

/// Says whether nothing more can be had after an error.
fn ends(error: &Error) -> bool {
    matches!(error.kind(), Kind::Interrupted | Kind::Disk | Kind::Incomplete | Kind::Credential)
}
