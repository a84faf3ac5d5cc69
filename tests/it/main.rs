//! The one integration-test binary.

mod bench;
mod case;
mod case_death;
mod layers;
mod support;
mod tls;
mod transport;
mod wire;
