//! The ports in memory: each method takes one turn with the tables, so each is one transaction.

mod authorize;
mod clean_up;
mod consent;
mod device;
mod grant;
mod pushed;
mod registration;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::convert::Infallible;

use gatepass_core::authorize::{Consent, SignIn};
use gatepass_core::client::{AccessTokenFormat, Client, ClientAuthentication, ClientCredentials};
use gatepass_core::dpop::{ProofUse, ProofVerdict};
use gatepass_core::grant::code::CodeRecord;
use gatepass_core::grant::device::DeviceRecord;
use gatepass_core::grant::token_exchange::LookedUp;
use gatepass_core::grant::{EndReason, Grant, GrantStatus, Session};
use gatepass_core::id::{ClientId, GrantId, JwtId, SignInId, Subject};
use gatepass_core::introspect::TokenState;
use gatepass_core::jose::Jwt;
use gatepass_core::secret::SecretHash;
use gatepass_core::status_list::{Family, ListNumber, Revoked, StatusIndex, StatusQuery};
use gatepass_core::store::{AccessTokenStore, GrantStore, OnceStore, StatusStore};
use gatepass_core::time::{Lifetime, Timestamp};
use gatepass_core::token::access::AccessTokenClaims;
use gatepass_core::token::opaque::Offer;
use gatepass_core::userinfo::User;

use crate::contract::Seed;

/// Everything the provider remembers, for as long as the test lasts.
#[derive(Debug, Default)]
pub struct MemoryStore(RefCell<Tables>);

#[derive(Debug, Default)]
struct Tables {
    clients: BTreeMap<ClientId, Client>,
    users: BTreeMap<Subject, (User, String)>,
    sign_ins: BTreeMap<SignInId, SignIn>,
    codes: BTreeMap<String, CodeRecord>,
    devices: BTreeMap<String, DeviceRecord>,
    wrong_user_codes: BTreeMap<SignInId, u32>,
    grants: BTreeMap<GrantId, Grant>,
    last_status_index: i64,
    opaque: BTreeMap<String, Jwt<AccessTokenClaims>>,
    ended_grants: BTreeMap<GrantId, Timestamp>,
    ended_clients: BTreeMap<ClientId, Timestamp>,
    sessions: BTreeMap<JwtId, Session>,
    revoked: BTreeMap<String, Revocation>,
    used: BTreeMap<String, Used>,
    consents: BTreeMap<(Subject, ClientId), Consent>,
    pushed: BTreeMap<String, pushed::Pushed>,
    registrations: BTreeMap<ClientId, (SecretHash, Timestamp)>,
    cursors: clean_up::Cursors,
}

/// An access token that was revoked alone, of a family; or a family, and until when what was issued to it is.
#[derive(Debug)]
struct Revocation {
    family: Option<Family>,
    until: Option<Timestamp>,
    expires_at: Timestamp,
}

/// What was used, and may not be used again before it expires.
#[derive(Debug)]
struct Used {
    expires_at: Timestamp,
    purpose: String,
    at: Timestamp,
}

impl Used {
    /// Whether this is the same request again.
    fn is_the_same(&self, used: &ProofUse<'_>) -> bool {
        !used.purpose.is_empty() && self.purpose == used.purpose && self.at >= used.again_since
    }
}

impl MemoryStore {
    /// The grant, to look at.
    pub fn grant(&self, id: &GrantId) -> Option<Grant> {
        self.0.borrow().grants.get(id).cloned()
    }

    /// Every generation of every grant, to look at.
    pub fn sessions(&self) -> Vec<Session> {
        self.0.borrow().sessions.values().cloned().collect()
    }
}

impl Seed for MemoryStore {
    async fn put_client(&self, client: &Client) {
        let mut tables = self.0.borrow_mut();
        tables.clients.insert(client.id.clone(), client.clone());
    }

    async fn put_user(&self, user: &User, password_hash: &str) {
        let row = (user.clone(), password_hash.to_owned());
        let mut tables = self.0.borrow_mut();
        tables.users.insert(user.subject.clone(), row);
    }
}

impl OnceStore for MemoryStore {
    type Error = Infallible;

    async fn use_once(&self, id: SecretHash, expires_at: Timestamp) -> Result<bool, Infallible> {
        let mut tables = self.0.borrow_mut();
        let once = Used {
            expires_at,
            purpose: String::new(),
            at: expires_at,
        };
        let earlier = tables.used.insert(id.to_base64url(), once);
        Ok(earlier.is_none())
    }

    async fn use_proof(&self, used: &ProofUse<'_>) -> Result<ProofVerdict, Infallible> {
        Ok(self.0.borrow_mut().use_proof(Some(used)))
    }
}

impl AccessTokenStore for MemoryStore {
    type Error = Infallible;

    async fn insert_access_token(
        &self,
        hash: SecretHash,
        token: &Jwt<AccessTokenClaims>,
    ) -> Result<(), Infallible> {
        let mut tables = self.0.borrow_mut();
        tables.opaque.insert(hash.to_base64url(), token.clone());
        Ok(())
    }

    async fn access_token(
        &self,
        caller: Option<&ClientId>,
        hash: SecretHash,
    ) -> Result<(Option<Client>, Option<LookedUp>), Infallible> {
        let found = self.0.borrow().opaque.get(&hash.to_base64url()).cloned();
        let Some(jwt) = found else {
            let tables = self.0.borrow();
            return Ok((caller.and_then(|id| tables.client(id)), None));
        };
        let caller = caller.unwrap_or(&jwt.payload.client_id);
        let (client, state) = self.access_token_state(Some(caller), &jwt).await?;
        Ok((client, Some(LookedUp { jwt, state })))
    }

    async fn delete_access_token(&self, hash: SecretHash) -> Result<(), Infallible> {
        self.0.borrow_mut().opaque.remove(&hash.to_base64url());
        Ok(())
    }
}

impl StatusStore for MemoryStore {
    type Error = Infallible;

    async fn revoked(&self, query: &StatusQuery) -> Result<Revoked, Infallible> {
        let tables = self.0.borrow();
        let (first, end) = (query.list.first(), query.list.end());
        let mut grants: Vec<_> = tables
            .ended_grants
            .iter()
            .filter(|(_, at)| **at > query.since)
            .filter_map(|(id, _)| Some(tables.grants.get(id)?.status_index))
            .filter(|index| (first..end).contains(index))
            .collect();
        grants.sort_unstable();
        let revoked = tables.revoked.iter();
        let (families, tokens): (Vec<_>, Vec<_>) = revoked
            .filter(|(_, row)| row.expires_at > query.at)
            .partition(|(_, row)| row.until.is_some());
        let named = |(key, row): (&String, &Revocation)| Some((Family::named(key), row.until?));
        let clients = tables.ended_clients.iter();
        let indexes = tables.grants.values().map(|grant| grant.status_index);
        Ok(Revoked {
            last: ListNumber::last(indexes.max().unwrap_or_default()),
            grants,
            tokens: tokens
                .into_iter()
                .map(|(jti, _)| JwtId::parse(jti).unwrap())
                .collect(),
            families: families.into_iter().filter_map(named).collect(),
            clients: clients
                .filter(|(_, at)| **at > query.since)
                .map(|(id, _)| id.clone())
                .collect(),
        })
    }
}

impl Tables {
    /// Keeps a new grant and its first generation.
    fn begin(&mut self, grant: &Grant, session: &Session) -> StatusIndex {
        self.last_status_index += 1;
        let status_index = StatusIndex::from_number(self.last_status_index).unwrap();
        let grant = Grant {
            status_index,
            ..grant.clone()
        };
        let session = session.clone();
        self.grants.insert(grant.id.clone(), grant);
        self.sessions.insert(session.refresh_jti.clone(), session);
        status_index
    }

    /// Keeps an opaque access token under a grant, if the client has such tokens.
    fn keep_opaque(&mut self, offer: Option<&Offer>, grant: &Grant) {
        let settings = self.clients.get(&grant.client_id).map(|c| &c.settings);
        let (Some(offer), Some(settings)) = (offer, settings) else {
            return;
        };
        if settings.access_token_format != AccessTokenFormat::Opaque {
            return;
        }
        let mut claims = serde_json::json!({
            "sub": grant.subject, "aud": grant.audience, "client_id": grant.client_id,
            "scope": grant.scope, "auth_time": grant.auth_time, "grant_id": grant.id,
            "authorization_details": grant.details.authorization_details,
        });
        let own = offer.own.clone();
        claims.as_object_mut().unwrap().extend(own);
        let expires_at = settings
            .access_token_lifetime
            .map_or(offer.expires_at, |own| {
                offer.issued_at.plus(Lifetime::from_seconds(own))
            });
        let token = Jwt {
            payload: serde_json::from_value(claims).unwrap(),
            issued_at: offer.issued_at,
            expires_at: expires_at.min(grant.expires_at),
        };
        self.opaque.insert(offer.hash.to_base64url(), token);
    }

    /// Ends grants that have not ended; says how many.
    fn end_where(
        &mut self,
        belongs: impl Fn(&Grant) -> bool,
        reason: EndReason,
        at: Timestamp,
    ) -> usize {
        let active = |grant: &&mut Grant| grant.status == GrantStatus::Active && belongs(grant);
        let mut count = 0;
        for grant in self.grants.values_mut().filter(active) {
            grant.status = GrantStatus::Ended(reason);
            self.ended_grants.insert(grant.id.clone(), at);
            count += 1;
        }
        count
    }

    fn is_revoked(&self, token: &Jwt<AccessTokenClaims>) -> bool {
        let claims = &token.payload;
        let found = self.revoked.get(claims.family().as_str());
        let until = found.and_then(|family| family.until);
        !self.clients.contains_key(&claims.client_id)
            || self.revoked.contains_key(claims.jti.as_str())
            || until.is_some_and(|until| token.issued_at <= until)
    }

    fn client(&self, id: &ClientId) -> Option<Client> {
        self.clients.get(id).cloned()
    }

    fn use_proof(&mut self, used: Option<&ProofUse<'_>>) -> ProofVerdict {
        let Some(used) = used else {
            return ProofVerdict::Counts;
        };
        let key = used.proof.id.to_base64url();
        match self.used.get(&key) {
            Some(earlier) if !earlier.is_the_same(used) => ProofVerdict::Used,
            Some(_) => ProofVerdict::Counts,
            None => {
                let once = Used {
                    expires_at: used.proof.expires_at,
                    purpose: used.purpose.clone(),
                    at: used.at,
                };
                self.used.insert(key, once);
                ProofVerdict::Counts
            }
        }
    }

    fn grant_of(&self, refresh_jti: &JwtId) -> Option<&Grant> {
        let session = self.sessions.get(refresh_jti)?;
        self.grants.get(&session.grant_id)
    }

    fn token_state(&self, grant: Option<&Grant>) -> TokenState {
        let user = grant.and_then(|grant| self.users.get(&grant.subject));
        TokenState {
            grant: grant.cloned(),
            user: user.map(|(user, _)| user.clone()),
            ..TokenState::default()
        }
    }
}

/// What a store can compare by itself: the client, the method, the hash of the secret.
fn proves(credentials: &ClientCredentials, client: &Client, now: Timestamp) -> bool {
    let proven = match (client.authentication, credentials.secret_hash()) {
        (ClientAuthentication::None | ClientAuthentication::PrivateKeyJwt, None) => true,
        (
            ClientAuthentication::SecretBasic(secrets) | ClientAuthentication::SecretPost(secrets),
            Some(hash),
        ) => secrets.matches(hash, now),
        _ => false,
    };
    proven
        && *credentials.client_id() == client.id
        && credentials.method() == client.authentication.method()
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::store_contract_tests!(MemoryStore::default());
}
