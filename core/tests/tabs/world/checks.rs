//! What must hold, whatever happens.

use super::{Fate, Knew, Tab, World, access_of, read, record, refresh_of};
use gatepass_core::grant::GrantStatus;
use gatepass_core::rp::refresh::{Finished, Flight, Outcome};
use gatepass_core::rp::retry::LAST_TRY_SECONDS;
use gatepass_core::rp::session::ClientSession;
use gatepass_core::secret::RefreshToken;

impl World {
    /// What a tab knows as soon as it has read the storage after an outcome.
    pub(super) fn knew(&mut self, tab: usize, sent: Flight, outcome: &Outcome) -> Knew {
        let stored = self.recall(tab);
        let mut session = read(&record(&self.tabs[tab].session));
        if let Some(stored) = stored {
            session.adopt(read(&stored));
        }
        let mut came = None;
        match outcome {
            Outcome::Answer(Ok(tokens)) => {
                let refresh = tokens.refresh.as_ref().map(RefreshToken::expose);
                came = refresh.map(RefreshToken::new);
            }
            // The provider's word counts, if it is about the tokens that are current by now.
            Outcome::Answer(Err(failure)) => {
                let ends = failure.end_of_grant().is_some();
                if ends && session.generation() == sent.generation {
                    self.refused.insert(sent.generation.sign_in);
                }
            }
            Outcome::Ready => {}
        }
        Knew {
            sent,
            session,
            came,
        }
    }

    /// What a refresh ends with is the best that its tab knew.
    pub(super) fn check_finished(&self, tab: usize, finished: &Finished, knew: &Knew) {
        let came = knew.came.as_ref().map(RefreshToken::expose);
        let session = &self.tabs[tab].session;
        match finished {
            Finished::Overtaken(late) => {
                assert_eq!(late.is_some(), came.is_some(), "late tokens are lost");
            }
            Finished::Renewed => {
                let Flight {
                    tries, first_ms, ..
                } = knew.sent;
                let Some(came) = came else {
                    let due = session.due(self.clock(None).now);
                    let stale = due.is_some_and(|due| due.stale <= 0);
                    // After an answer that counts no more, the next call asks anew.
                    assert!(tries > 0 || !stale, "a stale token counts as renewed");
                    return;
                };
                let generation = |refresh| self.server.generation(refresh).1;
                let best = generation(came).max(generation(refresh_of(&knew.session).unwrap()));
                // Who cannot ask again must take what there is.
                let late = self.ms - first_ms > i64::from(LAST_TRY_SECONDS) * 1_000;
                assert!(
                    late || tries >= 4 || generation(refresh_of(session).unwrap()) >= best,
                    "of two tokens, the older one is kept"
                );
            }
            Finished::Kept(_) | Finished::Ended(_) => {}
        }
    }

    /// Whoever sends a token that was used longer ago than the grace time must not be able to know better.
    pub(super) fn check_sent(&self, tab: usize) {
        let sent = refresh_of(&self.tabs[tab].session).unwrap();
        let Some(first) = self.server.used.get(sent) else {
            return;
        };
        if first.is_within(self.server.grace(), self.now()) || self.tabs[tab].refused {
            return;
        }
        let (grant, generation) = self.server.generation(sent);
        let later = |session: &ClientSession| {
            let held = refresh_of(session).map(|refresh| self.server.generation(refresh));
            held.is_some_and(|(of, held)| of == grant && held > generation)
        };
        assert!(
            !self
                .stored
                .iter()
                .flatten()
                .any(|stored| later(&read(stored))),
            "the storage has a later one"
        );
        // What the storage was not given, or lost, no other tab can know.
        let told = |tab: &Tab| !self.cleared && !tab.alone;
        let known = self.tabs.iter().any(|tab| told(tab) && later(&tab.session));
        assert!(!known, "another tab has a later one");
    }

    pub(crate) fn is_busy(&self, tab: usize) -> bool {
        let Tab { flights, calls, .. } = &self.tabs[tab];
        !flights.is_empty() || !calls.is_empty()
    }

    pub(crate) fn check(&self) {
        for tab in &self.tabs {
            let sign_in = tab.session.generation().sign_in;
            let renewing = tab.flights.iter().filter(|running| running.of == sign_in);
            assert!(renewing.count() <= 1, "two refreshes in one tab");
        }
    }

    /// Everything works from here on. What is under way ends in bounded time, and whoever has a grant that
    /// stands can call.
    pub(crate) fn heal(&mut self) {
        self.online = true;
        for tab in 0..self.tabs.len() {
            self.tabs[tab].refused = false;
        }
        let begun = self.ms;
        while self
            .tabs
            .iter()
            .any(|tab| !tab.flights.is_empty() || !tab.calls.is_empty())
        {
            assert!(self.ms < begun + 60_000, "a refresh never ends");
            for tab in 0..self.tabs.len() {
                self.step(tab, Fate::Answered);
            }
            self.wait(100);
        }
        for tab in 0..self.tabs.len() {
            while !self.tabs[tab].told.is_empty() {
                self.hear(tab);
            }
        }
        // As long as any break lasts.
        self.wait(11_000);
        for tab in 0..self.tabs.len() {
            self.check_call(tab);
        }
    }

    pub(super) fn check_call(&mut self, tab: usize) {
        let before = self.tabs[tab].succeeded;
        let signed_in = access_of(&self.tabs[tab].session);
        let grant = signed_in.map(|access| self.server.grant_of(&access));
        // The second 401 is the answer: a clock that was set back hides that an adopted token is old. The
        // next call then knows better.
        for _ in 0..2 {
            if self.tabs[tab].succeeded > before {
                break;
            }
            let begun = (self.ms, self.server.requests);
            self.call(tab);
            while !self.tabs[tab].flights.is_empty() || !self.tabs[tab].calls.is_empty() {
                assert!(self.ms < begun.0 + 30_000, "a call never ends");
                self.step(tab, Fate::Answered);
                self.wait(100);
            }
            let requests = self.server.requests - begun.1;
            assert!(requests <= 4, "a call asks over and over");
        }
        let stands = grant.is_some_and(|grant| {
            self.server.stands(&grant, self.now())
                && self.server.status(&grant) == GrantStatus::Active
        });
        let succeeded = self.tabs[tab].succeeded > before;
        let out = access_of(&self.tabs[tab].session).is_none();
        assert!(
            succeeded || !stands || out,
            "tab {tab} has a live grant and cannot call: {:?} {:?}",
            self.tabs[tab].session.generation(),
            self.tabs[tab].circuit
        );
        if out && stands {
            let sign_in = self.tabs[tab].session.generation().sign_in;
            let ended = [&self.signed_out, &self.refused];
            let ended = ended.iter().any(|ended| ended.contains(&sign_in));
            assert!(ended, "signed out by nobody");
        }
    }
}
