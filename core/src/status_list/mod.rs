//! Token Status List (IETF draft-ietf-oauth-status-list): which access tokens were revoked, in a signed
//! document that anyone may cache, so that an API that checks tokens by itself learns of it within a
//! stated time.
//!
//! Every **grant** has an index of its own, given once, with its row, and every access token under the
//! grant carries it. A grant that ends sets its bit. No two grants that have live tokens share an index, so
//! nobody's token is refused because of another's. A list has [`SIZE`] indexes; which list an index
//! is in follows from its number.
//!
//! What ends apart from a grant is named in members of their own beside the bits:
//!
//! | member | names | why it is no bit |
//! |---|---|---|
//! | `revoked_jti` | access tokens that were revoked one by one (RFC 7009) | a token's `jti` is in no row, and its grant's bit is also its siblings' |
//! | `revoked_until` | [families](Family), each with a time: what was issued to it then or before is revoked | a family of which [`ALONE`] live tokens are named is named itself, so that nobody makes a list grow by revoking; and tokens end with the secret, key or permission that their client got them with |
//! | `ended_clients` | clients whose registration ended | their own tokens stand on no grant, and carry index 0, which no grant has |
//!
//! What ended longer ago than any access token lives is left out again. A verifier that reads the bits
//! alone learns of every sign-out, theft, revoked refresh token and withdrawn consent; of single access
//! tokens it learns by introspection.

mod reading;

pub use reading::{
    LARGEST, LONGEST, ListClaims, Reference, StatusList, StatusListError, check_status, referenced,
};

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::discovery::path;
use crate::id::{ClientId, GrantId, Issuer, JwtId};
use crate::jose::{Claims, Jwt, claims};
use crate::time::{Lifetime, Timestamp};

/// The `typ` of a status list token (§5.1).
pub const TYPE: &str = "statuslist+jwt";

/// The content type of one.
pub const CONTENT_TYPE: &str = "application/statuslist+jwt";

/// How many indexes a list has: 128 kB before it is compressed.
pub const SIZE: i64 = 1 << 20;

/// How many live access tokens of one [`Family`] are named one by one. Whichever is revoked after that takes
/// those with it that were issued before it, and those of the same second.
pub const ALONE: u32 = 16;

/// How soon an API that checks tokens by itself learns of a revocation, unless configured otherwise.
pub const DEFAULT_BOUND_SECONDS: u32 = 10;

/// The access tokens that one client got under one grant, or for itself: its name, a space, and the grant's, or
/// nothing. Another client's tokens under the same grant are another family, so that no client revokes them.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd)]
pub struct Family(String);

impl Family {
    /// That of a client's tokens under `grant`.
    pub fn of(client: &ClientId, grant: Option<&GrantId>) -> Self {
        Self(format!("{client} {}", grant.map_or("", GrantId::as_str)))
    }

    /// All access tokens of a client, whatever they stand on: no grant is called so.
    pub fn whole(client: &ClientId) -> Self {
        Self(format!("{client} *"))
    }

    /// The one that a store calls so.
    pub fn named(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// What it is called.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The index of a grant in all lists together. 0 is no grant's.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct StatusIndex(i64);

impl StatusIndex {
    /// Of tokens that stand on no grant, and of a grant that the store has not numbered yet.
    pub const NONE: Self = Self(0);

    /// The number that the store gave.
    pub fn from_number(number: i64) -> Option<Self> {
        (number >= 0).then_some(Self(number))
    }

    /// The number.
    pub const fn number(self) -> i64 {
        self.0
    }

    /// The `status` claim of a token with this index (§6.1).
    pub fn claim(self, issuer: &Issuer) -> Value {
        let list = ListNumber(self.0 / SIZE);
        json!({ "status_list": { "idx": self.0 % SIZE, "uri": list.uri(issuer) } })
    }
}

/// Which list.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct ListNumber(i64);

impl ListNumber {
    /// The last list there is if `highest` is the highest index of a grant: one is there before its first
    /// grant, so that nobody who asks for it is told that it is not.
    pub const fn last(highest: StatusIndex) -> Self {
        Self((highest.0 / SIZE).saturating_add(1))
    }

    /// The list at a path of the provider.
    pub fn at(requested: &str) -> Option<Self> {
        let number = requested.strip_prefix(path::STATUS_LISTS)?;
        let number = number.strip_prefix('/')?;
        let canonical = number == "0" || !number.starts_with(['0', '+']);
        let read = number.parse::<u32>().ok().filter(|_| canonical)?;
        Some(Self(read.into()))
    }

    /// Where it is: the `uri` of its tokens, and its `sub`.
    pub fn uri(self, issuer: &Issuer) -> String {
        format!("{issuer}{}/{}", path::STATUS_LISTS, self.0)
    }

    /// The first index in it.
    pub fn first(self) -> StatusIndex {
        StatusIndex(self.0.saturating_mul(SIZE))
    }

    /// The first index after it.
    pub fn end(self) -> StatusIndex {
        StatusIndex(self.first().0.saturating_add(SIZE))
    }
}

/// What a list is made from, as of one moment.
#[derive(Clone, Copy, Debug)]
pub struct StatusQuery {
    /// Which.
    pub list: ListNumber,
    /// What ended then or before has no live token any more.
    pub since: Timestamp,
    /// When it is asked.
    pub at: Timestamp,
}

/// What a store knows to be revoked.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Revoked {
    /// The last list there is.
    pub last: ListNumber,
    /// Grants of this list that have ended since.
    pub grants: Vec<StatusIndex>,
    /// Access tokens that were revoked alone and have not expired.
    pub tokens: Vec<JwtId>,
    /// Families, and until when what was issued to them is revoked.
    pub families: Vec<(Family, Timestamp)>,
    /// Clients that have ended since.
    pub clients: Vec<ClientId>,
}

impl Revoked {
    /// The bits of a list, eight to the byte, the least significant first (§4.1).
    pub fn bits(&self, list: ListNumber) -> Vec<u8> {
        let mut bytes = vec![0_u8; usize::try_from(SIZE / 8).unwrap_or_default()];
        for index in &self.grants {
            let place = usize::try_from(index.0.saturating_sub(list.first().0));
            let place = place.unwrap_or(usize::MAX);
            if let Some(byte) = bytes.get_mut(place / 8) {
                *byte |= 1 << (place % 8);
            }
        }
        bytes
    }

    /// The status list token (§5.1) around the compressed bits. It may be kept for half of `bound` (`ttl`),
    /// so that whoever fetches it anew then knows what happened `bound` ago.
    pub fn token(
        self,
        list: ListNumber,
        compressed: &[u8],
        issuer: &Issuer,
        (bound, now): (Lifetime, Timestamp),
    ) -> Jwt<Claims> {
        let mut status_list = Map::new();
        let bits = Base64UrlUnpadded::encode_string(compressed);
        status_list.insert("bits".to_owned(), 1.into());
        status_list.insert("lst".to_owned(), bits.into());
        let tokens: Vec<_> = self.tokens.iter().map(JwtId::as_str).collect();
        let clients: Vec<_> = self.clients.iter().map(ClientId::as_str).collect();
        let mut payload = claims([
            ("iss", issuer.as_str().into()),
            ("sub", list.uri(issuer).into()),
            ("ttl", kept_for(bound).into()),
            ("status_list", status_list.into()),
        ]);
        for (name, named) in [("revoked_jti", tokens), ("ended_clients", clients)] {
            if !named.is_empty() {
                payload.insert(name.to_owned(), named.into());
            }
        }
        // Collected, it would be sorted first, by much code.
        let mut until = Map::new();
        for (family, at) in self.families {
            until.insert(family.0, at.seconds().into());
        }
        if !until.is_empty() {
            payload.insert("revoked_until".to_owned(), until.into());
        }
        Jwt {
            payload,
            issued_at: now,
            // Whoever reads it by its `ttl` has long fetched another.
            expires_at: now.plus(bound).plus(LATEST),
        }
    }
}

/// How much longer than it should be used a list is valid: clocks differ.
const LATEST: Lifetime = Lifetime::from_minutes(1);

/// For how many seconds a list may be kept: half of what an API may take to learn of a revocation.
pub fn kept_for(bound: Lifetime) -> i64 {
    bound.half().seconds().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authorize::tests::issuer;
    use crate::grant::tests::{NOW, after};

    fn index(number: i64) -> StatusIndex {
        StatusIndex::from_number(number).unwrap()
    }

    fn list(number: i64) -> ListNumber {
        ListNumber::at(&format!("/oauth/status_lists/{number}")).unwrap()
    }

    #[test]
    fn an_index_says_its_list_and_its_place() {
        let uri = "http://localhost:4000/oauth/status_lists/";
        for (number, list, place) in [(0, 0, 0), (1, 0, 1), (SIZE - 1, 0, SIZE - 1), (SIZE, 1, 0)] {
            let expected =
                json!({ "status_list": { "idx": place, "uri": format!("{uri}{list}") } });
            assert_eq!(index(number).claim(&issuer()), expected);
        }
        assert_eq!(StatusIndex::from_number(-1), None);
        assert_eq!(
            (list(1).first(), list(1).end()),
            (index(SIZE), index(2 * SIZE))
        );
    }

    #[test]
    fn a_family_is_of_one_client_and_of_one_grant_or_of_none() {
        let client = ClientId::parse("https://app.example/a b").unwrap();
        let grant = GrantId::parse("g1").unwrap();
        let family = Family::of(&client, Some(&grant));
        assert_eq!(family.as_str(), "https://app.example/a b g1");
        assert_eq!(Family::named(family.as_str()), family);
        assert_eq!(
            Family::of(&client, None).as_str(),
            "https://app.example/a b "
        );
        assert_eq!(Family::whole(&client).as_str(), "https://app.example/a b *");
    }

    #[test]
    fn a_list_is_there_before_its_first_grant() {
        for (highest, last) in [(0, 1), (SIZE - 1, 1), (SIZE, 2), (7 * SIZE + 3, 8)] {
            assert_eq!(ListNumber::last(index(highest)), list(last));
        }
    }

    #[test]
    fn a_list_has_one_address() {
        assert_eq!(
            list(7).uri(&issuer()),
            "http://localhost:4000/oauth/status_lists/7"
        );
        for other in [
            "",
            "/",
            "/00",
            "/01",
            "/+1",
            "/-1",
            "/1/",
            "/x",
            "/4294967296",
            "0",
        ] {
            assert_eq!(
                ListNumber::at(&format!("/oauth/status_lists{other}")),
                None,
                "{other}"
            );
        }
    }

    #[test]
    fn the_least_significant_bit_of_a_byte_comes_first() {
        let revoked = Revoked {
            grants: [0, 1, 8, 15, SIZE - 1, SIZE]
                .map(|place| index(SIZE + place))
                .to_vec(),
            ..Revoked::default()
        };
        let bits = revoked.bits(list(1));
        assert_eq!(bits.len(), 131_072);
        assert_eq!(bits[..3], [0b0000_0011, 0b1000_0001, 0]);
        assert_eq!(bits[131_071], 0b1000_0000);
        assert_eq!(bits.iter().map(|byte| byte.count_ones()).sum::<u32>(), 5);
    }

    #[test]
    fn a_list_says_whose_it_is_how_long_it_counts_and_what_else_is_revoked() {
        let bound = (Lifetime::from_seconds(DEFAULT_BOUND_SECONDS), NOW);
        let nothing = Revoked::default().token(list(0), b"bits", &issuer(), bound);
        let expected = json!({
            "iss": "http://localhost:4000",
            "sub": "http://localhost:4000/oauth/status_lists/0",
            "ttl": 5,
            "status_list": { "bits": 1, "lst": "Yml0cw" },
        });
        assert_eq!(Value::from(nothing.payload), expected);
        assert_eq!((nothing.issued_at, nothing.expires_at), (NOW, after(70)));
        let revoked = Revoked {
            tokens: vec![JwtId::parse("at-1").unwrap()],
            families: vec![(Family::named("demo g1"), NOW)],
            clients: vec![ClientId::parse("gone").unwrap()],
            ..Revoked::default()
        };
        let payload = revoked.token(list(0), b"", &issuer(), bound).payload;
        assert_eq!(payload.get("revoked_jti"), Some(&json!(["at-1"])));
        let until = json!({ "demo g1": 1_800_000_000 });
        assert_eq!(payload.get("revoked_until"), Some(&until));
        assert_eq!(payload.get("ended_clients"), Some(&json!(["gone"])));
        assert_eq!(kept_for(Lifetime::from_seconds(1)), 1);
    }
}
