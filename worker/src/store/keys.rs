//! Signing keys on D1.

use gatepass_edge::EdgeError;
use serde::{Deserialize, Serialize};

use super::D1Store;

/// A signing key as the store holds it: the private half encrypted.
#[derive(Debug, Deserialize, Serialize)]
pub struct KeyRow {
    /// `kid`.
    pub key_id: String,
    /// `alg`.
    pub algorithm: String,
    /// `current` or `retired`.
    pub status: String,
    /// The public half, a JSON object.
    pub public_jwk: String,
    /// The private half: PKCS #8, encrypted with AES-256-GCM, base64url.
    pub private_key: String,
    /// Its nonce, base64url.
    pub nonce: String,
}

/// A signing key to keep, if there is no current one yet.
#[derive(Debug, Deserialize, Serialize)]
pub struct NewKey {
    /// The row.
    pub row: KeyRow,
    /// When it was made, in seconds.
    pub created_at: i64,
}

impl D1Store {
    /// Every signing key, current ones first.
    pub async fn signing_keys(&self) -> Result<Vec<KeyRow>, EdgeError> {
        let sql = "SELECT key_id, algorithm, status, public_jwk, private_key, nonce \
                   FROM signing_keys ORDER BY status, created_at DESC";
        let [rows] = self.db.batch([self.db.statement(sql, &[])?]).await?;
        rows.all()
    }

    /// Keeps a key unless another isolate was faster; the unique index decides.
    pub async fn insert_key_if_none(&self, key: &NewKey) -> Result<(), EdgeError> {
        let sql = "INSERT INTO signing_keys (key_id, algorithm, status, public_jwk, private_key, \
                   nonce, created_at) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING";
        let row = &key.row;
        let statement = self.db.statement(
            sql,
            &[
                row.key_id.as_str().into(),
                row.algorithm.as_str().into(),
                row.status.as_str().into(),
                row.public_jwk.as_str().into(),
                row.private_key.as_str().into(),
                row.nonce.as_str().into(),
                key.created_at.into(),
            ],
        )?;
        self.db.batch([statement]).await.map(drop)
    }
}
