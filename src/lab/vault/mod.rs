//! The simulated Key Vault: challenge, authorisation, and the read and sign operations (apis.md 3).

mod bundle;
mod contents;
mod refusal;
mod writes;

use super::{
    directory::{HOME, VAULT_AUDIENCE},
    keys::Algorithm,
    tokens::{Claims, Unfit},
    wire::{Call, Reply, json, with, with_all},
    world::World,
};
use axum::http::Method;
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as URL64};
use contents::{Access, Content, Family, Object, Vault, Version};
pub(crate) use contents::{Certificates, NAMES, Secrets, Vaults};
use refusal::Refusal;
use serde_json::{Value, json};
use std::sync::Arc;

/// Most items of a list's page (apis.md 3.3).
const PAGE: usize = 25;

/// Answers a request to a vault.
pub(crate) fn answer(world: &World, call: &Call) -> Reply {
    let Some(vault) = world.vaults.at(&call.host) else { return nowhere(call) };
    let answered = match answered(world, call, vault) {
        Ok((202, value)) => created(call, &value),
        Ok((status, value)) => json(status, &value),
        Err(refusal) if refusal.is_unauthorized() => with(refusal.reply(), "www-authenticate", &challenge(world)),
        Err(refusal) => refusal.reply(),
    };
    finished(call, answered)
}

/// In reality such a name does not resolve; who has it resolve to the lab gets the front door's words.
fn nowhere(call: &Call) -> Reply {
    let message = format!("The vault name '{}' is invalid.", call.host.split('.').next().unwrap_or_default());
    json(400, &json!({"error": {"code": "VaultNameNotValid", "message": message}}))
}

/// The answer to the making of a certificate says where to ask for it, and when.
fn created(call: &Call, operation: &Value) -> Reply {
    let version = call.query("api-version").unwrap_or_default();
    let location = format!(
        "{}?api-version={version}&request_id={}",
        operation["id"].as_str().unwrap_or_default(),
        operation["request_id"].as_str().unwrap_or_default()
    );
    with_all(json(202, operation), &[("location", location.as_str()), ("retry-after", "10")])
}

fn challenge(world: &World) -> String {
    format!(r#"Bearer authorization="https://{}/{HOME}", resource="{VAULT_AUDIENCE}""#, world.authority_host())
}

fn finished(call: &Call, answered: Reply) -> Reply {
    let answered = with_all(
        answered,
        &[
            ("cache-control", "no-cache"),
            ("pragma", "no-cache"),
            ("strict-transport-security", "max-age=31536000;includeSubDomains"),
            ("x-content-type-options", "nosniff"),
            ("x-ms-keyvault-region", "westeurope"),
            ("x-ms-keyvault-service-version", "1.9.2100.1"),
            ("x-ms-keyvault-network-info", "conn_type=Ipv4;addr=127.0.0.1;act_addr_fam=InterNetwork;"),
            ("x-ms-request-id", &call.id),
        ],
    );
    match call.header("x-ms-client-request-id").or(call.header("client-request-id")) {
        Some(id) => with(answered, "x-ms-client-request-id", id),
        None => answered,
    }
}

fn answered(world: &World, call: &Call, vault: &Vault) -> Result<(u16, Value), Refusal> {
    if world.vault_is_throttled() {
        return Err(Refusal::throttled());
    }
    let claims = caller(world, call)?;
    check_version(call)?;
    let segments = call.segments();
    let path: Vec<&str> = segments.iter().map(String::as_str).collect();
    if let Some((family, rest)) = path.split_first().and_then(|(first, rest)| Some((writes::deleted_family(first)?, rest))) {
        return Desk { world, call, vault, claims: &claims, family }.of_deleted(rest).map(|value| (200, value));
    }
    let (family, rest) =
        path.split_first().and_then(|(first, rest)| Some((Family::parse(first)?, rest))).ok_or_else(Refusal::no_resource)?;
    let desk = Desk { world, call, vault, claims: &claims, family };
    if let Some(written) = desk.written(rest) {
        return written;
    }
    let read = match (&call.method, rest) {
        (&Method::GET, []) => desk.list(None),
        (&Method::GET, [name, "versions"]) => desk.list(Some(name)),
        (&Method::GET, [name]) => desk.get(name, None),
        (&Method::GET, [name, version]) => desk.get(name, Some(version)),
        (&Method::POST, [name, version, "sign"]) if family == Family::Keys => desk.sign(name, Some(version)),
        (&Method::POST, [name, "sign"]) if family == Family::Keys => desk.sign(name, None),
        (&Method::GET | &Method::POST, _) => Err(Refusal::no_resource()),
        _ => Err(Refusal::method()),
    };
    read.map(|value| (200, value))
}

fn caller(world: &World, call: &Call) -> Result<Claims, Refusal> {
    let token = call.bearer().ok_or_else(|| Refusal::unauthorized("AKV10000: Request is missing a Bearer or PoP token."))?;
    let claims = world.mint.check(token, jiff::Timestamp::now().as_second()).map_err(unfit)?;
    if claims.audience != VAULT_AUDIENCE {
        let message = format!("AKV10022: Invalid audience. Expected {VAULT_AUDIENCE}, found: {}.", claims.audience);
        return Err(Refusal::unauthorized(message));
    }
    if claims.tenant != HOME {
        let expected = format!("https://sts.windows.net/{HOME}/");
        let message = format!("AKV10032: Invalid issuer. Expected one of {expected}, found {}.", claims.issuer);
        return Err(Refusal::unauthorized(message));
    }
    Ok(claims)
}

fn unfit(why: Unfit) -> Refusal {
    Refusal::unauthorized(match why {
        Unfit::Expired => "[TokenExpired] Error validating token: 'S2S12086'.",
        Unfit::Early => "[TokenNotYetValid] Error validating token: 'S2S12087'.",
        Unfit::Malformed => "AKV10005: Error parsing the Bearer token.",
        Unfit::Signature => "AKV10046: Unable to resolve the key used for signature validation.",
    })
}

fn check_version(call: &Call) -> Result<(), Refusal> {
    let version = call
        .query("api-version")
        .ok_or_else(|| Refusal::bad_parameter("The request URI does not contain the mandatory query parameter 'api-version'."))?;
    let stable = version.split("-preview").next().unwrap_or_default();
    let numbered = matches!(stable.as_bytes(), [b'7', b'.', b'0'..=b'6']);
    let dated = stable.len() == 10 && stable.starts_with("20") && stable.parse::<jiff::civil::Date>().is_ok();
    if numbered || dated {
        return Ok(());
    }
    let message = format!("The specified version ({version}) is not recognized. Consider using the latest supported version (2025-07-01).");
    Err(Refusal::bad_parameter(message))
}

/// One authorised caller's request to one collection.
struct Desk<'a> {
    world: &'a World,
    call: &'a Call,
    vault: &'a Vault,
    claims: &'a Claims,
    family: Family,
}

impl Desk<'_> {
    fn get(&self, name: &str, version: Option<&str>) -> Result<Value, Refusal> {
        let action = match self.family {
            Family::Secrets => "secrets/getSecret/action",
            Family::Certificates => "certificates/read",
            Family::Keys => "keys/read",
        };
        self.authorise(action, "get", name)?;
        let (held, at) = self.find(name, version)?;
        let (object, version) = (&*held, &held.versions[at]);
        if !version.enabled {
            return Err(Refusal::barred("get", self.family, "disabled"));
        }
        let host = &self.call.host;
        let bundle = match self.family {
            Family::Secrets => Some(self.secret(object, version)),
            Family::Certificates => bundle::certificate(host, object, version),
            Family::Keys => bundle::key(host, object, version),
        };
        bundle.ok_or_else(|| Refusal::not_found(self.family, name))
    }

    fn secret(&self, object: &Object, version: &Version) -> Value {
        let mut bundle = bundle::secret(&self.call.host, object, version);
        if version.is_confidential() {
            self.note(version);
        }
        let older = object.versions.iter().rev().skip_while(|known| known.id != version.id).nth(1);
        // Only versions of the API that are named by a date tell the version before.
        if let Some(older) = older.filter(|_| self.call.query("api-version").is_some_and(|version| version.starts_with("20"))) {
            bundle["previousVersion"] = json!(older.id);
        }
        bundle
    }

    fn note(&self, version: &Version) {
        let ledger = &self.world.ledger;
        ledger.note(version.secret().0.trim_end());
        if let Content::Certificate { pair, .. } = &version.content {
            let pem = pair.key.private_key_to_pem_pkcs8().unwrap_or_default();
            let text = String::from_utf8_lossy(&pem).into_owned();
            text.lines().filter(|line| !line.starts_with('-') && line.len() > 32).for_each(|line| ledger.note(line));
        }
    }

    /// The object and which of its versions.
    fn find(&self, name: &str, version: Option<&str>) -> Result<(Arc<Object>, usize), Refusal> {
        check_name(name)?;
        let missing = || Refusal::not_found(self.family, &version.map_or(name.to_owned(), |version| format!("{name}/{version}")));
        let object = self.world.vaults.object(self.family, name).ok_or_else(missing)?;
        let at = object.place(version).ok_or_else(missing)?;
        Ok((object, at))
    }

    fn authorise(&self, action: &str, permission: &str, name: &str) -> Result<(), Refusal> {
        match &self.vault.access {
            Access::Rbac(granted) => {
                let allowed = granted
                    .iter()
                    .any(|(app, actions)| (*app == self.claims.app || *app == self.claims.principal) && actions.contains(&action));
                let resource = if name.is_empty() { String::new() } else { format!("/{}/{}", self.family.plural(), name.to_lowercase()) };
                if allowed { Ok(()) } else { Err(Refusal::by_rbac(self.vault, self.claims, action, &resource)) }
            }
            Access::Policy => Err(Refusal::by_policy(self.vault, self.claims, &format!("{} {permission}", self.family.plural()))),
            Access::Firewall => Err(Refusal::by_firewall(&self.call.peer.ip().to_string(), self.claims)),
            Access::PrivateLink => Err(Refusal::by_connection()),
        }
    }

    fn list(&self, name: Option<&str>) -> Result<Value, Refusal> {
        let action = match self.family {
            Family::Secrets => "secrets/readMetadata/action",
            Family::Certificates => "certificates/read",
            Family::Keys => "keys/read",
        };
        self.authorise(action, "list", name.unwrap_or_default())?;
        let host = &self.call.host;
        let items: Vec<Value> = if let Some(name) = name {
            let (object, _) = self.find(name, None)?;
            object.versions.iter().filter_map(|version| bundle::item(host, self.family, &object, version, true)).collect()
        } else {
            let all = self.world.vaults.all();
            let shown = all.iter().filter(|object| object.is_in(self.family));
            shown.filter_map(|object| bundle::item(host, self.family, object, object.versions.last()?, false)).collect()
        };
        self.page(&items)
    }

    fn page(&self, items: &[Value]) -> Result<Value, Refusal> {
        let size = self.call.query("maxresults").map_or(Ok(PAGE), str::parse).ok().filter(|size| (1..=PAGE).contains(size));
        let size = size.ok_or_else(|| Refusal::bad_parameter("maxresults must be a number from 1 to 25."))?;
        let skipped =
            self.call.query("$skiptoken").map_or(Some(0), skipped).ok_or_else(|| Refusal::bad_parameter("Invalid $skiptoken."))?;
        let shown: Vec<&Value> = items.iter().skip(skipped).take(size).collect();
        let next = (skipped + size < items.len()).then(|| self.next_link(skipped + size, size));
        Ok(json!({"value": shown, "nextLink": next}))
    }

    fn next_link(&self, skipped: usize, size: usize) -> String {
        let version = self.call.query("api-version").unwrap_or_default();
        let token = URL64.encode(format!("skip:{skipped}"));
        format!("https://{}{}?api-version={version}&$skiptoken={token}&maxresults={size}", self.call.host, self.call.path)
    }

    fn sign(&self, name: &str, version: Option<&str>) -> Result<Value, Refusal> {
        self.authorise("keys/sign/action", "sign", name)?;
        let (object, at) = self.find(name, version)?;
        let version = &object.versions[at];
        let Content::Certificate { pair, .. } = &version.content else { return Err(Refusal::not_found(Family::Keys, name)) };
        if !version.enabled {
            return Err(Refusal::barred("sign", Family::Keys, "disabled"));
        }
        if version.to.is_some_and(|to| to <= jiff::Timestamp::now().as_second()) {
            return Err(Refusal::barred("sign", Family::Keys, "expired"));
        }
        let kid = bundle::id(&self.call.host, Family::Keys, &object.name, Some(&version.id));
        let (alg, digest) = self.sign_request(&kid, pair.is_rsa())?;
        let signature = pair.sign_digest(alg, &digest).ok_or_else(|| Refusal::bad_parameter("The key cannot sign."))?;
        Ok(json!({"kid": kid, "value": URL64.encode(signature)}))
    }

    fn sign_request(&self, kid: &str, rsa: bool) -> Result<(Algorithm, Vec<u8>), Refusal> {
        let body: Value =
            serde_json::from_slice(&self.call.body).map_err(|_| Refusal::bad_parameter("The request body is not valid JSON."))?;
        let name = body["alg"].as_str().unwrap_or_default();
        let alg = Algorithm::parse(name).ok_or_else(|| Refusal::bad_parameter(format!("Property alg has invalid value: {name}")))?;
        if alg.needs_rsa() != rsa {
            let (has, wants) = if rsa { ("RSA", "EC") } else { ("EC", "RSA") };
            let message = format!(
                "Key and signing algorithm are incompatible. Key {kid} is of type '{has}', and algorithm '{name}' can only be used with a \
                 key of type '{wants}' or '{wants}-HSM'."
            );
            return Err(Refusal::bad_parameter(message));
        }
        let digest = body["value"].as_str().and_then(|value| URL64.decode(value).ok());
        let digest = digest.filter(|digest| digest.len() == alg.digest_length()).ok_or_else(|| {
            Refusal::bad_parameter(format!("Invalid length of 'value': {name} needs a digest of {} bytes.", alg.digest_length()))
        })?;
        Ok((alg, digest))
    }
}

fn check_name(name: &str) -> Result<(), Refusal> {
    if name.is_empty() || name.len() > 127 || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        return Err(Refusal::bad_parameter(format!("The request URI contains an invalid name: {name}")));
    }
    Ok(())
}

fn skipped(token: &str) -> Option<usize> {
    let text = String::from_utf8(URL64.decode(token).ok()?).ok()?;
    text.strip_prefix("skip:")?.parse().ok()
}
