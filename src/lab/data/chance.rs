//! Repeatable chance: the same seed gives the same company on every machine and with every version of every crate.
//!
//! Not for secrets, and not spread evenly enough for statistics.

/// A stream of numbers that a seed decides.
#[derive(Clone, Debug)]
pub(super) struct Chance {
    state: u64,
}

impl Chance {
    pub(super) fn new(seed: u64, purpose: &str) -> Self {
        Self { state: mix(seed ^ digest(purpose)) }
    }

    pub(super) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.state)
    }

    /// Returns a number below `limit`, 0 where that is 0.
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    pub(super) fn index(&mut self, len: usize) -> usize {
        at(self.next(), len)
    }

    pub(super) fn between(&mut self, from: i64, to: i64) -> i64 {
        from + (self.next() >> 1).cast_signed() % (to - from).max(1)
    }

    pub(super) fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }

    pub(super) fn salt(&mut self) -> u32 {
        low(self.next())
    }
}

/// Returns the low half.
pub(super) fn low(value: u64) -> u32 {
    u32::try_from(value & 0xffff_ffff).unwrap_or(0)
}

/// Returns an index below `len` that `value` decides, 0 where `len` is 0.
pub(super) fn at(value: u64, len: usize) -> usize {
    usize::try_from(value % u64::try_from(len).unwrap_or(1).max(1)).unwrap_or(0)
}

/// Scatters a number: the finalizer of `SplitMix64`.
pub(super) fn mix(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// Returns a number that the text decides, whatever the case of its ASCII letters: FNV-1a, scattered.
pub(super) fn digest(text: &str) -> u64 {
    let fold = |hash: u64, byte: u8| (hash ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(0x0100_0000_01b3);
    mix(text.bytes().fold(0xcbf2_9ce4_8422_2325, fold))
}

/// Returns a GUID's text that `value` decides, of the form of a random one.
pub(super) fn guid(value: u64) -> String {
    let (high, rest) = (mix(value ^ 0x6775), mix(value ^ 0x6964));
    let variant = 0x8000 | (rest >> 48) & 0x3fff;
    format!("{:08x}-{:04x}-4{:03x}-{variant:04x}-{:012x}", high >> 32, (high >> 16) & 0xffff, high & 0xfff, rest & 0xffff_ffff_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_itself() {
        let draw = |seed| Chance::new(seed, "test").next();
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }

    #[test]
    fn guids_have_the_form_of_random_ones() {
        let text = guid(7);
        assert_eq!(uuid::Uuid::parse_str(&text).unwrap().get_version_num(), 4);
    }
}
