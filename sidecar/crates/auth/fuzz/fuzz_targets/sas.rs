//! `cargo +nightly fuzz run sas`: nobody gets in, and nothing panics.
#![no_main]

#[path = "../checks/sas.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|input: &[u8]| check::check(input));
