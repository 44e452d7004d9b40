//! The web origins that clients have registered, cached for the isolate.

use std::cell::RefCell;

use gatepass_core::time::{Lifetime, Timestamp};
use gatepass_edge::{EdgeError, clock};

use crate::store::D1Store;

/// How long a list is used; a page of an origin registered since then waits that long.
const CACHED_FOR: Lifetime = Lifetime::from_seconds(60);

thread_local! {
    static ORIGINS: RefCell<Option<(Timestamp, Vec<String>)>> = const { RefCell::new(None) };
}

/// Whether some client has registered `origin`.
///
/// # Errors
///
/// When the store cannot answer.
pub async fn is_registered(origin: &str, store: &D1Store) -> Result<bool, EdgeError> {
    let now = clock::now();
    let cached = ORIGINS.with_borrow(|origins| {
        let (read_at, origins) = origins.as_ref()?;
        let fresh = read_at.is_within(CACHED_FOR, now);
        fresh.then(|| origins.iter().any(|known| known == origin))
    });
    if let Some(known) = cached {
        return Ok(known);
    }
    let origins = store.origins().await?;
    let known = origins.iter().any(|known| known == origin);
    ORIGINS.set(Some((now, origins)));
    Ok(known)
}
