//! Access tokens: issued by the simulated Entra, checked by the simulated APIs. Claims as apis.md 1.8 has them.

use super::{
    directory::{ADMIN_PERSON, AZURE_CLI, App, HOME, Resource, Tenant},
    ids::{guid, lock},
    keys::{Algorithm, KeyPair},
    options::Options,
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as URL64};
use openssl::hash::{MessageDigest, hash};
use serde_json::{Value, json};
use std::{collections::HashMap, sync::Mutex};

/// Signs tokens and knows them again.
pub(crate) struct Mint {
    pair: KeyPair,
    kid: String,
    /// Calls made with each token (by its digest), and whether it was made to expire.
    used: Mutex<HashMap<Vec<u8>, Use>>,
}

#[derive(Clone, Copy, Default)]
struct Use {
    calls: u32,
    expired: bool,
}

/// What a token is issued on.
pub(crate) struct Grant<'a> {
    pub(crate) tenant: &'a Tenant,
    pub(crate) app: &'a App,
    pub(crate) resource: &'a Resource,
    pub(crate) audience: &'a str,
    /// `1` for a secret, `2` for an assertion.
    pub(crate) proof: &'a str,
    pub(crate) now: i64,
    pub(crate) lifetime: i64,
}

/// Why a token is no good to anyone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
    Malformed,
    Signature,
    Expired,
    Early,
}

/// A token's claims, its signature checked.
pub(crate) struct Claims {
    pub(crate) audience: String,
    pub(crate) issuer: String,
    pub(crate) tenant: String,
    pub(crate) app: String,
    pub(crate) principal: String,
    pub(crate) roles: Vec<String>,
    /// What a person delegated to the tool; empty for an application.
    scopes: String,
    /// Template ids of a person's directory roles.
    pub(crate) directory_roles: Vec<String>,
}

impl Claims {
    /// Whether a person is signed in.
    pub(crate) fn is_user(&self) -> bool {
        !self.scopes.is_empty()
    }
}

impl Mint {
    /// Makes a mint that signs with `pair`.
    pub(crate) fn new(pair: KeyPair) -> crate::error::Result<Self> {
        let kid = URL64.encode(pair.thumbprint(MessageDigest::sha1())?);
        Ok(Self { pair, kid, used: Mutex::default() })
    }

    /// The keys that tokens are verified with, as a JWK set.
    pub(crate) fn jwks(&self, issuer: &str) -> Value {
        let (n, e) = self.pair.rsa_numbers().unwrap_or_default();
        let x5c = self.pair.der().map(|der| base64::prelude::BASE64_STANDARD.encode(der)).unwrap_or_default();
        json!({"keys": [{"kty": "RSA", "use": "sig", "kid": self.kid, "x5t": self.kid, "n": n, "e": e, "x5c": [x5c], "issuer": issuer}]})
    }

    /// Issues a token.
    pub(crate) fn issue(&self, grant: &Grant<'_>) -> String {
        let header = json!({"typ": "JWT", "alg": "RS256", "x5t": self.kid, "kid": self.kid});
        self.pair.sign_jwt(&header, &claims_of(grant)).unwrap_or_default()
    }

    /// Issues a token of the administrator, a person who is signed in to the Azure CLI.
    pub(crate) fn issue_person(&self, audience: &str, options: &Options, now: i64, lifetime: i64) -> String {
        let header = json!({"typ": "JWT", "alg": "RS256", "x5t": self.kid, "kid": self.kid});
        let issuer = format!("https://sts.windows.net/{HOME}/");
        let mut claims = json!({
            "aud": audience, "iss": issuer, "iat": now, "nbf": now, "exp": now + lifetime, "appid": AZURE_CLI, "appidacr": "0",
            "idtyp": "user", "name": "Ada Min", "oid": ADMIN_PERSON, "sub": ADMIN_PERSON, "tid": HOME, "upn": "ada.min@tarnfield.example",
            "scp": "AppRoleAssignment.ReadWrite.All Application.ReadWrite.All Directory.AccessAsUser.All", "ver": "1.0",
        });
        if options.token_tells_roles {
            claims["wids"] = json!(options.admin_roles);
        }
        self.pair.sign_jwt(&header, &claims).unwrap_or_default()
    }

    /// Checks a token's signature and times.
    pub(crate) fn check(&self, token: &str, now: i64) -> Result<Claims, Unfit> {
        let claims = self.signed_claims(token)?;
        if claims["nbf"].as_i64().is_none_or(|from| from > now + 300) {
            return Err(Unfit::Early);
        }
        if claims["exp"].as_i64().is_none_or(|to| to <= now) || self.usage(token).expired {
            return Err(Unfit::Expired);
        }
        Ok(read(&claims))
    }

    /// Counts a call made with a token; beyond `most` the token has expired.
    pub(crate) fn count(&self, token: &str, most: u32) -> bool {
        let mut used = lock(&self.used);
        let usage = used.entry(digest(token)).or_default();
        usage.calls += 1;
        usage.expired |= usage.calls > most;
        usage.expired
    }

    /// Makes a token expire now.
    pub(crate) fn expire(&self, token: &str) {
        lock(&self.used).entry(digest(token)).or_default().expired = true;
    }

    fn usage(&self, token: &str) -> Use {
        lock(&self.used).get(&digest(token)).copied().unwrap_or_default()
    }

    fn signed_claims(&self, token: &str) -> Result<Value, Unfit> {
        let jwt = Jwt::parse(token).ok_or(Unfit::Malformed)?;
        let alg = Algorithm::parse("RS256").ok_or(Unfit::Signature)?;
        let right = jwt.header["alg"] == "RS256" && self.pair.verifies(alg, jwt.input.as_bytes(), &jwt.signature);
        if right { Ok(jwt.claims) } else { Err(Unfit::Signature) }
    }
}

fn digest(token: &str) -> Vec<u8> {
    hash(MessageDigest::sha256(), token.as_bytes()).map(|digest| digest.to_vec()).unwrap_or_default()
}

fn claims_of(grant: &Grant<'_>) -> Value {
    let roles = grant.app.roles_for(grant.resource);
    let issuer = format!("https://sts.windows.net/{}/", grant.tenant.id);
    let mut claims = json!({
        "aud": grant.audience, "iss": issuer, "iat": grant.now, "nbf": grant.now, "exp": grant.now + grant.lifetime,
        "app_displayname": grant.app.name, "appid": grant.app.id, "appidacr": grant.proof,
        "idp": issuer, "idtyp": "app", "oid": grant.app.principal, "sub": grant.app.principal, "rh": "0.AAAA.",
        "tid": grant.tenant.id, "uti": URL64.encode(guid()), "ver": "1.0",
    });
    // The claim is missing, not empty, where nothing was granted (apis.md 1.8).
    if !roles.is_empty() {
        claims["roles"] = json!(roles);
    }
    claims
}

fn read(claims: &Value) -> Claims {
    let text = |name: &str| claims[name].as_str().unwrap_or_default().to_owned();
    let list = |name: &str| {
        let list = claims[name].as_array().map(|list| list.iter().filter_map(|one| one.as_str().map(str::to_owned)).collect::<Vec<_>>());
        list.unwrap_or_default()
    };
    Claims {
        audience: text("aud"),
        issuer: text("iss"),
        tenant: text("tid"),
        app: text("appid"),
        principal: text("oid"),
        roles: list("roles"),
        scopes: text("scp"),
        directory_roles: list("wids"),
    }
}

/// A compact JWS, decoded but not verified.
pub(crate) struct Jwt {
    pub(crate) header: Value,
    pub(crate) claims: Value,
    /// What was signed.
    pub(crate) input: String,
    pub(crate) signature: Vec<u8>,
}

impl Jwt {
    /// Decodes three segments of base64url without padding.
    pub(crate) fn parse(token: &str) -> Option<Self> {
        let (input, signature) = token.rsplit_once('.')?;
        let (header, claims) = input.split_once('.').filter(|(_, claims)| !claims.contains('.'))?;
        let object = |part: &str| -> Option<Value> {
            let value: Value = serde_json::from_slice(&URL64.decode(part).ok()?).ok()?;
            value.is_object().then_some(value)
        };
        Some(Self { header: object(header)?, claims: object(claims)?, input: input.to_owned(), signature: URL64.decode(signature).ok()? })
    }
}
