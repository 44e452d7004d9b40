//! Telling clients that a user has signed out (OIDC Back-Channel Logout §2.5), when the sign-out is done
//! and answered: no client can slow it down or undo it.

use gatepass_core::form;
use gatepass_core::id::{BrowserId, JwtId};
use gatepass_core::logout::back_channel::{
    Departure, TYPE, Verdict, WAITS, logout_token, may_be_told_at,
};
use gatepass_edge::config::Environment;
use gatepass_edge::{EdgeError, background, clock, fetch, http, log, random};

use crate::app::App;
use crate::keys::Keys;

/// Tells each client, in the background.
pub fn tell(departures: Vec<Departure>, browser: &BrowserId, app: &App) {
    for departure in departures {
        let (app, browser) = (app.clone(), browser.clone());
        let begun = background::begin(async move {
            let told = tell_one(&departure, &browser, &app).await;
            log_outcome(&departure, told.unwrap_or("failed"), &app);
        });
        // Outside a request nothing can be done in the background, and nobody signs out there.
        drop(begun);
    }
}

fn log_outcome(departure: &Departure, outcome: &'static str, app: &App) {
    log::event(&log::Event {
        request_id: &app.request_id,
        event: "backchannel_logout",
        about: departure.client_id.as_str(),
        reason: outcome,
    });
}

async fn tell_one(
    departure: &Departure,
    browser: &BrowserId,
    app: &App,
) -> Result<&'static str, EdgeError> {
    let in_development = app.config.conduct.environment == Environment::Development;
    if !may_be_told_at(&departure.uri, in_development) {
        return Ok("not_allowed");
    }
    let algorithm = departure.algorithm.unwrap_or(app.config.keys.algorithm);
    let keys = Keys::of(app, &[algorithm]).await?;
    let jti = JwtId::from_random(random::bytes()?);
    let (issuer, now) = (&app.config.issuer, clock::now());
    let jwt = logout_token(departure, browser, issuer, &jti, now);
    // The same token at each try: whoever hears it twice knows by its jti.
    let token = keys.sign(app, algorithm, TYPE, &jwt).await?;
    let body = form::encode([("logout_token", token.as_str())]);
    let headers = [("content-type", http::FORM)];
    let mut waits = WAITS.into_iter();
    loop {
        let status = fetch::post_status(departure.uri.as_str(), &headers, &body).await;
        let verdict = Verdict::of(status.ok());
        match (verdict, waits.next()) {
            (Verdict::Unreachable, Some(wait)) => clock::pause(wait).await?,
            _ => return Ok(verdict.as_str()),
        }
    }
}
