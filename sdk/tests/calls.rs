//! The one entry, from outside: what a call cannot do without, and that host and core speak of the
//! same calls.

#![cfg(not(target_arch = "wasm32"))]
#![expect(
    clippy::unwrap_used,
    reason = "a panic fails the test, which is what is wanted"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use gatepass_core::form::Form;
use gatepass_sdk::Core;

const MALFORMED: &str = "error=malformed_call&detail=&reason=";
const NOW: &str = "1700000000";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/// Calls with these parameters and one of them left out, which must be refused; then with all of them.
/// What it answers then.
fn call(core: &mut Core, name: &str, required: &[(&str, &str)], more: &[(&str, &str)]) -> Form {
    let encode = |without: &str| {
        let all = [("call", name)].into_iter().chain(required.iter().copied());
        let all = all.chain(more.iter().copied());
        gatepass_core::form::encode(all.filter(|(name, _)| *name != without))
    };
    for (missing, _) in required {
        assert_eq!(
            core.call(&encode(missing)),
            MALFORMED,
            "{name} without {missing}"
        );
    }
    let answer = Form::parse(&core.call(&encode(""))).unwrap();
    assert_eq!(answer.optional("error"), None, "{name}: {answer:?}");
    answer
}

/// A core that knows its options and its provider.
fn core() -> Core {
    let mut core = Core::new();
    let options = [
        ("issuer", "https://id.example"),
        ("clientId", "demo"),
        ("redirectUri", "https://app.example/callback"),
        ("scope", "read"),
    ];
    call(&mut core, "configure", &[], &options);
    let document = [
        ("status", "200"),
        ("json", "1"),
        ("json.issuer", "https://id.example"),
        (
            "json.authorization_endpoint",
            "https://id.example/authorize",
        ),
        ("json.token_endpoint", "https://id.example/token"),
        ("json.end_session_endpoint", "https://id.example/logout"),
    ];
    call(&mut core, "learn", &[], &document);
    core
}

fn tokens(number: u32) -> [(&'static str, String); 5] {
    [
        ("status", "200".to_owned()),
        ("json", "1".to_owned()),
        ("json.access_token", format!("access-{number}")),
        ("json.refresh_token", format!("refresh-{number}")),
        ("json.token_type", "Bearer".to_owned()),
    ]
}

fn borrowed<'a>(pairs: &'a [(&'a str, String)]) -> Vec<(&'a str, &'a str)> {
    pairs
        .iter()
        .map(|(name, value)| (*name, &**value))
        .collect()
}

/// The same, signed in.
fn signed_in() -> Core {
    let mut core = core();
    call(&mut core, "sign_in", &[], &borrowed(&tokens(1)));
    core
}

#[test]
fn a_sign_in_is_neither_begun_nor_taken_back_without_the_time() {
    let mut core = core();
    let secrets = [
        ("state", "c3RhdGUtb2YtMTYtYg"),
        ("nonce", "bm9uY2Utb2YtMTYtYg"),
        ("verifier", VERIFIER),
        ("challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
        ("now", NOW),
    ];
    let begun = call(&mut core, "authorize", &secrets, &[]);
    let query = format!("code=c0de&state={}", begun.required("state").unwrap());
    let record = begun.required("record").unwrap();
    let more = [("query", &*query), ("record", record)];
    let body = call(&mut core, "redeem", &[("now", NOW)], &more);
    let body = body.required("body").unwrap();
    assert!(
        body.contains(&format!("code_verifier={VERIFIER}")),
        "{body}"
    );
}

#[test]
fn a_time_that_is_no_number_is_none() {
    let begin = |now: &str| {
        let input = format!(
            "call=authorize&state=s-of-the-request&nonce=n-of-the-request&verifier={VERIFIER}&challenge=c&now={now}"
        );
        core().call(&input)
    };
    assert!(begin(NOW).starts_with("url="), "{}", begin(NOW));
    for now in ["soon", "-1", "1.5", "1e9", "4294967296"] {
        assert_eq!(begin(now), MALFORMED, "{now}");
    }
}

#[test]
fn a_rejection_is_of_some_generation() {
    let mut core = signed_in();
    let verdict = call(&mut core, "rejected", &[("generation", "1")], &[]);
    assert_eq!(verdict.optional("do"), Some("refresh"));
    let verdict = call(&mut core, "rejected", &[("generation", "0")], &[]);
    assert_eq!(verdict.optional("do"), Some("repeat"), "it was renewed");
}

#[test]
fn a_refresh_is_of_some_flight() {
    let mut core = signed_in();
    let begun = call(&mut core, "refresh", &[], &[]);
    let flight = [("flight", begun.required("flight").unwrap())];
    let body = call(&mut core, "refresh_body", &flight, &[]);
    let body = body.required("body").unwrap();
    assert!(body.ends_with("refresh_token=refresh-1"), "{body}");
    let view = call(&mut core, "refreshed", &flight, &borrowed(&tokens(2)));
    assert_eq!(view.optional("access"), Some("access-2"));
    let over = call(&mut core, "refresh_body", &flight, &[]);
    assert_eq!(over.optional("body"), None, "it must not be sent any more");
}

#[test]
fn a_pause_is_after_some_try_and_jittered() {
    let numbers = [("tries", "1"), ("jitter", "255")];
    let pause = call(&mut core(), "pause", &numbers, &[("status", "0")]);
    assert_eq!(pause.optional("wait"), Some("200"));
    for (tries, jitter) in [("one", "0"), ("1", "256"), ("1", "-1")] {
        let input = format!("call=pause&tries={tries}&jitter={jitter}&status=0");
        assert_eq!(core().call(&input), MALFORMED, "{input}");
    }
}

#[test]
fn signing_out_at_the_provider_ends_somewhere() {
    let next = [("next", "https://app.example/bye")];
    let answer = call(&mut signed_in(), "end_session", &next, &[]);
    let url = answer.required("url").unwrap();
    assert!(
        url.ends_with("post_logout_redirect_uri=https%3A%2F%2Fapp.example%2Fbye"),
        "{url}"
    );
}

#[test]
fn a_call_that_there_is_not_is_malformed() {
    for input in [
        "",
        "call=",
        "call=signOut",
        "call=%ff",
        "call=pause&call=pause",
    ] {
        assert_eq!(core().call(input), MALFORMED, "{input}");
    }
}

/// What only the built package has: its entries, and how they start the core.
const PACKAGED: [&str; 8] = [
    "exports.js",
    "fallback.js",
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

#[test]
fn the_host_asks_for_every_call_and_for_no_other() {
    let host = host();
    let asked = host
        .iter()
        .flat_map(|(_, source)| between(source, "ask(client, '", "'"));
    let arms = include_str!("../src/calls.rs");
    let (_, arms) = arms.split_once("match input.optional(\"call\")").unwrap();
    let (arms, _) = arms.split_once("_ => ").unwrap();
    let answered = between(arms, "            \"", "\" =>");
    assert!(answered.len() > 10, "{answered:?}");
    assert_eq!(asked.collect::<BTreeSet<_>>(), answered);
}

#[test]
fn no_function_of_the_host_has_the_name_of_a_call() {
    let host = host();
    let calls: BTreeSet<_> = host
        .iter()
        .flat_map(|(_, source)| between(source, "ask(client, '", "'"))
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
