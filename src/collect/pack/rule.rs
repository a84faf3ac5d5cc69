//! Sentinel rules and hunting queries: YAML with a query in it, and what it says of itself.

use super::{Found, Unreadable};
use serde::Serialize;
use serde_json::Value;

/// What a rule says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// Its own id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Its name, as written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `High`, `Medium`, `Low`, `Informational`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity: Option<String>,
    /// MITRE ATT&CK tactics.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tactics: Vec<String>,
    /// MITRE ATT&CK techniques.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub techniques: Vec<String>,
}

/// Keys that rules have and other YAML has not.
const MARKS: &[&str] = &["relevantTechniques", "tactics", "requiredDataConnectors", "queryFrequency", "triggerOperator"];

/// Returns the rules in a text of one or several documents; none where they are about something else.
pub(super) fn rules(text: &str) -> Result<Vec<Found>, Unreadable> {
    let options = serde_saphyr::options! { with_snippet: false };
    let documents: Vec<Value> = serde_saphyr::from_multiple_with_options(text, options).map_err(|error| refused(&error))?;
    documents.iter().enumerate().filter_map(|(block, document)| rule(document, block).transpose()).collect()
}

fn refused(error: &serde_saphyr::Error) -> Unreadable {
    let words = error.to_string();
    let first = words.lines().next().unwrap_or_default();
    let place = |number: u64| usize::try_from(number).unwrap_or(usize::MAX).max(1);
    let (line, column) = error.location().map_or((1, 1), |location| (place(location.line()), place(location.column())));
    Unreadable { message: format!("it is not YAML: {first}"), line, column }
}

fn rule(document: &Value, block: usize) -> Result<Option<Found>, Unreadable> {
    let Some(query) = document.get("query") else {
        if MARKS.iter().any(|mark| document.get(mark).is_some()) {
            return Err(without_query(document));
        }
        return Ok(None);
    };
    let query = query.as_str().ok_or_else(|| without_query(document))?;
    let rule = Rule {
        id: word(document, "id"),
        name: word(document, "name"),
        severity: word(document, "severity"),
        tactics: words(document, "tactics"),
        techniques: words(document, "relevantTechniques"),
    };
    Ok(Some(Found { title: rule.name.clone(), text: query.to_owned(), block, rule: Some(rule) }))
}

fn without_query(document: &Value) -> Unreadable {
    let name = word(document, "name").or_else(|| word(document, "id")).map(|name| format!(" `{name}`")).unwrap_or_default();
    Unreadable { message: format!("the rule{name} has no text at `query:`"), line: 1, column: 1 }
}

fn word(document: &Value, key: &str) -> Option<String> {
    let text = scalar(document.get(key)?)?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn words(document: &Value, key: &str) -> Vec<String> {
    match document.get(key) {
        Some(Value::Array(values)) => values.iter().filter_map(scalar).collect(),
        Some(value) => scalar(value).into_iter().collect(),
        None => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: &str = "id: 12345678-0000-0000-0000-000000000001\nname: Suspicious thing\nseverity: High\ntactics:\n- Persistence\nrelevantTechniques: [T1053, T1059.001]\nversion: 1.0.0\nquery: |\n  DeviceInfo\n\n  | where A == \"${x}: y\" // c\n";

    #[test]
    fn reads_a_rule() {
        let found = rules(RULE).unwrap();
        let [found] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(found.text, "DeviceInfo\n\n| where A == \"${x}: y\" // c\n");
        let rule = found.rule.as_ref().unwrap();
        assert_eq!((rule.id.as_deref(), rule.severity.as_deref()), (Some("12345678-0000-0000-0000-000000000001"), Some("High")));
        assert_eq!(
            (rule.tactics.as_slice(), rule.techniques.as_slice()),
            (&["Persistence".to_owned()][..], &["T1053".to_owned(), "T1059.001".to_owned()][..])
        );
    }

    #[test]
    fn several_documents_are_several_rules() {
        let found = rules(&format!("---\n{RULE}---\nname: second\nquery: print 1\n")).unwrap();
        assert_eq!(
            found.iter().map(|found| (found.block, found.title.as_deref().unwrap())).collect::<Vec<_>>(),
            [(0, "Suspicious thing"), (1, "second")]
        );
    }

    #[test]
    fn other_yaml_is_no_rule_and_a_rule_needs_a_query() {
        for other in ["", "on: push\njobs: {}\n", "- a\n- b\n", "just words", "FunctionQuery: x"] {
            assert_eq!(rules(other).unwrap(), [], "{other}");
        }
        for broken in ["name: x\ntactics: [A]\n", "name: x\nquery:\n  a: b\n"] {
            assert_eq!(rules(broken).unwrap_err().message, "the rule `x` has no text at `query:`");
        }
    }

    #[test]
    fn hostile_yaml_is_refused_in_words() {
        let laughs = (1..40).fold("a0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_owned(), |text, n| {
            text + &format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 9].join(","))
        });
        for text in [laughs.as_str(), "query: [", "a: b: c", &"[".repeat(100_000), "a: *unknown", "query: \"x\nquery"] {
            let error = rules(text).unwrap_err();
            assert!(error.message.starts_with("it is not YAML: ") && !error.message.contains('\n'), "{error:?}");
        }
    }
}
