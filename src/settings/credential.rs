//! What the application proves itself with, and how the vault is reached: resolved, not yet read or used.

use super::{
    env::{self, Env},
    explain, file,
};
use crate::{
    error::{Error, Kind, Result},
    secret::{Secret, SecretBytes},
};
use std::path::{Path, PathBuf};

/// The application's credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// A client secret that lies in a vault.
    VaultSecret {
        /// URL or name of the vault.
        vault: String,
        /// `name` or `name/version`.
        secret: String,
    },
    /// A certificate that lies in a vault.
    VaultCertificate {
        /// URL or name of the vault.
        vault: String,
        /// `name` or `name/version`.
        certificate: String,
        /// Where its key signs.
        sign: Sign,
        /// How the assertion is made.
        assertion: Assertion,
    },
    /// A PFX or PEM file.
    CertificateFile {
        /// The file.
        path: PathBuf,
        /// Its password, where one was named.
        password: Option<SecretSource>,
        /// How the assertion is made.
        assertion: Assertion,
    },
    /// A client secret at hand.
    Secret(SecretSource),
    /// A token of a federated identity provider; the file is read anew for each request.
    FederatedTokenFile(PathBuf),
    /// The identity of the machine that this runs on; none is the system's own, else a client id.
    ManagedIdentity(Option<String>),
}

impl Credential {
    /// Returns the words for it: `secret in a vault`.
    pub fn words(&self) -> &'static str {
        match self {
            Self::VaultSecret { .. } => "secret in a vault",
            Self::VaultCertificate { sign: Sign::Vault, .. } => "certificate in a vault, signing there",
            Self::VaultCertificate { .. } => "certificate in a vault",
            Self::CertificateFile { .. } => "certificate file",
            Self::Secret(SecretSource::Variable { .. }) => "secret from a variable",
            Self::Secret(SecretSource::File(_)) => "secret from a file",
            Self::Secret(SecretSource::Typed(_)) => "secret typed",
            Self::FederatedTokenFile(_) => "federated token file",
            Self::ManagedIdentity(_) => "managed identity",
        }
    }

    /// Returns the vault that it lies in, if it does.
    pub fn vault(&self) -> Option<&str> {
        match self {
            Self::VaultSecret { vault, .. } | Self::VaultCertificate { vault, .. } => Some(vault),
            _ => None,
        }
    }
}

/// Where the key of a vault's certificate signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// Here, the key having been read from the vault.
    Here,
    /// In the vault, which the key never leaves.
    Vault,
}

/// How an assertion is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Assertion {
    /// RS256 and a SHA-1 thumbprint, for authorities that take nothing newer.
    pub rs256: bool,
    /// Send the certificate chain (registrations by subject name and issuer).
    pub send_chain: bool,
}

/// Where a secret comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// An environment variable.
    Variable {
        /// Its name.
        name: String,
        /// Its value, where it is set.
        value: Option<Secret>,
    },
    /// A file that only its owner may read.
    File(PathBuf),
    /// It was typed at the terminal.
    Typed(Secret),
}

impl SecretSource {
    pub(super) fn variable(name: &str, env: &Env) -> Self {
        Self::Variable { name: name.to_owned(), value: env.secret(name) }
    }

    /// Reads the secret; a line break at the end of a file is not part of it.
    ///
    /// # Errors
    /// [`Kind::Credential`] where the variable is not set, the file cannot be read, or others may read it.
    pub fn read(&self) -> Result<Secret> {
        match self {
            Self::Variable { value: Some(value), .. } | Self::Typed(value) => Ok(value.clone()),
            Self::Variable { name, value: None } => {
                let message = format!("the variable {name}, which should hold the secret, is not set");
                Err(Error::new(Kind::Credential, message).hint(format!("set {name} in the environment that ircollect runs in")))
            }
            Self::File(path) => read_private(path),
        }
    }
}

fn read_private(path: &Path) -> Result<Secret> {
    let wrong = |why: String| Error::new(Kind::Credential, format!("the secret file {} {why}", path.display()));
    let unreadable = |error: std::io::Error| wrong(format!("cannot be read: {}", error.kind())).caused_by(error).hint("check the path");
    let metadata = fs_err::metadata(path).map_err(unreadable)?;
    if others_may_read(&metadata) {
        return Err(wrong("may be read by others".to_owned()).hint(format!("chmod 600 {}", path.display())));
    }
    let text = fs_err::read_to_string(path).map_err(unreadable)?;
    let text = text.strip_suffix('\n').map_or(text.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
    if text.is_empty() { Err(wrong("is empty".to_owned())) } else { Ok(Secret::new(text)) }
}

#[cfg(unix)]
fn others_may_read(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o077 != 0
}

#[cfg(not(unix))]
fn others_may_read(_: &std::fs::Metadata) -> bool {
    false
}

/// Reads a certificate file or a federated token.
///
/// # Errors
/// [`Kind::Credential`] where it cannot be read.
pub fn read_bytes(path: &Path) -> Result<SecretBytes> {
    fs_err::read(path).map(SecretBytes::new).map_err(|error| {
        Error::new(Kind::Credential, format!("{} cannot be read: {}", path.display(), error.kind())).caused_by(error).hint("check the path")
    })
}

/// Reads the token of a federated identity provider; Kubernetes lays it where everybody in the container may read it.
///
/// # Errors
/// [`Kind::Credential`] where it cannot be read or is empty.
pub fn read_token(path: &Path) -> Result<Secret> {
    let bytes = read_bytes(path)?;
    let token = std::str::from_utf8(bytes.expose()).unwrap_or_default().trim();
    if token.is_empty() {
        return Err(Error::new(Kind::Credential, format!("the federated token file {} holds no token", path.display())));
    }
    Ok(Secret::new(token))
}

/// Resolves the credential of a profile's section.
pub(super) fn resolve(raw: &file::Credential, base: &Path, env: &Env) -> Result<Credential> {
    check_pairs(raw)?;
    let kinds = kinds(raw);
    if kinds.len() > 1 {
        let message = format!("a profile has exactly one credential, and here are {}: {}", kinds.len(), kinds.join(", "));
        return Err(Error::new(Kind::Usage, message).hint("keep one of them"));
    }
    single(raw, base, env)?
        .ok_or_else(|| Error::new(Kind::Usage, "the credential names nothing to prove the application with").hint(EXAMPLES))
}

/// Advice for a profile without a credential.
pub(super) const EXAMPLES: &str =
    "for example: credential = { vault = \"https://NAME.vault.azure.net\", certificate = \"ir-app\" }, or { secret_env = \"VARIABLE\" }";

fn kinds(raw: &file::Credential) -> Vec<&'static str> {
    let all = [
        ("secret", raw.secret.is_some()),
        ("certificate", raw.certificate.is_some()),
        ("certificate_file", raw.certificate_file.is_some()),
        ("secret_env", raw.secret_env.is_some()),
        ("secret_file", raw.secret_file.is_some()),
        ("federated_token_file", raw.federated_token_file.is_some()),
        ("managed_identity", raw.managed_identity.is_some()),
    ];
    all.into_iter().filter(|(_, given)| *given).map(|(name, _)| name).collect()
}

/// Refuses keys that mean nothing without another one.
fn check_pairs(raw: &file::Credential) -> Result<()> {
    if raw.secret.is_some() && raw.vault.is_none() {
        let message = "`secret` is the name of a secret in a vault, and no `vault` is named";
        return Err(Error::new(Kind::Usage, message).hint(explain::NO_SECRETS));
    }
    let certificate = raw.certificate.is_some() || raw.certificate_file.is_some();
    let rules = [
        (
            raw.certificate.is_some() && raw.vault.is_none(),
            "`certificate` is the name of a certificate in a vault, and no `vault` is named",
        ),
        (
            raw.vault.is_some() && raw.secret.is_none() && raw.certificate.is_none(),
            "`vault` needs the name of a `secret` or `certificate` in it",
        ),
        (raw.sign.is_some() && raw.certificate.is_none(), "`sign` goes with a `certificate` in a vault"),
        (raw.password_env.is_some() && raw.certificate_file.is_none(), "`password_env` goes with a `certificate_file`"),
        (raw.send_chain.is_some() && !certificate, "`send_chain` goes with a certificate"),
        (raw.algorithm.is_some() && !certificate, "`algorithm` goes with a certificate"),
    ];
    rules.into_iter().find(|(broken, _)| *broken).map_or(Ok(()), |(_, message)| Err(Error::new(Kind::Usage, message).hint(EXAMPLES)))
}

fn single(raw: &file::Credential, base: &Path, env: &Env) -> Result<Option<Credential>> {
    let vault = raw.vault.clone().unwrap_or_default();
    if let Some(secret) = raw.secret.clone() {
        return Ok(Some(Credential::VaultSecret { vault, secret }));
    }
    if let Some(certificate) = raw.certificate.clone() {
        let (sign, assertion) = (sign(raw)?, assertion(raw)?);
        return Ok(Some(Credential::VaultCertificate { vault, certificate, sign, assertion }));
    }
    if let Some(path) = &raw.certificate_file {
        let password = raw.password_env.as_deref().map(|name| SecretSource::variable(name, env));
        return Ok(Some(Credential::CertificateFile { path: base.join(path), password, assertion: assertion(raw)? }));
    }
    if let Some(name) = &raw.secret_env {
        return Ok(Some(Credential::Secret(SecretSource::variable(name, env))));
    }
    if let Some(path) = &raw.secret_file {
        return Ok(Some(Credential::Secret(SecretSource::File(base.join(path)))));
    }
    let federated = raw.federated_token_file.as_ref().map(|path| Credential::FederatedTokenFile(base.join(path)));
    Ok(federated.or_else(|| raw.managed_identity.as_deref().map(managed)))
}

fn managed(id: &str) -> Credential {
    Credential::ManagedIdentity((id != "system").then(|| id.to_owned()))
}

fn sign(raw: &file::Credential) -> Result<Sign> {
    match raw.sign.as_deref() {
        None => Ok(Sign::Here),
        Some("vault") => Ok(Sign::Vault),
        Some(_) => {
            Err(Error::new(Kind::Usage, "`sign` may only be \"vault\"").hint("leave it out to sign here, with the key read from the vault"))
        }
    }
}

fn assertion(raw: &file::Credential) -> Result<Assertion> {
    let rs256 = match raw.algorithm.as_deref() {
        None | Some("PS256") => false,
        Some("RS256") => true,
        Some(_) => return Err(Error::new(Kind::Usage, "`algorithm` may be \"PS256\" or \"RS256\"").hint("leave it out for PS256")),
    };
    Ok(Assertion { rs256, send_chain: raw.send_chain.unwrap_or(false) })
}

/// The credential that the `AZURE_*` variables hold, in the order of the Azure SDKs: secret, certificate, federated token.
pub(super) fn from_azure(env: &Env, cwd: &Path) -> Option<Credential> {
    if env.text(env::AZURE_CLIENT_SECRET).is_some() {
        return Some(Credential::Secret(SecretSource::variable(env::AZURE_CLIENT_SECRET, env)));
    }
    if let Some(path) = env.path(env::AZURE_CLIENT_CERTIFICATE_PATH) {
        let password = env.text(env::AZURE_CLIENT_CERTIFICATE_PASSWORD).is_some();
        let password = password.then(|| SecretSource::variable(env::AZURE_CLIENT_CERTIFICATE_PASSWORD, env));
        let assertion = Assertion { rs256: false, send_chain: env.switch(env::AZURE_CLIENT_SEND_CERTIFICATE_CHAIN) };
        return Some(Credential::CertificateFile { path: cwd.join(path), password, assertion });
    }
    env.path(env::AZURE_FEDERATED_TOKEN_FILE).map(|path| Credential::FederatedTokenFile(cwd.join(path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(text: &str) -> Result<Credential> {
        let raw: file::Credential = toml::from_str(text).unwrap();
        let env = [("IR", "s3cret")].into_iter().collect();
        resolve(&raw, Path::new("/etc/ir"), &env)
    }

    #[test]
    fn every_kind_of_the_contract() {
        let vault = "vault = 'https://kv-ir.vault.azure.net'\n";
        let words = |text: &str| resolved(text).unwrap().words();
        assert_eq!(words(&format!("{vault}secret = 'ir-app-secret'")), "secret in a vault");
        assert_eq!(words(&format!("{vault}certificate = 'ir-app'")), "certificate in a vault");
        assert_eq!(words(&format!("{vault}certificate = 'ir-app'\nsign = 'vault'")), "certificate in a vault, signing there");
        assert_eq!(words("secret_env = 'IR'"), "secret from a variable");
        let file = resolved("certificate_file = 'app.pfx'\npassword_env = 'IR'\nsend_chain = true\nalgorithm = 'RS256'").unwrap();
        let Credential::CertificateFile { path, password, assertion } = file else { panic!() };
        assert_eq!(path, Path::new("/etc/ir/app.pfx"));
        assert_eq!(password.unwrap().read().unwrap().expose(), "s3cret");
        assert_eq!(assertion, Assertion { rs256: true, send_chain: true });
        assert_eq!(resolved("federated_token_file = '/var/t'").unwrap(), Credential::FederatedTokenFile("/var/t".into()));
        assert_eq!(resolved("managed_identity = 'system'").unwrap(), Credential::ManagedIdentity(None));
        assert_eq!(resolved("managed_identity = 'abc'").unwrap(), Credential::ManagedIdentity(Some("abc".into())));
    }

    #[test]
    fn exactly_one() {
        let error = resolved("secret_env = 'IR'\nsecret_file = 'x'").unwrap_err();
        assert_eq!(error.message(), "a profile has exactly one credential, and here are 2: secret_env, secret_file");
        assert_eq!(error.kind(), Kind::Usage);
        assert!(resolved("").unwrap_err().hints()[0].contains("certificate"));
    }

    #[test]
    fn a_secret_itself_is_refused_with_advice_and_not_shown() {
        let error = resolved("secret = 'hunter2'").unwrap_err();
        assert!(!format!("{error:?}").contains("hunter2"));
        assert_eq!(error.hints(), [explain::NO_SECRETS]);
    }

    #[test]
    fn keys_that_need_another_are_refused() {
        for text in ["vault = 'x'", "certificate = 'x'", "secret_env = 'IR'\nsign = 'vault'", "secret_env = 'IR'\nsend_chain = true"] {
            assert_eq!(resolved(text).unwrap_err().kind(), Kind::Usage, "{text}");
        }
    }

    #[test]
    fn an_unset_variable_is_named() {
        let error = SecretSource::variable("NOPE", &Env::default()).read().unwrap_err();
        assert_eq!((error.kind(), error.message().contains("NOPE")), (Kind::Credential, true));
    }

    #[cfg(unix)]
    #[test]
    fn a_secret_file_that_others_may_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        fs_err::write(&path, "s3cret\n").unwrap();
        fs_err::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
        let source = SecretSource::File(path.clone());
        assert!(source.read().unwrap_err().message().ends_with("may be read by others"));
        fs_err::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        assert_eq!(source.read().unwrap().expose(), "s3cret");
    }
}
