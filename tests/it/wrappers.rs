//! The wrappers of `examples` as their users run them: bash, Python and PowerShell against the lab, failures included.

#![cfg(unix)]

use crate::support::{
    shared,
    site::{Site, generous},
};
use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

fn example(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(path)
}

/// Whether a program is here; says so loudly where it is not.
fn is_here(program: &str) -> bool {
    let here = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !here {
        eprintln!("SKIPPED: no `{program}` here");
    }
    here
}

struct Outcome {
    code: i32,
    stdout: String,
    stderr: String,
}

/// Runs a program with the variables of somebody who sourced `lab.env`, and ircollect on the PATH.
fn run(site: &Site, program: &str, arguments: &[&str]) -> Outcome {
    let like = site.command(&[]);
    let mut command = Command::new(program);
    command.args(arguments).current_dir(site.bench.folder.path()).env_clear();
    command.envs(like.get_envs().filter_map(|(key, value)| Some((key, value?))));
    let own = Path::new(env!("CARGO_BIN_EXE_ircollect")).parent().unwrap();
    let path = format!("{}:{}", own.display(), std::env::var("PATH").unwrap_or_default());
    let output = command.env("PATH", path).stdin(Stdio::null()).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Outcome { code: output.status.code().unwrap_or(-1), stdout: text(&output.stdout), stderr: text(&output.stderr) }
}

fn is_well_counted(text: &str) {
    let lines: Vec<(u64, &str)> =
        text.lines().map(|line| line.split_once('\t').unwrap()).map(|(n, who)| (n.parse().unwrap(), who)).collect();
    assert!(lines.len() > 1 && lines.iter().all(|(count, who)| *count >= 10 && !who.is_empty()), "{text}");
    assert!(lines.is_sorted_by(|one, other| one.0 >= other.0), "{text}");
}

#[test]
fn bash_gives_a_query_by_standard_input() {
    if !is_here("jq") {
        return;
    }
    let site = Site::shared();
    let script = example("bash/failed-logons.sh").display().to_string();
    let outcome = run(&site, "bash", &[&script, "10"]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""), "{}", outcome.stdout);
    is_well_counted(&outcome.stdout);
    let failed = run(&site, "bash", &[&script, "10", "--profile", "nobody"]);
    assert!(failed.code == 2 && failed.stderr.contains("nobody"), "{}: {}", failed.code, failed.stderr);
}

#[test]
fn python_yields_rows_and_raises_codes() {
    if !is_here("python3") {
        return;
    }
    let site = Site::shared();
    let outcome = run(&site, "python3", &[&example("python/failed_logons.py").display().to_string(), "10"]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""), "{}", outcome.stdout);
    is_well_counted(&outcome.stdout);
    let program = format!(
        r#"
import sys
sys.path.insert(0, {folder:?})
import ircollect
found = list(ircollect.hunt('declare query_parameters(names:dynamic); DeviceProcessEvents | where FileName in~ (names) and ProcessCommandLine has "o\'connor"', parameters={{"names": ["powershell.exe", "pwsh.exe"]}}))
print(len(found), "o'connor.csv" in found[0]["ProcessCommandLine"], type(found[0]["ReportId"]).__name__)
found = list(ircollect.hunt('declare query_parameters(who:string); print Who = who', parameters={{"who": "@\"o'connor\" \\ ü"}}))
print(found)
for wrong in ["DeviceInfoo | take 1", "DeviceInfo | tak 1"]:
    try:
        list(ircollect.hunt(wrong))
    except ircollect.IrCollectError as error:
        print(error.code, error.exit, bool(error.hint))
try:
    list(ircollect.hunt("DeviceInfo", profile="nobody"))
except ircollect.IrCollectError as error:
    print(error.exit, "nobody" in str(error))
print(ircollect.token("graph").count("."))
"#,
        folder = example("python").display().to_string()
    );
    let outcome = run(&site, "python3", &["-B", "-c", &program]);
    let expected = "1 True int\n[{'Who': '@\"o\\'connor\" \\\\ ü'}]\nBadRequest 5 True\nBadRequest 5 True\n2 True\n2\n";
    assert_eq!((outcome.code, outcome.stdout.as_str()), (0, expected), "{}", outcome.stderr);
}

#[test]
fn python_says_what_is_missing() {
    if !is_here("python3") {
        return;
    }
    let mut options = generous();
    options.caps = "rows=100".parse().unwrap();
    let site = Site::new(options);
    let program = format!(
        "import sys\nsys.path.insert(0, {:?})\nimport ircollect\nrows = 0\ntry:\n  for row in ircollect.hunt('DeviceProcessEvents | top 5000 by Timestamp'):\n    rows += 1\nexcept ircollect.Incomplete as error:\n  print(rows > 0, error.exit, len(error.hint) > 0)\n",
        example("python").display().to_string()
    );
    let outcome = run(&site, "python3", &["-B", "-c", &program]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (0, "True 6 True\n"), "{}", outcome.stderr);
}

#[test]
fn powershell_gives_objects_and_throws_codes() {
    if !is_here("pwsh") {
        return;
    }
    let site = Site::shared();
    let module = example("powershell/IrCollect").display().to_string();
    let query = example("queries/encoded-powershell.kql").display().to_string();
    let script = site.bench.write(
        "module.ps1",
        format!(
            r#"
$ErrorActionPreference = 'Stop'
Import-Module '{module}'
$rows = Invoke-IrHunt -Path '{query}'
"$($rows.Count) $($rows[0].DeviceName)"
$rows = Invoke-IrHunt -Query 'declare query_parameters(names:dynamic); DeviceProcessEvents | where FileName in~ (names) and ProcessCommandLine has "connor"' -Parameter @{{ names = 'powershell.exe', 'pwsh.exe' }}
"$(@($rows).Count)"
try {{ Invoke-IrHunt -Query 'DeviceInfoo | take 1' }} catch {{ "$($_.Exception.Data['Code']) $([bool] $_.Exception.Data['Hint'])" }}
try {{ Invoke-IrHunt -Query 'DeviceInfo' -ProfileName nobody }} catch {{ $_.FullyQualifiedErrorId }}
"$((Get-IrToken -Api graph -AsHeader).Authorization.StartsWith('Bearer '))"
"$(Test-IrCollect -Quiet) $(@(Test-IrCollect).Count -gt 5)"
"#
        ),
    );
    let outcome = run(&site, "pwsh", &["-NoProfile", "-NonInteractive", "-File", &script.display().to_string()]);
    assert_eq!(outcome.code, 0, "{}{}", outcome.stdout, outcome.stderr);
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    assert_eq!(lines, ["4 tf-ws-017.tarnfield.example", "1", "BadRequest True", "Usage", "True", "True True"], "{}", outcome.stderr);
}

#[test]
fn powershell_is_sound_as_far_as_a_parser_sees() {
    let Some(checker) = shared("oracles/ps-syntax.py") else { return };
    let home = crate::support::oracle_home();
    let python = home.join("py/v/bin/python");
    if !python.exists() {
        eprintln!("SKIPPED: no parser of PowerShell in {}", home.display());
        return;
    }
    for file in ["powershell/IrCollect/IrCollect.psm1", "powershell/IrCollect/IrCollect.psd1", "powershell/Register-IrTask.ps1"] {
        let output = Command::new(&python).arg(&checker).arg(example(file)).output().unwrap();
        assert!(output.status.success(), "{file}: {}", String::from_utf8_lossy(&output.stdout));
    }
}
