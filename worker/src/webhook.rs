//! Telling an operator's system of security events (`gatepass_core::webhook`): the key of an audit row goes
//! into a queue when the answer is out, and whoever takes it from there reads the row and sends it.

use gatepass_core::jose::SymmetricKey;
use gatepass_core::webhook::{self, Events};
use gatepass_edge::config::{Environment, optional, required};
use gatepass_edge::d1::RoundTrips;
use gatepass_edge::queue::{self, Message};
use gatepass_edge::{EdgeError, clock, fetch, http, log};
use wasm_bindgen::JsValue;
use worker::Env;

use crate::app::App;
use crate::config::Config;

/// The binding of the queue.
const QUEUE: &str = "SECURITY_EVENTS";

/// What stands in the log in the place of a request id.
const NAME: &str = "queue";

/// Who is told of what.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// Where.
    pub url: String,
    /// Under which key it is signed.
    pub key: SymmetricKey,
    /// Of what.
    pub events: Events,
}

impl Webhook {
    /// As the environment says.
    pub fn read(env: &Env, environment: Environment) -> Result<Option<Self>, EdgeError> {
        let wrong = |name, problem| EdgeError::Config { name, problem };
        let name = "GATEPASS_WEBHOOK_URL";
        let Some(url) = optional(env, name) else {
            return Ok(None);
        };
        let is_local = environment == Environment::Development && url.starts_with("http://");
        if !url.starts_with("https://") && !is_local {
            return Err(wrong(name, "must begin with https://"));
        }
        queue::require(env, QUEUE)?;
        let name = "GATEPASS_WEBHOOK_SECRET";
        let problem = "must be whsec_ and 32 bytes as base64, 44 characters";
        let key = webhook::key(&required(env, name)?).ok_or(wrong(name, problem))?;
        let name = "GATEPASS_WEBHOOK_EVENTS";
        let events = optional(env, name).unwrap_or_else(|| webhook::DEFAULT_EVENTS.to_owned());
        let problem = "must be events of the audit log, separated by spaces";
        let events = Events::parse(&events).ok_or(wrong(name, problem))?;
        Ok(Some(Self { url, key, events }))
    }
}

/// Puts the keys of audit rows into the queue. What does not get there stands in the log, and in the audit log.
pub async fn announce(rows: &[String], env: &Env, request_id: &str) {
    for row in rows {
        if let Err(error) = queue::send(env, QUEUE, row).await {
            report(request_id, "webhook_not_queued", row, &error.to_string());
        }
    }
}

/// Sends what is in a batch of the queue, one after the other.
pub async fn deliver(batch: JsValue, env: Env) -> Result<(), EdgeError> {
    let config = Config::of(&env)?;
    let app = App::new(env, config, NAME.to_owned(), RoundTrips::default())?;
    for message in queue::messages(&batch)? {
        match deliver_one(&message, &app).await {
            Ok(()) => message.done()?,
            Err(error) => {
                let about = message.text().unwrap_or_default();
                report(NAME, "webhook_failed", &about, &error.to_string());
                message.again_after(webhook::pause(message.tries()))?;
            }
        }
    }
    Ok(())
}

/// Sends one event; `Ok` also where there is nothing to send.
async fn deliver_one(message: &Message, app: &App) -> Result<(), EdgeError> {
    let (Some(receiver), Some(id)) = (&app.config.webhook, message.text()) else {
        return Ok(());
    };
    // There is none if what was to be told has not happened after all, or was forgotten meanwhile.
    let Some(body) = app.store.audit_message(&id).await? else {
        return Ok(());
    };
    let at = clock::now();
    let signature = webhook::signature(&receiver.key, &id, at, &body);
    let headers = [
        ("content-type", http::JSON),
        ("webhook-id", &id),
        ("webhook-timestamp", &at.seconds().to_string()),
        ("webhook-signature", &signature),
    ];
    match fetch::post_status(&receiver.url, &headers, &body).await? {
        200..=299 => Ok(()),
        status => Err(EdgeError::Upstream(format!("status {status}"))),
    }
}

fn report(request_id: &str, event: &'static str, about: &str, reason: &str) {
    log::event(&log::Event {
        request_id,
        event,
        about,
        reason,
    });
}
