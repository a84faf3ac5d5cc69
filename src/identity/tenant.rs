//! Finds the directory id of a tenant, and the cloud it lives in, by its public `OpenID` metadata; no login is needed.

use super::entra::{Answer, Ask, Entra, Tries, is_hopeless, unreachable};
use crate::error::{Error, Kind, Result};
use serde::Deserialize;
use url::Url;

/// Where tokens are asked for, and what a tenant that lives there says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// `https://login.microsoftonline.com`.
    pub url: Url,
    /// What the tenant's metadata must say; none for a cloud of one's own.
    pub marks: Option<Marks>,
}

/// How a tenant's metadata names its cloud.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marks {
    /// `cloud_instance_name`.
    pub instance: String,
    /// `msgraph_host`.
    pub graph_host: String,
}

/// A tenant that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory {
    /// Directory (tenant) id, in lower case.
    pub id: String,
}

/// Graph hosts, and the clouds they tell.
const CLOUDS: [(&str, &str); 4] = [
    ("graph.microsoft.com", "public"),
    ("graph.microsoft.us", "usgov"),
    ("dod-graph.microsoft.us", "dod"),
    ("microsoftgraph.chinacloudapi.cn", "china"),
];

#[derive(Default, Deserialize)]
#[serde(default)]
struct Metadata {
    token_endpoint: String,
    issuer: String,
    cloud_instance_name: String,
    msgraph_host: String,
}

impl Authority {
    /// Returns the URL of a path below a tenant.
    pub(super) fn below(&self, tenant: &str, path: &str) -> Result<Url> {
        let text = format!("{}/{tenant}/{path}", self.url.as_str().trim_end_matches('/'));
        Url::parse(&text).map_err(|error| Error::new(Kind::Usage, "the authority is no URL").caused_by(error))
    }
}

impl Entra {
    /// Finds the directory id of a domain or id, and refuses a tenant that lives in another cloud. An id in a cloud of one's own
    /// is taken as it is.
    ///
    /// # Errors
    /// [`Kind::Credential`]: no such tenant (`AADSTS90002`), another cloud (`TenantInOtherCloud`), no answer.
    pub async fn resolve_tenant(&self, authority: &Authority, tenant: &str) -> Result<Directory> {
        let id = uuid::Uuid::try_parse(tenant).ok().map(|id| id.hyphenated().to_string());
        match id {
            Some(id) if authority.marks.is_none() => Ok(Directory { id }),
            _ => self.look_up(authority, tenant).await.map_err(|error| error.context(format_args!("looking for the tenant {tenant}"))),
        }
    }

    async fn look_up(&self, authority: &Authority, tenant: &str) -> Result<Directory> {
        let ask = Ask { url: authority.below(tenant, "v2.0/.well-known/openid-configuration")?, form: None };
        let mut tries = Tries::begin();
        let metadata = loop {
            let (error, after) = match self.exchange(&ask, &mut tries).await {
                Err(words) if is_hopeless(&words) => return Err(unreachable(&ask.url, &words)),
                Err(words) => (unreachable(&ask.url, &words), None),
                Ok(answer) => match judge(&answer) {
                    Ok(metadata) => break metadata,
                    Err(error) if answer.status < 429 && answer.status >= 400 => return Err(error),
                    Err(error) => (error, answer.retry_after()),
                },
            };
            self.pause(&tries, &format!("{tenant}/metadata"), after, error).await?;
        };
        check_cloud(authority, &metadata)?;
        let id = directory_id(&metadata).ok_or_else(|| Error::new(Kind::Credential, "the metadata names no directory id"))?;
        Ok(Directory { id })
    }
}

fn judge(answer: &Answer) -> Result<Metadata> {
    if answer.status == 200 {
        return serde_json::from_slice(answer.body.expose()).map_err(|_| answer.odd());
    }
    Err(answer.refusal().map_or_else(|| answer.odd(), |refusal| refusal.into_error(answer.status)))
}

fn check_cloud(authority: &Authority, metadata: &Metadata) -> Result<()> {
    let Some(marks) = &authority.marks else { return Ok(()) };
    let differs = |found: &str, wanted: &str| !found.is_empty() && !found.eq_ignore_ascii_case(wanted);
    if !differs(&metadata.msgraph_host, &marks.graph_host) && !differs(&metadata.cloud_instance_name, &marks.instance) {
        return Ok(());
    }
    let known = CLOUDS.iter().find(|(host, _)| metadata.msgraph_host.eq_ignore_ascii_case(host)).map(|(_, cloud)| *cloud);
    let told = known.map_or_else(|| format!("its Graph is at {}", metadata.msgraph_host), |cloud| format!("it lives in `{cloud}`"));
    let error = Error::new(Kind::Credential, format!("the tenant lives in another cloud: {told}")).with_code("TenantInOtherCloud");
    Err(error.hint(known.map_or_else(|| "describe its cloud in [clouds.NAME]".to_owned(), |cloud| format!("choose it: --cloud {cloud}"))))
}

fn directory_id(metadata: &Metadata) -> Option<String> {
    [&metadata.token_endpoint, &metadata.issuer].into_iter().find_map(|text| {
        let url = Url::parse(text).ok()?;
        let first = url.path_segments()?.next()?.to_owned();
        uuid::Uuid::try_parse(&first).ok().map(|id| id.hyphenated().to_string())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authority(graph: &str, instance: &str) -> Authority {
        let marks = Marks { instance: instance.to_owned(), graph_host: graph.to_owned() };
        Authority { url: "https://login.microsoftonline.com".parse().unwrap(), marks: Some(marks) }
    }

    #[test]
    fn a_tenant_of_another_cloud_is_named() {
        let metadata =
            Metadata { msgraph_host: "graph.microsoft.us".into(), cloud_instance_name: "microsoftonline.us".into(), ..Metadata::default() };
        let error = check_cloud(&authority("graph.microsoft.com", "microsoftonline.com"), &metadata).unwrap_err();
        assert_eq!(
            (error.message(), error.hints()[0].as_str()),
            ("the tenant lives in another cloud: it lives in `usgov`", "choose it: --cloud usgov")
        );
        assert!(check_cloud(&authority("graph.microsoft.us", "microsoftonline.us"), &metadata).is_ok());
        assert!(check_cloud(&Authority { url: "https://x.test".parse().unwrap(), marks: None }, &metadata).is_ok());
    }

    #[test]
    fn the_id_is_in_the_token_endpoint_or_the_issuer() {
        let id = "aaaabbbb-0000-cccc-1111-dddd2222eeee";
        let endpoint =
            Metadata { token_endpoint: format!("https://login.test/{}/oauth2/v2.0/token", id.to_uppercase()), ..Metadata::default() };
        let issuer = Metadata { issuer: format!("https://sts.windows.net/{id}/"), ..Metadata::default() };
        assert_eq!(directory_id(&endpoint).as_deref(), Some(id));
        assert_eq!(directory_id(&issuer).as_deref(), Some(id));
        assert_eq!(directory_id(&Metadata { issuer: "https://login.test/{tenantid}/v2.0".into(), ..Metadata::default() }), None);
    }
}
