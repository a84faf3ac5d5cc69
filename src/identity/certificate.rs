//! Certificates and their keys: PFX and PEM, taken apart by OpenSSL. The leaf is the certificate whose public key is the key's.
//!
//! Everything that Entra would refuse is refused here first, before any request: an elliptic-curve key, a missing or foreign key,
//! a certificate out of its time.

use crate::{
    error::{Error, Kind, Result},
    secret::{Secret, SecretBytes},
};
use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use jiff::{SignedDuration, Timestamp};
use openssl::{
    error::ErrorStack,
    hash::MessageDigest,
    pkcs12::Pkcs12,
    pkey::{HasPublic, Id, PKey, Private},
    provider::Provider,
    x509::X509,
};
use std::{fmt, sync::OnceLock};

/// Code of the error of a file that needs a password and got none.
pub const PASSWORD_NEEDED: &str = "CertificatePasswordNeeded";

/// Code of the error of a file whose password is another one.
pub const PASSWORD_WRONG: &str = "CertificatePasswordWrong";

/// How long before its end a certificate is warned about.
const WARNED: SignedDuration = SignedDuration::from_hours(14 * 24);

/// The public part: what an assertion names.
#[derive(Clone)]
pub struct Certificate {
    leaf: X509,
    chain: Vec<X509>,
    begins: Timestamp,
    ends: Timestamp,
}

/// A certificate and its key.
pub struct KeyPair {
    pub(super) certificate: Certificate,
    pub(super) key: PKey<Private>,
}

impl Certificate {
    /// Takes a certificate from its DER.
    ///
    /// # Errors
    /// [`Kind::Credential`] where it is none, or not one that Entra would take.
    pub fn from_der(der: &[u8]) -> Result<Self> {
        let leaf = X509::from_der(der).map_err(|_| wrong("is not a certificate"))?;
        Self::checked(leaf, Vec::new())
    }

    fn checked(leaf: X509, chain: Vec<X509>) -> Result<Self> {
        let key = leaf.public_key().map_err(|_| wrong("has a key that cannot be read"))?;
        check_kind(&key)?;
        let (begins, ends) = (time(leaf.not_before()), time(leaf.not_after()));
        let (Some(begins), Some(ends)) = (begins, ends) else { return Err(wrong("has no readable dates")) };
        Ok(Self { leaf, chain, begins, ends })
    }

    /// Says whether it is in its time.
    ///
    /// # Errors
    /// [`Kind::Credential`] where it is not.
    pub fn check_time(&self, now: Timestamp) -> Result<()> {
        let shown = |time: Timestamp| time.strftime("%Y-%m-%d %H:%M UTC").to_string();
        if self.ends <= now {
            let error = wrong(&format!("expired on {} ({self})", shown(self.ends))).with_code("CertificateExpired");
            return Err(error.hint("make a new certificate, register it with the application and put it where the old one lies"));
        }
        if self.begins > now {
            let error = wrong(&format!("is not valid before {} ({self})", shown(self.begins))).with_code("CertificateNotYetValid");
            return Err(error.hint("wait, use the one before it, or check this machine's clock"));
        }
        Ok(())
    }

    /// Returns the end of its time.
    pub fn ends(&self) -> Timestamp {
        self.ends
    }

    /// Says that its end is near, if it is within 14 days.
    pub fn warning(&self, now: Timestamp) -> Option<String> {
        let left = self.ends.duration_since(now);
        (left < WARNED).then(|| {
            format!("the certificate {self} expires on {}, in {} days: renew it", self.ends.strftime("%Y-%m-%d"), left.as_hours() / 24)
        })
    }

    /// Returns the base64url SHA-256 of its DER, for `x5t#S256`.
    pub fn thumbprint_sha256(&self) -> Result<String> {
        self.thumbprint(MessageDigest::sha256())
    }

    /// Returns the base64url SHA-1 of its DER, for `x5t`.
    pub fn thumbprint_sha1(&self) -> Result<String> {
        self.thumbprint(MessageDigest::sha1())
    }

    fn thumbprint(&self, digest: MessageDigest) -> Result<String> {
        let digest = self.leaf.digest(digest).map_err(|_| wrong("cannot be hashed"))?;
        Ok(BASE64_URL_SAFE_NO_PAD.encode(digest))
    }

    /// Returns leaf and chain as `x5c` wants them: base64 DER, the leaf first.
    pub fn x5c(&self) -> Result<Vec<String>> {
        let all = std::iter::once(&self.leaf).chain(&self.chain);
        all.map(|certificate| certificate.to_der().map(|der| BASE64_STANDARD.encode(der)))
            .collect::<Result<_, ErrorStack>>()
            .map_err(|_| wrong("cannot be encoded"))
    }
}

/// By its SHA-1 thumbprint, as the portal shows it.
impl fmt::Display for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("thumbprint ")?;
        let Ok(digest) = self.leaf.digest(MessageDigest::sha1()) else { return f.write_str("unknown") };
        f.write_str(&hex::encode_upper(digest))
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({self})")
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyPair({})", self.certificate)
    }
}

impl KeyPair {
    /// Takes a PFX or PEM file apart.
    ///
    /// # Errors
    /// [`Kind::Credential`]: no or a wrong password (codes [`PASSWORD_NEEDED`], [`PASSWORD_WRONG`]), a broken file, no key, a key
    /// that does not fit, or one that Entra does not take.
    pub fn parse(bytes: &SecretBytes, password: Option<&Secret>) -> Result<Self> {
        let bytes = bytes.expose();
        if memchr::memmem::find(bytes, b"-----BEGIN ").is_some() {
            return Self::of_pem(bytes, password);
        }
        // PKCS#12 is an ASN.1 sequence; a vault hands it out in base64.
        if bytes.first() == Some(&0x30) {
            return Self::of_pfx(bytes, password);
        }
        let text: Vec<u8> = bytes.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
        match BASE64_STANDARD.decode(&text) {
            Ok(der) if der.first() == Some(&0x30) => Self::of_pfx(SecretBytes::new(der).expose(), password),
            _ => {
                Err(wrong("file is neither PFX nor PEM").hint("give a .pfx or .p12 file, or a .pem file with certificate and private key"))
            }
        }
    }

    fn of_pfx(der: &[u8], password: Option<&Secret>) -> Result<Self> {
        let pfx = Pkcs12::from_der(der).map_err(|_| broken("it is no PKCS#12"))?;
        let text = password.map_or("", Secret::expose);
        let parsed = match pfx.parse2(text) {
            Err(error) if is_unsupported(&error) && load_legacy() => pfx.parse2(text),
            parsed => parsed,
        };
        let parsed = parsed.map_err(|error| pfx_error(&error, password))?;
        let certificates: Vec<X509> = parsed.cert.into_iter().chain(parsed.ca.into_iter().flatten()).collect();
        let key = parsed.pkey.ok_or_else(no_key)?;
        Self::matched(key, certificates)
    }

    fn of_pem(pem: &[u8], password: Option<&Secret>) -> Result<Self> {
        let certificates = X509::stack_from_pem(pem).map_err(|_| broken("a certificate in it cannot be read"))?;
        let blocks = key_blocks(pem);
        let key = blocks.first().ok_or_else(no_key)?;
        let encrypted = memchr::memmem::find(key, b"ENCRYPTED").is_some();
        // A callback or password is always given: without one OpenSSL would ask on the terminal.
        let secret = password.map_or("", Secret::expose);
        let key = PKey::private_key_from_pem_passphrase(key, secret.as_bytes()).map_err(|_| match (encrypted, password) {
            (true, None) => password_needed(),
            (true, Some(_)) => password_wrong(),
            (false, _) => broken("its private key cannot be read"),
        })?;
        Self::matched(key, certificates)
    }

    /// Finds the leaf: the certificate whose public key is the key's.
    fn matched(key: PKey<Private>, mut certificates: Vec<X509>) -> Result<Self> {
        check_kind(&key)?;
        if certificates.is_empty() {
            return Err(
                wrong("file holds a key and no certificate").hint("put the certificate into it; its thumbprint names the key to Entra")
            );
        }
        let fits = |certificate: &X509| certificate.public_key().is_ok_and(|public| public.public_eq(&key));
        let Some(index) = certificates.iter().position(fits) else {
            return Err(wrong("and the private key do not belong together")
                .with_code("CertificateKeyMismatch")
                .hint("export both from the same place again"));
        };
        let leaf = certificates.remove(index);
        Ok(Self { certificate: Certificate::checked(leaf.clone(), ordered(&leaf, certificates))?, key })
    }

    /// Returns the public part.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }
}

/// Orders a chain: each certificate followed by its issuer; what does not belong to it is left out.
fn ordered(leaf: &X509, mut others: Vec<X509>) -> Vec<X509> {
    let mut chain = Vec::new();
    let mut last = leaf.clone();
    while let Some(index) = others.iter().position(|other| other.issued(&last) == openssl::x509::X509VerifyResult::OK) {
        last = others.remove(index);
        chain.push(last.clone());
    }
    chain
}

/// Cuts out the blocks that hold a private key.
fn key_blocks(pem: &[u8]) -> Vec<&[u8]> {
    let starts = memchr::memmem::find_iter(pem, b"-----BEGIN ");
    starts
        .filter_map(|start| {
            let rest = pem.get(start..)?;
            let label = rest.get(11..)?.split(|byte| *byte == b'-').next()?;
            let marker = memchr::memmem::find(rest, b"-----END ")?;
            let line = memchr::memchr(b'\n', rest.get(marker..)?).map_or(rest.len(), |length| marker + length + 1);
            label.ends_with(b"PRIVATE KEY").then(|| rest.get(..line)).flatten()
        })
        .collect()
}

fn check_kind<T: HasPublic>(key: &PKey<T>) -> Result<()> {
    let name = match key.id() {
        Id::RSA => return Ok(()),
        Id::EC => "an elliptic-curve key",
        Id::ED25519 | Id::ED448 => "an Edwards-curve key",
        _ => "a key that is not RSA",
    };
    let error = wrong(&format!("has {name}, and Entra takes RSA alone")).with_code("CertificateKeyKind");
    Err(error.hint("make a certificate with an RSA key of 2048 bits or more, and register it with the application"))
}

fn is_unsupported(error: &ErrorStack) -> bool {
    error
        .errors()
        .iter()
        .any(|error| error.reason().is_some_and(|reason| reason.contains("unsupported") || reason.contains("unknown cipher")))
}

/// RC2-40, which Windows still writes, is in OpenSSL's legacy provider; it stays loaded once it was needed.
fn load_legacy() -> bool {
    static LEGACY: OnceLock<Option<Provider>> = OnceLock::new();
    LEGACY.get_or_init(|| Provider::try_load(None, "legacy", true).ok()).is_some()
}

fn pfx_error(error: &ErrorStack, password: Option<&Secret>) -> Error {
    let mac = error
        .errors()
        .iter()
        .any(|error| error.reason().is_some_and(|reason| reason.contains("mac verify failure") || reason.contains("bad decrypt")));
    match (mac, password) {
        (true, None) => password_needed(),
        (true, Some(_)) => password_wrong(),
        (false, _) if is_unsupported(error) => wrong("file is encrypted in a way that is not supported here")
            .hint("write it anew: openssl pkcs12 -legacy -in OLD.pfx -nodes -out APP.pem, and then use APP.pem"),
        (false, _) => broken("its contents cannot be read"),
    }
}

fn password_needed() -> Error {
    wrong("file needs a password").with_code(PASSWORD_NEEDED).hint("put it into a variable and name that: password_env = \"VARIABLE\"")
}

fn password_wrong() -> Error {
    wrong("file has another password than the one given").with_code(PASSWORD_WRONG).hint("check the variable that `password_env` names")
}

fn no_key() -> Error {
    wrong("comes without its private key")
        .with_code("CertificateKeyMissing")
        .hint("a certificate in a vault that may not be exported signs there: sign = \"vault\"")
        .hint("a file must hold the private key too: export it with the key")
}

fn broken(why: &str) -> Error {
    wrong(&format!("file is broken: {why}")).hint("export or copy it again: it may be cut off")
}

fn wrong(why: &str) -> Error {
    Error::new(Kind::Credential, format!("the certificate {why}")).with_code("Certificate")
}

fn time(time: &openssl::asn1::Asn1TimeRef) -> Option<Timestamp> {
    let epoch = openssl::asn1::Asn1Time::from_unix(0).ok()?;
    let passed = epoch.diff(time).ok()?;
    Timestamp::from_second(i64::from(passed.days) * 86_400 + i64::from(passed.secs)).ok()
}

#[cfg(test)]
pub(super) mod tests;
