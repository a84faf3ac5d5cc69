//! `app manifest`: needs no tenant and no login.

use super::{create::kind, permissions, print_json};
use crate::{
    cli::ManifestArgs,
    console::print_data,
    error::{Error, Kind, Result},
    run::Context,
    setup::{Manifest, manifest, permissions as sets},
};
use serde_json::json;

pub(super) fn run(context: &Context, args: &ManifestArgs) -> Result<u8> {
    let permissions = permissions::settle(&args.permissions)?.unwrap_or_else(sets::minimum);
    let what = Manifest {
        name: &args.name,
        multi_tenant: args.multi_tenant,
        permissions: &permissions,
        kind: kind(args.credential),
        vault: args.place.vault.as_deref(),
        object: args.place.vault_name.as_deref().unwrap_or("ir-app"),
    };
    let (manifest, steps) = manifest(&what)?;
    if context.global.json {
        print_json(&json!({"manifest": manifest, "steps": steps}))?;
        return Ok(0);
    }
    let shown =
        serde_json::to_string_pretty(&manifest).map_err(|error| Error::new(Kind::Failed, "writing the manifest").caused_by(error))?;
    print_data(&format!("{shown}\n\n{}", crate::console::visible(&steps)))?;
    Ok(0)
}
