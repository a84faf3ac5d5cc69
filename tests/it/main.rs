//! The one integration-test binary.

mod kql_corpus;
mod kql_fuzz;
