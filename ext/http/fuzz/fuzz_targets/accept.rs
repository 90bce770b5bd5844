#![no_main]

use libfuzzer_sys::fuzz_target;
use proxy_engine::respond::built_in;

fuzz_target!(|accept: &[u8]| {
    let response = built_in(502);
    let answer = response.choose_among(accept.split(|b| *b == b'\n'));
    assert_eq!(answer.status, 502);
    assert!(!answer.body.is_empty());
});
