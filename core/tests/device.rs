//! A device on a bad network: whatever gets lost, its user allows it once and it comes to its tokens.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use gatepass_core::error::{ErrorCode, ErrorResponse};
use gatepass_core::form;
use gatepass_core::grant::device::{Decision, Settled};
use gatepass_core::time::Lifetime;
use gatepass_core::token::{TokenRefusal, TokenResponse};
use gatepass_testing::Provider;
use proptest::prelude::*;

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// A device as RFC 8628 §3.5 has it.
struct Device<'p> {
    provider: &'p Provider,
    body: String,
    interval: u32,
}

impl Device<'_> {
    fn poll(&mut self) -> Result<TokenResponse, TokenRefusal> {
        let answer = self.provider.token(None, &self.body);
        if let Err(refusal) = &answer
            && ErrorResponse::from(refusal).code == ErrorCode::SlowDown
        {
            self.interval += 5;
        }
        answer
    }

    fn wait(&self, seconds: u32) {
        self.provider.clock.advance(Lifetime::from_seconds(seconds));
    }
}

fn code(refusal: &TokenRefusal) -> ErrorCode {
    ErrorResponse::from(refusal).code
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_honest_device_never_begins_again(
        allowed_after in 0..590_u32,
        lost in prop::collection::vec(any::<bool>(), 0..24),
        early in prop::collection::vec(0..3_u32, 24),
    ) {
        let provider = Provider::new(1);
        let body = form::encode([("client_id", "gatepass-demo"), ("scope", "read")]);
        let codes = provider.device_authorization(None, &body).unwrap();
        let user = provider.sign_in();
        let body = form::encode([
            ("client_id", "gatepass-demo"),
            ("grant_type", GRANT_TYPE),
            ("device_code", codes.device_code.expose()),
        ]);
        let mut device = Device { provider: &provider, body, interval: 5 };
        let (mut passed, mut polls, mut is_allowed) = (0, 0_usize, false);
        let tokens = loop {
            let answer = device.poll();
            // Nothing gets lost for longer than the code lives.
            let is_lost = lost.get(polls).copied().unwrap_or_default() && passed < 500;
            polls += 1;
            match answer {
                Ok(tokens) if !is_lost => break tokens,
                Ok(_) => prop_assert!(is_allowed),
                Err(refusal) => {
                    prop_assert!(!is_allowed, "{:?}", refusal);
                    let waits = [ErrorCode::AuthorizationPending, ErrorCode::SlowDown];
                    prop_assert!(waits.contains(&code(&refusal)), "{:?}", refusal);
                }
            }
            let step = device.interval.min(60) - early[polls % early.len()];
            if !is_allowed && passed + step > allowed_after {
                device.wait(allowed_after - passed);
                let settled = provider.answer_device(&codes.user_code, &user, Decision::Allow);
                prop_assert_eq!(settled, Ok(Settled::Allowed));
                is_allowed = true;
                device.wait(passed + step - allowed_after);
            } else {
                device.wait(step);
            }
            passed += step;
        };
        let grants: std::collections::BTreeSet<_> =
            provider.store.sessions().into_iter().map(|session| session.grant_id).collect();
        prop_assert_eq!(grants.len(), 1);
        let refresh = form::encode([
            ("client_id", "gatepass-demo"),
            ("grant_type", "refresh_token"),
            ("refresh_token", tokens.refresh_token.as_ref().unwrap().expose()),
        ]);
        prop_assert!(provider.token(None, &refresh).is_ok());
    }
}

#[test]
fn two_holders_of_one_device_code_are_found_out_by_rotation() {
    let provider = Provider::new(2);
    let body = form::encode([("client_id", "gatepass-demo")]);
    let codes = provider.device_authorization(None, &body).unwrap();
    let settled = provider.answer_device(&codes.user_code, &provider.sign_in(), Decision::Allow);
    assert_eq!(settled, Ok(Settled::Allowed));
    let poll = form::encode([
        ("client_id", "gatepass-demo"),
        ("grant_type", GRANT_TYPE),
        ("device_code", codes.device_code.expose()),
    ]);
    let refresh = |tokens: &TokenResponse| {
        let token = tokens.refresh_token.as_ref().unwrap().expose();
        let body = form::encode([
            ("client_id", "gatepass-demo"),
            ("grant_type", "refresh_token"),
            ("refresh_token", token),
        ]);
        provider.token(None, &body)
    };
    let [thief, device] = [&poll; 2].map(|body| provider.token(None, body).unwrap());
    provider.clock.advance(Lifetime::from_seconds(100));
    assert!(refresh(&thief).is_ok());
    provider.clock.advance(Lifetime::from_seconds(100));
    let refusal = refresh(&device).unwrap_err();
    assert_eq!(ErrorResponse::from(&refusal).reason, Some("replayed"));
    assert!(provider.token(None, &poll).is_err());
}
