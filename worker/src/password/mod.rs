//! Passwords: Argon2id (RFC 9106) in a Durable Object, whose CPU allowance holds on every plan, and which
//! counts the wrong ones: an object does one thing after the other, so of any number of guesses at once
//! each is counted before the next is looked at.

mod object;

use core::fmt;

use argon2::{Algorithm, Argon2, Params, Version};
use gatepass_core::base64;
use gatepass_core::guessing::{PlaceKeys, Policy};
use gatepass_core::secret::PasswordHash as StoredHash;
use gatepass_core::time::{Lifetime, Timestamp};
use gatepass_edge::{EdgeError, durable};
use subtle::ConstantTimeEq;
use worker::Env;

pub use object::PasswordHasher;

/// The longest password, in bytes: enough for any passphrase, too short to be an attack.
const LONGEST: usize = 1024;

/// How many objects there are, side by side. All guesses at one account go to one of them.
const HASHERS: u8 = 16;

/// What an unknown user's password is compared with, so that the answer takes as long: a hash with
/// the parameters of every other (m = 19 MiB, t = 2, p = 1) of a password that nobody knows.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$Z2F0ZXBhc3Mtbm9ib2R5$mX7rS5K0jN3X8UbKfTq7qOyzvPMyC3ChSSmuVPH8xY0";

/// A password that somebody typed.
#[derive(Debug)]
pub struct Guess<'a> {
    pub password: &'a str,
    /// Of the user, if there is one.
    pub hash: Option<&'a StoredHash>,
    pub places: PlaceKeys,
}

/// What came of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// It is the user's.
    Right,
    /// It is not, or there is no such user.
    Wrong,
    /// It was not looked at, and will not be before this time has passed.
    Wait(Lifetime),
}

/// A guess on its way to the object, as text: what has no space in it, a line break, the password.
struct Question<'a> {
    password: &'a str,
    hash: &'a str,
    places: [&'a str; 3],
    policy: Policy,
    now: Timestamp,
}

impl<'a> Question<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (rest, password) = text.split_once('\n')?;
        let mut parts = rest.split(' ');
        Some(Self {
            password,
            hash: parts.next()?,
            places: [parts.next()?, parts.next()?, parts.next()?],
            policy: Policy {
                tries: parts.next()?.parse().ok()?,
                longest_wait: Lifetime::from_seconds(parts.next()?.parse().ok()?),
            },
            now: Timestamp::from_seconds(parts.next()?.parse().ok()?),
        })
    }
}

impl fmt::Display for Question<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [unknown, browser, address] = self.places;
        let Policy {
            tries,
            longest_wait,
        } = self.policy;
        let (longest, now) = (longest_wait.seconds(), self.now.seconds());
        // A hash that somebody has spoilt by hand is none: see `matches`.
        let hash = if self.hash.contains([' ', '\n']) {
            ""
        } else {
            self.hash
        };
        write!(
            f,
            "{hash} {unknown} {browser} {address} {tries} {longest} {now}\n{}",
            self.password
        )
    }
}

/// [`Verdict`] on its way back: the seconds to wait, or one of these.
const RIGHT: i64 = 0;
const WRONG: i64 = -1;

/// Compares a password with a stored hash, or does the same work for a user who does not exist.
///
/// # Errors
///
/// When the Durable Object cannot be reached.
pub async fn verify(
    guess: &Guess<'_>,
    policy: Policy,
    env: &Env,
    now: Timestamp,
) -> Result<Verdict, EdgeError> {
    if guess.password.len() > LONGEST {
        return Ok(Verdict::Wrong);
    }
    let places = guess.places.to_base64url();
    let question = Question {
        password: guess.password,
        hash: guess.hash.map_or(NOBODY, StoredHash::expose),
        places: places.each_ref().map(String::as_str),
        policy,
        now,
    };
    let name = format!("hasher-{}", guess.places.shard(HASHERS));
    let answer = durable::ask(env, "PASSWORD_HASHER", &name, &question.to_string()).await?;
    let broken = |_| EdgeError::Runtime("the password hasher did not answer".to_owned());
    Ok(match answer.parse().map_err(broken)? {
        RIGHT if guess.hash.is_some() => Verdict::Right,
        seconds @ 1.. => {
            let seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
            Verdict::Wait(Lifetime::from_seconds(seconds))
        }
        _ => Verdict::Wrong,
    })
}

/// A stored hash that is none costs the same work as any other: how long the answer takes must not say
/// which accounts are broken.
fn matches(password: &str, hash: &str) -> bool {
    let stored = Argon2id::parse(hash);
    let is_readable = stored.is_some();
    let matches = stored
        .or_else(|| Argon2id::parse(NOBODY))
        .and_then(|hash| hash.matches(password));
    is_readable && matches == Some(true)
}

/// The most that a hash may cost, in KiB and in passes: an object has 128 MiB for all that it does.
const MOST_MEMORY: u32 = 64 * 1024;
const MOST_PASSES: u32 = 16;

/// A hash as the PHC string format writes it: `$argon2id$v=19$m=…,t=…,p=…$salt$hash`.
struct Argon2id {
    params: Params,
    salt: Vec<u8>,
    tag: Vec<u8>,
}

impl Argon2id {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix("$argon2id$v=19$")?.split('$');
        let mut settings = parts.next()?.split(',');
        let mut setting = |name| settings.next()?.strip_prefix(name)?.parse().ok();
        let (memory, passes, lanes) = (setting("m=")?, setting("t=")?, setting("p=")?);
        let mut bytes = || base64::decode(parts.next()?, false);
        let (salt, tag) = (bytes()?, bytes()?);
        let params = Params::new(memory, passes, lanes, Some(tag.len())).ok()?;
        let has_more = settings.next().is_some() || parts.next().is_some();
        let is_bearable = memory <= MOST_MEMORY && passes <= MOST_PASSES;
        (!has_more && is_bearable).then_some(Self { params, salt, tag })
    }

    fn matches(&self, password: &str) -> Option<bool> {
        let mut tag = vec![0; self.tag.len()];
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, self.params.clone());
        let hashed = argon2.hash_password_into(password.as_bytes(), &self.salt, &mut tag);
        hashed.ok()?;
        Some(tag.ct_eq(&self.tag).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_work_for_an_unknown_user_is_the_work_for_a_known_one() {
        let nobody = Argon2id::parse(NOBODY).unwrap();
        let known = crate::development::password_hash("demo");
        let known = Argon2id::parse(&known).unwrap();
        assert_eq!(nobody.params, known.params);
        assert_eq!(nobody.tag.len(), known.tag.len());
    }

    #[test]
    fn a_question_arrives_as_it_was_asked() {
        for password in ["", "demo-password", "a b\nc\n", " \u{1f511}"] {
            let question = Question {
                password,
                hash: NOBODY,
                places: ["a", "b", "c"],
                policy: Policy::default(),
                now: Timestamp::from_seconds(1_700_000_000),
            };
            let text = question.to_string();
            let read = Question::parse(&text).unwrap();
            assert_eq!(read.password, password);
            assert_eq!((read.hash, read.places), (NOBODY, ["a", "b", "c"]));
            assert_eq!(read.policy, Policy::default());
            assert_eq!(read.now, question.now);
        }
        assert!(Question::parse("").is_none());
        assert!(Question::parse("a b c d e f g\npassword").is_none());
    }

    #[test]
    fn a_broken_hash_matches_nothing() {
        let demo = crate::development::password_hash("demo");
        for hash in [
            "",
            "$argon2id$",
            "demo-password",
            &demo.replace("argon2id", "argon2i"),
            &demo.replace("v=19", "v=16"),
            &demo.replace("t=2", "t=x"),
            &demo.replace("p=1", "p=0"),
            &demo.replace("m=19456", "m=65537"),
            &demo.replace("t=2", "t=17"),
            &demo.replace("p=1", "p=1,x=1"),
            &format!("{demo}$"),
            &format!("{demo}="),
        ] {
            assert!(!matches("demo-password", hash), "{hash}");
        }
    }

    #[test]
    fn the_development_passwords_are_what_the_manual_says() {
        for (user, password) in [("demo", "demo-password"), ("admin", "admin-password")] {
            let hash = crate::development::password_hash(user);
            assert!(matches(password, &hash));
            assert!(!matches("wrong", &hash));
        }
    }
}
