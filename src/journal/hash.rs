//! SHA-256 of bytes and of files, as lower-case hexadecimal digits.

use sha2::{Digest, Sha256};
use std::{fs::File, io, io::Read, path::Path};

/// What `prev` of the first line holds.
pub(crate) const NOTHING_BEFORE: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Big enough that the disk and not the calls set the pace.
const PIECE: usize = 1 << 20;

/// Hashes bytes.
pub(crate) fn of_bytes(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// Hashes what `reader` gives, telling `progress` how many bytes each step took. Returns the length and the hash.
pub(crate) fn of_reader(mut reader: impl Read, progress: &dyn Fn(u64)) -> io::Result<(u64, String)> {
    let (mut hasher, mut length, mut piece) = (Sha256::new(), 0, vec![0; PIECE]);
    loop {
        let read = match reader.read(&mut piece) {
            Ok(0) => return Ok((length, hex::encode(hasher.finalize()))),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other?,
        };
        hasher.update(piece.get(..read).unwrap_or_default());
        length += read as u64;
        progress(read as u64);
    }
}

/// Hashes a file.
pub(crate) fn of_file(path: &Path, progress: &dyn Fn(u64)) -> io::Result<(u64, String)> {
    of_reader(File::open(path)?, progress)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_the_standard() {
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(of_bytes(b"abc"), abc);
        assert_eq!(of_reader(&b"abc"[..], &|_| ()).unwrap(), (3, abc.to_owned()));
    }
}
