use super::*;
use SigningAlgorithm::{ES256, RS256};

const PERIOD: Lifetime = Lifetime::from_days(30);

fn schedule() -> Schedule {
    Schedule {
        rotation_period: PERIOD,
        jwks_lifetime: Lifetime::from_seconds(600),
        isolate_lifetime: Lifetime::from_seconds(60),
        hint_lifetime: Lifetime::from_days(90),
    }
}

/// What passes from the creation of a key until everybody knows it.
const KNOWN_AFTER: i64 = 600 + 60 + 60;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(1_800_000_000 + seconds)
}

fn key(name: &str, status: KeyStatus, seconds: i64) -> KeyRecord {
    KeyRecord {
        id: KeyId::parse(name).unwrap(),
        algorithm: ES256,
        status,
        created_at: at(seconds),
        since: at(seconds),
        token_lifetime: Lifetime::from_seconds(300),
        is_readable: true,
    }
}

/// What is due, in words.
fn steps(keys: &[KeyRecord], seconds: i64) -> Vec<String> {
    described(due(keys, &[ES256], &schedule(), at(seconds)))
}

fn described(steps: Vec<Step<'_>>) -> Vec<String> {
    let word = |step| match step {
        Step::Create(algorithm, status) => {
            format!("create {} {}", algorithm.as_str(), status.as_str())
        }
        Step::Promote { next, current } => {
            let current = current.map_or("nothing", KeyId::as_str);
            format!("{next} for {current}")
        }
        Step::Retire(key) => format!("retire {key}"),
        Step::Forget(key, _) => format!("forget {key}"),
    };
    steps.into_iter().map(word).collect()
}

const FIRST: [&str; 2] = ["create ES256 current", "create ES256 next"];

#[test]
fn where_there_is_no_key_one_signs_at_once_and_one_is_published() {
    assert_eq!(steps(&[], 0), FIRST);
    let pair = [
        key("a", KeyStatus::Current, 0),
        key("b", KeyStatus::Next, 0),
    ];
    assert_eq!(steps(&pair, 0), [""; 0]);
}

#[test]
fn a_key_signs_for_the_rotation_period_and_then_the_next_does() {
    let keys = [
        key("a", KeyStatus::Current, 0),
        key("b", KeyStatus::Next, 0),
    ];
    let end = PERIOD.seconds();
    assert_eq!(steps(&keys, end - 1), [""; 0]);
    assert_eq!(steps(&keys, end), ["b for a", "create ES256 next"]);
}

#[test]
fn a_key_does_not_sign_before_everybody_knows_it() {
    let late = PERIOD.seconds();
    let keys = [
        key("a", KeyStatus::Current, 0),
        key("b", KeyStatus::Next, late),
    ];
    assert_eq!(steps(&keys, late + KNOWN_AFTER - 1), [""; 0]);
    let known = steps(&keys, late + KNOWN_AFTER);
    assert_eq!(known, ["b for a", "create ES256 next"]);
}

#[test]
fn a_key_stays_published_until_its_last_token_has_expired() {
    let keys = [
        key("a", KeyStatus::Current, 0),
        key("b", KeyStatus::Next, 0),
        key("c", KeyStatus::Previous, 0),
    ];
    let end = 60 + 300 + 600 + 60;
    assert_eq!(steps(&keys, end - 1), [""; 0]);
    assert_eq!(steps(&keys, end), ["retire c"]);
    let [a, b, mut c] = keys;
    c.token_lifetime = Lifetime::from_seconds(3600);
    assert_eq!(steps(&[a.clone(), b.clone(), c.clone()], end), [""; 0]);
    c.token_lifetime = Lifetime::UNLIMITED;
    assert_eq!(steps(&[a, b, c], 1_000_000), [""; 0]);
}

#[test]
fn a_retired_key_is_forgotten_when_no_id_token_of_it_can_be_shown_any_more() {
    let keys = [
        key("a", KeyStatus::Current, 0),
        key("b", KeyStatus::Next, 0),
        key("c", KeyStatus::Retired, -90 * 86_400),
        key("d", KeyStatus::Retired, -90 * 86_400 + 1),
        key("e", KeyStatus::Revoked, -900 * 86_400),
    ];
    assert_eq!(steps(&keys, 0), ["forget c"]);
}

#[test]
fn when_the_current_key_is_revoked_the_next_one_signs_at_once() {
    let keys = [
        key("a", KeyStatus::Revoked, 0),
        key("b", KeyStatus::Next, 0),
    ];
    assert_eq!(steps(&keys, 1), ["b for nothing", "create ES256 next"]);
    let keys = [
        key("a", KeyStatus::Revoked, 0),
        key("b", KeyStatus::Revoked, 0),
    ];
    assert_eq!(steps(&keys, 1), FIRST);
}

#[test]
fn a_next_key_that_cannot_be_decrypted_is_made_anew_and_never_promoted() {
    let lost = KeyRecord {
        is_readable: false,
        ..key("b", KeyStatus::Next, 0)
    };
    let remade = ["forget b", "create ES256 next"];
    let keys = [key("a", KeyStatus::Current, 0), lost.clone()];
    assert_eq!(steps(&keys, PERIOD.seconds() * 2), remade);
    let early = promote_early(&keys, ES256, &schedule(), at(10_000));
    assert_eq!(early, Err(PromotionRefusal::NoNext));
    assert_eq!(
        steps(&[lost], 0),
        ["forget b", "create ES256 current", "create ES256 next"]
    );
}

#[test]
fn each_algorithm_that_is_in_use_lives_its_own_life() {
    let rsa = |name, status| KeyRecord {
        algorithm: RS256,
        ..key(name, status, 0)
    };
    let keys = [rsa("a", KeyStatus::Current)];
    let mut expected = FIRST.to_vec();
    expected.push("create RS256 next");
    assert_eq!(steps(&keys, 0), expected);
    // What is left of an algorithm that nobody uses makes no new key.
    for gone in [KeyStatus::Previous, KeyStatus::Retired, KeyStatus::Revoked] {
        assert_eq!(steps(&[rsa("a", gone)], 0), FIRST);
    }
}

#[test]
fn an_early_promotion_waits_until_everybody_knows_the_key() {
    let keys = [
        key("a", KeyStatus::Current, 0),
        key("b", KeyStatus::Next, 0),
    ];
    let early = |algorithm, seconds| {
        let step = promote_early(&keys, algorithm, &schedule(), at(seconds))?;
        Ok(described(vec![step]))
    };
    let waits = PromotionRefusal::UnknownUntil(at(KNOWN_AFTER));
    assert_eq!(early(ES256, KNOWN_AFTER - 1), Err(waits));
    assert_eq!(early(ES256, KNOWN_AFTER).unwrap(), ["b for a"]);
    assert_eq!(early(RS256, KNOWN_AFTER), Err(PromotionRefusal::NoNext));
}

#[test]
fn a_status_keeps_its_name() {
    for status in KeyStatus::ALL {
        assert_eq!(KeyStatus::parse(status.as_str()), Some(status));
        assert!(status.is_published() || !status.has_private_half());
    }
    assert_eq!(KeyStatus::parse("Current"), None);
}
