//! The one integration-test binary.

#[cfg(feature = "lab")]
mod examples;
