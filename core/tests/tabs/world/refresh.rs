//! What `refresh.js` does.

use super::{
    Fate, LATE, LOCK_WAIT, Phase, Running, TRY_TIMEOUT, Told, World, access_of, read, record,
};
use gatepass_core::rp::failure::Failure;
use gatepass_core::rp::refresh::{Finished, Flight, Moment, Outcome, Step};
use gatepass_core::rp::session::Clock;
use gatepass_core::rp::token::Tokens;
use gatepass_core::time::{Lifetime, Timestamp};

impl World {
    pub(super) fn is_renewing(&self, tab: usize) -> bool {
        let found = &self.tabs[tab];
        let sign_in = found.session.generation().sign_in;
        found.flights.iter().any(|running| running.of == sign_in)
    }

    pub(crate) fn wish(&mut self, tab: usize) {
        if !self.is_renewing(tab) {
            self.begin(tab);
        }
    }

    pub(super) fn begin(&mut self, tab: usize) -> bool {
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

    pub(super) fn clock(&self, server: Option<Timestamp>) -> Clock {
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

    pub(super) fn step_flight(&mut self, tab: usize, index: usize, fate: Fate) {
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
                    let answer = self.meet(&body, fate);
                    let refused = matches!(answer, Err(Failure::Refused { .. }));
                    let until = self.ms + if refused { LATE } else { 0 };
                    let answer = Some(answer);
                    self.tabs[tab].flights[index].phase = Phase::Returning { answer, until };
                    return;
                }
                (Outcome::Answer(Err(Failure::TimedOut)), None)
            }
            Phase::Returning { until, .. } if self.ms < *until => return,
            Phase::Returning { .. } => {
                let phase = &mut self.tabs[tab].flights[index].phase;
                let Phase::Returning { answer, .. } = phase else {
                    unreachable!()
                };
                let answer = answer.take().unwrap();
                (Outcome::Answer(answer), Some(self.now()))
            }
        };
        self.advance(tab, index, outcome, date);
    }

    pub(super) fn meet(&mut self, body: &str, fate: Fate) -> Result<Tokens, Failure> {
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

    pub(super) fn advance(
        &mut self,
        tab: usize,
        index: usize,
        outcome: Outcome,
        date: Option<Timestamp>,
    ) {
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

    pub(super) fn finish(&mut self, tab: usize, finished: Finished) {
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
}
