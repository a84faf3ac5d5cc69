//! `case status` and `case tables` as people see them, at every width.

use crate::{case::run, support::Bench};
use ircollect::{
    journal::{Event, Gap, Job, JobEnded, Outcome, Skipped},
    time::Window,
};

/// A case with a whole job, one with a gap and a hostile name, and something skipped.
fn bench() -> Bench {
    let bench = Bench::new();
    run(&bench.case(), "1");
    let case = crate::case::open(&bench.case());
    let hostile = Job { name: "a-query-whose-name-is-so-long-that-it-fits-no-table \u{202e}\u{1b}[2J".into(), ..crate::case::job("2") };
    let day = Window::new("2026-01-04T00:00:00Z".parse().unwrap(), "2026-01-05T00:00:00Z".parse().unwrap()).unwrap();
    let reason = "Graph answered 429 and the wait of an hour was used up: see https://learn.microsoft.com/en-us/graph/throttling-limits";
    case.journal().append(Event::Gap(Gap::new(hostile.clone(), Some(day), reason))).unwrap();
    let ended = JobEnded { job: hostile, status: Outcome::Partial, rows: 1_234_567, counted: Some(9_876_543), ..JobEnded::default() };
    case.journal().append(Event::JobEnded(ended)).unwrap();
    let skipped =
        Skipped { name: "software".into(), api: "mde".into(), tenant: "t".into(), reason: "no permission".into(), permission: None };
    case.journal().append(Event::Skipped(skipped)).unwrap();
    bench
}

#[test]
fn status_fits_every_width() {
    let bench = bench();
    for width in [40, 64, 80, 120, 200] {
        let text = bench.run_at(width, &["case", "status"]);
        for line in text.lines() {
            assert!(line.chars().count() <= width, "{width}: {} columns: {line}", line.chars().count());
        }
        for part in ["96.7 %", "429", "9,876,543", "no permission"] {
            assert!(text.contains(part), "{width}: no `{part}` in\n{text}");
        }
        assert!(!text.contains(['\u{202e}', '\u{1b}']), "{text}");
    }
}

#[test]
fn status_at_eighty_columns_reads_so() {
    let bench = bench();
    let text = bench.run_at(80, &["case", "status"]);
    let shown: Vec<&str> = text.lines().filter(|line| !line.starts_with("id ") && !line.starts_with("case ") && !line.is_empty()).collect();
    let expected = [
        "ircollect 0.1.0",
        "2 runs, 1 file, 2 rows, 16 B; 0 requests (0 failed), 0 s waited",
        "tenant 11111111-2222-3333-4444-555555555555 (profile p)",
        "window [2026-01-01T00:00:00Z, 2026-01-31T00:00:00Z)",
        "kind  api    name                        stored    counted  covered  status",
        "hunt  graph  q                                2          -      0 %  PARTIAL",
        "        missing [2026-01-01T00:00:00Z, 2026-01-31T00:00:00Z): 429",
        "hunt  graph  a-query-whose-name-is-so-…       0  9,876,543   96.7 %  PARTIAL",
        "        missing [2026-01-04T00:00:00Z, 2026-01-05T00:00:00Z): Graph answered 429",
        "        and the wait of an hour was used up: see",
        "        https://learn.microsoft.com/en-us/graph/throttling-limits",
        "not collected, and no gap (permission, licence):",
        "  mde/software (t): no permission",
    ];
    assert_eq!(shown, expected, "{text}");
}

#[test]
fn status_as_json_has_the_coverage() {
    let bench = bench();
    let json = bench.run(&["case", "status", "--json"]).expect(0).json();
    let coverage = json["coverage"].as_array().unwrap();
    assert_eq!(coverage.len(), 2);
    assert_eq!(coverage[1]["gaps"][0]["from"], "2026-01-04T00:00:00Z");
    assert_eq!(coverage[1]["counted"], 9_876_543);
    assert!((coverage[1]["covered"].as_f64().unwrap() - 29.0 / 30.0).abs() < 1e-9);
    assert_eq!(json["status"]["jobs"].as_array().unwrap().len(), 2);
}

#[test]
fn tables_are_listed_by_name() {
    let bench = bench();
    let json = bench.run(&["case", "tables", "--json"]).expect(0).json();
    let table = &json["tables"][0];
    assert_eq!((table["name"].as_str(), table["rows"].as_u64(), table["filtered"].as_bool()), (Some("T"), Some(2), Some(true)));
    assert!(bench.path("ircollect-case").join(table["files"][0]["path"].as_str().unwrap()).is_file());
    assert!(bench.run(&["case", "tables"]).expect(0).stdout.contains("filtered"));
}
