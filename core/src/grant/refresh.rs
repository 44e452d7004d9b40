//! Refreshing (RFC 6749 §6) with rotation (RFC 9700 §4.14.2) that never signs an honest user out.
//!
//! The store first tries to advance the grant and then says what it holds ([`Rotation`] →
//! [`Found`]); [`decide`] judges from that alone:
//!
//! | the presented generation | answer |
//! |---|---|
//! | was active | its successor |
//! | was refreshed less than the grace time ago | the newest generation: a retry, a double submit, a lost race, a lost response |
//! | was refreshed longer ago, its successor never used, by a confidential client that proved itself or whoever proved the grant's key | the successor: the response was lost |
//! | was refreshed longer ago otherwise | a replay: the grant ends |
//!
//! Within the grace time the newest generation is usually the successor itself, and the answer is
//! the same token byte for byte. If the successor has been refreshed meanwhile, handing it out again
//! would hand out a spent token, and its holder would be taken for a thief later.

use super::{EndReason, Grant, GrantStatus, Lifetimes, Session, SessionStatus};
use crate::client::{
    AuthenticatedClient, AuthenticationFailure, Client, ClientCredentials, GrantType,
    RefreshBehaviour,
};
use crate::dpop::{ProofRefusal, ProofUse, ProofVerdict, Thumbprint, check_grant_key};
use crate::id::{GrantId, JwtId};
use crate::scope::Scope;
use crate::time::Timestamp;

/// How many generations after the presented one a store reads back at most.
pub const LONGEST_CHAIN: u32 = 32;

/// What the store is asked to do, in one transaction:
///
/// 1. Mark the presented session refreshed, with `next` as successor, only if it is active and
///    unexpired, its grant is active, unexpired and belongs to this client, the client rotates
///    ([`Grant::refresh_behaviour`]), the credentials are the client's, the key that was proved is the
///    grant's ([`check_grant_key`]), and the proof counts ([`ProofUse`]).
/// 2. Insert `next` only if 1 happened, expiring no later than the grant.
/// 3. Read back what [`Found`] holds.
#[derive(Debug)]
pub struct Rotation<'a> {
    /// The `jti` of the presented refresh token.
    pub presented: &'a JwtId,
    /// Who presents it.
    pub credentials: &'a ClientCredentials,
    /// The generation to create.
    pub next: NextSession,
    /// When.
    pub at: Timestamp,
    /// The proof that came with it.
    pub proof: Option<ProofUse<'a>>,
}

impl Rotation<'_> {
    /// The key that was proved.
    pub fn key(&self) -> Option<&Thumbprint> {
        self.proof.as_ref().map(|used| &used.proof.jkt)
    }
}

/// The generation that a rotation creates, if it may.
#[derive(Debug)]
pub struct NextSession {
    /// The `jti` of its refresh token.
    pub refresh_jti: JwtId,
    /// The `jti` of its access token.
    pub access_jti: JwtId,
    /// When its refresh token would end. The store has the client's own lifetime instead, if it has one
    /// ([`ClientSettings`](crate::client::ClientSettings)), and shortens it to the grant's own end.
    pub expires_at: Timestamp,
}

/// What the store holds after it tried a [`Rotation`].
#[derive(Debug)]
pub struct Found {
    /// The client that the credentials name.
    pub client: Option<Client>,
    /// What the presented `jti` belongs to.
    pub presented: Option<Presented>,
    /// Whether the proof counts.
    pub proof: ProofVerdict,
}

/// A generation, its grant, and what came after it.
#[derive(Debug)]
pub struct Presented {
    /// The grant.
    pub grant: Grant,
    /// The presented generation.
    pub session: Session,
    /// The generations after it, oldest first, [`LONGEST_CHAIN`] at most.
    pub successors: Vec<Session>,
}

/// Why a refresh is refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RefreshRefusal {
    /// The client is not who it says.
    #[error(transparent)]
    Client(#[from] AuthenticationFailure),
    /// The refresh token or its grant has expired.
    #[error("the refresh token has expired")]
    Expired,
    /// The grant has ended.
    #[error("the grant has ended")]
    Ended(EndReason),
    /// The token was issued to another client.
    #[error("the refresh token was issued to another client")]
    OtherClient,
    /// The key that the grant is bound to, or that its client must prove.
    #[error(transparent)]
    Proof(#[from] ProofRefusal),
    /// A spent token came back too late: the grant must end.
    #[error("the refresh token was used before")]
    Replayed(GrantId),
    /// More scope than was granted (RFC 6749 §6).
    #[error("scope exceeds what was granted")]
    ScopeExceeded,
    /// The store neither advanced the grant nor gave a reason why not: worth another try.
    #[error("the refresh could not be stored")]
    Unsettled,
    /// Not a refresh token of this provider, or of no session it knows.
    #[error("the refresh token is unknown")]
    Unknown,
    /// The client may not use this grant type.
    #[error("the client may not use refresh tokens")]
    UnauthorizedClient,
}

impl RefreshRefusal {
    /// The grant that the refusal ends, if it ends one.
    pub fn ends(&self) -> Option<(&GrantId, EndReason)> {
        match self {
            Self::Replayed(grant_id) => Some((grant_id, EndReason::Replayed)),
            _ => None,
        }
    }
}

/// The generation to answer with.
#[derive(Debug)]
pub struct Refreshed {
    /// Who asked.
    pub client: AuthenticatedClient,
    /// Under which grant.
    pub grant: Grant,
    /// Whose refresh token is the answer.
    pub session: Session,
}

impl Refreshed {
    /// The `jti` of the access token to answer with: the generation's own goes to whoever created it, a
    /// repeated answer gets a fresh one.
    pub fn access_jti(&self, rotation: &Rotation<'_>, fresh: JwtId) -> JwtId {
        if self.session.refresh_jti == rotation.next.refresh_jti {
            self.session.access_jti.clone()
        } else {
            fresh
        }
    }
}

/// Judges a refresh from what the store holds after it tried to advance the grant.
///
/// # Errors
///
/// The [`RefreshRefusal`] that says what is wrong.
pub fn decide(
    found: Found,
    rotation: &Rotation<'_>,
    lifetimes: &Lifetimes,
) -> Result<Refreshed, RefreshRefusal> {
    let now = rotation.at;
    let client = rotation.credentials.authenticate(found.client, now)?;
    if !client.client().may_use(GrantType::RefreshToken) {
        return Err(RefreshRefusal::UnauthorizedClient);
    }
    let presented = found.presented.ok_or(RefreshRefusal::Unknown)?;
    check_grant(&presented.grant, &client, now)?;
    found.proof.check()?;
    let bound_to = presented.grant.details.jkt.as_ref();
    check_grant_key(bound_to, client.client(), rotation.key())?;
    let Presented {
        grant,
        session,
        successors,
    } = presented;
    let session = match session.status {
        SessionStatus::Active => active(session, &grant, &client, now)?,
        SessionStatus::Refreshed { ref successor, at }
            if *successor == rotation.next.refresh_jti || at.is_within(lifetimes.grace, now) =>
        {
            successors
                .into_iter()
                .next_back()
                .filter(|newest| newest.status == SessionStatus::Active)
                .ok_or(RefreshRefusal::Unsettled)?
        }
        SessionStatus::Refreshed { .. } => unused_successor(successors, &grant, &client)
            .ok_or_else(|| RefreshRefusal::Replayed(grant.id.clone()))?,
    };
    if session.expires_at <= now {
        return Err(RefreshRefusal::Expired);
    }
    Ok(Refreshed {
        client,
        grant,
        session,
    })
}

/// Checks, before anything is spent, that a refresh asks for no more scope than was granted: a refusal
/// must not cost the client its refresh token.
///
/// # Errors
///
/// [`RefreshRefusal::ScopeExceeded`], unless the client or the grant is refused anyway.
pub fn check_scope(
    requested: &Scope,
    credentials: &ClientCredentials,
    client: Option<Client>,
    grant: Option<&Grant>,
    now: Timestamp,
) -> Result<(), RefreshRefusal> {
    let client = credentials.authenticate(client, now)?;
    let grant = grant.ok_or(RefreshRefusal::Unknown)?;
    check_grant(grant, &client, now)?;
    if requested.is_subset_of(&grant.scope) {
        Ok(())
    } else {
        Err(RefreshRefusal::ScopeExceeded)
    }
}

fn check_grant(
    grant: &Grant,
    client: &AuthenticatedClient,
    now: Timestamp,
) -> Result<(), RefreshRefusal> {
    if grant.client_id != client.client().id {
        return Err(RefreshRefusal::OtherClient);
    }
    match grant.status {
        GrantStatus::Ended(reason) => Err(RefreshRefusal::Ended(reason)),
        GrantStatus::Active if grant.expires_at <= now => Err(RefreshRefusal::Expired),
        GrantStatus::Active => Ok(()),
    }
}

/// A generation that the store left active: a persistent one stays, a rotating one has expired.
fn active(
    session: Session,
    grant: &Grant,
    client: &AuthenticatedClient,
    now: Timestamp,
) -> Result<Session, RefreshRefusal> {
    if session.expires_at <= now {
        return Err(RefreshRefusal::Expired);
    }
    match grant.refresh_behaviour(client.client()) {
        RefreshBehaviour::Persistent => Ok(session),
        RefreshBehaviour::Rotate => Err(RefreshRefusal::Unsettled),
    }
}

/// The successor, if nobody has used it and whoever asks has proved to be its client, or to have the key
/// that its grant is bound to.
fn unused_successor(
    successors: Vec<Session>,
    grant: &Grant,
    client: &AuthenticatedClient,
) -> Option<Session> {
    let successor = successors.into_iter().next()?;
    let unused = successor.status == SessionStatus::Active;
    let proven = client.is_confidential() || grant.details.jkt.is_some();
    (unused && proven).then_some(successor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::tests::{confidential, credentials, public};
    use crate::dpop::CheckedProof;
    use crate::grant::tests::{NOW, after, grant, jti, session, spent};
    use crate::secret::SecretHash;
    use crate::time::Lifetime;

    /// What the store holds of `client`'s grant; the presented generation first.
    fn found<const N: usize>(client: Client, generations: [Session; N]) -> Found {
        let grant = grant(&client);
        found_under(client, grant, generations)
    }

    fn found_under<const N: usize>(
        client: Client,
        grant: Grant,
        generations: [Session; N],
    ) -> Found {
        let mut generations = generations.into_iter();
        let session = generations.next().unwrap();
        let successors = generations.collect();
        Found {
            client: Some(client),
            presented: Some(Presented {
                grant,
                session,
                successors,
            }),
            proof: ProofVerdict::Counts,
        }
    }

    /// What the client whom the store found is told, if it is the one that asks.
    fn answer(found: Found, now: Timestamp) -> Result<JwtId, RefreshRefusal> {
        let credentials = credentials(found.client.as_ref().unwrap());
        answer_to(&credentials, found, now)
    }

    /// What whoever asks with `credentials` is told: a repeat, for which the store created nothing.
    fn answer_to(
        credentials: &ClientCredentials,
        found: Found,
        now: Timestamp,
    ) -> Result<JwtId, RefreshRefusal> {
        judged(
            credentials,
            "not created",
            found,
            &Lifetimes::default(),
            now,
        )
    }

    fn judged(
        credentials: &ClientCredentials,
        offered: &str,
        found: Found,
        lifetimes: &Lifetimes,
        at: Timestamp,
    ) -> Result<JwtId, RefreshRefusal> {
        let rotation = Rotation {
            presented: &jti(1),
            credentials,
            next: NextSession {
                refresh_jti: JwtId::parse(offered).unwrap(),
                access_jti: JwtId::parse("at-new").unwrap(),
                expires_at: at.plus(lifetimes.refresh_token),
            },
            at,
            proof: None,
        };
        Ok(decide(found, &rotation, lifetimes)?.session.refresh_jti)
    }

    fn replayed() -> Result<JwtId, RefreshRefusal> {
        Err(RefreshRefusal::Replayed(grant(&public()).id))
    }

    #[test]
    fn whoever_advanced_the_grant_gets_the_successor_even_with_no_grace_time() {
        let lifetimes = Lifetimes {
            grace: Lifetime::from_seconds(0),
            ..Lifetimes::default()
        };
        for client in [public(), confidential()] {
            let credentials = credentials(&client);
            let first = found(client.clone(), [spent(1, NOW), session(2)]);
            let first = judged(&credentials, "rt-2", first, &lifetimes, NOW);
            assert_eq!(first, Ok(jti(2)));
        }
        let credentials = credentials(&public());
        let second = found(public(), [spent(1, NOW), session(2)]);
        let second = judged(&credentials, "not created", second, &lifetimes, NOW);
        assert_eq!(second, replayed());
    }

    #[test]
    fn a_retry_within_the_grace_time_gets_the_same_successor() {
        for seconds in [0, 1, 29] {
            let again = found(public(), [spent(1, NOW), session(2)]);
            assert_eq!(answer(again, after(seconds)), Ok(jti(2)), "{seconds}");
        }
    }

    #[test]
    fn a_clock_that_runs_behind_the_one_that_rotated_is_within_the_grace_time() {
        let again = found(public(), [spent(1, after(5)), session(2)]);
        assert_eq!(answer(again, NOW), Ok(jti(2)));
    }

    #[test]
    fn a_retry_gets_the_newest_generation_if_its_successor_was_refreshed_too() {
        let moved_on = || {
            [
                spent(1, NOW),
                spent(2, after(10)),
                spent(3, after(20)),
                session(4),
            ]
        };
        assert_eq!(answer(found(public(), moved_on()), after(29)), Ok(jti(4)));
        assert_eq!(
            answer(found(confidential(), moved_on()), after(29)),
            Ok(jti(4))
        );
    }

    #[test]
    fn from_the_grace_time_on_a_public_client_is_taken_for_a_thief() {
        for seconds in [30, 31, 600] {
            let late = found(public(), [spent(1, NOW), session(2)]);
            assert_eq!(answer(late, after(seconds)), replayed(), "{seconds}");
        }
    }

    #[test]
    fn from_the_grace_time_on_a_proven_client_gets_the_successor_that_nobody_used() {
        for seconds in [30, 31, 600] {
            let lost = found(confidential(), [spent(1, NOW), session(2)]);
            assert_eq!(answer(lost, after(seconds)), Ok(jti(2)), "{seconds}");
        }
    }

    #[test]
    fn from_the_grace_time_on_a_used_successor_is_a_replay_even_for_a_proven_client() {
        let used = [spent(1, NOW), spent(2, after(10)), session(3)];
        assert_eq!(answer(found(confidential(), used), after(30)), replayed());
        // The successor's own grace time does not help the generation before it.
        let used = [spent(1, NOW), spent(2, after(29)), session(3)];
        assert_eq!(answer(found(confidential(), used), after(30)), replayed());
    }

    #[test]
    fn only_a_replay_ends_the_grant_and_says_which() {
        let late = found(public(), [spent(1, NOW), session(2)]);
        let refusal = answer(late, after(30)).unwrap_err();
        let id = grant(&public()).id;
        assert_eq!(refusal.ends(), Some((&id, EndReason::Replayed)));
        for refusal in [
            RefreshRefusal::Client(AuthenticationFailure::Refused),
            RefreshRefusal::Expired,
            RefreshRefusal::Ended(EndReason::Replayed),
            RefreshRefusal::OtherClient,
            RefreshRefusal::ScopeExceeded,
            RefreshRefusal::Unsettled,
            RefreshRefusal::Unknown,
            RefreshRefusal::UnauthorizedClient,
        ] {
            assert_eq!(refusal.ends(), None, "{refusal}");
        }
    }

    #[test]
    fn a_persistent_generation_is_its_own_answer_until_it_expires() {
        let client = || Client {
            refresh_behaviour: RefreshBehaviour::Persistent,
            ..confidential()
        };
        for seconds in [0, 600, 1_199] {
            let stays = found(client(), [session(1)]);
            assert_eq!(answer(stays, after(seconds)), Ok(jti(1)), "{seconds}");
        }
        let over = found(client(), [session(1)]);
        assert_eq!(answer(over, after(1_200)), Err(RefreshRefusal::Expired));
    }

    #[test]
    fn what_the_store_did_not_advance_without_a_reason_is_worth_another_try() {
        let stuck = found(public(), [session(1)]);
        assert_eq!(answer(stuck, NOW), Err(RefreshRefusal::Unsettled));
        let torn = found(public(), [spent(1, NOW)]);
        assert_eq!(answer(torn, NOW), Err(RefreshRefusal::Unsettled));
    }

    #[test]
    fn a_spent_generation_is_never_the_answer_even_where_the_chain_is_cut_off() {
        let cut_off = found(public(), [spent(1, NOW), spent(2, NOW)]);
        assert_eq!(answer(cut_off, after(1)), Err(RefreshRefusal::Unsettled));
    }

    #[test]
    fn an_ended_grant_stays_ended_and_says_why() {
        let status = GrantStatus::Ended(EndReason::SignedOut);
        let ended = Grant {
            status,
            ..grant(&public())
        };
        for generations in [[spent(1, NOW), session(2)], [session(2), session(3)]] {
            let found = found_under(public(), ended.clone(), generations);
            let refused = Err(RefreshRefusal::Ended(EndReason::SignedOut));
            assert_eq!(answer(found, NOW), refused);
        }
        // A replay of what has ended is no second end.
        let found = found_under(public(), ended, [spent(1, NOW), session(2)]);
        assert_eq!(answer(found, after(60)).unwrap_err().ends(), None);
    }

    #[test]
    fn expiry_is_to_the_second() {
        let expired = Err(RefreshRefusal::Expired);
        let at_end = found(public(), [session(1)]);
        assert_eq!(answer(at_end, after(1_200)), expired);
        let generations = || [spent(1, after(1_190)), session(2)];
        assert_eq!(
            answer(found(public(), generations()), after(1_199)),
            Ok(jti(2))
        );
        assert_eq!(
            answer(found(public(), generations()), after(1_200)),
            expired
        );
        let under = |expires_at| Grant {
            expires_at,
            ..grant(&public())
        };
        let generations = || [spent(1, NOW), session(2)];
        let found = |seconds| found_under(public(), under(after(seconds)), generations());
        assert_eq!(answer(found(10), after(9)), Ok(jti(2)));
        assert_eq!(answer(found(10), after(10)), expired);
    }

    #[test]
    fn a_token_of_another_client_is_refused_and_ends_nothing() {
        let stolen = found_under(
            confidential(),
            grant(&public()),
            [spent(1, NOW), session(2)],
        );
        let refused = answer(stolen, after(60)).unwrap_err();
        assert_eq!(refused, RefreshRefusal::OtherClient);
    }

    #[test]
    fn the_client_is_judged_before_its_token() {
        let refused = |found, credentials: &ClientCredentials| {
            answer_to(credentials, found, after(60)).unwrap_err()
        };
        let generations = || [spent(1, NOW), session(2)];
        let not_proven = RefreshRefusal::Client(AuthenticationFailure::Refused);
        let wrong = refused(
            found(confidential(), generations()),
            &credentials(&public()),
        );
        assert_eq!(wrong, not_proven);
        let nobody = Found {
            client: None,
            ..found(public(), generations())
        };
        assert_eq!(refused(nobody, &credentials(&public())), not_proven);
        let may_not = Client {
            grant_types: vec![GrantType::AuthorizationCode],
            ..public()
        };
        assert_eq!(
            refused(found(may_not, generations()), &credentials(&public())),
            RefreshRefusal::UnauthorizedClient
        );
    }

    #[test]
    fn a_token_of_no_session_is_unknown() {
        let nothing = Found {
            client: Some(public()),
            presented: None,
            proof: ProofVerdict::Counts,
        };
        assert_eq!(answer(nothing, NOW), Err(RefreshRefusal::Unknown));
    }

    const GRACE: Lifetime = Lifetime::from_seconds(30);

    fn key(first: &str) -> Thumbprint {
        Thumbprint::parse(&format!(
            "{first}ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
        ))
        .unwrap()
    }

    /// What is told to whoever proves `proved`, if anything, for a grant that is bound to `bound`.
    fn proving<const N: usize>(
        client: Client,
        (bound, proved): (Option<&str>, Option<&str>),
        (generations, verdict): ([Session; N], ProofVerdict),
        now: Timestamp,
    ) -> Result<JwtId, RefreshRefusal> {
        let mut grant = grant(&client);
        grant.details.jkt = bound.map(key);
        let credentials = credentials(&client);
        let proof = proved.map(|proved| CheckedProof {
            jkt: key(proved),
            id: SecretHash::of("a proof"),
            expires_at: after(1_800),
        });
        let presented = jti(1);
        let rotation = Rotation {
            presented: &presented,
            credentials: &credentials,
            next: NextSession {
                refresh_jti: JwtId::parse("not created").unwrap(),
                access_jti: JwtId::parse("at-new").unwrap(),
                expires_at: now.plus(Lifetimes::default().refresh_token),
            },
            at: now,
            proof: proof
                .as_ref()
                .map(|proof| ProofUse::repeatable(proof, "rt-1", GRACE, now)),
        };
        let found = Found {
            proof: verdict,
            ..found_under(client, grant, generations)
        };
        Ok(decide(found, &rotation, &Lifetimes::default())?
            .session
            .refresh_jti)
    }

    #[test]
    fn from_the_grace_time_on_whoever_proves_the_key_gets_the_successor_that_nobody_used() {
        let lost = || ([spent(1, NOW), session(2)], ProofVerdict::Counts);
        for seconds in [0, 29, 30, 600] {
            let answer = proving(public(), (Some("0"), Some("0")), lost(), after(seconds));
            assert_eq!(answer, Ok(jti(2)), "{seconds}");
        }
        let used = [spent(1, NOW), spent(2, after(10)), session(3)];
        let used = (used, ProofVerdict::Counts);
        let answer = proving(public(), (Some("0"), Some("0")), used, after(30));
        assert_eq!(answer, replayed());
    }

    #[test]
    fn whoever_fails_to_prove_the_key_ends_nothing_however_late() {
        use ProofVerdict::{Counts, Used};
        for (keys, verdict, expected) in [
            ((Some("0"), None), Counts, ProofRefusal::Required),
            ((Some("0"), Some("1")), Counts, ProofRefusal::OtherKey),
            ((Some("0"), Some("0")), Used, ProofRefusal::Used),
            ((None, Some("0")), Counts, ProofRefusal::NotBound),
        ] {
            for seconds in [0, 30, 600] {
                let spent = ([spent(1, NOW), spent(2, NOW), session(3)], verdict);
                let refused = proving(public(), keys, spent, after(seconds)).unwrap_err();
                assert_eq!(refused, RefreshRefusal::Proof(expected));
                assert_eq!(refused.ends(), None);
            }
        }
        let spent = || ([spent(1, NOW), session(2)], Counts);
        let answer = proving(confidential(), (None, Some("0")), spent(), after(60));
        assert_eq!(answer, Ok(jti(2)));
    }

    #[test]
    fn a_refresh_token_stays_for_whoever_proves_its_key() {
        let persistent = || Client {
            refresh_behaviour: RefreshBehaviour::Persistent,
            ..public()
        };
        let active = || ([session(1)], ProofVerdict::Counts);
        let stays = proving(persistent(), (Some("0"), Some("0")), active(), NOW);
        assert_eq!(stays, Ok(jti(1)));
        // A bearer's rotates: that the store has not done it is worth another try.
        let rotates = proving(persistent(), (None, None), active(), NOW);
        assert_eq!(rotates, Err(RefreshRefusal::Unsettled));
    }

    fn check(scope: &str, caller: &Client, grant: Option<&Grant>) -> Result<(), RefreshRefusal> {
        let requested = Scope::parse(scope).unwrap();
        check_scope(&requested, &credentials(caller), Some(public()), grant, NOW)
    }

    #[test]
    fn a_refresh_may_ask_for_less_and_never_for_more() {
        let granted = Grant {
            scope: Scope::parse("openid read write").unwrap(),
            ..grant(&public())
        };
        for less in ["read", "openid read", "write openid read"] {
            assert_eq!(check(less, &public(), Some(&granted)), Ok(()), "{less}");
        }
        for more in ["admin", "read admin", "openid read write email"] {
            let refused = check(more, &public(), Some(&granted));
            assert_eq!(refused, Err(RefreshRefusal::ScopeExceeded), "{more}");
        }
    }

    #[test]
    fn what_is_refused_anyway_is_not_told_about_its_scope() {
        let ended = Grant {
            status: GrantStatus::Ended(EndReason::Replayed),
            ..grant(&public())
        };
        let ended = check("admin", &public(), Some(&ended));
        assert_eq!(ended, Err(RefreshRefusal::Ended(EndReason::Replayed)));
        let stranger = check("read", &confidential(), Some(&grant(&public())));
        let refused = RefreshRefusal::Client(AuthenticationFailure::Refused);
        assert_eq!(stranger, Err(refused));
        let unknown = check("read", &public(), None);
        assert_eq!(unknown, Err(RefreshRefusal::Unknown));
    }
}
