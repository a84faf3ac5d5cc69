//! Encodings and hashes.

use super::super::value::Value;
use super::super::{json, numbers};
use super::cells::{Json, Made, Text, map1, rewrite};
use super::{Args, Entry, Outcome, entry, sure};
use crate::kql::ast::TypeName;
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

pub(super) const FUNCTIONS: &[Entry] = &[
    sure("base64_encode_tostring", 1, 1, encode),
    sure("base64_encodestring", 1, 1, encode),
    sure("base64_decode_tostring", 1, 1, decode),
    sure("base64_decodestring", 1, 1, decode),
    sure("base64_decode_toarray", 1, 1, decode_bytes),
    sure("base64_encode_fromarray", 1, 1, encode_bytes),
    entry("hash", 1, 2, hash),
    entry("hash_xxhash64", 1, 2, hash),
    sure("hash_sha256", 1, 1, sha256),
];

/// Padding is not insisted on: what stands in command lines is often cut.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent).with_decode_allow_trailing_bits(true),
);

fn encode(args: &Args) -> Value {
    rewrite("base64_encode_tostring", "", args.text(0), |text, out| LENIENT.encode_string(text, out))
}

/// What is not UTF-8 becomes the empty text, as in the service.
fn decode(args: &Args) -> Value {
    map1::<Text, String>("base64_decode_tostring", "", TypeName::String, args.text(0), |text| {
        String::from_utf8(LENIENT.decode(text.trim()).ok()?).ok()
    })
}

fn decode_bytes(args: &Args) -> Value {
    map1::<Text, Made>("base64_decode_toarray", "", TypeName::Dynamic, args.text(0), |text| {
        Some(Made(json::array(LENIENT.decode(text.trim()).ok()?.iter().map(u8::to_string))))
    })
}

fn encode_bytes(args: &Args) -> Value {
    map1::<Json, String>("base64_encode_fromarray", "", TypeName::String, args.json(0), |list| {
        let bytes = json::elements(list)?.map(|item| item.parse::<u8>().ok()).collect::<Option<Vec<_>>>()?;
        Some(LENIENT.encode(bytes))
    })
}

fn sha256(args: &Args) -> Value {
    rewrite("hash_sha256", "", args.text(0), |text, out| {
        for byte in Sha256::digest(text.as_bytes()) {
            // Writing to a string cannot fail.
            let _ = write!(out, "{byte:02x}");
        }
    })
}

fn hash(args: &Args) -> Outcome {
    let modulus = args.constant_long(1, 0)?;
    if modulus < 0 {
        return Err("the modulus must be positive".to_owned());
    }
    Ok(map1::<Text, i64>("hash", modulus.to_string(), TypeName::Long, args.text(0), move |text| {
        let value = xxh64(text.as_bytes());
        Some(if modulus == 0 { value.cast_signed() } else { numbers::count(usize::try_from(value % modulus.unsigned_abs()).unwrap_or(0)) })
    }))
}

const P1: u64 = 0x9E37_79B1_85EB_CA87;
const P2: u64 = 0xC2B2_AE3D_27D4_EB4F;
const P3: u64 = 0x1656_67B1_9E37_79F9;
const P4: u64 = 0x85EB_CA77_C2B2_AE63;
const P5: u64 = 0x27D4_EB2F_1656_67C5;

fn read_u64(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte))
}

fn round(sum: u64, input: u64) -> u64 {
    sum.wrapping_add(input.wrapping_mul(P2)).rotate_left(31).wrapping_mul(P1)
}

/// xxHash64 with seed 0, by its specification.
fn xxh64(bytes: &[u8]) -> u64 {
    let stripes = bytes.chunks_exact(32);
    let tail = stripes.remainder();
    let mut sum = if bytes.len() >= 32 { long_sum(stripes) } else { P5 };
    sum = sum.wrapping_add(bytes.len() as u64);
    finish(tail, sum)
}

fn long_sum(stripes: std::slice::ChunksExact<'_, u8>) -> u64 {
    let mut lanes = [P1.wrapping_add(P2), P2, 0, 0_u64.wrapping_sub(P1)];
    for stripe in stripes {
        for (lane, part) in lanes.iter_mut().zip(stripe.chunks_exact(8)) {
            *lane = round(*lane, read_u64(part));
        }
    }
    let turns = [1, 7, 12, 18];
    let sum = lanes.iter().zip(turns).fold(0_u64, |sum, (lane, turn)| sum.wrapping_add(lane.rotate_left(turn)));
    lanes.iter().fold(sum, |sum, &lane| (sum ^ round(0, lane)).wrapping_mul(P1).wrapping_add(P4))
}

fn finish(tail: &[u8], mut sum: u64) -> u64 {
    let words = tail.chunks_exact(8);
    let mut rest = words.remainder();
    for word in words {
        sum = (sum ^ round(0, read_u64(word))).rotate_left(27).wrapping_mul(P1).wrapping_add(P4);
    }
    if let Some((word, after)) = rest.split_at_checked(4) {
        sum = (sum ^ read_u64(word).wrapping_mul(P1)).rotate_left(23).wrapping_mul(P2).wrapping_add(P3);
        rest = after;
    }
    for &byte in rest {
        sum = (sum ^ u64::from(byte).wrapping_mul(P5)).rotate_left(11).wrapping_mul(P1);
    }
    sum = (sum ^ (sum >> 33)).wrapping_mul(P2);
    sum = (sum ^ (sum >> 29)).wrapping_mul(P3);
    sum ^ (sum >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xxh64_gives_the_published_values() {
        assert_eq!(xxh64(b""), 0xEF46_DB37_51D8_E999);
        assert_eq!(xxh64(b"abc"), 0x44BC_2CF5_AD77_0999);
        assert_eq!(xxh64(b"Nobody inspects the spammish repetition"), 0xFBCE_A83C_8A37_8BF1);
    }
}
