//! Device authorization, in the process of the provider.

use gatepass_core::client::GrantType;
use gatepass_core::form::Form;
use gatepass_core::grant::Allowed;
use gatepass_core::grant::code::NewIds;
use gatepass_core::grant::device::{
    self, CONFIRMATION_KEY_PURPOSE, Confirmation, Decision, DeviceAuthorizationRefusal,
    DeviceAuthorizationRequest, DevicePoll, LookupRefusal, NewCodes, Outcome, Settled,
    USER_CODE_KEY_PURPOSE, UserCode,
};
use gatepass_core::id::GrantId;
use gatepass_core::jose::SymmetricKey;
use gatepass_core::secret::{DeviceCode, PresentedToken, SignInCookie};
use gatepass_core::store::{AuthorizeStore, DeviceStore};
use gatepass_core::token::{TokenRefusal, TokenResponse};

use super::{Asking, Provider};
use crate::executor::block_on;

impl Provider {
    /// `POST /oauth/device_authorization`.
    pub fn device_authorization(
        &self,
        authorization: Option<&str>,
        body: &str,
    ) -> Result<NewCodes, DeviceAuthorizationRefusal> {
        let form = Form::parse(body)?;
        let request = DeviceAuthorizationRequest::parse(authorization, &form)?;
        let id = request.credentials.client_id();
        let Ok((client, _)) = block_on(self.store.client_and_sign_in(Some(id), None));
        let now = self.clock.now();
        let client = request.credentials.authenticate(client, now)?;
        let requested = request.check(&client, &self.resources)?;
        let codes = NewCodes {
            device_code: DeviceCode::from_random(self.random.bytes()),
            user_code: UserCode::from_random(self.random.bytes()),
        };
        let record = device::issue(
            &requested,
            &codes,
            &user_code_key(),
            self.terms_with(None, now),
        );
        let Ok(kept) = block_on(self.store.insert_device_code(&record));
        assert!(kept, "two devices show the same code");
        Ok(codes)
    }

    /// The `/device` page: types the code, and presses a button if there is one.
    pub fn answer_device(
        &self,
        user_code: &UserCode,
        cookie: &SignInCookie,
        decision: Decision,
    ) -> Result<Settled, LookupRefusal> {
        let now = self.clock.now();
        let hash = user_code.hash(&user_code_key());
        let Ok(found) = block_on(self.store.look_up_user_code(hash, &cookie.id(), now));
        let asked = device::ask(found, now)?;
        let key = SymmetricKey::derive(&[1; 32], CONFIRMATION_KEY_PURPOSE);
        let confirmation = Confirmation {
            user_code: asked.record.user_code,
            sign_in: asked.sign_in.id.clone(),
        };
        let sealed = PresentedToken::new(confirmation.seal(&key, now).unwrap());
        let opened = Confirmation::open(&sealed, &asked.sign_in.id, &key, now).unwrap();
        let answer = device::answer(opened, decision, &asked.sign_in, now);
        let Ok(status) = block_on(self.store.answer_device(&answer));
        Ok(Settled::of(status.as_ref(), &asked.sign_in.subject))
    }

    pub(super) fn poll(
        &self,
        asking: Asking<'_>,
        code: &DeviceCode,
    ) -> Result<TokenResponse, TokenRefusal> {
        let now = self.clock.now();
        let hash = code.hash();
        let grace = self.lifetimes.grace;
        let poll = DevicePoll {
            device_code: hash,
            client_id: asking.credentials.client_id(),
            at: now,
            proof: asking.proof_for(&hash.to_base64url(), grace, now),
        };
        let Ok(polled) = block_on(self.store.poll_device(&poll));
        let client = asking.credentials.authenticate(polled.client, now)?;
        polled.proof.check()?;
        let terms = self.terms(asking, now);
        let ids = NewIds {
            grant: GrantId::from_random(self.random.bytes()),
            refresh_jti: self.jti(),
            access_jti: self.jti(),
        };
        let outcome = device::decide(polled.record, polled.made, &client, ids, terms)?;
        let (grant, session) = match outcome {
            Outcome::Redeem(mut redemption) => {
                let Ok(won) = block_on(self.store.redeem_device_code(&redemption));
                redemption.grant.status_index = won.expect("nothing else runs meanwhile");
                (redemption.grant, redemption.session)
            }
            Outcome::Repeat(made) => (made.grant, made.session),
        };
        let mut response = self.issue((&grant, &session), Allowed::all(&grant), self.jti(), terms);
        if !client.client().may_use(GrantType::RefreshToken) {
            response.refresh_token = None;
        }
        Ok(response)
    }
}

fn user_code_key() -> SymmetricKey {
    SymmetricKey::derive(&[1; 32], USER_CODE_KEY_PURPOSE)
}
