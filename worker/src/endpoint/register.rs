//! `POST /oauth/register` (RFC 7591), and a registration's own address (RFC 7592).

use core::fmt;

use gatepass_core::audit::Event;
use gatepass_core::client::Client;
use gatepass_core::client::registration::{
    self, ClientMetadata, NewCredentials, Registered, Registration, RegistrationRefusal,
};
use gatepass_core::discovery::path;
use gatepass_core::error::{ErrorCode, ErrorResponse};
use gatepass_core::id::ClientId;
use gatepass_core::resource::{ResourceRefusal, Scheme, bearer_token};
use gatepass_core::secret::{ClientSecret, RegistrationToken};
use gatepass_core::store::RegistrationStore;
use gatepass_core::time::{Lifetime, Timestamp};
use gatepass_edge::config::Environment;
use gatepass_edge::{EdgeError, clock, http, random};
use serde::Serialize;
use worker::{Method, Request, Response};

use crate::app::App;
use crate::audit::Entry;
use crate::config::RegistrationPolicy;

/// What a registered client is told (RFC 7591 §3.2.1, RFC 7592 §3).
#[derive(Serialize)]
struct Answer<'a> {
    client_id: &'a ClientId,
    client_id_issued_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<&'a str>,
    /// 0: it does not expire.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret_expires_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_client_secret_expires_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    registration_access_token: Option<&'a str>,
    registration_client_uri: String,
    #[serde(flatten)]
    metadata: ClientMetadata,
}

impl<'a> Answer<'a> {
    fn new(registration: &'a Registration, app: &App) -> Self {
        let client = &registration.client;
        let issuer = &app.config.issuer;
        Self {
            client_id: &client.id,
            client_id_issued_at: registration.issued_at,
            client_secret: None,
            client_secret_expires_at: None,
            previous_client_secret_expires_at: None,
            registration_access_token: None,
            registration_client_uri: format!("{issuer}{}/{}", path::REGISTER, client.id),
            metadata: registration::metadata_of(client),
        }
    }

    fn with_secret(self, secret: Option<&'a ClientSecret>) -> Self {
        Self {
            client_secret: secret.map(ClientSecret::expose),
            client_secret_expires_at: secret.map(|_| 0),
            ..self
        }
    }
}

impl fmt::Debug for Answer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

/// `POST /oauth/register`: one round trip to D1.
pub async fn answer(mut request: Request, app: &App) -> Result<Response, EdgeError> {
    if let Err(refusal) = may_register(&request, app) {
        return refusal.response(app);
    }
    let metadata = match read_metadata(&mut request).await? {
        Ok(metadata) => metadata,
        Err(response) => return Ok(response),
    };
    let credentials = NewCredentials {
        id: ClientId::from_random(random::bytes()?),
        secret: ClientSecret::from_random(random::bytes()?),
        token: RegistrationToken::from_random(random::bytes()?),
    };
    let offer = app.config.offer();
    let registered = match registration::register(&metadata, credentials, offer, clock::now()) {
        Ok(registered) => registered,
        Err(refusal) => return refuse(&refusal),
    };
    if let Err(refusal) = check_logout_uri(&registered.registration.client, app) {
        return refuse(&refusal);
    }
    app.note(&Entry {
        client: Some(&registered.registration.client.id),
        ..Entry::of(Event::ClientRegistered)
    });
    app.store
        .insert_registration(&registered.registration)
        .await?;
    let Registered {
        registration,
        secret,
        token,
    } = &registered;
    let answer = Answer {
        registration_access_token: Some(token.expose()),
        ..Answer::new(registration, app).with_secret(secret.as_ref())
    };
    Ok(http::json(&answer)?.with_status(201))
}

/// `GET`, `PUT`, `DELETE /oauth/register/{client_id}` (RFC 7592 §2), and `POST` for a new secret.
pub async fn manage(mut request: Request, app: &App) -> Result<Response, EdgeError> {
    let registration = match registered_client(&request, app).await? {
        Ok(registration) => registration,
        Err(refusal) => return refusal.response(app),
    };
    match request.method() {
        Method::Put => replace(&mut request, registration, app).await,
        Method::Post => rotate_secret(&registration, app).await,
        Method::Delete => {
            let id = &registration.client.id;
            app.note(&changed(id, "ended"));
            app.store.end_registration(id, clock::now()).await?;
            Ok(Response::empty()?.with_status(204))
        }
        _ => http::json(&Answer::new(&registration, app)),
    }
}

const fn changed<'a>(client: &'a ClientId, reason: &'static str) -> Entry<'a> {
    Entry {
        client: Some(client),
        reason,
        ..Entry::of(Event::ClientChanged)
    }
}

async fn replace(
    request: &mut Request,
    registration: Registration,
    app: &App,
) -> Result<Response, EdgeError> {
    let metadata = match read_metadata(request).await? {
        Ok(metadata) => metadata,
        Err(response) => return Ok(response),
    };
    let client = match registration::update(&metadata, &registration.client, app.config.offer()) {
        Ok(client) => client,
        Err(refusal) => return refuse(&refusal),
    };
    if let Err(refusal) = check_logout_uri(&client, app) {
        return refuse(&refusal);
    }
    app.note(&changed(&client.id, "updated"));
    app.store.update_registration(&client).await?;
    let registration = Registration {
        client,
        ..registration
    };
    http::json(&Answer::new(&registration, app))
}

fn check_logout_uri(client: &Client, app: &App) -> Result<(), RegistrationRefusal> {
    let in_development = app.config.conduct.environment == Environment::Development;
    registration::check_logout_uri(client, in_development)
}

/// How soon whoever did not hear the answer asks again.
const AGAIN: Lifetime = Lifetime::from_minutes(5);

/// The secret before still counts for a while: no instance of the client is locked out meanwhile, nor by an
/// answer that was lost.
async fn rotate_secret(registration: &Registration, app: &App) -> Result<Response, EdgeError> {
    if !registration.client.authentication.has_secret() {
        let refusal =
            RegistrationRefusal::Metadata("token_endpoint_auth_method", "is not one with a secret");
        return refuse(&refusal);
    }
    let secret = ClientSecret::from_random(random::bytes()?);
    let now = clock::now();
    let until = now.plus(app.config.secret_overlap);
    let retried = until.minus(AGAIN).max(now);
    let id = &registration.client.id;
    app.note(&changed(id, "secret"));
    let rotated = app.store.rotate_secret(id, secret.hash(), until, retried);
    rotated.await?;
    let answer = Answer {
        previous_client_secret_expires_at: Some(until),
        ..Answer::new(registration, app).with_secret(Some(&secret))
    };
    http::json(&answer)
}

/// Why nobody may register or manage here.
enum NotAllowed {
    Closed,
    Token(ResourceRefusal),
}

impl NotAllowed {
    fn response(&self, app: &App) -> Result<Response, EdgeError> {
        match self {
            Self::Closed => {
                let description = "clients do not register by themselves at this provider";
                let error = ErrorResponse::new(ErrorCode::AccessDenied, description);
                Ok(http::error_json(&error)?.with_status(403))
            }
            Self::Token(refusal) => {
                let refused = refusal.clone().presented(Scheme::Bearer);
                http::challenge(&refused, app.config.issuer.as_str(), None)
            }
        }
    }
}

fn may_register(request: &Request, app: &App) -> Result<(), NotAllowed> {
    match &app.config.registration {
        RegistrationPolicy::Closed => Err(NotAllowed::Closed),
        RegistrationPolicy::Open => Ok(()),
        RegistrationPolicy::WithToken(expected) => {
            let presented = presented_token(request)?;
            if presented.hash().matches(*expected) {
                Ok(())
            } else {
                Err(NotAllowed::Token(ResourceRefusal::Inactive))
            }
        }
    }
}

/// The registration that the address names and the token opens; an unknown one and a wrong token are
/// not told apart (RFC 7592 §2.1).
async fn registered_client(
    request: &Request,
    app: &App,
) -> Result<Result<Registration, NotAllowed>, EdgeError> {
    let presented = match presented_token(request) {
        Ok(presented) => presented,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let path = request.path();
    let id = path
        .strip_prefix(path::REGISTER)
        .and_then(|rest| rest.strip_prefix('/'));
    let refused = NotAllowed::Token(ResourceRefusal::Inactive);
    let Some(id) = id.and_then(|id| ClientId::parse(id).ok()) else {
        return Ok(Err(refused));
    };
    let found = app.store.registration(&id).await?;
    let opened = found.filter(|found| presented.hash().matches(found.token));
    Ok(opened.ok_or(refused))
}

fn presented_token(request: &Request) -> Result<RegistrationToken, NotAllowed> {
    let header = http::header(request, "Authorization");
    let token = bearer_token(header.as_deref()).map_err(NotAllowed::Token)?;
    Ok(RegistrationToken::new(token.expose()))
}

/// The inner error is the answer to a body that is no metadata.
async fn read_metadata(
    request: &mut Request,
) -> Result<Result<ClientMetadata, Response>, EdgeError> {
    let body = match http::body(request, http::JSON).await? {
        Ok(body) => body,
        Err(refusal) => return refusal.response().map(Err),
    };
    match ClientMetadata::parse(&body) {
        Ok(metadata) => Ok(Ok(metadata)),
        Err(refusal) => refuse(&refusal).map(Err),
    }
}

fn refuse(refusal: &RegistrationRefusal) -> Result<Response, EdgeError> {
    http::error_json(&ErrorResponse::from(refusal))
}
