//! `GET /oauth/status_lists/{number}` (Token Status List §8.1): one round trip to D1, once a second at
//! most for each isolate and list; for all lists that are not there together, once in half the bound.

use std::cell::{Cell, RefCell};

use gatepass_core::status_list::{CONTENT_TYPE, ListNumber, StatusQuery, TYPE, kept_for};
use gatepass_core::store::StatusStore;
use gatepass_core::time::Timestamp;
use gatepass_edge::{EdgeError, clock, compression, http};
use worker::Response;

use crate::app::App;
use crate::page;

/// How many lists an isolate remembers.
const REMEMBERED: usize = 8;

/// A list, and the second in which it was made.
type Made = (ListNumber, Timestamp, String);

thread_local! {
    static MADE: RefCell<Vec<Made>> = const { RefCell::new(Vec::new()) };
    /// The last list there was, and when.
    static LAST: Cell<Option<(ListNumber, Timestamp)>> = const { Cell::new(None) };
}

pub async fn answer(list: ListNumber, app: &App) -> Result<Response, EdgeError> {
    let now = clock::now();
    let known = MADE.with_borrow(|made| {
        let mut made = made.iter();
        let same = made.find(|(of, at, _)| (*of, *at) == (list, now));
        same.map(|(_, _, text)| text.clone())
    });
    let text = match known {
        Some(text) => text,
        None => match write(list, now, app).await? {
            Some(text) => text,
            None => return absent(app),
        },
    };
    http::public(text, CONTENT_TYPE, kept_for(app.config.revocation_bound))
}

/// What is said of a list that is not there may be kept as long as one that is.
fn absent(app: &App) -> Result<Response, EdgeError> {
    let response = page::not_found(app)?;
    let kept = http::kept_for(kept_for(app.config.revocation_bound));
    response.headers().set("Cache-Control", &kept)?;
    Ok(response)
}

async fn write(list: ListNumber, now: Timestamp, app: &App) -> Result<Option<String>, EdgeError> {
    let config = &app.config;
    let is_fresh = |at: Timestamp| at.is_within(config.revocation_bound.half(), now);
    if LAST
        .get()
        .is_some_and(|(last, at)| list > last && is_fresh(at))
    {
        return Ok(None);
    }
    let keys = app.keys().await?;
    let query = StatusQuery {
        list,
        since: now.minus(keys.longest_token_lifetime()),
        at: now,
    };
    let revoked = app.store.revoked(&query).await?;
    LAST.set(Some((revoked.last, now)));
    if list > revoked.last {
        return Ok(None);
    }
    let bits = compression::deflate(&revoked.bits(list)).await?;
    let jwt = revoked.token(list, &bits, &config.issuer, (config.revocation_bound, now));
    let text = keys.sign(app, config.keys.algorithm, TYPE, &jwt).await?;
    MADE.with_borrow_mut(|made| {
        made.retain(|(of, at, _)| *of != list && *at == now);
        made.truncate(REMEMBERED - 1);
        made.push((list, now, text.clone()));
    });
    Ok(Some(text))
}
