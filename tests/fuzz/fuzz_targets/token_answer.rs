//! Answers of the token service: whatever they hold, a token or an error comes of them. The first byte chooses the status.

#![no_main]

use ircollect::{identity, secret::SecretBytes};
use libfuzzer_sys::fuzz_target;

const STATUSES: [u16; 6] = [200, 400, 401, 403, 429, 503];

fuzz_target!(|input: &[u8]| {
    let Some((choice, body)) = input.split_first() else { return };
    let status = STATUSES[usize::from(*choice) % STATUSES.len()];
    match identity::read_answer(status, SecretBytes::new(body.to_vec())) {
        Ok(token) => drop(identity::claims(token.secret())),
        Err(error) => assert!(!error.message().is_empty()),
    }
});
