//! Key Vault's errors as advice: what was asked for, what the vault said with its request id, what to do next.
//!
//! Source: Microsoft's page on Key Vault REST error codes; the words of the 403 for roles are parsed for the action and the caller.

use super::Address;
use crate::error::{Error, Kind};
use azure_core::{
    error::ErrorKind,
    http::{RawResponse, headers::HeaderName},
};
use std::{error::Error as StdError, ops::RangeInclusive};

/// Returns the words of the innermost cause.
pub(super) fn root(error: &azure_core::Error) -> String {
    let text = chain(error).last().unwrap_or_default();
    text.trim().replace("\r\n", " ").replace('\n', " ")
}

fn chain(error: &azure_core::Error) -> impl Iterator<Item = String> {
    let mut next: Option<&(dyn StdError + 'static)> = Some(error);
    let mut texts = Vec::new();
    while let Some(error) = next {
        texts.push(error.to_string());
        next = error.source();
    }
    texts.into_iter()
}

/// Returns whether the name of the host does not exist. One that could not be asked about just now may be retried.
pub(super) fn no_such_host(error: &azure_core::Error) -> bool {
    let gone = ["Name or service not known", "No address associated", "No such host is known", "nodename nor servname"];
    chain(error).any(|text| gone.iter().any(|words| text.contains(words)))
}

/// Returns whether the connection is not trusted, which another try does not change.
pub(super) fn untrusted(error: &azure_core::Error) -> bool {
    // Not the bare word: it stands in the URL of every certificate.
    let words = ["peer certificate", "UnknownIssuer", "fatal alert"];
    chain(error).any(|text| words.iter().any(|words| text.contains(words)))
}

fn unresolved(error: &azure_core::Error) -> bool {
    no_such_host(error) || chain(error).any(|text| text.contains("failed to lookup address") || text.contains("dns error"))
}

/// What the vault said.
struct Said {
    status: u16,
    code: String,
    inner: String,
    message: String,
    request_id: Option<String>,
}

/// Turns an error of the SDK into ours; `doing` says what was asked for.
pub(super) fn explain(doing: &str, vault: &Address, error: &azure_core::Error) -> Error {
    let explained = match error.kind() {
        ErrorKind::HttpResponse { status, raw_response: Some(response), .. } => {
            let said = said(u16::from(*status), response);
            let id = said.request_id.as_ref().map(|id| format!(" (request id {id})")).unwrap_or_default();
            let told = Error::new(Kind::Credential, format!("{}{id}", told(&said))).with_code(code(&said));
            advices(&said).into_iter().fold(told, Error::hint)
        }
        ErrorKind::HttpResponse { status, .. } => Error::new(Kind::Credential, format!("the vault answered {}", u16::from(*status))),
        ErrorKind::DataConversion => Error::new(Kind::Credential, "the answer is not one of Key Vault")
            .hint("check the vault's URL, and whether a proxy answers in its place"),
        _ => unanswered(vault, error),
    };
    let explained = explained.context(format_args!("{doing} {vault}"));
    // What the vault answered is told in words; the SDK's cause repeats it as the whole body.
    let answered = matches!(error.kind(), ErrorKind::HttpResponse { .. });
    if answered { explained } else { explained.caused_by(Plain(root(error))) }
}

/// The cause, without the SDK's type: its `Debug` could show an answer's body.
#[derive(Debug)]
struct Plain(String);

impl std::fmt::Display for Plain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for Plain {}

fn unanswered(vault: &Address, error: &azure_core::Error) -> Error {
    if unresolved(error) {
        let host = vault.url().host_str().unwrap_or_default();
        return Error::new(Kind::Credential, format!("the name {host} cannot be resolved"))
            .with_code("VaultNotFound")
            .hint("check the vault's name and the cloud; a vault behind a private endpoint is known inside its network alone")
            .hint("--resolve HOST=ADDRESS answers the name by hand");
    }
    if chain(error).any(|text| text.contains("doesn't match the requested domain")) {
        return Error::new(Kind::Credential, "its challenge names another domain than its own, so it gets no token")
            .with_code("VaultChallenge")
            .hint("check the vault's URL: it must end in the cloud's vault suffix, such as vault.azure.net");
    }
    if untrusted(error) {
        return Error::new(Kind::Credential, format!("no trusted connection: {}", root(error)))
            .with_code("Tls")
            .hint("behind a TLS-inspecting proxy give its root certificate with --ca-file");
    }
    Error::new(Kind::Credential, format!("no answer: {}", root(error)))
        .with_code("VaultUnreachable")
        .hint("check the network, HTTPS_PROXY, and whether the vault's firewall lets this machine in")
}

fn said(status: u16, response: &RawResponse) -> Said {
    let body: serde_json::Value = serde_json::from_slice(response.body()).unwrap_or_default();
    let text = |pointer: &str| body.pointer(pointer).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
    Said {
        status,
        code: text("/error/code"),
        inner: text("/error/innererror/code"),
        message: text("/error/message"),
        request_id: response.headers().get_optional_string(&HeaderName::from_static("x-ms-request-id")),
    }
}

/// The innermost code says most; the bare `Forbidden` hides which of five walls it was.
fn code(said: &Said) -> String {
    [&said.inner, &said.code].into_iter().find(|code| !code.is_empty()).cloned().unwrap_or_else(|| said.status.to_string())
}

fn told(said: &Said) -> String {
    let words = said.message.split("\r\n").map(str::trim).filter(|line| !line.is_empty());
    let words = match said.inner.as_str() {
        // Of the ten lines of a missing role, these three matter.
        "ForbiddenByRbac" => words
            .filter(|line| ["Caller is", "Caller:", "Action:"].iter().any(|start| line.starts_with(start)))
            .collect::<Vec<_>>()
            .join(" "),
        _ => words.collect::<Vec<_>>().join(" "),
    };
    match (words.is_empty(), code(said)) {
        (true, code) if code == said.status.to_string() => format!("the vault answered {code}"),
        (true, code) => format!("the vault answered {} {code}", said.status),
        (false, code) => format!("{code}: {words}"),
    }
}

/// A row of the table of refusals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wall {
    /// HTTP statuses.
    pub status: RangeInclusive<u16>,
    /// `error.code`, or `error.innererror.code` where that says more; empty is any.
    pub code: &'static str,
    /// What the message holds; empty is anything.
    pub words: &'static str,
    /// What it means here.
    pub meaning: &'static str,
    /// What to do.
    pub advice: &'static str,
}

const fn wall(status: u16, code: &'static str, words: &'static str, meaning: &'static str, advice: &'static str) -> Wall {
    Wall { status: status..=status, code, words, meaning, advice }
}

const NO_POLICY: &str = "the caller is in no access policy that allows it";
const ADD_POLICY: &str = "add an access policy: get for secrets, get for certificates, sign for keys";
const DISABLED: &str = "what was asked for is disabled";
const ENABLE: &str = "enable it in the vault, or name another version: \"name/version\"";

/// The table; the first row that fits counts. Sources: Microsoft's pages on Key Vault's REST errors and on its 401 answers.
pub const WALLS: &[Wall] = &[
    wall(400, "", "", "the vault did not understand the request", "check the names, and that the URL is a vault's"),
    wall(
        401,
        "",
        "AKV10032",
        "the login belongs to another directory than the vault",
        "sign in to the vault's: `az login --tenant`, or AZURE_TENANT_ID",
    ),
    wall(401, "", "AKV10022", "the token is for another cloud's vaults", "check --cloud and the vault's suffix"),
    wall(401, "", "", "the vault did not take the login's token", "sign in anew"),
    wall(403, "ForbiddenByRbac", "", "the caller lacks a role in the vault", "a role assigned just now may take ten minutes to count"),
    wall(
        403,
        "ForbiddenByFirewall",
        "",
        "the vault's firewall keeps this machine out",
        "let its address through (Networking), or run inside the vault's network",
    ),
    wall(
        403,
        "ForbiddenByConnection",
        "",
        "the vault takes no public connections",
        "run inside its network, or through its private endpoint with --resolve",
    ),
    wall(403, "ForbiddenByPolicy", "", "a policy of the organisation denies it", "ask the vault's administrator"),
    wall(403, "SecretDisabled", "", DISABLED, ENABLE),
    wall(403, "AccessDenied", "", NO_POLICY, ADD_POLICY),
    wall(403, "", "disabled", DISABLED, ENABLE),
    wall(403, "", " permission on key vault", NO_POLICY, ADD_POLICY),
    wall(403, "", "", "the caller may not do this in the vault", "check its roles or access policies"),
    wall(
        404,
        "",
        "recover",
        "there is no such object in the vault",
        "check its name and version; one deleted recently can be recovered (az keyvault secret recover)",
    ),
    wall(404, "", "", "there is no such object in the vault", "check its name and version"),
    wall(409, "", "pending", "the certificate is being made already", "wait until it is, or cancel its pending operation"),
    wall(409, "ObjectIsBeingDeleted", "", "the object is being deleted", "try again in a minute"),
    wall(409, "ObjectIsBeingRecovered", "", "the object is being recovered", "try again in a minute"),
    wall(409, "", "", "a deleted object keeps the name", "recover or purge it, or take another name"),
    wall(429, "", "", "the vault is busy", "try again in a minute"),
    Wall {
        status: 500..=599,
        code: "",
        words: "",
        meaning: "the vault fails at the moment",
        advice: "try again, and see https://azure.status.microsoft",
    },
];

impl Wall {
    /// Finds the row of an answer: its status, the two codes, its message.
    pub fn find(status: u16, codes: [&str; 2], message: &str) -> Option<&'static Self> {
        let fits =
            |row: &&Self| row.status.contains(&status) && (row.code.is_empty() || codes.contains(&row.code)) && message.contains(row.words);
        WALLS.iter().find(fits)
    }
}

fn advices(said: &Said) -> Vec<String> {
    let Some(row) = Wall::find(said.status, [&said.inner, &said.code], &said.message) else { return Vec::new() };
    let role = (row.code == "ForbiddenByRbac").then(|| role(&said.message));
    role.into_iter().chain([format!("{}: {}", row.meaning, row.advice)]).collect()
}

/// Data actions, and the least role that holds each.
const ROLES: [(&str, &str); 11] = [
    ("vaults/secrets/getSecret", "Key Vault Secrets User"),
    ("vaults/certificates/read", "Key Vault Certificate User"),
    ("vaults/secrets/setSecret", "Key Vault Secrets Officer"),
    ("vaults/secrets/delete", "Key Vault Secrets Officer"),
    ("vaults/secrets/recover", "Key Vault Secrets Officer"),
    ("vaults/certificates/create", "Key Vault Certificates Officer"),
    ("vaults/certificates/delete", "Key Vault Certificates Officer"),
    ("vaults/certificates/update", "Key Vault Certificates Officer"),
    ("vaults/secrets/update", "Key Vault Secrets Officer"),
    ("vaults/keys/sign", "Key Vault Crypto User"),
    ("vaults/keys/read", "Key Vault Crypto User"),
];

fn role(message: &str) -> String {
    let field = |name: &str| {
        let rest = message.split_once(name)?.1;
        rest.lines().next().map(|line| line.trim().trim_matches('\'').to_owned())
    };
    let action = field("Action:").unwrap_or_default();
    let role = ROLES.iter().find(|(part, _)| action.contains(part)).map_or("a role with that action", |(_, role)| role);
    let caller = field("Caller:").unwrap_or_default();
    let object = caller.split(';').find_map(|part| part.trim().strip_prefix("oid=")).unwrap_or("OBJECT-ID");
    let resource = field("Resource:").unwrap_or_default();
    let scope = vault_of(&resource).unwrap_or("VAULT-RESOURCE-ID");
    format!(
        "give the caller the role `{role}` on the vault: az role assignment create --role \"{role}\" --assignee-object-id {object} --scope {scope}"
    )
}

fn vault_of(resource: &str) -> Option<&str> {
    let start = resource.to_ascii_lowercase().find("/vaults/")? + "/vaults/".len();
    let length = resource.get(start..)?.find('/').unwrap_or(resource.len() - start);
    resource.get(..start + length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use azure_core::http::{StatusCode, headers::Headers};

    fn explained(status: u16, body: &str) -> Error {
        let mut headers = Headers::new();
        headers.insert("x-ms-request-id", "req-1");
        let status = StatusCode::from(status);
        let raw_response = Some(Box::new(RawResponse::from_bytes(status, headers, body.to_owned())));
        let error = azure_core::Error::new(ErrorKind::HttpResponse { status, error_code: None, raw_response }, "x");
        let vault = Address::parse("kv-ir", "vault.azure.net").unwrap();
        explain("reading the secret `x` from", &vault, &error)
    }

    #[test]
    fn a_missing_role_names_the_role_the_caller_and_the_vault() {
        let message = "Caller is not authorized to perform action on resource.\\r\\nIf role assignments ...\\r\\nCaller: appid=11;oid=22;iss=https://sts.windows.net/33/\\r\\nAction: 'Microsoft.KeyVault/vaults/secrets/getSecret/action'\\r\\nResource: '/subscriptions/44/resourcegroups/rg/providers/microsoft.keyvault/vaults/kv-ir/secrets/x'\\r\\nAssignment: (not found)\\r\\n";
        let error = explained(
            403,
            &format!(r#"{{"error":{{"code":"Forbidden","message":"{message}","innererror":{{"code":"ForbiddenByRbac"}}}}}}"#),
        );
        assert_eq!((error.kind(), error.code()), (Kind::Credential, "ForbiddenByRbac".to_owned()));
        assert!(error.message().starts_with("reading the secret `x` from https://kv-ir.vault.azure.net: ForbiddenByRbac: Caller is not"));
        assert!(error.message().ends_with("(request id req-1)"));
        assert_eq!(
            error.hints()[0],
            "give the caller the role `Key Vault Secrets User` on the vault: az role assignment create --role \"Key Vault Secrets User\" --assignee-object-id 22 --scope /subscriptions/44/resourcegroups/rg/providers/microsoft.keyvault/vaults/kv-ir"
        );
    }

    #[test]
    fn every_row_has_an_advice() {
        let rows = [
            (404, "SecretNotFound", "", "check its name"),
            (403, "Forbidden", "ForbiddenByFirewall", "firewall"),
            (403, "Forbidden", "ForbiddenByConnection", "private endpoint"),
            (403, "Forbidden", "SecretDisabled", "enable it"),
            (403, "Forbidden", "AccessDenied", "access policy"),
            (429, "Throttled", "", "try again"),
            (503, "ServiceUnavailable", "", "try again"),
        ];
        for (status, code, inner, words) in rows {
            let error = explained(status, &format!(r#"{{"error":{{"code":"{code}","message":"m","innererror":{{"code":"{inner}"}}}}}}"#));
            assert!(error.hints()[0].contains(words), "{status} {code}: {:?}", error.hints());
            assert_eq!(error.code(), if inner.is_empty() { code } else { inner });
        }
        let issuer = explained(401, r#"{"error":{"code":"Unauthorized","message":"AKV10032: Invalid issuer."}}"#);
        assert!(issuer.hints()[0].contains("--tenant"));
    }

    #[test]
    fn bodies_that_are_not_json_do_not_matter() {
        let error = explained(502, "<html>bad gateway</html>");
        assert_eq!(error.message(), "reading the secret `x` from https://kv-ir.vault.azure.net: the vault answered 502 (request id req-1)");
    }
}
