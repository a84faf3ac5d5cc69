//! Key pairs and certificates of the simulated tenant, and the signatures made and checked with them.
//!
//! All OpenSSL, where the collector signs with another library: a mistake in one is not repeated by the other.

use crate::error::{Error, Kind, Result};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as URL64};
use openssl::{
    asn1::{Asn1Time, Asn1TimeRef},
    bn::{BigNum, MsbOption},
    ec::{EcGroup, EcKey},
    ecdsa::EcdsaSig,
    error::ErrorStack,
    hash::MessageDigest,
    md::{Md, MdRef},
    nid::Nid,
    pkcs12::Pkcs12,
    pkey::{Id, PKey, PKeyRef, Private, Public},
    pkey_ctx::PkeyCtx,
    rsa::{Padding, Rsa},
    sign::{RsaPssSaltlen, Verifier},
    x509::{X509, X509Builder, X509NameBuilder, extension},
};

/// A private key and a self-signed certificate for it.
#[derive(Clone)]
pub(crate) struct KeyPair {
    pub(crate) key: PKey<Private>,
    pub(crate) certificate: X509,
}

/// A certificate without its private key: what a registration knows.
#[derive(Clone)]
pub(crate) struct Certificate(X509);

impl Certificate {
    /// Reads DER; none where it is no certificate.
    pub(crate) fn from_der(der: &[u8]) -> Option<Self> {
        X509::from_der(der).ok().map(Self)
    }

    /// Its DER.
    pub(crate) fn der(&self) -> Vec<u8> {
        self.0.to_der().unwrap_or_default()
    }

    /// Whether it is the same certificate.
    pub(crate) fn same_as(&self, other: &Self) -> bool {
        self.der() == other.der()
    }

    /// A digest of the DER, raw.
    pub(crate) fn thumbprint(&self, digest: MessageDigest) -> Result<Vec<u8>> {
        let digest = self.0.digest(digest).map_err(|error| broken("hash a certificate", error))?;
        Ok(digest.to_vec())
    }

    /// Whether it is valid now.
    pub(crate) fn is_valid(&self) -> bool {
        let now = Asn1Time::from_unix(jiff::Timestamp::now().as_second());
        now.is_ok_and(|now| self.0.not_before() <= now && self.0.not_after() >= now)
    }

    /// From when to when it is valid.
    pub(crate) fn validity(&self) -> (jiff::Timestamp, jiff::Timestamp) {
        let seconds = |time: &Asn1TimeRef| {
            let epoch = Asn1Time::from_unix(0).ok()?;
            let difference = epoch.diff(time).ok()?;
            jiff::Timestamp::from_second(i64::from(difference.days) * 86_400 + i64::from(difference.secs)).ok()
        };
        (seconds(self.0.not_before()).unwrap_or_default(), seconds(self.0.not_after()).unwrap_or_default())
    }

    /// Whether `signature` over `input` was made with its key by `alg`.
    pub(crate) fn verifies(&self, alg: Algorithm, input: &[u8], signature: &[u8]) -> bool {
        self.0.public_key().ok().is_some_and(|key| verified(&key, alg, input, signature).unwrap_or(false))
    }
}

impl KeyPair {
    /// The certificate alone.
    pub(crate) fn public(&self) -> Certificate {
        Certificate(self.certificate.clone())
    }

    /// Makes an RSA-2048 pair whose certificate is valid from `from` to `to` (unix seconds).
    pub(crate) fn rsa(name: &str, from: i64, to: i64) -> Result<Self> {
        let made = Rsa::generate(2_048).and_then(PKey::from_rsa).and_then(|key| Self::certified(key, name, from, to));
        made.map_err(|error| broken("make an RSA key", error))
    }

    /// Makes a P-256 pair.
    pub(crate) fn elliptic(name: &str, from: i64, to: i64) -> Result<Self> {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1);
        let key = group.and_then(|group| EcKey::generate(&group)).and_then(PKey::from_ec_key);
        key.and_then(|key| Self::certified(key, name, from, to)).map_err(|error| broken("make an elliptic key", error))
    }

    fn certified(key: PKey<Private>, name: &str, from: i64, to: i64) -> Result<Self, ErrorStack> {
        let certificate = self_signed(&key, name, from, to)?;
        Ok(Self { key, certificate })
    }

    /// The certificate's DER.
    pub(crate) fn der(&self) -> Result<Vec<u8>> {
        self.certificate.to_der().map_err(|error| broken("encode a certificate", error))
    }

    /// `x5t#S256` and `x5t`: digests of the DER, raw.
    pub(crate) fn thumbprint(&self, digest: MessageDigest) -> Result<Vec<u8>> {
        let digest = self.certificate.digest(digest).map_err(|error| broken("hash a certificate", error))?;
        Ok(digest.to_vec())
    }

    /// PKCS#12 with the empty password, as Key Vault exports it; without the key where that may not leave the vault.
    pub(crate) fn pfx(&self, with_key: bool) -> Result<Vec<u8>> {
        let mut builder = Pkcs12::builder();
        builder.name("").cert(&self.certificate);
        if with_key {
            builder.pkey(&self.key);
        }
        builder.build2("").and_then(|pfx| pfx.to_der()).map_err(|error| broken("encode a PFX", error))
    }

    /// PEM: private key (PKCS#8), then the certificate.
    pub(crate) fn pem(&self, with_key: bool) -> Result<String> {
        let mut text = Vec::new();
        if with_key {
            text.extend(self.key.private_key_to_pem_pkcs8().map_err(|error| broken("encode a key", error))?);
        }
        text.extend(self.certificate.to_pem().map_err(|error| broken("encode a certificate", error))?);
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// Whether this is an RSA key.
    pub(crate) fn is_rsa(&self) -> bool {
        self.key.id() == Id::RSA
    }

    /// The public numbers of an RSA key as JWK members, `n` and `e`.
    pub(crate) fn rsa_numbers(&self) -> Option<(String, String)> {
        let rsa = self.key.rsa().ok()?;
        Some((URL64.encode(rsa.n().to_vec()), URL64.encode(rsa.e().to_vec())))
    }

    /// The public point of a P-256 key as JWK members, `x` and `y`.
    pub(crate) fn point(&self) -> Option<(String, String)> {
        let key = self.key.ec_key().ok()?;
        let (mut x, mut y) = (BigNum::new().ok()?, BigNum::new().ok()?);
        let mut context = openssl::bn::BigNumContext::new().ok()?;
        key.public_key().affine_coordinates(key.group(), &mut x, &mut y, &mut context).ok()?;
        Some((URL64.encode(x.to_vec_padded(32).ok()?), URL64.encode(y.to_vec_padded(32).ok()?)))
    }

    /// Signs a digest as JWS algorithm `alg` says; none where the key cannot.
    pub(crate) fn sign_digest(&self, alg: Algorithm, digest: &[u8]) -> Option<Vec<u8>> {
        match alg.family {
            Family::Elliptic => self.sign_elliptic(digest),
            Family::Pkcs1 | Family::Pss => self.sign_rsa(alg, digest),
        }
    }

    fn sign_elliptic(&self, digest: &[u8]) -> Option<Vec<u8>> {
        let signature = EcdsaSig::sign(digest, self.key.ec_key().ok()?.as_ref()).ok()?;
        let mut bytes = signature.r().to_vec_padded(32).ok()?;
        bytes.extend(signature.s().to_vec_padded(32).ok()?);
        Some(bytes)
    }

    fn sign_rsa(&self, alg: Algorithm, digest: &[u8]) -> Option<Vec<u8>> {
        let mut context = PkeyCtx::new(&self.key).ok()?;
        context.sign_init().ok()?;
        if alg.family == Family::Pss {
            context.set_rsa_padding(Padding::PKCS1_PSS).ok()?;
            context.set_signature_md(alg.md()).ok()?;
            context.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH).ok()?;
        } else {
            context.set_rsa_padding(Padding::PKCS1).ok()?;
            context.set_signature_md(alg.md()).ok()?;
        }
        let mut signature = Vec::new();
        context.sign_to_vec(digest, &mut signature).ok()?;
        Some(signature)
    }

    /// Signs a JWT with RS256 and returns it compact.
    pub(crate) fn sign_jwt(&self, header: &serde_json::Value, claims: &serde_json::Value) -> Option<String> {
        let input = format!("{}.{}", URL64.encode(header.to_string()), URL64.encode(claims.to_string()));
        let digest = openssl::hash::hash(MessageDigest::sha256(), input.as_bytes()).ok()?;
        let signature = self.sign_digest(Algorithm::parse("RS256")?, &digest)?;
        Some(format!("{input}.{}", URL64.encode(signature)))
    }

    /// Whether `signature` over `input` was made with this key by `alg`.
    pub(crate) fn verifies(&self, alg: Algorithm, input: &[u8], signature: &[u8]) -> bool {
        self.public().verifies(alg, input, signature)
    }
}

fn verified(key: &PKeyRef<Public>, alg: Algorithm, input: &[u8], signature: &[u8]) -> Result<bool, ErrorStack> {
    if key.id() != Id::RSA || alg.family == Family::Elliptic {
        return Ok(false);
    }
    let mut verifier = Verifier::new(alg.digest(), key)?;
    if alg.family == Family::Pss {
        verifier.set_rsa_padding(Padding::PKCS1_PSS)?;
        // RFC 7518 3.5: the salt is as long as the digest, no other length is right.
        verifier.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH)?;
    } else {
        verifier.set_rsa_padding(Padding::PKCS1)?;
    }
    verifier.verify_oneshot(signature, input)
}

fn self_signed(key: &PKey<Private>, name: &str, from: i64, to: i64) -> Result<X509, ErrorStack> {
    let mut subject = X509NameBuilder::new()?;
    subject.append_entry_by_text("CN", name)?;
    let subject = subject.build();
    let mut serial = BigNum::new()?;
    serial.rand(127, MsbOption::MAYBE_ZERO, false)?;
    let mut builder = X509Builder::new()?;
    builder.set_version(2)?;
    builder.set_serial_number(serial.to_asn1_integer()?.as_ref())?;
    builder.set_subject_name(&subject)?;
    builder.set_issuer_name(&subject)?;
    builder.set_pubkey(key)?;
    builder.set_not_before(Asn1Time::from_unix(from)?.as_ref())?;
    builder.set_not_after(Asn1Time::from_unix(to)?.as_ref())?;
    builder.append_extension(extension::KeyUsage::new().digital_signature().build()?)?;
    builder.append_extension(extension::ExtendedKeyUsage::new().client_auth().build()?)?;
    builder.sign(key, MessageDigest::sha256())?;
    Ok(builder.build())
}

fn broken(doing: &str, cause: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(Kind::Failed, format!("could not {doing} for the lab: {cause}")).caused_by(cause)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    Pkcs1,
    Pss,
    Elliptic,
}

/// A JWS signature algorithm that Entra or Key Vault knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Algorithm {
    family: Family,
    bits: u16,
}

impl Algorithm {
    /// Reads a JWS name such as `PS256`.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let (family, bits) = name.split_at_checked(2)?;
        let family = match family {
            "RS" => Family::Pkcs1,
            "PS" => Family::Pss,
            "ES" if bits == "256" => Family::Elliptic,
            _ => return None,
        };
        let bits = bits.parse().ok().filter(|bits| matches!(bits, 256 | 384 | 512))?;
        Some(Self { family, bits })
    }

    /// Whether an RSA key (or else an elliptic one) is what it needs.
    pub(crate) fn needs_rsa(self) -> bool {
        self.family != Family::Elliptic
    }

    /// Bytes of its digest.
    pub(crate) fn digest_length(self) -> usize {
        usize::from(self.bits) / 8
    }

    fn digest(self) -> MessageDigest {
        match self.bits {
            384 => MessageDigest::sha384(),
            512 => MessageDigest::sha512(),
            _ => MessageDigest::sha256(),
        }
    }

    fn md(self) -> &'static MdRef {
        match self.bits {
            384 => Md::sha384(),
            512 => Md::sha512(),
            _ => Md::sha256(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_of_every_algorithm_verify_and_of_no_other() {
        let pair = KeyPair::rsa("unit", 1_700_000_000, 1_900_000_000).unwrap();
        for name in ["RS256", "PS256", "RS384", "PS384", "RS512", "PS512"] {
            let alg = Algorithm::parse(name).unwrap();
            let digest = openssl::hash::hash(alg.digest(), b"input").unwrap();
            let signature = pair.sign_digest(alg, &digest).unwrap();
            assert!(pair.verifies(alg, b"input", &signature), "{name}");
            assert!(!pair.verifies(alg, b"other", &signature), "{name}");
            let other = Algorithm::parse(if name.starts_with('P') { "RS256" } else { "PS256" }).unwrap();
            assert!(!pair.verifies(other, b"input", &signature), "{name}");
        }
        assert!(Algorithm::parse("HS256").is_none() && Algorithm::parse("none").is_none() && Algorithm::parse("RS1").is_none());
    }

    #[test]
    fn a_pfx_opens_with_the_empty_password_and_holds_the_key_only_if_asked() {
        let pair = KeyPair::rsa("unit", 1_700_000_000, 1_900_000_000).unwrap();
        let whole = Pkcs12::from_der(&pair.pfx(true).unwrap()).unwrap().parse2("").unwrap();
        assert!(whole.pkey.is_some() && whole.cert.is_some());
        let bare = Pkcs12::from_der(&pair.pfx(false).unwrap()).unwrap().parse2("").unwrap();
        assert!(bare.pkey.is_none());
    }
}
