//! The tabs, and the machine that they share.

use std::collections::{HashSet, VecDeque};

use gatepass_core::grant::GrantStatus;
use gatepass_core::id::{ClientId, GrantId};
use gatepass_core::rp::failure::Failure;
use gatepass_core::rp::refresh::{Circuit, Finished, Flight, Moment, Outcome, Step};
use gatepass_core::rp::retry::LAST_TRY_SECONDS;
use gatepass_core::rp::session::{ClientSession, Clock};
use gatepass_core::rp::token::Tokens;
use gatepass_core::secret::RefreshToken;
use gatepass_core::time::{Lifetime, Timestamp};

use crate::server::{LIFETIME, Server};

const START: i64 = 1_700_000_000;
/// As in `sdk/js/lock.js`.
const LOCK_WAIT: i64 = 5_000;
/// As in `sdk/js/transport.js`.
const TRY_TIMEOUT: i64 = 6_000;

type Record = Vec<(&'static str, String)>;

/// What becomes of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fate {
    Answered,
    RequestLost,
    ResponseLost,
    /// The network sends it twice.
    Repeated,
    /// The tab gives up before the provider has it.
    Late,
    /// The provider says no more than a status.
    Failed(u16),
    RetryAfter(u32),
    /// The provider has done it, and its answer is garbled.
    Unreadable,
    /// The provider has no grace: of a token that was used before it says `invalid_grant`.
    Graceless,
}

/// What a tab is told.
#[derive(Clone, Copy, Debug)]
enum Told {
    Changed,
    Out(i64),
}

/// Where the tabs keep their session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Storage {
    /// In one place.
    Shared,
    /// Each in its own, which its duplicates begin with (`sdk/js/tab-storage.js`).
    Own,
}

#[derive(Debug)]
enum Phase {
    Locking {
        since: i64,
    },
    Pausing {
        until: i64,
    },
    OnWire {
        body: String,
        since: i64,
    },
    /// The provider has done it; the answer is on its way.
    Returning {
        answer: Option<Result<Tokens, Failure>>,
    },
}

#[derive(Debug)]
struct Running {
    flight: Flight,
    phase: Phase,
    of: i64,
    sent: u32,
}

/// What a tab knew when a refresh went on: the session, as the storage had it, and what came from the provider.
struct Knew {
    sent: Flight,
    session: ClientSession,
    came: Option<RefreshToken>,
}

/// A call of the application: with which token it was sent, and whether it was before.
#[derive(Debug)]
struct Call {
    used: Option<String>,
    again: bool,
}

#[derive(Default)]
struct Tab {
    session: ClientSession,
    circuit: Circuit,
    /// What the storage has, as far as this tab knows.
    saved: Option<Record>,
    /// With storage of its own: what is there, and the secret of which sign-in, as the place of the shared copy.
    own: Option<Record>,
    secret: Option<(i64, usize)>,
    /// Whether the storage refuses it.
    refused: bool,
    /// Whether it has tokens that it could not save.
    alone: bool,
    flights: Vec<Running>,
    calls: Vec<Call>,
    told: VecDeque<Told>,
    /// When its access token came, by its clocks.
    since: (i64, i64),
    succeeded: u32,
}

pub(crate) struct World {
    pub(crate) server: Server,
    /// The milliseconds since the beginning.
    ms: i64,
    /// How far the machine's clock is off, in seconds.
    off: i64,
    pub(crate) online: bool,
    /// Whether there are locks at all.
    pub(crate) locks: bool,
    pub(crate) lock: Option<usize>,
    pub(crate) storage: Storage,
    /// What tabs share: all of them the first one; with storage of their own, each that of its secret.
    stored: Vec<Option<Record>>,
    /// Whether it ever lost what it had.
    cleared: bool,
    tabs: Vec<Tab>,
    /// The sign-ins that the user has ended.
    signed_out: HashSet<i64>,
    /// The sign-ins that the provider has ended.
    refused: HashSet<i64>,
    /// The highest number of a sign-in.
    latest: i64,
    pub(crate) grants: Vec<GrantId>,
    client_id: ClientId,
    jitter: u8,
}

fn record(session: &ClientSession) -> Record {
    let mut record = Record::new();
    session.write_record(&mut |name, value| record.push((name, value.to_owned())));
    record
}

fn read(record: &Record) -> ClientSession {
    ClientSession::from_record(&|name| {
        let found = record.iter().find(|(found, _)| *found == name);
        found.map(|(_, value)| value.as_str())
    })
}

fn refresh_of(session: &ClientSession) -> Option<&str> {
    let refresh = session.tokens()?.refresh.as_ref();
    refresh.map(RefreshToken::expose)
}

fn access_of(session: &ClientSession) -> Option<String> {
    session.bearer().map(|token| token.expose().to_owned())
}

impl World {
    pub(crate) fn new(tabs: usize, bound: bool) -> Self {
        Self {
            server: Server::new(bound),
            ms: 0,
            off: 0,
            online: true,
            locks: true,
            lock: None,
            storage: Storage::Shared,
            stored: vec![None],
            cleared: false,
            tabs: (0..tabs).map(|_| Tab::default()).collect(),
            signed_out: HashSet::new(),
            refused: HashSet::new(),
            latest: 0,
            grants: Vec::new(),
            client_id: ClientId::parse("demo").unwrap(),
            jitter: 0,
        }
    }

    /// The right time.
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(START + self.ms / 1_000)
    }

    /// The time by the machine's clock.
    fn wall(&self) -> i64 {
        START + self.ms / 1_000 + self.off
    }

    pub(crate) fn wait(&mut self, milliseconds: i64) {
        self.ms += milliseconds;
    }

    /// Answers do not travel for longer than a few seconds.
    pub(crate) fn wait_long(&mut self, milliseconds: i64) {
        for tab in 0..self.tabs.len() {
            for index in (0..self.tabs[tab].flights.len()).rev() {
                let flight = &self.tabs[tab].flights[index];
                if milliseconds > 3_000 && matches!(flight.phase, Phase::Returning { .. }) {
                    self.step_flight(tab, index, Fate::Answered);
                }
            }
        }
        self.wait(milliseconds);
    }

    pub(crate) fn set_clock(&mut self, seconds: i64) {
        self.off = seconds;
    }

    pub(crate) fn expire(&mut self) {
        // The clocks of the tabs do not see it: the call meets the 401.
        self.wait(i64::from(LIFETIME) * 1_000 + 1_000);
        self.off -= i64::from(LIFETIME) + 1;
        for tab in &mut self.tabs {
            tab.since = (self.ms / 1_000 + START + self.off, self.ms);
        }
    }

    pub(crate) fn clear(&mut self) {
        self.stored.fill(None);
        self.cleared = true;
    }

    pub(crate) fn set_storage(&mut self, tab: usize, works: bool) {
        self.tabs[tab].refused = !works;
    }

    // What session.js does

    fn recall(&mut self, tab: usize) -> Option<Record> {
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
    fn keep(&mut self, tab: usize, change: impl FnOnce(&mut ClientSession, Option<Record>)) {
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

    fn save(&mut self, tab: usize) {
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

    fn adopt(&mut self, tab: usize) {
        self.keep(tab, |session, stored| {
            if let Some(stored) = stored {
                session.adopt(read(&stored));
            }
        });
    }

    // What the page does

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
    fn give_up(&mut self, tokens: Option<Tokens>) {
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
    fn open(&mut self, from: usize, tab: usize) {
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

    fn tell(&mut self, from: usize, what: Told) {
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

    // What fetch.js does

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
    fn answer_calls(&mut self, tab: usize) {
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

    fn is_due(&self, tab: usize) -> bool {
        let due = self.tabs[tab].session.due(self.clock(None).now);
        due.is_some_and(|due| due.soon <= 0)
    }

    // What refresh.js does

    fn is_renewing(&self, tab: usize) -> bool {
        let found = &self.tabs[tab];
        let sign_in = found.session.generation().sign_in;
        found.flights.iter().any(|running| running.of == sign_in)
    }

    pub(crate) fn wish(&mut self, tab: usize) {
        if !self.is_renewing(tab) {
            self.begin(tab);
        }
    }

    fn begin(&mut self, tab: usize) -> bool {
        let found = &mut self.tabs[tab];
        let Ok(flight) = Flight::begin(&found.session, found.circuit, self.ms) else {
            return false;
        };
        found.flights.push(Running {
            of: found.session.generation().sign_in,
            flight,
            phase: Phase::Locking { since: self.ms },
            sent: 0,
        });
        true
    }

    fn clock(&self, server: Option<Timestamp>) -> Clock {
        Clock {
            now: Timestamp::from_seconds(self.wall()),
            server,
        }
    }

    /// Each refresh of a tab does what is next, if it can; then its calls are answered.
    pub(crate) fn step(&mut self, tab: usize, fate: Fate) {
        for index in (0..self.tabs[tab].flights.len()).rev() {
            self.step_flight(tab, index, fate);
        }
        self.answer_calls(tab);
    }

    fn step_flight(&mut self, tab: usize, index: usize, fate: Fate) {
        let fate = if self.online { fate } else { Fate::RequestLost };
        let (outcome, date) = match &self.tabs[tab].flights[index].phase {
            Phase::Locking { since } => {
                if self.locks && self.lock.is_none() {
                    self.lock = Some(tab);
                } else if self.locks && self.lock != Some(tab) && self.ms < since + LOCK_WAIT {
                    return;
                }
                (Outcome::Ready, None)
            }
            Phase::Pausing { until } if self.ms < *until => return,
            Phase::Pausing { .. } => (Outcome::Ready, None),
            Phase::OnWire { body, since } => {
                let (body, since) = (body.clone(), *since);
                if self.ms < since + TRY_TIMEOUT {
                    let answer = Some(self.meet(&body, fate));
                    self.tabs[tab].flights[index].phase = Phase::Returning { answer };
                    return;
                }
                (Outcome::Answer(Err(Failure::TimedOut)), None)
            }
            Phase::Returning { .. } => {
                let phase = &mut self.tabs[tab].flights[index].phase;
                let Phase::Returning { answer } = phase else {
                    unreachable!()
                };
                let answer = answer.take().unwrap();
                (Outcome::Answer(answer), Some(self.now()))
            }
        };
        self.advance(tab, index, outcome, date);
    }

    fn meet(&mut self, body: &str, fate: Fate) -> Result<Tokens, Failure> {
        let now = self.now();
        match fate {
            Fate::Answered => self.server.refresh(body, now),
            Fate::RequestLost => Err(Failure::Unreachable),
            Fate::ResponseLost => {
                let _ = self.server.refresh(body, now);
                Err(Failure::Unreachable)
            }
            Fate::Repeated => {
                let _ = self.server.refresh(body, now);
                self.server.refresh(body, now)
            }
            Fate::Late => {
                self.ms += TRY_TIMEOUT;
                let _ = self.server.refresh(body, self.now());
                Err(Failure::TimedOut)
            }
            Fate::Failed(status) => Err(Failure::of_answer(status, None, None)),
            Fate::RetryAfter(seconds) => {
                let asked = Some(Lifetime::from_seconds(seconds));
                Err(Failure::of_answer(503, asked, None))
            }
            Fate::Unreadable => {
                let _ = self.server.refresh(body, now);
                Err(Failure::Unreadable { status: 200 })
            }
            Fate::Graceless => match self.server.refuse_used(body) {
                Some(refused) => Err(refused),
                None => self.server.refresh(body, now),
            },
        }
    }

    fn advance(&mut self, tab: usize, index: usize, outcome: Outcome, date: Option<Timestamp>) {
        self.jitter = self.jitter.wrapping_mul(31).wrapping_add(17);
        let client_id = self.client_id.clone();
        let fresh_key = self.server.fresh_key();
        let at = Moment {
            client_id: &client_id,
            resource: None,
            clock: self.clock(date),
            elapsed_ms: self.ms,
            jitter: self.jitter,
            fresh_key: &fresh_key,
        };
        let mut running = self.tabs[tab].flights.remove(index);
        let mut circuit = self.tabs[tab].circuit;
        let answered = matches!(outcome, Outcome::Answer(_));
        let knew = self.knew(tab, running.flight, &outcome);
        let mut step = None;
        self.keep(tab, |session, stored| {
            if let Some(stored) = stored {
                session.adopt(read(&stored));
            }
            step = Some(running.flight.next(session, &mut circuit, outcome, at));
        });
        self.tabs[tab].circuit = circuit;
        let step = step.unwrap();
        if let Step::Done(finished) = &step {
            self.check_finished(tab, finished, &knew);
        }
        match step {
            Step::Send(body) => {
                running.sent += 1;
                assert!(running.sent <= 4, "a refresh is sent over and over");
                self.check_sent(tab);
                let kept = record(&self.tabs[tab].session);
                let (_, key) = kept.iter().find(|(name, _)| *name == "key").unwrap();
                let body = format!("{body}&idempotency_key={key}");
                running.phase = Phase::OnWire {
                    body,
                    since: self.ms,
                };
            }
            Step::Pause(pause) => {
                assert!(pause > 0 && pause <= 5_000, "a pause of {pause}");
                running.phase = Phase::Pausing {
                    until: self.ms + pause,
                };
            }
            Step::Done(finished) => {
                if self.lock == Some(tab) {
                    self.lock = None;
                }
                if answered {
                    self.tell(tab, Told::Changed);
                }
                self.finish(tab, finished);
                return;
            }
        }
        self.tabs[tab].flights.insert(index, running);
    }

    fn finish(&mut self, tab: usize, finished: Finished) {
        match finished {
            Finished::Overtaken(late) => self.give_up(late),
            Finished::Kept(_) => {
                // The calls that waited for it fail, in passing.
                let access = access_of(&self.tabs[tab].session);
                self.tabs[tab].calls.retain(|call| call.used != access);
            }
            Finished::Ended(_) | Finished::Renewed => {}
        }
    }

    /// What a tab knows as soon as it has read the storage after an outcome.
    fn knew(&mut self, tab: usize, sent: Flight, outcome: &Outcome) -> Knew {
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

    // What must hold

    /// What a refresh ends with is the best that its tab knew.
    fn check_finished(&self, tab: usize, finished: &Finished, knew: &Knew) {
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
    fn check_sent(&self, tab: usize) {
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

    fn check_call(&mut self, tab: usize) {
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
