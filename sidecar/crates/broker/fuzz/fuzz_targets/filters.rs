#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| broker::checks::filters(input));
