//! Who asks the vault: developer tools, the machine's identity, or a bearer that somebody else gets.
//!
//! `azure_identity` does the work, over our HTTP client; its errors are told once, with what to install or run. This is not the
//! application's own token, whose secret lies in the vault: that is [`crate::identity`], which also signs in by secret,
//! certificate or federated token, since the SDK's way to do so speaks to no authority on a loopback address.

use super::wire::Wire;
use crate::{
    error::{Error, Kind, Result},
    secret::Secret,
    transport::{Authorize, Witness},
};
use azure_core::{
    credentials::{AccessToken, TokenCredential, TokenRequestOptions},
    http::{ClientOptions, Transport},
};
use azure_identity::{
    AzureCliCredential, AzureCliCredentialOptions, AzureDeveloperCliCredential, AzureDeveloperCliCredentialOptions,
    ManagedIdentityCredential, ManagedIdentityCredentialOptions, UserAssignedId,
};
use std::{
    collections::HashMap,
    ffi::OsStr,
    fmt,
    process::Output,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
/// How to log in.
#[derive(Clone)]
pub enum Login {
    /// `az login`, else `azd auth login`.
    DeveloperTools,
    /// The machine's identity: the system's own, or the one with this client id.
    ManagedIdentity(Option<String>),
    /// Tokens that somebody else gets: an application by secret, certificate or federated token, from the environment.
    Bearer(Arc<dyn Authorize>),
}

impl Login {
    fn words(&self) -> &'static str {
        match self {
            Self::DeveloperTools => "developer tools",
            Self::ManagedIdentity(_) => "managed identity",
            Self::Bearer(_) => "environment",
        }
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

/// A token and when it ends.
#[derive(Clone, Debug)]
pub struct Bearer {
    /// The token.
    pub token: Secret,
    /// When it ends.
    pub expires: jiff::Timestamp,
}

/// A login at work: asks for tokens, keeps them, and remembers why it failed.
pub struct Session {
    login: Login,
    sources: Vec<Source>,
    tokens: tokio::sync::Mutex<HashMap<String, AccessToken>>,
    failure: Mutex<Option<Error>>,
}

type Source = (&'static str, Arc<dyn TokenCredential>);

impl Session {
    /// Prepares a login; nothing is asked yet.
    ///
    /// # Errors
    /// [`Kind::Credential`] where it cannot work: an environment that is not supported.
    pub fn new(login: Login, client: reqwest::Client, witness: Arc<dyn Witness>) -> Result<Arc<Self>> {
        let wire = Arc::new(Wire::new(client, witness));
        let sources = sources(&login, wire).map_err(|error| failed(&login, &[(login.words(), super::errors::root(&error))]))?;
        Ok(Arc::new(Self { login, sources, tokens: tokio::sync::Mutex::default(), failure: Mutex::default() }))
    }

    /// Returns a token for `scope`, from the cache while it is good for five more minutes.
    ///
    /// # Errors
    /// [`Kind::Credential`] that names each source that failed, and what to do.
    pub async fn bearer(&self, scope: &str) -> Result<Bearer> {
        let mut tokens = self.tokens.lock().await;
        if let Some(token) = tokens.get(scope).filter(|token| expires(token) > soon()) {
            return Ok(bearer(token));
        }
        let token = self.ask(scope).await?;
        tokens.insert(scope.to_owned(), token.clone());
        Ok(bearer(&token))
    }

    /// Returns a token for `scope` other than one that a service refused, as far as whoever gives them does.
    ///
    /// # Errors
    /// Those of [`Self::bearer`].
    pub async fn renew(&self, scope: &str, rejected: &Secret) -> Result<Bearer> {
        if let Login::Bearer(authorize) = &self.login {
            let token = authorize.renew(scope, rejected).await?;
            return Ok(Bearer { token, expires: soon() });
        }
        let mut tokens = self.tokens.lock().await;
        if tokens.get(scope).is_some_and(|token| token.token.secret() == rejected.expose()) {
            tokens.remove(scope);
        }
        drop(tokens);
        self.bearer(scope).await
    }

    async fn ask(&self, scope: &str) -> Result<AccessToken> {
        if let Login::Bearer(authorize) = &self.login {
            let token = authorize.bearer(scope).await.map_err(|error| error.context("signing in to the vault"))?;
            return Ok(AccessToken::new(token.expose().to_owned(), azure_core::time::OffsetDateTime::now_utc() + RENEWED));
        }
        let mut failures = Vec::new();
        for (name, source) in &self.sources {
            match source.get_token(&[scope], None).await {
                Ok(token) => return Ok(token),
                Err(error) => failures.push((*name, super::errors::root(&error))),
            }
        }
        Err(failed(&self.login, &failures))
    }

    /// Returns why the last token could not be had, and forgets it.
    pub(super) fn take_failure(&self) -> Option<Error> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Whoever gets the bearer renews it; ten minutes keep the SDK asking.
const RENEWED: azure_core::time::Duration = azure_core::time::Duration::minutes(10);

fn soon() -> jiff::Timestamp {
    jiff::Timestamp::now() + jiff::SignedDuration::from_mins(5)
}

fn expires(token: &AccessToken) -> jiff::Timestamp {
    jiff::Timestamp::from_second(token.expires_on.unix_timestamp()).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
}

fn bearer(token: &AccessToken) -> Bearer {
    Bearer { token: Secret::new(token.token.secret()), expires: expires(token) }
}

fn sources(login: &Login, wire: Arc<Wire>) -> azure_core::Result<Vec<Source>> {
    let client_options = ClientOptions { transport: Some(Transport::new(wire)), ..ClientOptions::default() };
    match login {
        Login::DeveloperTools => developer_tools(),
        Login::ManagedIdentity(id) => {
            let user_assigned_id = id.clone().map(UserAssignedId::ClientId);
            let options = ManagedIdentityCredentialOptions { user_assigned_id, client_options };
            Ok(vec![("managed identity", ManagedIdentityCredential::new(Some(options))?)])
        }
        Login::Bearer(_) => Ok(Vec::new()),
    }
}

fn developer_tools() -> azure_core::Result<Vec<Source>> {
    let executor: Arc<dyn azure_identity::Executor> = Arc::new(Tools);
    let az = AzureCliCredentialOptions { executor: Some(executor.clone()), ..AzureCliCredentialOptions::default() };
    let azd = AzureDeveloperCliCredentialOptions { executor: Some(executor), ..AzureDeveloperCliCredentialOptions::default() };
    Ok(vec![("az", AzureCliCredential::new(Some(az))?), ("azd", AzureDeveloperCliCredential::new(Some(azd))?)])
}

/// Runs `az` and `azd`: never for ever, and not longer than we live.
#[derive(Debug)]
struct Tools;

/// `az` takes a second or two; one that waits for a person waits in vain.
const TOOL_DEADLINE: Duration = Duration::from_mins(1);

#[async_trait::async_trait]
impl azure_identity::Executor for Tools {
    async fn run(&self, program: &OsStr, args: &[&OsStr]) -> std::io::Result<Output> {
        let mut command = tokio::process::Command::new(program);
        let output = command.args(args).stdin(std::process::Stdio::null()).kill_on_drop(true).output();
        let late = || std::io::Error::new(std::io::ErrorKind::TimedOut, "no answer within a minute");
        let output = tokio::time::timeout(TOOL_DEADLINE, output).await.map_err(|_| late())??;
        Ok(Output { stdout: completed(output.stdout), ..output })
    }
}

/// `az` before 2.54 tells the end of a token as local time alone, and the SDK asks for seconds and a type.
fn completed(answer: Vec<u8>) -> Vec<u8> {
    let Ok(serde_json::Value::Object(mut fields)) = serde_json::from_slice(&answer) else { return answer };
    if !fields.contains_key("accessToken") {
        return answer;
    }
    if fields.get("expires_on").is_none_or(|seconds| !seconds.is_i64())
        && let Some(seconds) = fields.get("expiresOn").and_then(serde_json::Value::as_str).and_then(local_time)
    {
        fields.insert("expires_on".to_owned(), seconds.into());
    }
    fields.entry("tokenType").or_insert_with(|| "Bearer".into());
    serde_json::to_vec(&fields).unwrap_or(answer)
}

/// Reads `2026-06-03 18:13:57.000000`, which is this machine's local time, or a time with its offset.
fn local_time(text: &str) -> Option<i64> {
    let local = || text.parse::<jiff::civil::DateTime>().ok()?.to_zoned_datetime(jiff::tz::TimeZone::system()).ok();
    text.parse::<jiff::Timestamp>().ok().or_else(|| local().map(|time| time.timestamp())).map(jiff::Timestamp::as_second)
}

fn failed(login: &Login, failures: &[(&'static str, String)]) -> Error {
    let told: Vec<String> = failures.iter().map(|(name, why)| format!("{name}: {why}")).collect();
    let told = if let [(name, why)] = failures
        && *name == login.words()
    {
        why.clone()
    } else {
        told.join("; ")
    };
    let mut error = Error::new(Kind::Credential, format!("signing in by {} failed: {told}", login.words())).with_code("VaultLogin");
    for hint in hints(login, failures) {
        error = error.hint(hint);
    }
    error
}

fn hints(login: &Login, failures: &[(&'static str, String)]) -> Vec<&'static str> {
    match login {
        Login::DeveloperTools => {
            let missing = failures.iter().all(|(_, why)| why.contains("not found") || why.contains("not recognized"));
            let first = if missing {
                "install the Azure CLI (https://aka.ms/install-azure-cli) and run `az login`"
            } else {
                "run `az login` (or `azd auth login`) as somebody who may read the vault"
            };
            vec![
                first,
                "or sign in another way: environment, managed-identity or workload-identity, as `vault_auth` in the profile; `app` has --admin-auth",
            ]
        }
        Login::ManagedIdentity(_) => vec![
            "this works on Azure machines that have a managed identity: assign one; of several name one by its client id (`managed_identity`, `vault_identity`)",
            "elsewhere choose another credential, or another `vault_auth` such as \"developer-tools\" with `az login`",
            "where HTTP_PROXY is set, keep the machine's own address from the proxy: NO_PROXY=169.254.169.254",
        ],
        Login::Bearer(_) => vec!["check the AZURE_* variables"],
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Session").field(&self.login).finish()
    }
}

/// The session as the SDK's Key Vault clients see it.
#[async_trait::async_trait]
impl TokenCredential for Session {
    async fn get_token(&self, scopes: &[&str], _: Option<TokenRequestOptions<'_>>) -> azure_core::Result<AccessToken> {
        let scope = scopes.first().copied().unwrap_or_default();
        match self.bearer(scope).await {
            Ok(bearer) => {
                let expires = azure_core::time::OffsetDateTime::from_unix_timestamp(bearer.expires.as_second());
                let expires = expires.map_err(|error| azure_core::Error::new(azure_core::error::ErrorKind::DataConversion, error))?;
                Ok(AccessToken::new(bearer.token.expose().to_owned(), expires))
            }
            Err(error) => {
                let told = azure_core::Error::with_message(azure_core::error::ErrorKind::Credential, error.message().to_owned());
                *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                Err(told)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn answers_of_old_tools_are_completed_and_others_left_alone() {
        let read = |text: &str| serde_json::from_slice::<Value>(&completed(text.as_bytes().to_vec())).unwrap();
        let new =
            json!({"accessToken": "t", "expires_on": 1_790_000_000, "expiresOn": "2026-01-01 00:00:00.000000", "tokenType": "Bearer"});
        assert_eq!(read(&new.to_string()), new);
        let old = read(r#"{"accessToken":"t","expiresOn":"2026-09-21T14:13:20Z"}"#);
        assert_eq!((&old["expires_on"], &old["tokenType"]), (&json!(1_790_000_000), &json!("Bearer")));
        let local = read(r#"{"accessToken":"t","expiresOn":"2026-09-21 14:13:20.123456"}"#)["expires_on"].as_i64().unwrap();
        assert!((local - 1_790_000_000).abs() <= 15 * 3_600);
        assert_eq!(read(r#"{"token":"t","expiresOn":"2026-09-21T14:13:20Z"}"#), json!({"token": "t", "expiresOn": "2026-09-21T14:13:20Z"}));
        assert_eq!(completed(b"ERROR".to_vec()), b"ERROR");
    }
}
