//! How every grant of a user begins, whichever way it came about.

use super::code::NewIds;
use super::{Grant, GrantDetails, GrantStatus, Session, SessionStatus, Terms};
use crate::client::{Client, RefreshBehaviour};
use crate::id::{Audience, BrowserId, ClientId, Subject};
use crate::scope::Scope;
use crate::status_list::StatusIndex;
use crate::time::Timestamp;

/// What a user agreed to, and where.
#[derive(Debug)]
pub(super) struct Consented {
    pub(super) browser: BrowserId,
    pub(super) subject: Subject,
    pub(super) client_id: ClientId,
    pub(super) scope: Scope,
    pub(super) audience: Audience,
    pub(super) auth_time: Timestamp,
    pub(super) details: GrantDetails,
}

/// The grant, and its first generation.
pub(super) fn begin(
    consented: Consented,
    client: &Client,
    ids: NewIds,
    terms: Terms<'_>,
) -> (Grant, Session) {
    let Terms { lifetimes, now, .. } = terms;
    let expires_at = now.plus(lifetimes.grant);
    // RFC 9449 §5: the refresh tokens of a confidential client are bound to how it proves itself.
    let is_public = !client.authentication.is_confidential();
    let grant = Grant {
        id: ids.grant,
        browser: consented.browser,
        subject: consented.subject,
        client_id: consented.client_id,
        scope: consented.scope,
        audience: consented.audience,
        auth_time: consented.auth_time,
        details: GrantDetails {
            jkt: terms.key.filter(|_| is_public).cloned(),
            ..consented.details
        },
        status: GrantStatus::Active,
        created_at: now,
        expires_at,
        status_index: StatusIndex::NONE,
    };
    let unused = match grant.refresh_behaviour(client) {
        RefreshBehaviour::Rotate => lifetimes.refresh_token,
        // It stays the same for as long as it is used: only the grant ends it.
        RefreshBehaviour::Persistent => lifetimes.grant,
    };
    let session = Session {
        refresh_jti: ids.refresh_jti,
        grant_id: grant.id.clone(),
        access_jti: ids.access_jti,
        generation: 1,
        issued_at: now,
        expires_at: now.plus(unused).min(expires_at),
        status: SessionStatus::Active,
    };
    (grant, session)
}
