//! What may be used once, on D1.

use gatepass_core::secret::SecretHash;
use gatepass_core::store::OnceStore;
use gatepass_core::time::Timestamp;
use gatepass_edge::EdgeError;

use super::D1Store;

impl OnceStore for D1Store {
    type Error = EdgeError;

    async fn use_once(&self, id: SecretHash, expires_at: Timestamp) -> Result<bool, EdgeError> {
        let sql = "INSERT INTO used_once (id_hash, expires_at) VALUES (?, ?) \
                   ON CONFLICT DO NOTHING RETURNING id_hash";
        let id = id.to_base64url();
        let values = [id.as_str().into(), expires_at.seconds().into()];
        let [inserted] = self.db.batch([self.db.statement(sql, &values)?]).await?;
        Ok(!inserted.is_empty())
    }
}
