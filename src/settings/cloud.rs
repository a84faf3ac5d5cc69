//! Clouds as data: hosts, scopes and vault suffixes of the five national clouds, and clouds of one's own.
//!
//! Sources: Microsoft's pages on national clouds of Entra, Graph and Defender; what they lack is from the per-cloud metadata of
//! Graph v1.0 (August 2026). The scopes of the government Defender hosts (host as resource) are unconfirmed by Microsoft.

use super::{Api, explain, file, parse_address};
use crate::{
    error::{Error, Kind, Result},
    secret::is_loopback,
};
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
};
use url::Url;

/// Where an API is, and what a token for it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Origin, without a path that ends in a slash.
    pub url: Url,
    /// `https://.../.default`.
    pub scope: String,
}

/// How a tenant says in its metadata which cloud it lives in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marks {
    /// `cloud_instance_name`.
    pub instance: String,
    /// `msgraph_host`.
    pub graph_host: String,
}

/// A cloud.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cloud {
    /// `public`, `gcc`, `usgov`, `dod`, `china`, or the name of its section.
    pub name: String,
    /// Where tokens are asked for: `{authority}/{tenant}/oauth2/v2.0/token`.
    pub authority: Url,
    /// Microsoft Graph.
    pub graph: Endpoint,
    /// Defender XDR, where the cloud has it.
    pub xdr: Option<Endpoint>,
    /// Defender for Endpoint, where the cloud has it.
    pub mde: Option<Endpoint>,
    /// Azure Resource Manager.
    pub arm: Endpoint,
    /// Suffix of vaults given by name.
    pub vault_suffix: String,
    /// Scope of Key Vault tokens; the vault's own challenge goes first.
    pub vault_scope: String,
    /// What a tenant's metadata must say; a cloud of one's own is not held to it.
    pub marks: Option<Marks>,
    /// Extra root certificates.
    pub ca_file: Option<PathBuf>,
    /// Names answered by hand.
    pub resolve: Vec<(String, SocketAddr)>,
    lacks: &'static [Feature],
}

/// What some clouds do not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// Advanced hunting through Graph.
    Hunting,
    /// Alerts, incidents and secure scores of Graph security.
    Security,
    /// The unified audit log, as an asynchronous query.
    AuditLogQueries,
    /// Risk detections and risky service principals.
    IdentityProtection,
}

impl Feature {
    fn words(self) -> &'static str {
        match self {
            Self::Hunting => "advanced hunting through Graph",
            Self::Security => "alerts, incidents and secure scores in Graph",
            Self::AuditLogQueries => "audit log queries in Graph",
            Self::IdentityProtection => "Identity Protection detections in Graph",
        }
    }
}

/// One row of the table of clouds.
struct Row {
    name: &'static str,
    authority: &'static str,
    graph: &'static str,
    xdr: Option<&'static str>,
    mde: Option<&'static str>,
    arm: &'static str,
    vault_suffix: &'static str,
    instance: &'static str,
    lacks: &'static [Feature],
}

const PUBLIC: Row = Row {
    name: "public",
    authority: "https://login.microsoftonline.com",
    graph: "https://graph.microsoft.com",
    xdr: Some("https://api.security.microsoft.com"),
    mde: Some("https://api.securitycenter.microsoft.com"),
    arm: "https://management.azure.com",
    vault_suffix: "vault.azure.net",
    instance: "microsoftonline.com",
    lacks: &[],
};

const GOVERNMENT: Row = Row {
    name: "usgov",
    authority: "https://login.microsoftonline.us",
    graph: "https://graph.microsoft.us",
    xdr: Some("https://api-gov.security.microsoft.us"),
    mde: Some("https://api-gov.securitycenter.microsoft.us"),
    arm: "https://management.usgovcloudapi.net",
    vault_suffix: "vault.usgovcloudapi.net",
    instance: "microsoftonline.us",
    lacks: &[Feature::AuditLogQueries],
};

const ROWS: [Row; 5] = [
    PUBLIC,
    Row {
        name: "gcc",
        xdr: Some("https://api-gcc.security.microsoft.us"),
        mde: Some("https://api-gcc.securitycenter.microsoft.us"),
        ..PUBLIC
    },
    GOVERNMENT,
    Row { name: "dod", graph: "https://dod-graph.microsoft.us", ..GOVERNMENT },
    Row {
        name: "china",
        authority: "https://login.partner.microsoftonline.cn",
        graph: "https://microsoftgraph.chinacloudapi.cn",
        xdr: None,
        mde: None,
        arm: "https://management.chinacloudapi.cn",
        vault_suffix: "vault.azure.cn",
        instance: "partner.microsoftonline.cn",
        lacks: &[Feature::Hunting, Feature::Security, Feature::AuditLogQueries, Feature::IdentityProtection],
    },
];

/// Host of an authority, and the cloud whose it is; the second China one is the older name.
const AUTHORITIES: [(&str, &str); 4] = [
    ("login.microsoftonline.com", "public"),
    ("login.microsoftonline.us", "usgov"),
    ("login.partner.microsoftonline.cn", "china"),
    ("login.chinacloudapi.cn", "china"),
];

impl Cloud {
    /// Returns a built-in cloud.
    pub fn built_in(name: &str) -> Option<Self> {
        ROWS.iter().find(|row| row.name == name).and_then(|row| build(row).ok())
    }

    /// Returns the names of the built-in clouds.
    pub fn names() -> impl Iterator<Item = &'static str> {
        ROWS.iter().map(|row| row.name)
    }

    /// Returns where an API is.
    ///
    /// # Errors
    /// [`Kind::Usage`] where this cloud lacks it.
    pub fn endpoint(&self, api: Api) -> Result<&Endpoint> {
        let endpoint = match api {
            Api::Graph => Some(&self.graph),
            Api::Xdr => self.xdr.as_ref(),
            Api::Mde => self.mde.as_ref(),
        };
        endpoint.ok_or_else(|| {
            let api = if api == Api::Xdr { "the Defender XDR API" } else { "the Defender for Endpoint API" };
            Error::new(Kind::Usage, format!("the cloud `{}` does not have {api}", self.name))
                .hint("if the tenant lives in another cloud, say so with --cloud")
        })
    }

    /// Returns whether an API exists here.
    pub fn has(&self, api: Api) -> bool {
        self.endpoint(api).is_ok()
    }

    /// Says whether this cloud has a feature.
    ///
    /// # Errors
    /// [`Kind::Usage`] where it lacks it.
    pub fn offers(&self, feature: Feature) -> Result<()> {
        if !self.lacks.contains(&feature) {
            return Ok(());
        }
        let message = format!("the cloud `{}` does not have {}", self.name, feature.words());
        Err(Error::new(Kind::Usage, message).hint("if the tenant lives in another cloud, say so with --cloud"))
    }

    /// Finds a cloud by name: a section of the configuration first, then a built-in one.
    pub(super) fn find(name: &str, sections: &BTreeMap<String, file::Cloud>, base: &Path) -> Result<Self> {
        if let Some(section) = sections.get(name) {
            return overlay(name, section, base).map_err(|error| error.context(format_args!("[clouds.{name}]")));
        }
        Self::built_in(name).ok_or_else(|| {
            let own = sections.keys().map(String::as_str);
            let known: Vec<&str> = Self::names().map(|name| -> &str { name }).chain(own).collect();
            let error = Error::new(Kind::Usage, format!("there is no cloud `{name}`"));
            match explain::nearest(name, known.iter().copied()) {
                Some(near) => error.hint(format!("did you mean `{near}`?")),
                None => error.hint(format!("the clouds are {}", known.join(", "))),
            }
        })
    }

    /// Finds the cloud that `AZURE_AUTHORITY_HOST` speaks of.
    pub(super) fn by_authority(text: &str) -> Result<Self> {
        let text = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
        let authority = origin(&text).map_err(|error| error.context(super::env::AZURE_AUTHORITY_HOST))?;
        let known = AUTHORITIES.iter().find(|(host, _)| authority.host_str() == Some(host));
        if let Some(cloud) = known.and_then(|(_, name)| Self::built_in(name)) {
            return Ok(cloud);
        }
        let public = build(&PUBLIC)?;
        Ok(Self { name: authority.host_str().unwrap_or("custom").to_owned(), authority, marks: None, ..public })
    }
}

fn build(row: &Row) -> Result<Cloud> {
    let endpoint = |text: &str| Ok::<_, Error>(Endpoint { url: origin(text)?, scope: format!("{text}/.default") });
    Ok(Cloud {
        name: row.name.to_owned(),
        authority: origin(row.authority)?,
        graph: endpoint(row.graph)?,
        xdr: row.xdr.map(endpoint).transpose()?,
        mde: row.mde.map(endpoint).transpose()?,
        arm: endpoint(row.arm)?,
        vault_suffix: row.vault_suffix.to_owned(),
        vault_scope: format!("https://{}/.default", row.vault_suffix),
        marks: Some(Marks { instance: row.instance.to_owned(), graph_host: row.graph.replace("https://", "") }),
        ca_file: None,
        resolve: Vec::new(),
        lacks: row.lacks,
    })
}

/// Lays a section over the built-in cloud of that name, or over the public one: what it leaves unsaid stays.
fn overlay(name: &str, raw: &file::Cloud, base: &Path) -> Result<Cloud> {
    let below = Cloud::built_in(name).map_or_else(|| build(&PUBLIC), Ok)?;
    let over = |below: Option<Endpoint>, url: &Option<String>, scope: &Option<String>, public: &str| -> Result<Option<Endpoint>> {
        let fallback = below.as_ref().map_or_else(|| format!("{public}/.default"), |endpoint| endpoint.scope.clone());
        let url = url.as_deref().map(origin).transpose()?.or(below.map(|endpoint| endpoint.url));
        Ok(url.map(|url| Endpoint { url, scope: scope.clone().unwrap_or(fallback) }))
    };
    Ok(Cloud {
        name: name.to_owned(),
        authority: raw.authority.as_deref().map(origin).transpose()?.unwrap_or(below.authority),
        graph: over(Some(below.graph.clone()), &raw.graph, &raw.graph_scope, PUBLIC.graph)?.unwrap_or(below.graph),
        xdr: over(below.xdr, &raw.xdr, &raw.xdr_scope, PUBLIC.xdr.unwrap_or_default())?,
        mde: over(below.mde, &raw.mde, &raw.mde_scope, PUBLIC.mde.unwrap_or_default())?,
        arm: over(Some(below.arm.clone()), &raw.arm, &raw.arm_scope, PUBLIC.arm)?.unwrap_or(below.arm),
        vault_suffix: raw.vault_suffix.clone().map_or(below.vault_suffix, |suffix| suffix.trim_matches('.').to_owned()),
        vault_scope: raw.vault_scope.clone().unwrap_or(below.vault_scope),
        marks: None,
        ca_file: raw.ca_file.as_ref().map(|path| base.join(path)),
        resolve: raw.resolve.iter().map(|(host, address)| parse_address(host, address)).collect::<Result<_>>()?,
        lacks: below.lacks,
    })
}

/// Parses an endpoint: https, or http to a loopback address; nothing but scheme, host, port and a path.
pub(super) fn origin(text: &str) -> Result<Url> {
    let wrong = |why: &str| Error::new(Kind::Usage, format!("the endpoint `{}` {why}", shown(text)));
    let mut url = Url::parse(text).map_err(|_| wrong("is not a URL").hint("write endpoints as https://host or https://host:port"))?;
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("may hold nothing but scheme, host, port and path").hint("write endpoints as https://host or https://host:port"));
    }
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&url) => {}
        "http" => return Err(wrong("is plain http").hint("use https; plain http is for loopback addresses alone")),
        _ => return Err(wrong("is not https").hint("write endpoints as https://host or https://host:port")),
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url)
}

/// What is shown of an endpoint that is refused: it may hold a password.
fn shown(text: &str) -> String {
    Url::parse(text).map_or_else(|_| text.chars().take(60).collect(), |url| crate::secret::SafeUrl::new(&url).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cloud_has_its_hosts_and_scopes() {
        let seen: Vec<String> = Cloud::names()
            .map(|name| {
                let cloud = Cloud::built_in(name).unwrap();
                let of = |endpoint: &Option<Endpoint>| endpoint.as_ref().map_or("-".to_owned(), |e| e.scope.clone());
                format!("{name} {} {} {} {} {}", cloud.authority, cloud.graph.scope, of(&cloud.xdr), of(&cloud.mde), cloud.vault_scope)
            })
            .collect();
        assert_eq!(
            seen,
            [
                "public https://login.microsoftonline.com/ https://graph.microsoft.com/.default https://api.security.microsoft.com/.default https://api.securitycenter.microsoft.com/.default https://vault.azure.net/.default",
                "gcc https://login.microsoftonline.com/ https://graph.microsoft.com/.default https://api-gcc.security.microsoft.us/.default https://api-gcc.securitycenter.microsoft.us/.default https://vault.azure.net/.default",
                "usgov https://login.microsoftonline.us/ https://graph.microsoft.us/.default https://api-gov.security.microsoft.us/.default https://api-gov.securitycenter.microsoft.us/.default https://vault.usgovcloudapi.net/.default",
                "dod https://login.microsoftonline.us/ https://dod-graph.microsoft.us/.default https://api-gov.security.microsoft.us/.default https://api-gov.securitycenter.microsoft.us/.default https://vault.usgovcloudapi.net/.default",
                "china https://login.partner.microsoftonline.cn/ https://microsoftgraph.chinacloudapi.cn/.default - - https://vault.azure.cn/.default",
            ]
        );
    }

    #[test]
    fn what_a_cloud_lacks_is_refused_with_the_reason() {
        let china = Cloud::built_in("china").unwrap();
        assert_eq!(china.endpoint(Api::Mde).unwrap_err().message(), "the cloud `china` does not have the Defender for Endpoint API");
        assert!(china.offers(Feature::Hunting).is_err());
        assert!(Cloud::built_in("dod").unwrap().offers(Feature::AuditLogQueries).is_err());
        assert!(Cloud::built_in("public").unwrap().offers(Feature::AuditLogQueries).is_ok());
    }

    #[test]
    fn a_cloud_of_ones_own_keeps_the_public_scopes() {
        let raw = file::Cloud {
            authority: Some("https://127.0.0.1:9443/".into()),
            mde: Some("https://127.0.0.1:9446".into()),
            graph: Some("https://127.0.0.1:9444".into()),
            graph_scope: Some("https://other/.default".into()),
            resolve: [("kv.vault.lab.test".to_owned(), "127.0.0.1:9447".to_owned())].into(),
            ca_file: Some("ca.pem".into()),
            ..file::Cloud::default()
        };
        let sections = [("mylab".to_owned(), raw)].into();
        let cloud = Cloud::find("mylab", &sections, Path::new("/etc")).unwrap();
        assert_eq!(cloud.mde.as_ref().unwrap().scope, "https://api.securitycenter.microsoft.com/.default");
        assert_eq!(cloud.graph.scope, "https://other/.default");
        assert_eq!(cloud.marks, None);
        assert_eq!(cloud.ca_file, Some(PathBuf::from("/etc/ca.pem")));
        assert_eq!(cloud.resolve[0].1, "127.0.0.1:9447".parse().unwrap());
    }

    #[test]
    fn plain_http_is_for_loopback_alone() {
        for good in ["http://127.0.0.1:1", "http://localhost:80", "http://[::1]:1", "https://x.test"] {
            assert!(origin(good).is_ok(), "{good}");
        }
        for bad in ["http://10.0.0.1", "http://localhost.test", "ftp://x", "x.test", "https://u:p@x.test", "https://x.test/?a=b"] {
            let error = origin(bad).unwrap_err();
            assert_eq!(error.kind(), Kind::Usage);
            assert!(!error.message().contains("u:p"), "{error}");
        }
    }

    #[test]
    fn the_authority_variable_names_a_cloud() {
        assert_eq!(Cloud::by_authority("https://login.microsoftonline.us/").unwrap().name, "usgov");
        assert_eq!(Cloud::by_authority("login.chinacloudapi.cn").unwrap().name, "china");
        let own = Cloud::by_authority("https://login.example.org").unwrap();
        assert_eq!((own.name.as_str(), own.marks), ("login.example.org", None));
        assert!(Cloud::by_authority("http://login.example.org").is_err());
    }

    #[test]
    fn a_misspelt_cloud_gets_a_suggestion() {
        let error = Cloud::find("usgv", &BTreeMap::new(), Path::new("")).unwrap_err();
        assert_eq!(error.hints(), ["did you mean `usgov`?"]);
    }
}
