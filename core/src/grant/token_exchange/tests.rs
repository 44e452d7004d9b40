use super::*;
use crate::authorize::tests::resources;
use crate::client::ClientSettings;
use crate::client::tests::{authenticated, confidential, public};
use crate::dpop::{Confirmation, Thumbprint};
use crate::grant::Allowed;
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
    let jwt = access::issue(
        &grant,
        Allowed {
            scope: &scope,
            ..Allowed::all(&grant)
        },
        JwtId::parse("s").unwrap(),
        terms(NOW),
    );
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
fn the_new_token_has_only_details_that_its_client_may_ask_for() {
    use crate::authorize::AuthorizationDetails;
    let details = |text| AuthorizationDetails::read(Some(text)).unwrap().unwrap();
    for (types, expected) in [
        (vec![], AuthorizationDetails::default()),
        (vec!["stock".to_owned()], details(r#"[{"type":"stock"}]"#)),
    ] {
        let mut client = service();
        client.settings.authorization_details_types = types;
        let mut subject = token_of(&public());
        subject.jwt.payload.authorization_details =
            details(r#"[{"type":"payment","amount":"12"},{"type":"stock"}]"#);
        let new = answer(client, &asking(""), Some(subject), None).unwrap();
        assert_eq!(new.payload.authorization_details, expected);
    }
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
            format!("{least}&requested_token_type=urn:ietf:params:oauth:token-type:refresh_token"),
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
