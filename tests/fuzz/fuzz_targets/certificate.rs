//! PFX and PEM files: whatever they hold, an answer or an error comes of them. The first byte chooses the password.

#![no_main]

use ircollect::{
    identity::KeyPair,
    secret::{Secret, SecretBytes},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((choice, bytes)) = input.split_first() else { return };
    let password = (choice % 2 == 1).then(|| Secret::new("pw"));
    match KeyPair::parse(&SecretBytes::new(bytes.to_vec()), password.as_ref()) {
        Ok(pair) => drop(pair.certificate().warning(jiff::Timestamp::UNIX_EPOCH)),
        Err(error) => assert!(!error.message().is_empty()),
    }
});
