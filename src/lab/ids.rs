//! New identifiers and secrets, and the list of every secret handed out.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as URL64};
use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Returns a new GUID.
pub(crate) fn guid() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// Returns a new client secret, of the form that Entra gives: `abc8Q~` and 34 more characters.
pub(crate) fn client_secret() -> String {
    let bytes: Vec<u8> = [uuid::Uuid::new_v4(), uuid::Uuid::new_v4()].iter().flat_map(|id| id.into_bytes()).collect();
    let text = URL64.encode(bytes).replace('-', ".");
    format!("{}8Q~{}", text.get(..3).unwrap_or("abc"), text.get(3..37).unwrap_or_default())
}

/// Returns a new version of a Key Vault object: 32 hexadecimal digits.
pub(crate) fn version() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

/// Locks what no panic can leave half-changed.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Every secret, key and token that went out: what must be found nowhere afterwards.
#[derive(Default)]
pub(crate) struct Ledger(Mutex<BTreeSet<String>>);

impl Ledger {
    /// Notes a secret.
    pub(crate) fn note(&self, secret: impl Into<String>) {
        lock(&self.0).insert(secret.into());
    }

    /// Returns all of them.
    pub(crate) fn all(&self) -> Vec<String> {
        lock(&self.0).iter().cloned().collect()
    }
}
