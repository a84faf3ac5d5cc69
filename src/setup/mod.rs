//! Step 1 done for you: the app registration through Graph, its permissions and their consent, its credential in the vault.
//!
//! Every step looks first and does what is missing, so that a run that was cut off anywhere is finished by running it again, and one
//! that has nothing left to do changes nothing. It knows neither the command line nor tokens; that the application works is proved
//! by a [`Prover`], and what is done is told to a [`Watch`] and to a journal of its own.
//!
//! ```text
//! duties ─► resources ─► registration ─► principal ─► consent ─► credential ─► proof
//! ```

mod certificate;
mod consent;
mod create;
mod duties;
mod hands;
mod leaflet;
mod manifest;
mod memory;
mod patience;
pub mod permissions;
mod registration;
mod remove;
mod retire;
mod rotate;
mod secret;
mod show;
mod wanted;

pub use consent::{Consented, consent};
pub use create::{Made, create};
pub use duties::{Caller, Duty};
pub use hands::{Hands, Planned};
pub use leaflet::{Leaflet, consent_url};
pub use manifest::{Manifest, manifest};
pub use memory::Memory;
pub use permissions::{Permission, Permissions};
pub use registration::{Asked, Found, find, look_up_asked, told_place};
pub use remove::{Removal, Removed, plan_removal, remove};
pub use rotate::{Rotated, rotate};
pub use show::{CredentialFacts, Grant, Shown, show};
pub use wanted::{CredentialKind, Lifetime, Place, Wanted};

use crate::error::Result;
use std::time::Duration;

/// Sees what is being done. Implemented by what shows it to people.
pub trait Watch: Send + Sync {
    /// Something begins, in words such as `granting graph:ThreatHunting.Read.All`.
    fn doing(&self, words: &str);
    /// A wait begins: for what, how long, and how much of its limit is left after it.
    fn waiting(&self, what: &str, length: Duration, left: Duration);
    /// A wait goes on for so long; told every second.
    fn tick(&self, what: &str, remaining: Duration);
    /// Something that a person should know.
    fn warn(&self, words: &str);
}

/// Waits, telling how long it still takes.
pub async fn count_down(watch: &dyn Watch, what: &str, length: Duration) {
    let end = tokio::time::Instant::now() + length;
    loop {
        let remaining = end.saturating_duration_since(tokio::time::Instant::now());
        watch.tick(what, remaining);
        if remaining.is_zero() {
            return;
        }
        tokio::time::sleep(remaining.min(Duration::from_secs(1))).await;
    }
}

/// What is to be proved of an application: that it gets tokens with these permissions, and that its APIs answer.
#[derive(Clone, Debug)]
pub struct Claim {
    /// Application (client) id.
    pub app_id: String,
    /// Which credential it has to be.
    pub kind: CredentialKind,
    /// Name of the object in the vault.
    pub object: String,
    /// Whether the certificate's key may leave the vault.
    pub exportable: bool,
    /// What it was granted.
    pub granted: Permissions,
}

/// Proves that an application works, waiting out what the services need to know of it.
#[async_trait::async_trait]
pub trait Prover: Send + Sync {
    /// Proves it.
    ///
    /// # Errors
    /// As the token service or an API refused to the last.
    async fn prove(&self, claim: &Claim) -> Result<()>;

    /// Returns the calls that it would make.
    ///
    /// # Errors
    /// [`Kind::Usage`](crate::error::Kind::Usage) where the cloud lacks an API.
    fn plan(&self, claim: &Claim) -> Result<Vec<Planned>>;
}
