//! Device codes, in memory.

use std::convert::Infallible;

use gatepass_core::grant::code::Redemption;
use gatepass_core::grant::device::{
    Answer, DevicePoll, DeviceRecord, DeviceStatus, Found, Polled, Redeemed,
};
use gatepass_core::id::SignInId;
use gatepass_core::secret::SecretHash;
use gatepass_core::status_list::StatusIndex;
use gatepass_core::store::DeviceStore;
use gatepass_core::time::Timestamp;

use super::{MemoryStore, Tables};

impl DeviceStore for MemoryStore {
    type Error = Infallible;

    async fn insert_device_code(&self, record: &DeviceRecord) -> Result<bool, Infallible> {
        let mut tables = self.0.borrow_mut();
        let is_free = tables.by_user_code(record.user_code).is_none();
        if is_free {
            let key = record.hash.to_base64url();
            tables.devices.insert(key, record.clone());
        }
        Ok(is_free)
    }

    async fn look_up_user_code(
        &self,
        user_code: SecretHash,
        sign_in: &SignInId,
        at: Timestamp,
    ) -> Result<Found, Infallible> {
        let mut tables = self.0.borrow_mut();
        let record = tables.by_user_code(user_code).cloned();
        let waits = |record: &DeviceRecord| {
            record.status == DeviceStatus::Pending && record.expires_at > at
        };
        if !record.as_ref().is_some_and(waits) && tables.sign_ins.contains_key(sign_in) {
            *tables.wrong_user_codes.entry(sign_in.clone()).or_default() += 1;
        }
        let device = record.and_then(|record| {
            let client = tables.client(&record.client_id)?;
            Some((record, client))
        });
        let sign_in_row = tables.sign_ins.get(sign_in).cloned();
        let user = sign_in_row
            .as_ref()
            .and_then(|row| tables.users.get(&row.subject));
        Ok(Found {
            user: user.map(|(user, _)| user.clone()),
            sign_in: sign_in_row,
            wrong_codes: tables
                .wrong_user_codes
                .get(sign_in)
                .copied()
                .unwrap_or_default(),
            device,
        })
    }

    async fn answer_device(&self, answer: &Answer) -> Result<Option<DeviceStatus>, Infallible> {
        let mut tables = self.0.borrow_mut();
        let sign_in = tables.sign_ins.get(&answer.sign_in);
        let is_live = sign_in.is_some_and(|sign_in| sign_in.expires_at > answer.at);
        let Some(record) = tables.by_user_code_mut(answer.user_code) else {
            return Ok(None);
        };
        let still_counts = match (&record.status, &answer.approval) {
            (DeviceStatus::Pending, _) | (DeviceStatus::Allowed(_), None) => true,
            (DeviceStatus::Allowed(_), Some(_))
            | (DeviceStatus::Denied | DeviceStatus::Redeemed(_), _) => false,
        };
        if is_live && still_counts && record.expires_at > answer.at {
            match &answer.approval {
                Some(approval) => {
                    record.status = DeviceStatus::Allowed(approval.clone());
                    record.expires_at = record.expires_at.max(answer.fetch_until);
                }
                None => record.status = DeviceStatus::Denied,
            }
        }
        Ok(Some(record.status.clone()))
    }

    async fn poll_device(&self, poll: &DevicePoll<'_>) -> Result<Polled, Infallible> {
        let mut tables = self.0.borrow_mut();
        let proof = tables.use_proof(poll.proof.as_ref());
        let before = tables
            .devices
            .get(&poll.device_code.to_base64url())
            .cloned();
        let made = match before.as_ref().map(|record| &record.status) {
            Some(DeviceStatus::Redeemed(redeemed)) => tables.presented(&redeemed.refresh_jti),
            _ => None,
        };
        if let Some(record) = tables.devices.get_mut(&poll.device_code.to_base64url())
            && record.status == DeviceStatus::Pending
        {
            record.polling = record.polling.after(poll.at);
        }
        Ok(Polled {
            client: tables.client(poll.client_id),
            record: before,
            made,
            proof,
        })
    }

    async fn redeem_device_code(
        &self,
        redemption: &Redemption,
    ) -> Result<Option<StatusIndex>, Infallible> {
        let mut tables = self.0.borrow_mut();
        let (grant, session) = (&redemption.grant, &redemption.session);
        let Some(record) = tables.devices.get_mut(&redemption.code.to_base64url()) else {
            return Ok(None);
        };
        let DeviceStatus::Allowed(approval) = &record.status else {
            return Ok(None);
        };
        if record.expires_at <= redemption.at {
            return Ok(None);
        }
        record.status = DeviceStatus::Redeemed(Redeemed {
            subject: approval.subject.clone(),
            at: redemption.at,
            grant_id: grant.id.clone(),
            refresh_jti: session.refresh_jti.clone(),
        });
        tables.keep_opaque(redemption.access_token.as_ref(), &redemption.grant);
        Ok(Some(tables.begin(&redemption.grant, &redemption.session)))
    }
}

impl Tables {
    fn by_user_code(&self, user_code: SecretHash) -> Option<&DeviceRecord> {
        let mut devices = self.devices.values();
        devices.find(|record| record.user_code.matches(user_code))
    }

    fn by_user_code_mut(&mut self, user_code: SecretHash) -> Option<&mut DeviceRecord> {
        let mut devices = self.devices.values_mut();
        devices.find(|record| record.user_code.matches(user_code))
    }
}
