//! Replays what is worth fuzzing from.

use std::fs;
use std::path::Path;

#[test]
fn the_corpus_of_the_fuzz_target_frame_passes() {
    replay("frame", crate::frame_check::check);
}

#[test]
fn the_corpus_of_the_fuzz_target_message_passes() {
    replay("message", crate::message_check::check);
}

fn replay(target: &str, check: fn(&[u8])) {
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
