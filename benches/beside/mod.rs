//! What benches beside another program have in common: timed commands, medians, certificates, nginx.

use std::{
    fmt::Write as _,
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

pub(crate) fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[derive(Clone, Copy)]
pub(crate) struct Run {
    pub(crate) wall: Duration,
    pub(crate) peak: u64,
}

/// Prints the median of the runs, and returns its seconds.
pub(crate) fn show(name: &str, runs: &[Run], against: Option<(f64, f64)>) -> f64 {
    let mut walls: Vec<f64> = runs.iter().map(|run| run.wall.as_secs_f64()).collect();
    walls.sort_by(f64::total_cmp);
    let (median, peak) = (walls[walls.len() / 2], peak(runs));
    let mut line = format!("{name:<40} {median:>7.3} s  (least {:.3})  peak {:>4} MiB", walls[0], peak >> 20);
    if let Some((yardstick, goal)) = against {
        let _ = write!(line, "  {:.2} x", median / yardstick);
        if goal.is_finite() {
            let _ = write!(line, "  (goal {goal:.2}: {})", if median / yardstick <= goal { "met" } else { "MISSED" });
        }
    }
    println!("{line}");
    median
}

/// Returns the most memory that any of the runs had.
pub(crate) fn peak(runs: &[Run]) -> u64 {
    runs.iter().map(|run| run.peak).max().unwrap_or_default()
}

/// Runs a command, watching the most memory it has.
pub(crate) fn timed(command: &mut Command) -> Run {
    let began = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        peak = high_water_mark(child.id()).unwrap_or(peak);
        std::thread::sleep(Duration::from_millis(2));
    }
    let wall = began.elapsed();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Run { wall, peak }
}

fn high_water_mark(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes << 10)
}

/// A root, and a certificate and key below it.
pub(crate) fn certificates() -> [String; 3] {
    let root_key = rcgen::KeyPair::generate().unwrap();
    let mut root = rcgen::CertificateParams::default();
    root.distinguished_name.push(rcgen::DnType::CommonName, "bench root");
    root.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let root_pem = root.self_signed(&root_key).unwrap().pem();
    let issuer = rcgen::Issuer::new(root, root_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let leaf = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    [root_pem, leaf.pem(), key.serialize_pem()]
}

/// What answers every request for a token.
pub(crate) fn token() -> String {
    "{\"token_type\":\"Bearer\",\"expires_in\":3599,\"access_token\":\"opaque-token\"}".to_owned()
}

/// Starts nginx, where there is one: `http` stands beside the server, `locations` in it.
pub(crate) fn nginx(folder: &Path, port: u16, [certificate, key]: [&Path; 2], http: &str, locations: &str) -> Option<Child> {
    let at = folder.display();
    let configuration = format!(
        "daemon off;\nmaster_process off;\npid {at}/nginx.pid;\nerror_log {at}/nginx.log;\nuser root;\nworker_processes 1;\nevents {{ }}\nhttp {{\n\
         access_log off;\nsendfile on;\nclient_body_temp_path {at}/b;\nproxy_temp_path {at}/p;\nfastcgi_temp_path {at}/f;\nuwsgi_temp_path {at}/u;\n\
         scgi_temp_path {at}/s;\n{http}\nserver {{\nlisten 127.0.0.1:{port} ssl;\nssl_certificate {};\nssl_certificate_key {};\nroot {at};\n\
         {locations}\nlocation / {{ default_type application/json; return 200 '{}'; }}\n}}\n}}\n",
        certificate.display(),
        key.display(),
        token()
    );
    let file = folder.join("nginx.conf");
    std::fs::write(&file, configuration).unwrap();
    Command::new("nginx").arg("-c").arg(&file).stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()
}

/// Serves TLS from a thread of this process.
pub(crate) fn serve(port: u16, certificate: String, key: String, router: axum::Router) {
    std::thread::spawn(move || {
        let _installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let tls = axum_server::tls_rustls::RustlsConfig::from_pem(certificate.into_bytes(), key.into_bytes()).await.unwrap();
            axum_server::bind_rustls(SocketAddr::from(([127, 0, 0, 1], port)), tls).serve(router.into_make_service()).await.unwrap();
        });
    });
}

/// Waits until somebody listens.
pub(crate) fn await_port(port: u16) {
    for _ in 0..200 {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("the server does not start");
}
