//! Registrations: at which providers users sign in, and as which client (`GATEPASS_PROVIDERS`).

use core::fmt;

use base64ct::{Base64, Encoding};
use serde::{Deserialize, Serialize};

use crate::form;
use crate::id::{ClientId, Issuer};
use crate::json;
use crate::rp::metadata::is_secure;
use crate::secret::ClientSecret;

/// What is asked for unless the registration says otherwise.
const SCOPE: &str = "openid profile email offline_access";

/// The name of a registration, as it stands in paths: 1 to 32 small letters, digits and hyphens.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "String")]
pub struct RegistrationName(String);

impl RegistrationName {
    /// Takes a name from the configuration or a path; `None` if it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let fits = (1..=32).contains(&text.len()) && text.bytes().all(allowed);
        fits.then(|| Self(text.to_owned()))
    }

    /// The name's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for RegistrationName {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("not the name of a registration")
    }
}

impl fmt::Display for RegistrationName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How the gateway proves to a provider which client it is.
#[derive(Debug)]
pub enum ClientProof {
    /// In the `Authorization` header (RFC 6749 §2.3.1), which every provider must take.
    Basic(ClientSecret),
    /// In the body (RFC 6749 §2.3.1).
    Post(ClientSecret),
    /// Not at all: a public client. PKCE alone ties the code to the gateway.
    None,
}

/// A provider and a client: what one has given to the other is nothing between others.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Parties(String);

impl fmt::Display for Parties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A provider and the client that the gateway is there.
#[derive(Debug)]
pub struct Registration {
    /// How paths call it.
    pub name: RegistrationName,
    /// How people call it.
    pub label: String,
    /// The provider.
    pub issuer: Issuer,
    /// The client.
    pub client_id: ClientId,
    /// How the client proves itself.
    pub proof: ClientProof,
    /// What for, space-separated.
    pub scope: String,
    /// At which resource (RFC 8707).
    pub resource: Option<String>,
    /// What the provider may ask the user: some give a refresh token only with `consent`.
    pub prompt: Option<String>,
}

/// What is wrong with the configuration of providers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RegistrationError {
    /// Not a list of objects with these members.
    Form,
    /// There must be one.
    Empty,
    /// Not a name, or another's.
    Name,
    /// Not an address that is safe to send secrets to.
    Issuer,
    /// Not an identifier.
    ClientId,
    /// The variable that `secret` names is not set.
    Secret,
    /// Not a way of proving.
    Auth,
    /// Without `openid` nobody says who signs in.
    Scope,
    /// Nothing to read on its button.
    Label,
    /// Not an absolute URI without a fragment (RFC 8707 §2).
    Resource,
    /// With `none` nobody could sign in (OpenID Connect Core §3.1.2.1).
    Prompt,
}

impl RegistrationError {
    /// What is wrong, for the log.
    pub const fn problem(self) -> &'static str {
        match self {
            Self::Form => {
                "must be a JSON list of objects with name, issuer and client_id, perhaps with label, secret, auth, \
                 scope, resource and prompt, and nothing else"
            }
            Self::Empty => "must have at least one provider",
            Self::Name => {
                "must give each provider a name of its own, of small letters, digits and hyphens"
            }
            Self::Issuer => {
                "must have issuers that begin with https://, or http:// on localhost, without query or fragment"
            }
            Self::ClientId => "must have client identifiers of printable ASCII characters",
            Self::Secret => "names a secret that is not set",
            Self::Auth => {
                "must have auth client_secret_basic or client_secret_post with a secret, or none without"
            }
            Self::Scope => "must have scopes with openid in them",
            Self::Label => "must have labels with something to read in them",
            Self::Resource => {
                "must have resources that are addresses such as https://api.example.com"
            }
            Self::Prompt => "must have prompts by which somebody could sign in, and so not none",
        }
    }
}

/// A registration as it is configured.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    name: String,
    label: Option<String>,
    issuer: String,
    client_id: String,
    secret: Option<String>,
    auth: Option<String>,
    scope: Option<String>,
    resource: Option<String>,
    prompt: Option<String>,
}

/// Reads the configuration of providers. `secret` looks up the variable that a `secret` names.
///
/// # Errors
///
/// The first [`RegistrationError`].
pub fn parse(
    text: &str,
    secret: impl Fn(&str) -> Option<String>,
) -> Result<Vec<Registration>, RegistrationError> {
    let wires: Vec<Wire> = json::read(text).map_err(|_| RegistrationError::Form)?;
    let mut all: Vec<Registration> = Vec::new();
    for wire in wires {
        let registration = registration(wire, &secret)?;
        if all.iter().any(|known| known.name == registration.name) {
            return Err(RegistrationError::Name);
        }
        all.push(registration);
    }
    if all.is_empty() {
        return Err(RegistrationError::Empty);
    }
    Ok(all)
}

fn registration(
    wire: Wire,
    secret: impl Fn(&str) -> Option<String>,
) -> Result<Registration, RegistrationError> {
    let name = RegistrationName::parse(&wire.name).ok_or(RegistrationError::Name)?;
    if !is_secure(&wire.issuer) || wire.issuer.contains(['?', '#', ' ']) {
        return Err(RegistrationError::Issuer);
    }
    let secret = match wire.secret {
        Some(variable) => Some(secret(&variable).ok_or(RegistrationError::Secret)?),
        None => None,
    };
    let proof = match (wire.auth.as_deref(), secret.map(ClientSecret::new)) {
        (None | Some("client_secret_basic"), Some(secret)) => ClientProof::Basic(secret),
        (Some("client_secret_post"), Some(secret)) => ClientProof::Post(secret),
        (None | Some("none"), None) => ClientProof::None,
        _ => return Err(RegistrationError::Auth),
    };
    let scope = wire.scope.unwrap_or_else(|| SCOPE.to_owned());
    if !scope.split(' ').any(|one| one == "openid") {
        return Err(RegistrationError::Scope);
    }
    let label = wire.label.unwrap_or(wire.name);
    if label.trim().is_empty() {
        return Err(RegistrationError::Label);
    }
    let is_address = |uri: &str| uri.contains(':') && !uri.contains(['#', ' ']);
    if !wire.resource.as_deref().is_none_or(is_address) {
        return Err(RegistrationError::Resource);
    }
    let shows = |prompt: &str| !prompt.split(' ').any(|one| one == "none");
    if !wire.prompt.as_deref().is_none_or(shows) {
        return Err(RegistrationError::Prompt);
    }
    Ok(Registration {
        label,
        name,
        issuer: Issuer::parse(&wire.issuer).map_err(|_| RegistrationError::Issuer)?,
        client_id: ClientId::parse(&wire.client_id).map_err(|_| RegistrationError::ClientId)?,
        proof,
        scope,
        resource: wire.resource,
        prompt: wire.prompt,
    })
}

impl Registration {
    /// Where the provider sends the browser back to, at the gateway of this origin.
    pub fn redirect_uri(&self, origin: &str) -> String {
        format!("{origin}/login/oauth2/code/{}", self.name)
    }

    /// Who deals with each other here.
    pub fn parties(&self) -> Parties {
        let (issuer, client) = (self.issuer.as_str(), self.client_id.as_str());
        Parties(format!("{issuer} {client}"))
    }

    /// A request of this client to its provider, with what proves who it is: the body, and the `Authorization`
    /// header if that takes one.
    pub fn prove(&self, parameters: &[(&str, Option<&str>)]) -> (String, Option<String>) {
        let id = self.client_id.as_str();
        let present = parameters.iter();
        let mut pairs: Vec<_> = present
            .filter_map(|(name, value)| Some((*name, (*value)?)))
            .collect();
        let mut authorization = None;
        match &self.proof {
            ClientProof::Basic(secret) => authorization = Some(basic(id, secret.expose())),
            ClientProof::Post(secret) => pairs.push(("client_secret", secret.expose())),
            ClientProof::None => {}
        }
        // An authorization request that is pushed has it already.
        if authorization.is_none() && !pairs.iter().any(|(name, _)| *name == "client_id") {
            pairs.push(("client_id", id));
        }
        (form::encode(pairs), authorization)
    }
}

/// RFC 6749 §2.3.1: both are encoded as a form's values are, before Base64.
fn basic(id: &str, secret: &str) -> String {
    let value = |text| {
        let pair = form::encode([("", text)]);
        pair.strip_prefix('=').unwrap_or_default().to_owned()
    };
    let both = format!("{}:{}", value(id), value(secret));
    format!("Basic {}", Base64::encode_string(both.as_bytes()))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    const MINIMAL: &str = r#"[{"name":"own","issuer":"https://id.example","client_id":"app"}]"#;

    fn read(text: &str) -> Result<Vec<Registration>, RegistrationError> {
        parse(text, |name| (name == "SECRET").then(|| "s3cr:t".to_owned()))
    }

    pub(in crate::gateway) fn registration(more: &str) -> Registration {
        let text = MINIMAL.replace('}', &format!("{more}}}"));
        read(&text).unwrap().remove(0)
    }

    #[test]
    fn little_need_be_said() {
        let found = registration("");
        assert_eq!((found.name.as_str(), &*found.label), ("own", "own"));
        assert_eq!(found.scope, SCOPE);
        assert_eq!(
            found.redirect_uri("https://app.example"),
            "https://app.example/login/oauth2/code/own"
        );
    }

    #[test]
    fn what_is_wrong_is_said() {
        use RegistrationError as E;
        for (text, expected) in [
            ("", E::Form),
            ("{}", E::Form),
            (r#"[{"name":"own"}]"#, E::Form),
            (&*MINIMAL.replace('}', r#","extra":1}"#), E::Form),
            ("[]", E::Empty),
            (&MINIMAL.replace("own", "Own"), E::Name),
            (&MINIMAL.replace("own", "a/b"), E::Name),
            (&MINIMAL.replace("own", ""), E::Name),
            (&MINIMAL.replace("https:", "http:"), E::Issuer),
            (&MINIMAL.replace("example\"", "example?a\""), E::Issuer),
            (&MINIMAL.replace("app", ""), E::ClientId),
            (&MINIMAL.replace('}', r#","secret":"OTHER"}"#), E::Secret),
            (
                &MINIMAL.replace('}', r#","auth":"none","secret":"SECRET"}"#),
                E::Auth,
            ),
            (
                &MINIMAL.replace('}', r#","auth":"client_secret_post"}"#),
                E::Auth,
            ),
            (
                &MINIMAL.replace('}', r#","auth":"tls_client_auth"}"#),
                E::Auth,
            ),
            (&MINIMAL.replace('}', r#","scope":"profile"}"#), E::Scope),
            (&MINIMAL.replace('}', r#","label":" "}"#), E::Label),
            (&MINIMAL.replace('}', r#","resource":"api"}"#), E::Resource),
            (
                &MINIMAL.replace('}', r#","resource":"https://a.example#b"}"#),
                E::Resource,
            ),
            (&MINIMAL.replace('}', r#","prompt":"none"}"#), E::Prompt),
        ] {
            assert_eq!(read(text).unwrap_err(), expected, "{text}");
        }
        let (object, _) = MINIMAL.split_once(']').unwrap();
        let twice = format!("{object},{}]", object.trim_start_matches('['));
        assert_eq!(read(&twice).unwrap_err(), RegistrationError::Name);
    }

    #[test]
    fn the_client_proves_itself_as_configured() {
        let parameters = [("grant_type", Some("x")), ("resource", None)];
        let (body, header) = registration(r#","secret":"SECRET""#).prove(&parameters);
        assert_eq!(body, "grant_type=x");
        // app:s3cr%3At
        assert_eq!(header.as_deref(), Some("Basic YXBwOnMzY3IlM0F0"));
        let post = r#","secret":"SECRET","auth":"client_secret_post""#;
        let (body, header) = registration(post).prove(&parameters);
        assert_eq!(body, "grant_type=x&client_secret=s3cr%3At&client_id=app");
        assert_eq!(header, None);
        let (body, _) = registration("").prove(&[("client_id", Some("app"))]);
        assert_eq!(body, "client_id=app");
        let (body, header) = registration("").prove(&parameters);
        assert_eq!(
            (body.as_str(), header),
            ("grant_type=x&client_id=app", None)
        );
    }
}
