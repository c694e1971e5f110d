//! `cargo +nightly fuzz run frame`: what was read can be written, and nothing panics.
#![no_main]

#[path = "../checks/frame.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|input: &[u8]| check::check(input));
