//! The provider and the relying party in one process: each reads what the other writes.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use gatepass_core::client::registration::{GrantTypes, Offer};
use gatepass_core::discovery;
use gatepass_core::error::ErrorResponse;
use gatepass_core::form::Form;
use gatepass_core::grant::EndReason;
use gatepass_core::id::ClientId;
use gatepass_core::jose::{Audiences, ParsedJwt};
use gatepass_core::resource::{self, Expected, Requirement};
use gatepass_core::rp::authorization::{
    self, AuthorizationError, AuthorizationRequest, Redemption, ReturnTo, SignInSecrets,
    Transaction,
};
use gatepass_core::rp::failure::{ErrorResponse as WireError, Failure};
use gatepass_core::rp::metadata::{self, DiscoveryDocument, Metadata};
use gatepass_core::rp::refresh::{Circuit, Finished, Flight, Moment, Outcome, Step};
use gatepass_core::rp::session::{ClientSession, Clock};
use gatepass_core::rp::token::{self, TokenResponse, Tokens, build_code_request};
use gatepass_core::rp::{id_token, sign_out};
use gatepass_core::scope::Scope;
use gatepass_core::secret::SignInCookie;
use gatepass_core::time::{Lifetime, Timestamp};
use gatepass_core::token::access::{self, AccessTokenClaims};
use gatepass_core::token::{TokenRefusal, id};
use gatepass_testing::{Provider, Sent, fixture};
use serde_json::Value;

const REDIRECT: &str = "http://localhost:3001/callback";

/// The demo page at its provider.
struct Loopback {
    provider: Provider,
    document: Value,
    client_id: ClientId,
}

impl Loopback {
    fn new() -> Self {
        let provider = Provider::new(1);
        let scopes = Scope::parse("openid read").unwrap();
        let offer = Offer {
            scopes: &scopes,
            details_types: &Scope::default(),
            grant_types: GrantTypes::WithAUser,
            documents: false,
        };
        let document = discovery::Metadata::new(&provider.issuer, offer, false, false);
        let document = serde_json::to_value(&document).unwrap();
        Self {
            document,
            client_id: fixture::demo().id,
            provider,
        }
    }

    fn metadata(&self) -> Metadata<'_> {
        metadata::process(&self.provider.issuer, &discovered(&self.document)).unwrap()
    }

    fn clock(&self) -> Clock {
        Clock::at(self.provider.clock.now())
    }

    /// The query of the authorization request, and what the page remembers.
    fn begin(&self, prompt: Option<&str>) -> (String, Transaction) {
        let request = AuthorizationRequest {
            client_id: &self.client_id,
            redirect_uri: REDIRECT,
            scope: "openid read",
            resource: Some("http://localhost:5000"),
            login_hint: None,
            prompt,
            max_age: Some(Lifetime::from_minutes(2)),
            dpop_jkt: None,
            return_to: ReturnTo::parse("/orders?page=2#top").unwrap(),
        };
        let random = &self.provider.random;
        let secrets = SignInSecrets::from_random(random.bytes(), random.bytes(), random.bytes());
        let now = self.provider.clock.now();
        let (asked, transaction) = authorization::build(&self.metadata(), request, secrets, now);
        let (endpoint, query) = asked.url.split_once('?').unwrap();
        assert_eq!(endpoint, "http://localhost:4000/oauth/authorize");
        (query.to_owned(), transaction)
    }

    /// The page reads the address that the provider sent the browser to.
    fn process(
        &self,
        transaction: &Transaction,
        location: &str,
    ) -> Result<Redemption, AuthorizationError> {
        let (address, query) = location.split_once('?').unwrap();
        assert_eq!(address, REDIRECT);
        let query = Form::parse(query).unwrap();
        let answer = authorization::parse(&query).unwrap();
        // Through the store of the tab, as in a browser.
        let mut record = Vec::new();
        transaction.write_record(&mut |name, value| record.push((name, value.to_owned())));
        let kept = Transaction::from_record(answer.state(), &|name| found(&record, name)).unwrap();
        authorization::process(&self.metadata(), kept, &answer, self.provider.clock.now())
    }

    /// What the token endpoint answers, as the page reads it.
    fn token(&self, body: &str) -> Result<(Tokens, Option<String>), Failure> {
        let response = match self.provider.token(None, body) {
            Ok(response) => response.to_json().unwrap(),
            Err(refusal) => return Err(failure(&refusal)),
        };
        let response: Value = serde_json::from_str(&response).unwrap();
        let response = TokenResponse {
            access_token: text(&response, "access_token").unwrap(),
            token_type: text(&response, "token_type").unwrap(),
            refresh_token: text(&response, "refresh_token"),
            id_token: text(&response, "id_token"),
            expires_in: Some(Lifetime::from_seconds(300)),
        };
        let id_token = response.id_token.map(str::to_owned);
        Ok((token::process(&response)?, id_token))
    }

    fn redeem(&self, redemption: &Redemption) -> (Tokens, Option<String>) {
        let resource = Some("http://localhost:5000");
        let body = build_code_request(&self.client_id, REDIRECT, resource, redemption);
        self.token(&body).unwrap()
    }

    /// Sign-in page, callback, token endpoint.
    fn sign_in(&self) -> (ClientSession, SignInCookie) {
        let (query, transaction) = self.begin(None);
        let Sent::ToSignIn(state_token, binding) = self.provider.authorize(&query, None) else {
            panic!("nobody is signed in yet")
        };
        let cookie = self.provider.sign_in();
        let location = self.provider.callback(&state_token, &binding, &cookie);
        let redemption = self.process(&transaction, &location).unwrap();
        let (tokens, _) = self.redeem(&redemption);
        let mut session = ClientSession::default();
        session.sign_in(tokens, self.clock());
        (session, cookie)
    }

    /// One flight; with `lost`, the answer gets lost once and the page asks again.
    fn refresh(&self, session: &mut ClientSession, mut lost: bool) -> Finished {
        let mut circuit = Circuit::default();
        let mut flight = Flight::begin(session, circuit, 0).unwrap();
        let mut outcome = Outcome::Ready;
        loop {
            let at = Moment {
                client_id: &self.client_id,
                resource: None,
                clock: self.clock(),
                elapsed_ms: 0,
                jitter: 0,
                fresh_key: "fresh",
            };
            outcome = match flight.next(session, &mut circuit, outcome, at) {
                Step::Pause(_) => Outcome::Ready,
                Step::Send(body) if lost => {
                    lost = false;
                    assert!(self.provider.token(None, &body).is_ok());
                    self.wait(10);
                    Outcome::Answer(Err(Failure::Unreachable))
                }
                Step::Send(body) => Outcome::Answer(self.token(&body).map(|(tokens, _)| tokens)),
                Step::Done(finished) => return finished,
            }
        }
    }

    fn wait(&self, seconds: u32) {
        self.provider.clock.advance(Lifetime::from_seconds(seconds));
    }

    /// What the API says of the page's token.
    fn accepts(&self, session: &ClientSession) -> bool {
        let token = session.bearer().unwrap();
        let header = format!("Bearer {}", token.expose());
        let token = resource::bearer_token(Some(&header)).unwrap();
        let parsed = ParsedJwt::parse(access::TYPE, token.expose()).unwrap();
        let valid = self.provider.signer.has_signed(&parsed);
        let now = self.provider.clock.now();
        let Ok(jwt) = parsed.verified::<AccessTokenClaims<Audiences>>(valid, now, Lifetime::NONE)
        else {
            return false;
        };
        let expected = Expected {
            issuer: self.provider.issuer.clone(),
            audience: self.provider.resources.default.clone(),
        };
        let authorized = resource::check_jwt(jwt, &expected).unwrap();
        Requirement::from(Some("read"))
            .check(&authorized, now)
            .is_ok()
    }
}

/// What a host takes out of an answer for the relying party.
fn text<'a>(answer: &'a Value, name: &str) -> Option<&'a str> {
    answer.get(name).and_then(Value::as_str)
}

fn time(claims: &Value, name: &str) -> Timestamp {
    Timestamp::from_seconds(claims.get(name).and_then(Value::as_i64).unwrap())
}

fn discovered(document: &Value) -> DiscoveryDocument<'_> {
    let url = |name| text(document, name);
    let says = |name| document.get(name).and_then(Value::as_bool).unwrap();
    DiscoveryDocument {
        issuer: url("issuer").unwrap(),
        authorization_endpoint: url("authorization_endpoint").unwrap(),
        token_endpoint: url("token_endpoint").unwrap(),
        end_session_endpoint: url("end_session_endpoint"),
        others: [
            "userinfo_endpoint",
            "revocation_endpoint",
            "jwks_uri",
            "pushed_authorization_request_endpoint",
        ]
        .map(url),
        authorization_response_iss_parameter_supported: says(
            "authorization_response_iss_parameter_supported",
        ),
    }
}

/// What another tab reads in the store.
fn copy(session: &ClientSession) -> ClientSession {
    let mut record = Vec::new();
    session.write_record(&mut |name, value| record.push((name, value.to_owned())));
    ClientSession::from_record(&|name| found(&record, name))
}

fn found<'a>(record: &'a [(&'static str, String)], name: &str) -> Option<&'a str> {
    let found = record.iter().find(|(found, _)| *found == name);
    found.map(|(_, value)| value.as_str())
}

/// A refusal, over the wire.
fn failure(refusal: &TokenRefusal) -> Failure {
    let response = ErrorResponse::from(refusal);
    let body = WireError {
        error: response.code.as_str(),
        gatepass_reason: response.reason,
    };
    Failure::of_answer(response.code.status(), None, Some(body))
}

fn refresh_token(session: &ClientSession) -> &str {
    session.tokens().unwrap().refresh.as_ref().unwrap().expose()
}

#[test]
fn the_walk_from_the_first_click_to_the_second_generation() {
    let parties = Loopback::new();
    let (query, transaction) = parties.begin(None);
    let Sent::ToSignIn(state_token, binding) = parties.provider.authorize(&query, None) else {
        panic!("nobody is signed in yet")
    };
    parties.wait(120);
    let cookie = parties.provider.sign_in();
    let location = parties.provider.callback(&state_token, &binding, &cookie);
    let redemption = parties.process(&transaction, &location).unwrap();
    assert_eq!(redemption.return_to.as_str(), "/orders?page=2#top");
    let (tokens, id_token) = parties.redeem(&redemption);

    let id_token = id_token.unwrap();
    let parsed = ParsedJwt::parse(id::TYPE, &id_token).unwrap();
    assert!(parties.provider.signer.has_signed(&parsed));
    let now = parties.provider.clock.now();
    let parsed = parsed.verified::<Value>(true, now, Lifetime::NONE).unwrap();
    let claims = parsed.payload;
    let claims = id_token::IdTokenClaims {
        iss: text(&claims, "iss").unwrap(),
        aud: vec![text(&claims, "aud").unwrap()],
        azp: None,
        nonce: text(&claims, "nonce"),
        iat: parsed.issued_at,
        exp: parsed.expires_at,
        auth_time: claims
            .get("auth_time")
            .is_some()
            .then(|| time(&claims, "auth_time")),
        at_hash: text(&claims, "at_hash"),
    };
    let expected = id_token::Expected {
        nonce: Some(&redemption.nonce),
        max_age: Some(Lifetime::from_minutes(2)),
        at_hash: claims.at_hash,
        date: Some(now),
    };
    let client = &parties.client_id;
    assert_eq!(
        id_token::process(&parties.provider.issuer, client, expected, &claims),
        Ok(())
    );

    let mut session = ClientSession::default();
    session.sign_in(tokens, parties.clock());
    assert!(parties.accepts(&session));
    let first = refresh_token(&session).to_owned();

    parties.wait(300);
    assert!(!parties.accepts(&session), "the access token has expired");
    assert!(matches!(
        parties.refresh(&mut session, false),
        Finished::Renewed
    ));
    assert!(parties.accepts(&session));
    assert_ne!(refresh_token(&session), first);
}

#[test]
fn a_live_sign_in_needs_no_page_and_prompt_none_says_so_when_there_is_none() {
    let parties = Loopback::new();
    let (query, transaction) = parties.begin(Some("none"));
    let Sent::ToClient(location) = parties.provider.authorize(&query, None) else {
        panic!("nobody may be asked")
    };
    let refused = parties.process(&transaction, &location).unwrap_err();
    assert!(
        matches!(refused, AuthorizationError::Refused(error) if error.as_str() == "login_required")
    );
    let cookie = parties.provider.sign_in();
    let (query, transaction) = parties.begin(Some("none"));
    let Sent::ToClient(location) = parties.provider.authorize(&query, Some(&cookie)) else {
        panic!("the browser is signed in")
    };
    let redemption = parties.process(&transaction, &location).unwrap();
    assert!(parties.redeem(&redemption).1.is_some());
}

#[test]
fn prompt_login_takes_only_a_sign_in_after_it() {
    let parties = Loopback::new();
    let old = parties.provider.sign_in();
    let (query, transaction) = parties.begin(Some("login"));
    let Sent::ToSignIn(state_token, binding) = parties.provider.authorize(&query, Some(&old))
    else {
        panic!("an old sign-in is not enough")
    };
    // In the same second.
    let fresh = parties.provider.sign_in();
    let state_token = parties.provider.answered(&state_token, &binding, &fresh);
    let location = parties.provider.callback(&state_token, &binding, &fresh);
    assert!(parties.process(&transaction, &location).is_ok());
}

#[test]
fn an_answer_meant_for_another_tab_redeems_nothing() {
    let parties = Loopback::new();
    let cookie = parties.provider.sign_in();
    let (query, _) = parties.begin(None);
    let (_, other_transaction) = parties.begin(None);
    let Sent::ToClient(location) = parties.provider.authorize(&query, Some(&cookie)) else {
        panic!("the browser is signed in")
    };
    let (_, query) = location.split_once('?').unwrap();
    let query = Form::parse(query).unwrap();
    let answer = authorization::parse(&query).unwrap();
    let now = parties.provider.clock.now();
    let refused = authorization::process(&parties.metadata(), other_transaction, &answer, now);
    assert_eq!(refused.unwrap_err(), AuthorizationError::OtherState);
}

#[test]
fn a_lost_response_and_two_tabs_sign_nobody_out() {
    let parties = Loopback::new();
    let (mut first, _) = parties.sign_in();
    let mut second = copy(&first);
    assert!(matches!(
        parties.refresh(&mut first, true),
        Finished::Renewed
    ));
    parties.wait(15);
    assert!(matches!(
        parties.refresh(&mut second, false),
        Finished::Renewed
    ));
    assert_eq!(refresh_token(&first), refresh_token(&second));
    assert!(parties.accepts(&first) && parties.accepts(&second));
}

#[test]
fn a_thief_and_the_user_both_end_and_the_page_knows_why() {
    let parties = Loopback::new();
    let (mut user, _) = parties.sign_in();
    let mut thief = copy(&user);
    assert!(matches!(
        parties.refresh(&mut user, false),
        Finished::Renewed
    ));
    parties.wait(60);
    for session in [&mut thief, &mut user] {
        let ended = parties.refresh(session, false);
        assert!(
            matches!(&ended, Finished::Ended(reason) if reason.as_str() == "replayed"),
            "{ended:?}"
        );
        assert!(session.tokens().is_none());
    }
}

#[test]
fn signing_out_at_the_provider_ends_the_page_with_its_reason_and_no_other_sign_in() {
    let parties = Loopback::new();
    let (mut here, cookie) = parties.sign_in();
    let (mut elsewhere, _) = parties.sign_in();
    let endpoint = parties.metadata().end_session_endpoint.unwrap();
    let home = "http://localhost:3001/";
    let url = sign_out::build_end_session_url(endpoint, &parties.client_id, home, None);
    let (_, query) = url.split_once('?').unwrap();
    let form = Form::parse(query).unwrap();
    let logout = gatepass_core::logout::LogoutRequest::parse(&form);
    assert_eq!(logout.client_id.as_ref(), Some(&parties.client_id));
    let demo = fixture::demo();
    assert_eq!(logout.destination(Some(&demo)).as_deref(), Some(home));
    parties.provider.sign_out(&cookie);
    let ended = parties.refresh(&mut here, false);
    let reason = EndReason::SignedOut.as_str();
    assert!(
        matches!(&ended, Finished::Ended(why) if why.as_str() == reason),
        "{ended:?}"
    );
    assert!(matches!(
        parties.refresh(&mut elsewhere, false),
        Finished::Renewed
    ));
}
