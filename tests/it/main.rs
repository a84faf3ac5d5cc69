//! The one integration-test binary.

mod bench;
mod samples;
mod tls;
mod transport;
mod wire;
