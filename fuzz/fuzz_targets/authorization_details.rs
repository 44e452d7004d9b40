#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gatepass_testing::fuzz::run("authorization_details", data));
