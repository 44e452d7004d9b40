use super::*;
use crate::pkce::CodeChallenge;
use crate::rp::metadata::tests::{ISSUER, metadata};

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn begin() -> (String, Transaction) {
    let request = AuthorizationRequest {
        client_id: &ClientId::parse("demo").unwrap(),
        redirect_uri: "https://app.example/callback",
        scope: "openid read",
        resource: None,
        login_hint: Some("anna@example.org"),
        prompt: None,
        max_age: Some(Lifetime::from_minutes(1)),
        dpop_jkt: None,
        return_to: ReturnTo::parse("/orders?page=2#top").unwrap(),
    };
    let secrets = SignInSecrets::from_random([1; 16], [2; 16], [3; 32]);
    let (asked, transaction) = build(&metadata(), request, secrets, NOW);
    assert!(asked.url.ends_with(&["?", &*asked.parameters].concat()));
    (asked.url, transaction)
}

fn finish(query: &str) -> Result<Redemption, AuthorizationError> {
    let (_, transaction) = begin();
    let query = query.replace("STATE", transaction.state().as_str());
    let query = Form::parse(&query).unwrap();
    process(&metadata(), transaction, &parse(&query).unwrap(), NOW)
}

#[test]
fn the_request_has_all_that_oauth_2_1_asks_for_and_nothing_empty() {
    let (url, transaction) = begin();
    let (endpoint, query) = url.split_once('?').unwrap();
    assert_eq!(endpoint, "https://id.example/authorize");
    let form = Form::parse(query).unwrap();
    let challenge = CodeChallenge::of(&transaction.verifier).unwrap();
    for (name, value) in [
        ("response_type", Some("code")),
        ("client_id", Some("demo")),
        ("redirect_uri", Some("https://app.example/callback")),
        ("scope", Some("openid read")),
        ("state", Some(transaction.state.as_str())),
        ("nonce", Some(transaction.nonce.as_str())),
        ("code_challenge", Some(&*challenge.to_base64url())),
        ("code_challenge_method", Some("S256")),
        ("login_hint", Some("anna@example.org")),
        ("max_age", Some("60")),
        ("prompt", None),
        ("resource", None),
        ("dpop_jkt", None),
    ] {
        assert_eq!(form.optional(name), value, "{name}");
    }
    assert!(!query.contains("prompt"));
}

#[test]
fn a_good_answer_yields_the_code_with_all_that_redeems_it() {
    let redemption = finish("code=c0de&state=STATE&iss=https%3A%2F%2Fid.example").unwrap();
    assert_eq!(redemption.code.expose(), "c0de");
    assert_eq!(redemption.return_to.as_str(), "/orders?page=2#top");
    assert_eq!(
        redemption.verifier.expose(),
        pkce::verifier([3; 32]).expose()
    );
    assert_eq!(redemption.nonce, Nonce::from_random([2; 16]));
}

#[test]
fn an_answer_to_another_request_is_refused() {
    let refused = finish(&format!("code=c0de&state=other&iss={ISSUER}")).unwrap_err();
    assert_eq!(refused, AuthorizationError::OtherState);
}

#[test]
fn the_issuer_is_required_when_promised_and_must_be_the_one_that_was_asked() {
    let refused = finish("code=c0de&state=STATE").unwrap_err();
    assert_eq!(refused, AuthorizationError::MissingIssuer);
    for other in ["https://evil.example", "https://id.example/"] {
        let refused = finish(&format!("code=c0de&state=STATE&iss={other}")).unwrap_err();
        assert_eq!(refused, AuthorizationError::OtherIssuer, "{other}");
    }
    let refused = finish("error=access_denied&state=STATE&iss=https://evil.example");
    assert_eq!(refused.unwrap_err(), AuthorizationError::OtherIssuer);
}

#[test]
fn a_provider_that_does_not_promise_the_issuer_may_leave_it_out_but_not_lie() {
    let mut metadata = metadata();
    metadata.iss_required = false;
    assert_eq!(check_issuer(&metadata, None), Ok(()));
    assert_eq!(
        check_issuer(&metadata, Some("https://evil.example")),
        Err(AuthorizationError::OtherIssuer)
    );
}

#[test]
fn a_refusal_wins_over_a_code_and_is_safe_to_show() {
    let refused = finish(&format!(
        "code=c0de&error=access_denied&state=STATE&iss={ISSUER}"
    ));
    assert_eq!(
        refused.unwrap_err(),
        AuthorizationError::Refused(WireText::of("access_denied"))
    );
    let hostile = finish(&format!("error=%22%0A<b>%C3%A9&state=STATE&iss={ISSUER}"));
    assert_eq!(
        hostile.unwrap_err().to_string(),
        "the provider refused the sign-in: <b>"
    );
}

#[test]
fn a_sign_in_may_take_an_hour() {
    let answer = |transaction: &Transaction| {
        let state = transaction.state();
        Form::parse(&format!("code=c&iss={ISSUER}&state={state}")).unwrap()
    };
    let at = |seconds| Timestamp::from_seconds(NOW.seconds() + seconds);
    let (_, transaction) = begin();
    let form = answer(&transaction);
    let response = parse(&form).unwrap();
    assert!(process(&metadata(), transaction, &response, at(3_599)).is_ok());
    let (_, transaction) = begin();
    let form = answer(&transaction);
    let response = parse(&form).unwrap();
    let refused = process(&metadata(), transaction, &response, at(3_600)).unwrap_err();
    assert_eq!(refused, AuthorizationError::Expired);
}

#[test]
fn what_is_no_answer_is_told_from_what_is_a_bad_one() {
    for missing in ["", "page=2", "code=c0de", "state=x", "code=&state=x"] {
        let missing = Form::parse(missing).unwrap();
        let refused = parse(&missing).unwrap_err();
        assert_eq!(refused, ResponseError::Missing, "{missing:?}");
    }
    for bad in [
        "code=a&code=b&state=x",
        "code=a&state=x&state=y",
        "code=%FF&state=x",
    ] {
        let refused = Form::parse(bad).unwrap_err();
        assert_eq!(ResponseError::from(refused), ResponseError::Malformed);
    }
}

#[test]
fn a_transaction_survives_the_store_and_no_other_version_is_read() {
    let (_, transaction) = begin();
    let mut pairs = Vec::new();
    transaction.write_record(&mut |name, value| pairs.push((name, value.to_owned())));
    let record = crate::form::encode(pairs.iter().map(|(name, value)| (*name, &**value)));
    let state = transaction.state().as_str();
    let restored = |record: &str| {
        let form = Form::parse(record).ok()?;
        Transaction::from_record(state, &|name| form.optional(name))
    };
    let read = restored(&record).unwrap();
    assert_eq!(read.verifier.expose(), transaction.verifier.expose());
    assert_eq!(read.return_to, transaction.return_to);
    assert_eq!(
        (read.nonce, read.begun, read.max_age),
        (
            transaction.nonce.clone(),
            transaction.begun,
            transaction.max_age
        )
    );
    for tampered in [
        record.replace("v=1", "v=2"),
        record.replace("return_to=%2F", "return_to=%2F%2F"),
        record.replace("begun=", "begun=x"),
        record.replace("max_age=", "max_age=-"),
        record.replace("nonce", "once"),
        String::new(),
    ] {
        assert!(restored(&tampered).is_none());
    }
}

#[test]
fn the_way_back_stays_on_the_pages_origin() {
    for good in ["/", "/a/b?c=d&e#f", "/ü", "/a//b", "/?next=//x"] {
        assert!(ReturnTo::parse(good).is_ok(), "{good:?}");
    }
    for bad in [
        "",
        "a",
        "//evil.example",
        "/\\evil.example",
        "/\t/evil.example",
        "\n//evil.example",
        "https://evil.example",
        "javascript:alert(1)",
        " /a",
    ] {
        assert_eq!(ReturnTo::parse(bad), Err(InvalidReturnTo), "{bad:?}");
    }
}
