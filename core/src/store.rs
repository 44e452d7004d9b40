//! The provider's stores, as ports.
//!
//! Each method is one round trip and, where it writes, one transaction. What must not be torn apart
//! is said at the method; `gatepass-testing` has the tests that hold an implementation to it. Absence
//! is `None`, never an error; an error means that the store could not answer.

#![expect(
    async_fn_in_trait,
    reason = "Workers are single-threaded: no caller needs Send"
)]

use crate::authorize::pushed::{Claim, PushedRequest};
use crate::authorize::{Consent, SignIn, Visitor};
use crate::clean_up::{Forgotten, Over};
use crate::client::Client;
use crate::client::registration::Registration;
use crate::dpop::{ProofUse, ProofVerdict};
use crate::grant::code::{CodeRecord, Redemption};
use crate::grant::device::{self, DevicePoll, DeviceRecord, DeviceStatus, Polled};
use crate::grant::refresh::{Found, Rotation};
use crate::grant::token_exchange::LookedUp;
use crate::grant::{EndReason, Grant, Session};
use crate::id::{BrowserId, ClientId, GrantId, JwtId, SignInId, Subject};
use crate::introspect::TokenState;
use crate::jose::Jwt;
use crate::logout::back_channel::Departure;
use crate::secret::SecretHash;
use crate::status_list::{Revoked, StatusIndex, StatusQuery};
use crate::time::Timestamp;
use crate::token::access::AccessTokenClaims;
use crate::userinfo::{Account, User};

/// Clients, and the browsers that are signed in.
pub trait AuthorizeStore {
    /// Why the store could not answer.
    type Error;

    /// The client, and who is signed in with this cookie.
    ///
    /// # Errors
    ///
    /// When the store cannot answer.
    async fn client_and_sign_in(
        &self,
        client: Option<&ClientId>,
        sign_in: Option<&SignInId>,
    ) -> Result<(Option<Client>, Option<SignIn>), Self::Error>;

    /// The client, and the user of this name, with the hash of the password. Uses the proof, if there is
    /// one.
    ///
    /// # Errors
    ///
    /// When the store cannot answer.
    async fn client_and_account(
        &self,
        client: &ClientId,
        username: &str,
        proof: Option<&ProofUse<'_>>,
    ) -> Result<(Option<Client>, Option<Account>, ProofVerdict), Self::Error>;

    /// Keeps a fresh code; `false`, and nothing done, if its browser is signed in no more.
    ///
    /// # Errors
    ///
    /// When the store cannot answer.
    async fn insert_code(&self, code: &CodeRecord) -> Result<bool, Self::Error>;

    /// The user of this name, with the hash of the password.
    ///
    /// # Errors
    ///
    /// When the store cannot answer.
    async fn user_by_name(&self, username: &str) -> Result<Option<Account>, Self::Error>;

    /// The user of this key.
    ///
    /// # Errors
    ///
    /// When the store cannot answer.
    async fn user(&self, subject: &Subject) -> Result<Option<User>, Self::Error>;

    /// Remembers that a browser signed in. If it had an earlier sign-in, that one ends, and the new one
    /// belongs to the browser of the earlier, whatever it says itself: however often a browser signs
    /// in, also twice at once, it stays one.
    ///
    /// # Errors
    ///
    /// When the store cannot answer.
    async fn insert_sign_in(
        &self,
        sign_in: &SignIn,
        earlier: Option<&SignInId>,
    ) -> Result<(), Self::Error>;

    /// Signs a browser out: forgets its sign-ins and the codes that came from it and were not redeemed
    /// yet, and ends every active grant that came from it, with reason [`EndReason::SignedOut`], in
    /// one transaction. Says which clients want to hear of it: each that has a grant of that browser, unless
    /// an earlier sign-out has ended it, and has a `backchannel_logout_uri`; once for each of its users.
    ///
    /// # Errors
    ///
    /// When the store cannot answer.
    async fn sign_out(
        &self,
        browser: &BrowserId,
        at: Timestamp,
    ) -> Result<Vec<Departure>, Self::Error>;
}

/// Authorization requests that clients have pushed (RFC 9126).
pub trait PushedRequestStore {
    /// Why the store could not answer.
    type Error;

    /// Keeps a request.
    ///
    /// # Errors
    ///
    /// When the store cannot answer.
    async fn insert_pushed_request(&self, request: &PushedRequest) -> Result<(), Self::Error>;

    /// The client, who is signed in with this cookie and has answered what, and the request that the claim's reference stands
    /// for, unless it has expired, is another client's, or another browser's. From then on it is the
    /// claiming browser's: of any number of browsers that claim it at once, exactly one gets it.
    ///
    /// # Errors
    ///
    /// When the store cannot answer.
    async fn claim_pushed_request(
        &self,
        claim: Claim<'_>,
        sign_in: Option<&SignInId>,
    ) -> Result<(Option<Client>, Option<Visitor>, Option<PushedRequest>), Self::Error>;
}

/// What may be used once.
pub trait OnceStore {
    /// Why the store could not answer.
    type Error;

    /// Remembers an identifier until `expires_at`; `false` if it is remembered already. Of any number of
    /// concurrent uses exactly one gets `true`.
    ///
    /// # Errors
    ///
    /// When the store cannot answer.
    async fn use_once(&self, id: SecretHash, expires_at: Timestamp) -> Result<bool, Self::Error>;

    /// Uses a proof: see [`ProofUse`].
    ///
    /// # Errors
    ///
    /// When the store cannot answer.
    async fn use_proof(&self, used: &ProofUse<'_>) -> Result<ProofVerdict, Self::Error>;
}

/// What users let clients do.
pub trait ConsentStore {
    /// Why the store could not answer.
    type Error;

    /// The client, and who is signed in with this cookie, with what they have answered about it.
    ///
    /// # Errors
    ///
    /// When the store cannot answer.
    async fn client_and_visitor(
        &self,
        client: &ClientId,
        sign_in: Option<&SignInId>,
    ) -> Result<(Option<Client>, Option<Visitor>), Self::Error>;

    /// Keeps a fresh code and, of its user about its client, an answer: it stands in the place of
    /// earlier ones about the same scopes, and leaves those about others, even if both are given at
    /// once. `false`, and nothing done, if the code's browser is signed in no more.
    ///
    /// # Errors
    ///
    /// When the store cannot answer.
    async fn insert_code_and_consent(
        &self,
        code: &CodeRecord,
        answer: &Consent,
        at: Timestamp,
    ) -> Result<bool, Self::Error>;

    /// Takes back what a user let a client do: forgets every answer and the codes that were not
    /// redeemed yet, and ends every active grant, with reason [`EndReason::ConsentWithdrawn`], in one
    /// transaction.
    ///
    /// # Errors
    ///
    /// When the store cannot answer.
    async fn withdraw_consent(
        &self,
        user: &Subject,
        client: &ClientId,
        at: Timestamp,
    ) -> Result<(), Self::Error>;
}

/// Codes, grants and sessions.
pub trait GrantStore {
    /// Why the store could not answer.
    type Error;

    /// The client, and what is known of the code. Uses the proof, if there is one.
    ///
    /// # Errors
    ///
    /// When the store cannot answer.
    async fn client_and_code(
        &self,
        client: &ClientId,
        code: SecretHash,
        proof: Option<&ProofUse<'_>>,
    ) -> Result<(Option<Client>, Option<CodeRecord>, ProofVerdict), Self::Error>;

    /// Consumes a code and creates its grant and first session; `None`, and nothing done, if the
    /// code is no longer unused. Says the grant's status index, which no other grant has.
    ///
    /// Of any number of concurrent redemptions of one code exactly one returns an index.
    ///
    /// # Errors
    ///
    /// When the store cannot answer.
    async fn redeem(&self, redemption: &Redemption) -> Result<Option<StatusIndex>, Self::Error>;

    /// Creates a grant that no code stands before, and its first session. Says its status index.
    ///
    /// # Errors
    ///
    /// When the store cannot answer.
    async fn begin_grant(
        &self,
        grant: &Grant,
        session: &Session,
    ) -> Result<Option<StatusIndex>, Self::Error>;

    /// Advances a grant by one generation if it may, and says what it then holds: see [`Rotation`].
    ///
    /// Of any number of concurrent rotations of one session exactly one inserts its `next`, and all
    /// read back the same successor.
    ///
    /// # Errors
    ///
    /// When the store cannot answer.
    async fn rotate(&self, rotation: &Rotation<'_>) -> Result<Found, Self::Error>;

    /// Ends a grant, if it is active: the first reason stays. Says whether it was.
    ///
    /// # Errors
    ///
    /// When the store cannot answer.
    async fn end_grant(
        &self,
        grant: &GrantId,
        reason: EndReason,
        at: Timestamp,
    ) -> Result<bool, Self::Error>;

    /// The client, and whether a user goes by its identifier. Uses the proof, if there is one.
    ///
    /// # Errors
    ///
    /// When the store cannot answer.
    async fn client_and_namesake(
        &self,
        client: &ClientId,
        proof: Option<&ProofUse<'_>>,
    ) -> Result<(Option<Client>, bool, ProofVerdict), Self::Error>;

    /// The calling client, the state of an access token, and its user.
    ///
    /// # Errors
    ///
    /// When the store cannot answer.
    async fn access_token_state(
        &self,
        caller: Option<&ClientId>,
        token: &Jwt<AccessTokenClaims>,
    ) -> Result<(Option<Client>, TokenState), Self::Error>;

    /// The calling client, and the state of a refresh token.
    ///
    /// # Errors
    ///
    /// When the store cannot answer.
    async fn refresh_token_state(
        &self,
        caller: &ClientId,
        refresh_jti: &JwtId,
    ) -> Result<(Option<Client>, Option<Session>, TokenState), Self::Error>;

    /// Revokes one access token until it expires, and leaves its grant alone; also its elder siblings, and
    /// those of the same second, if [`ALONE`](crate::status_list::ALONE) others of its family are revoked
    /// that have not expired. Of any number that are revoked at once, no more than those are kept.
    ///
    /// # Errors
    ///
    /// When the store cannot answer.
    async fn revoke_access_token(
        &self,
        token: &Jwt<AccessTokenClaims>,
        at: Timestamp,
    ) -> Result<(), Self::Error>;
}

/// Opaque access tokens. With a generation they are kept by [`GrantStore::redeem`],
/// [`GrantStore::rotate`] and [`DeviceStore::redeem_device_code`]: see [`Offer`](crate::token::opaque::Offer).
pub trait AccessTokenStore {
    /// Why the store could not answer.
    type Error;

    /// Keeps what a token allows under its hash.
    ///
    /// # Errors
    ///
    /// When the store cannot answer.
    async fn insert_access_token(
        &self,
        hash: SecretHash,
        token: &Jwt<AccessTokenClaims>,
    ) -> Result<(), Self::Error>;

    /// The calling client, or the token's own if none is named, and the token with its state.
    ///
    /// # Errors
    ///
    /// When the store cannot answer.
    async fn access_token(
        &self,
        caller: Option<&ClientId>,
        hash: SecretHash,
    ) -> Result<(Option<Client>, Option<LookedUp>), Self::Error>;

    /// Forgets a token: it is worth nothing any more.
    ///
    /// # Errors
    ///
    /// When the store cannot answer.
    async fn delete_access_token(&self, hash: SecretHash) -> Result<(), Self::Error>;
}

/// What was revoked while its access tokens may live (Token Status List).
pub trait StatusStore {
    /// Why the store could not answer.
    type Error;

    /// What belongs in a list: everything that was revoked before it is asked.
    ///
    /// # Errors
    ///
    /// When the store cannot answer.
    async fn revoked(&self, query: &StatusQuery) -> Result<Revoked, Self::Error>;
}

/// Clients that register by themselves (RFC 7591, 7592).
pub trait RegistrationStore {
    /// Why the store could not answer.
    type Error;

    /// Keeps a new client; nothing is done if there is one of its name, be it one that has ended.
    ///
    /// # Errors
    ///
    /// When the store cannot answer.
    async fn insert_registration(&self, registration: &Registration) -> Result<(), Self::Error>;

    /// The registration of a client that registered by itself and has not ended it.
    ///
    /// # Errors
    ///
    /// When the store cannot answer.
    async fn registration(&self, client: &ClientId) -> Result<Option<Registration>, Self::Error>;

    /// Replaces what a registered client is, but not how it proves itself.
    ///
    /// # Errors
    ///
    /// When the store cannot answer.
    async fn update_registration(&self, client: &Client) -> Result<(), Self::Error>;

    /// Gives a registered client a new secret; the one before counts until `until`, so that whoever
    /// still has only that one is not locked out meanwhile. If there is one already that counts for longer
    /// than `retried`, the client asks again for what it did not hear: that one stays the one before.
    ///
    /// # Errors
    ///
    /// When the store cannot answer.
    async fn rotate_secret(
        &self,
        client: &ClientId,
        secret: SecretHash,
        until: Timestamp,
        retried: Timestamp,
    ) -> Result<(), Self::Error>;

    /// Ends a registration: nobody proves to be this client any more, and its grants end, with reason
    /// [`EndReason::ClientRemoved`].
    ///
    /// # Errors
    ///
    /// When the store cannot answer.
    async fn end_registration(&self, client: &ClientId, at: Timestamp) -> Result<(), Self::Error>;
}

/// Forgetting what nobody can ask for any more.
pub trait CleanUpStore {
    /// Why the store could not answer.
    type Error;

    /// Goes one round: looks at the next [`ROWS`](crate::clean_up::ROWS) rows of each table, in the
    /// order of their keys and from where the last round stopped, and forgets those that are over, as
    /// the table in [`clean_up`](crate::clean_up) says. After the last row comes the first again.
    ///
    /// A newest generation and its grant go together or not at all.
    ///
    /// # Errors
    ///
    /// When the store cannot answer.
    async fn clean_up(&self, over: &Over) -> Result<Forgotten, Self::Error>;
}

/// Device codes (RFC 8628).
pub trait DeviceStore {
    /// Why the store could not answer.
    type Error;

    /// Keeps fresh codes; `false`, and nothing done, if the user code is another's already.
    ///
    /// # Errors
    ///
    /// When the store cannot answer.
    async fn insert_device_code(&self, record: &DeviceRecord) -> Result<bool, Self::Error>;

    /// The device that waits with a user code, for the browser that is signed in as `sign_in`. If none
    /// waits, that counts against the sign-in, in the same transaction: of any number of guesses at
    /// once each is counted.
    ///
    /// # Errors
    ///
    /// When the store cannot answer.
    async fn look_up_user_code(
        &self,
        user_code: SecretHash,
        sign_in: &SignInId,
        at: Timestamp,
    ) -> Result<device::Found, Self::Error>;

    /// Keeps a user's answer, if it still counts: see [`device::Answer`]. Says what then stands, if there
    /// is such a code.
    ///
    /// Of any number of concurrent answers of yes exactly one counts.
    ///
    /// # Errors
    ///
    /// When the store cannot answer.
    async fn answer_device(
        &self,
        answer: &device::Answer,
    ) -> Result<Option<DeviceStatus>, Self::Error>;

    /// What a device polls for, and the poll itself: see [`DevicePoll`].
    ///
    /// # Errors
    ///
    /// When the store cannot answer.
    async fn poll_device(&self, poll: &DevicePoll<'_>) -> Result<Polled, Self::Error>;

    /// Consumes a device code that was allowed and creates its grant and first session; `None`, and
    /// nothing done, if it is no longer to be redeemed. Says the grant's status index, which no other
    /// grant has.
    ///
    /// Of any number of concurrent redemptions of one device code exactly one returns an index.
    ///
    /// # Errors
    ///
    /// When the store cannot answer.
    async fn redeem_device_code(
        &self,
        redemption: &Redemption,
    ) -> Result<Option<StatusIndex>, Self::Error>;
}
