//! PFX and PEM files: whatever they hold, an answer or an error comes of them.

#![no_main]

use ircollect::{
    identity::KeyPair,
    secret::{Secret, SecretBytes},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (bool, Vec<u8>)| {
    let (with_password, bytes) = input;
    let password = with_password.then(|| Secret::new("pw"));
    let _any = KeyPair::parse(&SecretBytes::new(bytes), password.as_ref()).map(|pair| pair.certificate().warning(jiff::Timestamp::UNIX_EPOCH));
});
