//! What clients say of themselves and ask for in detail, as JSON.

use gatepass_core::authorize::AuthorizationDetails;
use gatepass_core::client::GrantType;
use gatepass_core::client::registration::{
    ClientMetadata, GrantTypes, NewCredentials, Offer, metadata_of, register,
};
use gatepass_core::error::ErrorResponse;
use gatepass_core::id::ClientId;
use gatepass_core::scope::Scope;
use gatepass_core::secret::{ClientSecret, RegistrationToken};

use super::parsers::check_description;
use super::text;
use crate::fixture;

/// Client metadata: nobody registers for what only an administrator gives, and a client that registers with
/// what it was told it has gets the same again.
pub(super) fn client_metadata(data: &[u8]) {
    let Some(body) = text(data) else { return };
    let scopes = Scope::parse("openid profile read").unwrap();
    let details_types = Scope::parse("payment").unwrap();
    let offer = Offer {
        scopes: &scopes,
        details_types: &details_types,
        grant_types: GrantTypes::WithAUser,
        documents: false,
    };
    let registered = |metadata: &ClientMetadata| {
        let credentials = NewCredentials {
            id: ClientId::from_random([1; 16]),
            secret: ClientSecret::from_random([2; 32]),
            token: RegistrationToken::from_random([3; 32]),
        };
        register(metadata, credentials, offer, fixture::NOW)
    };
    let judged = ClientMetadata::parse(body).and_then(|metadata| registered(&metadata));
    let client = match judged {
        Ok(registered) => registered.registration.client,
        Err(refusal) => return check_description(&ErrorResponse::from(&refusal).description),
    };
    assert!(!client.is_first_party && !client.may_introspect);
    assert!(client.scope.is_subset_of(&scopes));
    let settings = &client.settings;
    assert!(!settings.direct_sign_in && !settings.may_impersonate);
    assert!(settings.exchanges_tokens_of.is_empty());
    for given in [
        GrantType::ClientCredentials,
        GrantType::Password,
        GrantType::TokenExchange,
    ] {
        assert!(!client.may_use(given), "{given:?}");
    }
    let told = serde_json::to_string(&metadata_of(&client)).unwrap();
    let again = ClientMetadata::parse(&told).unwrap();
    let again = registered(&again).unwrap().registration.client;
    assert_eq!(format!("{again:?}"), format!("{client:?}"));
}

/// `authorization_details`: what was read is written and read again the same, is within itself, and is shown
/// without a character that could hide something.
pub(super) fn authorization_details(data: &[u8]) {
    let Some(parameter) = text(data) else { return };
    let Ok(details) = AuthorizationDetails::read(Some(parameter)) else {
        return;
    };
    let details = details.unwrap();
    assert!(!details.is_empty());
    let written = details.to_text().unwrap();
    let again = AuthorizationDetails::read(Some(&written)).unwrap();
    assert_eq!(again.as_ref(), Some(&details));
    assert!(details.are_within(&details));
    assert!(AuthorizationDetails::default().are_within(&details));
    assert!(!details.are_within(&AuthorizationDetails::default()));
    for shown in details.described() {
        assert!(!shown.is_empty());
        let hides = |letter: char| letter.is_control() && letter != '\n';
        assert!(!shown.contains(hides), "{shown:?}");
    }
}
