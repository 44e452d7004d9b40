//! `GET, POST /oauth/userinfo` (OIDC Core §5.3), and `GET /introspect` with a bearer token.

use gatepass_core::resource::{ResourceRefusal, bearer_token};
use gatepass_core::store::GrantStore;
use gatepass_core::token::access::{self, AccessTokenClaims};
use gatepass_core::userinfo::UserInfo;
use gatepass_edge::{EdgeError, clock, http};
use worker::{Request, Response};

use super::Outcome;
use crate::app::App;
use crate::keys;

pub async fn answer(request: Request, app: &App) -> Result<Response, EdgeError> {
    let authorization = http::header(&request, "Authorization");
    match user_info(authorization.as_deref(), app).await? {
        Ok(info) => http::json(&info),
        Err(refusal) => http::challenge(&refusal, app.config.issuer.as_str(), None),
    }
}

async fn user_info(authorization: Option<&str>, app: &App) -> Outcome<UserInfo, ResourceRefusal> {
    let now = clock::now();
    let token = match bearer_token(authorization) {
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
    let (_, state) = app
        .store
        .access_token_state(None, claims.basis(), &claims.jti)
        .await?;
    let Some(user) = state.live_user(now) else {
        return Ok(Err(ResourceRefusal::Inactive));
    };
    Ok(Ok(UserInfo::of(user, &claims.scope)))
}
