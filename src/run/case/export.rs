//! `case export`: stored rows in another form, outside of the case.

use crate::{
    case::{self, Exported, LeftOut, Selection, Target},
    cli::{ExportArgs, ExportFormat},
    console::{self, Hashing, print_data, visible},
    error::{Kind, Result},
    run::{Context, window},
    store::{CaseView, Format},
};
use serde_json::json;

pub(super) fn run(context: &Context, case: &CaseView, args: &ExportArgs) -> Result<u8> {
    let bounded = args.from.is_some() || args.to.is_some() || args.last.is_some();
    // Without --from everything before the end is meant, and not 30 days of it.
    let from = args.from.as_deref().or(args.to.is_some().then_some("0001-01-01T00:00:00Z"));
    let window = bounded.then(|| window::settle(from, args.to.as_deref(), args.last.as_deref(), context.now)).transpose()?;
    let selection = Selection {
        sources: args.source.clone(),
        queries: args.query.clone(),
        tenants: [context.global.tenant.clone(), context.global.profile.clone()].concat(),
        window,
    };
    let bar = Hashing::new(context.console, case.status()?.bytes);
    let exported = case::export(case, &selection, target(args.format), &args.output, context.now, &|bytes| bar.advance(bytes));
    bar.end();
    let (written, left_out) = exported?;
    told(context, args, &written, &left_out)?;
    for lacking in &left_out {
        context.console.error(&lacking.error());
    }
    Ok(if left_out.is_empty() { 0 } else { Kind::Incomplete.exit_code() })
}

fn target(format: ExportFormat) -> Target {
    match format {
        ExportFormat::Ndjson => Target::Files(Format::Ndjson),
        ExportFormat::Csv => Target::Files(Format::Csv),
        ExportFormat::Json => Target::Files(Format::Json),
        ExportFormat::Parquet => Target::Files(Format::Parquet),
        ExportFormat::Timesketch => Target::Files(Format::Timesketch),
        ExportFormat::Sqlite => Target::Sqlite,
    }
}

fn told(context: &Context, args: &ExportArgs, written: &[Exported], left_out: &[LeftOut]) -> Result<()> {
    if context.global.json {
        return print_data(&format!(
            "{:#}\n",
            json!({ "output": args.output.display().to_string(), "tables": written, "left_out": left_out })
        ));
    }
    for table in written {
        let place =
            if table.path.is_empty() { args.output.display().to_string() } else { args.output.join(&table.path).display().to_string() };
        context.console.say(&format!("{}: {} in {place}", visible(&table.name), console::count(table.rows, "row")));
    }
    Ok(())
}
