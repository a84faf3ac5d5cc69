//! The configuration file as it is written: every key that it may hold, and nothing resolved.
//!
//! No error from here shows a value of the file, since it may be a secret that somebody put there.

use super::explain;
use crate::error::{Error, Kind, Result};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// The configuration file in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFile {
    /// Where it lies.
    pub path: PathBuf,
    /// SHA-256 of its bytes, in hex.
    pub sha256: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) case: Option<PathBuf>,
    #[serde(default)]
    pub(super) profiles: BTreeMap<String, Profile>,
    #[serde(default)]
    pub(super) clouds: BTreeMap<String, Cloud>,
    #[serde(default)]
    pub(super) sources: BTreeMap<String, Source>,
    #[serde(default)]
    pub(super) quotas: BTreeMap<String, Quota>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Profile {
    pub(super) tenant: Option<String>,
    pub(super) tenants: Option<Vec<String>>,
    pub(super) app_id: Option<String>,
    pub(super) cloud: Option<String>,
    pub(super) apis: Option<Vec<String>>,
    pub(super) credential: Option<Credential>,
    pub(super) vault_auth: Option<String>,
    pub(super) vault_identity: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Credential {
    pub(super) vault: Option<String>,
    pub(super) secret: Option<String>,
    pub(super) certificate: Option<String>,
    pub(super) sign: Option<String>,
    pub(super) certificate_file: Option<PathBuf>,
    pub(super) password_env: Option<String>,
    pub(super) secret_env: Option<String>,
    pub(super) secret_file: Option<PathBuf>,
    pub(super) federated_token_file: Option<PathBuf>,
    pub(super) managed_identity: Option<String>,
    pub(super) send_chain: Option<bool>,
    pub(super) algorithm: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cloud {
    pub(super) authority: Option<String>,
    pub(super) graph: Option<String>,
    pub(super) xdr: Option<String>,
    pub(super) mde: Option<String>,
    pub(super) arm: Option<String>,
    pub(super) vault_suffix: Option<String>,
    pub(super) graph_scope: Option<String>,
    pub(super) xdr_scope: Option<String>,
    pub(super) mde_scope: Option<String>,
    pub(super) vault_scope: Option<String>,
    pub(super) arm_scope: Option<String>,
    pub(super) ca_file: Option<PathBuf>,
    #[serde(default)]
    pub(super) resolve: BTreeMap<String, String>,
}

/// A source of one's own.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Source {
    pub(super) api: String,
    pub(super) path: String,
    pub(super) time_field: Option<String>,
    pub(super) permission: Option<String>,
    pub(super) paging: Option<String>,
    pub(super) page_size: Option<u32>,
    pub(super) id_field: Option<String>,
    pub(super) updated_field: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Quota {
    pub(super) calls_per_minute: Option<u32>,
    pub(super) calls_per_hour: Option<u32>,
    pub(super) in_flight: Option<u16>,
    pub(super) rows_per_call: Option<u64>,
    pub(super) bytes_per_call: Option<u64>,
    pub(super) timeout: Option<String>,
}

impl File {
    pub(super) fn read(path: &Path) -> Result<(Self, ConfigFile)> {
        let text = fs_err::read_to_string(path).map_err(|error| {
            let message = format!("the configuration {} cannot be read: {}", path.display(), error.kind());
            Error::new(Kind::Usage, message).caused_by(error).hint("`ircollect init` writes a commented one")
        })?;
        let file = Self::parse(&text, path)?;
        Ok((file, ConfigFile { path: path.to_owned(), sha256: hex::encode(Sha256::digest(text.as_bytes())) }))
    }

    pub(super) fn parse(text: &str, path: &Path) -> Result<Self> {
        toml::from_str(text).map_err(|error| explain::toml_error(&error, text, path))
    }
}
