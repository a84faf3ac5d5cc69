//! `get`: any URL of an API that is known, with the right token; whatever has no name among the sources yet.

use super::{Context, sources, wire, wire::Wires};
use crate::{
    api::{hunting::Api, pages::Client},
    cli::{GetArgs, Pages},
    console::print_bytes,
    error::{Error, Kind, Result},
    settings::{Endpoint, Profile, Settings},
    transport::Budget,
};
use std::{
    collections::HashSet,
    io::{IsTerminal, Write},
    path::Path,
    time::Duration,
};
use url::Url;

pub(super) async fn run(context: &Context, args: &GetArgs) -> Result<u8> {
    if context.global.json && args.output == Path::new("-") {
        return Err(Error::new(Kind::Usage, "--json and --output - both want standard output").hint("write the bodies to a file"));
    }
    let settings = context.settings()?;
    let [profile] = settings.profiles.as_slice() else {
        return Err(Error::new(Kind::Usage, "`get` works on one profile, and several were chosen").hint("choose one with --profile"));
    };
    let target = target(args, profile)?;
    let wires = Wires::without_case(context, &settings)?;
    let tenant = wires.unless_cancelled(wire::connect_one(&wires, profile)).await?;
    for warning in wire::warnings(&wires, [&tenant]) {
        context.console.warn(&warning);
    }
    let mut sheet = Sheet::open(&args.output)?;
    let pages = fetch(&wires, &settings, &tenant, &target, args.pages, &mut sheet).await;
    // What came before a failure is written all the same.
    sheet.close()?;
    let pages = pages?;
    if context.global.json {
        crate::console::print_data(&format!("{}\n", serde_json::json!({ "url": target.url.as_str(), "pages": pages })))?;
    }
    Ok(0)
}

/// Where to, and with whose token.
#[derive(Debug)]
struct Target {
    url: Url,
    root: Url,
    scope: String,
    api: Api,
}

fn target(args: &GetArgs, profile: &Profile) -> Result<Target> {
    for api in Api::ALL {
        if let Some(path) = args.url.strip_prefix(&format!("{api}:")) {
            let endpoint = profile.cloud.endpoint(wire::settings_api(api))?;
            let path = format!("/{}", path.trim_start_matches('/'));
            return at(endpoint, api, &format!("{}{path}", endpoint.url.as_str().trim_end_matches('/')), args);
        }
    }
    let url: Url = args.url.parse().map_err(|cause| {
        Error::new(Kind::Usage, format!("`{}` is no URL", args.url)).caused_by(cause).hint("write https://..., or graph:/v1.0/users")
    })?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Error::new(Kind::Usage, "a URL with a user name in it is not asked").hint("leave out what stands before the @"));
    }
    if let Some(scope) = &args.scope {
        let mut root = url.clone();
        root.set_query(None);
        root.set_path("");
        return Ok(Target { url, root, scope: scope.clone(), api: Api::Graph });
    }
    let known = Api::ALL.into_iter().filter_map(|api| Some((api, profile.cloud.endpoint(wire::settings_api(api)).ok()?)));
    let mut known: Vec<_> = known.filter(|(_, endpoint)| endpoint.url.origin() == url.origin()).collect();
    known.sort_by_key(|(api, _)| !is_like(*api, url.path()));
    let Some((api, endpoint)) = known.first() else {
        let message =
            format!("{} is at no API of the cloud `{}`: no token is sent there", url.origin().ascii_serialization(), profile.cloud.name);
        return Err(Error::new(Kind::Usage, message).hint("if it is meant, say whose token it takes: --scope https://.../.default"));
    };
    at(endpoint, *api, url.as_str(), args)
}

fn at(endpoint: &Endpoint, api: Api, url: &str, args: &GetArgs) -> Result<Target> {
    let url: Url = url.parse().map_err(|cause| Error::new(Kind::Usage, format!("`{}` is no URL", args.url)).caused_by(cause))?;
    let scope = args.scope.clone().unwrap_or_else(|| endpoint.scope.clone());
    Ok(Target { url, root: endpoint.url.clone(), scope, api })
}

/// Where two APIs share an origin, the path tells them apart.
fn is_like(api: Api, path: &str) -> bool {
    let graph = path.starts_with("/v1.0") || path.starts_with("/beta");
    let xdr = path.starts_with("/api/incidents") || path.starts_with("/api/advancedhunting");
    match api {
        Api::Graph => graph,
        Api::Xdr => xdr,
        Api::Mde => !graph && !xdr,
    }
}

async fn fetch(wires: &Wires, settings: &Settings, tenant: &wire::Tenant, target: &Target, pages: Pages, sheet: &mut Sheet) -> Result<u64> {
    let transport = wires.transport(std::sync::Arc::clone(&wires.witness));
    let budget = Budget::new(settings.max_wait);
    let catalogue = sources::catalogue(&settings.sources)?;
    let client = Client {
        transport: &transport,
        auth: tenant.app.as_ref(),
        budget: &budget,
        api: target.api,
        root: target.root.clone(),
        scope: target.scope.clone(),
        lane: wires.family(&tenant.id, target.api, catalogue.lane_of(target.api, target.url.path()), &catalogue, &settings.quotas, &[]),
        deadline: Duration::from_mins(4),
        prefer: None,
        fault_tries: None,
    };
    let (mut url, mut done, mut followed) = (target.url.clone(), 0, HashSet::new());
    loop {
        let raw = client.raw(&format!("getting {}", crate::secret::SafeUrl::new(&url)), &url).await?;
        sheet.page(&raw.body)?;
        done += 1;
        let Some(next) = raw.next.filter(|_| pages.0.is_none_or(|most| done < most)) else { return Ok(done) };
        if !followed.insert(next.clone()) {
            return Err(Error::new(Kind::Failed, "the list leads back to a page that was read").with_code("RepeatedLink"));
        }
        url = client.follow(&next)?;
    }
}

/// Where the bodies go: standard output page by page, or a file that appears whole.
enum Sheet {
    Stdout { any: bool },
    File { temp: tempfile::NamedTempFile, to: std::path::PathBuf, any: bool },
}

impl Sheet {
    fn open(path: &Path) -> Result<Self> {
        if path == Path::new("-") {
            return Ok(Self::Stdout { any: false });
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
        let temp = tempfile::NamedTempFile::new_in(folder).map_err(|error| no_file(path, error))?;
        Ok(Self::File { temp, to: path.to_owned(), any: false })
    }

    fn page(&mut self, body: &[u8]) -> Result<()> {
        match self {
            Self::Stdout { any } => {
                let between: &[u8] = if std::mem::replace(any, true) { b"\n" } else { b"" };
                print_bytes(&[between, body].concat())
            }
            Self::File { temp, to, any } => {
                let between: &[u8] = if std::mem::replace(any, true) { b"\n" } else { b"" };
                temp.write_all(between).and_then(|()| temp.write_all(body)).map_err(|error| no_file(to, error))
            }
        }
    }

    fn close(self) -> Result<()> {
        match self {
            // For the prompt after it; a pipe gets what came and nothing else.
            Self::Stdout { any: true } if std::io::stdout().is_terminal() => print_bytes(b"\n"),
            Self::File { temp, to, any: true } => temp.persist(&to).map(drop).map_err(|error| no_file(&to, error.error)),
            Self::Stdout { .. } | Self::File { .. } => Ok(()),
        }
    }
}

fn no_file(path: &Path, error: std::io::Error) -> Error {
    Error::new(Kind::Disk, format!("writing {} failed", path.display())).caused_by(error)
}
