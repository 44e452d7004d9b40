//! A password in the hands of a client (RFC 6749 §4.3, and first-party sign-in): two round trips to D1.

use gatepass_core::address::Network;
use gatepass_core::client::GrantType;
use gatepass_core::grant::Allowed;
use gatepass_core::grant::code::NewIds;
use gatepass_core::grant::password::{self, PasswordRefusal, PasswordRequest};
use gatepass_core::id::{GrantId, JwtId};
use gatepass_core::store::{AuthorizeStore, GrantStore};
use gatepass_core::time::Lifetime;
use gatepass_edge::{EdgeError, random};

use super::{Answer, Asking};
use crate::app::App;
use crate::audit::Entry;
use crate::endpoint::sign_in::{SignInRefusal, verify_elsewhere};
use crate::issue::{self, Issue};
use crate::limits::Limit;

/// How long whoever types too many passwords at one address waits.
const PAUSE: Lifetime = Lifetime::from_seconds(30);

pub(super) async fn sign_in(asking: Asking<'_>, request: &PasswordRequest, app: &App) -> Answer {
    let Asking {
        credentials, now, ..
    } = asking;
    let (id, name, proof) = (
        credentials.client_id(),
        &request.username,
        asking.proof_once(),
    );
    let loaded = app.store.client_and_account(id, name, proof.as_ref());
    let (client, account, verdict) = loaded.await?;
    let client = match asking.authenticate(client, verdict) {
        Ok(client) => client,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let settings = &client.client().settings;
    let lifetimes = settings.lifetimes(&app.config.lifetimes);
    let terms = asking.terms(&lifetimes, app);
    let resources = &app.config.resources;
    let allowed = match request.check(&client, asking.directly, resources, terms) {
        Ok(allowed) => allowed,
        Err(refusal) => return Ok(Err(refusal.into())),
    };
    let network = app.place.network.as_ref();
    // From a Worker anybody may come. A service that runs there has proved who it is, and others' guesses
    // must not keep its users out.
    let is_known = client.is_confidential() && network.is_some_and(Network::is_of_all_workers);
    if !is_known && !Limit::Guesses.admits("", network, app).await {
        return Ok(Err(PasswordRefusal::Wait(PAUSE).into()));
    }
    let password = request.password.expose();
    let subject = match verify_elsewhere(name, password, account, app, now).await? {
        Ok(subject) => subject,
        Err(refusal) => return Ok(Err(refused(refusal).into())),
    };
    let algorithms = settings.algorithms(app.config.keys.algorithm);
    let keys = app.keys_for(algorithms).await?;
    let (mut grant, session) = password::grant(allowed, subject, &client, new_ids()?, terms);
    let id_token = issue::id_token(&grant, &grant.scope, None, terms, app).await?;
    app.note_if_done(&Entry::grant_begun(&grant, "password"));
    if let Some(status_index) = app.store.begin_grant(&grant, &session).await? {
        grant.status_index = status_index;
    }
    let issue = Issue {
        grant: &grant,
        session: &session,
        access_jti: session.access_jti.clone(),
        allowed: Allowed::all(&grant),
        kept: None,
        terms,
        algorithms,
        gives_refresh_token: client.client().may_use(GrantType::RefreshToken),
        id_token,
    };
    issue::tokens(issue, &keys, app).await.map(Ok)
}

const fn refused(refusal: SignInRefusal) -> PasswordRefusal {
    match refusal {
        SignInRefusal::Empty | SignInRefusal::Wrong => PasswordRefusal::Wrong,
        SignInRefusal::Wait(wait) => PasswordRefusal::Wait(wait),
    }
}

pub(super) fn new_ids() -> Result<NewIds, EdgeError> {
    Ok(NewIds {
        grant: GrantId::from_random(random::bytes()?),
        refresh_jti: JwtId::from_random(random::bytes()?),
        access_jti: JwtId::from_random(random::bytes()?),
    })
}
