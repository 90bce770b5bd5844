use super::*;
use crate::filter::tests::{at, errors, problems};
use crate::filter::FilterConfig;

#[test]
fn cors_says_what_is_wrong() {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let usual = || CorsConfig { origins: texts(&["https://a.example"]), at: at(), ..CorsConfig::default() };
    assert_eq!(problems(FilterConfig::Cors(usual())), []);
    for (spec, message) in [
        (
            CorsConfig { origins: Vec::new(), ..usual() },
            "`origins` is missing: write origins: [\"https://app.example.com\"]",
        ),
        (
            CorsConfig { origins: texts(&["a.example"]), ..usual() },
            "origins: \"a.example\" is not a valid origin: write one such as \"https://app.example.com\", or \"*\"",
        ),
        (
            CorsConfig { origins: texts(&["*"]), credentials: true, ..usual() },
            "origins: with credentials, \"*\" would let every site act on behalf of its visitors: name the origins \
             that may",
        ),
        (
            CorsConfig { methods: texts(&["GET POST"]), ..usual() },
            "methods: \"GET POST\" is not a valid name: use letters, digits and hyphens",
        ),
        (
            CorsConfig { headers: texts(&["*", "X-A"]), ..usual() },
            "headers: \"*\" already means all: leave out the others",
        ),
        (
            CorsConfig { expose: texts(&["*"]), credentials: true, ..usual() },
            "expose: with credentials, browsers ignore \"*\": name the headers",
        ),
    ] {
        assert_eq!(errors(FilterConfig::Cors(spec)), [format!("cors: {message}")]);
    }
}

#[test]
fn a_list_is_what_it_says_or_what_was_asked_for() {
    let names = List::Names("X-A, X-B".into());
    assert_eq!(names.value(Some(b"X-C"), true), Some(&b"X-A, X-B"[..]));
    assert_eq!(List::Names("".into()).value(Some(b"X-C"), false), None);
    assert_eq!(List::Any.value(Some(b"X-C"), false), Some(&b"*"[..]));
    assert_eq!(List::Any.value(None, false), Some(&b"*"[..]));
    assert_eq!(List::Any.value(Some(b"X-C, x-d"), true), Some(&b"X-C, x-d"[..]));
    for asked in [None, Some(&b""[..]), Some(b"a b"), Some(b"a,"), Some(b"a:b")] {
        assert_eq!(List::Any.value(asked, true), None, "{asked:?}");
    }
}
