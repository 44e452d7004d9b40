//! Signing keys on D1. Each write has its condition in the statement: whoever comes second, or too
//! late, changes nothing.

use gatepass_core::id::KeyId;
use gatepass_core::keys::KeyStatus;
use gatepass_core::keys::command::Compromised;
use gatepass_core::time::{Lifetime, Timestamp};
use gatepass_edge::EdgeError;
use gatepass_edge::d1::{Row, Statement, Value};

use super::D1Store;
use crate::keys::Sealed;

/// A signing key as the store holds it: the private half encrypted, if it is still there.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeyRow {
    /// `kid`.
    pub key_id: String,
    /// `alg`.
    pub algorithm: String,
    /// Where it is in its life.
    pub status: String,
    /// The public half, a JSON object.
    pub public_jwk: String,
    /// The private half: PKCS #8, encrypted with AES-256-GCM, base64url.
    pub private_key: Option<String>,
    /// Its nonce, base64url.
    pub nonce: Option<String>,
    /// Under which key it is encrypted; empty if that is not known.
    pub kek_id: String,
    /// The longest that a token lives which it has signed.
    pub token_lifetime: i64,
    /// Since when it is here.
    pub created_at: Timestamp,
    /// Since when it has its status.
    pub since: Timestamp,
}

const COLUMNS: &str = "key_id, algorithm, status, public_jwk, private_key, nonce, kek_id, \
     token_lifetime, created_at, since";

impl D1Store {
    /// Every signing key: those that sign, those that will, those that did.
    pub async fn signing_keys(&self) -> Result<Vec<KeyRow>, EdgeError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM signing_keys ORDER BY \
             status = 'current' DESC, status = 'next' DESC, since DESC, key_id"
        );
        let [rows] = self.db.batch([self.db.statement(&sql, &[])?]).await?;
        rows.all(key)
    }

    /// Keeps a key, unless there is one of this algorithm and status, or it is here already. Says
    /// whether it is kept.
    pub async fn insert_key(&self, row: &KeyRow) -> Result<bool, EdgeError> {
        let [rows] = self.db.batch([self.insertion(row)?]).await?;
        Ok(!rows.is_empty())
    }

    fn insertion(&self, row: &KeyRow) -> Result<Statement, EdgeError> {
        let sql = format!(
            "INSERT INTO signing_keys ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
             ON CONFLICT DO NOTHING RETURNING key_id"
        );
        let values = [
            row.key_id.as_str().into(),
            row.algorithm.as_str().into(),
            row.status.as_str().into(),
            row.public_jwk.as_str().into(),
            row.private_key.as_deref().into(),
            row.nonce.as_deref().into(),
            row.kek_id.as_str().into(),
            row.token_lifetime.into(),
            row.created_at.seconds().into(),
            row.since.seconds().into(),
        ];
        self.db.statement(&sql, &values)
    }

    /// `next` signs from now on, and `current` no more: its private half is deleted. Says whether it
    /// came to that.
    pub async fn promote_key(
        &self,
        next: &KeyId,
        current: Option<&KeyId>,
        at: Timestamp,
    ) -> Result<bool, EdgeError> {
        let at = at.seconds();
        let step_down = "UPDATE signing_keys SET status = 'previous', since = ?, \
            private_key = NULL, nonce = NULL WHERE key_id = ? AND status = 'current' \
            AND EXISTS (SELECT 1 FROM signing_keys WHERE key_id = ? AND status = 'next')";
        let step_up = "UPDATE signing_keys SET status = 'current', since = ? \
            WHERE key_id = ? AND status = 'next' AND NOT EXISTS (SELECT 1 FROM signing_keys s \
            WHERE s.algorithm = signing_keys.algorithm AND s.status = 'current') \
            RETURNING key_id";
        let (next, current) = (next.as_str(), current.map_or("", KeyId::as_str));
        let statements = [
            self.db
                .statement(step_down, &[at.into(), current.into(), next.into()])?,
            self.db.statement(step_up, &[at.into(), next.into()])?,
        ];
        let [_, promoted] = self.db.batch(statements).await?;
        Ok(!promoted.is_empty())
    }

    /// These keys verify nothing from now on, and their private halves are deleted. Names the keys.
    pub async fn revoke_keys(
        &self,
        which: &Compromised,
        at: Timestamp,
    ) -> Result<Vec<String>, EdgeError> {
        let sql = "UPDATE signing_keys SET status = 'revoked', since = ?, private_key = NULL, \
                   nonce = NULL WHERE status <> 'revoked' AND (? IS NULL OR key_id = ?) \
                   RETURNING key_id";
        let key: Value<'_> = match which {
            Compromised::All => Value::Null,
            Compromised::Key(id) => id.as_str().into(),
        };
        let statement = self.db.statement(sql, &[at.seconds().into(), key, key])?;
        let [rows] = self.db.batch([statement]).await?;
        rows.all(|row| Ok(row.text("signing_keys.key_id")?.to_owned()))
    }

    /// Keeps a key that was made elsewhere in the place of the one of its algorithm and status, unless it
    /// is here already or another has its name: the one that signed becomes previous, one that signed
    /// nothing yet is deleted. Says whether it is kept.
    pub async fn replace_key(&self, row: &KeyRow) -> Result<bool, EdgeError> {
        let unknown = "algorithm = ? AND NOT EXISTS (SELECT 1 FROM signing_keys \
                       WHERE key_id = ? OR public_jwk = ?)";
        let algorithm = row.algorithm.as_str().into();
        let (id, public) = (row.key_id.as_str().into(), row.public_jwk.as_str().into());
        let make_way = if row.status == KeyStatus::Current.as_str() {
            let step_down = "UPDATE signing_keys SET status = 'previous', since = ?, \
                             private_key = NULL, nonce = NULL WHERE status = 'current'";
            let values = [row.since.seconds().into(), algorithm, id, public];
            self.db
                .statement(&format!("{step_down} AND {unknown}"), &values)?
        } else {
            let delete = "DELETE FROM signing_keys WHERE status = 'next'";
            self.db
                .statement(&format!("{delete} AND {unknown}"), &[algorithm, id, public])?
        };
        let [_, inserted] = self.db.batch([make_way, self.insertion(row)?]).await?;
        Ok(!inserted.is_empty())
    }

    /// A previous key is published no more.
    pub async fn retire_key(&self, key: &KeyId, at: Timestamp) -> Result<bool, EdgeError> {
        let sql = "UPDATE signing_keys SET status = 'retired', since = ? \
                   WHERE key_id = ? AND status = 'previous' RETURNING key_id";
        self.change_key(sql, &[at.seconds().into(), key.as_str().into()])
            .await
    }

    /// Deletes a key that has this status.
    pub async fn forget_key(&self, key: &KeyId, status: KeyStatus) -> Result<bool, EdgeError> {
        let sql = "DELETE FROM signing_keys WHERE key_id = ? AND status = ? RETURNING key_id";
        self.change_key(sql, &[key.as_str().into(), status.as_str().into()])
            .await
    }

    /// The private half of a key is encrypted anew, unless that has been done meanwhile.
    pub async fn reencrypt_key(
        &self,
        key: &KeyId,
        before: &Sealed,
        now: &Sealed,
    ) -> Result<bool, EdgeError> {
        let sql = "UPDATE signing_keys SET private_key = ?, nonce = ?, kek_id = ? \
                   WHERE key_id = ? AND nonce = ? RETURNING key_id";
        let values = [
            now.ciphertext.as_str().into(),
            now.nonce.as_str().into(),
            now.kek_id.as_str().into(),
            key.as_str().into(),
            before.nonce.as_str().into(),
        ];
        self.change_key(sql, &values).await
    }

    /// A key is about to sign a token that lives longer than any before.
    pub async fn lengthen_key(&self, key: &KeyId, lifetime: Lifetime) -> Result<bool, EdgeError> {
        let sql = "UPDATE signing_keys SET token_lifetime = max(token_lifetime, ?) \
                   WHERE key_id = ? RETURNING key_id";
        self.change_key(sql, &[lifetime.seconds().into(), key.as_str().into()])
            .await
    }

    async fn change_key(&self, sql: &str, values: &[Value<'_>]) -> Result<bool, EdgeError> {
        let [rows] = self.db.batch([self.db.statement(sql, values)?]).await?;
        Ok(!rows.is_empty())
    }
}

fn key(row: &Row) -> Result<KeyRow, EdgeError> {
    let text = |column| Ok::<_, EdgeError>(row.text(column)?.to_owned());
    let optional = |column| Ok::<_, EdgeError>(row.optional_text(column)?.map(str::to_owned));
    Ok(KeyRow {
        key_id: text("signing_keys.key_id")?,
        algorithm: text("signing_keys.algorithm")?,
        status: text("signing_keys.status")?,
        public_jwk: text("signing_keys.public_jwk")?,
        private_key: optional("signing_keys.private_key")?,
        nonce: optional("signing_keys.nonce")?,
        kek_id: text("signing_keys.kek_id")?,
        token_lifetime: row.integer("signing_keys.token_lifetime")?,
        created_at: row.time("signing_keys.created_at")?,
        since: row.time("signing_keys.since")?,
    })
}
