//! What a lab tells its clients: a configuration, the authority's certificate, and variables for shells.

use super::{
    Options,
    directory::{ADMIN, COLLECTOR, DOMAIN, HOME, VAULT_AUDIENCE, VAULT_READER, VAULT_SUFFIX},
    vault,
    wire::Service,
    world::World,
};
use crate::error::{Error, Kind, Result};
use std::{fmt::Write as _, path::Path};

/// `lab.toml`; `ca_file` is where the authority's certificate lies.
pub(super) fn toml(world: &World, ca_file: &str) -> String {
    let url = |service| format!("https://{}", world.address(service));
    let vault = world.address(Service::Vault);
    let names: Vec<String> = vault::NAMES.iter().map(|name| format!("\"{name}.{VAULT_SUFFIX}\" = \"{vault}\"")).collect();
    // What JSON escapes in a text, TOML reads back.
    let ca_file = serde_json::Value::from(ca_file);
    format!(
        r#"# A simulated tenant of ircollect lab. It lives as long as the lab does.

[profiles.lab]
tenant = "{DOMAIN}"                 # {HOME}
app_id = "{COLLECTOR}"
cloud = "lab"
vault_auth = "environment"                    # the AZURE_* variables of lab.env
credential = {{ vault = "https://kv-ir.{VAULT_SUFFIX}", certificate = "ir-app" }}
# Others that work, one at a time:
# credential = {{ vault = "https://kv-ir.{VAULT_SUFFIX}", certificate = "ir-app-pem" }}
# credential = {{ vault = "https://kv-ir.{VAULT_SUFFIX}", certificate = "ir-app-sign", sign = "vault" }}
# credential = {{ vault = "https://kv-ir.{VAULT_SUFFIX}", secret = "ir-app-secret" }}

[clouds.lab]
authority = "{authority}"
graph = "{graph}"
xdr = "{xdr}"
mde = "{mde}"
vault_suffix = "{VAULT_SUFFIX}"
vault_scope = "{VAULT_AUDIENCE}/.default"
ca_file = {ca_file}
resolve = {{ {names} }}
"#,
        authority = url(Service::Authority),
        graph = url(Service::Graph),
        xdr = url(Service::Xdr),
        mde = url(Service::Mde),
        names = names.join(", "),
    ) + &quotas(world)
}

/// A tenant whose limits are not the documented ones says so in its configuration.
fn quotas(world: &World) -> String {
    let (own, usual) = (&world.options, Options::default());
    let mut lines = String::new();
    if own.calls_per_minute != usual.calls_per_minute {
        let _ = writeln!(lines, "calls_per_minute = {}", own.calls_per_minute);
    }
    if own.pulls.unlimited && own.calls_per_minute == usual.calls_per_minute {
        let _ = writeln!(lines, "calls_per_minute = 100000");
    }
    if own.caps.rows != usual.caps.rows {
        let _ = writeln!(lines, "rows_per_call = {}", own.caps.rows);
    }
    if own.caps.bytes != usual.caps.bytes {
        let _ = writeln!(lines, "bytes_per_call = {}", own.caps.bytes);
    }
    if lines.is_empty() {
        return lines;
    }
    ["graph", "xdr", "mde"].iter().fold(String::new(), |text, api| format!("{text}\n[quotas.{api}]\n{lines}"))
}

/// The variables that a client of the lab needs: the configuration, and the login to the vault.
pub(super) fn variables(world: &World, config: &str, ca_file: &str) -> Vec<(&'static str, String)> {
    let url = |service| format!("https://{}", world.address(service));
    vec![
        ("IRCOLLECT_CONFIG", config.to_owned()),
        ("IRCOLLECT_PROFILE", "lab".to_owned()),
        ("AZURE_TENANT_ID", HOME.to_owned()),
        ("AZURE_CLIENT_ID", VAULT_READER.to_owned()),
        ("AZURE_CLIENT_SECRET", world.directory.secret_of(VAULT_READER).to_owned()),
        ("AZURE_AUTHORITY_HOST", url(Service::Authority)),
        ("LAB_AUTHORITY", url(Service::Authority)),
        ("LAB_GRAPH", url(Service::Graph)),
        ("LAB_XDR", url(Service::Xdr)),
        ("LAB_MDE", url(Service::Mde)),
        ("LAB_VAULT", url(Service::Vault)),
        ("LAB_TENANT", HOME.to_owned()),
        ("LAB_APP_ID", COLLECTOR.to_owned()),
        ("LAB_APP_SECRET", world.directory.secret_of(COLLECTOR).to_owned()),
        ("LAB_ADMIN_ID", ADMIN.to_owned()),
        ("LAB_ADMIN_SECRET", world.directory.secret_of(ADMIN).to_owned()),
        ("CURL_CA_BUNDLE", ca_file.to_owned()),
        ("REQUESTS_CA_BUNDLE", ca_file.to_owned()),
        ("NODE_EXTRA_CA_CERTS", ca_file.to_owned()),
    ]
}

/// `lab.env`: lines for bash, and the same for PowerShell behind `#`.
pub(super) fn env(variables: &[(&'static str, String)]) -> String {
    let mut text = String::from(
        "# A simulated tenant of ircollect lab; for this shell alone, whose curl then trusts nothing else. bash, zsh: source lab.env\n",
    );
    for (name, value) in variables {
        let _ = writeln!(text, "export {name}='{}'", value.replace('\'', r"'\''"));
    }
    text.push_str("\n# PowerShell: (Get-Content lab.env) -match '^#\\$env:' -replace '^#' | Out-String | Invoke-Expression\n");
    for (name, value) in variables {
        let _ = writeln!(text, "#$env:{name} = '{}'", value.replace('\'', "''"));
    }
    text
}

/// The same, signed in as the administrator, a person, with tokens for Graph and for the vault.
pub(super) fn az_admin_script(world: &World) -> String {
    let (now, lifetime) = (jiff::Timestamp::now().as_second(), 3_600);
    let answer = |audience: &str| {
        let (token, expires) = (world.person_token(audience, now, lifetime), now + lifetime);
        format!(
            r#"{{"accessToken": "{token}", "expires_on": {expires}, "expiresOn": "{}", "subscription": "1ab00000-0000-4000-8000-0000000005ab", "tenant": "{HOME}", "tokenType": "Bearer"}}"#,
            local(expires)
        )
    };
    format!(
        r#"#!/bin/sh
# Stands in for the Azure CLI, signed in to the simulated tenant of ircollect lab as its administrator.
case "$*" in
*graph.microsoft.com*) cat <<'END'
{graph}
END
    ;;
*) cat <<'END'
{vault}
END
    ;;
esac
"#,
        graph = answer("https://graph.microsoft.com"),
        vault = answer(VAULT_AUDIENCE),
    )
}

fn local(seconds: i64) -> String {
    let local = jiff::Timestamp::from_second(seconds).map(|time| time.to_zoned_datetime(jiff::tz::TimeZone::system())).ok();
    local.map(|time| time.strftime("%Y-%m-%d %H:%M:%S.000000").to_string()).unwrap_or_default()
}

/// A script that answers `az account get-access-token` as the Azure CLI does, whoever is asked for.
pub(super) fn az_script(world: &World) -> String {
    let (now, lifetime) = (jiff::Timestamp::now(), 3_600);
    let token = world.vault_token(now.as_second(), lifetime);
    let expires = now.as_second() + lifetime;
    let local = local(expires);
    format!(
        r#"#!/bin/sh
# Stands in for the Azure CLI, signed in to the simulated tenant of ircollect lab.
case "$1 $2" in
"account get-access-token")
    cat <<'END'
{{"accessToken": "{token}", "expiresOn": "{local}", "expires_on": {expires}, "subscription": "1ab00000-0000-4000-8000-0000000005ab", "tenant": "{HOME}", "tokenType": "Bearer"}}
END
    ;;
*) echo "this stand-in knows 'az account get-access-token' alone" >&2; exit 2 ;;
esac
"#
    )
}

/// Writes a file that only its owner may read: lab.env holds secrets.
pub(super) fn write(path: &Path, text: &str) -> Result<()> {
    let failed = |error: std::io::Error| {
        Error::new(Kind::Disk, format!("could not write {}: {error}", path.display())).hint("give --write a folder that can be written to")
    };
    let mut options = fs_err::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use fs_err::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let mut file = options.open(path).map_err(failed)?;
    std::io::Write::write_all(&mut file, text.as_bytes()).map_err(failed)
}
