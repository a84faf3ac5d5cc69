//! The one integration-test binary.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "helpers of tests fail where they stand, as tests do"
)]

mod identity;
mod loopback;
mod oauth_oracle;
mod reference_clients;
mod vault;
