//! Opaque access tokens: 256 random bits that say nothing to whoever holds them. The provider keeps their
//! SHA-256 and what they allow; introspection, userinfo, revocation and token exchange find it by that.

use serde_json::json;

use crate::client::AccessTokenFormat;
use crate::grant::{Terms, Wish};
use crate::jose::{Claims, claims};
use crate::secret::{AccessToken, SecretHash};
use crate::time::Timestamp;
use crate::token::id::ACR;

/// An opaque access token that a store keeps with the generation that it makes, if it makes one, and its
/// client has such tokens ([`AccessTokenFormat::Opaque`]).
///
/// It never outlives its grant, and lives as long as its client has settled.
#[derive(Debug)]
pub struct Offer {
    /// What the store has in its place.
    pub hash: SecretHash,
    /// When it is issued.
    pub issued_at: Timestamp,
    /// When it would end, if neither the client nor the grant says otherwise.
    pub expires_at: Timestamp,
    /// Its claims, besides those that follow from the grant: `iss`, `jti`, `acr`, `cnf`, and `scope` and
    /// `authorization_details` if they are less.
    pub own: Claims,
}

impl Offer {
    /// Offers `token`, for as much of the grant as is wished for.
    pub fn new(token: &AccessToken, wish: &Wish, terms: Terms<'_>) -> Self {
        let hash = token.hash();
        let mut own = claims([
            ("iss", terms.issuer.as_str().into()),
            // A name that gives nothing away.
            ("jti", hash.to_base64url().into()),
            ("acr", ACR.into()),
        ]);
        if let Some(key) = terms.key {
            own.insert("cnf".to_owned(), json!({ "jkt": key.as_str() }));
        }
        if let Some(scope) = &wish.scope {
            own.insert("scope".to_owned(), scope.to_string().into());
        }
        if let Some(Ok(details)) = wish.details.as_ref().map(serde_json::to_value) {
            own.insert("authorization_details".to_owned(), details);
        }
        Self {
            hash,
            issued_at: terms.now,
            expires_at: terms.now.plus(terms.lifetimes.access_token),
            own,
        }
    }
}

impl AccessTokenFormat {
    /// As the store and its conditions have it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Jwt => "jwt",
            Self::Opaque => "opaque",
        }
    }
}

/// The hash of what may be an opaque access token: 43 characters of base64url. A JWT is not.
pub fn hash_of(token: &str) -> Option<SecretHash> {
    SecretHash::from_base64url(token).map(|_| SecretHash::of(token))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grant::tests::{NOW, after, terms};
    use crate::scope::Scope;
    use serde_json::Value;

    #[test]
    fn an_offer_says_what_does_not_follow_from_the_grant() {
        let token = AccessToken::from_random([7; 32]);
        let whole = Offer::new(&token, &Wish::default(), terms(NOW));
        let jti = token.hash().to_base64url();
        assert_eq!(
            Value::from(whole.own),
            json!({ "iss": "http://localhost:4000", "jti": jti, "acr": ACR })
        );
        assert_eq!((whole.issued_at, whole.expires_at), (NOW, after(300)));
        let wish = Wish {
            scope: Some(Scope::parse("read").unwrap()),
            ..Wish::default()
        };
        let less = Offer::new(&token, &wish, terms(NOW)).own;
        assert_eq!(less.get("scope"), Some(&json!("read")));
    }

    #[test]
    fn only_what_has_its_shape_is_looked_for() {
        let token = AccessToken::from_random([7; 32]);
        assert!(hash_of(token.expose()).unwrap().matches(token.hash()));
        for other in [
            "",
            "x",
            "a.b.c",
            &"a".repeat(42),
            &"a".repeat(44),
            &"+".repeat(43),
        ] {
            assert!(hash_of(other).is_none(), "{other}");
        }
    }
}
