//! No text makes the query language's parser panic, hang or overflow its stack, nor what works on its tree.
//!
//! A bounded run is part of the tests. Ten million inputs: `IRCOLLECT_FUZZ=10000000 cargo test --release kql_fuzz -- --nocapture`.

use ircollect::kql::reading::read;
use ircollect::kql::{bound, parse};
use ircollect::time::Window;
use std::time::{Duration, Instant};

/// Pieces that mean something to the language, for texts that get far into the parser.
const PIECES: [&str; 96] = [
    "DeviceEvents",
    "T",
    "a",
    "|",
    "|",
    "where",
    "project",
    "extend",
    "summarize",
    "by",
    "join",
    "kind=inner",
    "(",
    ")",
    "(",
    ")",
    "on",
    "$left.a",
    "==",
    "and",
    "or",
    "not(",
    "in",
    "in~",
    "!in",
    "has",
    "has_any",
    "between",
    "..",
    ",",
    ",",
    ";",
    "let",
    "x",
    "=",
    "=>",
    "{",
    "}",
    "[",
    "]",
    "union",
    "Device*",
    "*",
    "find",
    "search",
    "take 5",
    "top 5 by a",
    "sort by a desc nulls last",
    "mv-expand",
    "mv-apply",
    "to typeof(long)",
    "parse a with *",
    "'x'",
    "\"y\"",
    "@'z'",
    "h'q'",
    "```m\nn```",
    "'",
    "\"",
    "1",
    "1d",
    "2.5h",
    "0x1f",
    "1e5",
    "datetime(2024-01-01)",
    "datetime(",
    "time(1d)",
    "guid(x)",
    "dynamic({\"a\":[1,null]})",
    "dynamic(",
    "true",
    "null",
    "-",
    "+",
    "/",
    "%",
    ".",
    ":",
    "view ()",
    "declare query_parameters(a:string='b')",
    "set notruncation",
    "materialize(",
    "toscalar(",
    "datatable(a:string)['x']",
    "externaldata(a:string)['u']",
    "evaluate bag_unpack(a)",
    "invoke f()",
    "make-series n=count() on t step 1h",
    "scan with (step s: a;)",
    "partition by a (",
    "fork (",
    "as X",
    "render",
    "//c\n",
    "\n",
    "é",
];

/// How many inputs are asked for, if any are.
#[allow(clippy::disallowed_methods, reason = "a variable makes it long")]
fn asked() -> Option<u64> {
    std::env::var("IRCOLLECT_FUZZ").ok()?.parse().ok()
}

fn text(random: &mut fastrand::Rng) -> String {
    let length = random.usize(1..40);
    let mut text = String::new();
    for _ in 0..length {
        match random.u8(0..12) {
            0 => text.push(random.char(..)),
            1 => text.push(char::from(random.u8(32..127))),
            _ => text.push_str(PIECES[random.usize(..PIECES.len())]),
        }
        if random.bool() {
            text.push(' ');
        }
    }
    text
}

/// Everything that is done to a query before it is sent.
fn work(text: &str) {
    match parse(text) {
        Ok(query) => {
            let reading = read(&query);
            let window = Window::new("2026-01-01T00:00:00Z".parse().unwrap(), "2026-01-02T00:00:00Z".parse().unwrap()).unwrap();
            let pinned = bound::pin_now(text, &reading, window.to);
            assert!(parse(&pinned).is_ok(), "pinned: {text:?} became {pinned:?}");
            if let Ok(bounded) = bound::bound(text, &query, &reading, window) {
                assert!(parse(&bounded).is_ok(), "bounded: {text:?} became {bounded:?}");
            }
        }
        Err(error) => {
            assert!(error.span.end <= text.len() && error.line >= 1 && error.column >= 1, "{text:?}: {error:?}");
            assert!(!error.render(text).is_empty());
        }
    }
}

#[test]
fn no_text_panics() {
    let mut random = fastrand::Rng::with_seed(7);
    let end = Instant::now() + Duration::from_secs(2);
    let asked = asked();
    for done in 0..asked.unwrap_or(20_000) {
        if asked.is_none() && Instant::now() > end {
            println!("{done} inputs");
            break;
        }
        work(&text(&mut random));
    }
}

#[test]
fn time_grows_with_the_text() {
    for piece in [
        "(",
        "a in (",
        "f(",
        "[",
        "let x = ",
        "T | ",
        "dynamic([",
        "'",
        "a-",
        "a.",
        "a,",
        "1 + ",
        "a or ",
        "{",
        "\"x\" ",
        "// c\n",
        "T;",
        "case(a, ",
        "@",
    ] {
        let time = |count: usize| {
            let text = piece.repeat(count);
            let start = Instant::now();
            work(&text);
            start.elapsed()
        };
        let (short, long) = (time(2_000), time(40_000));
        assert!(long < short * 200 + Duration::from_millis(500), "{piece:?}: {short:?} for 2,000, {long:?} for 40,000");
    }
}
