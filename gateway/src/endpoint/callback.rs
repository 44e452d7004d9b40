//! `GET /login/oauth2/code/{registration}`: the user comes back from the provider.

use std::rc::Rc;

use gatepass_core::form::Form;
use gatepass_core::gateway::identity::{self, Identity};
use gatepass_core::gateway::provider::Obtained;
use gatepass_core::gateway::registration::{Registration, RegistrationName};
use gatepass_core::gateway::session::{Ending, Session, Term};
use gatepass_core::jose::{Claims, ParsedJwt};
use gatepass_core::rp::authorization::{self, AuthorizationError, Redemption};
use gatepass_core::rp::id_token::Expected;
use gatepass_core::time::Lifetime;
use gatepass_core::token::id::at_hash;
use gatepass_edge::proving::ProvingKey;
use gatepass_edge::{EdgeError, background, clock, http, log, webcrypto};
use worker::{Headers, Request, Response};

use super::{login, logout};
use crate::app::App;
use crate::page::{self, Told};
use crate::provider::{self, Metadata, Provider};
use crate::session::in_cookies::InCookies;
use crate::session::{self, Ended, Entry, Kept, SessionSecret, Storage};
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
    let redirect_uri = registration.redirect_uri(&app.config.origin);
    let parameters = [
        ("grant_type", Some("authorization_code")),
        ("code", Some(redemption.code.expose())),
        ("redirect_uri", Some(redirect_uri.as_str())),
        ("code_verifier", Some(redemption.verifier.expose())),
        ("resource", registration.resource.as_deref()),
    ];
    let key = match &kept {
        Some(text) => Some(ProvingKey::read(text).await?),
        None => None,
    };
    let obtained = match provider::tokens(registration, &parameters, key.as_ref()).await {
        Ok(obtained) => obtained,
        Err(failure) => {
            note(app, registration, &failure);
            return refuse(app, 502, "no_tokens", return_to);
        }
    };
    let Some(mut identity) = identify(&obtained, &redemption, registration, app).await? else {
        return refuse(app, 502, "invalid_id_token", return_to);
    };
    // Most providers tell a user's name only at userinfo. Nobody is kept out if that does not answer.
    if let Some(endpoint) = metadata.userinfo_endpoint()
        && let Ok(userinfo) = provider::userinfo(endpoint, &obtained.tokens, key.as_ref()).await
    {
        identity.add(&userinfo);
    }
    // A provider that has not bound the tokens is not proved anything later either.
    let tokens = Kept::of(&obtained.tokens, kept.filter(|_| obtained.tokens.bound));
    let (name, subject) = (registration.name.clone(), identity.subject.clone());
    let response = page::onward(return_to)?;
    let term = Term {
        expires_in: obtained.expires_in,
        has_refresh_token: obtained.tokens.refresh.is_some(),
    };
    let session = Session::begin(registration.name.clone(), identity, term, clock::now());
    begin(session, tokens, response.headers(), app).await?;
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
        return InCookies::begin(session, tokens)
            .keep(headers, app.config)
            .await;
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
    obtained: &Obtained,
    redemption: &Redemption,
    registration: &Registration,
    app: &App<'_>,
) -> Result<Option<Identity>, EdgeError> {
    let Some(token) = &obtained.tokens.id_token else {
        note(app, registration, &"there is no ID token");
        return Ok(None);
    };
    let parsed = match ParsedJwt::parse_any(&["JWT"], token.expose()) {
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
    let verified = keys.verify_of_any::<Claims>(&parsed, clock::now().minus(SKEW));
    let token = match verified.await? {
        Ok(token) => token,
        Err(error) => {
            note(app, registration, &error);
            return Ok(None);
        }
    };
    let access_token = obtained.tokens.access.expose();
    let at_hash = at_hash(&webcrypto::digest(method.digest, access_token).await?);
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
