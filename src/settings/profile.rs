//! Profiles: which tenants, which application in them, in which cloud, by which credential.

use super::{
    Api, Cloud, ConfigFile, Credential, Env, credential, env, explain,
    file::{self, File},
};
use crate::{
    cli::Global,
    error::{Error, Kind, Result},
};
use std::path::{Path, PathBuf};

/// One application in one or several tenants.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Its name; `default` where there is no configuration.
    pub name: String,
    /// Directory ids or verified domains, at least one.
    pub tenants: Vec<String>,
    /// Application (client) id; empty for the system's managed identity.
    pub app_id: String,
    /// Where the tenants live.
    pub cloud: Cloud,
    /// The APIs that may be used.
    pub apis: Vec<Api>,
    /// What the application proves itself with.
    pub credential: Credential,
    /// How the vault is reached.
    pub vault_auth: VaultAuth,
    login: LoginParts,
}

/// How the vault is reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VaultAuth {
    /// `az login`, `azd auth login`.
    #[default]
    DeveloperTools,
    /// The identity of the machine.
    ManagedIdentity,
    /// A federated token, as Kubernetes hands out.
    WorkloadIdentity,
    /// The `AZURE_*` variables.
    Environment,
}

/// A login to the vault, with all that it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VaultLogin {
    /// `az login`, `azd auth login`.
    DeveloperTools,
    /// The identity of the machine: the system's own, or that with a client id.
    ManagedIdentity(Option<String>),
    /// A federated token.
    WorkloadIdentity {
        /// Directory of the identity.
        tenant: String,
        /// Client id of the identity.
        app_id: String,
        /// File that its token lies in.
        token_file: PathBuf,
    },
    /// An application of its own, by secret, certificate or federated token.
    Environment {
        /// Directory of the application.
        tenant: String,
        /// Its client id.
        app_id: String,
        /// Its credential.
        credential: Credential,
    },
}

/// What the environment and the file say about the login; read when it is needed.
#[derive(Clone, Debug)]
struct LoginParts {
    tenant: Option<String>,
    app_id: Option<String>,
    token_file: Option<PathBuf>,
    credential: Option<Credential>,
    identity: Option<String>,
}

/// What profiles are resolved from.
pub(super) struct Inputs<'a> {
    pub(super) global: &'a Global,
    pub(super) env: &'a Env,
    /// Where relative paths of the file begin.
    pub(super) base: &'a Path,
    /// Where those of variables begin.
    pub(super) cwd: &'a Path,
    pub(super) config: Option<&'a ConfigFile>,
}

/// Name of the profile where there is none.
const DEFAULT: &str = "default";

/// Resolves the profiles to work on.
pub(super) fn resolve(file: &File, inputs: &Inputs<'_>) -> Result<Vec<Profile>> {
    let nothing = file::Profile::default();
    let names = select(file, inputs)?;
    let one = |name: &String| {
        let raw = file.profiles.get(name).unwrap_or(&nothing);
        build(name, raw, file, inputs).map_err(|error| place(error, name, file, inputs))
    };
    names.iter().map(one).collect()
}

/// What is known for an administrator, whose application may not be there yet.
pub(super) struct Lenient {
    pub(super) profile: Profile,
    /// The vault of the profile's credential.
    pub(super) vault: Option<String>,
    /// Application id of flag, variable or profile.
    pub(super) app_id: Option<String>,
}

/// Resolves one profile without asking for what only an application needs: id, credential, tenant.
pub(super) fn lenient(file: &File, inputs: &Inputs<'_>) -> Result<Lenient> {
    let nothing = file::Profile::default();
    let said = !inputs.global.tenant.is_empty() || inputs.global.cloud.is_some();
    let name = match select(file, inputs) {
        Ok(names) => match names.as_slice() {
            [one] => one.clone(),
            _ => {
                return Err(
                    Error::new(Kind::Usage, "`app` works on one profile, and several were chosen").hint("choose one with --profile")
                );
            }
        },
        // Several to choose from, and none is needed.
        Err(_) if said && inputs.global.profile.is_empty() && !inputs.global.all_profiles => DEFAULT.to_owned(),
        Err(error) => return Err(error),
    };
    let raw = file.profiles.get(&name).unwrap_or(&nothing);
    let cloud = cloud(raw, file, inputs)?;
    let credential = raw.credential.as_ref().map(|raw| credential::resolve(raw, inputs.base, inputs.env)).transpose()?;
    let given = inputs.global.app_id.clone().or_else(|| inputs.env.text(env::APP_ID)).or_else(|| raw.app_id.clone());
    let app_id = given.as_deref().map(check_app_id).transpose()?;
    let tenants = if unnamed(raw, inputs)? { Vec::new() } else { tenants(raw, inputs)? };
    let profile = Profile {
        name,
        tenants,
        app_id: app_id.clone().unwrap_or_default(),
        apis: Api::ALL.into_iter().filter(|api| cloud.has(*api)).collect(),
        vault_auth: vault_auth(raw)?,
        login: login_parts(raw, inputs),
        cloud,
        credential: credential.clone().unwrap_or(Credential::ManagedIdentity(None)),
    };
    Ok(Lenient { profile, vault: credential.as_ref().and_then(Credential::vault).map(str::to_owned), app_id })
}

fn unnamed(raw: &file::Profile, inputs: &Inputs<'_>) -> Result<bool> {
    let env = inputs.env;
    let listed = inputs.global.tenant.is_empty() && env.list(env::TENANT).is_empty() && of_file(raw)?.is_empty();
    Ok(listed && env.text(env::AZURE_TENANT_ID).is_none())
}

/// Adds where a profile stands to an error about it.
fn place(error: Error, name: &str, file: &File, inputs: &Inputs<'_>) -> Error {
    match inputs.config {
        Some(config) if file.profiles.contains_key(name) => error.context(format_args!("{}, [profiles.{name}]", config.path.display())),
        _ => error,
    }
}

fn select(file: &File, inputs: &Inputs<'_>) -> Result<Vec<String>> {
    let known: Vec<&String> = file.profiles.keys().collect();
    if inputs.global.all_profiles {
        if known.is_empty() {
            return Err(
                Error::new(Kind::Usage, "--all-profiles, and no profile is configured").hint("`ircollect init` writes a configuration")
            );
        }
        return Ok(known.into_iter().cloned().collect());
    }
    let flagged = &inputs.global.profile;
    let mut named = if flagged.is_empty() { inputs.env.list(env::PROFILE) } else { flagged.clone() };
    if let Some(missing) = named.iter().find(|name| !file.profiles.contains_key(*name)) {
        return Err(no_profile(missing, &known));
    }
    if named.is_empty() {
        return default_name(&known).map(|name| vec![name]);
    }
    let mut seen = std::collections::BTreeSet::new();
    named.retain(|name| seen.insert(name.clone()));
    Ok(named)
}

/// The only profile, else the one named `default`; without any, one made of flags and variables.
fn default_name(known: &[&String]) -> Result<String> {
    match known {
        [] => Ok(DEFAULT.to_owned()),
        [only] => Ok((*only).clone()),
        many if many.iter().any(|name| *name == DEFAULT) => Ok(DEFAULT.to_owned()),
        many => {
            let message = format!("the configuration has several profiles: {}", join(many));
            Err(Error::new(Kind::Usage, message).hint("choose with --profile NAME, or take --all-profiles, or name one of them `default`"))
        }
    }
}

fn no_profile(name: &str, known: &[&String]) -> Error {
    let error = Error::new(Kind::Usage, format!("there is no profile `{name}`"));
    match explain::nearest(name, known.iter().map(|name| name.as_str())) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None if known.is_empty() => error.hint("no profile is configured; `ircollect init` writes a configuration"),
        None => error.hint(format!("the profiles are {}", join(known))),
    }
}

fn join(names: &[&String]) -> String {
    names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ")
}

fn build(name: &str, raw: &file::Profile, file: &File, inputs: &Inputs<'_>) -> Result<Profile> {
    let cloud = cloud(raw, file, inputs)?;
    let credential = match &raw.credential {
        Some(raw) => credential::resolve(raw, inputs.base, inputs.env)?,
        None => credential::from_azure(inputs.env, inputs.cwd).ok_or_else(no_credential)?,
    };
    Ok(Profile {
        name: name.to_owned(),
        tenants: tenants(raw, inputs)?,
        app_id: app_id(raw, &credential, inputs)?,
        apis: apis(raw, &cloud)?,
        vault_auth: vault_auth(raw)?,
        login: login_parts(raw, inputs),
        cloud,
        credential,
    })
}

fn no_credential() -> Error {
    Error::new(Kind::Usage, "no credential is configured")
        .hint(format!("give the profile one, {}", credential::EXAMPLES))
        .hint("or set AZURE_CLIENT_SECRET or AZURE_CLIENT_CERTIFICATE_PATH; `ircollect lab -- ...` needs none")
}

fn cloud(raw: &file::Profile, file: &File, inputs: &Inputs<'_>) -> Result<Cloud> {
    let named = inputs.global.cloud.clone().or_else(|| inputs.env.text(env::CLOUD)).or_else(|| raw.cloud.clone());
    match (named, inputs.env.text(env::AZURE_AUTHORITY_HOST)) {
        (Some(name), _) => Cloud::find(&name, &file.clouds, inputs.base),
        (None, Some(authority)) => Cloud::by_authority(&authority),
        (None, None) => Cloud::find("public", &file.clouds, inputs.base),
    }
}

fn tenants(raw: &file::Profile, inputs: &Inputs<'_>) -> Result<Vec<String>> {
    let sources = [
        inputs.global.tenant.clone(),
        inputs.env.list(env::TENANT),
        of_file(raw)?,
        inputs.env.text(env::AZURE_TENANT_ID).into_iter().collect(),
    ];
    let given = sources.into_iter().find(|tenants| !tenants.is_empty()).unwrap_or_default();
    if given.is_empty() {
        return Err(Error::new(Kind::Usage, "no tenant is named")
            .hint("give --tenant, IRCOLLECT_TENANT or `tenant` in the profile: the directory id or a verified domain"));
    }
    let mut tenants: Vec<String> = Vec::new();
    for tenant in given {
        let tenant = check_tenant(&tenant)?;
        if !tenants.contains(&tenant) {
            tenants.push(tenant);
        }
    }
    Ok(tenants)
}

fn of_file(raw: &file::Profile) -> Result<Vec<String>> {
    match (&raw.tenant, &raw.tenants) {
        (Some(_), Some(_)) => Err(Error::new(Kind::Usage, "`tenant` and `tenants` exclude each other").hint("list them all in `tenants`")),
        (Some(tenant), None) => Ok(vec![tenant.clone()]),
        (None, tenants) => Ok(tenants.clone().unwrap_or_default()),
    }
}

/// A directory id or a domain, in lower case; it becomes part of a URL, and nothing else may.
fn check_tenant(text: &str) -> Result<String> {
    let tenant = text.trim().to_ascii_lowercase();
    let wrong = |why: &str| {
        Error::new(Kind::Usage, format!("the tenant `{text}` {why}"))
            .hint("give the directory id or a verified domain, such as contoso.onmicrosoft.com")
    };
    if ["common", "organizations", "consumers"].contains(&tenant.as_str()) {
        return Err(wrong("is no single tenant, which an application needs"));
    }
    let fits = tenant.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-');
    let shaped = uuid::Uuid::try_parse(&tenant).is_ok() || tenant.split('.').filter(|label| !label.is_empty()).count() > 1;
    if fits && shaped && !tenant.contains("..") { Ok(tenant) } else { Err(wrong("is neither a directory id nor a domain")) }
}

fn app_id(raw: &file::Profile, credential: &Credential, inputs: &Inputs<'_>) -> Result<String> {
    let given = inputs.global.app_id.clone().or_else(|| inputs.env.text(env::APP_ID)).or_else(|| raw.app_id.clone());
    if let Credential::ManagedIdentity(id) = credential {
        return Ok(id.clone().unwrap_or_default());
    }
    let given = given.or_else(|| inputs.env.text(env::AZURE_CLIENT_ID)).ok_or_else(|| {
        Error::new(Kind::Usage, "no application is named")
            .hint("give --app-id, IRCOLLECT_APP_ID or `app_id` in the profile: the application (client) id")
    })?;
    check_app_id(&given)
}

fn check_app_id(text: &str) -> Result<String> {
    let id = uuid::Uuid::try_parse(text.trim()).map_err(|_| {
        let message = format!("the application id `{}` is not a GUID", text.chars().take(60).collect::<String>());
        Error::new(Kind::Usage, message).hint("it is the application (client) id of the app registration's overview page")
    })?;
    Ok(id.hyphenated().to_string())
}

fn apis(raw: &file::Profile, cloud: &Cloud) -> Result<Vec<Api>> {
    let Some(names) = &raw.apis else { return Ok(Api::ALL.into_iter().filter(|api| cloud.has(*api)).collect()) };
    if names.is_empty() {
        return Err(Error::new(Kind::Usage, "`apis` is empty, so nothing may be called").hint("leave it out to allow all"));
    }
    let apis = names.iter().map(|name| Api::parse(name)).collect::<Result<Vec<_>>>()?;
    for api in &apis {
        cloud.endpoint(*api)?;
    }
    Ok(apis)
}

fn vault_auth(raw: &file::Profile) -> Result<VaultAuth> {
    let Some(text) = raw.vault_auth.as_deref() else { return Ok(VaultAuth::default()) };
    VaultAuth::parse(text)
}

impl VaultAuth {
    const NAMES: [(&'static str, Self); 4] = [
        ("developer-tools", Self::DeveloperTools),
        ("managed-identity", Self::ManagedIdentity),
        ("workload-identity", Self::WorkloadIdentity),
        ("environment", Self::Environment),
    ];

    /// Parses the name as it stands in the configuration.
    ///
    /// # Errors
    /// [`Kind::Usage`] with the names there are.
    pub fn parse(text: &str) -> Result<Self> {
        Self::NAMES.into_iter().find(|(name, _)| *name == text).map(|(_, auth)| auth).ok_or_else(|| {
            let names: Vec<&str> = Self::NAMES.iter().map(|(name, _)| *name).collect();
            Error::new(Kind::Usage, format!("there is no login `{text}` to a vault")).hint(format!("the logins are {}", names.join(", ")))
        })
    }

    /// Returns the name as it stands in the configuration.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, auth)| *auth == self).map_or("", |(name, _)| name)
    }
}

fn login_parts(raw: &file::Profile, inputs: &Inputs<'_>) -> LoginParts {
    let env = inputs.env;
    LoginParts {
        tenant: env.text(env::AZURE_TENANT_ID),
        app_id: env.text(env::AZURE_CLIENT_ID),
        token_file: env.path(env::AZURE_FEDERATED_TOKEN_FILE).map(|path| inputs.cwd.join(path)),
        credential: credential::from_azure(env, inputs.cwd),
        identity: raw.vault_identity.clone().filter(|id| id != "system"),
    }
}

impl Profile {
    /// Returns the login to the vault, with all that it needs.
    ///
    /// # Errors
    /// [`Kind::Credential`] where a variable that it needs is not set.
    pub fn vault_login(&self) -> Result<VaultLogin> {
        self.login(self.vault_auth)
    }

    /// Returns a login of another kind than the profile's, from the same environment.
    ///
    /// # Errors
    /// [`Kind::Credential`] where a variable that it needs is not set.
    pub fn login(&self, auth: VaultAuth) -> Result<VaultLogin> {
        let parts = &self.login;
        let tenant = || parts.tenant.clone().or_else(|| self.tenants.first().cloned()).unwrap_or_default();
        let app_id = || parts.app_id.clone().ok_or_else(|| unset(auth, &[env::AZURE_CLIENT_ID]));
        match auth {
            VaultAuth::DeveloperTools => Ok(VaultLogin::DeveloperTools),
            VaultAuth::ManagedIdentity => Ok(VaultLogin::ManagedIdentity(self.machine_identity())),
            VaultAuth::WorkloadIdentity => {
                let token_file = parts.token_file.clone().ok_or_else(|| unset(auth, &[env::AZURE_FEDERATED_TOKEN_FILE]))?;
                Ok(VaultLogin::WorkloadIdentity { tenant: tenant(), app_id: app_id()?, token_file })
            }
            VaultAuth::Environment => {
                let needed = [env::AZURE_CLIENT_SECRET, env::AZURE_CLIENT_CERTIFICATE_PATH];
                let credential = parts.credential.clone().ok_or_else(|| unset(auth, &needed))?;
                Ok(VaultLogin::Environment { tenant: tenant(), app_id: app_id()?, credential })
            }
        }
    }

    /// Returns the credentials that will be used: the application's, and that of the vault's login where it has one.
    pub fn credentials_mut(&mut self) -> impl Iterator<Item = &mut Credential> {
        let logs_in = self.credential.vault().is_some() && self.vault_auth == VaultAuth::Environment;
        let login = self.login.credential.as_mut().filter(|_| logs_in);
        std::iter::once(&mut self.credential).chain(login)
    }

    /// The Azure SDKs read `AZURE_CLIENT_ID` as the user-assigned identity; where it is the profile's own application it is not.
    fn machine_identity(&self) -> Option<String> {
        let variable = self.login.app_id.clone().filter(|id| !id.eq_ignore_ascii_case(&self.app_id));
        self.login.identity.clone().or(variable)
    }
}

fn unset(auth: VaultAuth, names: &[&str]) -> Error {
    let message = format!("the vault is to be reached by `{}`, and {} is not set", auth.name(), names.join(" or "));
    Error::new(Kind::Credential, message)
        .hint("set it, or choose another `vault_auth` in the profile: developer-tools, managed-identity, workload-identity")
}
