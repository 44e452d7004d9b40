//! Token exchange (RFC 8693): a client offers the access token of a user and gets one of its own for the
//! same user, for less scope or another resource.
//!
//! By **delegation** the new token names who acts for the user (`act`, §4.1); by **impersonation** it does
//! not. An administrator says on the client whose tokens it may exchange and whether it may impersonate.
//! The new token stands on the grant of the old one, ends with it, and lives no longer than the old one.

use crate::authorize::{Resources, UnknownResource, requested_resource};
use crate::client::{AuthenticatedClient, Client, GrantType};
use crate::error::ErrorCode;
use crate::form::{Form, FormError};
use crate::grant::Terms;
use crate::id::{Audience, ClientId, JwtId};
use crate::introspect::TokenState;
use crate::jose::Jwt;
use crate::scope::{InvalidScope, Scope, ScopeExceeded};
use crate::secret::PresentedToken;
use crate::time::Timestamp;
use crate::token::access::AccessTokenClaims;
use crate::token::actor::Actor;

/// `token_type` values for an access token (RFC 8693 §3): it may be called what it is, or what it is
/// written as.
const TOKEN_TYPES: [&str; 2] = [
    "urn:ietf:params:oauth:token-type:access_token",
    "urn:ietf:params:oauth:token-type:jwt",
];

/// What a client asks for (RFC 8693 §2.1).
#[derive(Debug)]
pub struct TokenExchangeRequest {
    /// `subject_token`: for whom.
    pub subject_token: PresentedToken,
    /// `actor_token`: by whom, if not by the client itself.
    pub actor_token: Option<PresentedToken>,
    /// `scope`.
    pub scope: Option<Scope>,
    /// `resource` or `audience`.
    pub resource: Option<Audience>,
    /// `requested_token_type`, one of those there are.
    pub issued_token_type: &'static str,
}

/// Why tokens are not exchanged.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TokenExchangeRefusal {
    /// The actor token is no live access token of this client (RFC 8693 §2.2.2).
    #[error("actor_token must be a valid access token that was issued to this client")]
    ActorToken,
    /// The subject token is no live access token of a user (RFC 8693 §2.2.2).
    #[error("subject_token must be a valid access token of a user")]
    SubjectToken,
    /// Not this client's business (RFC 8693 §2.2.2).
    #[error(
        "this client may not exchange the tokens of the client that subject_token was issued to"
    )]
    NotItsBusiness,
    /// It has no secret.
    #[error("only a client that proves who it is may exchange tokens")]
    PublicClient,
    /// More than the subject token, or the client, allows.
    #[error("scope exceeds what subject_token allows, or what this client may have")]
    Scope(#[from] ScopeExceeded),
    /// No such resource.
    #[error("resource and audience must name one and the same resource of this provider")]
    Target(#[from] UnknownResource),
    /// Too many have acted before.
    #[error("subject_token has been passed on too often")]
    TooManyActors,
    /// The token type is not one that is exchanged here, or is there without its token.
    #[error("{0} must be {access_token} or {jwt}, and come with its token", access_token = TOKEN_TYPES[0], jwt = TOKEN_TYPES[1])]
    TokenType(&'static str),
    /// It may not use this grant type.
    #[error("the client may not exchange tokens")]
    UnauthorizedClient,
}

impl TokenExchangeRefusal {
    /// What the wire says (RFC 8693 §2.2.2).
    pub(crate) fn code(self) -> ErrorCode {
        match self {
            Self::ActorToken
            | Self::NotItsBusiness
            | Self::SubjectToken
            | Self::TokenType(_)
            | Self::TooManyActors => ErrorCode::InvalidRequest,
            Self::PublicClient | Self::UnauthorizedClient => ErrorCode::UnauthorizedClient,
            Self::Scope(_) => ErrorCode::InvalidScope,
            Self::Target(_) => ErrorCode::InvalidTarget,
        }
    }
}

/// What cannot be read of a request.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Unreadable {
    /// The parameters.
    #[error(transparent)]
    Form(#[from] FormError),
    /// The scope parameter is malformed.
    #[error(transparent)]
    Scope(#[from] InvalidScope),
    /// What the parameters say.
    #[error(transparent)]
    Exchange(#[from] TokenExchangeRefusal),
}

impl TokenExchangeRequest {
    /// Reads the parameters.
    ///
    /// # Errors
    ///
    /// What is missing or malformed.
    pub fn parse(form: &Form) -> Result<Self, Unreadable> {
        let subject_token = PresentedToken::new(form.required("subject_token")?);
        form.required("subject_token_type")?;
        token_type(form, "subject_token_type")?;
        let actor_token = form.optional("actor_token").map(PresentedToken::new);
        let actor_token_type = token_type(form, "actor_token_type")?;
        if actor_token.is_some() != actor_token_type.is_some() {
            return Err(TokenExchangeRefusal::TokenType("actor_token_type").into());
        }
        let scope = form.optional("scope").map(Scope::parse).transpose()?;
        Ok(Self {
            subject_token,
            actor_token,
            scope,
            resource: target(form).map_err(TokenExchangeRefusal::from)?,
            issued_token_type: token_type(form, "requested_token_type")?.unwrap_or(TOKEN_TYPES[0]),
        })
    }
}

fn token_type(
    form: &Form,
    name: &'static str,
) -> Result<Option<&'static str>, TokenExchangeRefusal> {
    let Some(said) = form.optional(name) else {
        return Ok(None);
    };
    let known = TOKEN_TYPES.into_iter().find(|known| *known == said);
    known.map(Some).ok_or(TokenExchangeRefusal::TokenType(name))
}

/// A logical name is a resource's address here, so `audience` and `resource` say the same (RFC 8693 §2.1).
fn target(form: &Form) -> Result<Option<Audience>, UnknownResource> {
    let resource = requested_resource(form)?;
    let audience = form.optional("audience").map(Audience::parse);
    let audience = audience.transpose().map_err(|_| UnknownResource)?;
    match (resource, audience) {
        (Some(resource), Some(audience)) if resource != audience => Err(UnknownResource),
        (resource, audience) => Ok(resource.or(audience)),
    }
}

/// An access token that was presented, its signature and expiry checked, and what the store knows of it.
#[derive(Debug)]
pub struct LookedUp {
    /// The token.
    pub jwt: Jwt<AccessTokenClaims>,
    /// What it stands on.
    pub state: TokenState,
}

/// The tokens of a request, of which `None` is one that is not there or not valid.
#[derive(Debug, Default)]
pub struct Offered {
    /// `subject_token`.
    pub subject: Option<LookedUp>,
    /// `actor_token`.
    pub actor: Option<LookedUp>,
}

impl LookedUp {
    fn live(self, now: Timestamp) -> Option<Jwt<AccessTokenClaims>> {
        self.state.is_live(now).then_some(self.jwt)
    }
}

/// Decides what a client gets for the tokens that it offers. `jti` is for the new one.
///
/// # Errors
///
/// The [`TokenExchangeRefusal`] that says what is wrong.
pub fn decide(
    client: &AuthenticatedClient,
    request: &TokenExchangeRequest,
    offered: Offered,
    resources: &Resources,
    (jti, terms): (JwtId, Terms<'_>),
) -> Result<Jwt<AccessTokenClaims>, TokenExchangeRefusal> {
    use TokenExchangeRefusal as Refusal;
    check_client(client)?;
    let client = client.client();
    let subject = offered.subject.and_then(|token| token.live(terms.now));
    let subject = subject
        .filter(|token| token.payload.grant_id.is_some())
        .ok_or(Refusal::SubjectToken)?;
    let claims = subject.payload;
    check_business(client, &claims.client_id)?;
    let actor = match &request.actor_token {
        Some(_) => {
            let token = offered.actor.and_then(|token| token.live(terms.now));
            let own = token.filter(|token| token.payload.client_id == client.id);
            Some(own.ok_or(Refusal::ActorToken)?.payload)
        }
        None => None,
    };
    let scope = claims.scope.intersection(&client.scope);
    let payload = AccessTokenClaims {
        aud: resources.audience(request.resource.as_ref())?,
        scope: scope.grant(request.scope.as_ref())?,
        act: acting(client, actor.as_ref(), &claims)?,
        authorization_details: claims.authorization_details.clone().only_of(client),
        client_id: client.id.clone(),
        jti,
        // The key of whoever exchanges, if it proved one: nobody else's.
        cnf: terms.confirmation(),
        ..claims
    };
    let lifetime = terms.lifetimes.access_token;
    Ok(Jwt {
        payload,
        issued_at: terms.now,
        expires_at: terms.now.plus(lifetime).min(subject.expires_at),
    })
}

fn check_client(client: &AuthenticatedClient) -> Result<(), TokenExchangeRefusal> {
    if !client.client().may_use(GrantType::TokenExchange) {
        return Err(TokenExchangeRefusal::UnauthorizedClient);
    }
    if !client.is_confidential() {
        return Err(TokenExchangeRefusal::PublicClient);
    }
    Ok(())
}

fn check_business(client: &Client, issued_to: &ClientId) -> Result<(), TokenExchangeRefusal> {
    let named = &client.settings.exchanges_tokens_of;
    if client.id == *issued_to || named.contains(issued_to) {
        Ok(())
    } else {
        Err(TokenExchangeRefusal::NotItsBusiness)
    }
}

/// Who acts from now on. A client that only wants less of its own token is no new actor, and one that
/// impersonates is not named.
fn acting(
    client: &Client,
    actor: Option<&AccessTokenClaims>,
    subject: &AccessTokenClaims,
) -> Result<Option<Actor>, TokenExchangeRefusal> {
    let before = subject.act.clone();
    let sub = match actor {
        Some(actor) => actor.sub.clone(),
        None if client.id == subject.client_id || client.settings.may_impersonate => {
            return Ok(before);
        }
        None => client.id.to_subject(),
    };
    let actor = Actor {
        sub,
        act: before.map(Box::new),
    };
    if actor.depth() > Actor::LONGEST_CHAIN {
        return Err(TokenExchangeRefusal::TooManyActors);
    }
    Ok(Some(actor))
}

#[cfg(test)]
mod tests;
