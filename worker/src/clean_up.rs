//! The clean-up: forgets what is over, round after round while it is worth it.

use gatepass_core::clean_up::{Forgotten, Over, ROUNDS};
use gatepass_core::store::CleanUpStore;
use gatepass_core::time::Timestamp;
use gatepass_edge::{EdgeError, log};

use crate::app::App;

/// Cleans up as of `now`, and says in the log how much that was, also if it fails half-way: what a round
/// has forgotten stays so.
///
/// # Errors
///
/// When D1 fails.
pub async fn run(app: &App, now: Timestamp) -> Result<(), EdgeError> {
    let over = Over::at(now, &app.config.lifetimes);
    let (mut rounds, mut forgotten) = (0, Forgotten::default());
    let outcome = loop {
        let round = match app.store.clean_up(&over).await {
            Ok(round) => round,
            Err(error) => break Err(error),
        };
        rounds += 1;
        forgotten = forgotten.and(round);
        if !round.is_much() || rounds == ROUNDS {
            break Ok(());
        }
    };
    log::clean_up(&log::CleanUpLine {
        event: "cleaned_up",
        rounds,
        forgotten,
    });
    outcome?;
    let retention = app.config.audit_retention;
    app.store
        .forget_audit_rows(now.minus(retention))
        .await
        .map(drop)
}
