//! A long list from the wire to durable files, side by side with `curl` fetching the same pages one after another over TLS on this machine:
//! start-up, token and every fsync of ours included, none of curl's.
//!
//! `cargo bench --bench pulls`; `IRCOLLECT_BENCH_OBJECTS` sets the sign-ins (200,000), `IRCOLLECT_BENCH_ROUNDS` the rounds (5). It needs
//! nginx, and fails where a pull is slower than 40 % of curl, or takes more memory for all than for a tenth. With `IRCOLLECT_BENCH_LANE` the
//! lane is as the service has it, five calls in ten seconds, and what is held to is that the wall is the quota's alone.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::panic,
    reason = "a bench is its own program: it says its numbers and fails where it stands"
)]
#![allow(clippy::disallowed_methods, reason = "a bench writes plain files and reads its own variables")]

#[allow(dead_code, reason = "each bench takes what it needs")]
mod beside;

use beside::{Run, await_port, certificates, nginx, number, peak, show, timed};
use ircollect::time::rfc3339;
use std::{
    fmt::Write as _,
    fs::File,
    io::{BufWriter, Write},
    net::TcpListener,
    path::Path,
    process::{Child, Command},
};

const TENANT: &str = "6f1c1c52-3b8e-4b0e-9f0a-5d6c7a1e2b34";
const LIST: &str = "/v1.0/auditLogs/signIns";
/// Sign-ins of a page: the most that the service gives.
const PAGE: u64 = 1_000;
/// The window is 30 days up to here.
const END: i64 = 1_790_000_000;
/// Ticks of 100 ns between two sign-ins.
const APART: u64 = 129_600_001;
/// How many times curl's wall a pull may take: 40 % of its throughput.
const GOAL: f64 = 2.5;
/// How much more memory all may take than a tenth.
const FLAT: u64 = 8 << 20;
/// The service's limit: calls, and the seconds in which it counts them.
const LIMIT: (u64, f64) = (5, 10.0);
/// How much longer than the quota a pull under it may take.
const BESIDE: f64 = 1.02;

fn main() {
    let objects = number("IRCOLLECT_BENCH_OBJECTS", 200_000);
    let folder = tempfile::tempdir().unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("https://127.0.0.1:{port}");
    let Some(_server) = Server::start(folder.path(), port) else {
        println!("skipped: there is no nginx here");
        return;
    };
    let bytes = write_pages(folder.path(), &url, objects);
    let bench = Bench { folder: folder.path(), url: &url, pages: objects.div_ceil(PAGE) };
    bench.configure();
    if std::env::var_os("IRCOLLECT_BENCH_LANE").is_some() {
        return bench.under_the_limit(objects);
    }
    println!("{objects} sign-ins, {} MB, in pages of {PAGE}", bytes / 1_000_000);
    let formats = ["ndjson", "csv", "ndjson,parquet"];
    let (mut curl, mut tenth, mut ours) = (Vec::new(), Vec::new(), vec![Vec::new(); formats.len()]);
    for _ in 0..number("IRCOLLECT_BENCH_ROUNDS", 5) {
        curl.push(bench.curl());
        tenth.push(bench.pull("ndjson", objects / 10));
        for (runs, formats) in ours.iter_mut().zip(formats) {
            runs.push(bench.pull(formats, objects));
        }
    }
    let yardstick = show("curl, page after page", &curl, None);
    show("pull of a tenth", &tenth, None);
    let mut took = Vec::new();
    for (runs, formats) in ours.iter().zip(formats) {
        took.push(show(&format!("pull --format {formats}"), runs, Some((yardstick, if formats == "ndjson" { GOAL } else { f64::NAN }))));
    }
    assert!(took[0] <= yardstick * GOAL, "a pull takes {:.2} times as long as curl", took[0] / yardstick);
    assert!(peak(&ours[0]) <= peak(&tenth) + FLAT, "{} bytes for all, {} for a tenth", peak(&ours[0]), peak(&tenth));
}

struct Bench<'a> {
    folder: &'a Path,
    url: &'a str,
    pages: u64,
}

impl Bench<'_> {
    fn configure(&self) {
        let url = self.url;
        let config = format!(
            "[profiles.bench]\ntenant = \"{TENANT}\"\napp_id = \"c0113c70-0000-4000-8000-000000000001\"\ncloud = \"bench\"\n\
             credential = {{ secret_env = \"BENCH_SECRET\" }}\n[clouds.bench]\nauthority = \"{url}\"\ngraph = \"{url}\"\nca_file = \"ca.pem\"\n\
             [quotas.graph]\ncalls_per_minute = 1000000\ncalls_per_hour = 60000000\n"
        );
        std::fs::write(self.folder.join("ircollect.toml"), config).unwrap();
        let mut pages = String::new();
        for page in 0..self.pages {
            let to = self.folder.join(format!("curl.{page}.out"));
            let _ = writeln!(pages, "url = \"{url}{LIST}?$skiptoken={page}\"\noutput = \"{}\"", to.display());
        }
        std::fs::write(self.folder.join("pages.curl"), pages).unwrap();
    }

    /// Holds the wall of a pull against what the limit alone makes it take.
    fn under_the_limit(&self, objects: u64) {
        let config = self.folder.join("ircollect.toml");
        let text = std::fs::read_to_string(&config).unwrap();
        std::fs::write(&config, text.split("[quotas.graph]").next().unwrap()).unwrap();
        let (calls, seconds) = LIMIT;
        let quota = f64::from(u32::try_from((self.pages - 1) / calls).unwrap()) * seconds;
        let took = show("pull under the limit", &[self.pull("ndjson", objects)], Some((quota, BESIDE)));
        assert!(took <= quota * BESIDE, "{took} s, of which {quota} s are the quota's");
    }

    fn curl(&self) -> Run {
        for page in 0..self.pages {
            drop(std::fs::remove_file(self.folder.join(format!("curl.{page}.out"))));
        }
        let mut command = Command::new("curl");
        command.arg("-sf").arg("--cacert").arg(self.folder.join("ca.pem")).arg("--config").arg(self.folder.join("pages.curl"));
        timed(&mut command)
    }

    /// Pulls the oldest `objects`: the end of the window is what the first page is found by.
    fn pull(&self, formats: &str, objects: u64) -> Run {
        let case = self.folder.join("case");
        drop(std::fs::remove_dir_all(&case));
        let all = self.pages * PAGE;
        let (from, to) = (rfc3339(at(all)), until((all - objects) / PAGE));
        let mut command = Command::new(env!("CARGO_BIN_EXE_ircollect"));
        command.current_dir(self.folder).args(["pull", "sign-ins", "--from", &from, "--to", &to, "--format", formats, "--case"]).arg(&case);
        command.env("BENCH_SECRET", "secret");
        timed(&mut command)
    }
}

/// When a sign-in was, newest first.
fn at(number: u64) -> jiff::Timestamp {
    let ago = jiff::SignedDuration::from_nanos(i64::try_from((number + 1) * APART * 100).unwrap());
    jiff::Timestamp::from_second(END).unwrap().checked_sub(ago).unwrap()
}

/// The end of the window that begins with this page: a tick after the last sign-in of the page before, since ends are asked for by `le`
/// and those at the end itself left out.
fn until(page: u64) -> String {
    let end = page.checked_mul(PAGE).and_then(|first| first.checked_sub(1)).map(at);
    let end =
        end.map_or(jiff::Timestamp::from_second(END).unwrap(), |last| last.checked_add(jiff::SignedDuration::from_nanos(100)).unwrap());
    rfc3339(end)
}

/// Writes the pages, each under its number and under the end of the window that it is the first of; returns how long all are.
fn write_pages(folder: &Path, url: &str, objects: u64) -> u64 {
    fastrand::seed(7);
    let pages = folder.join("pages");
    std::fs::create_dir(&pages).unwrap();
    let all = objects.div_ceil(PAGE);
    let mut bytes = 0;
    for page in 0..all {
        let path = pages.join(format!("{page}.json"));
        let mut to = BufWriter::with_capacity(1 << 20, File::create(&path).unwrap());
        write!(to, "{{\"@odata.context\":\"https://graph.microsoft.com/v1.0/$metadata#auditLogs/signIns\",").unwrap();
        if page + 1 < all {
            write!(to, "\"@odata.nextLink\":\"{url}{LIST}?$skiptoken={}\",", page + 1).unwrap();
        }
        write!(to, "\"value\":[").unwrap();
        for number in page * PAGE..(page + 1) * PAGE {
            let comma = if number > page * PAGE { "," } else { "" };
            write!(to, "{comma}{}", sign_in(number)).unwrap();
        }
        write!(to, "]}}").unwrap();
        to.flush().unwrap();
        bytes += path.metadata().unwrap().len();
        std::os::unix::fs::symlink(format!("{page}.json"), pages.join(format!("{}.json", until(page)))).unwrap();
    }
    bytes
}

/// A sign-in with the members that the service gives (apis.md 5.3).
fn sign_in(number: u64) -> String {
    let hex = |length: usize| (0..length).map(|_| char::from_digit(fastrand::u32(..16), 16).unwrap()).collect::<String>();
    let id = || format!("{}-{}-4{}-8{}-{}", hex(8), hex(4), hex(3), hex(3), hex(12));
    let user = fastrand::u32(..4_000);
    format!(
        "{{\"id\":\"{}\",\"createdDateTime\":\"{}\",\"userDisplayName\":\"User {user}\",\"userPrincipalName\":\"user{user}@tarnfield.example\",\
         \"userId\":\"{}\",\"appId\":\"{}\",\"appDisplayName\":\"Office 365 Exchange Online\",\"ipAddress\":\"203.0.113.{}\",\
         \"clientAppUsed\":\"Browser\",\"correlationId\":\"{}\",\"conditionalAccessStatus\":\"success\",\"isInteractive\":true,\
         \"riskDetail\":\"none\",\"riskLevelAggregated\":\"none\",\"riskLevelDuringSignIn\":\"none\",\"riskState\":\"none\",\"riskEventTypes\":[],\
         \"riskEventTypes_v2\":[],\"resourceDisplayName\":\"Microsoft Graph\",\"resourceId\":\"00000003-0000-0000-c000-000000000000\",\
         \"status\":{{\"errorCode\":{},\"failureReason\":\"Other.\",\"additionalDetails\":\"MFA requirement satisfied by claim in the token\"}},\
         \"deviceDetail\":{{\"deviceId\":\"{}\",\"displayName\":\"TF-WS-{user:04}\",\"operatingSystem\":\"Windows 11\",\"browser\":\"Edge 139.0.0\",\
         \"isCompliant\":true,\"isManaged\":true,\"trustType\":\"Hybrid Azure AD joined\"}},\"location\":{{\"city\":\"Tarnfield\",\
         \"state\":\"Northshire\",\"countryOrRegion\":\"GB\",\"geoCoordinates\":{{\"altitude\":null,\"latitude\":53.{},\"longitude\":-2.{}}}}},\
         \"appliedConditionalAccessPolicies\":[{{\"id\":\"{}\",\"displayName\":\"Require MFA\",\"enforcedGrantControls\":[\"Mfa\"],\
         \"enforcedSessionControls\":[],\"result\":\"success\"}}]}}",
        id(),
        rfc3339(at(number)),
        id(),
        id(),
        fastrand::u8(..),
        id(),
        [0, 0, 0, 50_126][fastrand::usize(..4)],
        id(),
        fastrand::u32(..100_000),
        fastrand::u32(..100_000),
        id(),
    )
}

/// A server of the pages and of tokens. It ends with the bench.
struct Server(Child);

impl Server {
    fn start(folder: &Path, port: u16) -> Option<Self> {
        let [root, certificate, key] = certificates();
        let (leaf, key_file) = (folder.join("leaf.pem"), folder.join("key.pem"));
        std::fs::write(folder.join("ca.pem"), root).unwrap();
        std::fs::write(&leaf, &certificate).unwrap();
        std::fs::write(&key_file, &key).unwrap();
        let page = "map $args $page { default none; \"~skiptoken=(?<number>[0-9]+)\" $number; \"~%20le%20(?<end>[0-9TZ:.-]+)\" $end; }";
        let location = format!(
            "location = {LIST} {{ types {{ }} default_type application/json; keepalive_requests 100000; try_files /pages/$page.json =404; }}"
        );
        let child = nginx(folder, port, [&leaf, &key_file], page, &location)?;
        await_port(port);
        Some(Self(child))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _status = self.0.wait();
    }
}
