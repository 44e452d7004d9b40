//! Grants and their generations, in memory.

use std::convert::Infallible;

use gatepass_core::client::{Client, GrantType, RefreshBehaviour};
use gatepass_core::dpop::{ProofUse, ProofVerdict, check_grant_key};
use gatepass_core::grant::code::{CodeRecord, CodeStatus, Redemption};
use gatepass_core::grant::refresh::{Found, LONGEST_CHAIN, Presented, Rotation};
use gatepass_core::grant::{EndReason, Grant, GrantStatus, Session, SessionStatus};
use gatepass_core::id::{ClientId, GrantId, JwtId};
use gatepass_core::introspect::TokenState;
use gatepass_core::jose::Jwt;
use gatepass_core::secret::SecretHash;
use gatepass_core::status_list::{ALONE, StatusIndex};
use gatepass_core::store::GrantStore;
use gatepass_core::time::{Lifetime, Timestamp};
use gatepass_core::token::access::{AccessTokenClaims, Basis};

use super::{MemoryStore, Revocation, Tables, proves};

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

impl Tables {
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
    pub(super) fn presented(&self, jti: &JwtId) -> Option<Presented> {
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
