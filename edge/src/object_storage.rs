//! The SQLite database of a Durable Object. It answers at once: between two statements of one object
//! nothing else happens in it.

use js_sys::{Array, Reflect};
use wasm_bindgen::prelude::*;
use worker::State;

use crate::EdgeError;
use crate::d1::{Row, Value, bindings, read_rows};

#[wasm_bindgen]
extern "C" {
    #[derive(Clone, Debug)]
    type JsSql;
    #[wasm_bindgen(method, catch, variadic)]
    fn exec(this: &JsSql, sql: &str, values: &Array) -> Result<JsCursor, JsValue>;

    type JsCursor;
    #[wasm_bindgen(method, catch, js_name = toArray)]
    fn to_array(this: &JsCursor) -> Result<Array, JsValue>;
}

/// An object's own database.
#[derive(Clone, Debug)]
pub struct ObjectStorage(JsSql);

impl ObjectStorage {
    /// The database of the object with this state.
    pub fn of(state: &State) -> Self {
        let sql = state.storage().sql();
        let sql: &JsValue = sql.as_ref();
        Self(sql.clone().unchecked_into())
    }

    /// Whether there is a table of this name. Asking for it makes none: an object that was only ever asked
    /// leaves nothing behind.
    ///
    /// # Errors
    ///
    /// [`EdgeError::D1`] if the database refuses it.
    pub fn has_table(&self, name: &str) -> Result<bool, EdgeError> {
        let sql = "SELECT 1 AS found FROM sqlite_schema WHERE type = 'table' AND name = ?";
        Ok(!self.run(sql, &[name.into()])?.is_empty())
    }

    /// The same, with the state as the runtime gives it.
    ///
    /// # Errors
    ///
    /// [`EdgeError::Runtime`] if it has no database.
    pub fn in_state(state: &JsValue) -> Result<Self, EdgeError> {
        let storage = Reflect::get(state, &JsValue::from_str("storage"))?;
        let sql = Reflect::get(&storage, &JsValue::from_str("sql"))?;
        Ok(Self(sql.unchecked_into()))
    }

    /// Runs a statement with a value for each `?`.
    ///
    /// # Errors
    ///
    /// [`EdgeError::D1`] if the database refuses it.
    pub fn run(&self, sql: &str, values: &[Value<'_>]) -> Result<Vec<Row>, EdgeError> {
        let rows = self.0.exec(sql, &bindings(values));
        let rows = rows.and_then(|rows| rows.to_array());
        read_rows(&rows.map_err(|thrown| EdgeError::d1(&thrown))?.into())
    }
}
