//! Reading an authorization request: one check per function.
//!
//! Until client and redirect URI are known to belong together, a refusal is shown to the user right
//! here and never sent anywhere ([`LocalRefusal`]); after that, every refusal goes to the client
//! ([`RedirectRefusal`]).

use super::resources::{Resources, requested_resource};
use super::{
    AuthorizationDetails, Destination, InvalidDetails, LocalRefusal, Prompt, RedirectRefusal,
    Refusal, RefusalReason, RequestedClaims, ResponseMode, SignIn,
};
use crate::client::{Client, GrantType};
use crate::dpop::Thumbprint;
use crate::form::Form;
use crate::id::{Audience, ClientId, Nonce, SignInId, State, Subject};
use crate::pkce::CodeChallenge;
use crate::redirect::{ExactRedirect, RedirectUri};
use crate::scope::Scope;
use crate::time::{Lifetime, Timestamp};
use crate::token::id::IdTokenHint;

/// A request that passed every check that needs no user.
#[derive(Clone, Debug)]
pub struct AuthorizationRequest {
    /// Who asks.
    pub client_id: ClientId,
    /// Where the answer goes.
    pub redirect: ExactRedirect,
    /// What the client gets back unchanged.
    pub state: Option<State>,
    /// How the answer gets there.
    pub mode: ResponseMode,
    /// What is asked for: never more than the client may have.
    pub scope: Scope,
    /// What it wants to be told of the user by name: never more than its own scope opens.
    pub claims: RequestedClaims,
    /// What is asked for in detail (RFC 9396).
    pub details: AuthorizationDetails,
    /// Whom the tokens are for.
    pub audience: Audience,
    /// What the verifier must match; `None` if an access token is asked for instead of a code (RFC 6749
    /// §4.2).
    pub challenge: Option<CodeChallenge>,
    /// For the ID token.
    pub nonce: Option<Nonce>,
    /// The key that the code will be bound to (RFC 9449 §10).
    pub dpop_jkt: Option<Thumbprint>,
    /// Whether the user may or must be asked.
    pub prompt: Prompt,
    /// How long ago the user may have signed in at most (OIDC Core §3.1.2.1 `max_age`).
    pub max_age: Option<Lifetime>,
    /// The user name that the client expects (OIDC Core §3.1.2.1 `login_hint`).
    pub login_hint: Option<String>,
    /// The user that an `id_token_hint` names: nobody else will do.
    pub expected: Option<Subject>,
    /// How far it has come, if it was on its way through pages already.
    pub progress: Option<Progress>,
}

/// How far a request has come on its way through the pages.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Progress {
    /// Only sign-ins later than this count, and the one that answered.
    pub fresh_since: Option<Timestamp>,
    /// The sign-in that was made, or chosen, for this request.
    pub answered_by: Option<SignInId>,
}

impl AuthorizationRequest {
    /// Holds it to the user whom `id_token_hint` names, an ID token whose signature and issuer were
    /// checked; `None` if that failed.
    ///
    /// # Errors
    ///
    /// [`RefusalReason::IdTokenHint`] if it is not one, or not this client's.
    pub fn expecting(self, hint: Option<IdTokenHint>) -> Result<Self, RedirectRefusal> {
        match hint.filter(|hint| hint.aud == self.client_id) {
            Some(hint) => Ok(Self {
                expected: Some(hint.sub),
                ..self
            }),
            None => Err(self.refused(RefusalReason::IdTokenHint)),
        }
    }

    /// The refusal of this request.
    pub fn refused(&self, reason: RefusalReason) -> RedirectRefusal {
        let to = self.destination();
        RedirectRefusal { to, reason }
    }

    /// What the user is asked about: the scope, and what opens the claims.
    pub fn asks_for(&self) -> Scope {
        self.scope.union(&self.claims.names.scope())
    }

    /// Whether the client expects this user, or none in particular.
    pub(super) fn expects(&self, subject: &Subject) -> bool {
        let expected = self.expected.as_ref();
        expected.is_none_or(|expected| expected == subject) && self.claims.allow(subject)
    }

    /// Where the answer goes.
    pub fn destination(&self) -> Destination {
        Destination {
            redirect: self.redirect.clone(),
            state: self.state.clone(),
            mode: self.mode,
        }
    }

    /// Only sign-ins later than this count; `None` if any does.
    pub(super) fn fresh_since(&self, now: Timestamp) -> Option<Timestamp> {
        if let Some(progress) = &self.progress {
            return progress.fresh_since;
        }
        let max_age = self.max_age.map(Lifetime::seconds);
        match max_age {
            // OIDC Core §3.1.2.1: as good as prompt=login.
            Some(0) => Some(now),
            _ if self.prompt.asks().login => Some(now),
            Some(seconds) => Some(Timestamp::from_seconds(now.seconds() - seconds - 1)),
            None => None,
        }
    }

    /// Whether `sign_in` is as fresh as the client asks for.
    pub(super) fn is_fresh(&self, sign_in: &SignIn, now: Timestamp) -> bool {
        let since = self.fresh_since(now);
        since.is_none_or(|since| sign_in.auth_time > since)
    }

    /// Whether `sign_in` was made for this request, or chosen.
    pub(super) fn is_answered_by(&self, sign_in: &SignIn) -> bool {
        let progress = self.progress.as_ref();
        progress.is_some_and(|progress| progress.answered_by.as_ref() == Some(&sign_in.id))
    }
}

/// Whose request it is: what the store must load first.
///
/// # Errors
///
/// [`LocalRefusal::Form`] without a `client_id`, [`LocalRefusal::UnknownClient`] for one that cannot
/// be.
pub fn requesting_client(form: &Form) -> Result<ClientId, LocalRefusal> {
    ClientId::parse(form.required("client_id")?).map_err(|_| LocalRefusal::UnknownClient)
}

/// Checks everything that needs no user.
///
/// # Errors
///
/// A [`Refusal`] that says why and whether the client may hear of it.
pub fn validate(
    form: &Form,
    client: Option<&Client>,
    resources: &Resources,
) -> Result<AuthorizationRequest, Refusal> {
    let client = client.ok_or(Refusal::Local(LocalRefusal::UnknownClient))?;
    let redirect = exact_redirect(form, client).map_err(Refusal::Local)?;
    let state = form.optional("state").map(State::parse).transpose();
    let default_mode = default_mode(form);
    let mode = response_mode(form, default_mode, &redirect);
    let to = Destination {
        redirect,
        state: state.clone().unwrap_or_default(),
        mode: mode.clone().unwrap_or(default_mode),
    };
    let checked = state.map_err(RefusalReason::from).and_then(|state| {
        let mode = mode?;
        check_unsupported(form)?;
        let response = response(form, client)?;
        let details = details(form, client)?;
        let scope = scope(form, client, &details)?;
        Ok(AuthorizationRequest {
            client_id: client.id.clone(),
            redirect: to.redirect.clone(),
            state,
            mode,
            claims: claims(form, client, &scope)?,
            scope,
            details,
            audience: resources.audience(requested_resource(form)?.as_ref())?,
            challenge: challenge(form, response)?,
            nonce: form.optional("nonce").map(Nonce::parse).transpose()?,
            dpop_jkt: form
                .optional("dpop_jkt")
                .map(Thumbprint::parse)
                .transpose()?,
            prompt: Prompt::parse(form.optional("prompt"))?,
            max_age: max_age(form, client)?,
            login_hint: login_hint(form),
            expected: None,
            progress: None,
        })
    });
    checked.map_err(|reason| Refusal::Redirect(RedirectRefusal { to, reason }))
}

/// RFC 6749 §3.1.2.3: required unless the client has registered just one.
fn exact_redirect(form: &Form, client: &Client) -> Result<ExactRedirect, LocalRefusal> {
    let requested = match (
        form.optional("redirect_uri"),
        client.redirect_uris.as_slice(),
    ) {
        (Some(text), _) => RedirectUri::parse(text).ok(),
        (None, [only]) => Some(only.clone()),
        (None, _) => None,
    };
    let exact = requested.and_then(|uri| uri.exactly(&client.redirect_uris));
    exact.ok_or(LocalRefusal::UnregisteredRedirect)
}

/// Whoever sends these counts on them, so they must not be ignored (OIDC Core §3.1.2.6).
fn check_unsupported(form: &Form) -> Result<(), RefusalReason> {
    for (name, reason) in [
        ("request_uri", RefusalReason::RequestUri),
        ("request", RefusalReason::RequestObject),
        ("registration", RefusalReason::Registration),
    ] {
        if form.optional(name).is_some() {
            return Err(reason);
        }
    }
    Ok(())
}

/// Where an answer goes of which nothing is said: no access token goes into a query (RFC 6749 §4.2.2).
fn default_mode(form: &Form) -> ResponseMode {
    match form.optional("response_type") {
        Some("token") => ResponseMode::Fragment,
        _ => ResponseMode::default(),
    }
}

/// Read before anything else is checked, so that every other refusal arrives in it; its own comes as if
/// nothing had been said.
fn response_mode(
    form: &Form,
    default: ResponseMode,
    redirect: &ExactRedirect,
) -> Result<ResponseMode, RefusalReason> {
    let Some(text) = form.optional("response_mode") else {
        return Ok(default);
    };
    ResponseMode::parse(text, redirect.uri())
        .filter(|mode| default.is_default() || !mode.is_default())
        .ok_or(RefusalReason::ResponseMode)
}

/// What is asked for. No key can be proved here, so whoever wants one bound gets no bearer token instead.
fn response(form: &Form, client: &Client) -> Result<GrantType, RefusalReason> {
    let (response, is_possible) = match form.optional("response_type") {
        Some("code") => (GrantType::AuthorizationCode, true),
        Some("token") if form.optional("dpop_jkt").is_none() => (
            GrantType::Implicit,
            !client.settings.dpop_bound_access_tokens,
        ),
        _ => return Err(RefusalReason::ResponseType),
    };
    if is_possible && client.may_use(response) {
        Ok(response)
    } else {
        Err(RefusalReason::UnauthorizedClient)
    }
}

/// RFC 9396 §3.
fn details(form: &Form, client: &Client) -> Result<AuthorizationDetails, InvalidDetails> {
    let details = AuthorizationDetails::read(form.optional("authorization_details"))?;
    details.unwrap_or_default().of(client)
}

/// RFC 6749 §3.3. A client that names no scope gets everything it may have, unless it says in detail what it
/// wants.
fn scope(
    form: &Form,
    client: &Client,
    details: &AuthorizationDetails,
) -> Result<Scope, RefusalReason> {
    let Some(requested) = form.optional("scope") else {
        return Ok(if details.is_empty() {
            client.scope.clone()
        } else {
            Scope::default()
        });
    };
    let requested = Scope::parse(requested).map_err(|_| RefusalReason::Scope)?;
    if requested.is_subset_of(&client.scope) {
        Ok(requested)
    } else {
        Err(RefusalReason::Scope)
    }
}

/// A parameter of OpenID Connect requests: of others nobody reads it.
fn claims(form: &Form, client: &Client, scope: &Scope) -> Result<RequestedClaims, RefusalReason> {
    let parameter = form.optional("claims").filter(|_| scope.contains("openid"));
    RequestedClaims::parse(parameter, &client.scope)
}

/// RFC 7636 §4.3, required of every client (OAuth 2.1 §4.1.1) that asks for a code.
fn challenge(form: &Form, response: GrantType) -> Result<Option<CodeChallenge>, RefusalReason> {
    if response == GrantType::Implicit {
        return Ok(None);
    }
    let method = form.optional("code_challenge_method");
    let challenge = CodeChallenge::parse(form.optional("code_challenge"), method)?;
    Ok(Some(challenge))
}

/// What the request does not say, the client may have settled (OIDC Dynamic Client Registration §2
/// `default_max_age`).
fn max_age(form: &Form, client: &Client) -> Result<Option<Lifetime>, RefusalReason> {
    let seconds = form.optional("max_age").map(str::parse).transpose();
    let seconds = seconds.map_err(|_| RefusalReason::MaxAge)?;
    let seconds = seconds.or(client.settings.default_max_age);
    Ok(seconds.map(Lifetime::from_seconds))
}

/// A hint that can be no user name is none.
fn login_hint(form: &Form) -> Option<String> {
    let hint = form.optional("login_hint")?;
    let is_name = hint.chars().count() <= 256 && !hint.chars().any(char::is_control);
    is_name.then(|| hint.to_owned())
}

#[cfg(test)]
mod tests;
