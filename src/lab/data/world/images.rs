//! The programs and modules that run in the company, each with one version: its hashes are the same wherever it shows up.

use super::fields;
use crate::lab::data::chance::{digest, mix};
use std::fmt;

/// An executable file or a module.
#[derive(Clone, Debug)]
pub(in crate::lab::data) struct Image {
    pub(in crate::lab::data) file: &'static str,
    pub(in crate::lab::data) path: &'static str,
    pub(in crate::lab::data) company: &'static str,
    pub(in crate::lab::data) product: &'static str,
    pub(in crate::lab::data) version: &'static str,
    pub(in crate::lab::data) description: &'static str,
    pub(in crate::lab::data) size: Option<i64>,
    pub(in crate::lab::data) hash: Hash,
    /// SHA-1, SHA-256 and MD5 as texts, because they are written so often.
    pub(in crate::lab::data) hashes: [String; 3],
    /// Its name when it was built; empty where it has no version information.
    pub(in crate::lab::data) original: &'static str,
}

/// What decides a file's three hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::lab::data) struct Hash(u64);

impl Image {
    pub(in crate::lab::data) fn internal(&self) -> &'static str {
        self.original.split('.').next().unwrap_or_default()
    }
}

impl Hash {
    /// Returns that of a file, which its name alone decides.
    pub(in crate::lab::data) fn of(file: &str) -> Self {
        Self(digest(file))
    }

    fn texts(self) -> [String; 3] {
        let write = |kind: fn(Self, &mut String) -> fmt::Result| {
            let mut text = String::new();
            let written = kind(self, &mut text);
            debug_assert!(written.is_ok(), "a String takes everything");
            text
        };
        [write(Self::sha1), write(Self::sha256), write(Self::md5)]
    }

    pub(in crate::lab::data) fn md5(self, out: &mut impl fmt::Write) -> fmt::Result {
        write!(out, "{:016x}{:016x}", mix(self.0 ^ 0x1d5), mix(self.0 ^ 0x2d5))
    }

    pub(in crate::lab::data) fn sha1(self, out: &mut impl fmt::Write) -> fmt::Result {
        write!(out, "{:016x}{:016x}{:08x}", mix(self.0 ^ 0x151), mix(self.0 ^ 0x251), mix(self.0 ^ 0x351) >> 32)
    }

    pub(in crate::lab::data) fn sha256(self, out: &mut impl fmt::Write) -> fmt::Result {
        (1..=4).try_for_each(|part| write!(out, "{:016x}", mix(self.0 ^ (part << 8))))
    }
}

pub(super) fn all() -> Vec<Image> {
    fields(include_str!("../script/images.txt")).filter_map(|row| image(&row)).collect()
}

fn image(row: &[&'static str]) -> Option<Image> {
    let &[file, path, company, product, version, description, size, ref renamed @ ..] = row else { return None };
    let original = match renamed.first() {
        Some(original) => original,
        None if company.is_empty() => "",
        None => file,
    };
    let hash = Hash::of(file);
    Some(Image { file, path, company, product, version, description, size: size.parse().ok(), hash, hashes: hash.texts(), original })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_have_their_lengths_and_stay() {
        let hash = Hash::of("cmd.exe");
        assert_eq!(hash, Hash::of("CMD.EXE"));
        assert_eq!(hash.texts().map(|text| text.len()), [40, 64, 32]);
        assert!(all().len() > 80);
    }
}
