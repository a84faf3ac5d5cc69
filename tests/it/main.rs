//! The one integration-test binary.

mod bench;
mod tls;
mod transport;
mod wire;
