//! Clients whose identifier is the address of a document about them: fetched where the store has none that
//! is fresh, and kept there like any other, so that nothing that follows need know the difference.

use gatepass_core::client::Client;
use gatepass_core::client::document::{self, DocumentProblem, LARGEST};
use gatepass_core::client::registration::Registration;
use gatepass_core::id::ClientId;
use gatepass_core::secret::RegistrationToken;
use gatepass_core::store::{AuthorizeStore, RegistrationStore};
use gatepass_core::time::Timestamp;
use gatepass_edge::config::Environment;
use gatepass_edge::{EdgeError, fetch, log, random};

use crate::app::App;
use crate::limits::Limit;

/// The client of this identifier, of which the store holds `known`. With a fresh document, or none, no
/// round trip; else two to D1, and one to the client.
///
/// # Errors
///
/// The inner [`DocumentProblem`] if the document is at fault.
pub async fn resolve(
    id: &ClientId,
    known: Option<Client>,
    app: &App,
    now: Timestamp,
) -> Result<Result<Option<Client>, DocumentProblem>, EdgeError> {
    let is_fresh = |client: &Client| document::is_fresh(client, now);
    if !app.config.client_documents || !id.is_address() || known.as_ref().is_some_and(is_fresh) {
        return Ok(Ok(known));
    }
    let read = match fetch(id, app).await {
        Ok(text) => document::read(&text, id, known.as_ref(), app.config.offer(), now),
        Err(problem) => Err(problem),
    };
    match (read, known) {
        (Ok(client), known) => keep(client, known.is_some(), app, now).await.map(Ok),
        (Err(DocumentProblem::Unavailable | DocumentProblem::TooMany), Some(known))
            if document::is_usable(&known, now) =>
        {
            Ok(Ok(Some(known)))
        }
        (Err(problem), _) => Ok(Err(problem)),
    }
}

async fn fetch(id: &ClientId, app: &App) -> Result<String, DocumentProblem> {
    let in_development = app.config.conduct.environment == Environment::Development;
    document::check_address(id, in_development)?;
    if !Limit::Creations
        .admits("", app.place.network.as_ref(), app)
        .await
    {
        return Err(DocumentProblem::TooMany);
    }
    let fetched = fetch::foreign_json(id.as_str(), LARGEST).await;
    fetched.map_err(|error| {
        log::fetch_failed(&error);
        DocumentProblem::Unavailable
    })
}

/// Keeps what the document says, and reads it back: a client that an administrator has ended stays ended.
async fn keep(
    client: Client,
    is_known: bool,
    app: &App,
    now: Timestamp,
) -> Result<Option<Client>, EdgeError> {
    if is_known {
        app.store.update_registration(&client).await?;
        return Ok(Some(client));
    }
    let id = client.id.clone();
    let registration = Registration {
        client,
        // Nobody has the token: the document is how it is managed.
        token: RegistrationToken::from_random(random::bytes()?).hash(),
        issued_at: now,
    };
    app.store.insert_registration(&registration).await?;
    let (client, _) = app.store.client_and_sign_in(Some(&id), None).await?;
    Ok(client)
}
