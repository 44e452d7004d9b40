//! The ports in memory: each method takes one turn with the tables, so each is one transaction.

mod clean_up;
mod consent;
mod device;
mod pushed;
mod registration;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::convert::Infallible;

use gatepass_core::authorize::{Consent, SignIn};
use gatepass_core::client::{
    AccessTokenFormat, Client, ClientAuthentication, ClientCredentials, GrantType, RefreshBehaviour,
};
use gatepass_core::dpop::{ProofUse, ProofVerdict, check_grant_key};
use gatepass_core::grant::code::{CodeRecord, CodeStatus, Redemption};
use gatepass_core::grant::device::DeviceRecord;
use gatepass_core::grant::refresh::{Found, LONGEST_CHAIN, Presented, Rotation};
use gatepass_core::grant::token_exchange::LookedUp;
use gatepass_core::grant::{EndReason, Grant, GrantStatus, Session, SessionStatus};
use gatepass_core::id::{BrowserId, ClientId, GrantId, JwtId, SignInId, Subject};
use gatepass_core::introspect::TokenState;
use gatepass_core::jose::Jwt;
use gatepass_core::logout::back_channel::Departure;
use gatepass_core::secret::{PasswordHash, SecretHash};
use gatepass_core::status_list::{ALONE, Family, ListNumber, Revoked, StatusIndex, StatusQuery};
use gatepass_core::store::{AccessTokenStore, AuthorizeStore, GrantStore, OnceStore, StatusStore};
use gatepass_core::time::{Lifetime, Timestamp};
use gatepass_core::token::access::{AccessTokenClaims, Basis};
use gatepass_core::token::opaque::Offer;
use gatepass_core::userinfo::{Account, User};

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

impl AuthorizeStore for MemoryStore {
    type Error = Infallible;

    async fn client_and_sign_in(
        &self,
        client: Option<&ClientId>,
        sign_in: Option<&SignInId>,
    ) -> Result<(Option<Client>, Option<SignIn>), Infallible> {
        let tables = self.0.borrow();
        let sign_in = sign_in.and_then(|id| tables.sign_ins.get(id)).cloned();
        Ok((client.and_then(|id| tables.client(id)), sign_in))
    }

    async fn client_and_account(
        &self,
        client: &ClientId,
        username: &str,
        proof: Option<&ProofUse<'_>>,
    ) -> Result<(Option<Client>, Option<Account>, ProofVerdict), Infallible> {
        let account = self.user_by_name(username).await?;
        let mut tables = self.0.borrow_mut();
        let verdict = tables.use_proof(proof);
        Ok((tables.client(client), account, verdict))
    }

    async fn insert_code(&self, code: &CodeRecord) -> Result<bool, Infallible> {
        let mut tables = self.0.borrow_mut();
        let mut sign_ins = tables.sign_ins.values();
        let signed_in = sign_ins.any(|found| found.browser == code.browser);
        if signed_in {
            let key = code.hash.to_base64url();
            tables.codes.insert(key, code.clone());
        }
        Ok(signed_in)
    }

    async fn user_by_name(&self, username: &str) -> Result<Option<Account>, Infallible> {
        let tables = self.0.borrow();
        let mut users = tables.users.values();
        let found = users.find(|(user, _)| user.username == username);
        Ok(found.map(|(user, password_hash)| Account {
            user: user.clone(),
            password_hash: PasswordHash::new(password_hash),
        }))
    }

    async fn user(&self, subject: &Subject) -> Result<Option<User>, Infallible> {
        let tables = self.0.borrow();
        Ok(tables.users.get(subject).map(|(user, _)| user.clone()))
    }

    async fn insert_sign_in(
        &self,
        sign_in: &SignIn,
        earlier: Option<&SignInId>,
    ) -> Result<(), Infallible> {
        let mut tables = self.0.borrow_mut();
        let mut sign_in = sign_in.clone();
        if let Some(earlier) = earlier.and_then(|id| tables.sign_ins.get_mut(id)) {
            sign_in.browser = earlier.browser.clone();
            earlier.expires_at = earlier.expires_at.min(sign_in.auth_time);
        }
        tables.sign_ins.insert(sign_in.id.clone(), sign_in);
        Ok(())
    }

    async fn sign_out(
        &self,
        browser: &BrowserId,
        at: Timestamp,
    ) -> Result<Vec<Departure>, Infallible> {
        let tables = &mut *self.0.borrow_mut();
        let departures = departures(tables, browser);
        tables
            .sign_ins
            .retain(|_, sign_in| sign_in.browser != *browser);
        let spent = |code: &CodeRecord| code.status != CodeStatus::Unused;
        tables
            .codes
            .retain(|_, code| code.browser != *browser || spent(code));
        tables.end_where(|grant| grant.browser == *browser, EndReason::SignedOut, at);
        Ok(departures)
    }
}

fn departures(tables: &Tables, browser: &BrowserId) -> Vec<Departure> {
    let mut departures = Vec::new();
    for grant in tables.grants.values() {
        let signed_out = GrantStatus::Ended(EndReason::SignedOut);
        if grant.browser != *browser || grant.status == signed_out {
            continue;
        }
        let Some(client) = tables.clients.get(&grant.client_id) else {
            continue;
        };
        let departure = client.settings.departure(&grant.client_id, &grant.subject);
        departures.extend(departure.filter(|departure| !departures.contains(departure)));
    }
    departures
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

impl GrantStore for MemoryStore {
    type Error = Infallible;

    async fn client_and_code(
        &self,
        client: &ClientId,
        code: SecretHash,
        proof: Option<&ProofUse<'_>>,
    ) -> Result<(Option<Client>, Option<CodeRecord>, ProofVerdict), Infallible> {
        let mut tables = self.0.borrow_mut();
        let verdict = tables.use_proof(proof);
        let code = tables.codes.get(&code.to_base64url()).cloned();
        Ok((tables.client(client), code, verdict))
    }

    async fn redeem(&self, redemption: &Redemption) -> Result<Option<StatusIndex>, Infallible> {
        let mut tables = self.0.borrow_mut();
        let code = tables.codes.get_mut(&redemption.code.to_base64url());
        let unused = |code: &&mut CodeRecord| {
            code.status == CodeStatus::Unused && code.expires_at > redemption.at
        };
        let Some(code) = code.filter(unused) else {
            return Ok(None);
        };
        code.status = CodeStatus::Redeemed {
            at: redemption.at,
            grant_id: redemption.grant.id.clone(),
        };
        let offer = redemption.access_token.as_ref();
        tables.keep_opaque(offer, &redemption.grant);
        Ok(Some(tables.begin(&redemption.grant, &redemption.session)))
    }

    async fn begin_grant(
        &self,
        grant: &Grant,
        session: &Session,
    ) -> Result<Option<StatusIndex>, Infallible> {
        Ok(Some(self.0.borrow_mut().begin(grant, session)))
    }

    async fn rotate(&self, rotation: &Rotation<'_>) -> Result<Found, Infallible> {
        let mut tables = self.0.borrow_mut();
        let proof = tables.use_proof(rotation.proof.as_ref());
        if proof == ProofVerdict::Counts && tables.may_advance(rotation) {
            tables.advance(rotation);
        }
        Ok(Found {
            proof,
            client: tables.client(rotation.credentials.client_id()),
            presented: tables.presented(rotation.presented),
        })
    }

    async fn end_grant(
        &self,
        grant: &GrantId,
        reason: EndReason,
        at: Timestamp,
    ) -> Result<bool, Infallible> {
        let mut tables = self.0.borrow_mut();
        Ok(tables.end_where(|found| found.id == *grant, reason, at) > 0)
    }

    async fn client_and_namesake(
        &self,
        client: &ClientId,
        proof: Option<&ProofUse<'_>>,
    ) -> Result<(Option<Client>, bool, ProofVerdict), Infallible> {
        let mut tables = self.0.borrow_mut();
        let verdict = tables.use_proof(proof);
        let is_a_user = tables.users.contains_key(&client.to_subject());
        Ok((tables.client(client), is_a_user, verdict))
    }

    async fn access_token_state(
        &self,
        caller: Option<&ClientId>,
        token: &Jwt<AccessTokenClaims>,
    ) -> Result<(Option<Client>, TokenState), Infallible> {
        let tables = self.0.borrow();
        let stands_on = match token.payload.basis() {
            Basis::Grant(id) => tables.token_state(tables.grants.get(id)),
            Basis::Client(id) => TokenState {
                client: tables.client(id),
                ..TokenState::default()
            },
        };
        let state = TokenState {
            access_token_revoked: tables.is_revoked(token),
            ..stands_on
        };
        Ok((caller.and_then(|id| tables.client(id)), state))
    }

    async fn refresh_token_state(
        &self,
        caller: &ClientId,
        refresh_jti: &JwtId,
    ) -> Result<(Option<Client>, Option<Session>, TokenState), Infallible> {
        let tables = self.0.borrow();
        let session = tables.sessions.get(refresh_jti).cloned();
        let state = tables.token_state(tables.grant_of(refresh_jti));
        Ok((tables.client(caller), session, state))
    }

    async fn revoke_access_token(
        &self,
        token: &Jwt<AccessTokenClaims>,
        at: Timestamp,
    ) -> Result<(), Infallible> {
        let revoked = &mut self.0.borrow_mut().revoked;
        let (jti, family) = (token.payload.jti.as_str(), token.payload.family());
        let others = revoked.iter().filter(|(key, row)| {
            row.family.as_ref() == Some(&family) && row.expires_at > at && *key != jti
        });
        let is_alone = others.count() < usize::try_from(ALONE).unwrap();
        let key = if is_alone { jti } else { family.as_str() }.to_owned();
        let row = revoked.entry(key).or_insert(Revocation {
            family: is_alone.then_some(family),
            until: (!is_alone).then_some(token.issued_at),
            expires_at: token.expires_at,
        });
        row.until = row.until.map(|until| until.max(token.issued_at));
        row.expires_at = row.expires_at.max(token.expires_at);
        Ok(())
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

    /// Step 1 of [`Rotation`]: everything that must hold.
    fn may_advance(&self, rotation: &Rotation<'_>) -> bool {
        let Some(session) = self.sessions.get(rotation.presented) else {
            return false;
        };
        let Some(grant) = self.grants.get(&session.grant_id) else {
            return false;
        };
        let Some(client) = self.clients.get(&grant.client_id) else {
            return false;
        };
        session.status == SessionStatus::Active
            && session.expires_at > rotation.at
            && grant.status == GrantStatus::Active
            && grant.expires_at > rotation.at
            && grant.refresh_behaviour(client) == RefreshBehaviour::Rotate
            && client.may_use(GrantType::RefreshToken)
            && check_grant_key(grant.details.jkt.as_ref(), client, rotation.key()).is_ok()
            && proves(rotation.credentials, client, rotation.at)
    }

    /// Steps 1 and 2 of [`Rotation`].
    fn advance(&mut self, rotation: &Rotation<'_>) {
        let next = &rotation.next;
        let client = self.client(rotation.credentials.client_id());
        let own = client.and_then(|client| client.settings.refresh_token_lifetime);
        let ends = own.map_or(next.expires_at, |seconds| {
            rotation.at.plus(Lifetime::from_seconds(seconds))
        });
        let limit = self.grant_of(rotation.presented).map(|g| g.expires_at);
        let (Some(spent), Some(limit)) = (self.sessions.get_mut(rotation.presented), limit) else {
            return;
        };
        spent.status = SessionStatus::Refreshed {
            at: rotation.at,
            successor: next.refresh_jti.clone(),
        };
        let grant = spent.grant_id.clone();
        let session = Session {
            refresh_jti: next.refresh_jti.clone(),
            grant_id: grant.clone(),
            access_jti: next.access_jti.clone(),
            generation: spent.generation + 1,
            issued_at: rotation.at,
            expires_at: limit.min(ends),
            status: SessionStatus::Active,
        };
        self.sessions.insert(next.refresh_jti.clone(), session);
        if let Some(grant) = self.grants.get(&grant).cloned() {
            self.keep_opaque(next.access_token.as_ref(), &grant);
        }
    }

    /// Step 3 of [`Rotation`].
    fn presented(&self, jti: &JwtId) -> Option<Presented> {
        let session = self.sessions.get(jti)?;
        let next = |session: &&Session| match &session.status {
            SessionStatus::Refreshed { successor, .. } => self.sessions.get(successor),
            SessionStatus::Active => None,
        };
        let successors = std::iter::successors(next(&session), next);
        let longest = usize::try_from(LONGEST_CHAIN).unwrap();
        Some(Presented {
            grant: self.grant_of(jti)?.clone(),
            session: session.clone(),
            successors: successors.take(longest).cloned().collect(),
        })
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
