//! Keeping the keys as they should be: the steps that the core finds due, taken on D1.

use gatepass_core::jose::SigningAlgorithm;
use gatepass_core::keys::{self, KeyRecord, KeyStatus, Step};
use gatepass_core::time::Timestamp;
use gatepass_edge::{EdgeError, log};

use super::maker;
use super::stored::{StoredKey, new_row};
use crate::app::App;
use crate::store::KeyRow;

/// What it takes at most until nothing is due any more: a key that cannot be decrypted is deleted, and
/// another made.
const ROUNDS: usize = 3;

/// The keys, after everything that is due has been done. If that fails, the keys as they are, as long
/// as they can sign with `wanted`.
///
/// # Errors
///
/// When the store fails, or a key is missing and cannot be made.
pub async fn keep_up(
    app: &App,
    wanted: &[SigningAlgorithm],
    now: Timestamp,
) -> Result<Vec<KeyRow>, EdgeError> {
    let mut rows = app.store.signing_keys().await?;
    for _ in 0..ROUNDS {
        match take_steps(app, &rows, wanted, now).await {
            Ok(false) => break,
            Ok(true) => rows = app.store.signing_keys().await?,
            Err(error) if can_sign(&rows, wanted) => {
                log::event(&log::Event {
                    request_id: &app.request_id,
                    event: "signing_keys_not_kept_up",
                    about: "signing_keys",
                    reason: &error.to_string(),
                });
                break;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(rows)
}

fn can_sign(rows: &[KeyRow], wanted: &[SigningAlgorithm]) -> bool {
    let current = KeyStatus::Current.as_str();
    wanted.iter().all(|algorithm| {
        rows.iter()
            .any(|row| row.status == current && row.algorithm == algorithm.as_str())
    })
}

/// The keys of these rows.
pub(super) fn parse(rows: &[KeyRow], app: &App) -> Result<Vec<StoredKey>, EdgeError> {
    let encryption = &app.config.keys.encryption;
    rows.iter()
        .map(|row| StoredKey::parse(row, encryption))
        .collect()
}

/// Whether there was anything to do.
async fn take_steps(
    app: &App,
    rows: &[KeyRow],
    wanted: &[SigningAlgorithm],
    now: Timestamp,
) -> Result<bool, EdgeError> {
    let stored = parse(rows, app)?;
    let records: Vec<_> = stored.iter().map(|key| key.record.clone()).collect();
    let steps = keys::due(&records, wanted, &app.config.keys.schedule, now);
    for step in &steps {
        take(app, *step, now).await?;
    }
    let mut is_changed = !steps.is_empty();
    for key in &stored {
        is_changed |= reencrypt(app, key).await?;
    }
    Ok(is_changed)
}

/// Takes one step, if nobody else has, and says so in the log.
pub(super) async fn take(app: &App, step: Step<'_>, now: Timestamp) -> Result<(), EdgeError> {
    match step {
        Step::Create(algorithm, status) => create(app, algorithm, status, now).await,
        Step::Promote { next, current } => {
            let done = app.store.promote_key(next, current, now).await?;
            note(app, done, "signing_key_promoted", next.as_str(), "current");
            Ok(())
        }
        Step::Retire(key) => {
            let done = app.store.retire_key(key, now).await?;
            note(app, done, "signing_key_retired", key.as_str(), "expired");
            Ok(())
        }
        Step::Forget(key, status) => {
            let done = app.store.forget_key(key, status).await?;
            let status = status.as_str();
            note(app, done, "signing_key_deleted", key.as_str(), status);
            Ok(())
        }
    }
}

async fn create(
    app: &App,
    algorithm: SigningAlgorithm,
    status: KeyStatus,
    now: Timestamp,
) -> Result<(), EdgeError> {
    let made = maker::make(&app.env, algorithm).await?;
    if !app.config.keys.encryption.opens(&made.private.kek_id) {
        // A change of secrets reaches the object and the isolates one after the other.
        return Err(EdgeError::Config {
            name: "GATEPASS_KEY_ENCRYPTION_KEY",
            problem: "is not the one that new keys are encrypted with yet",
        });
    }
    let lifetime = app.config.lifetimes.access_token;
    let row = new_row(made, (algorithm, status), lifetime, now)?;
    let done = app.store.insert_key(&row).await?;
    note(app, done, "signing_key_made", &row.key_id, status.as_str());
    Ok(())
}

/// Encrypts a private key under the current key encryption key, if it is under an earlier one.
async fn reencrypt(app: &App, key: &StoredKey) -> Result<bool, EdgeError> {
    let encryption = &app.config.keys.encryption;
    let (Some(before), KeyRecord { id, .. }) = (&key.private, &key.record) else {
        return Ok(false);
    };
    if encryption.is_current(&before.kek_id) || !encryption.opens(&before.kek_id) {
        return Ok(false);
    }
    let private = encryption.open(id, before).await?;
    let sealed = encryption.seal(id, &private).await?;
    let done = app.store.reencrypt_key(id, before, &sealed).await?;
    note(app, done, "signing_key_reencrypted", id.as_str(), "rotated");
    Ok(true)
}

pub(super) fn note(app: &App, done: bool, event: &'static str, about: &str, reason: &str) {
    if done {
        log::event(&log::Event {
            request_id: &app.request_id,
            event,
            about,
            reason,
        });
    }
}
