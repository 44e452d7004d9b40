//! `GET, POST /oauth/userinfo` (OIDC Core §5.3), and `GET /introspect` with a bearer token: one round trip
//! to D1.

use gatepass_core::form::Form;
use gatepass_core::id::ClientId;
use gatepass_core::jose::{Claims, Jwt, SigningAlgorithm};
use gatepass_core::resource::{ResourceRefusal, presented_token};
use gatepass_core::scope::Scope;
use gatepass_core::store::GrantStore;
use gatepass_core::token::access::{self, AccessTokenClaims};
use gatepass_core::userinfo;
use gatepass_edge::{EdgeError, clock, http};
use worker::{Method, Request, Response};

use super::{Outcome, parameters};
use crate::app::App;
use crate::keys::{self, Keys};

/// What is told, to whom, and signed how.
struct Told {
    info: Claims,
    client: ClientId,
    signed: Option<SigningAlgorithm>,
}

pub async fn answer(mut request: Request, app: &App) -> Result<Response, EdgeError> {
    let authorization = http::header(&request, "Authorization");
    let form = match read_form(&mut request).await? {
        Ok(form) => form,
        Err(unreadable) => return unreadable.response(),
    };
    match user_info(authorization.as_deref(), form.as_ref(), app).await? {
        Ok(told) => match told.signed {
            Some(algorithm) => signed(told, algorithm, app).await,
            None => http::json(&told.info),
        },
        Err(refusal) => http::challenge(&refusal, app.config.issuer.as_str(), None),
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

async fn user_info(
    authorization: Option<&str>,
    form: Option<&Form>,
    app: &App,
) -> Outcome<Told, ResourceRefusal> {
    let now = clock::now();
    let token = match presented_token(authorization, form) {
        Ok(token) => token,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let verified = keys::verify(app, access::TYPE, token.expose(), now).await?;
    let claims: AccessTokenClaims = match verified {
        Ok(jwt) => jwt.payload,
        Err(error) => return Ok(Err(error.into())),
    };
    // Without it the token may be good and yet speak of nobody: a client that acts for itself has no user.
    if !claims.scope.contains("openid") {
        return Ok(Err(ResourceRefusal::MissingScope("openid")));
    }
    let (client, state) = app
        .store
        .access_token_state(Some(&claims.client_id), claims.basis(), &claims.jti)
        .await?;
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
