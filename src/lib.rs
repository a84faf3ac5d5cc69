//! `ircollect` collects alerts, incidents and raw events out of Microsoft's security APIs, whole and as evidence.
//!
//! ```text
//! args ─► settings ─► vault ─► identity ─► transport ─► api ─► collect ─► store ─► journal
//!         (step 1: setup)      (step 2)     (step 3)          (step 4)    (step 5)
//! ```
//!
//! Data goes to the right, and each room knows only rooms to its left; `tests/it/layers.rs` holds the `use` lines to that.

pub mod api;
pub mod case;
pub mod cli;
pub mod collect;
pub mod console;
pub mod error;
pub mod identity;
pub mod journal;
pub mod kql;
#[cfg(feature = "lab")]
pub mod lab;
#[cfg(feature = "offline")]
pub mod offline;
pub mod run;
pub mod secret;
pub mod settings;
pub mod setup;
pub mod store;
pub mod time;
pub mod transport;
pub mod vault;
