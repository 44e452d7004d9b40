//! Which sessions a user has, so that a provider that says they are over can name them (OpenID Connect
//! Back-Channel Logout). One object for each user, and one for each session at a provider.

use gatepass_core::gateway::logout_token::{OLDEST, Order, SKEW};
use gatepass_core::gateway::registration::RegistrationName;
use gatepass_core::gateway::session::Ending;
use gatepass_core::json;
use gatepass_core::secret::SecretHash;
use gatepass_core::time::Timestamp;
use gatepass_edge::object_storage::ObjectStorage;
use gatepass_edge::{EdgeError, background, clock, durable};
use serde::{Deserialize, Serialize};
use worker::{DurableObject, Env, Request, Response, Result, State, durable_object};

use super::INDEX;

/// A session as it stands in the index.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) registration: &'a RegistrationName,
    pub(crate) subject: &'a str,
    pub(crate) sid: Option<&'a str>,
    /// The session's name.
    pub(crate) session: &'a str,
}

#[derive(Deserialize, Serialize)]
enum Question {
    Add {
        session: String,
        sid: Option<String>,
        until: Timestamp,
    },
    Remove {
        session: String,
    },
    /// Whose sessions are over; the same ones when asked again with this `jti`, until that is done. Where none are
    /// known, because they are in cookies, it is remembered that they are over for as long as one lasts.
    Logout {
        jti: String,
        sid: Option<String>,
        remembered_until: Option<Timestamp>,
    },
    /// Those sessions have ended.
    Done {
        jti: String,
    },
    /// Whether a session that began then is over: itself, if it is.
    IsOver {
        sid: Option<String>,
        began: Timestamp,
    },
}

impl Entry<'_> {
    /// The objects in which it stands: its user's, and its session's at the provider.
    fn objects(&self) -> impl Iterator<Item = String> {
        let of_user = object(self.registration, "sub", self.subject);
        let of_session = self.sid.map(|sid| object(self.registration, "sid", sid));
        core::iter::once(of_user).chain(of_session)
    }
}

fn object(registration: &RegistrationName, kind: &str, id: &str) -> String {
    // No registration has a space in its name.
    SecretHash::of(&format!("{registration} {kind} {id}")).to_base64url()
}

/// Enters a session.
///
/// # Errors
///
/// When a Durable Object cannot be reached.
pub(crate) async fn add(env: &Env, entry: &Entry<'_>, until: Timestamp) -> Result<(), EdgeError> {
    let question = Question::Add {
        session: entry.session.to_owned(),
        sid: entry.sid.map(str::to_owned),
        until,
    };
    for object in entry.objects() {
        ask(env, &object, &question).await?;
    }
    Ok(())
}

/// Strikes a session out.
///
/// # Errors
///
/// When a Durable Object cannot be reached.
pub(crate) async fn remove(env: &Env, entry: &Entry<'_>) -> Result<(), EdgeError> {
    let question = Question::Remove {
        session: entry.session.to_owned(),
    };
    for object in entry.objects() {
        ask(env, &object, &question).await?;
    }
    Ok(())
}

/// Whether a provider has said that a session is over, which is in cookies and began then.
///
/// # Errors
///
/// When a Durable Object cannot be reached.
pub(crate) async fn is_over(
    env: &Env,
    entry: &Entry<'_>,
    began: Timestamp,
) -> Result<bool, EdgeError> {
    let question = Question::IsOver {
        sid: entry.sid.map(str::to_owned),
        began,
    };
    for object in entry.objects() {
        if ask(env, &object, &question).await?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Ends the sessions that a logout token names; how many, or `None` if it was obeyed before. If they are in cookies,
/// where none is known, it is remembered so long that they are over.
///
/// # Errors
///
/// When a Durable Object cannot be reached.
pub(crate) async fn logout(
    env: &Env,
    registration: &RegistrationName,
    order: &Order,
    remembered_until: Option<Timestamp>,
) -> Result<Option<usize>, EdgeError> {
    let object = match (&order.subject, &order.sid) {
        (Some(subject), _) => object(registration, "sub", subject.as_str()),
        (None, Some(sid)) => object(registration, "sid", sid),
        (None, None) => return Ok(Some(0)),
    };
    let question = Question::Logout {
        jti: order.jti.as_str().to_owned(),
        sid: order.sid.clone(),
        remembered_until,
    };
    let Some(sessions) = ask(env, &object, &question).await? else {
        return Ok(None);
    };
    let ended = end_all(env, sessions).await?;
    let jti = order.jti.as_str().to_owned();
    ask(env, &object, &Question::Done { jti }).await?;
    Ok(Some(ended))
}

/// Ends sessions, all at once: a user may have many. How many there were to end.
async fn end_all(env: &Env, sessions: Vec<String>) -> Result<usize, EdgeError> {
    let all = sessions.into_iter().map(|session| {
        let env = env.clone();
        async move { super::end_named(&env, &session, Ending::SignedOutAtProvider).await }
    });
    let outcomes = background::all(all).await?.into_iter();
    let were_there = outcomes.collect::<Result<Vec<_>, _>>()?;
    Ok(were_there.into_iter().filter(|was| *was).count())
}

async fn ask(
    env: &Env,
    object: &str,
    question: &Question,
) -> Result<Option<Vec<String>>, EdgeError> {
    let question = serde_json::to_string(question)?;
    Ok(json::read(
        &durable::ask_again(env, INDEX, object, &question).await?,
    )?)
}

/// The sessions of one user, or of one session at a provider.
#[durable_object]
#[derive(Debug)]
pub struct SessionIndex {
    storage: ObjectStorage,
    state: State,
}

impl DurableObject for SessionIndex {
    fn new(state: State, _env: Env) -> Self {
        Self {
            storage: ObjectStorage::of(&state),
            state,
        }
    }

    async fn fetch(&self, mut request: Request) -> Result<Response> {
        let question: Question = json::read(&request.text().await?)?;
        let now = clock::now();
        // An object that is only asked keeps nothing.
        let changes = !matches!(question, Question::IsOver { .. });
        let answer = self
            .answer(question, now)
            .map_err(|error| error.to_string())?;
        if changes {
            self.wake_when_due(now).await?;
        }
        Response::ok(serde_json::to_string(&answer)?)
    }

    async fn alarm(&self) -> Result<Response> {
        let woken = self.wake(clock::now()).await;
        super::again_if_failed(woken, &self.state).await
    }
}

impl SessionIndex {
    /// The sessions that are over, or `None` for an order that was carried out before.
    fn answer(&self, question: Question, now: Timestamp) -> Result<Option<Vec<String>>, EdgeError> {
        if let Question::IsOver { sid, began } = question {
            let is_over = self.is_over(sid.as_deref(), began)?;
            return Ok(is_over.then(Vec::new));
        }
        self.prepare()?;
        match question {
            Question::Add {
                session,
                sid,
                until,
            } => {
                let sql =
                    "INSERT OR REPLACE INTO sessions (session, sid, expires_at) VALUES (?, ?, ?)";
                let values = [
                    session.as_str().into(),
                    sid.as_deref().into(),
                    until.seconds().into(),
                ];
                self.storage.run(sql, &values)?;
                Ok(Some(Vec::new()))
            }
            Question::Remove { session } => {
                let sql = "DELETE FROM sessions WHERE session = ?";
                self.storage.run(sql, &[session.as_str().into()])?;
                Ok(Some(Vec::new()))
            }
            Question::Logout {
                jti,
                sid,
                remembered_until,
            } => {
                let ending = self.logout(&jti, sid.as_deref(), now)?;
                if let (Some(until), Some(_)) = (remembered_until, &ending) {
                    self.remember(sid.as_deref(), now, until)?;
                }
                Ok(ending)
            }
            // Answered above.
            Question::IsOver { .. } => Ok(None),
            Question::Done { jti } => {
                let sql = "DELETE FROM ending WHERE jti = ?";
                self.storage.run(sql, &[jti.as_str().into()])?;
                Ok(Some(Vec::new()))
            }
        }
    }

    fn logout(
        &self,
        jti: &str,
        sid: Option<&str>,
        now: Timestamp,
    ) -> Result<Option<Vec<String>>, EdgeError> {
        let sql = "INSERT INTO orders (jti, expires_at) VALUES (?, ?) ON CONFLICT DO NOTHING RETURNING jti";
        let until = now.plus(OLDEST).plus(SKEW).plus(SKEW);
        let first = self
            .storage
            .run(sql, &[jti.into(), until.seconds().into()])?;
        if !first.is_empty() {
            // Whoever signs in from now on is not meant.
            let sql = "INSERT INTO ending (jti, session) SELECT ?1, session FROM sessions WHERE sid = ?2 OR ?2 IS NULL";
            self.storage.run(sql, &[jti.into(), sid.into()])?;
            let sql = "DELETE FROM sessions WHERE sid = ?1 OR ?1 IS NULL";
            self.storage.run(sql, &[sid.into()])?;
        }
        let sql = "SELECT session FROM ending WHERE jti = ?";
        let rows = self.storage.run(sql, &[jti.into()])?;
        if first.is_empty() && rows.is_empty() {
            return Ok(None);
        }
        let sessions = rows
            .iter()
            .map(|row| row.text("sessions.session").map(str::to_owned));
        sessions.collect::<Result<_, _>>().map(Some)
    }

    /// All sessions that have begun by now are over, or those of a `sid`.
    fn remember(
        &self,
        sid: Option<&str>,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<(), EdgeError> {
        let sql = "INSERT OR REPLACE INTO logouts (sid, at, expires_at) VALUES (?, ?, ?)";
        let (at, until) = (now.seconds(), until.seconds());
        // No session at a provider has an empty name.
        let values = [sid.unwrap_or_default().into(), at.into(), until.into()];
        self.storage.run(sql, &values).map(drop)
    }

    fn is_over(&self, sid: Option<&str>, began: Timestamp) -> Result<bool, EdgeError> {
        if !self.storage.has_table("logouts")? {
            return Ok(false);
        }
        // Whoever signs in again at once, when all sessions are over, is not meant.
        let sql = "SELECT at FROM logouts WHERE (sid = '' AND at > ?1) OR (sid = ?2 AND at >= ?1)";
        let values = [began.seconds().into(), sid.into()];
        Ok(!self.storage.run(sql, &values)?.is_empty())
    }

    fn prepare(&self) -> Result<(), EdgeError> {
        for table in [
            "CREATE TABLE IF NOT EXISTS sessions (session TEXT PRIMARY KEY, sid TEXT, \
             expires_at INTEGER NOT NULL) WITHOUT ROWID",
            "CREATE TABLE IF NOT EXISTS orders (jti TEXT PRIMARY KEY, expires_at INTEGER NOT NULL) WITHOUT ROWID",
            "CREATE TABLE IF NOT EXISTS ending (jti TEXT, session TEXT, PRIMARY KEY (jti, session)) WITHOUT ROWID",
            "CREATE TABLE IF NOT EXISTS logouts (sid TEXT PRIMARY KEY, at INTEGER NOT NULL, \
             expires_at INTEGER NOT NULL) WITHOUT ROWID",
        ] {
            self.storage.run(table, &[])?;
        }
        Ok(())
    }

    fn forget(&self, now: Timestamp) -> Result<(), EdgeError> {
        self.prepare()?;
        for sql in [
            "DELETE FROM sessions WHERE expires_at <= ?",
            "DELETE FROM ending WHERE jti IN (SELECT jti FROM orders WHERE expires_at <= ?)",
            "DELETE FROM orders WHERE expires_at <= ?",
            "DELETE FROM logouts WHERE expires_at <= ?",
        ] {
            self.storage.run(sql, &[now.seconds().into()])?;
        }
        Ok(())
    }

    async fn wake(&self, now: Timestamp) -> Result<(), EdgeError> {
        self.forget(now)?;
        Ok(self.wake_when_due(now).await?)
    }

    /// When there is something to forget; an object that has nothing is gone.
    async fn wake_when_due(&self, now: Timestamp) -> Result<()> {
        let sql = "SELECT min(expires_at) AS due FROM \
                   (SELECT expires_at FROM sessions UNION ALL SELECT expires_at FROM orders \
                   UNION ALL SELECT expires_at FROM logouts)";
        let rows = self
            .storage
            .run(sql, &[])
            .map_err(|error| error.to_string())?;
        let due = rows.first().map(|row| row.optional_time("index.due"));
        let storage = self.state.storage();
        match due
            .transpose()
            .map_err(|error| error.to_string())?
            .flatten()
        {
            None => storage.delete_all().await,
            Some(due) => {
                let wait = due.remaining(now).seconds();
                storage.set_alarm(wait.saturating_mul(1_000)).await
            }
        }
    }
}
