//! `GET, POST /oauth/userinfo` (OIDC Core §5.3), and `GET /introspect` with an access token: one round trip
//! to D1.

use gatepass_core::dpop::{NoncePolicy, Occasion};
use gatepass_core::form::Form;
use gatepass_core::id::ClientId;
use gatepass_core::jose::{Claims, Jwt, SigningAlgorithm};
use gatepass_core::resource::{Refused, ResourceRefusal};
use gatepass_core::scope::Scope;
use gatepass_core::time::Timestamp;
use gatepass_core::userinfo;
use gatepass_edge::possession::Presented;
use gatepass_edge::{EdgeError, clock, http};
use worker::{Method, Request, Response};

use super::{Outcome, parameters};
use crate::access_token;
use crate::app::App;
use crate::keys::Keys;
use crate::proof;

/// What is told, to whom, and signed how.
struct Told {
    info: Claims,
    client: ClientId,
    signed: Option<SigningAlgorithm>,
}

pub async fn answer(mut request: Request, app: &App) -> Result<Response, EdgeError> {
    let form = match read_form(&mut request).await? {
        Ok(form) => form,
        Err(unreadable) => return unreadable.response(),
    };
    match user_info(&request, form.as_ref(), app).await? {
        Ok(told) => match told.signed {
            Some(algorithm) => signed(told, algorithm, app).await,
            None => http::json(&told.info),
        },
        Err(refused) => http::challenge(&refused, app.config.issuer.as_str(), None),
    }
}

/// The body of a POST, if it is a form: any other is nobody's business here.
async fn read_form(request: &mut Request) -> Outcome<Option<Form>, super::Unreadable> {
    let is_form = request.method() == Method::Post && http::is_of_type(request, http::FORM);
    if is_form {
        Ok(parameters(request).await?.map(Some))
    } else {
        Ok(Ok(None))
    }
}

async fn user_info(request: &Request, form: Option<&Form>, app: &App) -> Outcome<Told, Refused> {
    let now = clock::now();
    let (method, url) = (request.method(), proof::url(request, app));
    let occasion = Occasion {
        method: method.as_ref(),
        url: &url,
        access_token: None,
        nonces: NoncePolicy::Optional(&app.config.dpop_nonce_key),
        now,
    };
    let presented = match Presented::read(request, form, occasion).await? {
        Ok(presented) => presented,
        Err(refused) => return Ok(Err(refused)),
    };
    let told = of_token(&presented, app, now).await?;
    Ok(told.map_err(|refusal| refusal.presented(presented.scheme())))
}

async fn of_token(
    presented: &Presented,
    app: &App,
    now: Timestamp,
) -> Outcome<Told, ResourceRefusal> {
    let token = presented.token.expose();
    let (client, found) = access_token::look_up(token, None, app, now).await?;
    let (claims, state) = match found {
        Ok(found) => (found.jwt.payload, found.state),
        Err(error) => return Ok(Err(error.into())),
    };
    if let Err(refusal) = presented.check(claims.cnf.as_ref().map(|cnf| &cnf.jkt)) {
        return Ok(Err(refusal));
    }
    // Without it the token may be good and yet speak of nobody: a client that acts for itself has no user.
    if !claims.scope.contains("openid") {
        return Ok(Err(ResourceRefusal::MissingScope("openid")));
    }
    let Some((grant, user)) = state.live_user(now) else {
        return Ok(Err(ResourceRefusal::Inactive));
    };
    // A token that was exchanged is told what its scope opens, and nothing that another client asked for.
    let names = if grant.client_id == claims.client_id {
        grant.details.userinfo_claims
    } else {
        Scope::default()
    };
    Ok(Ok(Told {
        info: userinfo::user_info(user, &claims.scope, &names),
        client: claims.client_id,
        signed: client.and_then(|client| client.settings.userinfo_signed_response_alg),
    }))
}

async fn signed(told: Told, algorithm: SigningAlgorithm, app: &App) -> Result<Response, EdgeError> {
    let now = clock::now();
    let jwt = Jwt {
        payload: userinfo::addressed(told.info, &app.config.issuer, &told.client),
        issued_at: now,
        expires_at: now.plus(app.config.lifetimes.access_token),
    };
    let keys = Keys::of(app, &[algorithm]).await?;
    let text = keys.sign(app, algorithm, userinfo::TYPE, &jwt).await?;
    let response = http::with_type(text, "application/jwt")?;
    response.headers().set("Cache-Control", "no-store")?;
    Ok(response)
}
