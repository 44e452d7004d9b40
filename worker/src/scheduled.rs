//! What the cron trigger has done: nobody waits for it, and nobody is told.

use gatepass_core::time::Timestamp;
use gatepass_edge::d1::RoundTrips;
use gatepass_edge::{EdgeError, log};
use worker::{Env, ScheduledEvent};

use crate::app::App;
use crate::config::Config;
use crate::{clean_up, keys};

/// What stands in the log in the place of a request id.
const NAME: &str = "scheduled";

/// Does what is due at the time that the trigger was meant for.
///
/// # Errors
///
/// What failed, in words for the log, after everything was tried.
pub async fn run(event: &ScheduledEvent, env: Env) -> Result<(), EdgeError> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "milliseconds since 1970 stay below 2^53"
    )]
    let now = Timestamp::from_seconds(event.schedule() as i64 / 1000);
    let config = Config::of(&env)?;
    let app = App::new(env, config, NAME.to_owned(), RoundTrips::default())?;
    let keys = keys::keep_up(&app, &[app.config.keys.algorithm], now).await;
    let keys = report("keys", keys.map(drop));
    let clean_up = report("clean_up", clean_up::run(&app, now).await);
    keys.and(clean_up)
}

/// Says in the log what failed.
fn report(task: &'static str, outcome: Result<(), EdgeError>) -> Result<(), EdgeError> {
    if let Err(error) = &outcome {
        log::event(&log::Event {
            request_id: NAME,
            event: "scheduled_task_failed",
            about: task,
            reason: &error.to_string(),
        });
    }
    outcome
}
