//! Whether a query over a list of values is, row for row, the union of itself over parts of the list.
//!
//! It is where the list is used once, in a `where ... in (list)` that every row of the result has passed, and where each operator after
//! that looks at one row alone. All else is not, or nobody here can tell: then the list must be sent whole.

use crate::kql::{
    ast::{BinaryOp, Expr, ExprKind, InOp, JoinKind, Operator, OperatorKind, Query, Statement},
    lexer::tokenize,
    literal,
    token::{Form, Kind},
};

/// Which values of a list count as one, so that a row that has one of them is found by one part alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Equality {
    /// Equal texts (`in`).
    Exact,
    /// Texts equal but for case (`in~`).
    CaseFolded,
}

/// Functions over the rows before and after, which parts of a result number otherwise than the whole.
const OVER_ROWS: &[&str] = &["row_number", "row_rank_dense", "row_rank_min", "row_cumsum", "row_window_session", "prev", "next"];

/// Says how the values of the list `name` may be parted.
///
/// # Errors
/// Why they may not, in words that go on a sentence about the query.
pub fn parts_of(text: &str, query: &Query, name: &str) -> Result<Equality, String> {
    if uses(text, name) != 2 {
        return Err(format!("it uses `{name}` more than once, or not at all"));
    }
    if let Some(function) = OVER_ROWS.iter().find(|function| uses(text, function) > 0) {
        return Err(format!("it uses {function}(), which goes over several rows"));
    }
    let mut results = query.statements.iter().filter_map(|statement| match statement {
        Statement::Expression(expression) => Some(expression),
        _ => None,
    });
    let (Some(result), None) = (results.next(), results.next()) else { return Err("it has several results".to_owned()) };
    Spine { text, query, name }.walk(result)
}

/// How often a name stands in a text, in quotes too: a column of that name counts as well, to be on the safe side.
fn uses(text: &str, name: &str) -> usize {
    let is_name = |kind: Kind, written: &str| match kind {
        Kind::Identifier | Kind::Keyword(..) => written == name,
        Kind::Literal(Form::String) => literal::decode(written).is_some_and(|decoded| decoded == name),
        _ => false,
    };
    let tokens = tokenize(text);
    tokens.iter().filter(|token| is_name(token.kind, text.get(token.span.start..token.span.end).unwrap_or_default())).count()
}

/// The chain of operators that every row of the result goes through.
struct Spine<'a> {
    text: &'a str,
    query: &'a Query,
    name: &'a str,
}

impl Spine<'_> {
    fn walk(&self, expression: &Expr) -> Result<Equality, String> {
        match &expression.kind {
            ExprKind::Pipeline { source, operators } => self.along(source.as_deref(), operators),
            ExprKind::Name(name) if uses(self.text, &name.text) == 2 => {
                self.walk(self.bound_to(&name.text).ok_or_else(|| self.not_found())?)
            }
            _ => Err(self.not_found()),
        }
    }

    fn bound_to(&self, wanted: &str) -> Option<&Expr> {
        self.query.statements.iter().find_map(|statement| match statement {
            Statement::Let { name, value, .. } if name.text == wanted => Some(value),
            _ => None,
        })
    }

    fn along(&self, source: Option<&Expr>, operators: &[Operator]) -> Result<Equality, String> {
        for operator in operators.iter().rev() {
            if let OperatorKind::Where(condition) = &operator.kind
                && let Some(equality) = self.filtered_by(condition)
            {
                return Ok(equality);
            }
            if !goes_row_by_row(&operator.kind) {
                let word = self.text.get(operator.span.start..operator.span.end).unwrap_or_default();
                let word = word.split_whitespace().next().unwrap_or_default();
                return Err(format!("after its filter by `{}` it has `{word}`, which goes over several rows", self.name));
            }
        }
        self.walk(source.ok_or_else(|| self.not_found())?)
    }

    /// Whether a row passes `condition` only where one of its values is in the list.
    fn filtered_by(&self, condition: &Expr) -> Option<Equality> {
        match &condition.kind {
            ExprKind::Binary { op: BinaryOp::And, left, right } => self.filtered_by(left).or_else(|| self.filtered_by(right)),
            ExprKind::In { op, list, .. } => match (op, list.as_slice()) {
                (InOp::In, [only]) if self.is_list(only) => Some(Equality::Exact),
                (InOp::InTilde, [only]) if self.is_list(only) => Some(Equality::CaseFolded),
                _ => None,
            },
            _ => None,
        }
    }

    fn is_list(&self, expression: &Expr) -> bool {
        matches!(&expression.kind, ExprKind::Name(name) if name.text == self.name)
    }

    fn not_found(&self) -> String {
        format!("it does not filter every row of its result by `in ({})`", self.name)
    }
}

fn goes_row_by_row(operator: &OperatorKind) -> bool {
    match operator {
        OperatorKind::Parse { .. } | OperatorKind::ParseKv { .. } => true,
        OperatorKind::MvExpand { limit, .. } => limit.is_none(),
        // The other kinds look at all rows of the left side at once.
        OperatorKind::Join { kind, .. } | OperatorKind::Lookup { kind, .. } => {
            matches!(kind, JoinKind::Inner | JoinKind::LeftOuter | JoinKind::LeftSemi | JoinKind::LeftAnti)
        }
        kind => kind.takes_rows_singly(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kql::parse;

    fn parts(rest: &str) -> Result<Equality, String> {
        let text = format!("declare query_parameters(l: dynamic);\n{rest}");
        parts_of(&text, &parse(&text).unwrap(), "l")
    }

    #[test]
    fn a_filter_that_every_row_passes_may_be_parted() {
        assert_eq!(parts("T | where S in (l)"), Ok(Equality::Exact));
        assert_eq!(
            parts("T | summarize max(X) by S | where Y > 1 and (S in~ (l) and Z < 2) | project S | sort by S"),
            Ok(Equality::CaseFolded)
        );
        assert_eq!(parts("let A = T | where S in (l); A | extend x = 1 | join kind=inner (B) on S"), Ok(Equality::Exact));
        assert_eq!(parts("(T | where S in (l)) | project-away S"), Ok(Equality::Exact));
    }

    #[test]
    fn all_else_may_not() {
        for rest in [
            "T | where S !in (l)",
            "T | where S has_any (l)",
            "T | where S in (l) or X == 1",
            "T | where not(S in (l))",
            "T | where S in (l) or R in (l)",
            "T | where S in (l) | where R in (l)",
            "T | where S in (l) | summarize count()",
            "T | where S in (l) | take 5",
            "T | where S in (l) | join kind=fullouter (B) on S",
            "T | where S in (l) | join (B) on S",
            "T | where S in (l) | sort by S | extend n = row_number()",
            "T | join kind=leftouter (B | where S in (l)) on X",
            "union T, (B | where S in (l))",
            "let A = T | where S in (l); A | union A",
            "T | where S == 'l'",
            "T | where S in (l); B",
            "T",
        ] {
            assert!(parts(rest).is_err(), "{rest}");
        }
    }
}
