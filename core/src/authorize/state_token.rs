//! The state token: a validated authorization request on its way through the sign-in page and the
//! consent page.
//!
//! It is signed, short-lived, and bound to the browser that began: it holds the hash of that
//! browser's binding cookie, so a link with somebody else's state token signs nobody in.

use serde::{Deserialize, Serialize};

use super::{Asks, AuthorizationRequest, Progress, Prompt, RequestedClaims, ResponseMode, SignIn};
use crate::client::Client;
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
    audience: Audience,
    code_challenge: String,
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
        audience: request.audience.clone(),
        code_challenge: request.challenge.to_base64url(),
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
    let pairs = [
        ("response_type", Some("code")),
        ("response_mode", Some(claims.mode.as_str())),
        ("client_id", Some(claims.client_id.as_str())),
        ("redirect_uri", Some(claims.redirect_uri.as_str())),
        ("scope", Some(scope.as_str())),
        ("claims", claims.told.as_deref()),
        ("resource", Some(claims.audience.as_str())),
        ("code_challenge", Some(claims.code_challenge.as_str())),
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
        let told = RequestedClaims::parse(rest.told.as_deref(), &client.scope);
        let told = told.map_err(|_| JwtError::Claims)?;
        Ok(AuthorizationRequest {
            client_id: self.client_id,
            redirect,
            state: rest.state,
            mode: rest.mode,
            scope: rest.scope,
            claims: told,
            audience: rest.audience,
            challenge: challenge.ok_or(JwtError::Claims)?,
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
mod tests {
    use super::*;
    use crate::authorize::tests::{query, request, resources};
    use crate::authorize::validate;
    use crate::client::tests::{confidential, public};
    use crate::form::Form;
    use crate::grant::AuthenticationMethod;
    use crate::grant::tests::{NOW, after, session};
    use crate::id::Issuer;
    use crate::token;
    use crate::token::id::tests::hint_of;

    /// Every parameter that comes through.
    const EVERYTHING: &str = "scope=openid+read\
        &claims=%7B%22userinfo%22%3A%7B%22email%22%3Anull%7D%2C%22id_token%22%3A%7B%22sub%22%3A%7B%22value%22%3A%22u1%22%7D%7D%7D\
        &nonce=n1&resource=https%3A%2F%2Fother.example\
        &prompt=login+consent&max_age=60&login_hint=anna&response_mode=form_post\
        &dpop_jkt=0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";

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
        let opened = opened(EVERYTHING);
        assert_eq!(opened.client_id, public().id);
        assert_eq!(opened.login_hint(), Some("anna"));
        let (before, after) = (
            request(EVERYTHING),
            opened.request(Some(&public())).unwrap(),
        );
        let begun = AuthorizationRequest {
            progress: Some(Progress {
                fresh_since: Some(NOW),
                answered_by: None,
            }),
            ..before
        };
        assert_eq!(format!("{begun:?}"), format!("{after:?}"));
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

    fn sign_in(id: &str) -> SignIn {
        SignIn {
            id: SignInId::parse(id).unwrap(),
            browser: browser(1).browser(),
            subject: Subject::parse("u1").unwrap(),
            auth_time: NOW,
            amr: vec![AuthenticationMethod::Password],
            expires_at: after(60),
        }
    }

    /// The progress of a request that comes out of `token` at `now`.
    fn progress(token: &StateToken, now: Timestamp) -> Progress {
        let opened = open(token, Some(&browser(1)), &key(), now).unwrap();
        let request = opened.request(Some(&public())).unwrap();
        request.progress.unwrap()
    }

    #[test]
    fn a_sign_in_that_answered_is_remembered_and_time_does_not_make_another_as_good() {
        let begun = opened("prompt=login");
        let id = sign_in("s1").id;
        let after_sign_in = begun.seal_for(&id, &key(), after(5)).unwrap();
        let expected = Progress {
            fresh_since: Some(NOW),
            answered_by: Some(id.clone()),
        };
        assert_eq!(progress(&after_sign_in, after(6)), expected);
        // On to the consent page: nothing is fresher than it was.
        let opened = open(&after_sign_in, Some(&browser(1)), &key(), after(6)).unwrap();
        let request = opened.request(Some(&public())).unwrap();
        let consent = seal_for(&sign_in("s1"), &request, &browser(1), &key(), after(7)).unwrap();
        assert_eq!(progress(&consent, after(8)), expected);
        // Begun anew, it is answered by nobody.
        let again = seal(&request, &browser(1), &key(), after(9)).unwrap();
        assert_eq!(progress(&again, after(9)).answered_by, None);
    }

    #[test]
    fn who_is_signed_in_may_go_on_where_they_only_have_to_choose() {
        let may = |changes: &str, now| opened(changes).may_be_answered_by(&sign_in("s1"), now);
        assert!(may("prompt=select_account", NOW));
        assert!(may("prompt=select_account&max_age=1", NOW));
        assert!(!may("prompt=select_account", after(60)));
        for changes in [
            "",
            "prompt=select_account+login",
            "prompt=select_account&max_age=0",
        ] {
            assert!(!may(changes, NOW), "{changes}");
        }
        let mut hint = hint_of(&public());
        let expecting = |hint| {
            let request = request("prompt=select_account")
                .expecting(Some(hint))
                .unwrap();
            let token = seal(&request, &browser(1), &key(), NOW).unwrap();
            let opened = open(&token, Some(&browser(1)), &key(), NOW).unwrap();
            opened.may_be_answered_by(&sign_in("s1"), NOW)
        };
        assert!(expecting(hint.clone()));
        hint.sub = Subject::parse("u2").unwrap();
        assert!(!expecting(hint));
    }

    #[test]
    fn what_begins_again_asks_for_the_same() {
        for changes in [EVERYTHING, "state="] {
            let again = restart(&sealed(changes), &key(), NOW).unwrap();
            let form = Form::parse(&again).unwrap();
            let again = validate(&form, Some(&public()), &resources()).unwrap();
            assert_eq!(format!("{again:?}"), format!("{:?}", request(changes)));
        }
        assert!(query(EVERYTHING).contains("login_hint"));
        assert_eq!(restart(&sealed(""), &key(), after(600)), None);
        let expecting = request("").expecting(Some(hint_of(&public()))).unwrap();
        let expecting = seal(&expecting, &browser(1), &key(), NOW).unwrap();
        assert_eq!(restart(&expecting, &key(), NOW), None);
    }

    #[test]
    fn it_does_not_print_what_it_holds() {
        let printed = format!("{:?}", opened("state=private-state"));
        assert!(!printed.contains("private-state"), "{printed}");
    }
}
