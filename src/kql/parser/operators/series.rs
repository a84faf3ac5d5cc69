//! `make-series`.

use crate::kql::ast::{Expr, OperatorKind, SeriesAggregate};
use crate::kql::parser::list::{List, common_end};
use crate::kql::parser::property;
use crate::kql::parser::{Parsed, Parser};

/// `from A to B step C`, or `in range(A, B, C)`.
#[derive(Default)]
struct Axis {
    from: Option<Expr>,
    to: Option<Expr>,
    step: Option<Expr>,
    range: Option<Vec<Expr>>,
}

impl Parser<'_> {
    pub(super) fn make_series(&mut self) -> Parsed<OperatorKind> {
        self.keyword();
        let properties = self.properties(property::MAKE_SERIES, true)?;
        let aggregates = self.list(List::of("expression").some().until(at_axis), Self::series)?;
        self.expect("on")?;
        let on = self.required_named()?;
        let Axis { from, to, step, range } = self.axis()?;
        let by = if self.eat("by") { self.list(List::of("expression").some().open(), Self::named)? } else { Vec::new() };
        Ok(OperatorKind::MakeSeries { properties, aggregates, on, from, to, step, range, by })
    }

    fn series(&mut self) -> Parsed<Option<SeriesAggregate>> {
        let Some(value) = self.named()? else { return Ok(None) };
        let mut default = None;
        if self.eat("default") {
            self.expect("=")?;
            default = Some(self.required_named()?);
        }
        Ok(Some(SeriesAggregate { value, default }))
    }

    fn axis(&mut self) -> Parsed<Axis> {
        if !matches!(self.fixed(), "from" | "to" | "step") {
            return Ok(Axis { range: Some(self.axis_range()?), ..Axis::default() });
        }
        let from = if self.eat("from") { Some(self.required_value()?) } else { None };
        let to = if self.eat("to") { Some(self.required_value()?) } else { None };
        self.expect("step")?;
        let step = Some(self.required_value()?);
        Ok(Axis { from, to, step, range: None })
    }

    fn axis_range(&mut self) -> Parsed<Vec<Expr>> {
        self.expect("in")?;
        self.expect("range")?;
        self.expect("(")?;
        let range = self.named_list()?;
        self.expect(")")?;
        Ok(range)
    }
}

fn at_axis(parser: &Parser<'_>) -> bool {
    matches!(parser.fixed(), "on" | "from" | "in") || common_end(parser)
}
