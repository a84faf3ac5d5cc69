//! Answers of the token service: whatever they hold, a token or an error comes of them, and the error shows no token.

#![no_main]

use ircollect::{identity, secret::SecretBytes};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u16, Vec<u8>)| {
    let (status, body) = input;
    let status = if status % 2 == 0 { 200 } else { 400 + status % 200 };
    match identity::read_answer(status, SecretBytes::new(body)) {
        Ok(token) => drop(identity::claims(token.secret())),
        Err(error) => assert!(!error.message().is_empty()),
    }
});
