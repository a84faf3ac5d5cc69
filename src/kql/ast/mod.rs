//! The syntax tree of a Kusto query, with the position of every part.
//!
//! Shaped after the language reference (statements, tabular operators, scalar expressions), not after any engine: what a
//! name refers to (table, column, variable, function) is not decided here. Tabular and scalar expressions share one type,
//! because the grammar lets each stand inside the other (`toscalar(T | count)`, `let x = T | take 1;`).

mod operator;

pub use operator::*;

/// Byte offsets `[start, end)` into the query text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// A name as written, brackets and quotes taken off (`['my col']` is `my col`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name {
    /// The name itself. May hold `*` where the grammar allows wildcards.
    pub text: String,
    /// Where it stands, brackets included.
    pub span: Span,
}

/// A whole query text: statements in order. The last tabular expression is the result.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// The statements, in the order written.
    pub statements: Vec<Statement>,
}

/// One statement, up to its `;`.
#[derive(Clone, Debug, PartialEq)]
pub enum Statement {
    /// `let NAME = EXPR`, where a function is an [`ExprKind::Lambda`].
    Let {
        /// The name bound.
        name: Name,
        /// What it is bound to: scalar, tabular or lambda.
        value: Expr,
        /// The whole statement.
        span: Span,
    },
    /// `set NAME` or `set NAME = VALUE`.
    Set {
        /// The request property.
        name: Name,
        /// Its value, where one is given.
        value: Option<Expr>,
        /// The whole statement.
        span: Span,
    },
    /// `declare query_parameters(NAME: TYPE = DEFAULT, ...)`.
    DeclareParameters {
        /// The declared parameters.
        parameters: Vec<Parameter>,
        /// The whole statement.
        span: Span,
    },
    /// `declare pattern ...`: kept by its name and place only.
    DeclarePattern {
        /// The pattern's name.
        name: Name,
        /// The whole statement.
        span: Span,
    },
    /// `restrict access to (A, B, ...)`.
    Restrict {
        /// The entities that stay visible.
        entities: Vec<Expr>,
        /// The whole statement.
        span: Span,
    },
    /// `alias database NAME = EXPR`.
    Alias {
        /// The alias.
        name: Name,
        /// What it stands for.
        value: Expr,
        /// The whole statement.
        span: Span,
    },
    /// An expression, tabular as a rule.
    Expression(Expr),
}

/// A parameter of a function or of `declare query_parameters`.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// The parameter's name.
    pub name: Name,
    /// Its declared type.
    pub kind: ParameterKind,
    /// Its default, where one is given.
    pub default: Option<Expr>,
    /// The whole declaration.
    pub span: Span,
}

/// What may be passed for a parameter.
#[derive(Clone, Debug, PartialEq)]
pub enum ParameterKind {
    /// A scalar of that type.
    Scalar(TypeName),
    /// A table with at least these columns; empty where written `(*)`.
    Tabular(Vec<ColumnDeclaration>),
}

/// `NAME: TYPE`.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnDeclaration {
    /// The column's name.
    pub name: Name,
    /// Its type.
    pub kind: TypeName,
}

/// Kusto's scalar types, under whichever of their names they were written (`boolean` is [`TypeName::Bool`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is the Kusto type of that name")]
pub enum TypeName {
    Bool,
    Int,
    Long,
    Real,
    Decimal,
    String,
    Datetime,
    Timespan,
    Guid,
    Dynamic,
}

/// An expression and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where it stands; parentheses around it are included.
    pub span: Span,
}

/// What an expression is.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// A constant.
    Literal(Literal),
    /// A column, variable, table or argument-less view, by name.
    Name(Name),
    /// A name with `*` in it: `Device*`, `*Events`, or `*` alone.
    Wildcard(Name),
    /// `a.b`.
    Path(Box<Expr>, Name),
    /// `a[b]`.
    Element(Box<Expr>, Box<Expr>),
    /// `f(a, b, c = d)`. `toscalar`, `materialize`, `table`, `database`, `workspace` ... are calls like any other.
    Call {
        /// The function.
        name: Name,
        /// Its arguments; a named one is an [`ExprKind::Named`].
        arguments: Vec<Expr>,
    },
    /// `-a`, `+a`.
    Unary {
        /// The sign.
        negative: bool,
        /// What it stands before.
        operand: Box<Expr>,
    },
    /// `a op b`.
    Binary {
        /// The operator.
        op: BinaryOp,
        /// Left of it.
        left: Box<Expr>,
        /// Right of it.
        right: Box<Expr>,
    },
    /// `a between (b .. c)`, `a !between (b .. c)`.
    Between {
        /// What is compared.
        value: Box<Expr>,
        /// The lower bound, inclusive.
        low: Box<Expr>,
        /// The upper bound, inclusive (or a timespan to add to the lower).
        high: Box<Expr>,
        /// Written with `!`.
        negated: bool,
    },
    /// `a in (...)`, `a has_any (...)` and the like. The list may be one tabular expression.
    In {
        /// Which of them.
        op: InOp,
        /// What is looked for.
        value: Box<Expr>,
        /// Where it is looked for.
        list: Vec<Expr>,
    },
    /// `NAME = EXPR` or `(A, B) = EXPR`, in extend, project, summarize, arguments.
    Named {
        /// One name, or several of a tuple.
        names: Vec<Name>,
        /// The value.
        value: Box<Expr>,
    },
    /// A tabular expression: a source and operators, or operators that need no source (`union A, B | ...`, `print 1`).
    Pipeline {
        /// What comes before the first `|`; none where the first operator makes its own rows.
        source: Option<Box<Expr>>,
        /// The operators in order.
        operators: Vec<Operator>,
    },
    /// `(a: string, T: (*)) { statements }`, with or without `view`.
    Lambda {
        /// Written with `view`.
        view: bool,
        /// The parameters.
        parameters: Vec<Parameter>,
        /// The body; its last expression is the result.
        body: Vec<Statement>,
    },
    /// `datatable(a: string, b: long) [ ... ]`.
    DataTable {
        /// The columns.
        columns: Vec<ColumnDeclaration>,
        /// The cells, row by row.
        values: Vec<Expr>,
    },
    /// `externaldata(a: string) [ "uri" ] with (...)`.
    ExternalData {
        /// The columns.
        columns: Vec<ColumnDeclaration>,
        /// The addresses.
        uris: Vec<Expr>,
        /// The properties.
        properties: Vec<Property>,
    },
    /// `[ a, b ]` where no dynamic literal is meant (arguments of some plugins, `scan` steps).
    List(Vec<Expr>),
}

/// A constant.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// `true`, `bool(false)`.
    Bool(bool),
    /// `int(5)`.
    Int(i32),
    /// `5`, `0x1f`, `long(5)`.
    Long(i64),
    /// `1.5`, `1e3`, `real(2)`; `real(nan)` and infinities included.
    Real(f64),
    /// `decimal(1.5)`, digits as written.
    Decimal(String),
    /// Any string form, escapes resolved; `h'...'` obfuscated strings and multi-line strings included.
    String(String),
    /// 100 ns ticks since 0001-01-01T00:00:00Z.
    Datetime(i64),
    /// 100 ns ticks.
    Timespan(i64),
    /// Lower case, with hyphens.
    Guid(String),
    /// JSON text of a `dynamic(...)` literal, as written between the parentheses (Kusto literals inside made JSON).
    Dynamic(String),
    /// `int(null)`, `dynamic(null)`, `null` inside dynamic.
    Null(TypeName),
}

/// Binary operators, by their names in the language reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "named as the operators are")]
pub enum BinaryOp {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    EqualTilde,
    NotEqualTilde,
    Has,
    NotHas,
    HasCs,
    NotHasCs,
    HasPrefix,
    NotHasPrefix,
    HasPrefixCs,
    NotHasPrefixCs,
    HasSuffix,
    NotHasSuffix,
    HasSuffixCs,
    NotHasSuffixCs,
    Contains,
    NotContains,
    ContainsCs,
    NotContainsCs,
    StartsWith,
    NotStartsWith,
    StartsWithCs,
    NotStartsWithCs,
    EndsWith,
    NotEndsWith,
    EndsWithCs,
    NotEndsWithCs,
    MatchesRegex,
}

/// Operators with a list on the right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "named as the operators are")]
pub enum InOp {
    In,
    NotIn,
    InTilde,
    NotInTilde,
    HasAny,
    HasAll,
}

/// `name = value` after an operator's or function's name (`kind=inner`, `hint.strategy=shuffle`, `with_source=T`).
#[derive(Clone, Debug, PartialEq)]
pub struct Property {
    /// The property; dotted names whole (`hint.strategy`).
    pub name: Name,
    /// Its value; a bare word is an [`ExprKind::Name`].
    pub value: Expr,
}
