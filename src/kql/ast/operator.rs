//! The tabular operators of the syntax tree.

use super::{ColumnDeclaration, Expr, Name, Parameter, Property, Span, TypeName};

/// One tabular operator and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Operator {
    /// What it is.
    pub kind: OperatorKind,
    /// From its name to its end.
    pub span: Span,
}

/// `expr [asc|desc] [nulls first|last]`.
#[derive(Clone, Debug, PartialEq)]
pub struct OrderBy {
    /// What is ordered by.
    pub value: Expr,
    /// Ascending; Kusto's default is descending.
    pub ascending: bool,
    /// Nulls first; by default with `asc` first, with `desc` last.
    pub nulls_first: bool,
}

/// How rows of two tables meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "named as the language names the kinds")]
pub enum JoinKind {
    InnerUnique,
    Inner,
    LeftOuter,
    RightOuter,
    FullOuter,
    LeftAnti,
    RightAnti,
    LeftSemi,
    RightSemi,
}

/// One column of `mv-expand` / `mv-apply`: `[NAME =] EXPR [to typeof(TYPE)]`.
#[derive(Clone, Debug, PartialEq)]
pub struct ExpandColumn {
    /// The new name, where one is given.
    pub name: Option<Name>,
    /// What is expanded.
    pub value: Expr,
    /// The type its elements become.
    pub kind: Option<TypeName>,
}

/// One piece of a `parse` pattern.
#[derive(Clone, Debug, PartialEq)]
pub enum ParsePart {
    /// `*`: skip.
    Star,
    /// A literal text.
    Text(String),
    /// `NAME[: TYPE]`.
    Column(Name, Option<TypeName>),
}

/// One level of `top-nested`.
#[derive(Clone, Debug, PartialEq)]
pub struct TopNestedLevel {
    /// How many; none for all.
    pub count: Option<Expr>,
    /// Of what.
    pub of: Expr,
    /// `with others = ...`.
    pub others: Option<Expr>,
    /// By which aggregate.
    pub by: Expr,
    /// Written `asc`.
    pub ascending: bool,
}

/// One series of `make-series`.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesAggregate {
    /// `[NAME =] aggregate`.
    pub value: Expr,
    /// `default = ...`.
    pub default: Option<Expr>,
}

/// One `step` of `scan`.
#[derive(Clone, Debug, PartialEq)]
pub struct ScanStep {
    /// The step's name.
    pub name: Name,
    /// Written `optional`.
    pub optional: bool,
    /// `output = all|last|none`.
    pub output: Option<Name>,
    /// The condition.
    pub condition: Expr,
    /// `=> NAME = EXPR, ...`.
    pub assignments: Vec<Expr>,
}

/// The tabular operators.
#[derive(Clone, Debug, PartialEq)]
pub enum OperatorKind {
    /// `where` / `filter`.
    Where(Expr),
    /// `project`.
    Project(Vec<Expr>),
    /// `project-away`: names and wildcards.
    ProjectAway(Vec<Expr>),
    /// `project-keep`: names and wildcards.
    ProjectKeep(Vec<Expr>),
    /// `project-rename NEW = OLD`.
    ProjectRename(Vec<Expr>),
    /// `project-reorder`: names and wildcards, each with an order where one is given.
    ProjectReorder(Vec<(Expr, Option<Name>)>),
    /// `project-smart`.
    ProjectSmart(Vec<Expr>),
    /// `extend`.
    Extend(Vec<Expr>),
    /// `summarize AGGREGATES by GROUPS`.
    Summarize {
        /// The aggregates.
        aggregates: Vec<Expr>,
        /// The groups.
        by: Vec<Expr>,
        /// Hints.
        properties: Vec<Property>,
    },
    /// `count`.
    Count,
    /// `distinct`; a lone `*` is a wildcard.
    Distinct(Vec<Expr>),
    /// `take` / `limit`.
    Take(Expr),
    /// `sort by` / `order by`.
    Sort(Vec<OrderBy>),
    /// `top N by ...`.
    Top {
        /// How many.
        count: Expr,
        /// By what.
        by: OrderBy,
    },
    /// `top-hitters N of EXPR [by EXPR]`.
    TopHitters {
        /// How many.
        count: Expr,
        /// Of what.
        of: Expr,
        /// Weighted by.
        by: Option<Expr>,
    },
    /// `top-nested ...`.
    TopNested(Vec<TopNestedLevel>),
    /// `sample N`.
    Sample(Expr),
    /// `sample-distinct N of EXPR`.
    SampleDistinct {
        /// How many.
        count: Expr,
        /// Of what.
        of: Expr,
    },
    /// `join`.
    Join {
        /// The kind; `innerunique` where none is written.
        kind: JoinKind,
        /// The other table.
        right: Expr,
        /// `on`: names, or `$left.a == $right.b`.
        on: Vec<Expr>,
        /// `kind`, hints, `withsource`.
        properties: Vec<Property>,
    },
    /// `lookup`.
    Lookup {
        /// `leftouter` (default) or `inner`.
        kind: JoinKind,
        /// The other table.
        right: Expr,
        /// As in join.
        on: Vec<Expr>,
    },
    /// `union`, as an operator or at the start.
    Union {
        /// `kind`, `withsource`, `isfuzzy`.
        properties: Vec<Property>,
        /// The tables, wildcards included.
        tables: Vec<Expr>,
    },
    /// `find in (...) where ... project ...`.
    Find {
        /// `withsource`, hints.
        properties: Vec<Property>,
        /// The tables; empty for all.
        tables: Vec<Expr>,
        /// The predicate.
        predicate: Expr,
        /// `project` columns with types; empty where `project-smart` or none.
        project: Vec<(Expr, Option<TypeName>)>,
    },
    /// `search [kind=...] [in (...)] PREDICATE`.
    Search {
        /// `kind`.
        properties: Vec<Property>,
        /// The tables; empty for all.
        tables: Vec<Expr>,
        /// The predicate; bare strings in it match any column.
        predicate: Expr,
    },
    /// `mv-expand`.
    MvExpand {
        /// `bagexpansion`, `with_itemindex`.
        properties: Vec<Property>,
        /// What is expanded.
        columns: Vec<ExpandColumn>,
        /// `limit N`.
        limit: Option<Expr>,
    },
    /// `mv-apply ... on ( SUBQUERY )`.
    MvApply {
        /// `with_itemindex`.
        properties: Vec<Property>,
        /// What is expanded.
        columns: Vec<ExpandColumn>,
        /// `limit N`.
        limit: Option<Expr>,
        /// What is run over each row's elements.
        subquery: Vec<Operator>,
    },
    /// `parse` and, with `filter`, `parse-where`.
    Parse {
        /// `kind`, `flags`.
        properties: Vec<Property>,
        /// What is parsed.
        value: Expr,
        /// The pattern.
        pattern: Vec<ParsePart>,
        /// Rows that do not match are dropped.
        filter: bool,
    },
    /// `parse-kv EXPR as (COLUMNS) with (...)`.
    ParseKv {
        /// What is parsed.
        value: Expr,
        /// The keys.
        columns: Vec<ColumnDeclaration>,
        /// The options.
        properties: Vec<Property>,
    },
    /// `make-series`.
    MakeSeries {
        /// `kind`.
        properties: Vec<Property>,
        /// The series.
        aggregates: Vec<SeriesAggregate>,
        /// The axis.
        on: Expr,
        /// `from`.
        from: Option<Expr>,
        /// `to`.
        to: Option<Expr>,
        /// `step`.
        step: Option<Expr>,
        /// `in range(from, to, step)` in the older form.
        range: Option<Vec<Expr>>,
        /// The groups.
        by: Vec<Expr>,
    },
    /// `evaluate [hints] PLUGIN(...) [: (schema)]`.
    Evaluate {
        /// Hints.
        properties: Vec<Property>,
        /// The plugin call, an [`ExprKind::Call`](super::ExprKind::Call).
        call: Expr,
        /// The declared output schema.
        schema: Vec<ColumnDeclaration>,
    },
    /// `invoke f(...)`.
    Invoke(Expr),
    /// `as NAME`.
    As {
        /// The name.
        name: Name,
        /// Hints.
        properties: Vec<Property>,
    },
    /// `serialize`.
    Serialize(Vec<Expr>),
    /// `range NAME from A to B step C`.
    Range {
        /// The column.
        name: Name,
        /// First value.
        from: Expr,
        /// Last value, inclusive.
        to: Expr,
        /// Step.
        step: Expr,
    },
    /// `print`.
    Print(Vec<Expr>),
    /// `getschema`.
    GetSchema,
    /// `consume`.
    Consume,
    /// `render KIND with (...)`.
    Render {
        /// The chart.
        chart: Name,
        /// Its properties.
        properties: Vec<Property>,
    },
    /// `reduce by EXPR`.
    Reduce {
        /// By what.
        by: Expr,
        /// `threshold`, `characters`.
        properties: Vec<Property>,
    },
    /// `partition by EXPR ( SUBQUERY )`.
    Partition {
        /// Hints.
        properties: Vec<Property>,
        /// The key.
        by: Expr,
        /// What runs over each part: operators, or a whole tabular expression in braces.
        subquery: Vec<Operator>,
    },
    /// `fork (...) (...)`.
    Fork(Vec<(Option<Name>, Vec<Operator>)>),
    /// `facet by COLUMNS with (...)`.
    Facet {
        /// The columns.
        by: Vec<Expr>,
        /// What runs over each.
        with: Vec<Operator>,
    },
    /// `scan`.
    Scan {
        /// `with_match_id`, hints.
        properties: Vec<Property>,
        /// `order by`.
        order: Vec<OrderBy>,
        /// `partition by`.
        partition: Vec<Expr>,
        /// `declare (...)`.
        declare: Vec<Parameter>,
        /// The steps.
        steps: Vec<ScanStep>,
    },
    /// Rarely used operators that hold no expressions (`assert-schema`, `graph-to-table` ...): name and place only.
    Other(Name),
    /// Rarely used operators (graph operators, `macro-expand`, `project-by-names` ...): name and place, and the expressions in them.
    Opaque {
        /// The operator.
        name: Name,
        /// The tables, conditions and columns it mentions.
        inside: Vec<Expr>,
    },
}

impl OperatorKind {
    /// Says whether it makes of each row what it makes of it whatever the others are, and one row at most; the order of rows aside.
    pub fn takes_rows_singly(&self) -> bool {
        matches!(
            self,
            Self::Where(_)
                | Self::Project(_)
                | Self::ProjectAway(_)
                | Self::ProjectKeep(_)
                | Self::ProjectRename(_)
                | Self::ProjectReorder(_)
                | Self::Extend(_)
                | Self::Sort(_)
        )
    }
}
