//! `manifest`: what to paste and what to click, where Graph may not be called. The one place where ids of roles come from a table.

use super::{
    permissions::{APIS, Permissions, identity},
    wanted::CredentialKind,
};
use crate::error::{Error, Kind, Result};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// What is to be set up by hand.
#[derive(Clone, Debug)]
pub struct Manifest<'a> {
    /// Display name.
    pub name: &'a str,
    /// Whether other tenants may take it in.
    pub multi_tenant: bool,
    /// What it may do.
    pub permissions: &'a Permissions,
    /// Its credential.
    pub kind: CredentialKind,
    /// The vault, where it is known.
    pub vault: Option<&'a str>,
    /// Name of the object in it.
    pub object: &'a str,
}

/// Returns the JSON for the registration's manifest, and the steps in words.
///
/// # Errors
/// [`Kind::Usage`] where the id of a role is not known here.
pub fn manifest(what: &Manifest<'_>) -> Result<(Value, String)> {
    let mut access = Vec::new();
    for api in APIS {
        let roles = what.permissions.iter().filter(|one| one.api == api).map(|one| {
            let id = one.known_id().ok_or_else(|| {
                Error::new(Kind::Usage, format!("the id of `{one}` is not known here"))
                    .hint("add that permission by its name in the portal")
            })?;
            Ok(json!({"id": id, "type": "Role"}))
        });
        let roles: Vec<Value> = roles.collect::<Result<_>>()?;
        if !roles.is_empty() {
            access.push(json!({"resourceAppId": identity(api).app_id, "resourceAccess": roles}));
        }
    }
    let audience = if what.multi_tenant { "AzureADMultipleOrgs" } else { "AzureADMyOrg" };
    Ok((json!({"displayName": what.name, "signInAudience": audience, "requiredResourceAccess": access}), steps(what)))
}

fn steps(what: &Manifest<'_>) -> String {
    let vault = what.vault.unwrap_or("(your vault)");
    let kind =
        if what.multi_tenant { "Accounts in any organizational directory" } else { "Accounts in this organizational directory only" };
    let mut text =
        String::from("Steps, for somebody with the roles Cloud Application Administrator and Privileged Role Administrator:\n\n");
    let mut number = 0;
    let mut step = |words: String| {
        number += 1;
        let _ = writeln!(text, "{number:>2}. {words}");
    };
    step(format!("Entra admin center > App registrations > New registration: name `{}`, {kind}.", what.name));
    step("Manifest: put the requiredResourceAccess above in place of the one there, and save.".to_owned());
    step("API permissions: see that these are listed, then Grant admin consent, and that each says Granted:".to_owned());
    for permission in what.permissions {
        let _ = writeln!(text, "      {} > {}", identity(permission.api).title, permission.role);
    }
    let mut step = |words: String| {
        number += 1;
        let _ = writeln!(text, "{number:>2}. {words}");
    };
    match what.kind {
        CredentialKind::Certificate => {
            step(format!("Key vault {vault} > Certificates > Generate: name `{}`, self-signed, PKCS #12, RSA 2048,", what.object));
            let _ = writeln!(
                text,
                "      Advanced policy: Exportable Private Key: No; extended key usage 1.3.6.1.5.5.7.3.2; validity 3 months."
            );
            let mut step = |words: String| {
                number += 1;
                let _ = writeln!(text, "{number:>2}. {words}");
            };
            step("Open it, Download in CER format. It holds no private key.".to_owned());
            step("App registration > Certificates & secrets > Upload certificate: that file.".to_owned());
        }
        CredentialKind::Secret => {
            step("App registration > Certificates & secrets > New client secret: 30 days. Copy its value at once.".to_owned());
            step(format!(
                "Key vault {vault} > Secrets > Generate: name `{}`, that value, the same expiry. Keep no other copy.",
                what.object
            ));
        }
    }
    let sign = if what.kind == CredentialKind::Certificate { ", sign = \"vault\"" } else { "" };
    let word = what.kind.word();
    let _ = writeln!(
        text,
        "\nThen, in ircollect.toml:\n\n  [profiles.NAME]\n  tenant = \"(Directory (tenant) ID of the overview page)\"\n  app_id = \"(Application (client) ID)\"\n  credential = {{ vault = \"{vault}\", {word} = \"{}\"{sign} }}\n\nand `ircollect check` says whether all of it works.",
        what.object
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_json_has_the_ids_and_the_steps_have_the_names() {
        let permissions = super::super::permissions::minimum();
        let what = Manifest {
            name: "IR",
            multi_tenant: false,
            permissions: &permissions,
            kind: CredentialKind::Certificate,
            vault: None,
            object: "ir-app",
        };
        let (json, steps) = manifest(&what).unwrap();
        assert_eq!(json["requiredResourceAccess"][0]["resourceAccess"].as_array().unwrap().len(), 3);
        assert_eq!(json["requiredResourceAccess"][1]["resourceAppId"], "fc780465-2017-40d4-a0c5-307022471b92");
        assert!(json.to_string().contains("dd98c7f5-2d42-42d3-a0e4-633161547251") && !json.to_string().contains("Scope"));
        assert!(
            steps.contains(" 6. App registration > Certificates & secrets > Upload") && steps.contains("Exportable Private Key: No"),
            "{steps}"
        );
    }
}
