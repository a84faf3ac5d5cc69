//! A server on loopback that records what it is asked and answers as a test tells it: HTTP, or TLS under a throw-away root.

use openssl::{
    asn1::Asn1Time,
    bn::BigNum,
    hash::MessageDigest,
    pkey::{PKey, Private},
    rsa::Rsa,
    ssl::{SslAcceptor, SslMethod},
    x509::{
        X509, X509Builder, X509NameBuilder,
        extension::{BasicConstraints, SubjectAlternativeName},
    },
};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    time::Duration,
};

/// A request as it came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn form(&self) -> Vec<(String, String)> {
        url::form_urlencoded::parse(self.body.as_bytes()).into_owned().collect()
    }

    pub(crate) fn field(&self, name: &str) -> Option<String> {
        self.form().into_iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    cut: bool,
    late: Duration,
}

impl Reply {
    pub(crate) fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::text(status, "application/json; charset=utf-8", &body.to_string())
    }

    pub(crate) fn text(status: u16, kind: &str, body: &str) -> Self {
        Self::bytes(status, kind, body.as_bytes().to_vec())
    }

    pub(crate) fn bytes(status: u16, kind: &str, body: Vec<u8>) -> Self {
        let headers = vec![("Content-Type".to_owned(), kind.to_owned())];
        Self { status, headers, body, cut: false, late: Duration::ZERO }
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Ends the connection in the middle of the body.
    pub(crate) fn cut(mut self) -> Self {
        self.cut = true;
        self
    }

    /// Answers after a while.
    pub(crate) fn late(mut self, by: Duration) -> Self {
        self.late = by;
        self
    }

    fn write(&self, stream: &mut impl Write) -> std::io::Result<()> {
        std::thread::sleep(self.late);
        let mut head = format!("HTTP/1.1 {} X\r\nContent-Length: {}\r\nConnection: close\r\n", self.status, self.body.len());
        for (name, value) in &self.headers {
            head.extend([name, ": ", value, "\r\n"]);
        }
        stream.write_all(format!("{head}\r\n").as_bytes())?;
        let length = if self.cut { self.body.len() / 2 } else { self.body.len() };
        stream.write_all(&self.body[..length])?;
        stream.flush()
    }
}

type Handler = dyn Fn(&Seen, usize) -> Reply + Send + Sync;

/// The server; it serves until the process ends.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    scheme: &'static str,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    /// Serves plain HTTP. The handler gets each request and how many came before it.
    pub(crate) fn http(handler: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static) -> Self {
        Self::start(None, Arc::new(handler))
    }

    /// Serves HTTPS.
    pub(crate) fn https(root: &Root, handler: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static) -> Self {
        Self::start(Some(root.acceptor()), Arc::new(handler))
    }

    fn start(acceptor: Option<SslAcceptor>, handler: Arc<Handler>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let server = Self { address, scheme: if acceptor.is_some() { "https" } else { "http" }, seen: seen.clone() };
        let acceptor = Arc::new(acceptor);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (acceptor, handler, seen) = (acceptor.clone(), handler.clone(), seen.clone());
                std::thread::spawn(move || serve(stream, acceptor.as_ref().as_ref(), &*handler, &seen));
            }
        });
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

fn serve(stream: TcpStream, acceptor: Option<&SslAcceptor>, handler: &Handler, seen: &Mutex<Vec<Seen>>) {
    match acceptor {
        None => answer(stream, handler, seen),
        Some(acceptor) => {
            if let Ok(stream) = acceptor.accept(stream) {
                answer(stream, handler, seen);
            }
        }
    }
}

fn answer(stream: impl Read + Write, handler: &Handler, seen: &Mutex<Vec<Seen>>) {
    let mut reader = BufReader::new(stream);
    let Some(request) = read(&mut reader) else { return };
    let before = {
        let mut seen = seen.lock().unwrap();
        seen.push(request.clone());
        seen.len() - 1
    };
    let _client_may_be_gone = handler(&request, before).write(reader.get_mut());
}

fn read(reader: &mut impl BufRead) -> Option<Seen> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut parts = line.split_whitespace();
    let mut seen = Seen { method: parts.next()?.to_owned(), target: parts.next()?.to_owned(), ..Seen::default() };
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        seen.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = seen.header("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    seen.body = String::from_utf8_lossy(&body).into_owned();
    Some(seen)
}

/// A certificate authority that lives as long as a test.
pub(crate) struct Root {
    key: PKey<Private>,
    certificate: X509,
}

/// Names that the server's certificate is for.
pub(crate) const NAMES: [&str; 4] = ["localhost", "kv-ir.vault.lab.test", "login.lab.test", "login.microsoftonline.com"];

impl Root {
    pub(crate) fn new() -> Self {
        let key = rsa();
        Self { certificate: issue("Test Root", &key, None, true), key }
    }

    pub(crate) fn pem(&self) -> Vec<u8> {
        self.certificate.to_pem().unwrap()
    }

    fn acceptor(&self) -> SslAcceptor {
        let key = rsa();
        let certificate = issue("localhost", &key, Some(self), false);
        let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).unwrap();
        builder.set_private_key(&key).unwrap();
        builder.set_certificate(&certificate).unwrap();
        builder.build()
    }
}

/// A new RSA key.
pub(crate) fn rsa() -> PKey<Private> {
    PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap()
}

/// A certificate by itself, for an application.
pub(crate) fn self_signed(key: &PKey<Private>) -> X509 {
    issue("ir-app", key, None, false)
}

fn issue(subject: &str, key: &PKey<Private>, issuer: Option<&Root>, authority: bool) -> X509 {
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", subject).unwrap();
    let name = name.build();
    let mut builder = X509Builder::new().unwrap();
    builder.set_version(2).unwrap();
    builder.set_serial_number(&BigNum::from_u32(fastrand::u32(1..)).unwrap().to_asn1_integer().unwrap()).unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(issuer.map_or(&name, |root| root.certificate.subject_name())).unwrap();
    builder.set_pubkey(key).unwrap();
    let now = jiff::Timestamp::now().as_second();
    builder.set_not_before(&Asn1Time::from_unix(now - 3_600).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::from_unix(now + 86_400 * 90).unwrap()).unwrap();
    if authority {
        builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
    } else {
        let mut names = SubjectAlternativeName::new();
        for name in NAMES {
            names.dns(name);
        }
        let names = names.ip("127.0.0.1").build(&builder.x509v3_context(issuer.map(|root| &*root.certificate), None)).unwrap();
        builder.append_extension(names).unwrap();
    }
    builder.sign(issuer.map_or(key, |root| &root.key), MessageDigest::sha256()).unwrap();
    builder.build()
}

/// A client that trusts `root`, goes by no proxy and answers `names` with an address.
pub(crate) fn client(root: Option<&Root>, names: &[(&str, SocketAddr)]) -> reqwest::Client {
    let mut builder = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).retry(reqwest::retry::never());
    if let Some(root) = root {
        builder = builder.tls_certs_merge([reqwest::Certificate::from_pem(&root.pem()).unwrap()]);
    }
    for (name, address) in names {
        builder = builder.resolve(name, *address);
    }
    builder.build().unwrap()
}
