//! The application in one tenant: its tokens, one a resource, kept in memory and renewed ahead of their end by one caller while
//! the others wait.

use super::{
    aadsts::{Refusal, Retry},
    assertion::{self, Purpose},
    entra::{Answer, Ask, Entra, Tries, is_hopeless, unreachable},
    signer::Signer,
    tenant::Authority,
    token::{Slot, Token},
};
use crate::{
    error::{Error, Kind, Result},
    secret::{Secret, SecretBytes},
    transport::Authorize,
    vault::{Session, Signature},
};
use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// What an application proves itself with.
#[derive(Clone)]
pub enum Proof {
    /// A client secret.
    Secret(Secret),
    /// A certificate's key.
    Certificate {
        /// Who signs.
        signer: Arc<dyn Signer>,
        /// RS256 and `x5t`, instead of PS256 and `x5t#S256`.
        rs256: bool,
        /// Send the certificate's chain.
        send_chain: bool,
    },
    /// The token of a federated identity provider, read anew for each request.
    Federated(ReadToken),
    /// The machine's identity, which asks the APIs itself.
    Machine(Arc<Session>),
}

/// Reads a token of a federated identity provider.
pub type ReadToken = Arc<dyn Fn() -> Result<Secret> + Send + Sync>;

/// What an application is.
#[derive(Clone)]
pub struct AppOptions {
    /// The token service.
    pub entra: Entra,
    /// Where tokens are asked for.
    pub authority: Authority,
    /// Directory id.
    pub tenant: String,
    /// Application (client) id.
    pub app_id: String,
    /// What it proves itself with.
    pub proof: Proof,
}

/// An application in one tenant.
pub struct App {
    options: AppOptions,
    /// PS256 was refused once, or is not wanted.
    rs256: AtomicBool,
    slots: Mutex<HashMap<String, Arc<tokio::sync::Mutex<Slot>>>>,
}

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

impl App {
    /// Prepares an application; nothing is asked yet.
    pub fn new(options: AppOptions) -> Self {
        let rs256 = AtomicBool::new(matches!(options.proof, Proof::Certificate { rs256: true, .. }));
        Self { options, rs256, slots: Mutex::default() }
    }

    /// Returns the directory id.
    pub fn tenant(&self) -> &str {
        &self.options.tenant
    }

    /// Returns the application (client) id.
    pub fn app_id(&self) -> &str {
        &self.options.app_id
    }

    /// Returns a token for `scope` that is good for at least `min_valid`, or else as fresh as can be.
    ///
    /// # Errors
    /// [`crate::error::Kind::Credential`] with the service's code, words and ids, and what to do.
    pub async fn token(&self, scope: &str, min_valid: Duration) -> Result<Token> {
        let slot = self.slot(scope);
        let mut slot = slot.lock().await;
        if let Some(token) = slot.fresh(min_valid) {
            return Ok(token.clone());
        }
        self.renew_slot(scope, &mut slot).await
    }

    fn slot(&self, scope: &str) -> Arc<tokio::sync::Mutex<Slot>> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.entry(scope.to_owned()).or_default().clone()
    }

    /// Asks for a new token. Where that fails and the old one is still good, the old one is used; what failed for good is not
    /// asked again for a minute.
    async fn renew_slot(&self, scope: &str, slot: &mut Slot) -> Result<Token> {
        if let Some(failure) = slot.recent_failure() {
            return Err(failure);
        }
        match self.ask(scope).await {
            Ok(token) => {
                slot.put(token.clone());
                Ok(token)
            }
            Err(error) => match slot.still_good() {
                Some(token) => {
                    tracing::warn!(%error, "a token could not be renewed ahead of its end");
                    Ok(token.clone())
                }
                None => Err(slot.fail(error)),
            },
        }
    }

    async fn ask(&self, scope: &str) -> Result<Token> {
        if let Proof::Machine(session) = &self.options.proof {
            let bearer = session.bearer(scope).await?;
            return in_time(Token::until(bearer.token, bearer.expires));
        }
        let resource = scope.trim_end_matches("/.default");
        let doing = || format!("getting a token for {resource} as application {} in tenant {}", self.app_id(), self.tenant());
        self.ask_entra(scope).await.map_err(|error| error.context(doing()))
    }

    async fn ask_entra(&self, scope: &str) -> Result<Token> {
        let url = self.options.authority.below(self.tenant(), "oauth2/v2.0/token")?;
        let lane = format!("{}/token", self.tenant());
        let mut tries = Tries::begin();
        let mut redated = false;
        loop {
            let ask = Ask { form: Some(self.form(scope, url.as_str()).await?), url: url.clone() };
            let (error, after) = match self.options.entra.exchange(&ask, &mut tries).await {
                Err(words) if is_hopeless(&words) => return Err(unreachable(&url, &words)),
                Err(words) => (unreachable(&url, &words), None),
                Ok(answer) => match judge(&answer) {
                    Verdict::Token(token) => return Ok(token),
                    Verdict::Refused(refusal) => match self.after_refusal(&refusal, answer.status, &mut redated) {
                        Next::AtOnce => continue,
                        Next::Later => (refusal.into_error(answer.status), answer.retry_after()),
                        Next::GiveUp => return Err(self.without_secret(refusal.into_error(answer.status))),
                    },
                    Verdict::Odd(error) if (400..429).contains(&answer.status) => return Err(error),
                    Verdict::Odd(error) => (error, answer.retry_after()),
                },
            };
            self.options.entra.pause(&tries, &lane, after, error).await?;
        }
    }

    fn after_refusal(&self, refusal: &Refusal, status: u16, redated: &mut bool) -> Next {
        let retry = refusal.row().map_or(Retry::Never, |row| row.retry);
        let certificate = matches!(self.options.proof, Proof::Certificate { .. });
        match retry {
            Retry::Redate if certificate && !*redated => {
                *redated = true;
                if let Some(time) = refusal.service_time() {
                    let now = jiff::Timestamp::now();
                    self.options.entra.clock().observe(time, now, now);
                }
                Next::AtOnce
            }
            Retry::Rs256 if certificate && !self.rs256.swap(true, Ordering::Relaxed) => Next::AtOnce,
            Retry::Later => Next::Later,
            _ if status == 429 || status >= 500 => Next::Later,
            _ => Next::GiveUp,
        }
    }

    async fn form(&self, scope: &str, endpoint: &str) -> Result<Vec<(&'static str, Secret)>> {
        let plain = |text: &str| Secret::new(text);
        let mut form = vec![("client_id", plain(self.app_id())), ("scope", plain(scope))];
        match &self.options.proof {
            Proof::Secret(secret) => form.push(("client_secret", secret.clone())),
            Proof::Certificate { signer, send_chain, .. } => {
                let assertion = self.assertion(signer.as_ref(), endpoint, *send_chain).await?;
                form.extend([("client_assertion_type", plain(ASSERTION_TYPE)), ("client_assertion", assertion)]);
            }
            Proof::Federated(read) => form.extend([("client_assertion_type", plain(ASSERTION_TYPE)), ("client_assertion", read()?)]),
            Proof::Machine(_) => {}
        }
        form.push(("grant_type", plain("client_credentials")));
        Ok(form)
    }

    async fn assertion(&self, signer: &dyn Signer, endpoint: &str, send_chain: bool) -> Result<Secret> {
        let algorithm = if self.rs256.load(Ordering::Relaxed) { Signature::Rs256 } else { Signature::Ps256 };
        let now = self.options.entra.clock().now();
        let purpose = Purpose { endpoint, app_id: self.app_id(), algorithm, send_chain, now };
        assertion::assertion(signer, &purpose).await
    }

    /// No service should echo a secret; if one does, its words are dropped.
    fn without_secret(&self, error: Error) -> Error {
        match &self.options.proof {
            Proof::Secret(secret) if secret.expose().len() > 3 && error.message().contains(secret.expose()) => {
                Error::new(error.kind(), "the token service refused, and its words held the secret").with_code(error.code())
            }
            _ => error,
        }
    }
}

/// A machine's token comes from a cache that is not ours, dated by the machine's clock.
fn in_time(token: Token) -> Result<Token> {
    if token.expires() > jiff::Timestamp::now() {
        return Ok(token);
    }
    let message = format!("the machine's identity handed out a token that ended at {}", crate::time::rfc3339(token.expires()));
    Err(Error::new(Kind::Credential, message)
        .with_code("TokenExpired")
        .hint("check this machine's clock, and restart its identity service"))
}

enum Next {
    AtOnce,
    Later,
    GiveUp,
}

enum Verdict {
    Token(Token),
    Refused(Refusal),
    Odd(Error),
}

fn judge(answer: &Answer) -> Verdict {
    if answer.status == 200 {
        return Token::parse(&answer.body).map_or_else(|| Verdict::Odd(answer.odd()), Verdict::Token);
    }
    answer.refusal().map_or_else(|| Verdict::Odd(answer.odd()), Verdict::Refused)
}

/// Reads the answer of a token service as [`App`] does.
///
/// # Errors
/// [`Kind::Credential`] as the service refused, or where the answer is none.
pub fn read_answer(status: u16, body: SecretBytes) -> Result<Token> {
    match judge(&Answer { status, headers: reqwest::header::HeaderMap::new(), body }) {
        Verdict::Token(token) => Ok(token),
        Verdict::Refused(refusal) => Err(refusal.into_error(status)),
        Verdict::Odd(error) => Err(error),
    }
}

#[async_trait::async_trait]
impl Authorize for App {
    async fn bearer(&self, scope: &str) -> Result<Secret> {
        Ok(self.token(scope, Duration::ZERO).await?.secret().clone())
    }

    async fn renew(&self, scope: &str, rejected: &Secret) -> Result<Secret> {
        let slot = self.slot(scope);
        let mut slot = slot.lock().await;
        if let Some(token) = slot.fresh(Duration::ZERO).filter(|token| token.secret() != rejected) {
            return Ok(token.secret().clone());
        }
        slot.reject();
        Ok(self.renew_slot(scope, &mut slot).await?.secret().clone())
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "App({} in {})", self.app_id(), self.tenant())
    }
}
