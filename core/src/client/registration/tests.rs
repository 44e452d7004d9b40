use super::*;
use crate::client::RefreshBehaviour;
use crate::grant::tests::NOW;
use crate::jose::SigningAlgorithm;

fn metadata(json: &str) -> ClientMetadata {
    ClientMetadata::parse(json).unwrap()
}

fn scopes() -> Scope {
    Scope::parse("openid profile read write").unwrap()
}

fn types() -> Scope {
    Scope::parse("payment https://b.example/t").unwrap()
}

fn offer<'a>(scopes: &'a Scope, details_types: &'a Scope) -> Offer<'a> {
    Offer {
        scopes,
        details_types,
        grant_types: GrantTypes::WithAUser,
        documents: true,
    }
}

fn registered(json: &str) -> Result<Registered, RegistrationRefusal> {
    let credentials = NewCredentials {
        id: ClientId::parse("c1").unwrap(),
        secret: ClientSecret::new("s3cret"),
        token: RegistrationToken::new("manage"),
    };
    register(
        &ClientMetadata::parse(json)?,
        credentials,
        offer(&scopes(), &types()),
        NOW,
    )
}

fn refused(json: &str) -> (ErrorCode, String) {
    let response = ErrorResponse::from(&registered(json).unwrap_err());
    (response.code, response.description)
}

const PAGE: &str = r#""redirect_uris":["https://app.example/cb","https://app.example/other"]"#;

#[test]
fn what_is_not_said_has_its_default() {
    let made = registered(&format!("{{{PAGE}}}")).unwrap();
    let client = &made.registration.client;
    assert_eq!(client.authentication.method(), "client_secret_basic");
    assert_eq!(made.secret.unwrap().expose(), "s3cret");
    assert!(
        made.registration
            .token
            .matches(RegistrationToken::new("manage").hash())
    );
    assert_eq!(client.grant_types, [GrantType::AuthorizationCode]);
    assert_eq!(client.scope, scopes());
    assert_eq!(client.name, "https://app.example");
    assert_eq!(client.refresh_behaviour, RefreshBehaviour::Rotate);
    assert!(client.origins.is_empty());
}

#[test]
fn a_stranger_is_never_trusted_more_than_one() {
    let asks = format!(r#"{{{PAGE},"is_first_party":true,"may_introspect":true}}"#);
    let client = registered(&asks).unwrap().registration.client;
    assert!(!client.is_first_party && !client.may_introspect);
}

#[test]
fn a_public_client_has_no_secret_and_calls_from_its_pages() {
    let made = registered(&format!(
        r#"{{{PAGE},"token_endpoint_auth_method":"none"}}"#
    ))
    .unwrap();
    assert!(made.secret.is_none());
    assert_eq!(made.registration.client.origins, ["https://app.example"]);
}

#[test]
fn a_client_with_a_key_of_its_own_gets_no_secret() {
    let key = r#"{"kty":"EC","kid":"a","alg":"ES256","crv":"P-256","x":"x","y":"y"}"#;
    let method = r#""token_endpoint_auth_method":"private_key_jwt""#;
    let made = registered(&format!(r#"{{{PAGE},{method},"jwks":{{"keys":[{key}]}}}}"#)).unwrap();
    assert!(made.secret.is_none());
    let client = made.registration.client;
    assert!(client.authentication.is_confidential());
    assert_eq!(metadata_of(&client).jwks.unwrap().keys.len(), 1);
    let (code, description) = refused(&format!("{{{PAGE},{method}}}"));
    assert_eq!(code, ErrorCode::InvalidClientMetadata);
    assert!(description.starts_with("jwks is required"), "{description}");
    let (code, description) = refused(&format!(
        r#"{{{PAGE},"require_signed_request_object":true}}"#
    ));
    assert_eq!(code, ErrorCode::InvalidClientMetadata);
    assert!(description.starts_with("jwks is required"), "{description}");
}

#[test]
fn what_it_says_is_what_it_is_told() {
    let said = format!(
        r#"{{{PAGE},"client_name":"Notes","grant_types":["authorization_code","refresh_token"],
        "response_types":["code"],"scope":"openid read unknown","client_uri":"https://app.example/",
        "contacts":["help@app.example"],"token_endpoint_auth_method":"client_secret_post",
        "post_logout_redirect_uris":["https://app.example/bye"],
        "id_token_signed_response_alg":"RS256","default_max_age":60,
        "backchannel_logout_uri":"https://app.example/out","backchannel_logout_session_required":true,
        "userinfo_signed_response_alg":"EdDSA","request_object_signing_alg":"RS256",
        "authorization_details_types":["payment"],"of_no_meaning":1}}"#
    );
    let client = registered(&said).unwrap().registration.client;
    let expected = ClientMetadata {
        scope: Some("openid read".to_owned()),
        ..metadata(&said)
    };
    assert_eq!(metadata_of(&client), expected);
    let algorithms = client.settings.algorithms(SigningAlgorithm::ES256);
    assert_eq!(algorithms.id_token, SigningAlgorithm::RS256);
    assert_eq!(algorithms.access_token, SigningAlgorithm::ES256);
}

#[test]
fn redirect_uris_are_one_to_sixteen_good_ones() {
    for uris in [
        "[]",
        r#"["http://app.example/cb"]"#,
        r#"["https://app.example/cb#x"]"#,
        r#"["javascript:alert(1)"]"#,
        r#"["myapp:/cb"]"#,
        r#"["https://app.example/cb","nonsense"]"#,
    ] {
        let (code, description) = refused(&format!(r#"{{"redirect_uris":{uris}}}"#));
        assert_eq!(code, ErrorCode::InvalidRedirectUri, "{uris}");
        assert!(
            description.starts_with("redirect_uris must be"),
            "{description}"
        );
    }
    let many = vec![r#""https://app.example/cb""#; 17].join(",");
    let (code, _) = refused(&format!(r#"{{"redirect_uris":[{many}]}}"#));
    assert_eq!(code, ErrorCode::InvalidRedirectUri);
}

#[test]
fn a_member_that_is_wrong_is_named() {
    for (member, value) in [
        ("token_endpoint_auth_method", r#""private_key""#),
        ("token_endpoint_auth_method", "1"),
        ("redirect_uris", r#""https://app.example/cb""#),
        ("grant_types", r#"["authorization_code",1]"#),
        ("default_max_age", "-1"),
        ("default_max_age", "4294967296"),
        ("require_pushed_authorization_requests", r#""yes""#),
        ("backchannel_logout_session_required", "1"),
        ("dpop_bound_access_tokens", "1"),
        ("request_object_signing_alg", r#""none""#),
        ("authorization_details_types", r#""payment""#),
        ("authorization_details_types", r#"["payment","other"]"#),
        ("require_signed_request_object", "1"),
        ("jwks", r#""https://app.example/keys""#),
        ("jwks", r#"{"keys":["a"]}"#),
        ("client_uri", "[]"),
        ("jwks", r#"{"keys":[]}"#),
        ("jwks_uri", r#""https://app.example/keys""#),
        ("id_token_signed_response_alg", r#""none""#),
        ("id_token_signed_response_alg", r#""HS256""#),
        ("userinfo_signed_response_alg", r#""none""#),
        ("backchannel_logout_uri", r#""nonsense""#),
        ("grant_types", r#"["refresh_token"]"#),
        ("grant_types", r#"["authorization_code","password"]"#),
        ("response_types", r#"["token"]"#),
        ("scope", r#""a  b""#),
        ("client_name", r#""a\u202eb""#),
        ("client_name", r#""""#),
        ("client_uri", r#""javascript:alert(1)""#),
        ("logo_uri", r#""http://app.example/logo""#),
        ("contacts", r#"["a\nb"]"#),
        ("software_id", r#""""#),
        ("post_logout_redirect_uris", r#"["http://app.example/bye"]"#),
    ] {
        let (code, description) = refused(&format!(r#"{{{PAGE},"{member}":{value}}}"#));
        assert_eq!(code, ErrorCode::InvalidClientMetadata, "{member} {value}");
        assert!(description.starts_with(member), "{description}");
    }
    let (code, _) = refused(&format!(r#"{{{PAGE},"software_statement":"a.b.c"}}"#));
    assert_eq!(code, ErrorCode::UnapprovedSoftwareStatement);
}

#[test]
fn what_is_no_object_of_metadata_is_refused() {
    for body in ["", "x", "[]", "null", "{", r#""text""#] {
        assert_eq!(registered(body).unwrap_err(), RegistrationRefusal::NoObject);
    }
    let null = registered(&format!(r#"{{{PAGE},"client_name":null,"contacts":null}}"#));
    assert_eq!(
        null.unwrap().registration.client.name,
        "https://app.example"
    );
}

#[test]
fn a_client_is_told_of_sign_outs_at_a_public_address_only() {
    let client = |uri: &str| {
        let made = registered(&format!(r#"{{{PAGE},"backchannel_logout_uri":"{uri}"}}"#));
        made.unwrap().registration.client
    };
    assert!(check_logout_uri(&client("https://app.example/out"), false).is_ok());
    let loopback = client("http://localhost:3001/out");
    assert!(check_logout_uri(&loopback, true).is_ok());
    for (client, in_development) in [(loopback, false), (client("https://10.0.0.1/out"), true)] {
        let refusal = check_logout_uri(&client, in_development).unwrap_err();
        let response = ErrorResponse::from(&refusal);
        assert_eq!(response.code, ErrorCode::InvalidClientMetadata);
        assert!(
            response
                .description
                .starts_with("backchannel_logout_uri must be")
        );
    }
}

#[test]
fn an_update_replaces_everything_but_name_proof_and_what_an_administrator_settled() {
    let mut client = registered(&format!("{{{PAGE}}}"))
        .unwrap()
        .registration
        .client;
    client.settings.access_token_lifetime = Some(60);
    let next =
        r#"{"redirect_uris":["https://app.example/new"],"client_name":"New","default_max_age":9}"#;
    let next = metadata(next);
    let updated = update(&next, &client, offer(&scopes(), &types())).unwrap();
    assert_eq!((&updated.id, updated.name.as_str()), (&client.id, "New"));
    assert_eq!(updated.redirect_uris.len(), 1);
    assert_eq!(
        updated.authentication.method(),
        client.authentication.method()
    );
    assert_eq!(updated.settings.access_token_lifetime, Some(60));
    assert_eq!(updated.settings.default_max_age, Some(9));
    let public = ClientMetadata {
        token_endpoint_auth_method: Some("none".to_owned()),
        ..next
    };
    assert!(update(&public, &client, offer(&scopes(), &types())).is_err());
}

#[test]
fn a_client_that_became_first_party_changes_nothing_by_itself() {
    let client = registered(&format!("{{{PAGE}}}")).unwrap();
    let client = Client {
        is_first_party: true,
        ..client.registration.client
    };
    let next = metadata(r#"{"redirect_uris":["https://elsewhere.example/"]}"#);
    let refused = update(&next, &client, offer(&scopes(), &types())).unwrap_err();
    assert!(matches!(
        refused,
        RegistrationRefusal::Metadata("client_id", _)
    ));
}

const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";

fn offered(json: &str, grant_types: GrantTypes) -> Result<Client, RegistrationRefusal> {
    let credentials = NewCredentials {
        id: ClientId::parse("c1").unwrap(),
        secret: ClientSecret::new("s3cret"),
        token: RegistrationToken::new("manage"),
    };
    let (scopes, types) = (scopes(), types());
    let offer = Offer {
        grant_types,
        ..offer(&scopes, &types)
    };
    let registered = register(&metadata(json), credentials, offer, NOW);
    registered.map(|registered| registered.registration.client)
}

#[test]
fn a_stranger_gets_grant_types_for_which_a_user_agrees() {
    use GrantTypes::{ActingForItself, OfBrowsers, WithAUser};
    let public = r#""token_endpoint_auth_method":"none","client_name":"TV""#;
    let device = format!(r#"{{{public},"grant_types":["{DEVICE}","refresh_token"]}}"#);
    let itself = r#"{"client_name":"Job","grant_types":["client_credentials"]}"#;
    let anybody = format!(r#"{{{public},"grant_types":["client_credentials"]}}"#);
    let refresh = r#"{"client_name":"x","grant_types":["refresh_token"]}"#;
    let exchange =
        r#"{"client_name":"x","grant_types":["urn:ietf:params:oauth:grant-type:token-exchange"]}"#;
    for (json, expected) in [
        (device.as_str(), [false, true, true]),
        (itself, [false, false, true]),
        (&anybody, [false, false, false]),
        (refresh, [false, false, false]),
        (exchange, [false, false, false]),
    ] {
        let may = [OfBrowsers, WithAUser, ActingForItself].map(|of| offered(json, of).is_ok());
        assert_eq!(may, expected, "{json}");
    }
    let device = offered(&device, WithAUser).unwrap();
    assert!(device.redirect_uris.is_empty());
    assert_eq!(metadata_of(&device).response_types, Some(vec![]));
    let nameless = format!(r#"{{"token_endpoint_auth_method":"none","grant_types":["{DEVICE}"]}}"#);
    assert!(offered(&nameless, WithAUser).is_err());
}

#[test]
fn nobody_acts_for_itself_later_who_did_not_from_the_start() {
    let client = offered(
        r#"{"client_name":"Job","grant_types":["client_credentials"]}"#,
        GrantTypes::ActingForItself,
    );
    let (job, page) = (client.unwrap(), registered(&format!("{{{PAGE}}}")).unwrap());
    let more = r#"{"client_name":"Job","grant_types":["client_credentials"]}"#;
    let (scopes, types) = (scopes(), types());
    let offer = Offer {
        grant_types: GrantTypes::ActingForItself,
        ..offer(&scopes, &types)
    };
    assert!(update(&metadata(more), &job, offer).is_ok());
    assert!(update(&metadata(more), &page.registration.client, offer).is_err());
}

#[test]
fn a_replacement_is_of_the_client_that_it_names() {
    let client = registered(&format!("{{{PAGE}}}"))
        .unwrap()
        .registration
        .client;
    let (scopes, types) = (scopes(), types());
    let replace = |id| {
        let said = metadata(&format!(r#"{{{PAGE},"client_id":"{id}"}}"#));
        update(&said, &client, offer(&scopes, &types)).is_ok()
    };
    assert!(replace("c1") && !replace("c2"));
}
