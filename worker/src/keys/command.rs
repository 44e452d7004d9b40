//! What an operator has done with the signing keys. What it leaves to do is done by the upkeep.

use gatepass_core::id::KeyId;
use gatepass_core::jose::{SigningAlgorithm, thumbprint};
use gatepass_core::keys::command::{CommandRefusal, Compromised, Import, check_strength};
use gatepass_core::keys::{KeyRecord, promote_early};
use gatepass_edge::webcrypto::{self, NewKeyPair};
use gatepass_edge::{EdgeError, clock};
use serde::Serialize;

use super::maker::MadeKey;
use super::stored::new_row;
use super::upkeep::{keep_up, note, parse, take};
use super::{KeyEncryption, Keys};
use crate::app::App;

type Outcome = Result<Result<KeyList, CommandRefusal>, EdgeError>;

/// The signing keys as an operator sees them.
#[derive(Debug, Serialize)]
pub struct KeyList {
    keys: Vec<KeyInfo>,
}

#[derive(Debug, Serialize)]
struct KeyInfo {
    kid: String,
    alg: &'static str,
    status: &'static str,
    /// Since when it has its status, in seconds.
    since: i64,
    /// Since when it is in the key set, in seconds.
    created_at: i64,
    /// Under which key encryption key its private half is: `current`, `previous` or `unknown`.
    #[serde(skip_serializing_if = "Option::is_none")]
    encryption: Option<&'static str>,
}

/// Every key, after what is due has been done.
///
/// # Errors
///
/// When the store fails.
pub async fn list(app: &App) -> Result<KeyList, EdgeError> {
    settle(app, &[app.config.keys.algorithm]).await
}

/// The next key of an algorithm signs from now on.
///
/// # Errors
///
/// The inner [`CommandRefusal`] if somebody may not know it yet.
pub async fn rotate(app: &App, algorithm: Option<SigningAlgorithm>) -> Outcome {
    let algorithm = algorithm.unwrap_or(app.config.keys.algorithm);
    let (records, now) = (records(app).await?, clock::now());
    match promote_early(&records, algorithm, &app.config.keys.schedule, now) {
        Ok(step) => take(app, step, now).await?,
        Err(refusal) => return Ok(Err(refusal.into())),
    }
    settle(app, &[algorithm]).await.map(Ok)
}

/// Somebody else may have a key, or all: it is believed no more, and where it signed another does.
///
/// # Errors
///
/// The inner [`CommandRefusal`] if there is no such key.
pub async fn replace(app: &App, which: &Compromised) -> Outcome {
    let mut wanted = match which.algorithms(&records(app).await?) {
        Ok(algorithms) => algorithms,
        Err(refusal) => return Ok(Err(refusal)),
    };
    wanted.push(app.config.keys.algorithm);
    for key in app.store.revoke_keys(which, clock::now()).await? {
        note(app, true, "signing_key_revoked", &key, "replaced");
    }
    settle(app, &wanted).await.map(Ok)
}

/// Takes in a key that was made elsewhere.
///
/// # Errors
///
/// The inner [`CommandRefusal`] if it is none of use, too weak, or here already.
pub async fn import(app: &App, import: &Import) -> Outcome {
    let (algorithm, pair) = match adopt(import).await {
        Ok(adopted) => adopted,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let named = import.id.clone().or_else(|| thumbprint(&pair.public));
    let Some(id) = named else {
        return Ok(Err(CommandRefusal::UselessKey));
    };
    let made = MadeKey {
        private: app.config.keys.encryption.seal(&id, &pair.private).await?,
        public: pair.public,
        id,
    };
    let lifetime = app.config.lifetimes.access_token;
    let row = new_row(made, (algorithm, import.status), lifetime, clock::now())?;
    if !app.store.replace_key(&row).await? {
        return Ok(Err(CommandRefusal::KnownKey));
    }
    let status = import.status.as_str();
    note(app, true, "signing_key_imported", &row.key_id, status);
    settle(app, &[algorithm]).await.map(Ok)
}

/// The key, for the first algorithm that it is good for.
async fn adopt(import: &Import) -> Result<(SigningAlgorithm, NewKeyPair), CommandRefusal> {
    for algorithm in import.candidates() {
        if let Ok(pair) = webcrypto::adopt(algorithm, &import.key).await {
            check_strength(&pair.public)?;
            return Ok((algorithm, pair));
        }
    }
    Err(CommandRefusal::UselessKey)
}

async fn records(app: &App) -> Result<Vec<KeyRecord>, EdgeError> {
    let stored = parse(&app.store.signing_keys().await?, app)?;
    Ok(stored.into_iter().map(|key| key.record).collect())
}

/// Does what is left to do, and lets this isolate know.
async fn settle(app: &App, wanted: &[SigningAlgorithm]) -> Result<KeyList, EdgeError> {
    Keys::forget();
    let rows = keep_up(app, wanted, clock::now()).await?;
    let encryption = &app.config.keys.encryption;
    let keys = parse(&rows, app)?.into_iter().map(|key| {
        let private = key.private.map(|private| private.kek_id);
        KeyInfo::new(&key.record, private.as_deref(), encryption)
    });
    Ok(KeyList {
        keys: keys.collect(),
    })
}

impl KeyInfo {
    fn new(record: &KeyRecord, kek_id: Option<&str>, encryption: &KeyEncryption) -> Self {
        let KeyRecord { id, algorithm, .. } = record;
        let under = |kek_id| match (encryption.is_current(kek_id), encryption.opens(kek_id)) {
            (true, _) => "current",
            (false, true) => "previous",
            (false, false) => "unknown",
        };
        Self {
            kid: KeyId::as_str(id).to_owned(),
            alg: algorithm.as_str(),
            status: record.status.as_str(),
            since: record.since.seconds(),
            created_at: record.created_at.seconds(),
            encryption: kek_id.map(under),
        }
    }
}
