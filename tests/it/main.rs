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
mod check;
mod command_tree;
#[cfg(feature = "lab")]
mod credentials;
#[cfg(feature = "lab")]
mod death;
#[cfg(feature = "engine")]
mod engine;
#[cfg(feature = "engine")]
mod engine_corpus;
#[cfg(feature = "engine")]
mod engine_semantics;
#[cfg(feature = "engine")]
mod engine_support;
#[cfg(feature = "lab")]
mod examples;
#[cfg(feature = "lab")]
mod faults;
mod fuzz_inputs;
mod hostile;
#[cfg(feature = "lab")]
mod hunt;
#[cfg(feature = "lab")]
mod hygiene;
mod identity;
mod kql_corpus;
mod kql_fuzz;
#[cfg(feature = "lab")]
mod lab;
mod layers;
mod loopback;
#[cfg(feature = "lab")]
mod matrix;
#[cfg(feature = "lab")]
mod memory;
mod oauth_oracle;
#[cfg(feature = "offline")]
mod offline;
mod packs;
#[cfg(feature = "lab")]
mod published;
#[cfg(feature = "lab")]
mod pull;
mod pull_samples;
mod reference_clients;
mod refused;
mod samples;
mod seal;
#[cfg(feature = "lab")]
mod secrets;
#[cfg(feature = "lab")]
mod sliced;
mod slicing;
mod status;
mod support;
mod tenants;
mod tls;
#[cfg(feature = "lab")]
mod token;
mod transport;
mod vault;
mod wire;
