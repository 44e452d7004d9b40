//! A proof counts once (RFC 9449 §11.1), and again for nothing but the same request again.

use super::{CheckedProof, ProofRefusal, Thumbprint};
use crate::client::Client;
use crate::time::{Lifetime, Timestamp};

/// The use of a proof for one request, as a store keeps it, in the transaction in which it does what the
/// request is about: the proof counts if nobody has used it before, or if what used it has the same,
/// non-empty purpose and was not before `again_since`. Otherwise nothing else is done.
#[derive(Clone, Debug)]
pub struct ProofUse<'a> {
    /// The proof.
    pub proof: &'a CheckedProof,
    /// What it is used for: the same for the same request again, which the network may send twice; empty
    /// if that is of no help to anyone.
    pub purpose: String,
    /// When.
    pub at: Timestamp,
    /// How long ago the same request may have used it.
    pub again_since: Timestamp,
}

impl<'a> ProofUse<'a> {
    /// For this request, and never again.
    pub fn once(proof: &'a CheckedProof, at: Timestamp) -> Self {
        Self {
            proof,
            purpose: String::new(),
            at,
            again_since: at,
        }
    }

    /// For a request that offers `what`, and for the same again within the grace time.
    pub fn repeatable(proof: &'a CheckedProof, what: &str, grace: Lifetime, at: Timestamp) -> Self {
        Self {
            proof,
            purpose: what.to_owned(),
            at,
            again_since: Timestamp::from_seconds(at.seconds().saturating_sub(grace.seconds())),
        }
    }
}

/// What a store says of the use of a proof.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ProofVerdict {
    /// It counts; or there was none to be used.
    Counts,
    /// It was used before.
    Used,
}

impl ProofVerdict {
    /// Demands that it counts.
    ///
    /// # Errors
    ///
    /// [`ProofRefusal::Used`].
    pub const fn check(self) -> Result<(), ProofRefusal> {
        match self {
            Self::Counts => Ok(()),
            Self::Used => Err(ProofRefusal::Used),
        }
    }
}

/// Checks that a request proves the key that it must: the one that what it presents is bound to, or any
/// if its client promised to prove one always (RFC 9449 §5, §5.2, §10).
///
/// # Errors
///
/// [`ProofRefusal::Required`] or [`ProofRefusal::OtherKey`].
pub fn check_key(
    bound_to: Option<&Thumbprint>,
    client: &Client,
    proved: Option<&Thumbprint>,
) -> Result<(), ProofRefusal> {
    match (bound_to, proved) {
        (Some(bound_to), Some(proved)) if bound_to != proved => Err(ProofRefusal::OtherKey),
        (Some(_), None) => Err(ProofRefusal::Required),
        (None, None) if client.settings.dpop_bound_access_tokens => Err(ProofRefusal::Required),
        _ => Ok(()),
    }
}

/// The same for a grant that stands already. If a public client's is not bound, nobody's proof changes
/// that: a thief who bound it first would have locked the user out (RFC 9449 §5).
///
/// # Errors
///
/// As [`check_key`], or [`ProofRefusal::NotBound`].
pub fn check_grant_key(
    bound_to: Option<&Thumbprint>,
    client: &Client,
    proved: Option<&Thumbprint>,
) -> Result<(), ProofRefusal> {
    let is_public = !client.authentication.is_confidential();
    if bound_to.is_none() && proved.is_some() && is_public {
        return Err(ProofRefusal::NotBound);
    }
    check_key(bound_to, client, proved)
}

/// The proofs that a resource server has seen: the last ten to twenty thousand of one isolate, in order.
#[derive(Debug, Default)]
pub struct SeenProofs {
    newer: Vec<[u8; 32]>,
    older: Vec<[u8; 32]>,
}

impl SeenProofs {
    /// How many proofs are kept in half of the memory.
    const HALF: usize = 10_000;

    /// An empty memory.
    pub const fn new() -> Self {
        Self {
            newer: Vec::new(),
            older: Vec::new(),
        }
    }

    /// Remembers a proof, and forgets the oldest ones if it must.
    ///
    /// # Errors
    ///
    /// [`ProofRefusal::Used`] if it was seen before.
    pub fn see(&mut self, proof: &CheckedProof) -> Result<(), ProofRefusal> {
        let id = proof.id.to_bytes();
        let Err(place) = self.newer.binary_search(&id) else {
            return Err(ProofRefusal::Used);
        };
        if self.older.binary_search(&id).is_ok() {
            return Err(ProofRefusal::Used);
        }
        self.newer.insert(place, id);
        if self.newer.len() >= Self::HALF {
            self.older = core::mem::take(&mut self.newer);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::ClientSettings;
    use crate::client::tests::{confidential, public};
    use crate::secret::SecretHash;

    fn key(first: &str) -> Thumbprint {
        Thumbprint::parse(&format!(
            "{first}ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
        ))
        .unwrap()
    }

    fn proof(number: usize) -> CheckedProof {
        CheckedProof {
            jkt: key("0"),
            id: SecretHash::of(&number.to_string()),
            expires_at: Timestamp::from_seconds(1_800_000_000),
        }
    }

    #[test]
    fn who_must_prove_a_key_proves_that_key() {
        let (a, b) = (key("0"), key("1"));
        for client in [public(), confidential()] {
            assert_eq!(check_key(Some(&a), &client, Some(&a)), Ok(()));
            let other = check_key(Some(&a), &client, Some(&b));
            assert_eq!(other, Err(ProofRefusal::OtherKey));
            let none = check_key(Some(&a), &client, None);
            assert_eq!(none, Err(ProofRefusal::Required));
            assert_eq!(check_key(None, &client, Some(&a)), Ok(()));
            assert_eq!(check_key(None, &client, None), Ok(()));
            let promised = Client {
                settings: ClientSettings {
                    dpop_bound_access_tokens: true,
                    ..ClientSettings::default()
                },
                ..client
            };
            let none = check_key(None, &promised, None);
            assert_eq!(none, Err(ProofRefusal::Required));
            assert_eq!(check_key(None, &promised, Some(&a)), Ok(()));
        }
    }

    #[test]
    fn a_public_clients_grant_is_not_bound_later() {
        let a = key("0");
        let public = check_grant_key(None, &public(), Some(&a));
        assert_eq!(public, Err(ProofRefusal::NotBound));
        assert_eq!(check_grant_key(None, &confidential(), Some(&a)), Ok(()));
    }

    #[test]
    fn a_proof_is_seen_once_and_forgotten_after_ten_thousand_others() {
        let mut seen = SeenProofs::new();
        for number in 0..3 * SeenProofs::HALF {
            assert_eq!(seen.see(&proof(number)), Ok(()));
            assert_eq!(seen.see(&proof(number)), Err(ProofRefusal::Used));
            let recent = number.saturating_sub(SeenProofs::HALF - 1);
            assert_eq!(seen.see(&proof(recent)), Err(ProofRefusal::Used));
            assert!(seen.newer.len() + seen.older.len() <= 2 * SeenProofs::HALF);
        }
        assert_eq!(seen.see(&proof(0)), Ok(()));
    }
}
