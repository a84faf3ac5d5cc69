//! The simulated tenant, asked by a plain HTTP client over TLS.

mod bench;
mod entra;
mod hunting;
mod vault;
