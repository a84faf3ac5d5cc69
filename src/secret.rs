//! The only types that a secret, or a URL that may hold one, travels in.
//!
//! Redaction is the real gain: their `Debug` and `Display` never show the value. Wiping on drop is partial, since buffers of
//! the HTTP client and of the Azure SDK are not ours to wipe; nothing here promises more.

use secrecy::{ExposeSecret, SecretSlice, SecretString};
use std::fmt;

/// A secret text: token, client secret, password. Wiped when dropped.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Takes a secret in.
    pub fn new(value: impl Into<String>) -> Self {
        Self(SecretString::from(value.into()))
    }

    /// Shows the value to the one place that needs it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret([redacted])")
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for Secret {}

/// Secret bytes: a private key, a PKCS#12 file. Wiped when dropped.
#[derive(Clone)]
pub struct SecretBytes(SecretSlice<u8>);

impl SecretBytes {
    /// Takes secret bytes in.
    pub fn new(value: Vec<u8>) -> Self {
        Self(SecretSlice::from(value))
    }

    /// Shows the bytes to the one place that needs them.
    pub fn expose(&self) -> &[u8] {
        self.0.expose_secret()
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretBytes([redacted], {} bytes)", self.expose().len())
    }
}

/// A URL for eyes: user-info is left out, and the values of query keys that carry credentials are masked.
#[derive(Clone, PartialEq, Eq)]
pub struct SafeUrl(url::Url);

/// Query keys whose values are shown; every other key keeps its name and loses its value. A list of what may be seen is
/// safer than one of what may not: a new kind of signature is hidden by itself.
const SHOWN: &[&str] = &[
    "api-version",
    "$filter",
    "$top",
    "$skip",
    "$select",
    "$orderby",
    "$expand",
    "$count",
    "pagesize",
    "pageSize",
    "sasValidHours",
    "sinceTime",
    "maxresults",
    "sv",
    "st",
    "se",
    "sp",
    "sr",
];

impl SafeUrl {
    /// Wraps a URL for display.
    pub fn new(url: &url::Url) -> Self {
        Self(url.clone())
    }
}

impl fmt::Display for SafeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.0.clone();
        let _ = shown.set_username("");
        let _ = shown.set_password(None);
        let Some(query) = self.0.query() else { return write!(f, "{shown}") };
        let masked: Vec<String> = query.split('&').map(mask).collect();
        shown.set_query(None);
        write!(f, "{shown}?{}", masked.join("&"))
    }
}

fn mask(pair: &str) -> String {
    let key = pair.split('=').next().unwrap_or_default();
    let plain = key.replace("%24", "$");
    if SHOWN.contains(&plain.as_str()) { pair.to_owned() } else { format!("{key}=…") }
}

impl fmt::Debug for SafeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Says whether what goes to a URL stays on this machine, so that it may go in the clear.
pub(crate) fn is_loopback(url: &url::Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}
