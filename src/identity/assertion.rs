//! The client assertion: a JWT by which an application proves that it holds a certificate's key (RFC 7523).
//!
//! Microsoft's page asks for PS256 and `x5t#S256`; RS256 and `x5t` are kept for authorities that take nothing newer.

use super::signer::Signer;
use crate::{
    error::{Error, Kind, Result},
    secret::Secret,
    vault::Signature,
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde::Serialize;

/// Seconds that an assertion is good for.
const GOOD_FOR: i64 = 600;

/// Seconds that it is dated back, since clocks differ.
const DATED_BACK: i64 = 60;

/// What an assertion is made for.
pub(super) struct Purpose<'a> {
    /// The token endpoint that it is sent to.
    pub(super) endpoint: &'a str,
    pub(super) app_id: &'a str,
    pub(super) algorithm: Signature,
    pub(super) send_chain: bool,
    /// The service's time.
    pub(super) now: Timestamp,
}

#[derive(Serialize)]
struct Header {
    alg: &'static str,
    typ: &'static str,
    #[serde(rename = "x5t#S256", skip_serializing_if = "Option::is_none")]
    x5t_s256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    x5t: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    x5c: Option<Vec<String>>,
}

#[derive(Serialize)]
struct Claims<'a> {
    aud: &'a str,
    iss: &'a str,
    sub: &'a str,
    jti: String,
    nbf: i64,
    iat: i64,
    exp: i64,
}

/// Makes a fresh assertion.
pub(super) async fn assertion(signer: &dyn Signer, purpose: &Purpose<'_>) -> Result<Secret> {
    signer.certificate().check_time(purpose.now)?;
    let input = format!("{}.{}", encode(&header(signer, purpose)?)?, encode(&claims(purpose))?);
    let signature = signer.sign(purpose.algorithm, input.as_bytes()).await?;
    Ok(Secret::new(format!("{input}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))))
}

fn header(signer: &dyn Signer, purpose: &Purpose<'_>) -> Result<Header> {
    let certificate = signer.certificate();
    let x5c = purpose.send_chain.then(|| certificate.x5c()).transpose()?;
    Ok(match purpose.algorithm {
        Signature::Ps256 => Header { alg: "PS256", typ: "JWT", x5t_s256: Some(certificate.thumbprint_sha256()?), x5t: None, x5c },
        Signature::Rs256 => Header { alg: "RS256", typ: "JWT", x5t_s256: None, x5t: Some(certificate.thumbprint_sha1()?), x5c },
    })
}

fn claims<'a>(purpose: &Purpose<'a>) -> Claims<'a> {
    let now = purpose.now.as_second();
    Claims {
        aud: purpose.endpoint,
        iss: purpose.app_id,
        sub: purpose.app_id,
        jti: uuid::Uuid::new_v4().to_string(),
        nbf: now - DATED_BACK,
        iat: now,
        exp: now + GOOD_FOR,
    }
}

fn encode(part: &impl Serialize) -> Result<String> {
    let json = serde_json::to_vec(part).map_err(|error| Error::new(Kind::Failed, "the assertion cannot be written").caused_by(error))?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(json))
}

#[cfg(test)]
mod tests {
    use super::super::{certificate::tests::Sample, signer::LocalSigner};
    use super::*;
    use openssl::{
        hash::MessageDigest,
        rsa::Padding,
        sign::{RsaPssSaltlen, Verifier},
    };

    async fn parts(sample: &Sample, algorithm: Signature, send_chain: bool) -> (serde_json::Value, serde_json::Value, String) {
        let signer = LocalSigner::new(sample.pair());
        let purpose =
            Purpose { endpoint: "https://login.test/t/oauth2/v2.0/token", app_id: "app", algorithm, send_chain, now: Timestamp::now() };
        let text = assertion(&signer, &purpose).await.unwrap().expose().to_owned();
        let part =
            |index: usize| serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(text.split('.').nth(index).unwrap()).unwrap()).unwrap();
        (part(0), part(1), text)
    }

    fn verifies(sample: &Sample, algorithm: Signature, text: &str) -> bool {
        let (input, signature) = text.rsplit_once('.').unwrap();
        let public = sample.leaf.public_key().unwrap();
        let mut verifier = Verifier::new(MessageDigest::sha256(), &public).unwrap();
        if algorithm == Signature::Ps256 {
            verifier.set_rsa_padding(Padding::PKCS1_PSS).unwrap();
            verifier.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH).unwrap();
        }
        verifier.verify_oneshot(&BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap(), input.as_bytes()).unwrap()
    }

    #[tokio::test]
    async fn ps256_names_the_certificate_by_sha256() {
        let sample = Sample::new();
        let (header, claims, text) = parts(&sample, Signature::Ps256, false).await;
        let thumbprint = BASE64_URL_SAFE_NO_PAD.encode(sample.leaf.digest(MessageDigest::sha256()).unwrap());
        assert_eq!(header, serde_json::json!({"alg": "PS256", "typ": "JWT", "x5t#S256": thumbprint}));
        assert_eq!(
            (claims["aud"].as_str(), claims["iss"].as_str(), claims["sub"].as_str()),
            (Some("https://login.test/t/oauth2/v2.0/token"), Some("app"), Some("app"))
        );
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 600);
        assert_eq!(claims["iat"].as_i64().unwrap() - claims["nbf"].as_i64().unwrap(), 60);
        assert!(verifies(&sample, Signature::Ps256, &text));
        let (_, again, _) = parts(&sample, Signature::Ps256, false).await;
        assert_ne!(claims["jti"], again["jti"]);
    }

    #[tokio::test]
    async fn rs256_names_it_by_sha1_and_the_chain_goes_along_if_asked() {
        let sample = Sample::new();
        let (header, _, text) = parts(&sample, Signature::Rs256, true).await;
        assert_eq!((header["alg"].as_str(), header.get("x5t#S256")), (Some("RS256"), None));
        assert_eq!(header["x5t"].as_str().unwrap().len(), 27);
        assert_eq!(header["x5c"].as_array().unwrap().len(), 2);
        assert!(verifies(&sample, Signature::Rs256, &text));
    }
}
