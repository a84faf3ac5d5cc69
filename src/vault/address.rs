//! Names of vaults and of what lies in them, checked before they become part of a URL.

use crate::error::{Error, Kind, Result};
use std::fmt;
use url::{Host, Url};

/// Where a vault is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// As the SDK is told it: https, whatever the scheme.
    url: Url,
    /// It is spoken to in plain http, which only a loopback address may be.
    plain: bool,
}

impl Address {
    /// Parses the URL or the name of a vault; a name gets the cloud's suffix.
    ///
    /// # Errors
    /// [`Kind::Usage`] where it is neither.
    pub fn parse(text: &str, suffix: &str) -> Result<Self> {
        if text.contains("://") { Self::of_url(text) } else { Self::of_name(text, suffix) }
    }

    fn of_url(text: &str) -> Result<Self> {
        let wrong = |why: &str| Error::new(Kind::Usage, format!("the vault's URL {why}")).hint(FORM);
        let mut url = Url::parse(text).map_err(|_| wrong("is not a URL"))?;
        let plain = url.scheme() == "http" && is_loopback(&url);
        if url.scheme() != "https" && !plain {
            return Err(wrong(&format!("is {}, and a vault is reached over https alone", url.scheme())));
        }
        if plain && url.set_scheme("https").is_err() {
            return Err(wrong("is not a URL"));
        }
        let bare = url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none();
        if bare && matches!(url.path(), "" | "/") { Ok(Self { url, plain }) } else { Err(wrong("holds more than a host")) }
    }

    /// Microsoft's rule: 3 to 24 letters, digits and single hyphens, a letter first, no hyphen last.
    fn of_name(name: &str, suffix: &str) -> Result<Self> {
        let bytes = name.as_bytes();
        let charset = bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-');
        let ends = bytes.first().is_some_and(u8::is_ascii_alphabetic) && bytes.last().is_some_and(u8::is_ascii_alphanumeric);
        if !(3..=24).contains(&bytes.len()) || !charset || !ends || name.contains("--") {
            return Err(Error::new(Kind::Usage, format!("`{}` is no name of a vault", shown(name))).hint(FORM));
        }
        Self::of_url(&format!("https://{}.{suffix}", name.to_ascii_lowercase()))
    }

    /// Returns the URL as the SDK takes it, which speaks to https alone.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Says whether the vault is a simulator on this machine that is spoken to in plain http.
    pub(super) fn is_plain(&self) -> bool {
        self.plain
    }

    /// Returns whether the host is literally a loopback address: such a vault is spared the check of its challenge, which no
    /// address can pass. A name that resolves to loopback is not one.
    pub(super) fn is_loopback(&self) -> bool {
        is_loopback(&self.url)
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.octets() == [127, 0, 0, 1],
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

const FORM: &str = "give the vault's name (3 to 24 letters, digits and single hyphens), or https://NAME.vault.azure.net";

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = self.url.as_str().trim_end_matches('/');
        if self.plain { write!(f, "{}", url.replacen("https", "http", 1)) } else { f.write_str(url) }
    }
}

/// An object in a vault, and which version of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    pub(super) name: String,
    /// None is the newest.
    pub(super) version: Option<String>,
}

impl Object {
    /// Parses `name` or `name/version`.
    ///
    /// # Errors
    /// [`Kind::Usage`] where it is neither.
    pub fn parse(text: &str) -> Result<Self> {
        let (name, version) = text.split_once('/').map_or((text, None), |(name, version)| (name, Some(version)));
        let fits = |part: &str, most: usize| {
            (1..=most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        // A version has 32 hex digits; what is held here is only that it cannot change the path.
        if fits(name, 127) && version.is_none_or(|version| fits(version, 64)) {
            return Ok(Self { name: name.to_owned(), version: version.map(str::to_owned) });
        }
        let message = format!("`{}` is no name of an object in a vault", shown(text));
        Err(Error::new(Kind::Usage, message).hint("give its name (letters, digits, hyphens), or name/version"))
    }

    /// Takes the key of a key identifier: `https://vault/keys/name/version`.
    pub(super) fn of_key(id: &str) -> Option<Self> {
        let url = Url::parse(id).ok()?;
        let rest = url.path().strip_prefix("/keys/")?;
        Self::parse(rest.trim_end_matches('/')).ok()
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.version.as_ref().map_or(Ok(()), |version| write!(f, "/{version}"))
    }
}

fn shown(text: &str) -> String {
    text.chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_get_the_suffix_of_the_cloud() {
        assert_eq!(Address::parse("KV-ir", "vault.azure.cn").unwrap().to_string(), "https://kv-ir.vault.azure.cn");
        assert_eq!(Address::parse("https://kv-ir.vault.azure.net/", "x").unwrap().to_string(), "https://kv-ir.vault.azure.net");
        assert_eq!(Address::parse("https://127.0.0.1:9447", "x").unwrap().to_string(), "https://127.0.0.1:9447");
        let plain = Address::parse("http://localhost:9447", "x").unwrap();
        assert_eq!((plain.to_string().as_str(), plain.is_plain()), ("http://localhost:9447", true));
    }

    #[test]
    fn what_could_lead_elsewhere_is_refused() {
        for bad in ["kv", "1kv", "kv-", "kv--ir", "kv.evil.test", "kv/../x", "kv@evil", "a234567890123456789012345", ""] {
            assert_eq!(Address::parse(bad, "vault.azure.net").unwrap_err().kind(), Kind::Usage, "{bad}");
        }
        for bad in
            ["http://127.0.0.2:1", "http://kv.vault.azure.net", "https://kv.test/secrets/x", "https://u:pw@kv.test", "https://kv.test?x=1"]
        {
            let error = Address::parse(bad, "x").unwrap_err();
            assert!(error.kind() == Kind::Usage && !format!("{error:?}").contains("pw"), "{bad}");
        }
    }

    #[test]
    fn only_literal_loopback_is_loopback() {
        let loopback = |text: &str| Address::parse(text, "x").unwrap().is_loopback();
        assert!(loopback("https://127.0.0.1:1") && loopback("https://[::1]:1") && loopback("https://localhost"));
        assert!(!loopback("https://127.0.0.2") && !loopback("https://kv.vault.lab.test"));
    }

    #[test]
    fn objects_and_versions() {
        assert_eq!(Object::parse("ir-app").unwrap(), Object { name: "ir-app".into(), version: None });
        assert_eq!(Object::parse("a/0123").unwrap().to_string(), "a/0123");
        for bad in ["", "a/", "/b", "a/b/c", "a b", "../x", "a/..", "ä", "a?x=1"] {
            assert!(Object::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(Object::of_key("https://kv.test/keys/app/01ab").unwrap().to_string(), "app/01ab");
        assert_eq!(Object::of_key("https://kv.test/secrets/app/01ab"), None);
    }
}
