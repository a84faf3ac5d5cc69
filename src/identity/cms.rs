//! A text signed with the application's certificate so that anybody can check it with OpenSSL: detached CMS (RFC 5652) with signed
//! attributes, RSA PKCS #1 v1.5 over SHA-256. The key may lie in the vault: all that a signer is asked for is a signature of the attributes.
//!
//! ```text
//! openssl cms -verify -binary -inform DER -in SHA256SUMS.p7s -content SHA256SUMS -CAfile APP.pem -purpose any -out /dev/null
//! ```
//!
//! Not for trust: whether the certificate is the one expected is for the reader to say, by its SHA-256.

use super::signer::Signer;
use crate::{
    error::{Error, Kind, Result},
    vault::Signature,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use cms::{
    cert::{CertificateChoices, IssuerAndSerialNumber},
    content_info::{CmsVersion, ContentInfo},
    signed_data::{CertificateSet, EncapsulatedContentInfo, SignedData, SignerIdentifier, SignerInfo, SignerInfos},
};
use jiff::Timestamp;
use openssl::cms::{CMSOptions, CmsContentInfo};
use sha2::{Digest, Sha256};
use std::time::Duration;
use x509_cert::{
    Certificate,
    attr::{Attribute, Attributes},
    der::{
        self, Any, Decode, Encode,
        asn1::{GeneralizedTime, ObjectIdentifier, OctetString, SetOfVec, UtcTime},
    },
    spki::AlgorithmIdentifierOwned,
};

const DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1");
const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
const CONTENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
const SIGNING_TIME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.5");
const SHA_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
const SHA_256_WITH_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");

/// Who signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedBy {
    /// Subject of the certificate.
    pub subject: String,
    /// SHA-256 of the certificate, hexadecimal.
    pub sha256: String,
}

/// Says who [`sign_detached`] would sign as.
///
/// # Errors
/// [`Kind::Credential`] where the certificate cannot be read.
pub fn signs_as(signer: &dyn Signer) -> Result<SignedBy> {
    let leaf = chain(signer)?.into_iter().next().ok_or_else(no_certificate)?;
    who(&leaf).map_err(|error| failed(&error))
}

/// Signs `content`, and returns the DER of the detached signature. `at` is what the signature says of its time.
///
/// # Errors
/// [`Kind::Credential`] where the key cannot be used.
pub async fn sign_detached(signer: &dyn Signer, content: &[u8], at: Timestamp) -> Result<Vec<u8>> {
    let chain = chain(signer)?;
    let attributes = attributes(content, at).map_err(|error| failed(&error))?;
    let to_sign = attributes.to_der().map_err(|error| failed(&error))?;
    let signature = signer.sign(Signature::Rs256, &to_sign).await?;
    let leaf = chain.first().cloned().ok_or_else(no_certificate)?;
    assembled(&leaf, chain, attributes, &signature).map_err(|error| failed(&error))
}

/// Checks a detached signature of `content`, and returns who signed. A signature that holds anything else than [`sign_detached`] puts
/// into it is refused, so that no bit of it can be another.
///
/// # Errors
/// [`Kind::Failed`] with what is wrong.
pub fn check_detached(signature: &[u8], content: &[u8]) -> Result<SignedBy> {
    let wrong = |why: &str| Error::new(Kind::Failed, why.to_owned());
    let (leaf, rebuilt) = rebuilt(signature).map_err(|error| wrong("it is no signature of ours").caused_by(error))?;
    if rebuilt != signature {
        return Err(wrong("it holds something that does not belong into a signature"));
    }
    let flags = CMSOptions::BINARY | CMSOptions::DETACHED | CMSOptions::NO_SIGNER_CERT_VERIFY;
    let checked = CmsContentInfo::from_der(signature).and_then(|mut cms| cms.verify(None, None, Some(content), None, flags));
    checked.map_err(|error| wrong("it is not a signature of what stands there").caused_by(error))?;
    who(&leaf).map_err(|error| wrong("its certificate cannot be read").caused_by(error))
}

fn who(leaf: &Certificate) -> der::Result<SignedBy> {
    let sha256 = hex::encode(Sha256::digest(leaf.to_der()?));
    Ok(SignedBy { subject: leaf.tbs_certificate.subject.to_string(), sha256 })
}

/// The certificate and those above it, the leaf first.
fn chain(signer: &dyn Signer) -> Result<Vec<Certificate>> {
    let decoded = signer.certificate().x5c()?.into_iter().map(|text| {
        let der = BASE64_STANDARD.decode(text).map_err(|error| failed(&error))?;
        let certificate = Certificate::from_der(&der).map_err(|error| failed(&error))?;
        // What is embedded must be the very certificate that its thumbprint names.
        let same = certificate.to_der().is_ok_and(|again| again == der);
        same.then_some(certificate).ok_or_else(|| failed(&"it is not encoded as DER"))
    });
    decoded.collect()
}

fn failed(error: &dyn std::fmt::Display) -> Error {
    Error::new(Kind::Credential, format!("the certificate cannot be used for a CMS signature: {error}"))
}

fn no_certificate() -> Error {
    failed(&"there is none")
}

fn any(value: &impl Encode) -> der::Result<Any> {
    Any::from_der(&value.to_der()?)
}

fn attribute(oid: ObjectIdentifier, value: &impl Encode) -> der::Result<Attribute> {
    Ok(Attribute { oid, values: SetOfVec::try_from(vec![any(value)?])? })
}

fn attributes(content: &[u8], at: Timestamp) -> der::Result<Attributes> {
    let digest = OctetString::new(Sha256::digest(content).as_slice())?;
    let seconds = Duration::from_secs(u64::try_from(at.as_second()).unwrap_or_default());
    // RFC 5652, 11.3: UTCTime through 2049, GeneralizedTime from then on.
    let time = match UtcTime::from_unix_duration(seconds) {
        Ok(time) => attribute(SIGNING_TIME, &time)?,
        Err(_) => attribute(SIGNING_TIME, &GeneralizedTime::from_unix_duration(seconds)?)?,
    };
    SetOfVec::try_from(vec![attribute(CONTENT_TYPE, &DATA)?, time, attribute(MESSAGE_DIGEST, &digest)?])
}

fn algorithm(oid: ObjectIdentifier, parameters: Option<Any>) -> AlgorithmIdentifierOwned {
    AlgorithmIdentifierOwned { oid, parameters }
}

fn assembled(leaf: &Certificate, chain: Vec<Certificate>, attributes: Attributes, signature: &[u8]) -> der::Result<Vec<u8>> {
    let TbsParts { issuer, serial_number } = TbsParts::of(leaf);
    let signer = SignerInfo {
        version: CmsVersion::V1,
        sid: SignerIdentifier::IssuerAndSerialNumber(IssuerAndSerialNumber { issuer, serial_number }),
        digest_alg: algorithm(SHA_256, None),
        signed_attrs: Some(attributes),
        signature_algorithm: algorithm(SHA_256_WITH_RSA, Some(Any::null())),
        signature: OctetString::new(signature)?,
        unsigned_attrs: None,
    };
    let certificates: Vec<CertificateChoices> = chain.into_iter().map(CertificateChoices::Certificate).collect();
    let data = SignedData {
        version: CmsVersion::V1,
        digest_algorithms: SetOfVec::try_from(vec![algorithm(SHA_256, None)])?,
        encap_content_info: EncapsulatedContentInfo { econtent_type: DATA, econtent: None },
        certificates: Some(CertificateSet::try_from(certificates)?),
        crls: None,
        signer_infos: SignerInfos::try_from(vec![signer])?,
    };
    ContentInfo { content_type: SIGNED_DATA, content: any(&data)? }.to_der()
}

struct TbsParts {
    issuer: x509_cert::name::Name,
    serial_number: x509_cert::serial_number::SerialNumber,
}

impl TbsParts {
    fn of(leaf: &Certificate) -> Self {
        Self { issuer: leaf.tbs_certificate.issuer.clone(), serial_number: leaf.tbs_certificate.serial_number.clone() }
    }
}

/// Takes a signature apart and puts it together again from its leaf, chain, attributes and signature alone.
fn rebuilt(signature: &[u8]) -> der::Result<(Certificate, Vec<u8>)> {
    let odd = || der::Error::from(der::ErrorKind::Failed);
    let signed: SignedData = ContentInfo::from_der(signature)?.content.decode_as()?;
    let [info] = signed.signer_infos.0.as_slice() else { return Err(odd()) };
    let SignerIdentifier::IssuerAndSerialNumber(sid) = &info.sid else { return Err(odd()) };
    let certificates = signed.certificates.ok_or_else(odd)?.0.into_vec();
    let chain: Vec<Certificate> = certificates
        .into_iter()
        .filter_map(|choice| match choice {
            CertificateChoices::Certificate(certificate) => Some(certificate),
            CertificateChoices::Other(_) => None,
        })
        .collect();
    let is_leaf = |certificate: &&Certificate| {
        let parts = TbsParts::of(certificate);
        parts.issuer == sid.issuer && parts.serial_number == sid.serial_number
    };
    let leaf = chain.iter().find(is_leaf).cloned().ok_or_else(odd)?;
    let attributes = info.signed_attrs.clone().ok_or_else(odd)?;
    let bytes = assembled(&leaf, chain, attributes, info.signature.as_bytes())?;
    Ok((leaf, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        identity::{KeyPair, LocalSigner},
        secret::SecretBytes,
    };
    use openssl::{
        asn1::Asn1Time,
        bn::BigNum,
        hash::MessageDigest,
        pkey::PKey,
        rsa::Rsa,
        x509::{X509, X509NameBuilder},
    };

    fn signer() -> LocalSigner {
        let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
        let mut name = X509NameBuilder::new().unwrap();
        name.append_entry_by_text("CN", "ir-app").unwrap();
        let name = name.build();
        let mut builder = X509::builder().unwrap();
        builder.set_version(2).unwrap();
        builder.set_serial_number(&BigNum::from_u32(77).unwrap().to_asn1_integer().unwrap()).unwrap();
        builder.set_subject_name(&name).unwrap();
        builder.set_issuer_name(&name).unwrap();
        builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
        builder.set_not_after(&Asn1Time::days_from_now(30).unwrap()).unwrap();
        builder.set_pubkey(&key).unwrap();
        builder.sign(&key, MessageDigest::sha256()).unwrap();
        let pem = [key.private_key_to_pem_pkcs8().unwrap(), builder.build().to_pem().unwrap()].concat();
        LocalSigner::new(KeyPair::parse(&SecretBytes::new(pem), None).unwrap())
    }

    #[tokio::test]
    async fn what_is_signed_checks_and_nothing_else_does() {
        let signer = signer();
        let signature = sign_detached(&signer, b"content", Timestamp::now()).await.unwrap();
        let by = check_detached(&signature, b"content").unwrap();
        assert_eq!(by, signs_as(&signer).unwrap());
        assert_eq!(by.subject, "CN=ir-app");
        assert!(check_detached(&signature, b"Content").is_err());
        for at in 0..signature.len() {
            let mut flipped = signature.clone();
            flipped[at] ^= 1 << (at % 8);
            let found = check_detached(&flipped, b"content");
            assert!(found.is_err() || found.unwrap().sha256 != by.sha256, "byte {at}");
        }
    }
}
