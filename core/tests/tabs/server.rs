//! The provider's side: its own decisions on the store in memory, with nothing signed.

use std::collections::HashMap;

use gatepass_core::client::{Client, ClientCredentials};
use gatepass_core::dpop::{CheckedProof, ProofUse, Thumbprint};
use gatepass_core::error::ErrorResponse;
use gatepass_core::form::Form;
use gatepass_core::grant::refresh::{self, NextSession, Rotation};
use gatepass_core::grant::{
    EndReason, Grant, GrantDetails, GrantStatus, Lifetimes, Session, SessionStatus,
};
use gatepass_core::id::{BrowserId, GrantId, JwtId};
use gatepass_core::rp::failure::{ErrorResponse as WireError, Failure};
use gatepass_core::rp::token::Tokens;
use gatepass_core::secret::{AccessToken, IdempotencyKey, RefreshToken, SecretHash};
use gatepass_core::status_list::StatusIndex;
use gatepass_core::store::GrantStore;
use gatepass_core::time::{Lifetime, Timestamp};
use gatepass_core::token::TokenRefusal;
use gatepass_testing::block_on;
use gatepass_testing::contract::Seed;
use gatepass_testing::{MemoryStore, SeededRandom, fixture};

/// How long an access token lives, in seconds.
pub(crate) const LIFETIME: u32 = 300;

pub(crate) struct Server {
    store: MemoryStore,
    random: SeededRandom,
    client: Client,
    credentials: ClientCredentials,
    lifetimes: Lifetimes,
    /// Whether its grants are bound to a key, which every request proves.
    bound: bool,
    /// Access tokens: whose, and until when.
    issued: HashMap<String, (GrantId, Timestamp)>,
    /// When each refresh token was used first.
    pub(crate) used: HashMap<String, Timestamp>,
    /// How many refreshes came.
    pub(crate) requests: u32,
}

impl Server {
    pub(crate) fn new(bound: bool) -> Self {
        let store = MemoryStore::default();
        let client = fixture::demo();
        block_on(store.put_client(&client));
        Self {
            store,
            random: SeededRandom::new(1),
            credentials: fixture::credentials(&client),
            client,
            lifetimes: Lifetimes::default(),
            bound,
            issued: HashMap::new(),
            used: HashMap::new(),
            requests: 0,
        }
    }

    fn jti(&self) -> JwtId {
        JwtId::from_random(self.random.bytes())
    }

    /// What a host gives the core at random.
    pub(crate) fn fresh_key(&self) -> String {
        self.jti().as_str().to_owned()
    }

    fn key() -> Thumbprint {
        Thumbprint::parse(&SecretHash::of("key").to_base64url()).unwrap()
    }

    pub(crate) fn grace(&self) -> Lifetime {
        self.lifetimes.grace
    }

    /// The tokens of a new sign-in.
    pub(crate) fn sign_in(&mut self, now: Timestamp) -> Tokens {
        let grant = Grant {
            id: GrantId::from_random(self.random.bytes()),
            browser: BrowserId::from_random(self.random.bytes()),
            subject: fixture::user().subject,
            client_id: self.client.id.clone(),
            scope: self.client.scope.clone(),
            audience: fixture::resources().default,
            auth_time: now,
            details: GrantDetails {
                jkt: self.bound.then(Self::key),
                ..GrantDetails::default()
            },
            status: GrantStatus::Active,
            created_at: now,
            expires_at: now.plus(self.lifetimes.grant),
            status_index: StatusIndex::NONE,
        };
        let session = Session {
            refresh_jti: self.jti(),
            grant_id: grant.id.clone(),
            access_jti: self.jti(),
            generation: 1,
            issued_at: now,
            expires_at: now.plus(self.lifetimes.refresh_token),
            status: SessionStatus::Active,
        };
        let Ok(begun) = block_on(self.store.begin_grant(&grant, &session));
        assert!(begun.is_some());
        self.tokens(&grant.id, &session, &session.access_jti, now)
    }

    fn tokens(
        &mut self,
        grant: &GrantId,
        session: &Session,
        access: &JwtId,
        now: Timestamp,
    ) -> Tokens {
        let lifetime = Lifetime::from_seconds(LIFETIME);
        let access = access.as_str().to_owned();
        let entry = (grant.clone(), now.plus(lifetime));
        self.issued.insert(access.clone(), entry);
        Tokens {
            access: AccessToken::new(access),
            refresh: Some(RefreshToken::new(session.refresh_jti.as_str())),
            id_token: None,
            expires_in: Some(lifetime),
            bound: self.bound,
        }
    }

    /// A refresh, as `core/src/grant/refresh.rs` decides it.
    pub(crate) fn refresh(&mut self, body: &str, now: Timestamp) -> Result<Tokens, Failure> {
        self.requests += 1;
        let form = Form::parse(body).unwrap();
        let presented = JwtId::parse(form.required("refresh_token").unwrap()).unwrap();
        self.used
            .entry(presented.as_str().to_owned())
            .or_insert(now);
        let key = form.optional("idempotency_key").map(IdempotencyKey::new);
        let proof = CheckedProof {
            jkt: Self::key(),
            id: SecretHash::of(self.jti().as_str()),
            expires_at: now.plus(Lifetime::from_minutes(5)),
        };
        let rotation = Rotation {
            presented: &presented,
            credentials: &self.credentials,
            next: NextSession {
                refresh_jti: key
                    .map_or_else(|| self.jti(), |key| refresh::successor_of(&presented, &key)),
                access_jti: self.jti(),
                expires_at: now.plus(self.lifetimes.refresh_token),
                access_token: None,
            },
            at: now,
            proof: self.bound.then(|| ProofUse::once(&proof, now)),
        };
        let Ok(found) = block_on(self.store.rotate(&rotation));
        let fresh = self.jti();
        match refresh::decide(found, &rotation, &self.lifetimes) {
            Ok(refreshed) => {
                let access = refreshed.access_jti(&rotation, fresh);
                Ok(self.tokens(&refreshed.grant.id, &refreshed.session, &access, now))
            }
            Err(refusal) => {
                if let Some((grant, reason)) = refusal.ends() {
                    let Ok(_) = block_on(self.store.end_grant(grant, reason, now));
                }
                let response = ErrorResponse::from(&TokenRefusal::from(refusal));
                let body = WireError {
                    error: response.code.as_str(),
                    gatepass_reason: response.reason,
                };
                Err(Failure::of_answer(response.code.status(), None, Some(body)))
            }
        }
    }

    /// What a provider without grace says of a token that was used before.
    pub(crate) fn refuse_used(&self, body: &str) -> Option<Failure> {
        let form = Form::parse(body).unwrap();
        self.used.get(form.required("refresh_token").unwrap())?;
        let body = WireError {
            error: "invalid_grant",
            gatepass_reason: None,
        };
        Some(Failure::of_answer(400, None, Some(body)))
    }

    /// What the API says of an access token.
    pub(crate) fn accepts(&self, access: &str, now: Timestamp) -> bool {
        let issued = self.issued.get(access);
        issued.is_some_and(|(grant, until)| *until > now && self.stands(grant, now))
    }

    /// The grant of an access token.
    pub(crate) fn grant_of(&self, access: &str) -> GrantId {
        self.issued.get(access).unwrap().0.clone()
    }

    pub(crate) fn stands(&self, grant: &GrantId, now: Timestamp) -> bool {
        self.store.grant(grant).unwrap().stands(now)
    }

    pub(crate) fn status(&self, grant: &GrantId) -> GrantStatus {
        self.store.grant(grant).unwrap().status
    }

    pub(crate) fn revoke(&self, grant: &GrantId, now: Timestamp) {
        let Ok(_) = block_on(self.store.end_grant(grant, EndReason::Revoked, now));
    }

    /// Of which grant a refresh token is, and of which generation.
    pub(crate) fn generation(&self, refresh: &str) -> (GrantId, u32) {
        let sessions = self.store.sessions();
        let found = sessions
            .into_iter()
            .find(|session| session.refresh_jti.as_str() == refresh);
        let session = found.unwrap();
        (session.grant_id, session.generation)
    }
}
