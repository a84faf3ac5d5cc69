//! What is to be set up, as it was settled from flags; held to its rules before anything is asked. Pure.

use super::permissions::Permissions;
use crate::{
    error::{Error, Kind, Result},
    vault::{Family, checked_name},
};
use jiff::SignedDuration;

/// A registration as it is to be.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Its display name.
    pub name: String,
    /// Directory (tenant) id.
    pub tenant: String,
    /// What it may do.
    pub permissions: Permissions,
    /// Whether other tenants may take it in.
    pub multi_tenant: bool,
    /// Whether to grant the permissions.
    pub consent: bool,
    /// Its credential.
    pub kind: CredentialKind,
    /// How long that lives.
    pub lifetime: Lifetime,
    /// Whether a certificate's key may leave the vault.
    pub exportable: bool,
    /// Where the credential lies.
    pub place: Place,
}

/// Kinds of credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialKind {
    /// A certificate, made in the vault.
    Certificate,
    /// A client secret, put into the vault.
    Secret,
}

impl CredentialKind {
    /// Returns the word: `certificate`, `secret`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Certificate => "certificate",
            Self::Secret => "secret",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Certificate, Self::Secret].into_iter().find(|kind| kind.word() == word)
    }

    /// Returns the vault's collection that it lies in.
    pub fn family(self) -> Family {
        match self {
            Self::Certificate => Family::Certificates,
            Self::Secret => Family::Secrets,
        }
    }
}

/// Where a credential lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The vault's URL.
    pub vault: String,
    /// Name of the object in it; none is made of the application's name and id.
    pub object: Option<String>,
}

impl Place {
    /// Returns the name of the object for an application.
    pub fn object_for(&self, name: &str, app_id: &str) -> String {
        self.object.clone().unwrap_or_else(|| default_object(name, app_id))
    }
}

/// Most that a name may be long in a vault.
const LONGEST: usize = 127;

/// `ir-collector-00001111-aaaa-2222-bbbb-3333cccc4444`: the id tells whose it is.
fn default_object(name: &str, app_id: &str) -> String {
    let plain: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    let words: Vec<&str> = plain.split('-').filter(|word| !word.is_empty()).collect();
    let mut slug = if words.is_empty() { "app".to_owned() } else { words.join("-") };
    slug.truncate(LONGEST - app_id.len() - 1);
    format!("{}-{app_id}", slug.trim_end_matches('-'))
}

/// How long a credential is to live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime(SignedDuration);

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Longer than this takes a flag: an investigation is over by then.
const LONG: i64 = 180;
/// The longest at all: Entra's own limit for secrets is two years.
const LONGEST_DAYS: i64 = 730;

impl Lifetime {
    /// Returns the usual one.
    pub fn usual(kind: CredentialKind) -> Self {
        match kind {
            CredentialKind::Certificate => Self(DAY * 90),
            CredentialKind::Secret => Self(DAY * 30),
        }
    }

    /// Settles what was typed; beyond 180 days only where that was said too.
    ///
    /// # Errors
    /// [`Kind::Usage`].
    pub fn settle(kind: CredentialKind, typed: Option<SignedDuration>, long: bool) -> Result<Self> {
        let Some(length) = typed else { return Ok(Self::usual(kind)) };
        let days = length.as_secs() / DAY.as_secs();
        if length < DAY {
            return Err(Error::new(Kind::Usage, "--expires is less than a day").hint("write it as 30d"));
        }
        if days > LONGEST_DAYS {
            return Err(Error::new(Kind::Usage, format!("--expires is more than {LONGEST_DAYS} days"))
                .hint("rotate instead: `ircollect app rotate`"));
        }
        if length > DAY * 180 && !long {
            let message = format!("--expires is more than {LONG} days, longer than an investigation should need");
            return Err(Error::new(Kind::Usage, message).hint("give less, or say --long-lived too"));
        }
        Ok(Self(length))
    }

    /// Returns its length.
    pub fn length(self) -> SignedDuration {
        self.0
    }

    /// Returns it in whole months, as a vault's policy counts: never fewer days than were asked for by more than the month's own.
    pub fn months(self) -> i32 {
        let days = self.0.as_secs() / DAY.as_secs();
        i32::try_from(((days + 30) / 31).max(1)).unwrap_or(1)
    }
}

/// Most characters of a display name.
const NAME: usize = 120;

impl Wanted {
    /// Returns `AzureADMyOrg` or `AzureADMultipleOrgs`.
    pub fn audience(&self) -> &'static str {
        if self.multi_tenant { "AzureADMultipleOrgs" } else { "AzureADMyOrg" }
    }

    /// Holds it to its rules.
    ///
    /// # Errors
    /// [`Kind::Usage`].
    pub fn check(&self) -> Result<()> {
        check_name(&self.name)?;
        self.place.object.as_deref().map_or(Ok(()), |object| checked_name(object).map(drop).map_err(|error| error.context("--vault-name")))
    }
}

/// Holds a display name to what can be searched for and shown.
///
/// # Errors
/// [`Kind::Usage`].
pub(super) fn check_name(name: &str) -> Result<()> {
    let trimmed = name.trim();
    if trimmed.is_empty() || trimmed != name || name.chars().count() > NAME || name.chars().any(char::is_control) {
        return Err(Error::new(Kind::Usage, format!("`{}` is no name for a registration", name.escape_debug()))
            .hint(format!("give 1 to {NAME} characters, without line breaks, no space first or last")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_objects_tell_whose_they_are() {
        let id = "00001111-aaaa-2222-bbbb-3333cccc4444";
        assert_eq!(default_object("IR Collector (2026)", id), format!("ir-collector-2026-{id}"));
        assert_eq!(default_object("ü", id), format!("app-{id}"));
        assert!(checked_name(&default_object(&"x".repeat(200), id)).is_ok());
    }

    #[test]
    fn lifetimes_are_bounded() {
        let settle = |days: i64, long| Lifetime::settle(CredentialKind::Secret, Some(DAY * i32::try_from(days).unwrap()), long);
        assert_eq!(Lifetime::usual(CredentialKind::Secret).length(), DAY * 30);
        assert_eq!((settle(30, false).unwrap().months(), Lifetime::usual(CredentialKind::Certificate).months()), (1, 3));
        assert_eq!((settle(180, false).unwrap().months(), settle(32, false).unwrap().months()), (6, 2));
        assert!(settle(181, false).is_err() && settle(181, true).is_ok() && settle(800, true).is_err() && settle(0, false).is_err());
    }

    #[test]
    fn names_hold_no_surprises() {
        for bad in ["", " x", "x\n", &"y".repeat(121)] {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
        assert!(check_name("IR 2026 – O'Neil & Co").is_ok());
    }
}
