//! The one integration-test binary.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "helpers of tests fail where they stand, as tests do"
)]

mod bench;
mod case;
mod case_death;
mod credentials;
#[cfg(feature = "engine")]
mod engine;
#[cfg(feature = "engine")]
mod engine_corpus;
#[cfg(feature = "lab")]
mod examples;
#[cfg(feature = "lab")]
mod hunt;
mod identity;
mod kql_corpus;
mod kql_fuzz;
#[cfg(feature = "lab")]
mod lab;
mod layers;
mod loopback;
mod oauth_oracle;
#[cfg(feature = "lab")]
mod pull;
mod pull_samples;
mod packs;
mod reference_clients;
mod refused;
mod samples;
mod support;
mod tls;
mod transport;
mod vault;
mod wire;
