//! The resource server's side: what a token says of its list, and what the list says of the token.

use std::collections::{BTreeMap, BTreeSet};

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::Deserialize;
use serde_json::Value;

use crate::id::{ClientId, Issuer, JwtId};
use crate::jose::{Claims, Jwt};
use crate::resource::ResourceRefusal;
use crate::rp::metadata::is_secure;
use crate::status_list::Family;
use crate::time::{Lifetime, NumericDate, Timestamp};
use crate::token::access::AccessTokenClaims;

/// The longest list that is read, in bytes: what a list of ours has, and eight times as much for others.
pub const LONGEST: usize = 1 << 20;

/// The largest status list token that is read, in bytes: so many bits that do not compress, and as much again for
/// what is named beside them.
pub const LARGEST: usize = 4 << 20;

/// Where a token's status stands (§6.1).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reference {
    /// `uri`: in which list.
    pub uri: String,
    /// `idx`: at which place.
    pub index: usize,
}

/// Why a status list is not believed. It is the provider's fault, not the token's.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum StatusListError {
    /// It says that it is another (§8.3).
    #[error("the status list is another than the one asked for")]
    OtherList,
    /// It is not of this provider.
    #[error("the status list is another provider's")]
    OtherIssuer,
    /// More or fewer bits to an index than are known.
    #[error("the status list has neither 1, 2, 4 nor 8 bits to an index")]
    Bits,
    /// It lacks something, or has it in another form (§5.1).
    #[error("the status list's claims are not those of one")]
    Claims,
    /// Not base64url.
    #[error("the status list is not base64url")]
    Encoding,
    /// Its time is over.
    #[error("the status list has expired")]
    Expired,
    /// The token's place is not in it (§8.3).
    #[error("the status list is too short for the token's index")]
    OutOfBounds,
    /// The token says that it is in a list, and neither where nor at which place.
    #[error("the token does not say where its status is")]
    Reference,
}

/// The claims of a status list token (§5.1) and of ours.
#[derive(Debug, Deserialize)]
pub struct ListClaims {
    iss: Option<String>,
    sub: String,
    iat: NumericDate,
    /// Not every list says when it ends (§5.1).
    exp: Option<NumericDate>,
    status_list: Bits,
    #[serde(default)]
    revoked_jti: BTreeSet<JwtId>,
    #[serde(default)]
    revoked_until: BTreeMap<Family, Timestamp>,
    #[serde(default)]
    ended_clients: BTreeSet<ClientId>,
}

/// What is revoked by name, to be found without looking through all of it.
#[derive(Debug, Default)]
struct Named {
    tokens: BTreeSet<JwtId>,
    families: BTreeMap<Family, Timestamp>,
    clients: BTreeSet<ClientId>,
}

impl Named {
    fn has<A>(&self, token: &Jwt<AccessTokenClaims<A>>) -> bool {
        let claims = &token.payload;
        let families = [claims.family(), Family::whole(&claims.client_id)];
        let mut until = families.iter().filter_map(|name| self.families.get(name));
        self.tokens.contains(&claims.jti)
            || self.clients.contains(&claims.client_id)
            || until.any(|until| token.issued_at <= *until)
    }
}

#[derive(Debug, Deserialize)]
struct Bits {
    bits: u8,
    lst: String,
}

/// A list that was verified, and uncompressed.
#[derive(Debug)]
pub struct StatusList {
    issued_at: Timestamp,
    bits: u8,
    bytes: Vec<u8>,
    named: Named,
}

/// Where the status of a token stands, if it is in a list (§6.1). The list may be anywhere: it is as much its
/// provider's as the token, which was verified.
///
/// # Errors
///
/// [`StatusListError::Reference`] if it is in one, and nobody knows where: then nobody knows whether it was revoked.
pub fn referenced<A>(claims: &AccessTokenClaims<A>) -> Result<Option<Reference>, StatusListError> {
    let status = claims.status.as_ref();
    let list = status.and_then(|status| status.get("status_list"));
    let Some(list) = list.filter(|list| !list.is_null()) else {
        return Ok(None);
    };
    let uri = list.get("uri").and_then(Value::as_str);
    let index = list.get("idx").and_then(Value::as_u64);
    let index = index.and_then(|index| usize::try_from(index).ok());
    let reference = uri.filter(|uri| is_secure(uri)).zip(index);
    let (uri, index) = reference.ok_or(StatusListError::Reference)?;
    Ok(Some(Reference {
        uri: uri.to_owned(),
        index,
    }))
}

impl ListClaims {
    /// Those of a list whose type and signature were verified.
    ///
    /// # Errors
    ///
    /// [`StatusListError::Claims`] if they are of something else.
    pub fn read(claims: Claims) -> Result<Self, StatusListError> {
        serde_json::from_value(claims.into()).map_err(|_| StatusListError::Claims)
    }

    /// The compressed bits of the list at `uri`.
    ///
    /// # Errors
    ///
    /// The [`StatusListError`] that says why it is not that list.
    pub fn compressed(
        &self,
        uri: &str,
        issuer: &Issuer,
        now: Timestamp,
    ) -> Result<Vec<u8>, StatusListError> {
        if self.exp.is_some_and(|end| end.0 <= now) {
            return Err(StatusListError::Expired);
        }
        if self.sub != uri {
            return Err(StatusListError::OtherList);
        }
        if self.iss.as_ref().is_some_and(|iss| iss != issuer.as_str()) {
            return Err(StatusListError::OtherIssuer);
        }
        if !matches!(self.status_list.bits, 1 | 2 | 4 | 8) {
            return Err(StatusListError::Bits);
        }
        Base64UrlUnpadded::decode_vec(&self.status_list.lst).map_err(|_| StatusListError::Encoding)
    }
}

impl StatusList {
    /// The list of these claims, whose uncompressed bits are `bytes`.
    pub fn new(claims: ListClaims, bytes: Vec<u8>) -> Self {
        Self {
            issued_at: claims.iat.0,
            bits: claims.status_list.bits,
            bytes,
            named: Named {
                tokens: claims.revoked_jti,
                families: claims.revoked_until,
                clients: claims.ended_clients,
            },
        }
    }

    /// As of when it counts: what was revoked before is in it.
    pub fn issued_at(&self) -> Timestamp {
        self.issued_at
    }

    /// Whether it still says what happened within `bound`.
    pub fn is_within(&self, bound: Lifetime, now: Timestamp) -> bool {
        self.issued_at.is_within(bound, now)
    }

    /// The status at a place: 0 is valid (§7.1).
    fn status(&self, index: usize) -> Option<u8> {
        let in_a_byte = usize::from(8 / self.bits);
        let byte = self.bytes.get(index / in_a_byte)?;
        let shift = (index % in_a_byte) * usize::from(self.bits);
        let mask = u8::try_from((1_u16 << self.bits) - 1).unwrap_or(u8::MAX);
        Some((byte >> shift) & mask)
    }
}

/// Demands that a token was not revoked, as far as `list` knows, which is its own.
///
/// # Errors
///
/// [`ResourceRefusal::Inactive`] if it was; the inner [`StatusListError`] if the list does not say.
pub fn check_status<A>(
    token: &Jwt<AccessTokenClaims<A>>,
    reference: &Reference,
    list: &StatusList,
) -> Result<Result<(), ResourceRefusal>, StatusListError> {
    let status = list.status(reference.index);
    match status.ok_or(StatusListError::OutOfBounds)? {
        0 if !list.named.has(token) => Ok(Ok(())),
        _ => Ok(Err(ResourceRefusal::Inactive)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{DEFAULT_BOUND_SECONDS, ListNumber, Revoked, SIZE, StatusIndex};
    use super::*;
    use crate::authorize::tests::issuer;
    use crate::client::tests::public;
    use crate::grant::Grant;
    use crate::grant::tests::{NOW, after, grant, terms};
    use crate::token::access;
    use serde_json::json;

    const DEFAULT_BOUND: Lifetime = Lifetime::from_seconds(DEFAULT_BOUND_SECONDS);

    fn token(number: i64) -> Jwt<AccessTokenClaims> {
        let grant = Grant {
            status_index: StatusIndex::from_number(number).unwrap(),
            ..grant(&public())
        };
        let jti = JwtId::parse("at-1").unwrap();
        access::issue(&grant, crate::grant::Allowed::all(&grant), jti, terms(NOW))
    }

    fn read(revoked: Revoked) -> StatusList {
        let first = ListNumber::at("/oauth/status_lists/0").unwrap();
        let bits = revoked.bits(first);
        let token = revoked.token(first, &bits, &issuer(), (DEFAULT_BOUND, NOW));
        let mut claims = token.payload;
        claims.insert("iat".to_owned(), token.issued_at.seconds().into());
        claims.insert("exp".to_owned(), token.expires_at.seconds().into());
        let claims = ListClaims::read(claims).unwrap();
        let uri = first.uri(&issuer());
        let bytes = claims.compressed(&uri, &issuer(), NOW).unwrap();
        let other = claims.compressed(&format!("{uri}1"), &issuer(), NOW);
        assert_eq!(other, Err(StatusListError::OtherList));
        let elsewhere = Issuer::parse("https://other.example").unwrap();
        let other = claims.compressed(&uri, &elsewhere, NOW);
        assert_eq!(other, Err(StatusListError::OtherIssuer));
        let late = claims.compressed(&uri, &issuer(), token.expires_at);
        assert_eq!(late, Err(StatusListError::Expired));
        StatusList::new(claims, bytes)
    }

    fn checked(number: i64, list: &StatusList) -> Result<(), ResourceRefusal> {
        let token = token(number);
        let reference = referenced(&token.payload).unwrap().unwrap();
        check_status(&token, &reference, list).unwrap()
    }

    #[test]
    fn a_token_is_revoked_with_its_grant_and_no_other_is() {
        let list = read(Revoked {
            grants: vec![StatusIndex::from_number(7).unwrap()],
            ..Revoked::default()
        });
        for number in [0, 6, 8, 15] {
            assert_eq!(checked(number, &list), Ok(()), "{number}");
        }
        assert_eq!(checked(7, &list), Err(ResourceRefusal::Inactive));
    }

    #[test]
    fn a_token_is_revoked_alone_or_with_its_client() {
        let tokens = |jti: &str| Revoked {
            tokens: vec![JwtId::parse(jti).unwrap()],
            ..Revoked::default()
        };
        let refused = Err(ResourceRefusal::Inactive);
        assert_eq!(checked(7, &read(tokens("at-1"))), refused);
        assert_eq!(checked(7, &read(tokens("at-2"))), Ok(()));
        let gone = Revoked {
            clients: vec![public().id],
            ..Revoked::default()
        };
        assert_eq!(checked(0, &read(gone)), refused);
    }

    #[test]
    fn a_token_is_revoked_with_its_elder_siblings_and_no_others() {
        let named = |family: &str, until| Revoked {
            families: vec![(Family::named(family), until)],
            ..Revoked::default()
        };
        let family = token(7).payload.family();
        assert_eq!(family.as_str(), "demo g1");
        for (family, until, is_revoked) in [
            ("demo g1", NOW, true),
            ("demo g1", after(1), true),
            ("demo g1", NOW.minus(Lifetime::from_seconds(1)), false),
            ("demo g2", NOW, false),
            ("other g1", NOW, false),
            ("demo ", NOW, false),
            ("demo *", NOW, true),
            ("demo *", NOW.minus(Lifetime::from_seconds(1)), false),
            ("other *", NOW, false),
        ] {
            let said = checked(7, &read(named(family, until)));
            assert_eq!(said.is_err(), is_revoked, "{family} {until:?}");
        }
    }

    #[test]
    fn a_list_says_until_when_it_counts() {
        let list = read(Revoked::default());
        assert_eq!(list.issued_at(), NOW);
        assert!(list.is_within(DEFAULT_BOUND, after(9)));
        assert!(!list.is_within(DEFAULT_BOUND, after(10)));
    }

    #[test]
    fn a_place_that_is_not_there_says_nothing() {
        let token = token(7);
        let reference = Reference {
            index: usize::try_from(SIZE).unwrap(),
            ..referenced(&token.payload).unwrap().unwrap()
        };
        let said = check_status(&token, &reference, &read(Revoked::default()));
        assert_eq!(said, Err(StatusListError::OutOfBounds));
    }

    #[test]
    fn a_token_says_that_it_is_in_no_list_or_exactly_where() {
        let said = |status: Option<Value>| {
            let claims = AccessTokenClaims {
                status,
                ..token(7).payload
            };
            referenced(&claims)
        };
        for uri in [
            "http://localhost:4000/lists/1",
            "https://lists.example/1?of=7",
        ] {
            let list = json!({ "status_list": { "idx": 7, "uri": uri } });
            let expected = Reference {
                uri: uri.to_owned(),
                index: 7,
            };
            assert_eq!(said(Some(list)), Ok(Some(expected)));
        }
        for none in [
            None,
            Some(json!({})),
            Some(json!({ "status_list": null })),
            Some(json!({ "another": {} })),
        ] {
            assert_eq!(said(none), Ok(None));
        }
        let uri = "https://lists.example/1";
        for list in [
            json!({ "idx": -1, "uri": uri }),
            json!({ "idx": 7.5, "uri": uri }),
            json!({ "idx": "7", "uri": uri }),
            json!({ "idx": 1e300, "uri": uri }),
            json!({ "uri": uri }),
            json!({ "idx": 7 }),
            json!({ "idx": 7, "uri": "http://lists.example/1" }),
            json!({ "idx": 7, "uri": "/lists/1" }),
        ] {
            let refused = said(Some(json!({ "status_list": list })));
            assert_eq!(refused, Err(StatusListError::Reference), "{list}");
        }
    }

    #[test]
    fn lists_of_others_may_have_more_bits() {
        let list = |bits, bytes: &[u8]| StatusList {
            issued_at: NOW,
            bits,
            bytes: bytes.to_vec(),
            named: Named::default(),
        };
        // The examples of §4.1 and §4.2.
        let one = list(1, &[0xb9, 0xa3]);
        let expected = [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1];
        assert_eq!(
            [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15].map(|i| one.status(i).unwrap()),
            expected
        );
        assert_eq!(one.status(16), None);
        let two = list(2, &[0xc9, 0x44, 0xf9]);
        let expected = [1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3];
        assert_eq!(
            [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11].map(|i| two.status(i).unwrap()),
            expected
        );
        assert_eq!(list(8, &[0, 255]).status(1), Some(255));
    }

    #[test]
    fn a_list_of_others_need_not_say_when_it_ends_and_must_say_what_it_is() {
        let compressed = |status_list: Value| {
            let claims = json!({ "sub": "x", "iat": 1.5, "status_list": status_list });
            let claims = claims.as_object().unwrap().clone();
            ListClaims::read(claims)?.compressed("x", &issuer(), NOW)
        };
        for (list, expected) in [
            (json!({ "bits": 8, "lst": "AAAA" }), Ok(vec![0; 3])),
            (json!({ "bits": 3, "lst": "" }), Err(StatusListError::Bits)),
            (json!({ "bits": 0, "lst": "" }), Err(StatusListError::Bits)),
            (
                json!({ "bits": 1, "lst": "+" }),
                Err(StatusListError::Encoding),
            ),
            (
                json!({ "bits": 256, "lst": "" }),
                Err(StatusListError::Claims),
            ),
            (json!({ "bits": 1 }), Err(StatusListError::Claims)),
        ] {
            assert_eq!(compressed(list.clone()), expected, "{list}");
        }
    }
}
