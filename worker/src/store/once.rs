//! What may be used once, on D1.

use gatepass_core::dpop::{ProofUse, ProofVerdict};
use gatepass_core::secret::SecretHash;
use gatepass_core::store::OnceStore;
use gatepass_core::time::Timestamp;
use gatepass_edge::EdgeError;
use gatepass_edge::d1::{Rows, Statement};

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

    async fn use_proof(&self, used: &ProofUse<'_>) -> Result<ProofVerdict, EdgeError> {
        let (_, verdict) = self.batch_with_proof(vec![], Some(used)).await?;
        Ok(verdict)
    }
}

impl D1Store {
    /// Runs the statements, and uses the proof, if there is one, after them.
    pub(super) async fn batch_with_proof(
        &self,
        mut statements: Vec<Statement>,
        proof: Option<&ProofUse<'_>>,
    ) -> Result<(Vec<Rows>, ProofVerdict), EdgeError> {
        let Some(used) = proof else {
            return Ok((self.db.batch_of(statements).await?, ProofVerdict::Counts));
        };
        statements.push(self.use_statement(used)?);
        let mut rows = self.db.batch_of(statements).await?;
        let counts = rows.pop().is_some_and(|used| !used.is_empty());
        let verdict = if counts {
            ProofVerdict::Counts
        } else {
            ProofVerdict::Used
        };
        Ok((rows, verdict))
    }

    /// Returns a row if the proof counts.
    fn use_statement(&self, used: &ProofUse<'_>) -> Result<Statement, EdgeError> {
        let sql = "INSERT INTO used_once (id_hash, expires_at, purpose, used_at) \
                   VALUES (?, ?, ?, ?) ON CONFLICT (id_hash) DO UPDATE SET used_at = used_at \
                   WHERE purpose = excluded.purpose AND purpose <> '' AND used_at >= ? \
                   RETURNING id_hash";
        let id = used.proof.id.to_base64url();
        let values = [
            id.as_str().into(),
            used.proof.expires_at.seconds().into(),
            used.purpose.as_str().into(),
            used.at.seconds().into(),
            used.again_since.seconds().into(),
        ];
        self.db.statement(sql, &values)
    }
}
