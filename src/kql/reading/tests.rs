//! What queries of many shapes read, and which of them may be cut.

use super::*;
use crate::kql::parse;

fn reading(text: &str) -> Reading {
    read(&parse(text).unwrap())
}

fn tables(text: &str) -> Vec<String> {
    reading(text).tables.into_iter().map(|read| read.name).collect()
}

#[test]
fn finds_tables_wherever_they_are_read() {
    let cases: [(&str, &[&str]); 16] = [
        ("DeviceEvents | join kind=inner (DeviceInfo) on DeviceId", &["DeviceEvents", "DeviceInfo"]),
        ("let x = DeviceEvents | take 1; x", &["DeviceEvents"]),
        ("let f = () { DeviceEvents }; f() | count", &["DeviceEvents"]),
        ("let f = (T:(*)) { T | take 1 }; f(DeviceEvents)", &["DeviceEvents"]),
        ("let DeviceEvents = DeviceInfo; DeviceEvents", &["DeviceInfo"]),
        ("let m = materialize(DeviceEvents | take 1); union m, m", &["DeviceEvents"]),
        ("DeviceEvents | where DeviceId in ((DeviceInfo | project DeviceId))", &["DeviceEvents", "DeviceInfo"]),
        ("DeviceEvents | where DeviceId in (DeviceInfo)", &["DeviceEvents", "DeviceInfo"]),
        ("print toscalar(DeviceEvents | count)", &["DeviceEvents"]),
        ("find in (DeviceEvents, DeviceInfo) where DeviceName == 'a'", &["DeviceEvents", "DeviceInfo"]),
        ("search in (DeviceEvents) 'x'", &["DeviceEvents"]),
        ("table('DeviceEvents') | count", &["DeviceEvents"]),
        ("['DeviceEvents'] | extend DeviceInfo = 1 | project DeviceInfo", &["DeviceEvents"]),
        ("union Device*, EmailEvents", &["Device*", "EmailEvents"]),
        (
            "ExposureGraphEdges | make-graph SourceNodeId --> TargetNodeId with ExposureGraphNodes on NodeId",
            &["ExposureGraphEdges", "ExposureGraphNodes"],
        ),
        ("SomeTable | join (SigninLogs) on a", &["SomeTable", "SigninLogs"]),
    ];
    for (text, expected) in cases {
        assert_eq!(tables(text), expected, "{text}");
    }
}

#[test]
fn a_function_sees_what_was_bound_before_it() {
    assert_eq!(tables("let f = () { DeviceEvents | take 1 }; let DeviceEvents = DeviceInfo; f()"), ["DeviceEvents", "DeviceInfo"]);
    assert_eq!(tables("let f = (DeviceEvents:(*)) { DeviceEvents }; f(DeviceInfo)"), ["DeviceInfo"]);
}

#[test]
fn hands_rows_on_one_by_one() {
    for text in [
        "DeviceEvents",
        "DeviceEvents | where ActionType has 'x' | extend a = 1 | project-away b | mv-expand c | parse d with e 'f' g | sort by Timestamp",
        "union DeviceEvents, DeviceFileEvents | where Timestamp > ago(1d)",
        "let ids = dynamic(['a']); DeviceEvents | where DeviceId in (ids)",
        "let bad = externaldata(h: string)['https://x'] | distinct h; DeviceFileEvents | where SHA1 in (bad)",
        "DeviceEvents | join kind=inner (DeviceTvmSoftwareInventory) on DeviceId",
        "DeviceEvents | join kind=leftanti (datatable(DeviceId: string)['a']) on DeviceId",
        "DeviceEvents | lookup (DeviceTvmSoftwareInventory) on DeviceId",
        "DeviceEvents | mv-apply x = parse_json(AdditionalFields) on (summarize count())",
        "let f = (T:(*), n: string) { T | where ActionType == n }; DeviceEvents | invoke f('a')",
        "let v = view () { DeviceEvents | where ActionType == 'a' }; union v, DeviceFileEvents",
        "DeviceEvents | evaluate bag_unpack(AdditionalFields): (a: string)",
        "declare query_parameters(n: string = 'a'); DeviceEvents | where ActionType == n",
        "search in (DeviceEvents) 'x'",
        "set notruncation; DeviceEvents | as X | extend b = 2",
    ] {
        let found = reading(text);
        assert!(found.row_wise, "{text}: {:?}", found.reason);
    }
}

#[test]
fn says_why_not() {
    for (text, part) in [
        ("DeviceEvents | summarize count() by DeviceId", "summarize"),
        ("DeviceEvents | take 5", "take"),
        ("DeviceEvents | top 5 by Timestamp", "top"),
        ("DeviceEvents | distinct DeviceId", "distinct"),
        ("DeviceEvents | join kind=inner (DeviceFileEvents) on DeviceId", "join"),
        ("DeviceEvents | join (DeviceTvmSoftwareInventory) on DeviceId", "join"),
        ("DeviceEvents | where DeviceId in ((DeviceFileEvents | project DeviceId))", "whole window"),
        ("let n = toscalar(DeviceEvents | count); DeviceEvents | where x > n", "count"),
        ("let x = DeviceEvents | distinct DeviceId; DeviceFileEvents | where DeviceId in (x)", "distinct"),
        ("DeviceEvents | serialize | extend n = row_number()", "row_number"),
        ("DeviceEvents | extend n = rand()", "rand"),
        ("DeviceEvents | invoke FileProfile(SHA1)", "FileProfile"),
        ("DeviceEvents | evaluate bag_unpack(AdditionalFields)", "bag_unpack"),
        ("union DeviceEvents, DeviceTvmSoftwareInventory", "union"),
        ("union Device*", "Device*"),
        ("search 'x'", "every table"),
        ("DeviceTvmSoftwareInventory", "time column"),
        ("SomeTable | where a == 1", "SomeTable"),
        ("database('x').DeviceEvents", "DeviceEvents"),
        ("DeviceEvents | where ActionType in (SavedFunction)", "SavedFunction"),
        ("let w = _GetWatchlist('a'); DeviceEvents | where DeviceId in (w)", "_GetWatchlist"),
        ("DeviceEvents; DeviceInfo", "several"),
        ("let a = 1;", "no rows"),
        ("set truncationmaxrecords = 5; DeviceEvents", "truncationmaxrecords"),
        ("let f = (T:(*)) { T | count }; DeviceEvents | invoke f()", "count"),
        ("let f = (n: long) { toscalar(DeviceEvents | summarize max(n)) }; DeviceEvents | where x > f(1)", "summarize"),
        ("DeviceTvmSoftwareInventory | take 5 | join kind=inner DeviceEvents on DeviceId", "take"),
        ("DeviceEvents | as X | join kind=inner (X) on DeviceId", "join"),
        ("DeviceEvents | mv-apply a on (extend b = toscalar(DeviceInfo | count))", "count"),
    ] {
        let found = reading(text);
        assert!(!found.row_wise, "{text}");
        let reason = found.reason.unwrap().message;
        assert!(reason.contains(part), "{text}: {reason}");
    }
}

#[test]
fn lists_parameters_and_places() {
    let found = reading("declare query_parameters(n: string = 'a', t: datetime);\nDeviceEvents | where x == n\n| take 1");
    let parameters: Vec<_> = found.parameters.iter().map(|p| (p.name.as_str(), p.kind, p.default.clone())).collect();
    assert_eq!(parameters, [("n", TypeName::String, Some(Literal::String("a".into()))), ("t", TypeName::Datetime, None)]);
    let text = "declare query_parameters(n: string = 'a', t: datetime);\nDeviceEvents | where x == n\n| take 1";
    assert!(found.reason.unwrap().with_line(text).starts_with("line 3: `take`"));
    assert!(reading("print ago(1d)").uses_now() && !reading("print 1").uses_now());
}

#[test]
fn tables_without_time_are_cut_by_hash() {
    assert!(reading("DeviceTvmSoftwareInventory | where SoftwareName == 'a'").hash_wise);
    assert!(reading("SomeTable | where a == 1").hash_wise);
    assert!(!reading("DeviceTvmSoftwareInventory | summarize count()").hash_wise);
    assert!(!reading("DeviceTvmSoftwareInventory | join kind=inner DeviceTvmSoftwareVulnerabilities on DeviceId").hash_wise);
}

#[test]
fn functions_that_call_functions_end() {
    let functions = (1..200).map(|i| format!("let f{i} = (T:(*)) {{ union (f{}(T)), (f{}(T)) }};", i - 1, i - 1));
    let text = format!("let f0 = (T:(*)) {{ T | where a == 1 }};{}f199(DeviceEvents)", functions.collect::<String>());
    assert!(!reading(&text).row_wise);
}
