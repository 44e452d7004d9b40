use super::*;
use crate::grant::tests::{NOW, after};
use crate::jose::SymmetricKey;
use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::json;

const URL: &str = "https://id.example/oauth/token";

fn jwk() -> Value {
    json!({
        "kty": "EC", "crv": "P-256",
        "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
        "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA",
    })
}

fn header() -> Value {
    json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": jwk() })
}

fn claims() -> Value {
    json!({ "jti": "j1", "htm": "POST", "htu": URL, "iat": NOW.seconds() })
}

fn with(mut value: Value, name: &str, member: Value) -> Value {
    value[name] = member;
    value
}

fn without(mut value: Value, name: &str) -> Value {
    value.as_object_mut().unwrap().remove(name);
    value
}

fn text(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| Base64UrlUnpadded::encode_string(value.to_string().as_bytes());
    format!("{}.{}.AAAA", part(header), part(claims))
}

fn nonces() -> NonceKey {
    NonceKey::new(SymmetricKey::derive(&[1; 32], super::super::KEY_PURPOSE))
}

fn at(nonces: NoncePolicy<'_>, now: Timestamp) -> Occasion<'_> {
    Occasion {
        method: "POST",
        url: URL,
        access_token: None,
        nonces,
        now,
    }
}

fn check(claims: &Value, occasion: &Occasion<'_>) -> Result<CheckedProof, ProofRefusal> {
    let text = text(&header(), claims);
    ParsedProof::parse(&text).unwrap().check(true, occasion)
}

fn refused(claims: &Value, occasion: &Occasion<'_>) -> ProofRefusal {
    check(claims, occasion).unwrap_err()
}

fn unparsed(header: &Value) -> ProofError {
    ParsedProof::parse(&text(header, &claims())).unwrap_err()
}

#[test]
fn a_proof_says_its_key_and_is_known_by_key_and_jti() {
    let occasion = at(NoncePolicy::Unknown, NOW);
    let proof = check(&claims(), &occasion).unwrap();
    assert_eq!(
        proof.jkt.as_str(),
        "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
    );
    assert_eq!(proof.expires_at, after(61));
    let again = check(&with(claims(), "ath", json!("x")), &occasion).unwrap();
    assert!(proof.id.matches(again.id));
    let other = check(&with(claims(), "jti", json!("j2")), &occasion).unwrap();
    assert!(!proof.id.matches(other.id));
}

#[test]
fn what_is_signed_and_with_what_is_taken_to_the_letter() {
    let text = text(&header(), &claims());
    let parsed = ParsedProof::parse(&text).unwrap();
    assert_eq!(parsed.algorithm(), SigningAlgorithm::ES256);
    assert_eq!(Value::from(parsed.jwk().clone()), jwk());
    assert_eq!(
        parsed.signing_input(),
        text.strip_suffix(".AAAA").unwrap().as_bytes()
    );
    assert_eq!(parsed.signature(), [0, 0, 0]);
    let refusal = parsed
        .check(false, &at(NoncePolicy::Unknown, NOW))
        .unwrap_err();
    assert_eq!(refusal, ProofError::Signature.into());
}

#[test]
fn the_header_is_that_of_a_proof() {
    for typ in ["dpop+jwt", "DPoP+JWT", "application/dpop+jwt"] {
        let text = text(&with(header(), "typ", json!(typ)), &claims());
        assert!(ParsedProof::parse(&text).is_ok(), "{typ}");
    }
    assert_eq!(unparsed(&without(header(), "typ")), ProofError::Type);
    for typ in ["JWT", "at+jwt", ""] {
        assert_eq!(
            unparsed(&with(header(), "typ", json!(typ))),
            ProofError::Type
        );
    }
    for alg in ["none", "HS256", "PS256", "es256"] {
        let error = unparsed(&with(header(), "alg", json!(alg)));
        assert_eq!(error, ProofError::Algorithm, "{alg}");
    }
    assert_eq!(unparsed(&without(header(), "jwk")), ProofError::Key);
    let other = unparsed(&with(header(), "alg", json!("RS256")));
    assert_eq!(other, ProofError::Key);
    assert_eq!(
        unparsed(&with(header(), "crit", json!(["b64"]))),
        ProofError::Malformed
    );
}

#[test]
fn a_private_key_is_refused_as_one() {
    for name in PRIVATE {
        let private = with(jwk(), name, json!("x"));
        let error = unparsed(&with(header(), "jwk", private));
        assert_eq!(error, ProofError::PrivateKey, "{name}");
    }
}

#[test]
fn two_headers_and_what_is_no_jwt_are_malformed() {
    let one = text(&header(), &claims());
    let long = text(&header(), &with(claims(), "x", json!("x".repeat(LONGEST))));
    for bad in [
        "",
        "x",
        "a.b.c",
        &format!("{one}, {one}"),
        &format!("{one}.x"),
        &long,
    ] {
        assert_eq!(ParsedProof::parse(bad).unwrap_err(), ProofError::Malformed);
    }
}

#[test]
fn it_is_for_this_request() {
    let occasion = at(NoncePolicy::Unknown, NOW);
    for htm in ["GET", "post", ""] {
        let refusal = refused(&with(claims(), "htm", json!(htm)), &occasion);
        assert_eq!(refusal, ProofError::Method.into(), "{htm}");
    }
    assert!(
        check(
            &with(claims(), "htu", json!(format!("{URL}?a=b"))),
            &occasion
        )
        .is_ok()
    );
    for htu in [
        "https://other.example/oauth/token",
        "https://id.example/token",
        "",
    ] {
        let refusal = refused(&with(claims(), "htu", json!(htu)), &occasion);
        assert_eq!(refusal, ProofError::Target.into(), "{htu}");
    }
    for name in ["jti", "htm", "htu", "iat"] {
        let refusal = refused(&without(claims(), name), &occasion);
        assert_eq!(refusal, ProofError::Claims.into(), "{name}");
    }
    let empty = refused(&with(claims(), "jti", json!("")), &occasion);
    assert_eq!(empty, ProofError::Claims.into());
}

#[test]
fn with_an_access_token_it_is_for_that_one() {
    let token = AccessToken::new("a.b.c");
    let occasion = Occasion {
        access_token: Some(&token),
        ..at(NoncePolicy::Unknown, NOW)
    };
    let ath = |token: &AccessToken| json!(token.hash().to_base64url());
    assert!(check(&with(claims(), "ath", ath(&token)), &occasion).is_ok());
    let other = with(claims(), "ath", ath(&AccessToken::new("a.b.d")));
    for bad in [claims(), other, with(claims(), "ath", json!("a.b.c"))] {
        assert_eq!(refused(&bad, &occasion), ProofError::Ath.into());
    }
}

#[test]
fn without_nonces_it_is_no_older_and_no_younger_than_a_minute() {
    let made = |seconds: i64| with(claims(), "iat", json!(NOW.seconds() + seconds));
    let occasion = at(NoncePolicy::Unknown, NOW);
    for seconds in [-60, 0, 60] {
        let proof = check(&made(seconds), &occasion).unwrap();
        assert!(proof.expires_at > NOW);
    }
    for seconds in [-61, 61, -1_000_000, 1_000_000] {
        assert_eq!(refused(&made(seconds), &occasion), ProofError::Time.into());
    }
    // What somebody else's nonce says does not count here.
    let foreign = with(made(-61), "nonce", json!("x"));
    assert_eq!(refused(&foreign, &occasion), ProofError::Time.into());
}

#[test]
fn with_a_nonce_the_clock_of_whoever_made_it_does_not_count() {
    let key = nonces();
    let nonce = json!(key.current(NOW));
    for policy in [NoncePolicy::Optional(&key), NoncePolicy::Required(&key)] {
        for iat in [0, NOW.seconds(), NOW.seconds() + 1_000_000] {
            let claims = with(with(claims(), "nonce", nonce.clone()), "iat", json!(iat));
            let proof = check(&claims, &at(policy, NOW)).unwrap();
            // Remembered for longer than the nonce counts.
            assert!(!key.accepts(&key.current(NOW), proof.expires_at));
        }
        for old in ["", "x", &key.current(after(7_200))] {
            let claims = with(claims(), "nonce", json!(old));
            let refusal = refused(&claims, &at(policy, NOW));
            assert_eq!(refusal, ProofRefusal::NonceRequired, "{old:?}");
        }
    }
}

#[test]
fn whose_clock_is_wrong_is_asked_for_a_nonce_and_not_turned_away() {
    let key = nonces();
    let wrong = with(claims(), "iat", json!(NOW.seconds() - 61));
    let refusal = refused(&wrong, &at(NoncePolicy::Optional(&key), NOW));
    assert_eq!(refusal, ProofRefusal::NonceRequired);
    assert!(check(&claims(), &at(NoncePolicy::Optional(&key), NOW)).is_ok());
    let refusal = refused(&claims(), &at(NoncePolicy::Required(&key), NOW));
    assert_eq!(refusal, ProofRefusal::NonceRequired);
}

#[test]
fn every_error_can_stand_in_a_description() {
    for error in [
        ProofError::Algorithm,
        ProofError::Ath,
        ProofError::Claims,
        ProofError::Key,
        ProofError::Malformed,
        ProofError::Method,
        ProofError::PrivateKey,
        ProofError::Signature,
        ProofError::Target,
        ProofError::Time,
        ProofError::Type,
    ] {
        let text = ProofRefusal::from(error).to_string();
        assert!(
            text.starts_with("the DPoP proof ") && !text.contains(['"', '\\']),
            "{text}"
        );
    }
}
