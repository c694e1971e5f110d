//! Replays what the fuzzer found interesting.

use std::fs;
use std::path::Path;

#[test]
fn the_corpus_of_the_fuzz_target_cloud_event_passes() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/cloud_event");
    let mut replayed = 0;
    for entry in fs::read_dir(corpus).unwrap() {
        crate::cloud_event_check::check(&fs::read(entry.unwrap().path()).unwrap());
        replayed += 1;
    }
    assert!(replayed >= 100, "only {replayed} inputs");
}
