//! The one integration-test binary.

mod bench;
mod layers;
mod support;
mod tls;
mod transport;
mod wire;
