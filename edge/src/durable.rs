//! Questions to Durable Objects, and their answers.

use js_sys::{Object, Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use worker::Env;
use worker::worker_sys::web_sys;

use crate::background::settle;
use crate::{EdgeError, js};

#[wasm_bindgen]
extern "C" {
    type JsNamespace;
    #[wasm_bindgen(method, catch, js_name = getByName)]
    fn get_by_name(this: &JsNamespace, name: &str) -> Result<JsStub, JsValue>;

    type JsStub;
    #[wasm_bindgen(method, catch)]
    fn fetch(this: &JsStub, url: &str, init: &Object) -> Result<Promise, JsValue>;
}

/// Puts a question to the object `name` of the class bound as `class`, and reads its answer.
///
/// # Errors
///
/// [`EdgeError::Config`] if there is no such binding, [`EdgeError::Runtime`] if the object cannot be reached
/// or fails.
pub async fn ask(
    env: &Env,
    class: &'static str,
    name: &str,
    question: &str,
) -> Result<String, EdgeError> {
    let asked = put(&namespace(env, class)?, name, question).await?;
    said(name, asked)
}

/// The same, once more if the platform says that this may help: an object is restarted with every deployment, and now
/// and then on another machine. The question must be one that may be put twice.
///
/// # Errors
///
/// As [`ask`].
pub async fn ask_again(
    env: &Env,
    class: &'static str,
    name: &str,
    question: &str,
) -> Result<String, EdgeError> {
    let class = namespace(env, class)?;
    let asked = match put(&class, name, question).await {
        Err(thrown) if may_be_put_again(&thrown) => put(&class, name, question).await?,
        asked => asked?,
    };
    said(name, asked)
}

async fn put(class: &JsNamespace, name: &str, question: &str) -> Result<js::Answer, JsValue> {
    let init = js::object(&[
        ("method", "POST".into()),
        ("body", JsValue::from_str(question)),
    ]);
    let init = init.map_err(|error| JsValue::from(error.to_string()))?;
    // An object has no address; a request must have one.
    let asked = class.get_by_name(name)?.fetch("https://object/", &init)?;
    js::answer(asked).await
}

fn said(name: &str, answer: js::Answer) -> Result<String, EdgeError> {
    if answer.status == 200 {
        Ok(answer.body)
    } else {
        let status = answer.status;
        Err(EdgeError::Runtime(format!(
            "Durable Object {name}: status {status}"
        )))
    }
}

fn may_be_put_again(thrown: &JsValue) -> bool {
    let is = |name| Reflect::get(thrown, &JsValue::from_str(name)).is_ok_and(|it| it.is_truthy());
    is("retryable") && !is("overloaded")
}

/// Demands that a class is bound.
///
/// # Errors
///
/// [`EdgeError::Config`] if it is not.
pub fn check(env: &Env, class: &'static str) -> Result<(), EdgeError> {
    namespace(env, class).map(drop)
}

fn namespace(env: &Env, class: &'static str) -> Result<JsNamespace, EdgeError> {
    js::binding(env, class, "is not bound to a Durable Object class")
}

/// Answers, inside of an object, a question that [`ask`] has put. What `answer` fails with is said to whoever asked.
pub fn answer<F>(request: web_sys::Request, answer: impl FnOnce(String) -> F + 'static) -> Promise
where
    F: Future<Output = Result<String, EdgeError>> + 'static,
{
    settle(Box::pin(async move {
        let question = JsFuture::from(request.text()?).await?;
        match answer(question.as_string().unwrap_or_default()).await {
            Ok(text) => Ok(web_sys::Response::new_with_opt_str(Some(&text))?.into()),
            Err(error) => Err(error.to_string().into()),
        }
    }))
}
