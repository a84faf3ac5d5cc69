//! Rows of two tables: when a union or a join of cut rows is the cut of the union or join.

use super::class::Class;
use crate::kql::ast::{JoinKind, Span};

/// The class of a union. Rows that are not cut would be there once a slice.
pub(super) fn united(classes: Vec<Class>, span: Span) -> Class {
    let (mut cut, mut constant) = (false, false);
    for class in classes {
        match class {
            Class::Mixed(reason) => return Class::Mixed(reason),
            Class::RowWise => cut = true,
            Class::Constant => constant = true,
        }
    }
    match (cut, constant) {
        (true, true) => Class::mixed("`union` joins rows cut in time with rows that are not", span),
        (true, false) => Class::RowWise,
        (false, _) => Class::Constant,
    }
}

/// The class of a join: each row of the cut side is matched by itself, where the other side is the same for every slice.
pub(super) fn joined(kind: JoinKind, left: Class, right: Class, name: &str, span: Span) -> Class {
    match (left, right) {
        (Class::Mixed(reason), _) | (_, Class::Mixed(reason)) => Class::Mixed(reason),
        (Class::Constant, Class::Constant) => Class::Constant,
        (Class::RowWise, Class::RowWise) => Class::mixed(format!("`{name}` matches rows of one time with rows of another"), span),
        (Class::RowWise, Class::Constant) if follows_left(kind) => Class::RowWise,
        (Class::Constant, Class::RowWise) if follows_right(kind) => Class::RowWise,
        _ => Class::mixed(format!("`{name}` of this kind drops or adds rows by what the whole window holds"), span),
    }
}

/// Every row on the left decides by itself what becomes of it. Not `innerunique`, which keeps one row a key.
fn follows_left(kind: JoinKind) -> bool {
    matches!(kind, JoinKind::Inner | JoinKind::LeftOuter | JoinKind::LeftAnti | JoinKind::LeftSemi)
}

/// `innerunique` drops rows that repeat on the left only, which is the same for every slice; but which of them it keeps is its own
/// choice, so it is left out.
fn follows_right(kind: JoinKind) -> bool {
    matches!(kind, JoinKind::Inner | JoinKind::RightOuter | JoinKind::RightAnti | JoinKind::RightSemi)
}
