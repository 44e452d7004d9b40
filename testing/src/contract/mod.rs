//! What every store has to keep, as tests that any store can run: one function each, generic over
//! the store.
//!
//! [`store_contract_tests!`](crate::store_contract_tests) makes native tests of them. A store that
//! only lives inside a Worker hands [`store_contracts!`](crate::store_contracts) a macro of its own,
//! which gets every function's name. Each function brings data of its own, so that all of them can
//! share one database.

mod clean_up;
mod code;
mod consent;
mod device;
mod ending;
mod lookup;
mod opaque;
mod proof;
mod pushed;
mod registration;
mod rotation;
mod status;

pub use clean_up::*;
pub use code::*;
pub use consent::*;
pub use device::*;
pub use ending::*;
pub use lookup::*;
pub use opaque::*;
pub use proof::*;
pub use pushed::*;
pub use registration::*;
pub use rotation::*;
pub use status::*;

use core::fmt::Debug;

use gatepass_core::authorize::{AuthorizationDetails, SignIn};
use gatepass_core::client::{Client, ClientCredentials};
use gatepass_core::grant::code::{CodeRecord, CodeStatus, Redemption};
use gatepass_core::grant::refresh::{Found, NextSession, Presented, Rotation};
use gatepass_core::grant::{
    AuthenticationMethod, EndReason, Grant, GrantDetails, GrantStatus, Lifetimes, Session,
    SessionStatus,
};
use gatepass_core::id::{BrowserId, ClientId, GrantId, JwtId, SignInId};
use gatepass_core::jose::Jwt;
use gatepass_core::pkce::CodeChallenge;
use gatepass_core::scope::Scope;
use gatepass_core::secret::{BrowserBinding, CodeVerifier, SecretHash, SignInCookie};
use gatepass_core::status_list::StatusIndex;
use gatepass_core::store::{
    AccessTokenStore, AuthorizeStore, CleanUpStore, ConsentStore, DeviceStore, GrantStore,
    OnceStore, PushedRequestStore, RegistrationStore, StatusStore,
};
use gatepass_core::time::Timestamp;
use gatepass_core::token::access::{AccessTokenClaims, Basis};
use gatepass_core::userinfo::User;

use crate::fixture::{self, NOW, VERIFIER};
use crate::random::SeededRandom;

/// Puts into a store what the ports only read.
#[expect(
    async_fn_in_trait,
    reason = "stores are single-threaded: no caller needs Send"
)]
pub trait Seed {
    /// Keeps a client, in the place of one with the same id.
    async fn put_client(&self, client: &Client);

    /// Keeps a user, in the place of one with the same subject.
    async fn put_user(&self, user: &User, password_hash: &str);
}

/// A store that the contract can be held against.
pub trait Store:
    Seed
    + AccessTokenStore<Error: Debug>
    + AuthorizeStore<Error: Debug>
    + CleanUpStore<Error: Debug>
    + ConsentStore<Error: Debug>
    + DeviceStore<Error: Debug>
    + GrantStore<Error: Debug>
    + RegistrationStore<Error: Debug>
    + OnceStore<Error: Debug>
    + PushedRequestStore<Error: Debug>
    + StatusStore<Error: Debug>
{
}

impl<S> Store for S where
    S: Seed
        + AccessTokenStore<Error: Debug>
        + AuthorizeStore<Error: Debug>
        + CleanUpStore<Error: Debug>
        + ConsentStore<Error: Debug>
        + DeviceStore<Error: Debug>
        + GrantStore<Error: Debug>
        + RegistrationStore<Error: Debug>
        + OnceStore<Error: Debug>
        + PushedRequestStore<Error: Debug>
        + StatusStore<Error: Debug>
{
}

/// Hands the names of all contract functions, separated by commas, to a macro.
#[macro_export]
macro_rules! store_contracts {
    ($callback:ident ! ( $($arguments:tt)* )) => {
        $callback! {
            ($($arguments)*)
            what_is_not_there_is_none,
            clients_users_and_sign_ins_are_found,
            a_grant_is_found_by_its_tokens,
            a_client_that_acts_for_itself_is_found,
            a_code_reads_back_as_it_was_kept,
            a_code_is_redeemed_by_one_of_many,
            an_expired_code_is_not_redeemed,
            a_grant_begins_without_a_code,
            a_client_and_an_account_are_found,
            a_session_is_rotated_by_one_of_many,
            a_rotation_that_arrives_twice_is_one,
            a_spent_session_keeps_its_successor,
            a_chain_reads_back_oldest_first,
            a_long_chain_reads_back_in_part,
            whoever_fails_to_prove_the_client_spends_nothing,
            a_client_that_may_not_refresh_spends_nothing,
            a_persistent_session_stays,
            an_expired_session_stays,
            a_session_of_an_expired_grant_stays,
            a_session_of_an_ended_grant_stays,
            a_generation_never_outlives_its_grant,
            a_generation_lives_as_long_as_its_client_settled,
            the_first_reason_for_an_end_stays,
            an_end_touches_no_other_grant,
            signing_out_ends_the_grants_of_that_browser,
            signing_out_keeps_an_earlier_reason,
            signing_out_says_who_wants_to_hear_of_it,
            signing_out_forgets_codes_on_their_way,
            a_code_needs_a_signed_in_browser,
            a_browser_stays_one_through_its_sign_ins,
            a_family_is_revoked_in_a_bounded_number_of_rows,
            a_revoked_access_token_is_known_and_alone,
            an_opaque_token_comes_with_its_generation,
            an_opaque_token_is_only_for_clients_that_have_such,
            an_opaque_token_that_is_kept_by_itself_reads_back,
            an_opaque_token_that_is_deleted_is_gone,
            an_expired_opaque_token_is_forgotten,
            every_grant_has_an_index_of_its_own,
            a_list_has_what_ended_lately_and_no_more,
            a_list_names_what_ended_without_a_grant,
            lists_are_as_many_as_grants_need_and_one_more,
            an_identifier_is_used_by_one_of_many,
            a_proof_is_used_by_one_of_many,
            a_proof_counts_again_for_the_same_request_only,
            whoever_fails_to_prove_the_key_spends_nothing,
            an_unbound_session_is_bound_by_nobody,
            a_client_that_promised_a_proof_needs_one,
            a_bound_session_of_a_persistent_client_stays,
            a_proof_is_used_with_what_is_loaded,
            a_pushed_request_is_claimed_by_one_of_many,
            a_claim_finds_client_and_sign_in,
            a_pushed_request_is_its_clients_until_it_expires,
            a_registration_reads_back_as_it_was_kept,
            a_secret_and_the_one_before_both_refresh_for_a_while,
            a_secret_survives_a_rotation_that_is_asked_for_twice,
            an_ended_registration_ends_its_grants,
            what_expired_is_forgotten_and_nothing_earlier,
            a_device_code_is_forgotten_when_it_has_expired,
            a_spent_generation_stays_while_a_replay_is_possible,
            a_spent_generation_may_outlive_the_newest,
            generations_do_not_pile_up,
            a_grant_goes_with_its_newest_generation,
            a_grant_stays_as_long_as_its_access_tokens,
            a_persistent_grant_stays_until_it_expires,
            an_ended_grant_keeps_its_reason,
            a_redeemed_code_stays_as_long_as_its_grant,
            a_clean_up_goes_on_where_it_stopped,
            answers_are_remembered_scope_by_scope,
            answers_given_at_once_all_count,
            an_answer_needs_a_signed_in_browser,
            details_are_remembered_as_last_allowed,
            consent_taken_back_ends_what_came_of_it,
            a_device_code_reads_back_as_it_was_kept,
            a_user_code_is_one_devices,
            wrong_user_codes_are_counted,
            a_device_is_answered_once,
            an_answer_needs_time_and_a_sign_in,
            a_yes_leaves_time_to_fetch,
            polls_are_counted,
            a_device_code_is_redeemed_by_one_of_many,
            a_device_code_needs_a_yes_and_time,
            signing_out_leaves_devices_alone,
        }
    };
}

/// Makes a test of every contract function. The argument is an expression for a fresh store.
#[macro_export]
macro_rules! store_contract_tests {
    ($store:expr) => {
        $crate::store_contracts! { __store_contract_tests!($store) }
        use $crate::__store_contract_tests;
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __store_contract_tests {
    (($store:expr) $($contract:ident,)+) => {$(
        #[test]
        fn $contract() {
            $crate::block_on($crate::contract::$contract(&$store));
        }
    )+};
}

/// A store with clients and a user in it, and what one contract function needs of its own.
struct World<'s, S> {
    store: &'s S,
    random: SeededRandom,
    lifetimes: Lifetimes,
}

/// An access token that lives for five minutes from [`NOW`] on: of the demo page under a grant, or of a client
/// that acts for itself.
fn token(basis: Basis<'_>, jti: &JwtId) -> Jwt<AccessTokenClaims> {
    let (client_id, grant_id) = match basis {
        Basis::Grant(id) => (fixture::demo().id, Some(id.clone())),
        Basis::Client(id) => (id.clone(), None),
    };
    let payload = AccessTokenClaims {
        iss: fixture::issuer(),
        sub: fixture::user().subject,
        aud: fixture::resources().default,
        client_id,
        jti: jti.clone(),
        scope: Scope::default(),
        auth_time: None,
        acr: None,
        grant_id,
        act: None,
        authorization_details: AuthorizationDetails::default(),
        cnf: None,
        status: None,
    };
    Jwt {
        payload,
        issued_at: NOW,
        expires_at: NOW.plus(Lifetimes::default().access_token),
    }
}

impl<'s, S: Store> World<'s, S> {
    async fn new(store: &'s S, name: &str) -> Self {
        for client in fixture::clients() {
            store.put_client(&client).await;
        }
        store
            .put_user(&fixture::user(), fixture::PASSWORD_HASH)
            .await;
        Self {
            store,
            random: SeededRandom::of_name(name),
            lifetimes: Lifetimes::default(),
        }
    }

    fn jti(&self) -> JwtId {
        JwtId::from_random(self.random.bytes())
    }

    /// A client of somebody else, of its own for this contract.
    async fn stranger(&self) -> Client {
        let client = Client {
            id: ClientId::parse(self.jti().as_str()).unwrap(),
            is_first_party: false,
            ..fixture::demo()
        };
        self.store.put_client(&client).await;
        client
    }

    /// A browser that signed in.
    async fn sign_in(&self) -> SignIn {
        self.sign_in_after(None).await
    }

    /// The same browser, signing in again.
    async fn sign_in_after(&self, earlier: Option<&SignInId>) -> SignIn {
        let sign_in = SignIn {
            id: SignInCookie::from_random(self.random.bytes()).id(),
            browser: BrowserBinding::from_random(self.random.bytes()).browser(),
            subject: fixture::user().subject,
            auth_time: NOW,
            amr: vec![AuthenticationMethod::Password],
            expires_at: NOW.plus(self.lifetimes.grant),
        };
        self.store.insert_sign_in(&sign_in, earlier).await.unwrap();
        sign_in
    }

    /// A code that the store does not hold yet.
    fn code(&self, client: &Client, browser: &BrowserId) -> CodeRecord {
        let hash = self.jti();
        CodeRecord {
            hash: SecretHash::of(hash.as_str()),
            client_id: client.id.clone(),
            redirect_uri: client.redirect_uris.first().unwrap().clone(),
            browser: browser.clone(),
            subject: fixture::user().subject,
            auth_time: NOW,
            details: GrantDetails {
                amr: vec![AuthenticationMethod::Password],
                id_token_claims: Scope::parse("name").unwrap(),
                userinfo_claims: Scope::parse("email").unwrap(),
                authorization_details: details("payment"),
                declines_offline_access: true,
                jkt: None,
            },
            scope: Scope::parse("openid read").unwrap(),
            audience: fixture::resources().default,
            nonce: None,
            challenge: CodeChallenge::of(&CodeVerifier::new(VERIFIER)).unwrap(),
            expires_at: NOW.plus(self.lifetimes.code),
            status: CodeStatus::Unused,
        }
    }

    /// What redeeming `code` now would create.
    fn redemption(&self, code: &CodeRecord) -> Redemption {
        let grant = Grant {
            id: GrantId::from_random(self.random.bytes()),
            browser: code.browser.clone(),
            subject: code.subject.clone(),
            client_id: code.client_id.clone(),
            scope: code.scope.clone(),
            audience: code.audience.clone(),
            auth_time: code.auth_time,
            details: code.details.clone(),
            status: GrantStatus::Active,
            created_at: NOW,
            expires_at: NOW.plus(self.lifetimes.grant),
            status_index: StatusIndex::NONE,
        };
        let session = Session {
            refresh_jti: self.jti(),
            grant_id: grant.id.clone(),
            access_jti: self.jti(),
            generation: 1,
            issued_at: NOW,
            expires_at: NOW.plus(self.lifetimes.refresh_token),
            status: SessionStatus::Active,
        };
        Redemption {
            code: code.hash,
            at: NOW,
            grant,
            session,
            nonce: None,
            access_token: None,
        }
    }

    /// A grant of `client` that came from `browser`.
    async fn grant_from(&self, client: &Client, browser: &BrowserId) -> Redemption {
        let code = self.code(client, browser);
        assert!(self.store.insert_code(&code).await.unwrap());
        let redemption = self.redemption(&code);
        self.redeem(redemption).await
    }

    /// A redemption, and the index that the store gave its grant.
    async fn redeem(&self, mut redemption: Redemption) -> Redemption {
        let given = self.store.redeem(&redemption).await.unwrap();
        redemption.grant.status_index = given.unwrap();
        redemption
    }

    /// A grant of `client`.
    async fn grant(&self, client: &Client) -> Redemption {
        let sign_in = self.sign_in().await;
        self.grant_from(client, &sign_in.browser).await
    }

    /// A grant of `client` with other times, before the store has it.
    async fn grant_with(
        &self,
        client: &Client,
        change: impl FnOnce(&mut Redemption),
    ) -> Redemption {
        let sign_in = self.sign_in().await;
        let code = self.code(client, &sign_in.browser);
        assert!(self.store.insert_code(&code).await.unwrap());
        let mut redemption = self.redemption(&code);
        change(&mut redemption);
        self.redeem(redemption).await
    }

    /// A generation that a rotation at `at` may create.
    fn next(&self, at: Timestamp) -> NextSession {
        NextSession {
            refresh_jti: self.jti(),
            access_jti: self.jti(),
            expires_at: at.plus(self.lifetimes.refresh_token),
            access_token: None,
        }
    }

    /// Asks to rotate; says what the store holds, and the `jti` that was offered.
    async fn rotate(
        &self,
        presented: &JwtId,
        credentials: &ClientCredentials,
        at: Timestamp,
    ) -> (Found, JwtId) {
        let next = self.next(at);
        let offered = next.refresh_jti.clone();
        let rotation = Rotation {
            presented,
            credentials,
            next,
            at,
            proof: None,
        };
        (self.store.rotate(&rotation).await.unwrap(), offered)
    }

    /// Rotates what may be rotated; the new generation.
    async fn advance(&self, presented: &JwtId, client: &Client, at: Timestamp) -> Session {
        let (found, offered) = self
            .rotate(presented, &fixture::credentials(client), at)
            .await;
        let next = found.presented.unwrap().successors.pop().unwrap();
        assert_eq!(next.refresh_jti, offered);
        next
    }

    /// Asks to rotate, and is left with what was there before.
    async fn spends_nothing(&self, presented: &Session, with: &ClientCredentials, at: Timestamp) {
        let (found, offered) = self.rotate(&presented.refresh_jti, with, at).await;
        let read_back = found.presented.unwrap();
        assert_eq!(read_back.session, *presented);
        assert_eq!(read_back.successors, []);
        assert_eq!(self.session(&offered).await, None);
    }

    async fn presented(&self, jti: &JwtId) -> Presented {
        // Nobody: this looks and changes nothing.
        let nobody = fixture::credentials(&fixture::api());
        self.rotate(jti, &nobody, NOW).await.0.presented.unwrap()
    }

    async fn session(&self, jti: &JwtId) -> Option<Session> {
        let caller = fixture::api().id;
        let (_, session, _) = self.store.refresh_token_state(&caller, jti).await.unwrap();
        session
    }

    async fn status(&self, grant: &GrantId) -> GrantStatus {
        let (_, state) = self
            .store
            .access_token_state(None, &token(Basis::Grant(grant), &self.jti()))
            .await
            .unwrap();
        state.grant.unwrap().status
    }

    /// Ends a grant; says whether it was active.
    async fn end(&self, grant: &GrantId, reason: EndReason) -> bool {
        self.store.end_grant(grant, reason, NOW).await.unwrap()
    }
}

/// One detail of this type.
fn details(name: &str) -> AuthorizationDetails {
    let text = format!(r#"[{{"type":"{name}","actions":["read"],"limits":{{"most":null}}}}]"#);
    AuthorizationDetails::read(Some(&text)).unwrap().unwrap()
}
