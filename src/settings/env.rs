//! The process environment, read once and here alone; every variable that has a meaning is a constant below.
//!
//! Everybody else gets an [`Env`], so that tests and the lab hand in their own.

use crate::secret::Secret;
use std::{collections::BTreeMap, ffi::OsString, fmt, path::PathBuf};

/// Configuration file; `--config`.
pub const CONFIG: &str = "IRCOLLECT_CONFIG";
/// Profiles to work with, separated by commas; `--profile`.
pub const PROFILE: &str = "IRCOLLECT_PROFILE";
/// Tenants, separated by commas; `--tenant`.
pub const TENANT: &str = "IRCOLLECT_TENANT";
/// Application (client) id; `--app-id`.
pub const APP_ID: &str = "IRCOLLECT_APP_ID";
/// Cloud; `--cloud`.
pub const CLOUD: &str = "IRCOLLECT_CLOUD";
/// Case directory; `--case`.
pub const CASE: &str = "IRCOLLECT_CASE";
/// Filters of the log, in the words of `tracing`; `-v`, `-q`.
pub const LOG: &str = "IRCOLLECT_LOG";
/// No colour, whatever its value; `--color`.
pub const NO_COLOR: &str = "NO_COLOR";
/// Kind of the terminal; `dumb` takes no colours and no bars.
pub const TERM: &str = "TERM";
/// Width of the terminal, where a shell exports it.
pub const COLUMNS: &str = "COLUMNS";

/// Tenant, as the Azure SDKs read it. Fills a gap, never overrides.
pub const AZURE_TENANT_ID: &str = "AZURE_TENANT_ID";
/// Application (client) id, as the Azure SDKs read it.
pub const AZURE_CLIENT_ID: &str = "AZURE_CLIENT_ID";
/// Client secret, as the Azure SDKs read it.
pub const AZURE_CLIENT_SECRET: &str = "AZURE_CLIENT_SECRET";
/// PFX or PEM file with certificate and key, as the Azure SDKs read it.
pub const AZURE_CLIENT_CERTIFICATE_PATH: &str = "AZURE_CLIENT_CERTIFICATE_PATH";
/// Password of that file.
pub const AZURE_CLIENT_CERTIFICATE_PASSWORD: &str = "AZURE_CLIENT_CERTIFICATE_PASSWORD";
/// `1` or `true`: send the certificate chain, for registrations by subject name and issuer.
pub const AZURE_CLIENT_SEND_CERTIFICATE_CHAIN: &str = "AZURE_CLIENT_SEND_CERTIFICATE_CHAIN";
/// File with the token of a federated identity provider (workload identity).
pub const AZURE_FEDERATED_TOKEN_FILE: &str = "AZURE_FEDERATED_TOKEN_FILE";
/// Where tokens are asked for: `https://login.microsoftonline.com`.
pub const AZURE_AUTHORITY_HOST: &str = "AZURE_AUTHORITY_HOST";

/// Base of the user's configuration directory (XDG).
pub const XDG_CONFIG_HOME: &str = "XDG_CONFIG_HOME";
/// The user's home.
pub const HOME: &str = "HOME";
/// Base of the user's configuration directory (Windows).
pub const APPDATA: &str = "APPDATA";

/// A captured environment.
#[derive(Clone, Default)]
pub struct Env(BTreeMap<String, OsString>);

impl Env {
    /// Captures the environment of this process.
    #[allow(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    pub fn read() -> Self {
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value))).collect()
    }

    /// Returns this environment with some variables set otherwise.
    #[must_use]
    pub fn with<N: Into<String>, V: Into<OsString>>(&self, pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        let mut all = self.clone();
        all.0.extend(pairs.into_iter().map(|(name, value)| (name.into(), value.into())));
        all
    }

    /// Returns the value of a variable; one that is empty or no text counts as unset.
    pub fn text(&self, name: &str) -> Option<String> {
        let value = self.0.get(name)?.to_str()?;
        (!value.is_empty()).then(|| value.to_owned())
    }

    /// Returns the value of a variable as a secret.
    pub fn secret(&self, name: &str) -> Option<Secret> {
        self.text(name).map(Secret::new)
    }

    /// Returns the value of a variable as a path.
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        self.0.get(name).filter(|value| !value.is_empty()).map(PathBuf::from)
    }

    /// Returns the parts of a variable that are separated by commas.
    pub fn list(&self, name: &str) -> Vec<String> {
        let text = self.text(name).unwrap_or_default();
        text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
    }

    /// Returns whether a switch is on: `1` or `true`.
    pub fn switch(&self, name: &str) -> bool {
        self.text(name).is_some_and(|value| value == "1" || value.eq_ignore_ascii_case("true"))
    }
}

impl<N: Into<String>, V: Into<OsString>> FromIterator<(N, V)> for Env {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Env([{} variables])", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_lists_switches_and_nothing_from_empty_values() {
        let env: Env = [("A", "x, y,,"), ("B", ""), ("C", "True")].into_iter().collect();
        assert_eq!(env.list("A"), ["x", "y"]);
        assert_eq!(env.text("B"), None);
        assert!(env.switch("C"));
        assert!(!format!("{env:?}").contains('x'));
    }
}
