//! Replays what the fuzzer found interesting.

use std::path::Path;

#[test]
fn the_corpus_of_the_fuzz_target_log_reader_passes() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/log_reader");
    let mut inputs = 0;
    for entry in std::fs::read_dir(corpus).unwrap() {
        storage::fuzzing::log_reader(&std::fs::read(entry.unwrap().path()).unwrap());
        inputs += 1;
    }
    assert!(inputs >= 10, "{inputs} inputs");
}
