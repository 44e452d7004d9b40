//! From a request to its endpoint, and what every response has in common.

use std::cell::RefCell;
use std::rc::Rc;

use gatepass_core::audit::Event;
use gatepass_core::client::TokenAlgorithms;
use gatepass_core::discovery::path;
use gatepass_core::error::{ErrorCode, ErrorResponse};
use gatepass_core::grant::EndReason;
use gatepass_core::id::{ClientId, GrantId};
use gatepass_core::status_list::ListNumber;
use gatepass_core::store::GrantStore;
use gatepass_edge::config::Conduct;
use gatepass_edge::d1::{Database, RoundTrips};
use gatepass_edge::exchange::Exchange;
use gatepass_edge::{EdgeError, clock, cors, http, log, possession};
use worker::{Env, Method, Request, Response};

use crate::audit::{Entry, Place};
use crate::config::Config;
use crate::endpoint::admin_keys::Command;
use crate::endpoint::admin_view::View;
use crate::endpoint::direct::Call;
use crate::endpoint::document::Document;
use crate::keys::Keys;
use crate::limits::Limit;
use crate::store::D1Store;
use crate::{development, endpoint, metrics, origins, page, proof};

/// What an endpoint works with.
#[derive(Clone, Debug)]
pub struct App {
    pub config: Rc<Config>,
    pub store: D1Store,
    pub env: Env,
    pub request_id: String,
    /// Where the request comes from.
    pub place: Place,
    /// The client that the request says it is of.
    pub caller: RefCell<Option<ClientId>>,
    /// The keys of audit rows that the webhook is to be told of.
    pub to_tell: RefCell<Vec<String>>,
}

impl App {
    /// For one request, or one scheduled run.
    pub fn new(
        env: Env,
        config: Rc<Config>,
        request_id: String,
        trips: RoundTrips,
    ) -> Result<Self, EdgeError> {
        Ok(Self {
            config,
            store: D1Store::new(Database::new(&env, "DB", trips)?),
            env,
            request_id,
            place: Place::default(),
            caller: RefCell::new(None),
            to_tell: RefCell::default(),
        })
    }

    /// The signing keys, among them one for tokens without an algorithm of their own.
    pub async fn keys(&self) -> Result<Rc<Keys>, EdgeError> {
        Keys::of(self, &[self.config.keys.algorithm]).await
    }

    /// The signing keys, among them those for a client's tokens.
    pub async fn keys_for(&self, algorithms: TokenAlgorithms) -> Result<Rc<Keys>, EdgeError> {
        Keys::of(self, &[algorithms.access_token, algorithms.id_token]).await
    }

    /// Ends a grant because of a refused request, and says so in the log.
    pub async fn end_grant(&self, grant: &GrantId, reason: EndReason) -> Result<(), EdgeError> {
        self.note_if_done(&Entry {
            grant: Some(grant),
            reason: reason.as_str(),
            ..Entry::of(Event::GrantEnded)
        });
        if self.store.end_grant(grant, reason, clock::now()).await? {
            log::event(&log::Event {
                request_id: &self.request_id,
                event: "grant_ended",
                about: grant.as_str(),
                reason: reason.as_str(),
            });
        }
        Ok(())
    }
}

/// Who may read an endpoint's answers from a page of another origin.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Readers {
    /// Nobody.
    SameOrigin,
    /// Everybody: the document is public.
    Everyone,
    /// Pages of an origin that some client has registered.
    RegisteredOrigins,
}

#[derive(Clone, Copy, Debug)]
enum Endpoint {
    AdminKeys(Command),
    AdminView(View),
    Authorize,
    Callback,
    Consent,
    Device,
    DeviceAuthorization,
    Direct(Call),
    Discovery,
    Document(&'static Document),
    Health,
    Introspect,
    IntrospectUser,
    Jwks,
    Login,
    Logout,
    Par,
    Refresh,
    Register,
    Registration,
    Revoke,
    StatusList(ListNumber),
    Token,
    UserInfo,
}

/// Canonical paths and their short aliases. `GET /introspect` with a bearer token tells about its user,
/// as userinfo does; `POST` is RFC 7662.
fn endpoint_at(path: &str, method: &Method) -> Option<Endpoint> {
    Some(match path {
        path::AUTHORIZE | "/authorize" => Endpoint::Authorize,
        path::CALLBACK | "/callback" => Endpoint::Callback,
        path::CONSENT => Endpoint::Consent,
        path::DEVICE => Endpoint::Device,
        path::DEVICE_AUTHORIZATION => Endpoint::DeviceAuthorization,
        path::TOKEN | "/token" => Endpoint::Token,
        "/refresh" => Endpoint::Refresh,
        path::INTROSPECT => Endpoint::Introspect,
        "/introspect" if *method == Method::Post => Endpoint::Introspect,
        "/introspect" => Endpoint::IntrospectUser,
        path::PAR => Endpoint::Par,
        path::REGISTER => Endpoint::Register,
        path if is_registration(path) => Endpoint::Registration,
        path::REVOKE | "/revoke" => Endpoint::Revoke,
        path::USERINFO => Endpoint::UserInfo,
        path::LOGOUT => Endpoint::Logout,
        path::LOGIN => Endpoint::Login,
        path::JWKS => Endpoint::Jwks,
        "/.well-known/oauth-authorization-server" | "/.well-known/openid-configuration" => {
            Endpoint::Discovery
        }
        "/auth/login" => Endpoint::Direct(Call::Login),
        "/auth/logout" => Endpoint::Direct(Call::Logout),
        "/auth/refresh" => Endpoint::Direct(Call::Refresh),
        "/admin/audit" => Endpoint::AdminView(View::Audit),
        "/admin/metrics" => Endpoint::AdminView(View::Metrics),
        "/admin/keys" => Endpoint::AdminKeys(Command::List),
        "/admin/keys/import" => Endpoint::AdminKeys(Command::Import),
        "/admin/keys/replace" => Endpoint::AdminKeys(Command::Replace),
        "/admin/keys/rotate" => Endpoint::AdminKeys(Command::Rotate),
        "/health" => Endpoint::Health,
        path => match Document::at(path) {
            Some(document) => Endpoint::Document(document),
            None => Endpoint::StatusList(ListNumber::at(path)?),
        },
    })
}

/// The address of one registered client (RFC 7592 §2).
fn is_registration(path: &str) -> bool {
    let rest = path.strip_prefix(path::REGISTER);
    rest.and_then(|rest| rest.strip_prefix('/'))
        .is_some_and(|id| !id.is_empty())
}

impl Endpoint {
    /// Whether there is such an endpoint here: what is not configured is not there.
    fn exists(self, config: &Config) -> bool {
        match self {
            Self::AdminKeys(_) | Self::AdminView(_) => config.admin_token.is_some(),
            _ => true,
        }
    }

    /// The methods it has, as `Allow` lists them.
    const fn methods(self) -> &'static str {
        match self {
            Self::Authorize
            | Self::Consent
            | Self::Device
            | Self::Login
            | Self::Logout
            | Self::UserInfo => "GET, POST",
            Self::AdminKeys(Command::Import | Command::Replace | Command::Rotate)
            | Self::DeviceAuthorization
            | Self::Direct(_)
            | Self::Introspect
            | Self::Par
            | Self::Refresh
            | Self::Register
            | Self::Revoke
            | Self::Token => "POST",
            Self::Registration => "GET, PUT, POST, DELETE",
            Self::AdminKeys(Command::List)
            | Self::AdminView(_)
            | Self::Callback
            | Self::Discovery
            | Self::Health
            | Self::IntrospectUser
            | Self::Jwks
            | Self::StatusList(_)
            | Self::Document(_) => "GET",
        }
    }

    const fn policy(self) -> cors::Policy {
        cors::Policy {
            methods: self.methods(),
            headers: "Authorization, Content-Type, DPoP",
        }
    }

    const fn readers(self) -> Readers {
        match self {
            // Registering needs no cookie, and what manages a registration is a token.
            Self::Discovery
            | Self::Document(_)
            | Self::Jwks
            | Self::Register
            | Self::Registration
            | Self::StatusList(_) => Readers::Everyone,
            Self::DeviceAuthorization
            | Self::Direct(_)
            | Self::IntrospectUser
            | Self::Par
            | Self::Refresh
            | Self::Revoke
            | Self::Token
            | Self::UserInfo => Readers::RegisteredOrigins,
            Self::AdminKeys(_)
            | Self::AdminView(_)
            | Self::Authorize
            | Self::Callback
            | Self::Consent
            | Self::Device
            | Self::Health
            | Self::Introspect
            | Self::Login
            | Self::Logout => Readers::SameOrigin,
        }
    }

    /// The `Access-Control-Allow-Origin` value, if the asking page may read the answer.
    async fn reader(self, request: &Request, app: &App) -> Result<Option<String>, EdgeError> {
        Ok(match (self.readers(), http::header(request, "Origin")) {
            // Also to whoever does not say: a copy in a cache is for everyone.
            (Readers::Everyone, _) => Some("*".to_owned()),
            (Readers::RegisteredOrigins, Some(origin)) => {
                let registered = origins::is_registered(&origin, &app.store).await?;
                registered.then_some(origin)
            }
            (Readers::RegisteredOrigins, None) | (Readers::SameOrigin, _) => None,
        })
    }

    /// Whether asking it with GET changes nothing, so that HEAD may ask the same (RFC 9110 §9.2.1).
    const fn is_safe(self) -> bool {
        !matches!(
            self,
            Self::Authorize | Self::Callback | Self::Device | Self::Logout
        )
    }

    /// Whether people look at its answers.
    const fn is_page(self) -> bool {
        matches!(
            self,
            Self::Authorize
                | Self::Callback
                | Self::Consent
                | Self::Device
                | Self::Login
                | Self::Logout
        )
    }

    /// What a request to it counts as, if it counts: an API introspects as much as it is called, from
    /// one address, and documents are cached.
    fn limit(self, request: &Request) -> Option<Limit> {
        let is_post = request.method() == Method::Post;
        match self {
            Self::Login if is_post => Some(Limit::Guesses),
            Self::Device if is_post || !http::query(request).is_empty() => Some(Limit::Guesses),
            Self::DeviceAuthorization | Self::Register => Some(Limit::Creations),
            Self::Authorize
            | Self::Callback
            | Self::Consent
            | Self::Device
            | Self::Direct(_)
            | Self::IntrospectUser
            | Self::Login
            | Self::Logout
            | Self::Par
            | Self::Refresh
            | Self::Revoke
            | Self::Token
            | Self::UserInfo => Some(Limit::Requests),
            Self::Introspect | Self::StatusList(_) => Some(Limit::Services),
            Self::AdminKeys(_)
            | Self::AdminView(_)
            | Self::Discovery
            | Self::Health
            | Self::Jwks
            | Self::Registration
            | Self::Document(_) => None,
        }
    }

    /// Whether its 401 means wrong credentials of a client or of the operator. Of a user's access token
    /// it means that it has expired.
    const fn has_credentials(self) -> bool {
        matches!(
            self,
            Self::AdminKeys(_)
                | Self::AdminView(_)
                | Self::DeviceAuthorization
                | Self::Direct(_)
                | Self::Introspect
                | Self::Par
                | Self::Refresh
                | Self::Register
                | Self::Registration
                | Self::Revoke
                | Self::Token
        )
    }

    /// Answers a request within its limits.
    async fn answer_within_limits(
        self,
        request: Request,
        app: &App,
    ) -> Result<Response, EdgeError> {
        let network = app.place.network.as_ref();
        if let Some(limit) = self.limit(&request)
            && !limit.admits("", network, app).await
        {
            return limit.refuse(self.is_page(), app);
        }
        let response = self.answer(request, app).await?;
        let limit = match (response.status_code(), self) {
            (401, _) if self.has_credentials() => Limit::Failures,
            (200, Self::Introspect) => Limit::Services,
            _ => return Ok(response),
        };
        let caller = app.caller.take();
        let client = caller.as_ref().map_or("", ClientId::as_str);
        if !limit.admits(client, network, app).await {
            return limit.refuse(false, app);
        }
        if limit == Limit::Services {
            return Ok(response);
        }
        // Whoever makes up a client for each request does not fill the audit log.
        if Limit::Creations.admits("audit", network, app).await {
            app.note(&Entry {
                client: caller.as_ref(),
                ..Entry::of(Event::CredentialsRefused)
            });
        }
        Ok(response)
    }

    async fn answer(self, request: Request, app: &App) -> Result<Response, EdgeError> {
        match self {
            Self::AdminKeys(command) => endpoint::admin_keys::answer(command, request, app).await,
            Self::AdminView(view) => endpoint::admin_view::answer(view, request, app).await,
            Self::Authorize => endpoint::authorize::answer(request, app).await,
            Self::Callback => endpoint::callback::answer(&request, app).await,
            Self::Consent => endpoint::consent::answer(request, app).await,
            Self::Device => endpoint::device::answer(request, app).await,
            Self::DeviceAuthorization => endpoint::device_authorization::answer(request, app).await,
            Self::Direct(call) => endpoint::direct::answer(call, request, app).await,
            Self::Discovery => endpoint::discovery::answer(app),
            Self::Health => endpoint::health::answer(app).await,
            Self::Introspect => endpoint::introspect::answer(request, app).await,
            Self::Jwks => endpoint::jwks::answer(app).await,
            Self::Login => endpoint::login::answer(request, app).await,
            Self::Logout => endpoint::logout::answer(request, app).await,
            Self::Document(document) => document.answer(app),
            Self::Par => endpoint::par::answer(request, app).await,
            Self::Refresh => endpoint::token::answer_refresh(request, app).await,
            Self::Register => endpoint::register::answer(request, app).await,
            Self::Registration => endpoint::register::manage(request, app).await,
            Self::Revoke => endpoint::revoke::answer(request, app).await,
            Self::StatusList(list) => endpoint::status_list::answer(list, app).await,
            Self::Token => endpoint::token::answer(request, app).await,
            Self::IntrospectUser | Self::UserInfo => endpoint::userinfo::answer(request, app).await,
        }
    }
}

/// Answers a request. Whatever fails is logged here, and only here.
pub async fn handle(request: Request, env: Env) -> Result<Response, EdgeError> {
    let exchange = Exchange::begin(&request);
    let endpoint = endpoint_at(&request.path(), &request.method());
    let config = Config::of(&env);
    let conduct = config
        .as_ref()
        .map_or(Conduct::CAREFUL, |config| config.conduct);
    // Also a page that may only learn of a failure must be able to read it.
    let mut reader = None;
    let answered = async {
        let mut app = App::new(
            env,
            config?,
            exchange.request_id.clone(),
            exchange.trips.clone(),
        )?;
        app.place = Place::of(&request);
        let Some(endpoint) = endpoint.filter(|endpoint| endpoint.exists(&app.config)) else {
            return page::not_found(&app);
        };
        if !matches!(endpoint, Endpoint::Health) {
            development::prepare(&app).await?;
        }
        reader = endpoint.reader(&request, &app).await?;
        let answered = answer(endpoint, request, reader.is_some(), &app).await?;
        app.write_notes()?;
        Ok(answered)
    };
    let (response, failure) = match answered.await {
        Ok(response) => (response, None),
        Err(error) => (broken(endpoint, &exchange.request_id)?, Some(error)),
    };
    metrics::count(response.status_code());
    reader
        .map_or(Ok(()), |origin| cors::allow(response.headers(), &origin))
        .and_then(|()| exchange.end(&response, conduct, failure.as_ref()))?;
    Ok(response)
}

async fn answer(
    endpoint: Endpoint,
    request: Request,
    may_read: bool,
    app: &App,
) -> Result<Response, EdgeError> {
    let method = match request.method() {
        Method::Options => return cors::preflight(endpoint.policy(), may_read),
        Method::Head if endpoint.is_safe() => Method::Get,
        method => method,
    };
    let allowed = endpoint.methods();
    if !allowed.split(", ").any(|known| known == method.as_ref()) {
        return if endpoint.is_page() {
            page::method_not_allowed(allowed, app)
        } else {
            http::method_not_allowed(allowed)
        };
    }
    let has_proof = request.headers().has(possession::PROOF)?;
    let response = endpoint.answer_within_limits(request, app).await?;
    if has_proof {
        proof::give_nonce(&response, app)?;
    }
    Ok(response)
}

/// The answer when something failed that is not the client's fault.
fn broken(endpoint: Option<Endpoint>, request_id: &str) -> Result<Response, EdgeError> {
    let description = format!("something went wrong here; the request id is {request_id}");
    if endpoint.is_some_and(Endpoint::is_page) {
        page::broken(request_id)
    } else {
        http::error_json(&ErrorResponse::new(ErrorCode::ServerError, description))
    }
}
