//! What lies in the vaults, and who may do what with it. Every vault holds the same, so that a refusal is about the caller.

use crate::error::{Error, Kind, Result};
use crate::lab::{
    directory::{ADMIN, ADMIN_PERSON, IDENTITY, VAULT_READER},
    ids::{self, client_secret, lock},
    keys::KeyPair,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

const DAY: i64 = 86_400;

/// One of the three collections of a vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Secrets,
    Certificates,
    Keys,
}

impl Family {
    /// Reads a path's first segment.
    pub(super) fn parse(segment: &str) -> Option<Self> {
        match segment.to_ascii_lowercase().as_str() {
            "secrets" => Some(Self::Secrets),
            "certificates" => Some(Self::Certificates),
            "keys" => Some(Self::Keys),
            _ => None,
        }
    }

    pub(super) fn plural(self) -> &'static str {
        match self {
            Self::Secrets => "secrets",
            Self::Certificates => "certificates",
            Self::Keys => "keys",
        }
    }

    pub(super) fn singular(self) -> &'static str {
        self.plural().trim_end_matches('s')
    }
}

/// What a version holds.
#[derive(Clone)]
pub(super) enum Content {
    /// A plain secret and its content type.
    Secret(String, Option<String>),
    /// A certificate with its key, and the value of the secret behind it: the same bytes each time it is read.
    Certificate { pair: KeyPair, exportable: bool, pem: bool, value: String },
}

/// One version of an object.
#[derive(Clone)]
pub(super) struct Version {
    pub(super) id: String,
    pub(super) enabled: bool,
    pub(super) from: Option<i64>,
    pub(super) to: Option<i64>,
    pub(super) created: i64,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) content: Content,
}

/// A named object; the newest version is the last.
#[derive(Clone)]
pub(super) struct Object {
    pub(super) name: String,
    pub(super) versions: Vec<Version>,
}

impl Object {
    fn is_named(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// Whether it is a certificate.
    pub(super) fn is_certificate(&self) -> bool {
        matches!(self.versions.last().map(|version| &version.content), Some(Content::Certificate { .. }))
    }

    /// Whether it shows in a collection: a certificate is also a key and a secret.
    pub(super) fn is_in(&self, family: Family) -> bool {
        self.is_certificate() || family == Family::Secrets
    }

    /// Where the version of that id stands, or the newest.
    pub(super) fn place(&self, id: Option<&str>) -> Option<usize> {
        match id {
            Some(id) => self.versions.iter().position(|version| version.id.eq_ignore_ascii_case(id)),
            None => self.versions.len().checked_sub(1),
        }
    }
}

/// How a vault decides who may do what.
pub(super) enum Access {
    /// Role assignments: applications and the data actions they have.
    Rbac(Vec<(&'static str, &'static [&'static str])>),
    /// Access policies that name nobody.
    Policy,
    /// A firewall that knows no address.
    Firewall,
    /// A private link only.
    PrivateLink,
}

/// A vault.
pub(super) struct Vault {
    pub(super) name: &'static str,
    pub(super) access: Access,
}

/// The vaults and their common contents.
pub(crate) struct Vaults {
    named: Vec<Vault>,
    objects: Mutex<Vec<Arc<Object>>>,
    /// With the time when each deletion is over.
    deleted: Mutex<Vec<(Instant, Arc<Object>)>>,
    pending: Mutex<BTreeMap<String, Pending>>,
}

/// A certificate that is being made.
#[derive(Clone)]
pub(super) struct Pending {
    pub(super) request: String,
    pub(super) name: String,
    /// None: it is made.
    version: Option<Version>,
    /// When it will be.
    pub(super) ready: Instant,
}

/// Key Vault Secrets User, Certificate User and Crypto User.
const USER: &[&str] = &["secrets/getSecret/action", "secrets/readMetadata/action", "certificates/read", "keys/read", "keys/sign/action"];
/// Key Vault Administrator.
const ADMINISTRATOR: &[&str] = &[
    "secrets/getSecret/action",
    "secrets/readMetadata/action",
    "secrets/setSecret/action",
    "secrets/update/action",
    "secrets/delete",
    "secrets/recover/action",
    "certificates/read",
    "certificates/create/action",
    "certificates/update/action",
    "certificates/delete",
    "certificates/recover/action",
    "keys/read",
    "keys/sign/action",
];
/// Key Vault Reader: metadata only.
const READER: &[&str] = &["secrets/readMetadata/action", "certificates/read", "keys/read"];

/// The certificates that the collector's registration may know, by name.
pub(crate) struct Certificates {
    pfx: KeyPair,
    pem: KeyPair,
    sealed: KeyPair,
    unregistered: KeyPair,
    expired: KeyPair,
    elliptic: KeyPair,
}

impl Certificates {
    /// Makes them, on as many threads as there are keys to make.
    pub(crate) fn new(now: i64) -> Result<Self> {
        std::thread::scope(|scope| {
            let (from, to) = (now - 30 * DAY, now + 335 * DAY);
            let rsa = |name: &'static str, from: i64, to: i64| scope.spawn(move || KeyPair::rsa(name, from, to));
            let (pfx, pem) = (rsa("ir-app", from, to), rsa("ir-app-pem", from, to));
            let (sealed, unregistered) = (rsa("ir-app-sign", from, to), rsa("ir-app-unregistered", from, to));
            let expired = rsa("ir-app-expired", now - 400 * DAY, now - 35 * DAY);
            Ok(Self {
                pfx: made(pfx)?,
                pem: made(pem)?,
                sealed: made(sealed)?,
                unregistered: made(unregistered)?,
                expired: made(expired)?,
                elliptic: KeyPair::elliptic("ir-app-ec", from, to)?,
            })
        })
    }

    /// Those that the registration knows.
    pub(crate) fn registered(&self) -> Vec<KeyPair> {
        vec![self.pfx.clone(), self.pem.clone(), self.sealed.clone(), self.expired.clone()]
    }
}

fn made(thread: std::thread::ScopedJoinHandle<'_, Result<KeyPair>>) -> Result<KeyPair> {
    thread.join().unwrap_or_else(|_| Err(Error::new(Kind::Failed, "could not make an RSA key for the lab")))
}

/// The collector's client secrets, as the registration knows them.
pub(crate) struct Secrets<'a> {
    pub(crate) good: &'a str,
    pub(crate) expired: &'a str,
}

impl Vaults {
    /// Fills them.
    pub(crate) fn new(certificates: &Certificates, secrets: &Secrets<'_>, now: i64) -> Result<Self> {
        let mut objects = certificate_objects(certificates, now)?;
        objects.extend(secret_objects(secrets, now));
        objects.sort_by(|a, b| a.name.cmp(&b.name));
        let objects = Mutex::new(objects.into_iter().map(Arc::new).collect());
        Ok(Self { named: vaults(), objects, deleted: Mutex::default(), pending: Mutex::default() })
    }

    /// Finds the vault that a host name means: its first label; an address means the first vault.
    pub(super) fn at(&self, host: &str) -> Option<&Vault> {
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        let label = name.strip_suffix(&format!(".{}", crate::lab::directory::VAULT_SUFFIX));
        match label {
            Some(label) => self.named.iter().find(|vault| vault.name == label),
            None => self.named.first(),
        }
    }

    /// Finds an object; names are case-insensitive.
    pub(super) fn object(&self, family: Family, name: &str) -> Option<Arc<Object>> {
        self.all().into_iter().find(|object| object.is_in(family) && object.is_named(name))
    }

    /// All objects, certificates that are made by now among them.
    pub(super) fn all(&self) -> Vec<Arc<Object>> {
        let mut pending = lock(&self.pending);
        for made in pending.values_mut().filter(|made| made.ready <= Instant::now()) {
            if let Some(version) = made.version.take() {
                self.put(&made.name, version);
            }
        }
        drop(pending);
        lock(&self.objects).clone()
    }

    /// Adds a version to an object, or an object.
    pub(super) fn put(&self, name: &str, version: Version) {
        let mut objects = lock(&self.objects);
        if let Some(object) = objects.iter_mut().find(|object| object.is_named(name)) {
            Arc::make_mut(object).versions.push(version);
            return;
        }
        objects.push(Arc::new(Object { name: name.to_owned(), versions: vec![version] }));
        objects.sort_by(|a, b| a.name.cmp(&b.name));
    }

    /// Begins to make a certificate.
    pub(super) fn begin(&self, name: &str, version: Version, ready: Instant) -> Pending {
        let pending = Pending { request: ids::guid(), name: name.to_owned(), version: Some(version), ready };
        lock(&self.pending).insert(name.to_ascii_lowercase(), pending.clone());
        pending
    }

    /// The certificate that is being made under a name, or was made last.
    pub(super) fn pending(&self, name: &str) -> Option<Pending> {
        lock(&self.pending).get(&name.to_ascii_lowercase()).cloned()
    }

    /// Deletes an object; it stays recoverable.
    pub(super) fn delete(&self, family: Family, name: &str, takes: Duration) -> Option<Arc<Object>> {
        let found = self.object(family, name).filter(|object| object.is_certificate() == (family == Family::Certificates))?;
        lock(&self.objects).retain(|object| !object.is_named(name));
        lock(&self.pending).remove(&name.to_ascii_lowercase());
        lock(&self.deleted).push((Instant::now() + takes, Arc::clone(&found)));
        Some(found)
    }

    /// Finds a deleted object.
    pub(super) fn deleted(&self, family: Family, name: &str) -> Option<Arc<Object>> {
        let deleted = lock(&self.deleted);
        let over = deleted.iter().filter(|(over, _)| *over <= Instant::now()).map(|(_, object)| object);
        let mut named = over.filter(|object| object.is_named(name));
        named.find(|object| object.is_certificate() == (family == Family::Certificates)).cloned()
    }

    /// Whether a deleted object has the name: true where its deletion is over.
    pub(super) fn is_name_deleted(&self, name: &str) -> Option<bool> {
        lock(&self.deleted).iter().find(|(_, object)| object.is_named(name)).map(|(over, _)| *over <= Instant::now())
    }

    /// Changes a version of an object; returns the object and where the version stands.
    pub(super) fn change(&self, name: &str, id: &str, change: impl FnOnce(&mut Version)) -> Option<(Arc<Object>, usize)> {
        let mut objects = lock(&self.objects);
        let object = objects.iter_mut().find(|object| object.is_named(name))?;
        let at = object.place(Some(id))?;
        change(&mut Arc::make_mut(object).versions[at]);
        Some((Arc::clone(object), at))
    }

    fn all_deleted(&self) -> Vec<Arc<Object>> {
        lock(&self.deleted).iter().map(|(_, object)| Arc::clone(object)).collect()
    }

    /// Takes a deleted object back.
    pub(super) fn recover(&self, family: Family, name: &str) -> Option<Arc<Object>> {
        let found = self.deleted(family, name)?;
        lock(&self.deleted).retain(|(_, object)| !object.is_named(name));
        lock(&self.objects).push(Arc::clone(&found));
        Some(found)
    }

    /// What there is, for tests.
    pub(crate) fn kept(&self) -> Vec<crate::lab::Kept> {
        let kept = |object: &Arc<Object>, deleted: bool| crate::lab::Kept {
            kind: if object.is_certificate() { "certificate" } else { "secret" },
            name: object.name.clone(),
            versions: object.versions.len(),
            enabled: object.versions.iter().filter(|version| version.enabled).count(),
            deleted,
        };
        let all = self.all();
        let deleted = self.all_deleted();
        all.iter().map(|object| kept(object, false)).chain(deleted.iter().map(|object| kept(object, true))).collect()
    }

    /// The private keys of all certificates, PEM.
    pub(crate) fn private_keys(&self) -> Vec<String> {
        let all = [self.all(), self.all_deleted()].concat();
        let versions = all.iter().flat_map(|object| &object.versions);
        let keys = versions.filter_map(|version| match &version.content {
            Content::Certificate { pair, .. } => pair.key.private_key_to_pem_pkcs8().ok(),
            Content::Secret(..) => None,
        });
        keys.map(|pem| String::from_utf8_lossy(&pem).into_owned()).collect()
    }
}

/// The names of the vaults there are.
pub(crate) const NAMES: &[&str] = &["kv-ir", "kv-denied", "kv-metadata", "kv-policy", "kv-firewall", "kv-private"];

fn vaults() -> Vec<Vault> {
    let access = |name: &str| match name {
        "kv-ir" => Access::Rbac(vec![(VAULT_READER, USER), (IDENTITY, USER), (ADMIN, ADMINISTRATOR), (ADMIN_PERSON, ADMINISTRATOR)]),
        "kv-metadata" => Access::Rbac(vec![(VAULT_READER, READER)]),
        "kv-policy" => Access::Policy,
        "kv-firewall" => Access::Firewall,
        "kv-private" => Access::PrivateLink,
        _ => Access::Rbac(Vec::new()),
    };
    NAMES.iter().map(|&name| Vault { name, access: access(name) }).collect()
}

fn certificate_objects(certificates: &Certificates, now: i64) -> Result<Vec<Object>> {
    let object = |name: &str, pair: &KeyPair, exportable, pem| {
        let value = if pem { pair.pem(exportable)? } else { BASE64_STANDARD.encode(pair.pfx(exportable)?) };
        let mut version = version(Content::Certificate { pair: pair.clone(), exportable, pem, value }, now - 30 * DAY);
        let expired = name.ends_with("-expired");
        version.from = Some(if expired { now - 400 * DAY } else { now - 30 * DAY });
        version.to = Some(if expired { now - 35 * DAY } else { now + 335 * DAY });
        Ok::<_, Error>(Object { name: name.to_owned(), versions: vec![version] })
    };
    Ok(vec![
        object("ir-app", &certificates.pfx, true, false)?,
        object("ir-app-pem", &certificates.pem, true, true)?,
        object("ir-app-sign", &certificates.sealed, false, false)?,
        object("ir-app-unregistered", &certificates.unregistered, true, false)?,
        object("ir-app-expired", &certificates.expired, true, false)?,
        object("ir-app-pem-unregistered", &certificates.unregistered, true, true)?,
        object("ir-app-pem-expired", &certificates.expired, true, true)?,
        object("ir-app-sign-unregistered", &certificates.unregistered, false, false)?,
        object("ir-app-sign-expired", &certificates.expired, false, false)?,
        object("ir-app-ec", &certificates.elliptic, true, false)?,
    ])
}

fn secret_objects(secrets: &Secrets<'_>, now: i64) -> Vec<Object> {
    let secret = |value: &str| version(Content::Secret(value.to_owned(), Some("text/plain".to_owned())), now - 20 * DAY);
    let with = |value: &str, change: &dyn Fn(&mut Version)| {
        let mut version = secret(value);
        change(&mut version);
        vec![version]
    };
    let older = version(Content::Secret(secrets.expired.to_owned(), None), now - 400 * DAY);
    let object = |name: &str, versions| Object { name: name.to_owned(), versions };
    vec![
        object("ir-app-secret", vec![older, secret(secrets.good)]),
        object("ir-app-secret-wrong", vec![secret(&client_secret())]),
        object("ir-app-secret-expired", vec![secret(secrets.expired)]),
        object("ir-app-secret-newline", vec![secret(&format!("{}\n", secrets.good))]),
        object("ir-app-secret-ending", with(secrets.good, &|version| version.to = Some(now + 7 * DAY))),
        object("ir-app-secret-ended", with(secrets.good, &|version| version.to = Some(now - DAY))),
        object("ir-app-secret-disabled", with(secrets.good, &|version| version.enabled = false)),
        object("ir-app-secret-early", with(secrets.good, &|version| version.from = Some(now + DAY))),
    ]
}

pub(super) fn version(content: Content, created: i64) -> Version {
    Version { id: ids::version(), enabled: true, from: None, to: None, created, tags: BTreeMap::new(), content }
}

impl Version {
    /// The value and content type of the secret, or of the one behind the certificate.
    pub(super) fn secret(&self) -> (&str, Option<&str>) {
        match &self.content {
            Content::Secret(value, kind) => (value, kind.as_deref()),
            Content::Certificate { value, pem: true, .. } => (value, Some("application/x-pem-file")),
            Content::Certificate { value, pem: false, .. } => (value, Some("application/x-pkcs12")),
        }
    }

    /// Whether the value holds what nobody else may see.
    pub(super) fn is_confidential(&self) -> bool {
        !matches!(&self.content, Content::Certificate { exportable: false, .. })
    }
}
