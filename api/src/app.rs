//! From a request to its resource, and what every response has in common.

use gatepass_core::error::{ErrorCode, ErrorResponse};
use gatepass_edge::config::{Environment, environment, optional};
use gatepass_edge::d1::Database;
use gatepass_edge::exchange::Exchange;
use gatepass_edge::{EdgeError, cors, http};
use worker::{Env, Headers, Method, Request, Response};

use crate::guard::Guard;
use crate::resource;
use crate::store::Store;

/// What anyone may read, and what needs a token.
#[derive(Clone, Copy, Debug)]
enum Resource {
    Guarded(Guarded),
    Health,
    Metadata,
}

#[derive(Clone, Copy, Debug)]
enum Guarded {
    Data,
    Profile,
    Protected,
    Update,
}

fn resource_at(path: &str) -> Option<Resource> {
    Some(match path {
        "/api/data" => Resource::Guarded(Guarded::Data),
        "/api/protected" => Resource::Guarded(Guarded::Protected),
        "/api/user/profile" => Resource::Guarded(Guarded::Profile),
        "/api/user/update" => Resource::Guarded(Guarded::Update),
        "/.well-known/oauth-protected-resource" => Resource::Metadata,
        "/health" => Resource::Health,
        _ => return None,
    })
}

impl Resource {
    const fn method(self) -> &'static str {
        match self {
            Self::Guarded(Guarded::Update) => "POST",
            Self::Guarded(Guarded::Data | Guarded::Profile | Guarded::Protected)
            | Self::Health
            | Self::Metadata => "GET",
        }
    }

    async fn answer(self, request: Request, env: &Env, store: Store) -> Answer {
        let guard = Guard::from_env(env)?;
        match self {
            Self::Guarded(guarded) => guarded.answer(request, &guard, &store).await,
            Self::Health => resource::health::answer(&store).await,
            Self::Metadata => resource::metadata::answer(guard.expected()),
        }
    }
}

impl Guarded {
    /// The scope that the token must have.
    const fn scope(self) -> Option<&'static str> {
        match self {
            Self::Data | Self::Protected => None,
            Self::Profile => Some("read"),
            Self::Update => Some("write"),
        }
    }

    async fn answer(self, mut request: Request, guard: &Guard, store: &Store) -> Answer {
        let user = match guard.authorize(&request, self.scope()).await? {
            Ok(user) => user,
            Err(refusal) => return guard.refuse(&refusal),
        };
        match self {
            Self::Data => resource::data::answer(store).await,
            Self::Profile => resource::profile::show(&user, store).await,
            Self::Protected => resource::protected::answer(&user),
            Self::Update => resource::profile::update(&mut request, &user, store).await,
        }
    }
}

type Answer = Result<Response, EdgeError>;

/// Answers a request. Whatever fails is logged here, and only here.
pub async fn handle(request: Request, env: Env) -> worker::Result<Response> {
    let exchange = Exchange::begin(&request);
    let origin = http::header(&request, "Origin");
    let environment = environment(&env).unwrap_or(Environment::Production);
    let (response, failure) = match route(request, &env, &exchange).await {
        Ok(response) => (response, None),
        Err(error) => (broken(&error, &exchange)?, Some(error)),
    };
    let ended = allow_reader(&response, origin.as_deref(), &env)
        .and_then(|()| exchange.end(&response, environment, failure.as_ref()));
    ended.map_err(|error| error.to_string())?;
    Ok(response)
}

async fn route(request: Request, env: &Env, exchange: &Exchange) -> Answer {
    let Some(resource) = resource_at(&request.path()) else {
        let description = "there is no such resource here";
        let error = ErrorResponse::new(ErrorCode::InvalidRequest, description);
        return Ok(http::error_json(&error)?.with_status(404));
    };
    if request.method() == Method::Options {
        return preflight(resource, &request, env);
    }
    let method = match request.method() {
        Method::Head => Method::Get,
        method => method,
    };
    if method.as_ref() != resource.method() {
        return http::method_not_allowed(resource.method());
    }
    let store = Store::new(Database::new(env, "DB", exchange.trips.clone())?);
    resource.answer(request, env, store).await
}

/// `GATEPASS_ALLOWED_ORIGINS`: the web origins that may call this API, separated by spaces.
fn is_allowed(origin: &str, env: &Env) -> bool {
    let allowed = optional(env, "GATEPASS_ALLOWED_ORIGINS").unwrap_or_default();
    allowed.split_whitespace().any(|known| known == origin)
}

fn allow_reader(response: &Response, origin: Option<&str>, env: &Env) -> Result<(), EdgeError> {
    match origin.filter(|origin| is_allowed(origin, env)) {
        Some(origin) => cors::allow(response.headers(), origin),
        None => Ok(()),
    }
}

fn preflight(resource: Resource, request: &Request, env: &Env) -> Answer {
    let response = Response::empty()?
        .with_status(204)
        .with_headers(Headers::new());
    response.headers().set("Allow", resource.method())?;
    let origin = http::header(request, "Origin").filter(|origin| is_allowed(origin, env));
    if origin.is_some() {
        let policy = cors::Policy {
            methods: resource.method(),
            headers: "Authorization, Content-Type",
        };
        cors::allow_preflight(response.headers(), policy)?;
    }
    Ok(response)
}

/// The answer when something failed that is not the client's fault. A provider that cannot be
/// reached is worth another try; whoever asks is neither let in nor told that the token is bad.
fn broken(error: &EdgeError, exchange: &Exchange) -> worker::Result<Response> {
    let code = match error {
        EdgeError::Upstream(_) => ErrorCode::TemporarilyUnavailable,
        _ => ErrorCode::ServerError,
    };
    let id = &exchange.request_id;
    let description = format!("something went wrong here; the request id is {id}");
    let answer = http::error_json(&ErrorResponse::new(code, description));
    answer.or_else(|_| Response::error("server_error", 500))
}
