//! The guard: from a request to who may do what, or to a ready refusal.

mod introspection;
mod jwks;
mod provider;

use std::rc::Rc;

use gatepass_core::id::{Audience, ClientId, InvalidIdentifier, Issuer};
use gatepass_core::resource::{
    Authorized, Expected, ResourceRefusal, bearer_token, metadata_url, require_scope,
};
use gatepass_core::secret::{AccessToken, ClientSecret};
use gatepass_edge::config::{optional, origin, required};
use gatepass_edge::{EdgeError, http};
use worker::{Env, Request, Response};

pub use self::introspection::ResourceServer;
use self::provider::Provider;

/// How tokens are validated.
#[derive(Debug)]
pub enum Validation {
    /// Ask the provider about each token (RFC 7662): a revocation counts at once.
    Introspection(ResourceServer),
    /// Check the signature with the provider's published keys (RFC 9068): no request to the
    /// provider, and a token counts until it expires.
    Jwt,
}

/// Guards a resource server. What it learns of the provider, the whole isolate remembers.
#[derive(Clone, Debug)]
pub struct Guard(Rc<Settings>);

#[derive(Debug)]
struct Settings {
    expected: Expected,
    provider: Rc<Provider>,
    validation: Validation,
}

impl Guard {
    /// A guard for the resource `audience`, which accepts the tokens of `issuer`.
    pub fn new(issuer: Issuer, audience: Audience, validation: Validation) -> Self {
        Self(Rc::new(Settings {
            provider: Provider::of(&issuer),
            expected: Expected { issuer, audience },
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
        let name = "GATEPASS_ISSUER";
        let issuer = identifier(name, Issuer::parse(&origin(env, name)?))?;
        let name = "GATEPASS_AUDIENCE";
        let audience = identifier(name, Audience::parse(&required(env, name)?))?;
        let validation = match optional(env, "GATEPASS_VALIDATION").as_deref() {
            Some("jwt") | None => Validation::Jwt,
            Some("introspection") => Validation::Introspection(resource_server(env)?),
            Some(_) => {
                return Err(EdgeError::Config {
                    name: "GATEPASS_VALIDATION",
                    problem: "must be jwt or introspection",
                });
            }
        };
        Ok(Self::new(issuer, audience, validation))
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
        let metadata = metadata_url(audience);
        http::challenge(refusal, audience.as_str(), metadata.as_deref())
    }

    /// What it expects of every token.
    pub fn expected(&self) -> &Expected {
        &self.0.expected
    }

    async fn judge(
        &self,
        token: &AccessToken,
    ) -> Result<Result<Authorized, ResourceRefusal>, EdgeError> {
        let Settings {
            expected,
            provider,
            validation,
        } = &*self.0;
        match validation {
            Validation::Introspection(server) => server.judge(provider, token, expected).await,
            Validation::Jwt => jwks::judge(provider, token, expected).await,
        }
    }
}

fn resource_server(env: &Env) -> Result<ResourceServer, EdgeError> {
    let name = "GATEPASS_CLIENT_ID";
    Ok(ResourceServer {
        client_id: identifier(name, ClientId::parse(&required(env, name)?))?,
        secret: ClientSecret::new(required(env, "GATEPASS_API_SECRET")?),
    })
}

fn identifier<T>(name: &'static str, parsed: Result<T, InvalidIdentifier>) -> Result<T, EdgeError> {
    let problem = "must be at most 1024 printable ASCII characters";
    parsed.map_err(|_| EdgeError::Config { name, problem })
}
