//! What of the language this engine knows: operators, plugins, functions, aggregates, and how far it goes with each.
//!
//! For people, as the table of the guide, and for the test that runs every example here. Nothing is decided by this list: what is not
//! known is refused where it is planned.

use super::{expr, plan::aggregates, scalar};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// How far the engine goes with a part of the language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// As the language's documentation has it.
    Supported,
    /// Answered, but not in every way as the service does.
    Differs(&'static str),
    /// Not answered; what to do instead.
    Refused(&'static str),
}

/// An operator, a source of rows or a plugin.
#[derive(Clone, Copy, Debug)]
pub struct Operator {
    /// As the language writes it.
    pub name: &'static str,
    /// How far the engine goes.
    pub standing: Standing,
    /// A query that uses it, over a table `T` of `Timestamp`, `Name`, `Number` and `Bag`.
    pub example: &'static str,
}

const fn known(name: &'static str, example: &'static str) -> Operator {
    Operator { name, standing: Standing::Supported, example }
}

const fn differs(name: &'static str, how: &'static str, example: &'static str) -> Operator {
    Operator { name, standing: Standing::Differs(how), example }
}

const fn refused(name: &'static str, instead: &'static str, example: &'static str) -> Operator {
    Operator { name, standing: Standing::Refused(instead), example }
}

/// Returns the operators, sources and plugins.
pub fn operators() -> &'static [Operator] {
    OPERATORS
}

const OPERATORS: &[Operator] = &[
    known("as", "T | where Number > 1 | as hint.materialized=true Big | count"),
    known("consume", "T | consume"),
    known("count", "T | count"),
    known("datatable", "datatable(a: long, b: string)[1, 'x', 2, 'y']"),
    known("declare query_parameters", "declare query_parameters(n: long = 1); T | where Number == n"),
    known("distinct", "T | distinct Name"),
    known("evaluate bag_unpack", "T | evaluate bag_unpack(Bag)"),
    known("evaluate narrow", "T | evaluate narrow()"),
    known("evaluate pivot", "T | project Name, Number | evaluate pivot(Name, sum(Number))"),
    known("extend", "T | extend Twice = Number * 2"),
    differs(
        "externaldata",
        "read only where the run allows it, with --allow-external",
        "externaldata(a: string)['https://example.com/a.csv'] with (format='csv')",
    ),
    known("find", "find in (T) where Name == 'a' project Number"),
    known("getschema", "T | getschema"),
    differs("invoke FileProfile, SeenBy, DeviceFromIP", "what only the service knows is null", "T | invoke FileProfile('Name')"),
    known("invoke", "let f = (t: (Number: long)) { t | where Number > 1 }; T | invoke f()"),
    known("join", "T | join kind=leftouter (T | project Name, Other = Number) on Name"),
    known("let", "let f = (n: long = 1) { T | where Number == n }; f(2)"),
    known("lookup", "T | lookup kind=leftouter (datatable(Name: string, Note: string)['a', 'x']) on Name"),
    known(
        "make-series",
        "T | make-series count() default=0 on Timestamp from datetime(2026-01-01) to datetime(2026-01-03) step 1d by Name",
    ),
    known("materialize", "let m = materialize(T | where Number > 1); m | union m"),
    known("mv-apply", "T | mv-apply x = dynamic([1, 2]) to typeof(long) on (summarize s = sum(x))"),
    known("mv-expand", "T | mv-expand x = dynamic([1, 2]) to typeof(long)"),
    known("parse", "T | parse Name with 'a' rest: string"),
    known("parse-kv", "print s = 'a=1, b=2' | parse-kv s as (a: long, b: long) with (pair_delimiter=',', kv_delimiter='=')"),
    known("parse-where", "T | parse-where Name with 'a' rest: string"),
    known("partition", "T | partition by Name (top 1 by Number desc)"),
    known("print", "print a = 1"),
    known("project", "T | project Name, Twice = Number * 2"),
    known("project-away", "T | project-away Bag"),
    known("project-keep", "T | project-keep N*"),
    known("project-rename", "T | project-rename Title = Name"),
    known("project-reorder", "T | project-reorder Number, *"),
    known("range", "range n from 1 to 3 step 1"),
    differs("render", "the rows, not the picture", "T | summarize count() by Name | render piechart"),
    differs("sample", "the first rows that come", "T | sample 1"),
    known("sample-distinct", "T | sample-distinct 1 of Name"),
    known("search", "search in (T) 'a'"),
    known("serialize", "T | serialize n = row_number()"),
    known("sort, order", "T | sort by Number desc nulls last"),
    known("summarize", "T | summarize count(), dcount(Name) by bin(Timestamp, 1d)"),
    known("table()", "table('T') | count"),
    known("take, limit", "T | take 1"),
    known("top", "T | top 1 by Number desc"),
    known("top-hitters", "T | top-hitters 1 of Name"),
    known("top-nested", "T | top-nested 1 of Name with others='rest' by sum(Number), top-nested of Number by count()"),
    known("toscalar", "let n = toscalar(T | count); print n"),
    known("union", "union withsource=Source T, (T | where Number > 1)"),
    known("where, filter", "T | where Name has 'a' and Number between (1 .. 2)"),
    refused("facet", "write one query for each table", "T | facet by Name"),
    refused("fork", "write one query for each branch", "T | fork (count) (take 1)"),
    refused("make-graph, graph-match", "join the edges step by step", "T | make-graph Name --> Name"),
    refused("reduce", "summarize by a replace_regex() of the text", "T | reduce by Name"),
    refused("scan", "sort, then prev() and row_cumsum()", "T | sort by Timestamp asc | scan with (step s: true;)"),
];

/// Functions whose results are not in every way the service's.
const DIFFERENT: &[(&str, &str)] = &[
    ("dcount", "exact, where the service estimates"),
    ("dcountif", "exact, where the service estimates"),
    ("ingestion_time", "the time of the row: files do not know another"),
    ("percentile", "exact, where the service estimates"),
    ("percentiles", "exact, where the service estimates"),
    ("rand", "other numbers than the service's"),
];

/// Returns the names of the functions and aggregates that are known.
pub fn functions() -> BTreeSet<&'static str> {
    let special = expr::special_functions().chain(aggregates::names());
    scalar::names().chain(special).collect()
}

/// Returns the names of functions of the language that are refused.
pub fn unknown_functions() -> BTreeSet<&'static str> {
    let all = include_str!("../functions.txt").lines().filter(|line| !line.starts_with('#')).flat_map(str::split_whitespace);
    let known = functions();
    all.filter(|name| !known.contains(name)).collect()
}

/// Returns the tables of the guide's page on the language.
pub fn page() -> String {
    let mut text = String::from("| operator | | example |\n| --- | --- | --- |\n");
    for Operator { name, standing, example } in OPERATORS {
        let standing = match standing {
            Standing::Supported => "supported".to_owned(),
            Standing::Differs(how) => format!("differs: {how}"),
            Standing::Refused(instead) => format!("refused; instead: {instead}"),
        };
        let _ = writeln!(text, "| {name} | {standing} | `{}` |", example.replace('|', "\\|"));
    }
    let wrapped = |names: BTreeSet<&'static str>| names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" ");
    let _ = write!(text, "\nFunctions and aggregates that are supported:\n\n{}\n", wrapped(functions()));
    text.push_str("\nOf these differ:\n\n");
    for (name, how) in DIFFERENT {
        let _ = writeln!(text, "- `{name}`: {how}");
    }
    let _ = write!(text, "\nFunctions of the language that are refused:\n\n{}\n", wrapped(unknown_functions()));
    text
}
