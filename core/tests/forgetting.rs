//! Twins: two providers that live through the same random history, of which one forgets what is over
//! after every step. Nobody who asks may tell them apart.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use gatepass_core::clean_up::Over;
use gatepass_core::client::Client;
use gatepass_core::error::ErrorResponse;
use gatepass_core::form;
use gatepass_core::grant::{EndReason, SessionStatus};
use gatepass_core::secret::CodeVerifier;
use gatepass_core::store::CleanUpStore;
use gatepass_core::time::Lifetime;
use gatepass_core::token::{TokenRefusal, TokenResponse};
use gatepass_testing::{Provider, Sent, block_on, fixture};
use proptest::prelude::*;
use proptest::sample::Index;

#[derive(Clone, Debug)]
enum Event {
    /// A browser signs in to a client, and the code is redeemed or left alone.
    SignIn { client: Index, redeems: bool },
    /// A code seen before is redeemed.
    Redeem { code: Index },
    /// A token seen before is presented.
    Refresh { token: Index },
    /// Time passes.
    Wait { seconds: u32 },
    /// A grant is ended.
    End { grant: Index },
}

fn event() -> impl Strategy<Value = Event> {
    let index = any::<Index>;
    prop_oneof![
        2 => (index(), any::<bool>()).prop_map(|(client, redeems)| Event::SignIn { client, redeems }),
        2 => index().prop_map(|code| Event::Redeem { code }),
        10 => index().prop_map(|token| Event::Refresh { token }),
        8 => wait().prop_map(|seconds| Event::Wait { seconds }),
        1 => index().prop_map(|grant| Event::End { grant }),
    ]
}

/// Around the grace time, around what the clean-up waits for, and until tokens expire.
fn wait() -> impl Strategy<Value = u32> {
    prop_oneof![4 => 0..40_u32, 2 => 3_000..5_000_u32, 4 => 300_000..1_300_000_u32]
}

struct Twins {
    remembers: Provider,
    forgets: Provider,
    clients: [Client; 4],
    codes: Vec<(Client, String)>,
    tokens: Vec<(Client, String)>,
}

impl Twins {
    fn new() -> Self {
        Self {
            remembers: Provider::new(1),
            forgets: Provider::new(1),
            clients: [
                fixture::demo(),
                fixture::gateway(),
                fixture::persistent(),
                fixture::brief(),
            ],
            codes: Vec::new(),
            tokens: Vec::new(),
        }
    }

    /// Both do the same.
    fn both<T>(&self, act: impl Fn(&Provider) -> T) -> [T; 2] {
        [act(&self.remembers), act(&self.forgets)]
    }

    fn happen(&mut self, event: &Event) {
        match event {
            Event::SignIn { client, redeems } => {
                let client = client.get(&self.clients).clone();
                let [code, same] = self.both(|provider| code(provider, &client));
                assert_eq!(code, same);
                self.codes.push((client, code));
                if *redeems {
                    self.redeem(self.codes.len() - 1);
                }
            }
            Event::Redeem { code } if !self.codes.is_empty() => {
                self.redeem(code.index(self.codes.len()));
            }
            Event::Refresh { token } if !self.tokens.is_empty() => {
                let (client, token) = token.get(&self.tokens).clone();
                let parameters = [
                    ("grant_type", "refresh_token"),
                    ("refresh_token", token.as_str()),
                ];
                let [one, other] = self.both(|provider| ask(provider, &client, &parameters));
                assert_eq!(refusal(&one), refusal(&other));
                self.compare(&client, one, other);
            }
            Event::Wait { seconds } => {
                let lifetime = Lifetime::from_seconds(*seconds);
                self.both(|provider| provider.clock.advance(lifetime));
            }
            Event::End { grant } => {
                let sessions = self.forgets.store.sessions();
                if !sessions.is_empty() {
                    let grant = &grant.get(&sessions).grant_id;
                    self.both(|provider| provider.end_grant(grant, EndReason::Revoked));
                }
            }
            Event::Redeem { .. } | Event::Refresh { .. } => {}
        }
    }

    fn redeem(&mut self, code: usize) {
        let (client, code) = self.codes[code].clone();
        let parameters = [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("code_verifier", fixture::VERIFIER),
        ];
        let [one, other] = self.both(|provider| ask(provider, &client, &parameters));
        self.compare(&client, one, other);
    }

    /// What goes over the wire is the same.
    fn compare(
        &mut self,
        client: &Client,
        one: Result<TokenResponse, TokenRefusal>,
        other: Result<TokenResponse, TokenRefusal>,
    ) {
        match (one, other) {
            (Ok(one), Ok(other)) => {
                let token = one.refresh_token.as_ref().unwrap().expose().to_owned();
                assert_eq!(one.to_json().unwrap(), other.to_json().unwrap());
                self.tokens.push((client.clone(), token));
            }
            (Err(one), Err(other)) => {
                let [one, other] = [one, other].map(|refusal| ErrorResponse::from(&refusal).code);
                assert_eq!(one, other);
            }
            (one, other) => panic!("{one:?} and {other:?}"),
        }
    }

    /// One forgets, and keeps no spent generation that is over.
    fn forget(&self) {
        let provider = &self.forgets;
        let over = Over::at(provider.clock.now(), &provider.lifetimes);
        // One round sees everything, and frees what the next one finds.
        for _ in 0..2 {
            let Ok(_) = block_on(provider.store.clean_up(&over));
        }
        for session in provider.store.sessions() {
            let is_newest = session.status == SessionStatus::Active;
            assert!(is_newest || session.expires_at > over.expired);
            assert!(!is_newest || provider.store.grant(&session.grant_id).is_some());
        }
    }
}

fn code(provider: &Provider, client: &Client) -> String {
    let cookie = provider.sign_in();
    let verifier = CodeVerifier::new(fixture::VERIFIER);
    let query = form::encode([
        ("response_type", "code"),
        ("client_id", client.id.as_str()),
        ("code_challenge", &verifier.hash().to_base64url()),
        ("code_challenge_method", "S256"),
    ]);
    let Sent::ToClient(location) = provider.authorize(&query, Some(&cookie)) else {
        unreachable!("the browser is signed in")
    };
    let (_, query) = location.split_once('?').unwrap();
    let answer = form::Form::parse(query).unwrap();
    answer.required("code").unwrap().to_owned()
}

fn ask(
    provider: &Provider,
    client: &Client,
    parameters: &[(&str, &str)],
) -> Result<TokenResponse, TokenRefusal> {
    let (header, identity) = fixture::authentication(client);
    let body = form::encode(parameters.iter().copied());
    provider.token(header.as_deref(), &[body, identity].join("&"))
}

fn refusal(answer: &Result<TokenResponse, TokenRefusal>) -> String {
    format!("{:?}", answer.as_ref().err())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nobody_can_tell_what_was_forgotten(
        first: Index,
        events in prop::collection::vec(event(), 1..80),
    ) {
        let mut twins = Twins::new();
        twins.happen(&Event::SignIn { client: first, redeems: true });
        for event in &events {
            twins.happen(event);
            twins.forget();
        }
    }
}
