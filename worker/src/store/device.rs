//! Device codes on D1.

use gatepass_core::grant::code::Redemption;
use gatepass_core::grant::device::{
    Answer, Approval, DevicePoll, DeviceRecord, DeviceStatus, Found, Polled, Polling, Redeemed,
};
use gatepass_core::id::{Audience, ClientId, GrantId, JwtId, SignInId, Subject};
use gatepass_core::scope::Scope;
use gatepass_core::secret::SecretHash;
use gatepass_core::status_list::StatusIndex;
use gatepass_core::store::DeviceStore;
use gatepass_core::time::Timestamp;
use gatepass_edge::EdgeError;
use gatepass_edge::d1::{Row, Statement, Value, exactly};

use super::D1Store;
use super::grants::{NEW_GRANT, NEXT_STATUS_INDEX, generations, read_presented};
use super::row::{self, CLIENT, GRANT, SIGN_IN, hash};

impl DeviceStore for D1Store {
    type Error = EdgeError;

    async fn insert_device_code(&self, record: &DeviceRecord) -> Result<bool, EdgeError> {
        let sql = "INSERT INTO device_codes (device_code_hash, user_code_hash, client_id, scope, \
                   audience, poll_interval, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?) \
                   ON CONFLICT DO NOTHING RETURNING 1";
        let statement = self.db.statement(
            sql,
            &[
                record.hash.to_base64url().as_str().into(),
                record.user_code.to_base64url().as_str().into(),
                record.client_id.as_str().into(),
                record.scope.to_string().as_str().into(),
                record.audience.as_str().into(),
                i64::from(record.polling.interval).into(),
                record.expires_at.seconds().into(),
            ],
        )?;
        let [inserted] = self.db.batch([statement]).await?;
        Ok(!inserted.is_empty())
    }

    async fn look_up_user_code(
        &self,
        user_code: SecretHash,
        sign_in: &SignInId,
        at: Timestamp,
    ) -> Result<Found, EdgeError> {
        let user_code = user_code.to_base64url();
        let (code, sign_in) = (Value::Text(&user_code), Value::Text(sign_in.as_str()));
        let count = "UPDATE sign_ins SET wrong_user_codes = wrong_user_codes + 1 \
                     WHERE sign_in_id = ? AND NOT EXISTS (SELECT 1 FROM device_codes \
                     WHERE user_code_hash = ? AND status = 'pending' AND expires_at > ?)";
        let sign_ins = format!("SELECT {SIGN_IN} FROM sign_ins WHERE sign_in_id = ?");
        let counts = "SELECT wrong_user_codes FROM sign_ins WHERE sign_in_id = ?";
        let users = "SELECT u.* FROM sign_ins s JOIN users u ON u.user_id = s.user_id \
                     WHERE s.sign_in_id = ?";
        let clients = format!(
            "SELECT {CLIENT} FROM device_codes d JOIN clients c ON c.client_id = d.client_id \
             WHERE d.user_code_hash = ? AND c.ended_at IS NULL"
        );
        let [_, sign_ins, counts, users, devices, clients] = self
            .db
            .batch([
                self.db
                    .statement(count, &[sign_in, code, at.seconds().into()])?,
                self.db.statement(&sign_ins, &[sign_in])?,
                self.db.statement(counts, &[sign_in])?,
                self.db.statement(users, &[sign_in])?,
                self.by_user_code(code)?,
                self.db.statement(&clients, &[code])?,
            ])
            .await?;
        let wrong_codes = counts.first(|row| row.number("sign_ins.wrong_user_codes"))?;
        Ok(Found {
            sign_in: sign_ins.first(row::sign_in)?,
            user: users.first(row::user)?,
            wrong_codes: wrong_codes.unwrap_or(0),
            device: devices.first(device)?.zip(clients.first(row::client)?),
        })
    }

    async fn answer_device(&self, answer: &Answer) -> Result<Option<DeviceStatus>, EdgeError> {
        let user_code = answer.user_code.to_base64url();
        let code = Value::Text(&user_code);
        let devices = [self.settle(answer, code)?, self.by_user_code(code)?];
        let [_, devices] = self.db.batch(devices).await?;
        Ok(devices.first(device)?.map(|record| record.status))
    }

    async fn poll_device(&self, poll: &DevicePoll<'_>) -> Result<Polled, EdgeError> {
        let hash = poll.device_code.to_base64url();
        let (code, at) = (Value::Text(&hash), Value::Integer(poll.at.seconds()));
        let devices = "SELECT * FROM device_codes WHERE device_code_hash = ?";
        let grants = format!(
            "SELECT {GRANT} FROM device_codes d JOIN grants g ON g.grant_id = d.grant_id \
             WHERE d.device_code_hash = ?"
        );
        let first = "refresh_jti FROM device_codes WHERE device_code_hash = ?";
        // As `Polling::after` has it.
        let count = format!(
            "UPDATE device_codes SET polled_at = ?, poll_interval = CASE \
             WHEN ? - polled_at < poll_interval - {} THEN min(poll_interval + {}, {}) \
             ELSE poll_interval END WHERE device_code_hash = ? AND status = 'pending'",
            Polling::JITTER,
            Polling::SLOW_DOWN_BY,
            Polling::LONGEST
        );
        let batch = vec![
            self.client(Some(poll.client_id))?,
            self.db.statement(devices, &[code])?,
            self.db.statement(&grants, &[code])?,
            self.db.statement(&generations(first), &[code])?,
            self.db.statement(&count, &[at, at, code])?,
        ];
        let (rows, proof) = self.batch_with_proof(batch, poll.proof.as_ref()).await?;
        let [clients, devices, grants, sessions, _] = exactly(rows)?;
        Ok(Polled {
            client: clients.first(row::client)?,
            record: devices.first(device)?,
            made: read_presented(&grants, &sessions)?,
            proof,
        })
    }

    async fn redeem_device_code(
        &self,
        redemption: &Redemption,
    ) -> Result<Option<StatusIndex>, EdgeError> {
        let (grant, session) = (&redemption.grant, &redemption.session);
        let hash = redemption.code.to_base64url();
        let (code, id) = (Value::Text(&hash), Value::Text(grant.id.as_str()));
        let at = Value::Integer(redemption.at.seconds());
        let consume = "UPDATE device_codes SET status = 'redeemed', redeemed_at = ?, grant_id = ?, \
                       refresh_jti = ? WHERE device_code_hash = ? AND status = 'allowed' \
                       AND expires_at > ?";
        let create_grant = format!(
            "INSERT INTO grants ({NEW_GRANT}) \
             SELECT {NEXT_STATUS_INDEX}, grant_id, ?, user_id, client_id, scope, audience, \
             auth_time, ?, redeemed_at, ? FROM device_codes \
             WHERE device_code_hash = ? AND grant_id = ? ON CONFLICT (grant_id) DO NOTHING \
             RETURNING status_index"
        );
        let jti = session.refresh_jti.as_str().into();
        let details = serde_json::to_string(&grant.details)?;
        let grant = [
            grant.browser.as_str().into(),
            details.as_str().into(),
            grant.expires_at.seconds().into(),
            code,
            id,
        ];
        let batch = vec![
            self.db.statement(consume, &[at, id, jti, code, at])?,
            self.db.statement(&create_grant, &grant)?,
        ];
        self.begin(batch, redemption).await
    }
}

impl D1Store {
    fn by_user_code(&self, user_code: Value<'_>) -> Result<Statement, EdgeError> {
        let sql = "SELECT * FROM device_codes WHERE user_code_hash = ?";
        self.db.statement(sql, &[user_code])
    }

    /// Keeps the answer, only if it counts.
    fn settle(&self, answer: &Answer, user_code: Value<'_>) -> Result<Statement, EdgeError> {
        let sql = "UPDATE device_codes SET status = ?, user_id = ?, auth_time = ?, details = ?, \
                   expires_at = max(expires_at, ?) WHERE user_code_hash = ? AND expires_at > ? \
                   AND (status = 'pending' OR (status = 'allowed' AND ? IS NULL)) \
                   AND EXISTS (SELECT 1 FROM sign_ins WHERE sign_in_id = ? AND expires_at > ?)";
        let at = answer.at.seconds().into();
        let approval = answer.approval.as_ref();
        let details = approval.map(|yes| serde_json::to_string(&yes.details));
        let details = details.transpose()?;
        let user = approval.map(|yes| yes.subject.as_str()).into();
        let (status, auth_time, until) = match approval {
            Some(yes) => (
                "allowed",
                yes.auth_time.seconds().into(),
                answer.fetch_until.seconds(),
            ),
            None => ("denied", Value::Null, 0),
        };
        self.db.statement(
            sql,
            &[
                status.into(),
                user,
                auth_time,
                details.as_deref().into(),
                until.into(),
                user_code,
                at,
                user,
                answer.sign_in.as_str().into(),
                at,
            ],
        )
    }
}

fn device(row: &Row) -> Result<DeviceRecord, EdgeError> {
    Ok(DeviceRecord {
        status: status(row)?,
        hash: row.parse("device_codes.device_code_hash", hash)?,
        user_code: row.parse("device_codes.user_code_hash", hash)?,
        client_id: row.parse("device_codes.client_id", ClientId::parse)?,
        scope: row.parse("device_codes.scope", Scope::parse)?,
        audience: row.parse("device_codes.audience", Audience::parse)?,
        polling: Polling {
            interval: row.number("device_codes.poll_interval")?,
            last: row.optional_time("device_codes.polled_at")?,
        },
        expires_at: row.time("device_codes.expires_at")?,
    })
}

fn status(row: &Row) -> Result<DeviceStatus, EdgeError> {
    let column = "device_codes.status";
    match row.text(column)? {
        "pending" => return Ok(DeviceStatus::Pending),
        "denied" => return Ok(DeviceStatus::Denied),
        "allowed" | "redeemed" => {}
        _ => return Err(EdgeError::Corrupt(column)),
    }
    let subject = row.parse("device_codes.user_id", Subject::parse)?;
    let at = row.optional_time("device_codes.redeemed_at")?;
    let grant_id = row.parse_optional("device_codes.grant_id", GrantId::parse)?;
    let refresh_jti = row.parse_optional("device_codes.refresh_jti", JwtId::parse)?;
    match (at, grant_id, refresh_jti) {
        (None, None, None) => Ok(DeviceStatus::Allowed(Approval {
            subject,
            auth_time: row.time("device_codes.auth_time")?,
            details: row.json("device_codes.details")?,
        })),
        (Some(at), Some(grant_id), Some(refresh_jti)) => Ok(DeviceStatus::Redeemed(Redeemed {
            subject,
            at,
            grant_id,
            refresh_jti,
        })),
        _ => Err(EdgeError::Corrupt(column)),
    }
}
