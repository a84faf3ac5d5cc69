//! The one integration-test binary.
#[cfg(feature = "engine")]
mod engine;
#[cfg(feature = "engine")]
mod engine_corpus;
