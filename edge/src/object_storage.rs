//! The SQLite database of a Durable Object. It answers at once: between two statements of one object
//! nothing else happens in it.

use js_sys::{Array, Reflect};
use wasm_bindgen::prelude::*;
use worker::State;

use crate::EdgeError;

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
        let sql: &JsValue = &state.storage().sql().as_ref().clone();
        Self(sql.clone().unchecked_into())
    }

    /// Runs a statement with a value for each `?`; its rows are objects.
    ///
    /// # Errors
    ///
    /// [`EdgeError::D1`] if the database refuses it.
    pub fn run(&self, sql: &str, values: &[JsValue]) -> Result<Array, EdgeError> {
        let rows = self.0.exec(sql, &values.iter().collect());
        rows.and_then(|rows| rows.to_array())
            .map_err(|thrown| EdgeError::d1(&thrown))
    }
}

/// A column of a row that holds a whole number.
///
/// # Errors
///
/// [`EdgeError::Corrupt`] if it does not.
pub fn integer(row: &JsValue, column: &'static str) -> Result<i64, EdgeError> {
    let value = Reflect::get(row, &JsValue::from_str(column))?.as_f64();
    #[expect(
        clippy::cast_possible_truncation,
        reason = "SQLite holds it as an INTEGER"
    )]
    let value = value.map(|value| value as i64);
    value.ok_or(EdgeError::Corrupt(column))
}
