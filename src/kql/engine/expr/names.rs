//! The names that columns get where the query gives none.

use crate::kql::ast::{Expr, ExprKind, Literal};

/// Functions whose result is named after their first argument.
const AFTER_FIRST: &[&str] = &[
    "tostring",
    "tolong",
    "toint",
    "toreal",
    "todouble",
    "todecimal",
    "tobool",
    "toboolean",
    "todatetime",
    "totimespan",
    "toguid",
    "todynamic",
    "toobject",
    "tohex",
    "parse_json",
    "parsejson",
    "parse_xml",
    "parse_csv",
    "split",
    "bin",
    "floor",
    "bin_at",
    "startofday",
    "bin_auto",
    "format_datetime",
    "format_timespan",
    "take_any",
    "take_anyif",
    "binary_all_or",
    "binary_all_and",
    "binary_all_xor",
    "make_datetime",
    "make_timespan",
];

/// The name that an expression suggests: a column's own, `a_b` for `a.b`, `a_0` for `a[0]`.
pub(crate) fn suggested(expr: &Expr) -> Option<String> {
    match &expr.kind {
        ExprKind::Name(name) => Some(name.text.clone()),
        ExprKind::Named { names, .. } => names.first().map(|name| name.text.clone()),
        ExprKind::Path(base, name) => match &base.kind {
            ExprKind::Name(side) if side.text.starts_with('$') => Some(name.text.clone()),
            _ => Some(format!("{}_{}", suggested(base)?, name.text)),
        },
        ExprKind::Element(base, index) => Some(format!("{}_{}", suggested(base)?, index_name(index)?)),
        ExprKind::Call { name, arguments } => call_name(&name.text, arguments),
        _ => None,
    }
}

fn index_name(index: &Expr) -> Option<String> {
    match &index.kind {
        ExprKind::Literal(Literal::String(text)) => Some(text.clone()),
        ExprKind::Literal(Literal::Long(number)) => Some(number.to_string()),
        _ => None,
    }
}

fn call_name(function: &str, arguments: &[Expr]) -> Option<String> {
    let first = arguments.first();
    if AFTER_FIRST.contains(&function) {
        return suggested(first?);
    }
    if matches!(function, "strlen" | "string_size") {
        return Some(format!("{function}_{}", suggested(first?)?));
    }
    if function == "gettype" {
        return Some(format!("type_{}", suggested(first?)?));
    }
    let prefix = aggregate_prefix(function)?;
    let base = first.and_then(suggested).unwrap_or_default();
    match function {
        "percentile" | "percentiles" => Some(format!("{prefix}_{base}_{}", arguments.get(1).and_then(index_name)?)),
        _ => Some(format!("{prefix}_{base}")),
    }
}

/// What the names of an aggregate's results begin with.
fn aggregate_prefix(function: &str) -> Option<&'static str> {
    const PREFIXES: &[(&str, &str)] = &[
        ("make_set", "set"),
        ("makeset", "set"),
        ("make_set_if", "set"),
        ("make_list", "list"),
        ("makelist", "list"),
        ("make_list_if", "list"),
        ("make_list_with_nulls", "list"),
        ("make_bag", "bag"),
        ("make_bag_if", "bag"),
        ("make_dictionary", "dictionary"),
        ("any", "any"),
        ("anyif", "any"),
    ];
    const SAME: &[&str] = &[
        "count",
        "countif",
        "dcount",
        "dcountif",
        "count_distinct",
        "count_distinctif",
        "sum",
        "sumif",
        "min",
        "minif",
        "max",
        "maxif",
        "avg",
        "avgif",
        "stdev",
        "stdevif",
        "stdevp",
        "variance",
        "varianceif",
        "variancep",
        "percentile",
        "percentiles",
    ];
    let renamed = PREFIXES.iter().find(|(name, _)| *name == function).map(|(_, prefix)| *prefix);
    renamed.or_else(|| SAME.iter().find(|name| **name == function).copied())
}

/// Gives names that are not taken yet: `name`, `name1`, `name2` ...
#[derive(Default)]
pub(crate) struct Names(std::collections::HashSet<String>);

impl Names {
    pub(crate) fn of<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        Self(names.into_iter().map(str::to_owned).collect())
    }

    pub(crate) fn unique(&mut self, name: &str) -> String {
        if self.0.insert(name.to_owned()) {
            return name.to_owned();
        }
        let mut number = 1_usize;
        loop {
            let candidate = format!("{name}{number}");
            if self.0.insert(candidate.clone()) {
                return candidate;
            }
            number += 1;
        }
    }
}
