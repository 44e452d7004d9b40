//! Refreshing under fire: random histories of redemptions, refreshes, waits, revocations and
//! sign-outs, on the in-memory store and through the provider's own decisions.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeMap;

use gatepass_core::client::Client;
use gatepass_core::dpop::{CheckedProof, Thumbprint};
use gatepass_core::form;
use gatepass_core::grant::{EndReason, Grant, GrantStatus, Session, SessionStatus};
use gatepass_core::id::{GrantId, JwtId};
use gatepass_core::secret::{RefreshToken, SecretHash, SignInCookie};
use gatepass_core::time::{Lifetime, Timestamp};
use gatepass_core::token::{TokenRefusal, TokenResponse, refresh};
use gatepass_testing::{Provider, fixture};
use proptest::prelude::*;
use proptest::sample::Index;

#[derive(Clone, Debug)]
enum Event {
    /// A browser signs in to a client, and the code is redeemed this many times.
    Redeem { client: Index, times: usize },
    /// An old code is redeemed again.
    RedeemAgain { code: Index },
    /// Any token seen so far is presented by any client; the answer may get lost.
    Refresh { token: Index, client: Index },
    /// Time passes.
    Wait { seconds: u32 },
    /// A grant is ended.
    Revoke { token: Index },
    /// A browser signs out.
    SignOut { browser: Index },
}

fn event() -> impl Strategy<Value = Event> {
    let index = any::<Index>;
    prop_oneof![
        2 => (index(), 1..3_usize).prop_map(|(client, times)| Event::Redeem { client, times }),
        1 => index().prop_map(|code| Event::RedeemAgain { code }),
        12 => (index(), index()).prop_map(|(token, client)| Event::Refresh { token, client }),
        6 => wait().prop_map(|seconds| Event::Wait { seconds }),
        1 => index().prop_map(|token| Event::Revoke { token }),
        1 => index().prop_map(|browser| Event::SignOut { browser }),
    ]
}

/// Mostly around the grace time, sometimes until something expires.
fn wait() -> impl Strategy<Value = u32> {
    prop_oneof![8 => 0..40_u32, 1 => 40..4_000_u32, 1 => 100_000..2_000_000_u32]
}

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// A token that somebody has seen, and whose it is.
struct Seen {
    token: String,
    client: Client,
}

struct World {
    provider: Provider,
    clients: [Client; 3],
    browsers: Vec<SignInCookie>,
    codes: Vec<(Client, String)>,
    tokens: Vec<Seen>,
}

impl World {
    fn new() -> Self {
        Self {
            provider: Provider::new(1),
            clients: [fixture::demo(), fixture::gateway(), fixture::persistent()],
            browsers: Vec::new(),
            codes: Vec::new(),
            tokens: Vec::new(),
        }
    }

    fn wait(&self, seconds: u32) {
        let clock = &self.provider.clock;
        clock.advance(Lifetime::from_seconds(seconds));
    }

    /// A code for a browser that has just signed in.
    fn code(&mut self, client: &Client) -> String {
        let cookie = self.provider.sign_in();
        let verifier = gatepass_core::secret::CodeVerifier::new(fixture::VERIFIER);
        let query = form::encode([
            ("response_type", "code"),
            ("client_id", client.id.as_str()),
            ("code_challenge", &verifier.hash().to_base64url()),
            ("code_challenge_method", "S256"),
        ]);
        let gatepass_testing::Sent::ToClient(location) =
            self.provider.authorize(&query, Some(&cookie))
        else {
            unreachable!("the browser is signed in")
        };
        self.browsers.push(cookie);
        let (_, query) = location.split_once('?').unwrap();
        let answer = form::Form::parse(query).unwrap();
        answer.required("code").unwrap().to_owned()
    }

    fn redeem(&mut self, client: &Client, code: &str) -> Result<TokenResponse, TokenRefusal> {
        let answer = self.token(
            client,
            &[
                ("grant_type", "authorization_code"),
                ("code", code),
                ("code_verifier", fixture::VERIFIER),
            ],
        );
        self.remember(client, answer.as_ref().ok());
        answer
    }

    fn refresh(&mut self, client: &Client, token: &str) -> Result<TokenResponse, TokenRefusal> {
        let parameters = [("grant_type", "refresh_token"), ("refresh_token", token)];
        let answer = self.token(client, &parameters);
        self.remember(client, answer.as_ref().ok());
        answer
    }

    /// A proof of this key that nobody has used.
    fn proof(&self, key: &str) -> CheckedProof {
        CheckedProof {
            jkt: Thumbprint::parse(&SecretHash::of(key).to_base64url()).unwrap(),
            id: SecretHash::of(JwtId::from_random(self.provider.random.bytes()).as_str()),
            expires_at: self.provider.clock.now().plus(Lifetime::from_minutes(30)),
        }
    }

    /// A request of the demo page with a proof.
    fn prove(
        &mut self,
        parameters: &[(&str, &str)],
        proof: &CheckedProof,
    ) -> Result<TokenResponse, TokenRefusal> {
        let (client, body) = (fixture::demo(), form::encode(parameters.iter().copied()));
        let (_, identity) = fixture::authentication(&client);
        let body = [body, identity].join("&");
        let answer = self.provider.token_with(None, &body, Some(proof));
        self.remember(&client, answer.as_ref().ok());
        answer
    }

    fn token(
        &self,
        client: &Client,
        parameters: &[(&str, &str)],
    ) -> Result<TokenResponse, TokenRefusal> {
        let (header, identity) = fixture::authentication(client);
        let body = form::encode(parameters.iter().copied());
        let body = [body, identity].join("&");
        self.provider.token(header.as_deref(), &body)
    }

    fn remember(&mut self, client: &Client, answer: Option<&TokenResponse>) {
        let token = answer.and_then(|answer| answer.refresh_token.as_ref());
        if let Some(token) = token.map(RefreshToken::expose)
            && self.tokens.iter().all(|seen| seen.token != token)
        {
            self.tokens.push(Seen {
                token: token.to_owned(),
                client: client.clone(),
            });
        }
    }

    /// What the store holds of a token's generation.
    fn session(&self, token: &str) -> Session {
        let long_ago = Timestamp::from_seconds(0);
        let (issuer, key) = (fixture::issuer(), fixture::refresh_token_key());
        let claims = refresh::read(&RefreshToken::new(token), &issuer, &key, long_ago).unwrap();
        let sessions = self.provider.store.sessions();
        let found = sessions.into_iter().find(|s| s.refresh_jti == claims.jti);
        found.expect("no token without a session")
    }

    fn grant(&self, session: &Session) -> Grant {
        self.provider.store.grant(&session.grant_id).unwrap()
    }

    fn happen(&mut self, event: &Event) {
        match event {
            Event::Redeem { client, times } => {
                let client = client.get(&self.clients).clone();
                let code = self.code(&client);
                for _ in 0..*times {
                    let _ = self.redeem(&client, &code);
                }
                self.codes.push((client, code));
            }
            Event::RedeemAgain { code } if !self.codes.is_empty() => {
                let (client, code) = code.get(&self.codes).clone();
                assert!(
                    self.redeem(&client, &code).is_err(),
                    "a code was redeemed twice"
                );
            }
            Event::Refresh { token, client } if !self.tokens.is_empty() => {
                let token = token.get(&self.tokens).token.clone();
                // Three times out of four the right client, else any.
                let by = client.index(4 * self.clients.len());
                let owner = || self.tokens.iter().find(|seen| seen.token == token).unwrap();
                let client = self
                    .clients
                    .get(by)
                    .unwrap_or_else(|| &owner().client)
                    .clone();
                self.present(&client, &token);
            }
            Event::Wait { seconds } => {
                self.wait(*seconds);
            }
            Event::Revoke { token } if !self.tokens.is_empty() => {
                let session = self.session(&token.get(&self.tokens).token);
                self.provider
                    .end_grant(&session.grant_id, EndReason::Revoked);
            }
            Event::SignOut { browser } if !self.browsers.is_empty() => {
                self.provider.sign_out(browser.get(&self.browsers));
            }
            Event::RedeemAgain { .. }
            | Event::Refresh { .. }
            | Event::Revoke { .. }
            | Event::SignOut { .. } => {}
        }
    }

    /// Presents a token, and holds the answer against what the store held before and holds after.
    fn present(&mut self, client: &Client, token: &str) {
        let (before, now) = (self.session(token), self.provider.clock.now());
        let grant = self.grant(&before);
        let answer = self.refresh(client, token);
        let after = self.grant(&before);
        match answer {
            Ok(response) => {
                assert_eq!(
                    grant.status,
                    GrantStatus::Active,
                    "an ended grant gave tokens"
                );
                assert!(grant.expires_at > now, "an expired grant gave tokens");
                assert_eq!(
                    grant.client_id, client.id,
                    "another client's token gave tokens"
                );
                let given = self.session(response.refresh_token.unwrap().expose());
                assert_eq!(given.grant_id, grant.id, "the answer is of another grant");
                assert!(given.generation >= before.generation, "the answer is older");
                assert!(given.expires_at > now && given.expires_at <= grant.expires_at);
                assert_eq!(given.status, SessionStatus::Active, "the answer is spent");
            }
            Err(refusal) => {
                let ended =
                    matches!(refusal.ends(), Some((id, EndReason::Replayed)) if *id == grant.id);
                let status = match grant.status {
                    GrantStatus::Active if ended => GrantStatus::Ended(EndReason::Replayed),
                    unchanged => unchanged,
                };
                assert_eq!(after.status, status, "{refusal:?}");
            }
        }
    }

    fn check(&self, history: &mut History) {
        let mut generations: BTreeMap<(GrantId, u32), usize> = BTreeMap::new();
        let mut active: BTreeMap<GrantId, usize> = BTreeMap::new();
        for session in self.provider.store.sessions() {
            let grant = session.grant_id.clone();
            *generations
                .entry((grant.clone(), session.generation))
                .or_default() += 1;
            let is_active = usize::from(session.status == SessionStatus::Active);
            *active.entry(grant).or_default() += is_active;
        }
        for (generation, count) in &generations {
            assert_eq!(*count, 1, "a generation was minted twice: {generation:?}");
        }
        for (grant, count) in active {
            assert_eq!(count, 1, "not exactly one generation of {grant} is active");
            let size = generations.keys().filter(|(of, _)| *of == grant).count();
            let status = self.provider.store.grant(&grant).unwrap().status;
            history.check(grant, status, size);
        }
        assert!(
            history.0.len() <= self.codes.len(),
            "more grants than codes"
        );
    }
}

/// How each grant ended, and how many generations it had then.
#[derive(Default)]
struct History(BTreeMap<GrantId, (GrantStatus, usize)>);

impl History {
    fn check(&mut self, grant: GrantId, status: GrantStatus, size: usize) {
        if let Some((before @ GrantStatus::Ended(_), size_before)) = self.0.get(&grant) {
            assert_eq!(
                status, *before,
                "an ended grant was revived, or got another reason"
            );
            assert_eq!(size, *size_before, "an ended grant grew");
        }
        self.0.insert(grant, (status, size));
    }
}

proptest! {
    #![proptest_config(cases(100))]

    #[test]
    fn nothing_is_minted_twice_and_nothing_ended_is_revived(
        first: Index,
        events in prop::collection::vec(event(), 1..60),
    ) {
        let mut world = World::new();
        let mut history = History::default();
        world.happen(&Event::Redeem { client: first, times: 1 });
        for event in &events {
            world.happen(event);
            world.check(&mut history);
        }
    }

    /// Two tabs, retries, lost responses: whatever of its tokens an honest client presents, as long
    /// as it was refreshed less than the grace time ago or not at all.
    #[test]
    fn an_honest_client_is_never_refused(
        confidential: bool,
        steps in prop::collection::vec((any::<Index>(), wait()), 1..60),
    ) {
        let mut world = World::new();
        let client = if confidential { fixture::gateway() } else { fixture::demo() };
        let code = world.code(&client);
        world.redeem(&client, &code).unwrap();
        for (choice, seconds) in steps {
            world.wait(seconds);
            let now = world.provider.clock.now();
            let newest = world.tokens.iter().map(|seen| world.session(&seen.token));
            let newest = newest.max_by_key(|session| session.generation).unwrap();
            if newest.expires_at <= now {
                return Ok(());
            }
            let grace = world.provider.lifetimes.grace;
            let honest = world.tokens.iter().filter(|seen| match world.session(&seen.token).status {
                SessionStatus::Active => true,
                SessionStatus::Refreshed { at, .. } => at.is_within(grace, now),
            });
            let honest: Vec<_> = honest.map(|seen| seen.token.clone()).collect();
            let presented: &String = choice.get(&honest);
            let answer = world.refresh(&client, presented);
            prop_assert!(answer.is_ok(), "{answer:?}");
        }
    }

    /// A confidential client with one copy of its token may lose any number of answers, and come
    /// back as late as it likes.
    #[test]
    fn a_confidential_client_survives_every_lost_response(
        steps in prop::collection::vec((any::<bool>(), wait()), 1..60),
    ) {
        let mut world = World::new();
        let client = fixture::gateway();
        let code = world.code(&client);
        let mut held = world.redeem(&client, &code).unwrap().refresh_token.unwrap();
        for (lost, seconds) in steps {
            world.wait(seconds);
            if world.session(held.expose()).expires_at <= world.provider.clock.now() {
                return Ok(());
            }
            let answer = world.refresh(&client, held.expose());
            prop_assert!(answer.is_ok(), "{answer:?}");
            if !lost {
                held = answer.unwrap().refresh_token.unwrap();
            }
        }
    }
}

proptest! {
    #![proptest_config(cases(100))]

    /// Nor is an app with a key ever signed out: it may lose any number of answers, come back as late as
    /// it likes, have its requests repeated by the network, and be copied by somebody without the key.
    #[test]
    fn an_app_with_a_key_survives_every_lost_response_and_every_thief(
        steps in prop::collection::vec((any::<bool>(), any::<bool>(), any::<Index>(), wait()), 1..60),
    ) {
        let mut world = World::new();
        let code = world.code(&fixture::demo());
        let redeem = [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("code_verifier", fixture::VERIFIER),
        ];
        let proof = world.proof("key");
        let mut held = world.prove(&redeem, &proof).unwrap().refresh_token.unwrap();
        for (lost, repeated, stolen, seconds) in steps {
            world.wait(seconds);
            if world.session(held.expose()).expires_at <= world.provider.clock.now() {
                return Ok(());
            }
            let copy = stolen.get(&world.tokens).token.clone();
            prop_assert!(world.refresh(&fixture::demo(), &copy).is_err());
            let copy = [("grant_type", "refresh_token"), ("refresh_token", &copy)];
            let other = world.proof("another key");
            prop_assert!(world.prove(&copy, &other).is_err());
            let refresh = [("grant_type", "refresh_token"), ("refresh_token", held.expose())];
            let proof = world.proof("key");
            let answer = world.prove(&refresh, &proof);
            prop_assert!(answer.is_ok(), "{answer:?}");
            if repeated {
                let again = world.prove(&refresh, &proof);
                prop_assert!(again.is_ok(), "{again:?}");
            }
            if !lost {
                held = answer.unwrap().refresh_token.unwrap();
            }
        }
    }
}

/// Regression: a token refreshed in its last second expires before the retry.
#[test]
fn a_response_lost_in_the_last_second_of_a_token_is_healed() {
    let mut world = World::new();
    let client = fixture::demo();
    let code = world.code(&client);
    let first = world.redeem(&client, &code).unwrap().refresh_token.unwrap();
    let end = world.session(first.expose()).expires_at;
    let now = world.provider.clock.now();
    let almost = end.remaining(now).seconds() - 1;
    world.wait(u32::try_from(almost).unwrap());
    let lost = world
        .refresh(&client, first.expose())
        .unwrap()
        .refresh_token
        .unwrap();
    world.wait(29);
    let again = world
        .refresh(&client, first.expose())
        .unwrap()
        .refresh_token
        .unwrap();
    assert_eq!(again.expose(), lost.expose());
}

/// What expired without having been refreshed stays expired, and ends nothing.
#[test]
fn an_unused_token_gets_no_grace() {
    let mut world = World::new();
    let client = fixture::demo();
    let code = world.code(&client);
    let first = world.redeem(&client, &code).unwrap().refresh_token.unwrap();
    world
        .provider
        .clock
        .advance(world.provider.lifetimes.refresh_token);
    let refused = world.refresh(&client, first.expose()).unwrap_err();
    let expired = gatepass_core::grant::refresh::RefreshRefusal::Expired;
    assert_eq!(refused, TokenRefusal::Refresh(expired));
    let grant = world.grant(&world.session(first.expose()));
    assert_eq!(grant.status, GrantStatus::Active);
}
