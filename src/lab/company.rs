//! Where the tenant's tables come from. The only place that knows the simulated company.

use super::options::Options;
use crate::error::Result;
use crate::kql::engine::Table;
use jiff::Timestamp;
use std::collections::BTreeMap;

/// Makes the company's tables: thirty days that end at `end`.
pub(crate) fn tables(options: &Options, end: Timestamp) -> Result<BTreeMap<String, Table>> {
    let _ = (options.seed, options.scale, end);
    Ok(BTreeMap::new())
}
