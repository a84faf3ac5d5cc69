//! The one integration-test binary.

mod case;
