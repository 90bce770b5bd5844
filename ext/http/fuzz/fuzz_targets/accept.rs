#![no_main]

use libfuzzer_sys::fuzz_target;

// The lines of an Accept field.
fuzz_target!(|lines: &[u8]| proxy_engine::fuzzing::accept(lines));
