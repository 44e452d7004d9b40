//! The device code grant (RFC 8628 §3.4): one round trip to D1 while the user is thought to type, two for
//! the poll that gets the tokens.

use gatepass_core::client::{AuthenticatedClient, GrantType};
use gatepass_core::grant::device::{self, DevicePoll, DeviceRefusal, Made, Outcome, Polled};
use gatepass_core::grant::{Allowed, Grant, Terms};
use gatepass_core::id::JwtId;
use gatepass_core::secret::DeviceCode;
use gatepass_core::store::DeviceStore;
use gatepass_edge::random;

use super::password::new_ids;
use super::{Answer, Asking};
use crate::app::App;
use crate::audit::Entry;
use crate::issue::{self, Issue};

pub(super) async fn poll(asking: Asking<'_>, code: &DeviceCode, app: &App) -> Answer {
    let (hash, now) = (code.hash(), asking.now);
    let poll = DevicePoll {
        device_code: hash,
        client_id: asking.credentials.client_id(),
        at: now,
        proof: asking.proof_for(&hash.to_base64url(), app),
    };
    let Polled {
        client,
        record,
        made,
        proof,
    } = app.store.poll_device(&poll).await?;
    let client = match asking.authenticate(client, proof) {
        Ok(client) => client,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let settings = &client.client().settings;
    let lifetimes = settings.lifetimes(&app.config.lifetimes);
    let terms = asking.terms(&lifetimes, app);
    let outcome = match device::decide(record, made, &client, new_ids()?, terms) {
        Ok(outcome) => outcome,
        Err(refusal) => return Ok(Err(refusal.into())),
    };
    // Whatever can fail here must do so before the device code is spent.
    let algorithms = settings.algorithms(app.config.keys.algorithm);
    let keys = app.keys_for(algorithms).await?;
    let made = match take(outcome, &poll, &client, app, terms).await? {
        Ok(made) => made,
        Err(refusal) => return Ok(Err(refusal.into())),
    };
    let issue = Issue {
        grant: &made.grant,
        session: &made.session,
        access_jti: JwtId::from_random(random::bytes()?),
        allowed: Allowed::all(&made.grant),
        kept: None,
        terms,
        algorithms,
        gives_refresh_token: client.client().may_use(GrantType::RefreshToken),
        id_token: issue::id_token(&made.grant, &made.grant.scope, None, terms, app).await?,
    };
    issue::tokens(issue, &keys, app).await.map(Ok)
}

/// Spends the device code, if nobody has.
async fn take(
    outcome: Outcome,
    poll: &DevicePoll<'_>,
    client: &AuthenticatedClient,
    app: &App,
    terms: Terms<'_>,
) -> super::Outcome<Made, DeviceRefusal> {
    let redemption = match outcome {
        Outcome::Redeem(redemption) => redemption,
        Outcome::Repeat(made) => return Ok(Ok(*made)),
    };
    app.note_if_done(&Entry::grant_begun(&redemption.grant, "device_code"));
    let Some(status_index) = app.store.redeem_device_code(&redemption).await? else {
        return repeat(poll, client, app, terms).await;
    };
    Ok(Ok(Made {
        grant: Grant {
            status_index,
            ..redemption.grant
        },
        session: redemption.session,
    }))
}

/// What another poll has just made, which was faster.
async fn repeat(
    poll: &DevicePoll<'_>,
    client: &AuthenticatedClient,
    app: &App,
    terms: Terms<'_>,
) -> super::Outcome<Made, DeviceRefusal> {
    let Polled { record, made, .. } = app.store.poll_device(poll).await?;
    Ok(
        device::decide(record, made, client, new_ids()?, terms).and_then(|outcome| match outcome {
            Outcome::Repeat(made) => Ok(*made),
            Outcome::Redeem(_) => Err(DeviceRefusal::Unsettled),
        }),
    )
}
