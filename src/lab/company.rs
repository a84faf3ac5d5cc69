//! Where the tenant's tables come from. The only place that knows the simulated company.

use super::{data, options::Options};
use crate::kql::engine::Table;
use jiff::Timestamp;
use std::collections::BTreeMap;

/// Makes the company's tables: thirty days that end at `end`.
pub(super) fn tables(options: &Options, end: Timestamp) -> BTreeMap<String, Table> {
    data::company(options.seed, options.scale, end)
}
