//! Passwords: Argon2id (RFC 9106) in a Durable Object, whose CPU allowance holds on every plan.

use argon2::Argon2;
use argon2::password_hash::{PasswordHash, PasswordVerifier};
use gatepass_core::secret::PasswordHash as StoredHash;
use gatepass_edge::{EdgeError, random};
use serde::{Deserialize, Serialize};
use worker::{Env, Method, Request, RequestInit};

pub use object::PasswordHasher;

/// The longest password, in bytes: enough for any passphrase, too short to be an attack.
const LONGEST: usize = 1024;

/// What an unknown user's password is compared with, so that the answer takes as long: a hash with
/// the parameters of every other (m = 19 MiB, t = 2, p = 1) of a password that nobody knows.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$Z2F0ZXBhc3Mtbm9ib2R5$mX7rS5K0jN3X8UbKfTq7qOyzvPMyC3ChSSmuVPH8xY0";

#[derive(Deserialize, Serialize)]
struct Question {
    password: String,
    hash: String,
}

/// Compares a password with a stored hash, or does the same work for a user who does not exist.
///
/// # Errors
///
/// When the Durable Object cannot be reached.
pub async fn verify(
    env: &Env,
    password: &str,
    hash: Option<&StoredHash>,
) -> Result<bool, EdgeError> {
    if password.len() > LONGEST {
        return Ok(false);
    }
    let question = Question {
        password: password.to_owned(),
        hash: hash.map_or(NOBODY, StoredHash::expose).to_owned(),
    };
    // A few objects side by side: one alone would make users wait for each other.
    let [random] = random::bytes()?;
    let name = format!("hasher-{}", random % 8);
    let hasher = env.durable_object("PASSWORD_HASHER")?.get_by_name(&name)?;
    let mut init = RequestInit::new();
    init.with_method(Method::Post)
        .with_body(Some(serde_json::to_string(&question)?.into()));
    let request = Request::new_with_init("https://password-hasher/verify", &init)?;
    let mut response = hasher.fetch_with_request(request).await?;
    let matches: bool = response.json().await?;
    Ok(matches && hash.is_some())
}

/// A stored hash that is none costs the same work as any other: how long the answer takes must not say
/// which accounts are broken.
fn matches(question: &Question) -> bool {
    let stored = PasswordHash::new(&question.hash);
    let is_readable = stored.is_ok();
    let Ok(hash) = stored.or_else(|_| PasswordHash::new(NOBODY)) else {
        return false;
    };
    let matches = Argon2::default().verify_password(question.password.as_bytes(), &hash);
    is_readable && matches.is_ok()
}

mod object {
    #![expect(
        missing_docs,
        reason = "the macro writes methods without documentation"
    )]

    use worker::{DurableObject, Env, Request, Response, Result, State, durable_object};

    use super::{Question, matches};

    /// Spends the CPU time that a password costs. It keeps nothing.
    #[durable_object]
    #[derive(Debug)]
    pub struct PasswordHasher;

    impl DurableObject for PasswordHasher {
        fn new(_state: State, _env: Env) -> Self {
            Self
        }

        async fn fetch(&self, mut request: Request) -> Result<Response> {
            let question: Question = request.json().await?;
            Response::from_json(&matches(&question))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_work_for_an_unknown_user_is_the_work_for_a_known_one() {
        let nobody = PasswordHash::new(NOBODY).unwrap();
        let known = crate::development::password_hash("demo");
        let known = PasswordHash::new(&known).unwrap();
        assert_eq!(nobody.algorithm, known.algorithm);
        assert_eq!(nobody.params, known.params);
        assert!(nobody.hash.is_some());
    }

    #[test]
    fn a_broken_hash_matches_nothing() {
        for hash in ["", "$argon2id$", "demo-password"] {
            let question = Question {
                password: "demo-password".into(),
                hash: hash.into(),
            };
            assert!(!matches(&question), "{hash}");
        }
    }

    #[test]
    fn the_development_passwords_are_what_the_manual_says() {
        for (user, password) in [("demo", "demo-password"), ("admin", "admin-password")] {
            let hash = crate::development::password_hash(user);
            let question = |password: &str| Question {
                password: password.into(),
                hash: hash.as_str().into(),
            };
            assert!(matches(&question(password)));
            assert!(!matches(&question("wrong")));
        }
    }
}
