//! Random bytes that are the same in every run.

use std::cell::Cell;

/// Random bytes that are the same in every run (SplitMix64). Good for nothing but tests.
#[derive(Debug)]
pub struct SeededRandom(Cell<u64>);

impl SeededRandom {
    /// The sequence of this seed.
    pub fn new(seed: u64) -> Self {
        Self(Cell::new(seed))
    }

    /// The sequence of this name: two tests on one store do not share identifiers.
    pub fn of_name(name: &str) -> Self {
        // FNV-1a.
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self::new(hash)
    }

    /// The next `N` bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        for chunk in bytes.chunks_mut(8) {
            let word = self.word().to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
        bytes
    }

    fn word(&self) -> u64 {
        let state = self.0.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.0.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_and_two_names_differ() {
        let first: [u8; 16] = SeededRandom::new(7).bytes();
        assert_eq!(first, SeededRandom::new(7).bytes::<16>());
        let random = SeededRandom::new(7);
        assert_ne!(random.bytes::<16>(), random.bytes::<16>());
        let [a, b] = ["a", "b"].map(|name| SeededRandom::of_name(name).bytes::<16>());
        assert_ne!(a, b);
    }
}
