//! `cargo +nightly fuzz run bearer`: nobody gets in, and nothing panics.
#![no_main]

#[path = "../checks/bearer.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|input: &[u8]| check::check(input));
