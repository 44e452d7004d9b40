//! The sample API's tables on D1.

use gatepass_core::id::Subject;
use gatepass_edge::EdgeError;
use gatepass_edge::d1::{Database, Row};
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
}

/// One of the things that the API serves.
#[derive(Debug, Serialize)]
pub struct Item {
    id: i64,
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
        let sql = "SELECT subject, display_name, updated_at FROM profiles WHERE subject = ?";
        let statement = self.0.statement(sql, &[subject.as_str().into()])?;
        let [rows] = self.0.batch([statement]).await?;
        rows.first(profile)
    }

    /// Saves the user's profile.
    pub async fn save_profile(&self, profile: &Profile) -> Result<(), EdgeError> {
        let sql = "INSERT INTO profiles (subject, display_name, updated_at) VALUES (?, ?, ?) \
                   ON CONFLICT (subject) DO UPDATE SET display_name = excluded.display_name, \
                   updated_at = excluded.updated_at";
        let values = [
            profile.subject.as_str().into(),
            profile.display_name.as_str().into(),
            profile.updated_at.into(),
        ];
        self.0
            .batch([self.0.statement(sql, &values)?])
            .await
            .map(drop)
    }

    /// What the API serves.
    pub async fn items(&self) -> Result<Vec<Item>, EdgeError> {
        let statement = self
            .0
            .statement("SELECT id, title, text FROM data ORDER BY id", &[])?;
        let [rows] = self.0.batch([statement]).await?;
        rows.all(item)
    }
}

fn profile(row: &Row) -> Result<Profile, EdgeError> {
    Ok(Profile {
        subject: row.text("profiles.subject")?.to_owned(),
        display_name: row.text("profiles.display_name")?.to_owned(),
        updated_at: row.integer("profiles.updated_at")?,
    })
}

fn item(row: &Row) -> Result<Item, EdgeError> {
    Ok(Item {
        id: row.integer("data.id")?,
        title: row.text("data.title")?.to_owned(),
        text: row.text("data.text")?.to_owned(),
    })
}
