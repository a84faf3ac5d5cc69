//! An export as files: one where one is asked for, else a folder with one a query or source; Parquet as a dataset that DuckDB, Spark and
//! the like read with the tenant and the query as columns.

use super::{Exported, Hashed, folder, is_file, select::Group};
use crate::{
    error::{Error, Kind, Result},
    journal::disk,
    store::{
        About, Format, Outside, safe_name,
        table::{Rows, write_table},
    },
};
use std::{collections::BTreeSet, path::Path};

/// Writes the groups. Returns what they became, and the files.
pub(super) fn write(groups: &[Group<'_>], format: Format, output: &Path) -> Result<(Vec<Exported>, Vec<Hashed>)> {
    if is_file(output, format.extension()) {
        return single(groups, format, output);
    }
    let folder = folder(output)?;
    let tenants: BTreeSet<&str> = groups.iter().map(|group| group.tenant.as_str()).collect();
    let (mut written, mut files) = (Vec::new(), Vec::new());
    for group in groups {
        let path = place(group, format, tenants.len() > 1);
        let to = path.split('/').fold(folder.clone(), |to, part| to.join(part));
        let above = disk::parent(&to);
        disk::create_folders(above).map_err(|error| disk::failed("creating the folder", above, error))?;
        let (rows, bytes, sha256) = one(group, format, &to)?;
        files.push(Hashed { path: path.clone(), bytes, sha256 });
        written.push(Exported { path, name: group.name.clone(), tenants: vec![group.tenant.clone()], rows, of: group.of() });
    }
    Ok((written, files))
}

fn single(groups: &[Group<'_>], format: Format, output: &Path) -> Result<(Vec<Exported>, Vec<Hashed>)> {
    let [group] = groups else {
        let names: Vec<&str> = groups.iter().take(20).map(|group| group.name.as_str()).collect();
        let message = format!("`{}` is one file, and there are {} queries and sources by tenant", output.display(), groups.len());
        return Err(Error::new(Kind::Usage, message)
            .hint("name a folder with --output, or one of them with --query, --source or --tenant")
            .hint(format!("they are {}", names.join(", "))));
    };
    let (rows, bytes, sha256) = one(group, format, output)?;
    let name = output.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let exported = Exported { path: String::new(), name: group.name.clone(), tenants: vec![group.tenant.clone()], rows, of: group.of() };
    Ok((vec![exported], vec![Hashed { path: name, bytes, sha256 }]))
}

/// Names of groups differ as texts do; their files differ as file systems have it.
fn place(group: &Group<'_>, format: Format, several: bool) -> String {
    let name = safe_name(group.name.strip_prefix("graph/").unwrap_or(&group.name));
    let tenant = safe_name(&group.tenant);
    match format {
        Format::Parquet => format!("tenant={tenant}/query={name}/rows.parquet"),
        _ if several => format!("{tenant}/{name}.{}", format.extension()),
        _ => format!("{name}.{}", format.extension()),
    }
}

fn one(group: &Group<'_>, format: Format, to: &Path) -> Result<(u64, u64, String)> {
    let mut facts = vec![("tenant".to_owned(), group.tenant.clone())];
    facts.extend(group.query.clone().map(|query| ("query".to_owned(), query)));
    let about = About { name: group.name.clone(), facts };
    let rows: &dyn Rows = &group.rows;
    let (file, count) = write_table(rows, &group.schema, format, &about, Outside::create(to)?)?;
    let (bytes, sha256) = file.keep()?;
    Ok((count, bytes, sha256))
}
