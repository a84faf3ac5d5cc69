//! Where a path or a link leads: to the API's own origin, or nowhere. The bearer goes along, so this is settled before anything is sent.

use crate::{
    error::{Error, Kind, Result},
    secret::SafeUrl,
};
use url::Url;

/// Returns the URL of a path, and query, below an API's root.
///
/// # Errors
/// [`Kind::Usage`] where they make none, or it would leave the root.
pub fn below(root: &Url, path: &str) -> Result<Url> {
    let none = || Error::new(Kind::Usage, format!("`{path}` is no path of {root}")).hint("write it as /v1.0/...");
    let url: Url = format!("{}{path}", root.as_str().trim_end_matches('/')).parse().map_err(|cause| none().caused_by(cause))?;
    if path.starts_with('/') && url.origin() == root.origin() { Ok(url) } else { Err(none()) }
}

/// Reads a link, which must lead to the origin of `root` and nowhere else. OData lets one leave the origin out: `/v1.0/users?...`.
///
/// # Errors
/// [`Kind::Failed`] with the code `ForeignOrigin`.
pub fn follow(root: &Url, link: &str) -> Result<Url> {
    let own = root.origin();
    let read = if link.starts_with('/') { root.join(link) } else { link.parse::<Url>() };
    match read {
        Ok(url) if url.origin() == own && own.is_tuple() && url.username().is_empty() && url.password().is_none() => Ok(url),
        Ok(url) => {
            let message = format!("the next page is said to be at {}, which is not at {}", SafeUrl::new(&url), own.ascii_serialization());
            Err(foreign(message))
        }
        Err(_) => Err(foreign("the next page is said to be at something that is no URL".to_owned())),
    }
}

fn foreign(message: String) -> Error {
    let hint = "the token was not sent there; the answer may have been tampered with, or a proxy rewrites it";
    Error::new(Kind::Failed, message).with_code("ForeignOrigin").hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_the_own_origin_or_nowhere() {
        let root: Url = "https://graph.microsoft.com".parse().unwrap();
        for good in ["https://graph.microsoft.com/v1.0/users?$skiptoken=a%2Fb", "https://GRAPH.microsoft.com:443/x", "/v1.0/users?$skiptoken=x"] {
            assert_eq!(follow(&root, good).unwrap().origin(), root.origin(), "{good}");
        }
        for bad in [
            "https://evil.example/v1.0/users",
            "https://graph.microsoft.com:8443/v1.0/users",
            "http://graph.microsoft.com/v1.0/users",
            "https://user@graph.microsoft.com/v1.0/users",
            "https://user:pass@graph.microsoft.com/",
            "https://graph.microsoft.com@evil.example/",
            "https://gr\u{430}ph.microsoft.com/v1.0/users",
            "https://graph.microsoft.com.evil.example/",
            "//evil.example/",
            "/\\evil.example/",
            "\\\\evil.example/",
            "//user@graph.microsoft.com/",
            "users?$skiptoken=x",
            "data:text/plain,x",
            "",
        ] {
            assert_eq!(follow(&root, bad).unwrap_err().explicit_code(), Some("ForeignOrigin"), "{bad}");
        }
        let kept = follow(&root, "https://graph.microsoft.com/v1.0/users?$skiptoken=a%2Fb+c%20d").unwrap();
        assert_eq!(kept.as_str(), "https://graph.microsoft.com/v1.0/users?$skiptoken=a%2Fb+c%20d");
        assert_eq!(follow(&root, "/v1.0/users?$skiptoken=a%2Fb+c%20d").unwrap(), kept);
    }
}
