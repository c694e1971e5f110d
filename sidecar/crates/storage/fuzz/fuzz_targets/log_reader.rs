//! `cargo +nightly fuzz run log_reader`: whatever is in a segment, reading it neither panics nor invents a record.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| storage::checks::log_reader(input));
