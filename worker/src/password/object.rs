//! The object that looks at passwords, and remembers where wrong and right ones came from.

use gatepass_core::guessing::{Places, Record};
use gatepass_core::time::Timestamp;
use gatepass_edge::EdgeError;
use gatepass_edge::durable;
use gatepass_edge::object_storage::ObjectStorage;
use js_sys::Promise;
use wasm_bindgen::prelude::*;
use worker::worker_sys::web_sys;

use super::{Question, RIGHT, WRONG, matches};

/// Looks at one password after the other, of the accounts that are its own.
#[wasm_bindgen]
#[derive(Debug)]
pub struct PasswordHasher {
    accounts: Accounts,
}

#[wasm_bindgen]
impl PasswordHasher {
    /// As the runtime makes it.
    ///
    /// # Errors
    ///
    /// If the object has no database.
    #[wasm_bindgen(constructor)]
    #[expect(clippy::needless_pass_by_value, reason = "the runtime gives it away")]
    pub fn new(state: JsValue) -> Result<Self, JsValue> {
        let storage = ObjectStorage::in_state(&state).map_err(|error| error.to_string())?;
        let accounts = Accounts { storage };
        Ok(Self { accounts })
    }

    /// Answers a [`Question`]; asked nothing, it does nothing.
    pub fn fetch(&self, request: web_sys::Request) -> Promise {
        let accounts = self.accounts.clone();
        durable::answer(request, async move |text| {
            if text.is_empty() {
                return Ok(String::new());
            }
            let none = || EdgeError::Runtime("not a question".to_owned());
            let question = Question::parse(&text).ok_or_else(none)?;
            // From here on nothing waits, so nothing else happens in this object.
            Ok(accounts.answer(&question)?.to_string())
        })
    }
}

/// What the object remembers.
#[derive(Clone, Debug)]
struct Accounts {
    storage: ObjectStorage,
}

impl Accounts {
    fn answer(&self, question: &Question<'_>) -> Result<i64, EdgeError> {
        self.prepare()?;
        let [unknown, browser, address] = question.places;
        let before = Places {
            unknown: self.record(unknown)?,
            browser: self.record(browser)?,
            address: self.record(address)?,
        };
        let now = question.now;
        let attempt = match before.admit(question.policy, now) {
            Ok(attempt) => attempt,
            Err(wait) => return Ok(wait.seconds()),
        };
        let is_right = matches(question.password, question.hash, question.cost);
        let after = if is_right {
            attempt.right(now)
        } else {
            attempt.wrong(now)
        };
        self.keep(unknown, before.unknown, after.unknown)?;
        self.keep(browser, before.browser, after.browser)?;
        self.keep(address, before.address, after.address)?;
        self.forget(now)?;
        Ok(if is_right { RIGHT } else { WRONG })
    }

    fn prepare(&self) -> Result<(), EdgeError> {
        let table = "CREATE TABLE IF NOT EXISTS places (key TEXT PRIMARY KEY, failures INTEGER NOT NULL, \
                     failed_at INTEGER NOT NULL, signed_in_at INTEGER NOT NULL, \
                     expires_at INTEGER NOT NULL) WITHOUT ROWID";
        let index = "CREATE INDEX IF NOT EXISTS places_by_expiry ON places (expires_at)";
        self.storage.run(table, &[])?;
        self.storage.run(index, &[]).map(drop)
    }

    fn record(&self, key: &str) -> Result<Record, EdgeError> {
        let sql = "SELECT failures, failed_at, signed_in_at FROM places WHERE key = ?";
        let rows = self.storage.run(sql, &[key.into()])?;
        let Some(row) = rows.first() else {
            return Ok(Record::default());
        };
        Ok(Record {
            failures: row.number("places.failures")?,
            failed_at: row.time("places.failed_at")?,
            signed_in_at: row.time("places.signed_in_at")?,
        })
    }

    /// Keeps what has changed.
    fn keep(&self, key: &str, before: Record, after: Record) -> Result<(), EdgeError> {
        if before == after {
            return Ok(());
        }
        let sql = "INSERT OR REPLACE INTO places (key, failures, failed_at, signed_in_at, expires_at) \
                   VALUES (?, ?, ?, ?, ?)";
        let values = [
            key.into(),
            i64::from(after.failures).into(),
            after.failed_at.seconds().into(),
            after.signed_in_at.seconds().into(),
            after.expires_at().seconds().into(),
        ];
        self.storage.run(sql, &values).map(drop)
    }

    /// Forgets more than one answer can add, so that what is over never piles up.
    fn forget(&self, now: Timestamp) -> Result<(), EdgeError> {
        let sql = "DELETE FROM places WHERE key IN \
                   (SELECT key FROM places WHERE expires_at <= ? LIMIT 10)";
        self.storage.run(sql, &[now.seconds().into()]).map(drop)
    }
}
