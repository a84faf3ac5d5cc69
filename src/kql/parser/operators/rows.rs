//! Which rows, how many, in what order: `where`, `take`, `sort`, `top` and their kin; `range` and `print`, which make rows.

use crate::kql::ast::{Expr, OperatorKind, OrderBy, TopNestedLevel};
use crate::kql::parser::list::List;
use crate::kql::parser::property;
use crate::kql::parser::{Parsed, Parser};

impl Parser<'_> {
    pub(super) fn filter(&mut self) -> Parsed<OperatorKind> {
        self.keyword();
        self.properties(property::NONE, true)?;
        self.required_named().map(OperatorKind::Where)
    }

    pub(super) fn take_rows(&mut self) -> Parsed<OperatorKind> {
        self.keyword();
        self.properties(property::NONE, true)?;
        self.required_named().map(OperatorKind::Take)
    }

    pub(super) fn count(&mut self) -> Parsed<OperatorKind> {
        self.keyword();
        if self.eat("as") {
            self.required_identifier()?;
        }
        Ok(OperatorKind::Count)
    }

    fn required_identifier(&mut self) -> Parsed<()> {
        if self.kind() != crate::kql::token::Kind::Identifier {
            return Err(self.lacks_token("expected a name"));
        }
        self.take().map(|_| ())
    }

    pub(super) fn distinct(&mut self) -> Parsed<OperatorKind> {
        self.keyword();
        self.properties(property::DISTINCT, true)?;
        let columns = self.list(List::of("expression").some(), |parser| match parser.star() {
            Some(star) => Ok(Some(star)),
            None => parser.named(),
        })?;
        Ok(OperatorKind::Distinct(columns))
    }

    pub(super) fn sort(&mut self) -> Parsed<OperatorKind> {
        self.keyword();
        self.properties(property::SORT, false)?;
        self.expect("by")?;
        let keys = self.list(List::of("expression").some(), Self::ordered)?;
        Ok(OperatorKind::Sort(keys))
    }

    /// `expr [asc|desc] [nulls first|last]`, if one is ahead.
    pub(super) fn ordered(&mut self) -> Parsed<Option<OrderBy>> {
        let Some(value) = self.named()? else { return Ok(None) };
        let ascending = match self.fixed() {
            "asc" | "granny-asc" | "desc" | "granny-desc" => self.keyword().text.ends_with("asc"),
            _ => false,
        };
        let nulls_first = if self.eat("nulls") { self.first_or_last()? } else { ascending };
        Ok(Some(OrderBy { value, ascending, nulls_first }))
    }

    fn first_or_last(&mut self) -> Parsed<bool> {
        match self.fixed() {
            "first" | "last" => Ok(self.keyword().text == "first"),
            _ => Err(self.lacks_token("expected `first` or `last`")),
        }
    }

    fn required_ordered(&mut self) -> Parsed<OrderBy> {
        self.ordered()?.ok_or_else(|| self.lacks("expression"))
    }

    pub(super) fn top(&mut self) -> Parsed<OperatorKind> {
        self.keyword();
        self.properties(property::TOP, true)?;
        let count = self.required_named()?;
        self.expect("by")?;
        let by = self.required_ordered()?;
        Ok(OperatorKind::Top { count, by })
    }

    pub(super) fn top_hitters(&mut self) -> Parsed<OperatorKind> {
        self.keyword();
        let count = self.required_named()?;
        self.expect("of")?;
        let of = self.required_named()?;
        let by = if self.eat("by") { Some(self.required_named()?) } else { None };
        Ok(OperatorKind::TopHitters { count, of, by })
    }

    pub(super) fn top_nested(&mut self) -> Parsed<OperatorKind> {
        let levels = self.list(List::of("clause").some(), Self::top_nested_level)?;
        Ok(OperatorKind::TopNested(levels))
    }

    fn top_nested_level(&mut self) -> Parsed<Option<TopNestedLevel>> {
        if !self.eat("top-nested") {
            return Ok(None);
        }
        let count = self.named()?;
        self.expect("of")?;
        let of = self.required_named()?;
        let others = self.with_others()?;
        self.expect("by")?;
        let by = self.required_ordered()?;
        Ok(Some(TopNestedLevel { count, of, others, by: by.value, ascending: by.ascending }))
    }

    fn with_others(&mut self) -> Parsed<Option<Expr>> {
        if !self.eat("with") {
            return Ok(None);
        }
        self.expect("others")?;
        self.expect("=")?;
        match self.literal()? {
            Some(value) => Ok(Some(value)),
            None => self.required_value().map(Some),
        }
    }

    pub(super) fn sample(&mut self) -> Parsed<OperatorKind> {
        self.keyword();
        self.properties(property::NONE, true)?;
        self.required_named().map(OperatorKind::Sample)
    }

    pub(super) fn sample_distinct(&mut self) -> Parsed<OperatorKind> {
        self.keyword();
        self.properties(property::NONE, true)?;
        let count = self.required_named()?;
        self.expect("of")?;
        let of = self.required_named()?;
        Ok(OperatorKind::SampleDistinct { count, of })
    }

    pub(super) fn serialize(&mut self) -> Parsed<OperatorKind> {
        self.keyword();
        self.properties(property::NONE, true)?;
        self.named_list().map(OperatorKind::Serialize)
    }

    pub(super) fn range(&mut self) -> Parsed<OperatorKind> {
        self.keyword();
        let name = self.required_name()?;
        self.expect("from")?;
        let from = self.required_value()?;
        self.expect("to")?;
        let to = self.required_value()?;
        self.expect("step")?;
        let step = self.required_value()?;
        Ok(OperatorKind::Range { name, from, to, step })
    }

    pub(super) fn print(&mut self) -> Parsed<OperatorKind> {
        self.keyword();
        let values = self.list(List::of("expression").some(), Self::named)?;
        Ok(OperatorKind::Print(values))
    }
}
