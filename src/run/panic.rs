//! A fault of our own ends the command with words that help and hold no secret: where it happened, never what it said, since a
//! panic's words may hold whatever was at hand.

use crate::error::Kind;
use std::{
    io::Write,
    panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook},
};

/// Runs the command; a panic in it is told and becomes exit code 1.
pub(super) fn guarded(command: impl FnOnce() -> u8) -> u8 {
    set_hook(Box::new(tell));
    catch_unwind(AssertUnwindSafe(command)).unwrap_or_else(|_| Kind::Failed.exit_code())
}

fn tell(info: &PanicHookInfo<'_>) {
    let place = info.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
    let _closed = writeln!(std::io::stderr().lock(), "{}", words(&place));
}

fn words(place: &str) -> String {
    format!(
        "error: ircollect {} met a fault of its own at {place}\n  hint: what was stored whole stays stored; run the command again with --resume\n  \
         hint: please report it with this line and the command, without its secrets",
        env!("CARGO_PKG_VERSION")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_where_and_never_what() {
        let told = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
        let sink = std::sync::Arc::clone(&told);
        set_hook(Box::new(move |info| sink.lock().unwrap().push_str(&words(&info.location().unwrap().to_string()))));
        let outcome = catch_unwind(|| panic!("the secret is {}", "hunter2"));
        drop(std::panic::take_hook());
        assert!(outcome.is_err());
        let told = told.lock().unwrap().clone();
        assert!(told.contains("src/run/panic.rs:") && !told.contains("hunter2"), "{told}");
    }

    #[test]
    fn a_command_that_ends_well_keeps_its_code() {
        assert_eq!(guarded(|| 6), 6);
        drop(std::panic::take_hook());
    }
}
