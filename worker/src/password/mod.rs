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

/// How much work every password is: the hash, at that cost, of a password that nobody knows.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Cost(String);

impl Cost {
    /// Unless configured otherwise.
    pub const DEFAULT: &'static str = "m=19456,t=2,p=1";

    /// A cost that an object can bear, as the PHC string format writes it: memory in KiB, passes and lanes.
    pub fn parse(text: &str) -> Option<Self> {
        let tail = "Z2F0ZXBhc3Mtbm9ib2R5$mX7rS5K0jN3X8UbKfTq7qOyzvPMyC3ChSSmuVPH8xY0";
        let nobody = format!("$argon2id$v=19${text}${tail}");
        Argon2id::parse(&nobody).is_some().then_some(Self(nobody))
    }
}

/// A password that somebody typed.
#[derive(Debug)]
pub struct Guess<'a> {
    pub password: &'a str,
    /// Of the user, if there is one.
    pub hash: Option<&'a StoredHash>,
    pub cost: &'a Cost,
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
    cost: &'a str,
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
            cost: parts.next()?,
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
            "{hash} {} {unknown} {browser} {address} {tries} {longest} {now}\n{}",
            self.cost, self.password
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
        // An unknown user's is none, which is as much work.
        hash: guess.hash.map_or("", StoredHash::expose),
        cost: &guess.cost.0,
        places: places.each_ref().map(String::as_str),
        policy,
        now,
    };
    let name = format!("hasher-{}", guess.places.shard(HASHERS));
    let answer = durable::ask(env, "PASSWORD_HASHER", &name, &question.to_string()).await?;
    let broken = |_| EdgeError::Runtime("the password hasher did not answer".to_owned());
    Ok(match answer.parse().map_err(broken)? {
        RIGHT => Verdict::Right,
        seconds @ 1.. => {
            let seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
            Verdict::Wait(Lifetime::from_seconds(seconds))
        }
        _ => Verdict::Wrong,
    })
}

/// Whether a password is that of a hash. What the hash leaves of the work that `cost` is, is done as well: how
/// long the answer takes must not say which accounts there are, which are broken, or were stored at less.
fn matches(password: &str, hash: &str, cost: &str) -> bool {
    let stored = Argon2id::parse(hash);
    let matches = stored.as_ref().and_then(|hash| hash.matches(password));
    let done = stored.map_or(0, |hash| work(&hash.params));
    let rest = Argon2id::parse(cost).and_then(|every| every.after(done));
    if let Some(rest) = rest {
        rest.matches(password);
    }
    matches == Some(true)
}

/// How many KiB are gone over.
fn work(params: &Params) -> u32 {
    params.m_cost() * params.t_cost()
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

    /// What is left of this one's work when some is done, in no more memory.
    fn after(self, done: u32) -> Option<Self> {
        let left = work(&self.params).checked_sub(done)?;
        let passes = left.div_ceil(self.params.m_cost());
        let memory = left.checked_div(passes)?.max(Params::MIN_M_COST);
        let params = Params::new(memory, passes, 1, Some(self.tag.len())).ok()?;
        Some(Self { params, ..self })
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

    fn of(cost: &str) -> Argon2id {
        Argon2id::parse(&Cost::parse(cost).unwrap().0).unwrap()
    }

    #[test]
    fn the_work_for_an_unknown_user_is_the_work_for_a_known_one() {
        let nobody = of(Cost::DEFAULT).after(0).unwrap();
        let known = crate::development::password_hash("demo");
        let known = Argon2id::parse(&known).unwrap();
        assert_eq!(nobody.params, known.params);
        assert_eq!(nobody.tag.len(), known.tag.len());
    }

    #[test]
    fn a_cheaper_hash_takes_the_same_work_and_a_dearer_one_its_own() {
        for every in [Cost::DEFAULT, "m=65536,t=3,p=1", "m=8,t=1,p=1"] {
            for stored in [
                "m=8,t=1,p=1",
                "m=19455,t=2,p=1",
                "m=9728,t=4,p=1",
                "m=12288,t=3,p=1",
                "m=65536,t=16,p=4",
            ] {
                let (every, done) = (of(every), work(&of(stored).params));
                let (all, memory) = (work(&every.params), every.params.m_cost());
                let rest = every.after(done);
                assert!(
                    rest.as_ref()
                        .is_none_or(|rest| rest.params.m_cost() <= memory)
                );
                let sum = done + rest.map_or(0, |rest| work(&rest.params));
                assert!(sum.abs_diff(all.max(done)) <= 16, "{stored}: {sum}");
            }
        }
    }

    #[test]
    fn a_hash_of_any_cost_is_compared_at_its_own() {
        let stored = "$argon2id$v=19$m=16,t=1,p=1$BwcHBwcHBwcHBwcHBwcHBw$0JhOs/lsQqM9OzGazWrsPzinKlsj7e1S6p0+DUZUypY";
        for every in ["m=8,t=1,p=1", "m=16,t=1,p=1", "m=32,t=3,p=2"] {
            let every = Cost::parse(every).unwrap().0;
            assert!(matches("demo-password", stored, &every));
            assert!(!matches("wrong", stored, &every));
        }
    }

    #[test]
    fn a_cost_is_one_that_an_object_can_bear() {
        for bad in [
            "",
            "m=19456,t=2",
            "m=19456,t=0,p=1",
            "m=65537,t=1,p=1",
            "m=19456,t=17,p=1",
            "m=19456,t=2,p=1 ",
            "m=19456,t=2,p=1$",
        ] {
            assert_eq!(Cost::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_question_arrives_as_it_was_asked() {
        for password in ["", "demo-password", "a b\nc\n", " \u{1f511}"] {
            let question = Question {
                password,
                hash: "a-hash",
                cost: "a-cost",
                places: ["a", "b", "c"],
                policy: Policy::default(),
                now: Timestamp::from_seconds(1_700_000_000),
            };
            let text = question.to_string();
            let read = Question::parse(&text).unwrap();
            assert_eq!(read.password, password);
            assert_eq!((read.hash, read.cost), ("a-hash", "a-cost"));
            assert_eq!(read.places, ["a", "b", "c"]);
            assert_eq!(read.policy, Policy::default());
            assert_eq!(read.now, question.now);
        }
        assert!(Question::parse("").is_none());
        assert!(Question::parse("a x b c d e f g\npassword").is_none());
    }

    #[test]
    fn a_broken_hash_matches_nothing() {
        let default = Cost::parse(Cost::DEFAULT).unwrap().0;
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
            assert!(!matches("demo-password", hash, &default), "{hash}");
        }
    }

    #[test]
    fn the_development_passwords_are_what_the_manual_says() {
        let default = Cost::parse(Cost::DEFAULT).unwrap().0;
        for (user, password) in [("demo", "demo-password"), ("admin", "admin-password")] {
            let hash = crate::development::password_hash(user);
            assert!(matches(password, &hash, &default));
            assert!(!matches("wrong", &hash, &default));
        }
    }
}
