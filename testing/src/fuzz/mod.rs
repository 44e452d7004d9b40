//! What must hold of anything that arrives from outside: one function a parser, over any bytes.
//!
//! `cargo fuzz` runs them for as long as one likes (`fuzz/`), `npm test` over the kept corpus and a
//! bounded number of its mutations (`testing/tests/fuzz.rs`). A function panics if what it says of its
//! input does not hold.

mod authorization;
mod metadata;
mod mutate;
mod parsers;

pub use mutate::Mutator;

/// What a target is called, and what it holds its input to.
pub type Target = (&'static str, fn(&[u8]));

/// Every target; its corpus is the folder of its name in `fuzz/corpus/`.
pub const TARGETS: [Target; 10] = [
    ("authorization_details", metadata::authorization_details),
    ("authorization_header", parsers::authorization_header),
    ("authorization_request", authorization::request),
    ("callback", authorization::callback),
    ("client_metadata", metadata::client_metadata),
    ("dpop_proof", parsers::dpop_proof),
    ("form", parsers::form),
    ("jwt", parsers::jwt),
    ("redirect_uri", parsers::redirect_uri),
    ("token_request", parsers::token_request),
];

/// Runs the target of this name.
pub fn run(name: &str, data: &[u8]) {
    let target = TARGETS.iter().find(|(known, _)| *known == name);
    target.expect("a target of this name").1(data);
}

/// Every parser takes text: bytes that are none end at the door.
fn text(data: &[u8]) -> Option<&str> {
    core::str::from_utf8(data).ok()
}
