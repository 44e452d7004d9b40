//! The stores on D1: the ports of `gatepass_core::store`, one file each, and the rows they read.
//!
//! A batch is one transaction and one round trip. SQL decides what must be decided inside the
//! transaction; everything else is judged in the core from what is read back.

mod authorize;
mod development;
mod grants;
mod keys;
mod once;
mod registration;
mod row;
#[cfg(feature = "contract")]
mod seed;

pub use keys::KeyRow;

use gatepass_edge::EdgeError;
use gatepass_edge::d1::Database;

/// The provider's tables, for the length of one request.
#[derive(Clone, Debug)]
pub struct D1Store {
    db: Database,
}

impl D1Store {
    /// The tables in `db`.
    pub fn new(db: Database) -> Self {
        Self { db }
    }

    /// Whether D1 answers and the migrations were applied.
    pub async fn is_reachable(&self) -> bool {
        let probe = async {
            let statement = self
                .db
                .statement("SELECT 1 FROM signing_keys LIMIT 1", &[])?;
            self.db.batch([statement]).await
        };
        probe.await.is_ok()
    }

    /// Every web origin that a client has registered.
    pub async fn origins(&self) -> Result<Vec<String>, EdgeError> {
        let sql = "SELECT origins FROM clients WHERE origins <> '' AND ended_at IS NULL";
        let [rows] = self.db.batch([self.db.statement(sql, &[])?]).await?;
        let lists: Vec<row::OriginsRow> = rows.all()?;
        Ok(lists
            .iter()
            .flat_map(|row| row.origins.split(' '))
            .map(str::to_owned)
            .collect())
    }
}
