//! The fuzz targets on stable Rust: the kept corpus, and a bounded number of its variations.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::path::PathBuf;
use std::{fs, panic};

use gatepass_testing::fuzz::{Mutator, TARGETS, run};

/// Variations a target: seconds in all.
const VARIATIONS: usize = 50_000;

fn house(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../fuzz")
        .join(path)
}

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let mut paths: Vec<_> = fs::read_dir(house("corpus").join(target))
        .expect("a corpus")
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// Runs a target, and says what it failed on in a way that can be kept as a file.
fn check(target: &str, data: &[u8]) {
    if let Err(failure) = panic::catch_unwind(|| run(target, data)) {
        eprintln!("{target} failed on {:?}", data.escape_ascii().to_string());
        panic::resume_unwind(failure);
    }
}

#[test]
fn every_target_holds_over_its_corpus_and_its_variations() {
    for (target, _) in TARGETS {
        let corpus = corpus(target);
        assert!(corpus.len() >= 3, "{target} has next to no corpus");
        for data in &corpus {
            check(target, data);
        }
        let mutator = Mutator::new(target);
        for _ in 0..VARIATIONS {
            check(target, &mutator.variation(&corpus));
        }
    }
}

#[test]
fn every_target_can_be_run_for_long_and_no_other() {
    let mut files: Vec<_> = fs::read_dir(house("fuzz_targets"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let names: Vec<_> = files
        .iter()
        .map(|file| file.file_stem().unwrap().to_str().unwrap())
        .collect();
    assert_eq!(names, TARGETS.map(|(name, _)| name));
    for (file, name) in files.iter().zip(&names) {
        let text = fs::read_to_string(file).unwrap();
        assert!(text.contains(&format!("run(\"{name}\", data)")), "{name}");
        let manifest = fs::read_to_string(house("Cargo.toml")).unwrap();
        assert!(
            manifest.contains(&format!("fuzz_targets/{name}.rs")),
            "{name}"
        );
    }
}
