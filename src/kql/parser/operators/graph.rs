//! The graph operators, kept by their names and the expressions in them.

use super::opaque;
use crate::kql::ast::{Expr, OperatorKind};
use crate::kql::parser::list::{List, common_end};
use crate::kql::parser::property;
use crate::kql::parser::{Parsed, Parser};

impl Parser<'_> {
    /// `make-graph a --> b [with T on c, ... | with_node_id=n] [partitioned-by d (...)]`.
    pub(super) fn make_graph(&mut self) -> Parsed<OperatorKind> {
        let name = self.keyword();
        self.properties(property::MAKE_GRAPH, true)?;
        self.required_name()?;
        self.eat_text(&["-->", "--"]).ok_or_else(|| self.lacks_token("expected `-->`"))?;
        self.required_name()?;
        let tables = self.graph_nodes()?;
        if self.eat("partitioned-by") {
            self.graph_partition()?;
        }
        Ok(opaque(name, tables))
    }

    fn graph_nodes(&mut self) -> Parsed<Vec<Expr>> {
        if self.eat("with_node_id") {
            self.expect("=")?;
            self.required_name()?;
            return Ok(Vec::new());
        }
        if !self.eat("with") {
            return Ok(Vec::new());
        }
        self.list(List::of("expression").some().until(at_partition), Self::graph_table)
    }

    fn graph_table(&mut self) -> Parsed<Option<Expr>> {
        let Some(table) = self.signed_value()? else { return Ok(None) };
        self.expect("on")?;
        self.required_name()?;
        Ok(Some(table))
    }

    fn graph_partition(&mut self) -> Parsed<()> {
        self.simple_path()?.ok_or_else(|| self.lacks("name"))?;
        self.expect("(")?;
        self.contextual_operators()?;
        self.expect(")")
    }

    pub(super) fn graph_match(&mut self) -> Parsed<OperatorKind> {
        self.graph_patterns(property::GRAPH_MATCH)
    }

    pub(super) fn graph_shortest_paths(&mut self) -> Parsed<OperatorKind> {
        self.graph_patterns(property::SHORTEST_PATHS)
    }

    /// `(a)-[e]->(b), ... [where condition] [project columns]`.
    fn graph_patterns(&mut self, own: &'static [property::Parameter]) -> Parsed<OperatorKind> {
        let name = self.keyword();
        self.properties(own, true)?;
        self.list(List::of("graph pattern").some().open(), Self::graph_pattern)?;
        let mut inside = Vec::new();
        if self.eat("where") {
            inside.push(self.required_expression()?);
        }
        if self.eat("project") {
            inside.extend(self.list(List::of("expression").some(), Self::named)?);
        }
        Ok(opaque(name, inside))
    }

    fn graph_pattern(&mut self) -> Parsed<Option<()>> {
        let mut parts = 0;
        while self.graph_node()? || self.graph_edge()? {
            parts += 1;
        }
        if parts == 0 { Err(self.lacks("graph pattern")) } else { Ok(Some(())) }
    }

    fn graph_node(&mut self) -> Parsed<bool> {
        let found = self.eat("(");
        if found {
            self.name()?;
            self.expect(")")?;
        }
        Ok(found)
    }

    fn graph_edge(&mut self) -> Parsed<bool> {
        if self.eat_text(&["-->", "<--", "--"]).is_some() {
            return Ok(true);
        }
        if self.eat_text(&["-[", "<-["]).is_none() {
            return Ok(false);
        }
        self.name()?;
        if self.eat("*") {
            self.graph_hops()?;
        }
        self.eat_text(&["]->", "]-"]).ok_or_else(|| self.lacks_token("expected `]->` or `]-`"))?;
        Ok(true)
    }

    /// `1..5` after the `*` of an edge.
    fn graph_hops(&mut self) -> Parsed<()> {
        self.signed_value()?.ok_or_else(|| self.lacks("value"))?;
        self.expect("..")?;
        self.signed_value()?.ok_or_else(|| self.lacks("expression"))?;
        Ok(())
    }

    /// `graph-to-table nodes as N, edges as E`.
    pub(super) fn graph_to_table(&mut self) -> Parsed<OperatorKind> {
        let name = self.keyword();
        self.list(List::of("`nodes` or `edges`").some().open(), Self::graph_output)?;
        Ok(OperatorKind::Other(name))
    }

    fn graph_output(&mut self) -> Parsed<Option<()>> {
        let own = match self.fixed() {
            "nodes" => property::GRAPH_NODES,
            "edges" => property::GRAPH_EDGES,
            _ => return Ok(None),
        };
        self.keyword();
        if self.eat("as") {
            self.required_name()?;
        }
        self.properties(own, true)?;
        Ok(Some(()))
    }

    pub(super) fn graph_mark_components(&mut self) -> Parsed<OperatorKind> {
        let name = self.keyword();
        self.properties(property::MARK_COMPONENTS, true)?;
        Ok(OperatorKind::Other(name))
    }

    pub(super) fn graph_where(&mut self) -> Parsed<OperatorKind> {
        let name = self.keyword();
        let condition = self.required_value()?;
        Ok(opaque(name, vec![condition]))
    }
}

fn at_partition(parser: &Parser<'_>) -> bool {
    parser.at("partitioned-by") || common_end(parser)
}
