//! The tabular operators, by their names. Each file holds those that are about one thing.

mod columns;
mod expand;
mod graph;
mod nested;
mod plugins;
mod rows;
mod scan;
mod series;
mod tables;
mod text;

use super::{Parsed, Parser};
use crate::kql::ast::{Expr, Name, Operator, OperatorKind};

impl Parser<'_> {
    /// The operator ahead, if one is.
    pub(super) fn operator(&mut self) -> Parsed<Option<Operator>> {
        self.within(Self::one_operator)
    }

    fn one_operator(&mut self) -> Parsed<Option<Operator>> {
        let start = self.here();
        let Some(parse) = self.parser_of() else { return Ok(None) };
        let kind = parse(self)?;
        Ok(Some(Operator { kind, span: self.since(start) }))
    }

    fn parser_of(&self) -> Option<fn(&mut Self) -> Parsed<OperatorKind>> {
        let word = self.fixed();
        if word.is_empty() {
            return None;
        }
        (self.row_operator(word))
            .or_else(|| Self::column_operator(word))
            .or_else(|| Self::table_operator(word))
            .or_else(|| Self::graph_operator(word))
            .or_else(|| self.other_operator(word))
    }

    /// Operators on rows: which and in what order.
    fn row_operator(&self, word: &str) -> Option<fn(&mut Self) -> Parsed<OperatorKind>> {
        Some(match word {
            "where" | "filter" => Self::filter,
            "take" | "limit" => Self::take_rows,
            "count" if self.fixed_at(1) != "(" => Self::count,
            "distinct" => Self::distinct,
            "sort" | "order" => Self::sort,
            "top" => Self::top,
            "top-hitters" => Self::top_hitters,
            "top-nested" => Self::top_nested,
            "sample" => Self::sample,
            "sample-distinct" => Self::sample_distinct,
            "serialize" => Self::serialize,
            "range" if self.fixed_at(1) != "(" => Self::range,
            "print" => Self::print,
            _ => return None,
        })
    }

    /// Operators on columns, and those that make rows of groups.
    fn column_operator(word: &str) -> Option<fn(&mut Self) -> Parsed<OperatorKind>> {
        Some(match word {
            "extend" => Self::extend,
            "project" => Self::project,
            "project-away" => Self::project_away,
            "project-keep" => Self::project_keep,
            "project-rename" => Self::project_rename,
            "project-reorder" => Self::project_reorder,
            "project-by-names" => Self::project_by_names,
            "summarize" => Self::summarize,
            "make-series" => Self::make_series,
            "mvexpand" | "mv-expand" => Self::mv_expand,
            "mvapply" | "mv-apply" => Self::mv_apply,
            "parse" | "parse-where" => Self::parse_text,
            "parse-kv" => Self::parse_kv,
            "getschema" => Self::get_schema,
            _ => return None,
        })
    }

    /// Operators on other tables, and with queries in them.
    fn table_operator(word: &str) -> Option<fn(&mut Self) -> Parsed<OperatorKind>> {
        Some(match word {
            "join" => Self::join,
            "lookup" => Self::lookup,
            "union" => Self::union,
            "find" => Self::find,
            "search" => Self::search,
            "fork" => Self::fork,
            "facet" => Self::facet,
            "partition" => Self::partition,
            "__partitionby" => Self::partition_by,
            "macro-expand" => Self::macro_expand,
            "scan" => Self::scan,
            _ => return None,
        })
    }

    fn graph_operator(word: &str) -> Option<fn(&mut Self) -> Parsed<OperatorKind>> {
        Some(match word {
            "make-graph" => Self::make_graph,
            "graph-match" => Self::graph_match,
            "graph-shortest-paths" => Self::graph_shortest_paths,
            "graph-to-table" => Self::graph_to_table,
            "graph-mark-components" => Self::graph_mark_components,
            "graph-where-nodes" | "graph-where-edges" => Self::graph_where,
            _ => return None,
        })
    }

    fn other_operator(&self, word: &str) -> Option<fn(&mut Self) -> Parsed<OperatorKind>> {
        Some(match word {
            "evaluate" => Self::evaluate,
            "invoke" => Self::invoke,
            "as" => Self::as_name,
            "render" => Self::render,
            "reduce" => Self::reduce,
            "consume" => Self::consume,
            "assert-schema" | "__executeAndCache" => Self::bare,
            "inline_external_table" if self.inline_table_ahead() => Self::inline_table_operator,
            _ => return None,
        })
    }

    /// Takes the operator's own name.
    fn keyword(&mut self) -> Name {
        self.plain_name()
    }
}

fn opaque(name: Name, inside: Vec<Expr>) -> OperatorKind {
    if inside.is_empty() { OperatorKind::Other(name) } else { OperatorKind::Opaque { name, inside } }
}
