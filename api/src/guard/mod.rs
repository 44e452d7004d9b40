//! The guard: from a request to who may do what, or to a ready refusal.

mod introspection;
mod jwks;
mod provider;

use std::rc::Rc;

use gatepass_core::id::{Audience, Issuer};
use gatepass_core::resource::{Authorized, Expected, ResourceRefusal, bearer_token, require_scope};
use gatepass_core::secret::{AccessToken, ClientSecret};
use gatepass_edge::config::{optional, origin, required};
use gatepass_edge::{EdgeError, clock, http};
use worker::{Env, Request, Response};

/// How tokens are validated.
#[derive(Debug)]
pub enum Validation {
    /// Ask the provider about each token (RFC 7662): a revocation counts at once.
    Introspection {
        /// The `client_id` of this resource server.
        client_id: String,
        /// Its secret.
        secret: ClientSecret,
    },
    /// Check the signature with the provider's published keys (RFC 9068): no request to the
    /// provider, and a token counts until it expires.
    Jwt,
}

/// Guards a resource server.
#[derive(Clone, Debug)]
pub struct Guard(Rc<Settings>);

#[derive(Debug)]
struct Settings {
    expected: Expected,
    validation: Validation,
}

impl Guard {
    /// A guard for the resource `audience`, which accepts the tokens of `issuer`.
    pub fn new(issuer: Issuer, audience: Audience, validation: Validation) -> Self {
        let expected = Expected { issuer, audience };
        Self(Rc::new(Settings {
            expected,
            validation,
        }))
    }

    /// A guard as the environment says: `GATEPASS_ISSUER`, `GATEPASS_AUDIENCE`,
    /// `GATEPASS_VALIDATION` (`jwt` if not set, or `introspection`) and, for introspection,
    /// `GATEPASS_CLIENT_ID` and the secret `GATEPASS_API_SECRET`.
    ///
    /// # Errors
    ///
    /// [`EdgeError::Config`] naming what is missing or wrong.
    pub fn from_env(env: &Env) -> Result<Self, EdgeError> {
        let wrong = |name, problem| EdgeError::Config { name, problem };
        let text = "must be at most 1024 printable ASCII characters";
        let issuer = Issuer::parse(&origin(env, "GATEPASS_ISSUER")?);
        let audience = Audience::parse(&required(env, "GATEPASS_AUDIENCE")?);
        let validation = match optional(env, "GATEPASS_VALIDATION").as_deref() {
            Some("jwt") | None => Validation::Jwt,
            Some("introspection") => Validation::Introspection {
                client_id: required(env, "GATEPASS_CLIENT_ID")?,
                secret: ClientSecret::new(required(env, "GATEPASS_API_SECRET")?),
            },
            Some(_) => {
                return Err(wrong("GATEPASS_VALIDATION", "must be jwt or introspection"));
            }
        };
        Ok(Self::new(
            issuer.map_err(|_| wrong("GATEPASS_ISSUER", text))?,
            audience.map_err(|_| wrong("GATEPASS_AUDIENCE", text))?,
            validation,
        ))
    }

    /// Who makes this request, if its token is good for this resource and allows `scope`.
    ///
    /// # Errors
    ///
    /// [`EdgeError`] if the token cannot be judged, because the provider does not answer; the inner
    /// [`ResourceRefusal`] if it was judged and found wanting: answer with [`Guard::refuse`].
    pub async fn authorize(
        &self,
        request: &Request,
        scope: Option<&'static str>,
    ) -> Result<Result<Authorized, ResourceRefusal>, EdgeError> {
        let authorization = http::header(request, "Authorization");
        let token = match bearer_token(authorization.as_deref()) {
            Ok(token) => token,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let authorized = self.judge(&token).await?;
        Ok(authorized.and_then(|authorized| {
            scope.map_or(Ok(()), |scope| require_scope(&authorized, scope))?;
            Ok(authorized)
        }))
    }

    /// The response for a refused request, with the challenge of RFC 6750 §3.
    ///
    /// # Errors
    ///
    /// [`EdgeError::Runtime`] if it cannot be built.
    pub fn refuse(&self, refusal: &ResourceRefusal) -> Result<Response, EdgeError> {
        let audience = &self.0.expected.audience;
        let metadata = format!("{audience}/.well-known/oauth-protected-resource");
        http::challenge(refusal, audience.as_str(), Some(&metadata))
    }

    /// What it expects of every token.
    pub fn expected(&self) -> &Expected {
        &self.0.expected
    }

    async fn judge(
        &self,
        token: &AccessToken,
    ) -> Result<Result<Authorized, ResourceRefusal>, EdgeError> {
        let (expected, now) = (&self.0.expected, clock::now());
        let provider = provider::metadata(&expected.issuer, now).await?;
        match &self.0.validation {
            Validation::Introspection { client_id, secret } => {
                let endpoint = &provider.introspection_endpoint;
                let answer = introspection::ask(endpoint, (client_id, secret), token).await?;
                Ok(gatepass_core::resource::check_introspection(
                    answer, expected, now,
                ))
            }
            Validation::Jwt => jwks::judge(&provider.jwks_uri, token, expected, now).await,
        }
    }
}
