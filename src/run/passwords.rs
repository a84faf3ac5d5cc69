//! The passwords of certificate files that have one and name none: as the Azure SDKs name it, else asked for at the terminal, if
//! somebody sits there.

use crate::{
    console::Console,
    error::Result,
    identity::{KeyPair, PASSWORD_NEEDED, PASSWORD_WRONG},
    secret::{Secret, SecretBytes},
    settings::{Credential, Env, Profile, SecretSource, Settings, env::AZURE_CLIENT_CERTIFICATE_PASSWORD, read_bytes},
};
use std::path::Path;

/// How often one is asked for before the file's own refusal is shown.
const TRIES: u8 = 3;

/// Finds what is missing, or asks for it. A file that cannot be read is left to whoever uses it, and so is its error.
///
/// # Errors
/// [`crate::error::Kind::Interrupted`] where the answer was Ctrl-C.
pub(super) fn ask(settings: &mut Settings, env: &Env, console: Console) -> Result<()> {
    let usual = env.secret(AZURE_CLIENT_CERTIFICATE_PASSWORD);
    for credential in settings.profiles.iter_mut().flat_map(Profile::credentials_mut) {
        if let Credential::CertificateFile { path, password: password @ None, .. } = credential {
            *password = missing(path, usual.as_ref(), console)?.map(SecretSource::Typed);
        }
    }
    Ok(())
}

fn missing(path: &Path, usual: Option<&Secret>, console: Console) -> Result<Option<Secret>> {
    let Ok(bytes) = read_bytes(path) else { return Ok(None) };
    if !refused_as(PASSWORD_NEEDED, &bytes, None) {
        return Ok(None);
    }
    if let Some(usual) = usual.filter(|usual| !refused_as(PASSWORD_WRONG, &bytes, Some(usual))) {
        return Ok(Some(usual.clone()));
    }
    super::signals::hold_back();
    for _ in 0..TRIES {
        let Some(password) = console.ask_secret(&format!("password of {}", path.display()))? else { return Ok(None) };
        if !refused_as(PASSWORD_WRONG, &bytes, Some(&password)) {
            return Ok(Some(password));
        }
        console.warn("that is not its password");
    }
    Ok(None)
}

fn refused_as(code: &str, bytes: &SecretBytes, password: Option<&Secret>) -> bool {
    KeyPair::parse(bytes, password).is_err_and(|error| error.code() == code)
}
