//! A simulated tenant (feature `lab`): a server, not a friend of the client.

pub mod data;
