//! What `session.js` and `tab-storage.js` do.

use super::{Record, START, Storage, World, access_of, read, record};
use gatepass_core::rp::session::ClientSession;

impl World {
    pub(super) fn recall(&mut self, tab: usize) -> Option<Record> {
        let found = &mut self.tabs[tab];
        if found.refused {
            return None;
        }
        let shared = if self.storage == Storage::Own {
            let (_, place) = found.secret?;
            found.own = self.stored[place].clone().or(found.own.take());
            found.own.clone()
        } else {
            self.stored[0].clone()
        };
        if let Some(stored) = &shared {
            found.saved = Some(stored.clone());
        }
        shared
    }

    /// Holds `change` against the rule that only the user and the provider end a session, and saves.
    pub(super) fn keep(
        &mut self,
        tab: usize,
        change: impl FnOnce(&mut ClientSession, Option<Record>),
    ) {
        let stored = self.recall(tab);
        let found = &mut self.tabs[tab];
        let (before, had) = (found.session.generation(), access_of(&found.session));
        change(&mut found.session, stored);
        let has = access_of(&found.session);
        if has != had {
            found.since = (START + self.ms / 1_000 + self.off, self.ms);
        }
        let after = found.session.generation();
        assert!(
            after.sign_in >= before.sign_in,
            "an earlier sign-in is back"
        );
        let back = before.sign_in > 0 && had.is_none() && has.is_some();
        assert!(
            !back || after.sign_in > before.sign_in,
            "what has ended is back"
        );
        if let (Some(had), None) = (had, has) {
            let grant = self.server.grant_of(&had);
            let ended = [before.sign_in, after.sign_in];
            let by_user = ended.iter().any(|ended| self.signed_out.contains(ended));
            // Its own end, or that of the sign-in that took its place.
            let by_provider =
                !self.server.stands(&grant, self.now()) || self.refused.contains(&after.sign_in);
            assert!(
                by_user || by_provider,
                "{before:?} has ended by itself: {after:?}"
            );
        }
        self.save(tab);
    }

    pub(super) fn save(&mut self, tab: usize) {
        let found = &mut self.tabs[tab];
        let own = record(&found.session);
        if own.is_empty() || found.saved.as_ref() == Some(&own) {
            found.alone &= found.saved.as_ref() != Some(&own);
            return;
        }
        found.alone = found.refused;
        if found.refused {
            found.saved = None;
        } else {
            found.saved = Some(own.clone());
            let place = if self.storage == Storage::Own {
                let sign_in = found.session.generation().sign_in;
                let known = found.secret.filter(|(of, _)| *of == sign_in);
                let (_, place) = *found
                    .secret
                    .insert(known.unwrap_or((sign_in, self.stored.len())));
                found.own = Some(own.clone());
                place
            } else {
                0
            };
            self.stored.resize(self.stored.len().max(place + 1), None);
            self.stored[place] = Some(own);
        }
    }

    pub(super) fn adopt(&mut self, tab: usize) {
        self.keep(tab, |session, stored| {
            if let Some(stored) = stored {
                session.adopt(read(&stored));
            }
        });
    }
}
