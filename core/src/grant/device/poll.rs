//! A device polls for its tokens (RFC 8628 §3.4, §3.5).
//!
//! | the device code | answer |
//! |---|---|
//! | waits for the user | `authorization_pending`, or `slow_down` if the poll came too soon |
//! | was denied | `access_denied` |
//! | was allowed | the tokens of a new grant |
//! | was redeemed less than the grace time ago | the grant's newest refresh token: the response was lost, or two polls crossed |
//! | was redeemed longer ago, lives still, and nobody has used its refresh token | the same refresh token again: the response was lost |
//! | was redeemed otherwise | a replay: the grant ends |
//! | expired before | `expired_token` |
//!
//! A repeat gives nothing to a thief that the first poll would not have given as well: whoever has the
//! device code could have polled first. If two holders do share a grant, its rotation finds them out.

use super::{DeviceRecord, DeviceStatus};
use crate::client::{AuthenticatedClient, AuthenticationFailure, Client, GrantType};
use crate::dpop::{ProofRefusal, ProofUse, ProofVerdict, check_grant_key, check_key};
use crate::grant::begin::{Consented, begin};
use crate::grant::code::{NewIds, Redemption};
use crate::grant::refresh::Presented;
use crate::grant::{EndReason, Grant, GrantStatus, Session, SessionStatus, Terms};
use crate::id::{ClientId, GrantId};
use crate::secret::SecretHash;
use crate::time::Timestamp;

/// A poll: what the store is asked, in one transaction. It reads what [`Polled`] holds as it was before,
/// and then, if nobody has answered yet, counts the poll ([`Polling::after`](super::Polling::after)).
#[derive(Debug)]
pub struct DevicePoll<'a> {
    /// The hash of the presented device code.
    pub device_code: SecretHash,
    /// Who says to present it.
    pub client_id: &'a ClientId,
    /// When.
    pub at: Timestamp,
    /// The proof that came with it.
    pub proof: Option<ProofUse<'a>>,
}

/// What the store held when a device polled.
#[derive(Debug)]
pub struct Polled {
    /// The client that the credentials name.
    pub client: Option<Client>,
    /// The device code.
    pub record: Option<DeviceRecord>,
    /// What the poll before made, if it was redeemed: its first generation and what came after.
    pub made: Option<Presented>,
    /// Whether the proof counts.
    pub proof: ProofVerdict,
}

/// Why a poll gets no tokens.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum DeviceRefusal {
    /// The client is not who it says.
    #[error(transparent)]
    Client(#[from] AuthenticationFailure),
    /// The user said no.
    #[error("the user did not allow it")]
    Denied,
    /// The grant that it was redeemed for has ended.
    #[error("the grant has ended")]
    Ended(EndReason),
    /// The device code, or what it was redeemed for, has expired.
    #[error("the device code has expired: ask for another")]
    Expired,
    /// It was issued to another client.
    #[error("the device code was issued to another client")]
    OtherClient,
    /// The user has not answered yet.
    #[error("the user has not answered yet")]
    Pending,
    /// The key that the client must prove.
    #[error(transparent)]
    Proof(#[from] ProofRefusal),
    /// Redeemed before, and its tokens were used: what the first poll made must end.
    #[error("the device code was redeemed before")]
    Replayed(GrantId),
    /// The user has not answered yet, and the poll came too soon.
    #[error("wait five seconds longer between two polls from now on")]
    SlowDown,
    /// The client may not use this grant type.
    #[error("the client may not use device codes")]
    UnauthorizedClient,
    /// No such device code.
    #[error("the device code is unknown")]
    Unknown,
    /// Another poll is at it: worth another try.
    #[error("another poll is being answered: try again")]
    Unsettled,
}

impl DeviceRefusal {
    /// The grant that the refusal ends, if it ends one.
    pub fn ends(&self) -> Option<(&GrantId, EndReason)> {
        match self {
            Self::Replayed(grant_id) => Some((grant_id, EndReason::CodeReplayed)),
            _ => None,
        }
    }
}

/// What a poll gets.
#[derive(Debug)]
pub enum Outcome {
    /// A new grant, if the store consumes the device code.
    Redeem(Box<Redemption>),
    /// What an earlier poll made, once more.
    Repeat(Box<Made>),
}

/// What an earlier poll made: the grant, and the generation to answer with.
#[derive(Debug)]
pub struct Made {
    /// The grant.
    pub grant: Grant,
    /// The generation.
    pub session: Session,
}

/// Judges a poll from what the store held.
///
/// # Errors
///
/// The [`DeviceRefusal`] that says what the device should do.
pub fn decide(
    record: Option<DeviceRecord>,
    made: Option<Presented>,
    client: &AuthenticatedClient,
    ids: NewIds,
    terms: Terms<'_>,
) -> Result<Outcome, DeviceRefusal> {
    if !client.client().may_use(GrantType::DeviceCode) {
        return Err(DeviceRefusal::UnauthorizedClient);
    }
    let record = record.ok_or(DeviceRefusal::Unknown)?;
    if record.client_id != client.client().id {
        return Err(DeviceRefusal::OtherClient);
    }
    check_key(None, client.client(), terms.key)?;
    let now = terms.now;
    match record.status {
        DeviceStatus::Redeemed(redeemed) => {
            let made = made.ok_or(DeviceRefusal::Unsettled)?;
            let bound_to = made.grant.details.jkt.as_ref();
            check_grant_key(bound_to, client.client(), terms.key)?;
            let still_lives = record.expires_at > now;
            repeat(made, redeemed.at, still_lives, terms)
                .map(|made| Outcome::Repeat(Box::new(made)))
        }
        DeviceStatus::Denied => Err(DeviceRefusal::Denied),
        DeviceStatus::Pending | DeviceStatus::Allowed(_) if record.expires_at <= now => {
            Err(DeviceRefusal::Expired)
        }
        DeviceStatus::Pending if record.polling.is_too_fast(now) => Err(DeviceRefusal::SlowDown),
        DeviceStatus::Pending => Err(DeviceRefusal::Pending),
        DeviceStatus::Allowed(approval) => {
            let consented = Consented {
                // A device is its own: signing out of the browser that said yes does not end it.
                browser: ids.grant.to_browser(),
                subject: approval.subject,
                client_id: record.client_id,
                scope: record.scope,
                audience: record.audience,
                auth_time: approval.auth_time,
                details: approval.details,
            };
            let (grant, session) = begin(consented, client.client(), ids, terms);
            Ok(Outcome::Redeem(Box::new(Redemption {
                code: record.hash,
                at: now,
                grant,
                session,
                nonce: None,
                access_token: None,
            })))
        }
    }
}

/// What an earlier poll made, if this one may have it too.
fn repeat(
    made: Presented,
    redeemed_at: Timestamp,
    still_lives: bool,
    terms: Terms<'_>,
) -> Result<Made, DeviceRefusal> {
    let Presented {
        grant,
        session: first,
        successors,
    } = made;
    match grant.status {
        GrantStatus::Ended(reason) => return Err(DeviceRefusal::Ended(reason)),
        GrantStatus::Active if grant.expires_at <= terms.now => return Err(DeviceRefusal::Expired),
        GrantStatus::Active => {}
    }
    let is_unused = first.status == SessionStatus::Active;
    let session = if redeemed_at.is_within(terms.lifetimes.grace, terms.now) {
        let newest = successors.into_iter().next_back().unwrap_or(first);
        let is_newest = newest.status == SessionStatus::Active;
        Some(newest)
            .filter(|_| is_newest)
            .ok_or(DeviceRefusal::Unsettled)?
    } else if is_unused && still_lives {
        first
    } else {
        return Err(DeviceRefusal::Replayed(grant.id));
    };
    if session.expires_at <= terms.now {
        return Err(DeviceRefusal::Expired);
    }
    Ok(Made { grant, session })
}

#[cfg(test)]
mod tests;
