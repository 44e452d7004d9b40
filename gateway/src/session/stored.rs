//! What a session's object has in memory and in its database.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use gatepass_core::gateway::session::Session;
use gatepass_edge::EdgeError;
use gatepass_edge::object_storage::ObjectStorage;
use worker::State;

use super::{Kept, note};

/// What is known of the session, as it also stands in the database.
#[derive(Debug, Default)]
enum Known {
    /// It was not looked up yet.
    #[default]
    Unread,
    /// There is none.
    Nothing,
    /// This.
    Session(Box<Live>),
}

/// A session and its tokens.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) session: Session,
    /// Empty when it has ended.
    pub(super) sealed: String,
    /// Once they were opened.
    pub(super) tokens: Option<Rc<Kept>>,
}

/// What is known of the session, and the database that knows it, too.
#[derive(Debug)]
pub(super) struct Stored {
    storage: ObjectStorage,
    known: RefCell<Known>,
    /// Whether the database is behind what is known, because it did not take that.
    is_behind: Cell<bool>,
}

impl Stored {
    /// In the object of this state. Nothing is read yet.
    pub(super) fn of(state: &State) -> Self {
        Self {
            storage: ObjectStorage::of(state),
            known: RefCell::default(),
            is_behind: Cell::default(),
        }
    }

    /// Looks at it, if there is one.
    pub(super) fn with<T>(&self, look: impl FnOnce(&Live) -> T) -> Option<T> {
        match &*self.known.borrow() {
            Known::Session(live) => Some(look(live)),
            Known::Unread | Known::Nothing => None,
        }
    }

    /// Changes it in memory, if there is one.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Live) -> T) -> Option<T> {
        match &mut *self.known.borrow_mut() {
            Known::Session(live) => Some(change(live)),
            Known::Unread | Known::Nothing => None,
        }
    }

    /// Looks the session up, once, and writes what the database did not take before.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub(super) fn read(&self) -> Result<(), EdgeError> {
        if self.is_behind.get() {
            self.try_to_write();
        }
        if !matches!(*self.known.borrow(), Known::Unread) {
            return Ok(());
        }
        let mut known = Known::Nothing;
        if self.storage.has_table("session")? {
            let rows = self
                .storage
                .run("SELECT record, tokens FROM session", &[])?;
            if let Some(row) = rows.first() {
                known = Known::Session(Box::new(Live {
                    session: row.json("session.record")?,
                    sealed: row.text("session.tokens")?.to_owned(),
                    tokens: None,
                }));
            }
        }
        self.known.replace(known);
        Ok(())
    }

    /// The first that it knows.
    ///
    /// # Errors
    ///
    /// When the database does not take it.
    pub(super) fn begin(&self, live: Live) -> Result<(), EdgeError> {
        let table = "CREATE TABLE IF NOT EXISTS session (id INTEGER PRIMARY KEY CHECK (id = 1), \
                     record TEXT NOT NULL, tokens TEXT NOT NULL)";
        self.storage.run(table, &[])?;
        self.known.replace(Known::Session(Box::new(live)));
        self.write()
    }

    /// There is none any more.
    pub(super) fn forget(&self) {
        self.known.replace(Known::Nothing);
    }

    /// Writes it, and if that fails, again with the next question.
    pub(super) fn try_to_write(&self) {
        if let Err(error) = self.write() {
            note("session_not_written", &error);
        }
    }

    /// Writes it, unless it has ended only by the configuration.
    ///
    /// # Errors
    ///
    /// When the database does not take it.
    pub(super) fn write(&self) -> Result<(), EdgeError> {
        self.is_behind.set(true);
        let written = self.with(|live| {
            if live.session.is_ended_by_configuration() {
                return Ok(());
            }
            let record = serde_json::to_string(&live.session)?;
            let sql = "INSERT OR REPLACE INTO session (id, record, tokens) VALUES (1, ?, ?)";
            let values = [record.as_str().into(), live.sealed.as_str().into()];
            self.storage.run(sql, &values).map(drop)
        });
        written.unwrap_or(Ok(()))?;
        self.is_behind.set(false);
        Ok(())
    }
}

impl Live {
    /// Forgets the tokens.
    pub(super) fn forget(&mut self) {
        self.sealed = String::new();
        self.tokens = None;
    }
}
