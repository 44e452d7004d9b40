//! Cloudflare Queues: work that is tried again until it is done.

use js_sys::{Array, Object, Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use worker::Env;

use crate::{EdgeError, js};

#[wasm_bindgen]
extern "C" {
    type JsQueue;
    #[wasm_bindgen(method, catch)]
    fn send(this: &JsQueue, body: &str, options: &Object) -> Result<Promise, JsValue>;

    /// A message of a queue.
    #[derive(Debug)]
    pub type Message;
    #[wasm_bindgen(method, getter)]
    fn body(this: &Message) -> JsValue;
    #[wasm_bindgen(method, getter)]
    fn attempts(this: &Message) -> u32;
    #[wasm_bindgen(method, catch)]
    fn ack(this: &Message) -> Result<(), JsValue>;
    #[wasm_bindgen(method, catch)]
    fn retry(this: &Message, options: &Object) -> Result<(), JsValue>;
}

fn bound(env: &Env, name: &'static str) -> Result<JsQueue, EdgeError> {
    js::binding(env, name, "is not bound to a queue")
}

/// Sees to it that a queue is bound as `name`.
///
/// # Errors
///
/// [`EdgeError::Config`] if there is none.
pub fn require(env: &Env, name: &'static str) -> Result<(), EdgeError> {
    bound(env, name).map(drop)
}

/// Puts a text into the queue bound as `name`.
///
/// # Errors
///
/// [`EdgeError::Config`] if there is no such binding, [`EdgeError::Runtime`] if the queue does not take it.
pub async fn send(env: &Env, name: &'static str, text: &str) -> Result<(), EdgeError> {
    let options = js::object(&[("contentType", "text".into())])?;
    JsFuture::from(bound(env, name)?.send(text, &options)?).await?;
    Ok(())
}

/// The messages of a batch, as the runtime hands it over.
///
/// # Errors
///
/// [`EdgeError::Runtime`] if it is none.
pub fn messages(batch: &JsValue) -> Result<Vec<Message>, EdgeError> {
    let messages = Reflect::get(batch, &JsValue::from_str("messages"))?;
    let messages = Array::from(&messages).into_iter();
    Ok(messages.map(JsCast::unchecked_into).collect())
}

impl Message {
    /// The text, if it is one.
    pub fn text(&self) -> Option<String> {
        self.body().as_string()
    }

    /// How often it was handed over, this time included.
    pub fn tries(&self) -> u32 {
        self.attempts()
    }

    /// Takes it out of the queue.
    ///
    /// # Errors
    ///
    /// [`EdgeError::Runtime`] if the runtime refuses.
    pub fn done(&self) -> Result<(), EdgeError> {
        Ok(self.ack()?)
    }

    /// Has it handed over once more after so many seconds.
    ///
    /// # Errors
    ///
    /// [`EdgeError::Runtime`] if the runtime refuses.
    pub fn again_after(&self, seconds: u32) -> Result<(), EdgeError> {
        let options = js::object(&[("delaySeconds", seconds.into())])?;
        Ok(self.retry(&options)?)
    }
}
