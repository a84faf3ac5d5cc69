//! The one integration-test binary.

mod bench;
mod case;
mod case_death;
#[cfg(feature = "lab")]
mod hunt;
#[cfg(feature = "lab")]
mod lab;
mod layers;
mod samples;
mod support;
mod tls;
mod transport;
mod wire;
