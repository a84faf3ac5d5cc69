//! Kusto's semantics where they differ from SQL's, each asked of the engine in Kusto.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr, reason = "helpers of tests")]

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DurationNanosecondType, Float64Type, Int32Type, Int64Type, TimestampNanosecondType};
use futures::TryStreamExt;
use ircollect::kql::ast::TypeName;
use ircollect::kql::engine::{Answer, Column, Engine, Options, QueryError, QueryErrorKind, Table, format_datetime, format_timespan};
use std::collections::BTreeMap;
use std::sync::LazyLock;

static RUNTIME: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| tokio::runtime::Runtime::new().unwrap());

static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    let columns = vec![Column::new("Timestamp", TypeName::Datetime), Column::new("FileName", TypeName::String)];
    let empty = Table::new(columns.clone(), Some("Timestamp".to_owned()), Vec::new());
    Engine::new(BTreeMap::from([("DeviceEvents".to_owned(), empty.clone()), ("DeviceFileEvents".to_owned(), empty)])).unwrap()
});

fn options() -> Options {
    Options::new("2026-06-01T00:00:00Z".parse().unwrap())
}

async fn batches(text: &str) -> Result<(Vec<Column>, Vec<RecordBatch>), QueryError> {
    let Answer { columns, stream } = ENGINE.run(text, &options()).await?;
    Ok((columns, stream.try_collect().await.unwrap()))
}

fn cell(array: &dyn Array, row: usize, kind: TypeName) -> String {
    if array.is_null(row) {
        return "null".to_owned();
    }
    match kind {
        TypeName::Bool => array.as_boolean().value(row).to_string(),
        TypeName::Int => array.as_primitive::<Int32Type>().value(row).to_string(),
        TypeName::Long => array.as_primitive::<Int64Type>().value(row).to_string(),
        TypeName::Real => array.as_primitive::<Float64Type>().value(row).to_string(),
        TypeName::Datetime => format_datetime(array.as_primitive::<TimestampNanosecondType>().value(row)),
        TypeName::Timespan => format_timespan(array.as_primitive::<DurationNanosecondType>().value(row)),
        _ => array.as_string::<i32>().value(row).to_owned(),
    }
}

/// The answer as lines of cells, the first one the names of the columns.
fn table(text: &str) -> Vec<String> {
    let (columns, batches) =
        RUNTIME.block_on(batches(text)).unwrap_or_else(|error| panic!("{text:.300}\n{}:{} {error:.300}", error.line, error.column));
    let mut lines = vec![columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join("|")];
    for batch in batches {
        for row in 0..batch.num_rows() {
            let cells = columns.iter().enumerate().map(|(index, column)| cell(batch.column(index), row, column.kind));
            lines.push(cells.collect::<Vec<_>>().join("|"));
        }
    }
    lines
}

/// The rows alone, sorted where the query does not sort.
pub(crate) fn rows(text: &str) -> Vec<String> {
    let mut rows = table(text).split_off(1);
    if !text.contains("sort by") && !text.contains("order by") && !text.contains("top ") {
        rows.sort();
    }
    rows
}

/// The single row of a `print`.
pub(crate) fn printed(values: &str) -> String {
    rows(&format!("print {values}")).remove(0)
}

fn refused(text: &str) -> QueryError {
    RUNTIME.block_on(batches(text)).expect_err(text)
}

#[test]
fn nulls_equal_nothing() {
    let text =
        "datatable(v: int)[5, int(null)] | extend a = v > 3, b = v > 3 or isnull(v), c = v == int(null), d = v != 7, e = not(v == 5)";
    assert_eq!(rows(text), ["5|true|true|false|true|false", "null|null|true|null|true|true"]);
    assert_eq!(rows("datatable(v: int)[5, int(null)] | where v != 5"), ["null"]);
    assert_eq!(rows("datatable(v: int)[5, int(null)] | where not(v == 5)"), ["null"]);
    assert_eq!(rows("datatable(v: int)[5, int(null)] | where v !in (5)"), ["null"]);
    assert_eq!(printed("isnull(''), isempty(''), isempty(dynamic(null)), isnotempty('x')"), "false|true|true|true");
}

#[test]
fn arithmetic_follows_the_types() {
    assert_eq!(printed("7 / 2, 7.0 / 2, -7 / 2, -14 % 12, 14 % -12, 1 / 0"), "3|3.5|-3|10|2|null");
    assert_eq!(printed("2h / 30m, 1h * 3, 3 * 1h, 1d / 2, 90m % 1h"), "4|03:00:00|03:00:00|12:00:00|00:30:00");
    assert_eq!(
        printed("datetime(2024-03-01) - datetime(2024-02-28), datetime(2024-02-28) + 36h"),
        "2.00:00:00|2024-02-29T12:00:00.0000000Z"
    );
    assert_eq!(printed("-5, -1h, 9223372036854775807 + 1"), "-5|-01:00:00|-9223372036854775808");
}

#[test]
fn bins_are_floored() {
    assert_eq!(
        printed("bin(-7, 5), bin(-1.5, 1), bin(-1h, 1d), bin(datetime(1969-12-31T13:00), 1d)"),
        "-10|-2|-1.00:00:00|1969-12-31T00:00:00.0000000Z"
    );
    assert_eq!(printed("bin(datetime(2024-01-31T08:17:00), 5m), floor(7, 2)"), "2024-01-31T08:15:00.0000000Z|6");
}

#[test]
fn terms_are_matched_whole() {
    assert_eq!(printed("'a.b-c' has 'b', 'abc' has 'b', 'A_b' has 'B', 'A' has_cs 'a', 'x' !has 'y'"), "true|false|true|false|true");
    assert_eq!(printed("'-enc AAAA' has '-enc', 'encoded' has '-enc', 'C:\\\\temp\\\\x' has 'temp\\\\x'"), "true|false|true");
    assert_eq!(
        printed("'net user' has_any ('USER', 'x'), 'net user' has_all ('net', 'user'), 'net user' has_all ('net', 'x')"),
        "true|true|false"
    );
    assert_eq!(
        printed("'abc' contains 'B', 'abc' contains_cs 'B', 'abc' startswith 'AB', 'abc' endswith_cs 'BC', 'abc' hasprefix 'ab'"),
        "true|false|true|false|true"
    );
    assert_eq!(
        printed("'Abc' =~ 'aBC', 'Abc' !~ 'aBC', 'Abc' in~ ('ABC'), 'Abc' in ('ABC'), 'Abc' matches regex '^A.c$'"),
        "true|false|true|false|true"
    );
}

#[test]
fn lists_may_be_arrays_and_tables() {
    assert_eq!(rows("let L = dynamic(['a', 'b']); datatable(x: string)['a', 'B', 'c'] | where x in~ (L)"), ["B", "a"]);
    assert_eq!(rows("let T = datatable(k: string)['a']; datatable(x: string)['a', 'b'] | where x in (T)"), ["a"]);
    assert_eq!(rows("datatable(x: string)['net user', 'x'] | where x has_any (datatable(k: string)['USER'])"), ["net user"]);
    assert_eq!(rows("datatable(x: long)[1, 2, 3] | where x in (dynamic([1, 3]))"), ["1", "3"]);
    assert_eq!(rows("datatable(x: string, l: dynamic)['a', dynamic(['a']), 'b', dynamic(['a'])] | where x in (l) | project x"), ["a"]);
}

#[test]
fn lists_of_columns_may_be_grouped_by() {
    let text = "datatable(a: long, b: long)[1, 2, 5, 1, 7, long(null)] | extend x = a !in (b, 5) | summarize count() by x";
    assert_eq!(rows(text), ["false|1", "true|2"]);
}

#[test]
fn between_includes_both_ends() {
    assert_eq!(printed("5 between (1 .. 5), 6 between (1 .. 5), 6 !between (1 .. 5)"), "true|false|true");
    let text = "datatable(t: datetime)[datetime(2024-01-01), datetime(2024-01-02), datetime(2024-01-03)] | where t between (datetime(2024-01-01) .. 1d)";
    assert_eq!(rows(text).len(), 2);
}

#[test]
fn dynamic_values_are_taken_apart() {
    assert_eq!(
        printed("dynamic({'a': {'b': [1, 'x']}}).a.b[1], tostring(dynamic({'a': 1}).a), parse_json('{\"x y\": true}')['x y']"),
        "\"x\"|1|true"
    );
    assert_eq!(
        printed("tostring(dynamic([1, 2])), tostring(dynamic('x')), tostring(dynamic(null)), array_length(dynamic([1, 2]))"),
        "[1,2]|x||2"
    );
    assert_eq!(rows("datatable(d: dynamic)[dynamic({'n': 5}), dynamic({'n': 'x'}), dynamic({})] | where d.n == 5 | project d.n"), ["5"]);
    assert_eq!(table("datatable(d: dynamic)[dynamic({'n': {'m': [7]}})] | project d.n.m[0], d['n']"), ["d_n_m_0|d_n", "7|{\"m\":[7]}"]);
    assert_eq!(
        printed("bag_keys(dynamic({'a': 1, 'b': 2})), pack_array(1, 'x', true), bag_pack('k', 1, 'l', 'v')"),
        "[\"a\",\"b\"]|[1,\"x\",true]|{\"k\":1,\"l\":\"v\"}"
    );
    assert_eq!(
        printed("toint('12'), tolong('x'), todouble('1.5'), tobool('TRUE'), tostring(1.0), tostring(true), tolong(2.9)"),
        "12|null|1.5|true|1|true|2"
    );
}

#[test]
fn results_are_named_as_the_service_names_them() {
    let data = "datatable(a: string, n: long, t: datetime)['x', 1, datetime(2024-01-01T05:00)]";
    assert_eq!(
        table(&format!("{data} | summarize count(), dcount(a), sum(n), make_set(a), max(t), countif(n > 0) by bin(t, 1d)"))[0],
        "t|count_|dcount_a|sum_n|set_a|max_t|countif_"
    );
    assert_eq!(table(&format!("{data} | summarize arg_max(t, *) by a"))[0], "a|t|n");
    assert_eq!(table(&format!("{data} | summarize arg_max(t, n) by a"))[0], "a|t|n");
    assert_eq!(table(&format!("{data} | summarize (Last, Number) = arg_max(t, n), percentile(n, 95)"))[0], "Last|Number|percentile_n_95");
    assert_eq!(table(&format!("{data} | project strcat(a, 'x'), n + 1, tostring(n)"))[0], "Column1|Column2|n");
    assert_eq!(table("print 1, x = 2")[0], "print_0|x");
    assert_eq!(table(&format!("{data} | count"))[0], "Count");
}

#[test]
fn summaries_of_nothing() {
    let empty = "datatable(n: long, a: string)[]";
    assert_eq!(
        rows(&format!("{empty} | summarize count(), sum(n), dcount(a), make_set(a), max(n), max(a), avg(n)")),
        ["0|0|0|[]|null||NaN"]
    );
    assert!(rows(&format!("{empty} | summarize count() by a")).is_empty());
    assert_eq!(rows(&format!("{empty} | count")), ["0"]);
    assert_eq!(rows(&format!("{empty} | summarize arg_max(n, a)")), ["null|"]);
}

#[test]
fn aggregates_gather() {
    let data = "datatable(g: string, v: long, s: string)['a', 1, 'x', 'a', 2, 'y', 'b', 3, 'x', 'a', 2, 'x']";
    assert_eq!(
        rows(&format!("{data} | summarize count(), sum(v), make_set(s), make_list(v) by g")),
        ["a|3|5|[\"x\",\"y\"]|[1,2,2]", "b|1|3|[\"x\"]|[3]"]
    );
    assert_eq!(rows(&format!("{data} | summarize arg_max(v, s), arg_min(v, s) by g")), ["a|2|y|1|x", "b|3|x|3|x"]);
    assert_eq!(
        rows(&format!("{data} | summarize make_set_if(s, v > 1), countif(v > 1), dcountif(s, v < 3), sumif(v, s == 'x') by g")),
        ["a|[\"y\",\"x\"]|2|2|3", "b|[\"x\"]|1|0|3"]
    );
    assert_eq!(rows(&format!("{data} | summarize Total = sum(v) * 10 + count(), R = round(avg(v), 1)")), ["84|2"]);
    assert_eq!(rows(&format!("{data} | summarize by g")), ["a", "b"]);
    assert_eq!(rows(&format!("{data} | summarize make_set(s, 1) by g")), ["a|[\"x\"]", "b|[\"x\"]"]);
    assert_eq!(
        rows(&format!("{data} | sort by v desc, s asc | summarize make_list(s), make_set(s, 1)")),
        ["[\"x\",\"x\",\"y\",\"x\"]|[\"x\"]"]
    );
    assert_eq!(rows(&format!("{data} | distinct g, s")), ["a|x", "a|y", "b|x"]);
}

#[test]
fn joins_of_every_kind() {
    let tables = "let L = datatable(k: string, l: long)['a', 1, 'a', 2, 'b', 3, 'd', 4]; let R = datatable(k: string, r: long, l: long)['a', 10, 1, 'a', 20, 2, 'c', 30, 3];";
    assert_eq!(table(&format!("{tables} L | join R on k"))[0], "k|l|k1|r|l1");
    assert_eq!(rows(&format!("{tables} L | join R on k")).len(), 2, "of the left rows with equal keys, one takes part");
    assert_eq!(rows(&format!("{tables} L | join kind=inner R on k")).len(), 4);
    assert_eq!(rows(&format!("{tables} L | join kind=leftouter R on k | where k in ('b', 'd')")), ["b|3||null|null", "d|4||null|null"]);
    assert_eq!(rows(&format!("{tables} L | join kind=rightouter R on k | where k1 == 'c'")), ["|null|c|30|3"]);
    assert_eq!(rows(&format!("{tables} L | join kind=fullouter R on k")).len(), 7);
    assert_eq!(rows(&format!("{tables} L | join kind=leftanti R on k")), ["b|3", "d|4"]);
    assert_eq!(rows(&format!("{tables} L | join kind=leftsemi R on k")), ["a|1", "a|2"]);
    assert_eq!(rows(&format!("{tables} L | join kind=rightanti R on k")), ["c|30|3"]);
    assert_eq!(rows(&format!("{tables} L | join kind=inner (R | project kk = k, r) on $left.k == $right.kk | project l, r")).len(), 4);
    assert_eq!(table(&format!("{tables} L | lookup R on k"))[0], "k|l|r|l1");
    assert_eq!(rows(&format!("{tables} L | lookup kind=inner R on k")).len(), 4);
    assert_eq!(rows(&format!("{tables} L | join kind=inner L on k, l | count")), ["4"], "a table may meet itself");
}

#[test]
fn unions_bring_columns_together_by_name() {
    let tables = "let A = datatable(x: string, n: long)['a', 1]; let B = datatable(x: string, m: string)['b', 'm'];";
    assert_eq!(rows(&format!("{tables} union A, B")), ["a|1|", "b|null|m"]);
    assert_eq!(rows(&format!("{tables} A | union kind=inner B")), ["a", "b"]);
    assert_eq!(rows(&format!("{tables} union withsource=T A, B | project T, x")), ["A|a", "B|b"]);
    assert_eq!(rows(&format!("{tables} union isfuzzy=true A, Missing | project x")), ["a"]);
    assert_eq!(rows("union Device* | count"), ["0"]);
    assert_eq!(table("union (print x = 1), (print x = 'a')")[0], "x_long|x_string");
}

#[test]
fn rows_are_ordered_as_asked() {
    let data = "datatable(n: long, s: string)[2, 'b', long(null), 'n', 1, 'a', 3, 'c']";
    assert_eq!(rows(&format!("{data} | sort by n | project s")), ["c", "b", "a", "n"]);
    assert_eq!(rows(&format!("{data} | order by n asc | project s")), ["n", "a", "b", "c"]);
    assert_eq!(rows(&format!("{data} | sort by n asc nulls last | project s")), ["a", "b", "c", "n"]);
    assert_eq!(rows(&format!("{data} | top 2 by n | project s")), ["c", "b"]);
    assert_eq!(
        rows(&format!("{data} | sort by tolower(s) desc | extend r = row_number(), p = prev(s), q = next(s) | project s, r, p, q")),
        ["n|1||c", "c|2|n|b", "b|3|c|a", "a|4|b|"]
    );
    assert_eq!(rows(&format!("{data} | sort by n asc | where n > 0 | extend c = row_cumsum(n) | project c")), ["1", "3", "6"]);
}

#[test]
fn columns_are_chosen_and_moved() {
    let data = "datatable(DeviceId: string, DeviceName: string, Size: long)['i', 'n', 1]";
    assert_eq!(table(&format!("{data} | project-away Device*")), ["Size", "1"]);
    assert_eq!(table(&format!("{data} | project-keep *Name, Size")), ["DeviceName|Size", "n|1"]);
    assert_eq!(table(&format!("{data} | project-rename Host = DeviceName")), ["DeviceId|Host|Size", "i|n|1"]);
    assert_eq!(table(&format!("{data} | project-reorder Size, Device* desc")), ["Size|DeviceName|DeviceId", "1|n|i"]);
    assert_eq!(table(&format!("{data} | extend Size = Size + 1, Twice = Size * 2")), ["DeviceId|DeviceName|Size|Twice", "i|n|2|2"]);
    assert_eq!(table(&format!("{data} | getschema | project ColumnName, ColumnType"))[3], "Size|long");
    assert_eq!(printed("column = column_ifexists('x', 5)"), "5");
}

#[test]
fn arrays_become_rows() {
    let data = "datatable(a: long, d: dynamic)[1, dynamic([10, 20]), 2, dynamic([]), 3, dynamic(null), 4, dynamic({'x': 1})]";
    assert_eq!(rows(&format!("{data} | mv-expand d")), ["1|10", "1|20", "3|null", "4|{\"x\":1}"]);
    assert_eq!(rows(&format!("{data} | mv-expand kind=array d | where a == 4")), ["4|[\"x\",1]"]);
    assert_eq!(
        rows(&format!("{data} | mv-expand with_itemindex=i e = d to typeof(long) | project a, e, i | where a == 1")),
        ["1|10|0", "1|20|1"]
    );
    assert_eq!(rows("print b = dynamic([1, 2]), c = dynamic(['x']) | mv-expand b, c"), ["1|\"x\"", "2|null"]);
    assert_eq!(rows(&format!("{data} | mv-apply x = d to typeof(long) on (summarize s = sum(x)) | project a, s")), ["1|30", "3|0", "4|0"]);
    assert_eq!(rows(&format!("{data} | mv-apply x = d to typeof(long) on (top 1 by x) | project a, x")), ["1|20", "3|null", "4|null"]);
    assert_eq!(rows(&format!("{data} | mv-apply d on (where d == 20) | project a, d")), ["1|20"]);
}

#[test]
fn patterns_cut_columns() {
    let text = "print t = 'pid=12 user=bob smith end' | parse t with 'pid=' p: long ' user=' u ' end' | project p, u";
    assert_eq!(rows(text), ["12|bob smith"]);
    assert_eq!(rows("print t = 'nothing' | parse t with 'pid=' p: long | project p"), ["null"]);
    assert!(rows("print t = 'nothing' | parse-where t with 'pid=' p: long").is_empty());
    assert_eq!(
        printed(
            "extract('a(b+)c', 1, 'xabbc'), extract_all('(\\\\d)', 'a1b2'), replace_regex('abc', 'b(.)', '[\\\\1]'), split('a,b', ',')"
        ),
        "bb|[\"1\",\"2\"]|a[c]|[\"a\",\"b\"]"
    );
}

#[test]
fn names_stand_for_scalars_tables_and_functions() {
    assert_eq!(rows("let n = 2; let f = (x: long, y: long = 3) { x * y + n }; print f(2), f(2, 5)"), ["8|12"]);
    assert_eq!(rows("let T = (min: long) { range x from 1 to 5 step 1 | where x >= min }; T(4)"), ["4", "5"]);
    assert_eq!(rows("let F = (T: (x: long)) { T | summarize s = sum(x) }; range x from 1 to 3 step 1 | invoke F()"), ["6"]);
    assert_eq!(rows("let m = toscalar(range x from 1 to 3 step 1 | summarize max(x)); print m + 1"), ["4"]);
    assert_eq!(rows("let M = materialize(range x from 1 to 3 step 1); M | join kind=inner M on x | count"), ["3"]);
    assert_eq!(rows("let V = view () { print x = 1 }; V | extend y = x"), ["1|1"]);
}

#[test]
fn conditions_choose() {
    assert_eq!(
        printed(
            "iff(1 > 2, 'a', 'b'), case(false, 1, true, 2, 3), coalesce('', 'x'), coalesce(long(null), 5), max_of(1, 3, 2), min_of(2, 1)"
        ),
        "b|2|x|5|3|1"
    );
    assert_eq!(rows("datatable(n: long)[long(null)] | project x = iff(n > 1, 'yes', 'no')"), ["no"]);
}

#[test]
fn times_are_computed() {
    assert_eq!(
        printed("ago(1d), now(), startofday(now() + 5h), startofweek(datetime(2024-02-01))"),
        "2026-05-31T00:00:00.0000000Z|2026-06-01T00:00:00.0000000Z|2026-06-01T00:00:00.0000000Z|2024-01-28T00:00:00.0000000Z"
    );
    assert_eq!(
        printed(
            "datetime_diff('day', datetime(2024-01-02), datetime(2024-01-01T23:00)), datetime_part('hour', datetime(2024-01-01T05:00)), dayofweek(datetime(2024-02-01))"
        ),
        "1|5|4.00:00:00"
    );
    assert_eq!(
        printed(
            "format_datetime(datetime(2024-01-02T03:04:05.678), 'yyyy-MM-dd HH:mm:ss.fff'), endofday(datetime(2024-01-01)), todatetime('2024-01-01') == datetime(2024-01-01)"
        ),
        "2024-01-02 03:04:05.678|2024-01-01T23:59:59.9999999Z|true"
    );
    assert_eq!(
        printed("unixtime_seconds_todatetime(1700000000), make_datetime(2024, 2, 3), totimespan('01:30:00'), tostring(1h)"),
        "2023-11-14T22:13:20.0000000Z|2024-02-03T00:00:00.0000000Z|01:30:00|01:00:00"
    );
}

#[test]
fn plugins_make_columns_of_data() {
    assert_eq!(table("print id = 1, d = dynamic({'a': 'x', 'b': 2}) | evaluate bag_unpack(d)"), ["id|a|b", "1|x|2"]);
    assert_eq!(
        table("datatable(u: string, r: string)['a', 'ok', 'a', 'bad', 'a', 'ok', 'b', 'ok'] | evaluate pivot(r) | sort by u asc"),
        ["u|bad|ok", "a|1|2", "b|0|1"]
    );
}

#[test]
fn series_have_a_value_for_every_step() {
    let data =
        "datatable(t: datetime, h: string)[datetime(2024-01-01T01:00), 'a', datetime(2024-01-03T02:00), 'a', datetime(2024-01-02), 'b']";
    assert_eq!(
        rows(&format!(
            "{data} | make-series n = count() default = 0 on t from datetime(2024-01-01) to datetime(2024-01-04) step 1d by h | project h, n"
        )),
        ["a|[1,0,1]", "b|[0,1,0]"]
    );
}

#[test]
fn what_is_wrong_is_said_as_the_service_says_it() {
    let error = refused("EmailEvents\n| where X == 1");
    assert_eq!(
        error.message,
        "'where' operator: Failed to resolve table or column expression named 'EmailEvents'. Fix semantic errors in your query."
    );
    let error = refused("DeviceEvents\n| project Foo");
    assert_eq!(error.message, "'project' operator: Failed to resolve scalar expression named 'Foo'. Fix semantic errors in your query.");
    assert_eq!((error.line, error.column, error.kind), (2, 11, QueryErrorKind::Semantic));
    assert_eq!(refused("DeviceEvents | where").kind, QueryErrorKind::Syntax);
    assert!(refused("DeviceEvents | where tolwer(FileName) == 'x'").message.contains("did you mean 'tolower'?"));
    assert_eq!(refused("DeviceEvents | where FileName > 5").kind, QueryErrorKind::Semantic);
    assert_eq!(refused("externaldata(a: string)['https://example.com']").kind, QueryErrorKind::Unsupported);
    assert_eq!(refused("let f = (x: long) { f(x) }; print f(1)").kind, QueryErrorKind::Semantic);
}

#[test]
fn long_chains_and_lists_do_not_overflow_the_stack() {
    let chain: Vec<String> = (0..5_000).map(|number| format!("FileName == 'f{number}'")).collect();
    assert_eq!(rows(&format!("DeviceEvents | where {} | count", chain.join(" or "))), ["0"]);
    let list: Vec<String> = (0..50_000).map(|number| format!("'f{number}'")).collect();
    assert_eq!(rows(&format!("print x = 'F49999' | where x in~ ({}) | count", list.join(","))), ["1"]);
    let sum: String = (0..400).map(|_| "1 + ").collect();
    assert_eq!(printed(&format!("{sum}1")), "401");
    let columns = (0..100).fold("x".to_owned(), |inner, _| format!("strcat({inner}, 'a')"));
    assert_eq!(rows(&format!("print x = '' | project n = strlen({columns})")), ["100"]);
    let pipeline = (0..200).map(|number| format!(" | where x != {number}")).collect::<Vec<_>>().concat();
    assert_eq!(rows(&format!("range x from 1 to 300 step 1{pipeline} | count")), ["101"]);
}

#[test]
fn a_window_cuts_tables_with_a_time_column() {
    use arrow::array::{StringArray, TimestampNanosecondArray};
    use std::sync::Arc;
    let columns = vec![Column::new("Timestamp", TypeName::Datetime), Column::new("FileName", TypeName::String)];
    let table = Table::new(columns, Some("Timestamp".to_owned()), Vec::new());
    let day = 86_400_000_000_000_i64;
    let times = TimestampNanosecondArray::from(vec![0, day, 2 * day]).with_timezone("UTC");
    let names = StringArray::from(vec![Some("a"), None, Some("c")]);
    let batch = RecordBatch::try_new(table.schema(), vec![Arc::new(times), Arc::new(names)]).unwrap();
    let engine = Engine::new(BTreeMap::from([("T".to_owned(), Table { data: vec![batch], ..table })])).unwrap();
    let window = ircollect::time::Window::new("1970-01-02T00:00:00Z".parse().unwrap(), "1970-01-03T00:00:00Z".parse().unwrap()).unwrap();
    let count = |options: &Options, text: &str| {
        RUNTIME.block_on(async {
            let batches: Vec<RecordBatch> = engine.run(text, options).await.unwrap().stream.try_collect().await.unwrap();
            batches.iter().map(RecordBatch::num_rows).sum::<usize>()
        })
    };
    assert_eq!(count(&options(), "T"), 3);
    assert_eq!(count(&options().with_window(window), "T"), 1);
    assert_eq!(count(&options(), "T | where FileName == ''"), 1, "a null text is the empty one");
}

const SALES: &str =
    "let T = datatable(s: string, c: string, n: long)['A', 'x', 5, 'A', 'y', 3, 'A', 'z', 1, 'B', 'x', 4, 'B', 'w', 2, 'C', 'x', 1]; ";

#[test]
fn the_greatest_are_nested() {
    let nested = |levels: &str| rows(&format!("{SALES}T | top-nested {levels}"));
    assert_eq!(nested("2 of s by sum(n)"), ["A|9", "B|6"]);
    assert_eq!(nested("2 of s by sum(n), top-nested 1 of c by sum(n)"), ["A|9|x|5", "B|6|x|4"]);
    assert_eq!(nested("1 of s by sum(n) asc"), ["C|1"]);
    assert_eq!(nested("of s by Ignore=max(1), top-nested 1 of c by dcount(n)").len(), 3);
    let columns = table(&format!("{SALES}T | top-nested 1 of s by sum(n), top-nested of c by most=max(n)"));
    assert_eq!(columns[0], "s|aggregated_s|c|most");
    assert_eq!(columns.len(), 4);
}

#[test]
fn the_others_of_a_level_are_one_more() {
    let nested = |levels: &str| rows(&format!("{SALES}T | top-nested {levels}"));
    assert_eq!(nested("1 of s with others='rest' by sum(n)"), ["A|9", "rest|7"]);
    // A level without others leaves its place empty where a level below has them.
    let both = nested("1 of s with others='rest' by sum(n), top-nested 1 of c with others='more' by sum(n)");
    assert_eq!(both, ["A|9|more|4", "A|9|x|5", "rest|7|more|7"]);
    let below = nested("2 of s by sum(n), top-nested 1 of c with others='more' by sum(n)");
    assert_eq!(below, ["A|9|more|4", "A|9|x|5", "B|6|more|2", "B|6|x|4", "|null|more|1"]);
}
