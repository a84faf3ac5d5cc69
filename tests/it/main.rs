//! The one integration-test binary.

mod identity;
mod loopback;
mod vault;
