//! Proof Key for Code Exchange (RFC 7636), S256 only.
//!
//! `plain` is refused: OAuth 2.1 §4.1.1 wants S256 of everyone who can compute it.

use core::fmt;

use base64ct::{Base64UrlUnpadded, Encoding};

use crate::secret::{CodeVerifier, SecretHash};

/// Why a challenge or a verifier is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PkceError {
    /// No `code_challenge` in the authorization request.
    #[error("code_challenge is required")]
    MissingChallenge,
    /// `code_challenge_method` is absent or not `S256`.
    #[error("code_challenge_method must be S256")]
    UnsupportedMethod,
    /// The challenge is not the base64url of a SHA-256.
    #[error("code_challenge must be the base64url of a SHA-256: 43 characters")]
    MalformedChallenge,
    /// The verifier is not 43 to 128 unreserved characters.
    #[error("code_verifier must be 43 to 128 characters of A-Z a-z 0-9 - . _ ~")]
    MalformedVerifier,
    /// The verifier is well formed and does not belong to the challenge.
    #[error("code_verifier does not match the code_challenge")]
    Mismatch,
}

/// The `code_challenge` of an authorization request: the SHA-256 of the verifier.
#[derive(Clone, Copy)]
pub struct CodeChallenge(SecretHash);

impl CodeChallenge {
    /// The challenge for `verifier` (RFC 7636 §4.2).
    ///
    /// # Errors
    ///
    /// [`PkceError::MalformedVerifier`] if the verifier breaks RFC 7636 §4.1.
    pub fn of(verifier: &CodeVerifier) -> Result<Self, PkceError> {
        let text = verifier.expose();
        let unreserved =
            |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
        if !(43..=128).contains(&text.len()) || !text.bytes().all(unreserved) {
            return Err(PkceError::MalformedVerifier);
        }
        Ok(Self(verifier.hash()))
    }

    /// Reads the two parameters of an authorization request (RFC 7636 §4.3).
    ///
    /// # Errors
    ///
    /// The [`PkceError`] that says which of the two is at fault.
    pub fn parse(challenge: Option<&str>, method: Option<&str>) -> Result<Self, PkceError> {
        let challenge = challenge.ok_or(PkceError::MissingChallenge)?;
        if method != Some("S256") {
            return Err(PkceError::UnsupportedMethod);
        }
        Self::from_base64url(challenge).ok_or(PkceError::MalformedChallenge)
    }

    /// The challenge of a code that is spent before anybody sees it: no verifier is known to match.
    #[cfg(feature = "server")]
    pub(crate) const fn of_nobody() -> Self {
        Self(SecretHash::from_bytes([0; 32]))
    }

    /// Reads a challenge from a store.
    pub fn from_base64url(text: &str) -> Option<Self> {
        SecretHash::from_base64url(text).map(Self)
    }

    /// As it stands in the request: base64url, 43 characters.
    pub fn to_base64url(self) -> String {
        self.0.to_base64url()
    }

    /// Checks the verifier of a token request (RFC 7636 §4.6), in constant time.
    ///
    /// # Errors
    ///
    /// [`PkceError::MalformedVerifier`] or [`PkceError::Mismatch`].
    pub fn verify(self, verifier: &CodeVerifier) -> Result<VerifiedPkce, PkceError> {
        if Self::of(verifier)?.0.matches(self.0) {
            Ok(VerifiedPkce(()))
        } else {
            Err(PkceError::Mismatch)
        }
    }
}

impl fmt::Debug for CodeChallenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CodeChallenge({})", self.to_base64url())
    }
}

/// Whoever redeems the code also asked for it. Only [`CodeChallenge::verify`] makes one.
#[derive(Debug)]
pub struct VerifiedPkce(());

/// A fresh verifier: 256 random bits, 43 characters (RFC 7636 §4.1).
pub fn verifier(random: [u8; 32]) -> CodeVerifier {
    CodeVerifier::new(Base64UrlUnpadded::encode_string(&random))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7636 Appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn rfc_7636_appendix_b() {
        let verifier = CodeVerifier::new(VERIFIER);
        assert_eq!(
            CodeChallenge::of(&verifier).unwrap().to_base64url(),
            CHALLENGE
        );
        let challenge = CodeChallenge::parse(Some(CHALLENGE), Some("S256")).unwrap();
        assert!(challenge.verify(&verifier).is_ok());
    }

    #[test]
    fn plain_is_refused_and_so_is_silence_about_the_method() {
        for method in [Some("plain"), Some("s256"), Some(""), None] {
            let refused = CodeChallenge::parse(Some(CHALLENGE), method).unwrap_err();
            assert_eq!(refused, PkceError::UnsupportedMethod, "{method:?}");
        }
    }

    #[test]
    fn a_challenge_is_required_and_well_formed() {
        let refused = CodeChallenge::parse(None, Some("S256")).unwrap_err();
        assert_eq!(refused, PkceError::MissingChallenge);
        for bad in ["", "short", &format!("{CHALLENGE}="), &"!".repeat(43)] {
            let refused = CodeChallenge::parse(Some(bad), Some("S256")).unwrap_err();
            assert_eq!(refused, PkceError::MalformedChallenge, "{bad:?}");
        }
    }

    #[test]
    fn another_verifier_does_not_match() {
        let challenge = CodeChallenge::parse(Some(CHALLENGE), Some("S256")).unwrap();
        let refused = challenge.verify(&verifier([1; 32])).unwrap_err();
        assert_eq!(refused, PkceError::Mismatch);
        for bad in [
            "",
            "short",
            &"a".repeat(129),
            &"é".repeat(43),
            CHALLENGE.get(..42).unwrap(),
        ] {
            let refused = challenge.verify(&CodeVerifier::new(bad)).unwrap_err();
            assert_eq!(refused, PkceError::MalformedVerifier, "{bad:?}");
        }
    }
}
