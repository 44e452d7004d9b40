//! Pushed authorization requests (RFC 9126): the client sends its request itself, and the browser only
//! carries a reference to it.
//!
//! A reference is good for the one browser that first shows it together with its cookie. That browser
//! may come with it again while it lives (RFC 9126 §4 allows for whoever reloads the page); for every
//! other it is used up. What follows hangs on the state token, so nobody has to sign in quickly.

use super::{
    AuthorizationRequest, LocalRefusal, RedirectRefusal, Refusal, RefusalReason, Resources, object,
    validate,
};
use crate::client::{AuthenticatedClient, AuthenticationFailure, Client, ClientCredentials};
use crate::dpop::{ProofRefusal, Thumbprint};
use crate::error::{ErrorCode, ErrorResponse};
use crate::form::{Form, FormError};
use crate::id::{BrowserId, ClientId};
use crate::secret::{PushedReference, SecretHash};
use crate::time::{Lifetime, Timestamp};

/// How long a reference may be shown for the first time, or again.
pub const LIFETIME: Lifetime = Lifetime::from_seconds(90);

/// What every reference begins with (RFC 9126 §2.2).
const PREFIX: &str = "urn:ietf:params:oauth:request_uri:";

/// What proves the client to the endpoint, and is no part of its request.
const CLIENT_AUTHENTICATION: [&str; 3] =
    ["client_secret", "client_assertion", "client_assertion_type"];

/// A request that its client pushed, as a store holds it.
#[derive(Clone)]
pub struct PushedRequest {
    /// The hash of its reference.
    pub reference: SecretHash,
    /// Whose it is.
    pub client_id: ClientId,
    /// Its parameters, encoded. They were valid when they came, and are checked again.
    pub parameters: String,
    /// When the reference is worth nothing any more.
    pub expires_at: Timestamp,
}

/// Parameters may hold what is personal, such as a login hint: they do not print.
impl core::fmt::Debug for PushedRequest {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("PushedRequest")
            .field("client_id", &self.client_id)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// A browser that shows a reference.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// The hash of what it shows.
    pub reference: SecretHash,
    /// The client that it names.
    pub client: &'a ClientId,
    /// The browser; without one, nothing is claimed.
    pub browser: Option<&'a BrowserId>,
    /// When.
    pub at: Timestamp,
}

/// Why a request cannot be pushed (RFC 9126 §2.3).
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PushRefusal {
    /// The client is not who it says.
    #[error(transparent)]
    Client(#[from] AuthenticationFailure),
    /// What would be shown to the user of a request that comes by browser.
    #[error(transparent)]
    Local(#[from] LocalRefusal),
    /// The proof of possession.
    #[error(transparent)]
    Proof(#[from] ProofRefusal),
    /// What would be sent to the client.
    #[error(transparent)]
    Reason(#[from] RefusalReason),
    /// A reference within a pushed request (RFC 9126 §2.1).
    #[error("request_uri must not be part of a pushed request")]
    RequestUri,
}

impl From<FormError> for PushRefusal {
    fn from(error: FormError) -> Self {
        Self::Local(error.into())
    }
}

impl From<&PushRefusal> for ErrorResponse {
    fn from(refusal: &PushRefusal) -> Self {
        let code = match refusal {
            PushRefusal::Client(failure) => failure.code(),
            PushRefusal::Local(refusal) => refusal.code(),
            PushRefusal::Proof(refusal) => refusal.code(),
            PushRefusal::Reason(reason) => reason.code(),
            PushRefusal::RequestUri => ErrorCode::InvalidRequest,
        };
        Self::new(code, refusal.to_string())
    }
}

/// Who pushes: what the store must load first.
///
/// # Errors
///
/// The [`PushRefusal`] that says what is missing or malformed.
pub fn pushing_client(
    authorization: Option<&str>,
    form: &Form,
) -> Result<ClientCredentials, PushRefusal> {
    // As in every authorization request, also of a client that the header names already; a request
    // object names it itself (RFC 9126 §3).
    if object::of(form).is_none() {
        form.required("client_id")?;
    }
    if form.optional("request_uri").is_some() {
        return Err(PushRefusal::RequestUri);
    }
    Ok(ClientCredentials::parse(authorization, form)?)
}

/// The request for a code that is bound to the key that was proved with it (RFC 9449 §10.1).
///
/// # Errors
///
/// [`ProofRefusal::Mismatch`] if its `dpop_jkt` names another key.
pub fn bind(form: Form, proved: &Thumbprint) -> Result<Form, ProofRefusal> {
    match form.optional("dpop_jkt") {
        None => Ok(form.with("dpop_jkt", proved.as_str())),
        Some(named) if named == proved.as_str() => Ok(form),
        Some(_) => Err(ProofRefusal::Mismatch),
    }
}

/// Checks a request that `client` pushes as completely as one that comes by browser.
///
/// # Errors
///
/// The [`PushRefusal`] that says what is wrong.
pub fn push(
    form: &Form,
    client: &AuthenticatedClient,
    resources: &Resources,
    reference: SecretHash,
    now: Timestamp,
) -> Result<PushedRequest, PushRefusal> {
    let request = validate(form, Some(client.client()), resources);
    let request = request.map_err(|refusal| match refusal {
        Refusal::Local(refusal) => PushRefusal::Local(refusal),
        Refusal::Redirect(refusal) => PushRefusal::Reason(refusal.reason),
    })?;
    Ok(PushedRequest {
        reference,
        client_id: request.client_id,
        parameters: form.encode_without(&CLIENT_AUTHENTICATION),
        expires_at: now.plus(LIFETIME),
    })
}

/// The `request_uri` that stands for a pushed request.
pub fn request_uri(reference: &PushedReference) -> String {
    format!("{PREFIX}{}", reference.expose())
}

/// The reference that a request carries in the place of its parameters, if it does.
pub fn reference(form: &Form) -> Option<PushedReference> {
    let uri = form.optional("request_uri")?;
    uri.strip_prefix(PREFIX).map(PushedReference::new)
}

/// Refuses a request that came by browser, if its client or everybody must push (RFC 9126 §5, §6).
///
/// # Errors
///
/// [`RefusalReason::NotPushed`], for the client.
pub fn check_need_not_be_pushed(
    request: &AuthorizationRequest,
    client: &Client,
    everybody_must: bool,
) -> Result<(), RedirectRefusal> {
    if !everybody_must && !client.settings.require_pushed_authorization_requests {
        return Ok(());
    }
    Err(request.refused(RefusalReason::NotPushed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authorize::tests::{query, request, resources};
    use crate::client::ClientSettings;
    use crate::client::tests::{authenticated, public};
    use crate::grant::tests::{NOW, after};

    fn pushed(changes: &str) -> Result<PushedRequest, PushRefusal> {
        let form = Form::parse(&query(changes)).unwrap();
        let reference = SecretHash::of("reference");
        push(
            &form,
            &authenticated(public()),
            &resources(),
            reference,
            NOW,
        )
    }

    fn wire(refusal: &PushRefusal) -> (&'static str, u16) {
        let code = ErrorResponse::from(refusal).code;
        (code.as_str(), code.status())
    }

    #[test]
    fn a_pushed_request_is_kept_as_it_came_without_what_proves_the_client() {
        let secrets = "client_secret=s3cret&client_assertion=ass3rt&client_assertion_type=t";
        let kept = pushed(&format!(
            "scope=read&{secrets}&resource=http%3A%2F%2Flocalhost%3A5000"
        ));
        let kept = kept.unwrap();
        assert!(kept.reference.matches(SecretHash::of("reference")));
        assert_eq!(
            (&kept.client_id, kept.expires_at),
            (&public().id, after(90))
        );
        for secret in ["s3cret", "ass3rt", "client_assertion"] {
            assert!(!kept.parameters.contains(secret), "{secret}");
        }
        let form = Form::parse(&kept.parameters).unwrap();
        let read = validate(&form, Some(&public()), &resources()).unwrap();
        let sent = request("scope=read");
        assert_eq!((read.scope, read.state), (sent.scope, sent.state));
        assert!(!format!("{kept:?}").contains("localhost"));
    }

    #[test]
    fn what_a_browser_could_not_ask_cannot_be_pushed() {
        for (changes, expected) in [
            ("redirect_uri=https%3A%2F%2Fevil.example", "invalid_request"),
            ("code_challenge=", "invalid_request"),
            ("response_type=id_token", "unsupported_response_type"),
            ("response_type=token", "unauthorized_client"),
            ("scope=admin", "invalid_scope"),
            ("resource=https%3A%2F%2Fevil.example", "invalid_target"),
            ("state=%0A", "invalid_request"),
        ] {
            let refusal = pushed(changes).unwrap_err();
            assert_eq!(wire(&refusal), (expected, 400), "{changes}");
        }
    }

    #[test]
    fn a_code_is_bound_to_the_key_that_was_proved() {
        let jkt = |first| format!("{first}ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
        let proved = Thumbprint::parse(&jkt(0)).unwrap();
        for named in [String::new(), format!("dpop_jkt={}", jkt(0))] {
            let form = bind(Form::parse(&named).unwrap(), &proved).unwrap();
            assert_eq!(form.all("dpop_jkt").collect::<Vec<_>>(), [proved.as_str()]);
        }
        let other = Form::parse(&format!("dpop_jkt={}", jkt(1))).unwrap();
        let refusal = PushRefusal::from(bind(other, &proved).unwrap_err());
        assert_eq!(wire(&refusal), ("invalid_dpop_proof", 400));
        let kept = pushed(&format!("dpop_jkt={}", jkt(1))).unwrap();
        assert!(kept.parameters.contains(&jkt(1)));
        let malformed = pushed("dpop_jkt=x").unwrap_err();
        assert_eq!(wire(&malformed), ("invalid_request", 400));
    }

    #[test]
    fn whoever_pushes_names_itself_and_refers_to_nothing() {
        let refused = |authorization, body| {
            let form = Form::parse(body).unwrap();
            pushing_client(authorization, &form).unwrap_err()
        };
        let unnamed = refused(Some("Basic YTpi"), "response_type=code");
        assert_eq!(wire(&unnamed), ("invalid_request", 400));
        assert_eq!(unnamed.to_string(), "the parameter client_id is required");
        let refers = refused(None, "client_id=demo&request_uri=urn%3Ax");
        assert_eq!(refers, PushRefusal::RequestUri);
        assert_eq!(wire(&refers), ("invalid_request", 400));
        let malformed = refused(Some("Bearer x"), "client_id=demo");
        assert_eq!(wire(&malformed), ("invalid_client", 401));
        let other = refused(Some("Basic YTpi"), "client_id=demo");
        assert!(matches!(other, PushRefusal::Client(_)));
    }

    #[test]
    fn a_reference_reads_back_and_a_foreign_address_is_none() {
        let made = PushedReference::from_random([7; 32]);
        let uri = request_uri(&made);
        assert!(uri.starts_with("urn:ietf:params:oauth:request_uri:") && uri.len() == 77);
        let form = |uri: &str| Form::parse(&crate::form::encode([("request_uri", uri)])).unwrap();
        let read = reference(&form(&uri)).unwrap();
        assert!(read.hash().matches(made.hash()));
        for other in [
            "https://app.example/request.jwt",
            "urn:ietf:params:oauth:",
            "",
        ] {
            assert!(reference(&form(other)).is_none(), "{other:?}");
        }
    }

    #[test]
    fn whoever_must_push_cannot_ask_by_browser() {
        let asked = request("");
        let must = Client {
            settings: ClientSettings {
                require_pushed_authorization_requests: true,
                ..ClientSettings::default()
            },
            ..public()
        };
        assert!(check_need_not_be_pushed(&asked, &public(), false).is_ok());
        for (client, everybody) in [(&must, false), (&public(), true), (&must, true)] {
            let refusal = check_need_not_be_pushed(&asked, client, everybody).unwrap_err();
            assert_eq!(refusal.reason, RefusalReason::NotPushed);
            assert_eq!(refusal.reason.code().as_str(), "invalid_request");
            assert_eq!(refusal.to.state, asked.state);
        }
    }
}
