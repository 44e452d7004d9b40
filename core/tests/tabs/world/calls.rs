//! What `fetch.js` does.

use super::{Call, World, access_of};

impl World {
    pub(crate) fn call(&mut self, tab: usize) {
        if self.is_due(tab) {
            self.wish(tab);
        }
        let found = &mut self.tabs[tab];
        found.calls.push(Call {
            used: access_of(&found.session),
            again: false,
        });
    }

    /// The answers to the calls of a tab.
    pub(super) fn answer_calls(&mut self, tab: usize) {
        let now = self.now();
        let waits = self.is_renewing(tab);
        for mut call in std::mem::take(&mut self.tabs[tab].calls) {
            let Some(used) = call.used.clone() else {
                continue;
            };
            if self.server.accepts(&used, now) {
                self.tabs[tab].succeeded += 1;
                continue;
            }
            // A 401: the second is the answer.
            if call.again {
                continue;
            }
            let access = access_of(&self.tabs[tab].session);
            if access.is_none() {
                continue;
            }
            if access.as_deref() == Some(&*used) {
                if !waits && !self.is_renewing(tab) && !self.begin(tab) {
                    // The circuit is open: the call fails, in passing.
                    continue;
                }
            } else if !(self.is_renewing(tab) || self.is_due(tab) && self.begin(tab)) {
                call.used = access;
                call.again = true;
            }
            self.tabs[tab].calls.push(call);
        }
    }

    pub(super) fn is_due(&self, tab: usize) -> bool {
        let due = self.tabs[tab].session.due(self.clock(None).now);
        due.is_some_and(|due| due.soon <= 0)
    }
}
