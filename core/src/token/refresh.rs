//! Refresh tokens: JWTs signed with HS256 that name a session and nothing else.
//!
//! HS256 is deterministic, so the token of a session can be written again at any time without ever
//! having been stored.

use serde::{Deserialize, Serialize};

use crate::grant::Session;
use crate::id::{Issuer, JwtId};
use crate::jose::{self, Jwt, JwtError, SymmetricKey};
use crate::secret::RefreshToken;
use crate::time::{Lifetime, Timestamp};

/// The `typ` of a refresh token.
pub const TYPE: &str = "rt+jwt";

/// The purpose that its key is derived for.
pub const KEY_PURPOSE: &str = "gatepass refresh token";

/// The claims of a refresh token.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct RefreshTokenClaims {
    /// `iss`.
    pub iss: Issuer,
    /// `aud`: the provider itself.
    pub aud: Issuer,
    /// `jti`: the session.
    pub jti: JwtId,
}

/// Writes the refresh token of `session`: the same one, byte for byte, every time.
///
/// # Errors
///
/// [`JwtError::Unserializable`], which these claims do not cause.
pub fn write(
    session: &Session,
    issuer: &Issuer,
    key: &SymmetricKey,
) -> Result<RefreshToken, JwtError> {
    let payload = RefreshTokenClaims {
        iss: issuer.clone(),
        aud: issuer.clone(),
        jti: session.refresh_jti.clone(),
    };
    let jwt = Jwt {
        payload,
        issued_at: session.issued_at,
        expires_at: session.expires_at,
    };
    jose::sign_hs256(TYPE, key, &jwt).map(RefreshToken::new)
}

/// Reads a refresh token without asking any store.
///
/// # Errors
///
/// The [`JwtError`] that says what is wrong; [`JwtError::Claims`] for another provider's.
pub fn read(
    token: &RefreshToken,
    issuer: &Issuer,
    key: &SymmetricKey,
    now: Timestamp,
) -> Result<RefreshTokenClaims, JwtError> {
    let jwt: Jwt<RefreshTokenClaims> = jose::verify_hs256(TYPE, key, token.expose(), now)?;
    if jwt.payload.iss != *issuer || jwt.payload.aud != *issuer {
        return Err(JwtError::Claims);
    }
    Ok(jwt.payload)
}

/// Reads a refresh token that is presented to be refreshed: like [`read`], but one that expired less
/// than `grace` ago still counts.
///
/// It may have been refreshed just in time, and this is the retry after a lost response. Whether it
/// was, the store knows: what expired unused is refused by
/// [`refresh::decide`](crate::grant::refresh::decide).
///
/// # Errors
///
/// As [`read`].
pub fn read_for_refresh(
    token: &RefreshToken,
    issuer: &Issuer,
    key: &SymmetricKey,
    grace: Lifetime,
    now: Timestamp,
) -> Result<RefreshTokenClaims, JwtError> {
    read(token, issuer, key, now.minus(grace))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authorize::tests::issuer;
    use crate::grant::tests::{NOW, after, jti, session, spent};
    use base64ct::{Base64UrlUnpadded, Encoding};

    fn key() -> SymmetricKey {
        SymmetricKey::derive(&[1; 32], KEY_PURPOSE)
    }

    fn token() -> RefreshToken {
        write(&session(1), &issuer(), &key()).unwrap()
    }

    fn refused(token: &RefreshToken, now: Timestamp) -> JwtError {
        read(token, &issuer(), &key(), now).unwrap_err()
    }

    #[test]
    fn the_token_of_a_session_is_the_same_to_the_byte_whenever_it_is_written() {
        // Written by hand, as RFC 7515 Appendix A.1 does it.
        let header = r#"{"alg":"HS256","typ":"rt+jwt"}"#;
        let claims = concat!(
            r#"{"iss":"http://localhost:4000","aud":"http://localhost:4000","#,
            r#""jti":"rt-1","iat":1800000000,"exp":1800001200}"#
        );
        let [header, claims] =
            [header, claims].map(|part| Base64UrlUnpadded::encode_string(part.as_bytes()));
        let signed = format!("{header}.{claims}");
        let signature = key().authenticate(signed.as_bytes());
        let expected = format!("{signed}.{}", Base64UrlUnpadded::encode_string(&signature));
        assert_eq!(token().expose(), expected);
        // Neither a refresh nor another access token changes it.
        let refreshed = Session {
            access_jti: jti(7),
            ..spent(1, after(60))
        };
        assert_eq!(
            write(&refreshed, &issuer(), &key()).unwrap().expose(),
            expected
        );
    }

    #[test]
    fn it_names_its_session_and_no_other() {
        for generation in [1, 2] {
            let token = write(&session(generation), &issuer(), &key()).unwrap();
            let claims = read(&token, &issuer(), &key(), NOW).unwrap();
            assert_eq!(claims.jti, jti(generation));
        }
    }

    #[test]
    fn what_is_wrong_is_found_without_any_store() {
        assert!(read(&token(), &issuer(), &key(), after(1_199)).is_ok());
        assert_eq!(refused(&token(), after(1_200)), JwtError::Expired);
        let text = token().expose().to_owned();
        let (signed, _) = text.rsplit_once('.').unwrap();
        let forged = RefreshToken::new(format!("{signed}.{}", "A".repeat(43)));
        assert_eq!(refused(&forged, NOW), JwtError::Signature);
        assert_eq!(
            refused(&RefreshToken::new("opaque"), NOW),
            JwtError::Malformed
        );
        let other_key = SymmetricKey::derive(&[2; 32], KEY_PURPOSE);
        let theirs = write(&session(1), &issuer(), &other_key).unwrap();
        assert_eq!(refused(&theirs, NOW), JwtError::Signature);
        let other = Issuer::parse("https://other.example").unwrap();
        let theirs = write(&session(1), &other, &key()).unwrap();
        assert_eq!(refused(&theirs, NOW), JwtError::Claims);
        let other_type = Jwt {
            payload: read(&token(), &issuer(), &key(), NOW).unwrap(),
            issued_at: NOW,
            expires_at: after(60),
        };
        let other_type = jose::sign_hs256("state+jwt", &key(), &other_type).unwrap();
        assert_eq!(refused(&RefreshToken::new(other_type), NOW), JwtError::Type);
    }

    #[test]
    fn a_retry_is_read_though_the_token_expired_since_it_was_refreshed() {
        let grace = Lifetime::from_seconds(30);
        let retried =
            |seconds| read_for_refresh(&token(), &issuer(), &key(), grace, after(seconds));
        assert_eq!(retried(1_229).unwrap().jti, jti(1));
        assert_eq!(retried(1_230), Err(JwtError::Expired));
        let never = read_for_refresh(&token(), &issuer(), &key(), Lifetime::UNLIMITED, NOW);
        assert!(never.is_ok());
    }
}
