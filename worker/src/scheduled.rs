//! What the cron trigger has done: nobody waits for it, and nobody is told.

use gatepass_core::time::Timestamp;
use gatepass_edge::d1::RoundTrips;
use gatepass_edge::{EdgeError, log};
use worker::Env;

use crate::app::App;
use crate::config::Config;
use crate::{clean_up, keys};

/// What stands in the log in the place of a request id.
const NAME: &str = "scheduled";

/// Does what is due at the time that the trigger was meant for, in milliseconds since 1970. What fails is in the log; the next run
/// tries again.
pub async fn run(meant_for: f64, env: Env) {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "milliseconds since 1970 stay below 2^53"
    )]
    let now = Timestamp::from_seconds(meant_for as i64 / 1000);
    let app = match app(env) {
        Ok(app) => app,
        Err(error) => return report("configuration", &error),
    };
    if let Err(error) = keys::keep_up(&app, &[app.config.keys.algorithm], now).await {
        report("signing_keys", &error);
    }
    if let Err(error) = clean_up::run(&app, now).await {
        report("clean_up", &error);
    }
}

fn app(env: Env) -> Result<App, EdgeError> {
    let config = Config::of(&env)?;
    App::new(env, config, NAME.to_owned(), RoundTrips::default())
}

/// Says in the log what failed.
fn report(task: &'static str, error: &EdgeError) {
    log::event(&log::Event {
        request_id: NAME,
        event: "scheduled_task_failed",
        about: task,
        reason: &error.to_string(),
    });
}
