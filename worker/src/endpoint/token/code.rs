//! The authorization code grant (RFC 6749 §4.1.3): two round trips to D1.

use gatepass_core::client::GrantType;
use gatepass_core::grant::code::{self, CodeRefusal, CodeRequest, NewIds};
use gatepass_core::id::{GrantId, JwtId};
use gatepass_core::store::GrantStore;
use gatepass_core::token::opaque::Offer;
use gatepass_edge::random;

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
    let ids = NewIds {
        grant: GrantId::from_random(random::bytes()?),
        refresh_jti: JwtId::from_random(random::bytes()?),
        access_jti: JwtId::from_random(random::bytes()?),
    };
    let settings = &client.client().settings;
    let lifetimes = settings.lifetimes(&app.config.lifetimes);
    let terms = asking.terms(&lifetimes, app);
    let mut redemption = match code::decide(record, request, &client, ids, terms) {
        Ok(redemption) => redemption,
        Err(refusal) => return Ok(Err(refusal.into())),
    };
    // Whatever can fail here must do so before the code is spent.
    let algorithms = settings.algorithms(app.config.keys.algorithm);
    let keys = app.keys_for(algorithms).await?;
    let opaque = settings.opaque_access_token(random::bytes()?);
    redemption.access_token = opaque
        .as_ref()
        .map(|token| Offer::new(token, &request.wish, terms));
    let grant = &redemption.grant;
    let nonce = redemption.nonce.clone();
    let id_token = issue::id_token(grant, &grant.scope, nonce, terms, app).await?;
    app.note_if_done(&Entry::grant_begun(grant, "code"));
    let Some(status_index) = app.store.redeem(&redemption).await? else {
        return Ok(Err(CodeRefusal::AlreadyRedeemed.into()));
    };
    redemption.grant.status_index = status_index;
    let (grant, session) = (&redemption.grant, &redemption.session);
    let issue = Issue {
        grant,
        session,
        access_jti: session.access_jti.clone(),
        allowed: request.wish.under(grant),
        kept: opaque,
        terms,
        algorithms,
        gives_refresh_token: client.client().may_use(GrantType::RefreshToken)
            && !grant.details.declines_offline_access,
        id_token,
    };
    issue::tokens(issue, &keys, app).await.map(Ok)
}
