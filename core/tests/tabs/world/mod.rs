//! The tabs, and the machine that they share.

use std::collections::{HashSet, VecDeque};

use gatepass_core::id::{ClientId, GrantId};
use gatepass_core::rp::failure::Failure;
use gatepass_core::rp::refresh::{Circuit, Flight};
use gatepass_core::rp::session::ClientSession;
use gatepass_core::rp::token::Tokens;
use gatepass_core::secret::RefreshToken;
use gatepass_core::time::Timestamp;

mod calls;
mod checks;
mod page;
mod refresh;
mod storage;

use crate::server::{LIFETIME, Server};

const START: i64 = 1_700_000_000;
/// As in `sdk/js/lock.js`.
const LOCK_WAIT: i64 = 5_000;
/// As in `sdk/js/transport.js`.
const TRY_TIMEOUT: i64 = 6_000;
/// As in `sdk/js/refresh.js`.
const LATE: i64 = 500;

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
    /// The provider has done it; the answer is on its way, and a refusal is not believed before then.
    Returning {
        answer: Option<Result<Tokens, Failure>>,
        until: i64,
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
                if let Phase::Returning { until, .. } = flight.phase
                    && milliseconds > 3_000
                {
                    self.ms = self.ms.max(until);
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
}
