use super::*;
use crate::authorize::tests::issuer;
use crate::client::tests::{authenticated, confidential, public};
use crate::grant::Allowed;
use crate::grant::EndReason;
use crate::grant::client_credentials::ActingForItself;
use crate::grant::tests::{NOW, after, grant, session, spent, terms};
use crate::id::{Audience, JwtId, Subject};
use crate::scope::Scope;
use crate::token::access;
use serde_json::json;

fn api() -> Client {
    Client {
        id: ClientId::parse("api").unwrap(),
        may_introspect: true,
        ..confidential()
    }
}

fn other() -> Client {
    Client {
        id: ClientId::parse("other").unwrap(),
        ..confidential()
    }
}

fn state(grant: Grant) -> TokenState {
    let user = User {
        subject: Subject::parse("u1").unwrap(),
        username: "anna".to_owned(),
        name: None,
        email: None,
        email_verified: false,
    };
    TokenState {
        grant: Some(grant),
        user: Some(user),
        ..TokenState::default()
    }
}

/// The state of a token with which `client` acts for itself.
fn state_of_client(client: Client) -> TokenState {
    TokenState {
        client: Some(client),
        ..TokenState::default()
    }
}

fn token() -> Jwt<AccessTokenClaims> {
    let (grant, scope) = (grant(&confidential()), Scope::parse("read").unwrap());
    let jti = JwtId::parse("at-1").unwrap();
    let allowed = Allowed {
        scope: &scope,
        ..Allowed::all(&grant)
    };
    access::issue(&grant, allowed, jti, terms(NOW))
}

fn of_access(state: &TokenState, caller: Client, now: Timestamp) -> Introspection {
    Introspection::of_access_token(token(), state, &authenticated(caller), now)
}

fn of_refresh(session: &Session, state: &TokenState, caller: Client) -> Introspection {
    let caller = authenticated(caller);
    Introspection::of_refresh_token(session, state, &caller, &issuer(), NOW)
}

#[test]
fn a_live_access_token_is_described_to_its_client_and_to_a_resource_server() {
    let state = state(grant(&confidential()));
    let expected = json!({
        "active": true,
        "iss": "http://localhost:4000",
        "sub": "u1",
        "aud": "http://localhost:5000",
        "client_id": "gateway",
        "scope": "read",
        "jti": "at-1",
        "exp": 1_800_000_300,
        "iat": 1_800_000_000,
        "auth_time": 1_799_999_990,
        "acr": crate::token::id::ACR,
        "token_type": "Bearer",
        "username": "anna",
    });
    for caller in [api(), confidential()] {
        let answer = of_access(&state, caller, NOW);
        assert_eq!(serde_json::to_value(&answer).unwrap(), expected);
        assert_eq!(
            serde_json::from_value::<Introspection>(expected.clone()).unwrap(),
            answer
        );
    }
}

#[test]
fn a_client_that_acts_for_itself_is_described_without_a_user_while_it_may() {
    let client = ActingForItself {
        id: confidential().id,
        subject: Subject::parse("gateway").unwrap(),
        scope: Scope::parse("read").unwrap(),
        audience: Audience::parse("http://localhost:5000").unwrap(),
        details: AuthorizationDetails::default(),
    };
    let jti = JwtId::parse("at-1").unwrap();
    let token = access::issue_to_client(client, jti, terms(NOW));
    let answer = |state: &TokenState, caller: Client| {
        let caller = authenticated(caller);
        Introspection::of_access_token(token.clone(), state, &caller, NOW)
    };
    let expected = json!({
        "active": true,
        "iss": "http://localhost:4000",
        "sub": "gateway",
        "aud": "http://localhost:5000",
        "client_id": "gateway",
        "scope": "read",
        "jti": "at-1",
        "exp": 1_800_000_300,
        "iat": 1_800_000_000,
        "token_type": "Bearer",
    });
    let good = state_of_client(confidential());
    for caller in [api(), confidential()] {
        let described = serde_json::to_value(answer(&good, caller)).unwrap();
        assert_eq!(described, expected);
    }
    let revoked = TokenState {
        access_token_revoked: true,
        ..state_of_client(confidential())
    };
    let may_no_more = state_of_client(Client {
        grant_types: vec![GrantType::RefreshToken],
        ..confidential()
    });
    for state in [revoked, may_no_more, TokenState::default()] {
        assert_eq!(answer(&state, api()), Introspection::inactive());
    }
    assert_eq!(answer(&good, other()), Introspection::inactive());
}

#[test]
fn an_unused_refresh_token_is_described_without_a_token_type() {
    let state = state(grant(&confidential()));
    let expected = json!({
        "active": true,
        "iss": "http://localhost:4000",
        "sub": "u1",
        "aud": "http://localhost:4000",
        "client_id": "gateway",
        "scope": "openid read",
        "jti": "rt-2",
        "exp": 1_800_001_200,
        "iat": 1_800_000_000,
        "auth_time": 1_799_999_990,
        "username": "anna",
    });
    for caller in [api(), confidential()] {
        let answer = of_refresh(&session(2), &state, caller);
        assert_eq!(serde_json::to_value(&answer).unwrap(), expected);
    }
}

#[test]
fn of_an_inactive_token_nothing_else_is_said() {
    let answer = Introspection::inactive();
    assert_eq!(
        serde_json::to_string(&answer).unwrap(),
        r#"{"active":false}"#
    );
    let read: Introspection = serde_json::from_str(r#"{"active":false}"#).unwrap();
    assert_eq!(read, answer);
}

#[test]
fn what_is_not_the_callers_business_is_inactive() {
    let state = state(grant(&confidential()));
    let inactive = Introspection::inactive();
    assert_eq!(of_access(&state, other(), NOW), inactive);
    assert_eq!(of_refresh(&session(2), &state, other()), inactive);
}

#[test]
fn under_an_ended_an_expired_or_no_grant_everything_is_inactive() {
    let ended = Grant {
        status: crate::grant::GrantStatus::Ended(EndReason::Revoked),
        ..grant(&confidential())
    };
    let expired = Grant {
        expires_at: NOW,
        ..grant(&confidential())
    };
    for state in [state(ended), state(expired), TokenState::default()] {
        let inactive = Introspection::inactive();
        assert_eq!(of_access(&state, api(), NOW), inactive);
        assert_eq!(of_refresh(&session(2), &state, api()), inactive);
    }
    let grant = grant(&confidential());
    assert!(of_access(&state(grant.clone()), api(), after(3_599)).active);
    assert!(!of_access(&state(grant), api(), after(3_600)).active);
}

#[test]
fn a_revoked_access_token_is_inactive_and_its_refresh_token_is_not() {
    let state = TokenState {
        access_token_revoked: true,
        ..state(grant(&confidential()))
    };
    assert_eq!(of_access(&state, api(), NOW), Introspection::inactive());
    assert!(of_refresh(&session(2), &state, api()).active);
}

#[test]
fn a_spent_refresh_token_is_inactive_even_within_the_grace_time() {
    let state = state(grant(&confidential()));
    let answer = of_refresh(&spent(1, NOW), &state, api());
    assert_eq!(answer, Introspection::inactive());
}

#[test]
fn a_public_client_may_not_ask() {
    let refusal = check_caller(&authenticated(public())).unwrap_err();
    assert_eq!(refusal, IntrospectionRefusal::NotAllowed);
    assert_eq!(check_caller(&authenticated(confidential())), Ok(()));
}

#[test]
fn every_refusal_has_its_code_on_the_wire() {
    let parse = |body| IntrospectionRequest::parse(None, &Form::parse(body).unwrap());
    let code = |refusal: &IntrospectionRefusal| ErrorResponse::from(refusal).code.as_str();
    let missing = parse("client_id=a").unwrap_err();
    assert_eq!(missing.to_string(), "the parameter token is required");
    assert_eq!(code(&missing), "invalid_request");
    let nobody = parse("token=t").unwrap_err();
    assert_eq!(
        nobody,
        IntrospectionRefusal::Client(AuthenticationFailure::Missing)
    );
    assert_eq!(code(&nobody), "invalid_client");
    assert_eq!(
        code(&IntrospectionRefusal::NotAllowed),
        "unauthorized_client"
    );
    let request = parse("token=t&client_id=a&token_type_hint=whatever").unwrap();
    assert_eq!(request.token.expose(), "t");
}

#[test]
fn a_signed_answer_is_asked_for_by_its_type() {
    for accept in [
        SIGNED,
        "application/json, application/token-introspection+jwt;q=0.9",
        "Application/Token-Introspection+JWT",
    ] {
        assert!(accepts_signed(accept), "{accept}");
    }
    for accept in [
        "",
        "*/*",
        "application/*",
        "application/jwt",
        "application/json",
    ] {
        assert!(!accepts_signed(accept), "{accept}");
    }
}

#[test]
fn a_signed_answer_says_who_says_so_and_to_whom_and_is_no_token() {
    let caller = ClientId::parse("api").unwrap();
    let inactive = Introspection::inactive();
    let jwt = inactive.addressed(&issuer(), &caller, NOW).unwrap();
    let kid = crate::id::KeyId::parse("k1").unwrap();
    let algorithm = crate::jose::SigningAlgorithm::ES256;
    let text = crate::jose::unsigned(SIGNED_TYPE, algorithm, &kid, &jwt).unwrap();
    let text = text.attach(&[]);
    let written = crate::jose::Compact::parse(&text)
        .unwrap()
        .claims()
        .unwrap();
    let expected = serde_json::json!({
        "iss": "http://localhost:4000",
        "aud": "api",
        "iat": NOW.seconds(),
        "token_introspection": { "active": false },
    });
    assert_eq!(serde_json::Value::from(written), expected);
}
