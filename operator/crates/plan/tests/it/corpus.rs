//! The fuzz target's corpus, replayed.

use std::path::Path;

#[path = "../../fuzz/manifests.rs"]
mod manifests;

#[test]
fn the_corpus_of_the_fuzz_target_holds() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/manifests");
    let mut replayed = 0;
    for entry in std::fs::read_dir(corpus).unwrap() {
        manifests::run(&std::fs::read(entry.unwrap().path()).unwrap());
        replayed += 1;
    }
    assert!(replayed >= 8, "the corpus is there: {replayed}");
}
