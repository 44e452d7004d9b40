//! Clients that say who they are by themselves (draft-ietf-oauth-client-id-metadata-document): their
//! identifier is the address of a document about them.
//!
//! Such a client is a stranger like one that registers, and its user is asked every time.

use serde_json::Value;

use super::registration::{self, ClientMetadata, GrantTypes, Offer, RegistrationRefusal};
use super::{Client, ClientAuthentication, ClientSettings};
use crate::id::ClientId;
use crate::jose::Claims;
use crate::json;
use crate::logout::back_channel::may_be_told_at;
use crate::redirect::RedirectUri;
use crate::time::{Lifetime, Timestamp};

/// The largest document that is read, in bytes (§6.6 of the draft recommends 5 kB).
pub const LARGEST: usize = 16 * 1024;

/// How long a document is used before it is fetched again.
const FRESH_FOR: Lifetime = Lifetime::from_minutes(10);

/// How long it is used while it cannot be had.
const USABLE_FOR: Lifetime = Lifetime::from_days(1);

/// Why a client's document is worth nothing.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum DocumentProblem {
    /// It is not at an address from which documents are fetched.
    #[error("client_id is no https address with a public name and a path, and nothing but that")]
    Address,
    /// What it says.
    #[error("the document at client_id is refused: {0}")]
    Metadata(#[from] RegistrationRefusal),
    /// It is about another client, or tells a secret.
    #[error("the document at client_id must name it as client_id, and have no secret")]
    Other,
    /// Too many new clients come from one place.
    #[error("too many documents were asked for from here: wait, then try again")]
    TooMany,
    /// Nothing that is one was there in time.
    #[error("there is no JSON document of at most 16 kB at client_id")]
    Unavailable,
}

impl ClientId {
    /// The host of the address that it is; empty if it is none.
    pub fn host(&self) -> &str {
        let rest = self.as_str().split_once("://").map_or("", |(_, rest)| rest);
        rest.split('/').next().unwrap_or_default()
    }

    /// Whether it is an address, and so its client says who it is by itself.
    pub fn is_address(&self) -> bool {
        ["https://", "http://"]
            .iter()
            .any(|scheme| self.as_str().starts_with(scheme))
    }
}

/// Checks that a document may be fetched from a client identifier: from no machine that only this
/// provider's network can reach, and in development also from this one.
///
/// # Errors
///
/// [`DocumentProblem::Address`].
pub fn check_address(id: &ClientId, in_development: bool) -> Result<(), DocumentProblem> {
    let uri = RedirectUri::parse(id.as_str()).map_err(|_| DocumentProblem::Address)?;
    let path = uri
        .origin()
        .and_then(|origin| id.as_str().strip_prefix(origin));
    let is_plain = |path: &str| {
        let mut segments = path.split('/');
        path.len() > 1 && !path.contains('?') && !segments.any(|part| part == "." || part == "..")
    };
    if path.is_some_and(is_plain) && may_be_told_at(&uri, in_development) {
        Ok(())
    } else {
        Err(DocumentProblem::Address)
    }
}

/// Whether a client need not be looked up again: its document was fetched lately, or an administrator has
/// registered it.
pub fn is_fresh(client: &Client, now: Timestamp) -> bool {
    let fetched = client.settings.document_fetched_at;
    fetched.is_none_or(|at| at.is_within(FRESH_FOR, now))
}

/// Whether a client may be used although its document cannot be had now.
pub fn is_usable(client: &Client, now: Timestamp) -> bool {
    let fetched = client.settings.document_fetched_at;
    fetched.is_none_or(|at| at.is_within(USABLE_FOR, now))
}

/// The client that a document is about. `known` is what it was before.
///
/// # Errors
///
/// The [`DocumentProblem`] that says what is wrong.
pub fn read(
    text: &str,
    id: &ClientId,
    known: Option<&Client>,
    offer: Offer<'_>,
    now: Timestamp,
) -> Result<Client, DocumentProblem> {
    let members: Claims =
        json::object(text.as_bytes()).map_err(|_| DocumentProblem::Unavailable)?;
    let is_about = members.get("client_id").and_then(Value::as_str) == Some(id.as_str());
    if !is_about || members.contains_key("client_secret") {
        return Err(DocumentProblem::Other);
    }
    let metadata = ClientMetadata::parse(text)?;
    let authentication = match metadata.token_endpoint_auth_method.as_deref() {
        None | Some("none") => ClientAuthentication::None,
        Some("private_key_jwt") => ClientAuthentication::PrivateKeyJwt,
        Some(_) => {
            let problem = "must be none or private_key_jwt";
            let member = "token_endpoint_auth_method";
            return Err(RegistrationRefusal::Metadata(member, problem).into());
        }
    };
    let changed = |known: &Client| known.authentication.method() != authentication.method();
    if known.is_some_and(changed) {
        let problem = "cannot be changed: use another client_id";
        let member = "token_endpoint_auth_method";
        return Err(RegistrationRefusal::Metadata(member, problem).into());
    }
    let offer = Offer {
        grant_types: GrantTypes::OfBrowsers,
        ..offer
    };
    // What an administrator has settled with it stays.
    let client = match known {
        Some(known) => registration::update(&metadata, known, offer)?,
        None => registration::describe(&metadata, id.clone(), authentication, offer)?,
    };
    Ok(Client {
        settings: ClientSettings {
            document_fetched_at: Some(now),
            ..client.settings
        },
        ..client
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::GrantType;
    use crate::grant::tests::{NOW, after};
    use crate::scope::Scope;
    use serde_json::json;

    const ID: &str = "https://app.example/client.json";

    fn id(text: &str) -> ClientId {
        ClientId::parse(text).unwrap()
    }

    fn read_as(changes: &Value, known: Option<&Client>) -> Result<Client, DocumentProblem> {
        let mut document = json!({
            "client_id": ID, "client_name": "App", "redirect_uris": ["https://app.example/cb"],
        });
        for (name, value) in changes.as_object().unwrap() {
            document[name] = value.clone();
        }
        let scopes = Scope::parse("openid read").unwrap();
        let offer = Offer {
            scopes: &scopes,
            details_types: &Scope::default(),
            grant_types: GrantTypes::ActingForItself,
            documents: true,
        };
        read(&document.to_string(), &id(ID), known, offer, NOW)
    }

    #[test]
    fn documents_are_fetched_from_public_addresses_only() {
        for good in [
            ID,
            "https://app.example:8443/a/b",
            "https://a.b.example/.well-known/x",
        ] {
            assert!(id(good).is_address());
            assert_eq!(check_address(&id(good), false), Ok(()), "{good}");
        }
        for bad in [
            "app",
            "https://app.example",
            "https://app.example/",
            "https://app.example/a?b=c",
            "https://app.example/a#b",
            "https://app.example/a/../b",
            "https://app.example/./b",
            "https://user:pass@app.example/a",
            "https://localhost/a",
            "https://10.0.0.1/a",
            "https://[::1]/a",
            "https://169.254.169.254/latest/meta-data",
            "https://metadata.google.internal/a",
            "http://app.example/a",
            "ftp://app.example/a",
        ] {
            for in_development in [false, true] {
                let refused = check_address(&id(bad), in_development);
                assert_eq!(refused, Err(DocumentProblem::Address), "{bad}");
            }
        }
        let here = id("http://localhost:3001/client.json");
        assert_eq!(check_address(&here, false), Err(DocumentProblem::Address));
        assert_eq!(check_address(&here, true), Ok(()));
    }

    #[test]
    fn a_document_is_about_its_client_and_makes_a_stranger_of_it() {
        let said =
            json!({ "is_first_party": true, "may_introspect": true, "direct_sign_in": true });
        let client = read_as(&said, None).unwrap();
        assert_eq!((client.id.as_str(), client.name.as_str()), (ID, "App"));
        assert!(!client.is_first_party && !client.may_introspect);
        assert!(!client.may_sign_in_directly() && !client.authentication.is_confidential());
        assert_eq!(client.settings.document_fetched_at, Some(NOW));
        for (bad, other) in [
            (
                json!({ "client_id": "https://app.example/other.json" }),
                true,
            ),
            (json!({ "client_id": null }), true),
            (json!({ "client_secret": "s" }), true),
            (json!({ "redirect_uris": [] }), false),
            (json!({ "redirect_uris": ["javascript:alert(1)"] }), false),
            (
                json!({ "token_endpoint_auth_method": "client_secret_basic" }),
                false,
            ),
            (
                json!({ "token_endpoint_auth_method": "private_key_jwt" }),
                false,
            ),
            (json!({ "grant_types": ["password"] }), false),
            (
                json!({ "grant_types": ["authorization_code", "client_credentials"] }),
                false,
            ),
            (
                json!({ "grant_types": [GrantType::DeviceCode.as_str()] }),
                false,
            ),
            (json!({ "client_name": "a\nb" }), false),
        ] {
            let problem = read_as(&bad, None).unwrap_err();
            assert_eq!(problem == DocumentProblem::Other, other, "{bad}");
        }
        let keys = json!({
            "token_endpoint_auth_method": "private_key_jwt",
            "jwks": { "keys": [{ "kty": "EC", "kid": "a", "alg": "ES256" }] },
        });
        assert!(
            read_as(&keys, None)
                .unwrap()
                .authentication
                .is_confidential()
        );
        assert!(read_as(&keys, Some(&client)).is_err());
    }

    #[test]
    fn what_an_administrator_has_settled_stays_when_the_document_is_read_again() {
        let mut known = read_as(&json!({}), None).unwrap();
        known.settings.access_token_lifetime = Some(60);
        known.settings.default_max_age = Some(5);
        let again = read_as(&json!({ "client_name": "New" }), Some(&known)).unwrap();
        assert_eq!(again.name, "New");
        assert_eq!(again.settings.access_token_lifetime, Some(60));
        // What the document speaks of, it alone says.
        assert_eq!(again.settings.default_max_age, None);
        assert!(!again.is_first_party);
    }

    #[test]
    fn a_document_is_looked_at_again_and_not_believed_for_ever() {
        let client = read_as(&json!({}), None).unwrap();
        for (seconds, fresh, usable) in [
            (599, true, true),
            (601, false, true),
            (86_399, false, true),
            (86_401, false, false),
        ] {
            let now = after(seconds);
            assert_eq!(
                (is_fresh(&client, now), is_usable(&client, now)),
                (fresh, usable)
            );
        }
        let registered = crate::client::tests::public();
        assert!(is_fresh(&registered, after(1 << 30)));
    }
}
