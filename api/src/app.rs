//! From a request to its resource, and what every response has in common.

use gatepass_core::error::{ErrorCode, ErrorResponse};
use gatepass_edge::config::Conduct;
use gatepass_edge::exchange::Exchange;
use gatepass_edge::{EdgeError, cors, http};
use gatepass_guard::Requirement;
use worker::{Env, Method, Request, Response};

use crate::config::Config;
use crate::problem;
use crate::resource;
use crate::store::Store;

/// What anyone may read, and what needs a token.
#[derive(Clone, Copy, Debug)]
enum Resource {
    Guarded(Guarded),
    Health,
    Metadata,
    Open,
}

#[derive(Clone, Copy, Debug)]
enum Guarded {
    Data,
    Profile,
    Protected,
    Replace,
    Update,
}

const HEALTH: &str = "/health";

/// The methods of the profile's address.
const PROFILE: &str = "GET, PUT";

fn resource_at(path: &str, method: &Method, config: &Config) -> Option<Resource> {
    Some(match path {
        "/api/data" => Resource::Guarded(Guarded::Data),
        "/api/open" => Resource::Open,
        "/api/protected" => Resource::Guarded(Guarded::Protected),
        "/api/user/profile" if *method == Method::Put => Resource::Guarded(Guarded::Replace),
        "/api/user/profile" => Resource::Guarded(Guarded::Profile),
        "/api/user/update" => Resource::Guarded(Guarded::Update),
        HEALTH => Resource::Health,
        _ if path == config.metadata_path => Resource::Metadata,
        _ => return None,
    })
}

impl Resource {
    /// The methods of its address, as `Allow` lists them.
    const fn methods(self) -> &'static str {
        match self {
            Self::Guarded(Guarded::Update) => "POST",
            Self::Guarded(Guarded::Profile | Guarded::Replace) => PROFILE,
            Self::Guarded(Guarded::Data | Guarded::Protected)
            | Self::Health
            | Self::Metadata
            | Self::Open => "GET",
        }
    }

    /// What a page may do at it.
    const fn policy(self) -> cors::Policy {
        cors::Policy {
            methods: self.methods(),
            headers: "Authorization, Content-Type, DPoP, If-Match",
        }
    }

    async fn answer(self, request: Request, app: App<'_>) -> Answer {
        match self {
            Self::Guarded(guarded) => guarded.answer(request, app).await,
            Self::Health => {
                resource::health::answer(Store::of(app.env, app.exchange).ok(), true).await
            }
            Self::Metadata => resource::metadata::answer(&app.config.guard),
            Self::Open => resource::open::answer(),
        }
    }
}

impl Guarded {
    /// The scope that the token must have.
    const fn scope(self) -> Option<&'static str> {
        match self {
            Self::Data | Self::Protected => None,
            Self::Profile => Some("read"),
            Self::Replace | Self::Update => Some("write"),
        }
    }

    /// What the token must have.
    fn needs(self, config: &Config) -> Requirement {
        let needs = Requirement::from(self.scope());
        match self {
            Self::Replace | Self::Update => Requirement {
                sign_in: config.update_sign_in.clone(),
                ..needs
            },
            _ => needs,
        }
    }

    async fn answer(self, mut request: Request, app: App<'_>) -> Answer {
        let guard = &app.config.guard;
        let user = match guard.authorize(&request, self.needs(app.config)).await? {
            Ok(user) => user,
            Err(refused) => return guard.refuse(&refused),
        };
        let store = Store::of(app.env, app.exchange)?;
        match self {
            Self::Data => resource::data::answer(&request, &store).await,
            Self::Profile => resource::profile::show(&user, &store).await,
            Self::Protected => resource::protected::answer(&user),
            Self::Replace => resource::profile::replace(&mut request, &user, &store).await,
            Self::Update => resource::profile::update(&mut request, &user, &store).await,
        }
    }
}

type Answer = Result<Response, EdgeError>;

/// What a resource works with.
struct App<'a> {
    config: &'a Config,
    env: &'a Env,
    exchange: &'a Exchange,
}

/// Answers a request. Whatever fails is logged here, and only here.
pub async fn handle(request: Request, env: Env) -> Result<Response, EdgeError> {
    let exchange = Exchange::begin(&request);
    let config = Config::of(&env);
    let origin = http::header(&request, "Origin");
    let reader = origin.filter(|origin| config.as_ref().is_ok_and(|known| known.allows(origin)));
    let answered = match &config {
        Ok(config) => {
            let (env, exchange) = (&env, &exchange);
            let app = App {
                config,
                env,
                exchange,
            };
            route(request, reader.is_some(), app).await
        }
        Err(_) if request.path() == HEALTH => unconfigured_health(&request, &env, &exchange).await,
        Err(error) => Err(error.clone()),
    };
    let conduct = config
        .as_ref()
        .map_or(Conduct::CAREFUL, |known| known.conduct);
    let (response, failure) = match answered {
        Ok(response) => (response, config.err()),
        Err(error) => (broken(&error, &exchange)?, Some(error)),
    };
    let response = problem::described(response)?;
    let allowed = reader.map_or(Ok(()), |origin| cors::allow(response.headers(), &origin));
    let ended = allowed.and_then(|()| exchange.end(&response, conduct, failure.as_ref()));
    ended?;
    Ok(response)
}

async fn route(request: Request, may_read: bool, app: App<'_>) -> Answer {
    let Some(resource) = resource_at(&request.path(), &request.method(), app.config) else {
        let description = "there is no such resource here";
        let error = ErrorResponse::new(ErrorCode::InvalidRequest, description);
        return Ok(http::error_json(&error)?.with_status(404));
    };
    match unanswerable(resource, &request, may_read) {
        Some(response) => response,
        None => resource.answer(request, app).await,
    }
}

/// The health of an API that can do nothing else.
async fn unconfigured_health(request: &Request, env: &Env, exchange: &Exchange) -> Answer {
    match unanswerable(Resource::Health, request, false) {
        Some(response) => response,
        None => resource::health::answer(Store::of(env, exchange).ok(), false).await,
    }
}

/// The response to a request that asks before it asks, or with a method that is not there.
fn unanswerable(resource: Resource, request: &Request, may_read: bool) -> Option<Answer> {
    let method = match request.method() {
        Method::Options => return Some(cors::preflight(resource.policy(), may_read)),
        Method::Head => Method::Get,
        method => method,
    };
    let allowed = resource.methods();
    let is_there = allowed.split(", ").any(|known| known == method.as_ref());
    (!is_there).then(|| http::method_not_allowed(allowed))
}

/// The answer when something failed that is not the client's fault. A provider that cannot be
/// reached is worth another try; whoever asks is neither let in nor told that the token is bad.
fn broken(error: &EdgeError, exchange: &Exchange) -> Result<Response, EdgeError> {
    let code = match error {
        EdgeError::Upstream(_) => ErrorCode::TemporarilyUnavailable,
        _ => ErrorCode::ServerError,
    };
    let id = &exchange.request_id;
    let description = format!("something went wrong here; the request id is {id}");
    http::error_json(&ErrorResponse::new(code, description))
}
