//! How a client proves who it is (RFC 6749 §2.3): `none`, `client_secret_basic`,
//! `client_secret_post`, `private_key_jwt`.

use super::Client;
use super::assertion::{CheckedAssertion, ClientAssertion, TYPE};
use crate::base64;
use crate::error::ErrorCode;
use crate::form::Form;
use crate::id::ClientId;
use crate::jose::ParsedJwt;
use crate::secret::{ClientSecret, SecretHash};
use crate::time::Timestamp;

/// How a registered client authenticates (RFC 7591 §2 `token_endpoint_auth_method`).
#[derive(Clone, Copy, Debug)]
pub enum ClientAuthentication {
    /// `none`: a public client, which cannot keep a secret.
    None,
    /// `client_secret_basic`: the secret in an `Authorization: Basic` header.
    SecretBasic(ClientSecrets),
    /// `client_secret_post`: the secret in the body.
    SecretPost(ClientSecrets),
    /// `private_key_jwt`: a JWT signed with a key of the client's own (OIDC Core §9).
    PrivateKeyJwt,
}

/// The hashes of the secrets that a client may prove itself with: while a new one takes the place of
/// the old, both.
#[derive(Clone, Copy, Debug)]
pub struct ClientSecrets {
    /// The one to use.
    pub current: SecretHash,
    /// The one before, and until when it counts.
    pub previous: Option<(SecretHash, Timestamp)>,
}

impl ClientSecrets {
    /// Whether `presented` is the hash of one that counts, in constant time.
    pub fn matches(self, presented: SecretHash, now: Timestamp) -> bool {
        let live = self.previous.filter(|(_, until)| *until > now);
        let previous = live.map_or(self.current, |(hash, _)| hash);
        self.current.matches(presented) | previous.matches(presented)
    }
}

impl From<SecretHash> for ClientSecrets {
    fn from(current: SecretHash) -> Self {
        Self {
            current,
            previous: None,
        }
    }
}

impl ClientAuthentication {
    /// The `token_endpoint_auth_method` value.
    pub const fn method(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::SecretBasic(_) => "client_secret_basic",
            Self::SecretPost(_) => "client_secret_post",
            Self::PrivateKeyJwt => "private_key_jwt",
        }
    }

    /// Whether the client can keep a secret, be it a shared one or a private key.
    pub const fn is_confidential(self) -> bool {
        !matches!(self, Self::None)
    }

    /// Whether it shares a secret with the provider.
    pub const fn has_secret(self) -> bool {
        matches!(self, Self::SecretBasic(_) | Self::SecretPost(_))
    }
}

/// Why a client is not believed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum AuthenticationFailure {
    /// The client assertion.
    #[error("client_assertion {0}")]
    Assertion(&'static str),
    /// The `Authorization` header is not `Basic` with `id:secret` in base64.
    #[error("the Authorization header must be Basic base64(client_id:client_secret)")]
    MalformedHeader,
    /// Neither a header nor a `client_id`.
    #[error("client authentication is required: send client_id, or an Authorization header")]
    Missing,
    /// Two methods at once (RFC 6749 §2.3).
    #[error("use one client authentication method, not two")]
    TwoMethods,
    /// No such client, a wrong secret, or another method than the registered one: not told apart.
    #[error("unknown client, wrong secret, or not this client's authentication method")]
    Refused,
}

impl AuthenticationFailure {
    /// The code of the wire (RFC 6749 §5.2).
    pub const fn code(self) -> ErrorCode {
        match self {
            Self::TwoMethods => ErrorCode::InvalidRequest,
            Self::Assertion(_) | Self::MalformedHeader | Self::Missing | Self::Refused => {
                ErrorCode::InvalidClient
            }
        }
    }
}

/// What a request says about its client, not yet believed.
#[derive(Debug)]
pub struct ClientCredentials {
    client_id: ClientId,
    secret: Presented,
}

#[derive(Debug)]
enum Presented {
    Nothing,
    InHeader(ClientSecret),
    InBody(ClientSecret),
    Assertion(ClientAssertion),
    /// An assertion that was verified and used for the first time.
    Proven,
}

impl ClientCredentials {
    /// Reads the `Authorization` header and the body (RFC 6749 §2.3.1).
    ///
    /// # Errors
    ///
    /// The [`AuthenticationFailure`] that says what is malformed or missing.
    pub fn parse(authorization: Option<&str>, form: &Form) -> Result<Self, AuthenticationFailure> {
        let in_body = form.optional("client_secret").map(ClientSecret::new);
        let assertion = assertion(form)?;
        let stated_id = form.optional("client_id");
        let Some(header) = authorization else {
            let id = stated_id.or_else(|| assertion.as_ref()?.1.as_deref());
            let id = id.ok_or(AuthenticationFailure::Missing)?;
            let client_id = ClientId::parse(id).map_err(|_| AuthenticationFailure::Refused)?;
            let secret = match (in_body, assertion) {
                (None, None) => Presented::Nothing,
                (Some(secret), None) => Presented::InBody(secret),
                (None, Some((assertion, _))) => Presented::Assertion(assertion),
                (Some(_), Some(_)) => return Err(AuthenticationFailure::TwoMethods),
            };
            return Ok(Self { client_id, secret });
        };
        let (client_id, secret) = parse_basic(header)?;
        if assertion.is_some() {
            return Err(AuthenticationFailure::TwoMethods);
        }
        if in_body.is_some() || stated_id.is_some_and(|stated| stated != client_id.as_str()) {
            return Err(AuthenticationFailure::TwoMethods);
        }
        Ok(Self {
            client_id,
            secret: Presented::InHeader(secret),
        })
    }

    /// Who the request says it is from.
    pub fn client_id(&self) -> &ClientId {
        &self.client_id
    }

    /// The method it uses, for the store's own condition.
    pub fn method(&self) -> &'static str {
        match self.secret {
            Presented::Nothing => "none",
            Presented::InHeader(_) => "client_secret_basic",
            Presented::InBody(_) => "client_secret_post",
            // No client has this method, so a store's condition fails.
            Presented::Assertion(_) => "unproven",
            Presented::Proven => "private_key_jwt",
        }
    }

    /// The hash of the secret it presents, for the store's own condition.
    pub fn secret_hash(&self) -> Option<SecretHash> {
        match &self.secret {
            Presented::Nothing | Presented::Assertion(_) | Presented::Proven => None,
            Presented::InHeader(secret) | Presented::InBody(secret) => Some(secret.hash()),
        }
    }

    /// The assertion that must be verified first, if the client presents one.
    pub fn assertion(&self) -> Option<&ClientAssertion> {
        match &self.secret {
            Presented::Assertion(assertion) => Some(assertion),
            _ => None,
        }
    }

    /// The same, once the assertion was checked and the store has seen it for the first time.
    #[must_use]
    pub fn proven(self, _assertion: &CheckedAssertion) -> Self {
        Self {
            secret: Presented::Proven,
            ..self
        }
    }

    /// Compares with the registered client, in constant time.
    ///
    /// # Errors
    ///
    /// [`AuthenticationFailure::Refused`] if there is no such client or it is not this one.
    pub fn authenticate(
        &self,
        client: Option<Client>,
        now: Timestamp,
    ) -> Result<AuthenticatedClient, AuthenticationFailure> {
        let client = client.ok_or(AuthenticationFailure::Refused)?;
        let proven = match (client.authentication, &self.secret) {
            (ClientAuthentication::None, Presented::Nothing)
            | (ClientAuthentication::PrivateKeyJwt, Presented::Proven) => true,
            (ClientAuthentication::SecretBasic(secrets), Presented::InHeader(secret))
            | (ClientAuthentication::SecretPost(secrets), Presented::InBody(secret)) => {
                secrets.matches(secret.hash(), now)
            }
            _ => false,
        };
        if proven && client.id == self.client_id {
            Ok(AuthenticatedClient(client))
        } else {
            Err(AuthenticationFailure::Refused)
        }
    }
}

/// A client that proved who it is, or that is public and need not. Only
/// [`ClientCredentials::authenticate`] makes one.
#[derive(Debug)]
pub struct AuthenticatedClient(Client);

impl AuthenticatedClient {
    /// The client.
    pub fn client(&self) -> &Client {
        &self.0
    }

    /// Whether it proved itself with a secret.
    pub fn is_confidential(&self) -> bool {
        self.0.authentication.is_confidential()
    }
}

/// The assertion, and who it says it is from (RFC 7521 §4.2: `client_id` may be left out).
fn assertion(
    form: &Form,
) -> Result<Option<(ClientAssertion, Option<String>)>, AuthenticationFailure> {
    let text = form.optional("client_assertion");
    match (text, form.optional("client_assertion_type")) {
        (None, None) => Ok(None),
        (Some(text), Some(TYPE)) => {
            let subject = ParsedJwt::unverified_subject(text);
            Ok(Some((ClientAssertion::new(text), subject)))
        }
        _ => Err(AuthenticationFailure::Assertion(
            "and client_assertion_type belong together, for a JWT bearer (RFC 7523)",
        )),
    }
}

/// `Basic base64(form-encoded id ":" form-encoded secret)` (RFC 6749 §2.3.1).
fn parse_basic(header: &str) -> Result<(ClientId, ClientSecret), AuthenticationFailure> {
    let malformed = AuthenticationFailure::MalformedHeader;
    let (scheme, encoded) = header.split_once(' ').ok_or(malformed)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(malformed);
    }
    let decoded = base64::decode(encoded.trim_matches(' '), true).ok_or(malformed)?;
    let decoded = String::from_utf8(decoded).map_err(|_| malformed)?;
    let (id, secret) = decoded.split_once(':').ok_or(malformed)?;
    let id = ClientId::parse(&form_decoded(id)).map_err(|_| malformed)?;
    Ok((id, ClientSecret::new(form_decoded(secret))))
}

fn form_decoded(text: &str) -> String {
    // A lone value without `=` or `&` decodes as a name; `&` and `=` inside are kept as they are.
    let escaped = text.replace('&', "%26").replace('=', "%3D");
    form_urlencoded::parse(escaped.as_bytes())
        .map(|(name, _)| name.into_owned())
        .collect()
}

#[cfg(test)]
mod tests;
