//! Inputs that are nearly right.

use crate::SeededRandom;

/// What parsers look for, put in where it may hurt.
const TOKENS: [&[u8]; 24] = [
    b"&",
    b"=",
    b"%",
    b"%00",
    b"%0d%0a",
    b"+",
    b".",
    b"..",
    b"/",
    b"//",
    b"\\",
    b"@",
    b":",
    b"#",
    b"?",
    b"\"",
    b"'",
    b"<",
    b"\0",
    b"\r\n",
    b"\xc3\xa9",
    b"\xff",
    b"http://127.0.0.1:1/",
    b"eyJhbGciOiJub25lIn0",
];

/// Makes variations of given inputs, the same ones for the same seed.
#[derive(Debug)]
pub struct Mutator(SeededRandom);

impl Mutator {
    /// Variations that follow from `name`.
    pub fn new(name: &str) -> Self {
        Self(SeededRandom::of_name(name))
    }

    fn below(&self, limit: usize) -> usize {
        let word = u64::from_le_bytes(self.0.bytes());
        usize::try_from(word % limit.max(1) as u64).unwrap()
    }

    /// One to four changes to one of `inputs`.
    pub fn variation(&self, inputs: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = inputs
            .get(self.below(inputs.len()))
            .cloned()
            .unwrap_or_default();
        for _ in 0..=self.below(4) {
            self.change(&mut bytes, inputs);
        }
        bytes.truncate(4096);
        bytes
    }

    fn change(&self, bytes: &mut Vec<u8>, inputs: &[Vec<u8>]) {
        let at = self.below(bytes.len() + 1);
        let until = at + self.below(bytes.len() - at + 1);
        match self.below(6) {
            0 => bytes.insert(at, self.0.bytes::<1>()[0]),
            1 => drop(bytes.drain(at..until)),
            2 => drop(bytes.splice(at..at, TOKENS[self.below(TOKENS.len())].iter().copied())),
            3 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
            4 => bytes.extend_from_within(at..until),
            _ => {
                let other = &inputs[self.below(inputs.len())];
                let from = self.below(other.len() + 1);
                drop(bytes.splice(at.., other[from..].iter().copied()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_repeats_and_its_variations_differ() {
        let inputs = [b"grant_type=refresh_token".to_vec()];
        let first: Vec<_> = (0..50)
            .map(|_| Mutator::new("a").variation(&inputs))
            .collect();
        assert!(first.windows(2).all(|pair| pair[0] == pair[1]));
        let mutator = Mutator::new("a");
        let mut many: Vec<_> = (0..50).map(|_| mutator.variation(&inputs)).collect();
        many.sort();
        many.dedup();
        assert!(many.len() > 40, "{}", many.len());
    }
}
