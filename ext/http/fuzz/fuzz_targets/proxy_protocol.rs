#![no_main]

use libfuzzer_sys::fuzz_target;
use proxy_http::proxy_protocol::{parse, Form, Parsed, Whose, LONGEST};

fuzz_target!(|bytes: &[u8]| {
    let whole = parse(bytes);
    // Less of it is a part, or is judged the same.
    for end in 0..bytes.len().min(256) {
        let early = parse(&bytes[..end]);
        assert!(early == Ok(Parsed::Part) || early == whole, "{end}: {early:?}, {whole:?}");
    }
    let Ok(Parsed::Whole(len, whose)) = whole else {
        assert!(whole.is_err() || bytes.len() < LONGEST, "a part may not go on for ever");
        return;
    };
    assert!(len <= bytes.len() && len <= LONGEST);
    if let Whose::Client { .. } = whose {
        for form in [Form::V1, Form::V2] {
            let mut written = Vec::new();
            form.write(&whose, &mut written);
            assert_eq!(parse(&written), Ok(Parsed::Whole(written.len(), whose)));
        }
    }
});
