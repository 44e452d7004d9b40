//! Which tokens are current, and what a rejected token, a refresh and a sign-out mean for them.
//!
//! ```text
//!                sign_in                  begin_refresh
//!   signed out ----------->  signed in  ---------------->  refreshing
//!       ^                     ^     ^    renewed, kept         |
//!       |      sign_out       |     +--------------------------+
//!       +---------------------+----- sign_out, invalid_grant --+
//! ```
//!
//! What is meant is the client's side, a [`ClientSession`]; the provider's, one generation of tokens
//! under a grant, is `grant::Session`.
//!
//! Every set of tokens has a [`Generation`]. Whoever uses a token remembers the generation, and comes
//! back with it if the token is rejected: only a rejection of the *current* generation is a reason
//! to refresh, so one rejected token is renewed once, however late its other rejections arrive.

use super::failure::{Failure, WireText};
use super::parameters;
use super::token::{Tokens, build_refresh_request};
use crate::form::Form;
use crate::id::ClientId;
use crate::secret::{AccessToken, IdToken, RefreshToken};

/// The form of the session records that this version writes and reads.
const RECORD_VERSION: &str = "1";

/// Counts the changes of the tokens: sign-ins, refreshes, sign-outs.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Generation(u32);

/// The tokens of one tab, or their absence.
#[derive(Debug, Default)]
pub struct ClientSession {
    generation: Generation,
    phase: Phase,
}

#[derive(Debug, Default)]
enum Phase {
    #[default]
    SignedOut,
    SignedIn(Tokens),
    Refreshing(Tokens),
}

/// What to do about a 401.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Rejected {
    /// The token was the current one: refresh it, or wait for the refresh under way, then repeat.
    Refresh,
    /// It was renewed meanwhile: repeat with the current one.
    Repeat,
    /// Nobody is signed in, or nothing can renew the token: the 401 is the answer.
    Return,
}

/// What to do about a wish to refresh.
#[derive(Debug)]
pub enum Begun {
    /// Send the refresh request, and report back with the flight.
    Start(Flight),
    /// One is under way: wait for it.
    Join,
    /// Nobody is signed in.
    SignedOut,
    /// The provider gave no refresh token.
    NotRefreshable,
}

/// A refresh under way. There is one at a time, and it is finished once.
#[derive(Debug)]
#[must_use = "a refresh that is begun must be finished"]
pub struct Flight {
    generation: Generation,
}

/// What became of the session by a refresh.
#[derive(Debug)]
pub enum Finished {
    /// There are new tokens: keep them.
    Renewed,
    /// Nothing has changed. The next wish begins another refresh.
    Kept(Failure),
    /// The provider has ended the grant, and says why: forget the tokens.
    Ended(WireText),
    /// The user signed out, or in again, meanwhile, and that counts. Tokens that came too late are to
    /// be revoked.
    Overtaken(Option<Tokens>),
}

impl Generation {
    /// As a number, for a host that has no better type.
    pub fn number(self) -> u32 {
        self.0
    }

    /// What [`Generation::number`] gave.
    pub fn from_number(number: u32) -> Self {
        Self(number)
    }
}

impl Flight {
    /// Which tokens it is to renew.
    pub fn generation(&self) -> Generation {
        self.generation
    }
}

impl ClientSession {
    /// How many changes there have been.
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// The current access token. Its generation comes back with a rejection.
    pub fn bearer(&self) -> Option<(Generation, &AccessToken)> {
        Some((self.generation, &self.tokens()?.access))
    }

    /// Takes the tokens of a sign-in, or what another holder of the same store has put there.
    pub fn sign_in(&mut self, tokens: Tokens) {
        self.advance(Phase::SignedIn(tokens));
    }

    /// Forgets the tokens at once, even while they are refreshed; gives them out to be revoked.
    pub fn sign_out(&mut self) -> Option<Tokens> {
        match self.advance(Phase::SignedOut) {
            Phase::SignedOut => None,
            Phase::SignedIn(tokens) | Phase::Refreshing(tokens) => Some(tokens),
        }
    }

    /// A resource server answered 401 to the token of `generation`.
    pub fn rejected(&self, generation: Generation) -> Rejected {
        match self.tokens() {
            None => Rejected::Return,
            Some(_) if generation != self.generation => Rejected::Repeat,
            Some(tokens) if tokens.refresh.is_none() => Rejected::Return,
            Some(_) => Rejected::Refresh,
        }
    }

    /// Begins a refresh unless one is under way.
    pub fn begin_refresh(&mut self) -> Begun {
        match core::mem::take(&mut self.phase) {
            Phase::SignedOut => Begun::SignedOut,
            Phase::SignedIn(tokens) if tokens.refresh.is_none() => {
                self.phase = Phase::SignedIn(tokens);
                Begun::NotRefreshable
            }
            Phase::SignedIn(tokens) => {
                self.phase = Phase::Refreshing(tokens);
                Begun::Start(Flight {
                    generation: self.generation,
                })
            }
            Phase::Refreshing(tokens) => {
                self.phase = Phase::Refreshing(tokens);
                Begun::Join
            }
        }
    }

    /// The body of the flight's next try, or `None` if it was overtaken and must not be sent.
    pub fn build_refresh(
        &self,
        flight: &Flight,
        client_id: &ClientId,
        resource: Option<&str>,
    ) -> Option<String> {
        let current = flight.generation == self.generation;
        let refresh = self.tokens()?.refresh.as_ref().filter(|_| current)?;
        Some(build_refresh_request(client_id, resource, refresh))
    }

    /// Ends the flight with what came of it.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a flight is finished once, so it is taken away"
    )]
    pub fn finish_refresh(&mut self, flight: Flight, answer: Result<Tokens, Failure>) -> Finished {
        if flight.generation != self.generation {
            return Finished::Overtaken(answer.ok());
        }
        let (Phase::SignedIn(old) | Phase::Refreshing(old)) = core::mem::take(&mut self.phase)
        else {
            return Finished::Overtaken(answer.ok());
        };
        let failure = match answer {
            Ok(new) => {
                self.advance(Phase::SignedIn(Tokens {
                    access: new.access,
                    refresh: new.refresh.or(old.refresh),
                    id_token: new.id_token.or(old.id_token),
                }));
                return Finished::Renewed;
            }
            Err(failure) => failure,
        };
        if let Some(reason) = failure.end_of_grant() {
            self.advance(Phase::SignedOut);
            return Finished::Ended(reason.clone());
        }
        self.phase = Phase::SignedIn(old);
        Finished::Kept(failure)
    }

    /// As a store may hold it: parameters, the first of which is the version. `None` when signed out.
    pub fn to_record(&self) -> Option<String> {
        let tokens = self.tokens()?;
        Some(parameters(&[
            ("v", Some(RECORD_VERSION)),
            ("access", Some(tokens.access.expose())),
            ("refresh", tokens.refresh.as_ref().map(RefreshToken::expose)),
            ("id_token", tokens.id_token.as_ref().map(IdToken::expose)),
        ]))
    }

    /// Takes what a store holds, if it is not what is held already.
    ///
    /// Another client of the same tab may have renewed the tokens; using the old ones after that
    /// would look like a theft. A record of another version changes nothing, and none does while a
    /// refresh is under way: its tokens belong to the same grant and must not be revoked as late.
    pub fn adopt(&mut self, record: &str) {
        let Some(stored) = tokens_of_record(record) else {
            return;
        };
        let same = match &self.phase {
            Phase::Refreshing(_) => return,
            Phase::SignedOut => false,
            Phase::SignedIn(held) => held.access.expose() == stored.access.expose(),
        };
        if !same {
            self.sign_in(stored);
        }
    }

    /// The tokens that there are.
    pub fn tokens(&self) -> Option<&Tokens> {
        match &self.phase {
            Phase::SignedOut => None,
            Phase::SignedIn(tokens) | Phase::Refreshing(tokens) => Some(tokens),
        }
    }

    fn advance(&mut self, phase: Phase) -> Phase {
        self.generation = Generation(self.generation.0.wrapping_add(1));
        core::mem::replace(&mut self.phase, phase)
    }
}

fn tokens_of_record(record: &str) -> Option<Tokens> {
    let form = Form::parse(record).ok()?;
    if form.optional("v") != Some(RECORD_VERSION) {
        return None;
    }
    Some(Tokens {
        access: AccessToken::new(form.optional("access")?),
        refresh: form.optional("refresh").map(RefreshToken::new),
        id_token: form.optional("id_token").map(IdToken::new),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rp::failure::tests::refused;

    fn tokens(access: &str, refresh: Option<&str>) -> Tokens {
        Tokens {
            access: AccessToken::new(access),
            refresh: refresh.map(RefreshToken::new),
            id_token: None,
        }
    }

    fn signed_in() -> ClientSession {
        let mut session = ClientSession::default();
        session.sign_in(tokens("a1", Some("r1")));
        session
    }

    fn start(session: &mut ClientSession) -> Flight {
        match session.begin_refresh() {
            Begun::Start(flight) => flight,
            other => panic!("{other:?}"),
        }
    }

    fn generation(session: &ClientSession) -> Generation {
        session.bearer().unwrap().0
    }

    fn held(session: &ClientSession) -> (&str, Option<&str>) {
        let tokens = session.tokens().unwrap();
        (
            tokens.access.expose(),
            tokens.refresh.as_ref().map(RefreshToken::expose),
        )
    }

    #[test]
    fn a_burst_of_rejections_makes_one_flight() {
        let mut session = signed_in();
        let used = generation(&session);
        assert_eq!(session.rejected(used), Rejected::Refresh);
        let flight = start(&mut session);
        for _ in 0..19 {
            assert_eq!(session.rejected(used), Rejected::Refresh);
            assert!(matches!(session.begin_refresh(), Begun::Join));
        }
        let finished = session.finish_refresh(flight, Ok(tokens("a2", Some("r2"))));
        assert!(matches!(finished, Finished::Renewed));
        assert_eq!(held(&session), ("a2", Some("r2")));
    }

    #[test]
    fn a_rejection_that_comes_after_the_refresh_does_not_make_another() {
        let mut session = signed_in();
        let used = generation(&session);
        let flight = start(&mut session);
        session.finish_refresh(flight, Ok(tokens("a2", Some("r2"))));
        assert_eq!(session.rejected(used), Rejected::Repeat);
        assert_eq!(session.rejected(generation(&session)), Rejected::Refresh);
    }

    #[test]
    fn a_token_that_nothing_can_renew_is_left_rejected() {
        let mut session = ClientSession::default();
        session.sign_in(tokens("a1", None));
        assert_eq!(session.rejected(generation(&session)), Rejected::Return);
        assert!(matches!(session.begin_refresh(), Begun::NotRefreshable));
        assert_eq!(held(&session), ("a1", None));
    }

    #[test]
    fn signed_out_there_is_nothing_to_refresh_or_repeat() {
        let mut session = signed_in();
        let used = generation(&session);
        session.sign_out();
        assert!(session.bearer().is_none());
        assert_eq!(session.rejected(used), Rejected::Return);
        assert!(matches!(session.begin_refresh(), Begun::SignedOut));
    }

    #[test]
    fn an_answer_without_a_refresh_token_keeps_the_old_one() {
        let mut session = signed_in();
        let flight = start(&mut session);
        session.finish_refresh(flight, Ok(tokens("a2", None)));
        assert_eq!(held(&session), ("a2", Some("r1")));
    }

    #[test]
    fn only_invalid_grant_ends_the_session() {
        let passing = [
            Failure::Unreachable,
            Failure::TimedOut,
            Failure::of_answer(429, None, None),
            Failure::of_answer(500, None, None),
            Failure::Unreadable { status: 200 },
            Failure::Unreadable { status: 404 },
            refused("invalid_client", None),
            refused("invalid_request", Some("revoked")),
        ];
        for failure in passing {
            let mut session = signed_in();
            let used = generation(&session);
            let flight = start(&mut session);
            let finished = session.finish_refresh(flight, Err(failure.clone()));
            assert!(
                matches!(finished, Finished::Kept(kept) if kept == failure),
                "{failure:?}"
            );
            assert_eq!(held(&session), ("a1", Some("r1")));
            assert_eq!(
                session.rejected(used),
                Rejected::Refresh,
                "the next 401 tries again"
            );
            let _flight = start(&mut session);
        }
        let mut session = signed_in();
        let flight = start(&mut session);
        let ended = session.finish_refresh(flight, Err(refused("invalid_grant", Some("expired"))));
        assert!(matches!(ended, Finished::Ended(reason) if reason.as_str() == "expired"));
        assert!(session.tokens().is_none());
    }

    #[test]
    fn a_sign_out_during_a_refresh_wins_and_late_tokens_come_out_to_be_revoked() {
        let mut session = signed_in();
        let flight = start(&mut session);
        let forgotten = session.sign_out().unwrap();
        assert_eq!(forgotten.refresh.unwrap().expose(), "r1");
        let client = ClientId::parse("demo").unwrap();
        assert_eq!(session.build_refresh(&flight, &client, None), None);
        let Finished::Overtaken(Some(late)) =
            session.finish_refresh(flight, Ok(tokens("a2", Some("r2"))))
        else {
            panic!("late tokens were kept")
        };
        assert_eq!(late.refresh.unwrap().expose(), "r2");
        assert!(session.tokens().is_none());
    }

    #[test]
    fn the_end_of_an_old_generation_does_not_end_the_new_one() {
        let mut session = signed_in();
        let flight = start(&mut session);
        session.sign_in(tokens("b1", Some("s1")));
        let finished = session.finish_refresh(flight, Err(refused("invalid_grant", None)));
        assert!(matches!(finished, Finished::Overtaken(None)));
        assert_eq!(held(&session), ("b1", Some("s1")));
        let flight = start(&mut session);
        let client = ClientId::parse("demo").unwrap();
        assert_eq!(
            session.build_refresh(&flight, &client, None).as_deref(),
            Some("grant_type=refresh_token&client_id=demo&refresh_token=s1")
        );
    }

    #[test]
    fn a_session_survives_the_store() {
        let mut restored = ClientSession::default();
        restored.adopt(&signed_in().to_record().unwrap());
        assert_eq!(held(&restored), ("a1", Some("r1")));
        let mut session = ClientSession::default();
        for unknown in ["v=2&access=a", "v=1", "v=1&access=", "{}", ""] {
            session.adopt(unknown);
            assert!(session.tokens().is_none(), "{unknown}");
        }
        assert!(session.to_record().is_none());
    }

    #[test]
    fn what_another_client_of_the_tab_renewed_is_adopted_and_repeated_with() {
        let mut first = signed_in();
        let mut second = signed_in();
        let used = generation(&second);
        let flight = start(&mut first);
        first.finish_refresh(flight, Ok(tokens("a2", Some("r2"))));
        second.adopt(&signed_in().to_record().unwrap());
        assert_eq!(second.rejected(used), Rejected::Refresh);
        second.adopt(&first.to_record().unwrap());
        assert_eq!(second.rejected(used), Rejected::Repeat);
        assert_eq!(held(&second), ("a2", Some("r2")));
    }

    #[test]
    fn nothing_is_adopted_while_a_refresh_is_under_way() {
        let mut session = signed_in();
        let flight = start(&mut session);
        let mut other = ClientSession::default();
        other.sign_in(tokens("a2", Some("r2")));
        session.adopt(&other.to_record().unwrap());
        let finished = session.finish_refresh(flight, Ok(tokens("a3", Some("r2"))));
        assert!(matches!(finished, Finished::Renewed));
        assert_eq!(held(&session), ("a3", Some("r2")));
    }
}
