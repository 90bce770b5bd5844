#![no_main]

use libfuzzer_sys::fuzz_target;

// A template, a line break, and what follows the method of a request.
fuzz_target!(|input: &[u8]| proxy_engine::fuzzing::rewrite(input));
