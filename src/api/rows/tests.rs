//! Bodies whole and broken, in chunks of every size, held against `serde_json`.

use super::*;
use proptest::prelude::*;
use serde_json::value::RawValue;

const SHAPE: Shape = Shape { rows: &["results", "Results"], kept: &["schema", "Schema"] };

type Cut = (Vec<String>, Option<String>);

/// Cuts a body that comes in chunks of the given sizes, again and again.
fn cut(body: &[u8], sizes: &[usize]) -> Result<Cut, String> {
    let mut cutter = Cutter::new(SHAPE);
    let mut rows = Vec::new();
    let mut sink = |row: &[u8]| {
        rows.push(String::from_utf8(row.to_vec()).unwrap());
        Ok(())
    };
    let mut rest = body;
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (chunk, after) = rest.split_at((*size).clamp(1, rest.len()));
        cutter.feed(chunk, &mut sink).map_err(words)?;
        rest = after;
    }
    cutter.finish().map_err(words)?;
    let schema = cutter.kept("schema").or_else(|| cutter.kept("Schema")).map(|schema| String::from_utf8(schema.to_vec()).unwrap());
    assert_eq!((cutter.rows(), cutter.bytes()), (rows.len() as u64, body.len() as u64));
    Ok((rows, schema))
}

fn words(broken: Broken) -> String {
    match broken {
        Broken::Body(words) => words,
        Broken::Fatal(error) => panic!("{error}"),
    }
}

/// Cuts a body whole, by single bytes and by threes: the outcome must be one.
fn cuts(body: &str) -> Result<Cut, String> {
    // What a message shows of the body depends on how much came.
    let cut = |size| cut(body.as_bytes(), &[size]).map_err(|words| words.split(": ").next().unwrap().to_owned());
    let whole = cut(usize::MAX);
    assert_eq!(cut(1), whole, "byte by byte: {body}");
    assert_eq!(cut(3), whole, "by threes: {body}");
    whole
}

fn rows(body: &str) -> Vec<String> {
    cuts(body).unwrap().0
}

#[test]
fn schema_before_or_after_in_either_casing() {
    let (cut, schema) = cuts(r#"{"@odata.context":"x","schema":[{"name":"A","type":"Int64"}],"results":[{"A":1},{"A":2}]}"#).unwrap();
    assert_eq!(cut, [r#"{"A":1}"#, r#"{"A":2}"#]);
    assert_eq!(schema.as_deref(), Some(r#"[{"name":"A","type":"Int64"}]"#));
    let (cut, schema) = cuts(r#"{"Stats":{"a":[1,{"b":"]}"}]},"Results":[{"A":1}],"Schema":[{"Name":"A","Type":"Int64"}]}"#).unwrap();
    assert_eq!(cut, [r#"{"A":1}"#]);
    assert!(schema.unwrap().contains("Name"));
}

#[test]
fn rows_stay_as_they_were_sent() {
    for row in [
        r#"{"A":12345678901234567890123,"B":9007199254740993}"#,
        "{\"A\":\"\u{2028}\u{85}\u{feff}\",\"B\":\"\\ud800\\udc\\\\ 00\"}".replace("\\udc\\\\ 00", "\\udc00\\ud800").as_str(),
        r#"{"A":"\ud800","A":"\uDFFF","a":null}"#,
        r#"{"A":"{[\"]}","B":"\\","C":"\\\"}"}"#,
        r#"{ "A" :	1e+400 , "B" : [ { } , [ ] ] }"#,
        "{}",
    ] {
        assert_eq!(rows(&format!(r#"{{"results":[{row},{row}]}}"#)), [row, row]);
    }
}

#[test]
fn only_line_breaks_between_tokens_are_dropped() {
    assert_eq!(rows("\u{feff} {\r\n \"results\" : [\n { \"A\" :\r\n\t1 }\n,\n{\n}\n] }\r\n"), ["{ \"A\" :\t1 }", "{}"]);
}

#[test]
fn an_empty_list_is_an_answer() {
    assert!(rows(r#"{"schema":[],"results":[]}"#).is_empty());
    assert!(rows(r#"{"results":[ ] , "x":null,"y":-1.5e3,"z":"\"","t":true}"#).is_empty());
    assert!(rows(r#"{"x":1,"\u0072esults":[]}"#).is_empty());
}

#[test]
fn what_is_broken_is_said() {
    for (body, words) in [
        ("", "empty"),
        (" \r\n", "empty"),
        ("\u{feff}", "empty"),
        ("<html><body>502</body></html>", "HTML"),
        ("Service Unavailable", "not a JSON object"),
        ("[]", "not a JSON object"),
        (r#"{"value":[]}"#, "no `results`"),
        (r#"{"results":null}"#, "no `results`"),
        (r#"{"results":{}}"#, "not a list"),
        (r#"{"results":[1]}"#, "row 1 is not an object"),
        (r#"{"results":[{},null]}"#, "row 2 is not an object"),
        (r#"{"results":[{"A":1},{"A":"x"#, "cut after"),
        (r#"{"results":[{"A":1}"#, "in row 2"),
        (r#"{"results":[{"A":1}]"#, "cut after"),
        (r#"{"results":[]}{}"#, "goes on after its end"),
        (r#"{"results":[{"A":1},]}"#, "not JSON"),
        (r#"{"results":[{"A":1} {"A":1}]}"#, "not JSON"),
        (r#"{"results":[],"results":[]}"#, "twice"),
        (r#"{"results":[],"Results":[]}"#, "twice"),
        (r#"{"schema":[],"schema":[],"results":[]}"#, "twice"),
        (r#"{"results":[{"A":}]}"#, "row 1 is not JSON"),
        (r#"{"results":[{"A":01}]}"#, "row 1 is not JSON"),
        (r#"{"results":[{"A":[1}]}]}"#, "row 1 is not JSON"),
        (r#"{"results":[{"A":"\x"}]}"#, "row 1 is not JSON"),
        ("{\"results\":[{\"A\":\"a\nb\"}]}", "row 1 is not JSON"),
        (r#"{"x":nul,"results":[]}"#, "not JSON"),
        (r#"{"x":,"results":[]}"#, "not JSON"),
        (r#"{"results":[],}"#, "not JSON"),
        (r#"{,"results":[]}"#, "not JSON"),
    ] {
        let said = cuts(body).unwrap_err();
        assert!(said.contains(words), "{body}: {said}");
    }
}

#[test]
fn bytes_that_are_no_utf_8_are_refused() {
    assert!(cut(b"{\"results\":[{\"A\":\"\xff\"}]}", &[7]).unwrap_err().contains("UTF-8"));
    assert!(cut(b"\xef\xbb{\"results\":[]}", &[1]).unwrap_err().contains("not a JSON object"));
}

#[test]
fn rows_and_their_depth_are_bounded() {
    let deep = format!(r#"{{"results":[{{"A":{}{}}}]}}"#, "[".repeat(600), "]".repeat(600));
    assert!(cut(deep.as_bytes(), &[50]).unwrap_err().contains("nests deeper"));
    let mut cutter = Cutter { row_limit: 1000, ..Cutter::new(SHAPE) };
    let mut sink = |_: &[u8]| Ok(());
    cutter.feed(br#"{"results":[{"A":""#, &mut sink).unwrap();
    let flood = std::iter::repeat_with(|| cutter.feed(&[b'a'; 100], &mut sink)).take(20).find_map(Result::err);
    assert!(words(flood.unwrap()).contains("longer than 1000 bytes"));
    assert!(cuts(&format!(r#"{{"{}":1}}"#, "k".repeat(5000))).unwrap_err().contains("a key is longer"));
}

#[test]
fn what_is_passed_over_may_be_large() {
    let body = format!(r#"{{"x":"{}","results":[{{}}]}}"#, "y".repeat(MEMBER + 10));
    assert_eq!(cut(body.as_bytes(), &[16_384]).unwrap().0, ["{}"]);
    let body = format!(r#"{{"schema":"{}","results":[{{}}]}}"#, "y".repeat(MEMBER + 10));
    assert!(cut(body.as_bytes(), &[16_384]).unwrap_err().contains("longer than"));
}

#[test]
fn a_sink_that_fails_ends_it() {
    let mut cutter = Cutter::new(SHAPE);
    let failed = cutter.feed(br#"{"results":[{}]}"#, &mut |_| Err(Error::new(crate::error::Kind::Disk, "full")));
    assert!(matches!(failed, Err(Broken::Fatal(error)) if error.kind() == crate::error::Kind::Disk));
}

fn string() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[a-zA-Z0-9 {}\\[\\]:,]{0,12}",
        Just("\\\"".to_owned()),
        Just("\\\\".to_owned()),
        Just("\\n".to_owned()),
        Just("\\ud834".to_owned()),
        Just("\u{2028}\u{85}é😀".to_owned()),
    ];
    proptest::collection::vec(piece, 0..4).prop_map(|pieces| format!("\"{}\"", pieces.concat()))
}

fn space() -> impl Strategy<Value = String> {
    prop_oneof![8 => Just(String::new()), 1 => "[ \t]{1,2}", 1 => "[\r\n ]{1,3}"]
}

fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        string(),
        Just("null".to_owned()),
        Just("true".to_owned()),
        "-?[1-9][0-9]{0,24}",
        "-?[0-9]\\.[0-9]{1,4}[eE][+-]?[0-9]{1,2}",
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            (proptest::collection::vec(inner.clone(), 0..4), space())
                .prop_map(|(items, space)| format!("[{space}{}{space}]", items.join(","))),
            members(inner),
        ]
    })
}

fn members(value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    (proptest::collection::vec((string(), value), 0..4), space(), space()).prop_map(|(members, a, b)| {
        let members: Vec<String> = members.iter().map(|(key, value)| format!("{key}{a}:{b}{value}")).collect();
        format!("{{{a}{}{b}}}", members.join(","))
    })
}

#[derive(serde::Deserialize)]
struct Whole<'a> {
    #[serde(borrow)]
    results: Vec<&'a RawValue>,
    #[serde(borrow)]
    schema: Option<&'a RawValue>,
}

proptest! {
    #[test]
    fn any_chunking_gives_what_a_whole_parse_gives(
        list in proptest::collection::vec(members(value()), 0..6),
        other in value(),
        schema in value(),
        after in any::<bool>(),
        gap in space(),
        sizes in proptest::collection::vec(1_usize..40, 1..6),
    ) {
        let schema = format!("\"schema\":{gap}{schema}");
        let results = format!("\"results\":{gap}[{gap}{}{gap}]", list.join(&format!("{gap},")));
        let (first, second) = if after { (&results, &schema) } else { (&schema, &results) };
        let body = format!("{gap}{{\"x\":{other},{first}{gap},{gap}{second}}}{gap}");
        let whole: Whole = serde_json::from_str(&body).unwrap();
        let expected: Vec<String> = whole.results.iter().map(|row| row.get().replace(['\r', '\n'], "")).collect();
        let (rows, kept) = cut(body.as_bytes(), &sizes).unwrap();
        prop_assert_eq!(rows, expected);
        prop_assert_eq!(kept.unwrap(), whole.schema.map_or("null", RawValue::get));
    }

    #[test]
    fn a_cut_answer_is_never_taken_for_whole(list in proptest::collection::vec(members(value()), 0..4), part in 0.0_f64..1.0) {
        let body = format!("{{\"schema\":[],\"results\":[{}]}}", list.join(","));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a place in a short text")]
        let end = (body.len() as f64 * part) as usize;
        prop_assert!(cut(&body.as_bytes()[..end], &[9]).is_err());
    }

    #[test]
    fn noise_never_panics(noise in proptest::collection::vec(any::<u8>(), 0..200), sizes in proptest::collection::vec(1_usize..20, 1..3)) {
        drop(cut(&noise, &sizes));
        let mut body = br#"{"results":[{"a":"#.to_vec();
        body.extend(noise);
        drop(cut(&body, &sizes));
    }
}
