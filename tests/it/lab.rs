//! The simulated tenant, asked by a plain HTTP client over TLS.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what a test cannot do without ends the test")]

mod answers;
mod bench;
mod entra;
mod hunting;
mod pulls;
mod vault;
