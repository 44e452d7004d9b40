#![doc = include_str!("../README.md")]
//!
//! # Proof of possession
//!
//! A token that is bound to a key is worth nothing without a proof of that key for just this request
//! (DPoP, RFC 9449 §7): `Authorization: DPoP` with the token, `DPoP` with the proof, of which method,
//! address, time, hash of the token, key and signature are checked in both ways of validation. Presented
//! as a bearer token it is refused.
//!
//! - A proof counts once. The guard remembers the last ten to twenty thousand proofs of its isolate,
//!   nothing else: whoever sees a request may repeat it, within the two minutes in which its time counts,
//!   at another isolate. TLS keeps others from seeing it; make what may not happen twice idempotent.
//! - Without the secret `GATEPASS_DPOP_NONCE_KEY` a proof's own time counts, a minute more or less. With
//!   it, a client whose clock is wrong is told a nonce and tries again (RFC 9449 §9).
//! - `GATEPASS_DPOP=require` refuses every token that is bound to no key.

mod answers;
mod introspection;
mod jwks;
mod provider;
mod status;

use std::rc::Rc;

use gatepass_core::address::Network;
use gatepass_core::dpop::{KEY_PURPOSE, NoncePolicy, Occasion};
use gatepass_core::error::{ErrorCode, ErrorResponse};
use gatepass_core::id::InvalidIdentifier;
use gatepass_core::jose::SymmetricKey;
use gatepass_core::resource::metadata_url;
use gatepass_core::secret::AccessToken;
use gatepass_core::status_list::DEFAULT_BOUND_SECONDS;
use gatepass_edge::config::{issuer, key, lifetime, optional, required};
use gatepass_edge::kv::Namespace;
use gatepass_edge::possession::{NONCE, Presented};
use gatepass_edge::{clock, http, log};
use worker::{Env, Request, Response};

pub use gatepass_core::dpop::NonceKey;
pub use gatepass_core::id::{Audience, ClientId, Issuer};
pub use gatepass_core::resource::{
    Authorized, Expected, Refused, Requirement, ResourceRefusal, Scheme, SignIn, TokenClaims,
};
pub use gatepass_core::secret::ClientSecret;
pub use gatepass_core::time::Lifetime;
pub use gatepass_edge::EdgeError;

use self::introspection::About;
pub use self::introspection::ResourceServer;
use self::provider::Provider;
pub use self::status::Freshness;

/// The examples of the guide, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../docs/guard.md")]
#[derive(Debug)]
pub struct Guide;

/// How tokens are validated.
#[derive(Debug)]
pub enum Validation {
    /// Ask the provider about each token (RFC 7662): a revocation counts at once. With a
    /// [`Freshness::bound`] what it said is remembered for so long, and a revocation counts after that.
    Introspection(ResourceServer, Option<Freshness>),
    /// Check the signature with the provider's published keys (RFC 9068), and its status in the provider's
    /// status list if it names one: no request to the provider for each token, and a revocation counts
    /// within the [`Freshness::bound`]. Without one a token counts until it expires.
    Jwt(Option<Freshness>),
    /// JWTs as by [`Validation::Jwt`], opaque tokens as by [`Validation::Introspection`].
    Both(ResourceServer, Option<Freshness>),
}

/// What is asked of a token besides being good (RFC 9449).
#[derive(Clone, Debug, Default)]
pub struct Possession {
    /// Whether it must be bound to a key.
    pub is_required: bool,
    /// Makes nonces for clients whose clock is wrong.
    pub nonce_key: Option<NonceKey>,
}

/// Guards a resource server. What it learns of the provider, the whole isolate remembers.
#[derive(Clone, Debug)]
pub struct Guard(Rc<Settings>);

#[derive(Debug)]
struct Settings {
    expected: Expected,
    provider: Rc<Provider>,
    validation: Validation,
    possession: Possession,
}

impl Guard {
    /// A guard for the resource `audience`, which accepts the tokens of `issuer`.
    pub fn new(
        issuer: Issuer,
        audience: Audience,
        validation: Validation,
        possession: Possession,
    ) -> Self {
        Self(Rc::new(Settings {
            provider: Provider::of(&issuer),
            expected: Expected { issuer, audience },
            validation,
            possession,
        }))
    }

    /// A guard as the environment says: `GATEPASS_ISSUER`, `GATEPASS_AUDIENCE`,
    /// `GATEPASS_VALIDATION` (`jwt` if not set, `introspection` or `both`) and, for introspection,
    /// `GATEPASS_CLIENT_ID` and the secret `GATEPASS_API_SECRET`; `GATEPASS_REVOCATION_BOUND` (10
    /// seconds if not set, or `never`; for introspection alone 0) and `GATEPASS_OUTAGE_TOLERANCE` (none if not set);
    /// for opaque tokens `GATEPASS_TOKEN_PREFIX` (none if not set) and the KV namespace `GATEPASS_CACHE` (none if not bound);
    /// `GATEPASS_DPOP` (`accept` if not set, or
    /// `require`) and, for nonces, the secret `GATEPASS_DPOP_NONCE_KEY`.
    ///
    /// # Errors
    ///
    /// [`EdgeError::Config`] naming what is missing or wrong.
    pub fn from_env(env: &Env) -> Result<Self, EdgeError> {
        let name = "GATEPASS_ISSUER";
        let issuer = identifier(name, Issuer::parse(&issuer(env, name)?))?;
        let name = "GATEPASS_AUDIENCE";
        let audience = identifier(name, Audience::parse(&required(env, name)?))?;
        let validation = match optional(env, "GATEPASS_VALIDATION").as_deref() {
            Some("jwt") | None => Validation::Jwt(freshness(env, false)?),
            Some("both") => Validation::Both(resource_server(env)?, freshness(env, false)?),
            Some("introspection") => {
                Validation::Introspection(resource_server(env)?, freshness(env, true)?)
            }
            Some(_) => {
                return Err(EdgeError::Config {
                    name: "GATEPASS_VALIDATION",
                    problem: "must be jwt, introspection or both",
                });
            }
        };
        Ok(Self::new(issuer, audience, validation, possession(env)?))
    }

    /// Who makes this request, if its token is good for this resource and has what it `needs`: a scope as
    /// `"read"`, more as a [`Requirement`], or nothing more as `None`. Everybody else gets the inner response, which is
    /// ready to be sent: 400, 401 or 403 with a challenge, 429 or 503 with `Retry-After`.
    ///
    /// # Errors
    ///
    /// [`EdgeError`] if the runtime fails, which nobody can cause from outside.
    pub async fn admit(
        &self,
        request: &Request,
        needs: impl Into<Requirement>,
    ) -> Result<Result<Authorized, Response>, EdgeError> {
        match self.judge_request(request, needs.into()).await {
            Ok(Ok(authorized)) => Ok(Ok(authorized)),
            Ok(Err(refused)) => self.refuse(&refused).map(Err),
            Err(error @ EdgeError::Upstream(_)) => {
                log::fetch_failed(&error);
                let description = "the token cannot be checked at the moment";
                let answer = ErrorResponse::new(ErrorCode::TemporarilyUnavailable, description);
                http::error_json(&answer).map(Err)
            }
            Err(error) => Err(error),
        }
    }

    /// The same for a Worker that has its own words for failures: who makes this request, or why nobody does.
    ///
    /// # Errors
    ///
    /// [`EdgeError`] if the token cannot be judged, because the provider does not answer; the inner
    /// [`Refused`] if it was judged and found wanting: answer with [`Guard::refuse`].
    pub async fn authorize(
        &self,
        request: &Request,
        needs: impl Into<Requirement>,
    ) -> Result<Result<Authorized, Refused>, EdgeError> {
        self.judge_request(request, needs.into()).await
    }

    async fn judge_request(
        &self,
        request: &Request,
        needs: Requirement,
    ) -> Result<Result<Authorized, Refused>, EdgeError> {
        let possession = &self.0.possession;
        let (method, url) = (http::method(request), request.inner().url());
        let nonce_key = possession.nonce_key.as_ref();
        let occasion = Occasion {
            method: &method,
            url: &url,
            access_token: None,
            nonces: nonce_key.map_or(NoncePolicy::Unknown, NoncePolicy::Optional),
            now: clock::now(),
        };
        let presented = match Presented::read(request, None, occasion).await? {
            Ok(presented) => presented,
            Err(refused) => return Ok(Err(self.insist(refused))),
        };
        let scheme = presented.scheme();
        if possession.is_required && scheme == Scheme::Bearer {
            return Ok(Err(ResourceRefusal::NoBoundToken.presented(scheme)));
        }
        let authorized = self.judge(&presented.token, &sender(request)).await?;
        let checked = authorized.and_then(|authorized| {
            presented.check(authorized.bound_to.as_ref())?;
            needs.check(&authorized, clock::now())?;
            Ok(authorized)
        });
        Ok(checked.map_err(|refusal| refusal.presented(scheme)))
    }

    /// The response for a refused request, with the challenge of RFC 6750 §3 or RFC 9449 §7.1; for one that may
    /// come again, with `Retry-After` (RFC 6585 §4).
    ///
    /// # Errors
    ///
    /// [`EdgeError::Runtime`] if it cannot be built.
    pub fn refuse(&self, refused: &Refused) -> Result<Response, EdgeError> {
        if let ResourceRefusal::TooManyUnknown(after) = &refused.reason {
            let code = ErrorCode::TooManyUnknownTokens;
            let answer = ErrorResponse::new(code, refused.reason.to_string());
            let response = http::error_json(&answer)?;
            let seconds = after.seconds().to_string();
            response.headers().set("Retry-After", &seconds)?;
            return Ok(response);
        }
        let audience = &self.0.expected.audience;
        let metadata = metadata_url(audience);
        let response = http::challenge(refused, audience.as_str(), metadata.as_deref())?;
        if let (Scheme::Dpop, Some(key)) = (refused.scheme, &self.0.possession.nonce_key) {
            response.headers().set(NONCE, &key.current(clock::now()))?;
        }
        Ok(response)
    }

    /// Whether it refuses tokens that are bound to no key.
    pub fn requires_possession(&self) -> bool {
        self.0.possession.is_required
    }

    /// What it expects of every token.
    pub fn expected(&self) -> &Expected {
        &self.0.expected
    }

    /// Who presents nothing is told what to present.
    fn insist(&self, refused: Refused) -> Refused {
        match refused.reason {
            ResourceRefusal::NoToken if self.0.possession.is_required => {
                ResourceRefusal::NoBoundToken.presented(refused.scheme)
            }
            _ => refused,
        }
    }

    async fn judge(
        &self,
        token: &AccessToken,
        address: &str,
    ) -> Result<Result<Authorized, ResourceRefusal>, EdgeError> {
        let Settings {
            expected,
            provider,
            validation,
            ..
        } = &*self.0;
        let about = |freshness: &Option<Freshness>| About {
            provider,
            token,
            freshness: *freshness,
            address,
        };
        match validation {
            Validation::Introspection(server, freshness) => {
                server.judge(about(freshness), expected).await
            }
            Validation::Both(server, freshness) if !jwks::is_jwt(token.expose()) => {
                server.judge(about(freshness), expected).await
            }
            Validation::Both(_, freshness) | Validation::Jwt(freshness) => {
                jwks::judge(provider, token, expected, *freshness).await
            }
        }
    }
}

/// Where a request comes from, or nothing if nobody knows: its network, or whose Worker sends it, because all Workers
/// share one network.
fn sender(request: &Request) -> String {
    let address = http::header(request, "CF-Connecting-IP");
    let network = address.and_then(|address| Network::parse(&address));
    let is_worker = network.as_ref().is_some_and(Network::is_of_all_workers);
    let zone = is_worker
        .then(|| http::header(request, "CF-Worker"))
        .flatten();
    let network = || network.map_or_else(String::new, |network| network.as_str().to_owned());
    zone.unwrap_or_else(network)
}

/// How old what is known of a token may be; `None`, if nothing about it is kept. `asks` says that the
/// provider is asked about each token, unless a bound lets it be remembered.
fn freshness(env: &Env, asks: bool) -> Result<Option<Freshness>, EdgeError> {
    let name = "GATEPASS_REVOCATION_BOUND";
    let none = Lifetime::from_seconds(0);
    let default = Lifetime::from_seconds(if asks { 0 } else { DEFAULT_BOUND_SECONDS });
    let bound = lifetime(env, name, default)?;
    let problem = match (asks, bound) {
        (false, bound) if bound == none => {
            Some("must be 1 second or more where tokens are checked by themselves")
        }
        (true, Lifetime::UNLIMITED) => Some("must be a number of seconds for introspection"),
        _ => None,
    };
    if let Some(problem) = problem {
        return Err(EdgeError::Config { name, problem });
    }
    let tolerance = lifetime(env, "GATEPASS_OUTAGE_TOLERANCE", none)?;
    let is_kept = bound > none && bound < Lifetime::UNLIMITED;
    Ok(is_kept.then_some(Freshness { bound, tolerance }))
}

fn possession(env: &Env) -> Result<Possession, EdgeError> {
    let is_required = match optional(env, "GATEPASS_DPOP").as_deref() {
        Some("accept") | None => false,
        Some("require") => true,
        Some(_) => {
            return Err(EdgeError::Config {
                name: "GATEPASS_DPOP",
                problem: "must be accept or require",
            });
        }
    };
    let name = "GATEPASS_DPOP_NONCE_KEY";
    let nonce_key = match optional(env, name) {
        Some(_) => {
            let key = SymmetricKey::derive(&key(env, name)?, KEY_PURPOSE);
            Some(NonceKey::new(key))
        }
        None => None,
    };
    Ok(Possession {
        is_required,
        nonce_key,
    })
}

fn resource_server(env: &Env) -> Result<ResourceServer, EdgeError> {
    let name = "GATEPASS_CLIENT_ID";
    Ok(ResourceServer {
        client_id: identifier(name, ClientId::parse(&required(env, name)?))?,
        secret: ClientSecret::new(required(env, "GATEPASS_API_SECRET")?),
        token_prefix: optional(env, "GATEPASS_TOKEN_PREFIX"),
        shared: Namespace::bound(env, "GATEPASS_CACHE")?,
    })
}

fn identifier<T>(name: &'static str, parsed: Result<T, InvalidIdentifier>) -> Result<T, EdgeError> {
    let problem = "must be at most 1024 printable ASCII characters";
    parsed.map_err(|_| EdgeError::Config { name, problem })
}
