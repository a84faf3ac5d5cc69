//! `ircollect app`.

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Arguments of `app`.
#[derive(Clone, Debug, Args)]
pub struct AppArgs {
    /// What to do
    #[command(subcommand)]
    pub action: AppAction,
    /// Who does it: the login to Graph and to the vault
    #[arg(long, global = true, value_enum, default_value_t, value_name = "HOW")]
    pub admin_auth: AdminAuth,
    /// Folder of the journal of what is done
    #[arg(long, global = true, value_name = "DIR", default_value = "ircollect-setup")]
    pub journal: PathBuf,
}

/// What may be done with an app registration.
#[derive(Clone, Debug, Subcommand)]
pub enum AppAction {
    /// Make a registration with its permissions, consent and credential, or finish one that was begun
    Create(Box<CreateArgs>),
    /// Say what a registration may do, which credentials it has, and what is broader than needed
    Show(ShowArgs),
    /// Grant what is missing, or give another tenant's administrator what to open and read
    Consent(ConsentArgs),
    /// Make a new credential, prove it, and remove the old one
    Rotate(RotateArgs),
    /// Take the registration, what it was granted and its credential away
    Remove(RemoveArgs),
    /// Print what to paste and what to click, where Graph may not be called
    Manifest(ManifestArgs),
}

/// Who administers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum AdminAuth {
    /// `az login`, else `azd auth login`.
    #[default]
    DeveloperTools,
    /// The `AZURE_*` variables.
    Environment,
    /// The identity of the machine.
    ManagedIdentity,
    /// A federated token, as Kubernetes hands out.
    WorkloadIdentity,
}

/// Kinds of credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CredentialChoice {
    /// Made in the vault; its key does not leave it unless that is said.
    Certificate,
    /// Put into the vault, and shown to nobody.
    Secret,
}

/// Which permissions.
#[derive(Clone, Debug, Args)]
pub struct PermissionArgs {
    /// What it may do: minimum (hunting and triage), recommended (and identity and exposure), or a file with lines
    /// graph:ROLE, xdr:ROLE, mde:ROLE [default: minimum]
    #[arg(long, value_name = "minimum|recommended|FILE", conflicts_with = "for_plan")]
    pub permissions: Option<String>,
    /// What a plan needs, and no more: a file, or triage
    #[arg(long, value_name = "FILE|triage")]
    pub for_plan: Option<String>,
}

/// Where the credential lies.
#[derive(Clone, Debug, Args)]
pub struct PlaceArgs {
    /// The vault: its URL, or its name [default: the profile's]
    #[arg(long, value_name = "URL")]
    pub vault: Option<String>,
    /// Name of the credential in the vault [default: made of the registration's name and id]
    #[arg(long, value_name = "NAME")]
    pub vault_name: Option<String>,
}

/// How long the credential lives.
#[derive(Clone, Debug, Args)]
pub struct ExpiryArgs {
    /// How long the credential is good for [default: 90d for a certificate, 30d for a secret]
    #[arg(long, value_name = "DUR")]
    pub expires: Option<String>,
    /// Allow more than 180 days
    #[arg(long)]
    pub long_lived: bool,
}

/// Arguments of `app create`.
#[derive(Clone, Debug, Args)]
#[allow(clippy::struct_excessive_bools, reason = "they are flags, each a switch of its own")]
pub struct CreateArgs {
    /// Display name of the registration
    #[arg(long, value_name = "NAME")]
    pub name: String,
    /// Which permissions.
    #[command(flatten)]
    pub permissions: PermissionArgs,
    /// What it proves itself with
    #[arg(long, value_enum, default_value = "certificate")]
    pub credential: CredentialChoice,
    /// Where that lies.
    #[command(flatten)]
    pub place: PlaceArgs,
    /// How long it lives.
    #[command(flatten)]
    pub expiry: ExpiryArgs,
    /// Let the certificate's private key leave the vault
    #[arg(long)]
    pub exportable: bool,
    /// Let other tenants take the application in
    #[arg(long)]
    pub multi_tenant: bool,
    /// Grant nothing; somebody else runs `app consent`
    #[arg(long)]
    pub no_consent: bool,
    /// Add a profile of that name to the configuration
    #[arg(long, value_name = "NAME")]
    pub write_profile: Option<String>,
    /// Print every call, and make none that changes anything
    #[arg(long)]
    pub dry_run: bool,
}

/// Arguments of `app show`.
#[derive(Clone, Debug, Args)]
pub struct ShowArgs {
    /// Display name of the registration; or give --app-id
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// What is to be enough; the rest is called broader [default: recommended].
    #[command(flatten)]
    pub permissions: PermissionArgs,
}

/// Arguments of `app consent`.
#[derive(Clone, Debug, Args)]
pub struct ConsentArgs {
    /// Display name of the registration; or give --app-id
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// What to grant [default: what it declares].
    #[command(flatten)]
    pub permissions: PermissionArgs,
    /// Print every call, and make none that changes anything
    #[arg(long)]
    pub dry_run: bool,
}

/// Arguments of `app rotate`.
#[derive(Clone, Debug, Args)]
pub struct RotateArgs {
    /// Display name of the registration; or give --app-id
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// What it proves itself with, where the registration does not say
    #[arg(long, value_enum)]
    pub credential: Option<CredentialChoice>,
    /// Where that lies, where the registration does not say.
    #[command(flatten)]
    pub place: PlaceArgs,
    /// How long the new one lives.
    #[command(flatten)]
    pub expiry: ExpiryArgs,
    /// Print every call, and make none that changes anything
    #[arg(long)]
    pub dry_run: bool,
}

/// Arguments of `app remove`.
#[derive(Clone, Debug, Args)]
pub struct RemoveArgs {
    /// Display name of the registration; or give --app-id
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Where the credential lies, where the registration does not say.
    #[command(flatten)]
    pub place: PlaceArgs,
    /// Do not ask for the name
    #[arg(long)]
    pub yes: bool,
    /// Print every call, and make none that changes anything
    #[arg(long)]
    pub dry_run: bool,
}

/// Arguments of `app manifest`.
#[derive(Clone, Debug, Args)]
pub struct ManifestArgs {
    /// Display name of the registration
    #[arg(long, value_name = "NAME", default_value = "ircollect")]
    pub name: String,
    /// Which permissions.
    #[command(flatten)]
    pub permissions: PermissionArgs,
    /// What it proves itself with
    #[arg(long, value_enum, default_value = "certificate")]
    pub credential: CredentialChoice,
    /// Where that lies.
    #[command(flatten)]
    pub place: PlaceArgs,
    /// Let other tenants take the application in
    #[arg(long)]
    pub multi_tenant: bool,
}
