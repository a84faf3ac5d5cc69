//! What to ask of the services and how their answers are read: requests out, rows in as they arrive.
//!
//! It knows neither tokens nor disk: bearers come from whoever implements [`crate::transport::Authorize`], rows go to whoever
//! implements [`hunting::Rows`].

pub mod catalogue;
pub mod cut;
pub mod directory;
pub(crate) mod encode;
pub mod export;
pub mod glance;
pub mod hunting;
pub mod links;
pub mod pages;
pub mod raw;
pub mod refusal;
pub mod rows;
