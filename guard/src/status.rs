//! Whether a token that was checked by itself was revoked (Token Status List): from a list that is fetched
//! in the background, by one request for all.

use std::cell::RefCell;
use std::rc::Rc;

use gatepass_core::jose::{Audiences, Jwt, ParsedJwt};
use gatepass_core::resource::ResourceRefusal;
use gatepass_core::status_list::{
    CONTENT_TYPE, LARGEST, LONGEST, ListClaims, StatusList, TYPE, check_status, referenced,
};
use gatepass_core::time::Lifetime;
use gatepass_core::token::access::AccessTokenClaims;
use gatepass_edge::remembered::{Remembered, Timing};
use gatepass_edge::{EdgeError, clock, compression, fetch};

use super::provider::Provider;

/// How old what is known of revocations may be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Freshness {
    /// How soon a revocation counts here.
    pub bound: Lifetime,
    /// For how much longer the last that was learned does, while nothing newer can be had.
    pub tolerance: Lifetime,
}

impl Freshness {
    /// Nothing is kept.
    pub(super) const NONE: Self = Self {
        bound: Lifetime::from_seconds(0),
        tolerance: Lifetime::from_seconds(0),
    };

    pub(super) fn timing(self) -> Timing {
        Timing {
            fresh_for: self.bound.half(),
            good_for: self.bound,
            usable_for: self.longest(),
            distance: Lifetime::from_seconds(1),
            distance_in_need: Lifetime::from_seconds(1),
        }
    }

    pub(super) fn longest(self) -> Lifetime {
        self.bound.and(self.tolerance)
    }
}

/// How many lists are remembered: Gatepass has one for each million grants. The one that was asked for longest ago goes
/// first.
const REMEMBERED: usize = 32;

/// The lists of a provider that tokens have named.
#[derive(Debug, Default)]
pub(super) struct StatusLists(RefCell<Vec<(Freshness, String, Remembered<StatusList>)>>);

impl StatusLists {
    fn at(&self, uri: &str, freshness: Freshness) -> Remembered<StatusList> {
        let mut lists = self.0.borrow_mut();
        let known = lists
            .iter()
            .position(|(of, at, _)| *of == freshness && at == uri);
        let named = if let Some(known) = known {
            lists.remove(known)
        } else {
            if lists.len() >= REMEMBERED {
                lists.remove(0);
            }
            let list = Remembered::new(freshness.timing(), Some(StatusList::issued_at));
            (freshness, uri.to_owned(), list)
        };
        let list = named.2.clone();
        lists.push(named);
        list
    }
}

/// Demands that a token was not revoked, as far as its list says, if it names one.
pub(super) async fn check(
    provider: &Rc<Provider>,
    token: &Jwt<AccessTokenClaims<Audiences>>,
    freshness: Freshness,
) -> Result<Result<(), ResourceRefusal>, EdgeError> {
    let reference = referenced(&token.payload);
    let Some(reference) = reference.map_err(|error| failed("a token", error))? else {
        return Ok(Ok(()));
    };
    let uri = &reference.uri;
    let remembered = provider.status_lists().at(uri, freshness);
    let list = remembered
        .current(|| fetch_list(Rc::clone(provider), uri.clone()))
        .await?;
    if !list.is_within(freshness.longest(), clock::now()) {
        return Err(failed(uri, "is too old"));
    }
    check_status(token, &reference, &list).map_err(|error| failed(uri, error))
}

async fn fetch_list(provider: Rc<Provider>, uri: String) -> Result<StatusList, EdgeError> {
    let text = fetch::signed(&uri, CONTENT_TYPE, LARGEST).await?;
    let claims = verified(&provider, &text, &uri).await?;
    let compressed = claims.compressed(&uri, provider.issuer(), clock::now());
    let compressed = compressed.map_err(|error| failed(&uri, error))?;
    let bytes = compression::inflate(&compressed, LONGEST).await;
    let bytes = bytes.map_err(|error| failed(&uri, error))?;
    let bytes = bytes.ok_or_else(|| failed(&uri, "is too long"))?;
    Ok(StatusList::new(claims, bytes))
}

async fn verified(provider: &Provider, text: &str, uri: &str) -> Result<ListClaims, EdgeError> {
    let parsed = ParsedJwt::parse(TYPE, text).map_err(|error| failed(uri, error))?;
    let keys = provider.keys_for(&parsed).await?;
    let is_signed = keys.may_have_signed(&parsed).await?;
    let claims = parsed.verified_claims(is_signed);
    let claims = claims.map_err(|error| failed(uri, error))?;
    ListClaims::read(claims).map_err(|error| failed(uri, error))
}

fn failed(uri: &str, why: impl core::fmt::Display) -> EdgeError {
    EdgeError::Upstream(format!("{uri}: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_is_asked_for_is_not_forgotten_for_others_that_are_not() {
        let lists = StatusLists::default();
        let at = |uri: &str| drop(lists.at(uri, Freshness::NONE));
        at("busy");
        for other in 0..100 {
            at(&format!("list {other}"));
            at("busy");
        }
        let known = lists.0.borrow();
        assert_eq!(known.len(), REMEMBERED);
        let uris: Vec<_> = known.iter().map(|(_, uri, _)| uri.as_str()).collect();
        assert_eq!(uris.iter().filter(|uri| **uri == "busy").count(), 1);
        assert!(uris.contains(&"list 99") && !uris.contains(&"list 0"));
    }
}
