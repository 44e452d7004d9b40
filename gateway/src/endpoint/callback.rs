//! `GET /login/oauth2/code/{registration}`: the user comes back from the provider.

use std::rc::Rc;

use gatepass_core::form::Form;
use gatepass_core::gateway::identity::{self, Identity};
use gatepass_core::gateway::registration::{Registration, RegistrationName};
use gatepass_core::gateway::session::{Ending, Session, Term};
use gatepass_core::jose::{Claims, ParsedJwt};
use gatepass_core::rp::authorization::{self, AuthorizationError, Redemption};
use gatepass_core::rp::id_token::Expected;
use gatepass_core::time::Lifetime;
use gatepass_core::token::id::at_hash;
use gatepass_edge::{EdgeError, background, clock, http, log, webcrypto};
use worker::{Headers, Request, Response};

use super::login::{self, Step};
use super::logout;
use crate::app::App;
use crate::page::{self, Told};
use crate::provider::{self, Metadata, Provider};
use crate::session::in_cookies::InCookies;
use crate::session::{self, Ended, Entry, Grant, Kept, Renewal, SessionSecret, Storage};
use crate::sign_in::{self, SignIn};

/// How far the provider's clock may be behind.
const SKEW: Lifetime = Lifetime::from_minutes(1);

pub(crate) async fn answer(
    request: &Request,
    name: &str,
    app: &App<'_>,
) -> Result<Response, EdgeError> {
    let name = RegistrationName::parse(name);
    let Some(registration) = name.and_then(|name| app.config.registration(&name)) else {
        return refuse(app, 404, "not_found", "/");
    };
    let query = Form::parse(&http::query(request)).unwrap_or_default();
    let Ok(answer) = authorization::parse(&query) else {
        return refuse(app, 400, "invalid_response", "/");
    };
    let Some(sign_in) = SignIn::of(request, answer.state(), app.config).await else {
        return refuse(app, 400, "unknown_sign_in", "/");
    };
    if sign_in.registration != registration.name {
        return refuse(app, 400, "other_provider", "/");
    }
    if !login::is_within_limit(Step::Return, request, app).await {
        return login::too_many("/", app);
    }
    let (replaces, kept) = (sign_in.replaces, sign_in.key);
    let Ok(metadata) = Provider::of(&registration.issuer).metadata().await else {
        return login::unavailable("/", app);
    };
    let redeemed = authorization::process(
        &provider::described(&metadata)?,
        sign_in.transaction,
        &answer,
        clock::now(),
    );
    let response = match redeemed {
        Ok(redemption) => {
            let returned = Returned {
                redemption,
                kept,
                replaces,
            };
            finish(returned, registration, &metadata, app).await?
        }
        Err(error) => {
            note(app, registration, &error);
            refuse(app, 400, code(&error), "/")?
        }
    };
    // It is used once, whatever came of it.
    let forget = sign_in::forget(answer.state());
    response.headers().append("Set-Cookie", &forget)?;
    Ok(response)
}

/// A code, with what this browser has kept of its sign-in.
struct Returned {
    redemption: Redemption,
    /// The key that the code is bound to.
    kept: Option<String>,
    replaces: Option<SessionSecret>,
}

async fn finish(
    returned: Returned,
    registration: &Registration,
    metadata: &Metadata,
    app: &App<'_>,
) -> Result<Response, EdgeError> {
    let Returned {
        redemption,
        kept,
        replaces,
    } = returned;
    let return_to = redemption.return_to.as_str();
    // Also if the browser goes away, or comes again because it did not get the answer.
    let grant = Grant::Code {
        code: redemption.code.expose().to_owned(),
        verifier: redemption.verifier.expose().to_owned(),
    };
    let obtained = session::obtain(app.env, registration, grant, kept.as_ref()).await?;
    let (tokens, expires_in) = match obtained {
        Renewal::Tokens { tokens, expires_in } => (tokens, expires_in),
        Renewal::Over { reason } => {
            note(app, registration, &reason);
            return refuse(app, 502, "no_tokens", return_to);
        }
        Renewal::Failed { .. } => {
            note(app, registration, &"the provider gave no tokens");
            return refuse(app, 502, "no_tokens", return_to);
        }
    };
    let Some(mut identity) = identify(&tokens, &redemption, registration, app).await? else {
        return refuse(app, 502, "invalid_id_token", return_to);
    };
    // Most providers tell a user's name only at userinfo. Nobody is kept out if that does not answer.
    if let Some(endpoint) = metadata.userinfo_endpoint()
        && let Ok(userinfo) = provider::userinfo(endpoint, &tokens).await
    {
        identity.add(&userinfo);
    }
    let (name, subject) = (registration.name.clone(), identity.subject.clone());
    let response = page::onward(return_to)?;
    let term = Term {
        expires_in,
        has_refresh_token: tokens.refresh.is_some(),
    };
    let session = Session::begin(registration, identity, term, clock::now());
    begin(session, tokens.begun(), response.headers(), app).await?;
    if let Some(replaced) = replaces {
        let (env, config) = (app.env.clone(), Rc::clone(app.config));
        background::begin(async move {
            // Many providers end the whole grant of a token that is given back, and the same user's new session may
            // stand on that, too.
            let is_others = |ended: &Ended| ended.registration != name || ended.subject != subject;
            let ended = logout::end(&env, &config, &replaced, Ending::Replaced, is_others).await;
            drop(ended);
        })?;
    }
    Ok(response)
}

/// A new session under a new secret: nothing that the browser had before becomes one.
async fn begin(
    session: Session,
    tokens: Kept,
    headers: &Headers,
    app: &App<'_>,
) -> Result<(), EdgeError> {
    let registration = session.registration.clone();
    let (subject, sid) = (session.subject.clone(), session.sid.clone());
    if app.config.storage == Storage::Cookies {
        let mut begun = InCookies::begin(session, tokens)?;
        headers.append("Set-Cookie", &begun.signed_in(app.config))?;
        return begun.keep(headers, app.config).await;
    }
    let secret = SessionSecret::new()?;
    session::begin(app.env, &secret, session, tokens).await?;
    let entry = Entry {
        registration: &registration,
        subject: subject.as_str(),
        sid: sid.as_deref(),
        session: &secret.name(),
    };
    let until = clock::now().plus(app.config.policy.absolute);
    session::add(app.env, &entry, until).await?;
    let cookie = secret.cookie(app.config);
    Ok(headers.append("Set-Cookie", &cookie)?)
}

/// Who has signed in, if the ID token says so and everything about it holds (OpenID Connect Core §3.1.3.7).
async fn identify(
    tokens: &Kept,
    redemption: &Redemption,
    registration: &Registration,
    app: &App<'_>,
) -> Result<Option<Identity>, EdgeError> {
    let Some(token) = &tokens.id_token else {
        note(app, registration, &"there is no ID token");
        return Ok(None);
    };
    let parsed = match ParsedJwt::parse_any(&["JWT"], token) {
        Ok(parsed) => parsed,
        Err(error) => {
            note(app, registration, &error);
            return Ok(None);
        }
    };
    let Some(method) = parsed.method() else {
        note(app, registration, &"the ID token is signed in another way");
        return Ok(None);
    };
    let keys = match Provider::of(&registration.issuer).keys_for(&parsed).await {
        Ok(keys) => keys,
        Err(error) => {
            note(app, registration, &error);
            return Ok(None);
        }
    };
    let verified = keys.verify_of_any::<Claims>(&parsed, clock::now(), SKEW);
    let token = match verified.await? {
        Ok(token) => token,
        Err(error) => {
            note(app, registration, &error);
            return Ok(None);
        }
    };
    let at_hash = at_hash(&webcrypto::digest(method.digest, &tokens.access).await?);
    let expected = Expected {
        nonce: Some(&redemption.nonce),
        max_age: redemption.max_age,
        at_hash: Some(&at_hash),
        date: Some(clock::now()),
    };
    let client_id = &registration.client_id;
    let identified = identity::process(&token, &registration.issuer, client_id, expected);
    Ok(identified
        .inspect_err(|error| note(app, registration, error))
        .ok())
}

fn code(error: &AuthorizationError) -> &'static str {
    match error {
        AuthorizationError::OtherState => "unknown_sign_in",
        AuthorizationError::Expired => "expired",
        AuthorizationError::MissingIssuer | AuthorizationError::OtherIssuer => "other_issuer",
        AuthorizationError::Refused(_) => "refused",
    }
}

fn refuse(
    app: &App<'_>,
    status: u16,
    code: &'static str,
    again: &str,
) -> Result<Response, EdgeError> {
    let told = Told {
        status,
        code,
        title: "This sign-in did not work",
        message: "It was given up, took too long, was begun elsewhere, or has come to its end before. If you were \
                  signed in, you still are.",
        again: Some(again),
    };
    page::error(&told, app.request_id)
}

fn note(app: &App<'_>, registration: &Registration, why: &impl ToString) {
    log::event(&log::Event {
        request_id: app.request_id,
        event: "sign_in_failed",
        about: registration.name.as_str(),
        reason: &why.to_string(),
    });
}
