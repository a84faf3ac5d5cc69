//! Functions of URLs: taken apart by hand, because what attackers write is often no valid URL.

use super::super::json;
use super::super::value::Value;
use super::cells::{Made, Text, map1, rewrite};
use super::{Args, Entry, sure};
use crate::kql::ast::TypeName;
use std::fmt::Write as _;

pub(super) const FUNCTIONS: &[Entry] = &[
    sure("parse_url", 1, 1, parse),
    sure("parseurl", 1, 1, parse),
    sure("parse_urlquery", 1, 1, parse_query),
    sure("url_encode", 1, 1, |args| rewrite("url_encode", "", args.text(0), |text, out| encode(text, false, out))),
    sure("url_encode_component", 1, 1, |args| rewrite("url_encode_component", "", args.text(0), |text, out| encode(text, true, out))),
    sure("url_decode", 1, 1, |args| rewrite("url_decode", "", args.text(0), |text, out| out.push_str(&decode(text)))),
];

fn parse(args: &Args) -> Value {
    map1::<Text, Made>("parse_url", "", TypeName::Dynamic, args.text(0), |text| Some(Made(url_bag(text))))
}

/// Without a scheme nothing is found, as in the service.
fn url_bag(url: &str) -> String {
    let url = if url.contains("://") { url } else { "" };
    let (url, fragment) = url.split_once('#').unwrap_or((url, ""));
    let (url, query) = url.split_once('?').unwrap_or((url, ""));
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let (authority, path) = match rest.find('/') {
        Some(slash) => rest.split_at(slash),
        None => (rest, ""),
    };
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (name, password) = user.split_once(':').unwrap_or((user, ""));
    let (host, port) = split_port(host);
    let texts = [("Scheme", scheme), ("Host", host), ("Port", port), ("Path", path), ("Username", name), ("Password", password)];
    let mut members: Vec<(&str, String)> = texts.iter().map(|(key, text)| (*key, json::quoted(text))).collect();
    members.push(("Query Parameters", query_bag(query)));
    members.push(("Fragment", json::quoted(fragment)));
    json::bag(members)
}

fn split_port(host: &str) -> (&str, &str) {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => (name, port),
        _ => (host, ""),
    }
}

fn query_bag(query: &str) -> String {
    let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    json::bag(pairs.map(|(key, value)| (decode(key), json::quoted(&decode(value)))))
}

fn parse_query(args: &Args) -> Value {
    map1::<Text, Made>("parse_urlquery", "", TypeName::Dynamic, args.text(0), |text| {
        Some(Made(json::bag([("Query Parameters", query_bag(text.trim_start_matches('?')))])))
    })
}

fn encode(text: &str, component: bool, out: &mut String) {
    let kept: &[u8] = if component { b"-_.!~*'()" } else { b"-_.!~*'();/?:@&=+$,#" };
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || kept.contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let hex =
            (byte == b'%').then(|| after.get(..2).and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok())).flatten();
        if let Some(value) = hex {
            bytes.push(value);
            rest = &after[2..];
        } else {
            bytes.push(if byte == b'+' { b' ' } else { byte });
            rest = after;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart_as_written() {
        let bag = url_bag("https://u:p@evil.example:8443/a/b?x=1&y=%41+b#top");
        assert_eq!(json::member(&bag, "Host"), Some("\"evil.example\""));
        assert_eq!(json::member(&bag, "Port"), Some("\"8443\""));
        assert_eq!(json::member(&bag, "Path"), Some("\"/a/b\""));
        assert_eq!(json::member(&bag, "Query Parameters"), Some(r#"{"x":"1","y":"A b"}"#));
        assert_eq!(json::member(&url_bag("evil.example/x"), "Host"), Some("\"\""));
    }
}
