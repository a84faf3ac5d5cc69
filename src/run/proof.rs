//! What an application proves itself with, made ready once for all its tenants: read from a file, a variable or the vault, left in
//! the vault, or asked of the machine.

use super::wire::Wires;
use crate::{
    error::{Error, Kind, Result},
    identity::{
        App, AppOptions, Authority, Certificate, KeyPair, LocalSigner, Marks, PASSWORD_NEEDED, Proof, ReadToken, Signer, VaultSigner,
        claims,
    },
    secret::Secret,
    settings::{self, Assertion, Credential, Profile, SecretSource, Sign, VaultLogin, read_bytes, read_token},
    vault::{Address, Login, Object, Session, Stored, Vault, VaultOptions},
};
use jiff::Timestamp;
use std::{path::Path, sync::Arc};

/// An application's proof, and what a person should know of it.
#[derive(Clone)]
pub(super) struct Ready {
    pub(super) proof: Proof,
    /// When it ends, where that is known.
    pub(super) ends: Option<Timestamp>,
    /// An end that is near.
    pub(super) warnings: Vec<String>,
}

impl Ready {
    fn lasting(proof: Proof) -> Self {
        Self { proof, ends: None, warnings: Vec::new() }
    }
}

/// Returns where a profile's tokens are asked for.
pub(super) fn authority(profile: &Profile) -> Authority {
    let marks = profile.cloud.marks.as_ref();
    let marks = marks.map(|marks| Marks { instance: marks.instance.clone(), graph_host: marks.graph_host.clone() });
    Authority { url: profile.cloud.authority.clone(), marks }
}

/// Makes a profile's credential ready.
///
/// # Errors
/// [`Kind::Credential`] as the file, the vault or its login refused; [`Kind::Usage`] where a name is none.
pub(super) async fn ready(wires: &Wires, profile: &Profile) -> Result<Ready> {
    match &profile.credential {
        Credential::VaultSecret { vault, secret } => {
            let (vault, warnings) = open_vault(wires, profile, vault)?;
            let ready = vault_secret(&vault, &Object::parse(secret)?).await?;
            Ok(warned(ready, warnings))
        }
        Credential::VaultCertificate { vault, certificate, sign, assertion } => {
            let (vault, warnings) = open_vault(wires, profile, vault)?;
            let ready = vault_certificate(Arc::new(vault), &Object::parse(certificate)?, *sign, *assertion).await?;
            Ok(warned(ready, warnings))
        }
        Credential::ManagedIdentity(id) => {
            let session = Session::new(Login::ManagedIdentity(id.clone()), wires.client.clone(), Arc::clone(&wires.witness))?;
            Ok(Ready::lasting(Proof::Machine(session)))
        }
        local => at_hand(local),
    }
}

fn warned(ready: Ready, warnings: Vec<String>) -> Ready {
    Ready { warnings: [warnings, ready.warnings].concat(), ..ready }
}

/// The credentials that lie on this machine, which are also those that the `AZURE_*` variables can name.
fn at_hand(credential: &Credential) -> Result<Ready> {
    match credential {
        Credential::Secret(source) => Ok(Ready::lasting(Proof::Secret(source.read()?))),
        Credential::CertificateFile { path, password, assertion } => {
            let signer = LocalSigner::new(key_pair(path, password.as_ref())?);
            certificate(Arc::new(signer), *assertion, None, Vec::new()).map_err(|error| error.context(path.display()))
        }
        Credential::FederatedTokenFile(path) => {
            let (_, ends) = federated_token(path)?;
            let path = path.clone();
            let read: ReadToken = Arc::new(move || Ok(federated_token(&path)?.0));
            Ok(Ready { ends, ..Ready::lasting(Proof::Federated(read)) })
        }
        other => Err(Error::new(Kind::Usage, format!("the vault's login by environment cannot be a {}", other.words()))
            .hint("set AZURE_CLIENT_SECRET or AZURE_CLIENT_CERTIFICATE_PATH, or choose another `vault_auth`")),
    }
}

/// How long ago a federated token has to have ended for its refusal to be certain, whatever the clocks.
const SURELY: jiff::SignedDuration = jiff::SignedDuration::from_mins(5);

/// Reads a federated token, and when it ends, where it says so.
fn federated_token(path: &Path) -> Result<(Secret, Option<Timestamp>)> {
    let token = read_token(path)?;
    let ends = claims(&token).ok().and_then(|claims| claims.expires);
    match ends.filter(|ends| Timestamp::now().duration_since(*ends) > SURELY) {
        None => Ok((token, ends)),
        Some(ended) => {
            let message = format!("the federated token in {} ended at {}", path.display(), crate::time::rfc3339(ended));
            Err(Error::new(Kind::Credential, message)
                .with_code("FederatedTokenExpired")
                .hint("have the identity provider write a new one: it renews the file as long as it runs"))
        }
    }
}

async fn vault_secret(vault: &Vault, object: &Object) -> Result<Ready> {
    let stored = vault.secret(object).await?;
    if is_certificate(&stored) {
        let message = format!("`{object}` in {} is a certificate ({}), not a client secret", vault.address(), stored.content_type);
        return Err(Error::new(Kind::Credential, message)
            .with_code("VaultSecretIsCertificate")
            .hint(format!("say so in the profile: credential = {{ vault = \"{}\", certificate = \"{object}\" }}", vault.address())));
    }
    Ok(Ready { proof: Proof::Secret(trimmed(&stored.value)), ends: stored.expires, warnings: stored.warnings })
}

/// As Key Vault marks the secret behind a certificate (apis.md 3.3).
fn is_certificate(stored: &Stored) -> bool {
    ["application/x-pkcs12", "application/x-pem-file"].iter().any(|kind| stored.content_type.eq_ignore_ascii_case(kind))
}

/// A secret may end in one line break, which whoever stored it from a file put there (apis.md 3.3).
fn trimmed(secret: &Secret) -> Secret {
    let value = secret.expose();
    let value = value.strip_suffix('\n').unwrap_or(value);
    Secret::new(value.strip_suffix('\r').unwrap_or(value))
}

async fn vault_certificate(vault: Arc<Vault>, object: &Object, sign: Sign, assertion: Assertion) -> Result<Ready> {
    if sign == Sign::Vault {
        let public = vault.certificate(object).await?;
        let (ends, warnings) = (public.expires, public.warnings.clone());
        let place = format!("`{object}` in {}", vault.address());
        let signer = VaultSigner::new(vault, public).map_err(|error| error.context(place))?;
        return certificate(Arc::new(signer), assertion, ends, warnings);
    }
    let stored = vault.secret(object).await?;
    let signer = LocalSigner::from_vault(&stored).map_err(|error| not_a_certificate(error, &vault, object, &stored))?;
    certificate(Arc::new(signer), assertion, stored.expires, stored.warnings)
}

fn not_a_certificate(error: Error, vault: &Vault, object: &Object, stored: &Stored) -> Error {
    if is_certificate(stored) {
        return error.context(format_args!("`{object}` in {}", vault.address()));
    }
    Error::new(Kind::Credential, format!("`{object}` in {} is a secret and no certificate", vault.address()))
        .with_code("VaultCertificateIsSecret")
        .hint(format!("if it is a client secret, say so: credential = {{ vault = \"{}\", secret = \"{object}\" }}", vault.address()))
}

/// Holds a certificate to its time. Of its own end and the one that the vault names, the earlier counts.
fn certificate(signer: Arc<dyn Signer>, assertion: Assertion, ends: Option<Timestamp>, mut warnings: Vec<String>) -> Result<Ready> {
    let now = Timestamp::now();
    let own: &Certificate = signer.certificate();
    own.check_time(now)?;
    if warnings.is_empty() {
        warnings.extend(own.warning(now));
    }
    let ends = ends.map_or_else(|| own.ends(), |ends| ends.min(own.ends()));
    let proof = Proof::Certificate { signer, rs256: assertion.rs256, send_chain: assertion.send_chain };
    Ok(Ready { proof, ends: Some(ends), warnings })
}

fn key_pair(path: &Path, password: Option<&SecretSource>) -> Result<KeyPair> {
    let password = password.map(SecretSource::read).transpose()?;
    let pair = KeyPair::parse(&read_bytes(path)?, password.as_ref());
    pair.map_err(|error| {
        let needed = error.code() == PASSWORD_NEEDED;
        let error = error.context(format_args!("{}", path.display()));
        let variable = settings::env::AZURE_CLIENT_CERTIFICATE_PASSWORD;
        if needed { error.hint(format!("{variable} is looked at too; at a terminal you are asked")) } else { error }
    })
}

/// Opens a vault; the warnings are about its login.
fn open_vault(wires: &Wires, profile: &Profile, vault: &str) -> Result<(Vault, Vec<String>)> {
    let address = Address::parse(vault, &profile.cloud.vault_suffix)?;
    let (login, warnings) = vault_login(wires, profile)?;
    let vault = Vault::open(VaultOptions { client: wires.client.clone(), address, login, witness: Arc::clone(&wires.witness) })?;
    Ok((vault, warnings))
}

/// The login to the vault is not the application's: the application's secret lies in the vault.
fn vault_login(wires: &Wires, profile: &Profile) -> Result<(Login, Vec<String>)> {
    let (tenant, app_id, credential) = match profile.vault_login()? {
        VaultLogin::DeveloperTools => return Ok((Login::DeveloperTools, Vec::new())),
        VaultLogin::ManagedIdentity(id) => return Ok((Login::ManagedIdentity(id), Vec::new())),
        VaultLogin::WorkloadIdentity { tenant, app_id, token_file } => (tenant, app_id, Credential::FederatedTokenFile(token_file)),
        VaultLogin::Environment { tenant, app_id, credential } => (tenant, app_id, credential),
    };
    let Ready { proof, warnings, .. } = at_hand(&credential).map_err(|error| error.context("signing in to the vault"))?;
    let options = AppOptions { entra: wires.entra.clone(), authority: authority(profile), tenant, app_id, proof };
    Ok((Login::Bearer(Arc::new(App::new(options))), warnings))
}

/// Returns the login of an administrator, of a kind that need not be the profile's.
///
/// # Errors
/// [`Kind::Credential`] where a variable that it needs is not set.
pub(super) fn administrator(wires: &Wires, profile: &Profile) -> Result<Login> {
    vault_login(wires, profile).map(|(login, _)| login)
}
