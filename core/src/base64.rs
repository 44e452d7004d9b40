//! The alphabet of RFC 4648 §4, read and written through the one of §5, which all the rest of OAuth has: two
//! decoders weigh more than one and two letters.

use base64ct::{Base64UrlUnpadded, Encoding};
use zeroize::Zeroizing;

/// Decodes, in constant time. Padding must be there or be left out, as `is_padded` says.
pub fn decode(text: &str, is_padded: bool) -> Option<Vec<u8>> {
    let padding = if is_padded { padding(text)? } else { 0 };
    let text = text.get(..text.len().checked_sub(padding)?)?;
    if text.contains(['-', '_']) {
        return None;
    }
    // It may be a secret.
    let mut letters = Zeroizing::new(String::with_capacity(text.len()));
    letters.extend(text.chars().map(|letter| match letter {
        '+' => '-',
        '/' => '_',
        other => other,
    }));
    Base64UrlUnpadded::decode_vec(&letters).ok()
}

/// Encodes, with padding.
pub fn encode(bytes: &[u8]) -> String {
    let text = Base64UrlUnpadded::encode_string(bytes);
    let mut text = text.replace('-', "+").replace('_', "/");
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    text
}

/// How many characters of the text are padding, if its length is right.
fn padding(text: &str) -> Option<usize> {
    let found = text.len().checked_sub(text.trim_end_matches('=').len())?;
    (text.len().is_multiple_of(4) && found < 3).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64ct::{Base64, Base64Unpadded};

    #[test]
    fn it_reads_and_writes_what_the_library_does() {
        for length in 0..70_u8 {
            let bytes: Vec<u8> = (0..length)
                .map(|byte| byte.wrapping_mul(37) ^ 0xfb)
                .collect();
            let padded = Base64::encode_string(&bytes);
            assert_eq!(encode(&bytes), padded);
            assert_eq!(decode(&padded, true), Some(bytes.clone()));
            let bare = Base64Unpadded::encode_string(&bytes);
            assert_eq!(decode(&bare, false), Some(bytes.clone()));
            assert_eq!(decode(&bare, true).is_some(), bare == padded, "{bare}");
            assert_eq!(decode(&padded, false).is_some(), bare == padded, "{padded}");
        }
    }

    #[test]
    fn it_refuses_what_the_library_refuses() {
        for text in [
            "A", "A===", "AA=", "AAA", "AA==AA==", "====", "-_8=", "AB==", "AA A", "AA\n=", "=AAA",
            "ÄA==",
        ] {
            assert_eq!(decode(text, true), Base64::decode_vec(text).ok(), "{text}");
        }
    }
}
