//! Replays what the fuzzer found interesting.

use std::fs;
use std::path::Path;

#[test]
fn the_corpus_of_the_fuzz_target_sas_passes() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/sas");
    let mut replayed = 0;
    for entry in fs::read_dir(corpus).unwrap() {
        crate::sas_check::check(&fs::read(entry.unwrap().path()).unwrap());
        replayed += 1;
    }
    assert!(replayed >= 20, "only {replayed} inputs");
}
