//! The commented configuration that `ircollect init` writes.

/// Its text. Every line of configuration in it is commented out with `#`, and uncommented it is a valid file.
pub const STARTER: &str = r#"## ircollect.toml: whom to collect from, as which application, and how that proves itself.
## Lines with a single # are settings to uncomment; no secret ever stands in this file.

## Where collected data goes; relative to this file.
#case = "cases/2026-001"

#[profiles.contoso]
## The directory (tenant) id, or a verified domain. For one application in many tenants: tenants = ["a.com", "b.com"]
#tenant = "contoso.onmicrosoft.com"
## The application (client) id of the app registration.
#app_id = "00000000-0000-0000-0000-000000000000"
## public, gcc, usgov (GCC High), dod, china, or one from [clouds.NAME].
#cloud = "public"
## Which APIs may be used; leave out to allow all.
#apis = ["graph", "xdr", "mde"]
## Exactly one credential. A certificate in Key Vault whose key never leaves it:
#credential = { vault = "https://kv-ir.vault.azure.net", certificate = "ir-app", sign = "vault" }
## Others:
##   { vault = "kv-ir", certificate = "ir-app" }          the key is read from the vault
##   { vault = "kv-ir", secret = "ir-app-secret" }        a client secret in the vault, also "name/version"
##   { certificate_file = "app.pfx", password_env = "IR_PFX_PASSWORD" }
##   { secret_env = "IR_APP_SECRET" } or { secret_file = "app.secret" }
##   { federated_token_file = "/var/run/secrets/token" }
##   { managed_identity = "system" }                      or the identity's client id
## With a certificate also: send_chain = true (registrations by subject and issuer), algorithm = "RS256" (old authorities).
## How the vault is reached: developer-tools (az login, azd auth login), managed-identity, workload-identity, environment (AZURE_*).
#vault_auth = "developer-tools"

## A cloud of one's own: a proxy, a sovereign cloud, a simulated tenant. What it leaves unsaid is as in the public cloud.
#[clouds.mylab]
#authority = "https://127.0.0.1:9443"
#graph = "https://127.0.0.1:9444"
#xdr = "https://127.0.0.1:9445"
#mde = "https://127.0.0.1:9446"
#vault_suffix = "vault.lab.test"
#ca_file = "lab-ca.pem"
#resolve = { "kv.vault.lab.test" = "127.0.0.1:9447" }

## A source of one's own, pulled as graph/my-users.
#[sources.my-users]
#api = "graph"
#path = "/v1.0/users?$select=id,userPrincipalName"
#time_field = "createdDateTime"

## A tenant's limits, where they differ from the documented ones.
#[quotas.graph]
#calls_per_minute = 45
#calls_per_hour = 1500
#in_flight = 4
#rows_per_call = 100000
#bytes_per_call = 50000000
## How long a call may take until its answer begins.
#timeout = "4m"
"#;

#[cfg(test)]
mod tests {
    use super::super::{credential, file::File};
    use super::*;
    use std::path::Path;

    #[test]
    fn as_written_it_sets_nothing() {
        let file = File::parse(STARTER, Path::new("x")).unwrap();
        assert!(file.profiles.is_empty() && file.case.is_none());
    }

    #[test]
    fn uncommented_it_parses() {
        let text: String = STARTER
            .lines()
            .map(|line| if line.starts_with("##") { "" } else { line.trim_start_matches('#') })
            .collect::<Vec<_>>()
            .join("\n");
        let file = File::parse(&text, Path::new("x")).unwrap();
        assert!(file.clouds.contains_key("mylab") && file.quotas.contains_key("graph") && file.sources.contains_key("my-users"));
        let raw = file.profiles["contoso"].credential.as_ref().unwrap();
        assert!(credential::resolve(raw, Path::new(""), &super::super::Env::default()).is_ok());
    }

    #[test]
    fn the_other_credentials_in_the_comments_are_valid() {
        let examples: Vec<&str> = STARTER.lines().filter(|line| line.starts_with("##   {")).collect();
        assert_eq!(examples.len(), 6);
        for line in examples {
            let table = line.trim_start_matches('#').trim().split_once('}').unwrap().0;
            let text = format!("[profiles.x]\ncredential = {table} }}");
            let file = File::parse(&text, Path::new("x")).unwrap();
            credential::resolve(file.profiles["x"].credential.as_ref().unwrap(), Path::new(""), &super::super::Env::default()).unwrap();
        }
    }
}
