//! The one entry, from outside: what a call cannot do without, and that host and core speak of the
//! same calls.

#![cfg(not(target_arch = "wasm32"))]
#![expect(
    clippy::unwrap_used,
    reason = "a panic fails the test, which is what is wanted"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

const MALFORMED: &str = "error\0malformed_call\0detail\0\0reason\0\0";
const NOW: &str = "1700000000";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/// What comes with every call.
const OPTIONS: [(&str, &str); 7] = [
    ("issuer", "https://id.example"),
    ("clientId", "demo"),
    ("redirectUri", "https://app.example/callback"),
    ("scope", "read"),
    ("now", NOW),
    ("elapsed", "5000"),
    ("jitter", "255"),
];

/// The discovery document.
const DOCUMENT: [(&str, &str); 4] = [
    ("json.issuer", "https://id.example"),
    (
        "json.authorization_endpoint",
        "https://id.example/authorize",
    ),
    ("json.token_endpoint", "https://id.example/token"),
    ("json.end_session_endpoint", "https://id.example/logout"),
];

/// The tokens of an answer.
const TOKENS: [(&str, &str); 6] = [
    ("status", "200"),
    ("json", "1"),
    ("json.access_token", "access-1"),
    ("json.refresh_token", "refresh-1"),
    ("json.token_type", "Bearer"),
    ("json.expires_in", "300"),
];

type Parameters = BTreeMap<String, String>;

fn parameters(pairs: &[&[(&str, &str)]]) -> Parameters {
    let pairs = pairs.iter().copied().flatten();
    let owned = pairs.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    owned.collect()
}

fn call_with(name: &str, parameters: &Parameters) -> String {
    let mut input = format!("call\0{name}\0");
    for (name, value) in parameters {
        input.extend([name, "\0", value, "\0"]);
    }
    gatepass_sdk::call(&input)
}

/// Calls with each of the `required` left out, which must be refused; then with all of the parameters.
/// What it answers then.
fn call(name: &str, required: &[&str], parameters: &Parameters) -> Parameters {
    for missing in required {
        let mut fewer = parameters.clone();
        fewer.remove(*missing).unwrap();
        assert_eq!(
            call_with(name, &fewer),
            MALFORMED,
            "{name} without {missing}"
        );
    }
    let answer = call_with(name, parameters);
    assert!(!answer.starts_with("error\0"), "{name}: {answer:?}");
    let texts: Vec<_> = answer.split('\0').map(str::to_owned).collect();
    let pairs = texts
        .chunks_exact(2)
        .map(|pair| (pair.first().unwrap().clone(), pair.last().unwrap().clone()));
    pairs.collect()
}

/// The record of somebody who is signed in.
fn signed_in() -> Parameters {
    let mut given = parameters(&[&OPTIONS, &TOKENS]);
    let record = call("sign_in", &["now"], &given);
    assert_eq!(record.get("soon").map(String::as_str), Some("240"));
    given = parameters(&[&OPTIONS]);
    given.extend(record);
    given
}

#[test]
fn a_sign_in_is_neither_begun_nor_taken_back_without_the_time() {
    let secrets = [
        ("state", "c3RhdGUtb2YtMTYtYg"),
        ("nonce", "bm9uY2Utb2YtMTYtYg"),
        ("verifier", VERIFIER),
        ("challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
    ];
    let required = ["state", "nonce", "verifier", "challenge", "now"];
    let given = parameters(&[&OPTIONS, &DOCUMENT, &secrets]);
    let begun = call("authorize", &required, &given);
    let mut given = parameters(&[&OPTIONS, &DOCUMENT, &[("query.code", "c0de")]]);
    given.insert("query.state".to_owned(), begun["state"].clone());
    let record = begun
        .into_iter()
        .map(|(name, value)| (format!("record.{name}"), value));
    given.extend(record);
    let answer = call("redeem", &["now"], &given);
    let body = &answer["body"];
    assert!(
        body.contains(&format!("code_verifier={VERIFIER}")),
        "{body}"
    );
}

#[test]
fn a_time_that_is_no_number_is_none() {
    for (now, good) in [
        (NOW, true),
        ("soon", false),
        ("1.5", false),
        ("1e9", false),
        ("", false),
        ("-", false),
        ("9999999999999999", false),
    ] {
        let given = parameters(&[&OPTIONS, &TOKENS, &[("now", now)]]);
        let answer = call_with("sign_in", &given);
        assert_eq!(answer != MALFORMED, good, "{now}: {answer}");
    }
}

#[test]
fn a_record_goes_out_and_comes_back_whole() {
    let record = signed_in();
    let again = call("adopt", &[], &record);
    for name in [
        "v",
        "sign_in",
        "renewals",
        "access",
        "refresh",
        "lifetime",
        "expires_at",
    ] {
        assert_eq!(record[name], again[name], "{name}");
    }
}

#[test]
fn what_a_storage_holds_is_adopted_under_its_own_names() {
    let stored = signed_in();
    let stored = stored
        .iter()
        .map(|(name, value)| (format!("stored.{name}"), value.clone()));
    let mut given = parameters(&[&OPTIONS]);
    given.extend(stored);
    assert_eq!(call("adopt", &["now"], &given)["access"], "access-1");
}

#[test]
fn a_refresh_goes_from_step_to_step() {
    let mut given = signed_in();
    let begun = call("begin", &["elapsed"], &given);
    given.extend(begun);
    given.extend(parameters(&[&[("fresh_key", "first")]]));
    let step = call("next", &["now", "elapsed", "jitter", "fresh_key"], &given);
    assert_eq!(step["key"], "first");
    assert!(
        step["send"].ends_with("refresh_token=refresh-1"),
        "{step:?}"
    );
    given.extend(step);
    let lost = [("answered", "1"), ("status", "0"), ("fresh_key", "second")];
    given.extend(parameters(&[&lost]));
    let step = call("next", &[], &given);
    assert_eq!(step["pause"], "200");
    assert_eq!(step["key"], "first");
    given.extend(step);
    given.extend(parameters(&[&TOKENS, &[("json.access_token", "access-2")]]));
    let done = call("next", &[], &given);
    assert_eq!(done["renewed"], "1");
    assert_eq!(done["access"], "access-2");
    assert_eq!(done["renewals"], "1");
}

#[test]
fn a_failed_refresh_keeps_the_session_and_waits() {
    let mut given = signed_in();
    given.extend(call("begin", &[], &given));
    given.extend(parameters(&[&[("fresh_key", "first")]]));
    given.extend(call("next", &[], &given));
    given.extend(parameters(&[&[
        ("answered", "1"),
        ("status", "429"),
        ("retry_after", "60"),
    ]]));
    let failed = call("next", &[], &given);
    assert_eq!(failed["error"], "server_error");
    assert_eq!(failed["access"], "access-1");
    assert_eq!(failed["circuit_until"], "65000");
    given.extend(failed);
    assert_eq!(
        call_with("begin", &given),
        "error\0waiting\0detail\0\0reason\0\0"
    );
    // What a server asked for, no good sign shortens.
    given.extend(call("hint", &["elapsed"], &given));
    assert_eq!(given["circuit_until"], "65000");
}

#[test]
fn a_pause_is_after_some_try_and_jittered() {
    let given = parameters(&[&OPTIONS, &[("tries", "1"), ("status", "0")]]);
    let pause = call("pause", &["tries", "jitter"], &given);
    assert_eq!(pause["wait"], "200");
    for (tries, jitter) in [("one", "0"), ("1", "256"), ("1", "-1")] {
        let bad = [("tries", tries), ("jitter", jitter), ("status", "0")];
        assert_eq!(
            call_with("pause", &parameters(&[&OPTIONS, &bad])),
            MALFORMED
        );
    }
}

#[test]
fn signing_out_at_the_provider_ends_somewhere() {
    let given = parameters(&[&OPTIONS, &DOCUMENT, &[("next", "https://app.example/bye")]]);
    let answer = call("end_session", &["next"], &given);
    assert!(
        answer["url"].ends_with("post_logout_redirect_uri=https%3A%2F%2Fapp.example%2Fbye"),
        "{answer:?}"
    );
}

#[test]
fn a_call_that_there_is_not_is_malformed() {
    for name in ["", "signOut", "pause "] {
        assert_eq!(
            call_with(name, &parameters(&[&OPTIONS])),
            MALFORMED,
            "{name}"
        );
    }
    let refused = "error\0invalid_options\0detail\0issuer\0reason\0\0";
    for input in ["", "\0", "call", "call\0pause", "call\0pause\0\0"] {
        assert_eq!(gatepass_sdk::call(input), refused, "{input:?}");
    }
}

#[test]
fn an_answer_with_a_parameter_twice_is_none() {
    let given = parameters(&[
        &OPTIONS,
        &DOCUMENT,
        &[("query.code", "c"), ("repeated", "1")],
    ]);
    let answer = call_with("redeem", &given);
    assert!(
        answer.starts_with("error\0callback_missing\0"),
        "{answer:?}"
    );
}

/// What only the built package has: its entries, and how they start the core.
const PACKAGED: [&str; 13] = [
    "exports.js",
    "fallback.js",
    "gateway-arrival.js",
    "gateway-question.js",
    "gateway-session.js",
    "gateway-tabs.js",
    "gateway.js",
    "import-fallback.cjs.js",
    "import-fallback.js",
    "index.js",
    "slim.js",
    "start.js",
    "wasm.js",
];

/// What the host's files are, by name.
fn host() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("js");
    let files = fs::read_dir(folder).unwrap().map(Result::unwrap);
    let files = files.map(|file| {
        let name = file.file_name().into_string().unwrap();
        (name, fs::read_to_string(file.path()).unwrap())
    });
    files.filter(|(name, _)| is_module(name)).collect()
}

fn is_module(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|end| end == "js")
}

/// What stands between each `before` and the next `after`.
fn between<'a>(source: &'a str, before: &str, after: &str) -> BTreeSet<&'a str> {
    let rest = source.split(before).skip(1);
    rest.filter_map(|rest| rest.split(after).next()).collect()
}

/// The calls that a file of the host makes.
fn asked_in(source: &str) -> BTreeSet<&str> {
    let asked = ["ask(client, '", "consult(client, '"];
    let asked = asked.iter().flat_map(|before| between(source, before, "'"));
    asked.collect()
}

#[test]
fn the_host_asks_for_every_call_and_for_no_other() {
    let host = host();
    let asked = host.iter().flat_map(|(_, source)| asked_in(source));
    let arms = include_str!("../src/calls.rs");
    let (_, arms) = arms.split_once("match input.optional(\"call\")").unwrap();
    let (arms, _) = arms.split_once("_ => ").unwrap();
    let answered = between(arms, "        \"", "\" =>");
    assert!(answered.len() > 10, "{answered:?}");
    assert_eq!(asked.collect::<BTreeSet<_>>(), answered);
}

#[test]
fn no_function_of_the_host_has_the_name_of_a_call() {
    let host = host();
    let calls: BTreeSet<_> = host
        .iter()
        .flat_map(|(_, source)| asked_in(source))
        .map(|call| call.replace('_', ""))
        .collect();
    for (file, source) in &host {
        let functions = between(source, "function ", "(");
        let constants = between(source, "const ", " = (");
        for name in functions.union(&constants) {
            assert!(!calls.contains(&name.to_lowercase()), "{name} in {file}");
        }
    }
}

/// One concept each: a reader of one call meets short files with telling names.
#[test]
fn every_file_of_the_host_is_short() {
    for (file, source) in host() {
        assert!(source.lines().count() <= 150, "{file}");
    }
}

/// One that is missing fails the browser tests, and they do not tell why.
#[test]
fn the_browser_tests_serve_every_file_but_those_of_the_package() {
    let host = host();
    let files = host.iter().map(|(file, _)| &**file);
    let served = between(include_str!("bindings/mod.rs"), "\"/js/", "\"");
    assert_eq!(
        served,
        files
            .filter(|file| !PACKAGED.contains(file))
            .collect::<BTreeSet<_>>()
    );
}

/// Otherwise they come several at once, which the server of the browser tests does not bear.
#[test]
fn the_browser_tests_fetch_a_file_after_those_that_it_imports() {
    let loader = include_str!("client.js");
    let (_, list) = loader.split_once("const files = [").unwrap();
    let (list, _) = list.split_once("];").unwrap();
    let mut fetched = BTreeSet::new();
    for name in list.split('\'').skip(1).step_by(2).chain(["client"]) {
        let file = format!("{name}.js");
        let host = host();
        let (_, source) = host.iter().find(|(found, _)| *found == file).unwrap();
        for imported in between(source, "from './", ".js'") {
            assert!(fetched.contains(imported), "{name} before {imported}");
        }
        fetched.insert(name);
    }
}
