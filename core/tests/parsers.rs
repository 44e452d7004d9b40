//! Whatever arrives from outside is read or refused, and what was read says the same when written.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use gatepass_core::authorize::{AuthorizationDetails, requesting_client, state_token, validate};
use gatepass_core::client::{ClientCredentials, GrantType};
use gatepass_core::error::ErrorResponse;
use gatepass_core::form::{self, Form};
use gatepass_core::id::{ClientId, GrantId, JwtId};
use gatepass_core::introspect::IntrospectionRequest;
use gatepass_core::jose::{self, ParsedJwt, SigningAlgorithm};
use gatepass_core::logout::LogoutRequest;
use gatepass_core::pkce::CodeChallenge;
use gatepass_core::redirect::RedirectUri;
use gatepass_core::resource::bearer_token;
use gatepass_core::revoke::RevocationRequest;
use gatepass_core::scope::Scope;
use gatepass_core::secret::{BrowserBinding, ClientSecret, RefreshToken, SecretHash, StateToken};
use gatepass_core::time::{Lifetime, Timestamp};
use gatepass_core::token::access::{self, AccessTokenClaims};
use gatepass_core::token::{TokenRequest, refresh};
use gatepass_testing::{Es256Signer, fixture};
use proptest::prelude::*;

fn config() -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// Any text, and text that is nearly what a parser wants.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[ -~]{0,80}",
        "([a-z_]{1,12}=[a-zA-Z0-9%+:/.]{0,12}&){0,6}",
        "(https?|app|http://127.0.0.1|http://\\[::1\\])[:/a-z0-9.@?#]{0,30}",
        "(Basic|Bearer|basic|bearer) [a-zA-Z0-9+/=._~-]{0,40}",
        "[a-zA-Z0-9_-]{0,30}\\.[a-zA-Z0-9_-]{0,30}\\.[a-zA-Z0-9_-]{0,30}",
    ]
}

fn parameters() -> impl Strategy<Value = Vec<(String, String)>> {
    let pairs = prop::collection::btree_map(any::<String>(), any::<String>(), 0..6);
    pairs.prop_map(|pairs| pairs.into_iter().collect())
}

/// A JWT with any JSON in its header and claims, and any signature.
fn jwt_of(header: &str, claims: &str, signature: &[u8]) -> String {
    let [header, claims] =
        [header, claims].map(|part| Base64UrlUnpadded::encode_string(part.as_bytes()));
    format!(
        "{header}.{claims}.{}",
        Base64UrlUnpadded::encode_string(signature)
    )
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn nothing_that_arrives_makes_a_parser_panic(text in text(), other in text()) {
        let _ = (Scope::parse(&text), RedirectUri::parse(&text), ClientId::parse(&text));
        let _ = (CodeChallenge::parse(Some(&text), Some("S256")), SecretHash::from_base64url(&text));
        let _ = bearer_token(Some(&text));
        let _ = ParsedJwt::parse(access::TYPE, &text);
        let (issuer, key, now) = (fixture::issuer(), fixture::refresh_token_key(), fixture::NOW);
        let _ = refresh::read(&RefreshToken::new(text.as_str()), &issuer, &key, now);
        let browser = BrowserBinding::new(other.as_str());
        let token = StateToken::new(text.as_str());
        let _ = state_token::open(&token, Some(&browser), &fixture::state_token_key(), now);
        let form = Form::parse(&text);
        let _ = form.map(|form| gatepass_core::rp::authorization::parse(&form).is_ok());
        let Ok(form) = Form::parse(&text) else { return Ok(()) };
        let _ = ClientCredentials::parse(Some(&other), &form);
        let _ = TokenRequest::parse(Some(&other), &form, Some(GrantType::RefreshToken));
        let _ = IntrospectionRequest::parse(None, &form);
        let _ = RevocationRequest::parse(None, &form);
        let _ = LogoutRequest::parse(&form).destination(Some(&fixture::demo()));
        let _ = requesting_client(&form);
        let _ = validate(&form, Some(&fixture::demo()), &fixture::resources());
    }

    /// RFC 6749 §5.2, whatever was refused.
    #[test]
    fn an_error_description_is_printable_and_quotes_nothing_dangerous(text in text(), other in text()) {
        let refusal = match Form::parse(&text) {
            Ok(form) => TokenRequest::parse(Some(&other), &form, None).err(),
            Err(error) => Some(error.into()),
        };
        if let Some(refusal) = refusal {
            let description = ErrorResponse::from(&refusal).description;
            let allowed = |b: u8| matches!(b, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e);
            prop_assert!(description.bytes().all(allowed), "{description:?}");
            prop_assert!(description.len() < 200, "{description:?}");
        }
    }

    #[test]
    fn a_form_reads_as_it_was_written(pairs in parameters()) {
        let encoded = form::encode(pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())));
        prop_assert!(encoded.bytes().all(|b| b.is_ascii_graphic()));
        let form = Form::parse(&encoded).unwrap();
        for (name, value) in &pairs {
            let expected = (!value.is_empty()).then_some(value.as_str());
            prop_assert_eq!(form.optional(name), expected);
        }
    }

    #[test]
    fn a_scope_reads_as_it_was_written(text in "[ -~]{0,40}") {
        if let Ok(scope) = Scope::parse(&text) {
            prop_assert_eq!(Scope::parse(&scope.to_string()), Ok(scope.clone()));
            prop_assert!(text.split(' ').all(|token| token.is_empty() || scope.contains(token)));
        }
    }

    #[test]
    fn identifiers_and_redirect_uris_stay_to_the_letter(text in text()) {
        if let Ok(id) = ClientId::parse(&text) {
            prop_assert_eq!(id.as_str(), &text);
            prop_assert!(!text.contains(['\r', '\n']));
        }
        if let Ok(uri) = RedirectUri::parse(&text) {
            prop_assert_eq!(uri.as_str(), &text);
            prop_assert!(!text.contains(['#', '\\', ' ', '\r', '\n']));
            prop_assert!(uri.with_parameters([("a", "b")]).starts_with(&text));
            prop_assert!(text.starts_with(uri.csp_source()));
        }
    }

    #[test]
    fn random_identifiers_and_hashes_survive_a_store(bytes: [u8; 16], secret in text()) {
        let id = JwtId::from_random(bytes);
        prop_assert_eq!(JwtId::parse(id.as_str()), Ok(id.clone()));
        prop_assert_eq!(id.as_str().len(), 22);
        let hash = SecretHash::of(&secret);
        prop_assert!(SecretHash::from_base64url(&hash.to_base64url()).unwrap().matches(hash));
    }

    #[test]
    fn basic_credentials_read_as_they_were_written(id in "[ -~]{1,40}", secret in any::<String>()) {
        let id = ClientId::parse(&id).unwrap();
        let header = fixture::basic(&id, &secret);
        let credentials = ClientCredentials::parse(Some(&header), &Form::default()).unwrap();
        prop_assert_eq!(credentials.client_id(), &id);
        let hash = ClientSecret::new(secret).hash();
        prop_assert!(credentials.secret_hash().unwrap().matches(hash));
    }

    #[test]
    fn basic_credentials_of_any_bytes_are_read_or_refused(bytes: Vec<u8>) {
        let header = format!("Basic {}", Base64::encode_string(&bytes));
        let _ = ClientCredentials::parse(Some(&header), &Form::default());
    }

    #[test]
    fn a_bearer_token_reads_as_it_was_written(token in "[a-zA-Z0-9._~+/-]{1,60}={0,2}") {
        let read = bearer_token(Some(&format!("Bearer {token}"))).unwrap();
        prop_assert_eq!(read.expose(), token);
    }

    #[test]
    fn any_json_in_a_jwt_is_read_or_refused(
        header in "\\{\"alg\":\"(ES256|RS256|EdDSA|Ed25519|none|HS256|PS256)\"(,\"typ\":\"(at\\+jwt|rt\\+jwt|JWT)\")?(,\"kid\":\"[a-z0-9]{0,4}\")?\\}",
        exp in any::<i64>(),
        iat in any::<f64>(),
        signature: Vec<u8>,
    ) {
        for claims in [
            format!("{{\"exp\":{exp},\"iat\":{exp}}}"),
            format!("{{\"exp\":{iat:e},\"iat\":{iat:e}}}"),
            format!("{{\"exp\":\"{exp}\",\"iat\":null}}"),
            format!("[{exp}]"),
            "null".to_owned(),
            "{".to_owned(),
        ] {
            let text = jwt_of(&header, &claims, &signature);
            let Ok(parsed) = ParsedJwt::parse(access::TYPE, &text) else { continue };
            let _ = (parsed.algorithm(), parsed.key_id(), parsed.signature());
            let verified = parsed.verified::<AccessTokenClaims>(true, fixture::NOW, Lifetime::NONE);
            prop_assert!(verified.is_err(), "these claims are not those of an access token");
            prop_assert!(!Es256Signer::new(1).has_signed(&parsed));
        }
    }

    #[test]
    fn an_access_token_reads_as_it_was_written(
        jti: [u8; 16],
        grant: [u8; 16],
        issued in 0..253_402_300_000_i64,
        scope in "[a-z]{1,8}( [a-z]{1,8}){0,4}",
    ) {
        let signer = Es256Signer::new(1);
        let issued_at = Timestamp::from_seconds(issued);
        let payload = AccessTokenClaims {
            iss: fixture::issuer(),
            sub: fixture::user().subject,
            aud: fixture::resources().default,
            client_id: fixture::demo().id,
            jti: JwtId::from_random(jti),
            scope: Scope::parse(&scope).unwrap(),
            auth_time: Some(issued_at),
            acr: None,
            grant_id: Some(GrantId::from_random(grant)),
            act: None,
            authorization_details: AuthorizationDetails::default(),
            cnf: None,
            status: None,
        };
        let jwt = jose::Jwt { payload, issued_at, expires_at: Timestamp::NEVER };
        let unsigned = jose::unsigned(access::TYPE, SigningAlgorithm::ES256, signer.key_id(), &jwt);
        let text = signer.sign(unsigned.unwrap());
        let header = format!("Bearer {text}");
        let token = bearer_token(Some(&header)).unwrap();
        let parsed = ParsedJwt::parse(access::TYPE, token.expose()).unwrap();
        prop_assert!(signer.has_signed(&parsed));
        prop_assert_eq!(parsed.verified(true, issued_at, Lifetime::NONE), Ok(jwt));
    }
}
