//! The one integration-test binary.

mod bench;
mod case;
mod case_death;
mod identity;
#[cfg(feature = "lab")]
mod lab;
mod layers;
mod loopback;
mod oauth_oracle;
mod reference_clients;
mod samples;
mod support;
mod tls;
mod transport;
mod vault;
mod wire;
