//! `cargo +nightly fuzz run log_reader`: whatever is in a segment, reading it neither panics nor invents a record.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| storage::fuzzing::log_reader(input));
