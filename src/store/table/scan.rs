//! Looks for the first of a few marks in a text, eight bytes at a time: most texts of a row are so short that calling a vector search takes
//! longer than the search. What is long is left to memchr.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// From so many bytes on a vector search wins.
const LONG: usize = 64;

/// Returns where a string of JSON ends or escapes: the first `"` or `\`.
#[inline]
pub(super) fn quote_or_escape(bytes: &[u8]) -> Option<usize> {
    first(*b"\"\\", bytes, |rest| memchr::memchr2(b'"', b'\\', rest))
}

/// Returns the first `\`.
#[inline]
pub(super) fn escape(bytes: &[u8]) -> Option<usize> {
    first(*b"\\", bytes, |rest| memchr::memchr(b'\\', rest))
}

/// Returns the first byte of a string of JSON that CSV cannot take as it stands.
#[inline]
pub(super) fn not_for_csv(bytes: &[u8]) -> Option<usize> {
    first(*b"\\,\r", bytes, |rest| memchr::memchr3(b'\\', b',', b'\r', rest))
}

#[inline]
fn first<const N: usize>(marks: [u8; N], bytes: &[u8], long: impl Fn(&[u8]) -> Option<usize>) -> Option<usize> {
    let mut at = 0;
    while let Some(word) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        if at >= LONG {
            return long(bytes.get(at..)?).map(|found| at + found);
        }
        let word = u64::from_le_bytes(*word);
        let hits = marks.iter().fold(0, |hits, mark| hits | equal(word, *mark));
        if hits != 0 {
            return Some(at + (hits.trailing_zeros() / 8) as usize);
        }
        at += 8;
    }
    bytes.get(at..)?.iter().position(|byte| marks.contains(byte)).map(|found| at + found)
}

/// Marks, by their high bit, the bytes of a word that are `byte`. Only the lowest mark is sure: a borrow may mark a byte above it.
#[inline]
fn equal(word: u64, byte: u8) -> u64 {
    let differs = word ^ (ONES * u64::from(byte));
    differs.wrapping_sub(ONES) & !differs & HIGH
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn finds_what_a_plain_search_finds(bytes in proptest::collection::vec(prop_oneof![8 => any::<u8>(), 1 => Just(b'"'), 1 => Just(b'\\'), 1 => Just(b',')], 0..200), skip in 0..8_usize) {
            let bytes = &bytes[skip.min(bytes.len())..];
            let plain = |marks: &[u8]| bytes.iter().position(|byte| marks.contains(byte));
            prop_assert_eq!(quote_or_escape(bytes), plain(b"\"\\"));
            prop_assert_eq!(escape(bytes), plain(b"\\"));
            prop_assert_eq!(not_for_csv(bytes), plain(b"\\,\r"));
        }

        #[test]
        fn finds_the_first_of_many_in_long_texts(length in 0..150_usize, more in 0..20_usize) {
            let bytes = [vec![b'x'; length], vec![b'\\'; 1], vec![b'"'; more]].concat();
            prop_assert_eq!((quote_or_escape(&bytes), escape(&bytes)), (Some(length), Some(length)));
        }
    }
}
