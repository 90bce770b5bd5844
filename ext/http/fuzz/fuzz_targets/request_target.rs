#![no_main]

use libfuzzer_sys::fuzz_target;
use proxy_http::message::Target;

fuzz_target!(|text: &[u8]| {
    check(text, false);
    check(text, true);
});

fn check(text: &[u8], options: bool) {
    let Ok(target) = Target::parse(text, options) else { return };
    assert!(text.iter().all(|b| (0x21..0x7f).contains(b)));
    let path = target.resolved.as_deref().unwrap_or(target.path);
    assert!(path.starts_with(b"/") || options && path == b"*");
    assert!(!path.contains(&b'?') && !path.contains(&b'#') && !path.contains(&b'\\'));
    assert!(target.query.is_empty() || target.query.starts_with(b"?"));
    if let Some(authority) = target.authority {
        assert!(!authority.is_empty() && !authority.iter().any(|b| b"/?#@\\ ".contains(b)));
    }
    for segment in path.split(|b| *b == b'/') {
        let plain = String::from_utf8_lossy(segment).to_ascii_lowercase().replace("%2e", ".");
        assert!(plain != "." && plain != "..");
    }
    // A resolved path is as it is.
    let whole = [path, target.query].concat();
    let again = Target::parse(&whole, options).expect("what was read reads again");
    assert_eq!((again.path, again.resolved, again.query), (path, None, target.query));
}
