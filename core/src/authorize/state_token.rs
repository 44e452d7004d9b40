//! The state token: a validated authorization request on its way through the sign-in page and the
//! consent page.
//!
//! It is signed, short-lived, and bound to the browser that began: it holds the hash of that
//! browser's binding cookie, so a link with somebody else's state token signs nobody in.

use serde::{Deserialize, Serialize};

use super::{
    Asks, AuthorizationDetails, AuthorizationRequest, Progress, Prompt, RequestedClaims,
    ResponseMode, SignIn,
};
use crate::client::{Client, GrantType};
use crate::dpop::Thumbprint;
use crate::form;
use crate::id::{Audience, BrowserId, ClientId, Nonce, SignInId, State, Subject};
use crate::jose::{self, Jwt, JwtError, SymmetricKey};
use crate::pkce::CodeChallenge;
use crate::redirect::RedirectUri;
use crate::scope::Scope;
use crate::secret::{BrowserBinding, SecretHash, StateToken};
use crate::time::{Lifetime, Timestamp};

/// The `typ` of a state token.
const TYPE: &str = "state+jwt";

/// The purpose that its key is derived for.
pub const KEY_PURPOSE: &str = "gatepass state token";

/// How long a user may take to sign in.
pub const LIFETIME: Lifetime = Lifetime::from_minutes(10);

#[derive(Deserialize, Serialize)]
struct Claims {
    client_id: ClientId,
    redirect_uri: RedirectUri,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    state: Option<State>,
    #[serde(default, skip_serializing_if = "ResponseMode::is_default")]
    mode: ResponseMode,
    scope: Scope,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    told: Option<String>,
    #[serde(default, skip_serializing_if = "AuthorizationDetails::is_empty")]
    details: AuthorizationDetails,
    audience: Audience,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code_challenge: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nonce: Option<Nonce>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dpop_jkt: Option<Thumbprint>,
    #[serde(default, skip_serializing_if = "Asks::is_empty")]
    prompt: Asks,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_age: Option<Lifetime>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    login_hint: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expected: Option<Subject>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fresh_since: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answered_by: Option<SignInId>,
    binding: String,
}

/// What a state token held: a request whose client must be loaded and checked again.
#[derive(Debug)]
pub struct Opened {
    /// Whose request it is.
    pub client_id: ClientId,
    /// Where it goes, not yet compared with what the client has registered now.
    pub redirect_uri: RedirectUri,
    /// The browser that began.
    pub browser: BrowserId,
    rest: Claims,
}

impl core::fmt::Debug for Claims {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Claims")
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

/// Why a state token is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum StateTokenError {
    /// Another browser began this sign-in, or the cookie is gone.
    #[error("this sign-in was begun in another browser, or its cookie is gone")]
    OtherBrowser,
    /// The token is malformed, forged or too old.
    #[error("this page was open for too long, or its address is incomplete")]
    Token(#[from] JwtError),
    /// The client or its redirect URI is no longer registered.
    #[error("the client is no longer registered as it was")]
    Unregistered,
}

/// Seals a request for the browser that holds `binding`.
///
/// # Errors
///
/// [`JwtError::Unserializable`], which these claims do not cause.
pub fn seal(
    request: &AuthorizationRequest,
    binding: &BrowserBinding,
    key: &SymmetricKey,
    now: Timestamp,
) -> Result<StateToken, JwtError> {
    seal_claims(claims(request, binding, now), key, now)
}

/// Seals a request that `sign_in` answers: it was made or chosen for it, or is all that it asks for.
///
/// # Errors
///
/// As [`seal`].
pub fn seal_for(
    sign_in: &SignIn,
    request: &AuthorizationRequest,
    binding: &BrowserBinding,
    key: &SymmetricKey,
    now: Timestamp,
) -> Result<StateToken, JwtError> {
    let claims = Claims {
        answered_by: Some(sign_in.id.clone()),
        ..claims(request, binding, now)
    };
    seal_claims(claims, key, now)
}

fn claims(request: &AuthorizationRequest, binding: &BrowserBinding, now: Timestamp) -> Claims {
    Claims {
        client_id: request.client_id.clone(),
        redirect_uri: request.redirect.uri().clone(),
        state: request.state.clone(),
        mode: request.mode,
        scope: request.scope.clone(),
        told: request.claims.parameter.clone(),
        details: request.details.clone(),
        audience: request.audience.clone(),
        code_challenge: request.challenge.map(CodeChallenge::to_base64url),
        nonce: request.nonce.clone(),
        dpop_jkt: request.dpop_jkt.clone(),
        prompt: request.prompt.asks(),
        max_age: request.max_age,
        login_hint: request.login_hint.clone(),
        expected: request.expected.clone(),
        fresh_since: request.fresh_since(now),
        answered_by: None,
        binding: binding.hash().to_base64url(),
    }
}

fn seal_claims(
    payload: Claims,
    key: &SymmetricKey,
    now: Timestamp,
) -> Result<StateToken, JwtError> {
    let jwt = Jwt {
        payload,
        issued_at: now,
        expires_at: now.plus(LIFETIME),
    };
    jose::sign_hs256(TYPE, key, &jwt).map(StateToken::new)
}

/// Opens a state token in the browser that presents `binding`.
///
/// # Errors
///
/// [`StateTokenError::Token`] or [`StateTokenError::OtherBrowser`].
pub fn open(
    token: &StateToken,
    binding: Option<&BrowserBinding>,
    key: &SymmetricKey,
    now: Timestamp,
) -> Result<Opened, StateTokenError> {
    let claims = jose::verify_hs256::<Claims>(TYPE, key, token.expose(), now)?.payload;
    let sealed = SecretHash::from_base64url(&claims.binding).ok_or(JwtError::Claims)?;
    let binding = binding
        .filter(|binding| binding.hash().matches(sealed))
        .ok_or(StateTokenError::OtherBrowser)?;
    Ok(Opened {
        client_id: claims.client_id.clone(),
        redirect_uri: claims.redirect_uri.clone(),
        browser: binding.browser(),
        rest: claims,
    })
}

/// The query of the request that a state token of this provider holds, whichever browser began it:
/// enough to begin again, and no more than a link that anyone could make. `None` if it expects a user,
/// which only the client's own ID token can say.
pub fn restart(token: &StateToken, key: &SymmetricKey, now: Timestamp) -> Option<String> {
    let jwt = jose::verify_hs256::<Claims>(TYPE, key, token.expose(), now).ok()?;
    let claims = jwt.payload;
    if claims.expected.is_some() {
        return None;
    }
    let scope = claims.scope.to_string();
    let prompt = claims.prompt.to_string();
    let max_age = claims.max_age.map(|age| age.seconds().to_string());
    let details = claims.details.to_text();
    let challenge = claims.code_challenge.as_deref();
    let pairs = [
        ("response_type", Some(challenge.map_or("token", |_| "code"))),
        ("response_mode", Some(claims.mode.as_str())),
        ("client_id", Some(claims.client_id.as_str())),
        ("redirect_uri", Some(claims.redirect_uri.as_str())),
        ("scope", Some(scope.as_str())),
        ("claims", claims.told.as_deref()),
        ("authorization_details", details.as_deref()),
        ("resource", Some(claims.audience.as_str())),
        ("code_challenge", challenge),
        ("code_challenge_method", Some("S256")),
        ("state", claims.state.as_ref().map(State::as_str)),
        ("nonce", claims.nonce.as_ref().map(Nonce::as_str)),
        ("dpop_jkt", claims.dpop_jkt.as_ref().map(Thumbprint::as_str)),
        ("prompt", Some(prompt.as_str())),
        ("max_age", max_age.as_deref()),
        ("login_hint", claims.login_hint.as_deref()),
    ];
    let stated = pairs
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)));
    Some(form::encode(stated))
}

impl Opened {
    /// The user name that the client expects.
    pub fn login_hint(&self) -> Option<&str> {
        self.rest.login_hint.as_deref()
    }

    /// Whether a user who is signed in already may go on as who they are, if they say so: where they
    /// have to choose, and have not to prove anything anew.
    pub fn may_be_answered_by(&self, sign_in: &SignIn, now: Timestamp) -> bool {
        let rest = &self.rest;
        let fresh = rest
            .fresh_since
            .is_none_or(|since| sign_in.auth_time > since);
        let expected = rest.expected.as_ref();
        let told = RequestedClaims::parse(rest.told.as_deref(), &rest.scope);
        let is_expected = expected.is_none_or(|expected| *expected == sign_in.subject)
            && told.is_ok_and(|told| told.allow(&sign_in.subject));
        rest.prompt.select_account && fresh && is_expected && sign_in.expires_at > now
    }

    /// The same request, answered by a sign-in that was made or chosen for it.
    ///
    /// # Errors
    ///
    /// As [`seal`].
    pub fn seal_for(
        self,
        sign_in: &SignInId,
        key: &SymmetricKey,
        now: Timestamp,
    ) -> Result<StateToken, JwtError> {
        let claims = Claims {
            answered_by: Some(sign_in.clone()),
            ..self.rest
        };
        seal_claims(claims, key, now)
    }

    /// The request, if its client still has the redirect URI, the scope and the details registered, and the
    /// implicit grant if it is for that.
    ///
    /// # Errors
    ///
    /// [`StateTokenError::Unregistered`].
    pub fn request(self, client: Option<&Client>) -> Result<AuthorizationRequest, StateTokenError> {
        let unregistered = StateTokenError::Unregistered;
        let client = client
            .filter(|client| client.id == self.client_id)
            .ok_or(unregistered)?;
        let redirect = self
            .redirect_uri
            .exactly(&client.redirect_uris)
            .ok_or(unregistered)?;
        let rest = self.rest;
        if !rest.scope.is_subset_of(&client.scope) {
            return Err(unregistered);
        }
        let details = rest.details.of(client).map_err(|_| unregistered)?;
        let challenge = match rest.code_challenge {
            Some(text) => Some(CodeChallenge::from_base64url(&text).ok_or(JwtError::Claims)?),
            None if client.may_use(GrantType::Implicit) => None,
            None => return Err(unregistered),
        };
        let told = RequestedClaims::parse(rest.told.as_deref(), &client.scope);
        let told = told.map_err(|_| JwtError::Claims)?;
        Ok(AuthorizationRequest {
            client_id: self.client_id,
            redirect,
            state: rest.state,
            mode: rest.mode,
            scope: rest.scope,
            claims: told,
            details,
            audience: rest.audience,
            challenge,
            nonce: rest.nonce,
            dpop_jkt: rest.dpop_jkt,
            prompt: Prompt::Ask(rest.prompt),
            max_age: rest.max_age,
            login_hint: rest.login_hint,
            expected: rest.expected,
            progress: Some(Progress {
                fresh_since: rest.fresh_since,
                answered_by: rest.answered_by,
            }),
        })
    }
}

#[cfg(test)]
mod tests;
