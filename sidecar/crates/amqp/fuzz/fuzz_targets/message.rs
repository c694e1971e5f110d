//! `cargo +nightly fuzz run message`: what was stored can be read, and nothing panics.
#![no_main]

#[path = "../checks/message.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|input: &[u8]| check::check(input));
