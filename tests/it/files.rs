//! Files that no compiler sees: workflows, manifests, scripts and configurations are at least of the form that they claim, the manifests can be
//! filled in, and the tree stays tidy.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file of the project outside `src` and `tests`, by its path in it.
fn files(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root().join(folder)).unwrap() {
        let path = entry.unwrap().path();
        let name = path.strip_prefix(root()).unwrap().to_path_buf();
        if path.is_dir() {
            found.extend(files(name.to_str().unwrap()));
        } else {
            found.push(name);
        }
    }
    found.sort();
    found
}

fn all() -> Vec<PathBuf> {
    ["examples", "packaging", ".github", ".ci"].iter().flat_map(|folder| files(folder)).collect()
}

fn of_kind(extensions: &[&str]) -> Vec<(String, String)> {
    let of = |path: &PathBuf| path.extension().is_some_and(|extension| extensions.contains(&extension.to_str().unwrap()));
    let read = |path: PathBuf| (path.display().to_string(), std::fs::read_to_string(root().join(path)).unwrap());
    all().into_iter().filter(of).map(read).collect()
}

#[test]
fn toml_json_and_yaml_can_be_read() {
    for (name, text) in of_kind(&["toml"]) {
        toml::from_str::<toml::Table>(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    for (name, text) in of_kind(&["json"]) {
        serde_json::from_str::<serde_json::Value>(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    let yaml = of_kind(&["yaml", "yml"]);
    assert!(yaml.len() > 4);
    for (name, text) in yaml {
        serde_saphyr::from_str::<serde_json::Value>(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

/// Runs a checker over a file, if the checker is here.
fn checked(program: &str, arguments: &[&str], name: &str) {
    let Ok(output) = Command::new(program).args(arguments).arg(root().join(name)).stdin(Stdio::null()).output() else {
        eprintln!("SKIPPED: no `{program}` to check {name} with");
        return;
    };
    assert!(output.status.success(), "{name}: {}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
}

#[cfg(unix)]
#[test]
fn scripts_can_be_parsed_and_run() {
    use std::os::unix::fs::PermissionsExt;
    let scripts = all().into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "sh") || path.ends_with(".ci/run"));
    for script in scripts {
        let name = script.display().to_string();
        checked("bash", &["-n"], &name);
        let text = std::fs::read_to_string(root().join(&script)).unwrap();
        assert!(text.lines().take(60).any(|line| line.starts_with("set -")), "{name} goes on after a failure");
        assert!(std::fs::metadata(root().join(&script)).unwrap().permissions().mode() & 0o100 != 0, "{name} may not be run");
        if Command::new("shellcheck").arg("--version").stdout(Stdio::null()).status().is_ok() {
            checked("shellcheck", &["--severity=warning"], &name);
        }
    }
    for (name, _) in of_kind(&["py"]) {
        checked("python3", &["-c", "import ast, sys; ast.parse(open(sys.argv[1], encoding='utf-8').read())"], &name);
    }
}

#[cfg(unix)]
#[test]
fn the_manifests_can_be_filled_in() {
    let folder = tempfile::tempdir().unwrap();
    for target in ["x86_64-unknown-linux-musl.tar.gz", "aarch64-unknown-linux-musl.tar.gz", "x86_64-apple-darwin.tar.gz"] {
        std::fs::write(folder.path().join(format!("ircollect-1.2.3-{target}")), target).unwrap();
    }
    for target in ["aarch64-apple-darwin.tar.gz", "x86_64-pc-windows-msvc.zip"] {
        std::fs::write(folder.path().join(format!("ircollect-1.2.3-{target}")), target).unwrap();
    }
    let script = root().join("packaging/manifests.sh");
    let output = Command::new("bash")
        .arg(script)
        .args(["1.2.3", "https://example.org/ircollect", ".", "out"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let read = |name: &str| std::fs::read_to_string(folder.path().join("out").join(name)).unwrap();
    let scoop: serde_json::Value = serde_json::from_str(&read("ircollect.json")).unwrap();
    assert_eq!(scoop["version"], "1.2.3");
    let installer: serde_json::Value = serde_saphyr::from_str(&read("ircollect.installer.yaml")).unwrap();
    let hash = installer["Installers"][0]["InstallerSha256"].as_str().unwrap();
    assert_eq!(hash.to_lowercase(), scoop["architecture"]["64bit"]["hash"].as_str().unwrap());
    assert!(hash.len() == 64 && read("ircollect.rb").contains("https://example.org/ircollect/releases/download/v1.2.3/"));
}

/// The binary itself is a stand-in that runs the tested one: a package of a debug build would take minutes to pack.
#[cfg(target_os = "linux")]
#[test]
fn the_debian_package_has_all_that_belongs_in_it() {
    if Command::new("dpkg-deb").arg("--version").stdout(Stdio::null()).status().is_err() {
        eprintln!("SKIPPED: no `dpkg-deb` here");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let stand_in = folder.path().join("ircollect");
    std::fs::write(&stand_in, format!("#!/bin/sh\nexec '{}' \"$@\"\n", env!("CARGO_BIN_EXE_ircollect"))).unwrap();
    std::fs::set_permissions(&stand_in, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let script = root().join("packaging/debian/build.sh");
    let output = Command::new("bash")
        .arg(script)
        .arg("out")
        .arg(&stand_in)
        .env("SOURCE_DATE_EPOCH", "1790000000")
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let package = String::from_utf8(output.stdout).unwrap();
    let list = Command::new("dpkg-deb").args(["--contents", package.trim()]).output().unwrap();
    let list = String::from_utf8(list.stdout).unwrap();
    for part in
        ["./usr/bin/ircollect", "man1/ircollect-hunt.1.gz", "bash-completion/completions/ircollect", "examples/packs/triage/clicks.kql"]
    {
        assert!(list.contains(part), "no {part} in\n{list}");
    }
    assert!(list.lines().all(|line| line.contains(" root/root ")), "{list}");
}

#[test]
fn the_tree_is_tidy() {
    let known = [
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "Cargo.lock",
        "Cargo.toml",
        "LICENSE",
        "README.md",
        "SECURITY.md",
        "benches",
        "docs",
        "examples",
        "packaging",
        "src",
        "tests",
    ];
    // What others leave in a working copy is theirs: only what the project holds is looked at.
    let Ok(listed) = Command::new("git").args(["ls-files"]).current_dir(root()).output() else {
        eprintln!("SKIPPED: git is not here");
        return;
    };
    for path in String::from_utf8(listed.stdout).unwrap().lines() {
        let name = path.split('/').next().unwrap();
        assert!(name.starts_with('.') || known.contains(&name), "{name} lies about at the top");
    }
}

#[test]
fn nothing_names_the_place_where_it_was_written() {
    let place = env!("CARGO_MANIFEST_DIR");
    for path in all().into_iter().chain(files("docs")) {
        let text = std::fs::read_to_string(root().join(&path)).unwrap_or_default();
        assert!(!text.contains(place), "{}", path.display());
    }
}
