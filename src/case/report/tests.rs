//! What attackers wrote is text in a report, wherever it stands.

use super::*;
use crate::{
    journal::{Event, Gap, Job, JobEnded, Outcome, RunStarted, Skipped},
    store::{Case, Facts, Format, Place},
    time::Window,
};

const HOSTILE: &str = r#""><script>alert(1)</script><img src=x onerror='alert(2)'>{{ 7*7 }}{% raw %}&amp;"#;

fn hostile_case(dir: &std::path::Path) {
    let case = Case::open(dir, "0.1.0").unwrap();
    case.journal().prepare(RunStarted::here(HOSTILE, vec![HOSTILE.into()], None));
    let window = Window::new("2026-01-01T00:00:00Z".parse().unwrap(), "2026-01-31T00:00:00Z".parse().unwrap()).unwrap();
    let text = || HOSTILE.to_owned();
    let job = Job { id: "1".into(), name: text(), tenant: text(), profile: text(), api: text(), window: Some(window), ..Job::default() };
    let mut draft = case.draft(&case.reserve(&Place::hunt("t", "q", Some(window), Format::Ndjson))).unwrap();
    let quoted = serde_json::to_string(HOSTILE).unwrap();
    draft
        .row(format!(r#"{{"Timestamp":"2026-01-05T00:00:00Z",{quoted}:{quoted},"Severity":{quoted},"Category":{quoted}}}"#).as_bytes())
        .unwrap();
    draft.row("{\"Timestamp\":\"\u{202e}\",\"x\":\"a\u{202e}b\"}".as_bytes()).unwrap();
    let facts = Facts { job: job.clone(), query: Some(format!("AlertInfo // {HOSTILE}")), ..Facts::default() };
    case.commit(draft.seal().unwrap(), facts).unwrap();
    case.journal().append(Event::Gap(Gap::new(job.clone(), Some(window), HOSTILE))).unwrap();
    case.journal().append(Event::JobEnded(JobEnded { job, status: Outcome::Partial, rows: 2, ..JobEnded::default() })).unwrap();
    let skipped = Skipped { name: text(), api: text(), tenant: text(), reason: text(), permission: Some(text()) };
    case.journal().append(Event::Skipped(skipped)).unwrap();
}

fn page_of(dir: &std::path::Path) -> String {
    let options = ReportOptions { rows: 5, sources: vec!["graph/users".into()], now: Timestamp::now(), tool_version: "0.1.0" };
    let mut out = Vec::new();
    report(&Case::read(dir).unwrap(), &options, &|_| (), &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// The tags of a page, each without its angle brackets. What stands between them can not be one.
fn tags(page: &str) -> Vec<&str> {
    page.split('<').skip(1).map(|part| part.split('>').next().unwrap_or_default()).collect()
}

#[test]
fn hostile_text_is_inert_everywhere() {
    let home = tempfile::tempdir().unwrap();
    hostile_case(home.path());
    let page = page_of(home.path());
    let (head, body) = page.split_once("</style>").unwrap();
    assert!(head.contains("content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\""));
    for tag in tags(body) {
        let name: String = tag.trim_start_matches('/').chars().take_while(char::is_ascii_alphanumeric).collect();
        let known = "head body header h1 h2 h3 p ul li b section div table thead tbody tr th td a br span svg rect title article pre code footer html";
        assert!(known.split(' ').any(|known| known == name), "<{tag}>");
        // Quotes in a value are escaped: what stands outside of them is ours.
        let bare: String = tag.split('"').step_by(2).collect();
        for attribute in ["onerror", "onload", "style=", "src=", "javascript:", "http"] {
            assert!(!bare.contains(attribute), "<{tag}>");
        }
    }
    assert!(body.contains("&lt;script&gt;alert(1)"), "it is shown");
    assert!(body.contains("{{ 7*7 }}") && !body.contains("49}"), "a template in a value is none");
    assert!(!page.contains('\u{202e}') && body.contains("a\\u{202e}b"), "marks that turn text are shown");
}

#[test]
fn the_page_says_what_there_is_and_what_not() {
    let home = tempfile::tempdir().unwrap();
    hostile_case(home.path());
    let page = page_of(home.path());
    for part in ["graph&#x2f;users", "DeviceProcessEvents", "2026-01-05: 1", "rows by day", "Left out", "missing [2026-01-01T00:00:00Z"] {
        assert!(page.contains(part), "no `{part}`");
    }
    assert!(!page.contains("<li>AlertInfo</li>"), "a query read it");
}
