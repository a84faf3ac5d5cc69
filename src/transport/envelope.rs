//! What a service says where it refuses: the error envelopes of Graph, MDE, XDR, Key Vault and Entra, and whatever gateways
//! put in their place (HTML, XML, nothing). The bytes are never trusted to be any of them.

use reqwest::header::{CONTENT_TYPE, HeaderMap};
use serde_json::Value;

/// How much of a body that is no envelope is kept (apis.md 8.7).
const KEPT: usize = 2048;

/// What the body was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// JSON, an envelope or not.
    Json,
    /// A page for people: a gateway or a proxy answered.
    Html,
    /// XML, as blob storage answers.
    Xml,
    /// Other text.
    Text,
    /// Nothing.
    #[default]
    Empty,
}

/// The parts of an error envelope, empty where they are missing. Free of control characters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    /// What the body was.
    pub form: Form,
    /// `Forbidden`, `BadRequest`, ...
    pub code: String,
    /// The innermost code, such as `ForbiddenByRbac`.
    pub inner_code: String,
    /// The message for people.
    pub message: String,
    /// MDE and XDR: the correlation id.
    pub target: String,
    /// The request id that the body names.
    pub request_id: String,
}

/// Reads the body of a refusal.
pub(super) fn read(headers: &HeaderMap, body: &[u8]) -> Envelope {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    if let Ok(value) = serde_json::from_slice::<Value>(body) {
        return of_json(&value);
    }
    let text = String::from_utf8_lossy(body);
    match form(headers, text.trim()) {
        Form::Html => Envelope { form: Form::Html, message: title(&text), ..Envelope::default() },
        Form::Xml => Envelope { form: Form::Xml, code: element(&text, "Code"), message: element(&text, "Message"), ..Envelope::default() },
        form => Envelope { form, message: clean(&text), ..Envelope::default() },
    }
}

fn form(headers: &HeaderMap, text: &str) -> Form {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default().to_ascii_lowercase();
    let start: String = text.chars().take(64).collect::<String>().to_ascii_lowercase();
    match () {
        () if text.is_empty() => Form::Empty,
        () if kind.contains("html") || start.starts_with("<!doctype html") || start.starts_with("<html") => Form::Html,
        () if kind.contains("xml") || start.starts_with("<?xml") => Form::Xml,
        () => Form::Text,
    }
}

fn of_json(value: &Value) -> Envelope {
    let error = match value.get("error") {
        Some(error @ Value::Object(_)) => error,
        Some(Value::String(code)) => return of_oauth(code, value),
        _ => value,
    };
    let inner = ["innerError", "innererror", "InnerError"].iter().find_map(|key| error.get(key)).unwrap_or(&Value::Null);
    let code = text(error, &["code", "Code"]);
    Envelope {
        form: Form::Json,
        inner_code: innermost(inner),
        message: message(error, inner),
        target: text(error, &["target"]),
        request_id: text(inner, &["request-id", "requestId"]),
        code,
    }
}

/// The shape of OAuth: `error` is the code, the rest stands beside it.
fn of_oauth(code: &str, value: &Value) -> Envelope {
    Envelope {
        form: Form::Json,
        code: clean(code),
        message: text(value, &["error_description", "message"]),
        request_id: text(value, &["trace_id"]),
        ..Envelope::default()
    }
}

/// The message of an error: its own, else that of its first detail or inner error. Graph sometimes wraps another envelope in it.
fn message(error: &Value, inner: &Value) -> String {
    let own = raw(error, &["message", "Message", "error_description"]);
    if let Some(wrapped) = own.as_deref().and_then(|own| serde_json::from_str::<Value>(own).ok()).filter(Value::is_object) {
        let unwrapped = of_json(&wrapped).message;
        if !unwrapped.is_empty() {
            return unwrapped;
        }
    }
    let detail = || error.get("details").and_then(|details| details.get(0)).map(|detail| text(detail, &["message"]));
    let own = own.map(|own| clean(&own)).filter(|own| !own.is_empty());
    own.or_else(|| detail().filter(|detail| !detail.is_empty())).unwrap_or_else(|| text(inner, &["message"]))
}

fn innermost(inner: &Value) -> String {
    let deeper = ["innerError", "innererror"].iter().find_map(|key| inner.get(key)).map(innermost).unwrap_or_default();
    if deeper.is_empty() { text(inner, &["code"]) } else { deeper }
}

fn text(value: &Value, keys: &[&str]) -> String {
    raw(value, keys).map(|text| clean(&text)).unwrap_or_default()
}

fn raw(value: &Value, keys: &[&str]) -> Option<String> {
    keys.iter().find_map(|key| match value.get(key)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        // The localised form of OData: {"lang": "en", "value": "..."}.
        Value::Object(localised) => Some(localised.get("value")?.as_str()?.to_owned()),
        _ => None,
    })
}

/// The title of a page, else its text without tags.
fn title(html: &str) -> String {
    let title = element(html, "title");
    if !title.is_empty() {
        return title;
    }
    let mut inside = false;
    let plain = html.chars().take(4 * KEPT).filter(|c| {
        inside = (inside || *c == '<') && *c != '>';
        !inside && *c != '>'
    });
    clean(&plain.collect::<String>())
}

fn element(markup: &str, name: &str) -> String {
    let lower = markup.to_ascii_lowercase();
    let name = name.to_ascii_lowercase();
    let found = lower.find(&format!("<{name}>")).and_then(|start| {
        let from = start + name.len() + 2;
        let length = lower.get(from..)?.find(&format!("</{name}>"))?;
        markup.get(from..from + length)
    });
    found.map(clean).unwrap_or_default()
}

/// Cuts a text to what is kept, and takes out what could steer a terminal.
pub(super) fn clean(text: &str) -> String {
    let spaced: String = text.chars().take(KEPT).map(|c| if c.is_control() { ' ' } else { c }).collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(body: &str) -> Envelope {
        read(&HeaderMap::new(), body.as_bytes())
    }

    #[test]
    fn graph() {
        let envelope = of(
            r#"{"error":{"code":"Forbidden","message":"No.","innerError":{"date":"x","request-id":"8b0f","client-request-id":"3f6b"}}}"#,
        );
        assert_eq!((envelope.code.as_str(), envelope.message.as_str(), envelope.request_id.as_str()), ("Forbidden", "No.", "8b0f"));
        let lower = of(r#"{"error":{"code":"UnknownError","message":"","innererror":{"code":"429","message":"Please retry after"}}}"#);
        assert_eq!((lower.inner_code.as_str(), lower.message.as_str()), ("429", "Please retry after"));
    }

    #[test]
    fn json_within_the_message() {
        let envelope = of(r#"{"error":{"code":"x","message":"{\"error\":{\"code\":\"BadRequest\",\"message\":\"Fix it.\"}}"}}"#);
        assert_eq!(envelope.message, "Fix it.");
        assert_eq!(of(r#"{"error":{"code":"x","message":"{\"a\":1}"}}"#).message, r#"{"a":1}"#);
    }

    #[test]
    fn defender_vault_and_entra() {
        assert_eq!(of(r#"{"error":{"code":429,"message":"m","target":"4d6d"}}"#).target, "4d6d");
        assert_eq!(
            of(r#"{"error":{"code":"Forbidden","message":"m","innererror":{"code":"ForbiddenByRbac"}}}"#).inner_code,
            "ForbiddenByRbac"
        );
        let entra = of(r#"{"error":"invalid_client","error_description":"AADSTS7000215: Invalid","trace_id":"t"}"#);
        assert_eq!((entra.code.as_str(), entra.message.as_str()), ("invalid_client", "AADSTS7000215: Invalid"));
        assert_eq!(of(r#"{"Message":"An error has occurred."}"#).message, "An error has occurred.");
    }

    #[test]
    fn what_gateways_send() {
        let page = "<html>\r\n<head><title>502 Bad Gateway</title></head><body>nginx</body></html>";
        assert_eq!((of(page).form, of(page).message.as_str()), (Form::Html, "502 Bad Gateway"));
        assert_eq!(of("<!DOCTYPE html><p>Blocked by <b>proxy</b></p>").message, "Blocked by proxy");
        let xml = of("<?xml version=\"1.0\"?><Error><Code>AuthenticationFailed</Code><Message>Signed expiry</Message></Error>");
        assert_eq!((xml.form, xml.code.as_str(), xml.message.as_str()), (Form::Xml, "AuthenticationFailed", "Signed expiry"));
        assert_eq!(of("  ").form, Form::Empty);
        assert_eq!(of("upstream connect error").message, "upstream connect error");
    }

    #[test]
    fn nothing_steers_the_terminal_or_floods_it() {
        assert_eq!(of("a\u{1b}[31mb\u{7}\nc").message, "a [31mb c");
        assert_eq!(of(&"x".repeat(100_000)).message.len(), KEPT);
        assert!(read(&HeaderMap::new(), b"\xff\xfe\x00<").message.contains('<'));
        assert_eq!(of(r#"{"error":null}"#).form, Form::Json);
        assert_eq!(of("[1]").form, Form::Json);
    }
}
