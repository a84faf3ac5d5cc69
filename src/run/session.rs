//! A run in a case, opened once whatever is collected in it: the settings, the case with its journal, the wires, the progress.

use super::{
    Context,
    closing::{self, Outcome},
    wire::{self, Connected, Wires},
};
use crate::{
    collect::Observer,
    console::Progress,
    error::Result,
    journal::RunStarted,
    settings::{Profile, Settings},
    store::Case,
};
use std::sync::Arc;

/// What all jobs of a run share.
pub(super) struct Session<'a> {
    pub(super) context: &'a Context,
    pub(super) settings: Settings,
    pub(super) case: Arc<Case>,
    pub(super) wires: Wires,
    pub(super) progress: Arc<dyn Observer>,
}

impl<'a> Session<'a> {
    /// Opens the case and prepares everything; nothing is asked yet, and nothing written.
    pub(super) fn open(context: &'a Context, settings: Settings) -> Result<Self> {
        let case = Arc::new(Case::open(&settings.case, env!("CARGO_PKG_VERSION"))?);
        let sha256 = settings.config.as_ref().map(|config| config.sha256.clone());
        case.journal().prepare(RunStarted::here(env!("CARGO_PKG_VERSION"), context.command_line(), sha256));
        let wires = Wires::new(context, &settings, Arc::clone(case.journal()))?;
        let progress: Arc<dyn Observer> = Arc::new(Progress::new(context.console));
        Ok(Self { context, settings, case, wires, progress })
    }

    /// Connects to all tenants, and says what a person should know before anything begins. A profile that `refused` names a reason
    /// against is not asked for anything.
    ///
    /// # Errors
    /// The one of the only tenant. One of several that cannot be reached fails alone.
    pub(super) async fn connect(&self, refused: impl Fn(&Profile) -> Result<()>) -> Result<Vec<Connected>> {
        let mut tenants = wire::connect(&self.settings, &self.wires, refused).await;
        if tenants.len() == 1
            && let Some(Connected { reached: Err(error), .. }) = tenants.pop_if(|tenant| tenant.reached.is_err())
        {
            return Err(error);
        }
        self.case.journal().begin(self.wires.skew.seconds())?;
        for warning in wire::warnings(&self.wires, tenants.iter().filter_map(|tenant| tenant.reached.as_ref().ok())) {
            self.context.console.warn(&warning);
        }
        Ok(tenants)
    }

    /// Counts the tenants that are named.
    pub(super) fn tenants(settings: &Settings) -> usize {
        settings.profiles.iter().map(|profile| profile.tenants.len()).sum()
    }

    /// Ends the run in the journal.
    pub(super) fn close(&self, outcome: &Result<Outcome>) -> Result<()> {
        self.case.journal().begin(self.wires.skew.seconds())?;
        self.case.journal().append(closing::ended(outcome))
    }
}
