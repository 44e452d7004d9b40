//! The sample API's tables on D1.

use gatepass_core::id::Subject;
use gatepass_edge::EdgeError;
use gatepass_edge::d1::{Database, Row, Value};
use gatepass_edge::exchange::Exchange;
use serde::Serialize;
use worker::Env;

/// What a user says of themselves.
#[derive(Debug, Serialize)]
pub struct Profile {
    /// The user.
    pub subject: String,
    /// The name that the user chose.
    pub display_name: String,
    /// When, in seconds since the epoch; 0 if never.
    pub updated_at: i64,
    /// How often it was saved.
    pub version: i64,
}

impl Profile {
    /// Of a user who has saved none.
    pub fn empty(subject: &Subject) -> Self {
        Self {
            subject: subject.to_string(),
            display_name: String::new(),
            updated_at: 0,
            version: 0,
        }
    }

    /// Whether this is what saving `asked` in the place of `expected` has made of it.
    pub fn is_already(&self, asked: &Self, expected: Option<i64>) -> bool {
        let next = expected.map(|version| version.saturating_add(1));
        next == Some(self.version) && self.display_name == asked.display_name
    }
}

/// One of the things that the API serves.
#[derive(Debug, Serialize)]
pub struct Item {
    /// Its key, in whose order items come.
    pub id: i64,
    title: String,
    text: String,
}

/// The tables, for the length of one request.
#[derive(Debug)]
pub struct Store(Database);

impl Store {
    /// The tables in the database bound as `DB`.
    ///
    /// # Errors
    ///
    /// [`EdgeError::Config`] if there is no such binding.
    pub fn of(env: &Env, exchange: &Exchange) -> Result<Self, EdgeError> {
        Database::new(env, "DB", exchange.trips.clone()).map(Self)
    }

    /// The user's profile, if the user has saved one.
    pub async fn profile(&self, subject: &Subject) -> Result<Option<Profile>, EdgeError> {
        let statement = self.0.statement(PROFILE, &[subject.as_str().into()])?;
        let [rows] = self.0.batch([statement]).await?;
        rows.first(profile)
    }

    /// Saves the user's profile in the place of the `expected` version, or of any. Says whether it did, and
    /// what is there then.
    pub async fn save_profile(
        &self,
        profile: &Profile,
        expected: Option<i64>,
    ) -> Result<(bool, Option<Profile>), EdgeError> {
        // A user without a profile has version 0.
        let sql = "INSERT INTO profiles (subject, display_name, updated_at, version) \
                   SELECT ?, ?, ?, 1 WHERE ? IS NULL OR ? = 0 \
                   OR EXISTS (SELECT 1 FROM profiles WHERE subject = ?) \
                   ON CONFLICT (subject) DO UPDATE SET display_name = excluded.display_name, \
                   updated_at = excluded.updated_at, version = version + 1 \
                   WHERE ? IS NULL OR version = ? RETURNING subject";
        let subject = profile.subject.as_str().into();
        let expected = expected.map_or(Value::Null, Value::Integer);
        let values = [
            subject,
            profile.display_name.as_str().into(),
            profile.updated_at.into(),
            expected,
            expected,
            subject,
            expected,
            expected,
        ];
        let batch = [
            self.0.statement(sql, &values)?,
            self.0.statement(PROFILE, &[subject])?,
        ];
        let [saved, found] = self.0.batch(batch).await?;
        Ok((!saved.is_empty(), found.first(self::profile)?))
    }

    /// So many of what the API serves, those that come after one.
    pub async fn items(&self, after: i64, count: u32) -> Result<Vec<Item>, EdgeError> {
        let sql = "SELECT id, title, text FROM data WHERE id > ? ORDER BY id LIMIT ?";
        let values = [after.into(), i64::from(count).into()];
        let statement = self.0.statement(sql, &values)?;
        let [rows] = self.0.batch([statement]).await?;
        rows.all(item)
    }
}

const PROFILE: &str =
    "SELECT subject, display_name, updated_at, version FROM profiles WHERE subject = ?";

fn profile(row: &Row) -> Result<Profile, EdgeError> {
    Ok(Profile {
        subject: row.text("profiles.subject")?.to_owned(),
        display_name: row.text("profiles.display_name")?.to_owned(),
        updated_at: row.integer("profiles.updated_at")?,
        version: row.integer("profiles.version")?,
    })
}

fn item(row: &Row) -> Result<Item, EdgeError> {
    Ok(Item {
        id: row.integer("data.id")?,
        title: row.text("data.title")?.to_owned(),
        text: row.text("data.text")?.to_owned(),
    })
}
