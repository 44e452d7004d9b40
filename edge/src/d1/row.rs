//! What statements return, read column by column.

use gatepass_core::json;
use gatepass_core::time::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use wasm_bindgen::JsValue;

use crate::EdgeError;

/// What one statement returned and did.
#[derive(Debug)]
pub struct Rows {
    results: Vec<Row>,
    changes: u32,
}

/// A row. A column is named with its table, as in `grants.scope`, so that the log can say which one holds
/// what it should not; the statement has it as `scope`.
#[derive(Debug)]
pub struct Row(Map<String, Value>);

/// What came from a database. As text it crosses from JavaScript once, which costs less than asking
/// for every value of every row.
fn received(results: &JsValue) -> Result<Value, EdgeError> {
    let text = js_sys::JSON::stringify(results)?;
    Ok(json::value(String::from(text).as_bytes())?)
}

/// The answer to a batch.
pub(crate) fn read(results: &JsValue) -> Result<Vec<Rows>, EdgeError> {
    let answers = match received(results)? {
        Value::Array(answers) => answers.into_iter().map(Rows::of).collect(),
        _ => None,
    };
    answers.ok_or_else(|| EdgeError::D1("not the answer to a batch".to_owned()))
}

/// The rows of an object's own database.
pub(crate) fn read_rows(rows: &JsValue) -> Result<Vec<Row>, EdgeError> {
    Ok(taken(received(rows)?))
}

/// The objects of an array. Whatever else there were would be no row.
fn taken(rows: Value) -> Vec<Row> {
    let Value::Array(rows) = rows else {
        return Vec::new();
    };
    let object = |row| match row {
        Value::Object(columns) => Some(Row(columns)),
        _ => None,
    };
    rows.into_iter().filter_map(object).collect()
}

impl Rows {
    /// `meta` is always there, `results` only of what returns rows.
    fn of(answer: Value) -> Option<Self> {
        let Value::Object(mut answer) = answer else {
            return None;
        };
        let changes = answer.get("meta")?.get("changes")?.as_u64()?;
        Some(Self {
            results: answer.remove("results").map(taken).unwrap_or_default(),
            changes: u32::try_from(changes).ok()?,
        })
    }

    /// Every row.
    ///
    /// # Errors
    ///
    /// What `read` says of a row.
    pub fn all<T>(&self, read: fn(&Row) -> Result<T, EdgeError>) -> Result<Vec<T>, EdgeError> {
        self.results.iter().map(read).collect()
    }

    /// The first row, if there is one.
    ///
    /// # Errors
    ///
    /// What `read` says of it.
    pub fn first<T>(
        &self,
        read: impl FnOnce(&Row) -> Result<T, EdgeError>,
    ) -> Result<Option<T>, EdgeError> {
        self.results.first().map(read).transpose()
    }

    /// Whether the statement returned no row.
    pub fn is_empty(&self) -> bool {
        self.results.is_empty()
    }

    /// How many rows the statement returned.
    pub fn count(&self) -> u32 {
        u32::try_from(self.results.len()).unwrap_or(u32::MAX)
    }

    /// How many rows it inserted, changed or deleted, those that triggers and foreign keys did included.
    pub fn changes(&self) -> u32 {
        self.changes
    }
}

/// Every method fails with [`EdgeError::Corrupt`], naming the column, if that does not hold what is asked
/// for.
#[expect(clippy::missing_errors_doc, reason = "the same for all, said above")]
impl Row {
    /// TEXT.
    pub fn text(&self, column: &'static str) -> Result<&str, EdgeError> {
        self.optional_text(column)?
            .ok_or(EdgeError::Corrupt(column))
    }

    /// TEXT or NULL.
    pub fn optional_text(&self, column: &'static str) -> Result<Option<&str>, EdgeError> {
        match self.value(column) {
            Some(Value::String(text)) => Ok(Some(text)),
            Some(Value::Null) => Ok(None),
            _ => Err(EdgeError::Corrupt(column)),
        }
    }

    /// INTEGER.
    pub fn integer(&self, column: &'static str) -> Result<i64, EdgeError> {
        self.optional_integer(column)?
            .ok_or(EdgeError::Corrupt(column))
    }

    /// INTEGER or NULL.
    pub fn optional_integer(&self, column: &'static str) -> Result<Option<i64>, EdgeError> {
        match self.value(column) {
            Some(Value::Number(number)) => match number.as_i64() {
                Some(integer) => Ok(Some(integer)),
                None => Err(EdgeError::Corrupt(column)),
            },
            Some(Value::Null) => Ok(None),
            _ => Err(EdgeError::Corrupt(column)),
        }
    }

    /// An INTEGER of 32 bits, not negative.
    pub fn number(&self, column: &'static str) -> Result<u32, EdgeError> {
        u32::try_from(self.integer(column)?).map_err(|_| EdgeError::Corrupt(column))
    }

    /// An INTEGER that is 0 or 1.
    pub fn flag(&self, column: &'static str) -> Result<bool, EdgeError> {
        match self.integer(column)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(EdgeError::Corrupt(column)),
        }
    }

    /// An INTEGER: seconds since the epoch.
    pub fn time(&self, column: &'static str) -> Result<Timestamp, EdgeError> {
        self.integer(column).map(Timestamp::from_seconds)
    }

    /// Seconds since the epoch, or NULL.
    pub fn optional_time(&self, column: &'static str) -> Result<Option<Timestamp>, EdgeError> {
        let seconds = self.optional_integer(column)?;
        Ok(seconds.map(Timestamp::from_seconds))
    }

    /// TEXT that `parse` accepts.
    pub fn parse<T, E>(
        &self,
        column: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, EdgeError> {
        parse(self.text(column)?).map_err(|_| EdgeError::Corrupt(column))
    }

    /// TEXT that `parse` accepts, or NULL.
    pub fn parse_optional<T, E>(
        &self,
        column: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, EdgeError> {
        let text = self.optional_text(column)?;
        let parsed = text.map(parse).transpose();
        parsed.map_err(|_| EdgeError::Corrupt(column))
    }

    /// TEXT that `find` knows.
    pub fn known<T>(
        &self,
        column: &'static str,
        find: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, EdgeError> {
        find(self.text(column)?).ok_or(EdgeError::Corrupt(column))
    }

    /// TEXT that is JSON.
    pub fn json<T: DeserializeOwned>(&self, column: &'static str) -> Result<T, EdgeError> {
        self.parse(column, |text| json::read(text))
    }

    fn value(&self, column: &str) -> Option<&Value> {
        let name = column.rsplit_once('.').map_or(column, |(_, name)| name);
        self.0.get(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Rows {
        Rows::of(json::read(text).unwrap()).unwrap()
    }

    #[test]
    fn a_column_holds_what_is_asked_for_or_is_named() {
        let rows = rows(
            r#"{"success":true,"meta":{"changes":2,"duration":0.5},"results":[{"name":"a","none":null,"one":1,"two":2,"half":0.5}]}"#,
        );
        let row = rows.results.first().unwrap();
        assert_eq!(row.text("table.name").unwrap(), "a");
        assert_eq!(row.optional_text("table.none").unwrap(), None);
        assert_eq!(row.integer("table.two").unwrap(), 2);
        assert_eq!(row.optional_time("table.none").unwrap(), None);
        assert!(row.flag("table.one").unwrap());
        assert_eq!(rows.changes(), 2);
        for wrong in [
            row.text("table.one").err(),
            row.text("table.none").err(),
            row.text("table.absent").err(),
            row.optional_text("table.absent").err(),
            row.integer("table.name").err(),
            row.integer("table.none").err(),
            row.integer("table.half").err(),
            row.number("table.name").err(),
            row.flag("table.two").err(),
            row.optional_time("table.absent").err(),
            row.parse("table.name", |_| Err::<(), _>(())).err(),
            row.known("table.name", |_| None::<()>).err(),
            row.json::<bool>("table.name").err(),
        ] {
            let said = wrong.unwrap().to_string();
            assert!(said.starts_with("stored data: table."), "{said}");
        }
    }

    #[test]
    fn a_statement_may_return_nothing() {
        let rows = rows(r#"{"success":true,"meta":{"changes":0}}"#);
        assert!(rows.is_empty());
        assert_eq!(rows.count(), 0);
        assert!(rows.first(|row| row.integer("n")).unwrap().is_none());
    }
}
