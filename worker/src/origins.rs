//! Whether a web origin is one that a client has registered, remembered for the isolate.

use std::cell::RefCell;

use gatepass_core::time::{Lifetime, Timestamp};
use gatepass_edge::{EdgeError, clock};

use crate::store::D1Store;

/// How long an answer is used; a page of an origin registered since then waits that long.
const CACHED_FOR: Lifetime = Lifetime::from_seconds(60);

/// How many answers are remembered. Anyone may ask with an invented origin.
const MOST: usize = 256;

/// No origin is longer: a host name has 253 characters at most (RFC 1035 §2.3.4).
const LONGEST: usize = 300;

struct Answer {
    origin: String,
    is_registered: bool,
    read_at: Timestamp,
}

thread_local! {
    static ANSWERS: RefCell<Vec<Answer>> = const { RefCell::new(Vec::new()) };
}

/// Whether some client has registered `origin`.
///
/// # Errors
///
/// When the store cannot answer.
pub async fn is_registered(origin: &str, store: &D1Store) -> Result<bool, EdgeError> {
    if origin.len() > LONGEST {
        return Ok(false);
    }
    let now = clock::now();
    let cached = ANSWERS.with_borrow(|answers| {
        let answer = answers.iter().find(|answer| answer.origin == origin)?;
        let fresh = answer.read_at.is_within(CACHED_FOR, now);
        fresh.then_some(answer.is_registered)
    });
    if let Some(is_registered) = cached {
        return Ok(is_registered);
    }
    let is_registered = store.is_registered_origin(origin).await?;
    ANSWERS.with_borrow_mut(|answers| {
        if answers.len() >= MOST {
            answers.clear();
        }
        answers.retain(|answer| answer.origin != origin);
        answers.push(Answer {
            origin: origin.to_owned(),
            is_registered,
            read_at: now,
        });
    });
    Ok(is_registered)
}
