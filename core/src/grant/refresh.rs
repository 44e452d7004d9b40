//! Refreshing (RFC 6749 §6) with rotation (RFC 9700 §4.14.2) that never signs an honest user out.
//!
//! The store first tries to advance the grant and then says what it holds ([`Rotation`] →
//! [`Found`]); [`decide`] judges from that alone:
//!
//! | the presented generation | answer |
//! |---|---|
//! | was active | its successor |
//! | was refreshed less than the grace time ago | the newest generation: a retry, a double submit, a lost race, a lost response |
//! | was refreshed longer ago, its successor never used, by a confidential client that proved itself, whoever proved the grant's key, or whoever has the idempotency key with which it was refreshed | the successor: the response was lost |
//! | was refreshed longer ago otherwise | a replay: the grant ends |
//!
//! Within the grace time the newest generation is usually the successor itself, and the answer is
//! the same token byte for byte. If the successor has been refreshed meanwhile, handing it out again
//! would hand out a spent token, and its holder would be taken for a thief later.
//!
//! An idempotency key is a secret that a client makes for one refresh, keeps, and sends with each try of it. The
//! successor's identifier follows from it ([`successor_of`]), so nothing is stored to know it again. Whoever
//! copied the token earlier does not have it, and is still found out.

use super::{EndReason, Grant, GrantStatus, Lifetimes, Session, SessionStatus, Wish};
use crate::authorize::InvalidDetails;
use crate::client::{
    AuthenticatedClient, AuthenticationFailure, Client, ClientCredentials, GrantType,
    RefreshBehaviour,
};
use crate::dpop::{ProofRefusal, ProofUse, ProofVerdict, Thumbprint, check_grant_key};
use crate::id::{GrantId, JwtId};
use crate::secret::{IdempotencyKey, SecretHash};
use crate::time::Timestamp;
use crate::token::opaque::Offer;

/// How many generations after the presented one a store reads back at most.
pub const LONGEST_CHAIN: u32 = 32;

/// What the store is asked to do, in one transaction:
///
/// 1. Mark the presented session refreshed, with `next` as successor, only if it is active and
///    unexpired, its grant is active, unexpired and belongs to this client, the client rotates
///    ([`Grant::refresh_behaviour`]), the credentials are the client's, the key that was proved is the
///    grant's ([`check_grant_key`]), and the proof counts ([`ProofUse`]).
/// 2. Insert `next` only if 1 happened, expiring no later than the grant.
/// 3. Read back what [`Found`] holds.
#[derive(Debug)]
pub struct Rotation<'a> {
    /// The `jti` of the presented refresh token.
    pub presented: &'a JwtId,
    /// Who presents it.
    pub credentials: &'a ClientCredentials,
    /// The generation to create.
    pub next: NextSession,
    /// When.
    pub at: Timestamp,
    /// The proof that came with it.
    pub proof: Option<ProofUse<'a>>,
}

impl Rotation<'_> {
    /// The key that was proved.
    pub fn key(&self) -> Option<&Thumbprint> {
        self.proof.as_ref().map(|used| &used.proof.jkt)
    }
}

/// The `jti` of the generation that a refresh with this key creates: the same for the same refresh, and without the
/// key nobody can know it.
pub fn successor_of(presented: &JwtId, key: &IdempotencyKey) -> JwtId {
    let refresh = [presented.as_str(), key.expose()].join(" ");
    JwtId::from_hash(SecretHash::of(&refresh))
}

/// The generation that a rotation creates, if it may.
#[derive(Debug)]
pub struct NextSession {
    /// The `jti` of its refresh token: random, or [`successor_of`] the presented one.
    pub refresh_jti: JwtId,
    /// The `jti` of its access token: random.
    pub access_jti: JwtId,
    /// When its refresh token would end. The store has the client's own lifetime instead, if it has one
    /// ([`ClientSettings`](crate::client::ClientSettings)), and shortens it to the grant's own end.
    pub expires_at: Timestamp,
    /// The access token itself, if the client has opaque ones.
    pub access_token: Option<Offer>,
}

/// What the store holds after it tried a [`Rotation`].
#[derive(Debug)]
pub struct Found {
    /// The client that the credentials name.
    pub client: Option<Client>,
    /// What the presented `jti` belongs to.
    pub presented: Option<Presented>,
    /// Whether the proof counts.
    pub proof: ProofVerdict,
}

/// A generation, its grant, and what came after it.
#[derive(Debug)]
pub struct Presented {
    /// The grant.
    pub grant: Grant,
    /// The presented generation.
    pub session: Session,
    /// The generations after it, oldest first, [`LONGEST_CHAIN`] at most.
    pub successors: Vec<Session>,
}

/// Why a refresh is refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RefreshRefusal {
    /// The client is not who it says.
    #[error(transparent)]
    Client(#[from] AuthenticationFailure),
    /// More is asked for in detail than was granted (RFC 9396 §6).
    #[error(transparent)]
    Details(#[from] InvalidDetails),
    /// The refresh token or its grant has expired.
    #[error("the refresh token has expired")]
    Expired,
    /// The grant has ended.
    #[error("the grant has ended")]
    Ended(EndReason),
    /// The token was issued to another client.
    #[error("the refresh token was issued to another client")]
    OtherClient,
    /// The key that the grant is bound to, or that its client must prove.
    #[error(transparent)]
    Proof(#[from] ProofRefusal),
    /// A spent token came back too late: the grant must end.
    #[error("the refresh token was used before")]
    Replayed(GrantId),
    /// More scope than was granted (RFC 6749 §6).
    #[error("scope exceeds what was granted")]
    ScopeExceeded,
    /// The store neither advanced the grant nor gave a reason why not: worth another try.
    #[error("the refresh could not be stored")]
    Unsettled,
    /// Not a refresh token of this provider, or of no session it knows.
    #[error("the refresh token is unknown")]
    Unknown,
    /// The client may not use this grant type.
    #[error("the client may not use refresh tokens")]
    UnauthorizedClient,
}

impl RefreshRefusal {
    /// The grant that the refusal ends, if it ends one.
    pub fn ends(&self) -> Option<(&GrantId, EndReason)> {
        match self {
            Self::Replayed(grant_id) => Some((grant_id, EndReason::Replayed)),
            _ => None,
        }
    }
}

/// The generation to answer with.
#[derive(Debug)]
pub struct Refreshed {
    /// Who asked.
    pub client: AuthenticatedClient,
    /// Under which grant.
    pub grant: Grant,
    /// Whose refresh token is the answer.
    pub session: Session,
}

impl Refreshed {
    /// The `jti` of the access token to answer with: the generation's own goes to whoever created it, a
    /// repeated answer gets a fresh one.
    pub fn access_jti(&self, rotation: &Rotation<'_>, fresh: JwtId) -> JwtId {
        if self.session.access_jti == rotation.next.access_jti {
            self.session.access_jti.clone()
        } else {
            fresh
        }
    }
}

/// Judges a refresh from what the store holds after it tried to advance the grant.
///
/// # Errors
///
/// The [`RefreshRefusal`] that says what is wrong.
pub fn decide(
    found: Found,
    rotation: &Rotation<'_>,
    lifetimes: &Lifetimes,
) -> Result<Refreshed, RefreshRefusal> {
    let now = rotation.at;
    let client = rotation.credentials.authenticate(found.client, now)?;
    if !client.client().may_use(GrantType::RefreshToken) {
        return Err(RefreshRefusal::UnauthorizedClient);
    }
    let presented = found.presented.ok_or(RefreshRefusal::Unknown)?;
    check_grant(&presented.grant, &client, now)?;
    found.proof.check()?;
    let bound_to = presented.grant.details.jkt.as_ref();
    check_grant_key(bound_to, client.client(), rotation.key())?;
    let Presented {
        grant,
        session,
        successors,
    } = presented;
    let session = match session.status {
        SessionStatus::Active => active(session, &grant, &client, now)?,
        SessionStatus::Refreshed { at, .. } if at.is_within(lifetimes.grace, now) => successors
            .into_iter()
            .next_back()
            .filter(|newest| newest.status == SessionStatus::Active)
            .ok_or(RefreshRefusal::Unsettled)?,
        SessionStatus::Refreshed { ref successor, .. } => {
            let same = *successor == rotation.next.refresh_jti;
            let proven = client.is_confidential() || grant.details.jkt.is_some();
            unused(successors)
                .filter(|_| same || proven)
                .ok_or_else(|| RefreshRefusal::Replayed(grant.id.clone()))?
        }
    };
    if session.expires_at <= now {
        return Err(RefreshRefusal::Expired);
    }
    Ok(Refreshed {
        client,
        grant,
        session,
    })
}

/// Checks, before anything is spent, that a refresh asks for no more than was granted: a refusal must not
/// cost the client its refresh token.
///
/// # Errors
///
/// [`RefreshRefusal::ScopeExceeded`] or [`RefreshRefusal::Details`], unless the client or the grant is refused anyway.
pub fn check_wish(
    wish: &Wish,
    credentials: &ClientCredentials,
    client: Option<Client>,
    grant: Option<&Grant>,
    now: Timestamp,
) -> Result<(), RefreshRefusal> {
    let client = credentials.authenticate(client, now)?;
    let grant = grant.ok_or(RefreshRefusal::Unknown)?;
    check_grant(grant, &client, now)?;
    let scope = wish.scope.as_ref();
    if !scope.is_none_or(|scope| scope.is_subset_of(&grant.scope)) {
        return Err(RefreshRefusal::ScopeExceeded);
    }
    if wish.exceeds_details(&grant.details.authorization_details) {
        return Err(InvalidDetails.into());
    }
    Ok(())
}

fn check_grant(
    grant: &Grant,
    client: &AuthenticatedClient,
    now: Timestamp,
) -> Result<(), RefreshRefusal> {
    if grant.client_id != client.client().id {
        return Err(RefreshRefusal::OtherClient);
    }
    match grant.status {
        GrantStatus::Ended(reason) => Err(RefreshRefusal::Ended(reason)),
        GrantStatus::Active if grant.expires_at <= now => Err(RefreshRefusal::Expired),
        GrantStatus::Active => Ok(()),
    }
}

/// A generation that the store left active: a persistent one stays, a rotating one has expired.
fn active(
    session: Session,
    grant: &Grant,
    client: &AuthenticatedClient,
    now: Timestamp,
) -> Result<Session, RefreshRefusal> {
    if session.expires_at <= now {
        return Err(RefreshRefusal::Expired);
    }
    match grant.refresh_behaviour(client.client()) {
        RefreshBehaviour::Persistent => Ok(session),
        RefreshBehaviour::Rotate => Err(RefreshRefusal::Unsettled),
    }
}

/// The successor, if nobody has used it.
fn unused(successors: Vec<Session>) -> Option<Session> {
    let successor = successors.into_iter().next()?;
    (successor.status == SessionStatus::Active).then_some(successor)
}

#[cfg(test)]
mod tests;
