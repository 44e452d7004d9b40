//! `/admin/keys`: an operator looks after the signing keys, with the token `GATEPASS_ADMIN_TOKEN`.

use gatepass_core::audit::Event;
use gatepass_core::error::ErrorResponse;
use gatepass_core::keys::PromotionRefusal;
use gatepass_core::keys::command::{CommandRefusal, Compromised, Import, parse_rotation};
use gatepass_core::resource::{ResourceRefusal, Scheme, bearer_token};
use gatepass_edge::{EdgeError, clock, http};
use worker::{Request, Response};

use crate::app::App;
use crate::audit::Entry;
use crate::keys::command::{self, KeyList};

/// What is to be done.
#[derive(Clone, Copy, Debug)]
pub enum Command {
    /// `GET /admin/keys`.
    List,
    /// `POST /admin/keys/rotate`.
    Rotate,
    /// `POST /admin/keys/replace`.
    Replace,
    /// `POST /admin/keys/import`.
    Import,
}

impl Command {
    const fn name(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Rotate => "rotate",
            Self::Replace => "replace",
            Self::Import => "import",
        }
    }
}

pub async fn answer(
    command: Command,
    mut request: Request,
    app: &App,
) -> Result<Response, EdgeError> {
    if let Err(refusal) = authenticate(&request, app) {
        return http::challenge(
            &refusal.presented(Scheme::Bearer),
            app.config.issuer.as_str(),
            None,
        );
    }
    if matches!(command, Command::List) {
        return http::json(&command::list(app).await?);
    }
    let body = match http::body(&mut request, http::JSON).await? {
        Ok(body) => body,
        Err(refusal) => return refusal.response(),
    };
    match perform(command, &body, app).await? {
        Ok(keys) => {
            app.note(&Entry {
                reason: command.name(),
                ..Entry::of(Event::KeysChanged)
            });
            http::json(&keys)
        }
        Err(refusal) => refuse(refusal),
    }
}

async fn perform(
    command: Command,
    body: &str,
    app: &App,
) -> Result<Result<KeyList, CommandRefusal>, EdgeError> {
    match command {
        Command::List => command::list(app).await.map(Ok),
        Command::Rotate => match parse_rotation(body) {
            Ok(algorithm) => command::rotate(app, algorithm).await,
            Err(refusal) => Ok(Err(refusal)),
        },
        Command::Replace => match Compromised::parse(body) {
            Ok(which) => command::replace(app, &which).await,
            Err(refusal) => Ok(Err(refusal)),
        },
        Command::Import => match Import::parse(body) {
            Ok(import) => command::import(app, &import).await,
            Err(refusal) => Ok(Err(refusal)),
        },
    }
}

/// Whether whoever asks has the operator's token; compared in constant time.
pub(super) fn authenticate(request: &Request, app: &App) -> Result<(), ResourceRefusal> {
    let authorization = http::header(request, "Authorization");
    let token = bearer_token(authorization.as_deref())?;
    let expected = app.config.admin_token.ok_or(ResourceRefusal::Inactive)?;
    if token.hash().matches(expected) {
        Ok(())
    } else {
        Err(ResourceRefusal::Inactive)
    }
}

fn refuse(refusal: CommandRefusal) -> Result<Response, EdgeError> {
    let response = http::error_json(&ErrorResponse::from(refusal))?;
    if let CommandRefusal::TooEarly(PromotionRefusal::UnknownUntil(then)) = refusal {
        let seconds = then.remaining(clock::now()).seconds();
        response
            .headers()
            .set("Retry-After", &seconds.to_string())?;
    }
    Ok(response.with_status(refusal.status()))
}
