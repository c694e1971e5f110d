//! Replays what the fuzzer found interesting.

use std::fs;
use std::path::Path;

fn replay(target: &str, check: impl Fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    let mut replayed = 0;
    for entry in fs::read_dir(corpus).unwrap() {
        check(&fs::read(entry.unwrap().path()).unwrap());
        replayed += 1;
    }
    assert!(replayed >= 20, "only {replayed} inputs");
}

#[test]
fn the_corpus_of_the_fuzz_target_sas_passes() {
    replay("sas", crate::sas_check::check);
}

#[test]
fn the_corpus_of_the_fuzz_target_bearer_passes() {
    replay("bearer", crate::bearer_check::check);
}
