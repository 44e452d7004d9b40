//! The authorization request and what comes back from it (RFC 6749 §4.1.1 and §4.1.2).

use super::failure::WireText;
use super::metadata::Metadata;
use super::{Read, Write, digits, number, parameters, with_query};
use crate::form::{Form, FormError};
use crate::id::{ClientId, Nonce, State};
use crate::pkce;
use crate::secret::{AuthorizationCode, CodeVerifier};
use crate::time::{Lifetime, Timestamp};

/// How long a sign-in may take, from leaving the page to coming back.
const LONGEST_SIGN_IN: Lifetime = Lifetime::from_minutes(60);

/// The form of the transaction records that this version writes and reads.
const RECORD_VERSION: &str = "1";

/// What to ask the user and the provider for.
#[derive(Debug)]
pub struct AuthorizationRequest<'a> {
    /// Who asks.
    pub client_id: &'a ClientId,
    /// Where the answer goes, exactly as registered.
    pub redirect_uri: &'a str,
    /// What for, space-separated. The provider checks it.
    pub scope: &'a str,
    /// At which resource (RFC 8707).
    pub resource: Option<&'a str>,
    /// The user name to fill in (OpenID Connect Core §3.1.2.1).
    pub login_hint: Option<&'a str>,
    /// What the provider may ask the user (OpenID Connect Core §3.1.2.1).
    pub prompt: Option<&'a str>,
    /// How long ago the user may have been asked for proof (OpenID Connect Core §3.1.2.1).
    pub max_age: Option<Lifetime>,
    /// The key that the code, and what comes of it, is to be bound to (RFC 9449 §10).
    pub dpop_jkt: Option<&'a str>,
    /// Where the user wants to be afterwards.
    pub return_to: ReturnTo,
}

/// An authorization request, two ways.
#[derive(Debug)]
pub struct Asked {
    /// In an address, to send the user to.
    pub url: String,
    /// Its parameters alone, which end that address: the body of a pushed request (RFC 9126 §2.1).
    pub parameters: String,
}

/// The secrets of one sign-in, each made of fresh random bytes.
#[derive(Debug)]
pub struct SignInSecrets {
    /// Ties the answer to the request.
    pub state: State,
    /// Ties the ID token to the request.
    pub nonce: Nonce,
    /// Ties the redemption of the code to the request (RFC 7636).
    pub verifier: CodeVerifier,
    /// The verifier's S256 challenge, as base64url (RFC 7636 §4.2).
    pub challenge: String,
}

impl SignInSecrets {
    /// Makes them of 16, 16 and 32 random bytes. A browser, which has random bytes, SHA-256 and base64
    /// of its own, fills in the fields instead.
    pub fn from_random(state: [u8; 16], nonce: [u8; 16], verifier: [u8; 32]) -> Self {
        let verifier = pkce::verifier(verifier);
        Self {
            state: State::from_random(state),
            nonce: Nonce::from_random(nonce),
            challenge: verifier.hash().to_base64url(),
            verifier,
        }
    }
}

/// What must be remembered of a request until its answer comes: in this tab, and used once.
#[derive(Debug)]
pub struct Transaction {
    state: State,
    nonce: Nonce,
    verifier: CodeVerifier,
    return_to: ReturnTo,
    max_age: Option<Lifetime>,
    begun: Timestamp,
}

/// A path on the page's own origin, with query and fragment.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ReturnTo(String);

/// The text is not a path on the page's own origin.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "returnTo must be a path on this origin: one slash first, no backslash, no control character"
)]
pub struct InvalidReturnTo;

/// What the provider sent the user back with, before it is known which request it answers.
#[derive(Debug)]
pub struct AuthorizationResponse<'a> {
    state: &'a str,
    iss: Option<&'a str>,
    answer: Result<&'a str, &'a str>,
}

/// Why an address is not an answer to any request.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ResponseError {
    /// Neither `code` nor `error`, or no `state`.
    #[error("the address holds no answer to a sign-in")]
    Missing,
    /// A parameter is repeated, or not what its grammar says.
    #[error("the answer to the sign-in is malformed")]
    Malformed,
}

/// Why an answer yields no code.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum AuthorizationError {
    /// It answers another request.
    #[error("the answer belongs to no sign-in that this tab began")]
    OtherState,
    /// The request is too old.
    #[error("the sign-in was begun more than an hour ago")]
    Expired,
    /// The provider promises `iss` and the answer has none (RFC 9207 §2.4).
    #[error("the answer does not say which issuer it comes from")]
    MissingIssuer,
    /// Another issuer answered: a mix-up (RFC 9207 §2.4).
    #[error("the answer comes from another issuer")]
    OtherIssuer,
    /// The provider refused, with this `error` (RFC 6749 §4.1.2.1).
    #[error("the provider refused the sign-in: {0}")]
    Refused(WireText),
}

/// A code and all that is needed to redeem it. Only [`process`] makes one.
#[derive(Debug)]
pub struct Redemption {
    /// To be redeemed at the token endpoint.
    pub code: AuthorizationCode,
    /// Proves that the code was asked for here.
    pub verifier: CodeVerifier,
    /// What the ID token must carry.
    pub nonce: Nonce,
    /// How long ago the user may have been asked for proof, by the ID token.
    pub max_age: Option<Lifetime>,
    /// Where the user wants to be.
    pub return_to: ReturnTo,
}

/// The request to send the user with, and what to remember meanwhile.
pub fn build(
    metadata: &Metadata<'_>,
    request: AuthorizationRequest<'_>,
    secrets: SignInSecrets,
    now: Timestamp,
) -> (Asked, Transaction) {
    let transaction = Transaction {
        max_age: request.max_age,
        state: secrets.state,
        nonce: secrets.nonce,
        verifier: secrets.verifier,
        return_to: request.return_to,
        begun: now,
    };
    let max_age = request.max_age.map(written);
    let query = [
        ("response_type", Some("code")),
        ("client_id", Some(request.client_id.as_str())),
        ("redirect_uri", Some(request.redirect_uri)),
        ("scope", Some(request.scope)),
        ("state", Some(transaction.state.as_str())),
        ("nonce", Some(transaction.nonce.as_str())),
        ("code_challenge", Some(&secrets.challenge)),
        ("code_challenge_method", Some("S256")),
        ("resource", request.resource),
        ("login_hint", request.login_hint),
        ("prompt", request.prompt),
        ("max_age", max_age.as_deref()),
        ("dpop_jkt", request.dpop_jkt),
    ];
    let parameters = parameters(&query);
    let endpoint = metadata.authorization_endpoint.as_str();
    let url = with_query(endpoint, &parameters);
    (Asked { url, parameters }, transaction)
}

fn written(age: Lifetime) -> String {
    digits(age.seconds())
}

/// Reads the query of the address that the provider sent the user to.
///
/// # Errors
///
/// [`ResponseError::Missing`] if it is no answer.
pub fn parse(query: &Form) -> Result<AuthorizationResponse<'_>, ResponseError> {
    read(&|name| query.optional(name))
}

/// The same of a query that a host has taken apart. None of its parameters was repeated.
///
/// # Errors
///
/// [`ResponseError::Missing`] if it is no answer.
pub fn read<'a>(query: &Read<'a>) -> Result<AuthorizationResponse<'a>, ResponseError> {
    let answer = match (query("code"), query("error")) {
        (None, None) => return Err(ResponseError::Missing),
        (_, Some(error)) => Err(error),
        (Some(code), None) => Ok(code),
    };
    Ok(AuthorizationResponse {
        state: query("state").ok_or(ResponseError::Missing)?,
        iss: query("iss"),
        answer,
    })
}

impl From<FormError> for ResponseError {
    fn from(_: FormError) -> Self {
        Self::Malformed
    }
}

/// Takes the answer to the request that `transaction` remembers.
///
/// # Errors
///
/// The [`AuthorizationError`] for which there is no code. The transaction is used up all the same.
pub fn process(
    metadata: &Metadata<'_>,
    transaction: Transaction,
    response: &AuthorizationResponse<'_>,
    now: Timestamp,
) -> Result<Redemption, AuthorizationError> {
    if response.state != transaction.state.as_str() {
        return Err(AuthorizationError::OtherState);
    }
    if transaction.is_expired(now) {
        return Err(AuthorizationError::Expired);
    }
    check_issuer(metadata, response.iss)?;
    let refused = |error| AuthorizationError::Refused(WireText::of(error));
    Ok(Redemption {
        code: AuthorizationCode::new(response.answer.map_err(refused)?),
        verifier: transaction.verifier,
        nonce: transaction.nonce,
        max_age: transaction.max_age,
        return_to: transaction.return_to,
    })
}

impl AuthorizationResponse<'_> {
    /// Which request it claims to answer: the key of the transaction.
    pub fn state(&self) -> &str {
        self.state
    }
}

impl Transaction {
    /// What to look it up by.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Whether it was begun too long ago to be answered.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        !self.begun.is_within(LONGEST_SIGN_IN, now)
    }

    /// Writes what a store may hold, under its state.
    pub fn write_record(&self, write: &mut Write<'_>) {
        write("v", RECORD_VERSION);
        write("nonce", self.nonce.as_str());
        write("verifier", self.verifier.expose());
        write("return_to", self.return_to.as_str());
        if let Some(age) = self.max_age {
            write("max_age", &written(age));
        }
        write("begun", &digits(self.begun.seconds()));
    }

    /// Reads what was kept under `state`; `None` for anything but a whole record of this version.
    pub fn from_record(state: &str, record: &Read<'_>) -> Option<Self> {
        if record("v") != Some(RECORD_VERSION) {
            return None;
        }
        let max_age = match record("max_age") {
            Some(age) => Some(u32::try_from(number(age)?).ok()?),
            None => None,
        };
        Some(Self {
            max_age: max_age.map(Lifetime::from_seconds),
            state: State::parse(state).ok()?,
            nonce: Nonce::parse(record("nonce")?).ok()?,
            verifier: CodeVerifier::new(record("verifier")?),
            return_to: ReturnTo::parse(record("return_to")?).ok()?,
            begun: Timestamp::from_seconds(number(record("begun")?)?),
        })
    }
}

impl ReturnTo {
    /// Takes a path from the application or a store.
    ///
    /// A browser reads `//host`, `/\host` and `/<tab>/host` as another host's address.
    ///
    /// # Errors
    ///
    /// [`InvalidReturnTo`] if it could lead to another origin.
    pub fn parse(text: &str) -> Result<Self, InvalidReturnTo> {
        let own = text.starts_with('/') && text.as_bytes().get(1) != Some(&b'/');
        if !own || text.bytes().any(|b| b == b'\\' || b.is_ascii_control()) {
            return Err(InvalidReturnTo);
        }
        Ok(Self(text.to_owned()))
    }

    /// The path's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn check_issuer(metadata: &Metadata<'_>, iss: Option<&str>) -> Result<(), AuthorizationError> {
    match iss {
        Some(iss) if iss == metadata.issuer => Ok(()),
        Some(_) => Err(AuthorizationError::OtherIssuer),
        None if metadata.iss_required => Err(AuthorizationError::MissingIssuer),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
