//! From a generation to the token response, the same for every grant type.

use gatepass_core::client::{AccessTokenFormat, Client, TokenAlgorithms};
use gatepass_core::dpop::Thumbprint;
use gatepass_core::grant::{Allowed, Grant, Session, Terms};
use gatepass_core::id::{JwtId, Nonce};
use gatepass_core::jose::{Claims, Jwt};
use gatepass_core::scope::Scope;
use gatepass_core::secret::{AccessToken, IdToken};
use gatepass_core::store::{AccessTokenStore, AuthorizeStore};
use gatepass_core::time::Timestamp;
use gatepass_core::token::access::AccessTokenClaims;
use gatepass_core::token::{self, TokenResponse};
use gatepass_core::userinfo;
use gatepass_edge::{EdgeError, random, webcrypto};

use crate::app::App;
use crate::keys::Keys;

/// What a response is made of.
#[derive(Debug)]
pub struct Issue<'a> {
    pub grant: &'a Grant,
    pub session: &'a Session,
    pub access_jti: JwtId,
    pub allowed: Allowed<'a>,
    pub terms: Terms<'a>,
    pub algorithms: TokenAlgorithms,
    pub gives_refresh_token: bool,
    /// The opaque access token that the store has kept with the generation, if it has.
    pub kept: Option<AccessToken>,
    pub id_token: Option<Jwt<Claims>>,
}

/// What the ID token says, if `scope` asks for one: one round trip to D1 if the client wants to be told
/// of the user in it.
pub async fn id_token(
    grant: &Grant,
    scope: &Scope,
    nonce: Option<Nonce>,
    terms: Terms<'_>,
    app: &App,
) -> Result<Option<Jwt<Claims>>, EdgeError> {
    let mut jwt = token::id::issue(grant, scope, nonce, terms);
    let names = &grant.details.id_token_claims;
    if let Some(jwt) = &mut jwt
        && !names.is_empty()
        && let Some(user) = app.store.user(&grant.subject).await?
    {
        userinfo::tell(user, &Scope::default(), names, &mut jwt.payload);
    }
    Ok(jwt)
}

/// Writes the tokens of a generation.
pub async fn tokens(issue: Issue<'_>, keys: &Keys, app: &App) -> Result<TokenResponse, EdgeError> {
    let (key, terms) = (&app.config.refresh_token_key, issue.terms);
    let algorithms = issue.algorithms;
    let jwt = token::access::issue(issue.grant, issue.allowed, issue.access_jti, terms);
    let response = access_token(&jwt, issue.kept, algorithms, (keys, app), terms.now).await?;
    let id_token = match issue.id_token {
        Some(mut jwt) => {
            let (algorithm, access_token) = (algorithms.id_token, response.access_token.expose());
            let digest = webcrypto::digest(algorithm.method().digest, access_token).await?;
            let hash = token::id::at_hash(&digest);
            jwt.payload.insert("at_hash".to_owned(), hash.into());
            let signed = keys.sign(app, algorithm, token::id::TYPE, &jwt).await?;
            Some(IdToken::new(signed))
        }
        None => None,
    };
    let refresh_token = issue
        .gives_refresh_token
        .then(|| token::refresh::write(issue.session, terms.issuer, key));
    Ok(TokenResponse {
        refresh_token: refresh_token.transpose()?,
        id_token,
        ..response
    })
}

/// Writes an access token that nothing refreshes, of a client's own lifetimes and algorithm, bound to `key`
/// if there is one. `make` says what is in it.
pub async fn alone<R>(
    client: &Client,
    key: Option<&Thumbprint>,
    app: &App,
    now: Timestamp,
    make: impl FnOnce(JwtId, Terms<'_>) -> Result<Jwt<AccessTokenClaims>, R>,
) -> Result<Result<TokenResponse, R>, EdgeError> {
    let lifetimes = client.settings.lifetimes(&app.config.lifetimes);
    let terms = Terms {
        issuer: &app.config.issuer,
        lifetimes: &lifetimes,
        now,
        key,
    };
    let jwt = match make(JwtId::from_random(random::bytes()?), terms) {
        Ok(jwt) => jwt,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let algorithms = client.settings.algorithms(app.config.keys.algorithm);
    let keys = app.keys_for(algorithms).await?;
    let written = access_token(&jwt, None, algorithms, (&keys, app), now);
    written.await.map(Ok)
}

/// Writes an access token: signs it or, if the client has opaque ones, keeps it, unless the store has kept
/// one already.
async fn access_token(
    jwt: &Jwt<AccessTokenClaims>,
    kept: Option<AccessToken>,
    algorithms: TokenAlgorithms,
    (keys, app): (&Keys, &App),
    now: Timestamp,
) -> Result<TokenResponse, EdgeError> {
    let token = match (algorithms.format, kept) {
        (AccessTokenFormat::Jwt, _) => {
            let (algorithm, claims) = (algorithms.access_token, jwt.by_name()?);
            let signed = keys.sign(app, algorithm, token::access::TYPE, &claims);
            AccessToken::new(signed.await?)
        }
        (AccessTokenFormat::Opaque, Some(kept)) => kept,
        (AccessTokenFormat::Opaque, None) => {
            let token = AccessToken::from_random(random::bytes()?);
            app.store.insert_access_token(token.hash(), jwt).await?;
            token
        }
    };
    Ok(TokenResponse {
        access_token: token,
        token_type: jwt.payload.token_type(),
        expires_in: jwt.expires_at.remaining(now),
        refresh_token: None,
        scope: jwt.payload.scope.clone(),
        details: jwt.payload.authorization_details.clone(),
        id_token: None,
        issued_token_type: None,
    })
}
