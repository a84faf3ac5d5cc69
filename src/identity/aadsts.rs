//! Entra's errors as data: code, what it means here, what to do, and whether another try may help.
//!
//! Source: Microsoft's reference of AADSTS error codes, and the tests of its own MSAL libraries.

use crate::error::{Error, Kind};
use serde_json::Value;

/// Whether another try may help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// No.
    Never,
    /// Yes, after a pause.
    Later,
    /// In the first minute after the application or its credential was created.
    Propagating,
    /// Once, with an assertion dated by the service's clock.
    Redate,
    /// Once, with RS256.
    Rs256,
}

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The number after `AADSTS`.
    pub code: u32,
    /// What it means here.
    pub meaning: &'static str,
    /// What to do.
    pub advice: &'static str,
    /// Whether another try may help.
    pub retry: Retry,
}

const fn row(code: u32, meaning: &'static str, advice: &'static str) -> Row {
    Row { code, meaning, advice, retry: Retry::Never }
}

const fn later(code: u32, meaning: &'static str) -> Row {
    Row { code, meaning, advice: "try again in some minutes", retry: Retry::Later }
}

const REPORT: &str = "this is a fault of ircollect: please report it with the trace id";
const REGISTER: &str = "upload that certificate to the application, and check which version the vault hands out";
const PRODUCT: &str = "check that the tenant has the product and its licence, and that the cloud is right";
const SWITCH_CLOUD: &str = "choose the tenant's cloud with --cloud";

/// The table.
pub const TABLE: &[Row] = &[
    Row {
        code: 7_000_215,
        meaning: "the client secret is wrong; often its ID was taken for its value",
        advice: "use the secret's value, and check what the vault or variable holds",
        retry: Retry::Propagating,
    },
    row(7_000_222, "the client secret has expired", "create a new secret and put it where the old one lies"),
    row(7_000_218, "neither secret nor assertion was sent", REPORT),
    Row {
        code: 700_016,
        meaning: "the application is not known in this tenant",
        advice: "check application id and tenant, and have an administrator consent to the application there",
        retry: Retry::Propagating,
    },
    row(700_027, "the assertion's certificate is not registered with the application", REGISTER),
    row(7_000_274, "the assertion's signature is not valid", REGISTER),
    Row { code: 700_024, meaning: "the assertion is outside its time", advice: "set this machine's clock", retry: Retry::Redate },
    row(700_021, "the assertion names another application than the request", REPORT),
    row(700_023, "the assertion is made for another authority or tenant", "check --cloud, and the authority of a cloud of one's own"),
    row(
        700_025,
        "the application is marked as public, so it may present no secret or assertion",
        "set `Allow public client flows` of the application to No",
    ),
    row(
        7_000_112,
        "the application is disabled in this tenant",
        "ask the tenant's administrator; somebody may have disabled it on purpose",
    ),
    row(7_000_113, "the application may not act in this way", "ask the tenant's administrator"),
    row(7_000_114, "the application may not act in this way", "ask the tenant's administrator"),
    row(7_000_214, "the certificate is revoked", "make a new certificate and register it"),
    row(7_000_277, "the certificate is revoked", "make a new certificate and register it"),
    row(
        700_211,
        "no federated credential of the application names this token's issuer",
        "compare the token's `iss` with the federated credential",
    ),
    row(
        700_212,
        "no federated credential of the application names this token's audience",
        "ask the provider for api://AzureADTokenExchange",
    ),
    row(
        700_213,
        "no federated credential of the application names this token's subject",
        "compare the token's `sub` with the federated credential",
    ),
    row(1_000_502, "the certificate is outside its time", "renew the certificate and register the new one"),
    row(50_012, "the assertion was not accepted", REGISTER),
    Row {
        code: 50_013,
        meaning: "the assertion was not accepted",
        advice: "set this machine's clock, and check the registered certificate",
        retry: Retry::Redate,
    },
    Row { code: 500_133, meaning: "the assertion is outside its time", advice: "set this machine's clock", retry: Retry::Redate },
    Row {
        code: 5_002_730,
        meaning: "this authority does not take PS256",
        advice: "set algorithm = \"RS256\" in the credential",
        retry: Retry::Rs256,
    },
    row(90_002, "there is no such tenant in this cloud", "check the spelling of the tenant, and the cloud (--cloud)"),
    row(900_023, "the tenant is neither an id nor a domain", "give the directory id or a verified domain"),
    row(90_019, "the request names no tenant", "give --tenant"),
    row(90_038, "the tenant lives in another national cloud", SWITCH_CLOUD),
    row(900_382, "the tenant lives in another national cloud", SWITCH_CLOUD),
    row(900_432, "the tenant lives in another national cloud", SWITCH_CLOUD),
    row(50_049, "the authority is unknown", "check --cloud, and the authority of a cloud of one's own"),
    row(500_011, "the API is not known in this tenant", PRODUCT),
    row(50_001, "the API is disabled or unknown in this tenant", PRODUCT),
    row(650_052, "the organisation has not enabled this service", PRODUCT),
    row(65_001, "nobody has consented to the application's permissions", "have an administrator grant consent"),
    row(65_005, "the registration lists an API that does not exist here", "correct the application's API permissions"),
    row(50_034, "a user was looked for, and applications have none", REPORT),
    row(50_194, "a single-tenant application was used without its tenant", "give the directory id with --tenant"),
    row(9_001_023, "an application needs a tenant of its own", "give the directory id with --tenant"),
    row(
        53_003,
        "a Conditional Access policy for workload identities blocks the application",
        "run from an allowed address, or have the application excluded",
    ),
    row(530_032, "a security policy of the tenant blocks the application", "ask the tenant's administrator"),
    row(50_196, "too many requests for the same token", "wait some minutes; let one process get the token"),
    later(90_055, "the tenant is throttled"),
    later(90_006, "the service fails at the moment"),
    later(90_012, "the service fails at the moment"),
    later(90_024, "the service fails at the moment"),
    later(90_033, "the service fails at the moment"),
    later(90_090, "the service fails at the moment"),
    later(50_000, "the token service has a problem"),
    row(70_011, "the scope is not one resource and /.default", "give a scope such as https://graph.microsoft.com/.default"),
    row(28_002, "the scope is not one resource and /.default", "give a scope such as https://graph.microsoft.com/.default"),
    row(1_002_012, "the scope is not one resource and /.default", "give a scope such as https://graph.microsoft.com/.default"),
    row(700_022, "the scope names several resources", "ask for one resource at a time"),
    row(70_003, "the kind of grant is not supported", REPORT),
    row(900_144, "a parameter is missing", REPORT),
    row(9_002_313, "the request is malformed", REPORT),
    row(100_007, "this regional authority is not for applications", "use the cloud's own authority"),
];

/// Finds the row of a code.
pub fn find(code: u32) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.code == code)
}

/// What a refusal says.
#[derive(Debug, Default)]
pub(super) struct Refusal {
    error: String,
    description: String,
    codes: Vec<u32>,
    trace_id: String,
    correlation_id: String,
    suberror: String,
    /// The header's id, for a body that names none.
    request_id: String,
    /// The tenant's policy asks for more than a credential.
    challenged: bool,
}

impl Refusal {
    /// Reads the body of a refusal; none where it is something else. Its ids may stand in the text alone, as older services have it.
    pub(super) fn read(body: &[u8], request_id: Option<String>) -> Option<Self> {
        let body: Value = serde_json::from_slice(body).ok()?;
        let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let description = text("error_description");
        let id = |name: &str, label: &str| Some(text(name)).filter(|id| !id.is_empty()).or_else(|| labelled(&description, label));
        let codes = body.get("error_codes").and_then(Value::as_array).into_iter().flatten();
        let refusal = Self {
            error: text("error"),
            codes: codes.filter_map(|code| code.as_u64()?.try_into().ok()).collect(),
            trace_id: id("trace_id", "Trace ID: ").unwrap_or_default(),
            correlation_id: id("correlation_id", "Correlation ID: ").unwrap_or_default(),
            suberror: text("suberror"),
            request_id: request_id.unwrap_or_default(),
            challenged: body.get("claims").is_some_and(|claims| !claims.is_null()),
            description,
        };
        (!refusal.error.is_empty()).then_some(refusal)
    }

    /// Returns the code; older services give it in the text alone.
    pub(super) fn code(&self) -> Option<u32> {
        self.codes.first().copied().or_else(|| {
            let rest = self.description.strip_prefix("AADSTS")?;
            rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
        })
    }

    pub(super) fn row(&self) -> Option<&'static Row> {
        self.code().and_then(find)
    }

    /// Returns the time that the service says it has: `Current time: 2026-06-03T16:13:57.1234567Z`.
    pub(super) fn service_time(&self) -> Option<jiff::Timestamp> {
        let rest = self.description.split_once("urrent time: ")?.1;
        rest.split([',', ' ', '\r', '\n']).next()?.trim_end_matches('.').parse().ok()
    }

    /// Turns it into an error with the service's words, its ids and our advice.
    pub(super) fn into_error(self, status: u16) -> Error {
        let code = self.code().map_or_else(|| self.name(status), |code| format!("AADSTS{code}"));
        let mut error = Error::new(Kind::Credential, self.words(&code)).with_code(code);
        if let Some(row) = self.row() {
            error = error.hint(format!("{}: {}", row.meaning, row.advice));
        }
        if self.challenged {
            error =
                error.hint("the tenant's policy asks for something that an application cannot answer: have it excluded from that policy");
        }
        error
    }

    fn name(&self, status: u16) -> String {
        if self.error.is_empty() { format!("HTTP {status}") } else { self.error.clone() }
    }

    fn words(&self, code: &str) -> String {
        let text = self.description.split("Trace ID:").next().unwrap_or_default();
        let text: String = text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(LONGEST).collect();
        let nameless = self.trace_id.is_empty() && self.correlation_id.is_empty();
        let header = if nameless { self.request_id.as_str() } else { "" };
        let all = [
            ("trace id", self.trace_id.as_str()),
            ("correlation id", &self.correlation_id),
            ("request id", header),
            ("suberror", &self.suberror),
        ];
        let ids: Vec<String> = all.into_iter().filter(|(_, id)| !id.is_empty()).map(|(name, id)| format!("{name} {id}")).collect();
        let text = if text.is_empty() { code.to_owned() } else { text };
        if ids.is_empty() { text } else { format!("{text} ({})", ids.join(", ")) }
    }
}

/// Finds an id behind its label in the service's words.
fn labelled(text: &str, label: &str) -> Option<String> {
    let id = text.split_once(label)?.1.split_whitespace().next()?;
    (id.len() <= 64).then(|| id.to_owned())
}

/// Longest words of the service that are shown.
const LONGEST: usize = 800;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_code_stands_twice_and_every_row_says_something() {
        let mut codes: Vec<u32> = TABLE.iter().map(|row| row.code).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), TABLE.len());
        assert!(TABLE.iter().all(|row| !row.meaning.is_empty() && !row.advice.is_empty()));
    }

    #[test]
    fn shows_the_words_the_ids_and_the_advice() {
        let body = r#"{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided. Ensure the secret is the value.\r\nTrace ID: 0000aaaa\r\nCorrelation ID: aaaa0000\r\nTimestamp: 2026-06-03 16:13:57Z","error_codes":[7000215],"trace_id":"0000aaaa","correlation_id":"aaaa0000"}"#;
        let refusal = Refusal::read(body.as_bytes(), Some("header".into())).unwrap();
        let error = refusal.into_error(401);
        assert_eq!((error.kind(), error.code()), (Kind::Credential, "AADSTS7000215".to_owned()));
        assert_eq!(
            error.message(),
            "AADSTS7000215: Invalid client secret provided. Ensure the secret is the value. (trace id 0000aaaa, correlation id aaaa0000)"
        );
        assert!(error.hints()[0].contains("use the secret's value"));
    }

    #[test]
    fn the_code_and_the_time_are_found_in_the_text() {
        let refusal = Refusal {
            description: "AADSTS700024: Client assertion is not within its valid time range. Current time: 2026-06-03T16:13:57.1234567Z, assertion valid from 2026".into(),
            ..Refusal::default()
        };
        assert_eq!(refusal.code(), Some(700_024));
        assert_eq!(refusal.service_time().unwrap().as_second(), 1_780_503_237);
    }

    #[test]
    fn ids_are_shown_wherever_they_stand() {
        let words = |body: &str| Refusal::read(body.as_bytes(), Some("r".into())).unwrap().into_error(400).message().to_owned();
        let text = r#"{"error":"invalid_request","error_description":"AADSTS90002: No tenant.\r\nTrace ID: t\r\nCorrelation ID: c\r\nTimestamp: x","trace_id":null}"#;
        assert_eq!(words(text), "AADSTS90002: No tenant. (trace id t, correlation id c)");
        assert_eq!(words(r#"{"error":"invalid_client"}"#), "invalid_client (request id r)");
        assert!(Refusal::read(b"{}", None).is_none() && Refusal::read(b"[1]", None).is_none());
    }

    #[test]
    fn a_body_without_anything_still_is_an_error() {
        let error = Refusal::default().into_error(400);
        assert_eq!((error.message(), error.code()), ("HTTP 400", "HTTP 400".to_owned()));
    }
}
