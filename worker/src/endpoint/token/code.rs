//! The authorization code grant (RFC 6749 §4.1.3): two round trips to D1.

use gatepass_core::client::{Client, GrantType};
use gatepass_core::dpop::Thumbprint;
use gatepass_core::grant::code::{self, CodeRecord, CodeRefusal, CodeRequest, Redemption};
use gatepass_core::grant::{Terms, Wish};
use gatepass_core::store::GrantStore;
use gatepass_core::time::Timestamp;
use gatepass_core::token::TokenResponse;
use gatepass_core::token::opaque::Offer;
use gatepass_edge::{EdgeError, random};

use super::password::new_ids;
use super::{Answer, Asking};
use crate::app::App;
use crate::audit::Entry;
use crate::issue::{self, Issue};

pub(super) async fn redeem(asking: Asking<'_>, request: &CodeRequest, app: &App) -> Answer {
    let credentials = asking.credentials;
    let (hash, proof) = (request.code.hash(), asking.proof_once());
    let (client, record, verdict) = app
        .store
        .client_and_code(credentials.client_id(), hash, proof.as_ref())
        .await?;
    let client = match asking.authenticate(client, verdict) {
        Ok(client) => client,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let settings = &client.client().settings;
    let lifetimes = settings.lifetimes(&app.config.lifetimes);
    let terms = asking.terms(&lifetimes, app);
    let redemption = match code::decide(record, request, &client, new_ids()?, terms) {
        Ok(redemption) => redemption,
        Err(refusal) => return Ok(Err(refusal.into())),
    };
    let way = (client.client(), GrantType::AuthorizationCode);
    let on = (terms.key, terms.now);
    let tokens = finish(redemption, &request.wish, way, on, app).await?;
    Ok(tokens.ok_or_else(|| CodeRefusal::AlreadyRedeemed.into()))
}

/// What a code buys that nobody gets to see: the access token that is asked for in its place (RFC 6749 §4.2),
/// for one round trip to D1. `None` if its browser has just been signed out.
pub(in crate::endpoint) fn redeem_at_once<'a>(
    record: CodeRecord,
    client: &'a Client,
    app: &'a App,
    now: Timestamp,
) -> Result<impl Future<Output = Finished> + 'a, EdgeError> {
    static EVERYTHING: Wish = Wish {
        scope: None,
        details: None,
    };
    let lifetimes = client.settings.lifetimes(&app.config.lifetimes);
    let terms = Terms {
        issuer: &app.config.issuer,
        lifetimes: &lifetimes,
        now,
        key: None,
    };
    let redemption = code::at_once(record, client, new_ids()?, terms);
    let way = (client, GrantType::Implicit);
    Ok(finish(redemption, &EVERYTHING, way, (None, now), app))
}

type Finished = Result<Option<TokenResponse>, EdgeError>;

/// Spends the code and writes the tokens, of which the implicit grant has only one; `None` if the code was
/// spent already.
async fn finish(
    mut redemption: Redemption,
    wish: &Wish,
    (client, way): (&Client, GrantType),
    (key, now): (Option<&Thumbprint>, Timestamp),
    app: &App,
) -> Finished {
    let settings = &client.settings;
    let lifetimes = settings.lifetimes(&app.config.lifetimes);
    let terms = Terms {
        issuer: &app.config.issuer,
        lifetimes: &lifetimes,
        now,
        key,
    };
    // Whatever can fail here must do so before the code is spent.
    let algorithms = settings.algorithms(app.config.keys.algorithm);
    let keys = app.keys_for(algorithms).await?;
    let opaque = settings.opaque_access_token(random::bytes()?);
    redemption.access_token = opaque.as_ref().map(|token| Offer::new(token, wish, terms));
    let grant = &redemption.grant;
    let (id_token, name) = if way == GrantType::Implicit {
        (None, "implicit")
    } else {
        let nonce = redemption.nonce.take();
        let id_token = issue::id_token(grant, &grant.scope, nonce, terms, app).await?;
        (id_token, "code")
    };
    app.note_if_done(&Entry::grant_begun(grant, name));
    let Some(status_index) = app.store.redeem(&redemption).await? else {
        return Ok(None);
    };
    redemption.grant.status_index = status_index;
    let (grant, session) = (&redemption.grant, &redemption.session);
    let issue = Issue {
        grant,
        session,
        access_jti: session.access_jti.clone(),
        allowed: wish.under(grant),
        kept: opaque,
        terms,
        algorithms,
        gives_refresh_token: way != GrantType::Implicit
            && client.may_use(GrantType::RefreshToken)
            && !grant.details.declines_offline_access,
        id_token,
    };
    issue::tokens(issue, &keys, app).await.map(Some)
}
