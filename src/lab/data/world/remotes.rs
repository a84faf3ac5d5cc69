//! The hosts that the company's devices talk to, inside and outside.

use super::{benign_ip, fields};
use crate::lab::data::chance::digest;

/// A host and the port that it is asked on.
#[derive(Clone, Debug)]
pub(in crate::lab::data) struct Remote {
    /// The name that scripts use: the host, with its port where several are used.
    pub(in crate::lab::data) key: &'static str,
    pub(in crate::lab::data) host: &'static str,
    pub(in crate::lab::data) ip: String,
    pub(in crate::lab::data) port: i32,
}

impl Remote {
    pub(in crate::lab::data) fn ip_type(&self) -> &'static str {
        if self.ip.starts_with("10.") { "Private" } else { "Public" }
    }
}

pub(super) fn all() -> Vec<Remote> {
    fields(include_str!("../script/remotes.txt")).filter_map(|row| remote(&row)).collect()
}

fn remote(row: &[&'static str]) -> Option<Remote> {
    let &[key, ip, port] = row else { return None };
    let host = key.split(':').next().unwrap_or(key);
    let ip = if ip.is_empty() { benign_ip(digest(host)) } else { ip.to_owned() };
    Some(Remote { key, host, ip, port: port.parse().unwrap_or(443) })
}
