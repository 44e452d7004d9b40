//! Proofs of possession (RFC 9449): used once, in the transaction that does what they are for.

use gatepass_core::client::{Client, ClientCredentials, ClientSettings, RefreshBehaviour};
use gatepass_core::dpop::{CheckedProof, ProofUse, ProofVerdict, Thumbprint};
use gatepass_core::grant::device::DevicePoll;
use gatepass_core::grant::refresh::Rotation;
use gatepass_core::grant::{Session, SessionStatus};
use gatepass_core::id::ClientId;
use gatepass_core::secret::SecretHash;
use gatepass_core::time::{Lifetime, Timestamp};

use super::{Store, World};
use crate::executor::join_all;
use crate::fixture::{self, NOW};

const GRACE: Lifetime = Lifetime::from_seconds(30);

fn after(seconds: u32) -> Timestamp {
    NOW.plus(Lifetime::from_seconds(seconds))
}

fn key(name: &str) -> Thumbprint {
    Thumbprint::parse(&SecretHash::of(name).to_base64url()).unwrap()
}

impl<S: Store> World<'_, S> {
    /// A proof of the key of this name that nobody has used.
    fn proof(&self, name: &str) -> CheckedProof {
        CheckedProof {
            jkt: key(name),
            id: SecretHash::of(self.jti().as_str()),
            expires_at: after(1_800),
        }
    }

    /// A grant of `client` that is bound to the key of this name, or to none.
    async fn bound(&self, client: &Client, name: Option<&str>) -> Session {
        let bind = |made: &mut super::Redemption| made.grant.details.jkt = name.map(key);
        self.grant_with(client, bind).await.session
    }

    /// A client of its own for this contract.
    async fn own(&self, client: Client) -> Client {
        let id = ClientId::parse(self.jti().as_str()).unwrap();
        let client = Client { id, ..client };
        self.store.put_client(&client).await;
        client
    }

    /// Asks to rotate; says whether that was done, and what became of the proof.
    async fn rotates(
        &self,
        session: &Session,
        with: &ClientCredentials,
        proof: Option<&CheckedProof>,
        at: Timestamp,
    ) -> (bool, ProofVerdict) {
        let next = self.next(at);
        let offered = next.refresh_jti.clone();
        let presented = &session.refresh_jti;
        let rotation = Rotation {
            presented,
            credentials: with,
            next,
            at,
            proof: proof.map(|proof| ProofUse::repeatable(proof, presented.as_str(), GRACE, at)),
        };
        let found = self.store.rotate(&rotation).await.unwrap();
        let successors = found.presented.unwrap().successors;
        let made = successors.iter().any(|made| made.refresh_jti == offered);
        (made, found.proof)
    }
}

/// Of many uses of a proof exactly one counts.
pub async fn a_proof_is_used_by_one_of_many<S: Store>(store: &S) {
    let world = World::new(store, "a_proof_is_used_by_one_of_many").await;
    let proof = world.proof("a");
    let used = ProofUse::once(&proof, NOW);
    let verdicts = join_all((0..5).map(|_| store.use_proof(&used))).await;
    let count = verdicts
        .into_iter()
        .filter(|verdict| *verdict.as_ref().unwrap() == ProofVerdict::Counts)
        .count();
    assert_eq!(count, 1);
    let other = world.proof("a");
    let other = store.use_proof(&ProofUse::once(&other, NOW)).await.unwrap();
    assert_eq!(other, ProofVerdict::Counts);
}

/// The same request may use a proof again for a while, and no other request ever.
pub async fn a_proof_counts_again_for_the_same_request_only<S: Store>(store: &S) {
    let world = World::new(store, "a_proof_counts_again_for_the_same_request_only").await;
    let proof = world.proof("a");
    for (what, at, expected) in [
        ("one", after(0), ProofVerdict::Counts),
        ("one", after(0), ProofVerdict::Counts),
        ("one", after(30), ProofVerdict::Counts),
        ("one", after(31), ProofVerdict::Used),
        ("other", after(0), ProofVerdict::Used),
        ("", after(0), ProofVerdict::Used),
    ] {
        let used = ProofUse::repeatable(&proof, what, GRACE, at);
        assert_eq!(store.use_proof(&used).await.unwrap(), expected, "{what}");
    }
    let never_again = world.proof("a");
    let used = ProofUse::repeatable(&never_again, "", GRACE, NOW);
    assert_eq!(store.use_proof(&used).await.unwrap(), ProofVerdict::Counts);
    assert_eq!(store.use_proof(&used).await.unwrap(), ProofVerdict::Used);
}

/// A bound session needs its key and a proof that counts; nothing is spent by whoever lacks either.
pub async fn whoever_fails_to_prove_the_key_spends_nothing<S: Store>(store: &S) {
    let world = World::new(store, "whoever_fails_to_prove_the_key_spends_nothing").await;
    let demo = fixture::demo();
    let credentials = fixture::credentials(&demo);
    let bound = world.bound(&demo, Some("a")).await;
    let (proof, other, used) = (world.proof("a"), world.proof("b"), world.proof("a"));
    let elsewhere = ProofUse::repeatable(&used, "elsewhere", GRACE, NOW);
    store.use_proof(&elsewhere).await.unwrap();
    for (proof, verdict) in [
        (None, ProofVerdict::Counts),
        (Some(&other), ProofVerdict::Counts),
        (Some(&used), ProofVerdict::Used),
    ] {
        let refused = world.rotates(&bound, &credentials, proof, NOW).await;
        assert_eq!(refused, (false, verdict));
        let session = world.session(&bound.refresh_jti).await.unwrap();
        assert_eq!(session.status, SessionStatus::Active);
    }
    let rotated = world.rotates(&bound, &credentials, Some(&proof), NOW).await;
    assert_eq!(rotated, (true, ProofVerdict::Counts));
    // The same again is the same request, for a while.
    let again = world.rotates(&bound, &credentials, Some(&proof), after(30));
    assert_eq!(again.await, (false, ProofVerdict::Counts));
    let late = world.rotates(&bound, &credentials, Some(&proof), after(31));
    assert_eq!(late.await, (false, ProofVerdict::Used));
}

/// A public client's session that is bound to no key takes no proof, a confidential client's takes any.
pub async fn an_unbound_session_is_bound_by_nobody<S: Store>(store: &S) {
    let world = World::new(store, "an_unbound_session_is_bound_by_nobody").await;
    for (client, rotates) in [(fixture::demo(), false), (fixture::gateway(), true)] {
        let credentials = fixture::credentials(&client);
        let unbound = world.bound(&client, None).await;
        let (made, _) = world
            .rotates(&unbound, &credentials, Some(&world.proof("a")), NOW)
            .await;
        assert_eq!(made, rotates, "{}", client.id);
    }
    let unbound = world.bound(&fixture::demo(), None).await;
    let credentials = fixture::credentials(&fixture::demo());
    let (made, _) = world.rotates(&unbound, &credentials, None, NOW).await;
    assert!(made);
}

/// A client that promised to prove a key always spends nothing without one.
pub async fn a_client_that_promised_a_proof_needs_one<S: Store>(store: &S) {
    let world = World::new(store, "a_client_that_promised_a_proof_needs_one").await;
    let settings = ClientSettings {
        dpop_bound_access_tokens: true,
        ..ClientSettings::default()
    };
    for kind in [fixture::demo(), fixture::gateway()] {
        let client = world
            .own(Client {
                settings: settings.clone(),
                ..kind
            })
            .await;
        let credentials = fixture::credentials(&client);
        let unbound = world.bound(&client, None).await;
        let (made, _) = world.rotates(&unbound, &credentials, None, NOW).await;
        assert!(!made);
        let bound = world.bound(&client, Some("a")).await;
        let proof = world.proof("a");
        let (made, _) = world.rotates(&bound, &credentials, Some(&proof), NOW).await;
        assert!(made);
    }
}

/// A refresh token stays for whoever proves a key, and rotates for a bearer.
pub async fn a_bound_session_of_a_persistent_client_stays<S: Store>(store: &S) {
    let world = World::new(store, "a_bound_session_of_a_persistent_client_stays").await;
    let client = world
        .own(Client {
            refresh_behaviour: RefreshBehaviour::Persistent,
            ..fixture::demo()
        })
        .await;
    let credentials = fixture::credentials(&client);
    let bound = world.bound(&client, Some("a")).await;
    let proof = world.proof("a");
    let (made, verdict) = world.rotates(&bound, &credentials, Some(&proof), NOW).await;
    assert_eq!((made, verdict), (false, ProofVerdict::Counts));
    let unbound = world.bound(&client, None).await;
    let (made, _) = world.rotates(&unbound, &credentials, None, NOW).await;
    assert!(made);
}

/// Whatever else is loaded for a request, its proof is used with that.
pub async fn a_proof_is_used_with_what_is_loaded<S: Store>(store: &S) {
    let world = World::new(store, "a_proof_is_used_with_what_is_loaded").await;
    let client = fixture::demo();
    let proof = world.proof("a");
    let used = ProofUse::once(&proof, NOW);
    let (hash, again) = (SecretHash::of("no code"), Some(&used));
    let (_, _, verdict) = store
        .client_and_code(&client.id, hash, again)
        .await
        .unwrap();
    assert_eq!(verdict, ProofVerdict::Counts);
    let (_, _, verdict) = store
        .client_and_code(&client.id, hash, again)
        .await
        .unwrap();
    assert_eq!(verdict, ProofVerdict::Used);
    let (_, _, verdict) = store.client_and_namesake(&client.id, again).await.unwrap();
    assert_eq!(verdict, ProofVerdict::Used);
    let poll = DevicePoll {
        device_code: hash,
        client_id: &client.id,
        at: NOW,
        proof: Some(used.clone()),
    };
    let polled = store.poll_device(&poll).await.unwrap();
    assert_eq!(polled.proof, ProofVerdict::Used);
}
