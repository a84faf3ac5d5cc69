//! The span of time that filters of a plan leave, so that files without such rows are not opened.

use datafusion::{
    logical_expr::{BinaryExpr, Expr, Operator},
    scalar::ScalarValue,
};

/// A closed range of nanoseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    from: i64,
    to: i64,
}

impl Default for Range {
    fn default() -> Self {
        Self { from: i64::MIN, to: i64::MAX }
    }
}

impl Range {
    /// Tells whether rows of these times may lie in it.
    pub(super) fn meets(self, (first, last): (i64, i64)) -> bool {
        first <= self.to && last >= self.from
    }

    fn narrowed(self, other: Self) -> Self {
        Self { from: self.from.max(other.from), to: self.to.min(other.to) }
    }
}

/// Returns the range that all filters leave.
pub(super) fn of(filters: &[Expr], time: &str) -> Range {
    filters.iter().filter_map(|filter| bound(filter, time)).fold(Range::default(), Range::narrowed)
}

/// Tells whether a filter bounds the time.
pub(super) fn is_about(filter: &Expr, time: &str) -> bool {
    bound(filter, time).is_some()
}

fn bound(filter: &Expr, time: &str) -> Option<Range> {
    match filter {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => match (bound(left, time), bound(right, time)) {
            (Some(left), Some(right)) => Some(left.narrowed(right)),
            (left, right) => left.or(right),
        },
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            let of_column = |expr: &Expr| matches!(expr, Expr::Column(column) if column.name == time);
            match (nanos(left), nanos(right)) {
                (None, Some(value)) if of_column(left) => compared(*op, value),
                (Some(value), None) if of_column(right) => compared(op.swap()?, value),
                _ => None,
            }
        }
        Expr::Between(between) if !between.negated => {
            let of_column = matches!(between.expr.as_ref(), Expr::Column(column) if column.name == time);
            let bounds = nanos(&between.low).zip(nanos(&between.high)).filter(|_| of_column);
            bounds.map(|(from, to)| Range { from, to })
        }
        _ => None,
    }
}

fn compared(op: Operator, value: i64) -> Option<Range> {
    let all = Range::default();
    match op {
        Operator::Gt | Operator::GtEq => Some(Range { from: value, ..all }),
        Operator::Lt | Operator::LtEq => Some(Range { to: value, ..all }),
        Operator::Eq => Some(Range { from: value, to: value }),
        _ => None,
    }
}

fn nanos(expr: &Expr) -> Option<i64> {
    match expr {
        Expr::Literal(ScalarValue::TimestampNanosecond(value, _), _) => *value,
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::prelude::{ident, lit};

    fn at(nanos: i64) -> Expr {
        lit(ScalarValue::TimestampNanosecond(Some(nanos), Some("UTC".into())))
    }

    #[test]
    fn filters_leave_a_range() {
        let filters = [ident("Timestamp").gt_eq(at(10)).and(ident("x").eq(lit(1))), at(20).gt(ident("Timestamp"))];
        let range = of(&filters, "Timestamp");
        assert_eq!(range, Range { from: 10, to: 20 });
        assert!(range.meets((0, 10)) && range.meets((15, 16)) && !range.meets((21, 30)) && !range.meets((0, 9)));
    }

    #[test]
    fn what_says_nothing_of_the_time_leaves_all() {
        let either = ident("Timestamp").lt(at(1)).or(ident("x").eq(lit(1)));
        assert!(!is_about(&either, "Timestamp") && !is_about(&ident("Timestamp").not_eq(at(1)), "Timestamp"));
        assert!(!is_about(&ident("Other").lt(at(1)), "Timestamp"));
        assert_eq!(of(&[either], "Timestamp"), Range::default());
    }
}
