//! The state token: a validated authorization request on its way through the sign-in page.
//!
//! It is signed, short-lived, and bound to the browser that began: it holds the hash of that
//! browser's binding cookie, so a link with somebody else's state token signs nobody in.

use serde::{Deserialize, Serialize};

use super::{AuthorizationRequest, Prompt, SignIn};
use crate::client::Client;
use crate::form;
use crate::id::{Audience, BrowserId, ClientId, Nonce, State};
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
    state: Option<State>,
    scope: Scope,
    audience: Audience,
    code_challenge: String,
    nonce: Option<Nonce>,
    /// When the sign-in page was asked for: with `prompt=login`, an older sign-in does not count.
    fresh_since: Option<Timestamp>,
    binding: String,
}

/// What a state token held: a request whose client must be loaded and checked again.
#[derive(Debug)]
pub struct Opened {
    /// Whose request it is.
    pub client_id: ClientId,
    /// Where it goes, not yet compared with what the client has registered now.
    pub redirect_uri: RedirectUri,
    fresh_since: Option<Timestamp>,
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
    let payload = Claims {
        client_id: request.client_id.clone(),
        redirect_uri: request.redirect.uri().clone(),
        state: request.state.clone(),
        scope: request.scope.clone(),
        audience: request.audience.clone(),
        code_challenge: request.challenge.to_base64url(),
        nonce: request.nonce.clone(),
        fresh_since: (request.prompt == Prompt::Login).then_some(now),
        binding: binding.hash().to_base64url(),
    };
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
        fresh_since: claims.fresh_since,
        browser: binding.browser(),
        rest: claims,
    })
}

/// The query of the request that a state token of this provider holds, whichever browser began it:
/// enough to begin again, and no more than a link that anyone could make.
pub fn restart(token: &StateToken, key: &SymmetricKey, now: Timestamp) -> Option<String> {
    let jwt = jose::verify_hs256::<Claims>(TYPE, key, token.expose(), now).ok()?;
    let claims = jwt.payload;
    let scope = claims.scope.to_string();
    let pairs = [
        ("response_type", Some("code")),
        ("client_id", Some(claims.client_id.as_str())),
        ("redirect_uri", Some(claims.redirect_uri.as_str())),
        ("scope", Some(scope.as_str())),
        ("resource", Some(claims.audience.as_str())),
        ("code_challenge", Some(claims.code_challenge.as_str())),
        ("code_challenge_method", Some("S256")),
        ("state", claims.state.as_ref().map(State::as_str)),
        ("nonce", claims.nonce.as_ref().map(Nonce::as_str)),
        ("prompt", claims.fresh_since.map(|_| "login")),
    ];
    let stated = pairs
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)));
    Some(form::encode(stated))
}

impl Opened {
    /// Whether a sign-in answers the request: with `prompt=login` only one made since (OIDC Core
    /// §3.1.2.1).
    pub fn is_answered_by(&self, sign_in: &SignIn) -> bool {
        self.fresh_since
            .is_none_or(|since| sign_in.auth_time >= since)
    }

    /// The request, if its client still has the redirect URI and the scope registered.
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
        let challenge = CodeChallenge::from_base64url(&rest.code_challenge);
        Ok(AuthorizationRequest {
            client_id: self.client_id,
            redirect,
            state: rest.state,
            scope: rest.scope,
            audience: rest.audience,
            challenge: challenge.ok_or(JwtError::Claims)?,
            nonce: rest.nonce,
            prompt: Prompt::IfNeeded,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authorize::tests::request;
    use crate::client::tests::{confidential, public};
    use crate::grant::tests::{NOW, after, session};
    use crate::id::Issuer;
    use crate::token;

    fn key() -> SymmetricKey {
        SymmetricKey::derive(&[1; 32], KEY_PURPOSE)
    }

    fn browser(seed: u8) -> BrowserBinding {
        BrowserBinding::from_random([seed; 32])
    }

    fn sealed(changes: &str) -> StateToken {
        seal(&request(changes), &browser(1), &key(), NOW).unwrap()
    }

    fn opened(changes: &str) -> Opened {
        open(&sealed(changes), Some(&browser(1)), &key(), NOW).unwrap()
    }

    fn refused(
        token: &StateToken,
        binding: Option<&BrowserBinding>,
        now: Timestamp,
    ) -> StateTokenError {
        open(token, binding, &key(), now).unwrap_err()
    }

    #[test]
    fn a_request_comes_through_the_sign_in_page_unchanged() {
        let changes = "scope=read&nonce=n1&resource=https%3A%2F%2Fother.example";
        let opened = opened(changes);
        assert_eq!(opened.client_id, public().id);
        let (before, after) = (request(changes), opened.request(Some(&public())).unwrap());
        assert_eq!(format!("{before:?}"), format!("{after:?}"));
        let bare = open(&sealed("state="), Some(&browser(1)), &key(), NOW).unwrap();
        let bare = bare.request(Some(&public())).unwrap();
        assert_eq!((bare.state, bare.nonce), (None, None));
    }

    #[test]
    fn no_character_of_it_can_be_changed() {
        let token = sealed("");
        for (index, old) in token.expose().char_indices() {
            let new = if old == 'A' { 'B' } else { 'A' };
            let (head, tail) = token.expose().split_at(index);
            let tampered = StateToken::new(format!("{head}{new}{}", &tail[1..]));
            let refusal = refused(&tampered, Some(&browser(1)), NOW);
            assert!(
                matches!(refusal, StateTokenError::Token(_)),
                "{index}: {refusal:?}"
            );
        }
        let refusal = refused(&StateToken::new(""), Some(&browser(1)), NOW);
        assert_eq!(refusal, StateTokenError::Token(JwtError::Malformed));
    }

    #[test]
    fn another_key_and_another_kind_of_token_are_refused() {
        let other = SymmetricKey::derive(&[2; 32], KEY_PURPOSE);
        let refusal = open(&sealed(""), Some(&browser(1)), &other, NOW).unwrap_err();
        assert_eq!(refusal, StateTokenError::Token(JwtError::Signature));
        let issuer = Issuer::parse("http://localhost:4000").unwrap();
        let refresh = token::refresh::write(&session(1), &issuer, &key()).unwrap();
        let refusal = refused(&StateToken::new(refresh.expose()), Some(&browser(1)), NOW);
        assert_eq!(refusal, StateTokenError::Token(JwtError::Type));
    }

    #[test]
    fn it_opens_only_in_the_browser_that_began() {
        let token = sealed("");
        for binding in [None, Some(&browser(2))] {
            let refusal = refused(&token, binding, NOW);
            assert_eq!(refusal, StateTokenError::OtherBrowser);
        }
        assert!(!token.expose().contains(browser(1).expose()));
    }

    #[test]
    fn it_lives_for_ten_minutes_to_the_second() {
        let token = sealed("");
        assert!(open(&token, Some(&browser(1)), &key(), after(599)).is_ok());
        let refusal = refused(&token, Some(&browser(1)), after(600));
        assert_eq!(refusal, StateTokenError::Token(JwtError::Expired));
    }

    #[test]
    fn what_was_unregistered_meanwhile_is_refused() {
        let refused = |client: Option<&Client>| opened("scope=read").request(client).unwrap_err();
        let unregistered = StateTokenError::Unregistered;
        assert_eq!(refused(None), unregistered);
        assert_eq!(refused(Some(&confidential())), unregistered);
        let moved = Client {
            redirect_uris: vec![RedirectUri::parse("http://localhost:3001/other").unwrap()],
            ..public()
        };
        assert_eq!(refused(Some(&moved)), unregistered);
        let lessened = Client {
            scope: Scope::parse("openid").unwrap(),
            ..public()
        };
        assert_eq!(refused(Some(&lessened)), unregistered);
    }

    #[test]
    fn prompt_login_asks_for_a_sign_in_no_older_than_the_request_and_asks_once() {
        assert_eq!(opened("").fresh_since, None);
        let fresh = opened("prompt=login");
        assert_eq!(fresh.fresh_since, Some(NOW));
        assert_eq!(
            fresh.request(Some(&public())).unwrap().prompt,
            Prompt::IfNeeded
        );
    }

    #[test]
    fn it_does_not_print_what_it_holds() {
        let printed = format!("{:?}", opened("state=private-state"));
        assert!(!printed.contains("private-state"), "{printed}");
    }
}
