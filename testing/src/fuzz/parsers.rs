//! The parsers that every request goes through.

use gatepass_core::client::{ClientCredentials, GrantType};
use gatepass_core::dpop::{
    NoncePolicy, Occasion, ParsedProof, ProofError, ProofRefusal, Thumbprint,
};
use gatepass_core::error::ErrorResponse;
use gatepass_core::form::{self, Form};
use gatepass_core::jose::{JwtError, ParsedJwt};
use gatepass_core::redirect::RedirectUri;
use gatepass_core::resource::bearer_token;
use gatepass_core::secret::{BrowserBinding, RefreshToken, StateToken};
use gatepass_core::time::Lifetime;
use gatepass_core::token::{TokenRequest, access, id, refresh};
use gatepass_core::{authorize::state_token, introspect::IntrospectionRequest};
use gatepass_core::{logout::LogoutRequest, revoke::RevocationRequest};

use super::text;
use crate::fixture;

/// The `Authorization` header: who it names is what it says, and a bearer token is taken to the letter.
pub(super) fn authorization_header(data: &[u8]) {
    let Some(header) = text(data) else { return };
    if let Ok(token) = bearer_token(Some(header)) {
        let header = header.trim_ascii_end();
        assert!(header.ends_with(token.expose()) && !token.expose().contains(' '));
    }
    if let Ok(credentials) = ClientCredentials::parse(Some(header), &Form::default()) {
        assert_eq!(credentials.method(), "client_secret_basic");
        assert!(!format!("{credentials:?}").contains(fixture::SECRET));
    }
}

/// DPoP proofs: without a good signature none is believed, and one that is believed is for this request,
/// by a key that has exactly one thumbprint.
pub(super) fn dpop_proof(data: &[u8]) {
    let Some(proof) = text(data) else { return };
    let occasion = Occasion {
        method: "POST",
        url: "http://localhost:4000/oauth/token",
        access_token: None,
        nonces: NoncePolicy::Unknown,
        now: fixture::NOW,
    };
    let parse = || ParsedProof::parse(proof);
    let Ok(parsed) = parse() else { return };
    let signed = core::str::from_utf8(parsed.signing_input()).unwrap();
    let signature = proof.trim_matches(' ').strip_prefix(signed);
    assert!(signature.is_some_and(|rest| rest.starts_with('.')));
    assert!(!parsed.jwk().contains_key("d") && !parsed.jwk().contains_key("k"));
    let unsigned = parsed.check(false, &occasion).unwrap_err();
    assert_eq!(unsigned, ProofRefusal::Invalid(ProofError::Signature));
    let again = parse().unwrap().check(true, &occasion);
    let Ok(checked) = parse().unwrap().check(true, &occasion) else {
        return check_description(&again.unwrap_err().to_string());
    };
    assert!(checked.id.matches(again.unwrap().id));
    assert_eq!(Thumbprint::parse(checked.jkt.as_str()), Ok(checked.jkt));
    assert!(checked.expires_at > fixture::NOW);
    for other in [
        Occasion {
            method: "GET",
            ..occasion
        },
        Occasion {
            url: "http://localhost:4000/oauth/par",
            ..occasion
        },
        Occasion {
            now: fixture::NOW.plus(Lifetime::from_minutes(5)),
            ..occasion
        },
    ] {
        assert!(parse().unwrap().check(true, &other).is_err(), "{other:?}");
    }
}

/// Form bodies and queries: what was read says the same when it is written and read again.
pub(super) fn form(data: &[u8]) {
    let Some(encoded) = text(data) else { return };
    let Ok(form) = Form::parse(encoded) else {
        return;
    };
    let written = form.encode();
    let again = Form::parse(&written).expect("what was written can be read");
    assert_eq!(again.encode(), written);
    let pair = form::encode([("a", encoded)]);
    let read = Form::parse(&pair).unwrap();
    assert_eq!(read.optional("a"), (!encoded.is_empty()).then_some(encoded));
}

/// Tokens: nothing that we did not sign is believed.
pub(super) fn jwt(data: &[u8]) {
    let Some(token) = text(data) else { return };
    let (issuer, key, now) = (
        fixture::issuer(),
        fixture::refresh_token_key(),
        fixture::NOW,
    );
    assert!(refresh::read(&RefreshToken::new(token), &issuer, &key, now).is_err());
    let binding = BrowserBinding::new(token);
    let state = StateToken::new(token);
    let opened = state_token::open(&state, Some(&binding), &fixture::state_token_key(), now);
    assert!(opened.is_err());
    for token_type in [access::TYPE, id::TYPE] {
        let Ok(parsed) = ParsedJwt::parse(token_type, token) else {
            continue;
        };
        let signed = core::str::from_utf8(parsed.signing_input()).unwrap();
        assert!(
            token
                .strip_prefix(signed)
                .is_some_and(|rest| rest.starts_with('.'))
        );
        let unsigned = parsed.verified::<access::AccessTokenClaims>(false, now, Lifetime::NONE);
        assert_eq!(unsigned, Err(JwtError::Signature));
        if let Ok(jwt) = parsed.verified::<access::AccessTokenClaims>(true, now, Lifetime::NONE) {
            assert!(jwt.expires_at > now);
        }
    }
}

/// Redirect URIs: kept to the letter, matched to the letter but for a loopback port, and safe in a
/// `Location` and a Content-Security-Policy.
pub(super) fn redirect_uri(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let Ok(uri) = RedirectUri::parse(text) else {
        return;
    };
    assert_eq!(uri.as_str(), text);
    assert!(text.bytes().all(|byte| byte.is_ascii_graphic()), "{text:?}");
    let source = uri.csp_source();
    assert!(!source.contains([' ', ';', ',', '\'', '"']), "{source:?}");
    let answer = uri.with_parameters([("code", "a b")]);
    assert!(
        answer.starts_with(text) && answer.ends_with("code=a+b"),
        "{answer:?}"
    );
    for registered in [
        "http://localhost:3001/callback",
        "http://127.0.0.1/callback",
        "app:/back",
    ] {
        let known = RedirectUri::parse(registered).unwrap();
        let matches = uri.clone().exactly(core::slice::from_ref(&known)).is_some();
        assert_eq!(
            matches,
            may_match(text, registered),
            "{text:?} {registered:?}"
        );
    }
}

/// The rule of RFC 8252 §7.3, said another way.
fn may_match(text: &str, registered: &str) -> bool {
    let free_port = || {
        let port = text
            .strip_prefix("http://127.0.0.1")?
            .strip_suffix("/callback")?;
        let digits = port.strip_prefix(':')?;
        let is_port =
            digits.bytes().all(|byte| byte.is_ascii_digit()) && digits.parse::<u16>().is_ok();
        is_port.then_some(())
    };
    let is_loopback = registered == "http://127.0.0.1/callback";
    text == registered || (is_loopback && free_port().is_some())
}

/// Requests of clients: read or refused, and a refusal is printable (RFC 6749 §5.2) and quotes no value.
pub(super) fn token_request(data: &[u8]) {
    let Some(body) = text(data) else { return };
    let form = match Form::parse(body) {
        Ok(form) => form,
        Err(error) => return check_description(&error.to_string()),
    };
    for implied in [None, Some(GrantType::RefreshToken)] {
        if let Err(refusal) = TokenRequest::parse(None, &form, implied) {
            check_description(&ErrorResponse::from(&refusal).description);
        }
    }
    if let Err(refusal) = IntrospectionRequest::parse(None, &form) {
        check_description(&ErrorResponse::from(&refusal).description);
    }
    if let Err(refusal) = RevocationRequest::parse(None, &form) {
        check_description(&ErrorResponse::from(&refusal).description);
    }
    let client = fixture::demo();
    if let Some(location) = LogoutRequest::parse(&form).destination(Some(&client)) {
        assert!(
            location.starts_with("http://localhost:3001/"),
            "{location:?}"
        );
    }
}

pub(super) fn check_description(description: &str) {
    let allowed = |byte: u8| matches!(byte, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    assert!(description.bytes().all(allowed), "{description:?}");
    assert!(description.len() < 200, "{description:?}");
}
