//! ES256 in software, in the place of WebCrypto.

use core::fmt;

use gatepass_core::id::KeyId;
use gatepass_core::jose::{ParsedJwt, SigningAlgorithm, UnsignedJwt};
use p256::ecdsa::signature::{Signer, Verifier};
use p256::ecdsa::{Signature, SigningKey};

/// A P-256 key pair that signs the same message the same way each time (RFC 6979).
pub struct Es256Signer {
    key_id: KeyId,
    key: SigningKey,
}

impl Es256Signer {
    /// The key pair of this seed, which must not be 0.
    pub fn new(seed: u8) -> Self {
        Self {
            key_id: KeyId::parse(&format!("test-key-{seed}")).unwrap(),
            key: SigningKey::from_slice(&[seed; 32]).unwrap(),
        }
    }

    /// Its `kid`.
    pub fn key_id(&self) -> &KeyId {
        &self.key_id
    }

    /// What it signs with.
    pub fn algorithm(&self) -> SigningAlgorithm {
        SigningAlgorithm::ES256
    }

    /// The finished token.
    pub fn sign(&self, token: UnsignedJwt) -> String {
        let signature: Signature = self.key.sign(token.signing_input());
        token.attach(&signature.to_bytes())
    }

    /// Whether this key signed the token, under its own name and algorithm.
    pub fn has_signed(&self, token: &ParsedJwt<'_>) -> bool {
        let named = token.key_id().as_ref() == Some(&self.key_id)
            && token.algorithm() == Some(self.algorithm());
        let signature = Signature::from_slice(token.signature());
        let verifies = |signature| {
            let key = self.key.verifying_key();
            key.verify(token.signing_input(), &signature).is_ok()
        };
        named && signature.is_ok_and(verifies)
    }
}

impl fmt::Debug for Es256Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Es256Signer({})", self.key_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::NOW;
    use gatepass_core::jose::{self, Jwt};
    use std::collections::BTreeMap;

    fn token(signer: &Es256Signer) -> String {
        let jwt = Jwt {
            payload: BTreeMap::from([("iss", "http://localhost:4000")]),
            issued_at: NOW,
            expires_at: NOW,
        };
        let unsigned = jose::unsigned("at+jwt", signer.algorithm(), signer.key_id(), &jwt);
        signer.sign(unsigned.unwrap())
    }

    fn knows(signer: &Es256Signer, token: &str) -> bool {
        signer.has_signed(&ParsedJwt::parse("at+jwt", token).unwrap())
    }

    #[test]
    fn a_signature_is_known_again_by_its_own_key_and_only_whole() {
        let signer = Es256Signer::new(1);
        let text = token(&signer);
        assert!(knows(&signer, &text));
        assert!(!knows(&Es256Signer::new(2), &text));
        let [header, claims, signature] = text.split('.').collect::<Vec<_>>()[..] else {
            panic!("not three parts: {text}")
        };
        assert!(!knows(&signer, &format!("{header}.{claims}.AAAA")));
        assert!(!knows(&signer, &format!("{header}.e30.{signature}")));
    }
}
