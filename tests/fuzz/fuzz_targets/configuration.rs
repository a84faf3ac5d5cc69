//! Configuration files: each is resolved to the end, or refused with a place in it.

#![no_main]

use ircollect::{
    cli::Global,
    settings::{self, Env},
};
use libfuzzer_sys::fuzz_target;
use std::sync::OnceLock;

fuzz_target!(|text: &str| {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| tempfile::tempdir().expect("a folder"));
    let path = folder.path().join("ircollect.toml");
    std::fs::write(&path, text).expect("a file");
    let global = Global { config: Some(path), all_profiles: true, ..Global::default() };
    if let Err(error) = settings::resolve(&global, &Env::default(), folder.path()) {
        assert!(!error.message().is_empty());
    }
});
