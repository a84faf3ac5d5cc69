//! The one integration-test binary.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "helpers of tests fail where they stand, as tests do"
)]

#[cfg(feature = "lab")]
mod app;
mod bench;
mod case;
mod case_death;
#[cfg(feature = "lab")]
mod command_tree;
#[cfg(feature = "lab")]
mod credentials;
#[cfg(feature = "lab")]
mod death;
#[cfg(feature = "engine")]
mod engine;
#[cfg(feature = "engine")]
mod engine_corpus;
#[cfg(feature = "lab")]
mod examples;
#[cfg(feature = "lab")]
mod faults;
mod hostile;
#[cfg(feature = "lab")]
mod hunt;
mod identity;
mod kql_corpus;
mod kql_fuzz;
#[cfg(feature = "lab")]
mod lab;
mod layers;
mod loopback;
#[cfg(feature = "lab")]
mod memory;
mod oauth_oracle;
mod packs;
#[cfg(feature = "lab")]
mod published;
mod reference_clients;
#[cfg(feature = "lab")]
mod refused;
mod samples;
#[cfg(feature = "lab")]
mod secrets;
mod support;
mod tls;
mod transport;
mod vault;
mod wire;
