//! The object that looks at passwords, and remembers where wrong and right ones came from.

#![expect(
    missing_docs,
    reason = "the macro writes methods without documentation"
)]

use gatepass_core::guessing::{Places, Record};
use gatepass_core::time::Timestamp;
use gatepass_edge::EdgeError;
use gatepass_edge::object_storage::ObjectStorage;
use worker::{DurableObject, Env, Request, Response, Result, State, durable_object};

use super::{Question, RIGHT, WRONG, matches};

/// Looks at one password after the other, of the accounts that are its own.
#[durable_object]
#[derive(Debug)]
pub struct PasswordHasher {
    storage: ObjectStorage,
}

impl DurableObject for PasswordHasher {
    fn new(state: State, _env: Env) -> Self {
        let storage = ObjectStorage::of(&state);
        Self { storage }
    }

    async fn fetch(&self, mut request: Request) -> Result<Response> {
        let text = request.text().await?;
        if text.is_empty() {
            return Response::ok("");
        }
        let question = Question::parse(&text).ok_or("not a question")?;
        // From here on nothing waits, so nothing else happens in this object.
        let answer = self.answer(&question).map_err(|error| error.to_string())?;
        Response::ok(answer.to_string())
    }
}

impl PasswordHasher {
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
        let is_right = matches(question.password, question.hash);
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
