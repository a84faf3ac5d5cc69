//! The one integration-test binary.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "helpers of tests fail where they stand, as tests do, and read variables and write files as they need"
)]

mod advice;
#[cfg(feature = "lab")]
mod app;
#[cfg(feature = "lab")]
mod azure_cli;
mod bench;
mod case;
mod case_death;
#[cfg(feature = "lab")]
mod check;
mod command_tree;
mod completions;
#[cfg(feature = "lab")]
mod credentials;
#[cfg(feature = "lab")]
mod death;
#[cfg(feature = "engine")]
mod engine;
#[cfg(feature = "engine")]
mod engine_corpus;
#[cfg(all(feature = "lab", feature = "offline"))]
mod engine_oracle;
#[cfg(feature = "engine")]
mod engine_semantics;
#[cfg(feature = "engine")]
mod engine_support;
#[cfg(feature = "lab")]
mod examples;
mod export;
#[cfg(feature = "lab")]
mod faults;
mod files;
#[cfg(feature = "lab")]
mod formats;
#[cfg(feature = "lab")]
mod formats_death;
mod fuzz_inputs;
#[cfg(feature = "lab")]
mod guide;
mod hostile;
#[cfg(feature = "lab")]
mod hunt;
#[cfg(feature = "lab")]
mod hygiene;
mod identity;
mod kql_corpus;
mod kql_fuzz;
mod kql_sent;
#[cfg(feature = "lab")]
mod lab;
mod layers;
mod library;
mod loopback;
#[cfg(feature = "lab")]
mod matrix;
#[cfg(feature = "lab")]
mod memory;
#[cfg(feature = "lab")]
mod millions;
mod oauth_oracle;
mod odd_services;
#[cfg(feature = "lab")]
mod offline;
mod packs;
#[cfg(feature = "lab")]
mod published;
#[cfg(feature = "lab")]
mod pull;
#[cfg(feature = "lab")]
mod pull_quirks;
mod pull_samples;
mod pull_service;
mod pull_stages;
mod reference_clients;
#[cfg(feature = "lab")]
mod refused;
#[cfg(feature = "lab")]
mod report;
#[cfg(feature = "parquet")]
mod round_trip;
mod samples;
mod seal;
#[cfg(feature = "lab")]
mod secrets;
#[cfg(feature = "lab")]
mod sliced;
mod slicing;
mod status;
mod support;
#[cfg(feature = "lab")]
mod tenants;
#[cfg(feature = "lab")]
mod terminal;
mod tls;
#[cfg(feature = "lab")]
mod token;
mod transport;
mod triage;
mod vault;
#[cfg(feature = "lab")]
mod ways_in;
mod wire;
#[cfg(feature = "lab")]
mod wrappers;
