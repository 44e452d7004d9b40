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
mod tests {
    use super::*;
    use crate::authorize::tests::resources;
    use crate::client::ClientSettings;
    use crate::client::tests::{authenticated, confidential, public};
    use crate::dpop::{Confirmation, Thumbprint};
    use crate::grant::tests::{NOW, after, grant, terms};
    use crate::grant::{EndReason, GrantStatus};
    use crate::token::access;

    /// A service that may exchange the tokens of the public client.
    fn service() -> Client {
        Client {
            id: ClientId::parse("orders").unwrap(),
            scope: Scope::parse("read stock").unwrap(),
            settings: ClientSettings {
                exchanges_tokens_of: vec![public().id],
                ..ClientSettings::default()
            },
            ..confidential()
        }
    }

    fn asking(body: &str) -> TokenExchangeRequest {
        let body = format!(
            "subject_token=s&subject_token_type=urn:ietf:params:oauth:token-type:access_token&{body}"
        );
        TokenExchangeRequest::parse(&Form::parse(&body).unwrap()).unwrap()
    }

    const WITH_ACTOR: &str =
        "actor_token=a&actor_token_type=urn:ietf:params:oauth:token-type:access_token";

    /// A live token of the user, issued to `client` 100 seconds ago.
    fn token_of(client: &Client) -> LookedUp {
        let grant = grant(client);
        let scope = Scope::parse("read write").unwrap();
        let jwt = access::issue(&grant, &scope, JwtId::parse("s").unwrap(), terms(NOW));
        LookedUp {
            jwt,
            state: TokenState {
                grant: Some(grant),
                ..TokenState::default()
            },
        }
    }

    fn answer(
        client: Client,
        request: &TokenExchangeRequest,
        subject: Option<LookedUp>,
        actor: Option<LookedUp>,
    ) -> Result<Jwt<AccessTokenClaims>, TokenExchangeRefusal> {
        let fresh = (JwtId::parse("new").unwrap(), terms(after(100)));
        let offered = Offered { subject, actor };
        decide(
            &authenticated(client),
            request,
            offered,
            &resources(),
            fresh,
        )
    }

    #[test]
    fn the_new_token_is_bound_to_the_key_of_whoever_exchanges_and_to_no_other() {
        let key = |first| {
            let text = format!("{first}ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
            Thumbprint::parse(&text).unwrap()
        };
        let (of_user, of_service) = (key("0"), key("1"));
        for proved in [None, Some(&of_service)] {
            let mut subject = token_of(&public());
            subject.jwt.payload.cnf = Some(Confirmation {
                jkt: of_user.clone(),
            });
            let terms = Terms {
                key: proved,
                ..terms(after(100))
            };
            let fresh = (JwtId::parse("new").unwrap(), terms);
            let offered = Offered {
                subject: Some(subject),
                actor: None,
            };
            let service = authenticated(service());
            let made = decide(&service, &asking(""), offered, &resources(), fresh);
            let bound_to = made.unwrap().payload.cnf.map(|cnf| cnf.jkt);
            assert_eq!(bound_to.as_ref(), proved);
        }
    }

    #[test]
    fn by_delegation_the_new_token_is_the_users_and_names_the_client() {
        let subject = token_of(&public());
        let old = subject.jwt.clone();
        let new = answer(service(), &asking(""), Some(subject), None).unwrap();
        assert_eq!(new.payload.sub, old.payload.sub);
        assert_eq!(new.payload.grant_id, old.payload.grant_id);
        assert_eq!(new.payload.auth_time, old.payload.auth_time);
        assert_eq!(new.payload.client_id.as_str(), "orders");
        assert_eq!(new.payload.jti.as_str(), "new");
        assert_eq!(new.payload.aud, resources().default);
        assert_eq!(new.payload.act.unwrap().sub.as_str(), "orders");
        // No scope but what both allow, and no second after the old one.
        assert_eq!(new.payload.scope.to_string(), "read");
        assert_eq!(new.expires_at, old.expires_at);
    }

    #[test]
    fn who_acted_before_stays_named() {
        let mut subject = token_of(&public());
        let before = |sub: &str, act| Actor {
            sub: crate::id::Subject::parse(sub).unwrap(),
            act,
        };
        subject.jwt.payload.act = Some(before("gateway", None));
        let new = answer(service(), &asking(""), Some(subject), None).unwrap();
        let act = new.payload.act.unwrap();
        assert_eq!(
            act,
            before("orders", Some(Box::new(before("gateway", None))))
        );
        let mut long = token_of(&public());
        let chain = (1..Actor::LONGEST_CHAIN)
            .fold(before("a", None), |act, _| before("b", Some(Box::new(act))));
        long.jwt.payload.act = Some(chain);
        let refused = answer(service(), &asking(""), Some(long), None).unwrap_err();
        assert_eq!(refused, TokenExchangeRefusal::TooManyActors);
    }

    #[test]
    fn an_actor_token_says_who_acts_and_must_be_the_clients_own() {
        let request = asking(WITH_ACTOR);
        let new = answer(
            service(),
            &request,
            Some(token_of(&public())),
            Some(token_of(&service())),
        );
        assert_eq!(new.unwrap().payload.act.unwrap().sub.as_str(), "u1");
        for actor in [None, Some(token_of(&public()))] {
            let refused = answer(service(), &request, Some(token_of(&public())), actor);
            assert_eq!(refused.unwrap_err(), TokenExchangeRefusal::ActorToken);
        }
    }

    #[test]
    fn by_impersonation_nobody_is_named() {
        let mut client = service();
        client.settings.may_impersonate = true;
        let new = answer(client.clone(), &asking(""), Some(token_of(&public())), None);
        assert_eq!(new.unwrap().payload.act, None);
        // Whoever shows an actor does not impersonate.
        let actor = Some(token_of(&service()));
        let new = answer(
            client,
            &asking(WITH_ACTOR),
            Some(token_of(&public())),
            actor,
        );
        assert!(new.unwrap().payload.act.is_some());
    }

    #[test]
    fn a_client_gets_less_of_its_own_token_and_acts_for_nobody_new() {
        let client = Client {
            settings: ClientSettings::default(),
            ..confidential()
        };
        let request = asking("scope=read&resource=https://other.example");
        let new = answer(client.clone(), &request, Some(token_of(&client)), None).unwrap();
        assert_eq!(new.payload.act, None);
        assert_eq!(new.payload.scope.to_string(), "read");
        assert_eq!(new.payload.aud.as_str(), "https://other.example");
    }

    #[test]
    fn what_may_not_be_had_is_refused() {
        use TokenExchangeRefusal as R;
        let refused = |client, body: &str, subject| {
            answer(client, &asking(body), Some(subject), None).unwrap_err()
        };
        let more = refused(service(), "scope=read+write", token_of(&public()));
        assert_eq!(more, R::Scope(ScopeExceeded));
        let elsewhere = refused(
            service(),
            "audience=https://evil.example",
            token_of(&public()),
        );
        assert_eq!(elsewhere, R::Target(UnknownResource));
        let other = Client {
            id: ClientId::parse("other").unwrap(),
            ..public()
        };
        let not_named = refused(service(), "", token_of(&other));
        assert_eq!(not_named, R::NotItsBusiness);
        let without = Client {
            grant_types: vec![GrantType::ClientCredentials],
            ..service()
        };
        let unregistered = refused(without, "", token_of(&public()));
        assert_eq!(unregistered, R::UnauthorizedClient);
        let unproven = refused(public(), "", token_of(&public()));
        assert_eq!(unproven, R::PublicClient);
    }

    #[test]
    fn a_token_that_is_worth_nothing_gets_nothing() {
        let refused = |subject| answer(service(), &asking(""), subject, None).unwrap_err();
        assert_eq!(refused(None), TokenExchangeRefusal::SubjectToken);
        let mut ended = token_of(&public());
        ended.state.grant.as_mut().unwrap().status = GrantStatus::Ended(EndReason::SignedOut);
        assert_eq!(refused(Some(ended)), TokenExchangeRefusal::SubjectToken);
        let mut revoked = token_of(&public());
        revoked.state.access_token_revoked = true;
        assert_eq!(refused(Some(revoked)), TokenExchangeRefusal::SubjectToken);
        let mut of_nobody = token_of(&public());
        of_nobody.jwt.payload.grant_id = None;
        assert_eq!(refused(Some(of_nobody)), TokenExchangeRefusal::SubjectToken);
    }

    #[test]
    fn the_parameters_are_those_of_rfc_8693() {
        let parse = |body: &str| TokenExchangeRequest::parse(&Form::parse(body).unwrap());
        let access = "urn:ietf:params:oauth:token-type:access_token";
        let least = format!("subject_token=s&subject_token_type={access}");
        let request = parse(&least).unwrap();
        assert_eq!(request.subject_token.expose(), "s");
        assert_eq!(request.issued_token_type, access);
        let jwt = "urn:ietf:params:oauth:token-type:jwt";
        let request = parse(&format!("{least}&requested_token_type={jwt}")).unwrap();
        assert_eq!(request.issued_token_type, jwt);
        let both = format!("{least}&resource=https://a.example&audience=https://a.example");
        assert!(parse(&both).unwrap().resource.is_some());
        for (body, name) in [
            (
                "subject_token=s&subject_token_type=urn:x".to_owned(),
                "subject_token_type",
            ),
            (
                format!(
                    "{least}&requested_token_type=urn:ietf:params:oauth:token-type:refresh_token"
                ),
                "requested_token_type",
            ),
            (format!("{least}&actor_token=a"), "actor_token_type"),
            (
                format!("{least}&actor_token_type={access}"),
                "actor_token_type",
            ),
            (
                format!("{least}&actor_token=a&actor_token_type=urn:x"),
                "actor_token_type",
            ),
        ] {
            let refusal = TokenExchangeRefusal::TokenType(name);
            assert_eq!(parse(&body).unwrap_err(), refusal.into(), "{body}");
        }
        for body in ["subject_token=s", "subject_token_type=urn:x"] {
            assert!(matches!(parse(body), Err(Unreadable::Form(_))), "{body}");
        }
        let two = format!("{least}&resource=https://a.example&audience=https://b.example");
        let target = TokenExchangeRefusal::Target(UnknownResource);
        assert_eq!(parse(&two).unwrap_err(), target.into());
    }
}
