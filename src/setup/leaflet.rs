//! What the administrator of another tenant is given before agreeing: the address to open, and a page that says what will be
//! readable, for how long, and how to take it back.

use super::permissions::{Permission, Permissions, identity};
use crate::error::{Error, Kind, Result};
use std::fmt::Write as _;
use url::Url;

/// What a page is about.
#[derive(Clone, Debug)]
pub struct Leaflet<'a> {
    /// The application's name.
    pub name: &'a str,
    /// Application (client) id.
    pub app_id: &'a str,
    /// The tenant that the registration is in.
    pub home: &'a str,
    /// The tenant that is asked.
    pub customer: &'a str,
    /// What it asks for.
    pub permissions: &'a Permissions,
    /// Where to agree.
    pub url: &'a Url,
    /// When the application's credentials end, in words.
    pub ends: Option<String>,
}

/// Returns the address where an administrator agrees (apis.md 1.11).
///
/// # Errors
/// [`Kind::Usage`] where the authority is no base of one.
pub fn consent_url(authority: &Url, tenant: &str, app_id: &str, state: &str, redirect: &str) -> Result<Url> {
    let text = format!("{}/{tenant}/adminconsent", authority.as_str().trim_end_matches('/'));
    let mut url = Url::parse(&text).map_err(|cause| Error::new(Kind::Usage, format!("`{text}` is no URL")).caused_by(cause))?;
    url.query_pairs_mut().append_pair("client_id", app_id).append_pair("state", state).append_pair("redirect_uri", redirect);
    Ok(url)
}

impl Leaflet<'_> {
    /// Returns the page.
    pub fn text(&self) -> String {
        let mut text = format!("Consent to the application `{}` in tenant {}\n\n", self.name, self.customer);
        let _ = writeln!(text, "Application (client) id   {}", self.app_id);
        let _ = writeln!(text, "Registered in tenant      {}", self.home);
        let _ = writeln!(text, "\nWhat it will be able to read, without a signed-in user:\n");
        for permission in self.permissions {
            let _ = writeln!(text, "  {:<28} {:<42} {}", identity(permission.api).title, permission.role, readable(permission));
        }
        let writing: Vec<String> = self.permissions.iter().filter(|one| one.writes()).map(ToString::to_string).collect();
        if writing.is_empty() {
            text.push_str("\nIt can change nothing: every permission is for reading.\n");
        } else {
            let _ = writeln!(text, "\nTHESE LET IT CHANGE THINGS: {}. Ask why before you agree.", writing.join(", "));
        }
        text.push_str("\nFor how long\n\n");
        let ends = self.ends.as_deref().unwrap_or("its credentials do not say when they end");
        let _ = writeln!(text, "  Until you take it back. {ends}; they are renewed by those who registered it.");
        text.push_str("\nTo agree, open this address as a Privileged Role Administrator or Global Administrator of your tenant:\n\n");
        let _ = writeln!(text, "  {}", self.url);
        text.push_str("\n  You are then sent to http://localhost, where your browser shows nothing; the address bar says\n");
        text.push_str("  admin_consent=True if it was done, or error=... and why not.\n");
        text.push_str("\nTo take it back, at any time, without asking anybody\n\n");
        text.push_str("  Entra admin center > Enterprise applications > this application > Properties > Delete; or\n");
        let _ = writeln!(text, "  az ad sp delete --id {}", self.app_id);
        text.push_str("\n  Tokens that were issued before end within about an hour (a day at most, where continuous access applies).\n");
        text.push_str("  Who used it, and when: Sign-in logs > Service principal sign-ins.\n");
        text
    }
}

/// What a permission lets its holder read, in words for those who do not know it.
fn readable(permission: &Permission) -> &'static str {
    let words = [
        ("ThreatHunting.Read.All", "raw events of devices, mail, identities and cloud apps, by query"),
        ("AdvancedHunting.Read.All", "the same, through the Defender XDR API"),
        ("AdvancedQuery.Read.All", "raw events of devices, by query"),
        ("SecurityAlert.Read.All", "alerts"),
        ("SecurityIncident.Read.All", "incidents"),
        ("Incident.Read.All", "incidents"),
        ("SecurityEvents.Read.All", "secure scores"),
        ("Alert.Read.All", "alerts of devices"),
        ("Machine.Read.All", "the inventory of devices"),
        ("AuditLog.Read.All", "sign-ins and changes in the directory"),
        ("Directory.Read.All", "users, groups, applications and their properties"),
        ("User.Read.All", "users"),
        ("IdentityRiskEvent.Read.All", "risk detections"),
        ("IdentityRiskyUser.Read.All", "users at risk"),
        ("IdentityRiskyServicePrincipal.Read.All", "applications at risk"),
        ("Policy.Read.All", "policies, such as Conditional Access"),
        ("Application.Read.All", "applications and their credentials' ids"),
        ("RoleManagement.Read.Directory", "who has which directory role"),
        ("Vulnerability.Read.All", "vulnerabilities of devices"),
        ("Software.Read.All", "software on devices"),
        ("SecurityRecommendation.Read.All", "security recommendations"),
        ("SecurityConfiguration.Read.All", "security settings of devices"),
        ("Score.Read.All", "exposure scores"),
        ("RemediationTasks.Read.All", "remediation tasks"),
        ("Mail.Read", "THE CONTENT OF ALL MAILBOXES"),
    ];
    words.iter().find(|(role, _)| *role == permission.role).map_or("", |(_, words)| words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_holds_what_is_asked_and_no_more() {
        let authority = Url::parse("https://login.microsoftonline.com").unwrap();
        let url = consent_url(&authority, "customer.example", "a-b", "s&t", "http://localhost").unwrap();
        assert_eq!(
            url.as_str(),
            "https://login.microsoftonline.com/customer.example/adminconsent?client_id=a-b&state=s%26t&redirect_uri=http%3A%2F%2Flocalhost"
        );
    }

    #[test]
    fn the_page_says_what_for_how_long_and_how_to_revoke() {
        let url = Url::parse("https://login.test/x").unwrap();
        let mut permissions = super::super::permissions::minimum();
        let page = |permissions: &Permissions| {
            let leaflet = Leaflet { name: "IR", app_id: "a", home: "h", customer: "c", permissions, url: &url, ends: None };
            leaflet.text()
        };
        let text = page(&permissions);
        assert!(text.contains("ThreatHunting.Read.All") && text.contains("raw events") && text.contains("change nothing"), "{text}");
        assert!(text.contains("az ad sp delete --id a") && text.contains("https://login.test/x"), "{text}");
        permissions.insert("mde:Machine.Isolate".parse().unwrap());
        assert!(page(&permissions).contains("CHANGE THINGS: mde:Machine.Isolate"));
    }
}
