//! The refresh grant (RFC 6749 §6): one round trip to D1.

use gatepass_core::client::Client;
use gatepass_core::grant::Wish;
use gatepass_core::grant::refresh::{self, NextSession, RefreshRefusal, Rotation, check_wish};
use gatepass_core::id::JwtId;
use gatepass_core::secret::AccessToken;
use gatepass_core::store::GrantStore;
use gatepass_core::token::opaque::Offer;
use gatepass_core::token::refresh::read_for_refresh;
use gatepass_core::token::{RefreshRequest, TokenRefusal};
use gatepass_edge::random;

use super::{Answer, Asking, Outcome};
use crate::app::App;
use crate::issue::{self, Issue};

pub(super) async fn rotate(asking: Asking<'_>, request: &RefreshRequest, app: &App) -> Answer {
    let Asking {
        credentials, now, ..
    } = asking;
    let config = &app.config;
    let (key, grace) = (&config.refresh_token_key, config.lifetimes.grace);
    let jti = match read_for_refresh(&request.token, &config.issuer, key, grace, now) {
        Ok(claims) => claims.jti,
        Err(error) => return Ok(Err(TokenRefusal::RefreshToken(error))),
    };
    if (asking.directly || !request.wish.is_for_everything())
        && let Err(refusal) = check_before(&request.wish, asking, &jti, app).await?
    {
        return Ok(Err(refusal.into()));
    }
    // Kept only if its client turns out to have such tokens.
    let opaque = AccessToken::from_random(random::bytes()?);
    let offered = asking.terms(&config.lifetimes, app);
    let next = NextSession {
        refresh_jti: match &request.key {
            Some(key) => refresh::successor_of(&jti, key),
            None => JwtId::from_random(random::bytes()?),
        },
        access_jti: JwtId::from_random(random::bytes()?),
        expires_at: now.plus(config.lifetimes.refresh_token),
        access_token: Some(Offer::new(&opaque, &request.wish, offered)),
    };
    let rotation = Rotation {
        presented: &jti,
        credentials,
        next,
        at: now,
        proof: asking.proof_for(jti.as_str(), app),
    };
    // Whatever can fail here must do so before the token is spent.
    app.keys().await?;
    let found = app.store.rotate(&rotation).await?;
    let refreshed = match refresh::decide(found, &rotation, &config.lifetimes) {
        Ok(refreshed) => refreshed,
        Err(refusal) => return Ok(Err(refusal.into())),
    };
    let settings = &refreshed.client.client().settings;
    let lifetimes = settings.lifetimes(&config.lifetimes);
    let algorithms = settings.algorithms(config.keys.algorithm);
    let keys = app.keys_for(algorithms).await?;
    let access_jti = refreshed.access_jti(&rotation, JwtId::from_random(random::bytes()?));
    let terms = asking.terms(&lifetimes, app);
    let allowed = request.wish.under(&refreshed.grant);
    let issue = Issue {
        grant: &refreshed.grant,
        session: &refreshed.session,
        kept: (refreshed.session.refresh_jti == rotation.next.refresh_jti).then_some(opaque),
        access_jti,
        allowed,
        terms,
        algorithms,
        gives_refresh_token: true,
        // Without a nonce: it answers no authorization request (OIDC Core §12.2).
        id_token: issue::id_token(&refreshed.grant, allowed.scope, None, terms, app).await?,
    };
    issue::tokens(issue, &keys, app).await.map(Ok)
}

/// A request for less than was granted, or by first-party sign-in, costs one more round trip, before
/// anything is spent.
async fn check_before(
    wish: &Wish,
    asking: Asking<'_>,
    jti: &JwtId,
    app: &App,
) -> Outcome<(), RefreshRefusal> {
    let Asking {
        credentials, now, ..
    } = asking;
    let caller = credentials.client_id();
    let (client, _, state) = app.store.refresh_token_state(caller, jti).await?;
    let may = client.as_ref().is_some_and(Client::may_sign_in_directly);
    let checked = check_wish(wish, credentials, client, state.grant.as_ref(), now);
    Ok(checked.and_then(|()| {
        if asking.directly && !may {
            return Err(RefreshRefusal::UnauthorizedClient);
        }
        Ok(())
    }))
}
