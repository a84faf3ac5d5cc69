//! The aggregate functions that DataFusion does not have, or not as Kusto has them.

pub(crate) mod best;
pub(crate) mod collect;
mod function;
mod keys;
pub(crate) mod series;
pub(crate) mod spread;
