//! The one integration-test binary.

mod case;
mod case_death;
