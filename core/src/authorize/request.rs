//! Reading an authorization request: one check per function.
//!
//! Until client and redirect URI are known to belong together, a refusal is shown to the user right
//! here and never sent anywhere ([`LocalRefusal`]); after that, every refusal goes to the client
//! ([`RedirectRefusal`]).

use super::resources::{Resources, UnknownResource, requested_resource};
use crate::client::{Client, GrantType};
use crate::error::ErrorCode;
use crate::form::{Form, FormError};
use crate::id::{Audience, ClientId, InvalidIdentifier, Nonce, State};
use crate::pkce::{CodeChallenge, PkceError};
use crate::redirect::{ExactRedirect, RedirectUri};
use crate::scope::Scope;

/// A request that passed every check that needs no user.
#[derive(Clone, Debug)]
pub struct AuthorizationRequest {
    /// Who asks.
    pub client_id: ClientId,
    /// Where the answer goes.
    pub redirect: ExactRedirect,
    /// What the client gets back unchanged.
    pub state: Option<State>,
    /// What is asked for: never more than the client may have.
    pub scope: Scope,
    /// Whom the tokens are for.
    pub audience: Audience,
    /// What the verifier must match.
    pub challenge: CodeChallenge,
    /// For the ID token.
    pub nonce: Option<Nonce>,
    /// Whether the user may or must be asked to sign in.
    pub prompt: Prompt,
}

/// Whether the user may or must be asked (OIDC Core §3.1.2.1 `prompt`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Prompt {
    /// Ask if need be.
    IfNeeded,
    /// `login`: ask even if signed in.
    Login,
    /// `none`: do not ask.
    None,
}

/// Why a request is refused without being sent anywhere.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum LocalRefusal {
    /// The parameters cannot be read.
    #[error(transparent)]
    Form(#[from] FormError),
    /// No such client.
    #[error("client_id is not that of a registered client")]
    UnknownClient,
    /// The redirect URI is missing, malformed, or not registered for this client.
    #[error("redirect_uri is not one that this client has registered")]
    UnregisteredRedirect,
}

/// Why a request is refused, to the client.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RefusalReason {
    /// The user would have to agree, and this provider has no way to ask yet or must not.
    #[error("this client may not have access without the user's consent")]
    ConsentRequired,
    /// `nonce` or `state` is too long or not printable ASCII.
    #[error("state and nonce {0}")]
    Identifier(#[from] InvalidIdentifier),
    /// `prompt=none`, and nobody is signed in.
    #[error("the user is not signed in")]
    LoginRequired,
    /// The code challenge.
    #[error(transparent)]
    Pkce(#[from] PkceError),
    /// `prompt` is unknown.
    #[error("prompt must be none or login")]
    Prompt,
    /// `response_mode` is not `query`.
    #[error("response_mode must be query")]
    ResponseMode,
    /// `response_type` is not `code`.
    #[error("response_type must be code")]
    ResponseType,
    /// The scope is malformed, or the client may not have it.
    #[error("scope is malformed or more than this client may have")]
    Scope,
    /// The client may not use authorization codes.
    #[error("this client may not use authorization codes")]
    UnauthorizedClient,
    /// The resource is unknown, or there are several.
    #[error(transparent)]
    UnknownResource(#[from] UnknownResource),
}

impl RefusalReason {
    /// The code of the wire (RFC 6749 §4.1.2.1).
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::ConsentRequired => ErrorCode::ConsentRequired,
            Self::Identifier(_) | Self::Pkce(_) | Self::Prompt | Self::ResponseMode => {
                ErrorCode::InvalidRequest
            }
            Self::LoginRequired => ErrorCode::LoginRequired,
            Self::ResponseType => ErrorCode::UnsupportedResponseType,
            Self::Scope => ErrorCode::InvalidScope,
            Self::UnauthorizedClient => ErrorCode::UnauthorizedClient,
            Self::UnknownResource(_) => ErrorCode::InvalidTarget,
        }
    }
}

/// Where the answer to a request goes, known good before anything else is looked at.
#[derive(Clone, Debug)]
pub struct Destination {
    /// The client's registered redirect URI.
    pub redirect: ExactRedirect,
    /// `state`, if it is one.
    pub state: Option<State>,
}

/// A refusal together with where it goes.
#[derive(Clone, Debug)]
pub struct RedirectRefusal {
    /// Where.
    pub to: Destination,
    /// Why.
    pub reason: RefusalReason,
}

/// Why a request is refused.
#[derive(Clone, Debug)]
pub enum Refusal {
    /// Shown to the user.
    Local(LocalRefusal),
    /// Sent to the client.
    Redirect(RedirectRefusal),
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
    let to = Destination {
        redirect,
        state: state.clone().unwrap_or_default(),
    };
    let checked = state.map_err(RefusalReason::from).and_then(|state| {
        check_response(form, client)?;
        Ok(AuthorizationRequest {
            client_id: client.id.clone(),
            redirect: to.redirect.clone(),
            state,
            scope: scope(form, client)?,
            audience: resources.audience(requested_resource(form)?.as_ref())?,
            challenge: challenge(form)?,
            nonce: form.optional("nonce").map(Nonce::parse).transpose()?,
            prompt: prompt(form)?,
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

fn check_response(form: &Form, client: &Client) -> Result<(), RefusalReason> {
    if form.optional("response_type") != Some("code") {
        return Err(RefusalReason::ResponseType);
    }
    if form
        .optional("response_mode")
        .is_some_and(|mode| mode != "query")
    {
        return Err(RefusalReason::ResponseMode);
    }
    if !client.may_use(GrantType::AuthorizationCode) {
        return Err(RefusalReason::UnauthorizedClient);
    }
    Ok(())
}

/// RFC 6749 §3.3. A client that names no scope gets everything it may have.
fn scope(form: &Form, client: &Client) -> Result<Scope, RefusalReason> {
    let Some(requested) = form.optional("scope") else {
        return Ok(client.scope.clone());
    };
    let requested = Scope::parse(requested).map_err(|_| RefusalReason::Scope)?;
    if requested.is_subset_of(&client.scope) {
        Ok(requested)
    } else {
        Err(RefusalReason::Scope)
    }
}

/// RFC 7636 §4.3, required of every client (OAuth 2.1 §4.1.1).
fn challenge(form: &Form) -> Result<CodeChallenge, RefusalReason> {
    let method = form.optional("code_challenge_method");
    Ok(CodeChallenge::parse(
        form.optional("code_challenge"),
        method,
    )?)
}

fn prompt(form: &Form) -> Result<Prompt, RefusalReason> {
    match form.optional("prompt") {
        None => Ok(Prompt::IfNeeded),
        Some("none") => Ok(Prompt::None),
        Some("login") => Ok(Prompt::Login),
        Some(_) => Err(RefusalReason::Prompt),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authorize::refusal_location;
    use crate::authorize::tests::{CHALLENGE, issuer, query, request, resources};
    use crate::client::tests::public;

    fn validated(changes: &str, client: &Client) -> Result<AuthorizationRequest, Refusal> {
        let form = Form::parse(&query(changes)).unwrap();
        validate(&form, Some(client), &resources())
    }

    fn local(changes: &str, client: &Client) -> LocalRefusal {
        match validated(changes, client) {
            Err(Refusal::Local(refusal)) => refusal,
            other => panic!("not refused locally: {other:?}"),
        }
    }

    fn to_client(changes: &str, client: &Client) -> RedirectRefusal {
        match validated(changes, client) {
            Err(Refusal::Redirect(refusal)) => refusal,
            other => panic!("not refused to the client: {other:?}"),
        }
    }

    #[test]
    fn a_good_request_is_read_completely() {
        let request = request("scope=read+openid&nonce=n1&prompt=login&response_mode=query");
        assert_eq!(request.client_id, public().id);
        assert_eq!(
            request.redirect.uri().as_str(),
            "http://localhost:3001/callback"
        );
        assert_eq!(request.state, Some(State::parse("s1").unwrap()));
        assert_eq!(request.scope.to_string(), "openid read");
        assert_eq!(request.audience, resources().default);
        assert_eq!(request.challenge.to_base64url(), CHALLENGE);
        assert_eq!(request.nonce, Some(Nonce::parse("n1").unwrap()));
        assert_eq!(request.prompt, Prompt::Login);
    }

    #[test]
    fn what_is_left_out_has_its_default() {
        let request = request("state=&redirect_uri=&scope=");
        assert_eq!(
            request.redirect.uri().as_str(),
            "http://localhost:3001/callback"
        );
        assert_eq!((request.state, request.nonce), (None, None));
        assert_eq!(request.scope, public().scope);
        assert_eq!(request.prompt, Prompt::IfNeeded);
    }

    #[test]
    fn each_prompt_and_each_resource_is_known() {
        for (text, prompt) in [("none", Prompt::None), ("login", Prompt::Login)] {
            assert_eq!(request(&format!("prompt={text}")).prompt, prompt);
        }
        for resource in ["http://localhost:5000", "https://other.example"] {
            let request = request(&form_of("resource", resource));
            assert_eq!(request.audience.as_str(), resource);
        }
    }

    #[test]
    fn without_a_known_client_the_refusal_stays_here() {
        let missing = requesting_client(&Form::default()).unwrap_err();
        assert_eq!(missing.to_string(), "the parameter client_id is required");
        let form = Form::parse("client_id=%C3%BC").unwrap();
        assert_eq!(requesting_client(&form), Err(LocalRefusal::UnknownClient));
        let form = Form::parse(&query("")).unwrap();
        assert_eq!(requesting_client(&form), Ok(public().id));
        // The redirect URI is a good one, and that must not matter.
        let unknown = validate(&form, None, &resources()).unwrap_err();
        assert!(matches!(
            unknown,
            Refusal::Local(LocalRefusal::UnknownClient)
        ));
    }

    #[test]
    fn to_an_unregistered_redirect_uri_nothing_is_sent() {
        let refused = LocalRefusal::UnregisteredRedirect;
        for uri in [
            "https://evil.example/callback",
            "http://localhost:3001/callback/",
            "http://localhost:3001/callback?x=1",
            "http://localhost:3001/callback#f",
            "not a uri",
            "javascript:alert(1)",
        ] {
            assert_eq!(
                local(&form_of("redirect_uri", uri), &public()),
                refused,
                "{uri}"
            );
        }
        let several = Client {
            redirect_uris: ["https://a/", "https://b/"]
                .map(|uri| RedirectUri::parse(uri).unwrap())
                .to_vec(),
            ..public()
        };
        assert_eq!(local("redirect_uri=", &several), refused);
        let none = Client {
            redirect_uris: vec![],
            ..public()
        };
        assert_eq!(local("redirect_uri=", &none), refused);
        // Whatever else is wrong, this is told first and here.
        assert_eq!(
            local(
                "redirect_uri=https%3A%2F%2Fevil.example&scope=%22&response_type=token",
                &public()
            ),
            refused
        );
    }

    #[test]
    fn everything_else_goes_to_the_client_with_its_code_state_and_iss() {
        use RefusalReason as R;
        let two = "resource=http%3A%2F%2Flocalhost%3A5000&resource=https%3A%2F%2Fother.example";
        for (changes, reason, code) in [
            (
                "response_type=",
                R::ResponseType,
                "unsupported_response_type",
            ),
            (
                "response_type=token",
                R::ResponseType,
                "unsupported_response_type",
            ),
            ("response_mode=fragment", R::ResponseMode, "invalid_request"),
            ("scope=admin", R::Scope, "invalid_scope"),
            ("scope=read++write", R::Scope, "invalid_scope"),
            (
                "resource=https%3A%2F%2Fevil.example",
                R::UnknownResource(UnknownResource),
                "invalid_target",
            ),
            (two, R::UnknownResource(UnknownResource), "invalid_target"),
            (
                "nonce=%0A",
                R::Identifier(InvalidIdentifier),
                "invalid_request",
            ),
            ("prompt=consent", R::Prompt, "invalid_request"),
            ("prompt=none+login", R::Prompt, "invalid_request"),
        ] {
            let refusal = to_client(changes, &public());
            assert_eq!(refusal.reason, reason, "{changes}");
            check_location(&refusal, code);
        }
    }

    #[test]
    fn pkce_with_s256_is_required_of_every_client() {
        for (changes, reason) in [
            ("code_challenge=", PkceError::MissingChallenge),
            ("code_challenge=short", PkceError::MalformedChallenge),
            ("code_challenge_method=", PkceError::UnsupportedMethod),
            ("code_challenge_method=plain", PkceError::UnsupportedMethod),
        ] {
            let refusal = to_client(changes, &public());
            assert_eq!(refusal.reason, RefusalReason::Pkce(reason), "{changes}");
            check_location(&refusal, "invalid_request");
        }
    }

    #[test]
    fn a_client_without_the_grant_type_gets_no_code() {
        let may_not = Client {
            grant_types: vec![GrantType::RefreshToken],
            ..public()
        };
        let refusal = to_client("", &may_not);
        assert_eq!(refusal.reason, RefusalReason::UnauthorizedClient);
        check_location(&refusal, "unauthorized_client");
    }

    fn check_location(refusal: &RedirectRefusal, code: &str) {
        let location = refusal_location(refusal, &issuer());
        let (uri, query) = location.split_once('?').unwrap();
        assert_eq!(uri, "http://localhost:3001/callback");
        let form = Form::parse(query).unwrap();
        let description = refusal.reason.to_string();
        assert_eq!(form.optional("error"), Some(code));
        assert_eq!(form.optional("error_description"), Some(&*description));
        assert_eq!(form.optional("state"), Some("s1"));
        assert_eq!(form.optional("iss"), Some("http://localhost:4000"));
        assert_eq!(form.optional("code"), None);
    }

    #[test]
    fn a_state_that_is_none_is_not_sent_back() {
        let refusal = to_client("state=%0A", &public());
        assert_eq!(refusal.reason, RefusalReason::Identifier(InvalidIdentifier));
        assert_eq!(refusal.to.state, None);
        let too_long = format!("state={}", "x".repeat(1_025));
        assert_eq!(to_client(&too_long, &public()).to.state, None);
    }

    fn form_of(name: &str, value: &str) -> String {
        crate::form::encode([(name, value)])
    }
}
