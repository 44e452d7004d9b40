//! Objects of JavaScript, member by member.

use js_sys::{Object, Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use worker::Env;

use crate::EdgeError;

/// An object with these members.
pub(crate) fn object(members: &[(&str, JsValue)]) -> Result<Object, EdgeError> {
    let object = Object::new();
    for (name, value) in members {
        Reflect::set(&object, &JsValue::from_str(name), value)?;
    }
    Ok(object)
}

/// What is bound as `name`; `problem` says what is wrong if nothing is.
pub(crate) fn binding<T: JsCast>(
    env: &Env,
    name: &'static str,
    problem: &'static str,
) -> Result<T, EdgeError> {
    let found = Reflect::get(env, &JsValue::from_str(name))?;
    if found.is_object() {
        Ok(found.unchecked_into())
    } else {
        Err(EdgeError::Config { name, problem })
    }
}

/// What another answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

#[wasm_bindgen]
extern "C" {
    type JsResponse;
    #[wasm_bindgen(method, getter)]
    fn status(this: &JsResponse) -> u16;
    #[wasm_bindgen(method, catch)]
    fn text(this: &JsResponse) -> Result<Promise, JsValue>;
}

/// Waits for a `Response`, and reads its status alone.
pub(crate) async fn status(fetched: Promise) -> Result<u16, JsValue> {
    let response: JsResponse = JsFuture::from(fetched).await?.unchecked_into();
    Ok(response.status())
}

/// Waits for a `Response`, and reads it.
pub(crate) async fn answer(fetched: Promise) -> Result<Answer, JsValue> {
    let response: JsResponse = JsFuture::from(fetched).await?.unchecked_into();
    let text = JsFuture::from(response.text()?).await?;
    Ok(Answer {
        status: response.status(),
        body: text.as_string().unwrap_or_default(),
    })
}
