//! Objects of JavaScript, member by member.

use js_sys::{Object, Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use worker::Env;

use crate::EdgeError;
use crate::fetch::Reply;

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
    #[wasm_bindgen(method, getter)]
    fn headers(this: &JsResponse) -> JsHeaders;

    type JsHeaders;
    #[wasm_bindgen(method)]
    fn get(this: &JsHeaders, name: &str) -> Option<String>;
}

/// Waits for a `Response`, and reads its status alone.
pub(crate) async fn status(fetched: Promise) -> Result<u16, JsValue> {
    let response: JsResponse = JsFuture::from(fetched).await?.unchecked_into();
    Ok(response.status())
}

/// Waits for a `Response`, and reads it and when to come back.
pub(crate) async fn reply(fetched: Promise) -> Result<Reply, JsValue> {
    let response: JsResponse = JsFuture::from(fetched).await?.unchecked_into();
    let text = JsFuture::from(response.text()?).await?;
    let headers = response.headers();
    let header = |name| headers.get(name);
    Ok(Reply {
        status: response.status(),
        retry_after: header("retry-after"),
        nonce: header("dpop-nonce"),
        date: header("date"),
        challenge: header("www-authenticate"),
        body: text.as_string().unwrap_or_default(),
    })
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
