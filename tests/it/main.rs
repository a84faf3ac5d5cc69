//! The one integration-test binary.

mod transport;
mod wire;
