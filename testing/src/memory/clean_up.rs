//! Forgetting, in memory: a round looks at a window of each table and moves on.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::ops::Bound;

use gatepass_core::clean_up::{Forgotten, Over, ROWS};
use gatepass_core::grant::code::{CodeRecord, CodeStatus};
use gatepass_core::grant::{Session, SessionStatus};
use gatepass_core::id::{GrantId, JwtId, SignInId};
use gatepass_core::store::CleanUpStore;
use gatepass_core::time::Lifetime;

use super::{MemoryStore, Tables};

/// Where the last round stopped in each table; `None` is the beginning.
#[derive(Debug, Default)]
pub(super) struct Cursors {
    codes: Option<String>,
    devices: Option<String>,
    grants: Option<GrantId>,
    opaque: Option<String>,
    pushed: Option<String>,
    revoked: Option<String>,
    sessions: Option<JwtId>,
    sign_ins: Option<SignInId>,
    used: Option<String>,
}

impl CleanUpStore for MemoryStore {
    type Error = Infallible;

    async fn clean_up(&self, over: &Over) -> Result<Forgotten, Infallible> {
        let tables = &mut *self.0.borrow_mut();
        let sessions = window(&tables.sessions, &mut tables.cursors.sessions);
        let sign_ins = window(&tables.sign_ins, &mut tables.cursors.sign_ins);
        let revoked = window(&tables.revoked, &mut tables.cursors.revoked);
        let opaque = window(&tables.opaque, &mut tables.cursors.opaque);
        let pushed = window(&tables.pushed, &mut tables.cursors.pushed);
        let used = window(&tables.used, &mut tables.cursors.used);
        let codes = window(&tables.codes, &mut tables.cursors.codes);
        let devices = window(&tables.devices, &mut tables.cursors.devices);
        let mut grants = window(&tables.grants, &mut tables.cursors.grants);
        grants.retain(|id| tables.grants[id].expires_at <= over.expired);
        let mut ended: BTreeSet<GrantId> = grants.into_iter().collect();
        ended.extend(sessions.iter().filter_map(|jti| {
            let session = &tables.sessions[jti];
            let last = tables.ends_its_grant(session, over);
            last.then(|| session.grant_id.clone())
        }));
        Ok(Forgotten {
            // A client that ended its registration is gone at once.
            clients: 0,
            grants: remove(&mut tables.grants, ended.into_iter().collect(), |_| true),
            sessions: {
                let grants: BTreeSet<_> = tables.grants.keys().cloned().collect();
                let is_over = |session: &Session| {
                    let spent = session.status != SessionStatus::Active;
                    let needed = !spent && grants.contains(&session.grant_id);
                    session.expires_at <= over.expired && !needed
                };
                remove(&mut tables.sessions, sessions, is_over)
            },
            codes: {
                let grants: BTreeSet<_> = tables.grants.keys().cloned().collect();
                let is_over = |code: &CodeRecord| match &code.status {
                    CodeStatus::Unused => code.expires_at <= over.expired,
                    CodeStatus::Redeemed { grant_id, .. } => !grants.contains(grant_id),
                };
                remove(&mut tables.codes, codes, is_over)
            },
            device_codes: remove(&mut tables.devices, devices, |device| {
                device.expires_at <= over.expired
            }),
            sign_ins: remove(&mut tables.sign_ins, sign_ins, |sign_in| {
                sign_in.expires_at <= over.expired
            }),
            used_once: remove(&mut tables.used, used, |used| {
                used.expires_at <= over.expired
            }),
            opaque_access_tokens: remove(&mut tables.opaque, opaque, |token| {
                token.expires_at <= over.expired
            }),
            pushed_requests: remove(&mut tables.pushed, pushed, |pushed| {
                pushed.has_expired(over.expired)
            }),
            revoked_access_tokens: remove(&mut tables.revoked, revoked, |row| {
                row.expires_at <= over.expired
            }),
        })
    }
}

impl Tables {
    /// Whether this is the newest generation of a grant of which no token lives any more.
    fn ends_its_grant(&self, session: &Session, over: &Over) -> bool {
        let client = self
            .grants
            .get(&session.grant_id)
            .and_then(|grant| self.clients.get(&grant.client_id));
        let own = client.and_then(|client| client.settings.access_token_lifetime);
        let access_token = own.map_or(over.access_token, Lifetime::from_seconds);
        let generations = self.sessions.values();
        let generations = generations.filter(|other| other.grant_id == session.grant_id);
        session.status == SessionStatus::Active
            && generations
                .map(|generation| generation.expires_at.plus(access_token))
                .all(|end| end <= over.expired)
    }
}

/// The next keys, and the cursor moved past them; past the last, back to the beginning.
fn window<K: Clone + Ord, V>(table: &BTreeMap<K, V>, cursor: &mut Option<K>) -> Vec<K> {
    let from = cursor.take().map_or(Bound::Unbounded, Bound::Excluded);
    let rest = table.range((from, Bound::Unbounded));
    let rows = usize::try_from(ROWS).unwrap();
    let keys: Vec<K> = rest.take(rows).map(|(key, _)| key.clone()).collect();
    if keys.len() == rows {
        *cursor = keys.last().cloned();
    }
    keys
}

/// Removes what is over of these rows; how many that were.
fn remove<K: Ord, V>(
    table: &mut BTreeMap<K, V>,
    keys: Vec<K>,
    is_over: impl Fn(&V) -> bool,
) -> u32 {
    let before = table.len();
    for key in keys {
        if table.get(&key).is_some_and(&is_over) {
            table.remove(&key);
        }
    }
    u32::try_from(before - table.len()).unwrap()
}
