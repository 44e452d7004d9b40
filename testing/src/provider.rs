//! The provider in one process: the walk of the Workers over the core's decisions, on the in-memory
//! store, with a clock and random bytes that a test controls.
//!
//! It repeats what `worker/src/endpoint` does, in the same order, and changes together with it:
//! CONTRIBUTING.md says which function belongs to which file.

mod device;

use base64ct::{Base64UrlUnpadded, Encoding};
use gatepass_core::authorize::{
    AuthorizationRequest, LocalRefusal, Next, Permission, Refusal, Resources, SignIn, decide,
    refusal_reply, requesting_client, state_token, success_reply, validate,
};
use gatepass_core::client::{ClientCredentials, GrantType};
use gatepass_core::dpop::{CheckedProof, ProofUse, Thumbprint};
use gatepass_core::form::Form;
use gatepass_core::grant::client_credentials::{self, ClientCredentialsRequest};
use gatepass_core::grant::code::{self, CodeRefusal, CodeRequest, NewIds};
use gatepass_core::grant::refresh::{self, NextSession, Rotation, check_wish};
use gatepass_core::grant::{
    Allowed, AuthenticationMethod, EndReason, Grant, Lifetimes, Session, Terms,
};
use gatepass_core::id::{GrantId, Issuer, JwtId};
use gatepass_core::jose::{self, Claims, Jwt, SymmetricKey};
use gatepass_core::secret::{
    AccessToken, AuthorizationCode, BrowserBinding, IdToken, RefreshToken, SecretHash,
    SignInCookie, StateToken,
};
use gatepass_core::store::{AuthorizeStore, ConsentStore, GrantStore};
use gatepass_core::time::{Lifetime, Timestamp};
use gatepass_core::token::access::AccessTokenClaims;
use gatepass_core::token::{
    self, GrantRequest, RefreshRequest, TokenRefusal, TokenRequest, TokenResponse,
};

use crate::contract::Seed;
use crate::executor::block_on;
use crate::{Es256Signer, ManualClock, MemoryStore, SeededRandom, fixture};

/// Of consent the Workers' tests know more: every client here is first-party.
const NOBODY_ASKS: &str = "a client of the fixture needs no consent";

/// A provider with the fixture's clients and user.
#[derive(Debug)]
pub struct Provider {
    /// What it remembers.
    pub store: MemoryStore,
    /// What time it is.
    pub clock: ManualClock,
    /// Where its identifiers and codes come from.
    pub random: SeededRandom,
    /// What it signs with.
    pub signer: Es256Signer,
    /// How long its tokens live.
    pub lifetimes: Lifetimes,
    /// Who it is.
    pub issuer: Issuer,
    /// Whom its access tokens may be for.
    pub resources: Resources,
    refresh_token_key: SymmetricKey,
    state_token_key: SymmetricKey,
}

/// Where the authorization endpoint sends the browser.
#[derive(Debug)]
pub enum Sent {
    /// Nowhere: the user sees what is wrong.
    Nowhere(LocalRefusal),
    /// To the sign-in page, with a state token and the cookie that belongs to it.
    ToSignIn(StateToken, BrowserBinding),
    /// To the client, at this address.
    ToClient(String),
}

/// Who asks for tokens.
#[derive(Clone, Copy)]
struct Asking<'a> {
    credentials: &'a ClientCredentials,
    proof: Option<&'a CheckedProof>,
}

impl<'a> Asking<'a> {
    fn key(self) -> Option<&'a Thumbprint> {
        self.proof.map(|proof| &proof.jkt)
    }

    fn proof_once(self, now: Timestamp) -> Option<ProofUse<'a>> {
        self.proof.map(|proof| ProofUse::once(proof, now))
    }

    fn proof_for(self, what: &str, grace: Lifetime, now: Timestamp) -> Option<ProofUse<'a>> {
        let repeatable = |proof| ProofUse::repeatable(proof, what, grace, now);
        self.proof.map(repeatable)
    }
}

impl Provider {
    /// A provider whose random bytes follow from `seed`.
    pub fn new(seed: u64) -> Self {
        let store = MemoryStore::default();
        for client in fixture::clients() {
            block_on(store.put_client(&client));
        }
        block_on(store.put_user(&fixture::user(), fixture::PASSWORD_HASH));
        Self {
            store,
            clock: ManualClock::at(fixture::NOW),
            random: SeededRandom::new(seed),
            signer: Es256Signer::new(1),
            lifetimes: Lifetimes::default(),
            issuer: fixture::issuer(),
            resources: fixture::resources(),
            refresh_token_key: fixture::refresh_token_key(),
            state_token_key: fixture::state_token_key(),
        }
    }

    /// `GET /oauth/authorize`.
    pub fn authorize(&self, query: &str, cookie: Option<&SignInCookie>) -> Sent {
        match self.try_authorize(query, cookie) {
            Ok(sent) => sent,
            Err(Refusal::Local(refusal)) => Sent::Nowhere(refusal),
            Err(Refusal::Redirect(refusal)) => {
                Sent::ToClient(refusal_reply(&refusal, &self.issuer).location())
            }
        }
    }

    fn try_authorize(&self, query: &str, cookie: Option<&SignInCookie>) -> Result<Sent, Refusal> {
        let local = |refusal: LocalRefusal| Refusal::Local(refusal);
        let form = Form::parse(query).map_err(|error| local(error.into()))?;
        let client_id = requesting_client(&form).map_err(local)?;
        let sign_in = cookie.map(SignInCookie::id);
        let loaded = self.store.client_and_visitor(&client_id, sign_in.as_ref());
        let Ok((client, visitor)) = block_on(loaded);
        let request = validate(&form, client.as_ref(), &self.resources)?;
        match decide(&request, &client.unwrap(), visitor, self.clock.now()) {
            Next::AskConsent(_) => panic!("{NOBODY_ASKS}"),
            Next::Issue(permission) => Ok(Sent::ToClient(self.code(&request, &permission))),
            Next::Refuse(refusal) => Err(Refusal::Redirect(refusal)),
            Next::SignIn => {
                let binding = BrowserBinding::from_random(self.random.bytes());
                let (key, now) = (&self.state_token_key, self.clock.now());
                let token = state_token::seal(&request, &binding, key, now).unwrap();
                Ok(Sent::ToSignIn(token, binding))
            }
        }
    }

    /// `POST /login` with the right password.
    pub fn sign_in(&self) -> SignInCookie {
        let cookie = SignInCookie::from_random(self.random.bytes());
        let sign_in = SignIn {
            id: cookie.id(),
            browser: BrowserBinding::from_random(self.random.bytes()).browser(),
            subject: fixture::user().subject,
            auth_time: self.clock.now(),
            amr: vec![AuthenticationMethod::Password],
            expires_at: self.clock.now().plus(self.lifetimes.grant),
        };
        let Ok(()) = block_on(self.store.insert_sign_in(&sign_in, None));
        cookie
    }

    /// Where the sign-in page sends the browser once it has signed in.
    ///
    /// # Panics
    ///
    /// If the state token does not open in this browser.
    pub fn answered(
        &self,
        token: &StateToken,
        binding: &BrowserBinding,
        cookie: &SignInCookie,
    ) -> StateToken {
        let (key, now) = (&self.state_token_key, self.clock.now());
        let opened = state_token::open(token, Some(binding), key, now).unwrap();
        opened.seal_for(&cookie.id(), key, now).unwrap()
    }

    /// `GET /oauth/callback`: where the browser goes with the sign-in that it has now.
    ///
    /// # Panics
    ///
    /// If the state token does not open in this browser, or there is no live sign-in.
    pub fn callback(
        &self,
        token: &StateToken,
        binding: &BrowserBinding,
        cookie: &SignInCookie,
    ) -> String {
        let (key, now) = (&self.state_token_key, self.clock.now());
        let opened = state_token::open(token, Some(binding), key, now).unwrap();
        let sign_in = cookie.id();
        let loaded = self
            .store
            .client_and_visitor(&opened.client_id, Some(&sign_in));
        let Ok((client, visitor)) = block_on(loaded);
        let request = opened.request(client.as_ref()).unwrap();
        match decide(&request, &client.unwrap(), visitor, now) {
            Next::AskConsent(_) => panic!("{NOBODY_ASKS}"),
            Next::Issue(permission) => self.code(&request, &permission),
            Next::Refuse(refusal) => refusal_reply(&refusal, &self.issuer).location(),
            Next::SignIn => panic!("this sign-in does not count"),
        }
    }

    fn code(&self, request: &AuthorizationRequest, permission: &Permission) -> String {
        let code = AuthorizationCode::from_random(self.random.bytes());
        let record = code::issue(
            request,
            permission,
            &code,
            &self.lifetimes,
            self.clock.now(),
        );
        let Ok(_) = block_on(self.store.insert_code(&record));
        success_reply(request, &code, &self.issuer).location()
    }

    /// `POST /oauth/token`. What a refusal ends has ended when this returns.
    pub fn token(
        &self,
        authorization: Option<&str>,
        body: &str,
    ) -> Result<TokenResponse, TokenRefusal> {
        self.token_with(authorization, body, None)
    }

    /// The same with a proof in which everything is right (RFC 9449).
    pub fn token_with(
        &self,
        authorization: Option<&str>,
        body: &str,
        proof: Option<&CheckedProof>,
    ) -> Result<TokenResponse, TokenRefusal> {
        let answer = self.try_token(authorization, body, proof);
        if let Err(refusal) = &answer
            && let Some((grant, reason)) = refusal.ends()
        {
            self.end_grant(grant, reason);
        }
        answer
    }

    fn try_token(
        &self,
        authorization: Option<&str>,
        body: &str,
        proof: Option<&CheckedProof>,
    ) -> Result<TokenResponse, TokenRefusal> {
        let request = TokenRequest::parse(authorization, &Form::parse(body)?, None)?;
        let asking = Asking {
            credentials: &request.credentials,
            proof,
        };
        match request.grant {
            GrantRequest::AuthorizationCode(code) => self.redeem(asking, &code),
            GrantRequest::ClientCredentials(asked) => self.client_credentials(asking, &asked),
            GrantRequest::DeviceCode(code) => self.poll(asking, &code),
            GrantRequest::RefreshToken(refresh) => self.refresh(asking, &refresh),
            // Neither test exchanges tokens, nor has a password.
            GrantRequest::Password(_) | GrantRequest::TokenExchange(_) => {
                Err(TokenRefusal::UnsupportedGrantType)
            }
        }
    }

    fn redeem(
        &self,
        asking: Asking<'_>,
        request: &CodeRequest,
    ) -> Result<TokenResponse, TokenRefusal> {
        let now = self.clock.now();
        let (proof, id) = (asking.proof_once(now), asking.credentials.client_id());
        let hash = request.code.hash();
        let loaded = self.store.client_and_code(id, hash, proof.as_ref());
        let Ok((client, record, verdict)) = block_on(loaded);
        let client = asking.credentials.authenticate(client, now)?;
        verdict.check()?;
        let terms = self.terms(asking, now);
        let ids = NewIds {
            grant: GrantId::from_random(self.random.bytes()),
            refresh_jti: self.jti(),
            access_jti: self.jti(),
        };
        let mut redemption = code::decide(record, request, &client, ids, terms)?;
        let Ok(won) = block_on(self.store.redeem(&redemption));
        let Some(status_index) = won else {
            return Err(CodeRefusal::AlreadyRedeemed.into());
        };
        redemption.grant.status_index = status_index;
        let (grant, session) = (&redemption.grant, &redemption.session);
        let nonce = redemption.nonce.clone();
        let id_token = token::id::issue(grant, &grant.scope, nonce, terms);
        let access_jti = session.access_jti.clone();
        let response = self.issue(
            (grant, session),
            request.wish.under(grant),
            access_jti,
            terms,
        );
        let mut response = self.with_id_token(response, id_token);
        let declined = grant.details.declines_offline_access;
        if declined || !client.client().may_use(GrantType::RefreshToken) {
            response.refresh_token = None;
        }
        Ok(response)
    }

    fn refresh(
        &self,
        asking: Asking<'_>,
        request: &RefreshRequest,
    ) -> Result<TokenResponse, TokenRefusal> {
        let now = self.clock.now();
        let key = &self.refresh_token_key;
        let (token, grace) = (&request.token, self.lifetimes.grace);
        let jti = token::refresh::read_for_refresh(token, &self.issuer, key, grace, now)
            .map_err(TokenRefusal::RefreshToken)?
            .jti;
        if !request.wish.is_for_everything() {
            let loaded = self
                .store
                .refresh_token_state(asking.credentials.client_id(), &jti);
            let Ok((client, _, state)) = block_on(loaded);
            check_wish(
                &request.wish,
                asking.credentials,
                client,
                state.grant.as_ref(),
                now,
            )?;
        }
        let named = request.key.as_ref();
        let named = named.map(|key| refresh::successor_of(&jti, key));
        let next = NextSession {
            refresh_jti: named.unwrap_or_else(|| self.jti()),
            access_jti: self.jti(),
            expires_at: now.plus(self.lifetimes.refresh_token),
            access_token: None,
        };
        let rotation = Rotation {
            presented: &jti,
            credentials: asking.credentials,
            next,
            at: now,
            proof: asking.proof_for(jti.as_str(), self.lifetimes.grace, now),
        };
        let Ok(found) = block_on(self.store.rotate(&rotation));
        let refreshed = refresh::decide(found, &rotation, &self.lifetimes)?;
        let access_jti = refreshed.access_jti(&rotation, self.jti());
        let grant = &refreshed.grant;
        let allowed = request.wish.under(grant);
        let terms = self.terms(asking, now);
        let id_token = token::id::issue(grant, allowed.scope, None, terms);
        let response = self.issue((grant, &refreshed.session), allowed, access_jti, terms);
        Ok(self.with_id_token(response, id_token))
    }

    fn client_credentials(
        &self,
        asking: Asking<'_>,
        request: &ClientCredentialsRequest,
    ) -> Result<TokenResponse, TokenRefusal> {
        let now = self.clock.now();
        let (proof, id) = (asking.proof_once(now), asking.credentials.client_id());
        let loaded = self.store.client_and_namesake(id, proof.as_ref());
        let Ok((client, is_a_user, verdict)) = block_on(loaded);
        let client = asking.credentials.authenticate(client, now)?;
        verdict.check()?;
        let (resources, key) = (&self.resources, asking.key());
        let allowed = client_credentials::decide(&client, is_a_user, request, resources, key)?;
        let terms = self.terms(asking, now);
        let jwt = token::access::issue_to_client(allowed, self.jti(), terms);
        Ok(self.response(&jwt, None))
    }

    fn terms<'a>(&'a self, asking: Asking<'a>, now: Timestamp) -> Terms<'a> {
        self.terms_with(asking.key(), now)
    }

    fn terms_with<'a>(&'a self, key: Option<&'a Thumbprint>, now: Timestamp) -> Terms<'a> {
        Terms {
            issuer: &self.issuer,
            lifetimes: &self.lifetimes,
            now,
            key,
        }
    }

    fn issue(
        &self,
        (grant, session): (&Grant, &Session),
        allowed: Allowed<'_>,
        access_jti: JwtId,
        terms: Terms<'_>,
    ) -> TokenResponse {
        let jwt = token::access::issue(grant, allowed, access_jti, terms);
        let refresh_token = token::refresh::write(session, terms.issuer, &self.refresh_token_key);
        self.response(&jwt, Some(refresh_token.unwrap()))
    }

    fn with_id_token(
        &self,
        response: TokenResponse,
        id_token: Option<Jwt<Claims>>,
    ) -> TokenResponse {
        let id_token = id_token.map(|mut jwt| {
            let digest = SecretHash::of(response.access_token.expose()).to_base64url();
            let digest = Base64UrlUnpadded::decode_vec(&digest).unwrap();
            let hash = token::id::at_hash(&digest);
            jwt.payload.insert("at_hash".to_owned(), hash.into());
            let (algorithm, key) = (self.signer.algorithm(), self.signer.key_id());
            let unsigned = jose::unsigned(token::id::TYPE, algorithm, key, &jwt);
            IdToken::new(self.signer.sign(unsigned.unwrap()))
        });
        TokenResponse {
            id_token,
            ..response
        }
    }

    fn response(
        &self,
        jwt: &Jwt<AccessTokenClaims>,
        refresh_token: Option<RefreshToken>,
    ) -> TokenResponse {
        let (algorithm, key) = (self.signer.algorithm(), self.signer.key_id());
        let unsigned = jose::unsigned(token::access::TYPE, algorithm, key, jwt);
        TokenResponse {
            access_token: AccessToken::new(self.signer.sign(unsigned.unwrap())),
            token_type: jwt.payload.token_type(),
            expires_in: jwt.expires_at.remaining(self.clock.now()),
            refresh_token,
            scope: jwt.payload.scope.clone(),
            details: jwt.payload.authorization_details.clone(),
            id_token: None,
            issued_token_type: None,
        }
    }

    /// What revoking a refresh token, an administrator or a replay does.
    pub fn end_grant(&self, grant: &GrantId, reason: EndReason) {
        let Ok(_) = block_on(self.store.end_grant(grant, reason, self.clock.now()));
    }

    /// `POST /oauth/logout`.
    pub fn sign_out(&self, cookie: &SignInCookie) {
        let (client, id) = (fixture::demo().id, cookie.id());
        let found = self.store.client_and_sign_in(Some(&client), Some(&id));
        let Ok((_, Some(sign_in))) = block_on(found) else {
            return;
        };
        let Ok(_) = block_on(self.store.sign_out(&sign_in.browser, self.clock.now()));
    }

    fn jti(&self) -> JwtId {
        JwtId::from_random(self.random.bytes())
    }
}
