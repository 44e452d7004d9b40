//! D1, with its round trips counted.
//!
//! The bindings are our own: they report what JavaScript throws instead of unwrapping it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use js_sys::{Array, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use worker::Env;

use crate::{EdgeError, js};

mod row;

use row::read;
pub(crate) use row::read_rows;
pub use row::{Row, Rows};

#[wasm_bindgen]
extern "C" {
    #[derive(Clone, Debug)]
    type JsDatabase;
    #[wasm_bindgen(method, catch)]
    fn prepare(this: &JsDatabase, sql: &str) -> Result<JsStatement, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn batch(this: &JsDatabase, statements: &Array) -> Result<Promise, JsValue>;

    #[derive(Clone, Debug)]
    type JsStatement;
    #[wasm_bindgen(method, catch, variadic)]
    fn bind(this: &JsStatement, values: &Array) -> Result<JsStatement, JsValue>;
}

/// How many round trips a request has made to D1.
#[derive(Clone, Debug, Default)]
pub struct RoundTrips(Rc<Cell<u32>>);

impl RoundTrips {
    /// The number so far.
    pub fn count(&self) -> u32 {
        self.0.get()
    }

    fn add(&self) {
        self.0.set(self.0.get().saturating_add(1));
    }
}

/// A value for a `?`.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    /// An INTEGER below 2⁵³.
    Integer(i64),
    /// NULL.
    Null,
    /// TEXT.
    Text(&'a str),
}

impl From<i64> for Value<'_> {
    fn from(integer: i64) -> Self {
        Self::Integer(integer)
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<Option<&'a str>> for Value<'a> {
    fn from(text: Option<&'a str>) -> Self {
        text.map_or(Self::Null, Self::Text)
    }
}

/// As JavaScript has them.
pub(crate) fn bindings(values: &[Value<'_>]) -> Array {
    #[expect(
        clippy::cast_precision_loss,
        reason = "times and counters stay below 2^53"
    )]
    let js = |value: &Value<'_>| match *value {
        Value::Integer(integer) => JsValue::from_f64(integer as f64),
        Value::Null => JsValue::NULL,
        Value::Text(text) => JsValue::from_str(text),
    };
    values.iter().map(js).collect()
}

/// A database for the length of one request.
#[derive(Clone, Debug)]
pub struct Database {
    binding: JsDatabase,
    trips: RoundTrips,
    attached: Rc<RefCell<Vec<Statement>>>,
}

/// A statement with its values bound.
#[derive(Debug)]
pub struct Statement(JsStatement);

impl Database {
    /// The database bound as `name`.
    ///
    /// # Errors
    ///
    /// [`EdgeError::Config`] if there is no such binding.
    pub fn new(env: &Env, name: &'static str, trips: RoundTrips) -> Result<Self, EdgeError> {
        let binding = js::binding(env, name, "is not bound to a D1 database")?;
        Ok(Self {
            binding,
            trips,
            attached: Rc::default(),
        })
    }

    /// Prepares `sql` with a value for each `?`.
    ///
    /// # Errors
    ///
    /// [`EdgeError::D1`] if D1 refuses it.
    pub fn statement(&self, sql: &str, values: &[Value<'_>]) -> Result<Statement, EdgeError> {
        let values = bindings(values);
        let prepared = self
            .binding
            .prepare(sql)
            .map_err(|thrown| EdgeError::d1(&thrown))?;
        prepared
            .bind(&values)
            .map(Statement)
            .map_err(|thrown| EdgeError::d1(&thrown))
    }

    /// Has a statement run at the end of the next batch, in its transaction and its round trip.
    pub fn attach(&self, statement: Statement) {
        self.attached.borrow_mut().push(statement);
    }

    /// Whether a statement waits for a batch.
    pub fn has_attached(&self) -> bool {
        !self.attached.borrow().is_empty()
    }

    /// Runs the statements in order as one transaction, in one round trip.
    ///
    /// # Errors
    ///
    /// [`EdgeError::D1`] if any statement fails; then none has had an effect.
    pub async fn batch<const N: usize>(
        &self,
        statements: [Statement; N],
    ) -> Result<[Rows; N], EdgeError> {
        let statements: Array = statements.into_iter().map(|s| JsValue::from(s.0)).collect();
        exactly(self.run(&statements).await?)
    }

    /// The same for as many as there are: see [`exactly`].
    ///
    /// # Errors
    ///
    /// As [`Database::batch`].
    pub async fn batch_of(&self, statements: Vec<Statement>) -> Result<Vec<Rows>, EdgeError> {
        let statements: Array = statements.into_iter().map(|s| JsValue::from(s.0)).collect();
        self.run(&statements).await
    }

    async fn run(&self, statements: &Array) -> Result<Vec<Rows>, EdgeError> {
        self.trips.add();
        let own = statements.length();
        for attached in self.attached.take() {
            statements.push(&attached.0);
        }
        let thrown = |thrown: JsValue| EdgeError::d1(&thrown);
        let promise = self.binding.batch(statements).map_err(thrown)?;
        let results = JsFuture::from(promise).await.map_err(thrown)?;
        let results: Array = results.unchecked_into();
        read(&results.slice(0, own))
    }
}

/// What so many statements returned.
///
/// # Errors
///
/// [`EdgeError::D1`] if they are not so many.
pub fn exactly<const N: usize>(rows: Vec<Rows>) -> Result<[Rows; N], EdgeError> {
    let unanswered = |_| EdgeError::D1("a statement was not answered".to_owned());
    rows.try_into().map_err(unanswered)
}
