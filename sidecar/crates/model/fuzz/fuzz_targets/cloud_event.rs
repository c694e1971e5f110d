//! `cargo +nightly fuzz run cloud_event`: what is accepted is canonical, and nothing panics.
#![no_main]

#[path = "../checks/cloud_event.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|input: &[u8]| check::check(input));
