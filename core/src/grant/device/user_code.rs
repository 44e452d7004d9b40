//! The code that a person reads on one screen and types on another (RFC 8628 §6.1).

use core::fmt;

use crate::jose::SymmetricKey;
use crate::secret::SecretHash;

/// The purpose that the key of [`UserCode::hash`] is derived for.
pub const USER_CODE_KEY_PURPOSE: &str = "gatepass user code";

/// Consonants only: no look-alikes, and no words by accident (RFC 8628 §6.1).
const ALPHABET: [u8; 20] = *b"BCDFGHJKLMNPQRSTVWXZ";

/// How many letters: 20⁸ are about 34 bits.
const LENGTH: usize = 8;

/// The longest text in which a code is looked for, in bytes.
const LONGEST_TYPED: usize = 64;

/// What was typed cannot be a user code.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a code is eight letters")]
pub struct InvalidUserCode;

/// A user code: eight letters, shown as two groups of four.
pub struct UserCode([u8; LENGTH]);

impl UserCode {
    /// A code from 128 random bits, so many more than needed that every letter is as likely.
    pub fn from_random(bytes: [u8; 16]) -> Self {
        let mut rest = u128::from_le_bytes(bytes);
        let base = ALPHABET.len() as u128;
        Self([(); LENGTH].map(|()| {
            let letter = rest % base;
            rest /= base;
            let index = usize::try_from(letter).unwrap_or_default();
            ALPHABET.get(index).copied().unwrap_or(b'B')
        }))
    }

    /// Reads what a person typed: in upper or lower case, with dashes, spaces or dots, or without.
    ///
    /// # Errors
    ///
    /// [`InvalidUserCode`] if it is not eight of the letters that codes are made of.
    pub fn parse(typed: &str) -> Result<Self, InvalidUserCode> {
        if typed.len() > LONGEST_TYPED {
            return Err(InvalidUserCode);
        }
        let letters = typed.chars().filter(|c| c.is_alphanumeric());
        let letters: Option<Vec<u8>> = letters
            .map(|c| u8::try_from(c.to_ascii_uppercase()).ok())
            .collect();
        let letters = letters.filter(|letters| letters.iter().all(|l| ALPHABET.contains(l)));
        let code = letters.and_then(|letters| letters.try_into().ok());
        code.map(Self).ok_or(InvalidUserCode)
    }

    /// What a store holds in its place. It is short enough to be guessed from a plain hash; this one
    /// takes the key too.
    pub fn hash(&self, key: &SymmetricKey) -> SecretHash {
        SecretHash::from_bytes(key.authenticate(&self.0))
    }
}

/// As the device and the page show it: `WDJB-MJHT`.
impl fmt::Display for UserCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, letter) in self.0.iter().enumerate() {
            if index == LENGTH / 2 {
                f.write_str("-")?;
            }
            write!(f, "{}", char::from(*letter))?;
        }
        Ok(())
    }
}

impl fmt::Debug for UserCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserCode([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_two_groups_of_four_letters_without_look_alikes() {
        for seed in 0..=255_u8 {
            let shown = UserCode::from_random([seed; 16]).to_string();
            let (left, right) = shown.split_once('-').unwrap();
            for half in [left, right] {
                assert_eq!(half.len(), 4, "{shown}");
                assert!(
                    half.bytes().all(|letter| ALPHABET.contains(&letter)),
                    "{shown}"
                );
            }
        }
        assert_eq!(UserCode::from_random([0; 16]).to_string(), "BBBB-BBBB");
    }

    #[test]
    fn every_letter_is_as_likely_in_every_place() {
        // The first 20⁴ numbers are every combination of the first four letters, once each.
        let mut counts = [[0_u32; 20]; 4];
        for number in 0..160_000_u128 {
            let UserCode(letters) = UserCode::from_random(number.to_le_bytes());
            for (count, letter) in counts.iter_mut().zip(letters) {
                let index = ALPHABET.iter().position(|known| *known == letter).unwrap();
                count[index] += 1;
            }
        }
        assert_eq!(counts, [[8_000; 20]; 4]);
    }

    #[test]
    fn it_is_read_however_people_type_it() {
        for typed in [
            "WDJB-MJHT",
            "wdjb-mjht",
            "WDJBMJHT",
            "  wdjb mjht ",
            "WDJB – MJHT",
            "W.D.J.B.M.J.H.T",
            "wdJB\u{a0}mjHT\n",
        ] {
            assert_eq!(
                UserCode::parse(typed).unwrap().to_string(),
                "WDJB-MJHT",
                "{typed:?}"
            );
        }
    }

    #[test]
    fn what_cannot_be_a_code_is_not_one() {
        for typed in [
            "",
            "-",
            "WDJB-MJH",
            "WDJB-MJHTT",
            "WDJB-MJHA",
            "WDJB-MJH1",
            "WDJB-MJHÜ",
            "ＷDJB-MJHT",
            &format!("WDJBMJHT{}", "-".repeat(60)),
        ] {
            assert_eq!(
                UserCode::parse(typed).unwrap_err(),
                InvalidUserCode,
                "{typed:?}"
            );
        }
    }

    #[test]
    fn its_hash_takes_the_key_and_it_does_not_print() {
        let code = UserCode::parse("WDJB-MJHT").unwrap();
        let key = |byte| SymmetricKey::derive(&[byte; 32], USER_CODE_KEY_PURPOSE);
        assert!(code.hash(&key(1)).matches(code.hash(&key(1))));
        assert!(!code.hash(&key(1)).matches(code.hash(&key(2))));
        assert!(!code.hash(&key(1)).matches(SecretHash::of("WDJBMJHT")));
        assert_eq!(format!("{code:?}"), "UserCode([redacted])");
    }
}
