//! What only shows at a terminal: a password that is asked for and never shown, and the note that a token is on the screen.
//!
//! The terminal is made by Python; without it, or on Windows, this is skipped, loudly.

#![cfg(unix)]

use crate::support::site::Site;
use std::process::{Command, Stdio};

/// Runs a program at a terminal of its own and types each answer when its question is there; half a second later, as no person is
/// faster, since the terminal is told to hide it after the question is shown. What it wrote to standard error goes
/// to the file that the first argument names, and all else to standard output.
const TERMINAL: &str = r#"
import json, os, pty, sys, time
errors, questions, program = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3:]
child, terminal = pty.fork()
if child == 0:
    os.dup2(os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 2)
    os.execv(program[0], program)
shown, from_here = b"", 0
while True:
    try:
        data = os.read(terminal, 65536)
    except OSError:
        break
    if not data:
        break
    shown += data
    if questions and questions[0][0].encode() in shown[from_here:]:
        from_here = len(shown)
        time.sleep(0.5)
        os.write(terminal, questions.pop(0)[1].encode())
sys.stdout.buffer.write(shown)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"#;

struct Shown {
    code: i32,
    screen: String,
    errors: String,
}

fn at_a_terminal(site: &Site, arguments: &[&str], answers: &[(&str, &str)]) -> Option<Shown> {
    let there = Command::new("python3").arg("--version").output().is_ok_and(|output| output.status.success());
    if !there {
        eprintln!("SKIPPED: there is no `python3` to make a terminal with");
        return None;
    }
    let plain = site.command(arguments);
    let errors = site.bench.path("errors.txt");
    let mut command = Command::new("python3");
    command.args(["-c", TERMINAL]).arg(&errors).arg(serde_json::to_string(answers).unwrap()).arg(plain.get_program());
    command.args(plain.get_args()).env_clear().current_dir(plain.get_current_dir().unwrap());
    command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let errors = text(&std::fs::read(&errors).unwrap_or_default()) + &text(&output.stderr);
    Some(Shown { code: output.status.code().unwrap_or(-1), screen: text(&output.stdout), errors })
}

const QUESTION: &str = "app.pfx: ";

fn with_a_sealed_file() -> Site {
    let site = Site::shared().credential(r#"certificate_file = "app.pfx""#);
    site.bench.write_private("lab/app.pfx", crate::matrix::pfx("ir-app"));
    site
}

#[test]
fn a_password_that_nobody_named_is_asked_for_and_not_shown() {
    let site = with_a_sealed_file();
    let password = crate::matrix::PASSWORD;
    let answers = [(QUESTION, "a wrong one\n"), (QUESTION, &format!("{password}\n"))];
    let Some(shown) = at_a_terminal(&site, &["token", "--api", "graph"], &answers) else { return };
    assert_eq!(shown.code, 0, "{}\n{}", shown.screen, shown.errors);
    assert!(shown.screen.contains("password of ") && shown.screen.contains("eyJ"), "{}", shown.screen);
    assert_eq!(shown.errors.matches("that is not its password").count(), 1, "{}", shown.errors);
    for hidden in [password, "a wrong one"] {
        assert!(!shown.screen.contains(hidden) && !shown.errors.contains(hidden), "{}", shown.screen);
    }
}

#[test]
fn three_wrong_passwords_are_enough_and_ctrl_c_ends_it() {
    let site = with_a_sealed_file();
    let Some(shown) = at_a_terminal(&site, &["token", "--api", "graph"], &[(QUESTION, "x\n"); 3]) else { return };
    assert_eq!(shown.code, 3, "{}", shown.errors);
    assert!(shown.errors.contains("CertificatePasswordNeeded"), "{}", shown.errors);
    let Some(shown) = at_a_terminal(&site, &["token", "--api", "graph"], &[(QUESTION, "\u{3}")]) else { return };
    assert_eq!(shown.code, 130, "{}", shown.errors);
}

#[test]
fn a_token_on_the_screen_is_noted() {
    let site = Site::shared();
    let Some(shown) = at_a_terminal(&site, &["token", "--api", "graph"], &[]) else { return };
    assert!(shown.screen.contains("eyJ") && shown.errors.contains("this is a secret on your screen"), "{} {}", shown.errors, shown.screen);
    let Some(claims) = at_a_terminal(&site, &["token", "--api", "graph", "--claims"], &[]) else { return };
    assert!(claims.code == 0 && !claims.errors.contains("secret on your screen"), "{}", claims.errors);
    let piped = site.run(&["token", "--api", "graph"]).expect(0);
    assert_eq!(piped.stderr, "", "nothing is said where a program reads");
}
