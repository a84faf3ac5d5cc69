//! Where the tenant's tables come from. The only place that knows the simulated company.

use super::{data, options::Options};
use crate::kql::engine::Table;
use jiff::Timestamp;
use std::{collections::BTreeMap, sync::Arc};

/// Tells the company's tables, thirty days that end at `end`. The rows of a table are made when it is first read.
pub(super) fn tables(options: &Options, end: Timestamp) -> BTreeMap<String, Table> {
    Arc::new(data::Company::new(options.seed, options.scale, end)).tables_when_asked()
}
