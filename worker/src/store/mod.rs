//! The stores on D1: the ports of `gatepass_core::store`, one file each, and the rows they read.
//!
//! A batch is one transaction and one round trip. SQL decides what must be decided inside the
//! transaction; everything else is judged in the core from what is read back.

mod audit;
mod authorize;
mod clean_up;
mod consent;
mod development;
mod device;
mod grants;
mod keys;
mod once;
mod opaque;
mod pushed;
mod registration;
mod row;
#[cfg(feature = "contract")]
mod seed;
mod status;

pub use audit::AuditRow;
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
            let sql = "SELECT after FROM clean_up_windows WHERE table_name = 'grants'";
            let statement = self.db.statement(sql, &[])?;
            self.db.batch([statement]).await
        };
        probe.await.is_ok()
    }

    /// Whether some client has registered this web origin.
    pub async fn is_registered_origin(&self, origin: &str) -> Result<bool, EdgeError> {
        let sql = "SELECT client_id FROM client_origins WHERE origin = ? LIMIT 1";
        let statement = self.db.statement(sql, &[origin.into()])?;
        let [rows] = self.db.batch([statement]).await?;
        Ok(!rows.is_empty())
    }
}
