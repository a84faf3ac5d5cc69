//! What is meant: flag, then `IRCOLLECT_*` variable, then configuration file, then `AZURE_*` variable, then default; resolved once,
//! into types in which nothing stands for "not given".
//!
//! No network, no clock. The environment is read in [`mod@env`] alone. Commands that need no tenant do not come here, except for
//! [`case_dir`].

mod api;
mod cloud;
mod credential;
pub mod env;
mod explain;
mod file;
mod profile;
mod quota;
mod starter;
mod writer;

pub use api::Api;
pub use cloud::{Cloud, Endpoint, Feature, Marks};
pub use credential::{Assertion, Credential, SecretSource, Sign, read_bytes, read_token};
pub use env::Env;
pub use file::ConfigFile;
pub use profile::{Profile, VaultAuth, VaultLogin};
pub use quota::{Quota, Quotas, Said};
pub use starter::STARTER;
pub use writer::{NewProfile, check_profile, write_profile};

use crate::{
    cli::Global,
    error::{Error, Kind, Result},
    time::parse_duration,
};
use std::{
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

/// Everything that a collection needs to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The tenants to work on, in the order they were named.
    pub profiles: Vec<Profile>,
    /// The case directory.
    pub case: PathBuf,
    /// Extra root certificates, as the bytes of PEM files: `--ca-file` and those of the profiles' clouds.
    pub ca_pem: Vec<Vec<u8>>,
    /// Host names answered by hand; port 0 means the URL's own.
    pub resolve: Vec<(String, SocketAddr)>,
    /// Longest total wait of a job.
    pub max_wait: Duration,
    /// Limits of the APIs.
    pub quotas: Quotas,
    /// Sources of one's own.
    pub sources: Vec<Source>,
    /// The configuration file, where there is one.
    pub config: Option<ConfigFile>,
}

/// A source of one's own, from `[sources.NAME]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its name.
    pub name: String,
    /// The API it is pulled from.
    pub api: Api,
    /// Path and query, from the API's origin.
    pub path: String,
    /// The field that a window is held against; without one the source is pulled whole.
    pub time_field: Option<String>,
    /// The application permission that it needs.
    pub permission: Option<String>,
    /// How its pages are had: `link`, `skip`, `cursor`, `single`.
    pub paging: Option<String>,
    /// Objects that a page is asked to hold.
    pub page_size: Option<u32>,
    /// The field that tells an object from others; `id` without one.
    pub id_field: Option<String>,
    /// The field that tells an object's versions apart.
    pub updated_field: Option<String>,
}

/// Default of `--max-wait`.
const MAX_WAIT: Duration = Duration::from_hours(1);

/// Default of `--case`.
const CASE: &str = "ircollect-case";

/// Name of the configuration file, in the working directory and in the user's configuration directory.
pub const FILE_NAME: &str = "ircollect.toml";

/// Resolves the settings. Relative paths of flags and variables are joined to `cwd`: hand in an empty path for that of the
/// process, and they stay as they were typed.
///
/// # Errors
/// [`Kind::Usage`] where flags, variables or the file are wrong or leave something unsaid.
pub fn resolve(global: &Global, env: &Env, cwd: &Path) -> Result<Settings> {
    let (file, config) = read_file(global, env, cwd)?;
    let base = config.as_ref().map_or_else(|| cwd.to_owned(), |config| parent(&config.path));
    let profiles = profile::resolve(&file, &profile::Inputs { global, env, base: &base, cwd, config: config.as_ref() })?;
    Ok(Settings {
        case: case(global, env, cwd, &file, &base),
        ca_pem: ca_pem(global, cwd, &profiles)?,
        resolve: resolve_names(global, &profiles)?,
        max_wait: max_wait(global)?,
        quotas: Quotas::resolve(&file.quotas)?,
        sources: file.sources.into_iter().map(source).collect::<Result<_>>()?,
        profiles,
        config,
    })
}

/// Names that a person may type, for completions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// Profiles of the configuration.
    pub profiles: Vec<String>,
    /// Clouds, those of the configuration too.
    pub clouds: Vec<String>,
    /// Sources of one's own: `graph/guests`.
    pub sources: Vec<String>,
}

impl Names {
    /// Returns those that need no configuration.
    pub fn built_in() -> Self {
        Self { profiles: Vec::new(), clouds: Cloud::names().map(str::to_owned).collect(), sources: Vec::new() }
    }
}

/// Returns the names that the configuration adds to those that are built in.
///
/// # Errors
/// [`Kind::Usage`] where the configuration file is wrong.
pub fn names(global: &Global, env: &Env, cwd: &Path) -> Result<Names> {
    let (file, _) = read_file(global, env, cwd)?;
    let mut names = Names::built_in();
    names.profiles.extend(file.profiles.into_keys());
    names.clouds.extend(file.clouds.into_keys());
    names.sources.extend(file.sources.into_iter().map(|(name, source)| format!("{}/{name}", source.api)));
    Ok(names)
}

/// Resolves the case directory alone, for commands that need no tenant.
///
/// # Errors
/// [`Kind::Usage`] where the directory is not named by flag or variable and the configuration file is wrong.
pub fn case_dir(global: &Global, env: &Env, cwd: &Path) -> Result<PathBuf> {
    if let Some(case) = global.case.clone().or_else(|| env.path(env::CASE)) {
        return Ok(cwd.join(case));
    }
    let (file, config) = read_file(global, env, cwd)?;
    let base = config.map_or_else(|| cwd.to_owned(), |config| parent(&config.path));
    Ok(case(global, env, cwd, &file, &base))
}

/// What an administrator needs to know, whose application may not be there yet.
#[derive(Clone, Debug)]
pub struct AdminSettings {
    /// The rest; its one profile has no credential of its own where the file names none.
    pub settings: Settings,
    /// The vault of the profile's credential.
    pub vault: Option<String>,
    /// Application id of flag, variable or profile.
    pub app_id: Option<String>,
    /// Where a profile would be written to.
    pub config: PathBuf,
}

/// Resolves what `app` needs. A configuration that is named and not there yet is as good as an empty one.
///
/// # Errors
/// [`Kind::Usage`] where flags, variables or the file are wrong.
pub fn resolve_admin(global: &Global, env: &Env, cwd: &Path) -> Result<AdminSettings> {
    let named = global.config.clone().or_else(|| env.path(env::CONFIG)).map(|named| cwd.join(named));
    let absent = named.as_ref().is_some_and(|named| !named.exists());
    let (file, config) = if absent { (file::File::default(), None) } else { read_file(global, env, cwd)? };
    let base = config.as_ref().map_or_else(|| cwd.to_owned(), |config| parent(&config.path));
    let lenient = profile::lenient(&file, &profile::Inputs { global, env, base: &base, cwd, config: config.as_ref() })?;
    let profiles = vec![lenient.profile];
    let settings = Settings {
        case: case(global, env, cwd, &file, &base),
        ca_pem: ca_pem(global, cwd, &profiles)?,
        resolve: resolve_names(global, &profiles)?,
        max_wait: max_wait(global)?,
        quotas: Quotas::resolve(&file.quotas)?,
        sources: Vec::new(),
        profiles,
        config,
    };
    Ok(AdminSettings { settings, vault: lenient.vault, app_id: lenient.app_id, config: named.unwrap_or_else(|| cwd.join(FILE_NAME)) })
}

fn case(global: &Global, env: &Env, cwd: &Path, file: &file::File, base: &Path) -> PathBuf {
    let typed = global.case.clone().or_else(|| env.path(env::CASE)).map(|case| cwd.join(case));
    typed.or_else(|| file.case.as_ref().map(|case| base.join(case))).unwrap_or_else(|| cwd.join(CASE))
}

fn parent(path: &Path) -> PathBuf {
    path.parent().map(Path::to_owned).unwrap_or_default()
}

fn read_file(global: &Global, env: &Env, cwd: &Path) -> Result<(file::File, Option<ConfigFile>)> {
    let Some(path) = find_file(global, env, cwd) else { return Ok((file::File::default(), None)) };
    let (file, config) = file::File::read(&path)?;
    Ok((file, Some(config)))
}

/// Returns the configuration file: the one that is named, which must be there, else the first that exists.
fn find_file(global: &Global, env: &Env, cwd: &Path) -> Option<PathBuf> {
    if let Some(named) = global.config.clone().or_else(|| env.path(env::CONFIG)) {
        return Some(cwd.join(named));
    }
    let here = cwd.join(FILE_NAME);
    let user = user_directory(env).map(|directory| directory.join("ircollect").join(FILE_NAME));
    [Some(here), user].into_iter().flatten().find(|path| path.is_file())
}

fn user_directory(env: &Env) -> Option<PathBuf> {
    if cfg!(windows) {
        return env.path(env::APPDATA);
    }
    env.path(env::XDG_CONFIG_HOME).filter(|path| path.is_absolute()).or_else(|| Some(env.path(env::HOME)?.join(".config")))
}

fn ca_pem(global: &Global, cwd: &Path, profiles: &[Profile]) -> Result<Vec<Vec<u8>>> {
    let mut paths: Vec<PathBuf> = global.ca_file.iter().map(|path| cwd.join(path)).collect();
    paths.extend(profiles.iter().filter_map(|profile| profile.cloud.ca_file.clone()));
    paths.sort();
    paths.dedup();
    paths.iter().map(|path| read_ca(path)).collect()
}

/// Reads a file of root certificates.
///
/// # Errors
/// [`Kind::Usage`] where it cannot be read, or holds none in PEM form.
pub fn read_ca(path: &Path) -> Result<Vec<u8>> {
    let wrong = |why: &str| Error::new(Kind::Usage, format!("the root certificates {} {why}", path.display()));
    let bytes =
        fs_err::read(path).map_err(|error| wrong(&format!("cannot be read: {}", error.kind())).caused_by(error).hint("check the path"))?;
    let pem = memchr::memmem::find(&bytes, b"-----BEGIN CERTIFICATE-----").is_some();
    if pem { Ok(bytes) } else { Err(wrong("hold no certificate in PEM form").hint("openssl x509 -inform der -in FILE -out FILE.pem")) }
}

fn resolve_names(global: &Global, profiles: &[Profile]) -> Result<Vec<(String, SocketAddr)>> {
    let mut names: Vec<(String, SocketAddr)> = global.resolve.iter().map(|text| parse_resolve(text)).collect::<Result<_>>()?;
    for (host, address) in profiles.iter().flat_map(|profile| &profile.cloud.resolve) {
        // A flag wins over the file.
        if !names.iter().any(|(known, _)| known == host) {
            names.push((host.clone(), *address));
        }
    }
    Ok(names)
}

fn parse_resolve(text: &str) -> Result<(String, SocketAddr)> {
    let wrong = || Error::new(Kind::Usage, format!("--resolve `{text}` is not HOST=ADDRESS")).hint(RESOLVE_FORM);
    let (host, address) = text.split_once('=').ok_or_else(wrong)?;
    parse_address(host, address)
}

const RESOLVE_FORM: &str = "write it as kv.vault.azure.net=10.0.0.5 or kv.vault.azure.net=10.0.0.5:8443";

/// Parses one name answered by hand. Without a port the URL's own is used, which the HTTP client knows as port 0.
fn parse_address(host: &str, address: &str) -> Result<(String, SocketAddr)> {
    let plain = address.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let address = address.parse::<SocketAddr>().ok().or_else(|| plain.ok().map(|ip| SocketAddr::new(ip, 0)));
    match (host.trim(), address) {
        ("", _) | (_, None) => Err(Error::new(Kind::Usage, format!("`{host}` is not answered with an address")).hint(RESOLVE_FORM)),
        (host, Some(address)) => Ok((host.to_ascii_lowercase(), address)),
    }
}

fn max_wait(global: &Global) -> Result<Duration> {
    let Some(text) = &global.max_wait else { return Ok(MAX_WAIT) };
    let wait = parse_duration(text).map_err(|error| error.context("--max-wait"))?;
    Ok(wait.unsigned_abs())
}

fn source((name, raw): (String, file::Source)) -> Result<Source> {
    let api = Api::parse(&raw.api).map_err(|error| error.context(format_args!("[sources.{name}]")))?;
    if !raw.path.starts_with('/') || raw.path.starts_with("//") {
        let message = format!("[sources.{name}]: `path` does not begin with one slash");
        return Err(Error::new(Kind::Usage, message).hint("write it as /v1.0/users, without the host"));
    }
    let file::Source { path, time_field, permission, paging, page_size, id_field, updated_field, .. } = raw;
    if let Some(unknown) = paging.as_ref().filter(|paging| !["link", "skip", "cursor", "single"].contains(&paging.as_str())) {
        let message = format!("[sources.{name}]: `{unknown}` is no way of paging");
        return Err(Error::new(Kind::Usage, message).hint("link, skip, cursor or single; without it, the way of the API's lists"));
    }
    Ok(Source { name, api, path, time_field, permission, paging, page_size, id_field, updated_field })
}

#[cfg(test)]
mod tests;
