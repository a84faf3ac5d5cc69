//! `name = value` after an operator's name: which names are properties there, and what their values may be.

use super::list::{List, common_end};
use super::name::name_expr;
use super::{Parsed, Parser};
use crate::kql::ast::{Expr, ExprKind, Name, Property};
use crate::kql::token::Kind;

/// One property an operator knows.
pub(super) struct Parameter {
    name: &'static str,
    value: Value,
}

/// What a property's value may be.
#[derive(Clone, Copy)]
enum Value {
    /// A constant or a word.
    Any,
    /// One of these words, which may be keywords, or a constant or a word.
    Words(&'static [&'static str]),
    /// A new name.
    Name,
    /// A column.
    Column,
    /// Columns, with commas.
    Columns,
    /// A number, read as real.
    Real,
    /// A call or path.
    Path,
}

/// Which names are taken for properties.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    /// The operator's own, and any known of another.
    Known,
    /// The operator's own.
    Own,
}

const fn any(name: &'static str) -> Parameter {
    Parameter { name, value: Value::Any }
}

const fn words(name: &'static str, list: &'static [&'static str]) -> Parameter {
    Parameter { name, value: Value::Words(list) }
}

const fn name(name: &'static str) -> Parameter {
    Parameter { name, value: Value::Name }
}

const fn column(name: &'static str) -> Parameter {
    Parameter { name, value: Value::Column }
}

const SPREAD: Parameter = words("hint.spread", &["auto", "local"]);
const SHUFFLE_KEY: Parameter = column("hint.shufflekey");
const CONCURRENCY: Parameter = words("hint.concurrency", &["auto", "left", "local", "right", "unresolved"]);
const STRATEGY: Parameter = words("hint.strategy", &["auto", "broadcast", "centralized", "shuffle"]);

/// Every property that is known somewhere, with what its value is where the operator does not say.
const KNOWN: &[Parameter] = &[
    words("bagexpansion", &["bag", "array"]),
    any("bin_legacy"),
    any("__crossCluster"),
    any("__crossDB"),
    any("decodeblocks"),
    any("expandoutput"),
    CONCURRENCY,
    words("hint.distribution", &["single", "per_node", "per_shard", "default"]),
    any("hint.materialized"),
    any("hint.num_partitions"),
    any("hint.pass_filters"),
    column("hint.pass_filters_column"),
    any("hint.progressive_top"),
    words("hint.remote", &["auto", "local"]),
    SHUFFLE_KEY,
    SPREAD,
    STRATEGY,
    any("__id"),
    any("isfuzzy"),
    any("__isFuzzy"),
    any("kind"),
    any("__noWithSource"),
    column("__packedColumn"),
    any("__sourceColumnIndex"),
    words("cycles", &["none", "all", "unique_edges"]),
    name("with_match_id"),
    name("with_itemindex"),
    name("withsource"),
    name("with_source"),
    name("with_step_name"),
    any("force_remote"),
];

/// The known names that are several tokens.
const JOINED: [&str; 2] = ["hint.pass_filters", "hint.pass_filters_column"];

pub(super) const NONE: &[Parameter] = &[];
pub(super) const AS: &[Parameter] = &[any("hint.materialized")];
pub(super) const CONSUME: &[Parameter] = &[any("decodeblocks")];
pub(super) const DISTINCT: &[Parameter] = &[SHUFFLE_KEY, STRATEGY, any("hint.num_partitions")];
pub(super) const EVALUATE: &[Parameter] =
    &[words("hint.distribution", &["single", "per_node", "per_shard", "default"]), words("hint.remote", &["auto", "local"])];
pub(super) const FIND: &[Parameter] = &[name("withsource"), name("with_source")];
pub(super) const GRAPH_MATCH: &[Parameter] = &[words("cycles", &["none", "all", "unique_edges"])];
pub(super) const SHORTEST_PATHS: &[Parameter] = &[words("output", &["any", "all"])];
pub(super) const MARK_COMPONENTS: &[Parameter] = &[words("kind", &["weak", "strong"]), name("with_component_id")];
pub(super) const MAKE_GRAPH: &[Parameter] = &[words("hint.strategy", &["shuffle", "native"])];
pub(super) const GRAPH_NODES: &[Parameter] = &[name("with_node_id")];
pub(super) const GRAPH_EDGES: &[Parameter] = &[name("with_source_id"), name("with_target_id")];
pub(super) const JOIN: &[Parameter] = &[
    words("kind", &["inner", "fullouter", "innerunique", "leftanti", "leftouter", "leftsemi", "rightanti", "rightouter", "rightsemi"]),
    words("hint.remote", &["auto", "left", "local", "right", "unresolved"]),
    SHUFFLE_KEY,
    STRATEGY,
    any("hint.num_partitions"),
];
pub(super) const LOOKUP: &[Parameter] = &[words("kind", &["inner", "leftouter"])];
pub(super) const MAKE_SERIES: &[Parameter] = &[SHUFFLE_KEY, words("kind", &["nonempty"])];
pub(super) const MV_APPLY: &[Parameter] = &[name("with_itemindex")];
pub(super) const MV_EXPAND: &[Parameter] =
    &[words("kind", &["bag", "array"]), words("bagexpansion", &["bag", "array"]), name("with_itemindex")];
pub(super) const PARSE: &[Parameter] = &[words("kind", &["simple", "regex", "relaxed"]), any("flags")];
pub(super) const PARSE_KV: &[Parameter] =
    &[any("pair_delimiter"), any("kv_delimiter"), any("regex"), any("quote"), any("escape"), any("greedy")];
pub(super) const PARTITION: &[Parameter] =
    &[CONCURRENCY, SPREAD, any("hint.materialized"), SHUFFLE_KEY, words("hint.strategy", &["shuffle", "native", "legacy"])];
pub(super) const REDUCE: &[Parameter] = &[any("threshold"), any("characters")];
pub(super) const SCAN: &[Parameter] = &[words("kind", &["partial", "full"]), name("with_match_id")];
pub(super) const SEARCH: &[Parameter] = &[words("kind", &["default", "case_insensitive", "case_sensitive"])];
pub(super) const SORT: &[Parameter] = &[words("hint.strategy", &["splitBlock", "multipleBlocks"])];
pub(super) const SUMMARIZE: &[Parameter] = &[SHUFFLE_KEY, words("hint.strategy", &["shuffle"]), any("hint.num_partitions")];
pub(super) const TOP: &[Parameter] = &[any("hint.progressive_top")];
pub(super) const UNION: &[Parameter] = &[
    words("kind", &["inner", "outer"]),
    name("withsource"),
    name("with_source"),
    any("isfuzzy"),
    any("__isFuzzy"),
    any("best_effort"),
    CONCURRENCY,
    SPREAD,
];
pub(super) const RENDER: &[Parameter] = &[
    RENDER_KIND,
    RENDER_TITLE,
    RENDER_ACCUMULATE,
    column("xcolumn"),
    columns("ycolumns"),
    columns("anomalycolumns"),
    columns("series"),
    Parameter { name: "xtitle", value: Value::Path },
    Parameter { name: "ytitle", value: Value::Path },
    words("xaxis", &["linear", "log"]),
    words("yaxis", &["linear", "log"]),
    words("legend", &["visible", "hidden"]),
    words("ysplit", &["none", "axes", "panels"]),
    Parameter { name: "ymin", value: Value::Real },
    Parameter { name: "ymax", value: Value::Real },
    any("xmin"),
    any("xmax"),
];
pub(super) const NO_OPTIMIZATION: Parameter = words("kind", &["nooptimization"]);
pub(super) const GET_SCHEMA: Parameter = words("kind", &["csl"]);
pub(super) const RENDER_KIND: Parameter = words("kind", &["default", "unstacked", "stacked", "stacked100", "map"]);
pub(super) const RENDER_TITLE: Parameter = Parameter { name: "title", value: Value::Path };
pub(super) const RENDER_ACCUMULATE: Parameter = any("accumulate");

const fn columns(name: &'static str) -> Parameter {
    Parameter { name, value: Value::Columns }
}

impl Parser<'_> {
    /// The properties ahead, one after the other. With `equals`, a name is one only if `=` follows.
    pub(super) fn properties(&mut self, own: &'static [Parameter], equals: bool) -> Parsed<Vec<Property>> {
        self.with_own(own, |parser| {
            let mut found = Vec::new();
            while let Some(property) = parser.property(Names::Known, equals)? {
                found.push(property);
            }
            Ok(found)
        })
    }

    /// Properties with commas, in the parentheses of a `with (...)`.
    pub(super) fn property_list(&mut self, own: &'static [Parameter], names: Names) -> Parsed<Vec<Property>> {
        self.with_own(own, |parser| parser.list(List::of("property"), |parser| parser.property(names, false)))
    }

    fn with_own<T>(&mut self, own: &'static [Parameter], parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        let outer = std::mem::replace(&mut self.properties, own);
        let result = parse(self);
        self.properties = outer;
        result
    }

    fn property(&mut self, names: Names, equals: bool) -> Parsed<Option<Property>> {
        let length = self.scan_property(names, equals, 0);
        if length == 0 {
            return Ok(None);
        }
        let start = self.here();
        self.position += length;
        let span = self.since(start);
        let name = Name { text: self.text_of(span).to_owned(), span };
        self.expect("=")?;
        let known = self.properties.iter().chain(KNOWN).find(|parameter| parameter.name == name.text);
        let value = self.property_value(known.map_or(Value::Any, |parameter| parameter.value))?;
        Ok(Some(Property { name, value }))
    }

    /// One certain property, if it is ahead with its `=`.
    pub(super) fn property_named(&mut self, parameter: &Parameter) -> Parsed<Option<Property>> {
        let length = self.scan_text(parameter.name, 0);
        if length == 0 || self.fixed_at(length) != "=" {
            return Ok(None);
        }
        let Some(name) = self.eat_text(&[parameter.name]) else { return Ok(None) };
        self.expect("=")?;
        let value = self.property_value(parameter.value)?;
        Ok(Some(Property { name, value }))
    }

    fn property_value(&mut self, value: Value) -> Parsed<Expr> {
        let found = match value {
            Value::Any => self.any_value()?,
            Value::Words(list) => match self.eat_text(list) {
                Some(word) => Some(name_expr(word)),
                None => self.any_value()?,
            },
            Value::Name | Value::Column => match self.name()? {
                Some(name) => Some(name_expr(name)),
                None => self.any_value()?,
            },
            Value::Columns => Some(self.property_columns()?),
            Value::Real => match self.forced_real()? {
                Some(found) => Some(found),
                None => self.any_value()?,
            },
            Value::Path => self.path()?,
        };
        found.ok_or_else(|| self.lacks("value"))
    }

    fn property_columns(&mut self) -> Parsed<Expr> {
        let start = self.here();
        let list = self.list(List::of("name").some().until(columns_end), |parser| {
            if parser.is_own(0) && parser.fixed_at(1) == "=" { Ok(None) } else { Ok(parser.declared_name()?.map(name_expr)) }
        })?;
        Ok(Expr { kind: ExprKind::List(list), span: self.since(start) })
    }

    fn word_at(&self, offset: usize) -> Option<&str> {
        let token = self.token_at(offset);
        (token.kind == Kind::Identifier || token.kind.is_keyword()).then(|| self.text_of(token.span))
    }

    fn is_own(&self, offset: usize) -> bool {
        self.word_at(offset).is_some_and(|word| self.properties.iter().any(|parameter| parameter.name == word))
    }

    /// The length in tokens of the property name at `offset`.
    fn scan_property(&self, names: Names, equals: bool, offset: usize) -> usize {
        let own = usize::from(self.is_own(offset));
        if own > 0 && (!equals || self.fixed_at(offset + 1) == "=") {
            return own;
        }
        if names == Names::Own { 0 } else { self.scan_known_property(equals, offset) }
    }

    pub(super) fn scan_known_property(&self, equals: bool, offset: usize) -> usize {
        let known = self.word_at(offset).is_some_and(|word| KNOWN.iter().any(|parameter| parameter.name == word));
        let length =
            if known || self.is_own(offset) { 1 } else { JOINED.iter().map(|name| self.scan_text(name, offset)).max().unwrap_or_default() };
        if equals && self.fixed_at(offset + length) != "=" { 0 } else { length }
    }
}

/// A list of columns ends where the next property begins.
fn columns_end(parser: &Parser<'_>) -> bool {
    if parser.at(",") {
        return parser.scan_known_property(false, 1) > 0 || matches!(parser.fixed_at(1), ")" | "]" | "}" | "|" | ";");
    }
    parser.scan_known_property(true, 0) > 0 || common_end(parser)
}
