//! PFX and PEM of every make, written by OpenSSL as the test runs.

use super::*;
use openssl::{
    asn1::Asn1Time,
    bn::BigNum,
    ec::{EcGroup, EcKey},
    nid::Nid,
    pkcs12::Pkcs12,
    rsa::Rsa,
    stack::Stack,
    symm::Cipher,
    x509::{X509Builder, X509NameBuilder, extension::BasicConstraints},
};

/// A key, its certificate, and the authority that issued it.
pub(in super::super) struct Sample {
    pub(in super::super) key: PKey<Private>,
    pub(in super::super) leaf: X509,
    authority: X509,
}

impl Sample {
    pub(in super::super) fn new() -> Self {
        Self::of(PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap(), 0, 365)
    }

    fn of(key: PKey<Private>, from_days: i64, to_days: i64) -> Self {
        let root = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
        let authority = certificate("root", &root, "root", &root, (-10, 3650));
        let leaf = certificate("app", &key, "root", &root, (from_days, to_days));
        Self { key, leaf, authority }
    }

    pub(in super::super) fn pair(&self) -> KeyPair {
        KeyPair::parse(&self.pem(), None).unwrap()
    }

    /// The chain first, so that the leaf has to be found.
    pub(in super::super) fn pem(&self) -> SecretBytes {
        let mut pem = self.authority.to_pem().unwrap();
        pem.extend(self.key.private_key_to_pem_pkcs8().unwrap());
        pem.extend(self.leaf.to_pem().unwrap());
        SecretBytes::new(pem)
    }

    fn with_key(&self, key: Vec<u8>) -> SecretBytes {
        SecretBytes::new([key, self.leaf.to_pem().unwrap()].concat())
    }

    fn pfx(&self, password: &str, encryption: Option<Nid>) -> SecretBytes {
        let mut chain = Stack::new().unwrap();
        chain.push(self.authority.clone()).unwrap();
        let mut builder = Pkcs12::builder();
        builder.pkey(&self.key).cert(&self.leaf).ca(chain);
        if let Some(nid) = encryption {
            builder.key_algorithm(Nid::PBE_WITHSHA1AND3_KEY_TRIPLEDES_CBC).cert_algorithm(nid).mac_md(MessageDigest::sha1());
        }
        SecretBytes::new(builder.build2(password).unwrap().to_der().unwrap())
    }
}

fn certificate(subject: &str, key: &PKey<Private>, issuer: &str, issuer_key: &PKey<Private>, days: (i64, i64)) -> X509 {
    let name = |text: &str| {
        let mut name = X509NameBuilder::new().unwrap();
        name.append_entry_by_text("CN", text).unwrap();
        name.build()
    };
    let now = Timestamp::now().as_second();
    let mut builder = X509Builder::new().unwrap();
    builder.set_version(2).unwrap();
    builder.set_serial_number(&BigNum::from_u32(fastrand::u32(1..)).unwrap().to_asn1_integer().unwrap()).unwrap();
    builder.set_subject_name(&name(subject)).unwrap();
    builder.set_issuer_name(&name(issuer)).unwrap();
    builder.set_pubkey(key).unwrap();
    builder.set_not_before(&Asn1Time::from_unix(now + days.0 * 86_400 - 60).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::from_unix(now + days.1 * 86_400).unwrap()).unwrap();
    if subject == issuer {
        builder.append_extension(BasicConstraints::new().ca().build().unwrap()).unwrap();
    }
    builder.sign(issuer_key, MessageDigest::sha256()).unwrap();
    builder.build()
}

fn secret(text: &str) -> Secret {
    Secret::new(text)
}

#[track_caller]
fn refused(bytes: &SecretBytes, password: Option<&Secret>, code: &str) -> Error {
    let error = KeyPair::parse(bytes, password).unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::Credential, code.to_owned()), "{error}");
    error
}

#[test]
fn pfx_of_every_make() {
    let sample = Sample::new();
    let made = [
        (sample.pfx("", None), None),
        (sample.pfx("pw", None), Some(secret("pw"))),
        (sample.pfx("", Some(Nid::PBE_WITHSHA1AND3_KEY_TRIPLEDES_CBC)), None),
        (sample.pfx("pw", Some(Nid::PBE_WITHSHA1AND3_KEY_TRIPLEDES_CBC)), Some(secret("pw"))),
    ];
    for (bytes, password) in made {
        let pair = KeyPair::parse(&bytes, password.as_ref()).unwrap();
        assert_eq!(pair.certificate.leaf.to_der().unwrap(), sample.leaf.to_der().unwrap());
        assert_eq!(pair.certificate.x5c().unwrap().len(), 2);
    }
}

#[test]
fn pfx_with_rc2_as_windows_writes_it() {
    assert!(load_legacy(), "the legacy provider is built in");
    let sample = Sample::new();
    let bytes = sample.pfx("pw", Some(Nid::PBE_WITHSHA1AND40BITRC2_CBC));
    assert!(KeyPair::parse(&bytes, Some(&secret("pw"))).is_ok());
    refused(&bytes, Some(&secret("other")), PASSWORD_WRONG);
}

#[test]
fn pfx_in_base64_as_a_vault_hands_it_out() {
    let sample = Sample::new();
    let text = BASE64_STANDARD.encode(sample.pfx("", None).expose());
    assert!(KeyPair::parse(&SecretBytes::new(text.into_bytes()), None).is_ok());
}

#[test]
fn pem_of_every_make() {
    let sample = Sample::new();
    let rsa = sample.key.rsa().unwrap();
    let made = [
        (sample.key.private_key_to_pem_pkcs8().unwrap(), None),
        (rsa.private_key_to_pem().unwrap(), None),
        (sample.key.private_key_to_pem_pkcs8_passphrase(Cipher::aes_256_cbc(), b"pw").unwrap(), Some(secret("pw"))),
        (rsa.private_key_to_pem_passphrase(Cipher::aes_128_cbc(), b"pw").unwrap(), Some(secret("pw"))),
    ];
    for (key, password) in made {
        let bytes = sample.with_key(key);
        assert!(KeyPair::parse(&bytes, password.as_ref()).is_ok());
        if password.is_some() {
            refused(&bytes, None, PASSWORD_NEEDED);
            refused(&bytes, Some(&secret("other")), PASSWORD_WRONG);
        }
    }
}

#[test]
fn a_wrong_password_is_told_apart_from_a_broken_file() {
    let sample = Sample::new();
    let bytes = sample.pfx("pw", None);
    refused(&bytes, None, PASSWORD_NEEDED);
    refused(&bytes, Some(&secret("other")), PASSWORD_WRONG);
    let cut = SecretBytes::new(bytes.expose()[..bytes.expose().len() / 2].to_vec());
    refused(&cut, Some(&secret("pw")), "Certificate");
    refused(&SecretBytes::new(b"hello".to_vec()), None, "Certificate");
    refused(&SecretBytes::new(Vec::new()), None, "Certificate");
}

#[test]
fn keys_that_entra_would_refuse() {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let ec = Sample::of(PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap(), 0, 365);
    let error = refused(&ec.pem(), None, "CertificateKeyKind");
    assert_eq!(error.message(), "the certificate has an elliptic-curve key, and Entra takes RSA alone");
    let sample = Sample::new();
    refused(&SecretBytes::new(sample.leaf.to_pem().unwrap()), None, "CertificateKeyMissing");
    let other = Sample::new();
    refused(&sample.with_key(other.key.private_key_to_pem_pkcs8().unwrap()), None, "CertificateKeyMismatch");
    refused(&SecretBytes::new(sample.key.private_key_to_pem_pkcs8().unwrap()), None, "Certificate");
}

#[test]
fn a_certificate_is_used_in_its_time_alone() {
    let rsa = || PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    let now = Timestamp::now();
    let check = |sample: &Sample| sample.pair().certificate().check_time(now).map_err(|error| error.code());
    assert_eq!(check(&Sample::of(rsa(), -10, -1)).unwrap_err(), "CertificateExpired");
    assert_eq!(check(&Sample::of(rsa(), 2, 10)).unwrap_err(), "CertificateNotYetValid");
    let soon = Sample::of(rsa(), -10, 5).pair();
    assert!(soon.certificate().check_time(now).is_ok());
    assert!(soon.certificate().warning(now).unwrap().contains("expires on"));
    assert_eq!(Sample::new().pair().certificate().warning(now), None);
}

#[test]
fn nothing_of_the_key_is_shown() {
    let shown = format!("{:?}", Sample::new().pair());
    assert!(shown.starts_with("KeyPair(thumbprint ") && shown.len() < 70, "{shown}");
}

proptest::proptest! {
    #[test]
    fn no_file_panics(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200), pem in "-----BEGIN [A-Z ]{0,20}-----\n[A-Za-z0-9+/=\n]{0,80}-----END [A-Z ]{0,20}-----") {
        let _any = KeyPair::parse(&SecretBytes::new([&[0x30][..], &bytes].concat()), None);
        let _any = KeyPair::parse(&SecretBytes::new(bytes), Some(&secret("x")));
        let _any = KeyPair::parse(&SecretBytes::new(pem.into_bytes()), None);
    }
}
