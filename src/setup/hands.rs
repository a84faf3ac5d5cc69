//! What does things: the directory and the vault, told to the journal and to whoever watches; or, in a dry run, written down
//! instead.
//!
//! Reads are made in a dry run too, since what is to be done depends on what is there. No change is.

use super::{
    Claim, Prover, Watch,
    memory::{Memory, PROOF},
    patience::Patience,
};
use crate::{
    api::directory::{Directory, Request},
    error::{Error, Kind, Result},
    journal::{Event, Journal, SetupStep},
    secret::SecretBytes,
    vault::{self, Vault},
};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    future::Future,
    sync::{Arc, Mutex, PoisonError},
};

/// A call that was made or would be.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Planned {
    /// `GET`, `POST`, ...
    pub method: String,
    /// Where to.
    pub url: String,
    /// The body, without secrets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// Whether it was made: reads are, where there is something to read yet.
    pub made: bool,
    /// Whether it changes something.
    pub changes: bool,
}

impl Planned {
    /// A call that looks at what is to be made, and is for later.
    pub fn later(call: vault::Planned) -> Self {
        Self { made: false, ..call.into() }
    }
}

impl From<vault::Planned> for Planned {
    fn from(planned: vault::Planned) -> Self {
        let read = planned.method == "GET";
        Self { method: planned.method.to_owned(), url: planned.url, body: planned.body, made: read, changes: !read }
    }
}

/// The directory, the vault, and who is told.
pub struct Hands<'a> {
    /// The directory.
    pub directory: Directory,
    /// The vault, where one is needed.
    pub vault: Option<Vault>,
    /// Who watches.
    pub watch: &'a dyn Watch,
    /// The journal; none in a dry run.
    pub journal: Option<Arc<Journal>>,
    /// What earlier runs did.
    pub memory: Memory,
    /// Directory (tenant) id.
    pub tenant: String,
    /// Name of the registration.
    pub name: String,
    /// Whether nothing is to be changed.
    pub dry: bool,
    /// Every call of a dry run, in order.
    pub script: Mutex<Vec<Planned>>,
    /// What was changed, in words.
    pub done: Mutex<Vec<String>>,
}

/// A change that is to be made.
pub(super) struct Change {
    /// `application-create`, ...
    pub(super) action: &'static str,
    /// In words, for those who watch.
    pub(super) words: String,
    /// The call, as it is shown.
    pub(super) call: Planned,
    /// What it is about, for the journal: ids and names.
    pub(super) facts: Facts,
}

/// Ids and names; never a secret.
pub(super) type Facts = BTreeMap<String, String>;

/// Makes facts of pairs.
pub(super) fn facts<const N: usize>(pairs: [(&str, &str); N]) -> Facts {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

impl Hands<'_> {
    /// Reads something of the directory.
    pub(super) async fn read(&self, request: &Request) -> Result<Value> {
        self.note(|| self.shown(request, true));
        self.directory.send(request).await
    }

    /// Reads a list of the directory.
    pub(super) async fn list(&self, request: &Request) -> Result<Vec<Value>> {
        self.note(|| self.shown(request, true));
        self.directory.list(request).await
    }

    /// Changes something in the directory. None in a dry run.
    pub(super) async fn change(&self, action: &'static str, request: &Request, about: Facts) -> Result<Option<Value>> {
        let change = Change { action, words: request.doing.clone(), call: self.shown(request, false), facts: about };
        self.make(change, self.directory.send(request), ids).await
    }

    /// The same where the answer holds a secret.
    pub(super) async fn change_secretly(&self, action: &'static str, request: &Request, about: Facts) -> Result<Option<SecretBytes>> {
        let change = Change { action, words: request.doing.clone(), call: self.shown(request, false), facts: about };
        self.make(change, self.directory.send_secretly(request), |_| Facts::new()).await
    }

    /// Makes a change, told to the journal before and after. None in a dry run.
    pub(super) async fn make<T>(
        &self,
        change: Change,
        work: impl Future<Output = Result<T>>,
        learned: impl Fn(&T) -> Facts,
    ) -> Result<Option<T>> {
        if self.dry {
            self.note(|| change.call.clone());
            return Ok(None);
        }
        self.watch.doing(&change.words);
        self.journal(change.action, "begun", &change.facts, None)?;
        match work.await {
            Ok(made) => {
                let mut all = change.facts;
                all.extend(learned(&made));
                self.journal(change.action, "done", &all, None)?;
                self.done.lock().unwrap_or_else(PoisonError::into_inner).push(change.words);
                Ok(Some(made))
            }
            Err(error) => {
                self.journal(change.action, "failed", &change.facts, Some(&error))?;
                Err(error)
            }
        }
    }

    fn journal(&self, action: &str, phase: &str, facts: &Facts, error: Option<&Error>) -> Result<()> {
        let Some(journal) = &self.journal else { return Ok(()) };
        journal.append(Event::Setup(SetupStep {
            action: action.to_owned(),
            phase: phase.to_owned(),
            tenant: self.tenant.clone(),
            name: self.name.clone(),
            facts: facts.clone(),
            error: error.map(|error| format!("{}: {}", error.code(), error.message())),
        }))
    }

    /// Writes something down that is no call: that a rotation is over, say.
    pub(super) fn remark(&self, action: &str, about: &Facts) -> Result<()> {
        if self.dry { Ok(()) } else { self.journal(action, "done", about, None) }
    }

    fn shown(&self, request: &Request, made: bool) -> Planned {
        let url = format!("{}/v1.0{}", self.directory.root.as_str().trim_end_matches('/'), request.path);
        Planned { method: request.method.to_string(), url, body: request.body.clone(), made, changes: !made }
    }

    /// Proves that an application works, or writes down how that would be done.
    pub(super) async fn prove(&self, prover: &dyn Prover, claim: &Claim) -> Result<()> {
        if self.dry {
            let calls = prover.plan(claim)?;
            self.script.lock().unwrap_or_else(PoisonError::into_inner).extend(calls);
            return Ok(());
        }
        prover.prove(claim).await?;
        self.remark(PROOF, &facts([("app_id", &claim.app_id)]))
    }

    /// Writes a call down in a dry run.
    pub(super) fn note(&self, call: impl FnOnce() -> Planned) {
        if self.dry {
            self.script.lock().unwrap_or_else(PoisonError::into_inner).push(call());
        }
    }

    /// Returns what was changed so far, in words.
    pub fn changes(&self) -> Vec<String> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns every call of a dry run.
    pub fn script(&self) -> Vec<Planned> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the vault.
    pub(super) fn vault(&self) -> Result<&Vault> {
        self.vault.as_ref().ok_or_else(|| Error::new(Kind::Usage, "no vault is named").hint("give --vault URL"))
    }

    /// Returns the patience for what the directory does not know yet.
    pub(super) fn patience(&self, what: &str) -> Patience<'_> {
        Patience::new(self.watch, what)
    }

    /// Adds to an error what exists by now, and how to go on or back.
    pub(super) fn halfway(&self, error: Error, app_id: Option<&str>) -> Error {
        let Some(app_id) = app_id.filter(|_| !self.dry) else { return error };
        let done = self.changes();
        let error = if done.is_empty() { error } else { error.hint(format!("done so far: {}", done.join("; "))) };
        error
            .hint(format!("the same command again does what is missing; `ircollect app remove --app-id {app_id}` takes back what is there"))
    }
}

/// The ids of an object that was made.
fn ids(made: &Value) -> Facts {
    let known = [("id", "object_id"), ("appId", "app_id")];
    known.into_iter().filter_map(|(key, name)| Some((name.to_owned(), made.get(key)?.as_str()?.to_owned()))).collect()
}
