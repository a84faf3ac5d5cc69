//! The one error type: what was being done, what went wrong, what to do next.
//!
//! The [`Kind`] alone decides the exit code. No secret may be put into a message: see [`crate::secret`].

use std::fmt;

/// What kind of failure it is, which is also the exit code of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// None of the kinds below (exit 1).
    Failed,
    /// The command line or the configuration is wrong (exit 2).
    Usage,
    /// No credential or no token: vault, secret, certificate, consent (exit 3).
    Credential,
    /// The token lacks a permission (exit 4).
    Permission,
    /// The API refused the query or the filter (exit 5).
    Query,
    /// Incomplete: what could be had is stored (exit 6).
    Incomplete,
    /// The local disk or case refused (exit 7).
    Disk,
    /// Interrupted (exit 130).
    Interrupted,
}

impl Kind {
    /// Returns the process exit code of this kind.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Credential => 3,
            Self::Permission => 4,
            Self::Query => 5,
            Self::Incomplete => 6,
            Self::Disk => 7,
            Self::Interrupted => 130,
        }
    }
}

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// A failure, worded for the person who has to act on it.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: Kind,
    code: Option<String>,
    message: String,
    excerpt: Option<String>,
    hints: Vec<String>,
    cause: Option<Cause>,
}

impl Error {
    /// Creates an error of `kind`; `message` says what was being done and what went wrong, in one sentence without a period.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, code: None, message: message.into(), excerpt: None, hints: Vec::new(), cause: None }))
    }

    /// Sets the code that the service (or we) gave the failure, such as `AADSTS7000222` or `Forbidden`.
    #[must_use]
    pub fn with_code(mut self, code: impl Into<String>) -> Self {
        self.0.code = Some(code.into());
        self
    }

    /// Adds an advice: what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hints.push(hint.into());
        self
    }

    /// Sets the lines of the input that the error is about, already underlined.
    #[must_use]
    pub fn with_excerpt(mut self, excerpt: impl Into<String>) -> Self {
        self.0.excerpt = Some(excerpt.into());
        self
    }

    /// Sets the error that this one was caused by.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<Cause>) -> Self {
        self.0.cause = Some(cause.into());
        self
    }

    /// Prefixes the message with what was being done.
    #[must_use]
    pub fn context(mut self, doing: impl fmt::Display) -> Self {
        self.0.message = format!("{doing}: {}", self.0.message);
        self
    }

    /// Returns the same error as another kind.
    #[must_use]
    pub fn with_kind(mut self, kind: Kind) -> Self {
        self.0.kind = kind;
        self
    }

    /// Returns the same failure for somebody else whom it hit; what caused it stays with the first.
    #[must_use]
    pub fn again(&self) -> Self {
        let inner = &*self.0;
        Self(Box::new(Inner {
            kind: inner.kind,
            code: inner.code.clone(),
            message: inner.message.clone(),
            excerpt: inner.excerpt.clone(),
            hints: inner.hints.clone(),
            cause: None,
        }))
    }

    /// Returns the kind.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// Returns the code, or the kind's name where the failure has none.
    pub fn code(&self) -> String {
        self.0.code.clone().unwrap_or_else(|| format!("{:?}", self.0.kind))
    }

    /// Returns the code that was set, if any.
    pub fn explicit_code(&self) -> Option<&str> {
        self.0.code.as_deref()
    }

    /// Returns the message without hints, excerpt and causes.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Returns the underlined lines of the input, if there are any.
    pub fn excerpt(&self) -> Option<&str> {
        self.0.excerpt.as_deref()
    }

    /// Returns the advices, most important first.
    pub fn hints(&self) -> &[String] {
        &self.0.hints
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.cause.as_deref().map(|cause| cause as &(dyn std::error::Error + 'static))
    }
}

/// The result of everything that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;
