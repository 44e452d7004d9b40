//! What the page and its user do, and what tabs tell each other: `sign-in.js`, `sign-out.js`, `tabs.js`.

use super::{Storage, Tab, Told, World, access_of, read};
use gatepass_core::rp::token::Tokens;

impl World {
    pub(crate) fn sign_in(&mut self, tab: usize) {
        // Nobody is quicker.
        self.wait(1_000);
        self.adopt(tab);
        let before = self.tabs[tab].session.generation().sign_in;
        let tokens = self.server.sign_in(self.now());
        self.grants
            .push(self.server.grant_of(tokens.access.expose()));
        let clock = self.clock(None);
        self.keep(tab, |session, _| session.sign_in(tokens, clock));
        // The session before it is not the user's any more, but that of a duplicate.
        self.signed_out
            .extend((before > 0 && self.storage == Storage::Shared).then_some(before));
        // One without storage, in the same second or after the clock was set back, has no order among the others:
        // it may give way to one before it.
        let number = self.tabs[tab].session.generation().sign_in;
        if number <= self.latest && self.storage == Storage::Shared {
            self.signed_out.extend([number, self.latest]);
        }
        self.latest = self.latest.max(number);
        self.tell(tab, Told::Changed);
    }

    pub(crate) fn sign_out(&mut self, tab: usize) {
        self.adopt(tab);
        let sign_in = self.tabs[tab].session.generation().sign_in;
        if self.tabs[tab].session.tokens().is_none() {
            return;
        }
        self.signed_out.insert(sign_in);
        let mut given_up = None;
        self.keep(tab, |session, _| given_up = session.sign_out(None));
        self.give_up(given_up);
        let out = if self.storage == Storage::Own {
            i64::MAX
        } else {
            sign_in
        };
        self.tell(tab, Told::Out(out));
    }

    /// Revoked, if the network works.
    pub(super) fn give_up(&mut self, tokens: Option<Tokens>) {
        if let Some(tokens) = tokens.filter(|_| self.online) {
            let grant = self.server.grant_of(tokens.access.expose());
            self.server.revoke(&grant, self.now());
        }
    }

    pub(crate) fn revoke(&mut self, tab: usize) {
        if let Some(access) = access_of(&self.tabs[tab].session) {
            let grant = self.server.grant_of(&access);
            self.server.revoke(&grant, self.now());
        }
    }

    pub(crate) fn crash(&mut self, tab: usize) {
        self.open(tab, tab);
    }

    /// A tab is closed, if it does nothing, and opened as a duplicate of another.
    pub(crate) fn duplicate(&mut self, from: usize, to: usize) {
        if from != to && self.storage == Storage::Own && self.tabs[to].flights.is_empty() {
            self.open(from, to);
        }
    }

    /// Opens a tab with the storage that another has, or it itself had.
    pub(super) fn open(&mut self, from: usize, tab: usize) {
        let refused = self.tabs[tab].refused;
        let Tab { own, secret, .. } = &self.tabs[from];
        let (own, secret) = (own.clone(), *secret);
        self.tabs[tab] = Tab {
            refused,
            session: own
                .as_ref()
                .filter(|_| !refused)
                .map(read)
                .unwrap_or_default(),
            own,
            secret,
            ..Tab::default()
        };
        if self.lock == Some(tab) {
            self.lock = None;
        }
        self.adopt(tab);
    }

    pub(super) fn tell(&mut self, from: usize, what: Told) {
        for (tab, found) in self.tabs.iter_mut().enumerate() {
            if tab != from {
                found.told.push_back(what);
            }
        }
    }

    pub(crate) fn hear(&mut self, tab: usize) {
        let Some(told) = self.tabs[tab].told.pop_front() else {
            return;
        };
        self.adopt(tab);
        let sign_in = self.tabs[tab].session.generation().sign_in;
        if let Told::Out(out) = told
            && self.tabs[tab].session.tokens().is_some()
            && sign_in <= out
        {
            self.signed_out.insert(sign_in);
            let mut given_up = None;
            self.keep(tab, |session, _| given_up = session.sign_out(None));
            // What tabs share, the one that signed out has revoked.
            if self.storage == Storage::Own {
                self.give_up(given_up);
            }
        }
    }
}
